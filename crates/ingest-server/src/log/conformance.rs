//! What every backend of [`Log`] must do, as functions that its tests call.
//!
//! ```
//! use ingest_server::log::{Embedded, Name, Options, conformance};
//! let folder = std::env::temp_dir().join(format!("parkline-conformance-{}", std::process::id()));
//! conformance::run(|topics: Vec<Name>| {
//!     Embedded::open(&folder, &Options { partitions: Some(2), ..Options::new("default", topics) })
//! });
//! # std::fs::remove_dir_all(&folder).ok();
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test support: a failure is meant to panic")]

use std::{thread, time::Duration};

use bytes::Bytes;

use super::{Batch, Checkpoint, Commit, Entry, Log, LogError, Name, Publication, Resume};

const MEBIBYTE: usize = 1 << 20;
const SOON: Duration = Duration::from_secs(10);

/// Runs every case. `open` opens the same log again each time, empty at first, with two partitions and the given
/// topics for appending; the log before is dropped first.
///
/// # Panics
/// Where the backend does otherwise than the seam promises.
pub fn run<L: Log>(open: impl Fn(Vec<Name>) -> Result<L, LogError>) {
    let open = || open(vec![name("frames"), name("reference")]).expect("the log opens");
    appends_are_numbered_and_read_back(&open());
    appends_survive_and_go_on(&open());
    many_threads_append_at_once(&open());
    readers_wait_for_what_comes(&open());
    commits_are_numbered_by_topic(&open());
    commits_survive_with_their_position(&open());
    the_newest_record_of_a_key_is_found(&open());
    checkpoints_belong_to_their_position(&open());
    checkpoints_survive(&open());
    what_is_not_declared_is_refused(&open());
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn values(entries: &[Entry]) -> Vec<(u64, String)> {
    entries.iter().map(|entry| (entry.offset, String::from_utf8_lossy(&entry.value).into_owned())).collect()
}

/// All records from a number on; one read may stop before the end.
fn read(log: &impl Log, topic: &str, partition: u32, mut from: u64) -> Vec<(u64, String)> {
    let mut all = Vec::new();
    loop {
        let more = log.read(&name(topic), partition, from, MEBIBYTE, Duration::ZERO).expect("readable");
        let Some(last) = more.last() else { return all };
        from = last.offset + 1;
        all.extend(values(&more));
    }
}

/// The first `count` records of a published topic, which may be seen a moment after their commit.
fn published(log: &impl Log, topic: &str, partition: u32, count: usize) -> Vec<(u64, String)> {
    let mut all: Vec<(u64, String)> = Vec::new();
    while all.len() < count {
        let from = all.last().map_or(0, |(offset, _)| offset + 1);
        let more = log.read(&name(topic), partition, from, MEBIBYTE, SOON).expect("readable");
        assert!(!more.is_empty(), "{topic} still has only {all:?}");
        all.extend(values(&more));
    }
    all
}

/// The texts of published records, whose numbers need only ascend.
fn texts(entries: &[(u64, String)]) -> Vec<&str> {
    assert!(entries.is_sorted_by(|one, next| one.0 < next.0), "numbers ascend: {entries:?}");
    entries.iter().map(|(_, value)| value.as_str()).collect()
}

fn owned(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
    expected.iter().map(|(offset, value)| (*offset, (*value).to_owned())).collect()
}

fn appends_are_numbered_and_read_back(log: &impl Log) {
    assert_eq!(log.partitions(), 2);
    assert_eq!(read(log, "frames", 0, 0), []);
    let mut batch = Batch::of(b"a");
    batch.push(b"b");
    assert_eq!(log.append(&name("frames"), 0, batch).wait(), Ok(1), "the number of the last");
    assert_eq!(log.append(&name("frames"), 0, Batch::of(b"c")).wait(), Ok(2));
    assert_eq!(log.append(&name("frames"), 1, Batch::of(b"other")).wait(), Ok(0));
    assert_eq!(read(log, "frames", 0, 0), owned(&[(0, "a"), (1, "b"), (2, "c")]));
    assert_eq!(read(log, "frames", 0, 2), owned(&[(2, "c")]));
    assert_eq!(read(log, "frames", 0, 3), []);
    assert_eq!(read(log, "frames", 1, 0), owned(&[(0, "other")]));
    assert_eq!(read(log, "reference", 0, 0), []);
    let one = log.read(&name("frames"), 0, 0, 1, Duration::ZERO).expect("readable");
    assert_eq!(values(&one), owned(&[(0, "a")]), "a limit still gives one record");
}

fn appends_survive_and_go_on(log: &impl Log) {
    assert_eq!(read(log, "frames", 0, 1), owned(&[(1, "b"), (2, "c")]));
    assert_eq!(log.append(&name("frames"), 0, Batch::of(b"d")).wait(), Ok(3));
}

fn many_threads_append_at_once(log: &impl Log) {
    let offsets: Vec<u64> = thread::scope(|scope| {
        let one = |thread: u64| {
            move || -> Vec<u64> {
                let append = |record: u64| {
                    log.append(&name("reference"), 1, Batch::of(format!("{thread}/{record}").as_bytes()))
                        .wait()
                        .expect("kept")
                };
                (0..25).map(append).collect()
            }
        };
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(one(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let mut sorted = offsets;
    sorted.sort_unstable();
    assert_eq!(sorted, (0..100).collect::<Vec<_>>(), "every append has its own number, none is left out");
    let kept = read(log, "reference", 1, 0);
    for thread in 0..4 {
        let own: Vec<&str> =
            kept.iter().map(|(_, v)| v.as_str()).filter(|v| v.starts_with(&format!("{thread}/"))).collect();
        assert_eq!(
            own,
            (0..25).map(|n| format!("{thread}/{n}")).collect::<Vec<_>>(),
            "a thread's own order stays"
        );
    }
}

fn readers_wait_for_what_comes(log: &impl Log) {
    thread::scope(|scope| {
        let waiting = scope.spawn(|| log.read(&name("frames"), 1, 1, MEBIBYTE, SOON).expect("readable"));
        log.append(&name("frames"), 1, Batch::of(b"late")).wait().expect("kept");
        assert_eq!(values(&waiting.join().expect("no panic")), owned(&[(1, "late")]));
    });
}

fn commit(next: u64, outputs: &[(&str, &str, &str)], state: Option<&'static [u8]>) -> Commit {
    let publication = |(topic, key, value): &(&str, &str, &str)| Publication {
        topic: name(topic),
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
    };
    let outputs = outputs.iter().map(publication).collect();
    let state = state.map(|state| Checkpoint { at: next, state: Bytes::from_static(state) });
    Commit { reader: name("pipeline"), next, outputs, state }
}

fn commits_are_numbered_by_topic(log: &impl Log) {
    assert_eq!(log.resume(&name("pipeline"), 0), Ok(Resume::default()));
    let first =
        commit(2, &[("sessions", "s1", "s1r1"), ("charges", "s1", "c1"), ("sessions", "s2", "s2r1")], None);
    assert_eq!(log.commit(0, first).wait(), Ok(2));
    assert_eq!(log.commit(0, commit(3, &[("sessions", "s1", "s1r2")], None)).wait(), Ok(3));
    let sessions = published(log, "sessions", 0, 3);
    assert_eq!(texts(&sessions), ["s1r1", "s2r1", "s1r2"]);
    assert_eq!(read(log, "sessions", 0, sessions[2].0), sessions[2..], "from a record's number on");
    assert_eq!(read(log, "sessions", 0, sessions[1].0 + 1), sessions[2..], "from between two records on");
    assert_eq!(texts(&published(log, "charges", 0, 1)), ["c1"]);
    assert_eq!(read(log, "sessions", 1, 0), [], "partitions are apart");
    assert_eq!(log.commit(0, commit(3, &[], None)).wait(), Ok(3), "a position alone can be committed");
}

fn commits_survive_with_their_position(log: &impl Log) {
    assert_eq!(log.resume(&name("pipeline"), 0), Ok(Resume { next: 3, checkpoint: None }));
    assert_eq!(log.resume(&name("another"), 0), Ok(Resume::default()), "readers are apart");
    assert_eq!(log.commit(0, commit(4, &[("sessions", "s3", "s3r1")], None)).wait(), Ok(4));
    assert_eq!(texts(&published(log, "sessions", 0, 4)), ["s1r1", "s2r1", "s1r2", "s3r1"]);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| log.read(&name("alerts"), 0, 0, MEBIBYTE, SOON).expect("readable"));
        log.commit(0, commit(4, &[("alerts", "a1", "low")], None)).wait().expect("kept");
        assert_eq!(texts(&values(&waiting.join().expect("no panic"))), ["low"]);
    });
}

fn the_newest_record_of_a_key_is_found(log: &impl Log) {
    let find = |topic: &str, partition, key: &str| {
        let found = log.find(&name(topic), partition, key.as_bytes()).expect("readable");
        found.map(|entry| (entry.offset, String::from_utf8_lossy(&entry.value).into_owned()))
    };
    let sessions = read(log, "sessions", 0, 0);
    assert_eq!(find("sessions", 0, "s1"), Some(sessions[2].clone()));
    assert_eq!(find("charges", 0, "s1").map(|(_, value)| value), Some("c1".to_owned()), "topics are apart");
    assert_eq!(find("sessions", 0, "s9"), None);
    assert_eq!(find("sessions", 1, "s1"), None);
}

fn checkpoints_belong_to_their_position(log: &impl Log) {
    assert_eq!(log.resume(&name("pipeline"), 1), Ok(Resume::default()));
    assert_eq!(log.commit(1, commit(1, &[], Some(b"state at 1"))).wait(), Ok(1));
    assert_eq!(log.commit(1, commit(2, &[], None)).wait(), Ok(2));
    let resume = Resume { next: 2, checkpoint: Some((1, Bytes::from_static(b"state at 1"))) };
    assert_eq!(log.resume(&name("pipeline"), 1), Ok(resume));
    // A state that was written down while the reader went on.
    let late = Checkpoint { at: 2, state: Bytes::from_static(b"state at 2") };
    assert_eq!(log.commit(1, Commit { state: Some(late), ..commit(4, &[], None) }).wait(), Ok(4));
    let resume = Resume { next: 4, checkpoint: Some((2, Bytes::from_static(b"state at 2"))) };
    assert_eq!(log.resume(&name("pipeline"), 1), Ok(resume));
    assert_eq!(log.commit(1, commit(5, &[], Some(b"state at 5"))).wait(), Ok(5));
}

fn checkpoints_survive(log: &impl Log) {
    let resume = Resume { next: 5, checkpoint: Some((5, Bytes::from_static(b"state at 5"))) };
    assert_eq!(log.resume(&name("pipeline"), 1), Ok(resume));
    assert_eq!(
        log.resume(&name("pipeline"), 0).map(|resume| resume.checkpoint),
        Ok(None),
        "partitions are apart"
    );
}

fn what_is_not_declared_is_refused(log: &impl Log) {
    assert!(log.append(&name("nothing"), 0, Batch::of(b"x")).wait().is_err());
    assert!(log.append(&name("frames"), 2, Batch::of(b"x")).wait().is_err());
    assert!(log.read(&name("frames"), 2, 0, 1, Duration::ZERO).is_err());
    assert_eq!(log.resume(&name("pipeline"), 0).map(|resume| resume.next), Ok(4));
    let published = commit(9, &[("frames", "k", "v")], None);
    assert!(log.commit(0, published).wait().is_err(), "a topic is appended to or published, not both");
    assert_eq!(
        log.resume(&name("pipeline"), 0).map(|resume| resume.next),
        Ok(4),
        "a refused commit moves nothing"
    );
}
