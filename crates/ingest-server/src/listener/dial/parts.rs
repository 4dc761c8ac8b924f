//! Cuts a camera's stream of events, a multipart body without end, into frames: a text with the photos behind it.
//!
//! A frame is the stream's own bytes from its delimiter on, so that what the decoder reads is what came. A part ends
//! where its length says, if a delimiter follows there, else at the next delimiter. Whether a photo follows is known only
//! when it does, so a frame also ends when nothing more comes for a moment: a driver waits.

use memchr::memmem;

/// The longest frame: a text and two large photos.
pub(super) const LONGEST: usize = 8 << 20;

/// Whether more is to be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Still {
    /// More is coming, and there is time.
    Coming,
    /// More is coming, but a frame that has its text is to go without the photos that it lacks.
    Late,
    /// Nothing has come for a moment: what is there is all of it.
    Quiet,
}

/// What has come of a stream and is no frame yet.
#[derive(Debug)]
pub(super) struct Parts {
    delimiter: Vec<u8>,
    bytes: Vec<u8>,
    /// Bytes that belonged to no frame.
    pub(super) noise: usize,
}

/// The whole part at the front of some bytes.
struct Part {
    photo: bool,
    empty: bool,
    /// Where it ends: at the next delimiter, or at the end of its announced length.
    end: usize,
}

impl Parts {
    /// A stream whose parts are divided by this boundary.
    pub(super) fn new(boundary: &str) -> Self {
        // Some write the two dashes into the header already.
        let boundary = boundary.strip_prefix("--").unwrap_or(boundary);
        Self { delimiter: format!("--{boundary}").into_bytes(), bytes: Vec::new(), noise: 0 }
    }

    /// Takes what has come; `false` where it is more than any frame has.
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        self.bytes.extend_from_slice(bytes);
        self.bytes.len() <= LONGEST
    }

    /// Whether something has come that is no frame yet.
    pub(super) fn is_waiting(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// The next frame.
    pub(super) fn next(&mut self, still: Still) -> Option<Vec<u8>> {
        self.begin();
        let mut end = 0;
        loop {
            let rest = self.bytes.get(end..).unwrap_or_default();
            let Some(part) = self.part(rest, still == Still::Quiet) else {
                return (still != Still::Coming && end > 0).then(|| self.cut(end));
            };
            match part {
                Part { empty: true, end: len, .. } if end == 0 => {
                    self.bytes.drain(..len);
                    self.begin();
                }
                // A photo whose frame has gone already.
                Part { photo: true, end: len, .. } if end == 0 => {
                    self.noise += len;
                    self.bytes.drain(..len);
                    self.begin();
                }
                Part { photo: false, .. } if end > 0 => return Some(self.cut(end)),
                Part { end: len, .. } => end += len,
            }
        }
    }

    /// Drops what stands before the first delimiter.
    fn begin(&mut self) {
        if self.bytes.starts_with(&self.delimiter) {
            return;
        }
        let found = memmem::find(&self.bytes, &self.delimiter);
        // The beginning of one may stand at the end.
        let keep = self.bytes.len().saturating_sub(self.delimiter.len());
        let drop = found.unwrap_or(keep);
        self.noise += self.bytes.drain(..drop).filter(|byte| !byte.is_ascii_whitespace()).count();
    }

    fn cut(&mut self, end: usize) -> Vec<u8> {
        let rest = self.bytes.split_off(end);
        std::mem::replace(&mut self.bytes, rest)
    }

    /// The part at the front, if it is all there.
    fn part(&self, bytes: &[u8], quiet: bool) -> Option<Part> {
        let head = bytes.strip_prefix(&*self.delimiter)?;
        let (head_len, body_at) = match (memmem::find(head, b"\r\n\r\n"), memmem::find(head, b"\n\n")) {
            (Some(crlf), Some(lf)) if lf < crlf => (lf, lf + 2),
            (Some(crlf), _) => (crlf, crlf + 4),
            (None, Some(lf)) => (lf, lf + 2),
            (None, None) => return None,
        };
        let headers = head.get(..head_len)?;
        let body = head.get(body_at..)?;
        let start = self.delimiter.len() + body_at;
        let announced = announced(headers);
        let fits = |len: &usize| {
            let after = body.get(*len..).unwrap_or_default();
            let after = after.trim_ascii_start();
            // Where nothing has come behind it yet the length is believed: the next delimiter may take seconds.
            after.is_empty() || after.starts_with(&self.delimiter)
        };
        if announced.is_some_and(|len| len > body.len()) {
            return None;
        }
        let next = || memmem::find(body, &self.delimiter);
        let len = match announced.filter(fits).or_else(next) {
            Some(len) => len,
            None if quiet && !is_photo(body) => body.len(),
            None => return None,
        };
        // Blank lines belong to the part before them.
        let blank = body.get(len..)?.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let content = body.get(..len)?;
        Some(Part {
            photo: is_photo(content),
            empty: content.trim_ascii().is_empty(),
            end: start + len + blank,
        })
    }
}

fn is_photo(body: &[u8]) -> bool {
    body.starts_with(b"\xff\xd8") || body.starts_with(b"\x89PNG")
}

/// The length that a part's headers announce; 0 is none.
fn announced(headers: &[u8]) -> Option<usize> {
    let value = headers.split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':')?);
        name.trim_ascii().eq_ignore_ascii_case(b"content-length").then(|| value.get(1..).unwrap_or_default())
    })?;
    let len: usize = std::str::from_utf8(value.trim_ascii()).ok()?.parse().ok()?;
    (len > 0).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &[u8], length: Option<usize>) -> Vec<u8> {
        let mut part = b"--B\r\nContent-Type: x\r\n".to_vec();
        if let Some(length) = length {
            part.extend(format!("Content-Length: {length}\r\n").into_bytes());
        }
        part.extend(b"\r\n");
        part.extend(text);
        part.extend(b"\r\n");
        part
    }

    fn photo() -> Vec<u8> {
        [b"\xff\xd8", &b"..--B..\r\n"[..], &[7; 900], b"\xff\xd9"].concat()
    }

    fn all(parts: &mut Parts, still: Still) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| parts.next(still)).collect()
    }

    #[test]
    fn a_frame_is_a_text_and_its_photos_however_the_bytes_come() {
        let (text, picture) = (b"<xml/>", photo());
        let first = [part(text, Some(text.len())), part(&picture, Some(picture.len()))].concat();
        let second = part(b"Heartbeat", None);
        let third = part(b"Events[0]=1", Some(0));
        let stream = [&b"\r\n"[..], &first, &second, &third].concat();
        for step in [1, 7, 64, stream.len()] {
            let mut parts = Parts::new("B");
            let mut frames = Vec::new();
            for piece in stream.chunks(step) {
                assert!(parts.push(piece));
                frames.extend(all(&mut parts, Still::Coming));
            }
            assert_eq!(frames.len(), 1, "{step}: of the others it is not known where they end");
            frames.extend(all(&mut parts, Still::Quiet));
            assert_eq!(frames, [first.clone(), second.clone(), third.clone()], "{step}");
            assert_eq!((parts.noise, parts.is_waiting()), (0, false));
        }
    }

    #[test]
    fn a_decision_does_not_wait_for_a_photo_that_does_not_come() {
        let mut parts = Parts::new("--B");
        let text = part(b"<xml/>", Some(6));
        parts.push(&text);
        let half = part(&photo(), Some(photo().len()));
        let (begun, rest) = half.split_at(100);
        parts.push(begun);
        assert_eq!(parts.next(Still::Coming), None);
        assert_eq!(parts.next(Still::Late), Some(text));
        parts.push(rest);
        assert_eq!((parts.next(Still::Quiet), parts.noise), (None, half.len()));
        parts.push(b"noise noise noise");
        assert_eq!(parts.next(Still::Quiet), None);
        assert!(parts.noise > half.len());
        assert!(!parts.push(&vec![0; LONGEST + 1]), "that is no frame");
    }
}
