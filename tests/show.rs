//! Displays of lots and areas are told how many places are free.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use parkline::{
    pipeline::Pipeline,
    site::Site,
    stage::{Position, Record, Stage},
};
use serde_json::Value;

const SITE: &str = r#"{"format":1,
    "areas":[{"id":"town"},{"id":"quay","parent":"town"}],
    "lots":[{"id":"L","kind":"roadside","group":"grp","area":"quay","time_zone":"Asia/Shanghai"},
            {"id":"M","kind":"roadside","group":"grp","area":"town","time_zone":"Asia/Shanghai"}],
    "berths":[{"id":"b1","lot":"L"},{"id":"b2","lot":"L"},{"id":"c1","lot":"M"}],
    "devices":[{"id":"m1","protocol":"bosch-tps110","berth":"b1"},
               {"id":"n1","protocol":"bosch-tps110","berth":"c1"},
               {"id":"of-lot","protocol":"parkline","lot":"L"},
               {"id":"of-quay","protocol":"parkline","area":"quay"},
               {"id":"of-town","protocol":"parkline","area":"town"}]}"#;

/// What displays were told by a frame.
fn told(pipeline: &mut Pipeline, offset: u64, line: &str) -> Vec<(String, u64)> {
    let mut outputs = Vec::new();
    let position = Position { partition: 0, offset };
    pipeline.apply(Record { position, value: line.as_bytes() }, &mut outputs);
    let commands = outputs.iter().filter(|output| output.topic == "commands");
    let mut told: Vec<(String, u64)> = commands
        .map(|output| {
            let command: Value = serde_json::from_slice(&output.value).unwrap();
            assert_eq!(command["action"], "show");
            let device = command["device"].as_str().unwrap().to_owned();
            (device, command["arguments"]["free_places"].as_u64().unwrap())
        })
        .collect();
    told.sort();
    told
}

fn frame(device: &str, minute: u32, counter: u32, occupied: u8) -> String {
    format!(
        r#"{{"received_at":"2026-03-02T08:{minute:02}:00+08:00","device":"{device}","port":1,"counter":{counter},"payload":"0{occupied}"}}"#
    )
}

fn pairs(of: &[(&str, u64)]) -> Vec<(String, u64)> {
    of.iter().map(|(device, free)| ((*device).to_owned(), *free)).collect()
}

#[test]
fn of_a_lot_and_of_the_areas_that_it_lies_in() {
    let mut pipeline = Pipeline::new(Site::parse(&[("site", SITE)]).unwrap());
    let first = told(&mut pipeline, 0, &frame("m1", 0, 1, 1));
    assert_eq!(first, pairs(&[("of-lot", 1), ("of-quay", 1), ("of-town", 2)]));
    let second = told(&mut pipeline, 1, &frame("n1", 1, 1, 1));
    assert_eq!(second, pairs(&[("of-town", 1)]));
    // A berth more, and everybody above it knows.
    let change = r#"{"received_at":"2026-03-02T08:02:00+08:00","reference":{"kind":"berths","id":"b3","value":{"id":"b3","lot":"L"},"by":{"kind":"user","id":"u"},"reason":"r"}}"#;
    let third = told(&mut pipeline, 2, change);
    assert_eq!(third, pairs(&[("of-lot", 2), ("of-quay", 2), ("of-town", 2)]));
    let fourth = told(&mut pipeline, 3, &frame("m1", 3, 2, 0));
    assert_eq!(fourth, pairs(&[("of-lot", 3), ("of-quay", 3), ("of-town", 3)]));
}
