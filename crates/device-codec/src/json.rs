//! A strict JSON pull reader over borrowed bytes: no DOM, no allocation, a bound on depth.
//!
//! The caller visits the keys it knows; what it does not take is checked and skipped. Strings stay where they lie
//! ([`Str`]) until somebody decodes them, so a device name in a wrong charset does not cost the plate beside it.

pub(crate) mod explain;
pub(crate) mod members;
mod number;
mod text;

pub(crate) use number::Num;
use text::End;
pub(crate) use text::{Charset, Str};

use crate::{
    error::{DecodeError, ErrorCode},
    milli::Milli,
};

/// How many objects and arrays may lie in one another. The deepest device document known has nine.
const MAX_DEPTH: u8 = 32;

/// What kind of value comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

/// A value without parts; what has parts is skipped and called [`Scalar::Nested`], because a field of an unexpected
/// shape states nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar<'a> {
    Text(Str<'a>),
    Number(Num<'a>),
    Bool(bool),
    Null,
    Nested,
}

/// A position in a JSON text.
#[derive(Clone, Debug)]
pub(crate) struct Json<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u8,
    charset: Charset,
}

impl<'a> Json<'a> {
    /// Reads a UTF-8 document; a byte-order mark is passed over.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { bytes, at, depth: 0, charset: Charset::Utf8 }
    }

    /// Reads a document whose strings are GBK.
    pub(crate) fn gbk(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, depth: 0, charset: Charset::Gbk }
    }

    /// The offset of the next byte.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// What the next value is, without taking it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<Kind, DecodeError> {
        match self.byte() {
            b'{' => Ok(Kind::Object),
            b'[' => Ok(Kind::Array),
            b'"' => Ok(Kind::String),
            b't' | b'f' => Ok(Kind::Bool),
            b'n' => Ok(Kind::Null),
            b'-' | b'0'..=b'9' => Ok(Kind::Number),
            _ => Err(self.unexpected()),
        }
    }

    /// Takes an object and shows `visit` each key; a value that `visit` leaves is skipped.
    #[inline]
    pub(crate) fn object(
        &mut self,
        mut visit: impl FnMut(&mut Self, &[u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.open(b'{')?;
        if self.close(b'}') {
            return Ok(());
        }
        loop {
            if self.byte() != b'"' {
                return Err(self.unexpected());
            }
            let key = self.string()?;
            self.expect(b':')?;
            self.byte();
            let before = self.at;
            if key.is_plain() { visit(self, key.raw()) } else { visit(self, key.decode()?.as_bytes()) }?;
            if self.at == before {
                self.skip()?;
            }
            if self.more(b'}')? {
                return Ok(());
            }
        }
    }

    /// Takes an array and shows `visit` each element's index; an element that `visit` leaves is skipped.
    pub(crate) fn array(
        &mut self,
        mut visit: impl FnMut(&mut Self, usize) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.open(b'[')?;
        if self.close(b']') {
            return Ok(());
        }
        for index in 0.. {
            self.space();
            let before = self.at;
            visit(self, index)?;
            if self.at == before {
                self.skip()?;
            }
            if self.more(b']')? {
                break;
            }
        }
        Ok(())
    }

    /// Like [`object`](Self::object) where the value is one; anything else is skipped, because devices write `null`,
    /// `""` or `[]` for an object that they do not have.
    #[inline]
    pub(crate) fn object_if_any(
        &mut self,
        visit: impl FnMut(&mut Self, &[u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if self.byte() == b'{' { self.object(visit) } else { self.skip() }
    }

    /// Like [`array`](Self::array) where the value is one; anything else is skipped.
    #[inline]
    pub(crate) fn array_if_any(
        &mut self,
        visit: impl FnMut(&mut Self, usize) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if self.byte() == b'[' { self.array(visit) } else { self.skip() }
    }

    /// Takes a value without parts.
    #[inline]
    pub(crate) fn scalar(&mut self) -> Result<Scalar<'a>, DecodeError> {
        match self.byte() {
            b'"' => self.string().map(Scalar::Text),
            b'-' | b'0'..=b'9' => self.number().map(Scalar::Number),
            b't' => self.word(b"true").map(|()| Scalar::Bool(true)),
            b'f' => self.word(b"false").map(|()| Scalar::Bool(false)),
            b'n' => self.word(b"null").map(|()| Scalar::Null),
            _ => self.skip().map(|()| Scalar::Nested),
        }
    }

    /// Takes a string, or nothing where the value is no string.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<Option<Str<'a>>, DecodeError> {
        if self.byte() == b'"' { self.string().map(Some) } else { self.skip().map(|()| None) }
    }

    /// Takes a whole number, written as one or as a string; nothing where it is neither.
    #[inline]
    pub(crate) fn int(&mut self) -> Result<Option<i64>, DecodeError> {
        match self.byte() {
            b'1'..=b'9' => match self.digits() {
                Some(value) => Ok(Some(value)),
                None => self.number().map(Num::int),
            },
            b'-' | b'0' => self.number().map(Num::int),
            _ => self.scalar().map(Scalar::int),
        }
    }

    /// Takes a number that is written as one; nothing where the value is none.
    #[inline]
    pub(crate) fn num(&mut self) -> Result<Option<Num<'a>>, DecodeError> {
        match self.byte() {
            b'-' | b'0'..=b'9' => self.number().map(Some),
            _ => self.skip().map(|()| None),
        }
    }

    /// Takes a decimal number in thousandths, also one written as a string.
    #[inline]
    pub(crate) fn milli(&mut self) -> Result<Option<Milli>, DecodeError> {
        match self.byte() {
            b'-' | b'0'..=b'9' => self.number().map(|number| Scalar::Number(number).milli()),
            _ => self.scalar().map(Scalar::milli),
        }
    }

    /// Takes an identity: a string's bytes, or a number's digits.
    #[inline]
    pub(crate) fn id(&mut self) -> Result<Option<Str<'a>>, DecodeError> {
        match self.byte() {
            b'-' | b'0'..=b'9' => self.number().map(|number| Scalar::Number(number).id()),
            _ => self.scalar().map(Scalar::id),
        }
    }

    /// Takes a truth value in any of its spellings.
    #[inline]
    pub(crate) fn truth(&mut self) -> Result<Option<bool>, DecodeError> {
        match self.byte() {
            b'0'..=b'9' => self.number().map(|number| Scalar::Number(number).truth()),
            _ => self.scalar().map(Scalar::truth),
        }
    }

    /// Takes a value and checks its grammar, nothing else.
    pub(crate) fn skip(&mut self) -> Result<(), DecodeError> {
        match self.byte() {
            b'{' => self.object(|_, _| Ok(())),
            b'[' => self.array(|_, _| Ok(())),
            b'"' => self.string().map(drop),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number().map(drop),
        }
    }

    /// Makes sure that nothing but blanks follows.
    pub(crate) fn finish(&mut self) -> Result<(), DecodeError> {
        self.space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.fail(ErrorCode::Syntax)) }
    }

    /// An error at the next byte.
    pub(crate) fn fail(&self, code: ErrorCode) -> DecodeError {
        DecodeError::new(code, self.at, "")
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// The next byte that is no blank, not taken; 0 at the end, which JSON has nowhere either.
    #[inline]
    fn byte(&mut self) -> u8 {
        // Devices write JSON without blanks.
        match self.bytes.get(self.at) {
            Some(&b) if b > b' ' => b,
            _ => self.byte_after_space(),
        }
    }

    fn byte_after_space(&mut self) -> u8 {
        self.space();
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// The error of a byte that does not belong where it stands.
    #[cold]
    fn unexpected(&self) -> DecodeError {
        self.fail(if self.at < self.bytes.len() { ErrorCode::Syntax } else { ErrorCode::Truncated })
    }

    #[inline]
    fn expect(&mut self, wanted: u8) -> Result<(), DecodeError> {
        if self.byte() != wanted {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn open(&mut self, bracket: u8) -> Result<(), DecodeError> {
        let found = self.byte();
        if found != bracket {
            return Err(if found == 0 { self.unexpected() } else { self.fail(ErrorCode::Value) });
        }
        if self.depth >= MAX_DEPTH {
            return Err(self.fail(ErrorCode::TooLarge));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Takes the closing bracket if it comes next.
    #[inline]
    fn close(&mut self, bracket: u8) -> bool {
        let closed = self.byte() == bracket;
        if closed {
            self.at += 1;
            self.depth = self.depth.saturating_sub(1);
        }
        closed
    }

    /// Takes a comma (`false`) or the closing bracket (`true`).
    #[inline]
    fn more(&mut self, bracket: u8) -> Result<bool, DecodeError> {
        if self.byte() == b',' {
            self.at += 1;
            return Ok(false);
        }
        if self.close(bracket) { Ok(true) } else { Err(self.unexpected()) }
    }

    #[inline(always)]
    fn string(&mut self) -> Result<Str<'a>, DecodeError> {
        let start = self.at + 1;
        let plain = if self.charset == Charset::Utf8 { text::skip_plain(self.bytes, start) } else { start };
        if let Some(b'"') = self.bytes.get(plain) {
            self.at = plain + 1;
            let raw = self.bytes.get(start..plain).unwrap_or_default();
            return Ok(Str::new(raw, start, false, self.charset));
        }
        self.string_from(start, plain)
    }

    /// The rest of a string that begins at `start` and has nothing special before `at`.
    fn string_from(&mut self, start: usize, at: usize) -> Result<Str<'a>, DecodeError> {
        let (end, how) = text::scan(self.bytes, at, self.charset);
        if matches!(how, End::Truncated | End::Syntax) {
            let code = if how == End::Syntax { ErrorCode::Syntax } else { ErrorCode::Truncated };
            return Err(DecodeError::new(code, end, ""));
        }
        self.at = end + 1;
        let raw = self.bytes.get(start..end).unwrap_or_default();
        Ok(Str::new(raw, start, how == End::Escaped, self.charset))
    }

    /// Passes over a number of up to eighteen digits and nothing else; stays where it is at any other.
    #[inline]
    fn digits(&mut self) -> Option<i64> {
        const MOST: usize = 18;
        let rest = self.bytes.get(self.at..)?;
        let mut value = 0;
        for (len, b) in rest.iter().enumerate().take(MOST + 1) {
            if b.is_ascii_digit() && len < MOST {
                value = value * 10 + i64::from(b - b'0');
                continue;
            }
            if matches!(b, b'.' | b'e' | b'E' | b'0'..=b'9') {
                return None;
            }
            self.at += len;
            return Some(value);
        }
        None
    }

    #[inline]
    fn number(&mut self) -> Result<Num<'a>, DecodeError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = match number::scan(rest) {
            Ok(len) => len,
            Err(past) => {
                self.at += past;
                return Err(self.unexpected());
            }
        };
        self.at += len;
        Ok(Num::new(rest.get(..len).unwrap_or_default()))
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), DecodeError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        let code = if word.starts_with(rest) { ErrorCode::Truncated } else { ErrorCode::Syntax };
        Err(self.fail(code))
    }
}

impl<'a> Scalar<'a> {
    /// The text of a string.
    pub(crate) fn text(self) -> Option<Str<'a>> {
        if let Scalar::Text(text) = self { Some(text) } else { None }
    }

    /// A string's bytes, or a number's digits: what an identity is written as.
    pub(crate) fn id(self) -> Option<Str<'a>> {
        match self {
            Scalar::Text(text) if !text.raw().is_empty() => Some(text),
            Scalar::Number(number) => Some(Str::new(number.raw(), 0, false, Charset::Utf8)),
            _ => None,
        }
    }

    /// A whole number, also one written as a string; vendors mix the two.
    #[inline]
    pub(crate) fn int(self) -> Option<i64> {
        match self {
            Scalar::Number(number) => number.int(),
            Scalar::Text(text) => Num::parse(text.raw())?.int(),
            Scalar::Bool(_) | Scalar::Null | Scalar::Nested => None,
        }
    }

    /// A number, not one written as a string.
    pub(crate) fn number(self) -> Option<Num<'a>> {
        if let Scalar::Number(number) = self { Some(number) } else { None }
    }

    /// A decimal number in thousandths, also one written as a string.
    pub(crate) fn milli(self) -> Option<Milli> {
        if let Some(whole) = self.int() {
            return whole.checked_mul(1000).and_then(|value| i32::try_from(value).ok()).map(Milli);
        }
        self.scaled(3).and_then(|value| i32::try_from(value).ok()).map(Milli)
    }

    /// A decimal number times 10^`places`, rounded half away from zero, also one written as a string.
    pub(crate) fn scaled(self, places: i32) -> Option<i64> {
        match self {
            Scalar::Number(number) => number.scaled(places),
            Scalar::Text(text) => Num::parse(text.raw())?.scaled(places),
            Scalar::Bool(_) | Scalar::Null | Scalar::Nested => None,
        }
    }

    /// A truth value, also as 0, 1, `"0"`, `"1"`, `"true"`, `"false"` in any case.
    pub(crate) fn truth(self) -> Option<bool> {
        match self {
            Scalar::Bool(truth) => Some(truth),
            Scalar::Text(text) if text.raw().eq_ignore_ascii_case(b"true") => Some(true),
            Scalar::Text(text) if text.raw().eq_ignore_ascii_case(b"false") => Some(false),
            other => match other.int()? {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            },
        }
    }
}

/// Keeps the first value: of a key that an object has twice, the first counts.
pub(crate) fn first<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}

#[cfg(test)]
mod tests;
