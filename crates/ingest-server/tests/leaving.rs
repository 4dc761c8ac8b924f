//! Sessions a year old are paid and corrected out of the store on disk, in flat memory. `SESSIONS=1000000` makes as many.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{fs, path::Path, time::Instant as Clock};

use ingest_server::{
    backup,
    left::DiskStore,
    log::{Embedded, Name, Options},
};
use parking_types::{Instant, Span};
use parkline::{
    pipeline::Pipeline,
    site::Site,
    stage::{Cut, Outcome, Output, Position, Record, Stage},
};
use session_core::Store;

const BERTHS: usize = 1_000;

fn site() -> Site {
    let berths: Vec<String> = (0..BERTHS).map(|n| format!(r#"{{"id":"b{n}","lot":"L"}}"#)).collect();
    let devices: Vec<String> = (0..BERTHS)
        .map(|n| format!(r#"{{"id":"m{n}","protocol":"bosch-tps110","berth":"b{n}","heartbeat":"400d"}}"#))
        .collect();
    let text = format!(
        r#"{{"format":1,
        "lots":[{{"id":"L","kind":"roadside","time_zone":"Asia/Shanghai","tariffs":["t"],"policy":{{"correctable":"400d"}}}}],
        "berths":[{}],"devices":[{}],
        "tariffs":[{{"format":1,"id":"t","currency":"CNY","time_zone":"Asia/Shanghai","caps":[{{"per":"day","amount":"9.00"}}],
            "rules":[{{"id":"all","charge":{{"steps":[{{"every":"30m","price":"1.00"}}]}}}}]}}]}}"#,
        berths.join(","),
        devices.join(",")
    );
    Site::parse(&[("site", text)]).unwrap()
}

/// A stage beside its store, with checkpoints as a worker makes them.
struct Town<'f> {
    folder: &'f Path,
    pipeline: Pipeline,
    now: Instant,
    offset: u64,
    outputs: Vec<Output>,
    /// The largest state that was saved since this was looked at.
    largest: usize,
    /// A state that was cut and is not written down yet, and what it must be.
    cut: Option<(Cut, Vec<u8>)>,
}

impl<'f> Town<'f> {
    fn new(folder: &'f Path) -> Self {
        let mut pipeline = Pipeline::new(site());
        pipeline.keep_in(Box::new(DiskStore::open(folder, 0)), false);
        let now = "2026-03-02T00:00:00Z".parse().unwrap();
        Self { folder, pipeline, now, offset: 0, outputs: Vec::new(), largest: 0, cut: None }
    }

    fn apply(&mut self, line: &str) -> Outcome {
        self.outputs.clear();
        let position = Position { partition: 0, offset: self.offset };
        self.offset += 1;
        let outcome = self.pipeline.apply(Record { position, value: line.as_bytes() }, &mut self.outputs);
        assert!(self.pipeline.is_sound());
        match self.offset % 5_000 {
            0 => self.cut = Some((self.pipeline.cut(), self.pipeline.save())),
            700 => self.end_checkpoint(),
            _ => {}
        }
        outcome
    }

    /// What was cut is written down, and durable.
    fn end_checkpoint(&mut self) {
        let Some((cut, saved)) = self.cut.take() else { return };
        let mut written = Vec::new();
        cut(&mut written);
        assert!(written == saved, "a cut is written as it was");
        self.pipeline.durable();
        // Another cut waits until the file has the changes of the store, which go with a state once.
        let mut rest = Vec::new();
        self.pipeline.cut()(&mut rest);
        self.largest = self.largest.max(rest.len());
    }

    /// A checkpoint as of now; one that was under way never becomes durable.
    fn checkpoint(&mut self) -> Vec<u8> {
        let saved = self.pipeline.save();
        self.cut = Some((self.pipeline.cut(), saved.clone()));
        self.end_checkpoint();
        saved
    }

    /// The process ends after a checkpoint, and another goes on.
    fn crash(&mut self, before_the_file_had_it: bool) {
        let state = if before_the_file_had_it { self.pipeline.save() } else { self.checkpoint() };
        self.cut = None;
        self.pipeline = Pipeline::new(site());
        self.pipeline.keep_in(Box::new(DiskStore::open(self.folder, 0)), false);
        assert!(self.pipeline.restore(&state));
    }

    fn frame(&mut self, berth: usize, number: u64, occupied: u8) {
        let line = format!(
            r#"{{"received_at":"{}","device":"m{berth}","port":1,"counter":{},"payload":"0{occupied}"}}"#,
            self.now,
            number % 65_536
        );
        assert_eq!(self.apply(&line), Outcome::Applied);
    }

    fn action(&mut self, id: &str, fields: &str) -> Outcome {
        let now = self.now;
        self.apply(&format!(
            r#"{{"received_at":"{now}","protocol":"manual","payload":{{"id":"{id}","at":"{now}","by":{{"kind":"user","id":"u"}},"reason":"r",{fields}}}}}"#
        ))
    }

    fn published(&self, topic: &str, text: &str) -> bool {
        let said = |output: &Output| String::from_utf8_lossy(&output.value).contains(text);
        self.outputs.iter().any(|output| output.topic == topic && said(output))
    }
}

/// Memory of this process, in MiB.
fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) / 256
}

#[test]
fn a_year_later() {
    let wanted = std::env::var("SESSIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_500);
    let folder = tempfile::tempdir().unwrap();
    let mut town = Town::new(folder.path());
    let begin = Clock::now();
    let report = |what: &str, town: &Town<'_>| {
        println!(
            "{what:>10}: {:>4} sessions and {} MiB in memory after {:?}",
            town.pipeline.sessions_in_memory(),
            resident(),
            begin.elapsed()
        );
    };
    let mut sessions: Vec<(String, Instant)> = Vec::with_capacity(wanted);
    let mut round = 0;
    while sessions.len() < wanted {
        for occupied in [1, 0] {
            town.now = town.now + Span::from_mins(15);
            for berth in 0..BERTHS {
                town.now = town.now + Span::from_millis(10);
                town.frame(berth, 2 * round + u64::from(occupied == 0), occupied);
                if occupied == 1 {
                    let session = town.outputs.iter().find(|output| output.topic == "sessions").unwrap();
                    sessions.push((session.key.clone(), town.now));
                    let (berth, car) = (format!("b{berth}"), sessions.len() % 20_000);
                    let fields = format!(r#""action":"plate","berth":"{berth}","plate":"粤B{car:05}""#);
                    let outcome = town.action(&format!("plate-{}", sessions.len()), &fields);
                    assert_eq!(outcome, Outcome::Applied);
                }
            }
        }
        round += 1;
    }
    report("parked", &town);
    town.now = town.now + Span::from_days(366);
    let tick = format!(r#"{{"received_at":"{}","tick":true}}"#, town.now);
    town.apply(&tick);
    town.crash(false);
    report("a year old", &town);
    let (flat, in_memory) = (town.largest, town.pipeline.sessions_in_memory());
    assert!(in_memory == 0 && sessions.len() >= wanted, "{in_memory}");
    town.largest = 0;
    for (nth, (session, _)) in sessions.iter().enumerate() {
        town.now = town.now + Span::from_millis(1);
        // One by its berth, where the oldest that owes is meant; all others by their id.
        let target =
            if nth == 7 { r#""berth":"b7""#.to_owned() } else { format!(r#""session":"{session}""#) };
        let fields =
            format!(r#""action":"payment",{target},"payment":"p{nth}","amount":"2.00","currency":"CNY""#);
        assert_eq!(town.action(&format!("pay-{nth}"), &fields), Outcome::Applied);
        assert!(town.published("charges", r#""order":"complete""#), "{session} {:?}", town.outputs);
        assert!(town.published("charges", session));
        if nth == wanted / 2 {
            assert_eq!(town.action(&format!("pay-{nth}"), &fields), Outcome::Duplicate);
            town.crash(true);
        }
    }
    report("paid", &town);
    for (nth, (session, entry)) in sessions.iter().enumerate() {
        town.now = town.now + Span::from_millis(1);
        let fields =
            format!(r#""action":"times","session":"{session}","exit":"{}""#, *entry + Span::from_mins(16));
        let fields = if nth % 2 == 0 { fields } else { format!(r#""action":"void","session":"{session}""#) };
        assert_eq!(town.action(&format!("c-{nth}"), &fields), Outcome::Applied);
        assert!(town.published("sessions", session) && town.published("charges", session));
    }
    report("corrected", &town);
    town.checkpoint();
    assert_eq!(town.pipeline.sessions_in_memory(), 0);
    // What is left of them in memory does not grow with them; the site's changes and the devices are all there is.
    assert!(town.largest < 2 * flat, "{} bytes were saved, {flat} before", town.largest);
}

/// A backup holds what has left memory, and what of it is damaged is left out: it is derived anew.
#[test]
fn a_backup_takes_what_has_left() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        Options { partitions: Some(1), ..Options::new("default", vec![Name::new("frames").unwrap()]) };
    let log = Embedded::open(folder.path(), &options).unwrap();
    let tenant = log.folder().to_owned();
    let mut store = DiskStore::open(&tenant.join("left"), 0);
    store.put(b"a".to_vec(), b"1".to_vec());
    store.settle();
    let state = store.changes();
    let kept = folder.path().join("kept");
    // While the server has the file.
    backup::backup(&tenant, &kept).unwrap();
    let back = folder.path().join("back");
    backup::restore(&kept, &back).unwrap();
    let mut restored = DiskStore::open(&back.join("left"), 0);
    assert!(restored.resume(&state));
    assert_eq!(restored.get(b"a").as_deref(), Some(&b"1"[..]));
    let file = kept.join("left/00000.redb");
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    let again = folder.path().join("again");
    backup::restore(&kept, &again).unwrap();
    let mut restored = DiskStore::open(&again.join("left"), 0);
    assert!(!restored.resume(&state) && restored.is_sound());
}
