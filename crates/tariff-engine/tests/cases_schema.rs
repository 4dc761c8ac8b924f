//! The published JSON Schemas say of every example what the engine says of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{fs, path::Path};

use serde_json::{Map, Value};
use tariff_engine::{Calendar, Stay, Tariff, error_json, price_as_of};

fn here(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn schema(name: &str) -> Value {
    serde_json::from_slice(&fs::read(here(&format!("schema/{name}.schema.json"))).unwrap()).unwrap()
}

fn fits(root: &Value, value: &Value) -> bool {
    check(root, root, value)
}

/// As much of JSON Schema as the schemas use; a keyword that is not known here fails the test. Patterns are left to the
/// engine's own tests.
fn check(root: &Value, schema: &Value, value: &Value) -> bool {
    let empty = Map::new();
    let rules = schema.as_object().unwrap();
    rules.iter().all(|(keyword, rule)| match keyword.as_str() {
        "$schema" | "$id" | "$defs" | "title" | "description" | "pattern" | "propertyNames" => true,
        "$ref" => check(root, root.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap(), value),
        "const" => rule == value,
        "enum" => rule.as_array().unwrap().contains(value),
        "type" => rule
            .as_array()
            .map_or_else(|| has_type(rule, value), |any| any.iter().any(|one| has_type(one, value))),
        "oneOf" => rule.as_array().unwrap().iter().filter(|one| check(root, one, value)).count() == 1,
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| check(root, rule, item))),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
        "minLength" => value.as_str().is_none_or(|text| text.len() as u64 >= rule.as_u64().unwrap()),
        "minimum" => value.as_i64().is_none_or(|number| number >= rule.as_i64().unwrap()),
        "required" => {
            let has = |name: &Value| value.get(name.as_str().unwrap()).is_some();
            !value.is_object() || rule.as_array().unwrap().iter().all(has)
        }
        "dependentRequired" => rule.as_object().unwrap().iter().all(|(name, needs)| {
            value.get(name).is_none()
                || needs.as_array().unwrap().iter().all(|n| value.get(n.as_str().unwrap()).is_some())
        }),
        "properties" => rule
            .as_object()
            .unwrap()
            .iter()
            .all(|(name, one)| value.get(name).is_none_or(|v| check(root, one, v))),
        "additionalProperties" => {
            let named = rules.get("properties").and_then(Value::as_object).unwrap_or(&empty);
            let fields = value.as_object().into_iter().flatten();
            let mut others = fields.filter(|(name, _)| !named.contains_key(*name));
            match rule {
                Value::Bool(allowed) => *allowed || others.next().is_none(),
                one => others.all(|(_, v)| check(root, one, v)),
            }
        }
        other => panic!("the schemas use {other}, which is not checked here"),
    })
}

fn has_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    }
}

#[test]
fn documents_stays_and_receipts_fit_their_schemas() {
    let (tariffs, stays, receipts) = (schema("tariff"), schema("stay"), schema("receipt"));
    for entry in fs::read_dir(here("tests/data/docs")).unwrap() {
        let text = fs::read(entry.unwrap().path()).unwrap();
        let value: Value = serde_json::from_slice(&text).unwrap();
        assert!(fits(&tariffs, &value), "{value}");
    }
    for line in fs::read_to_string(here("tests/data/cases.jsonl")).unwrap().lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        assert!(fits(&stays, &case["stay"]), "{line}");
        let tariff =
            fs::read(here(&format!("tests/data/docs/{}.json", case["tariff"].as_str().unwrap()))).unwrap();
        let tariff = Tariff::from_json(&tariff).unwrap();
        let stay = Stay::from_json(case["stay"].to_string().as_bytes()).unwrap();
        let receipt = price_as_of(&tariff, None, &stay).unwrap().to_json();
        assert!(fits(&receipts, &serde_json::from_str(&receipt).unwrap()), "{receipt}");
    }
    let page = fs::read_to_string(here("../../docs/tariff.md")).unwrap();
    for part in page.split("```json\n").skip(1) {
        let value: Value = serde_json::from_str(part.split("```").next().unwrap()).unwrap();
        let which = if part.contains("\"rules\"") {
            &tariffs
        } else if value.get("weekend").is_some() {
            &schema("calendar")
        } else if value.get("lines").is_some() {
            &receipts
        } else {
            &stays
        };
        assert!(fits(which, &value), "{value}");
    }
}

#[test]
fn refusals_fit_the_receipt_schema() {
    let tariff = Tariff::from_json(
        br#"{ "format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai", "max_stay": "1h", "rules": [] }"#,
    )
    .unwrap();
    let stay =
        Stay::from_json(br#"{ "id": "s", "entry": "2026-01-01T00:00:00Z", "exit": "2026-01-01T02:00:00Z" }"#)
            .unwrap();
    let refused = error_json(Some("s"), &price_as_of(&tariff, None, &stay).unwrap_err());
    assert!(fits(&schema("receipt"), &serde_json::from_str(&refused).unwrap()), "{refused}");
    let unread = Stay::from_json(b"{").unwrap_err().to_json();
    assert!(fits(&schema("receipt"), &serde_json::from_str(&unread).unwrap()), "{unread}");
}

#[test]
fn what_the_engine_refuses_for_its_shape_the_schema_refuses() {
    let good = r#"{ "format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai", "free": { "length": "1h", "per": "period", "first": "2h" },
        "caps": [ { "per": "stay", "amount": "3" } ],
        "rules": [ { "id": "r", "from": "08:00", "to": "09:00", "charge": { "steps": [ { "every": "1h", "price": "1", "partial": { "over": "5m" } } ] } } ] }"#;
    let schema = schema("tariff");
    assert!(
        fits(&schema, &serde_json::from_str(good).unwrap()) && Tariff::from_json(good.as_bytes()).is_ok()
    );
    for (old, new) in [
        ("\"format\": 1", "\"format\": 2"),
        ("\"per\": \"period\"", "\"per\": \"stay\""),
        ("\"amount\": \"3\"", "\"amount\": \"3\", \"amounts\": [\"3\"]"),
        ("\"amount\": \"3\"", "\"amounts\": []"),
        ("\"from\": \"08:00\", ", ""),
        ("\"every\": \"1h\", ", ""),
        ("{ \"over\": \"5m\" }", "{ \"over\": \"5m\", \"step\": \"5m\" }"),
        ("\"id\": \"r\", ", ""),
        ("\"id\": \"r\"", "\"id\": \"\""),
        ("\"steps\": [", "\"once\": \"stay\", \"steps\": ["),
        ("\"time_zone\": \"Asia/Shanghai\", ", "\"time_zone\": \"Asia/Shanghai\", \"surprise\": 1, "),
    ] {
        let bad = good.replace(old, new);
        assert_ne!(bad, good, "{old}");
        assert!(Tariff::from_json(bad.as_bytes()).is_err(), "{bad}");
        assert!(!fits(&schema, &serde_json::from_str(&bad).unwrap()), "{bad}");
    }
    let calendar = r#"{ "format": 1, "id": "c", "days": { "2026-01-01": ["holiday"] } }"#;
    assert!(Calendar::from_json(calendar.as_bytes()).is_err());
    assert!(!fits(&self::schema("calendar"), &serde_json::from_str(calendar).unwrap()));
}
