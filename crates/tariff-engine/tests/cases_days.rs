//! Totals count whole days that are alike, and receipts write them again. Both must agree with each other and with a walk
//! over every day, at every length.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use parking_types::{Date, Instant, Span};
use tariff_engine::{Calendar, PriceError, Receipt, Stay, Tariff, Used, price_as_of, total};

const RULES: [&str; 14] = [
    r#""rules": [ { "id": "a", "from": "07:30", "to": "21:00", "charge": { "steps": [ { "upto": "30m", "price": "0" },
        { "upto": "1h", "price": "3" }, { "every": "1h", "price": "1", "partial": "down" } ] } } ]"#,
    // A unit runs over midnight; the day has no whole number of them.
    r#""ladder": "stay", "rules": [ { "id": "a", "charge": { "steps": [ { "upto": "5h", "price": "7" }, { "every": "50m", "price": "1" } ] } } ]"#,
    r#""ladder": "stay", "straddle": "split", "caps": [ { "per": "24h", "amount": "15" }, { "per": "7d", "amount": "80" } ],
       "rules": [ { "id": "d", "days": ["workday"], "from": "08:00", "to": "20:00", "charge": { "steps": [ { "every": "40m", "price": "1", "partial": "pro_rata" } ] } },
                  { "id": "n", "from": "20:00", "to": "08:00", "cap": "4", "charge": { "steps": [ { "every": "1h", "price": "0.7" } ] } } ]"#,
    r#""period": "rolling_24h", "free": { "length": "20m", "per": "period", "first": "1h" },
       "caps": [ { "per": "period", "amounts": ["10", "8", "6"] }, { "per": "stay", "amount": "2000" } ],
       "rules": [ { "id": "a", "cap": "9", "charge": { "steps": [ { "every": "30m", "price": "0.5" } ] } } ]"#,
    r#""ladder": "window", "rules": [ { "id": "n", "from": "18:00", "to": "09:00", "cap": "9", "days": ["workday"], "charge": { "steps": [ { "upto": "2h", "every": "30m", "price": "2" }, { "every": "1h", "price": "1" } ] } },
         { "id": "w", "charge": { "flat": "5", "once": "period" } } ]"#,
    r#""free": { "length": "3h", "per": "day" }, "caps": [ { "per": "day", "amount": "12" }, { "per": "natural_day", "amount": "13" } ],
       "rules": [ { "id": "f", "days": ["fri", "special_day"], "charge": { "steps": [ { "every": "1h", "price": "3" } ] } },
                  { "id": "a", "min_overlap": "2h", "from": "06:00", "to": "05:00", "charge": { "steps": [ { "every": "90m", "price": "1" } ] } } ]"#,
    r#""minimum": "2", "rules": [ { "id": "a", "from": "10:00", "to": "10:00", "charge": { "flat": "4", "once": "window" } } ]"#,
    r#""ladder": "stay", "rules": [ { "id": "a", "charge": { "tiers": "add", "steps": [ { "upto": "1d", "price": "70" },
         { "upto": "7d", "every": "1d", "price": "50" }, { "upto": "30d", "every": "1d", "price": "30" }, { "upto": "31d", "price": "530" }, { "every": "1d", "price": "30" } ] } } ]"#,
    r#""ladder": "stay", "rules": [ { "id": "a", "charge": { "tiers": "volume", "steps": [ { "upto": "2d", "every": "1h", "price": "1" }, { "every": "1h", "price": "0.5" } ] } } ]"#,
    r#""ladder": "stay", "rules": [ { "id": "d", "from": "08:00", "to": "20:00", "charge": { "steps": [ { "every": "7h", "price": "2" } ] } },
         { "id": "n", "from": "20:00", "to": "08:00", "straddle": "split", "charge": { "steps": [ { "every": "5h", "price": "1" } ] } } ]"#,
    r#""caps": [ { "per": "7d", "amounts": ["30", "20"] }, { "per": "day", "amount": "9" } ], "ladder": "stay",
       "rules": [ { "id": "a", "days": ["mon", "tue", "wed"], "charge": "none" }, { "id": "b", "charge": { "steps": [ { "every": "11h", "price": "3", "partial": { "step": "2h" } } ] } } ]"#,
    r#""period": "rolling_24h", "ladder": "window", "rules": [ { "id": "a", "from": "23:00", "to": "01:30", "min_overlap": "30m", "charge": { "steps": [ { "every": "45m", "price": "3" } ] } },
         { "id": "b", "ladder": "period", "charge": { "steps": [ { "every": "1d", "price": "1", "partial": { "over": "1h" } } ] } } ]"#,
    // A fixed step is reached in the evening and ends on the next day.
    r#""ladder": "window", "rules": [ { "id": "n", "from": "20:00", "to": "06:00", "cap": "7", "charge": { "steps": [ { "upto": "5h", "price": "4" }, { "every": "1h", "price": "1" } ] } },
         { "id": "d", "days": ["workday"], "from": "09:00", "to": "17:00", "charge": { "tiers": "add", "steps": [ { "upto": "1h", "price": "2" }, { "upto": "9h", "price": "1" } ] } } ]"#,
    // One line goes on from day to day, and of such lines some parts round to nothing.
    r#""caps": [ { "per": "period", "amount": "3" } ],
       "rules": [ { "id": "d", "days": ["workday"], "charge": { "steps": [ { "every": "1h", "price": "0.2" } ] } },
                  { "id": "a", "charge": { "steps": [ { "every": "24h", "price": "0.000003", "partial": "pro_rata" } ] } } ]"#,
];

/// Names the first line that differs, as receipts are long.
fn same_lines(
    receipt: &Result<Receipt<'_>, PriceError>,
    walked: &Result<Receipt<'_>, PriceError>,
    what: impl Fn() -> String,
) {
    if let (Ok(receipt), Ok(walked)) = (receipt, walked) {
        for (line, expected) in receipt.lines.iter().zip(&walked.lines) {
            assert_eq!(line, expected, "{}", what());
        }
    }
}

#[test]
fn counted_days_cost_what_walked_days_cost() {
    let calendar = Calendar::from_json(
        br#"{ "format": 1, "id": "c", "days": { "2026-05-01": ["rest_day", "special_day"], "2026-05-04": ["rest_day"],
              "2026-05-09": ["workday"], "2026-06-19": [], "2026-10-01": ["rest_day", "special_day"], "2026-10-10": ["workday"] } }"#,
    )
    .unwrap();
    for rules in RULES {
        // Apia skipped 2011-12-30.
        for (zone, first) in [
            ("Asia/Shanghai", "2026-02-11T05:17:31Z"),
            ("Europe/Berlin", "2026-02-11T05:17:31Z"),
            ("Australia/Lord_Howe", "2026-02-11T05:17:31Z"),
            ("Pacific/Apia", "2011-11-11T05:17:31Z"),
        ] {
            let text = format!(
                r#"{{ "format": 1, "id": "t", "currency": "CNY", "time_zone": "{zone}", "rounding": {{ "quantum": "0.000001" }}, {rules} }}"#
            );
            let tariff =
                Tariff::from_json(text.as_bytes()).unwrap_or_else(|e| panic!("{e} at {}: {text}", e.path()));
            let entry: Instant = first.parse().unwrap();
            for days in 1..=400 {
                // Other times of day and, in part, other dates of entry.
                let entry = entry + Span::from_mins(days * 37);
                let stay = Stay::new("s", entry, entry + Span::from_days(days) + Span::from_secs(days * 977));
                // What the plate used on some date long ago costs nothing, but days are neither counted nor written again.
                let walked = Stay { used: vec![(Date::from_days(0), Used::default())], ..stay.clone() };
                for calendar in [None, Some(&calendar)] {
                    let receipt = price_as_of(&tariff, calendar, &stay);
                    let walked = price_as_of(&tariff, calendar, &walked);
                    same_lines(&receipt, &walked, || format!("{days} days of {text}"));
                    assert_eq!(receipt, walked, "{days} days of {text}");
                    let alone = total(&tariff, calendar, &stay);
                    assert_eq!(alone, walked.map(|walked| walked.total), "{days} days of {text}");
                }
            }
        }
    }
}

#[test]
fn exempt_time_and_discounts_do_not_disturb_the_count() {
    let tariff = Tariff::from_json(
        br#"{ "format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai", "ladder": "stay",
              "rules": [ { "id": "a", "charge": { "steps": [ { "every": "7h", "price": "2" } ] } } ] }"#,
    )
    .unwrap();
    for days in 5..40 {
        let line = format!(
            r#"{{ "id": "s", "entry": "2026-02-11T05:17:31Z", "exit": "2026-{:02}-{:02}T09:00:00Z",
                 "exempt": [ {{ "from": "2026-02-20T00:00:00Z", "to": "2026-02-22T07:00:00Z" }} ],
                 "adjust": [ {{ "time_off": "3h" }}, {{ "time_off": "1h", "at": "end" }}, {{ "percent_off": "12.5" }} ] }}"#,
            3 + days / 28,
            1 + days % 28
        );
        let stay = Stay::from_json(line.as_bytes()).unwrap();
        let walked = price_as_of(&tariff, None, &stay).unwrap();
        assert_eq!(total(&tariff, None, &stay), Ok(walked.total), "{line}");
    }
}
