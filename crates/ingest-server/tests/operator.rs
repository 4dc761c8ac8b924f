//! What an operator asks: which devices there are and how they are, what a SIM card has used, whether all is well, whether
//! another release or tariff would charge otherwise.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::fs;

use common::{Device, Server, json_lines, run, site, text, write_site};
use serde_json::{Value, json};

/// The last line of a command's output.
fn last(output: &[u8]) -> Value {
    json_lines(output).pop().unwrap()
}

#[test]
fn a_device_shows_how_it_is_and_its_sim_card_what_it_has_used() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site();
    site["devices"][0]["sim"] = json!("898600000000000001");
    site["sims"] = json!([{"id": "898600000000000001", "carrier": "A", "data_mb": 100}]);
    write_site(folder.path(), &site);
    let server = Server::start(folder.path(), &[]);
    let mut device = Device::connect(server.tcp, 1).unwrap();
    let report = device.report(true);
    device.send(&report).unwrap();
    device.ack().unwrap();
    let shown =
        server.until("/v1/devices/n-1", |shown| shown["sessions"].as_array().is_some_and(|s| s.len() == 1));
    assert_eq!((&shown["device"]["protocol"], &shown["sim"]["carrier"]), (&json!("parkline"), &json!("A")));
    let state = server.until("/v1/devices/n-1", |shown| shown["state"]["online"] == true)["state"].clone();
    assert_eq!(
        (&state["changes"][0]["state"], &state["report"]["frame"]),
        (&json!("first"), &state["heard"]["frame"])
    );
    let usage = folder.path().join("usage.csv");
    fs::write(&usage, "iccid,used_mb\n898600000000000001,79.5\n898600000000000002,1\n").unwrap();
    let http = server.http.to_string();
    let tell = || {
        let arguments =
            ["sim-usage", usage.to_str().unwrap(), "--server", &http, "--at", "2026-03-02T00:00:00Z"];
        let told = run(&arguments, b"");
        assert!(told.status.success(), "{}{}", text(&told.stdout), text(&told.stderr));
        json_lines(&told.stdout)
            .iter()
            .map(|line| line["status"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(tell(), ["changed", "changed"]);
    assert_eq!(tell(), ["same", "same"]);
    let alerts = server.feed_until("alerts", |line| line["record"]["kind"] == "sim_ending");
    let alert = alerts.iter().find(|line| line["record"]["kind"] == "sim_ending").unwrap();
    assert_eq!(alert["record"]["detail"], "SIM 898600000000000001: 20 of 100 MB left");
    server.feed_until("devices", |line| line["record"]["wrong"] == json!(["sim_ending"]));
    let all =
        server.until("/v1/devices", |shown| shown["devices"].as_array().is_some_and(|all| all.len() == 3));
    assert!(all.get("after").is_none(), "{all}");
    let page = server.until("/v1/devices?limit=1&after=c-in", |shown| shown["devices"].is_array());
    assert_eq!((&page["devices"][0]["device"]["id"], &page["after"]), (&json!("c-out"), &json!("c-out")));
    let metrics = server.get("/metrics").1;
    for line in [
        "parkline_devices{kind=\"detector\",state=\"online\"} 1",
        "parkline_devices{kind=\"camera\",state=\"unheard\"} 2",
        "parkline_certificate_end_seconds{certificate=\"server\"} 0",
    ] {
        assert!(metrics.lines().any(|said| said == line), "{line} is not in {metrics}");
    }
    assert_eq!((&shown["kind"], &page["devices"][0]["kind"]), (&json!("detector"), &json!("camera")));
    let online = server.until("/v1/devices?online=true&lot=L1", |shown| shown["devices"].is_array());
    assert_eq!(online["devices"].as_array().unwrap().len(), 1);
    assert_eq!(server.get("/v1/devices/nobody").0, 404);
}

#[test]
fn a_log_is_priced_again_and_another_tariff_says_what_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path(), &site());
    let server = Server::start(folder.path(), &[]);
    let entry = json!({"id": "a-1", "action": "entry", "at": "2026-03-02T08:00:00+08:00", "berth": "L1-001", "plate": "粤B7K35Q",
        "by": {"kind": "patrol", "id": "p"}, "exit": "2026-03-02T08:50:00+08:00"});
    let (status, answer) = server.post("/v1/actions", entry.to_string().as_bytes());
    assert_eq!(status, 200, "{answer}");
    server.feed_until("charges", |line| line["record"]["total"] == "2.00");
    let data = folder.path().join("data").display().to_string();
    let busy = run(&["verify", "--data", &data], b"");
    assert_eq!(busy.status.code(), Some(2), "a server holds it");
    server.terminate();
    let same = run(&["verify", "--data", &data], b"");
    assert_eq!(
        (same.status.code(), &last(&same.stdout)["differ"]),
        (Some(0), &json!(0)),
        "{}",
        text(&same.stderr)
    );
    let tariff = folder.path().join("tariff.json");
    let mut other = site()["tariffs"][0].clone();
    other["rules"][0]["charge"]["steps"][0]["price"] = json!("1.50");
    fs::write(&tariff, other.to_string()).unwrap();
    let dearer =
        run(&["verify", "--data", &data, "--tariff", tariff.to_str().unwrap(), "--days", "3650"], b"");
    let lines = json_lines(&dearer.stdout);
    assert_eq!(dearer.status.code(), Some(1), "{}", text(&dearer.stderr));
    assert_eq!((&lines[0]["before"]["total"], &lines[0]["after"]["total"]), (&json!("2.00"), &json!("3.00")));
    assert_eq!(last(&dearer.stdout)["differ"], 1);
    assert_eq!(run(&["verify", "--data", "no/such/folder"], b"").status.code(), Some(2));
    // The session ended long before the log did.
    let recent = run(&["verify", "--data", &data, "--tariff", tariff.to_str().unwrap(), "--days", "1"], b"");
    assert_eq!((recent.status.code(), &last(&recent.stdout)["compared"]), (Some(0), &json!(0)));
}

#[test]
fn a_span_is_processed_again_into_a_fresh_place_and_the_differences_are_told() {
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path(), &site());
    let server = Server::start(folder.path(), &[]);
    for (id, day) in [("a-1", 2), ("a-2", 3)] {
        let entry = json!({"id": id, "action": "entry", "at": format!("2026-03-0{day}T08:00:00+08:00"), "berth": "L1-001",
            "plate": "粤B7K35Q", "by": {"kind": "patrol", "id": "p"}, "exit": format!("2026-03-0{day}T08:50:00+08:00")});
        let (status, answer) = server.post("/v1/actions", entry.to_string().as_bytes());
        assert_eq!(status, 200, "{answer}");
    }
    let fits = |line: &Value| line["record"]["total"] == "2.00";
    while server.feed_until("charges", fits).iter().filter(|line| fits(line)).count() < 2 {}
    server.terminate();
    let data = folder.path().join("data").display().to_string();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let again = |out: &str, more: &[&str]| {
        let span = ["--from", "2026-03-02T00:00:00+08:00", "--to", "2026-03-03T00:00:00+08:00"];
        run(&[&["reprocess", "--data", &data, "--out", out], &span[..], more].concat(), b"")
    };
    let same = again(&at("same"), &[]);
    let summary = last(&same.stdout);
    assert_eq!((same.status.code(), &summary["compared"]), (Some(0), &json!(1)), "{}", text(&same.stderr));
    assert_eq!(summary["totals"], json!([{"currency": "CNY", "before": "2", "after": "2"}]));
    let charges = json_lines(&fs::read(folder.path().join("same/charges.jsonl")).unwrap());
    assert_eq!((charges.len(), &charges[0]["total"]), (1, &json!("2.00")));
    assert_eq!(again(&at("same"), &[]).status.code(), Some(2), "the place is not fresh");

    // Another site from the first record on: a dearer tariff, and a lot of another kind of berth.
    let mut other = site();
    other["tariffs"][0]["rules"][0]["charge"]["steps"][0]["price"] = json!("1.50");
    fs::write(folder.path().join("other.json"), other.to_string()).unwrap();
    let dearer = again(&at("dearer"), &["--site", &at("other.json")]);
    assert_eq!(dearer.status.code(), Some(1), "{}", text(&dearer.stderr));
    let differences = json_lines(&fs::read(folder.path().join("dearer/differences.jsonl")).unwrap());
    assert_eq!(differences.len(), 1);
    assert_eq!(differences[0]["differs"], json!(["charge.total", "charge.due", "charge.outstanding"]));
    assert_eq!(differences[0]["after"]["charge"]["total"], "3.00");
    assert_eq!(last(&dearer.stdout)["totals"][0]["after"], "3");

    // What is not there any more is told too.
    other["berths"] = json!([{"id": "L1-002", "lot": "L1"}]);
    other["devices"][0]["berth"] = json!("L1-002");
    fs::write(folder.path().join("other.json"), other.to_string()).unwrap();
    let gone = again(&at("gone"), &["--site", &at("other.json")]);
    assert_eq!((&last(&gone.stdout)["only_before"], gone.status.code()), (&json!(1), Some(1)));
    other["lots"][0]["group"] = json!("elsewhere");
    fs::write(folder.path().join("other.json"), other.to_string()).unwrap();
    let moved = again(&at("moved"), &["--site", &at("other.json")]);
    assert_eq!(moved.status.code(), Some(2), "its records lie where its group was");
}

#[test]
fn a_doctor_finds_what_is_wrong_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site();
    site["devices"][1]["address"] = json!("127.0.0.1:1");
    let path = write_site(folder.path(), &site);
    let server = Server::start(folder.path(), &[]);
    let (data, http) = (folder.path().join("data").display().to_string(), server.http.to_string());
    let arguments =
        ["doctor", "--site", path.to_str().unwrap(), "--data", &data, "--http", &http, "--tcp", "none"];
    let told = run(&arguments, b"");
    let lines = json_lines(&told.stdout);
    let state = |check: &str| lines.iter().find(|line| line["check"] == check).unwrap()["state"].clone();
    for (check, wanted) in [
        ("settings", "well"),
        ("site", "well"),
        ("data folder", "well"),
        ("server", "well"),
        ("log's time", "well"),
        ("devices", "bad"),
    ] {
        assert_eq!(state(check), wanted, "{check}: {lines:?}");
    }
    assert_eq!(told.status.code(), Some(1));
    assert!(
        lines.iter().filter(|line| line["state"] != "well").all(|line| line["do"].is_string()),
        "{lines:?}"
    );
    let broken = run(&["doctor", "--config", "no-such.toml"], b"");
    assert_eq!((broken.status.code(), &last(&broken.stdout)["check"]), (Some(1), &json!("settings")));
    server.terminate();
}

#[test]
fn certificates_that_end_are_found_by_the_doctor_and_told_by_the_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_site(folder.path(), &site());
    let certificate = |year: i32| {
        let mut wanted = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        wanted.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        fs::write(folder.path().join("cert"), wanted.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(folder.path().join("key"), key.serialize_pem()).unwrap();
    };
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (cert, key, data) = (file("cert"), file("key"), file("data"));
    let tls = ["--tls-certificate", &cert, "--tls-key", &key, "--tls-on", "tcp"];
    for (year, wanted) in [(2020, "bad"), (2090, "well")] {
        certificate(year);
        let asked = ["doctor", "--site", path.to_str().unwrap(), "--data", &data, "--http", "127.0.0.1:0"];
        let told = run(&[&asked[..], &tls].concat(), b"");
        let lines = json_lines(&told.stdout);
        let found = lines.iter().find(|line| line["check"] == "certificate").unwrap();
        assert_eq!(found["state"], wanted, "{found}");
    }
    let server = Server::start(folder.path(), &[&tls[..], &["--logs", "json"]].concat());
    let line = "parkline_certificate_end_seconds{certificate=\"server\"} 3786912000";
    assert!(server.get("/metrics").1.lines().any(|said| said == line), "{line}");
    server.terminate();
    let said = fs::read_to_string(folder.path().join("stderr")).unwrap();
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["level"].is_string() && line["message"].is_string()), "{said}");
}
