//! Real recordings in another order: whatever comes late or twice, sessions and receipts end up the same.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{fs, path::Path};

use parking_types::{Instant, Span};
use parkline::{
    replay::{Replay, Report},
    site::Site,
};
use serde_json::Value;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The device frames of a recording, with when each was received.
fn frames(text: &str) -> Vec<(Instant, &str)> {
    let frame = |line| {
        let value: Value = serde_json::from_str(line).unwrap();
        let at = value["received_at"].as_str().unwrap().parse().unwrap();
        (value["protocol"] != "manual" && value["payload"] != Value::Null).then_some((at, line))
    };
    text.lines().filter_map(frame).collect()
}

/// A small generator of numbers that are the same every time (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// The frames of each span of time in another order, one in eight of them twice.
fn disordered<'f>(frames: &[(Instant, &'f str)], span: Span, seed: u64) -> Vec<&'f str> {
    let mut numbers = Numbers(seed | 1);
    let mut lines = Vec::new();
    let mut rest = frames;
    while let Some((first, _)) = rest.first() {
        let end = rest.partition_point(|(at, _)| *at < *first + span);
        let mut block: Vec<&str> = rest[..end].iter().map(|(_, line)| *line).collect();
        rest = &rest[end..];
        let copies: Vec<&str> = block.iter().filter(|_| numbers.below(8) == 0).copied().collect();
        block.extend(copies);
        for at in (1..block.len()).rev() {
            block.swap(at, numbers.below(at + 1));
        }
        lines.extend(block);
    }
    lines
}

fn run(site: &Site, lines: &[&str], end: Instant) -> Report {
    let mut replay = Replay::new(site.clone());
    lines.iter().for_each(|line| replay.line(line.as_bytes()));
    replay.line(format!(r#"{{"received_at":"{end}","tick":true}}"#).as_bytes());
    replay.finish()
}

/// Records without what may depend on the order: names, numbers of revisions, which copy of a frame came first.
fn comparable(lines: impl Iterator<Item = String>) -> Vec<String> {
    fn strip(value: &mut Value) {
        if let Value::Object(members) = value {
            for name in ["session", "revision", "frame", "received_at", "id"] {
                members.remove(name);
            }
            members.values_mut().for_each(strip);
        }
    }
    let mut all: Vec<String> = lines
        .map(|line| {
            let mut value: Value = serde_json::from_str(&line).unwrap();
            strip(&mut value);
            value.to_string()
        })
        .collect();
    all.sort_unstable();
    all
}

/// The charges that have a receipt. Where an order made one for a while, a record says that it is no more.
fn receipts(report: &Report) -> impl Iterator<Item = String> {
    report.charges().filter(|line| line.contains(r#""lines":"#) || line.contains(r#""error":"#))
}

/// `SEEDS=100` tries that many other orders.
fn holds(site: &str, text: &str, span: Span) {
    let seeds = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(3);
    let site = Site::parse(&[("site", site.as_bytes())]).unwrap();
    let frames = frames(text);
    let end = frames.last().unwrap().0 + Span::from_days(3);
    let arrival: Vec<&str> = frames.iter().map(|(_, line)| *line).collect();
    let report = run(&site, &arrival, end);
    let expected = [comparable(report.sessions()), comparable(receipts(&report))];
    assert!(expected[0].len() > 300, "{}", expected[0].len());
    for seed in 1..=seeds {
        let report = run(&site, &disordered(&frames, span, seed), end);
        let found = [comparable(report.sessions()), comparable(receipts(&report))];
        for (expected, found) in expected.iter().zip(&found) {
            let missing: Vec<_> =
                expected.iter().filter(|line| found.binary_search(line).is_err()).take(3).collect();
            let new: Vec<_> =
                found.iter().filter(|line| expected.binary_search(line).is_err()).take(3).collect();
            assert!(missing.is_empty() && new.is_empty(), "seed {seed}: instead of {missing:#?}: {new:#?}");
            assert_eq!(expected.len(), found.len());
        }
    }
}

#[test]
fn the_bays_of_dundee_in_any_order() {
    holds(
        &read("examples/data/site/dundee.json"),
        &read("examples/data/frames/dundee.jsonl"),
        Span::from_hours(23),
    );
}

#[test]
fn a_car_park_in_any_order() {
    // Nobody can take back what an arm has done, so the lanes have none here.
    let mut site: Value = serde_json::from_str(&read("examples/data/site/mall.json")).unwrap();
    for lane in site["lanes"].as_array_mut().unwrap() {
        lane["gate"] = Value::from("none");
    }
    holds(&site.to_string(), &read("examples/data/frames/mall.jsonl"), Span::from_hours(23));
}

/// The detectors of Dundee fall silent one by one when the recording ends; that takes no session away.
#[test]
fn time_alone_changes_no_session_that_has_ended() {
    let site = Site::parse(&[("site", read("examples/data/site/dundee.json").as_bytes())]).unwrap();
    let text = read("examples/data/frames/dundee.jsonl");
    let frames = frames(&text);
    let lines: Vec<&str> = frames.iter().map(|(_, line)| *line).collect();
    let last = frames.last().unwrap().0;
    let ended = |report: Report| -> Vec<String> {
        report.charges().filter(|line| !line.contains(r#""order":"running""#)).collect()
    };
    let before = ended(run(&site, &lines, last));
    assert!(before.len() > 4000);
    for days in [1, 3, 9] {
        assert_eq!(ended(run(&site, &lines, last + Span::from_days(days))), before, "{days} days later");
    }
}
