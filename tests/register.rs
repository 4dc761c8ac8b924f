//! What is known of devices: when they were heard, how they are, what changed, and when their SIM ends.
#![allow(clippy::unwrap_used, reason = "tests")]

use parking_types::Id;
use parkline::{
    pipeline::Pipeline,
    register::{Standing, What},
    site::Site,
    stage::{Output, Position, Record, Stage},
};
use serde_json::{Value, json};
use session_core::AlertKind;

struct Rig {
    pipeline: Pipeline,
    offset: u64,
}

fn site(sim: &Value) -> Site {
    let site = json!({"format": 1,
        "lots": [{"id": "L1", "kind": "roadside", "time_zone": "Asia/Shanghai"}],
        "berths": [{"id": "L1-001", "lot": "L1"}],
        "devices": [{"id": "n-1", "protocol": "nwave-nps405", "berth": "L1-001", "sim": "sim-1", "heartbeat": "3h"}],
        "sims": [sim]});
    Site::parse(&[("site.json", site.to_string().as_bytes())]).unwrap()
}

impl Rig {
    fn new(sim: Value) -> Self {
        Self { pipeline: Pipeline::new(site(&sim)), offset: 0 }
    }

    fn apply(&mut self, record: &Value) -> Vec<Output> {
        let position = Position { partition: 0, offset: self.offset };
        self.offset += 1;
        let mut outputs = Vec::new();
        self.pipeline.apply(Record { position, value: record.to_string().as_bytes() }, &mut outputs);
        outputs
    }

    fn frame(&mut self, at: &str, port: u8, counter: u32, payload: &str) -> Vec<Output> {
        self.apply(&json!({"received_at": at, "device": "n-1", "port": port, "counter": counter,
            "rssi_dbm": -80, "payload": payload}))
    }

    fn usage(&mut self, at: &str, used_mb: u64) -> Vec<Output> {
        let value = json!({"id": "sim-1", "data_mb": 100, "used_mb": used_mb, "used_at": at});
        let by = json!({"kind": "system", "id": "sim-usage"});
        self.apply(&json!({"received_at": at,
            "reference": {"kind": "sims", "id": "sim-1", "since": at, "value": value, "by": by}}))
    }

    fn standing(&self) -> &Standing {
        self.pipeline.register().device(&Id::new("n-1").unwrap()).unwrap()
    }

    fn online(&self) -> Option<bool> {
        self.pipeline.register().is_online(&Id::new("n-1").unwrap(), Some(&Id::new("L1").unwrap()))
    }
}

/// Alerts of a kind as `(kind, closed)`.
fn alerts(outputs: &[Output], kind: &str) -> Vec<(Value, bool)> {
    let records = outputs.iter().filter(|output| output.topic == "alerts");
    let records = records.map(|output| serde_json::from_slice::<Value>(&output.value).unwrap());
    records
        .filter(|alert| alert["kind"] == kind)
        .map(|alert| (alert.clone(), alert.get("closed_at").is_some()))
        .collect()
}

#[test]
fn a_device_is_known_by_its_last_frames_and_every_change_has_its_record() {
    let mut rig = Rig::new(json!({"id": "sim-1"}));
    assert_eq!(rig.online(), None, "never heard");
    rig.frame("2026-03-02T08:00:00Z", 1, 1, "01");
    rig.frame("2026-03-02T11:00:00Z", 2, 2, "012442000000");
    let standing = rig.standing();
    assert_eq!(standing.report.map(|heard| heard.frame.offset), Some(0));
    assert_eq!(standing.heartbeat.map(|heard| heard.at.to_string()), Some("2026-03-02T11:00:00Z".to_owned()));
    assert_eq!((standing.heard.frame.offset, standing.rssi_dbm), (1, Some(-80_000)));
    assert_eq!(rig.online(), Some(true));
    rig.apply(&json!({"received_at": "2026-03-02T20:30:00Z", "tick": true}));
    assert_eq!((rig.online(), rig.standing().wrong.contains(&AlertKind::Offline)), (Some(false), true));
    rig.frame("2026-03-02T21:00:00Z", 1, 3, "00");
    assert_eq!((rig.online(), rig.standing().wrong.contains(&AlertKind::Offline)), (Some(true), false));
    let changes = &rig.standing().changes;
    // The heartbeat's battery is low, which is no matter here.
    let battery = What::Wrong(AlertKind::LowBattery);
    let seen = changes.iter().filter(|change| change.what != battery);
    let seen: Vec<_> = seen.map(|c| (c.at.to_string(), c.record.offset, &c.what)).collect();
    assert_eq!(
        seen,
        [
            ("2026-03-02T08:00:00Z".to_owned(), 0, &What::First),
            ("2026-03-02T20:00:00Z".to_owned(), 2, &What::Wrong(AlertKind::Offline)),
            ("2026-03-02T21:00:00Z".to_owned(), 3, &What::Cured(AlertKind::Offline)),
        ]
    );
}

#[test]
fn a_fifth_of_a_plan_left_or_two_weeks_to_its_end_alert_once_and_a_new_plan_cures_it() {
    let mut rig =
        Rig::new(json!({"id": "sim-1", "data_mb": 100, "used_mb": 79, "used_at": "2026-03-01T00:00:00Z",
        "valid_until": "2026-03-20T00:00:00Z"}));
    assert!(alerts(&rig.frame("2026-03-02T08:00:00Z", 1, 1, "01"), "sim_ending").is_empty());
    assert!(alerts(&rig.frame("2026-03-05T23:59:59Z", 1, 2, "00"), "sim_ending").is_empty());
    let raised = alerts(&rig.frame("2026-03-06T00:00:00Z", 1, 3, "01"), "sim_ending");
    assert_eq!(raised.len(), 1);
    let (alert, closed) = &raised[0];
    assert!(!closed && alert["device"] == "n-1" && alert["lot"] == "L1", "{alert}");
    assert!(alert["detail"].as_str().unwrap().contains("sim-1"), "{alert}");
    assert!(alerts(&rig.frame("2026-03-06T01:00:00Z", 1, 4, "00"), "sim_ending").is_empty(), "once");
    // The carrier's next report comes with a new plan: no end, 79 MB of 100.
    let cured = alerts(&rig.usage("2026-03-06T02:00:00Z", 79), "sim_ending");
    assert!(cured.len() == 1 && cured[0].1, "{cured:?}");
    let raised = alerts(&rig.usage("2026-03-07T02:00:00Z", 80), "sim_ending");
    assert!(
        raised.len() == 1 && !raised[0].1 && raised[0].0["detail"].as_str().unwrap().contains("20 of 100 MB")
    );
    let (wrong, cured) = (What::Wrong(AlertKind::SimEnding), What::Cured(AlertKind::SimEnding));
    // Between its frames it is silent for longer than it may.
    let changes = rig.standing().changes.iter().map(|change| change.what.clone());
    let changes: Vec<_> = changes.filter(|what| *what == wrong || *what == cured).collect();
    assert_eq!(changes, [wrong.clone(), cured, wrong]);
}

#[test]
fn what_is_known_of_devices_outlives_a_checkpoint() {
    let sim = json!({"id": "sim-1", "data_mb": 100});
    let mut rig = Rig::new(sim.clone());
    rig.frame("2026-03-02T08:00:00Z", 1, 1, "01");
    rig.usage("2026-03-02T09:00:00Z", 90);
    let mut again = Pipeline::new(site(&sim));
    assert!(again.restore(&rig.pipeline.save()));
    assert_eq!(again.register(), rig.pipeline.register());
    assert_eq!(again.save(), rig.pipeline.save());
}

#[test]
fn a_device_is_published_at_each_change_and_once_an_hour() {
    let mut rig = Rig::new(json!({"id": "sim-1"}));
    let schema: Value = serde_json::from_str(include_str!("../schema/device.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let named = schema["properties"].as_object().unwrap();
    let published = |outputs: Vec<Output>| -> Vec<Value> {
        let records = outputs.into_iter().filter(|output| output.topic == "devices");
        let records: Vec<Value> =
            records.map(|output| serde_json::from_slice(&output.value).unwrap()).collect();
        for record in &records {
            assert!(validator.is_valid(record), "{record}");
            assert!(record.as_object().unwrap().keys().all(|key| named.contains_key(key)), "{record}");
        }
        records
    };
    let first = published(rig.frame("2026-03-02T08:00:00Z", 1, 1, "01"));
    assert_eq!(
        first[0]["changes"],
        json!([{"at": "2026-03-02T16:00:00+08:00", "record": "0-0", "state": "first"}])
    );
    assert_eq!((&first[0]["rssi_dbm"], &first[0]["online"]), (&json!(-80), &json!(true)));
    assert!(published(rig.frame("2026-03-02T08:59:59Z", 1, 2, "00")).is_empty());
    let hourly = published(rig.frame("2026-03-02T09:00:00Z", 1, 3, "01"));
    assert_eq!(
        (hourly.len(), &hourly[0]["changes"], &hourly[0]["report"]["frame"]),
        (1, &json!([]), &json!("0-2"))
    );
    let silent = published(rig.apply(&json!({"received_at": "2026-03-02T18:30:00Z", "tick": true})));
    let change =
        json!([{"at": "2026-03-03T02:00:00+08:00", "record": "0-3", "state": "offline", "on": true}]);
    assert_eq!(
        (&silent[0]["online"], &silent[0]["wrong"], &silent[0]["changes"]),
        (&json!(false), &json!(["offline"]), &change)
    );
}
