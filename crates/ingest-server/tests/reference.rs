//! The site changed while the server runs: by the API, by its documents, and across a crash.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::process::Command;

use common::{Device, Server, request, site, write_site};
use device_codec::native::AckStatus;
use serde_json::{Value, json};

fn started(site: &Value) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path(), site);
    let server = Server::start(folder.path(), &[]);
    (folder, server)
}

fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], value: &Value) -> (u16, Value) {
    let body = if value.is_null() { String::new() } else { value.to_string() };
    let (status, body) = request(server.http, method, path, headers, body.as_bytes()).unwrap();
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

fn put(server: &Server, path: &str, value: &Value) -> (u16, Value) {
    ask(server, "PUT", &format!("/v1/reference/{path}"), &[], value)
}

/// The reference records of the log, by kind and id.
fn changes(server: &Server) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let frames = server.feed("frames");
    let references = frames.iter().map(|line| &line["record"]["reference"]).filter(|r| r.is_object());
    references.map(|r| (word(&r["kind"]), word(&r["id"]))).collect()
}

#[test]
fn a_device_and_a_tariff_are_changed_under_an_open_connection() {
    let (folder, server) = started(&site());
    let mut device = Device::connect(server.tcp, 1).unwrap();
    device.device_id = 0x1002;
    let report = device.report(true);
    device.send(&report).unwrap();
    assert_eq!(device.ack().unwrap().status, AckStatus::UNKNOWN_DEVICE);

    assert_eq!(put(&server, "berths/L1-002", &json!({"id": "L1-002", "lot": "L1"})).0, 200);
    let sensor =
        json!({"id": "n-2", "serial": "0000000000001002", "protocol": "parkline", "berth": "L1-002"});
    let (status, answer) = put(&server, "devices/n-2", &sensor);
    assert_eq!((status, &answer["in_force"]), (200, &json!(true)), "{answer}");
    device.send(&report).unwrap();
    assert_eq!(device.ack().unwrap().status, AckStatus::STORED);
    let open = server.until("/v1/sessions?berth=L1-002", |answer| answer["sessions"][0].is_object());
    let id = open["sessions"][0]["session"].as_str().unwrap().to_owned();

    let dearer = json!({"format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai",
        "rules": [{"id": "all", "charge": {"steps": [{"every": "30m", "price": "9.00"}]}}]});
    assert_eq!(put(&server, "tariffs/t", &dearer).0, 200);
    let report = device.report(false);
    device.send(&report).unwrap();
    let charge = server.until(&format!("/v1/charges/{id}"), |charge| charge["total"].is_string());
    assert_eq!(charge["total"], "9.00", "tariffs count as of the exit");
    assert!(server.feed("alerts").is_empty());

    let before = changes(&server);
    assert_eq!(before.len(), 3);
    assert!(server.terminate().success());
    let server = Server::start(folder.path(), &[]);
    assert_eq!(changes(&server), before, "the documents have not changed, so nothing is written");
    assert_eq!(ask(&server, "GET", "/v1/reference/tariffs/t", &[], &Value::Null), (200, dearer));
    assert_eq!(
        ask(&server, "GET", "/v1/reference/devices", &[], &Value::Null).1["ids"].as_array().unwrap().len(),
        4
    );
}

#[test]
fn who_changes_what_another_has_changed_is_told() {
    let (_folder, server) = started(&site());
    let berth = |name: &str| json!({"id": "L1-001", "lot": "L1", "name": name});
    let (status, first) = put(&server, "berths/L1-001", &berth("one"));
    assert_eq!((status, &first["changed"]), (200, &json!(true)), "{first}");
    let (status, again) = put(&server, "berths/L1-001", &berth("one"));
    assert_eq!((status, &again["changed"], &again["tag"]), (200, &json!(false), &first["tag"]));
    let tag = format!("\"{}\"", first["tag"].as_str().unwrap());
    let path = "/v1/reference/berths/L1-001";
    assert_eq!(ask(&server, "PUT", path, &[("if-match", &tag)], &berth("two")).0, 200);
    let (status, problem) = ask(&server, "PUT", path, &[("if-match", &tag)], &berth("three"));
    assert_eq!((status, &problem["code"]), (412, &json!("changed")));
    assert_eq!(ask(&server, "PUT", path, &[("if-none-match", "*")], &berth("four")).0, 412);
    assert_eq!(ask(&server, "PUT", path, &[("if-match", "W/x")], &berth("four")).0, 400);
    assert_eq!(ask(&server, "GET", path, &[], &Value::Null).1["name"], "two");
    assert_eq!(changes(&server).len(), 2, "nothing was written for the others");
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let (_folder, server) = started(&site());
    let refused = |method: &str, path: &str, value: Value| {
        let (status, problem) = ask(&server, method, &format!("/v1/reference/{path}"), &[], &value);
        (
            status,
            problem["code"].as_str().unwrap_or("").to_owned(),
            problem["detail"].as_str().unwrap_or("").to_owned(),
        )
    };
    let (status, code, detail) = refused("PUT", "berths/x", json!({"id": "x", "lot": "nowhere"}));
    assert_eq!((status, &*code), (422, "unknown_reference"), "{detail}");
    assert!(detail.contains("reference.value.lot"), "{detail}");
    assert_eq!(refused("PUT", "berths/x", json!({"id": "y", "lot": "L1"})).0, 422);
    assert_eq!(refused("PUT", "walls/x", json!({"id": "x"})).0, 422);
    assert_eq!(refused("DELETE", "tariffs/t", Value::Null).1, "in_use");
    assert_eq!(refused("DELETE", "berths/none", Value::Null).1, "unknown");
    assert_eq!(refused("PUT", "berths/x?since=yesterday", json!({"id": "x", "lot": "L1"})).0, 400);
    assert_eq!(
        refused("PUT", "berths/x?since=2001-01-01T00:00:00Z", json!({"id": "x", "lot": "L1"})).1,
        "too_far_back"
    );
    assert_eq!(
        refused(
            "PUT",
            "lots/L1",
            json!({"id": "L1", "kind": "roadside", "group": "g", "time_zone": "Asia/Shanghai"})
        )
        .1,
        "fixed_group"
    );
    assert_eq!(refused("GET", "walls", Value::Null).0, 404);
    assert!(changes(&server).is_empty());
}

#[test]
fn a_change_is_planned_and_an_entry_goes() {
    let (folder, server) = started(&site());
    let berth = json!({"id": "L1-009", "lot": "L1"});
    assert_eq!(put(&server, "berths/L1-009?since=2090-01-01T00:00:00Z&by=u-1&reason=works", &berth).0, 200);
    let planned = || ask(&server, "GET", "/v1/reference", &[], &Value::Null).1["planned"].clone();
    assert_eq!(planned()[0]["since"], "2090-01-01T00:00:00Z");
    assert_eq!(planned()[0]["by"], json!({"kind": "user", "id": "u-1"}));
    assert_eq!(ask(&server, "GET", "/v1/reference/berths/L1-009", &[], &Value::Null).0, 404);
    assert_eq!(ask(&server, "DELETE", "/v1/reference/devices/n-1", &[], &Value::Null).0, 200);
    let mut device = Device::connect(server.tcp, 1).unwrap();
    let report = device.report(true);
    device.send(&report).unwrap();
    assert_eq!(device.ack().unwrap().status, AckStatus::UNKNOWN_DEVICE);
    assert!(server.terminate().success());
    let server = Server::start(folder.path(), &[]);
    assert_eq!(
        ask(&server, "GET", "/v1/reference", &[], &Value::Null).1["planned"].as_array().unwrap().len(),
        1
    );
    assert_eq!(ask(&server, "GET", "/v1/reference/devices/n-1", &[], &Value::Null).0, 404);
}

#[test]
fn only_an_admin_changes_the_site() {
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path(), &site());
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, "operate oooooooooooooooo\nadmin aaaaaaaaaaaaaaaa\n").unwrap();
    let server = Server::start(folder.path(), &["--tokens", tokens.to_str().unwrap()]);
    let berth = json!({"id": "L1-001", "lot": "L1", "name": "one"});
    let change = |token: &str| {
        let bearer = format!("Bearer {token}");
        ask(&server, "PUT", "/v1/reference/berths/L1-001", &[("authorization", &bearer)], &berth).0
    };
    assert_eq!(
        [change("nobodynobodynobo"), change("oooooooooooooooo"), change("aaaaaaaaaaaaaaaa")],
        [401, 403, 200]
    );
}

#[test]
fn the_documents_are_read_again_and_do_not_undo_what_others_changed() {
    let (folder, server) = started(&site());
    assert_eq!(
        put(&server, "berths/L1-001", &json!({"id": "L1-001", "lot": "L1", "name": "by the API"})).0,
        200
    );
    let mut changed = site();
    changed["berths"].as_array_mut().unwrap().push(json!({"id": "L1-002", "lot": "L1"}));
    write_site(folder.path(), &changed);
    let hang_up = || Command::new("kill").args(["-HUP", &server.child.id().to_string()]).status().unwrap();
    hang_up();
    server.until("/v1/reference/berths/L1-002", |berth| berth["lot"] == "L1");
    assert_eq!(server.until("/v1/reference/berths/L1-001", Value::is_object)["name"], "by the API");
    std::fs::write(folder.path().join("site.json"), "{").unwrap();
    hang_up();
    assert_eq!(put(&server, "berths/L1-003", &json!({"id": "L1-003", "lot": "L1"})).0, 200, "it goes on");
    assert_eq!(server.get("/readyz").0, 200);
}

#[test]
fn a_change_that_a_crash_cut_short_is_made_good() {
    let (folder, server) = started(&site());
    server.kill();
    let reference = json!({"kind": "berths", "id": "L1-002", "since": "2026-01-01T00:00:00Z",
        "value": {"id": "L1-002", "lot": "L1"}, "by": {"kind": "user", "id": "api"}});
    let site_folder = folder.path().join("data/default/site");
    let pending = json!({"references": [reference], "given": null});
    std::fs::write(site_folder.join("pending.json"), pending.to_string()).unwrap();
    for _ in 0..2 {
        let server = Server::start(folder.path(), &[]);
        assert_eq!(changes(&server), [("berths".to_owned(), "L1-002".to_owned())], "once");
        assert!(server.feed("alerts").is_empty());
        assert!(!site_folder.join("pending.json").exists());
        assert_eq!(server.get("/v1/reference/berths/L1-002").0, 200);
        server.kill();
    }
}
