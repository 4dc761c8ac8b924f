//! The server end to end: the real binary, real sockets, real files.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Instant;

use common::{Device, Server, push, request, run, site, text, write_site};
use device_codec::native::{AckStatus, Head, Heartbeat, Message, TimeRequest};
use serde_json::{Value, json};

fn started(site: &Value) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path(), site);
    let server = Server::start(folder.path(), &[]);
    (folder, server)
}

#[test]
fn a_native_frame_becomes_a_session_and_survives_a_restart() {
    let (folder, server) = started(&site());
    let mut device = Device::connect(server.tcp, 1).unwrap();
    let report = device.report(true);
    device.send(&report).unwrap();
    let ack = device.ack().unwrap();
    assert_eq!((ack.boot_id, ack.up_to, ack.status), (1, 1, AckStatus::STORED));
    let open =
        server.until("/v1/sessions?state=open&berth=L1-001", |answer| answer["sessions"][0].is_object());
    let id = open["sessions"][0]["session"].as_str().unwrap().to_owned();
    assert_eq!(open["sessions"][0]["lot"], "L1");
    assert_eq!(server.get(&format!("/v1/sessions/{id}")).0, 200);
    let frames = server.feed("frames");
    assert!(frames.iter().any(|line| line["record"]["device"] == "n-1"));
    drop(device);
    assert!(server.terminate().success());

    let server = Server::start(folder.path(), &[]);
    let (status, session) = server.get(&format!("/v1/sessions/{id}"));
    assert_eq!((status, session.contains("\"open\"")), (200, true), "{session}");
    assert_eq!(&server.feed("frames")[..frames.len()], frames);
    let mut device = Device::connect(server.tcp, 1).unwrap();
    device.seq = 1;
    let report = device.report(false);
    device.send(&report).unwrap();
    assert_eq!(device.ack().unwrap().up_to, 2);
    let closed = server.until(&format!("/v1/sessions/{id}"), |session| session["state"] != "open");
    assert_eq!(closed["state"], "closed", "{closed}");
    let charge = server.until(&format!("/v1/charges/{id}"), |charge| charge["session"].is_string());
    assert_eq!(charge["session"], id.as_str());
}

#[test]
fn many_frames_in_one_write_are_acknowledged_together_and_strangers_are_told() {
    let (_folder, server) = started(&site());
    let mut device = Device::connect(server.tcp, 1).unwrap();
    let reports: Vec<u8> = (0..200).flat_map(|n| device.report(n % 2 == 0)).collect();
    device.send(&reports).unwrap();
    let mut up_to = 0;
    while up_to < 200 {
        up_to = device.ack().unwrap().up_to;
    }
    let stranger = Head { device_id: 0xbad, boot_id: 1, seq: 1, ..Head::default() };
    device.send(&Message::Heartbeat(Heartbeat::default()).encode(&stranger, None)).unwrap();
    assert_eq!(device.ack().unwrap().status, AckStatus::UNKNOWN_DEVICE);
    device.send(b"this is no frame at all").unwrap();
    let request = Head { device_id: 0x1001, boot_id: 1, seq: 201, ..Head::default() };
    device.send(&Message::TimeRequest(TimeRequest { t1: 77 }).encode(&request, None)).unwrap();
    assert_eq!(device.ack().unwrap().up_to, 201, "noise between frames is skipped");
    let Message::TimeReply(reply) = device.receive().unwrap() else { panic!("a time was asked for") };
    assert!(reply.t1 == 77 && reply.sent >= reply.received && reply.received > 0);
}

#[test]
fn a_camera_is_answered_with_the_gate_and_a_copy_with_the_same() {
    let (_folder, server) = started(&site());
    let since = Instant::now();
    let entry = push("aaaaaaaa-11111111", 41, "粤B7K35Q");
    let (status, first) = server.post("/vz", &entry);
    assert!(since.elapsed().as_secs() < 2);
    assert_eq!((status, first.contains(r#""info":"ok""#)), (200, true), "{first}");
    let (_, copy) = server.post("/vz/c-in", &entry);
    assert_eq!(copy, first, "a copy gets the answer of the first");
    server.until("/v1/sessions?lot=G1&state=open", |answer| {
        answer["sessions"].as_array().is_some_and(|s| s.len() == 1)
    });
    server.feed_until("commands", |line| line["record"]["action"] == "open");

    let (status, answer) = server.post("/vz/c-in", b"{}");
    assert_eq!(
        (status, answer.contains("ok")),
        (200, false),
        "what cannot be read is kept and opens nothing: {answer}"
    );
    let letters = server.feed_until("dead-letters", |_| true);
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(server.post("/vz/n-1", &entry).0, 404, "another protocol's device");
    assert_eq!(server.post("/vz", &push("cccccccc-33333333", 1, "粤B7K35Q")).0, 404);
    assert_eq!(server.post("/v1/devices/nobody/frames", b"x").0, 404);
}

#[test]
fn a_driver_who_pays_is_let_out() {
    let (_folder, server) = started(&site());
    server.post("/vz/c-in", &push("aaaaaaaa-11111111", 1, "粤B7K35Q"));
    let (_, shut) = server.post("/vz/c-out", &push("bbbbbbbb-22222222", 2, "粤B7K35Q"));
    assert!(!shut.contains(r#""info":"ok""#), "something is due: {shut}");
    let by = json!({"kind": "partner", "id": "pay"});
    let payment = json!({"id": "p-1", "action": "payment", "by": by, "lane": "G1-out", "payment": "p-1",
        "amount": "1.00", "currency": "CNY", "method": "wechat"});
    let (status, answer) = server.post("/v1/actions", payment.to_string().as_bytes());
    assert_eq!(status, 200, "{answer}");
    let (_, open) = server.post("/vz/c-out", &push("bbbbbbbb-22222222", 3, "粤B7K35Q"));
    assert!(open.contains(r#""info":"ok""#), "paid: {open}");

    let unknown = json!({"id": "p-2", "action": "payment", "by": by, "lane": "G1-out", "pament": "x"});
    assert_eq!(
        server.post("/v1/actions", unknown.to_string().as_bytes()).0,
        400,
        "a field that does not exist"
    );
    let nothing = json!({"id": "p-3", "action": "void", "by": by, "berth": "L1-001"});
    let (status, answer) = server.post("/v1/actions", nothing.to_string().as_bytes());
    assert_eq!((status, answer.contains("no_target")), (422, true), "{answer}");
}

#[test]
fn quotes_are_those_of_the_command_line() {
    let (folder, server) = started(&site());
    let tariff = &site()["tariffs"][0];
    let stay = json!({"id": "a", "entry": "2026-03-02T08:00:00+08:00", "exit": "2026-03-02T09:10:00+08:00"});
    let (status, single) =
        server.post("/v1/quote", json!({"tariff": tariff, "stay": stay}).to_string().as_bytes());
    assert_eq!(status, 200, "{single}");
    let (_, batch) =
        server.post("/v1/quote", json!({"tariff": tariff, "stays": [stay, stay]}).to_string().as_bytes());
    assert_eq!(batch, format!("[{single},{single}]"));
    let file = folder.path().join("tariff.json");
    std::fs::write(&file, tariff.to_string()).unwrap();
    let output = run(&["quote", "--tariff", file.to_str().unwrap()], stay.to_string().as_bytes());
    assert_eq!(text(&output.stdout).trim_end(), single);
    // Versions, calendars, adjustments and errors in their place: line by line what the command line prints.
    let mut versions = [tariff.clone(), tariff.clone()];
    versions[0]["valid"] = json!({"until": "2026-03-03T00:00:00"});
    versions[1]["valid"] = json!({"from": "2026-03-03T00:00:00", "until": "2027-01-01T00:00:00"});
    let calendar = json!({"format": 1, "id": "y", "covers": {"from": "2026-01-01", "until": "2026-12-01"}, "days": {"2026-03-02": ["rest_day"]}});
    let fair = json!({"format": 1, "id": "fair", "covers": {"from": "2026-03-02", "until": "2026-03-03"}, "days": {"2026-03-02": ["special_day"]}});
    let many = json!([
        stay,
        {"id": "b", "entry": "2026-03-03T08:00:00+08:00", "exit": "2026-03-04T08:00:00.25+08:00", "adjust": [{"percent_off": "33"}],
         "paid": [{"at": "2026-03-03T09:00:00+08:00", "amount": "1.5"}]},
        {"id": "c", "entry": "2026-03-02T08:00:00+08:00", "exit": "2026-03-01T08:00:00+08:00"},
        {"id": "d", "entry": "2026-12-30T08:00:00+08:00", "exit": "2026-12-30T09:00:00+08:00"},
        {"id": "e", "entry": "2027-03-02T08:00:00+08:00", "exit": "2027-03-02T09:00:00+08:00"},
        {"id": "f", "entry": 1}, {"exit": "now"}, 7
    ]);
    let ask = json!({"tariff": versions, "calendars": [calendar, fair], "stays": many});
    let (status, batch) = server.post("/v1/quote", ask.to_string().as_bytes());
    assert_eq!(status, 200, "{batch}");
    let write = |name: &str, value: &Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, value.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let files = [write("v.json", &json!(versions)), write("y.json", &calendar), write("fair.json", &fair)];
    let lines: Vec<String> = many.as_array().unwrap().iter().map(ToString::to_string).collect();
    let arguments = ["quote", "--tariff", &files[0], "--calendar", &files[1], "--calendar", &files[2]];
    let printed = run(&arguments, lines.join("\n").as_bytes());
    let printed: Vec<String> = text(&printed.stdout).lines().map(str::to_owned).collect();
    assert_eq!(batch, format!("[{}]", printed.join(",")));
    for (line, expected) in
        printed.iter().skip(2).zip(["exit_before_entry", "calendar_gap", "not_in_force", "bad_field"])
    {
        assert!(line.contains(expected), "{expected} is not in {line}");
    }
    for (stay, line) in many.as_array().unwrap().iter().zip(&printed) {
        let ask = json!({"tariff": versions, "calendars": [calendar, fair], "stay": stay});
        assert_eq!(server.post("/v1/quote", ask.to_string().as_bytes()), (200, line.clone()));
    }
    for bad in [
        json!({"tariff": tariff}),
        json!({"tariff": {}, "stay": stay}),
        json!({"tarif": tariff, "stay": stay}),
    ] {
        assert_eq!(server.post("/v1/quote", bad.to_string().as_bytes()).0, 400, "{bad}");
    }
}

#[test]
fn tokens_have_roles_and_without_them_only_loopback_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let site_file = write_site(folder.path(), &site());
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, "read rrrrrrrrrrrrrrrr\noperate oooooooooooooooo\ndevice dddddddddddddddd\n")
        .unwrap();
    let server = Server::start(folder.path(), &["--tokens", tokens.to_str().unwrap()]);
    let ask = |method: &str, path: &str, token: &str, body: &[u8]| {
        let bearer = format!("Bearer {token}");
        request(server.http, method, path, &[("authorization", &bearer)], body).unwrap().0
    };
    let read = "rrrrrrrrrrrrrrrr";
    assert_eq!(server.get("/v1/sessions").0, 401);
    assert_eq!(ask("GET", "/v1/sessions", "wrongwrongwrongw", b""), 401);
    assert_eq!(ask("GET", "/v1/sessions", read, b""), 200);
    assert_eq!(ask("POST", "/v1/actions", read, b"{}"), 403);
    assert_eq!(ask("POST", "/v1/actions", "oooooooooooooooo", b"{}"), 400);
    assert_eq!(ask("GET", "/v1/sessions", "dddddddddddddddd", b""), 403);
    let entry = push("aaaaaaaa-11111111", 1, "粤B7K35Q");
    assert_eq!(server.post("/vz/c-in", &entry).0, 403);
    assert_eq!(ask("POST", "/vz/c-in", "dddddddddddddddd", &entry), 200);
    assert_eq!(server.post("/vz/c-in?token=dddddddddddddddd", &entry).0, 200);
    let frames = server.feed_with("frames", read);
    assert!(!frames.contains("dddddddd"), "the log holds no token");
    assert_eq!((server.get("/livez").0, server.get("/readyz").0), (200, 200));
    drop(server);

    let data = folder.path().join("other");
    let arguments = [
        "serve",
        "--site",
        site_file.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
        "--http",
        "0.0.0.0:0",
    ];
    let refused = run(&arguments, b"");
    assert_eq!((refused.status.code(), text(&refused.stderr).contains("tokens")), (Some(2), true));
}

#[test]
fn what_is_asked_wrongly_is_told_so() {
    let (_folder, server) = started(&site());
    for (path, status) in [
        ("/v1/sessions?color=red", 400),
        ("/v1/sessions/none", 404),
        ("/v1/sessions/00000000000000000000000000", 404),
        ("/v1/charges/00000000000000000000000000", 404),
        ("/v1/feed/..%2fframes", 404),
        ("/v1/feed/sessions?after=x", 400),
        ("/v1/nothing", 404),
        ("/v1/actions", 405),
    ] {
        let (found, body) = server.get(path);
        assert_eq!(found, status, "{path}");
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (problem["status"].as_u64(), problem["code"].is_string()),
            (Some(u64::from(status)), true),
            "{body}"
        );
    }
    let large = vec![b'x'; (4 << 20) + 1];
    let refused = request(server.http, "POST", "/vz/c-in", &[], &large);
    // The connection may be closed before all of the body is sent.
    assert!(refused.is_err() || refused.is_ok_and(|(status, _)| status == 413));
    assert_eq!(server.get("/readyz").0, 200);
}

#[test]
fn a_changed_site_is_written_into_the_log() {
    let (folder, server) = started(&site());
    assert!(server.terminate().success());
    let mut changed = site();
    changed["berths"].as_array_mut().unwrap().push(json!({"id": "L1-002", "lot": "L1"}));
    write_site(folder.path(), &changed);
    for _ in 0..2 {
        let server = Server::start(folder.path(), &[]);
        let frames = server.feed("frames");
        let changes: Vec<&Value> =
            frames.iter().map(|line| &line["record"]["reference"]).filter(|r| r.is_object()).collect();
        assert_eq!(changes.len(), 1, "once, however often it starts");
        assert_eq!((&changes[0]["kind"], &changes[0]["id"]), (&json!("berths"), &json!("L1-002")));
        assert!(server.feed("alerts").is_empty());
        assert!(server.terminate().success());
    }
    changed["lots"][0]["group"] = json!("elsewhere");
    let site_file = write_site(folder.path(), &changed);
    let data = folder.path().join("data");
    let refused =
        run(&["serve", "--site", site_file.to_str().unwrap(), "--data", data.to_str().unwrap()], b"");
    assert_eq!((refused.status.code(), text(&refused.stderr).contains("group")), (Some(2), true));
}
