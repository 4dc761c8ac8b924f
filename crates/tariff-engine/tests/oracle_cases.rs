//! The oracle alone: published fees, the contract's worked examples and its receipt. It has to be right before
//! anything is compared with it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod oracle;
mod sentence;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use oracle::document::Tariff;
use oracle::quantity::decimal;
use oracle::{Q, curve, parse, parse_parts, price, time};
use serde_json::{Value, json};

fn tariff(document: &Value) -> Tariff {
    parse::tariff(document.to_string().as_bytes()).unwrap()
}

fn stay(stay: &Value) -> oracle::stay::Stay {
    parse_parts::stay(stay.to_string().as_bytes()).unwrap()
}

fn total(tariff: &Tariff, entry: &str, exit: &str) -> Q {
    let it = json!({"id": "t", "entry": entry, "exit": exit, "vehicle": "small", "plate_color": "blue"});
    price::price(tariff, None, &stay(&it)).unwrap().total
}

fn q(text: &str) -> Q {
    decimal(text).unwrap()
}

#[test]
fn published_fees() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let cases = fs::read_to_string(data.join("cases.jsonl")).unwrap();
    let mut documents: BTreeMap<String, Tariff> = BTreeMap::new();
    let mut checked = 0;
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["tariff"].as_str().unwrap().to_owned();
        let tariff = documents.entry(name).or_insert_with_key(|name| {
            let document = fs::read(data.join("docs").join(format!("{name}.json"))).unwrap();
            parse::tariff(&document).unwrap()
        });
        let priced = price::price(tariff, None, &stay(&case["stay"]));
        match case.get("expected_error").and_then(Value::as_str) {
            Some(code) => assert_eq!(priced.unwrap_err(), code, "{}", case["id"]),
            None => assert_eq!(
                priced.unwrap().total,
                q(case["expected_total"].as_str().unwrap()),
                "{}",
                case["id"]
            ),
        }
        checked += 1;
    }
    assert!(checked >= 285, "{checked} cases");
}

fn white_paper(charge: &Value) -> Tariff {
    let rules = json!([{"id": "day", "from": "07:30", "to": "21:00", "charge": charge}]);
    tariff(&json!({"format": 1, "id": "wp", "currency": "CNY", "time_zone": "Asia/Shanghai", "rules": rules}))
}

#[test]
fn worked_examples() {
    let tiered = json!({"steps": [{"upto": "30m", "price": "0"}, {"upto": "60m", "price": "3"},
        {"upto": "120m", "price": "5"}]});
    let then_by_hour = json!({"steps": [{"upto": "30m", "price": "0"}, {"upto": "60m", "price": "3"},
        {"every": "60m", "price": "1", "partial": "down"}]});
    let by_minute =
        json!({"steps": [{"upto": "60m", "every": "1m", "price": "0.01"}, {"every": "60m", "price": "1"}]});
    for (charge, entry, exit, fee) in [
        (json!({"flat": "3", "once": "stay"}), "07:00:00", "10:28:29", "3"),
        (json!({"flat": "3"}), "07:00:00", "10:28:29", "3"),
        (json!({"steps": [{"every": "30m", "price": "1"}]}), "08:10:10", "12:00:00", "8"),
        (tiered.clone(), "08:00:00", "08:57:01", "3"),
        (tiered, "08:00:00", "08:23:00", "0"),
        (then_by_hour.clone(), "08:00:00", "13:57:01", "7"),
        (then_by_hour, "08:00:00", "08:23:00", "0"),
        (by_minute, "08:00:00", "08:23:00", "0.23"),
    ] {
        let at = |clock: &str| format!("2022-01-01T{clock}+08:00");
        assert_eq!(total(&white_paper(&charge), &at(entry), &at(exit)), q(fee), "{charge} {entry} {exit}");
    }
}

#[test]
fn the_receipt_of_the_contract() {
    let document =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/docs/wp-receipt.json")).unwrap();
    let tariff = parse::tariff(&document).unwrap();
    let stay =
        stay(&json!({"id": "a1", "entry": "2022-01-01T08:00:00+08:00", "exit": "2022-01-01T13:57:01+08:00",
        "vehicle": "small", "plate_color": "blue"}));
    let receipt = price::price(&tariff, None, &stay).unwrap();
    assert_eq!((&receipt.total, &receipt.due, &receipt.paid), (&q("7"), &q("7"), &q("0")));
    let at = |clock: &str| time::instant(&format!("2022-01-01T{clock}+08:00")).unwrap();
    let tier = &receipt.lines[0];
    assert_eq!(
        (tier.kind, tier.span, &tier.amount),
        ("tier", Some((at("08:30:00"), at("09:00:00"))), &q("3"))
    );
    assert_eq!(tier.day_type, Some("rest_day"));
    let units = &receipt.lines[1..];
    assert_eq!(units.len(), 4);
    assert!(units.iter().all(|line| line.kind == "unit" && line.amount == q("1")));
    assert_eq!(units[0].span.unwrap().0, at("09:00:00"));
    assert_eq!(units[3].span.unwrap().1, at("13:00:00"));
    let figures = receipt.used.values().next().unwrap();
    assert_eq!((figures.stays, figures.free, &figures.charged), (1, 0, &q("7")));
    assert_eq!(
        curve::next_change(&tariff, None, &stay, time::MINUTE, time::HOUR),
        curve::Change::At(at("14:00:00"), q("8"), q("8"))
    );
}

#[test]
fn a_stay_over_the_change_of_the_clock() {
    let hour = |price: &str| json!({"steps": [{"every": "1h", "price": price, "partial": "pro_rata"}]});
    let document = json!({"format": 1, "id": "golden", "currency": "EUR", "time_zone": "Europe/Berlin",
        "straddle": "split", "free": {"length": "30m", "per": "stay"},
        "rules": [
            {"id": "day", "days": ["workday"], "from": "08:00", "to": "20:00", "charge": hour("2")},
            {"id": "night", "days": ["workday"], "charge": hour("1")},
            {"id": "weekend", "days": ["rest_day"], "charge": hour("0.5")}]});
    let tariff = tariff(&document);
    let entry = "2026-03-04T09:10:00+01:00";
    // Wednesday: 10 1/3 h at 2 (09:40–20:00) and 4 h at 1, 24.666…
    assert_eq!(total(&tariff, entry, "2026-03-05T00:00:00+01:00"), q("24.67"));
    // 17 more workdays of 36 and 7 weekend days of 12, the eighth one hour short; then one minute of Monday.
    let monday = total(&tariff, entry, "2026-03-30T00:00:00+02:00");
    assert_eq!(monday, q("24.67") + q("612") + q("84") + q("11.5"));
    assert_eq!(total(&tariff, entry, "2026-03-30T00:01:00+02:00"), monday + q("0.01"));
    // 31 days after entry by the wall clock, 743 h: Saturday, 4 April 09:10.
    let month = q("24.67") + q("612") + q("84") + q("11.5") + q("180") + q("4.58");
    assert_eq!(total(&tariff, entry, "2026-04-04T09:10:00+02:00"), month);
}

/// One sentence of the contract each, with a fee worked out by hand.
#[test]
fn sentences() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sentences.jsonl");
    for line in fs::read_to_string(path).unwrap().lines() {
        let (case, says, expected) = sentence::read(line);
        let calendar =
            case.calendar.as_ref().map(|c| parse_parts::calendar(c.to_string().as_bytes()).unwrap());
        let stay = parse_parts::stay(case.stay.to_string().as_bytes()).map_err(|(code, _)| code);
        let priced = stay.and_then(|stay| price::price(&tariff(&case.tariff), calendar.as_ref(), &stay));
        match (priced, expected) {
            (Ok(receipt), Ok(total)) => assert_eq!(receipt.total, total, "{says}"),
            (Err(code), Err(expected)) => assert_eq!(code, expected, "{says}"),
            (priced, expected) => {
                panic!("{says}: {:?}, not {expected:?}", priced.map(|receipt| receipt.total))
            }
        }
    }
}
