//! Text out of frames: borrowed where it stands, inline where it is short, on the heap only when neither works.

use core::{fmt, ops::Deref};

/// The longest text kept inline, in bytes.
const SHORT: usize = 32;

/// A text that borrows from the frame where it can.
///
/// Texts of up to 32 bytes that have to be made (a version number out of three bytes, a decoded GBK plate) are kept
/// inline, so binary protocols never touch the heap.
///
/// ```
/// use device_codec::Text;
/// assert_eq!(Text::format(format_args!("{}.{}.{}", 0, 29, 2)).as_str(), "0.29.2");
/// ```
#[derive(Clone)]
pub enum Text<'a> {
    /// Where it stands in the frame, or a constant.
    Borrowed(&'a str),
    /// Made by the decoder, at most 32 bytes.
    Short(Short),
    /// Made by the decoder, longer.
    Owned(Box<str>),
}

/// A short text, inline.
#[derive(Clone, Copy)]
pub struct Short {
    bytes: [u8; SHORT],
    len: u8,
}

impl Short {
    fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; SHORT];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self { bytes, len: text.len() as u8 })
    }

    fn as_str(&self) -> &str {
        self.bytes.get(..usize::from(self.len)).and_then(|b| core::str::from_utf8(b).ok()).unwrap_or("")
    }
}

impl<'a> Text<'a> {
    /// The text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Short(text) => text.as_str(),
            Self::Owned(text) => text,
        }
    }

    /// A text of its own, inline if it is short.
    pub fn own(text: &str) -> Text<'static> {
        Short::new(text).map_or_else(|| Text::Owned(text.into()), Text::Short)
    }

    /// A formatted text, without the heap if it is short.
    pub fn format(arguments: fmt::Arguments<'_>) -> Text<'static> {
        let mut inline = Writer { bytes: [0; SHORT], len: 0 };
        match fmt::write(&mut inline, arguments) {
            Ok(()) => Text::Short(Short { bytes: inline.bytes, len: inline.len as u8 }),
            Err(fmt::Error) => Text::Owned(std::fmt::format(arguments).into_boxed_str()),
        }
    }

    /// A text that outlives the frame.
    pub fn into_owned(self) -> Text<'static> {
        match self {
            Self::Borrowed(text) => Text::own(text),
            Self::Short(text) => Text::Short(text),
            Self::Owned(text) => Text::Owned(text),
        }
    }

    /// Bytes as upper-case hex, without the heap up to sixteen bytes.
    pub fn hex(bytes: &[u8]) -> Text<'static> {
        Self::digits(bytes, b"0123456789ABCDEF")
    }

    /// A number as sixteen lower-case hex digits: how 64-bit device ids are written.
    pub fn hex_u64(number: u64) -> Text<'static> {
        let mut bytes = [0; SHORT];
        for (slot, half) in bytes.chunks_mut(8).zip([number >> 32, number & 0xffff_ffff]) {
            slot.copy_from_slice(&eight_digits(half).to_be_bytes());
        }
        Text::Short(Short { bytes, len: 16 })
    }

    /// Bytes as lower-case hex, without the heap up to sixteen bytes.
    pub fn hex_lower(bytes: &[u8]) -> Text<'static> {
        Self::digits(bytes, b"0123456789abcdef")
    }

    /// Bytes in these sixteen digits.
    fn digits(bytes: &[u8], digits: &[u8; 16]) -> Text<'static> {
        let digit = |half: u8| digits.get(usize::from(half)).copied().unwrap_or(b'0');
        let mut text = [0; SHORT];
        if bytes.len() * 2 > SHORT {
            let text = bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|half| char::from(digit(half)));
            return Text::Owned(text.collect::<String>().into_boxed_str());
        }
        for (pair, b) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
            *pair = [digit(b >> 4), digit(b & 15)];
        }
        Text::Short(Short { bytes: text, len: bytes.len() as u8 * 2 })
    }

    /// Decimal numbers one behind the other, each with at least so many digits.
    pub(crate) fn decimals<const N: usize>(parts: [(u32, usize); N]) -> Text<'static> {
        let mut text = Writer { bytes: [0; SHORT], len: 0 };
        for (number, width) in parts {
            let mut buffer = itoa::Buffer::new();
            let digits = buffer.format(number);
            let zeros = "0000000000".get(..width.saturating_sub(digits.len())).unwrap_or_default();
            // Three numbers of at most ten digits always fit.
            let _ = fmt::Write::write_str(&mut text, zeros);
            let _ = fmt::Write::write_str(&mut text, digits);
        }
        Text::Short(Short { bytes: text.bytes, len: text.len as u8 })
    }

    /// GBK bytes, as far as the first NUL; `None` if they are not GBK.
    pub fn gbk(bytes: &'a [u8]) -> Option<Self> {
        let text = bytes.split(|b| *b == 0).next().unwrap_or(bytes);
        if text.is_ascii() {
            return core::str::from_utf8(text).ok().map(Self::Borrowed);
        }
        let mut inline = [0; SHORT];
        let mut decoder = encoding_rs::GBK.new_decoder_without_bom_handling();
        match decoder.decode_to_utf8_without_replacement(text, &mut inline, true) {
            (encoding_rs::DecoderResult::InputEmpty, _, len) => {
                Some(Self::Short(Short { bytes: inline, len: len as u8 }))
            }
            (encoding_rs::DecoderResult::OutputFull, ..) => {
                let text = encoding_rs::GBK.decode_without_bom_handling_and_without_replacement(text)?;
                Some(Self::Owned(text.into()))
            }
            (encoding_rs::DecoderResult::Malformed(..), ..) => None,
        }
    }
}

struct Writer {
    bytes: [u8; SHORT],
    len: usize,
}

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// The eight lower-case hex digits of a 32-bit number, all at once, the first in the highest byte.
const fn eight_digits(number: u64) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let spread = (number << 16 | number) & 0x0000_ffff_0000_ffff;
    let spread = (spread << 8 | spread) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (spread << 4 | spread) & 0x0f0f_0f0f_0f0f_0f0f;
    // A nibble above 9 carries into the next one's place when 6 is added.
    let letters = (nibbles + 6 * LOW) >> 4 & LOW;
    nibbles + 0x30 * LOW + letters * 0x27
}

/// Bytes that print as upper-case hex.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02X}"))
    }
}

impl Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::Borrowed(text)
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::Owned(text.into_boxed_str())
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}
impl Eq for Text<'_> {}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gbk_is_strict() {
        assert_eq!(Text::gbk(b"\xd4\xc1B12345\0junk").unwrap(), "粤B12345");
        assert_eq!(Text::gbk(b"B12345").unwrap(), "B12345");
        assert!(Text::gbk(b"\xd4").is_none());
        let long = "粤".repeat(11);
        assert_eq!(Text::gbk(&b"\xd4\xc1".repeat(11)).unwrap(), long.as_str());
    }

    #[test]
    fn short_and_long() {
        let long = "x".repeat(33);
        assert!(matches!(Text::own(&long), Text::Owned(_)));
        assert!(matches!(Text::own("x"), Text::Short(_)));
        assert_eq!(Text::format(format_args!("{long}")), long.as_str());
        for number in [0, 0x0123_4567_89ab_cdef, u64::MAX, 0x9a00_0000_0000_00a9] {
            assert_eq!(Text::hex_u64(number), format!("{number:016x}").as_str());
        }
        assert_eq!(Text::hex(&[0x1f, 0x34, 0x56, 0x78]), "1F345678");
        assert_eq!(size_of::<Option<Text<'_>>>(), 40);
    }
}
