//! Dead letters: what could not be used and why, and putting it in again.

use std::time::Duration;

use axum::{Json, extract::State, response::Response};
use bytes::Bytes;
use parking_types::Instant;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    Api,
    actions::outcome,
    frames,
    params::{Params, page},
    problem::Problem,
    scan::Plan,
    sessions::json as answer,
};
use crate::{
    log::{Batch, Entry},
    record, view,
};

/// The topic.
pub(super) const LETTERS: &str = "dead-letters";
/// So many are put in again by one request.
const MOST: usize = 1000;
/// How long a request waits for what becomes of them.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which letters.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    device: Option<String>,
    /// Why: `unknown_device`, `malformed` …
    code: Option<String>,
    #[serde(default, deserialize_with = "view::maybe_instant")]
    from: Option<Instant>,
    #[serde(default, deserialize_with = "view::maybe_instant")]
    to: Option<Instant>,
    after: Option<String>,
    limit: Option<usize>,
}

/// What of a letter it is chosen by.
#[derive(Deserialize)]
struct Letter<'a> {
    #[serde(borrow)]
    frame: &'a RawValue,
    error: Why,
}

#[derive(Deserialize)]
struct Why {
    code: String,
}

/// When a letter's frame was received.
fn received_at(letter: &[u8]) -> Option<Instant> {
    record::received_at(serde_json::from_slice::<Letter<'_>>(letter).ok()?.frame.get().as_bytes())
}

/// Letters as they came, partition by partition, each with its name `letter`.
pub(super) async fn list(State(api): State<Api>, Params(which): Params<Which>) -> Result<Response, Problem> {
    let plan = Plan::new(&api, LETTERS, which.after.as_deref(), page(which.limit), received_at)?;
    let plan = Plan { from: which.from, to: which.to, ..plan };
    let (device, code) = (which.device, which.code);
    let page = plan.run(&api, move |partition, entry| {
        let letter: Letter<'_> = serde_json::from_slice(&entry.value).ok()?;
        let fits = code.as_ref().is_none_or(|code| letter.error.code == *code)
            && device.as_ref().is_none_or(|device| entry.key == device.as_bytes());
        let head = format!("{{\"letter\":\"{partition}-{}\",", entry.offset);
        fits.then(|| [head.as_bytes(), entry.value.strip_prefix(b"{").unwrap_or_default()].concat())
    });
    Ok(answer(page.await?.json("dead_letters").into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    letters: Vec<String>,
}

/// Puts the frames of letters into the log again, each with its own time of receipt, where its device's frames go now.
pub(super) async fn requeue(State(api): State<Api>, body: Bytes) -> Result<Json<Value>, Problem> {
    let chosen: Chosen =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request("bad_json", error.to_string()))?;
    if chosen.letters.len() > MOST {
        return Err(Problem::bad_request("too_many", format!("at most {MOST} at a time")));
    }
    let mut frames = Vec::new();
    for name in &chosen.letters {
        let found = frames::read(&api, LETTERS, name).await;
        let (partition, entry) = found
            .ok_or_else(|| Problem::not_found("no_such_letter", format!("there is no dead letter {name}")))?;
        frames.push(frame_of(&api, partition, &entry).ok_or_else(|| {
            let why = format!("{name}: what it holds is no frame, or the rest of its frame was used");
            Problem::new(axum::http::StatusCode::UNPROCESSABLE_ENTITY, "no_frame", why)
        })?);
    }
    let mut placed = Vec::new();
    for (partition, frame) in frames {
        let write = |_, batch: &mut Batch| batch.push(frame.as_bytes());
        let taken = tokio::time::timeout(PATIENCE, api.0.intake.take(partition, frame.len(), write)).await;
        let pending = taken.map_err(|_| Problem::later("busy", "the log is slow"))??;
        placed.push(pending.durable().await?);
    }
    let mut requeued = Vec::new();
    for (letter, position) in chosen.letters.iter().zip(placed) {
        let mut row = outcome(&api, position, PATIENCE).await;
        row["letter"] = json!(letter);
        requeued.push(row);
    }
    Ok(Json(json!({"requeued": requeued})))
}

/// A letter's frame and the partition where it belongs now.
fn frame_of(api: &Api, partition: u32, entry: &Entry) -> Option<(u32, String)> {
    let letter: Letter<'_> = serde_json::from_slice(&entry.value).ok()?;
    let mut frame: Value = serde_json::from_str(letter.frame.get()).ok()?;
    let members = frame.as_object_mut().filter(|_| letter.error.code != "reading")?;
    // It gets a new place, and so a new name.
    members.remove("position");
    members.get("payload")?;
    let device = members.get("device").and_then(Value::as_str);
    let home = device.and_then(|device| api.0.guard.directory.device(device));
    let partition = home.map_or(partition, |device| device.partition);
    Some((partition, frame.to_string()))
}
