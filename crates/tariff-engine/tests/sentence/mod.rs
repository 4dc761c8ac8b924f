//! The sentences of the contract as cases: `tests/data/sentences.jsonl`.

use serde_json::{Map, Value, json};

use crate::oracle::Q;
use crate::oracle::generate::Case;
use crate::oracle::quantity::decimal;

/// The case of a line, what it says, and its total or error code.
pub(crate) fn read(line: &str) -> (Case, String, Result<Q, String>) {
    let given: Value = serde_json::from_str(line).unwrap();
    let mut tariff =
        json!({"format": 1, "id": "t", "currency": "EUR", "time_zone": "UTC", "rules": given["rules"]});
    let mut stay = json!({"id": "s", "entry": given["entry"], "exit": given["exit"], "vehicle": "small"});
    merge(&mut tariff, given.get("top").and_then(Value::as_object));
    merge(&mut stay, given.get("stay").and_then(Value::as_object));
    let expected = match given["total"].as_str() {
        Some(total) => Ok(decimal(total).unwrap()),
        None => Err(given["error"].as_str().unwrap().to_owned()),
    };
    let case = Case { tariff, calendar: given.get("calendar").cloned(), stay };
    (case, given["says"].as_str().unwrap().to_owned(), expected)
}

fn merge(object: &mut Value, more: Option<&Map<String, Value>>) {
    for (name, value) in more.into_iter().flatten() {
        object[name.as_str()] = value.clone();
    }
}
