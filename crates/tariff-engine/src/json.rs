//! A strict JSON reader that refuses objects naming a field twice, and the canonical writer (RFC 8785).

use std::borrow::Cow;

use parking_types::append_json_string;

/// A parsed JSON value; texts without escapes borrow from the input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    /// The number as it was written.
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    /// Fields in the order written; no name occurs twice.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// The input is not the JSON that is read here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BadJson(pub(crate) &'static str);

/// How deep values may nest; documents of the format nest seven deep.
const DEPTH: u32 = 64;

/// Reads one JSON value and nothing after it.
pub(crate) fn parse(input: &[u8]) -> Result<Json<'_>, BadJson> {
    let text = core::str::from_utf8(input).map_err(|_| BadJson("not UTF-8"))?;
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(DEPTH)?;
    parser.blanks();
    if parser.at == text.len() { Ok(value) } else { Err(BadJson("text after the JSON value")) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, BadJson> {
        let found = self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes()));
        self.at += word.len();
        if found { Ok(value) } else { Err(BadJson("not a JSON value")) }
    }

    fn value(&mut self, depth: u32) -> Result<Json<'a>, BadJson> {
        let depth = depth.checked_sub(1).ok_or(BadJson("nested too deeply"))?;
        self.blanks();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Json::Text),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(BadJson("not a JSON value")),
        }
    }

    fn object(&mut self, depth: u32) -> Result<Json<'a>, BadJson> {
        self.at += 1;
        let mut fields: Vec<(Cow<'a, str>, Json<'a>)> = Vec::new();
        self.blanks();
        if self.take(b'}') {
            return Ok(Json::Object(fields));
        }
        loop {
            self.blanks();
            let name = self.string()?;
            self.blanks();
            if !self.take(b':') {
                return Err(BadJson("no colon after a field's name"));
            }
            let value = self.value(depth)?;
            fields.push((name, value));
            self.blanks();
            if self.take(b'}') {
                break;
            }
            if !self.take(b',') {
                return Err(BadJson("an object that does not end"));
            }
        }
        if names_repeat(&fields) { Err(BadJson("a field named twice")) } else { Ok(Json::Object(fields)) }
    }

    fn list(&mut self, depth: u32) -> Result<Json<'a>, BadJson> {
        self.at += 1;
        let mut items = Vec::new();
        self.blanks();
        if self.take(b']') {
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.blanks();
            if self.take(b']') {
                return Ok(Json::List(items));
            }
            if !self.take(b',') {
                return Err(BadJson("a list that does not end"));
            }
        }
    }

    fn number(&mut self) -> Result<Json<'a>, BadJson> {
        let start = self.at;
        self.take(b'-');
        let whole = self.digits();
        let leading_zero = whole > 1 && self.text.as_bytes().get(self.at - whole) == Some(&b'0');
        let mut good = whole > 0 && !leading_zero;
        if self.take(b'.') {
            good &= self.digits() > 0;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            good &= self.digits() > 0;
        }
        match self.text.get(start..self.at) {
            Some(number) if good => Ok(Json::Number(number)),
            _ => Err(BadJson("not a number")),
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self) -> Result<Cow<'a, str>, BadJson> {
        if !self.take(b'"') {
            return Err(BadJson("not a text"));
        }
        let start = self.at;
        let mut owned: Option<String> = None;
        let mut copied = start;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let tail = self.text.get(copied..self.at).unwrap_or("");
                    self.at += 1;
                    return Ok(match owned {
                        None => Cow::Borrowed(tail),
                        Some(text) => Cow::Owned(text + tail),
                    });
                }
                Some(b'\\') => {
                    let text = owned.get_or_insert_default();
                    text.push_str(self.text.get(copied..self.at).unwrap_or(""));
                    self.at += 1;
                    let character = self.escape()?;
                    text.push(character);
                    copied = self.at;
                }
                Some(0..=0x1f) | None => return Err(BadJson("a text that does not end")),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<char, BadJson> {
        let kind = self.peek();
        self.at += 1;
        Ok(match kind {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(BadJson("not an escape")),
        })
    }

    fn unicode(&mut self) -> Result<char, BadJson> {
        let bad = BadJson("not a Unicode escape");
        let first = self.four_hex().ok_or(bad)?;
        let code = match first {
            0xd800..=0xdbff => {
                let second = if self.take(b'\\') && self.take(b'u') { self.four_hex() } else { None };
                match second {
                    Some(low @ 0xdc00..=0xdfff) => 0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00),
                    _ => return Err(bad),
                }
            }
            code => code,
        };
        char::from_u32(code).ok_or(bad)
    }

    fn four_hex(&mut self) -> Option<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |sum, b| Some(sum * 16 + char::from(*b).to_digit(16)?))
    }
}

fn names_repeat(fields: &[(Cow<'_, str>, Json<'_>)]) -> bool {
    if fields.len() <= 12 {
        let repeats = |(index, (name, _)): (usize, &(Cow<'_, str>, Json<'_>))| {
            fields.iter().take(index).any(|(before, _)| before == name)
        };
        return fields.iter().enumerate().any(repeats);
    }
    let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
}

/// A whole number that a JSON number says exactly: `1`, `1.0`.
pub(crate) fn whole_number(number: &str) -> Option<u64> {
    let whole = match number.split_once('.') {
        None => number,
        Some((whole, zeros)) if zeros.bytes().all(|b| b == b'0') => whole,
        Some(_) => return None,
    };
    if whole == "-0" { Some(0) } else { whole.parse().ok() }
}

/// Appends the canonical form of a value (RFC 8785). Documents hold no other numbers than whole ones; any other is
/// written as it was read.
pub(crate) fn write_canonical(out: &mut Vec<u8>, value: &Json<'_>) {
    match value {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(true) => out.extend_from_slice(b"true"),
        Json::Bool(false) => out.extend_from_slice(b"false"),
        Json::Number(number) => match whole_number(number) {
            Some(whole) => out.extend_from_slice(whole.to_string().as_bytes()),
            None => out.extend_from_slice(number.as_bytes()),
        },
        Json::Text(text) => append_json_string(out, text),
        Json::List(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_canonical(out, item);
            }
            out.push(b']');
        }
        Json::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (index, (name, item)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                append_json_string(out, name);
                out.push(b':');
                write_canonical(out, item);
            }
            out.push(b'}');
        }
    }
}

/// The SHA-256 of bytes, in hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    use sha2::{Digest as _, Sha256};
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a `String` cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_and_is_not_json() {
        for good in
            ["1", " [1, 2.5e-3, -0] ", r#"{"a":{"b":[null,true,false]}}"#, r#""\ud83d\ude97\n""#, "[]", "{}"]
        {
            assert!(parse(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "01",
            "1.",
            ".5",
            "+1",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "nul",
            "\"\\ud83d\"",
            "\"\n\"",
            "1 2",
            "[",
            "\"",
            "{\"a\" 1}",
            "\"\\x\"",
            "tru",
            "-",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse(b"\"\xff\"").is_err());
        assert!(parse("[".repeat(100).as_bytes()).is_err());
    }

    #[test]
    fn a_name_twice_is_refused_however_it_is_written() {
        assert_eq!(parse(br#"{"a":1,"\u0061":2}"#), Err(BadJson("a field named twice")));
        let many: Vec<String> = (0..40).map(|n| format!("\"f{}\":0", n % 39)).collect();
        assert!(parse(format!("{{{}}}", many.join(",")).as_bytes()).is_err());
        assert!(parse(br#"{"a":{"b":1},"b":2}"#).is_ok());
    }

    #[test]
    fn the_canonical_form_sorts_by_utf_16_and_escapes_least() {
        let text = "{\"\u{fb33}\":3, \"\u{1f600}\":2.0, \"a\":[\"\\u000f\\u20ac\\/\\\"\"]}";
        let mut out = Vec::new();
        write_canonical(&mut out, &parse(text.as_bytes()).unwrap());
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"a\":[\"\\u000f€/\\\"\"],\"\u{1f600}\":2,\"\u{fb33}\":3}"
        );
    }

    #[test]
    fn digests() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
