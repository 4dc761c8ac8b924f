//! What should be in every topic, by the pure pipeline, and what is.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use device_codec::native::{BayState, Head, Message, Occupancy, Reason};
use ingest_server::log::{Entry, Kafka, KafkaOptions, Log, Name};
use parkline::{
    pipeline::Pipeline,
    site::Site,
    stage::{Output, Position, Record, Stage},
};
use serde_json::{Value, json};

use super::site;

pub const PARTITIONS: u32 = 3;
pub const LOTS: u64 = 6;
pub const DEVICE: u64 = 0x3000;
/// What the pipeline publishes.
pub const TOPICS: [&str; 5] = ["sessions", "charges", "commands", "alerts", "dead-letters"];

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A log of its own for each test and run, or nothing where no brokers are named.
pub fn address(test: &str) -> Option<String> {
    let brokers = std::env::var("PARKLINE_KAFKA").ok()?;
    Some(format!("kafka://{brokers}/{test}-{}", std::process::id()))
}

pub fn open(address: &str) -> Kafka {
    let mut options = KafkaOptions::at(address).unwrap();
    (options.single_copy, options.partitions) = (true, Some(PARTITIONS));
    Kafka::open(options).unwrap()
}

/// Lots in all partitions, with a native detector each.
pub fn site_of_lots() -> Value {
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

pub fn parsed(site: &Value) -> Site {
    Site::parse(&[("site", site.to_string().as_bytes())]).unwrap()
}

/// Everything that is committed in a partition of a topic.
pub fn whole(log: &Kafka, topic: &str, partition: u32) -> Vec<Entry> {
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
pub type Published = BTreeMap<(&'static str, u32), Vec<(String, String)>>;

/// The frame records of a record of the frames topic: a line each.
pub fn lines(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b'\n')
}

/// What the pure pipeline makes of the frames in the log.
pub fn oracle(log: &Kafka, site: &Value) -> Published {
    oracle_of(site, |partition| whole(log, "frames", partition))
}

/// What the pure pipeline makes of these records of each partition.
pub fn oracle_of(site: &Value, frames: impl Fn(u32) -> Vec<Entry>) -> Published {
    let mut published = Published::new();
    for partition in 0..PARTITIONS {
        let mut pipeline = Pipeline::new(parsed(site));
        let mut outputs: Vec<Output> = Vec::new();
        for entry in frames(partition) {
            let position = Position { partition, offset: entry.offset };
            for value in lines(&entry.value) {
                pipeline.apply(Record { position, value }, &mut outputs);
            }
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

pub fn committed(log: &Kafka) -> Published {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let records = |topic, partition| {
        whole(log, topic, partition).iter().map(|entry| (text(&entry.key), text(&entry.value))).collect()
    };
    let places = TOPICS.iter().flat_map(|topic| (0..PARTITIONS).map(|partition| (*topic, partition)));
    places.map(|(topic, partition)| ((topic, partition), records(topic, partition))).collect()
}

/// Nothing lost, nothing doubled, nothing out of order.
pub fn verify(expected: &Published, found: &Published) -> Result<usize, String> {
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
pub fn verified(log: &Kafka, site: &Value) -> Result<usize, String> {
    let expected = oracle(log, site);
    let since = Instant::now();
    loop {
        let verdict = verify(&expected, &committed(log));
        if verdict.is_ok() || since.elapsed() > Duration::from_secs(40) {
            return verdict;
        }
        thread::yield_now();
    }
}

/// A native device's report: occupied at odd numbers, vacant at even ones. Its clock is not set.
pub fn frame(device_id: u64, seq: u32) -> Vec<u8> {
    let head = Head { device_id, boot_id: 1, seq, ..Head::default() };
    let state = if seq % 2 == 1 { Occupancy::OCCUPIED } else { Occupancy::VACANT };
    Message::BayState(BayState { state, reason: Reason::CHANGE, ..BayState::default() }).encode(&head, None)
}
