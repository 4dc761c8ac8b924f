//! The simulator against the real server: faults are survived, and what was acknowledged is there.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Server, json_lines, run};
use serde_json::Value;

fn started(devices: &str, cameras: &str) -> (tempfile::TempDir, Server, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let written = run(&["load", "--write-site", path, "--devices", devices, "--cameras", cameras], b"");
    assert!(written.status.success());
    let secrets = folder.path().join("secrets").to_str().unwrap().to_owned();
    let server = Server::start(folder.path(), &["--secrets", &secrets]);
    (folder, server, secrets)
}

fn load(server: &Server, more: &[&str]) -> (i32, Value) {
    let (tcp, http) = (server.tcp.to_string(), server.http.to_string());
    let mut arguments = vec!["load", "--tcp", &tcp, "--http", &http];
    arguments.extend(more);
    let output = run(&arguments, b"");
    (output.status.code().unwrap(), json_lines(&output.stdout).remove(0))
}

#[test]
fn copies_and_reconnects_lose_nothing_and_count_once() {
    let (_folder, server, secrets) = started("20", "2");
    let (code, report) = load(
        &server,
        &[
            "--devices",
            "20",
            "--connections",
            "2",
            "--rate",
            "2000",
            "--frames",
            "600",
            "--seconds",
            "60",
            "--duplicates",
            "200",
            "--reconnect-after",
            "100",
            "--cameras",
            "2",
            "--camera-rate",
            "100",
            "--secrets",
            &secrets,
        ],
    );
    let native = &report["native"];
    assert_eq!(
        (native["sent"].as_u64(), native["acknowledged"].as_u64()),
        (Some(600), Some(600)),
        "{report}"
    );
    assert_eq!((native["refused"].as_u64(), native["unacknowledged"].as_u64()), (Some(0), Some(0)));
    assert!(native["copies"].as_u64() >= Some(100) && native["reconnects"].as_u64() >= Some(4), "{report}");
    assert!(native["latency_ms"]["p50"].as_f64() > Some(0.0));
    assert!(native["latency_ms"]["p99.9"].as_f64() <= native["latency_ms"]["max"].as_f64());
    assert_eq!(code, 0, "{report}");
    // 30 frames of each of 20 devices, occupied and vacant in turn: 15 stays each, charged once.
    let charges = server.feed_until("charges", |_| true);
    drop(charges);
    let closed = |server: &Server| {
        let mut sessions = std::collections::HashSet::new();
        for line in server.feed("charges").iter().filter(|line| line["record"]["order"] != "running") {
            sessions.insert(line["record"]["session"].as_str().unwrap().to_owned());
        }
        sessions.len()
    };
    let since = std::time::Instant::now();
    while closed(&server) < 300 && since.elapsed() < common::DEADLINE {
        std::thread::yield_now();
    }
    assert_eq!(closed(&server), 300);
    let frames = server.metric("parkline_frames_total{listener=\"tcp\"}");
    // How many is open: of what was sent right before a connection was cut some did not come, and some came twice.
    assert!(frames > 600, "{frames}: copies are stored too");
    let cameras = &report["cameras"];
    assert_eq!(cameras["acknowledged"], cameras["sent"], "{report}");
    assert!(cameras["opened"].as_u64() > Some(0), "{report}");
}

#[test]
fn frames_that_are_not_taken_are_told() {
    let (_folder, server, _) = started("2", "0");
    let (code, report) = load(
        &server,
        &["--devices", "2", "--connections", "1", "--rate", "100", "--frames", "4", "--seconds", "30"],
    );
    assert_eq!((code, report["native"]["acknowledged"].as_u64()), (1, Some(0)), "{report}");
    assert_eq!(report["native"]["unacknowledged"].as_u64(), report["native"]["sent"].as_u64());
    assert!(report["native"]["refused"].as_u64() > Some(0), "without tags: {report}");
}
