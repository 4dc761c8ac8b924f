//! Where strings end, for many bytes at once.

use super::{Json, text};

impl Json<'_> {
    /// How many bytes of `text` are plain; it ends where the document does.
    #[inline(always)]
    pub(super) fn plain(&mut self, text: &[u8]) -> usize {
        match self.next_mark(text) {
            Some(plain) => plain,
            None => self.plain_further(text),
        }
    }

    /// Where the first marked byte of `text` stands, if the window reaches that far.
    #[inline(always)]
    fn next_mark(&self, text: &[u8]) -> Option<usize> {
        let past = self.marked.wrapping_sub(text.len());
        let ahead = if past < text::WINDOW { self.marks >> past } else { 0 };
        (ahead != 0).then(|| ahead.trailing_zeros() as usize)
    }

    /// As [`plain`](Self::plain), with new windows.
    #[inline(never)]
    fn plain_further(&mut self, text: &[u8]) -> usize {
        let mut tail = text;
        loop {
            let (window, behind) = match tail.split_first_chunk() {
                Some((window, behind)) => (Some(window), behind),
                None => (self.document.last_chunk(), Default::default()),
            };
            let Some(window) = window else { return text.len() - tail.len() + text::skip_plain(tail) };
            (self.marks, self.marked) = (text::marks(window), tail.len().max(text::WINDOW));
            if let Some(plain) = self.next_mark(tail) {
                return text.len() - tail.len() + plain;
            }
            if behind.is_empty() {
                return text.len();
            }
            tail = behind;
        }
    }
}
