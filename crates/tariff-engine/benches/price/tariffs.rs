//! The tariffs that are measured: five of the white paper, and one with four day types.

use tariff_engine::{Calendar, Tariff};

/// Name and document.
pub(crate) const WHITE_PAPER: [(&str, &str); 5] = [
    ("per_visit", r#"{ "flat": "3.00" }"#),
    ("by_duration", r#"{ "steps": [ { "every": "30m", "price": "1.00" } ] }"#),
    (
        "tiered",
        r#"{ "steps": [ { "upto": "30m", "price": "0" }, { "upto": "60m", "price": "3" }, { "upto": "120m", "price": "5" } ] }"#,
    ),
    (
        "tiered_then_duration",
        r#"{ "steps": [ { "upto": "30m", "price": "0" }, { "upto": "60m", "price": "3.00" },
             { "every": "60m", "price": "1.00", "partial": "down" } ] }"#,
    ),
    (
        "per_minute",
        r#"{ "steps": [ { "upto": "60m", "every": "1m", "price": "0.01" }, { "every": "60m", "price": "1" } ] }"#,
    ),
];

pub(crate) fn white_paper(charge: &str) -> Tariff {
    let text = format!(
        r#"{{ "format": 1, "id": "w", "currency": "CNY", "time_zone": "Asia/Shanghai",
             "rules": [ {{ "id": "day", "from": "07:30", "to": "21:00", "charge": {charge} }} ] }}"#
    );
    Tariff::from_json(text.as_bytes()).expect("a tariff")
}

/// Workdays, rest days, special days and Fridays, each with a day and a night window, and caps.
pub(crate) fn four_day_types() -> Tariff {
    let rule = |id: &str, days: &str, from: &str, to: &str, price: &str, cap: &str| {
        format!(
            r#"{{ "id": "{id}", "days": ["{days}"], "from": "{from}", "to": "{to}", "cap": "{cap}",
                 "charge": {{ "steps": [ {{ "upto": "15m", "price": "0" }}, {{ "every": "30m", "price": "{price}" }} ] }} }}"#
        )
    };
    let rules = [
        rule("special-day", "special_day", "08:00", "20:00", "3.00", "40"),
        rule("special-night", "special_day", "20:00", "08:00", "1.50", "20"),
        rule("rest-day", "rest_day", "08:00", "20:00", "1.00", "15"),
        rule("rest-night", "rest_day", "20:00", "08:00", "0.50", "5"),
        rule("friday-day", "fri", "08:00", "20:00", "2.50", "35"),
        rule("friday-night", "fri", "20:00", "08:00", "1.50", "10"),
        rule("work-day", "any", "08:00", "20:00", "2.00", "30"),
        rule("work-night", "any", "20:00", "08:00", "1.00", "8"),
    ];
    let text = format!(
        r#"{{ "format": 1, "id": "f", "currency": "CNY", "time_zone": "Asia/Shanghai",
             "caps": [ {{ "per": "natural_day", "amount": "50" }} ], "rules": [ {} ] }}"#,
        rules.join(",")
    );
    Tariff::from_json(text.as_bytes()).expect("a tariff")
}

/// Two hours have three lines: two fixed steps and units.
#[allow(dead_code)] // Not every bench asks for it.
pub(crate) fn three_lines() -> Tariff {
    white_paper(
        r#"{ "steps": [ { "upto": "30m", "price": "2.00" }, { "upto": "60m", "price": "3.00" }, { "every": "30m", "price": "1.00" } ] }"#,
    )
}

/// One window all day, by units of this length.
#[allow(dead_code)] // Not every bench asks for it.
pub(crate) fn every(unit: &str) -> Tariff {
    let text = format!(
        r#"{{ "format": 1, "id": "e", "currency": "CNY", "time_zone": "Asia/Shanghai", "ladder": "stay",
             "rules": [ {{ "id": "all", "charge": {{ "steps": [ {{ "every": "{unit}", "price": "0.01" }} ] }} }} ] }}"#
    );
    Tariff::from_json(text.as_bytes()).expect("a tariff")
}

/// A year of China's holidays, with some special days.
pub(crate) fn calendar() -> Calendar {
    let year = |year: i32| {
        let path = format!("{}/../../calendars/cn-{year}.json", env!("CARGO_MANIFEST_DIR"));
        Calendar::from_json(&std::fs::read(path).expect("a calendar")).expect("a calendar")
    };
    let fair = Calendar::from_json(
        br#"{ "format": 1, "id": "fair", "covers": { "from": "2025-01-01", "until": "2027-01-01" },
              "days": { "2025-04-19": ["rest_day", "special_day"], "2025-11-17": ["workday", "special_day"] } }"#,
    )
    .expect("a calendar");
    Calendar::merge(&[&year(2025), &year(2026), &fair]).expect("a merged calendar")
}
