//! Stays with the fees that others published for them; `data/README.md` names the sources.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{collections::BTreeMap, fs, path::Path};

use parking_types::Amount;
use serde_json::Value;
use tariff_engine::{Stay, Tariff, price, total};

fn data(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

#[test]
fn every_published_case_agrees() {
    let mut tariffs: BTreeMap<String, Tariff> = BTreeMap::new();
    let mut wrong = Vec::new();
    let cases = fs::read_to_string(data("cases.jsonl")).unwrap();
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["tariff"].as_str().unwrap();
        let tariff = tariffs.entry(name.to_owned()).or_insert_with(|| {
            let document = fs::read(data(&format!("docs/{name}.json"))).unwrap();
            Tariff::from_json(&document).unwrap_or_else(|error| panic!("{name}: {error} at {}", error.path()))
        });
        let stay = Stay::from_json(case["stay"].to_string().as_bytes()).unwrap();
        let expected: Amount = case["expected_total"].as_str().unwrap().parse().unwrap();
        let receipt = price(tariff, None, &stay);
        let only_total = total(tariff, None, &stay);
        match receipt {
            Ok(receipt) if receipt.total == expected && only_total == Ok(expected) => {
                let sum: Amount = receipt.lines.iter().map(|line| line.amount).sum();
                assert_eq!(sum, receipt.total, "{}", case["id"]);
            }
            other => wrong.push(format!("{}: {expected} expected, {only_total:?}, {other:?}", case["id"])),
        }
    }
    assert_eq!(cases.lines().count(), 285);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
