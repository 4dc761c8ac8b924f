//! The site changed while several processes run on a real Apache Kafka: any of them takes a change, all know it, and
//! the records say the same when they are worked through again. `PARKLINE_KAFKA` has the brokers' addresses; without it
//! nothing is tested.
#![cfg(feature = "kafka")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{path::Path, thread};

use common::{
    Device, Server,
    exact::{PARTITIONS, address, open, verified},
    push, request, site, write_site,
};
use device_codec::native::AckStatus;
use serde_json::{Value, json};

fn serve(folder: &Path, address: &str) -> Server {
    let partitions = PARTITIONS.to_string();
    Server::start_with(folder, &["--log", address, "--single-copy", "--partitions", &partitions])
}

fn put(server: &Server, path: &str, headers: &[(&str, &str)], value: &Value) -> (u16, Value) {
    let path = format!("/v1/reference/{path}");
    let (status, body) = request(server.http, "PUT", &path, headers, value.to_string().as_bytes()).unwrap();
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

/// A change that is made; gives what is said of it. A process may be slow to tell that all have applied it.
fn made(server: &Server, path: &str, headers: &[(&str, &str)], value: &Value) -> Value {
    let (status, answer) = put(server, path, headers, value);
    assert_eq!(status, if answer["in_force"] == true { 200 } else { 202 }, "{answer}");
    answer
}

fn tariff(price: &str) -> Value {
    json!({"format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai",
        "rules": [{"id": "all", "charge": {"steps": [{"every": "30m", "price": price}]}}]})
}

/// The charge of the only closed session of a berth.
fn charge(server: &Server, berth: &str) -> Value {
    let path = format!("/v1/sessions?berth={berth}&state=closed");
    let closed = server.until(&path, |answer| answer["sessions"][0].is_object());
    let session = closed["sessions"][0]["session"].as_str().unwrap().to_owned();
    server.until(&format!("/v1/charges/{session}"), |charge| charge["total"].is_string())
}

#[test]
fn a_day_in_which_the_site_changed_is_the_same_again() {
    let Some(address) = address("site") else { return };
    let folder = tempfile::tempdir().unwrap();
    let site = site();
    write_site(folder.path(), &site);
    let (one, other) = (serve(folder.path(), &address), serve(folder.path(), &address));

    // What one process is told, the other's listeners know.
    made(&one, "berths/L1-002", &[], &json!({"id": "L1-002", "lot": "L1"}));
    let sensor =
        json!({"id": "n-2", "serial": "0000000000001002", "protocol": "parkline", "berth": "L1-002"});
    let answer = made(&one, "devices/n-2", &[], &sensor);
    assert_eq!(answer["records"].as_array().unwrap().len(), PARTITIONS as usize, "{answer}");
    other.until("/v1/reference/devices/n-2", |device| device["id"] == "n-2");
    let mut second = Device::connect(other.tcp, 1).unwrap();
    second.device_id = 0x1002;
    let report = second.report(true);
    second.send(&report).unwrap();
    assert_eq!(second.ack().unwrap().status, AckStatus::STORED);

    // A tariff, a list and a pass change under open sessions, through different processes.
    let mut device = Device::connect(one.tcp, 1).unwrap();
    let entry = device.report(true);
    device.send(&entry).unwrap();
    assert_eq!(device.ack().unwrap().status, AckStatus::STORED);
    assert_eq!(other.push("/vz/c-in", &[], &push("aaaaaaaa-11111111", 1, "粤B7K35Q")).0, 200);
    assert_eq!(other.push("/vz/c-in", &[], &push("aaaaaaaa-11111111", 2, "粤B8M46R")).0, 200);
    made(&other, "tariffs/t", &[], &tariff("9.00"));
    let white = json!({"id": "vip", "kind": "white", "plates": ["粤B7K35Q"], "lots": ["G1"]});
    made(&one, "lists/vip", &[], &white);
    let pass = json!({"id": "p", "plates": ["粤B8M46R"], "lots": ["G1"], "from": "2026-01-01T00:00:00+08:00",
        "to": "2099-01-01T00:00:00+08:00"});
    made(&other, "passes/p", &[], &pass);
    for (record, plate) in [(3, "粤B7K35Q"), (4, "粤B8M46R")] {
        assert_eq!(one.push("/vz/c-out", &[], &push("bbbbbbbb-22222222", record, plate)).0, 200);
    }
    let exit = device.report(false);
    device.send(&exit).unwrap();
    assert_eq!(device.ack().unwrap().status, AckStatus::STORED);
    assert_eq!(charge(&one, "L1-001")["total"], "9.00", "tariffs count as of the exit");

    // Who changes what another process's caller has changed is told.
    let same = made(&one, "berths/L1-002", &[], &json!({"id": "L1-002", "lot": "L1"}));
    assert_eq!(same["changed"], false);
    let tag = format!("\"{}\"", same["tag"].as_str().unwrap());
    let named = |name: &str| json!({"id": "L1-002", "lot": "L1", "name": name});
    made(&other, "berths/L1-002", &[("if-match", &tag)], &named("two"));
    assert_eq!(put(&one, "berths/L1-002", &[("if-match", &tag)], &named("three")).0, 412);
    // Two at once take turns.
    thread::scope(|scope| {
        for (server, id) in [(&one, "L1-003"), (&other, "L1-004"), (&one, "L1-005"), (&other, "L1-006")] {
            scope.spawn(move || {
                made(server, &format!("berths/{id}"), &[], &json!({"id": id, "lot": "L1"}));
            });
        }
    });
    for id in ["L1-003", "L1-006"] {
        for server in [&one, &other] {
            server.until(&format!("/v1/reference/berths/{id}"), |berth| berth["id"] == id);
        }
    }
    assert_eq!(put(&one, "berths/x", &[], &json!({"id": "x", "lot": "nowhere"})).0, 422);

    // A start with the same documents takes nothing back, and one with others changes what they change.
    one.kill();
    let mut documents = site.clone();
    documents["berths"].as_array_mut().unwrap().push(json!({"id": "L1-009", "lot": "L1"}));
    write_site(folder.path(), &documents);
    let one = serve(folder.path(), &address);
    other.until("/v1/reference/berths/L1-009", |berth| berth["id"] == "L1-009");
    for server in [&one, &other] {
        let kept: Value = serde_json::from_str(&server.get("/v1/reference/tariffs/t").1).unwrap();
        assert_eq!(kept, tariff("9.00"));
    }
    // So does SIGHUP.
    documents["berths"].as_array_mut().unwrap().push(json!({"id": "L1-010", "lot": "L1"}));
    write_site(folder.path(), &documents);
    other.hang_up();
    one.until("/v1/reference/berths/L1-010", |berth| berth["id"] == "L1-010");

    assert!(one.terminate().success());
    assert!(other.terminate().success());
    // Worked through again from the first site and the records, all is as it was.
    let charges = verified(&open(&address), &site).unwrap();
    assert!(charges >= 3, "{charges}");
}
