//! MIME multipart bodies: parts by their boundary, borrowed.

use crate::error::{DecodeError, ErrorCode};

/// How many parts a body may have: a text and the photos of one vehicle, or the fields of a form.
const MAX_PARTS: usize = 64;

/// A multipart body.
#[derive(Clone, Copy)]
pub(crate) struct Multipart<'a> {
    bytes: &'a [u8],
    boundary: &'a [u8],
}

/// One part of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    headers: &'a [u8],
    pub(crate) body: &'a [u8],
    /// Where the body begins in the payload.
    pub(crate) at: usize,
}

impl<'a> Multipart<'a> {
    /// A body by the content type's boundary, else by its own first line; nothing where it has neither.
    pub(crate) fn of(bytes: &'a [u8], content_type: Option<&'a str>) -> Option<Self> {
        let named =
            content_type.and_then(boundary).filter(|boundary| find_delimiter(bytes, boundary).is_some());
        let own = || {
            let text = bytes.trim_ascii_start().strip_prefix(b"--")?;
            let len = text.iter().position(|b| matches!(b, b'\r' | b'\n'))?;
            text.get(..len).filter(|boundary| !boundary.is_empty())
        };
        named.or_else(own).map(|boundary| Self { bytes, boundary })
    }

    /// Shows each part, in order.
    pub(crate) fn each(
        self,
        mut visit: impl FnMut(Part<'a>) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let mut at = match find_delimiter(self.bytes, self.boundary) {
            Some(found) => found + 2 + self.boundary.len(),
            None => return Err(DecodeError::new(ErrorCode::Syntax, 0, "boundary")),
        };
        for _ in 0..MAX_PARTS {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let Some(start) = line_end(rest) else { return Ok(()) };
            if rest.starts_with(b"--") {
                return Ok(());
            }
            let Some((part, next)) = self.part(at + start)? else { return Ok(()) };
            visit(part)?;
            match next {
                Some(next) => at = next,
                None => return Ok(()),
            }
        }
        Err(DecodeError::new(ErrorCode::TooLarge, at, "parts"))
    }

    /// The part whose headers begin at `from`, and where the next delimiter ends if there is one.
    fn part(&self, from: usize) -> Result<Option<(Part<'a>, Option<usize>)>, DecodeError> {
        let rest = self.bytes.get(from..).unwrap_or_default();
        if rest.trim_ascii().is_empty() {
            return Ok(None);
        }
        let (headers, skip) =
            headers(rest).ok_or(DecodeError::new(ErrorCode::Truncated, self.bytes.len(), "headers"))?;
        let at = from + skip;
        let body = self.bytes.get(at..).unwrap_or_default();
        let announced = Part { headers, body, at }.header(b"content-length").and_then(announced);
        let fits = |len: &usize| body.get(*len..).is_some_and(|after| self.delimiter_at(after).is_some());
        // An announced length is believed only where a delimiter follows: photos may hold the boundary's text, and
        // copies that were indented anew, or photos that were cut out, have another length.
        let len = announced.filter(fits).or_else(|| self.find_end(body));
        let Some(len) = len else { return Ok(Some((Part { headers, body, at }, None))) };
        let delimiter = body.get(len..).and_then(|after| self.delimiter_at(after)).unwrap_or(0);
        let body = body.get(..len).unwrap_or_default();
        Ok(Some((Part { headers, body, at }, Some(at + len + delimiter))))
    }

    /// The length of `newline -- boundary` at the start of `after`, or of the bare delimiter of an empty body.
    fn delimiter_at(&self, after: &[u8]) -> Option<usize> {
        let newline = line_end(after)
            .filter(|len| *len <= 2 && after.first().is_some_and(|b| matches!(b, b'\r' | b'\n')));
        let start = newline.unwrap_or(0);
        let rest = after.get(start..)?.strip_prefix(b"--")?;
        rest.starts_with(self.boundary).then_some(start + 2 + self.boundary.len())
    }

    fn find_end(&self, body: &[u8]) -> Option<usize> {
        let found = find_delimiter(body, self.boundary)?;
        let before = body.get(..found).unwrap_or_default();
        let newline = if before.ends_with(b"\r\n") { 2 } else { usize::from(before.ends_with(b"\n")) };
        Some(found - newline)
    }
}

impl<'a> Part<'a> {
    /// The value of a header; `name` in lower case.
    pub(crate) fn header(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.headers.split(|b| *b == b'\n').find_map(|line| {
            let colon = line.iter().position(|b| *b == b':')?;
            let (key, value) = line.split_at(colon);
            key.trim_ascii()
                .eq_ignore_ascii_case(name)
                .then(|| value.get(1..).unwrap_or_default().trim_ascii())
        })
    }

    /// The part's `name`, else its `filename`.
    pub(crate) fn name(&self) -> &'a [u8] {
        let disposition = self.header(b"content-disposition").unwrap_or_default();
        parameter(disposition, b"name").or_else(|| parameter(disposition, b"filename")).unwrap_or_default()
    }

    /// Whether the body is a photo, by its first bytes: some firmware calls one an octet stream.
    pub(crate) fn is_photo(&self) -> bool {
        self.body.starts_with(b"\xff\xd8")
            || self.header(b"content-type").is_some_and(|t| t.starts_with(b"image/"))
    }
}

/// A parameter of a header's value, without its quotes.
fn parameter<'a>(value: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    value.split(|b| *b == b';').skip(1).find_map(|field| {
        let equals = field.iter().position(|b| *b == b'=')?;
        let (key, value) = field.split_at(equals);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let plain = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
        key.trim_ascii().eq_ignore_ascii_case(name).then_some(plain)
    })
}

fn boundary(content_type: &str) -> Option<&[u8]> {
    parameter(content_type.as_bytes(), b"boundary").filter(|boundary| !boundary.is_empty())
}

/// Where `--boundary` stands at the start of a line.
fn find_delimiter(bytes: &[u8], boundary: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = bytes.get(from..)?;
        let found = from + rest.windows(2).position(|pair| pair == b"--")?;
        let line_start = found == 0 || bytes.get(found - 1) == Some(&b'\n');
        if line_start && bytes.get(found + 2..).is_some_and(|rest| rest.starts_with(boundary)) {
            return Some(found);
        }
        from = found + 1;
    }
}

/// The length up to and with the first newline.
fn line_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|b| *b == b'\n').map(|at| at + 1)
}

/// The headers, and how far the body is away: behind the first empty line.
fn headers(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let mut at = 0;
    loop {
        let line = bytes.get(at..)?;
        let len = line_end(line)?;
        if line.get(..len).unwrap_or_default().trim_ascii().is_empty() {
            return Some((bytes.get(..at).unwrap_or_default(), at + len));
        }
        at += len;
    }
}

fn announced(length: &[u8]) -> Option<usize> {
    core::str::from_utf8(length).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(bytes: &[u8], content_type: Option<&str>) -> Vec<(String, Vec<u8>)> {
        let mut seen = Vec::new();
        let body = Multipart::of(bytes, content_type).unwrap();
        body.each(|part| {
            assert!(bytes[part.at..].starts_with(part.body));
            seen.push((String::from_utf8_lossy(part.name()).into_owned(), part.body.to_vec()));
            Ok(())
        })
        .unwrap();
        seen
    }

    #[test]
    fn parts_by_boundary() {
        let body = b"preamble\r\n--b 1\r\nContent-Disposition: form-data; name=\"a.xml\"; filename=\"x\"\r\n\r\n<a/>\r\n\
                     --b 1\r\ncontent-disposition:form-data;filename=p.jpg\r\nContent-Length: 12\r\n\r\n\xff\xd8\n--b 1 x\r\n\r\n--b 1--\r\n";
        let typed = Some("multipart/form-data; boundary=\"b 1\"");
        let seen = parts(body, typed);
        assert_eq!(seen[0], ("a.xml".into(), b"<a/>".to_vec()));
        assert_eq!(seen[1], ("p.jpg".into(), b"\xff\xd8\n--b 1 x\r\n".to_vec()));
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn the_first_line_is_a_boundary_too() {
        let body = b"--x\nContent-Length: 78280\n\n\n--x\n\nlast";
        assert_eq!(parts(body, None), [(String::new(), Vec::new()), (String::new(), b"last".to_vec())]);
        assert_eq!(parts(body, Some("multipart/mixed; boundary=other")).len(), 2);
        assert!(Multipart::of(b"{}", Some("multipart/mixed; boundary=other")).is_none());
    }

    #[test]
    fn a_body_of_delimiters_ends() {
        let body = b"--x\n\n\n".repeat(100);
        let outcome = Multipart::of(&body, None).unwrap().each(|_| Ok(()));
        assert_eq!(outcome.map_err(|e| e.code), Err(ErrorCode::TooLarge));
    }
}
