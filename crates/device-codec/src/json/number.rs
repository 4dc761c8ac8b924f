//! JSON numbers as they were written: whole, or scaled to an integer; never a float.

use crate::{reading::Value, text::Text};

/// A number's text, known to follow the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Num<'a>(&'a [u8]);

/// The number of up to eighteen digits and nothing else that `bytes` begin with, and its length; 0 where there is none.
#[inline(never)]
pub(super) fn digits(bytes: &[u8]) -> (i64, usize) {
    const MOST: usize = 18;
    let (mut value, mut len) = bytes.first_chunk().map_or((0, 0), |eight| up_to_eight_digits(*eight));
    if len == 8 || bytes.len() < 8 {
        while let Some(digit) = bytes.get(len).map(|b| b.wrapping_sub(b'0'))
            && digit < 10
            && len < MOST
        {
            value = value * 10 + i64::from(digit);
            len += 1;
        }
    }
    let padded = len > 1 && bytes.first() == Some(&b'0');
    // At its end a text may have been cut, and the number with it.
    let ends = bytes.get(len).is_some_and(|next| !matches!(next, b'.' | b'e' | b'E' | b'0'..=b'9'));
    (value, if ends && !padded { len } else { 0 })
}

/// The digits in front and how many they are, by three products.
#[inline]
fn up_to_eight_digits(text: [u8; 8]) -> (i64, usize) {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let ones = u64::from_le_bytes(text) ^ ZEROS;
    // Above nine this carries into the top bit; what it carries on into stands behind.
    let others = (ones | ones.wrapping_add(0x7676_7676_7676_7676)) & TOPS;
    let len = others.trailing_zeros() / 8;
    // What does not belong is shifted out, and zeros stand in front.
    let ones = ones.checked_shl(64 - 8 * len).unwrap_or(0);
    let pairs = (ones.wrapping_mul(10) + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    ((fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff) as i64, len as usize)
}

/// The length of the number at the start of `bytes`, or the offset at which it breaks.
#[inline]
pub(super) fn scan(bytes: &[u8]) -> Result<usize, usize> {
    // Most numbers of devices are a few digits.
    let plain = bytes.iter().position(|b| !b.is_ascii_digit()).unwrap_or(bytes.len());
    let ends = !matches!(bytes.get(plain), Some(b'.' | b'e' | b'E'));
    if ends && (plain == 1 || plain > 1 && bytes.first() != Some(&b'0')) {
        return Ok(plain);
    }
    general(bytes)
}

fn general(bytes: &[u8]) -> Result<usize, usize> {
    let digits =
        |from: usize| bytes.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    at += match bytes.get(at) {
        Some(b'0') => 1,
        Some(b'1'..=b'9') => digits(at),
        _ => return Err(at),
    };
    if bytes.get(at) == Some(&b'.') {
        let len = digits(at + 1);
        at += 1 + len;
        if len == 0 {
            return Err(at);
        }
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        let len = digits(at);
        if len == 0 {
            return Err(at);
        }
        at += len;
    }
    Ok(at)
}

impl<'a> Num<'a> {
    pub(super) fn new(raw: &'a [u8]) -> Self {
        Self(raw)
    }

    /// A number written elsewhere than in JSON: leading zeros and a plus sign are taken, blanks around it too.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let text = text.strip_prefix(b"+").unwrap_or(text);
        let unsigned = text.strip_prefix(b"-").unwrap_or(text);
        let zeros = unsigned.iter().take_while(|b| **b == b'0').count();
        // One zero in front is grammar; more are padding, and harmless in front of digits.
        let trimmed = unsigned.get(zeros..)?;
        let whole = if trimmed.first().is_some_and(u8::is_ascii_digit) {
            trimmed
        } else {
            unsigned.get(zeros.checked_sub(1)?..)?
        };
        (scan(whole) == Ok(whole.len())).then_some(Self(text))
    }

    /// The digits as written.
    pub(crate) fn raw(self) -> &'a [u8] {
        self.0
    }

    /// The digits as a text.
    pub(crate) fn text(self) -> Text<'a> {
        core::str::from_utf8(self.0).map_or(Text::Borrowed(""), Text::Borrowed)
    }

    /// The digits as a value that prints as they do.
    pub(crate) fn value(self) -> Value<'a> {
        self.plain().map_or_else(|| self.text().into(), Value::Int)
    }

    /// The value of what are nothing but digits, the first of them no zero: formatted they are the same again.
    #[inline]
    pub(super) fn plain(self) -> Option<i64> {
        match self.0 {
            [b'1'..=b'9', rest @ ..] if rest.len() < 18 => {
                self.0.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
            }
            _ => None,
        }
    }

    /// The value, if it is whole and fits.
    #[inline]
    pub(crate) fn int(self) -> Option<i64> {
        let (negative, digits) = match self.0.strip_prefix(b"-") {
            Some(digits) => (true, digits),
            None => (false, self.0),
        };
        // Short plain digits are what devices send; everything else goes the exact, slower way.
        if digits.len() <= 18 {
            let value = digits
                .iter()
                .try_fold(0i64, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')));
            if let Some(value) = value {
                return Some(if negative { -value } else { value });
            }
        }
        let whole = self.scaled(0)?;
        (self.scaled(6) == whole.checked_mul(1_000_000)).then_some(whole)
    }

    /// The value times 10^`places`, rounded half away from zero; nothing where that does not fit.
    pub(crate) fn scaled(self, places: i32) -> Option<i64> {
        let (negative, rest) = match self.0.strip_prefix(b"-") {
            Some(rest) => (true, rest),
            None => (false, self.0),
        };
        let mantissa_len = rest.iter().position(|b| matches!(b, b'e' | b'E')).unwrap_or(rest.len());
        let (mantissa, exponent) = rest.split_at(mantissa_len);
        let exponent = exponent_of(exponent);
        let whole_len = mantissa.iter().position(|b| *b == b'.').unwrap_or(mantissa.len());
        let digits = || mantissa.iter().filter(|b| b.is_ascii_digit()).map(|b| i64::from(b - b'0'));
        let keep = i64::try_from(whole_len).ok()? + i64::from(exponent) + i64::from(places);
        let Ok(keep) = usize::try_from(keep) else { return Some(0) };
        let mut value: i64 = 0;
        for digit in digits().chain(core::iter::repeat(0)).take(keep.min(mantissa.len() + 20)) {
            value = value.checked_mul(10)?.checked_add(digit)?;
        }
        if keep > mantissa.len() + 20 && value != 0 {
            return None;
        }
        if digits().nth(keep).is_some_and(|next| next >= 5) {
            value = value.checked_add(1)?;
        }
        Some(if negative { -value } else { value })
    }
}

/// The exponent after `e`, held within ±1000: beyond that every value is 0 or does not fit.
fn exponent_of(text: &[u8]) -> i32 {
    let text = text.get(1..).unwrap_or_default();
    let (negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, text),
    };
    let value = digits.iter().fold(0i32, |sum, b| (sum * 10 + i32::from(b.wrapping_sub(b'0'))).min(1000));
    if negative { -value } else { value }
}
