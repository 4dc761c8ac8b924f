//! Servers on a real Apache Kafka under load while servers are killed, servers stand past their session's end, and
//! brokers are killed: every partition's outputs are, byte for byte and in order, what the pure pipeline makes of its
//! frames. `scripts/kafka_crash.sh` runs it for longer. `PARKLINE_KAFKA` has the brokers' addresses; without it nothing
//! is tested. What this comparison finds is the business of `kafka_faults.rs`.
#![cfg(feature = "kafka")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use common::{
    DEADLINE, Device, Server,
    exact::{DEVICE, LOTS, PARTITIONS, address, frame, lines, open, setting, site_of_lots, verified, whole},
    write_site,
};
use ingest_server::log::Entry;
use serde_json::Value;

/// Where servers take native frames now.
type Addresses = Arc<Mutex<Vec<SocketAddr>>>;

/// The names of the servers.
const NAMES: [&str; 3] = ["a", "b", "c"];
/// How long a device waits for an acknowledgement before it connects elsewhere.
const PATIENCE: Duration = Duration::from_secs(5);
/// For how long a server stands: its session ends after ten seconds.
const STANDS: Duration = Duration::from_secs(13);
/// How long a fault waits for the load that it is to hit.
const LOAD: Duration = Duration::from_secs(3);

/// What is done to the cluster, and how far it is.
struct Plan {
    kills: u64,
    pauses: u64,
    bounces: u64,
    /// What each device reports, and how many frames at once.
    reports: u32,
    burst: usize,
    done: AtomicU64,
    acknowledged: AtomicU64,
}

impl Plan {
    fn faults(&self) -> u64 {
        self.kills + self.pauses + self.bounces
    }

    /// How many frames a device may have sent by now, so that there is load until the last fault.
    fn allowed(&self) -> usize {
        let share = (self.done.load(Ordering::SeqCst) + 1) * u64::from(self.reports);
        usize::try_from(share / self.faults().max(1)).unwrap_or(usize::MAX).max(self.burst)
    }

    /// Until a fault hits frames that are under way, or the load has stopped.
    fn wait_for_load(&self, state: &mut u64) {
        let (since, from) = (Instant::now(), self.acknowledged.load(Ordering::SeqCst));
        let wanted = random(state) % (2 * self.burst as u64) + 1;
        while self.acknowledged.load(Ordering::SeqCst) < from + wanted && since.elapsed() < LOAD {
            thread::park_timeout(Duration::from_millis(1));
        }
        // The moment of the crash is the point of the test, not something that is waited for.
        thread::park_timeout(Duration::from_millis(random(state) % 30));
    }
}

/// Reports changes of a berth to whichever server answers, and sends again what was not acknowledged.
fn report(addresses: &Addresses, number: u64, plan: &Plan) {
    let frames: Vec<Vec<u8>> = (1..=plan.reports).map(|seq| frame(DEVICE + number, seq)).collect();
    let (mut done, mut turn, mut moved) = (0, number as usize, Instant::now());
    while done < frames.len() {
        assert!(
            moved.elapsed() < DEADLINE * 5,
            "device {number}: only {done} of {} acknowledged",
            plan.reports
        );
        turn += 1;
        let at = {
            let addresses = addresses.lock().unwrap();
            addresses[turn % addresses.len()]
        };
        let Ok(mut device) = Device::connect(at, 1) else {
            thread::park_timeout(Duration::from_millis(20));
            continue;
        };
        device.patience(PATIENCE).unwrap();
        while done < frames.len() {
            while done >= plan.allowed() {
                moved = Instant::now();
                thread::park_timeout(Duration::from_millis(2));
            }
            let burst = &frames[done..frames.len().min(done + plan.burst)];
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
            moved = Instant::now();
            plan.acknowledged.fetch_add(burst.len() as u64, Ordering::SeqCst);
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

/// A server under its name; started again where brokers that are down kept it from starting.
fn serve(folder: &Path, address: &str, instance: &str) -> Server {
    let partitions = PARTITIONS.to_string();
    let more = ["--log", address, "--single-copy", "--instance", instance, "--partitions", &partitions];
    for _ in 0..20 {
        if let Some(server) = Server::try_start_with(folder, &more) {
            return server;
        }
    }
    panic!("it does not start: {}", std::fs::read_to_string(folder.join("stderr")).unwrap())
}

/// Kills a broker at once and starts it again on its data.
fn bounce(brokers: u64, state: &mut u64) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/kafka.sh");
    let broker = (random(state) % brokers + 1).to_string();
    let run = |verb: &str| Command::new(script).args([verb, &broker]).status().unwrap().success();
    assert!(run("kill"));
    thread::park_timeout(Duration::from_millis(random(state) % 2000));
    assert!(run("start"), "broker {broker} does not start again");
}

#[test]
fn killed_workers_lose_nothing_and_charge_nothing_twice() {
    let Some(address) = address("crash") else { return };
    let plan = Arc::new(Plan {
        kills: setting("PARKLINE_KAFKA_KILLS", 4),
        pauses: setting("PARKLINE_KAFKA_PAUSES", 0),
        bounces: setting("PARKLINE_KAFKA_BOUNCES", 0),
        reports: setting("PARKLINE_KAFKA_REPORTS", 400) as u32,
        burst: setting("PARKLINE_KAFKA_BURST", 40) as usize,
        done: AtomicU64::new(0),
        acknowledged: AtomicU64::new(0),
    });
    let seed = setting("PARKLINE_CRASH_SEED", 0x9e37_79b9_7f4a_7c15);
    let brokers = address.matches(':').count() as u64 - 1;
    let folder = tempfile::tempdir().unwrap();
    let site = site_of_lots();
    write_site(folder.path(), &site);
    let mut servers: Vec<Server> = NAMES.iter().map(|name| serve(folder.path(), &address, name)).collect();
    let copies = if brokers >= 3 { 2 } else { 1 };
    assert_eq!(open(&address).copies(), copies, "on {brokers} brokers");
    let since = Instant::now();
    let addresses: Addresses = Arc::new(Mutex::new(servers.iter().map(|server| server.tcp).collect()));
    let devices: Vec<_> = (1..=LOTS)
        .map(|number| {
            let (addresses, plan) = (addresses.clone(), plan.clone());
            thread::spawn(move || report(&addresses, number, &plan))
        })
        .collect();
    let bouncing = {
        let (plan, mut state) = (plan.clone(), seed ^ 0x5555);
        thread::spawn(move || {
            for _ in 0..plan.bounces {
                plan.wait_for_load(&mut state);
                bounce(brokers, &mut state);
                plan.done.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    let mut state = seed;
    for fault in 0..plan.kills + plan.pauses {
        plan.wait_for_load(&mut state);
        let which = (random(&mut state) % NAMES.len() as u64) as usize;
        // The pauses are spread over the kills.
        if (fault + 1) * plan.pauses / (plan.kills + plan.pauses)
            > fault * plan.pauses / (plan.kills + plan.pauses)
        {
            servers[which].signal("-STOP");
            thread::park_timeout(STANDS);
            servers[which].signal("-CONT");
        } else {
            servers.remove(which).kill();
            let again = serve(folder.path(), &address, NAMES[which]);
            addresses.lock().unwrap()[which] = again.tcp;
            servers.insert(which, again);
        }
        plan.done.fetch_add(1, Ordering::SeqCst);
    }
    bouncing.join().unwrap();
    devices.into_iter().for_each(|device| device.join().unwrap());
    // Everybody's share is worked in, then everything durable is committed on the way out.
    all_caught_up(&servers, folder.path());
    servers.into_iter().for_each(|server| assert!(server.terminate().success()));

    let log = open(&address);
    let frames: Vec<Entry> = (0..PARTITIONS).flat_map(|partition| whole(&log, "frames", partition)).collect();
    let stored: BTreeSet<(u64, u32)> =
        frames.iter().flat_map(|entry| lines(&entry.value).filter_map(numbers).collect::<Vec<_>>()).collect();
    let expected = (1..=LOTS).flat_map(|number| (1..=plan.reports).map(move |seq| (DEVICE + number, seq)));
    let lost: Vec<_> = expected.filter(|frame| !stored.contains(frame)).collect();
    assert!(lost.is_empty(), "seed {seed}: acknowledged and not there: {lost:?}");
    let charges = verified(&log, &site).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    assert!(charges > 0);
    let said = std::fs::read_to_string(folder.path().join("stderr")).unwrap();
    let times = |what: &str| said.lines().filter(|line| line.contains(what)).count();
    println!(
        "{} kills, {} pauses, {} broker kills in {} s; {} frames acknowledged, {} frame records in {} records of the \
         log; {charges} charge records exactly once; about {} frames a transaction; {} workers began anew, {} of them \
         fenced",
        plan.kills,
        plan.pauses,
        plan.bounces,
        since.elapsed().as_secs(),
        plan.acknowledged.load(Ordering::SeqCst),
        frames.iter().map(|entry| lines(&entry.value).count()).sum::<usize>(),
        frames.len(),
        frames_a_transaction(&log, stored.len()),
        times("its worker starts again"),
        times("fenced") + times("Fenced"),
    );
}

/// Each transaction takes a number in every partition that it writes to: those that no session record has.
fn frames_a_transaction(log: &ingest_server::log::Kafka, frames: usize) -> usize {
    let ends = (0..PARTITIONS).map(|partition| {
        let sessions = whole(log, "sessions", partition);
        sessions.last().map_or(0, |last| last.offset as usize + 2 - sessions.len())
    });
    frames / ends.sum::<usize>().max(1)
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
        assert!(since.elapsed() < DEADLINE * 4, "ours and caught up: {standings:?}; they said {}", said());
        thread::yield_now();
    }
}

/// Device and number of a native frame record, at their places in the header.
fn numbers(line: &[u8]) -> Option<(u64, u32)> {
    let record: Value = serde_json::from_slice(line).ok()?;
    let device = record["device"].as_str()?.strip_prefix("d-")?.parse::<u64>().ok()?;
    let payload = record["payload"].as_str()?;
    let bytes: Vec<u8> =
        (36..40).map(|byte| u8::from_str_radix(&payload[byte * 2..byte * 2 + 2], 16).unwrap()).collect();
    Some((DEVICE + device, u32::from_le_bytes(bytes.try_into().ok()?)))
}
