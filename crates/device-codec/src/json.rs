//! A strict JSON pull reader over borrowed bytes: no DOM, no allocation, a bound on depth.
//!
//! The caller visits the keys it knows; what it does not take is checked and skipped. Strings stay where they lie
//! ([`Str`]) until somebody decodes them, so a device name in a wrong charset does not cost the plate beside it.

mod ahead;
pub(crate) mod explain;
pub(crate) mod members;
mod number;
mod scalar;
mod steps;
mod text;

pub(crate) use number::Num;
pub(crate) use scalar::Scalar;
use text::End;
pub(crate) use text::{Charset, Str};

use crate::{
    error::{DecodeError, ErrorCode},
    milli::Milli,
    text::Text,
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

/// A position in a JSON text.
///
/// A reader breaks once: the first error is kept, there is nothing more to read behind it, and everything ends soon. So
/// there are two ways to read, over the same bytes by the same code. Where a frame's time counts, visitors take values
/// ([`members`](Self::members), [`take_text`](Self::take_text), …) without asking, and [`finish`](Self::finish) asks
/// once. Where visitors have errors of their own, each step says how it went ([`object`](Self::object),
/// [`text`](Self::text), …).
#[derive(Clone, Debug)]
pub(crate) struct Json<'a> {
    /// The whole document.
    document: &'a [u8],
    /// What was not read yet.
    rest: &'a [u8],
    /// Which of the [`WINDOW`](text::WINDOW) bytes from some place on end a run of plain text, bit by bit: so many
    /// bytes are looked at at once, and the strings in them are found without reading them again.
    marks: u64,
    /// How many bytes there are from that place to the end.
    marked: usize,
    depth: u8,
    charset: Charset,
    broken: Option<DecodeError>,
}

/// Reading without asking: what cannot be read is nothing.
impl<'a> Json<'a> {
    /// Reads a UTF-8 document; a byte-order mark is passed over.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        Self { rest, ..Self::in_charset(bytes, Charset::Utf8) }
    }

    /// Reads a document whose strings are GBK.
    pub(crate) fn gbk(bytes: &'a [u8]) -> Self {
        Self::in_charset(bytes, Charset::Gbk)
    }

    fn in_charset(bytes: &'a [u8], charset: Charset) -> Self {
        Self { document: bytes, rest: bytes, marks: 0, marked: 0, depth: 0, charset, broken: None }
    }

    /// The offset of the next byte.
    pub(crate) fn at(&self) -> usize {
        self.document.len() - self.rest.len()
    }

    /// Whether an object comes next.
    #[inline]
    pub(crate) fn is_object(&mut self) -> bool {
        self.byte() == b'{'
    }

    /// Whether an array comes next.
    #[inline]
    pub(crate) fn is_array(&mut self) -> bool {
        self.byte() == b'['
    }

    /// Takes an object and shows `visit` each key; a value that `visit` leaves is skipped.
    #[inline]
    pub(crate) fn members(&mut self, mut visit: impl FnMut(&mut Self, &[u8])) {
        if !self.open(b'{') {
            return;
        }
        let mut rare;
        let mut empty = true;
        // What follows a comma is kept out of `self` until the value behind its key: what is written to memory and read
        // again is waited for, and each key's place follows from the place before.
        let mut rest = self.rest;
        loop {
            let (name, value) = match self.plain_key(rest) {
                Some(key) => key,
                None => {
                    self.rest = rest;
                    if empty && self.close(b'}') {
                        return;
                    }
                    rare = self.rarer_key();
                    let Some(name) = &rare else { return };
                    self.byte();
                    (name.as_bytes(), self.rest)
                }
            };
            empty = false;
            self.rest = value;
            visit(self, name);
            if self.rest.len() == value.len() {
                self.pass();
            }
            if let [b',', after @ ..] = self.rest {
                rest = after;
            } else if self.more(b'}') {
                rest = self.rest;
            } else {
                return;
            }
        }
    }

    /// Takes an array and shows `visit` each element's index; an element that `visit` leaves is skipped.
    #[inline]
    pub(crate) fn elements(&mut self, mut visit: impl FnMut(&mut Self, usize)) {
        if !self.open(b'[') || self.close(b']') {
            return;
        }
        for index in 0.. {
            self.space();
            let before = self.rest.len();
            visit(self, index);
            if self.rest.len() == before {
                self.pass();
            }
            if !self.more(b']') {
                return;
            }
        }
    }

    /// Like [`members`](Self::members) where the value is an object; anything else is skipped, because devices write
    /// `null`, `""` or `[]` for an object that they do not have.
    #[inline]
    pub(crate) fn members_if_any(&mut self, visit: impl FnMut(&mut Self, &[u8])) {
        if self.is_object() { self.members(visit) } else { self.pass() }
    }

    /// Like [`elements`](Self::elements) where the value is an array; anything else is skipped.
    #[inline]
    pub(crate) fn elements_if_any(&mut self, visit: impl FnMut(&mut Self, usize)) {
        if self.is_array() { self.elements(visit) } else { self.pass() }
    }

    /// Takes a value without parts.
    #[inline]
    pub(crate) fn take_scalar(&mut self) -> Scalar<'a> {
        match self.byte() {
            b'"' => self.string().map_or(Scalar::Null, Scalar::Text),
            b'-' | b'0'..=b'9' => Scalar::Number(self.number()),
            b't' if self.word(b"true") => Scalar::Bool(true),
            b'f' if self.word(b"false") => Scalar::Bool(false),
            b'n' if self.word(b"null") => Scalar::Null,
            _ => {
                self.pass();
                Scalar::Nested
            }
        }
    }

    /// Takes a string, or nothing where the value is no string.
    #[inline]
    pub(crate) fn take_text(&mut self) -> Option<Str<'a>> {
        match self.plain_string() {
            None => self.rarer_text(),
            text => text,
        }
    }

    /// Takes a string into an empty slot: of a key that an object has twice, the first counts. It is made where it is to
    /// lie, as what is written word by word cannot be copied at once for a while.
    #[inline]
    pub(crate) fn first_text(&mut self, slot: &mut Option<Str<'a>>) {
        match self.plain_string() {
            Some(text) => {
                slot.get_or_insert(text);
            }
            None => self.rarer_first_text(slot),
        }
    }

    #[inline(never)]
    fn rarer_first_text(&mut self, slot: &mut Option<Str<'a>>) {
        first(slot, self.rarer_text());
    }

    #[inline(never)]
    fn rarer_text(&mut self) -> Option<Str<'a>> {
        if self.byte() == b'"' {
            return self.string();
        }
        self.pass();
        None
    }

    /// Takes a whole number, written as one or as a string; nothing where it is neither.
    #[inline]
    pub(crate) fn take_int(&mut self) -> Option<i64> {
        if let Some(value) = self.digits() {
            return Some(value);
        }
        self.rarer_int()
    }

    #[inline(never)]
    fn rarer_int(&mut self) -> Option<i64> {
        self.take_scalar().int()
    }

    /// Takes a number that is written as one; nothing where the value is none.
    #[inline]
    pub(crate) fn take_num(&mut self) -> Option<Num<'a>> {
        if let b'-' | b'0'..=b'9' = self.byte() {
            return Some(self.number());
        }
        self.pass();
        None
    }

    /// Takes a decimal number in thousandths, also one written as a string.
    #[inline]
    pub(crate) fn take_milli(&mut self) -> Option<Milli> {
        if let Some(value) = self.digits() {
            return Scalar::whole_milli(value);
        }
        self.rarer_milli()
    }

    #[inline(never)]
    fn rarer_milli(&mut self) -> Option<Milli> {
        self.take_scalar().milli()
    }

    /// Takes an identity: a string's bytes, or a number's digits.
    pub(crate) fn take_id(&mut self) -> Option<Str<'a>> {
        self.take_scalar().id()
    }

    /// As [`take_id`](Self::take_id), into an empty slot as [`first_text`](Self::first_text).
    #[inline]
    pub(crate) fn first_id(&mut self, slot: &mut Option<Str<'a>>) {
        let (_, len) = number::digits(self.rest);
        match self.rest.split_at_checked(len).filter(|_| len > 0) {
            Some((digits, rest)) => {
                self.rest = rest;
                slot.get_or_insert(Str::new(digits, 0, false, Charset::Utf8));
            }
            None => self.rarer_first_id(slot),
        }
    }

    #[inline(never)]
    fn rarer_first_id(&mut self, slot: &mut Option<Str<'a>>) {
        first(slot, self.take_id());
    }

    /// Takes a truth value in any of its spellings.
    #[inline]
    pub(crate) fn take_truth(&mut self) -> Option<bool> {
        if let Some(value) = self.digits() {
            return Scalar::whole_truth(value);
        }
        self.rarer_truth()
    }

    #[inline(never)]
    fn rarer_truth(&mut self) -> Option<bool> {
        self.take_scalar().truth()
    }

    /// Takes a value and checks its grammar, nothing else.
    pub(crate) fn pass(&mut self) {
        match self.byte() {
            b'{' => self.members(|_, _| ()),
            b'[' => self.elements(|_, _| ()),
            b'"' => drop(self.string()),
            b't' => drop(self.word(b"true")),
            b'f' => drop(self.word(b"false")),
            b'n' => drop(self.word(b"null")),
            _ => drop(self.number()),
        }
    }

    /// Makes sure that nothing but blanks follows, and nothing broke before.
    pub(crate) fn finish(&mut self) -> Result<(), DecodeError> {
        self.space();
        if !self.rest.is_empty() {
            self.refuse(self.fail(ErrorCode::Syntax));
        }
        self.broken.map_or(Ok(()), Err)
    }
}

impl<'a> Json<'a> {
    /// An error at the next byte.
    pub(crate) fn fail(&self, code: ErrorCode) -> DecodeError {
        DecodeError::new(code, self.at(), "")
    }

    /// Breaks here, unless it broke before: there is nothing more to read.
    #[cold]
    fn refuse(&mut self, error: DecodeError) {
        self.broken.get_or_insert(error);
        self.rest = &[];
    }

    #[inline]
    fn space(&mut self) {
        self.rest = past_blanks(self.rest);
    }

    /// The next byte that is no blank, not taken; 0 at the end, which JSON has nowhere either.
    #[inline(always)]
    fn byte(&mut self) -> u8 {
        // Devices write JSON without blanks.
        match self.rest.first() {
            Some(&b) if b > b' ' => b,
            _ => self.byte_after_space(),
        }
    }

    #[inline(never)]
    fn byte_after_space(&mut self) -> u8 {
        self.space();
        self.rest.first().copied().unwrap_or(0)
    }

    /// A byte does not belong where it stands.
    #[cold]
    fn unexpected(&mut self) {
        let code = if self.rest.is_empty() { ErrorCode::Truncated } else { ErrorCode::Syntax };
        self.refuse(self.fail(code));
    }

    #[inline]
    fn open(&mut self, bracket: u8) -> bool {
        if let Some((first, rest)) = self.rest.split_first()
            && *first == bracket
            && self.depth < MAX_DEPTH
        {
            self.depth += 1;
            self.rest = rest;
            return true;
        }
        self.open_after_space(bracket)
    }

    #[inline(never)]
    fn open_after_space(&mut self, bracket: u8) -> bool {
        let found = self.byte_after_space();
        if found == bracket && self.depth < MAX_DEPTH {
            self.depth += 1;
            self.step();
            return true;
        }
        self.closed_off(found, bracket);
        false
    }

    /// What should be open is not.
    #[cold]
    fn closed_off(&mut self, found: u8, bracket: u8) {
        match found {
            0 => self.unexpected(),
            _ if found == bracket => self.refuse(self.fail(ErrorCode::TooLarge)),
            _ => self.refuse(self.fail(ErrorCode::Value)),
        }
    }

    /// Takes the closing bracket if it comes next.
    #[inline]
    fn close(&mut self, bracket: u8) -> bool {
        self.byte();
        if let Some((first, rest)) = self.rest.split_first()
            && *first == bracket
        {
            self.rest = rest;
            self.depth = self.depth.saturating_sub(1);
            return true;
        }
        false
    }

    /// Takes a comma (`true`) or the closing bracket (`false`).
    #[inline(always)]
    fn more(&mut self, bracket: u8) -> bool {
        match self.rest.split_first() {
            Some((b',', rest)) => {
                self.rest = rest;
                true
            }
            Some((first, rest)) if *first == bracket => {
                self.rest = rest;
                self.depth = self.depth.saturating_sub(1);
                false
            }
            _ => self.more_after_space(bracket),
        }
    }

    #[inline(never)]
    fn more_after_space(&mut self, bracket: u8) -> bool {
        self.space();
        if let Some((b',', rest)) = self.rest.split_first() {
            self.rest = rest;
            return true;
        }
        if !self.close(bracket) {
            self.unexpected();
        }
        false
    }

    /// The key that `rest` begins with, and the value behind its colon and blanks, as devices write them; nothing at any
    /// other.
    #[inline(always)]
    fn plain_key(&mut self, rest: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        // In any charset: no character of GBK ends in a quote, and one that ends in a backslash stops the scan.
        let [b'"', text @ ..] = rest else { return None };
        let (name, behind) = text.split_at_checked(self.plain(text))?;
        let value = behind.strip_prefix(b"\":")?;
        match value.first() {
            Some(first) if *first > b' ' => Some((name, value)),
            _ => Some((name, past_blanks(value))),
        }
    }

    /// Takes a key and its colon, with blanks, escapes or in GBK.
    #[inline(never)]
    fn rarer_key(&mut self) -> Option<Text<'a>> {
        if self.byte() != b'"' {
            self.unexpected();
            return None;
        }
        let key = self.string()?;
        if self.byte() != b':' {
            self.unexpected();
            return None;
        }
        self.step();
        match key.decode() {
            Ok(name) => Some(name),
            // Nobody asks for a key that is no text.
            Err(_) if key.is_plain() => Some(Text::Borrowed("")),
            Err(error) => {
                self.refuse(error);
                None
            }
        }
    }

    #[inline(always)]
    fn string(&mut self) -> Option<Str<'a>> {
        match self.plain_string() {
            None => self.rarer_string(),
            text => text,
        }
    }

    /// Takes a string without escapes that comes next; stays where it is at anything else.
    #[inline(always)]
    fn plain_string(&mut self) -> Option<Str<'a>> {
        let [b'"', text @ ..] = self.rest else { return None };
        let (raw, behind) = text.split_at_checked(self.plain(text))?;
        let at = self.at() + 1;
        self.rest = behind.strip_prefix(b"\"")?;
        Some(Str::new(raw, at, false, self.charset))
    }

    /// A string with escapes, in GBK, or without an end.
    #[inline(never)]
    fn rarer_string(&mut self) -> Option<Str<'a>> {
        let at = self.at() + 1;
        let text = self.rest.get(1..).unwrap_or_default();
        let (end, how) = text::scan(text, self.charset);
        let (raw, behind) = text.split_at_checked(end).unwrap_or_default();
        if matches!(how, End::Truncated | End::Syntax) {
            let code = if how == End::Syntax { ErrorCode::Syntax } else { ErrorCode::Truncated };
            self.refuse(DecodeError::new(code, at + end, ""));
            return None;
        }
        self.rest = behind.get(1..).unwrap_or_default();
        Some(Str::new(raw, at, how == End::Escaped, self.charset))
    }

    /// Takes a number of up to eighteen digits and nothing else; stays where it is at any other.
    #[inline(always)]
    fn digits(&mut self) -> Option<i64> {
        // A code of one digit is what most numbers are.
        if let [digit @ b'0'..=b'9', b',' | b'}', ..] = self.rest {
            self.step();
            return Some(i64::from(digit - b'0'));
        }
        let (value, len) = number::digits(self.rest);
        self.rest = self.rest.get(len..).filter(|_| len > 0)?;
        Some(value)
    }

    #[inline]
    fn number(&mut self) -> Num<'a> {
        let (len, whole) = match number::scan(self.rest) {
            Ok(len) => (len, true),
            Err(len) => (len, false),
        };
        let (number, rest) = self.rest.split_at_checked(len).unwrap_or_default();
        self.rest = rest;
        if !whole {
            self.unexpected();
            return Num::new(b"0");
        }
        Num::new(number)
    }

    /// Takes a word that begins with the next byte.
    fn word(&mut self, word: &'static [u8]) -> bool {
        if let Some(rest) = self.rest.strip_prefix(word) {
            self.rest = rest;
            return true;
        }
        let code = if word.starts_with(self.rest) { ErrorCode::Truncated } else { ErrorCode::Syntax };
        self.refuse(self.fail(code));
        false
    }

    /// Passes over the next byte.
    #[inline]
    fn step(&mut self) {
        if let [_, rest @ ..] = self.rest {
            self.rest = rest;
        }
    }
}

#[inline(never)]
fn past_blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

/// Keeps the first value: of a key that an object has twice, the first counts.
pub(crate) fn first<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}

#[cfg(test)]
mod tests;
