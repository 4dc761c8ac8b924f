//! What the server does where a part of it is too slow, the disk is full, or a record cannot be worked in.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant as Moment},
};

use device_codec::native::{AckStatus, BayState, Frame, Head, Message, Occupancy, Split};
use ingest_server::{
    clock::Clock,
    directory::Directory,
    host::{FRAMES, Host, HostOptions},
    intake::Refusal,
    listener::{self, Limits, Sockets, guard::Guard, rate::Pace},
    log::{Batch, Embedded, Fault, Log, Name, Options, Ownership, Torn},
    record::FrameRecord,
    secrets::Secrets,
};
use parking_types::Instant;
use parkline::stage::{Outcome, Output, Record, Stage};
use serde_json::json;
use tokio::sync::watch;

/// Until when something that happens soon must have happened.
const DEADLINE: Duration = Duration::from_secs(60);
/// Bytes that may be under way.
const BUDGET: u32 = 64 << 10;

/// Stops every stage that goes through it while it is shut.
#[derive(Default)]
struct Gate {
    shut: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn set(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.opened.notify_all();
    }

    fn pass(&self) {
        drop(self.opened.wait_while(self.shut.lock().unwrap(), |shut| *shut).unwrap());
    }
}

/// Publishes the payload of each frame; fails on a payload of `ff`.
struct Echo(Arc<Gate>);

impl Stage for Echo {
    fn version(&self) -> u32 {
        1
    }

    fn apply(&mut self, record: Record<'_>, outputs: &mut Vec<Output>) -> Outcome {
        self.0.pass();
        let line: serde_json::Value = serde_json::from_slice(record.value).unwrap();
        let Some(payload) = line["payload"].as_str() else { return Outcome::NotAFrame };
        assert!(payload != "ff", "a record that the stage cannot stand");
        outputs.push(Output { topic: "echoes", key: String::new(), value: payload.as_bytes().to_vec() });
        Outcome::Applied
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }

    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&mut self, _: &[u8]) -> bool {
        true
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn poison(_: &[u8]) -> Output {
    Output { topic: "dead-letters", key: String::new(), value: b"poison".to_vec() }
}

/// A disk that has no room while the switch is on.
fn disk(full: &Arc<AtomicBool>) -> Fault {
    let full = full.clone();
    Arc::new(move |write| match write {
        Some(_) if full.load(Ordering::SeqCst) => {
            Err(Torn { after: 5, kind: std::io::ErrorKind::StorageFull })
        }
        _ => Ok(()),
    })
}

fn host(data: &Path, gate: &Arc<Gate>, fault: Option<Fault>) -> Host {
    let options = Options { partitions: Some(1), fault, ..Options::new("default", vec![name(FRAMES)]) };
    let log = Arc::new(Embedded::open(data, &options).unwrap());
    let options = HostOptions { reader: name("echo"), budget_bytes: BUDGET, follows: false, poison };
    let gate = gate.clone();
    let make = move |_| Echo(gate.clone());
    let host = Host::start(log, Arc::new(Ownership::all(1)), Clock::system(), &options, make).unwrap();
    until("it is restored", || host.intake.ready().is_ok());
    host
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let since = Moment::now();
    while !holds() {
        assert!(since.elapsed() < DEADLINE, "not within a minute: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

fn topic(host: &Host, topic: &str) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let more = host.log.read(&name(topic), 0, found.len() as u64, 1 << 20, Duration::ZERO).unwrap();
        if more.is_empty() {
            return found;
        }
        found.extend(more.iter().map(|entry| String::from_utf8_lossy(&entry.value).into_owned()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_stage_stops_the_sockets_and_nothing_is_acknowledged_early() {
    let (data, gate) = (tempfile::tempdir().unwrap(), Arc::new(Gate::default()));
    let host = host(data.path(), &gate, None);
    let site = json!({"lots": [{"id": "L", "kind": "roadside", "time_zone": "Asia/Shanghai"}],
        "berths": [{"id": "L-1", "lot": "L"}],
        "devices": [{"id": "d", "serial": "0000000000000001", "protocol": "parkline", "berth": "L-1"}]});
    let directory = Arc::new(Directory::new(site.as_object().unwrap(), 1));
    // One device that sends all it can: its own pace is not what is to stop it.
    let limits = Limits { device: Pace::UNLIMITED, ..Limits::default() };
    let options = listener::Options { limits, ..listener::Options::default() };
    let secrets = Secrets::open(options.secrets.clone(), &directory).unwrap();
    let guard = Arc::new(Guard::new(directory, secrets, true, options.limits));
    let sockets = Sockets::bind(Some("127.0.0.1:0".parse().unwrap()), &[]).await.unwrap();
    let address = sockets.tcp().unwrap();
    let (stop, stopped) = watch::channel(false);
    let tasks = sockets.serve(&host, &guard, &options, None, (None, None), &stopped);

    gate.set(true);
    let device = tokio::task::spawn_blocking(move || {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut sent = Sent::default();
        // The listener and both ends' buffers of the system take what they take; then nothing goes in any more.
        while sent.more(&mut socket) {
            assert!(sent.bytes < 256 << 20, "the socket is still read");
        }
        (socket, sent)
    });
    let (mut socket, mut sent) = device.await.unwrap();
    let (waiting, most) = host.intake.waiting_bytes();
    assert!(waiting > 0 && waiting <= most && most == u64::from(BUDGET), "{waiting} of {most}");
    let taken = host.intake.durable_to(0);
    assert!(taken > 0 && taken < 4 * u64::from(BUDGET) / 64, "{taken} frames were let in");
    assert_eq!(host.desk.applied_to(0).max(1), 1, "the stage stands");

    gate.set(false);
    let answered = tokio::task::spawn_blocking(move || {
        socket.set_write_timeout(None).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        sent.rest(&mut socket);
        acknowledged(&mut socket, sent.seq);
        sent.seq
    });
    let all = answered.await.unwrap();
    until("everything is applied", || host.intake.waiting_bytes().0 == 0);
    until("everything is committed", || topic(&host, "echoes").len() as u64 >= u64::from(all));
    assert_eq!(topic(&host, "echoes").len() as u64, u64::from(all));
    stop.send_replace(true);
    for task in tasks {
        task.await.unwrap();
    }
    tokio::task::spawn_blocking(move || host.stop()).await.unwrap();
}

/// What a device has sent.
#[derive(Default)]
struct Sent {
    seq: u32,
    bytes: usize,
    /// What of the last burst did not go out.
    left: Vec<u8>,
}

impl Sent {
    /// Sends a burst; `false` when it does not go out.
    fn more(&mut self, socket: &mut TcpStream) -> bool {
        for _ in 0..512 {
            self.seq += 1;
            let head = Head { device_id: 1, boot_id: 1, seq: self.seq, ..Head::default() };
            let state = if self.seq.is_multiple_of(2) { Occupancy::VACANT } else { Occupancy::OCCUPIED };
            let report = Message::BayState(BayState { state, ..BayState::default() });
            self.left.extend_from_slice(&report.encode(&head, None));
        }
        while !self.left.is_empty() {
            match socket.write(&self.left) {
                Ok(len) => {
                    self.bytes += len;
                    self.left.drain(..len);
                }
                Err(_) => return false,
            }
        }
        true
    }

    fn rest(&mut self, socket: &mut TcpStream) {
        socket.write_all(&self.left).unwrap();
        self.left.clear();
    }
}

/// Reads until everything up to `last` is acknowledged as stored.
fn acknowledged(socket: &mut TcpStream, last: u32) {
    let (mut received, mut up_to) = (Vec::new(), 0);
    while up_to < last {
        let mut buffer = [0; 65_536];
        let len = socket.read(&mut buffer).unwrap();
        assert!(len > 0, "closed after {up_to} of {last}");
        received.extend_from_slice(&buffer[..len]);
        while let Split::Complete(frame) = Frame::split(&received) {
            if let Ok(Some(Message::Ack(ack))) = frame.message() {
                assert_eq!(ack.status, AckStatus::STORED);
                up_to = ack.up_to;
            }
            let len = frame.len();
            received.drain(..len);
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_what_was_decided_is_committed_once_when_there_is_room() {
    let (data, gate) = (tempfile::tempdir().unwrap(), Arc::new(Gate::default()));
    let full = Arc::new(AtomicBool::new(false));
    let host = host(data.path(), &gate, Some(disk(&full)));
    let take = async |payload: &[u8]| {
        let pending = host.intake.take(0, 64, frame_of(payload)).await.unwrap();
        pending.durable().await
    };
    take(&[1]).await.unwrap();
    until("the first is committed", || topic(&host, "echoes").len() == 1);

    // These are durable before the disk is full, and are decided after.
    gate.set(true);
    take(&[2]).await.unwrap();
    take(&[3]).await.unwrap();
    full.store(true, Ordering::SeqCst);
    gate.set(false);
    until("the commit fails", || host.intake.is_full(0));
    assert_eq!(host.intake.ready(), Err(Refusal::Full));
    assert!(take(&[4]).await.is_err(), "what cannot be stored is not acknowledged");
    assert!(take(&[5]).await.is_err());
    assert_eq!(host.health.failure(), None, "nothing has failed for good");

    full.store(false, Ordering::SeqCst);
    until("it recovers by itself", || host.intake.ready().is_ok());
    take(&[6]).await.unwrap();
    until("all that is stored is committed", || topic(&host, "echoes").len() == 4);
    assert_eq!(topic(&host, "echoes"), ["01", "02", "03", "06"], "once, in order");
    tokio::task::spawn_blocking(move || host.stop()).await.unwrap();
    let log = Embedded::open(data.path(), &Options::new("default", vec![name(FRAMES)])).unwrap();
    assert!(log.torn().is_empty());
    let frames = log.read(&name(FRAMES), 0, 0, 1 << 20, Duration::ZERO).unwrap();
    assert_eq!(log.resume(&name("echo"), 0).unwrap().next, frames.len() as u64, "the position follows");
}

#[tokio::test]
async fn a_record_that_fails_twice_becomes_a_dead_letter_and_the_rest_goes_on() {
    let (data, gate) = (tempfile::tempdir().unwrap(), Arc::new(Gate::default()));
    let host = host(data.path(), &gate, None);
    for payload in [&[1u8][..], &[0xff], &[2]] {
        let pending = host.intake.take(0, 64, frame_of(payload)).await.unwrap();
        pending.durable().await.unwrap();
    }
    until("the last is committed", || topic(&host, "echoes").len() == 2);
    assert_eq!(
        (topic(&host, "echoes").concat(), topic(&host, "dead-letters").concat()),
        ("0102".into(), "poison".into())
    );
    assert_eq!((host.intake.ready(), host.health.failure()), (Ok(()), None));
    tokio::task::spawn_blocking(move || host.stop()).await.unwrap();
    // The record is still there after a start, and is met again only where no checkpoint lies behind it.
    let again = self::host(data.path(), &gate, None);
    assert_eq!(topic(&again, "dead-letters").len(), 1, "it died once");
    tokio::task::spawn_blocking(move || again.stop()).await.unwrap();
}

fn frame_of(payload: &[u8]) -> impl FnOnce(Instant, &mut Batch) {
    move |at, batch| {
        let record = FrameRecord { protocol: "parkline", payload, ..FrameRecord::default() };
        batch.push_with(|out| record.encode(at, out));
    }
}
