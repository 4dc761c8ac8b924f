//! Receipts as text for people: within the width whatever the stay, and with all that makes the total.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{fs, path::Path};

use serde_json::Value;
use tariff_engine::{Calendar, Lang, LineKind, Stay, Tariff, explain, price};

/// Columns as a ticket printer has them: everything outside ASCII takes two.
fn columns(line: &str) -> usize {
    line.chars().map(|character| if character.is_ascii() { 1 } else { 2 }).sum()
}

#[test]
fn no_line_of_any_receipt_is_wider_than_asked_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let cases = fs::read_to_string(folder.join("cases.jsonl")).unwrap();
    let mut lines = 0;
    for case in cases.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let document =
            fs::read(folder.join(format!("docs/{}.json", case["tariff"].as_str().unwrap()))).unwrap();
        let tariff = Tariff::from_json(&document).unwrap();
        let stay = Stay::from_json(case["stay"].to_string().as_bytes()).unwrap();
        let Ok(receipt) = price(&tariff, None, &stay) else { continue };
        for lang in [Lang::En, Lang::Zh] {
            for width in [32, 48] {
                let text = explain(&receipt, lang, width);
                for line in text.lines() {
                    assert!(columns(line) <= width, "{line:?} of {case}");
                    lines += 1;
                }
                let money = receipt.total.in_currency(receipt.currency);
                assert!(text.contains(&format!("{} {money}", receipt.currency)), "{text}");
            }
        }
    }
    assert!(lines > 10_000, "{lines}");
}

const TARIFF: &str = r#"{ "format": 1, "id": "市中心停车场一号收费标准", "currency": "CNY", "time_zone": "Asia/Shanghai", "minimum": "1.00",
    "caps": [ { "per": "natural_day", "amount": "11.00" }, { "per": "stay", "amount": "18.00" } ],
    "rules": [
      { "id": "工作日白天普通车位第一段收费规则", "days": ["workday"], "from": "07:30", "to": "21:00", "cap": "12.00",
        "charge": { "steps": [ { "upto": "30m", "price": "0" }, { "upto": "1h", "price": "3.00" }, { "every": "1h", "price": "1.25" } ] } },
      { "id": "节日", "days": ["special_day"], "charge": { "steps": [ { "every": "1h", "price": "5.00" } ] } },
      { "id": "rest", "days": ["rest_day"], "charge": { "flat": "4.00" } } ] }"#;

const CALENDAR: &str = r#"{ "format": 1, "id": "cn-2026+shenzhen-special-days", "covers": { "from": "2026-01-01", "until": "2027-01-01" },
    "days": { "2026-10-01": ["rest_day", "special_day"], "2026-10-10": ["workday"] } }"#;

fn texts(stay: &str) -> (String, String) {
    let tariff = Tariff::from_json(TARIFF.as_bytes()).unwrap();
    let calendar = Calendar::from_json(CALENDAR.as_bytes()).unwrap();
    let stay = Stay::from_json(stay.as_bytes()).unwrap();
    let receipt = price(&tariff, Some(&calendar), &stay).unwrap();
    let kinds: Vec<LineKind> = receipt.lines.iter().map(|line| line.kind).collect();
    assert!(kinds.contains(&LineKind::Cap), "{kinds:?}");
    let text = |lang| {
        let text = explain(&receipt, lang, 32);
        assert!(text.lines().all(|line| columns(line) <= 32), "{text}");
        text
    };
    (text(Lang::En), text(Lang::Zh))
}

#[test]
fn everything_that_makes_the_total_is_told_in_both_languages() {
    let (english, chinese) = texts(
        r#"{ "id": "粤B12345-20261009", "entry": "2026-09-30T19:00:00+08:00", "exit": "2026-10-03T09:00:00+08:00",
             "adjust": [ { "multiply": "2" }, { "percent_off": "20" }, { "amount_off": "1" } ],
             "paid": [ { "at": "2026-09-30T20:00:00+08:00", "amount": "7" } ] }"#,
    );
    for part in [
        "Entry           2026-09-30 19:00",
        "Exit            2026-10-03 09:00",
        "workday (Wednesday)",
        "special day (listed in",
        "rest day (Saturday)",
        " x 5.00",
        "Cap of the day",
        "Cap of the stay",
        "Multiplied x 2",
        "Discount 20 %",
        "Voucher",
        "Paid",
        "To pay",
        "Total",
    ] {
        assert!(english.contains(part), "{part} in\n{english}");
    }
    for part in [
        "入场",
        "出场",
        "工作日 (星期三)",
        "特殊日 (日历",
        "休息日",
        "自然日封顶",
        "单次封顶",
        "倍数",
        "折扣 20 %",
        "减免",
        "已付",
        "应付",
        "合计",
    ] {
        assert!(chinese.contains(part), "{part} in\n{chinese}");
    }
}

#[test]
fn the_next_change_is_told() {
    let (english, chinese) =
        texts(r#"{ "id": "a", "entry": "2026-10-10T08:00:00+08:00", "exit": "2026-10-10T20:30:00+08:00" }"#);
    assert!(english.contains("workday (listed in"), "{english}");
    assert!(english.lines().last().unwrap().starts_with("After 2026-10-1"), "{english}");
    assert!(chinese.lines().last().unwrap().starts_with("此后 2026-10-1"), "{chinese}");
}
