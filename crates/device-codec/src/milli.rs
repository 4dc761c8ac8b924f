//! Measured values: whole thousandths of a unit.

use core::{fmt, num::NonZeroU32};

/// A measured value in thousandths of its unit (volts, degrees, decibels, per cent), exact and without floats.
///
/// Prints as a decimal without trailing zeros. `Option<Milli>` is as large as an `i32`: a reading has many of them, and
/// they are cleared together.
///
/// ```
/// use device_codec::Milli;
/// assert_eq!(Milli::new(3344).to_string(), "3.344");
/// assert_eq!(Milli::whole(-10), Milli::new(-10_000));
/// assert_eq!(Milli::parse("0.9457").map(Milli::thousandths), Some(945));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Milli(NonZeroU32);

/// What is added to a value, so that the least one is 1 and values are ordered as their stored forms.
const BIAS: u32 = 1 << 31;

impl Milli {
    /// So many thousandths of a unit; −2,147,483,648 is taken as −2,147,483,647.
    #[inline]
    pub const fn new(thousandths: i32) -> Self {
        match NonZeroU32::new(thousandths.cast_unsigned() ^ BIAS) {
            Some(stored) => Self(stored),
            None => Self(NonZeroU32::MIN),
        }
    }

    /// How many thousandths of a unit.
    #[inline]
    pub const fn thousandths(self) -> i32 {
        (self.0.get() ^ BIAS).cast_signed()
    }

    /// A whole number of units, saturating.
    #[inline]
    pub const fn whole(units: i32) -> Self {
        Self::new(units.saturating_mul(1000))
    }

    /// Tenths of a unit, saturating.
    #[inline]
    pub const fn tenths(tenths: i32) -> Self {
        Self::new(tenths.saturating_mul(100))
    }

    /// Hundredths of a unit, saturating.
    #[inline]
    pub const fn hundredths(hundredths: i32) -> Self {
        Self::new(hundredths.saturating_mul(10))
    }

    /// Reads a JSON number (also one in exponent form) and drops what is finer than a thousandth; `None` if the
    /// text is no number or lies outside ±2,147,483.
    pub fn parse(text: &str) -> Option<Self> {
        Self::scaled(text, 3)
    }

    /// Reads a JSON number as if it were `10^shift` times larger, in thousandths: a confidence between 0 and 1 is
    /// read as per cent with `Milli::parse_shifted(text, 2)`.
    pub fn parse_shifted(text: &str, shift: u32) -> Option<Self> {
        Self::scaled(text, 3 + i64::from(shift))
    }

    fn scaled(text: &str, places: i64) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (digits, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        // Digits left of the wanted place; those right of it are dropped.
        let keep = exponent.checked_add(places)?.checked_add(i64::try_from(whole.len()).ok()?)?;
        let mut sum: i64 = 0;
        let mut taken: i64 = 0;
        for b in whole.bytes().chain(fraction.bytes()) {
            if !b.is_ascii_digit() {
                return None;
            }
            if taken < keep {
                sum = sum.checked_mul(10)?.checked_add(i64::from(b - b'0'))?;
                taken += 1;
            }
        }
        while taken < keep && sum != 0 {
            sum = sum.checked_mul(10)?;
            taken += 1;
        }
        i32::try_from(if negative { -sum } else { sum }).ok().map(Self::new)
    }
}

impl fmt::Debug for Milli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Milli").field(&self.thousandths()).finish()
    }
}

impl fmt::Display for Milli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.thousandths().unsigned_abs();
        if self.thousandths() < 0 {
            f.write_str("-")?;
        }
        let (whole, rest) = (size / 1000, size % 1000);
        match (rest, rest % 10, rest % 100) {
            (0, ..) => write!(f, "{whole}"),
            (_, _, 0) => write!(f, "{whole}.{}", rest / 100),
            (_, 0, _) => write!(f, "{whole}.{:02}", rest / 10),
            _ => write!(f, "{whole}.{rest:03}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_as_devices_write_them() {
        for (text, milli) in [
            ("1", 1000),
            ("-0.05", -50),
            ("23.50", 23_500),
            ("1e2", 100_000),
            ("12.5E-1", 1250),
            (".5", 500),
            ("0e99", 0),
        ] {
            assert_eq!(Milli::parse(text), Some(Milli::new(milli)), "{text}");
        }
        for bad in ["", "-", "x", "1.2.3", "1e", "9999999", "1e99999999999999999999", "--1", "1 "] {
            assert_eq!(Milli::parse(bad), None, "{bad}");
        }
        assert_eq!(Milli::parse_shifted("0.9457", 2), Some(Milli::new(94_570)));
    }

    #[test]
    fn as_large_as_a_number_and_ordered_as_one() {
        assert_eq!(size_of::<Option<Milli>>(), 4);
        let values = [i32::MIN + 1, -1, 0, 1, i32::MAX].map(Milli::new);
        assert!(values.is_sorted());
        assert_eq!(values.map(Milli::thousandths), [i32::MIN + 1, -1, 0, 1, i32::MAX]);
        assert_eq!(Milli::new(i32::MIN), Milli::new(i32::MIN + 1));
    }

    proptest! {
        #[test]
        fn prints_and_parses(milli in -i32::MAX..) {
            prop_assert_eq!(Milli::parse(&Milli::new(milli).to_string()), Some(Milli::new(milli)));
        }
    }
}
