//! The server killed at random moments under load: what was acknowledged is there, what was charged was charged once,
//! and a replay of the log gives the same. `scripts/crash.sh` runs it for longer.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, thread,
    time::Duration,
};

use common::{Device, Server, run, site, write_site};
use serde_json::{Value, json};

/// How often the server is killed, and the seed of when: `PARKLINE_CRASH_ROUNDS`, `PARKLINE_CRASH_SEED`.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A small generator: the same seed kills at the same delays.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// The usual site with a berth and a detector more for each round.
fn site_of(rounds: u64) -> Value {
    let mut site = site();
    for round in 1..=rounds {
        let berth = json!({"id": format!("C-{round}"), "lot": "L1"});
        site["berths"].as_array_mut().unwrap().push(berth);
        let device = json!({"id": format!("crash-{round}"), "serial": format!("{:016x}", DEVICE + round),
            "protocol": "parkline", "berth": format!("C-{round}")});
        site["devices"].as_array_mut().unwrap().push(device);
    }
    site
}

/// The number of the device before the first round's.
const DEVICE: u64 = 0x2000;
/// Reports of one round at most.
const REPORTS: u32 = 200;

/// Reports and waits for acknowledgements until the server is gone; gives the numbers that were acknowledged.
fn load(server: &Server, boot_id: u32) -> thread::JoinHandle<Vec<u32>> {
    let mut device = Device::connect(server.tcp, boot_id).unwrap();
    device.device_id = DEVICE + u64::from(boot_id);
    thread::spawn(move || {
        let mut acknowledged = Vec::new();
        loop {
            if device.seq >= REPORTS {
                // Nothing more comes but the end of the connection.
                let _ = device.receive();
                return acknowledged;
            }
            let burst: Vec<u8> = (0..8).flat_map(|n| device.report(n % 2 == 0)).collect();
            let answered = device.send(&burst).and_then(|()| {
                let mut up_to = 0;
                while up_to < device.seq {
                    up_to = device.ack()?.up_to;
                    acknowledged = (1..=up_to).collect();
                }
                Ok(())
            });
            if answered.is_err() {
                return acknowledged;
            }
        }
    })
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_charged_twice() {
    let rounds = setting("PARKLINE_CRASH_ROUNDS", 6);
    let seed = setting("PARKLINE_CRASH_SEED", 0x9e37_79b9_7f4a_7c15);
    let mut state = seed;
    let folder = tempfile::tempdir().unwrap();
    let site_file = write_site(folder.path(), &site_of(rounds));
    let mut acknowledged: BTreeSet<(u32, u32)> = BTreeSet::new();
    for round in 1..=rounds as u32 {
        let server = Server::start(folder.path(), &[]);
        let device = load(&server, round);
        // The moment of the crash is the point of the test, not something that is waited for.
        thread::park_timeout(Duration::from_millis(20 + random(&mut state) % 250));
        server.kill();
        acknowledged.extend(device.join().unwrap().into_iter().map(|seq| (round, seq)));
    }
    assert!(!acknowledged.is_empty());
    let server = Server::start(folder.path(), &[]);
    let frames = server.feed("frames");
    let stored: BTreeSet<(u32, u32)> = frames.iter().filter_map(numbers).collect();
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "seed {seed}: acknowledged and not there: {lost:?}");
    same_as_a_replay(&server, &frames, folder.path(), &site_file);
    println!("{rounds} crashes, {} frames acknowledged, {} stored", acknowledged.len(), stored.len());
}

/// Boot and number of a native frame record, at their places in the header.
fn numbers(line: &Value) -> Option<(u32, u32)> {
    let payload = line["record"]["payload"].as_str()?;
    let number = |at: usize| -> Option<u32> {
        let bytes: Vec<u8> = (at..at + 4)
            .map(|byte| u8::from_str_radix(&payload[byte * 2..byte * 2 + 2], 16).unwrap())
            .collect();
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    Some((number(32)?, number(36)?))
}

fn same_as_a_replay(
    server: &Server,
    frames: &[Value],
    folder: &std::path::Path,
    site_file: &std::path::Path,
) {
    // What the feed says is read once more after the frames, so that all of them are worked in.
    let charges = server.feed("charges");
    let lines: String = frames.iter().map(|line| format!("{}\n", line["record"])).collect();
    let recording = folder.join("frames.jsonl");
    fs::write(&recording, lines).unwrap();
    let out = folder.join("out");
    let arguments = [
        "replay",
        "--site",
        site_file.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        recording.to_str().unwrap(),
    ];
    let replay = run(&arguments, b"");
    assert!(replay.status.code() == Some(0), "{}", common::text(&replay.stderr));
    let oracle: BTreeMap<String, Value> = common::json_lines(&fs::read(out.join("charges.jsonl")).unwrap())
        .into_iter()
        .map(|charge| (charge["session"].as_str().unwrap().to_owned(), charge))
        .collect();
    let mut seen = BTreeSet::new();
    let mut last: BTreeMap<String, &Value> = BTreeMap::new();
    for line in &charges {
        let charge = &line["record"];
        let session = charge["session"].as_str().unwrap().to_owned();
        assert!(seen.insert((session.clone(), charge["revision"].as_u64())), "charged twice: {charge}");
        last.insert(session, charge);
    }
    assert_eq!(last.len(), oracle.len(), "as many charges as the replay has");
    for (session, charge) in last {
        assert_eq!(charge, &oracle[&session], "as the replay charges");
    }
}
