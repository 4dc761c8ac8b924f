//! Time zones: a compiled list of offsets from the IANA database that chrono-tz carries.

use core::fmt;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use chrono::{Offset as _, TimeZone as _};

use crate::{
    civil::{Date, Local},
    time::{Instant, Span},
};

const DAY: i64 = 86_400;

/// The years whose transitions are listed. What the database says stops before 2100; later years repeat the rules
/// of the year in 2061–2088 that has the same weekdays and leap day.
const FIRST_YEAR: i32 = 1900;
const LAST_KNOWN_YEAR: i32 = 2088;
const LAST_YEAR: i32 = 2261;

/// A time zone of the IANA database: offsets by instant, instants by wall-clock time.
///
/// Cheap to clone; the list of its offsets is made once a process.
///
/// ```
/// use parking_types::{Instant, Resolved, Zone};
/// let berlin = Zone::new("Europe/Berlin")?;
/// let at: Instant = "2026-03-29T01:00:00Z".parse().unwrap();
/// assert_eq!(berlin.offset_secs(at), 7200);
/// let skipped = parking_types::Local::parse("2026-03-29T02:30:00").unwrap();
/// assert!(matches!(berlin.resolve(skipped), Resolved::Skipped { .. }));
/// # Ok::<(), parking_types::ZoneError>(())
/// ```
#[derive(Clone)]
pub struct Zone(Arc<Table>);

struct Table {
    name: String,
    /// From when (seconds since the epoch) which offset holds; the first entry holds since ever.
    spans: Vec<(i64, i32)>,
    /// The number of the span that holds where each [`BUCKET`] of nanoseconds begins.
    buckets: Vec<u16>,
}

/// So many low bits of an instant count within a bucket: 2^51 ns are 26 days, in which few clocks change twice.
const BUCKET: u32 = 51;
const BUCKETS: i64 = 1 << (64 - BUCKET);

impl Table {
    fn new(name: &str, spans: Vec<(i64, i32)>) -> Self {
        let at = |bucket: i64| (bucket - BUCKETS / 2) << BUCKET;
        let holding = |nanos: i64| {
            let secs = nanos.div_euclid(1_000_000_000);
            spans.partition_point(|(from, _)| *from <= secs).saturating_sub(1) as u16
        };
        let buckets = (0..BUCKETS).map(|bucket| holding(at(bucket))).collect();
        Self { name: name.to_owned(), spans, buckets }
    }

    /// From when the span with this number holds.
    fn begins(&self, index: usize) -> Option<i64> {
        self.spans.get(index).map(|(secs, _)| secs.saturating_mul(1_000_000_000))
    }

    /// The offset in force at an instant, and where the next one begins.
    fn at(&self, nanos: i64) -> (i32, Option<i64>) {
        let bucket = (nanos >> BUCKET) + BUCKETS / 2;
        let mut index = self.buckets.get(bucket as usize).map_or(0, |index| usize::from(*index));
        let mut next = self.begins(index + 1);
        while let Some(from) = next.filter(|from| *from <= nanos) {
            index += 1;
            next = self.begins(index + 1).filter(|next| *next > from);
        }
        (self.spans.get(index).map_or(0, |(_, offset)| *offset), next)
    }
}

/// The name is not in the IANA database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneError;

/// Which instants show a wall-clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// Exactly one.
    Once(Instant),
    /// Two: the clock was set back.
    Twice(Instant, Instant),
    /// None: the clock was set forward over it, at this instant.
    Skipped {
        /// The instant at which the clock jumps.
        at: Instant,
    },
}

/// The version of the IANA time-zone database in this build, e.g. `2025b`.
pub fn tzdb_version() -> &'static str {
    chrono_tz::IANA_TZDB_VERSION
}

impl Zone {
    /// The zone with this IANA name, e.g. `Asia/Shanghai`. Names are matched exactly.
    ///
    /// # Errors
    /// [`ZoneError`] when the database has no such zone.
    pub fn new(name: &str) -> Result<Self, ZoneError> {
        static MADE: OnceLock<Mutex<BTreeMap<String, Zone>>> = OnceLock::new();
        let made = MADE.get_or_init(Mutex::default);
        if let Some(zone) = made.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(zone.clone());
        }
        let tz: chrono_tz::Tz = name.parse().map_err(|_| ZoneError)?;
        let zone = Self(Arc::new(Table::new(name, spans(tz))));
        made.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), zone.clone());
        Ok(zone)
    }

    /// The IANA name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The offset in force at `at`, in seconds east of UTC.
    pub fn offset_secs(&self, at: Instant) -> i32 {
        self.0.at(at.as_nanos()).0
    }

    /// The offset in force at `at` and the first instant after it at which another begins, if any.
    pub fn offset_until(&self, at: Instant) -> (i32, Option<Instant>) {
        let (offset_secs, next) = self.0.at(at.as_nanos());
        (offset_secs, next.map(Instant::from_nanos))
    }

    /// What a wall clock shows at `at`.
    pub fn local(&self, at: Instant) -> Local {
        Local::from_nanos(at.as_nanos()).plus(Span::from_secs(i64::from(self.offset_secs(at))))
    }

    /// The instants at which a wall clock shows `local`.
    pub fn resolve(&self, local: Local) -> Resolved {
        let wall = local.as_nanos();
        if let Some(once) = self.far_from_changes(wall) {
            return Resolved::Once(once);
        }
        let secs = wall.div_euclid(1_000_000_000);
        let first = self.index(secs - DAY);
        let last = self.index(secs + DAY);
        let mut found: [Option<Instant>; 2] = [None, None];
        let mut jump = None;
        for index in first..=last {
            let Some((_, offset)) = self.0.spans.get(index) else { continue };
            let at = Instant::from_nanos(wall) - Span::from_secs(i64::from(*offset));
            let in_force = self.index(at.as_secs());
            if in_force == index {
                if found[0].is_none() { found[0] = Some(at) } else { found[1] = Some(at) }
            } else if in_force > index && jump.is_none() {
                jump = self.0.spans.get(index + 1).and_then(|(secs, _)| Instant::from_secs(*secs));
            }
        }
        match (found, jump) {
            ([Some(a), Some(b)], _) => Resolved::Twice(a, b),
            ([Some(a), None], _) => Resolved::Once(a),
            (_, Some(at)) => Resolved::Skipped { at },
            // Offsets lie within a day of each other, so one of the arms above has held.
            _ => Resolved::Once(Instant::from_nanos(wall)),
        }
    }

    /// The instant of a wall-clock time around which one offset holds for two days: offsets lie within a day of UTC.
    fn far_from_changes(&self, wall: i64) -> Option<Instant> {
        const NANOS: i64 = DAY * 1_000_000_000;
        let (offset, next) = self.0.at(wall.checked_sub(NANOS)?);
        let settled = wall.checked_add(NANOS).is_some_and(|end| next.is_none_or(|next| next > end));
        settled.then(|| Instant::from_nanos(wall) - Span::from_secs(i64::from(offset)))
    }

    /// The first instant of a local date: its midnight, the first of two, or the end of the gap that swallowed it.
    pub fn start_of(&self, date: Date) -> Instant {
        match self.resolve(date.midnight()) {
            Resolved::Once(at) | Resolved::Twice(at, _) | Resolved::Skipped { at } => at,
        }
    }

    /// The index of the span that holds at `secs`.
    fn index(&self, secs: i64) -> usize {
        self.0.spans.partition_point(|(from, _)| *from <= secs).saturating_sub(1)
    }
}

/// Every change of offset of `tz`, found day by day and then to the second.
fn spans(tz: chrono_tz::Tz) -> Vec<(i64, i32)> {
    let offset = |secs: i64| {
        let utc = chrono::DateTime::from_timestamp(secs, 0).unwrap_or_default().naive_utc();
        tz.offset_from_utc_datetime(&utc).fix().local_minus_utc()
    };
    let mut secs = year_start(FIRST_YEAR);
    let mut now = offset(secs);
    let mut spans = vec![(i64::MIN, now)];
    while secs < year_start(LAST_KNOWN_YEAR + 1) {
        let next = offset(secs + DAY);
        if next != now {
            let (mut before, mut after) = (secs, secs + DAY);
            while after - before > 1 {
                let middle = i64::midpoint(before, after);
                if offset(middle) == now { before = middle } else { after = middle }
            }
            spans.push((after, next));
            now = next;
        }
        secs += DAY;
    }
    repeat_rules(&mut spans);
    spans
}

/// Continues the list to [`LAST_YEAR`] with the transitions of the year 28 back that is alike day by day.
fn repeat_rules(spans: &mut Vec<(i64, i32)>) {
    for year in LAST_KNOWN_YEAR + 1..=LAST_YEAR {
        let start = year_start(year);
        let alike = (LAST_KNOWN_YEAR - 27..=LAST_KNOWN_YEAR).find(|known| {
            let same_weekdays = (year_start(*known) - start).rem_euclid(7 * DAY) == 0;
            same_weekdays && year_start(known + 1) - year_start(*known) == year_start(year + 1) - start
        });
        let Some(alike) = alike else { continue };
        let (from, to) = (year_start(alike), year_start(alike + 1));
        let copies: Vec<_> = spans
            .iter()
            .filter(|(at, _)| (from..to).contains(at))
            .map(|(at, o)| (at - from + start, *o))
            .collect();
        spans.extend(copies);
    }
}

fn year_start(year: i32) -> i64 {
    Date::from_ymd(year, 1, 1).map_or(0, |date| i64::from(date.days()) * DAY)
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}
impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name())
    }
}

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no zone of that name in the IANA database {}", tzdb_version())
    }
}
impl core::error::Error for ZoneError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn a_clock_set_forward_and_back() {
        let zone = Zone::new("Europe/Berlin").unwrap();
        let at = |text| zone.resolve(Local::parse(text).unwrap());
        assert_eq!(at("2026-03-29T01:59:59"), Resolved::Once(instant("2026-03-29T00:59:59Z")));
        assert_eq!(at("2026-03-29T02:00:00"), Resolved::Skipped { at: instant("2026-03-29T01:00:00Z") });
        assert_eq!(
            at("2026-10-25T02:30:00"),
            Resolved::Twice(instant("2026-10-25T00:30:00Z"), instant("2026-10-25T01:30:00Z"))
        );
        assert_eq!(at("2026-10-25T03:00:00"), Resolved::Once(instant("2026-10-25T02:00:00Z")));
    }

    #[test]
    fn rules_go_on_after_the_database_ends() {
        let zone = Zone::new("Europe/Berlin").unwrap();
        assert_eq!(zone.offset_secs(instant("2150-07-01T00:00:00Z")), 7200);
        assert_eq!(zone.offset_secs(instant("2150-12-01T00:00:00Z")), 3600);
        // 29 March 2150 is a Sunday, the last of the month.
        assert_eq!(zone.offset_secs(instant("2150-03-29T00:59:59Z")), 3600);
        assert_eq!(zone.offset_secs(instant("2150-03-29T01:00:00Z")), 7200);
    }

    #[test]
    fn a_day_that_was_left_out() {
        let zone = Zone::new("Pacific/Apia").unwrap();
        let lost = Date::parse("2011-12-30").unwrap();
        assert_eq!(zone.start_of(lost), instant("2011-12-30T10:00:00Z"));
        assert_eq!(zone.start_of(lost.plus_days(1)), instant("2011-12-30T10:00:00Z"));
    }

    #[test]
    fn offsets_are_those_of_the_database() {
        for name in ["Europe/Berlin", "Africa/Cairo", "Asia/Shanghai", "Pacific/Apia", "UTC"] {
            let (zone, tz) = (Zone::new(name).unwrap(), name.parse::<chrono_tz::Tz>().unwrap());
            let known = |at: Instant| {
                let utc = chrono::DateTime::from_timestamp(at.as_secs(), 0).unwrap().naive_utc();
                tz.offset_from_utc_datetime(&utc).fix().local_minus_utc()
            };
            // Odd steps over a century, and around every change of the clock.
            let mut at = instant("1960-01-01T00:00:00Z");
            let mut until = Some(at);
            while at < instant("2060-01-01T00:00:00Z") {
                assert_eq!(zone.offset_secs(at), known(at), "{name} {at}");
                if until.is_some_and(|until| until <= at) {
                    until = zone.offset_until(at).1;
                    if let Some(change) = until {
                        let before = change - Span::from_nanos(1);
                        assert_eq!(
                            (zone.offset_secs(before), zone.offset_secs(change)),
                            (known(before), known(change))
                        );
                        assert_eq!(zone.offset_until(before).1, until);
                    }
                }
                at = at + Span::from_secs(400_009);
            }
            assert_eq!(zone.offset_secs(Instant::MIN), zone.offset_secs(instant("1899-12-31T00:00:00Z")));
            assert_eq!(zone.offset_until(Instant::MAX).1, None);
        }
    }

    #[test]
    fn names() {
        assert_eq!(Zone::new("Asia/Beijing").unwrap_err(), ZoneError);
        assert_eq!(Zone::new("asia/shanghai").unwrap_err(), ZoneError);
        assert_eq!(Zone::new("Asia/Shanghai"), Zone::new("Asia/Shanghai"));
    }
}
