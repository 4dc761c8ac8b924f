//! The engine against the oracle on random documents and stays, and the laws that hold for every tariff.
//!
//! `PROPTEST_CASES` raises the number of cases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod compare;
mod oracle;
mod sentence;

use oracle::generate::{Case, Style, case};
use oracle::quantity::{decimal, whole, zero};
use oracle::time::{DAY, instant};
use oracle::{Nanos, Q};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Fewer cases than proptest's default where each of them is a long walk; `PROPTEST_CASES` scales both.
fn config(share: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { config.cases } else { 1024 };
    ProptestConfig {
        cases: (cases / share).max(1),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..config
    }
}

fn engine(case: &Case) -> compare::Answer<Value> {
    let bytes = |value: &Value| value.to_string().into_bytes();
    let calendar = case.calendar.as_ref().map(bytes);
    compare::engine(&bytes(&case.tariff), calendar.as_deref(), &bytes(&case.stay), false)
}

fn total(case: &Case) -> Option<Q> {
    engine(case).ok().and_then(|receipt| compare::q(&receipt["total"]))
}

proptest! {
    #![proptest_config(config(1))]

    #[test]
    fn fine_cases(bytes in vec(any::<u8>(), 0..400)) {
        compare::check(&case(&bytes, Style::Fine), false).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn coarse_cases(bytes in vec(any::<u8>(), 0..400)) {
        compare::check(&case(&bytes, Style::Coarse), false).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn a_total_is_never_negative_and_the_sum_of_its_lines(bytes in vec(any::<u8>(), 0..400)) {
        if let Ok(receipt) = engine(&case(&bytes, Style::Fine)) {
            let total = compare::q(&receipt["total"]).unwrap();
            let lines = receipt["lines"].as_array().unwrap();
            let sum: Q = lines.iter().map(|line| compare::q(&line["amount"]).unwrap()).sum();
            prop_assert!(total >= zero());
            prop_assert_eq!(sum, total);
        }
    }

    #[test]
    fn a_stay_of_no_length_costs_nothing(bytes in vec(any::<u8>(), 0..400)) {
        let mut case = case(&bytes, Style::Fine);
        case.stay["exit"] = case.stay["entry"].clone();
        case.stay.as_object_mut().unwrap().remove("paid");
        if let Ok(receipt) = engine(&case) {
            prop_assert_eq!(compare::q(&receipt["total"]), Some(zero()));
            prop_assert_eq!(&receipt["lines"], &json!([]));
        }
    }

    #[test]
    fn the_offset_an_instant_is_written_with_changes_nothing(bytes in vec(any::<u8>(), 0..400)) {
        let first = case(&bytes, Style::Fine);
        let mut second = first.clone();
        in_utc(&mut second.stay);
        prop_assert_eq!(engine(&first), engine(&second));
    }
}

/// Writes every instant of a stay in UTC.
fn in_utc(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(at) = instant(text) {
                *text = chrono::DateTime::from_timestamp_nanos(at).to_rfc3339();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(in_utc),
        Value::Object(members) => members.values_mut().for_each(in_utc),
        _ => {}
    }
}

proptest! {
    #![proptest_config(config(8))]

    #[test]
    fn next_changes(bytes in vec(any::<u8>(), 0..400)) {
        compare::check(&case(&bytes, Style::Coarse), true).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn long_stays(bytes in vec(any::<u8>(), 0..400), days in 20i64..400) {
        let mut case = case(&bytes, Style::Fine);
        let text = case.tariff.to_string();
        let entry = instant(case.stay["entry"].as_str().unwrap()).unwrap();
        if ["1m\"", "5m\"", "7m\"", "10m\"", "90s\""].iter().any(|unit| text.contains(&format!("\"every\":\"{unit}"))) {
            return Ok(());
        }
        case.stay["exit"] = json!(self::text(entry + days * DAY + i64::from(bytes.len() as u32 % 7) * 3_600_000_000_000));
        compare::check(&case, false).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn what_other_stays_left_behind_changes_nothing(
        bytes in vec(any::<u8>(), 0..400),
        moved in vec((0i64..900, 0i64..9600), 2..12),
    ) {
        compare::remembered(&case(&bytes, Style::Fine), &moved).map_err(TestCaseError::fail)?;
    }

    /// Of stays without anything special, which totals alone do not walk: near and far from changes of the clock, by
    /// whole days and parts of days.
    #[test]
    fn totals_of_ordinary_stays(
        bytes in vec(any::<u8>(), 0..400),
        keeps_the_clock in any::<bool>(),
        moved in vec((0i64..400, prop_oneof![0i64..60, 0i64..900]), 8..20),
    ) {
        let mut case = case(&bytes, Style::Fine);
        for name in ["exempt", "used", "adjust", "paid"] {
            case.stay.as_object_mut().unwrap().remove(name);
        }
        for name in ["packages", "packages_only", "first_stay_free"] {
            case.tariff.as_object_mut().unwrap().remove(name);
        }
        if keeps_the_clock {
            case.tariff["time_zone"] = json!("Asia/Shanghai");
        }
        compare::remembered(&case, &moved).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn a_cap_never_raises_a_total(bytes in vec(any::<u8>(), 0..400), per in 0usize..6, amount in 0u32..60) {
        let mut case = case(&bytes, Style::Fine);
        // What a payment covered may have cost less with the cap than the whole stay without it.
        case.stay.as_object_mut().unwrap().remove("paid");
        case.tariff.as_object_mut().unwrap().remove("caps");
        let without = total(&case);
        let per = ["period", "natural_day", "24h", "7d", "stay", "day"][per];
        case.tariff["caps"] = json!([{"per": per, "amount": amount.to_string()}]);
        if let (Some(without), Some(with)) = (without, total(&case)) {
            prop_assert!(with <= without, "{with} with the cap, {without} without, {case:?}");
            if per == "stay" && case.stay.get("adjust").is_none() && case.tariff.get("rounding").is_none()
                && case.tariff.get("packages").is_none() {
                prop_assert!(with <= whole(i64::from(amount)));
            }
        }
    }
}

/// Every length from 1 to 400 days, and a second more and less, on a tariff with most of what a real one has.
#[test]
fn every_length_from_1_to_400_days() {
    let by_time = |price: &str| json!({"steps": [{"every": "4h", "price": price, "partial": "pro_rata"}]});
    let rules = json!([
        {"id": "special", "days": ["special_day"], "charge": {"flat": "3", "once": "period"}},
        {"id": "day", "days": ["workday"], "from": "08:00", "to": "20:00", "cap": "15", "charge": by_time("8")},
        {"id": "night", "from": "20:00", "to": "08:00", "ladder": "window",
            "charge": {"steps": [{"upto": "1h", "price": "1"}, {"every": "2h", "price": "0.5"}]}},
        {"id": "weekend", "days": ["rest_day"], "charge": by_time("2")}]);
    let caps = json!([{"per": "7d", "amount": "100"}, {"per": "natural_day", "amounts": ["18", "17.5"]}]);
    let places = [
        ("Europe/Berlin", "split", "natural_day"),
        ("America/New_York", "start", "rolling_24h"),
        ("Australia/Lord_Howe", "start", "natural_day"),
    ];
    let calendar =
        json!({"format": 1, "id": "c", "days": {"2026-12-24": ["special_day"], "2026-04-03": ["rest_day"]}});
    let entry = instant("2026-03-04T08:10:00Z").unwrap();
    for days in 1..=400 {
        // Each length in one of the places, and a second more or less than whole days.
        let (zone, straddle, period) = places[days as usize % 3];
        let off = [0, -1_000_000_000, 1_000_000_000, 0][days as usize % 4];
        let tariff = json!({"format": 1, "id": "t", "currency": "EUR", "time_zone": zone, "straddle": straddle,
            "period": period, "caps": caps, "free": {"length": "30m", "per": "stay"}, "rules": rules});
        let stay = json!({"id": "s", "entry": text(entry), "exit": text(entry + days * DAY + off)});
        compare::check(&Case { tariff, calendar: Some(calendar.clone()), stay }, false).unwrap();
    }
}

fn text(at: Nanos) -> String {
    chrono::DateTime::from_timestamp_nanos(at).to_rfc3339()
}

#[test]
fn the_price_does_not_depend_on_how_fine_the_units_are_counted() {
    // 60 units of a second cost what one unit of a minute costs, at whole minutes.
    for minutes in [1i64, 59, 1440, 10_000] {
        let price = |every: &str, price: &str| {
            let rules = json!([{"id": "r", "ladder": "stay", "charge": {"steps": [{"every": every, "price": price}]}}]);
            let tariff =
                json!({"format": 1, "id": "t", "currency": "EUR", "time_zone": "UTC", "rules": rules});
            let entry = instant("2026-03-04T08:10:00Z").unwrap();
            let stay =
                json!({"id": "s", "entry": text(entry), "exit": text(entry + minutes * 60_000_000_000)});
            total(&Case { tariff, calendar: None, stay })
        };
        let expected = decimal("0.06").unwrap() * whole(minutes);
        assert_eq!((price("1s", "0.001"), price("1m", "0.06")), (Some(expected.clone()), Some(expected)));
    }
}

/// The sentences of the contract, on the engine.
#[test]
fn sentences() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sentences.jsonl");
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let (case, says, expected) = sentence::read(line);
        let ours = engine(&case).map(|receipt| compare::q(&receipt["total"]).unwrap());
        assert_eq!(ours.map_err(|(code, _)| code), expected, "{says}");
        compare::check(&case, true).unwrap_or_else(|difference| panic!("{says}: {difference}"));
    }
}
