//! Several processes behind a balancer, on a real Apache Kafka: a camera's post, a person's action and a question may
//! come to any of them, and a device's command finds the one that it is connected to. `PARKLINE_KAFKA` has the brokers'
//! addresses; without it nothing is tested.
#![cfg(feature = "kafka")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use common::{Device, Server, push, site, write_site};
use device_codec::native::Message;
use ingest_server::{
    clock::Clock,
    desk::Desk,
    intake::Intake,
    log::{
        Batch, Commit, Entry, Kafka, KafkaOptions, Log, LogError, Name, Ownership, Resume, Ticket,
        TicketSender,
    },
    questions::Questions,
    relay::Relay,
    worker::{Setting, Worker},
};
use parkline::{pipeline::Pipeline, site::Site, stage::Output};
use serde_json::{Value, json};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn address(test: &str) -> Option<String> {
    let brokers = std::env::var("PARKLINE_KAFKA").ok()?;
    Some(format!("kafka://{brokers}/{test}-{}", std::process::id()))
}

fn serve(folder: &Path, address: &str, partitions: u32, role: &str) -> Server {
    let partitions = partitions.to_string();
    let more = ["--log", address, "--single-copy", "--role", role, "--partitions", &partitions];
    Server::start_with(folder, &more)
}

/// A log whose owner never gets to its commits.
struct Uncommitted {
    log: Arc<Kafka>,
    waiting: Mutex<Vec<TicketSender>>,
    commits: AtomicU64,
    killed: AtomicBool,
}

impl Log for Uncommitted {
    fn partitions(&self) -> u32 {
        self.log.partitions()
    }
    fn append(&self, topic: &Name, partition: u32, batch: Batch) -> Ticket {
        self.log.append(topic, partition, batch)
    }
    fn commit(&self, _: u32, _: Commit) -> Ticket {
        self.commits.fetch_add(1, Ordering::SeqCst);
        let (sender, ticket) = Ticket::pair();
        let mut waiting = self.waiting.lock().unwrap();
        if !self.killed.load(Ordering::SeqCst) {
            waiting.push(sender);
        }
        ticket
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

/// An owner of the only partition that steps and tells, and dies before its first commit.
fn owner(address: &str, site: &Value) -> (thread::JoinHandle<u64>, Arc<Uncommitted>) {
    let mut options = KafkaOptions::at(address).unwrap();
    options.single_copy = true;
    let kafka = Arc::new(Kafka::open(options).unwrap());
    let (waiting, commits, killed) = (Mutex::default(), AtomicU64::new(0), AtomicBool::new(false));
    let log = Arc::new(Uncommitted { log: kafka, waiting, commits, killed });
    let clock = Clock::system();
    let desk = Arc::new(Desk::new(1, clock.clone()));
    let ownership = Arc::new(Ownership::all(1));
    let relay = Relay::new(desk, log.clone(), clock.clone(), ownership, false).unwrap();
    let setting = Setting {
        log: log.clone(),
        source: name("frames"),
        reader: name("pipeline"),
        partition: 0,
        intake: Arc::new(Intake::new(log.clone(), name("frames"), clock.clone(), 1 << 20)),
        observer: Arc::new(relay),
        questions: Arc::new(Questions::new(1)),
        pen: Arc::new(tokio::sync::Semaphore::new(1)),
        clock,
        poison: |_| Output { topic: "dead-letters", key: String::new(), value: Vec::new() },
    };
    let pipeline = Pipeline::new(Site::parse(&[("site", site.to_string().as_bytes())]).unwrap());
    let taken = log.clone();
    // The partition is taken before this returns.
    let mut worker = Worker::start(pipeline, setting, BTreeSet::new()).unwrap();
    let owner = thread::spawn(move || {
        // It waits for its commit until it is killed.
        while !log.killed.load(Ordering::SeqCst) {
            if worker.turn(Duration::from_millis(20)).is_err() {
                break;
            }
        }
        worker.next()
    });
    (owner, taken)
}

#[test]
fn a_resend_elsewhere_gets_the_first_answer_though_its_owner_died_before_the_commit() {
    let Some(address) = address("resend") else { return };
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path(), &site());
    let one = serve(folder.path(), &address, 1, "listener");
    let other = serve(folder.path(), &address, 1, "listener");
    let (owner, log) = owner(&address, &site());
    let entry = push("aaaaaaaa-11111111", 41, "粤B7K35Q");
    let (status, first) = one.push("/vz/c-in", &[], &entry);
    assert_eq!((status, first.contains(r#""info":"ok""#)), (200, true), "opened: {first}");
    // The reply is lost on its way; the owner dies between its answer and its commit.
    log.killed.store(true, Ordering::SeqCst);
    log.waiting.lock().unwrap().clear();
    owner.join().unwrap();
    assert!(log.commits.load(Ordering::SeqCst) > 0, "it had something to commit");
    assert!(other.feed("sessions").is_empty(), "and nothing of it is committed");
    let successor = serve(folder.path(), &address, 1, "worker");
    let (status, second) = other.push("/vz/c-in", &[], &entry);
    assert_eq!((status, &second), (200, &first), "the same answer from another process");
    let sessions = successor.feed_until("sessions", |line| line["record"]["state"] == "open");
    let ids: BTreeSet<&str> =
        sessions.iter().map(|line| line["record"]["session"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 1, "{sessions:?}");
    let commands: BTreeSet<String> = other
        .feed_until("commands", |line| line["record"]["action"] == "open")
        .iter()
        .map(|line| line["record"]["command"].to_string())
        .collect();
    assert_eq!(commands.len(), 1, "one command, whoever made it: {commands:?}");
}

/// The site with a gate controller of ours at the entry, and detectors in lots of all partitions.
fn with_gate() -> Value {
    let mut site = site();
    let gate = json!({"id": "gate-1", "serial": "0000000000002002", "protocol": "parkline", "lane": "G1-in"});
    site["devices"].as_array_mut().unwrap().push(gate);
    site["lanes"][0]["gate"] = json!("gate-1");
    site
}

#[test]
fn whatever_comes_to_whichever_process_is_decided_answered_and_delivered() {
    let Some(address) = address("any") else { return };
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path(), &with_gate());
    let servers = ["all", "all", "listener"].map(|role| serve(folder.path(), &address, 4, role));
    // The gate is connected to one of them; cameras post to each in turn.
    let mut gates: Vec<Device> =
        servers.iter().map(|server| Device::connect(server.tcp, 1).unwrap()).collect();
    for (number, server) in (0u32..).zip(&servers) {
        let gate = &mut gates[number as usize];
        (gate.device_id, gate.boot_id) = (0x2002, number + 1);
        let hello = gate.report(false);
        gate.send(&hello).unwrap();
        gate.ack().unwrap();
        let plate = format!("粤B7K3{number}Q");
        let post_to = &servers[(number as usize + 1) % servers.len()];
        assert_eq!(post_to.push("/vz/c-in", &[], &push("aaaaaaaa-11111111", 50 + number, &plate)).0, 200);
        let told = loop {
            if let Message::Command(command) = gate.receive().unwrap() {
                break command.action.as_str().to_owned();
            }
        };
        assert_eq!(told, "open", "the gate that is connected to process {number} is told");
        let listed = server.until(&format!("/v1/sessions?plate={}", escaped(&plate)), |found| {
            found["sessions"].as_array().is_some_and(|sessions| sessions.len() == 1)
        });
        let id = listed["sessions"][0]["session"].as_str().unwrap().to_owned();
        for asked in &servers {
            let found = asked.until(&format!("/v1/sessions/{id}"), |session| session["state"] == "open");
            assert_eq!(found["plate"], plate.as_str());
            asked.until(&format!("/v1/sessions?plate={}", escaped(&plate)), |found| {
                found["sessions"][0]["session"] == id.as_str()
            });
        }
        // What people do is decided, and refused, through any process.
        let by = json!({"kind": "partner", "id": "pay"});
        let pay = json!({"id": format!("p-{number}"), "action": "payment", "by": by, "session": id,
            "payment": format!("p-{number}"), "amount": "1.00", "currency": "CNY", "method": "wechat"});
        let (status, answer) = server.post("/v1/actions", pay.to_string().as_bytes());
        assert_eq!((status, answer.contains("applied")), (200, true), "{answer}");
        let nothing = json!({"id": format!("q-{number}"), "action": "void", "by": by, "berth": "L1-001"});
        let (status, answer) = server.post("/v1/actions", nothing.to_string().as_bytes());
        assert_eq!((status, answer.contains("no_target")), (422, true), "{answer}");
    }
    for server in &servers {
        server.until("/readyz", |ready| ready["ready"] == true && ready["unread"] == 0);
    }
}

#[test]
fn each_role_does_its_part() {
    let Some(address) = address("roles") else { return };
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path(), &site());
    let worker = serve(folder.path(), &address, 2, "worker");
    let listener = serve(folder.path(), &address, 2, "listener");
    let api = serve(folder.path(), &address, 2, "api");
    assert!(worker.tcp.port() == 0 && api.tcp.port() == 0 && listener.tcp.port() != 0);
    let mut device = Device::connect(listener.tcp, 1).unwrap();
    let frames = [device.report(true), device.report(false)].concat();
    device.send(&frames).unwrap();
    device.ack().unwrap();
    let closed = |found: &Value| found["sessions"][0]["state"] == "closed";
    let listed = api.until("/v1/sessions?berth=L1-001", closed);
    listener.until("/v1/sessions?berth=L1-001", closed);
    let id = listed["sessions"][0]["session"].as_str().unwrap();
    for server in [&worker, &listener, &api] {
        server.until(&format!("/v1/charges/{id}"), |charge| charge["session"] == id);
    }
    assert_eq!(worker.get("/v1/sessions").0, 503, "a worker lists nothing");
    let standing = api.until("/readyz", |ready| ready["ready"] == true);
    assert_eq!((standing["ours"].as_u64(), standing["unread"].as_u64()), (Some(0), Some(0)));
    assert_eq!(worker.metric("parkline_unread_partitions"), 2);
    // The sessions of a process that is gone are listed still.
    assert!(worker.terminate().success());
    assert!(closed(&api.until("/v1/sessions?berth=L1-001", closed)));
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
