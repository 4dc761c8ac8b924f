//! The pipeline as a stage: bad input is counted and named, and a saved state goes on as if nothing had happened.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use parkline::{
    pipeline::Pipeline,
    site::Site,
    stage::{Cut, Outcome, Output, Position, Record, Stage},
};
use serde_json::Value;

fn apply(pipeline: &mut Pipeline, offset: u64, line: &str, outputs: &mut Vec<Output>) -> Outcome {
    let record = Record { position: Position { partition: 0, offset }, value: line.as_bytes() };
    pipeline.apply(record, outputs)
}

const SITE: &str = r#"{"format":1,"tenant":"sz",
    "lots":[{"id":"L1","kind":"roadside","time_zone":"Asia/Shanghai","tariffs":["t"]}],
    "berths":[{"id":"b1","lot":"L1"}],
    "devices":[{"id":"m","protocol":"bosch-tps110","berth":"b1"},{"id":"loose","protocol":"bosch-tps110"}],
    "tariffs":[{"format":1,"id":"t","currency":"CNY","time_zone":"Asia/Shanghai","rules":[
        {"id":"all","charge":{"steps":[{"every":"30m","price":"1.00"}]}}]}]}"#;

#[test]
fn every_frame_is_in_exactly_one_of_three() {
    let long =
        format!(r#"{{"received_at":"2026-03-02T08:00:00Z","device":"{}","payload":"01"}}"#, "x".repeat(33));
    let manual = |payload: &str| {
        format!(r#"{{"received_at":"2026-03-02T08:00:00Z","protocol":"manual","payload":{payload}}}"#)
    };
    let cases = [
        ("no JSON at all".to_owned(), "malformed", "no JSON object"),
        (r#"["a"]"#.to_owned(), "malformed", "no JSON object"),
        (r#"{"received_at":"2026-03-02T08:00:00Z","device":"m"}"#.to_owned(), "malformed", "payload"),
        (r#"{"received_at":"2026-03-02T08:00:00Z","payload":"01"}"#.to_owned(), "malformed", "protocol"),
        (
            r#"{"received_at":"1969-12-31T23:59:59Z","device":"m","payload":"01"}"#.to_owned(),
            "malformed",
            "received_at",
        ),
        (
            r#"{"received_at":"2026-03-02T08:00:00Z","device":"m","tenant":"hz","payload":"01"}"#.to_owned(),
            "malformed",
            "tenant",
        ),
        (long, "malformed", "device"),
        (
            r#"{"received_at":"2026-03-02T08:00:00Z","device":"m","protocol":"x","payload":"01"}"#.to_owned(),
            "unknown_protocol",
            "protocol",
        ),
        (
            r#"{"received_at":"2026-03-02T08:00:00Z","device":"n","payload":"01"}"#.to_owned(),
            "unknown_device",
            "no such device",
        ),
        (
            r#"{"received_at":"2026-03-02T08:00:00Z","device":"loose","port":1,"payload":"01"}"#.to_owned(),
            "unbound",
            "bound to nothing",
        ),
        (
            manual(
                r#"{"id":"a","action":"void","by":{"kind":"user","id":"u"},"reason":"","berth":"b1","colour":"red"}"#,
            ),
            "malformed",
            "payload.colour",
        ),
        (
            manual(r#"{"id":"a","action":"fly","by":{"kind":"user","id":"u"},"reason":"","berth":"b1"}"#),
            "not_supported",
            "payload.action",
        ),
        (
            manual(
                r#"{"id":"a","action":"void","at":"2026-03-02T08:05:01Z","by":{"kind":"user","id":"u"},"reason":"","berth":"b1"}"#,
            ),
            "malformed",
            "payload.at",
        ),
        (
            manual(r#"{"id":"a","action":"void","by":{"kind":"user","id":"u"},"reason":"","berth":"b1"}"#),
            "no_target",
            "no such session",
        ),
    ];
    let mut pipeline = Pipeline::new(Site::parse(&[("site", SITE)]).unwrap());
    let mut outputs = Vec::new();
    for (offset, (line, code, place)) in cases.iter().enumerate() {
        outputs.clear();
        assert_eq!(apply(&mut pipeline, offset as u64, line, &mut outputs), Outcome::DeadLetter, "{line}");
        let letter = outputs.iter().find(|output| output.topic == "dead-letters").unwrap();
        let letter: Value = serde_json::from_slice(&letter.value).unwrap();
        assert_eq!(letter["error"]["code"], *code, "{line}");
        let message = letter["error"]["message"].as_str().unwrap();
        assert!(message.contains(place), "{message} does not name {place}");
    }
    let frame = r#"{"received_at":"2026-03-02T08:00:00Z","device":"m","port":1,"counter":1,"payload":"01"}"#;
    assert_eq!(apply(&mut pipeline, 50, frame, &mut outputs), Outcome::Applied);
    assert_eq!(apply(&mut pipeline, 51, frame, &mut outputs), Outcome::Duplicate);
    let tick = r#"{"received_at":"2026-03-02T08:01:00Z","tick":true}"#;
    assert_eq!(apply(&mut pipeline, 52, tick, &mut outputs), Outcome::NotAFrame);
    let counts = pipeline.counts();
    assert_eq!((counts.applied, counts.duplicate, counts.dead_letters), (1, 1, cases.len() as u64));
    assert_eq!(counts.frames(), cases.len() as u64 + 2);
}

/// The frames of a scenario that need nothing filled in.
fn recordings() -> Vec<(String, String, Vec<String>)> {
    let text = include_str!("data/scenarios.jsonl");
    let scenarios = text.lines().filter(|line| !line.contains("\"$of\"")).map(|line| {
        let scenario: Value = serde_json::from_str(line).unwrap();
        let frames = scenario["frames"].as_array().unwrap().iter().map(Value::to_string).collect();
        (scenario["name"].to_string(), scenario["site"].to_string(), frames)
    });
    scenarios.collect()
}

#[test]
fn a_saved_state_goes_on_as_if_nothing_had_happened() {
    for (name, site, lines) in recordings() {
        let site = Site::parse(&[("site", site)]).unwrap();
        let mut whole = Pipeline::new(site.clone());
        let mut parts = Pipeline::new(site.clone());
        let (mut expected, mut outputs) = (Vec::new(), Vec::new());
        for (offset, line) in lines.iter().enumerate() {
            let outcome = apply(&mut whole, offset as u64, line, &mut expected);
            let saved = parts.save();
            parts = Pipeline::new(site.clone());
            assert!(parts.restore(&saved), "{name}: a state is not restored");
            assert_eq!(parts.save(), saved, "{name}: a restored state saves as other bytes");
            assert_eq!(
                apply(&mut parts, offset as u64, line, &mut outputs),
                outcome,
                "{name}, record {offset}"
            );
            assert_eq!(outputs, expected, "{name}, record {offset}");
        }
    }
}

#[test]
fn a_cut_is_what_was_there_whenever_it_is_written() {
    for (name, site, lines) in recordings() {
        let mut pipeline = Pipeline::new(Site::parse(&[("site", site)]).unwrap());
        let (mut cuts, mut outputs) = (Vec::new(), Vec::new());
        for (offset, line) in lines.iter().enumerate() {
            apply(&mut pipeline, offset as u64, line, &mut outputs);
            let saved = pipeline.save();
            cuts.push((pipeline.cut(), saved));
            // Some are written soon, some late, some when others that came after have been.
            if offset % 5 == 4 {
                let (cut, saved) = cuts.remove(offset % cuts.len());
                assert!(written(cut) == saved, "{name}, record {offset}");
            }
        }
        for (nth, (cut, saved)) in cuts.into_iter().enumerate() {
            assert!(written(cut) == saved, "{name}, cut {nth} of those left");
        }
    }
}

fn written(cut: Cut) -> Vec<u8> {
    let mut out = Vec::new();
    cut(&mut out);
    out
}

#[test]
fn what_a_running_session_costs_can_be_asked() {
    let mut pipeline = Pipeline::new(Site::parse(&[("site", SITE)]).unwrap());
    let mut outputs = Vec::new();
    let frame = r#"{"received_at":"2026-03-02T08:00:00Z","device":"m","port":1,"counter":1,"payload":"01"}"#;
    apply(&mut pipeline, 0, frame, &mut outputs);
    let session: Value = serde_json::from_slice(&outputs[0].value).unwrap();
    let id = session["session"].as_str().unwrap();
    let before = pipeline.save();
    let due = |at: &str| pipeline.due(id, at.parse().unwrap()).unwrap().unwrap().due.to_string();
    assert_eq!((due("2026-03-02T08:30:00Z"), due("2026-03-02T08:30:01Z")), ("1".to_owned(), "2".to_owned()));
    assert_eq!(pipeline.save(), before);
    assert!(pipeline.due("nonsense", "2026-03-02T08:30:00Z".parse().unwrap()).is_none());
}

/// A small generator of numbers that look random.
struct Noise(u64);

impl Noise {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

#[test]
fn noise_in_the_records_is_counted_and_harms_nothing() {
    let mut noise = Noise(7);
    for (name, site, lines) in recordings() {
        let mut pipeline = Pipeline::new(Site::parse(&[("site", site)]).unwrap());
        let (mut frames, mut outputs) = (0, Vec::new());
        for (offset, line) in lines.iter().enumerate() {
            let mut bytes = line.clone().into_bytes();
            for _ in 0..noise.below(4) {
                let at = noise.below(bytes.len());
                bytes[at] = [b'"', b'0', b'9', b'{', b',', 0xff, noise.below(256) as u8][noise.below(7)];
            }
            let record = Record { position: Position { partition: 0, offset: offset as u64 }, value: &bytes };
            frames += u64::from(pipeline.apply(record, &mut outputs) != Outcome::NotAFrame);
        }
        assert_eq!(pipeline.counts().frames(), frames, "{name}");
        for output in outputs {
            let text = String::from_utf8_lossy(&output.value);
            assert!(serde_json::from_str::<Value>(&text).is_ok(), "{name}: {text}");
        }
    }
}

#[test]
fn a_state_that_cannot_be_read_changes_nothing() {
    let site = Site::parse(&[("site", SITE)]).unwrap();
    let mut pipeline = Pipeline::new(site);
    let before = pipeline.save();
    for broken in [&before[..before.len() / 2], &[], &[255; 80]] {
        assert!(!pipeline.restore(broken));
        assert_eq!(pipeline.save(), before);
    }
}
