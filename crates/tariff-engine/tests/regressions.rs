//! What once went wrong in the engine, found by the property tests and the fuzz targets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod compare;
mod oracle;
mod sentence;

use std::fs;
use std::path::Path;

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

/// Where units of several odd lengths are charged pro rata in one tariff, their common fraction may need more than the
/// engine's 128 bits. Such a stay is refused with `overflow`; it is never charged a wrong or a zero fee.
#[test]
fn sums_too_fine_for_the_engine_are_refused() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/too-fine.jsonl");
    for line in fs::read_to_string(path).unwrap().lines() {
        let (case, says, _) = sentence::read(line);
        let engine = compare::total_of(&case).map_err(|(code, _)| code);
        assert!(engine.as_ref().is_err_and(|code| *code == "overflow"), "{says}: {engine:?}");
    }
}
