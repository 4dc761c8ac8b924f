//! The ways in which cameras write a time.

use parking_types::{Date, Instant, Local, Span, TimeOfDay};

use crate::reading::{DeviceTime, Reading};
use crate::text::Text;

/// A time in whatever form: RFC 3339, local with blank or `T`, compact `yyyyMMddHHmmss[SSS]`, basic ISO with an
/// offset (`20340109T094130+0400`), each also with a label behind it that is no offset (`TRT`).
pub(super) fn parse(text: &str) -> Option<DeviceTime> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Instant>() {
        return Some(DeviceTime::Utc(at));
    }
    if let Some(local) = Local::parse(text) {
        return Some(DeviceTime::Local(local));
    }
    basic(text).or_else(|| labelled(text))
}

/// Puts the time that a document states. One that cannot be read, of a clock that was never set, does not cost the event:
/// it is kept as it was written.
pub(super) fn put<'a>(reading: &mut Reading<'a>, text: Text<'a>) {
    put_read(reading, parse(&text), text);
}

/// As [`put`], of a text that was read in a way of its own.
pub(super) fn put_read<'a>(reading: &mut Reading<'a>, time: Option<DeviceTime>, text: Text<'a>) {
    match time {
        Some(time) => reading.device_time = Some(time),
        None if text.is_empty() || reading.get("device_time_raw").is_some() => {}
        None => reading.put("device_time_raw", text),
    }
}

/// From milliseconds since the epoch; 0 and less is no time.
pub(super) fn millis(millis: i64) -> Option<DeviceTime> {
    (millis > 0)
        .then(|| millis.checked_mul(1_000_000))
        .flatten()
        .map(Instant::from_nanos)
        .map(DeviceTime::Utc)
}

/// From microseconds since the epoch; 0 and less is no time.
pub(super) fn micros(micros: i64) -> Option<DeviceTime> {
    (micros > 0).then(|| micros.checked_mul(1000)).flatten().map(Instant::from_nanos).map(DeviceTime::Utc)
}

/// What a wall clock shows that counts seconds as if it stood in Greenwich.
pub(super) fn local_secs(secs: i64) -> Option<DeviceTime> {
    (secs > 0)
        .then(|| secs.checked_mul(1_000_000_000))
        .flatten()
        .map(Local::from_nanos)
        .map(DeviceTime::Local)
}

/// `20240119111719`, `20240119111719654`, `20240119 111719654`, `20340109T094130+0400`.
fn basic(text: &str) -> Option<DeviceTime> {
    let bytes = text.as_bytes();
    let date = digits(bytes, 0, 8)?;
    let from = if matches!(bytes.get(8), Some(b'T' | b' ')) { 9 } else { 8 };
    let clock = digits(bytes, from, 6)?;
    let local = local(date, clock)?;
    match bytes.get(from + 6..)? {
        [] => Some(DeviceTime::Local(local)),
        millis @ [_, _, _] => {
            let millis = digits(millis, 0, 3)?;
            Some(DeviceTime::Local(local.plus(Span::from_millis(millis))))
        }
        [b'Z'] => Some(DeviceTime::Utc(Instant::from_nanos(local.as_nanos()))),
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let (hours, minutes) = match rest {
                [_, _, b':', minutes @ ..] => (digits(rest, 0, 2)?, digits(minutes, 0, 2)?),
                _ => (digits(rest, 0, 2)?, digits(rest, 2, 2)?),
            };
            let offset = Span::from_mins(hours * 60 + minutes);
            let at = Instant::from_nanos(local.as_nanos());
            Some(DeviceTime::Utc(if *sign == b'+' { at - offset } else { at + offset }))
        }
        _ => None,
    }
}

/// `2023-05-17 14:36:36 TRT` is local whatever TRT is; `… GMT` and `… UTC` are what they say.
fn labelled(text: &str) -> Option<DeviceTime> {
    let (time, label) = text.rsplit_once(' ')?;
    let local = Local::parse(time)?;
    match label {
        "GMT" | "UTC" | "Z" => Some(DeviceTime::Utc(Instant::from_nanos(local.as_nanos()))),
        _ if label.bytes().all(|b| b.is_ascii_alphabetic()) => Some(DeviceTime::Local(local)),
        _ => None,
    }
}

fn local(date: i64, clock: i64) -> Option<Local> {
    let date = Date::from_ymd((date / 10_000) as i32, (date / 100 % 100) as u32, (date % 100) as u32)?;
    let (hour, minute, second) = (clock / 10_000, clock / 100 % 100, clock % 100);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Local::new(date, TimeOfDay::from_secs((hour * 3600 + minute * 60 + second) as u32)?)
}

fn digits(bytes: &[u8], from: usize, len: usize) -> Option<i64> {
    let digits = bytes.get(from..from.checked_add(len)?)?;
    digits.iter().try_fold(0i64, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        parse(text).map(|time| match time {
            DeviceTime::Utc(at) => at.to_string(),
            DeviceTime::Local(local) => local.to_string(),
        })
    }

    #[test]
    fn the_forms_that_were_seen() {
        for (text, expected) in [
            ("2024-01-19T11:17:19+08:00", "2024-01-19T03:17:19Z"),
            ("20240119111719654", "2024-01-19T11:17:19"),
            ("20210411171337", "2021-04-11T17:13:37"),
            ("20340109T094130+0400", "2034-01-09T05:41:30Z"),
            ("20210611 130538252", "2021-06-11T13:05:38"),
            ("2023-05-17 14:36:36 TRT", "2023-05-17T14:36:36"),
            ("2019-06-24 16:58:44 GMT", "2019-06-24T16:58:44Z"),
            ("2024-01-30 14:34:55", "2024-01-30T14:34:55"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
        for none in
            ["", "2024", "20241319111719", "20240119256060", "20340109T094130+04", "2024-01-30 14:34:55 +8"]
        {
            assert_eq!(shown(none), None, "{none}");
        }
    }
}
