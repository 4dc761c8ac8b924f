//! SIGTERM under load: the server finishes in time, nothing that it acknowledged is lost, and copies are answered after
//! the next start as they were before.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{collections::BTreeSet, fs, thread, time::Duration};

use common::{Device, Server, push, site, write_site};
use serde_json::Value;

/// Reports of one device until the server has gone; gives all that were sent, one after the other, and up to which number
/// they were acknowledged.
fn load(server: &Server) -> thread::JoinHandle<(Vec<Vec<u8>>, u32)> {
    let mut device = Device::connect(server.tcp, 7).unwrap();
    thread::spawn(move || {
        let (mut sent, mut up_to) = (Vec::new(), 0);
        loop {
            let burst: Vec<Vec<u8>> = (0..16).map(|n| device.report(n % 2 == 0)).collect();
            sent.extend_from_slice(&burst);
            if device.send(&burst.concat()).is_err() {
                return (sent, up_to);
            }
            while up_to < device.seq {
                match device.ack() {
                    Ok(ack) => up_to = ack.up_to,
                    Err(_) => return (sent, up_to),
                }
            }
        }
    })
}

fn records(server: &Server) -> BTreeSet<String> {
    let payload = |line: &Value| line["record"]["payload"].as_str().map(str::to_owned);
    server.feed("frames").iter().filter_map(payload).collect()
}

/// The newest state of each charge, by session.
fn charges(server: &Server) -> std::collections::BTreeMap<String, String> {
    let lines = server.feed("charges");
    let charge = |line: &Value| (line["record"]["session"].to_string(), line["record"].to_string());
    lines.iter().map(charge).collect()
}

#[test]
fn a_stop_under_load_loses_nothing_and_copies_are_answered_as_before() {
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path(), &site());
    let server = Server::start(folder.path(), &[]);
    let entry = push("aaaaaaaa-11111111", 1, "粤B12345");
    let (status, opened) = server.push("/vz/c-in", &[], &entry);
    assert_eq!(status, 200, "{opened}");
    let device = load(&server);
    // The moment is the point of the test, not something that is waited for.
    thread::park_timeout(Duration::from_millis(300));
    let since = std::time::Instant::now();
    assert!(server.terminate().success());
    assert!(since.elapsed() < Duration::from_secs(40), "it stops within its deadline");
    let (sent, up_to) = device.join().unwrap();
    assert!(up_to > 0, "it was under load");

    let server = Server::start(folder.path(), &[]);
    let said = fs::read_to_string(folder.path().join("stderr")).unwrap();
    assert!(!said.contains(": cut "), "a stop leaves no torn end: {said}");
    let stored = records(&server);
    let hex = |bytes: &Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let kept = sent.iter().take(up_to as usize).filter(|frame| stored.contains(&hex(frame))).count();
    assert_eq!(kept, up_to as usize, "acknowledged and not there");

    // The device sends everything once more, which is more than it must, and all of it is acknowledged.
    send_again(&server, &sent);
    let (status, copy) = server.push("/vz/c-in", &[], &entry);
    assert_eq!((status, gate(&copy)), (200, gate(&opened)), "a copy gets the first one's answer");
    assert!(server.terminate().success());
    let server = Server::start(folder.path(), &[]);
    let before = charges(&server);
    send_again(&server, &sent);
    assert!(server.terminate().success());
    let server = Server::start(folder.path(), &[]);
    assert!(charges(&server).keys().eq(before.keys()), "copies are charged no second time");
    assert!(before.len() >= sent.len() / 2 - 1, "{} charges of {} frames", before.len(), sent.len());
}

fn send_again(server: &Server, sent: &[Vec<u8>]) {
    let mut device = Device::connect(server.tcp, 7).unwrap();
    device.send(&sent.concat()).unwrap();
    while (device.ack().unwrap().up_to as usize) < sent.len() {}
}

/// What a camera was told to do.
fn gate(answer: &str) -> Value {
    serde_json::from_str::<Value>(answer).unwrap()["Response_AlarmInfoPlate"]["info"].clone()
}
