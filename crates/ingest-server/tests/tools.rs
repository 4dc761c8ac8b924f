//! Backup and restore, the archive, export and tail.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use common::{Device, Server, json_lines, run, site, text, write_site};
use ingest_server::{
    archive::{self, Retention},
    backup,
    log::{Batch, Embedded, Log, Name, Options},
    record::FrameRecord,
};
use parking_types::{Instant, Span};
use serde_json::Value;

fn at(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Sends reports and waits until they are stored.
fn report(server: &Server, boot_id: u32, many: u32) {
    let mut device = Device::connect(server.tcp, boot_id).unwrap();
    let bytes: Vec<u8> = (0..many).flat_map(|n| device.report(n % 2 == 0)).collect();
    device.send(&bytes).unwrap();
    while device.ack().unwrap().up_to < many {}
}

fn told(arguments: &[&str]) -> Value {
    let done = run(arguments, b"");
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    json_lines(&done.stdout).remove(0)
}

#[test]
fn what_was_shipped_is_there_after_the_data_folder_is_lost_and_the_rest_is_named() {
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path(), &site());
    let (data, kept) = (folder.path().join("data"), folder.path().join("kept"));
    let backup = ["backup", "--data", at(&data), "--to", at(&kept)];
    let server = Server::start(folder.path(), &[]);
    report(&server, 1, 20);
    let first = told(&backup);
    report(&server, 2, 10);
    server.feed_until("sessions", |line| line["record"]["state"] == "closed");
    let second = told(&backup);
    assert!(second["bytes"].as_u64() < first["bytes"].as_u64(), "only what has grown: {first} {second}");
    let (frames, shipped) = (server.feed("frames"), second["partitions"][0]["next"].as_u64().unwrap());
    assert!(shipped >= 30);
    let again = told(&backup);
    report(&server, 3, 10);
    server.kill();

    fs::remove_dir_all(&data).unwrap();
    let restored = told(&["restore", "--from", at(&kept), "--data", at(&data)]);
    let shipped = again["partitions"][0]["next"].as_u64().unwrap().max(shipped);
    assert_eq!(restored["partitions"][0]["next"].as_u64(), Some(shipped));
    let last = &frames[frames.len() - 1]["record"]["received_at"];
    let until: Instant = restored["not_shipped"]["from"].as_str().unwrap().parse().unwrap();
    assert!(until >= last.as_str().unwrap().parse().unwrap(), "{restored}");
    let server = Server::start(folder.path(), &[]);
    let there = server.feed("frames");
    assert_eq!(&there[..frames.len()], &frames[..], "what was shipped is there");
    assert!(there.len() as u64 >= shipped);
    let charges: Vec<(Value, Value)> = server
        .feed("charges")
        .into_iter()
        .map(|line| (line["record"]["session"].clone(), line["record"]["revision"].clone()))
        .collect();
    let once: BTreeSet<String> = charges.iter().map(|charge| format!("{charge:?}")).collect();
    assert!(charges.len() >= 14 && once.len() == charges.len(), "{charges:?}");
    server.terminate();

    let refused = run(&["restore", "--from", at(&kept), "--data", at(&data)], b"");
    assert_eq!(refused.status.code(), Some(2), "nothing is written over");
    let segment = kept.join("default/topics/frames/0/00000000000000000000.seg");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[100] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let elsewhere = folder.path().join("elsewhere");
    let damaged = run(&["restore", "--from", at(&kept), "--data", at(&elsewhere)], b"");
    assert_eq!(damaged.status.code(), Some(2));
    assert!(text(&damaged.stderr).contains("00000000000000000000.seg"), "{}", text(&damaged.stderr));
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A log of two days in small segments: one record an hour, of two devices in turn.
fn two_days(data: &Path, archive: Option<&Path>) -> Embedded {
    let options = Options {
        partitions: Some(1),
        segment_bytes: 400,
        archive: archive.map(Path::to_owned),
        ..Options::new("default", vec![name("frames")])
    };
    Embedded::open(data, &options).unwrap()
}

fn fill(log: &Embedded) {
    let start: Instant = "2026-03-01T00:00:00Z".parse().unwrap();
    for hour in 0..48 {
        let device = if hour < 24 { "early" } else { "late" };
        let record = FrameRecord {
            device: Some(device),
            protocol: "parkline",
            payload: &[hour as u8],
            listener: "tcp",
            ..FrameRecord::default()
        };
        let mut batch = Batch::new();
        batch.push_with(|out| record.encode(start + Span::from_mins(60 * hour), out));
        log.append(&name("frames"), 0, batch).wait().unwrap();
    }
}

fn all(log: &Embedded) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    loop {
        let from = found.len() as u64;
        let more = log.read(&name("frames"), 0, from, 300, Duration::ZERO).unwrap();
        if more.is_empty() {
            return found;
        }
        assert_eq!(more[0].offset, from);
        found.extend(more.iter().map(|entry| String::from_utf8_lossy(&entry.value).into_owned()));
    }
}

#[test]
fn old_frames_go_to_the_archive_and_are_read_on_there() {
    let folder = tempfile::tempdir().unwrap();
    let (data, kept) = (folder.path().join("data"), folder.path().join("archive"));
    let log = two_days(&data, Some(&kept));
    fill(&log);
    let before = all(&log);
    let (keep, archive) = (Some(Span::from_mins(24 * 60)), Some(kept.clone()));
    let retention = Retention { keep, archive, photos: None };
    let now: Instant = "2026-03-03T00:00:00Z".parse().unwrap();
    let segments = |root: &Path| {
        let list = fs::read_dir(root.join("default/topics/frames/0")).unwrap();
        list.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|e| e == "seg")).count()
    };
    let had = segments(&data);
    let moved = archive::sweep(&data.join("default"), &retention, now).unwrap();
    assert!(moved > 3 && moved < had, "{moved} of {had}");
    assert_eq!((segments(&kept), segments(&data)), (moved, had - moved));
    assert_eq!(archive::sweep(&data.join("default"), &retention, now).unwrap(), 0, "nothing more is old");
    assert_eq!(all(&log), before, "readers read on in the archive");
    drop(log);
    assert_eq!(all(&two_days(&data, Some(&kept))), before, "after a start too");

    let export = |more: &[&str]| {
        let done = run(&[&["export"], more].concat(), b"");
        assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
        json_lines(&done.stdout)
    };
    let both = ["--data", at(&data), "--archive", at(&kept)];
    let lines = export(&both);
    assert_eq!(lines.len(), 48);
    assert_eq!((&lines[47]["position"], &lines[47]["payload"]), (&Value::from("0-47"), &Value::from("2f")));
    let early = export(&[&both[..], &["--device", "early", "--from", "2026-03-01T12:00:00Z"]].concat());
    assert_eq!((early.len(), &early[0]["position"]), (12, &Value::from("0-12")));
    let until = export(&[&both[..], &["--to", "2026-03-01T02:00:00Z"]].concat());
    assert_eq!(until.len(), 2);

    // A segment that is not what it was is neither moved nor dropped.
    let first = fs::read_dir(data.join("default/topics/frames/0")).unwrap();
    let first =
        first.map(|file| file.unwrap().path()).filter(|f| f.extension().is_some_and(|e| e == "seg")).min();
    let mut bytes = fs::read(first.as_ref().unwrap()).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    fs::write(first.as_ref().unwrap(), bytes).unwrap();
    let much_later: Instant = "2026-04-01T00:00:00Z".parse().unwrap();
    assert!(archive::sweep(&data.join("default"), &retention, much_later).is_err());
    assert!(first.unwrap().exists());
}

#[test]
fn an_export_replays_and_tail_shows_what_the_feed_has() {
    let folder = tempfile::tempdir().unwrap();
    let site_file = write_site(folder.path(), &site());
    let data = folder.path().join("data");
    let server = Server::start(folder.path(), &[]);
    report(&server, 1, 9);
    let charges = server.feed_until("charges", |_| true);
    let http = server.http.to_string();
    let tail = |more: &[&str]| {
        let done = run(&[&["tail", "charges", "--http", &http, "--once"], more].concat(), b"");
        assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
        json_lines(&done.stdout)
    };
    server.feed_until("sessions", |line| {
        line["record"]["state"] == "open" && line["offset"].as_u64() > Some(7)
    });
    let charges = if charges.len() == 4 { charges } else { server.feed("charges") };
    assert_eq!(tail(&[]), charges);
    assert_eq!(tail(&["--after", charges[1]["position"].as_str().unwrap()]), &charges[2..]);
    let wrong = run(&["tail", "charges", "--http", &http, "--once", "--after", "x"], b"");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("bad_position"), "{}", text(&wrong.stderr));

    let exported = run(&["export", "--data", at(&data)], b"");
    assert_eq!(exported.status.code(), Some(0), "{}", text(&exported.stderr));
    let out = folder.path().join("out");
    let replay = run(&["replay", "--site", at(&site_file), "--out", at(&out)], &exported.stdout);
    assert_eq!(replay.status.code(), Some(0), "{}", text(&replay.stderr));
    let replayed = json_lines(&fs::read(out.join("charges.jsonl")).unwrap());
    assert_eq!(replayed.len(), charges.len());
    server.terminate();
    assert!(backup::backup(&folder.path().join("nowhere"), &out).is_err());
}
