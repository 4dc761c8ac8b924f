//! The log on a real Apache Kafka, which `scripts/kafka.sh up` starts: the suite that every log passes, and what only
//! several processes can do to each other. `PARKLINE_KAFKA` has the brokers' addresses; without it nothing is tested.
#![cfg(feature = "kafka")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use ingest_server::log::{
    Batch, Checkpoint, Commit, Kafka, KafkaOptions, Log, LogError, Name, Ownership, Publication, Resume,
    conformance,
    kafka::{Kept, Topic, Written},
};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A log of its own for each test and run, or nothing where no brokers are named.
fn options(test: &str) -> Option<KafkaOptions> {
    let brokers = std::env::var("PARKLINE_KAFKA").ok()?;
    let run = std::process::id();
    let mut options = KafkaOptions::at(&format!("kafka://{brokers}/{test}-{run}")).unwrap();
    (options.single_copy, options.partitions) = (true, Some(2));
    Some(options)
}

fn commit(next: u64, value: &str, state: Option<Vec<u8>>) -> Commit {
    let value = Bytes::copy_from_slice(value.as_bytes());
    let outputs = vec![Publication { topic: name("charges"), key: Bytes::from_static(b"s"), value }];
    Commit {
        reader: name("pipeline"),
        next,
        outputs,
        state: state.map(|state| Checkpoint { at: next, state: state.into() }),
    }
}

/// The first `count` charges, which are seen a moment after their commit, and whatever is there behind them.
fn charges(log: &Kafka, count: usize) -> Vec<String> {
    let (mut all, mut from) = (Vec::new(), 0);
    loop {
        let wait = if all.len() < count { Duration::from_secs(30) } else { Duration::ZERO };
        let entries = log.read(&name("charges"), 0, from, 1 << 20, wait).unwrap();
        let Some(last) = entries.last() else { return all };
        from = last.offset + 1;
        all.extend(entries.iter().map(|entry| String::from_utf8_lossy(&entry.value).into_owned()));
    }
}

#[test]
fn it_does_what_every_log_must() {
    let Some(options) = options("suite") else { return };
    conformance::run(|topics: Vec<Name>| {
        let mut options = options.clone();
        for topic in &mut options.topics {
            topic.single = false;
        }
        assert!(topics.iter().all(|topic| options.topics.iter().any(|known| known.name == *topic)));
        Kafka::open(options)
    });
}

#[test]
fn whoever_takes_a_partition_next_fences_the_one_before() {
    let Some(options) = options("fence") else { return };
    let (one, two) = (Kafka::open(options.clone()).unwrap(), Kafka::open(options).unwrap());
    let reader = name("pipeline");
    assert_eq!(one.resume(&reader, 0), Ok(Resume::default()));
    assert_eq!(one.commit(0, commit(1, "first", None)).wait(), Ok(1));
    assert_eq!(two.resume(&reader, 0).unwrap().next, 1);
    let fenced = one.commit(0, commit(2, "by the one before", None)).wait();
    assert!(matches!(fenced, Err(LogError::Lost { .. })), "{fenced:?}");
    assert_eq!(two.commit(0, commit(2, "second", None)).wait(), Ok(2));
    assert_eq!(charges(&two, 2), ["first", "second"]);
    assert_eq!(one.resume(&reader, 0).unwrap().next, 2, "and it can take the partition back");
    assert_eq!(one.commit(0, commit(3, "third", None)).wait(), Ok(3));
    assert_eq!(charges(&one, 3), ["first", "second", "third"]);
}

#[test]
fn a_large_state_comes_back_whole() {
    let Some(options) = options("state") else { return };
    let state: Vec<u8> = (0..3_000_000u32).map(|number| (number % 251) as u8).collect();
    let log = Kafka::open(options.clone()).unwrap();
    log.resume(&name("pipeline"), 1).unwrap();
    log.commit(1, commit(7, "with a state", Some(state.clone()))).wait().unwrap();
    log.commit(1, commit(9, "without", None)).wait().unwrap();
    drop(log);
    let resume = Kafka::open(options).unwrap().resume(&name("pipeline"), 1).unwrap();
    assert_eq!(resume.next, 9);
    let (position, found) = resume.checkpoint.unwrap();
    assert!(position == 7 && found == state);
}

#[test]
fn a_topic_that_loses_what_it_promises_is_refused_with_the_command_that_mends_it() {
    let Some(mut options) = options("topics") else { return };
    drop(Kafka::open(options.clone()).unwrap());
    options
        .topics
        .iter_mut()
        .filter(|topic| topic.name == name("charges"))
        .for_each(|topic| topic.kept = Kept::Newest);
    let Err(LogError::Topic { topic, command, .. }) = Kafka::open(options.clone()) else {
        panic!("taken as it is")
    };
    assert_eq!(topic, format!("{}.charges", options.prefix));
    assert!(command.contains("--add-config cleanup.policy=compact"), "{command}");
    options.partitions = Some(3);
    assert!(matches!(Kafka::open(options), Err(LogError::Mismatch { what: "partitions", .. })));
}

#[test]
fn partitions_are_spread_over_members_and_move_when_one_leaves() {
    let Some(options) = options("group") else { return };
    let wait = Duration::from_secs(60);
    let (one, two) = (Kafka::open(options.clone()).unwrap(), Kafka::open(options).unwrap());
    let (first, second) = (Arc::new(Ownership::none(2)), Arc::new(Ownership::none(2)));
    let _stays = one.join(&name("pipeline"), None, first.clone()).unwrap();
    assert!(first.begin(0, wait) && first.begin(1, wait), "alone it has both");
    assert_eq!(one.resume(&name("pipeline"), 0), Ok(Resume::default()));
    assert_eq!(one.commit(0, commit(1, "as a member", None)).wait(), Ok(1));
    let releasing = {
        let first = first.clone();
        // Workers that let go when they are told to.
        std::thread::spawn(move || {
            loop {
                if let Some(gone) = (0..2).find(|partition| !first.is_ours(*partition)) {
                    return first.end(gone);
                }
                std::thread::park_timeout(Duration::from_millis(1));
            }
        })
    };
    let leaves = two.join(&name("pipeline"), None, second.clone()).unwrap();
    // Ten milliseconds a look: a minute in all.
    let moved =
        (0..2).cycle().take(6_000).find(|partition| second.begin(*partition, Duration::from_millis(10)));
    let moved = moved.expect("the other gets one");
    releasing.join().unwrap();
    assert!(!first.is_ours(moved) && first.is_ours(1 - moved), "each has one");
    second.end(moved);
    drop(leaves);
    assert!(first.begin(moved, wait), "it comes back");
}

#[test]
fn records_that_were_never_committed_are_seen_by_nobody() {
    let Some(mut options) = options("aborted") else { return };
    let topic = |text: &str, written| Topic { name: name(text), written, kept: Kept::ForEver, single: false };
    options.topics.push(topic("extra", Written::Appended));
    let log = Kafka::open(options.clone()).unwrap();
    log.resume(&name("pipeline"), 0).unwrap();
    // A record that the brokers refuse ends the transaction after its other record was delivered.
    let too_large = "x".repeat(18 << 20);
    let mut bad = commit(1, "seen by nobody", None);
    bad.outputs.push(Publication { topic: name("charges"), key: Bytes::new(), value: too_large.into() });
    assert!(log.commit(0, bad).wait().is_err());
    assert_eq!(log.resume(&name("pipeline"), 0).unwrap().next, 0);
    log.commit(0, commit(1, "seen", None)).wait().unwrap();
    assert_eq!(charges(&log, 1), ["seen"]);
    assert_eq!(log.append(&name("extra"), 1, Batch::of(b"x")).wait(), Ok(0));
}

#[test]
fn the_end_is_found_however_often_it_is_asked_for() {
    let Some(options) = options("end") else { return };
    let log = Kafka::open(options).unwrap();
    log.resume(&name("pipeline"), 0).unwrap();
    for round in 1..=30u64 {
        // The end of the transaction takes a number too, behind which there is nothing.
        log.commit(0, commit(round, &round.to_string(), None)).wait().unwrap();
        let expected: Vec<String> = (1..=round).map(|number| number.to_string()).collect();
        assert_eq!(charges(&log, round as usize), expected);
    }
}
