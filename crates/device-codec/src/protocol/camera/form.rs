//! Forms: `multipart/form-data` and `application/x-www-form-urlencoded`.

use super::multipart::Multipart;
use crate::{
    context::Context,
    error::{DecodeError, ErrorCode},
    text::Text,
};

/// A form's body.
pub(crate) enum Form<'a> {
    Multipart(Multipart<'a>),
    Pairs(&'a [u8]),
}

/// One field of a form.
pub(crate) struct FormField<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) at: usize,
    encoded: bool,
}

impl<'a> Form<'a> {
    /// A form, by its content type or its looks. What begins like JSON or XML is none, whatever the header says: half
    /// of the cameras do not set it.
    pub(crate) fn of(bytes: &'a [u8], context: &Context<'a>) -> Option<Self> {
        match bytes.trim_ascii_start().first()? {
            b'{' | b'[' | b'<' => return None,
            b'-' => return Multipart::of(bytes, context.content_type).map(Self::Multipart),
            _ => {}
        }
        let name_len =
            bytes.iter().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'%')));
        let pairs = name_len.is_some_and(|len| len > 0 && bytes.get(len) == Some(&b'='));
        if pairs {
            Some(Self::Pairs(bytes))
        } else {
            Multipart::of(bytes, context.content_type).map(Self::Multipart)
        }
    }

    /// Shows each field, in order.
    pub(crate) fn each(
        self,
        mut visit: impl FnMut(FormField<'a>) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        match self {
            Self::Multipart(body) => body.each(|part| {
                visit(FormField {
                    name: part.name(),
                    value: part.body.trim_ascii(),
                    at: part.at,
                    encoded: false,
                })
            }),
            Self::Pairs(bytes) => {
                let mut at = 0;
                for pair in bytes.split(|b| *b == b'&') {
                    let len = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
                    let (name, value) = pair.split_at(len);
                    let value = value.get(1..).unwrap_or_default().trim_ascii();
                    let after = (len + 1).min(pair.len());
                    visit(FormField { name, value, at: at + after, encoded: true })?;
                    at += pair.len() + 1;
                }
                Ok(())
            }
        }
    }
}

impl<'a> FormField<'a> {
    /// The value as text.
    pub(crate) fn text(&self) -> Result<Text<'a>, DecodeError> {
        let bad = DecodeError::new(ErrorCode::Encoding, self.at, "");
        if self.encoded && self.value.iter().any(|b| matches!(b, b'%' | b'+')) {
            let bytes =
                percent_decoded(self.value).ok_or(DecodeError::new(ErrorCode::Syntax, self.at, ""))?;
            return core::str::from_utf8(&bytes).map(Text::own).map_err(|_| bad);
        }
        core::str::from_utf8(self.value).map(Text::Borrowed).map_err(|_| bad)
    }
}

fn percent_decoded(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut bytes = value.iter();
    while let Some(b) = bytes.next() {
        out.push(match b {
            b'+' => b' ',
            b'%' => {
                let hex = [*bytes.next()?, *bytes.next()?];
                u8::from_str_radix(core::str::from_utf8(&hex).ok()?, 16).ok()?
            }
            b => *b,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(bytes: &[u8]) -> Vec<(String, String)> {
        let mut seen = Vec::new();
        let form = Form::of(bytes, &Context::default()).unwrap();
        form.each(|field| {
            seen.push((String::from_utf8_lossy(field.name).into_owned(), field.text()?.as_str().to_owned()));
            Ok(())
        })
        .unwrap();
        seen
    }

    #[test]
    fn both_kinds() {
        let expected = [("a".to_owned(), "1".to_owned()), ("b_c".to_owned(), "粤 B".to_owned())];
        assert_eq!(fields("a=1&b_c=%e7%b2%a4+B".as_bytes()), expected);
        let parts = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\n\
                     Content-Disposition: form-data; name=\"b_c\"\r\n\r\n粤 B\r\n--x--\r\n";
        assert_eq!(fields(parts.as_bytes()), expected);
    }

    #[test]
    fn json_is_no_form() {
        let typed = Context { content_type: Some("application/x-www-form-urlencoded"), ..Context::default() };
        assert!(Form::of(b" {\"a\":\"=\"}", &typed).is_none());
        assert!(Form::of(b"", &typed).is_none());
        assert!(Form::of(b"\xff\x00", &typed).is_none());
    }

    #[test]
    fn broken_escapes_are_told() {
        let form = Form::of(b"a=%zz", &Context::default()).unwrap();
        let outcome = form.each(|field| field.text().map(drop));
        assert_eq!(outcome.map_err(|e| (e.code, e.offset)), Err((ErrorCode::Syntax, 2)));
    }
}
