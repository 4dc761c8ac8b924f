//! Planted faults: what the comparison with the pure pipeline must find, so that its silence says something. Those that
//! need a cluster run on a real Apache Kafka, whose addresses `PARKLINE_KAFKA` has; without it they are not tested.
#![cfg(feature = "kafka")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{
    DEADLINE,
    exact::{
        DEVICE, LOTS, PARTITIONS, Published, address, frame, name, open, oracle_of, parsed, site_of_lots,
        verified, verify,
    },
};
use ingest_server::{
    clock::Clock,
    desk::Desk,
    intake::Intake,
    log::{Batch, Commit, Entry, Kafka, Log, LogError, Name, Publication, Resume, Ticket},
    partition::partition_of,
    questions::Questions,
    record::FrameRecord,
    worker::{Setting, Turn, Worker, WorkerError},
};
use parkline::{pipeline::Pipeline, stage::Output};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    producer::{BaseProducer, BaseRecord, Producer},
};

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
    let poison = |_: &[u8]| Output { topic: "dead-letters", key: String::new(), value: Vec::new() };
    let setting = Setting {
        log,
        source: name("frames"),
        reader: name("pipeline"),
        partition: 0,
        intake: intake.clone(),
        observer: Arc::new(Desk::new(PARTITIONS, clock.clone())),
        questions: Arc::new(Questions::new(PARTITIONS)),
        clock: clock.clone(),
        poison,
        pen: Arc::new(tokio::sync::Semaphore::new(1)),
    };
    let (mut turns, since) = (0, Instant::now());
    while turns < 12 {
        assert!(since.elapsed() < DEADLINE * 4, "only {turns} turns are done");
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
    let since = Instant::now();
    loop {
        assert!(since.elapsed() < DEADLINE * 2, "no worker gets to the end");
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

/// What is made of reports of every lot, without a cluster.
fn expected() -> Published {
    let site = site_of_lots();
    let records = |partition: u32| {
        let reports = (1..=40u32).flat_map(|seq| (1..=LOTS).map(move |number| (seq, number)));
        let of_partition =
            |number: u64| partition_of(format!("K{number}").as_bytes(), PARTITIONS) == partition;
        let entry = |(offset, (seq, number)): (usize, (u32, u64))| {
            let at = parking_types::Instant::EPOCH + parking_types::Span::from_mins(i64::from(seq));
            let (payload, device) = (frame(DEVICE + number, seq), format!("d-{number}"));
            let record = FrameRecord {
                device: Some(&device),
                protocol: "parkline",
                payload: &payload,
                listener: "tcp",
                ..FrameRecord::default()
            };
            let mut value = Vec::new();
            record.encode(at, &mut value);
            Entry { offset: offset as u64, key: Bytes::new(), value: value.into() }
        };
        reports.filter(|(_, number)| of_partition(*number)).enumerate().map(entry).collect()
    };
    oracle_of(&site, records)
}

/// What is done to the records of a topic.
type Change<'c> = &'c dyn Fn(&mut Vec<(String, String)>);

#[test]
fn each_kind_of_wrong_record_is_found() {
    let expected = expected();
    assert!(verify(&expected, &expected).unwrap() > 50);
    let (place, charges) =
        expected.iter().find(|((topic, _), records)| *topic == "charges" && records.len() > 9).unwrap();
    let found = |change: Change<'_>| {
        let mut found = expected.clone();
        change(found.get_mut(place).unwrap());
        verify(&expected, &found).unwrap_err()
    };
    assert!(found(&|records| drop(records.pop())).contains("records, not"), "a charge is lost at the end");
    assert!(found(&|records| drop(records.remove(3))).contains("record 3"), "… or in the middle");
    assert!(found(&|records| records.push(charges[4].clone())).contains("records, not"), "one comes twice");
    assert!(found(&|records| records.insert(5, charges[4].clone())).contains("record 5"), "… at once");
    assert!(found(&|records| records.swap(6, 7)).contains("record 6"), "two change places");
    let another = |records: &mut Vec<(String, String)>| {
        records[2].1 = records[2].1.replacen("\"due\":\"", "\"due\":\"1", 1);
    };
    assert!(found(&another).contains("record 2"), "one has another amount");
}

/// An owner that stands between its step and its commit, and goes on when another has its partition.
struct Zombie {
    log: Arc<Kafka>,
    stands: AtomicBool,
    /// Whether its commits go past what fences them.
    unfenced: bool,
    held: std::sync::Mutex<Vec<Commit>>,
}

impl Log for Zombie {
    fn partitions(&self) -> u32 {
        self.log.partitions()
    }
    fn append(&self, topic: &Name, partition: u32, batch: Batch) -> Ticket {
        self.log.append(topic, partition, batch)
    }
    fn commit(&self, partition: u32, commit: Commit) -> Ticket {
        if self.stands.load(Ordering::SeqCst) {
            let next = commit.next;
            self.held.lock().unwrap().push(commit);
            return Ticket::resolved(Ok(next));
        }
        self.log.commit(partition, commit)
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
        self.log.resume(reader, partition)
    }
    fn find(&self, topic: &Name, partition: u32, key: &[u8]) -> Result<Option<Entry>, LogError> {
        self.log.find(topic, partition, key)
    }
}

impl Zombie {
    /// It goes on: what it held is committed, or refused.
    fn goes_on(&self, partition: u32) -> Result<(), LogError> {
        let reader = if self.unfenced { name("zombie") } else { name("pipeline") };
        if self.unfenced {
            self.log.resume(&reader, partition)?;
        }
        for commit in self.held.lock().unwrap().drain(..) {
            self.log.commit(partition, Commit { reader: reader.clone(), ..commit }).wait()?;
        }
        Ok(())
    }
}

/// A zombie and its successor on the first partition; says what its late commit came to, and what the harness finds.
fn zombie(test: &str, unfenced: bool) -> Option<(Result<(), LogError>, Result<usize, String>)> {
    let address = address(test)?;
    let (one, two) = (Arc::new(open(&address)), Arc::new(open(&address)));
    let site = site_of_lots();
    let stands = AtomicBool::new(false);
    let log = Arc::new(Zombie { log: one, stands, unfenced, held: std::sync::Mutex::default() });
    let clock = Clock::manual("2026-03-02T08:00:00Z".parse().unwrap());
    let setting = |log: Arc<dyn Log>| Setting {
        log: log.clone(),
        source: name("frames"),
        reader: name("pipeline"),
        partition: 0,
        intake: Arc::new(Intake::new(log, name("frames"), clock.clone(), 1 << 20)),
        observer: Arc::new(Desk::new(PARTITIONS, clock.clone())),
        questions: Arc::new(Questions::new(PARTITIONS)),
        clock: clock.clone(),
        poison: |_| Output { topic: "dead-letters", key: String::new(), value: Vec::new() },
        pen: Arc::new(tokio::sync::Semaphore::new(1)),
    };
    let start = |setting: Setting| {
        let mut worker = Worker::start(Pipeline::new(parsed(&site)), setting, BTreeSet::new()).unwrap();
        worker.catch_up().unwrap();
        worker
    };
    let (ours, theirs) = (setting(log.clone()), setting(two.clone()));
    let mut worker = start(ours.clone());
    log.stands.store(true, Ordering::SeqCst);
    for seq in 1..=6 {
        let payload = frame(DEVICE + 1, seq);
        let record = FrameRecord {
            device: Some("d-1"),
            protocol: "parkline",
            payload: &payload,
            listener: "tcp",
            ..FrameRecord::default()
        };
        clock.advance(parking_types::Span::from_mins(1));
        ours.intake.note(0, |at, batch: &mut Batch| batch.push_with(|out| record.encode(at, out))).unwrap();
    }
    while worker.turn(Duration::from_millis(500)).unwrap() != Turn::Idle {}
    assert!(!log.held.lock().unwrap().is_empty(), "it has something to commit");
    let successor = start(theirs);
    successor.finish().unwrap();
    let late = log.goes_on(0);
    Some((late, verified(&two, &site)))
}

#[test]
fn a_zombie_is_fenced() {
    let Some((late, verdict)) = zombie("zombie", false) else { return };
    assert!(matches!(late, Err(LogError::Lost { .. })), "{late:?}");
    assert!(verdict.unwrap() > 0);
}

#[test]
fn a_zombie_that_nobody_fences_is_found() {
    let Some((late, verdict)) = zombie("unfenced", true) else { return };
    assert_eq!(late, Ok(()));
    let why = verdict.unwrap_err();
    assert!(why.contains("records, not"), "{why}");
}

#[test]
fn a_reader_that_does_not_wait_for_the_commit_is_found() {
    let Some(address) = address("uncommitted") else { return };
    let log = open(&address);
    log.resume(&name("pipeline"), 0).unwrap();
    let outputs = vec![Publication {
        topic: name("charges"),
        key: Bytes::from_static(b"s"),
        value: Bytes::from_static(b"committed"),
    }];
    log.commit(0, Commit { reader: name("pipeline"), next: 1, outputs, state: None }).wait().unwrap();
    abort_a_charge(&address);
    let expected = Published::from([(("charges", 0), vec![("s".to_owned(), "committed".to_owned())])]);
    let read = |isolation| Published::from([(("charges", 0), read_as(&address, isolation))]);
    assert_eq!(verify(&expected, &read("read_committed")), Ok(1));
    let why = verify(&expected, &read("read_uncommitted")).unwrap_err();
    assert!(why.contains("records, not"), "{why}");
}

/// A charge that reaches the brokers in a transaction that is aborted.
fn abort_a_charge(address: &str) {
    let (brokers, prefix) = address.strip_prefix("kafka://").unwrap().split_once('/').unwrap();
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("transactional.id", format!("{prefix}.aborts"));
    let producer: BaseProducer = config.create().unwrap();
    let wait = Duration::from_secs(30);
    producer.init_transactions(wait).unwrap();
    producer.begin_transaction().unwrap();
    let topic = format!("{prefix}.charges");
    producer.send(BaseRecord::to(&topic).partition(0).key("s").payload("aborted")).unwrap();
    producer.flush(wait).unwrap();
    producer.abort_transaction(wait).unwrap();
}

/// All charges of the first partition, read with this isolation.
fn read_as(address: &str, isolation: &str) -> Vec<(String, String)> {
    let (brokers, prefix) = address.strip_prefix("kafka://").unwrap().split_once('/').unwrap();
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "faults").set("enable.partition.eof", "true");
    let reader: BaseConsumer = config.set("isolation.level", isolation).create().unwrap();
    let mut place = TopicPartitionList::new();
    place.add_partition_offset(&format!("{prefix}.charges"), 0, Offset::Beginning).unwrap();
    reader.assign(&place).unwrap();
    let mut all = Vec::new();
    loop {
        match reader.poll(Duration::from_secs(30)).unwrap() {
            Ok(message) => {
                let text =
                    |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
                all.push((text(message.key()), text(message.payload())));
            }
            Err(KafkaError::PartitionEOF(_)) => return all,
            Err(error) => panic!("{error}"),
        }
    }
}
