//! The server killed at random moments under load, and the end of its files torn as a loss of power tears them: after each
//! start what was acknowledged is there, what was charged was charged once, and a replay of the log gives the same.
//! `scripts/crash.sh` runs it for longer.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    thread,
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

/// How the end of a file is torn.
#[derive(Clone, Copy, Debug)]
enum Tear {
    /// As the kill left it.
    None,
    /// Cut off.
    Cut,
    /// Zeros, as where a file has grown and its blocks were never written.
    Zeros,
    /// Whatever lay on the disk before.
    Rubbish,
    /// The beginning of one more write.
    Begun,
}

const TEARS: [Tear; 5] = [Tear::None, Tear::Cut, Tear::Zeros, Tear::Rubbish, Tear::Begun];
/// Bytes of a segment's header, and of a record before its payload (`docs/log.md`).
const HEADER: usize = 48;
const PREFIX: usize = 8;

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Where the last group of a segment begins, and where each of its records ends, with the record.
fn last_group(bytes: &[u8]) -> (usize, Vec<(usize, &[u8])>) {
    let (mut at, mut begin, mut records) = (HEADER, HEADER, Vec::new());
    while at + PREFIX <= bytes.len() {
        let word = u32_at(bytes, at);
        let (is_mark, len) = (word >> 31 == 1, (word & 0x7fff_ffff) as usize);
        if at + PREFIX + len > bytes.len() {
            break;
        }
        if is_mark {
            (begin, records) = (at, Vec::new());
        } else {
            records.push((at + PREFIX + len, &bytes[at + PREFIX..at + PREFIX + len]));
        }
        at += PREFIX + len;
    }
    (begin, records)
}

/// The newest segment of a folder of the log.
fn newest(data: &Path, part: &str) -> PathBuf {
    let list = fs::read_dir(data.join("default").join(part)).unwrap().map(|file| file.unwrap().path());
    list.filter(|file| file.extension().is_some_and(|ending| ending == "seg")).max().unwrap()
}

/// Tears what one file holds from `from` on, of which nobody can have been told.
fn tear(file: &Path, from: usize, how: Tear, state: &mut u64) {
    let mut bytes = fs::read(file).unwrap();
    let place = from + (random(state) as usize) % (bytes.len() - from + 1);
    match how {
        Tear::None => return,
        Tear::Cut => bytes.truncate(place),
        Tear::Zeros => bytes[place..].fill(0),
        Tear::Rubbish => bytes[place..].iter_mut().for_each(|byte| *byte = random(state) as u8),
        Tear::Begun => {
            let more = 1 + random(state) as usize % 200;
            bytes.extend((0..more).map(|_| random(state) as u8));
        }
    }
    fs::write(file, bytes).unwrap();
}

/// What a loss of power may do to the log's files: the last group of each may not be durable, unless somebody was told of
/// it: the device by an acknowledgement, or whoever reads by a commit that rests on it.
fn lose_power(data: &Path, acknowledged: &BTreeSet<(u32, u32)>, state: &mut u64) -> [Tear; 2] {
    let mut pick = || TEARS[random(state) as usize % TEARS.len()];
    let (of_outputs, of_frames) = (pick(), pick());
    let outputs = newest(data, "outputs/0");
    let bytes = fs::read(&outputs).unwrap();
    let (group, commits) = last_group(&bytes);
    // A commit says after its format and number of readers (a byte each) and the first reader's name how far that is.
    let position = |commit: &[u8]| {
        let from = 3 + usize::from(commit[2]);
        u64::from_le_bytes(commit[from..from + 8].try_into().unwrap())
    };
    let read = commits.last().map(|(_, commit)| position(commit));
    tear(&outputs, group, of_outputs, state);

    let frames = newest(data, "topics/frames/0");
    let bytes = fs::read(&frames).unwrap();
    let (group, records) = last_group(&bytes);
    let number = |record: &[u8]| {
        let line: Value = serde_json::from_slice(record).unwrap();
        numbers(&json!({"record": line}))
    };
    // One sync covers the whole group: who was told of one record was told of all.
    let told = records.iter().any(|(_, record)| number(record).is_some_and(|n| acknowledged.contains(&n)));
    // The commits before the last group are durable, and so is what they rest on; the last group's may be.
    let relied_on = read.is_none_or(|read| read > first_of_last_group(&bytes));
    let from = if told || relied_on { bytes.len() } else { group };
    tear(&frames, from, of_frames, state);
    [of_outputs, of_frames]
}

/// The number of the first record of a segment's last group, which its mark says.
fn first_of_last_group(bytes: &[u8]) -> u64 {
    let (mark, _) = last_group(bytes);
    let at = mark + PREFIX + 16;
    bytes
        .get(at..at + 8)
        .filter(|_| mark > HEADER)
        .map_or(0, |next| u64::from_le_bytes(next.try_into().unwrap()))
}

/// What was read of a server that is killed and started again and again.
#[derive(Default)]
struct Known {
    frames: Vec<Value>,
    charges: Vec<Value>,
}

impl Known {
    /// Reads what is new: a consumer keeps its position over all starts.
    fn read_on(&mut self, server: &Server) {
        for (topic, lines) in [("frames", &mut self.frames), ("charges", &mut self.charges)] {
            loop {
                let after = lines.last().map(|line: &Value| line["position"].as_str().unwrap());
                let after = after.map_or(String::new(), |after| format!("&after={after}"));
                let (status, body) = server.get(&format!("/v1/feed/{topic}?limit=2000{after}"));
                assert_eq!(status, 200, "{body}");
                if body.is_empty() {
                    break;
                }
                lines.extend(common::json_lines(body.as_bytes()));
            }
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_charged_twice() {
    let rounds = setting("PARKLINE_CRASH_ROUNDS", 20);
    let seed = setting("PARKLINE_CRASH_SEED", 0x9e37_79b9_7f4a_7c15);
    let mut state = seed;
    let folder = tempfile::tempdir().unwrap();
    let site_file = write_site(folder.path(), &site_of(rounds));
    let mut acknowledged: BTreeSet<(u32, u32)> = BTreeSet::new();
    let (mut known, mut torn) = (Known::default(), BTreeMap::new());
    for round in 1..=rounds as u32 {
        let server = Server::start(folder.path(), &[]);
        let device = load(&server, round);
        // The moment of the crash is the point of the test, not something that is waited for.
        thread::park_timeout(Duration::from_millis(20 + random(&mut state) % 250));
        server.kill();
        acknowledged.extend(device.join().unwrap().into_iter().map(|seq| (round, seq)));
        for how in lose_power(&folder.path().join("data"), &acknowledged, &mut state) {
            *torn.entry(format!("{how:?}")).or_insert(0) += 1;
        }
        let server = Server::start(folder.path(), &[]);
        known.read_on(&server);
        let stored: BTreeSet<(u32, u32)> = known.frames.iter().filter_map(numbers).collect();
        let lost: Vec<_> = acknowledged.difference(&stored).collect();
        assert!(lost.is_empty(), "seed {seed}, round {round}: acknowledged and not there: {lost:?}");
        same_as_a_replay(&known, folder.path(), &site_file);
        server.kill();
    }
    assert!(!acknowledged.is_empty());
    let server = Server::start(folder.path(), &[]);
    let mut fresh = Known::default();
    fresh.read_on(&server);
    let shared = known.frames.len();
    assert_eq!(fresh.frames[..shared], known.frames, "what was read is what is there");
    assert_eq!(fresh.charges[..known.charges.len()], known.charges);
    println!(
        "{} kills, {} frames acknowledged, {} stored, {} charges; files torn: {torn:?}",
        2 * rounds,
        acknowledged.len(),
        fresh.frames.iter().filter_map(numbers).count(),
        fresh.charges.len()
    );
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

fn same_as_a_replay(known: &Known, folder: &Path, site_file: &Path) {
    let lines: String = known.frames.iter().map(|line| format!("{}\n", line["record"])).collect();
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
    for line in &known.charges {
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
