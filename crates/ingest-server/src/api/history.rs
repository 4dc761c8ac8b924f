//! One session's history: its revisions, what people did, the frames and the pictures.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
};
use parking_types::{Instant, Span};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, frames, params::Params, problem::Problem, scan::Plan, sessions};
use crate::{
    host::FRAMES,
    log::{Entry, LogError, Name, SharedLog},
    record,
};

/// How much.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    /// Revisions before this one: `older` of the answer before.
    before: Option<String>,
}

/// Bytes of records that one request goes back through.
const BACK_BYTES: usize = 128 << 20;
const CHUNK: u64 = 4096;
const CHUNK_BYTES: usize = 8 << 20;
/// So many frames are shown; the others are found by device and time.
/// Charges of a stay are published about when it ends; a late frame may change it for a day.
const LATE: Span = Span::from_hours(48);
const FRAMES_SHOWN: usize = 200;

/// Everything that is known of a session.
pub(super) async fn history(
    State(api): State<Api>,
    Path(id): Path<String>,
    Params(ask): Params<Ask>,
) -> Result<Json<Value>, Problem> {
    let session: Value =
        serde_json::from_slice(&sessions::session(&api, id.clone()).await?).unwrap_or_default();
    let mut answer = json!({"session": id});
    let began = edge(&session, "entry", "at").or_else(|| edge(&session, "exit", "at"));
    let began = began.and_then(|at| at.parse::<Instant>().ok());
    let (sessions_before, charges_before) = before(ask.before.as_deref())?;
    let mut older = Vec::new();
    for (topic, before) in [("sessions", sessions_before), ("charges", charges_before)] {
        let newest = sessions::entry(&api, topic, id.clone()).await?;
        let from = before.or_else(|| newest.as_ref().map(|(_, entry)| entry.offset + 1)).unwrap_or(0);
        let partition = newest.map_or(0, |(partition, _)| partition);
        let (log, key) = (api.0.log.clone(), id.clone());
        let since = began.filter(|_| topic == "charges");
        let read = tokio::task::spawn_blocking(move || back(&log, topic, partition, from, since, &key)).await;
        let (records, rest) = read.map_err(|_| Problem::later("busy", "the log could not be read"))??;
        answer[topic] = json!(records);
        older.push(rest);
    }
    if older.iter().any(|rest| *rest > 0) {
        answer["older"] = json!(older.iter().map(u64::to_string).collect::<Vec<_>>().join("."));
    }
    answer["actions"] = session.get("actions").cloned().unwrap_or_else(|| json!([]));
    let charges = answer["charges"].as_array().and_then(|charges| charges.last());
    answer["payments"] = charges.and_then(|charge| charge.get("payments")).cloned().unwrap_or(json!([]));
    let frames = frames_of(&api, &session).await?;
    answer["pictures"] = pictures(&session, &frames);
    answer["frames"] = json!(frames);
    Ok(Json(answer))
}

fn before(text: Option<&str>) -> Result<(Option<u64>, Option<u64>), Problem> {
    let Some(text) = text else { return Ok((None, None)) };
    let parsed = text.split_once('.').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    let (sessions, charges) =
        parsed.ok_or_else(|| Problem::bad_request("bad_position", "before is no position of a history"))?;
    Ok((Some(sessions), Some(charges)))
}

/// A member of a session's entry or exit.
fn edge<'s>(session: &'s Value, edge: &str, member: &str) -> Option<&'s str> {
    session.get(edge)?.get(member)?.as_str()
}

/// The records of a key before an offset, oldest first, and where to go on: 0 where all were found. Charges have no
/// revision by which the first is known; none is older than its session.
fn back(
    log: &SharedLog,
    topic: &'static str,
    partition: u32,
    before: u64,
    since: Option<Instant>,
    key: &str,
) -> Result<(Vec<Value>, u64), LogError> {
    let Some(topic) = Name::new(topic) else { return Ok((Vec::new(), 0)) };
    let (mut found, mut end, mut gone_through) = (Vec::new(), before, 0);
    while end > 0 && gone_through < BACK_BYTES {
        let start = end.saturating_sub(CHUNK);
        let mut chunk: Vec<Entry> = Vec::new();
        let (mut next, mut all_older) = (start, since.is_some());
        while next < end {
            let entries = log.read(&topic, partition, next, CHUNK_BYTES, Duration::ZERO)?;
            let Some(last) = entries.last() else { break };
            next = last.offset + 1;
            if let Some(since) = since {
                let ended = entries.iter().filter(|entry| entry.offset < end).filter_map(ended_at).max();
                all_older &= ended.is_some_and(|ended| ended < since - LATE);
            }
            gone_through += entries.iter().map(|entry| entry.value.len()).sum::<usize>();
            chunk.extend(
                entries.into_iter().filter(|entry| entry.offset < end && entry.key == key.as_bytes()),
            );
        }
        for entry in chunk.iter().rev() {
            let record: Value = serde_json::from_slice(&entry.value).unwrap_or_default();
            let first = record.get("revision").and_then(Value::as_u64) == Some(1);
            found.push(record);
            if first {
                found.reverse();
                return Ok((found, 0));
            }
        }
        end = if all_older { 0 } else { start };
    }
    found.reverse();
    Ok((found, end))
}

/// When the stay of a charge ended.
fn ended_at(charge: &Entry) -> Option<Instant> {
    #[derive(Deserialize)]
    struct Ended {
        exit: String,
    }
    serde_json::from_slice::<Ended>(&charge.value).ok()?.exit.parse().ok()
}

/// The frames of entry and exit, and what their devices sent between.
async fn frames_of(api: &Api, session: &Value) -> Result<Vec<Value>, Problem> {
    let place = |name: &str| {
        let (partition, offset) = name.split('.').next()?.split_once('-')?;
        Some((partition.parse::<u32>().ok()?, offset.parse::<u64>().ok()?))
    };
    let edges: Vec<(u32, u64)> =
        ["entry", "exit"].into_iter().filter_map(|name| place(edge(session, name, "frame")?)).collect();
    let (Some(first), Some(last)) = (edges.iter().min().copied(), edges.iter().max().copied()) else {
        return Ok(Vec::new());
    };
    let devices: BTreeSet<String> = ["entry", "exit"]
        .into_iter()
        .filter_map(|name| Some(edge(session, name, "device")?.to_owned()))
        .collect();
    let mut plan = Plan::new(api, FRAMES, None, FRAMES_SHOWN, record::received_at)?;
    plan.partition = Some(first.0);
    plan.after.reached(first.0, first.1);
    // An open session goes on; a closed one has all its frames up to its exit's.
    let open = session.get("exit").is_none();
    let page = plan.run(api, move |partition, entry| {
        let within = open || entry.offset <= last.1;
        let record: Value = serde_json::from_slice(&entry.value).ok().filter(|_| within)?;
        let device = record.get("device").and_then(Value::as_str)?;
        let is_frame = record.get("payload").is_some() && devices.contains(device);
        is_frame.then(|| frames::exported(partition, entry))
    });
    let read = |row: &Vec<u8>| serde_json::from_slice(row).ok();
    Ok(page.await?.rows.iter().filter_map(read).collect())
}

/// The pictures that people added and those that cameras sent.
fn pictures(session: &Value, frames: &[Value]) -> Value {
    let evidence = session.get("evidence").and_then(Value::as_array).into_iter().flatten();
    let added = evidence.map(|evidence| {
        json!({"image": evidence.get("image"), "kind": evidence.get("kind"), "at": evidence.get("at")})
    });
    let sent = frames.iter().flat_map(|frame| {
        let images = frame.get("images").and_then(Value::as_array).into_iter().flatten();
        images.map(|image| {
            json!({"image": image.get("sha256"), "frame": frame.get("position"), "device": frame.get("device"),
                "at": frame.get("received_at")})
        })
    });
    Value::Array(added.chain(sent).collect())
}
