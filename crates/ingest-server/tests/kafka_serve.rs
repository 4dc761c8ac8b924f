//! Servers on a real Apache Kafka, killed at random moments under load: every partition's outputs are, byte for byte and
//! in order, what the pure pipeline makes of its frames. `scripts/kafka_crash.sh` runs it for longer.
//! `PARKLINE_KAFKA` has the brokers' addresses; without it nothing is tested.
#![cfg(feature = "kafka")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use common::{DEADLINE, Device, Server, site, write_site};
use device_codec::native::{BayState, Head, Message, Occupancy, Reason};
use ingest_server::{
    clock::Clock,
    desk::Desk,
    intake::Intake,
    log::{Batch, Commit, Entry, Kafka, KafkaOptions, Log, LogError, Name, Resume, Ticket},
    record::FrameRecord,
    worker::{Setting, Turn, Worker, WorkerError},
};
use parkline::{
    pipeline::Pipeline,
    site::Site,
    stage::{Output, Position, Record, Stage},
};
use serde_json::{Value, json};

const PARTITIONS: u32 = 3;
const LOTS: u64 = 6;
const DEVICE: u64 = 0x3000;
/// What the pipeline publishes.
const TOPICS: [&str; 5] = ["sessions", "charges", "commands", "alerts", "dead-letters"];

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A log of its own for each test and run, or nothing where no brokers are named.
fn address(test: &str) -> Option<String> {
    let brokers = std::env::var("PARKLINE_KAFKA").ok()?;
    Some(format!("kafka://{brokers}/{test}-{}", std::process::id()))
}

fn open(address: &str) -> Kafka {
    let mut options = KafkaOptions::at(address).unwrap();
    (options.single_copy, options.partitions) = (true, Some(PARTITIONS));
    Kafka::open(options).unwrap()
}

/// Lots in all partitions, with a native detector each.
fn site_of_lots() -> Value {
    let mut site = site();
    let lot = site["lots"][0].clone();
    site["lots"] = json!([]);
    for field in ["berths", "lanes", "devices"] {
        site[field] = json!([]);
    }
    let mut push = |list: &str, value: Value| site[list].as_array_mut().unwrap().push(value);
    for number in 1..=LOTS {
        let mut lot = lot.clone();
        lot["id"] = json!(format!("K{number}"));
        push("lots", lot);
        push("berths", json!({"id": format!("B{number}"), "lot": format!("K{number}")}));
        push(
            "devices",
            json!({"id": format!("d-{number}"), "serial": format!("{:016x}", DEVICE + number),
                "protocol": "parkline", "berth": format!("B{number}")}),
        );
    }
    site
}

fn parsed(site: &Value) -> Site {
    Site::parse(&[("site", site.to_string().as_bytes())]).unwrap()
}

/// Everything that is committed in a partition of a topic.
fn whole(log: &Kafka, topic: &str, partition: u32) -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    loop {
        let from = all.last().map_or(0, |entry| entry.offset + 1);
        let more = log.read(&name(topic), partition, from, 4 << 20, Duration::ZERO).unwrap();
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

/// What a topic should have, or has, in a partition: keys and values in order.
type Published = BTreeMap<(&'static str, u32), Vec<(String, String)>>;

/// What the pure pipeline makes of the frames.
fn oracle(log: &Kafka, site: &Value) -> Published {
    let mut published = Published::new();
    for partition in 0..PARTITIONS {
        let mut pipeline = Pipeline::new(parsed(site));
        let mut outputs: Vec<Output> = Vec::new();
        for entry in whole(log, "frames", partition) {
            let position = Position { partition, offset: entry.offset };
            pipeline.apply(Record { position, value: &entry.value }, &mut outputs);
        }
        for topic in TOPICS {
            let of_topic = outputs.iter().filter(|output| output.topic == topic);
            let text =
                |output: &Output| (output.key.clone(), String::from_utf8_lossy(&output.value).into_owned());
            published.insert((topic, partition), of_topic.map(text).collect());
        }
    }
    published
}

fn committed(log: &Kafka) -> Published {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let records = |topic, partition| {
        whole(log, topic, partition).iter().map(|entry| (text(&entry.key), text(&entry.value))).collect()
    };
    let places = TOPICS.iter().flat_map(|topic| (0..PARTITIONS).map(|partition| (*topic, partition)));
    places.map(|(topic, partition)| ((topic, partition), records(topic, partition))).collect()
}

/// Nothing lost, nothing doubled, nothing out of order.
fn verify(expected: &Published, found: &Published) -> Result<usize, String> {
    for (place, expected) in expected {
        let found = &found[place];
        let differs = expected.iter().zip(found).position(|(one, other)| one != other);
        if let Some(at) = differs {
            return Err(format!("{place:?}: record {at} is {:?}, not {:?}", found[at], expected[at]));
        }
        if expected.len() != found.len() {
            return Err(format!("{place:?}: {} records, not {}", found.len(), expected.len()));
        }
    }
    let charges = expected.iter().filter(|((topic, _), _)| *topic == "charges");
    Ok(charges.map(|(_, records)| records.len()).sum())
}

/// Until everything that was committed is seen by readers.
fn verified(log: &Kafka, site: &Value) -> Result<usize, String> {
    let expected = oracle(log, site);
    let since = Instant::now();
    loop {
        let verdict = verify(&expected, &committed(log));
        if verdict.is_ok() || since.elapsed() > Duration::from_secs(10) {
            return verdict;
        }
        thread::yield_now();
    }
}

/// A native device's report: occupied at odd numbers, vacant at even ones. Its clock is not set.
fn frame(device_id: u64, seq: u32) -> Vec<u8> {
    let head = Head { device_id, boot_id: 1, seq, ..Head::default() };
    let state = if seq % 2 == 1 { Occupancy::OCCUPIED } else { Occupancy::VACANT };
    Message::BayState(BayState { state, reason: Reason::CHANGE, ..BayState::default() }).encode(&head, None)
}

/// Where servers take native frames now.
type Addresses = Arc<Mutex<Vec<SocketAddr>>>;

/// Reports `reports` changes of a berth to whichever server answers, and sends again what was not acknowledged.
fn report(addresses: &Addresses, number: u64, reports: u32, acknowledged: &AtomicU64) {
    let frames: Vec<Vec<u8>> = (1..=reports).map(|seq| frame(DEVICE + number, seq)).collect();
    let (mut done, mut turn, since) = (0, number as usize, Instant::now());
    while done < frames.len() {
        assert!(since.elapsed() < DEADLINE * 10, "device {number}: only {done} of {reports} acknowledged");
        turn += 1;
        let at = {
            let addresses = addresses.lock().unwrap();
            addresses[turn % addresses.len()]
        };
        let Ok(mut device) = Device::connect(at, 1) else {
            thread::park_timeout(Duration::from_millis(20));
            continue;
        };
        while done < frames.len() {
            let burst = &frames[done..frames.len().min(done + 4)];
            let until = (done + burst.len()) as u32;
            let answered = device.send(&burst.concat()).and_then(|()| {
                let mut up_to = 0;
                while up_to < until {
                    let ack = device.ack()?;
                    if ack.up_to == 0 {
                        return Err(std::io::ErrorKind::WouldBlock.into());
                    }
                    up_to = ack.up_to;
                }
                Ok(())
            });
            if answered.is_err() {
                break;
            }
            acknowledged.fetch_add(burst.len() as u64, Ordering::SeqCst);
            done = until as usize;
        }
    }
}

/// A small generator: the same seed kills after the same pauses.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn serve(folder: &Path, address: &str, instance: &str) -> Server {
    let partitions = PARTITIONS.to_string();
    let more = ["--log", address, "--single-copy", "--instance", instance, "--partitions", &partitions];
    Server::start_with(folder, &more)
}

#[test]
fn killed_workers_lose_nothing_and_charge_nothing_twice() {
    let Some(address) = address("crash") else { return };
    let kills = setting("PARKLINE_KAFKA_KILLS", 4);
    let reports = setting("PARKLINE_KAFKA_REPORTS", 400) as u32;
    let seed = setting("PARKLINE_CRASH_SEED", 0x9e37_79b9_7f4a_7c15);
    let folder = tempfile::tempdir().unwrap();
    let site = site_of_lots();
    write_site(folder.path(), &site);
    let mut servers = vec![serve(folder.path(), &address, "a"), serve(folder.path(), &address, "b")];
    let addresses: Addresses = Arc::new(Mutex::new(servers.iter().map(|server| server.tcp).collect()));
    let acknowledged = Arc::new(AtomicU64::new(0));
    let devices: Vec<_> = (1..=LOTS)
        .map(|number| {
            let (addresses, acknowledged) = (addresses.clone(), acknowledged.clone());
            thread::spawn(move || report(&addresses, number, reports, &acknowledged))
        })
        .collect();
    let mut state = seed;
    let mut killed = 0;
    while killed < kills {
        // The moment of the crash is the point of the test, not something that is waited for.
        thread::park_timeout(Duration::from_millis(100 + random(&mut state) % 900));
        let which = (random(&mut state) % 2) as usize;
        servers.remove(which).kill();
        let again = serve(folder.path(), &address, ["a", "b"][which]);
        addresses.lock().unwrap()[which] = again.tcp;
        servers.insert(which, again);
        killed += 1;
    }
    devices.into_iter().for_each(|device| device.join().unwrap());
    // Everybody's share is worked in, then everything durable is committed on the way out.
    all_caught_up(&servers, folder.path());
    servers.into_iter().for_each(|server| assert!(server.terminate().success()));

    let log = open(&address);
    let frames: Vec<Entry> = (0..PARTITIONS).flat_map(|partition| whole(&log, "frames", partition)).collect();
    let stored: BTreeSet<(u64, u32)> = frames.iter().filter_map(numbers).collect();
    let expected = (1..=LOTS).flat_map(|number| (1..=reports).map(move |seq| (DEVICE + number, seq)));
    let lost: Vec<_> = expected.filter(|frame| !stored.contains(frame)).collect();
    assert!(lost.is_empty(), "seed {seed}: acknowledged and not there: {lost:?}");
    let charges = verified(&log, &site).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    assert!(charges > 0);
    println!(
        "{killed} kills, {} frames acknowledged, {} records in the log, {charges} charge records exactly once",
        acknowledged.load(Ordering::SeqCst),
        frames.len()
    );
}

fn all_caught_up(servers: &[Server], folder: &Path) {
    let since = Instant::now();
    let standing = |server: &Server| {
        let ready: Value = serde_json::from_str(&server.get("/readyz").1).unwrap_or_default();
        let number = |field: &str| ready[field].as_u64().unwrap_or(0) as u32;
        (number("ours"), number("caught_up"))
    };
    loop {
        let standings: Vec<_> = servers.iter().map(standing).collect();
        let ours: u32 = standings.iter().map(|(ours, _)| ours).sum();
        let caught_up: u32 = standings.iter().map(|(_, caught_up)| caught_up).sum();
        if (ours, caught_up) == (PARTITIONS, PARTITIONS) {
            return;
        }
        let said = || std::fs::read_to_string(folder.join("stderr")).unwrap_or_default();
        assert!(since.elapsed() < DEADLINE, "ours and caught up: {standings:?}; they said {}", said());
        thread::yield_now();
    }
}

/// Device and number of a native frame record, at their places in the header.
fn numbers(entry: &Entry) -> Option<(u64, u32)> {
    let record: Value = serde_json::from_slice(&entry.value).ok()?;
    let device = record["device"].as_str()?.strip_prefix("d-")?.parse::<u64>().ok()?;
    let payload = record["payload"].as_str()?;
    let bytes: Vec<u8> =
        (36..40).map(|byte| u8::from_str_radix(&payload[byte * 2..byte * 2 + 2], 16).unwrap()).collect();
    Some((DEVICE + device, u32::from_le_bytes(bytes.try_into().ok()?)))
}

/// A log whose owner dies after every third commit of outputs; a careless one commits the position apart from them.
struct Dying {
    log: Arc<Kafka>,
    careless: bool,
    commits: AtomicU64,
    position: AtomicU64,
    dead: AtomicBool,
}

impl Log for Dying {
    fn partitions(&self) -> u32 {
        self.log.partitions()
    }
    fn append(&self, topic: &Name, partition: u32, batch: Batch) -> Ticket {
        self.log.append(topic, partition, batch)
    }
    fn commit(&self, partition: u32, commit: Commit) -> Ticket {
        let dead = || Ticket::resolved(Err(LogError::Lost { why: "it died".to_owned() }));
        if self.dead.load(Ordering::SeqCst) {
            return dead();
        }
        if self.commits.fetch_add(1, Ordering::SeqCst) % 3 != 2 {
            self.position.store(commit.next, Ordering::SeqCst);
            return self.log.commit(partition, commit);
        }
        self.dead.store(true, Ordering::SeqCst);
        if self.careless {
            let position = self.position.load(Ordering::SeqCst);
            let outputs_alone = Commit { next: position, state: None, ..commit };
            self.log.commit(partition, outputs_alone).wait().unwrap();
        }
        dead()
    }
    fn read(
        &self,
        topic: &Name,
        partition: u32,
        from: u64,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Entry>, LogError> {
        self.log.read(topic, partition, from, limit, wait)
    }
    fn resume(&self, reader: &Name, partition: u32) -> Result<Resume, LogError> {
        self.dead.store(false, Ordering::SeqCst);
        self.log.resume(reader, partition)
    }
    fn find(&self, topic: &Name, partition: u32, key: &[u8]) -> Result<Option<Entry>, LogError> {
        self.log.find(topic, partition, key)
    }
}

/// Runs the pipeline's worker on a log whose owner dies again and again; says what the harness finds.
fn verdict(test: &str, careless: bool) -> Option<Result<usize, String>> {
    let address = address(test)?;
    let kafka = Arc::new(open(&address));
    let site = site_of_lots();
    let log = Arc::new(Dying {
        log: kafka.clone(),
        careless,
        commits: AtomicU64::new(0),
        position: AtomicU64::new(0),
        dead: AtomicBool::new(false),
    });
    let clock = Clock::manual("2026-03-02T08:00:00Z".parse().unwrap());
    let intake = Arc::new(Intake::new(log.clone(), name("frames"), clock.clone(), 1 << 20));
    let poison = |_: &Entry| Output { topic: "dead-letters", key: String::new(), value: Vec::new() };
    let setting = Setting {
        log,
        source: name("frames"),
        reader: name("pipeline"),
        partition: 0,
        intake: intake.clone(),
        observer: Arc::new(Desk::new(PARTITIONS, clock.clone())),
        clock: clock.clone(),
        poison,
    };
    let mut turns = 0;
    while turns < 12 {
        let worker = Worker::start(Pipeline::new(parsed(&site)), setting.clone(), BTreeSet::new());
        let worked = worker.and_then(|mut worker| {
            worker.catch_up()?;
            while turns < 12 {
                let payload = frame(DEVICE + 1, turns + 1);
                let record = FrameRecord {
                    device: Some("d-1"),
                    protocol: "parkline",
                    payload: &payload,
                    listener: "tcp",
                    ..FrameRecord::default()
                };
                let write = |at, batch: &mut Batch| batch.push_with(|out| record.encode(at, out));
                drop(intake.note(0, write).unwrap());
                turns += 1;
                clock.advance(parking_types::Span::from_mins(1));
                while worker.turn(Duration::from_millis(200))? != Turn::Idle {}
                worker.catch_up()?;
            }
            Ok(())
        });
        assert!(matches!(worked, Ok(()) | Err(WorkerError::Log(LogError::Lost { .. }))), "{worked:?}");
    }
    // What the last death left undone is done once more.
    loop {
        let worker = Worker::start(Pipeline::new(parsed(&site)), setting.clone(), BTreeSet::new());
        if worker.and_then(|mut worker| worker.catch_up()).is_ok() {
            break;
        }
    }
    Some(verified(&kafka, &site))
}

#[test]
fn a_worker_that_dies_between_two_commits_publishes_everything_once() {
    let Some(verdict) = verdict("dies", false) else { return };
    assert!(verdict.unwrap() > 0);
}

#[test]
fn a_position_that_is_committed_apart_from_its_outputs_is_found() {
    let Some(verdict) = verdict("careless", true) else { return };
    let why = verdict.unwrap_err();
    assert!(why.contains("records, not") || why.contains("record "), "{why}");
}
