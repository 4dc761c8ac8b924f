//! A small XML pull reader for devices' documents: elements and their text by local name, nothing else.
//!
//! There is no document type, so there are no entities to expand: a `<!DOCTYPE` is refused where it stands. Attributes
//! are passed over, namespaces ignored (one camera writes four of them, and a recorder in between adds a prefix).

use crate::{
    error::{DecodeError, ErrorCode},
    text::Text,
};

/// How many elements may lie in one another.
const MAX_DEPTH: usize = 32;

/// What comes next in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// An element with elements inside begins.
    Open(&'a [u8]),
    /// An element without elements inside, and its text.
    Leaf(&'a [u8], XmlText<'a>),
    /// The innermost open element ends.
    Close,
}

/// Text as it stands in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct XmlText<'a> {
    raw: &'a [u8],
    at: usize,
    literal: bool,
    gbk: bool,
}

/// A position in a document.
#[derive(Clone, Debug)]
pub(crate) struct Xml<'a> {
    bytes: &'a [u8],
    at: usize,
    open: [&'a [u8]; MAX_DEPTH],
    depth: usize,
    gbk: bool,
    seen_root: bool,
}

impl<'a> Xml<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { bytes, at, open: [&[]; MAX_DEPTH], depth: 0, gbk: false, seen_root: false }
    }

    /// How far it has read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// How many elements are open.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// The next event; nothing at the end of the document.
    pub(crate) fn next(&mut self) -> Result<Option<Event<'a>>, DecodeError> {
        self.outside_tags()?;
        let rest = self.rest();
        if rest.is_empty() {
            return if self.depth == 0 && self.seen_root {
                Ok(None)
            } else {
                Err(self.fail(ErrorCode::Truncated))
            };
        }
        if rest.starts_with(b"</") {
            self.end_tag()?;
            return Ok(Some(Event::Close));
        }
        if self.depth == 0 && self.seen_root {
            return Err(self.fail(ErrorCode::Syntax));
        }
        self.start_tag().map(Some)
    }

    /// Passes over blanks, comments and instructions between tags; other text is refused.
    fn outside_tags(&mut self) -> Result<(), DecodeError> {
        loop {
            self.space();
            let rest = self.rest();
            if rest.starts_with(b"<?") {
                let len = self.find(b"?>")?;
                let encoding = rest.get(..len).unwrap_or_default();
                self.gbk |= encoding.starts_with(b"<?xml") && names_gbk(encoding);
                self.at += len + 2;
            } else if rest.starts_with(b"<!--") {
                self.at += self.find(b"-->")? + 3;
            } else if rest.starts_with(b"<!") {
                return Err(self.fail(ErrorCode::Unsupported));
            } else if rest.first().is_none_or(|b| *b == b'<') {
                return Ok(());
            } else {
                return Err(self.fail(ErrorCode::Syntax));
            }
        }
    }

    fn start_tag(&mut self) -> Result<Event<'a>, DecodeError> {
        let begin = self.at;
        self.at += 1;
        let name = self.name()?;
        let closed = self.attributes()?;
        self.seen_root = true;
        if closed {
            return Ok(Event::Leaf(local(name), self.text(self.at..self.at, false)));
        }
        if let Some(text) = self.leaf_text(name)? {
            return Ok(Event::Leaf(local(name), text));
        }
        let slot = self.open.get_mut(self.depth).ok_or(DecodeError::new(ErrorCode::TooLarge, begin, ""))?;
        *slot = name;
        self.depth += 1;
        Ok(Event::Open(local(name)))
    }

    /// The text up to the end tag, if no other element begins before it.
    fn leaf_text(&mut self, name: &[u8]) -> Result<Option<XmlText<'a>>, DecodeError> {
        let text = if self.blank_then(b"<![CDATA[") {
            self.space();
            self.at += 9;
            let len = self.find(b"]]>")?;
            let text = self.text(self.at..self.at + len, true);
            self.at += len + 3;
            self.space();
            text
        } else {
            let len = self.find(b"<")?;
            let text = self.text(self.at..self.at + len, false);
            if !self.rest().get(len..).unwrap_or_default().starts_with(b"</") {
                return Ok(None);
            }
            self.at += len;
            text
        };
        self.at_end_tag(name)?;
        Ok(Some(text))
    }

    fn end_tag(&mut self) -> Result<(), DecodeError> {
        let innermost = self.depth.checked_sub(1).and_then(|last| self.open.get(last).copied());
        let name = innermost.ok_or(self.fail(ErrorCode::Syntax))?;
        self.at_end_tag(name)?;
        self.depth -= 1;
        Ok(())
    }

    /// Takes `</name>`.
    fn at_end_tag(&mut self, name: &[u8]) -> Result<(), DecodeError> {
        let rest = self.rest().strip_prefix(b"</").ok_or(self.fail(ErrorCode::Syntax))?;
        if rest.strip_prefix(name).is_none() {
            let code = if name.starts_with(rest) { ErrorCode::Truncated } else { ErrorCode::Syntax };
            return Err(self.fail(code));
        }
        self.at += 2 + name.len();
        self.space();
        match self.rest().first() {
            Some(b'>') => self.at += 1,
            Some(_) => return Err(self.fail(ErrorCode::Syntax)),
            None => return Err(self.fail(ErrorCode::Truncated)),
        }
        Ok(())
    }

    fn name(&mut self) -> Result<&'a [u8], DecodeError> {
        let rest = self.rest();
        let part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b'-' | b'.' | 0x80..=0xff);
        let len = rest.iter().take_while(|b| part(b)).count();
        if len == 0 {
            let code = if rest.is_empty() { ErrorCode::Truncated } else { ErrorCode::Syntax };
            return Err(self.fail(code));
        }
        self.at += len;
        Ok(rest.get(..len).unwrap_or_default())
    }

    /// Passes over attributes and the end of the tag; whether the element is closed by it.
    fn attributes(&mut self) -> Result<bool, DecodeError> {
        loop {
            self.space();
            match self.rest() {
                [b'>', ..] => {
                    self.at += 1;
                    return Ok(false);
                }
                [b'/', b'>', ..] => {
                    self.at += 2;
                    return Ok(true);
                }
                _ => self.attribute()?,
            }
        }
    }

    fn attribute(&mut self) -> Result<(), DecodeError> {
        self.name()?;
        self.space();
        match self.rest().first() {
            Some(b'=') => self.at += 1,
            Some(_) => return Err(self.fail(ErrorCode::Syntax)),
            None => return Err(self.fail(ErrorCode::Truncated)),
        }
        self.space();
        let quote: &[u8] = match self.rest().first() {
            Some(b'"') => b"\"",
            Some(b'\'') => b"'",
            Some(_) => return Err(self.fail(ErrorCode::Syntax)),
            None => return Err(self.fail(ErrorCode::Truncated)),
        };
        self.at += 1;
        self.at += self.find(quote)? + 1;
        Ok(())
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        self.at += self.rest().iter().take_while(|b| b.is_ascii_whitespace()).count();
    }

    fn blank_then(&self, mark: &[u8]) -> bool {
        self.rest().trim_ascii_start().starts_with(mark)
    }

    /// How far `mark` is away.
    fn find(&self, mark: &[u8]) -> Result<usize, DecodeError> {
        let rest = self.rest();
        rest.windows(mark.len()).position(|window| window == mark).ok_or(DecodeError::new(
            ErrorCode::Truncated,
            self.bytes.len(),
            "",
        ))
    }

    fn text(&self, range: core::ops::Range<usize>, literal: bool) -> XmlText<'a> {
        let at = range.start;
        XmlText { raw: self.bytes.get(range).unwrap_or_default(), at, literal, gbk: self.gbk }
    }

    fn fail(&self, code: ErrorCode) -> DecodeError {
        DecodeError::new(code, self.at, "")
    }
}

impl<'a> XmlText<'a> {
    /// The bytes as they stand, without blanks around them.
    pub(crate) fn raw(self) -> &'a [u8] {
        self.raw.trim_ascii()
    }

    /// The offset of the text.
    pub(crate) fn at(self) -> usize {
        self.at
    }

    /// The text without blanks around it, borrowed where it holds no reference.
    ///
    /// # Errors
    /// [`ErrorCode::Encoding`] where it is no text in the document's encoding, [`ErrorCode::Unsupported`] for a
    /// reference that is none of XML's own five and no number.
    pub(crate) fn decode(self) -> Result<Text<'a>, DecodeError> {
        let text = if self.gbk {
            Text::gbk(self.raw()).ok_or(DecodeError::new(ErrorCode::Encoding, self.at, ""))?
        } else {
            let no_text = |e: core::str::Utf8Error| {
                DecodeError::new(ErrorCode::Encoding, self.at + e.valid_up_to(), "")
            };
            Text::Borrowed(core::str::from_utf8(self.raw()).map_err(no_text)?)
        };
        if self.literal || !text.contains('&') {
            return Ok(text);
        }
        let plain = references(&text).ok_or(DecodeError::new(ErrorCode::Unsupported, self.at, ""))?;
        Ok(Text::own(&plain))
    }
}

fn references(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (name, after) = after.split_once(';')?;
        out.push(match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let number = name.strip_prefix('#')?;
                let code = match number.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)?
            }
        });
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

/// A name without its prefix.
fn local(name: &[u8]) -> &[u8] {
    name.rsplit(|b| *b == b':').next().unwrap_or(name)
}

fn names_gbk(declaration: &[u8]) -> bool {
    declaration
        .windows(3)
        .any(|window| window.eq_ignore_ascii_case(b"gb2") || window.eq_ignore_ascii_case(b"gbk"))
        || declaration.windows(4).any(|window| window.eq_ignore_ascii_case(b"gb18"))
}

#[cfg(test)]
mod tests;
