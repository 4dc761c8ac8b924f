//! Dates, times of day and wall-clock times, before any zone is applied.

use core::fmt;

use crate::time::Span;

/// A day of the proleptic Gregorian calendar, as days since 1970-01-01. Prints as `2026-10-01`.
///
/// ```
/// use parking_types::{Date, Weekday};
/// let day = Date::parse("2026-10-01").unwrap();
/// assert_eq!(day.weekday(), Weekday::Thu);
/// assert_eq!(day.plus_days(31).to_string(), "2026-11-01");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Date(i32);

/// A day of the week.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Weekday {
    /// Monday
    Mon,
    /// Tuesday
    Tue,
    /// Wednesday
    Wed,
    /// Thursday
    Thu,
    /// Friday
    Fri,
    /// Saturday
    Sat,
    /// Sunday
    Sun,
}

/// Seconds since local midnight by the wall clock, 0 … 86,400; `24:00` is the end of a day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TimeOfDay(u32);

/// What a wall clock shows, in nanoseconds since 1970-01-01T00:00:00 local time; no zone is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Local(i64);

impl Date {
    /// From days since 1970-01-01.
    pub const fn from_days(days: i32) -> Self {
        Self(days)
    }

    /// From year, month 1–12 and day 1–31, or `None` where there is no such day.
    pub const fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        if month < 1
            || month > 12
            || day < 1
            || day > days_in_month(year, month)
            || year < -9999
            || year > 9999
        {
            return None;
        }
        // Days from civil, Howard Hinnant's algorithm: years begin in March, 400-year eras of 146,097 days.
        let y = (if month <= 2 { year - 1 } else { year }) as i64;
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let month_from_march = (month as i64 + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + day as i64 - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(Self((era * 146_097 + day_of_era - 719_468) as i32))
    }

    /// Reads `YYYY-MM-DD`, or `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0u32, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
        };
        match text.as_bytes() {
            [y @ .., b'-', m1, m2, b'-', d1, d2] if y.len() == 4 => {
                Self::from_ymd(number(y)? as i32, number(&[*m1, *m2])?, number(&[*d1, *d2])?)
            }
            _ => None,
        }
    }

    /// Days since 1970-01-01.
    pub const fn days(self) -> i32 {
        self.0
    }

    /// Year, month 1–12, day 1–31.
    pub const fn ymd(self) -> (i32, u32, u32) {
        let z = self.0 as i64 + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + (month <= 2) as i64;
        (year as i32, month as u32, day as u32)
    }

    /// The day of the week.
    pub const fn weekday(self) -> Weekday {
        match (self.0 as i64 + 3).rem_euclid(7) {
            0 => Weekday::Mon,
            1 => Weekday::Tue,
            2 => Weekday::Wed,
            3 => Weekday::Thu,
            4 => Weekday::Fri,
            5 => Weekday::Sat,
            _ => Weekday::Sun,
        }
    }

    /// The date `days` later (earlier when negative), saturating.
    pub const fn plus_days(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The date whole months later; a day that the month lacks becomes its last (31 January + 1 month = 28 or 29
    /// February). `None` outside years −9999 to 9999.
    pub const fn plus_months(self, months: i32) -> Option<Self> {
        let (year, month, day) = self.ymd();
        let index = year as i64 * 12 + month as i64 - 1 + months as i64;
        let (year, month) = (index.div_euclid(12) as i32, index.rem_euclid(12) as u32 + 1);
        let last = days_in_month(year, month);
        Self::from_ymd(year, month, if day < last { day } else { last })
    }

    /// Midnight at the start of this date, by the wall clock; of a date outside the years 1677 to 2262, the end of what
    /// can be said.
    pub const fn midnight(self) -> Local {
        Local((self.0 as i64).saturating_mul(86_400_000_000_000))
    }
}

const fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

impl TimeOfDay {
    /// 00:00
    pub const MIDNIGHT: Self = Self(0);
    /// 24:00
    pub const END: Self = Self(86_400);

    /// From seconds since midnight; `None` above 86,400.
    pub const fn from_secs(secs: u32) -> Option<Self> {
        if secs <= 86_400 { Some(Self(secs)) } else { None }
    }

    /// Seconds since midnight.
    pub const fn as_secs(self) -> u32 {
        self.0
    }

    /// Reads `HH:MM`, `HH:MM:SS` or `24:00`, or `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let two = |t: u8, o: u8| {
            (t.is_ascii_digit() && o.is_ascii_digit()).then(|| u32::from(t - b'0') * 10 + u32::from(o - b'0'))
        };
        let (hour, minute, second) = match text.as_bytes() {
            [h1, h2, b':', m1, m2] => (two(*h1, *h2)?, two(*m1, *m2)?, 0),
            [h1, h2, b':', m1, m2, b':', s1, s2] => (two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?),
            _ => return None,
        };
        let secs = hour * 3600 + minute * 60 + second;
        (minute < 60 && second < 60 && secs <= 86_400).then_some(Self(secs))
    }
}

impl Local {
    /// From nanoseconds since 1970-01-01T00:00:00 local time.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }
    /// Nanoseconds since 1970-01-01T00:00:00 local time.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }
    /// This date at that time of day; `None` outside years 1677 to 2262.
    pub const fn new(date: Date, time: TimeOfDay) -> Option<Self> {
        match (date.days() as i64 * 86_400 + time.0 as i64).checked_mul(1_000_000_000) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }
    /// The date.
    pub const fn date(self) -> Date {
        Date(self.0.div_euclid(86_400_000_000_000) as i32)
    }
    /// Nanoseconds since midnight, by the wall clock.
    pub const fn nanos_of_day(self) -> i64 {
        self.0.rem_euclid(86_400_000_000_000)
    }
    /// The wall-clock time `span` later on the same clock.
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.as_nanos()))
    }
    /// Reads `YYYY-MM-DDTHH:MM`, `YYYY-MM-DDTHH:MM:SS` (or a blank for the `T`), with a fraction of up to nine
    /// digits after the seconds; `None` otherwise.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let clock = rest.strip_prefix(['T', ' '])?;
        let (clock, nanos) = match clock.split_once('.') {
            None => (clock, 0),
            Some((clock, digits)) => {
                if clock.len() != 8
                    || digits.is_empty()
                    || digits.len() > 9
                    || !digits.bytes().all(|b| b.is_ascii_digit())
                {
                    return None;
                }
                let width = 9 - digits.len() as u32;
                (clock, digits.parse::<i64>().ok()? * 10i64.pow(width))
            }
        };
        let time = TimeOfDay::parse(clock).filter(|time| *time < TimeOfDay::END)?;
        Self::new(Date::parse(date)?, time)?.0.checked_add(nanos).map(Self)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 3600, self.0 / 60 % 60)?;
        if self.0.is_multiple_of(60) { Ok(()) } else { write!(f, ":{:02}", self.0 % 60) }
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.nanos_of_day() / 1_000_000_000;
        write!(f, "{}T{:02}:{:02}:{:02}", self.date(), secs / 3600, secs / 60 % 60, secs % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_days() {
        for (text, days, weekday) in [
            ("1970-01-01", 0, Weekday::Thu),
            ("2000-02-29", 11_016, Weekday::Tue),
            ("1969-12-31", -1, Weekday::Wed),
            ("2026-11-22", 20_779, Weekday::Sun),
        ] {
            let date = Date::parse(text).unwrap();
            assert_eq!((date.days(), date.weekday()), (days, weekday), "{text}");
        }
        for bad in ["2023-02-29", "2023-13-01", "2023-00-01", "2023-1-01", "23-01-01", "2023-01-32", ""] {
            assert_eq!(Date::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn months_end_where_the_month_ends() {
        let january = Date::parse("2024-01-31").unwrap();
        assert_eq!(january.plus_months(1), Date::parse("2024-02-29"));
        assert_eq!(january.plus_months(13), Date::parse("2025-02-28"));
        assert_eq!(january.plus_months(-2), Date::parse("2023-11-30"));
    }

    #[test]
    fn times_of_day() {
        assert_eq!(TimeOfDay::parse("24:00"), Some(TimeOfDay::END));
        assert_eq!(TimeOfDay::parse("07:30:05").unwrap().to_string(), "07:30:05");
        for bad in ["24:01", "7:30", "07:60", "07:30:60", "0730", ""] {
            assert_eq!(TimeOfDay::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn wall_clock_times() {
        assert_eq!(Local::parse("1970-01-01 00:00:01.5"), Some(Local::from_nanos(1_500_000_000)));
        assert_eq!(Local::parse("2022-01-01T24:00"), None);
        assert_eq!(Local::parse("2022-01-01T08:00").unwrap().to_string(), "2022-01-01T08:00:00");
    }

    proptest! {
        #[test]
        fn dates_print_and_parse(days in -700_000i32..2_900_000) {
            let date = Date::from_days(days);
            let (year, month, day) = date.ymd();
            prop_assert_eq!(Date::from_ymd(year, month, day), Some(date));
            if year >= 0 {
                prop_assert_eq!(Date::parse(&date.to_string()), Some(date));
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,30}") {
            let _ = (Date::parse(&text), TimeOfDay::parse(&text), Local::parse(&text));
        }
    }
}
