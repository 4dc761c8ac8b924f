//! `Zone` against local times that another implementation of the IANA database computed; `data/README.md` says which.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use parking_types::{Date, Instant, Local, Resolved, Span, Zone};

fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().skip(1).map(|line| line.split(',').collect())
}

fn zone(name: &str) -> Zone {
    Zone::new(name).unwrap_or_else(|_| panic!("{name}"))
}

fn instant(text: &str) -> Instant {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn offsets_change_where_they_should() {
    let mut checked = 0;
    for row in rows(include_str!("data/transitions.csv")) {
        let [name, utc, before, after, offset_before, offset_after, ..] = row.as_slice() else {
            panic!("{row:?}")
        };
        let (zone, at) = (zone(name), instant(utc));
        let nanosecond = Span::from_nanos(1);
        assert_eq!(zone.offset_secs(at - nanosecond).to_string(), *offset_before, "{row:?}");
        assert_eq!(zone.offset_secs(at).to_string(), *offset_after, "{row:?}");
        assert_eq!(zone.offset_until(at - nanosecond).1, Some(at), "{row:?}");
        assert_eq!(zone.local(at), Local::parse(after).unwrap(), "{row:?}");
        assert_eq!(zone.local(at - nanosecond).plus(nanosecond), Local::parse(before).unwrap(), "{row:?}");
        checked += 1;
    }
    assert_eq!(checked, 300);
}

#[test]
fn local_times_that_are_there_once_twice_or_never() {
    for row in rows(include_str!("data/local_time_cases.csv")) {
        let [name, local, kind, first, second, ..] = row.as_slice() else { panic!("{row:?}") };
        let resolved = zone(name).resolve(Local::parse(local).unwrap());
        match (*kind, resolved) {
            ("normal", Resolved::Once(at)) => assert_eq!(at, instant(first), "{row:?}"),
            ("ambiguous", Resolved::Twice(a, b)) => {
                assert_eq!((a, b), (instant(first), instant(second)), "{row:?}");
            }
            ("nonexistent", Resolved::Skipped { .. }) => {}
            (_, other) => panic!("{row:?}: {other:?}"),
        }
    }
}

#[test]
fn days_that_are_not_24_hours_long() {
    for row in rows(include_str!("data/odd_length_days.csv")) {
        let [name, date, start, end, secs] = row.as_slice() else { panic!("{row:?}") };
        let (zone, date) = (zone(name), Date::parse(date).unwrap());
        let (from, to) = (zone.start_of(date), zone.start_of(date.plus_days(1)));
        assert_eq!((from, to), (instant(start), instant(end)), "{row:?}");
        assert_eq!((to - from).as_secs().to_string(), *secs, "{row:?}");
    }
}
