//! Everything that is published fits the published schemas, and no field is missing from them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use jsonschema::Validator;
use parkline::{replay::Replay, site::Site};
use serde_json::{Value, json};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The schema as readers get it, and one that knows its own fields alone.
struct Schema {
    published: Value,
    exact: Validator,
}

impl Schema {
    fn new(name: &str) -> Self {
        let published: Value = serde_json::from_str(&read(&format!("schema/{name}.schema.json"))).unwrap();
        assert!(jsonschema::meta::is_valid(&published), "{name}");
        let mut exact = published.clone();
        close(&mut exact);
        Self { exact: jsonschema::validator_for(&exact).unwrap(), published }
    }

    fn check(&self, record: &Value) {
        let checked =
            self.exact.validate(record).map_err(|error| format!("{}: {error}", error.instance_path()));
        assert_eq!(checked, Ok(()), "{record}");
    }
}

/// No object has other members than the schema names.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") && !members.contains_key("additionalProperties") {
                members.insert("additionalProperties".to_owned(), json!(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

fn schemas() -> BTreeMap<&'static str, Schema> {
    ["session", "charge", "command", "alert", "dead-letter", "frame"]
        .map(|name| (name, Schema::new(name)))
        .into()
}

/// Checks all records of a recording; notes which members were seen.
fn check(schemas: &BTreeMap<&str, Schema>, site: &[u8], frames: &str, seen: &mut BTreeSet<(String, String)>) {
    let mut replay = Replay::new(Site::parse(&[("site", site)]).unwrap());
    frames.lines().for_each(|line| replay.line(line.as_bytes()));
    let report = replay.finish();
    let letters = report.dead_letters().to_vec();
    let records: [(&str, Vec<String>); 5] = [
        ("session", report.sessions().collect()),
        ("charge", report.charges().collect()),
        ("command", report.commands().collect()),
        ("alert", report.alerts().collect()),
        ("dead-letter", letters),
    ];
    for (name, lines) in records {
        for line in lines {
            let record: Value = serde_json::from_str(&line).unwrap();
            schemas[name].check(&record);
            seen.extend(record.as_object().unwrap().keys().map(|key| (name.to_owned(), key.clone())));
        }
    }
}

#[test]
fn what_is_published_fits_its_schema() {
    let schemas = schemas();
    let mut seen = BTreeSet::new();
    for line in read("tests/data/scenarios.jsonl").lines() {
        let scenario: Value = serde_json::from_str(line).unwrap();
        let frames = scenario["frames"].as_array().unwrap();
        for frame in frames.iter().filter(|frame| frame.is_object()) {
            schemas["frame"].check(frame);
        }
        let frames: String = frames.iter().map(|frame| format!("{frame}\n")).collect();
        if Site::parse(&[("site", scenario["site"].to_string().as_bytes())]).is_ok() {
            check(&schemas, scenario["site"].to_string().as_bytes(), &frames, &mut seen);
        }
    }
    let site = read("examples/data/site/mall.json");
    check(&schemas, site.as_bytes(), &read("examples/data/frames/mall.jsonl"), &mut seen);
    // The recordings are rich enough to say something about nearly every member.
    for (name, schema) in schemas.iter().filter(|(name, _)| **name != "frame") {
        let named = schema.published["properties"].as_object().unwrap().keys();
        let unseen: Vec<_> =
            named.filter(|key| !seen.contains(&((*name).to_owned(), (*key).clone()))).collect();
        println!("{name}: not in the recordings: {unseen:?}");
        assert!(unseen.len() <= 3, "{name}: {unseen:?}");
    }
}

#[test]
fn a_record_that_is_wrong_does_not_fit() {
    let schemas = schemas();
    let good = json!({"v": 1, "alert": "a", "kind": "zombie", "severity": "info", "opened_at": "2026-03-02T08:00:00Z",
        "last_at": "2026-03-02T08:00:00Z", "count": 1});
    schemas["alert"].check(&good);
    for (member, value) in [
        ("v", json!(2)),
        ("severity", json!("loud")),
        ("count", json!("1")),
        ("lot", json!("")),
        ("new", json!(1)),
    ] {
        let mut bad = good.clone();
        bad[member] = value;
        assert!(!schemas["alert"].exact.is_valid(&bad), "{bad}");
    }
    let open = jsonschema::validator_for(&schemas["alert"].published).unwrap();
    let mut newer = good;
    newer["new"] = json!(1);
    assert!(open.is_valid(&newer), "readers pass over what they do not know");
}

/// A charge is a receipt with more: what they share is said in the same words.
#[test]
fn a_charge_says_of_its_receipt_what_the_receipts_schema_says() {
    let charge: Value = serde_json::from_str(&read("schema/charge.schema.json")).unwrap();
    let receipt: Value =
        serde_json::from_str(&read("crates/tariff-engine/schema/receipt.schema.json")).unwrap();
    let of_receipt = receipt["$defs"]["receipt"]["properties"].as_object().unwrap();
    for (name, schema) in of_receipt.iter().filter(|(name, _)| *name != "id") {
        assert_eq!(charge["properties"][name], *schema, "{name}");
    }
    for name in ["line", "document", "money", "signed", "span", "date", "instant"] {
        assert_eq!(charge["$defs"][name], receipt["$defs"][name], "{name}");
    }
}

#[test]
fn the_asyncapi_document_names_every_schema() {
    let api: Value = serde_json::from_str(&read("schema/asyncapi.json")).unwrap();
    for (topic, channel) in api["channels"].as_object().unwrap() {
        let message = channel["messages"].as_object().unwrap().keys().next().unwrap();
        let file = &api["components"]["messages"][message]["payload"]["schema"]["$ref"];
        let schema: Value =
            serde_json::from_str(&read(&format!("schema/{}", file.as_str().unwrap()))).unwrap();
        assert!(schema["title"].is_string(), "{topic}");
    }
}
