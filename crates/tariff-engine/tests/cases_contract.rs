//! The worked examples of the contract (`docs/tariff.md` § 8 and 9) and the golden stay.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use parking_types::Amount;
use tariff_engine::{Stay, Tariff, price, price_as_of, total};

fn tariff(text: &str) -> Tariff {
    Tariff::from_json(text.as_bytes()).unwrap_or_else(|error| panic!("{error} at {}: {text}", error.path()))
}

fn stay(entry: &str, exit: &str) -> Stay {
    Stay::new("s", entry.parse().unwrap(), exit.parse().unwrap())
}

const SECTION_1: &str = r#"{ "format": 1, "id": "sz-roadside-1", "currency": "CNY", "time_zone": "Asia/Shanghai",
  "valid": { "from": "2022-01-01T00:00:00", "until": null },
  "clock": "second", "period": "natural_day", "ladder": "period", "straddle": "start",
  "caps": [ { "per": "period", "amount": "60.00" }, { "per": "stay", "amount": "200.00" } ],
  "rules": [
    { "id": "day", "vehicles": ["small"], "plate_colors": ["blue", "green"], "from": "07:30", "to": "21:00", "cap": "20.00",
      "charge": { "tiers": "total", "steps": [
        { "upto": "30m", "price": "0" },
        { "upto": "60m", "price": "3.00" },
        { "every": "60m", "price": "1.00", "partial": "down" } ] } } ] }"#;

#[test]
fn the_receipt_of_the_contract() {
    let tariff = tariff(SECTION_1);
    let stay = Stay::from_json(
        br#"{ "id": "a1", "entry": "2022-01-01T08:00:00+08:00", "exit": "2022-01-01T13:57:01+08:00",
              "vehicle": "small", "plate_color": "blue" }"#,
    )
    .unwrap();
    let expected = format!(
        concat!(
            r#"{{"id":"a1","currency":"CNY","total":"7.00","paid":"0.00","due":"7.00","#,
            r#""lines":[{{"kind":"tier","rule":"day","from":"2022-01-01T08:30:00+08:00","to":"2022-01-01T09:00:00+08:00","#,
            r#""day_type":"rest_day","quantity":"1","unit_price":"3.00","amount":"3.00"}},"#,
            r#"{{"kind":"unit","rule":"day","from":"2022-01-01T09:00:00+08:00","to":"2022-01-01T13:00:00+08:00","#,
            r#""day_type":"rest_day","quantity":"4","unit_price":"1.00","amount":"4.00"}}],"#,
            r#""next_change":{{"at":"2022-01-01T14:00:00+08:00","total":"8.00"}},"#,
            r#""used":{{"2022-01-01":{{"stays":1,"free":"0s","charged":"7.00"}}}},"#,
            r#""tariff":{{"id":"sz-roadside-1","digest":"{}"}},"calendar":null}}"#
        ),
        tariff.digest()
    );
    assert_eq!(price(&tariff, None, &stay).unwrap().to_json(), expected);
}

#[test]
fn the_worked_examples() {
    let flat = r#"{ "flat": "3.00" }"#;
    let hourly = r#"{ "steps": [ { "every": "30m", "price": "1" } ] }"#;
    let tiered = r#"{ "steps": [ { "upto": "30m", "price": "0" }, { "upto": "60m", "price": "3" }, { "upto": "120m", "price": "5" } ] }"#;
    let tiered_then = r#"{ "steps": [ { "upto": "30m", "price": "0" }, { "upto": "60m", "price": "3" },
        { "every": "60m", "price": "1", "partial": "down" } ] }"#;
    let minutes = r#"{ "steps": [ { "upto": "60m", "every": "1m", "price": "0.01" }, { "every": "60m", "price": "1" } ] }"#;
    for (charge, entry, exit, fee) in [
        (flat, "07:00:00", "10:28:29", "3"),
        (hourly, "08:10:10", "12:00:00", "8"),
        (tiered, "08:00:00", "08:57:01", "3"),
        (tiered, "08:00:00", "08:23:00", "0"),
        (tiered_then, "08:00:00", "13:57:01", "7"),
        (tiered_then, "08:00:00", "08:23:00", "0"),
        (minutes, "08:00:00", "08:23:00", "0.23"),
    ] {
        let tariff = tariff(&format!(
            r#"{{ "format": 1, "id": "w", "currency": "CNY", "time_zone": "Asia/Shanghai",
                "rules": [ {{ "id": "r", "from": "07:30", "to": "21:00", "charge": {charge} }} ] }}"#
        ));
        let stay = stay(&format!("2022-01-01T{entry}+08:00"), &format!("2022-01-01T{exit}+08:00"));
        assert_eq!(total(&tariff, None, &stay).unwrap().to_string(), fee, "{charge} {entry} {exit}");
    }
}

const GOLDEN: &str = r#"{ "format": 1, "id": "golden", "currency": "EUR", "time_zone": "Europe/Berlin",
  "ladder": "stay", "straddle": "split", "free": { "length": "30m", "per": "stay" },
  "rules": [
    { "id": "day", "days": ["workday"], "from": "08:00", "to": "20:00",
      "charge": { "steps": [ { "every": "1h", "price": "2.00", "partial": "pro_rata" } ] } },
    { "id": "weekend", "days": ["rest_day"],
      "charge": { "steps": [ { "every": "1h", "price": "0.50", "partial": "pro_rata" } ] } },
    { "id": "night", "days": ["workday"],
      "charge": { "steps": [ { "every": "1h", "price": "1.00", "partial": "pro_rata" } ] } } ] }"#;

/// Worked out by hand. A workday costs 12 h × 2 + 12 h × 1 = 36, a weekend day 24 h × 0.50 = 12, so a week 5 × 36 +
/// 2 × 12 = 204. The day of entry, Wednesday 4 March 2026, costs after the free half hour 9:40–20:00 = 10⅓ h × 2 =
/// 20⅔, and 4 h × 1: 24⅔. In the night to Sunday 29 March the clock skips an hour: that Sunday costs 23 × 0.50 = 11.50.
#[test]
fn the_golden_stay() {
    let tariff = tariff(GOLDEN);
    for (exit, fee) in [
        ("2026-03-04T09:40:00+01:00", "0"),    // all of it free
        ("2026-03-04T10:00:00+01:00", "0.67"), // 20 min × 2.00
        ("2026-03-04T20:00:00+01:00", "20.67"),
        ("2026-03-05T00:00:00+01:00", "24.67"),
        ("2026-03-05T09:10:00+01:00", "35"), // 24⅔ + 8 × 1 + 1⅙ × 2 = 24⅔ + 10⅓
        ("2026-03-07T00:00:00+01:00", "96.67"), // 24⅔ + Thu 36 + Fri 36
        ("2026-03-09T00:00:00+01:00", "120.67"), // + two weekend days
        ("2026-03-28T00:00:00+01:00", "708.67"), // 24⅔ + 17 workdays × 36 + 6 weekend days × 12
        ("2026-03-30T00:00:00+02:00", "732.17"), // + 12 + 11.50
        ("2026-04-04T00:00:00+02:00", "912.17"), // + 5 × 36
        ("2026-04-04T09:10:00+02:00", "916.75"), // 31 days: 912⅙ + 9⅙ h × 0.50
    ] {
        let stay = stay("2026-03-04T09:10:00+01:00", exit);
        assert_eq!(total(&tariff, None, &stay).unwrap().to_string(), fee, "{exit}");
        let receipt = price_as_of(&tariff, None, &stay).unwrap();
        assert_eq!(receipt.total, receipt.lines.iter().map(|line| line.amount).sum::<Amount>(), "{exit}");
        assert_eq!(receipt.total.to_string(), fee, "{exit}");
    }
}
