//! JSON strings: found a word at a time, decoded only where somebody reads them.

use wide::u8x16;

use super::Num;
use crate::{
    error::{DecodeError, ErrorCode},
    reading::{Fact, Reading, Value},
    text::Text,
};

/// In which charset a document's strings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    Utf8,
    /// A trail byte may be `\`, so strings are scanned two bytes at a time where a lead byte stands.
    Gbk,
}

/// A string between its quotes, not yet decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Str<'a> {
    raw: &'a [u8],
    /// Where it begins, times four, and two bits about it: three words are copied as they are, while single bytes among
    /// them would be copied one by one.
    mark: usize,
}

/// The bit of [`Str`] for an escape in it.
const ESCAPED: usize = 1;
/// The bit of [`Str`] for GBK.
const GBK: usize = 2;

/// How a string ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Plain,
    Escaped,
    Truncated,
    Syntax,
}

/// Where the string that `text` begins with (after its quote) ends, or where it breaks, and how. The two go back in
/// registers: a `Result` with the whole error inside costs more than the scan.
pub(super) fn scan(text: &[u8], charset: Charset) -> (usize, End) {
    let mut at = 0;
    let mut end = End::Plain;
    loop {
        if charset == Charset::Utf8 {
            at += skip_plain(text.get(at..).unwrap_or_default());
        }
        match text.get(at) {
            None => return (text.len(), End::Truncated),
            Some(b'"') => return (at, end),
            Some(b'\\') => {
                let (next, broken) = escape(text, at);
                if let Some(broken) = broken {
                    return (next, broken);
                }
                at = next;
                end = End::Escaped;
            }
            Some(0..=0x1f) => return (at, End::Syntax),
            // A lead byte takes its trail along, unless that is the quote: no GBK character ends in one.
            Some(0x81..=0xfe) if charset == Charset::Gbk && text.get(at + 1) != Some(&b'"') => at += 2,
            Some(_) => at += 1,
        }
    }
}

/// How many bytes are looked at at once.
pub(super) const WINDOW: usize = 64;

/// Whether a byte may end a run of plain text: a quote, a backslash, a control character.
fn is_marked(b: u8) -> bool {
    matches!(b, 0..=0x1f | b'"' | b'\\')
}

/// How many plain bytes stand in front.
pub(super) fn skip_plain(text: &[u8]) -> usize {
    let (windows, rest) = text.as_chunks::<WINDOW>();
    for (index, window) in windows.iter().enumerate() {
        let marks = marks(window);
        if marks != 0 {
            return index * WINDOW + marks.trailing_zeros() as usize;
        }
    }
    text.len() - rest.len() + rest.iter().position(|b| is_marked(*b)).unwrap_or(rest.len())
}

/// Which bytes are [marked](is_marked), the first one in the lowest bit.
#[inline]
pub(super) fn marks(window: &[u8; WINDOW]) -> u64 {
    window.as_chunks().0.iter().rev().fold(0, |marks, part| marks << PART | part_marks(*part))
}

/// How many bytes are compared at once.
const PART: usize = 16;

#[inline]
fn part_marks(part: [u8; PART]) -> u64 {
    let part = u8x16::new(part);
    let control = part.min(u8x16::splat(0x1f)).simd_eq(part);
    let marks = control | part.simd_eq(u8x16::splat(b'"')) | part.simd_eq(u8x16::splat(b'\\'));
    u64::from(marks.to_bitmask())
}

/// Where an escape ends, or where and how it breaks.
#[cold]
fn escape(bytes: &[u8], at: usize) -> (usize, Option<End>) {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => (at + 2, None),
        Some(b'u') => {
            let digits = bytes.get(at + 2..).unwrap_or_default().iter().take(4);
            let good = digits.take_while(|b| b.is_ascii_hexdigit()).count();
            match bytes.get(at + 2 + good) {
                _ if good == 4 => (at + 6, None),
                Some(_) => (at + 2 + good, Some(End::Syntax)),
                None => (bytes.len(), Some(End::Truncated)),
            }
        }
        Some(_) => (at + 1, Some(End::Syntax)),
        None => (bytes.len(), Some(End::Truncated)),
    }
}

impl<'a> Str<'a> {
    pub(super) fn new(raw: &'a [u8], at: usize, escaped: bool, charset: Charset) -> Self {
        let gbk = if charset == Charset::Gbk { GBK } else { 0 };
        Self { raw, mark: at << 2 | gbk | usize::from(escaped) }
    }

    /// The bytes between the quotes, escapes and all.
    pub(crate) fn raw(self) -> &'a [u8] {
        self.raw
    }

    /// The offset of the first byte after the opening quote.
    pub(crate) fn at(self) -> usize {
        self.mark >> 2
    }

    /// Whether the bytes hold no escape.
    pub(crate) fn is_plain(self) -> bool {
        self.mark & ESCAPED == 0
    }

    /// The text, borrowed where it is UTF-8 without escapes.
    ///
    /// # Errors
    /// [`ErrorCode::Encoding`] where the bytes are no text in the document's charset, or an escaped surrogate has
    /// no partner; nothing is replaced.
    #[inline]
    pub(crate) fn decode(self) -> Result<Text<'a>, DecodeError> {
        self.borrowed().map_or_else(|| self.decode_rarer(), |text| Ok(Text::Borrowed(text)))
    }

    /// Whether it is UTF-8 without escapes, if it is text at all.
    #[inline]
    pub(crate) fn stands_as_it_is(self) -> bool {
        self.mark & (GBK | ESCAPED) == 0
    }

    /// The text where it stands, if it is UTF-8 without escapes.
    #[inline]
    pub(crate) fn borrowed(self) -> Option<&'a str> {
        if self.stands_as_it_is() { core::str::from_utf8(self.raw).ok() } else { None }
    }

    #[inline(never)]
    fn decode_rarer(self) -> Result<Text<'a>, DecodeError> {
        let text = if self.mark & GBK == 0 {
            match core::str::from_utf8(self.raw) {
                Ok(text) => Text::Borrowed(text),
                Err(error) => return Err(self.no_text(error.valid_up_to())),
            }
        } else {
            Text::gbk(self.raw).ok_or(self.no_text(0))?
        };
        if self.is_plain() {
            return Ok(text);
        }
        unescape(&text).map(|text| Text::own(&text)).ok_or(self.no_text(0))
    }

    /// States it as a fact.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    #[inline]
    pub(crate) fn state(self, reading: &mut Reading<'a>, fact: Fact) -> Result<(), DecodeError> {
        match self.borrowed() {
            Some(text) => reading.set(fact, Some(text)),
            None => reading.set(fact, Some(self.decode_rarer()?)),
        }
        Ok(())
    }

    /// The text of an identity: most are numbers, which are kept as such where they are written the same again.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    #[inline]
    pub(crate) fn id(self) -> Result<Value<'a>, DecodeError> {
        match Num::new(self.raw).plain() {
            Some(number) => Ok(Value::Int(number)),
            None => self.decode().map(Value::Text),
        }
    }

    /// The text for people, with U+FFFD where bytes are no text; never for a plate or an id.
    pub(crate) fn lossy(self) -> Text<'a> {
        self.decode().unwrap_or_else(|_| Text::own(&String::from_utf8_lossy(self.raw)))
    }

    fn no_text(self, past: usize) -> DecodeError {
        DecodeError::new(ErrorCode::Encoding, self.at() + past, "")
    }
}

/// Replaces escapes that [`scan`] has checked; nothing where a surrogate has no partner.
fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let mut chars = after.chars();
        let (c, taken) = match chars.next()? {
            'b' => ('\u{8}', 1),
            'f' => ('\u{c}', 1),
            'n' => ('\n', 1),
            'r' => ('\r', 1),
            't' => ('\t', 1),
            'u' => unicode(after)?,
            c => (c, 1),
        };
        out.push(c);
        rest = after.get(taken..)?;
    }
    out.push_str(rest);
    Some(out)
}

/// The character of `uXXXX`, or of `uXXXX\uXXXX` for a pair of surrogates, and how many bytes it took.
fn unicode(text: &str) -> Option<(char, usize)> {
    let unit = |from: usize| u32::from_str_radix(text.get(from..from + 4)?, 16).ok();
    let high = unit(1)?;
    if !(0xd800..0xdc00).contains(&high) {
        return Some((char::from_u32(high)?, 5));
    }
    text.get(5..7).filter(|mark| *mark == "\\u")?;
    let low = unit(7).filter(|low| (0xdc00..0xe000).contains(low))?;
    Some((char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))?, 11))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_run_of_plain_text_ends_where_it_does(text in proptest::collection::vec(0x1eu8..0x62, 0..200)) {
            let end = text.iter().position(|b| is_marked(*b)).unwrap_or(text.len());
            prop_assert_eq!(skip_plain(&text), end);
        }
    }

    #[test]
    fn every_byte_is_told_apart() {
        for b in 0..=u8::MAX {
            let wanted = if is_marked(b) { u64::MAX } else { 0 };
            assert_eq!(marks(&[b; WINDOW]), wanted, "{b:#x}");
        }
    }
}
