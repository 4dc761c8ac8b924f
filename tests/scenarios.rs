//! The conformance scenarios: small recordings and what must come out of them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

#[path = "scenarios/matching.rs"]
mod matching;
#[path = "scenarios/run.rs"]
mod run;
#[path = "support/shelves.rs"]
mod shelves;

use std::collections::BTreeSet;

use serde_json::Value;

/// One line of `tests/data/scenarios.jsonl`.
#[derive(serde::Deserialize)]
pub(crate) struct Scenario {
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
        let complaints = run::complaints(scenario, &run::run(scenario));
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

/// Nobody can tell from what comes out whether sessions have left memory.
#[test]
fn scenarios_whose_sessions_leave_memory() {
    let mut left = 0;
    for scenario in scenarios() {
        let (Ok(site), Ok(lines)) = (run::site(&scenario), run::lines(&scenario)) else { continue };
        let mut three = shelves::Three::new(&site);
        lines.iter().for_each(|line| _ = three.apply(line));
        three.finish();
        let [all, _, ended] = three.in_memory();
        left += all - ended;
    }
    assert!(left > 50, "only {left} sessions have left");
}

/// Every text of an expectation is looked at: with another one in its place the scenario fails.
#[test]
fn a_changed_expectation_is_noticed() {
    for scenario in scenarios() {
        let Ok((report, _)) = run::run(&scenario) else { continue };
        if !run::unexpected(&scenario.expect, &report).is_empty() {
            continue;
        }
        let mut paths = Vec::new();
        texts(&scenario.expect, String::new(), &mut paths);
        for path in paths {
            let part = path.rsplit_once('/').and_then(|(part, _)| scenario.expect.pointer(part));
            if part.is_some_and(|part| part["optional"] == true) {
                continue;
            }
            let mut expect = scenario.expect.clone();
            if let Some(text) = expect.pointer_mut(&path) {
                *text = Value::from("something else");
            }
            let noticed = !run::unexpected(&expect, &report).is_empty();
            assert!(noticed || path.contains("no_"), "{}: {path} is not looked at", scenario.name);
        }
    }
}

/// The paths of all texts in a value.
fn texts(value: &Value, path: String, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(path),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| texts(item, format!("{path}/{index}"), found));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| texts(field, format!("{path}/{name}"), found));
        }
        _ => {}
    }
}
