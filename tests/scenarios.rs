//! The conformance scenarios: small recordings and what must come out of them.

#[path = "scenarios/matching.rs"]
mod matching;
#[path = "scenarios/run.rs"]
mod run;

use std::collections::BTreeSet;

use serde_json::Value;

/// One line of `tests/data/scenarios.jsonl`.
#[derive(serde::Deserialize)]
pub struct Scenario {
    name: String,
    rule: String,
    site: Value,
    frames: Vec<Value>,
    expect: Value,
}

fn scenarios() -> Vec<Scenario> {
    let text = include_str!("data/scenarios.jsonl");
    text.lines().map(|line| serde_json::from_str(line).expect("a scenario")).collect()
}

/// Every scenario passes, but for those that are known not to; a known one that passes must leave the list.
#[test]
fn scenarios_hold() {
    let pending: BTreeSet<&str> =
        include_str!("data/scenarios-pending.txt").lines().filter(|line| !line.is_empty()).collect();
    let (mut passed, mut surprises) = (0, Vec::new());
    let all = scenarios();
    for scenario in &all {
        let complaints = run::complaints(scenario);
        let mark = if complaints.is_empty() { "pass" } else { "FAIL" };
        println!("{mark}  {:32} {}", scenario.name, scenario.rule);
        complaints.iter().for_each(|complaint| println!("          {complaint}"));
        passed += usize::from(complaints.is_empty());
        if complaints.is_empty() == pending.contains(scenario.name.as_str()) {
            surprises.push(format!("{} {mark}", scenario.name));
        }
    }
    println!("{passed} of {} scenarios pass", all.len());
    let unknown: Vec<_> = pending.iter().filter(|name| all.iter().all(|s| s.name != **name)).collect();
    assert!(unknown.is_empty(), "pending scenarios that do not exist: {unknown:?}");
    assert!(surprises.is_empty(), "not as scenarios-pending.txt says: {surprises:#?}");
}
