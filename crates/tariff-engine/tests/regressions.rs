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

/// Where a price holds for one exit alone, the next change names what every later exit costs.
#[test]
fn a_lone_exit_is_not_the_next_change() {
    let ladders = [
        // The window begins to count at the very end of its first unit.
        (r#""min_overlap":"20m","charge":{"steps":[{"every":"20m","price":"3"}]}"#, "08:20:00", "6"),
        // A unit is complete at its end; the step after it is reached after its end.
        (
            r#""charge":{"steps":[{"upto":"20m","every":"20m","price":"3","partial":"down"},{"upto":"40m","price":"9"}]}"#,
            "08:20:00",
            "9",
        ),
    ];
    for (ladder, at, then) in ladders {
        let tariff = format!(
            r#"{{"format":1,"id":"t","currency":"CNY","time_zone":"Asia/Shanghai",
                 "rules":[{{"id":"r","from":"08:00","to":"22:00",{ladder}}}]}}"#
        );
        let tariff = Tariff::from_json(tariff.as_bytes()).unwrap();
        let instant = |time: &str| format!("2026-01-05T{time}+08:00").parse().unwrap();
        let stay = |exit: &str| Stay::new("s", instant("08:00:00"), instant(exit));
        let fee = |exit: &str| total(&tariff, None, &stay(exit)).unwrap().to_string();
        assert_eq!(
            (fee("08:19:59"), fee("08:20:00"), fee("08:20:01")),
            ("0".into(), "3".into(), then.into())
        );
        let change = price(&tariff, None, &stay("08:10:00")).unwrap().next_change.unwrap();
        assert_eq!((change.at, change.total.to_string()), (instant(at), then.to_owned()));
    }
}
