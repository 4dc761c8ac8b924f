//! Local time straight from chrono-tz, durations and RFC 3339 instants.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Timelike};
use chrono_tz::Tz;

use super::Nanos;

pub(crate) const SECOND: Nanos = 1_000_000_000;
pub(crate) const MINUTE: Nanos = 60 * SECOND;
pub(crate) const HOUR: Nanos = 60 * MINUTE;
pub(crate) const DAY: Nanos = 24 * HOUR;

pub(crate) fn local(zone: Tz, at: Nanos) -> NaiveDateTime {
    DateTime::from_timestamp_nanos(at).with_timezone(&zone).naive_local()
}

pub(crate) fn offset_secs(zone: Tz, at: Nanos) -> i64 {
    let utc = DateTime::from_timestamp_nanos(at).naive_utc();
    i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc())
}

/// Nanoseconds since local midnight by the wall clock.
pub(crate) fn of_day(local: NaiveDateTime) -> Nanos {
    i64::from(local.time().num_seconds_from_midnight()) * SECOND + i64::from(local.time().nanosecond())
}

/// The number of a date; consecutive dates have consecutive numbers.
pub(crate) fn number(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce())
}

pub(crate) fn date_of_number(number: i64) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(number as i32).unwrap()
}

/// The natural day of an instant: the last one that has begun. A clock that is set back over midnight shows the date
/// before for a while; no day begins twice.
pub(crate) fn natural_day(zone: Tz, at: Nanos) -> NaiveDate {
    let changes = transitions(zone);
    let lately =
        changes.iter().rev().skip_while(|change| **change > at).take_while(|change| **change > at - DAY);
    let before = lately.map(|change| local(zone, change - 1).date());
    before.chain([local(zone, at).date()]).max().unwrap_or_default()
}

/// Every instant at which the zone's offset changes, 1968 to 2105, found hour by hour and then to the second.
pub(crate) fn transitions(zone: Tz) -> Arc<Vec<Nanos>> {
    static FOUND: OnceLock<Mutex<HashMap<Tz, Arc<Vec<Nanos>>>>> = OnceLock::new();
    let mut found = FOUND.get_or_init(Mutex::default).lock().unwrap();
    found.entry(zone).or_insert_with(|| Arc::new(find_transitions(zone))).clone()
}

fn find_transitions(zone: Tz) -> Vec<Nanos> {
    let year =
        |y| NaiveDate::from_ymd_opt(y, 1, 1).unwrap().and_time(NaiveTime::MIN).and_utc().timestamp() * SECOND;
    let mut found = Vec::new();
    let mut at = year(1968);
    while at < year(2105) {
        let (mut before, mut after) = (at, at + 3 * HOUR);
        at = after;
        let first = offset_secs(zone, before);
        if offset_secs(zone, after) == first {
            continue;
        }
        while after - before > SECOND {
            let middle = (before / SECOND).midpoint(after / SECOND) * SECOND;
            if offset_secs(zone, middle) == first { before = middle } else { after = middle }
        }
        found.push(after);
    }
    found
}

/// The instants at which a wall clock shows this many nanoseconds after midnight of a date: none, one or two.
pub(crate) fn instants(zone: Tz, date: NaiveDate, of_day: Nanos) -> Vec<Nanos> {
    let wall = date.and_time(NaiveTime::MIN).and_utc().timestamp() * SECOND + of_day;
    let changes = transitions(zone);
    let mut offsets = vec![offset_secs(zone, wall - 2 * DAY)];
    let near = changes.partition_point(|at| *at < wall - 2 * DAY);
    for at in changes[near..].iter().take_while(|at| **at <= wall + 2 * DAY) {
        offsets.push(offset_secs(zone, *at));
    }
    offsets.sort_unstable();
    offsets.dedup();
    let mut found: Vec<Nanos> = offsets
        .into_iter()
        .filter(|offset| offset_secs(zone, wall - offset * SECOND) == *offset)
        .map(|offset| wall - offset * SECOND)
        .collect();
    found.sort_unstable();
    found
}

/// `"1h30m"` and the like: whole numbers each with one of `d h m s`, largest first, each at most once.
pub(crate) fn duration(text: &str) -> Option<Nanos> {
    let mut total: Nanos = 0;
    let mut units = "dhms";
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let n: i64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].chars().next()?;
        let at = units.find(unit)?;
        units = &units[at + 1..];
        rest = &rest[digits + 1..];
        let length = match unit {
            'd' => DAY,
            'h' => HOUR,
            'm' => MINUTE,
            _ => SECOND,
        };
        total = total.checked_add(n.checked_mul(length)?)?;
    }
    (!text.is_empty()).then_some(total)
}

/// `HH:MM` or `HH:MM:SS`, up to `24:00`, in nanoseconds since midnight.
pub(crate) fn time_of_day(text: &str) -> Option<Nanos> {
    let fields: Vec<&str> = text.split(':').collect();
    let two = |s: &str| {
        (s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse::<i64>().ok()).flatten()
    };
    let (hour, minute, second) = match fields[..] {
        [h, m] => (two(h)?, two(m)?, 0),
        [h, m, s] => (two(h)?, two(m)?, two(s)?),
        _ => return None,
    };
    let at = hour * HOUR + minute * MINUTE + second * SECOND;
    (minute < 60 && second < 60 && at <= DAY).then_some(at)
}

pub(crate) fn date(text: &str) -> Option<NaiveDate> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| match i {
            4 | 7 => b == b'-',
            _ => b.is_ascii_digit(),
        });
    shape.then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

/// A wall-clock time `YYYY-MM-DDTHH:MM[:SS]`.
pub(crate) fn wall_clock(text: &str) -> Option<NaiveDateTime> {
    let (day, clock) = text.split_once('T')?;
    let at = time_of_day(clock).filter(|at| *at < DAY)?;
    Some(date(day)?.and_time(NaiveTime::from_num_seconds_from_midnight_opt((at / SECOND) as u32, 0)?))
}

/// An RFC 3339 instant, to the nanosecond.
pub(crate) fn instant(text: &str) -> Option<Nanos> {
    exact_instant(text).map(held)
}

/// Centuries that no stay can reach are held at their ends: they only have to stay out of range.
pub(crate) fn held(nanos: i128) -> Nanos {
    nanos.clamp(-1_000_000_000_000_000_000, 8_000_000_000_000_000_000) as Nanos
}

/// An RFC 3339 instant of the years 0000 to 9999.
pub(crate) fn exact_instant(text: &str) -> Option<i128> {
    if !text.is_ascii()
        || text.len() < 20
        || !(text.ends_with(['Z', 'z']) || text.as_bytes()[text.len() - 3] == b':')
    {
        return None;
    }
    let fraction =
        text[19..].strip_prefix('.').map_or("", |f| f.trim_end_matches(|c: char| !c.is_ascii_digit()));
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    if fraction[..digits].trim_end_matches('0').len() > 9 || &text[17..19] == "60" {
        return None;
    }
    let moment = DateTime::parse_from_rfc3339(text).ok()?;
    Some(i128::from(moment.timestamp()) * i128::from(SECOND) + i128::from(moment.timestamp_subsec_nanos()))
}
