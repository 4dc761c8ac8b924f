//! The calendars that come with the project, and stays over the edges of what calendars cover.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{fs, path::Path};

use parking_types::Date;
use tariff_engine::{Calendar, Code, DayTypes, Stay, Tariff, price, total};

fn china(year: i32) -> Calendar {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../calendars/cn-{year}.json"));
    Calendar::from_json(&fs::read(path).unwrap()).unwrap()
}

fn date(text: &str) -> Date {
    Date::parse(text).unwrap()
}

#[test]
fn china_2007_to_2026() {
    let years: Vec<Calendar> = (2007..=2026).map(china).collect();
    let all = Calendar::merge(&years.iter().collect::<Vec<_>>()).unwrap();
    assert!(!all.has_gaps());
    assert_eq!(all.covers_until(), Some(date("2027-01-01")));
    // Every row of the source is a day off or a workday as it says.
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../calendars/cn_holidays_2007_2026.csv");
    let rows = fs::read_to_string(source).unwrap();
    let mut checked = 0;
    for row in rows.lines().skip(1) {
        let mut fields = row.split(',');
        let (day, off) = (date(fields.next().unwrap()), fields.next().unwrap() == "true");
        if day < date("2007-01-01") {
            continue;
        }
        let expected = if off { DayTypes::REST_DAY } else { DayTypes::WORKDAY };
        assert_eq!(all.day_types(day), Some(expected), "{day}");
        checked += 1;
    }
    assert_eq!(checked, rows.lines().count() - 3);
}

#[test]
fn a_missing_year_is_an_error_and_never_a_guess() {
    let tariff = Tariff::from_json(
        br#"{ "format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai",
              "rules": [ { "id": "r", "charge": { "steps": [ { "every": "1h", "price": "1" } ] } } ] }"#,
    )
    .unwrap();
    let calendar = china(2026);
    let stay = |entry: &str, exit: &str| Stay::new("s", entry.parse().unwrap(), exit.parse().unwrap());
    let last = stay("2026-12-31T20:00:00+08:00", "2027-01-01T00:00:00+08:00");
    let receipt = price(&tariff, Some(&calendar), &last).unwrap();
    assert_eq!(receipt.total.to_string(), "4");
    assert_eq!(receipt.next_change, None);
    let over = stay("2026-12-31T20:00:00+08:00", "2027-01-01T00:00:01+08:00");
    let error = total(&tariff, Some(&calendar), &over).unwrap_err();
    assert_eq!((error.code(), error.path().as_str()), (Code::CalendarGap, "exit"));
    let before = stay("2025-12-31T20:00:00+08:00", "2026-01-01T01:00:00+08:00");
    let error = total(&tariff, Some(&calendar), &before).unwrap_err();
    assert_eq!((error.code(), error.path().as_str()), (Code::CalendarGap, "entry"));
}
