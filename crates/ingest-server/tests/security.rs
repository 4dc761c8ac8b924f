//! Who may speak, end to end: tags, keys that change, tokens that the site names, addresses; and what is told of it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Instant,
};

use common::{DEADLINE, Device, Server, push, request, run, site, text, write_site};
use device_codec::native::{AckStatus, Head, Heartbeat, Key, Message};
use serde_json::{Value, json};

const ONE: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const TWO: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
const TOKEN: &str = "cam-0123456789abcdef";

fn key(hex: &str) -> Key {
    let bytes: Vec<u8> =
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect();
    Key::new(&bytes)
}

/// A detector with a key, a camera with a token of its own, a camera that is taken from elsewhere only.
fn guarded() -> Value {
    let mut site = site();
    site["devices"][0]["key"] = json!("n-1");
    site["devices"][1]["key"] = json!("gate");
    site["devices"][2]["sources"] = json!(["192.0.2.0/24"]);
    site
}

fn secrets(folder: &std::path::Path, lines: &[String]) -> String {
    let path = folder.join("secrets");
    std::fs::write(&path, lines.join("\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

fn started(lines: &[String]) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path(), &guarded());
    let path = secrets(folder.path(), lines);
    let server = Server::start(folder.path(), &["--secrets", &path]);
    (folder, server)
}

fn both() -> Vec<String> {
    vec![format!("n-1 1 {ONE}"), format!("gate token {TOKEN}")]
}

fn refused(reason: &str) -> String {
    format!("parkline_refused_total{{listener=\"tcp\",reason=\"{reason}\"}}")
}

#[test]
fn only_a_tag_under_the_devices_own_key_gets_a_frame_in() {
    let (folder, server) = started(&both());
    let mut device = Device::connect(server.tcp, 1).unwrap();
    // No tag, another key's tag, an unknown key's number, one bit of the tag.
    let unkeyed = device.report(true);
    device.key = Some((1, key(TWO)));
    let forged = device.report(true);
    device.key = Some((7, key(ONE)));
    let unknown = device.report(true);
    device.key = Some((1, key(ONE)));
    for bytes in [unkeyed, forged, unknown] {
        device.send(&bytes).unwrap();
        let ack = device.ack().unwrap();
        assert_eq!((ack.status, ack.up_to), (AckStatus::BAD_TAG, 0));
    }
    for reason in ["no_tag", "bad_tag", "unknown_key"] {
        assert_eq!(server.metric(&refused(reason)), 1, "{reason}");
    }
    assert_eq!(server.metric("parkline_frames_total{listener=\"tcp\"}"), 0);
    let frames = server.feed("frames");
    assert!(frames.iter().all(|line| line["record"]["device"] != "n-1"), "{frames:?}");

    // Its own frame is taken, and answered under its key; what was refused is not acknowledged along with it.
    let good = device.report(true);
    device.send(&good).unwrap();
    let ack = device.ack_tagged(Some((1, &key(ONE)))).unwrap();
    assert_eq!((ack.status, ack.up_to, ack.later), (AckStatus::STORED, 0, 0b100), "1 to 3 are still missing");
    server.until("/v1/sessions?berth=L1-001", |answer| answer["sessions"][0].is_object());
    assert_eq!(server.metric("parkline_frames_total{listener=\"tcp\"}"), 1);

    // A flipped bit in what the tag covers, with a checksum that is right again.
    let stranger = Head { device_id: 0x1001, boot_id: 1, seq: 9, key_id: 1, ..Head::default() };
    let tagged = Message::Heartbeat(Heartbeat::default()).encode(&stranger, Some(&key(ONE)));
    let mut replayed = tagged.clone();
    replayed[36] ^= 1;
    let sum = crc32c::crc32c(&replayed[8..]);
    replayed[4..8].copy_from_slice(&sum.to_le_bytes());
    device.send(&replayed).unwrap();
    assert_eq!(device.ack().unwrap().status, AckStatus::BAD_TAG, "another number under the same tag");
    // Posting is no way around the tag.
    let (status, body) = server.post("/v1/devices/n-1/frames", &tagged);
    assert_eq!((status, body.contains("forbidden")), (403, true), "{body}");
    assert!(server.terminate().success());
    nothing_secret_in(&std::fs::read_to_string(folder.path().join("stderr")).unwrap());
}

fn nothing_secret_in(said: &str) {
    for secret in [ONE, TWO, TOKEN] {
        assert!(!said.to_lowercase().contains(secret), "{said}");
    }
}

#[test]
fn commands_go_only_to_who_has_proved_itself() {
    let mut site = guarded();
    // A gate of ours at the entry.
    let devices = site["devices"].as_array_mut().unwrap();
    devices.push(json!({"id": "gate-1", "serial": "0000000000002002", "protocol": "parkline", "lane": "G1-in", "key": "n-1"}));
    site["lanes"][0]["gate"] = json!("gate-1");
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path(), &site);
    let path = secrets(folder.path(), &both());
    let server = Server::start(folder.path(), &["--secrets", &path]);
    let mut gate = Device::connect(server.tcp, 1).unwrap();
    gate.device_id = 0x2002;
    gate.key = Some((1, key(ONE)));
    let hello = gate.report(false);
    gate.send(&hello).unwrap();
    gate.ack_tagged(Some((1, &key(ONE)))).unwrap();
    // Who only says that it is the gate hears of no command and takes none away.
    let mut thief = Device::connect(server.tcp, 1).unwrap();
    thief.device_id = 0x2002;
    let hello = thief.report(false);
    thief.send(&hello).unwrap();
    assert_eq!(thief.ack().unwrap().status, AckStatus::BAD_TAG);
    let entry = push("aaaaaaaa-11111111", 41, "粤B7K35Q");
    assert_eq!(server.push(&format!("/vz/c-in?token={TOKEN}"), &[], &entry).0, 200);
    let Message::Command(command) = gate.receive_tagged(Some((1, &key(ONE)))).unwrap() else {
        panic!("the gate is told to open")
    };
    assert_eq!(command.action.as_str(), "open");
}

#[test]
fn keys_change_while_devices_are_connected() {
    let (folder, server) = started(&both());
    let mut device = Device::connect(server.tcp, 1).unwrap();
    device.key = Some((1, key(ONE)));
    let report = |device: &mut Device| {
        let bytes = device.report(true);
        device.send(&bytes).unwrap();
    };
    report(&mut device);
    assert_eq!(device.ack_tagged(Some((1, &key(ONE)))).unwrap().up_to, 1);
    // The new key is added: both are good, and answers follow the device.
    secrets(folder.path(), &[format!("n-1 1 {ONE}"), format!("n-1 2 {TWO}"), format!("gate token {TOKEN}")]);
    server.hang_up();
    server.metric_until("parkline_secrets_read_total", 1);
    report(&mut device);
    assert_eq!(device.ack_tagged(Some((1, &key(ONE)))).unwrap().up_to, 2);
    device.key = Some((2, key(TWO)));
    report(&mut device);
    assert_eq!(device.ack_tagged(Some((2, &key(TWO)))).unwrap().up_to, 3);
    // The old one is taken away: whoever stole it gets nowhere, on an old connection or a new one.
    secrets(folder.path(), &[format!("n-1 2 {TWO}"), format!("gate token {TOKEN}")]);
    server.hang_up();
    server.metric_until("parkline_secrets_read_total", 2);
    for on in [Some(&mut device), None] {
        let mut new = Device::connect(server.tcp, 9).unwrap();
        let thief = on.unwrap_or(&mut new);
        thief.key = Some((1, key(ONE)));
        report(thief);
        assert_eq!(thief.ack().unwrap().status, AckStatus::BAD_TAG);
    }
    // Secrets that cannot be read leave those in force where they are.
    secrets(folder.path(), &["n-1 2".to_owned()]);
    server.hang_up();
    server.metric_until("parkline_secrets_refused_total", 1);
    device.key = Some((2, key(TWO)));
    device.seq = 3;
    report(&mut device);
    assert_eq!(device.ack_tagged(Some((2, &key(TWO)))).unwrap().up_to, 4);
    server.terminate();
    nothing_secret_in(&std::fs::read_to_string(folder.path().join("stderr")).unwrap());
}

/// A stolen key ends though the site cannot be worked in yet: here its document is a pipe that nobody writes into.
#[test]
fn a_key_ends_before_the_site_is_read() {
    let (folder, server) = started(&both());
    let mut thief = Device::connect(server.tcp, 1).unwrap();
    thief.key = Some((1, key(ONE)));
    let site = folder.path().join("site.json");
    std::fs::remove_file(&site).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&site).status().unwrap().success());
    secrets(folder.path(), &[format!("n-1 2 {TWO}"), format!("gate token {TOKEN}")]);
    server.hang_up();
    server.metric_until("parkline_secrets_read_total", 1);
    let bytes = thief.report(true);
    thief.send(&bytes).unwrap();
    assert_eq!(thief.ack().unwrap().status, AckStatus::BAD_TAG);
    assert_eq!(server.metric("parkline_site_read_total"), 0);
    std::fs::write(&site, guarded().to_string()).unwrap();
    server.metric_until("parkline_site_read_total", 1);
}

#[test]
fn a_camera_needs_the_token_or_the_address_that_the_site_names() {
    let (_folder, server) = started(&both());
    let entry = push("aaaaaaaa-11111111", 41, "粤B7K35Q");
    let http = |reason: &str| {
        server.metric(&format!("parkline_refused_total{{listener=\"http\",reason=\"{reason}\"}}"))
    };
    assert_eq!(
        server.post("/vz/c-in", &entry).0,
        403,
        "the site names a token, though nobody else needs one"
    );
    assert_eq!(server.post("/vz/c-in?token=cam-0123456789abcdee", &entry).0, 403);
    assert_eq!(http("token"), 2);
    assert_eq!(server.push(&format!("/vz/c-in?token={TOKEN}"), &[], &entry).0, 200);
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(server.push("/vz/c-in", &[("authorization", &bearer)], &entry).0, 200);
    let other = push("bbbbbbbb-22222222", 2, "粤B7K35Q");
    assert_eq!(server.post("/vz/c-out", &other).0, 403, "not from this address");
    assert_eq!(server.post(&format!("/vz/c-out?token={TOKEN}"), &other).0, 403, "another camera's token");
    assert_eq!(http("address"), 2);
    assert_eq!(
        request(server.http, "GET", "/v1/sessions", &[("authorization", &bearer)], b"").unwrap().0,
        200,
        "it is open"
    );
    let (_, metrics) = server.get("/metrics");
    let frames = server.feed_with("frames", "");
    for said in [&metrics, &frames] {
        assert!(!said.contains("cam-0123") && !said.contains("粤"), "{said}");
    }
}

#[test]
fn a_device_without_a_proof_needs_an_address_where_the_server_is_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site();
    let second = json!({"id": "n-2", "serial": "0000000000001002", "protocol": "parkline", "sources": ["127.0.0.0/8"]});
    site["devices"].as_array_mut().unwrap().push(second);
    write_site(folder.path(), &site);
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, "read rrrrrrrrrrrrrrrr\n").unwrap();
    let server = Server::start(folder.path(), &["--tokens", tokens.to_str().unwrap()]);
    let mut device = Device::connect(server.tcp, 1).unwrap();
    for (number, status) in [(0x1001, AckStatus::BAD_TAG), (0x1002, AckStatus::STORED)] {
        device.device_id = number;
        let report = device.report(true);
        device.send(&report).unwrap();
        assert_eq!(device.ack().unwrap().status, status, "{number:x}");
    }
}

#[test]
fn a_site_whose_secrets_are_missing_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let site_file = write_site(folder.path(), &guarded());
    let path = secrets(folder.path(), &[format!("n-1 1 {ONE}")]);
    let data = folder.path().join("data");
    let arguments = [
        "serve",
        "--site",
        site_file.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
        "--secrets",
        &path,
        "--http",
        "127.0.0.1:0",
        "--tcp",
        "127.0.0.1:0",
    ];
    let refused = run(&[&arguments[..], &["--check"]].concat(), b"");
    assert_eq!((refused.status.code(), text(&refused.stderr).contains("c-in")), (Some(2), true));
    let refused = run(&arguments, b"");
    let said = text(&refused.stderr);
    assert_eq!(
        (refused.status.code(), said.contains("c-in") && said.contains("gate")),
        (Some(2), true),
        "{said}"
    );
    nothing_secret_in(&said);
    secrets(folder.path(), &both());
    let checked = run(&[&arguments[..], &["--check"]].concat(), b"");
    assert_eq!((checked.status.code(), text(&checked.stdout).contains("\"devices\":3")), (Some(0), true));
    assert!(!data.exists(), "a check touches nothing");
}

#[test]
fn who_sends_nothing_but_what_is_refused_is_cut_off_and_others_are_served() {
    let (_folder, server) = started(&both());
    let mut flood = TcpStream::connect(server.tcp).unwrap();
    flood.set_read_timeout(Some(DEADLINE)).unwrap();
    let forged = |seq: u32| {
        let head = Head { device_id: 0x1001 + u64::from(seq), boot_id: 1, seq, ..Head::default() };
        Message::Heartbeat(Heartbeat::default()).encode(&head, None)
    };
    let bytes: Vec<u8> = (0..1_100).flat_map(forged).collect();
    // The server may close before all of it is sent.
    let _ = flood.write_all(&bytes);
    let mut answers = Vec::new();
    let since = Instant::now();
    let _ = flood.read_to_end(&mut answers);
    assert!(since.elapsed() < DEADLINE, "the connection was closed");
    server.metric_until(&refused("limit"), 1);
    assert!(server.metric(&refused("unknown_device")) >= 1_000);
    server.metric_until("parkline_connections{listener=\"tcp\"}", 0);
    let mut device = Device::connect(server.tcp, 1).unwrap();
    device.key = Some((1, key(ONE)));
    let report = device.report(true);
    device.send(&report).unwrap();
    assert_eq!(device.ack_tagged(Some((1, &key(ONE)))).unwrap().status, AckStatus::STORED);
}
