//! Instants and spans, in whole nanoseconds.

use core::{
    fmt,
    ops::{Add, Neg, Sub},
    str::FromStr,
};

use crate::civil::Date;

const NANOS: i64 = 1_000_000_000;

/// A moment, in nanoseconds since 1970-01-01T00:00:00Z (years 1677 to 2262).
///
/// Parses from RFC 3339 with an offset or `Z`; [`Instant::at_offset`] prints it.
/// Arithmetic saturates at the ends of the range.
///
/// ```
/// use parking_types::Instant;
/// let at: Instant = "2022-01-01T08:00:00+08:00".parse()?;
/// assert_eq!(at.to_string(), "2022-01-01T00:00:00Z");
/// assert_eq!(at.at_offset(28_800).to_string(), "2022-01-01T08:00:00+08:00");
/// # Ok::<(), parking_types::InstantError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Instant(i64);

/// A length of time in nanoseconds; may be negative. Parses from `"90s"`, `"30m"`, `"2h"`, `"1d"` (24 h) and
/// sums of them (`"1h30m"`), and prints the same way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span(i64);

/// An RFC 3339 text taken apart, before its year is judged: it reaches over years 0000 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RawInstant {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub secs: i64,
    /// Nanoseconds within the second, 0 … 999,999,999.
    pub nanos: u32,
    /// The offset that was written, in seconds east of UTC.
    pub offset_secs: i32,
}

/// Why a text is no [`Instant`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstantError {
    /// Not RFC 3339 with an offset, or a date or time that does not exist.
    Malformed,
    /// More than nine digits after the second's point, the last ones not zero.
    TooFine,
    /// Well formed, but outside the years 1677 to 2262.
    OutOfRange,
}

/// Why a text is no [`Span`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanError {
    /// Not a sum of whole numbers each with one of `d h m s`, largest unit first.
    Malformed,
    /// More than about 292 years.
    OutOfRange,
}

impl Instant {
    /// The earliest instant that can be said.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant that can be said.
    pub const MAX: Self = Self(i64::MAX);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// From nanoseconds since 1970-01-01T00:00:00Z.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since 1970-01-01T00:00:00Z, or `None` outside the range.
    pub const fn from_secs(secs: i64) -> Option<Self> {
        match secs.checked_mul(NANOS) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(NANOS)
    }

    /// The instant rounded down to a multiple of `unit` since the epoch; `unit` must be positive, else unchanged.
    pub const fn floor(self, unit: Span) -> Self {
        if unit.0 <= 0 { self } else { Self(self.0.saturating_sub(self.0.rem_euclid(unit.0))) }
    }

    /// A value that prints as RFC 3339 with this offset, in seconds east of UTC. Seconds of the offset are dropped
    /// from the printed offset, as RFC 3339 has none, and the local time is moved to fit.
    pub const fn at_offset(self, offset_secs: i32) -> AtOffset {
        AtOffset { at: self, offset_secs: offset_secs / 60 * 60 }
    }

    /// Takes an RFC 3339 text apart without judging the year.
    ///
    /// # Errors
    /// [`InstantError::Malformed`] and [`InstantError::TooFine`].
    pub fn parse_raw(text: &str) -> Result<RawInstant, InstantError> {
        RawInstant::parse(text.as_bytes())
    }
}

impl RawInstant {
    fn parse(text: &[u8]) -> Result<Self, InstantError> {
        let bad = InstantError::Malformed;
        let (date, rest) = text.split_at_checked(10).ok_or(bad)?;
        let date = core::str::from_utf8(date).ok().and_then(Date::parse).ok_or(bad)?;
        let (mark, rest) = rest.split_first().ok_or(bad)?;
        if !matches!(mark, b'T' | b't' | b' ') {
            return Err(bad);
        }
        let (clock, rest) = rest.split_at_checked(8).ok_or(bad)?;
        let (hour, minute, second) = match clock {
            [h1, h2, b':', m1, m2, b':', s1, s2] => (two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?),
            _ => return Err(bad),
        };
        if hour > 23 || minute > 59 || second > 59 {
            return Err(bad);
        }
        let (nanos, rest) = fraction(rest)?;
        let offset_secs = offset(rest)?;
        let local = i64::from(date.days()) * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
        Ok(Self { secs: local - i64::from(offset_secs), nanos, offset_secs })
    }

    /// The instant, if it lies in the years 1677 to 2262.
    ///
    /// # Errors
    /// [`InstantError::OutOfRange`] otherwise.
    pub fn instant(self) -> Result<Instant, InstantError> {
        self.secs
            .checked_mul(NANOS)
            .and_then(|n| n.checked_add(i64::from(self.nanos)))
            .map(Instant)
            .ok_or(InstantError::OutOfRange)
    }
}

fn two(tens: u8, ones: u8) -> Result<i32, InstantError> {
    if tens.is_ascii_digit() && ones.is_ascii_digit() {
        Ok(i32::from(tens - b'0') * 10 + i32::from(ones - b'0'))
    } else {
        Err(InstantError::Malformed)
    }
}

/// Digits after a point, as nanoseconds, and what follows them.
fn fraction(text: &[u8]) -> Result<(u32, &[u8]), InstantError> {
    let Some((b'.', digits)) = text.split_first() else { return Ok((0, text)) };
    let len = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at(len);
    if len == 0 {
        return Err(InstantError::Malformed);
    }
    if digits.iter().skip(9).any(|b| *b != b'0') {
        return Err(InstantError::TooFine);
    }
    let shown = digits.iter().copied().chain(core::iter::repeat(b'0')).take(9);
    Ok((shown.fold(0, |sum, b| sum * 10 + u32::from(b - b'0')), rest))
}

fn offset(text: &[u8]) -> Result<i32, InstantError> {
    match text {
        b"Z" | b"z" => Ok(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (two(*h1, *h2)?, two(*m1, *m2)?);
            if hours > 23 || minutes > 59 {
                return Err(InstantError::Malformed);
            }
            let secs = hours * 3600 + minutes * 60;
            Ok(if *sign == b'-' { -secs } else { secs })
        }
        _ => Err(InstantError::Malformed),
    }
}

impl FromStr for Instant {
    type Err = InstantError;
    fn from_str(text: &str) -> Result<Self, InstantError> {
        RawInstant::parse(text.as_bytes())?.instant()
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest span that can be said, about 292 years.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }
    /// From milliseconds, saturating.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }
    /// From seconds, saturating.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(NANOS))
    }
    /// From minutes, saturating.
    pub const fn from_mins(mins: i64) -> Self {
        Self::from_secs(mins.saturating_mul(60))
    }
    /// From hours, saturating.
    pub const fn from_hours(hours: i64) -> Self {
        Self::from_secs(hours.saturating_mul(3600))
    }
    /// From days of 24 h, saturating.
    pub const fn from_days(days: i64) -> Self {
        Self::from_secs(days.saturating_mul(86_400))
    }
    /// Nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }
    /// Whole seconds, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(NANOS)
    }
    /// The length without its sign, saturating.
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }
    /// `self` times a whole number, saturating.
    pub const fn times(self, n: i64) -> Self {
        Self(self.0.saturating_mul(n))
    }
}

impl FromStr for Span {
    type Err = SpanError;
    fn from_str(text: &str) -> Result<Self, SpanError> {
        let mut total: i64 = 0;
        let mut last_unit = i64::MAX;
        let mut rest = text.as_bytes();
        if rest.is_empty() {
            return Err(SpanError::Malformed);
        }
        while !rest.is_empty() {
            let len = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            let (digits, tail) = rest.split_at(len);
            let unit: i64 = match tail.first() {
                Some(b'd') => 86_400,
                Some(b'h') => 3600,
                Some(b'm') => 60,
                Some(b's') => 1,
                _ => return Err(SpanError::Malformed),
            };
            if len == 0 || unit >= last_unit {
                return Err(SpanError::Malformed);
            }
            last_unit = unit;
            let number =
                digits.iter().try_fold(0i64, |sum, b| sum.checked_mul(10)?.checked_add(i64::from(b - b'0')));
            let part = number.and_then(|n| n.checked_mul(unit)?.checked_mul(NANOS));
            total = part.and_then(|p| total.checked_add(p)).ok_or(SpanError::OutOfRange)?;
            rest = tail.get(1..).unwrap_or_default();
        }
        Ok(Self(total))
    }
}

impl Sub for Instant {
    type Output = Span;
    fn sub(self, other: Self) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}
impl Add<Span> for Instant {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}
impl Sub<Span> for Instant {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}
impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
impl Neg for Span {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

/// An [`Instant`] with the offset it is printed at; made by [`Instant::at_offset`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtOffset {
    pub(crate) at: Instant,
    pub(crate) offset_secs: i32,
}

impl fmt::Display for AtOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.at.0.rem_euclid(NANOS);
        let local = self.at.as_secs() + i64::from(self.offset_secs);
        let date = Date::from_days(local.div_euclid(86_400) as i32);
        let second = local.rem_euclid(86_400);
        write!(f, "{date}T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)?;
        if nanos != 0 {
            let mut digits = nanos;
            let mut width = 9;
            while digits % 10 == 0 {
                digits /= 10;
                width -= 1;
            }
            write!(f, ".{digits:0width$}")?;
        }
        match self.offset_secs {
            0 => f.write_str("Z"),
            secs => {
                let sign = if secs < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", secs.abs() / 3600, secs.abs() / 60 % 60)
            }
        }
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at_offset(0).fmt(f)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.unsigned_abs() / NANOS.unsigned_abs();
        let nanos = self.0.unsigned_abs() % NANOS.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let parts = [(secs / 86_400, 'd'), (secs / 3600 % 24, 'h'), (secs / 60 % 60, 'm')];
        for (number, unit) in parts.into_iter().filter(|(number, _)| *number != 0) {
            write!(f, "{number}{unit}")?;
        }
        match (secs % 60, nanos) {
            (0, 0) if secs != 0 => Ok(()),
            (second, 0) => write!(f, "{second}s"),
            (second, nanos) => write!(f, "{second}.{}s", format_args!("{nanos:09}")),
        }
    }
}

impl fmt::Display for InstantError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not an RFC 3339 time with an offset",
            Self::TooFine => "a time finer than a nanosecond",
            Self::OutOfRange => "a time outside the years 1677 to 2262",
        })
    }
}
impl core::error::Error for InstantError {}

impl fmt::Display for SpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a duration such as \"90s\", \"30m\", \"2h\", \"1d\" or \"1h30m\"",
            Self::OutOfRange => "a duration of more than 292 years",
        })
    }
}
impl core::error::Error for SpanError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rfc_3339() {
        let at: Instant = "2022-01-01T08:00:00.5+08:00".parse().unwrap();
        assert_eq!(at.as_nanos(), 1_640_995_200_500_000_000);
        assert_eq!(at.at_offset(-16_200).to_string(), "2021-12-31T19:30:00.5-04:30");
        for bad in [
            "",
            "2022-01-01",
            "2022-01-01T08:00:00",
            "2022-02-29T08:00:00Z",
            "2022-01-01T24:00:00Z",
            "2022-01-01T08:00:60Z",
            "2022-01-01T08:00:00.Z",
            "2022-01-01T08:00:00+8:00",
            "2022-01-01T08:00:00+24:00",
        ] {
            assert_eq!(bad.parse::<Instant>(), Err(InstantError::Malformed), "{bad}");
        }
        assert_eq!("2022-01-01T08:00:00.1234567891Z".parse::<Instant>(), Err(InstantError::TooFine));
        assert_eq!("9999-01-01T08:00:00Z".parse::<Instant>(), Err(InstantError::OutOfRange));
    }

    #[test]
    fn spans() {
        for (text, secs) in
            [("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86_400), ("1h30m", 5400), ("0s", 0)]
        {
            assert_eq!(text.parse::<Span>(), Ok(Span::from_secs(secs)), "{text}");
        }
        for bad in ["", "1", "m", "1m1h", "1h1h", "-1s", "1.5h", " 1h", "1w"] {
            assert_eq!(bad.parse::<Span>(), Err(SpanError::Malformed), "{bad}");
        }
        assert_eq!("99999999999999999999s".parse::<Span>(), Err(SpanError::OutOfRange));
    }

    proptest! {
        #[test]
        fn instants_print_and_parse(nanos in any::<i64>(), minutes in -1439i32..1440) {
            let at = Instant::from_nanos(nanos);
            prop_assert_eq!(at.at_offset(minutes * 60).to_string().parse::<Instant>(), Ok(at));
        }

        #[test]
        fn whole_spans_print_and_parse(secs in 0i64..9_000_000_000) {
            let span = Span::from_secs(secs);
            prop_assert_eq!(span.to_string().parse::<Span>(), Ok(span));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<Instant>();
            let _ = text.parse::<Span>();
        }
    }
}
