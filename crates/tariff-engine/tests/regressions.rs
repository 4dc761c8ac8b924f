//! What once went wrong in the engine, found by the property tests and the fuzz targets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod compare;
mod oracle;
mod sentence;

use std::fs;
use std::path::Path;

use tariff_engine::{Stay, Tariff, price, total};

#[test]
fn what_went_wrong_stays_right() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/regressions.jsonl");
    let mut wrong = Vec::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        let (case, says, expected) = sentence::read(line);
        if let Err(difference) = compare::check(&case, true) {
            wrong.push(format!("{says}: {difference}"));
        }
        let total = compare::total_of(&case).map_err(|(code, _)| code);
        if total != expected {
            wrong.push(format!("{says}: {total:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A line shows at most what an amount can say; the total is exact all the same, and the rounding line takes up the rest.
#[test]
fn charges_beyond_any_amount_are_capped_not_refused() {
    for steps in [
        r#"{"every":"59m59s","partial":"pro_rata","price":"9000000000000"}"#,
        r#"{"every":"1h","price":"9000000000000"}"#,
    ] {
        let tariff = format!(
            r#"{{"format":1,"id":"t","currency":"EUR","time_zone":"Europe/Berlin","caps":[{{"per":"stay","amount":"12"}}],
                 "rules":[{{"id":"r","charge":{{"steps":[{steps}]}}}}]}}"#
        );
        let tariff = Tariff::from_json(tariff.as_bytes()).unwrap();
        let instant = |text: &str| text.parse().unwrap();
        let stay = Stay::new("s", instant("2026-01-05T08:00:00+01:00"), instant("2026-01-09T17:00:00+01:00"));
        let receipt = price(&tariff, None, &stay).unwrap();
        assert_eq!(receipt.total.to_string(), "12");
        assert_eq!(total(&tariff, None, &stay), Ok(receipt.total));
        let sum: i128 = receipt.lines.iter().map(|line| i128::from(line.amount.as_micros())).sum();
        assert_eq!(sum, 12_000_000);
    }
}
