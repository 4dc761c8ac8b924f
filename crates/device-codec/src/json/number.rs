//! JSON numbers as they were written: whole, or scaled to an integer; never a float.

use crate::{reading::Value, text::Text};

/// A number's text, known to follow the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Num<'a>(&'a [u8]);

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
        match self.0 {
            // Nothing but digits, the first of them no zero: formatted they are the same again.
            [b'1'..=b'9', rest @ ..] if rest.len() < 18 && rest.iter().all(u8::is_ascii_digit) => {
                self.int().map_or_else(|| self.text().into(), Value::Int)
            }
            _ => self.text().into(),
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
