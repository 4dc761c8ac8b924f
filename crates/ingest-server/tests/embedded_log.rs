//! The embedded log against the conformance suite, torn files, damage and failing disks.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use ingest_server::log::{
    Batch, Checkpoint, Commit, Embedded, Fault, Log, LogError, Name, Options, Publication, Torn, conformance,
};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn options(segment_bytes: u64) -> Options {
    let options = Options::new("default", vec![name("frames"), name("reference")]);
    Options { partitions: Some(2), segment_bytes, ..options }
}

fn append(log: &Embedded, record: &str) -> Result<u64, LogError> {
    log.append(&name("frames"), 0, Batch::of(record.as_bytes())).wait()
}

fn frames(log: &Embedded) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let more = log.read(&name("frames"), 0, found.len() as u64, 1 << 16, Duration::ZERO).unwrap();
        if more.is_empty() {
            return found;
        }
        found.extend(more.iter().map(|entry| String::from_utf8_lossy(&entry.value).into_owned()));
    }
}

fn publish(log: &Embedded, next: u64, key: &str, value: &str) {
    let output = Publication {
        topic: name("sessions"),
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
    };
    let commit = Commit { reader: name("pipeline"), next, outputs: vec![output], state: None };
    assert_eq!(log.commit(0, commit).wait(), Ok(next));
}

fn segments(data: &Path, part: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(data.join("default").join(part)).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "seg"));
    files.sort();
    files
}

#[test]
fn it_conforms_whatever_the_size_of_a_segment() {
    for segment_bytes in [1, 200, 64 << 20] {
        let data = tempfile::tempdir().unwrap();
        conformance::run(|topics| Embedded::open(data.path(), &Options { topics, ..options(segment_bytes) }));
    }
}

#[test]
fn a_file_cut_at_any_byte_keeps_what_stands_before_and_takes_more() {
    let data = tempfile::tempdir().unwrap();
    let records = ["one", "two", "three"];
    let options = |bytes| Options { partitions: Some(1), ..options(bytes) };
    let log = Embedded::open(data.path(), &options(1 << 20)).unwrap();
    for record in records {
        append(&log, record).unwrap();
    }
    drop(log);
    let file = segments(data.path(), "topics/frames/0").remove(0);
    let whole = fs::read(&file).unwrap();
    for cut in 48..whole.len() {
        fs::write(&file, &whole[..cut]).unwrap();
        let log = Embedded::open(data.path(), &options(1 << 20)).unwrap();
        let kept = frames(&log);
        assert_eq!(kept, records[..kept.len()], "cut at {cut}");
        let cut_bytes: u64 = log.torn().iter().map(|torn| torn.bytes).sum();
        assert_eq!(log.torn().len(), usize::from(cut_bytes > 0));
        assert_eq!(append(&log, "after"), Ok(kept.len() as u64));
        drop(log);
        let log = Embedded::open(data.path(), &options(1 << 20)).unwrap();
        assert_eq!(frames(&log).last().unwrap(), "after");
        assert!(log.torn().is_empty(), "what was cut stays cut");
    }
}

#[test]
fn damage_to_what_was_acknowledged_is_an_error_with_file_and_offset() {
    let data = tempfile::tempdir().unwrap();
    let log = Embedded::open(data.path(), &options(1 << 20)).unwrap();
    for record in ["one", "two", "three"] {
        append(&log, record).unwrap();
    }
    drop(log);
    let file = segments(data.path(), "topics/frames/0").remove(0);
    let whole = fs::read(&file).unwrap();
    // The last 32 bytes are the mark of a clean close, which is no record.
    for at in (0..whole.len() - 32).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&file, &damaged).unwrap();
        match Embedded::open(data.path(), &options(1 << 20)).map(|_| ()) {
            Err(LogError::Corrupt { file: named, at: place, .. }) => {
                assert_eq!(named, file);
                assert!(place <= at as u64, "byte {at} was named as {place}");
            }
            other => panic!("byte {at}: {other:?}"),
        }
    }
}

#[test]
fn damage_in_a_sealed_segment_shows_when_it_is_read_and_a_lost_end_when_it_is_opened() {
    let data = tempfile::tempdir().unwrap();
    let log = Embedded::open(data.path(), &options(100)).unwrap();
    for record in 0..20 {
        append(&log, &format!("record {record}")).unwrap();
    }
    assert_eq!(frames(&log).len(), 20);
    drop(log);
    let files = segments(data.path(), "topics/frames/0");
    assert!(files.len() > 3, "the log rolled over");
    let whole = fs::read(&files[1]).unwrap();

    let mut damaged = whole.clone();
    damaged[60] ^= 1;
    fs::write(&files[1], &damaged).unwrap();
    let log = Embedded::open(data.path(), &options(100)).unwrap();
    let all = (0..20).try_for_each(|from| log.read(&name("frames"), 0, from, 1, Duration::ZERO).map(|_| ()));
    assert!(matches!(all, Err(LogError::Corrupt { file, .. }) if file == files[1]));
    drop(log);

    fs::write(&files[1], &whole[..whole.len() - 1]).unwrap();
    let opened = Embedded::open(data.path(), &options(100)).map(|_| ());
    assert!(matches!(opened, Err(LogError::Corrupt { file, .. }) if file == files[1]));

    fs::remove_file(&files[1]).unwrap();
    assert!(matches!(Embedded::open(data.path(), &options(100)).map(|_| ()), Err(LogError::Corrupt { .. })));
}

#[test]
fn a_torn_commit_takes_neither_outputs_nor_position() {
    let data = tempfile::tempdir().unwrap();
    let log = Embedded::open(data.path(), &options(1 << 20)).unwrap();
    publish(&log, 1, "s1", "first");
    drop(log);
    let file = segments(data.path(), "outputs/0").remove(0);
    let before = fs::read(&file).unwrap().len();
    let log = Embedded::open(data.path(), &options(1 << 20)).unwrap();
    publish(&log, 2, "s1", "second");
    drop(log);
    let whole = fs::read(&file).unwrap();
    // The last 32 bytes are the mark of the clean close; without its last byte the commit itself is torn.
    for cut in before..whole.len() - 32 {
        fs::write(&file, &whole[..cut]).unwrap();
        let log = Embedded::open(data.path(), &options(1 << 20)).unwrap();
        assert_eq!(log.resume(&name("pipeline"), 0).unwrap().next, 1, "cut at {cut}");
        let found = log.find(&name("sessions"), 0, b"s1").unwrap().unwrap();
        assert_eq!(found.value, Bytes::from_static(b"first"));
    }
}

#[test]
fn keys_are_found_across_sealed_segments_also_when_their_files_are_gone() {
    let data = tempfile::tempdir().unwrap();
    let log = Embedded::open(data.path(), &options(300)).unwrap();
    for n in 0..60 {
        publish(&log, n + 1, &format!("s{}", n % 40), &format!("value {n}"));
    }
    let check = |log: &Embedded| {
        for n in 0..40 {
            let newest = if n < 20 { n + 40 } else { n };
            let found = log.find(&name("sessions"), 0, format!("s{n}").as_bytes()).unwrap().unwrap();
            assert_eq!((found.offset, found.value), (newest, Bytes::from(format!("value {newest}"))));
        }
        assert_eq!(log.find(&name("sessions"), 0, b"s99").unwrap(), None);
        for from in 0..60 {
            let entries = log.read(&name("sessions"), 0, from, 1, Duration::ZERO).unwrap();
            assert_eq!((entries[0].offset, &entries[0].value), (from, &Bytes::from(format!("value {from}"))));
        }
    };
    check(&log);
    drop(log);
    let folder = data.path().join("default/outputs/0");
    let keys: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    let keys: Vec<&PathBuf> =
        keys.iter().filter(|file| file.extension().is_some_and(|e| e == "keys")).collect();
    assert!(keys.len() > 3);
    fs::remove_file(keys[0]).unwrap();
    fs::write(keys[1], b"rubbish").unwrap();
    check(&Embedded::open(data.path(), &options(300)).unwrap());
}

/// A fault that strikes while the switch is on.
fn fault(on: &Arc<AtomicBool>, of_sync: bool) -> Fault {
    let on = on.clone();
    Arc::new(move |write| match write {
        Some(_) if on.load(Ordering::SeqCst) && !of_sync => {
            Err(Torn { after: 5, kind: std::io::ErrorKind::StorageFull })
        }
        None if on.load(Ordering::SeqCst) && of_sync => {
            Err(Torn { after: 0, kind: std::io::ErrorKind::Other })
        }
        _ => Ok(()),
    })
}

#[test]
fn a_full_disk_refuses_appends_and_takes_them_again_when_there_is_room() {
    let data = tempfile::tempdir().unwrap();
    let full = Arc::new(AtomicBool::new(false));
    let log = Embedded::open(data.path(), &Options { fault: Some(fault(&full, false)), ..options(1 << 20) })
        .unwrap();
    append(&log, "one").unwrap();
    full.store(true, Ordering::SeqCst);
    let refused = append(&log, "lost").unwrap_err();
    assert!(matches!(refused, LogError::Full { .. }));
    full.store(false, Ordering::SeqCst);
    assert_eq!(append(&log, "two"), Ok(1));
    drop(log);
    let log = Embedded::open(data.path(), &options(1 << 20)).unwrap();
    assert_eq!(frames(&log), ["one", "two"]);
    assert!(log.torn().is_empty(), "what was written in part was cut at once");
}

#[test]
fn nothing_is_acknowledged_after_a_failed_sync() {
    let data = tempfile::tempdir().unwrap();
    let failing = Arc::new(AtomicBool::new(false));
    let log =
        Embedded::open(data.path(), &Options { fault: Some(fault(&failing, true)), ..options(1 << 20) })
            .unwrap();
    append(&log, "one").unwrap();
    failing.store(true, Ordering::SeqCst);
    assert!(matches!(append(&log, "unsure").unwrap_err(), LogError::Io { what: "sync", .. }));
    failing.store(false, Ordering::SeqCst);
    assert_eq!(append(&log, "two"), Err(LogError::Failed), "a sync that failed once is not believed again");
    drop(log);
    assert_eq!(frames(&Embedded::open(data.path(), &options(1 << 20)).unwrap())[0], "one");
}

#[test]
fn a_failed_commit_stops_those_behind_it() {
    let data = tempfile::tempdir().unwrap();
    let full = Arc::new(AtomicBool::new(false));
    let log = Embedded::open(data.path(), &Options { fault: Some(fault(&full, false)), ..options(1 << 20) })
        .unwrap();
    publish(&log, 1, "s1", "first");
    full.store(true, Ordering::SeqCst);
    let commit = |next| Commit { reader: name("pipeline"), next, outputs: Vec::new(), state: None };
    assert!(log.commit(0, commit(2)).wait().is_err());
    full.store(false, Ordering::SeqCst);
    assert_eq!(log.commit(0, commit(3)).wait(), Err(LogError::Failed));
    drop(log);
    let log = Embedded::open(data.path(), &options(1 << 20)).unwrap();
    assert_eq!(log.resume(&name("pipeline"), 0).unwrap().next, 1);
}

#[test]
fn a_folder_is_opened_once_and_only_as_it_was_made() {
    let data = tempfile::tempdir().unwrap();
    let log = Embedded::open(data.path(), &options(1 << 20)).unwrap();
    assert!(matches!(
        Embedded::open(data.path(), &options(1 << 20)).map(|_| ()),
        Err(LogError::InUse { .. })
    ));
    drop(log);
    let other = Options { partitions: Some(3), ..options(1 << 20) };
    let mismatch = Embedded::open(data.path(), &other).map(|_| ()).unwrap_err();
    assert_eq!(mismatch.to_string(), "the log has partitions 2, not 3");
    let as_it_is = Options { partitions: None, ..options(1 << 20) };
    assert_eq!(Embedded::open(data.path(), &as_it_is).unwrap().partitions(), 2);
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let data = tempfile::tempdir().unwrap();
    let commit = |next, state| {
        let state = Some(Checkpoint { at: next, state: Bytes::from_static(state) });
        Commit { reader: name("pipeline"), next, outputs: Vec::new(), state }
    };
    let log = Embedded::open(data.path(), &options(1 << 20)).unwrap();
    log.commit(0, commit(1, b"old")).wait().unwrap();
    log.commit(0, commit(2, b"new")).wait().unwrap();
    drop(log);
    let newest = data.path().join("default/state/pipeline-0-00000000000000000002.ckpt");
    let mut bytes = fs::read(&newest).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&newest, bytes).unwrap();
    let log = Embedded::open(data.path(), &options(1 << 20)).unwrap();
    let resume = log.resume(&name("pipeline"), 0).unwrap();
    assert_eq!((resume.next, resume.checkpoint), (2, Some((1, Bytes::from_static(b"old")))));
}
