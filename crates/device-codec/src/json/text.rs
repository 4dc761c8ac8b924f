//! JSON strings: found a word at a time, decoded only where somebody reads them.

use super::Num;
use crate::{
    error::{DecodeError, ErrorCode},
    reading::Value,
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

/// The offset of the first byte that is a quote, a backslash or a control character, eight bytes at a time.
#[inline(always)]
pub(super) fn skip_plain(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let mut tail = text;
    while let Some((chunk, after)) = tail.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        // A difference sets the top bit of a byte that was too small for it. Bytes of 0x80 and more are none of these.
        // With its second bit turned a quote is 0x20, next to the control characters, which stay among themselves.
        let quote_or_control = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
        let backslash = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
        let found = (quote_or_control | backslash) & !word & TOPS;
        if found != 0 {
            return text.len() - tail.len() + (found.trailing_zeros() / 8) as usize;
        }
        tail = after;
    }
    // The last bytes of a document one by one.
    let more = tail.iter().position(|b| matches!(b, 0..=0x1f | b'"' | b'\\')).unwrap_or(tail.len());
    text.len() - tail.len() + more
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
        if self.mark & (GBK | ESCAPED) == 0
            && let Ok(text) = core::str::from_utf8(self.raw)
        {
            return Ok(Text::Borrowed(text));
        }
        self.decode_rarer()
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
