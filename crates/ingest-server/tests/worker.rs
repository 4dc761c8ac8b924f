//! The worker on the embedded log, with a small stage: ticks, restarts, checkpoints and records that kill the stage.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use ingest_server::{
    clock::Clock,
    intake::Intake,
    log::{Batch, Embedded, Log, Name, Options},
    questions::Questions,
    record,
    worker::{Again, Observer, Setting, Turn, Worker, WorkerError},
};
use parking_types::{Instant, Span};
use parkline::stage::{Outcome, Output, Record, Stage};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// Sums the digits of its records, publishes the sum, fails on `!`, and wants a tick 10 s after a record `?`.
#[derive(Default)]
struct Sum {
    sum: u64,
    deadline: Option<Instant>,
    keeps_state: bool,
}

impl Stage for Sum {
    fn version(&self) -> u32 {
        1
    }

    fn apply(&mut self, record: Record<'_>, outputs: &mut Vec<Output>) -> Outcome {
        let text = std::str::from_utf8(record.value).unwrap();
        assert!(!text.contains('!'), "a record that the stage cannot stand");
        let at = record::received_at(record.value);
        if text.contains("tick") || text.contains("outage") {
            self.deadline = self.deadline.filter(|due| at.is_none_or(|at| at < *due));
            return Outcome::NotAFrame;
        }
        if text.contains('?') {
            self.deadline = at.map(|at| at + Span::from_secs(10));
        }
        let payload = text.split("\"payload\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        self.sum += payload.parse::<u64>().unwrap_or(0);
        let value = format!("{}:{}", record.position.offset, self.sum).into_bytes();
        outputs.push(Output { topic: "sums", key: "sum".to_owned(), value });
        Outcome::Applied
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn save(&self) -> Vec<u8> {
        if self.keeps_state { self.sum.to_le_bytes().to_vec() } else { Vec::new() }
    }

    fn restore(&mut self, saved: &[u8]) -> bool {
        saved.try_into().map(|bytes| self.sum = u64::from_le_bytes(bytes)).is_ok()
    }
}

#[derive(Default)]
struct Seen(Mutex<Vec<(String, Again)>>);

impl Observer for Seen {
    fn applied(&self, _: u32, _: u64, outputs: &[(u64, Output)], again: Again) {
        let texts =
            outputs.iter().map(|(_, output)| (String::from_utf8_lossy(&output.value).into_owned(), again));
        self.0.lock().unwrap().extend(texts);
    }
    fn save(&self, _: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(b"seen");
    }
    fn restore(&self, _: u32, saved: &[u8]) {
        if !saved.is_empty() {
            assert_eq!(saved, b"seen");
            self.0.lock().unwrap().push(("restored".to_owned(), Again::Yes));
        }
    }
}

struct Rig {
    log: Arc<Embedded>,
    clock: Clock,
    seen: Arc<Seen>,
    setting: Setting,
}

fn start() -> Instant {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

fn poison(frame: &[u8]) -> Output {
    Output { topic: "dead-letters", key: String::new(), value: frame.to_vec() }
}

fn rig(data: &Path, clock: &Clock) -> Rig {
    let options = Options { partitions: Some(1), ..Options::new("default", vec![name("frames")]) };
    let log = Arc::new(Embedded::open(data, &options).unwrap());
    let intake = Arc::new(Intake::new(log.clone(), name("frames"), clock.clone(), 1 << 20));
    let seen = Arc::new(Seen::default());
    let setting = Setting {
        log: log.clone(),
        source: name("frames"),
        reader: name("sum"),
        partition: 0,
        intake,
        observer: seen.clone(),
        questions: Arc::new(Questions::new(1)),
        pen: Arc::new(tokio::sync::Semaphore::new(1)),
        clock: clock.clone(),
        poison,
    };
    Rig { log, clock: clock.clone(), seen, setting }
}

impl Rig {
    fn worker(&self, left_out: &[u64]) -> Result<Worker<Sum>, WorkerError> {
        let mut worker = Worker::start(
            Sum::default(),
            self.setting.clone(),
            left_out.iter().map(|record| (*record, 0)).collect(),
        )?;
        worker.catch_up().map(|()| worker)
    }

    fn send(&self, payload: &str) {
        let frame = |at: Instant, batch: &mut Batch| {
            batch.push_with(|out| {
                out.extend_from_slice(
                    format!("{{\"received_at\":\"{at}\",\"payload\":\"{payload}\"}}").as_bytes(),
                )
            });
        };
        let pending = self.setting.intake.note(0, frame).unwrap();
        futures_wait(pending);
    }

    fn topic(&self, topic: &str) -> Vec<String> {
        let entries = self.log.read(&name(topic), 0, 0, 1 << 20, Duration::ZERO).unwrap();
        entries.iter().map(|entry| String::from_utf8_lossy(&entry.value).into_owned()).collect()
    }
}

fn futures_wait(pending: ingest_server::intake::Pending) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(pending.durable()).unwrap();
}

/// Turns until nothing is left to read.
fn drain(worker: &mut Worker<Sum>) {
    while worker.turn(Duration::ZERO).unwrap() != Turn::Idle {}
}

#[test]
fn outputs_come_once_however_often_it_starts() {
    let data = tempfile::tempdir().unwrap();
    let clock = Clock::manual(start());
    for round in 0..4u64 {
        let rig = rig(data.path(), &clock);
        let mut worker = rig.worker(&[]).unwrap();
        assert_eq!(worker.stage().sum, round * 3);
        rig.send("1");
        rig.send("2");
        drain(&mut worker);
        if round % 2 == 0 {
            worker.finish().unwrap();
        }
    }
    let log = rig(data.path(), &clock);
    assert_eq!(log.worker(&[]).unwrap().stage().sum, 12);
    let sums: Vec<u64> =
        log.topic("sums").iter().map(|sum| sum.split(':').nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(sums, [1, 3, 4, 6, 7, 9, 10, 12]);
    assert!(log.seen.0.lock().unwrap().iter().all(|(_, again)| *again == Again::Yes), "nothing was new");
}

#[test]
fn a_checkpoint_shortens_the_start() {
    let data = tempfile::tempdir().unwrap();
    let clock = Clock::manual(start());
    let stage = || Sum { keeps_state: true, ..Sum::default() };
    let first = rig(data.path(), &clock);
    let mut worker = Worker::start(stage(), first.setting.clone(), BTreeSet::new()).unwrap();
    worker.catch_up().unwrap();
    first.send("5");
    drain(&mut worker);
    worker.finish().unwrap();
    drop(first);

    let second = rig(data.path(), &clock);
    let worker = Worker::start(stage(), second.setting.clone(), BTreeSet::new()).unwrap();
    assert_eq!(worker.stage().sum, 5);
    assert_eq!(
        *second.seen.0.lock().unwrap(),
        [("restored".to_owned(), Again::Yes)],
        "no record was run again"
    );
}

#[test]
fn a_checkpoint_is_written_beside_the_work() {
    let data = tempfile::tempdir().unwrap();
    let clock = Clock::manual(start());
    let stage = || Sum { keeps_state: true, ..Sum::default() };
    let first = rig(data.path(), &clock);
    let checkpoint = || first.log.resume(&name("sum"), 0).unwrap().checkpoint.map(|(at, _)| at);
    let mut worker = Worker::start(stage(), first.setting.clone(), BTreeSet::new()).unwrap();
    worker.catch_up().unwrap();
    first.send("5");
    drain(&mut worker);
    clock.advance(Span::from_secs(31));
    let cut_at = worker.next();
    worker.turn(Duration::ZERO).unwrap();
    first.send("6");
    drain(&mut worker);
    let committed = worker.next();
    assert!(committed > cut_at);
    while checkpoint().is_none() {
        std::thread::yield_now();
        worker.turn(Duration::ZERO).unwrap();
    }
    // A tick may have been applied before it was cut.
    assert!((cut_at..committed).contains(&checkpoint().unwrap()), "it is as old as its cut");
    drop((worker, first));

    let second = rig(data.path(), &clock);
    let worker = Worker::start(stage(), second.setting.clone(), BTreeSet::new()).unwrap();
    assert_eq!((worker.stage().sum, worker.next()), (11, committed));
    let again = second.seen.0.lock().unwrap().iter().map(|(text, _)| text.clone()).collect::<Vec<_>>();
    assert_eq!(again.len(), 2, "restored, and one record again: {again:?}");
}

#[test]
fn time_goes_on_by_ticks() {
    let data = tempfile::tempdir().unwrap();
    let rig = rig(data.path(), &Clock::manual(start()));
    let mut worker = rig.worker(&[]).unwrap();
    drain(&mut worker);
    let ticks = |rig: &Rig| rig.topic("frames").iter().filter(|record| record.contains("tick")).count();
    assert_eq!(ticks(&rig), 1, "an empty partition learns the time");
    rig.send("1?");
    drain(&mut worker);
    rig.clock.advance(Span::from_secs(9));
    drain(&mut worker);
    assert_eq!(ticks(&rig), 1, "no timer is due");
    rig.clock.advance(Span::from_secs(1));
    drain(&mut worker);
    assert_eq!(ticks(&rig), 2);
    assert_eq!(worker.stage().deadline, None);
    rig.clock.advance(Span::from_secs(59));
    drain(&mut worker);
    assert_eq!(ticks(&rig), 2);
    rig.clock.advance(Span::from_secs(1));
    drain(&mut worker);
    assert_eq!(ticks(&rig), 3, "at least one a minute");
    rig.clock.advance(Span::from_secs(121));
    drain(&mut worker);
    assert!(rig.topic("frames").iter().any(|record| record.contains("outage")), "we stood, not the devices");
}

#[test]
fn a_record_that_fails_twice_is_left_out_and_what_follows_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let rig = rig(data.path(), &Clock::manual(start()));
    let mut worker = rig.worker(&[]).unwrap();
    drain(&mut worker);
    rig.send("1");
    rig.send("!");
    rig.send("2");
    let failed = worker.turn(Duration::ZERO).unwrap_err();
    let WorkerError::Failed { at, line } = failed else { panic!("{failed}") };
    assert_eq!(rig.worker(&[]).map(|_| ()).unwrap_err(), WorkerError::Failed { at, line }, "it fails again");
    let worker = rig.worker(&[at.offset]).unwrap();
    assert_eq!(worker.stage().sum, 3);
    worker.finish().unwrap();
    assert_eq!(rig.topic("sums").len(), 2);
    assert_eq!(rig.topic("dead-letters").len(), 1);
}
