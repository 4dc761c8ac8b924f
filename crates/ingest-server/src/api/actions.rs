//! What people, partners and payments do: `manual` frames, stored like any other.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use device_codec::manual::Action;
use parking_types::Id;
use parkline::{ask::Question, stage::Position};
use serde_json::{Value, json};

use super::{Api, asking::ask, problem::Problem, sessions};
use crate::{log::Batch, record::FrameRecord};

/// How long the answer waits for the decision.
const PATIENCE: Duration = Duration::from_secs(5);

/// 200 when it was carried out (or had been before), 422 with the code when it was not, 409 where it contradicts what
/// came before.
pub(super) async fn act(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let action = with_id(&body, &headers)?;
    // Compact, so that the same action sent again in another layout is the same bytes.
    let payload = action.to_string();
    let wrong = |at: usize, why: String| Problem::bad_request("malformed", format!("byte {at}: {why}"));
    Action::parse(payload.as_bytes()).map_err(|error| wrong(error.offset, error.to_string()))?;
    is_for_this_revision(&api, &action, &headers)?;
    let partition = api.0.guard.directory.partition_of_action(&action);
    let record = FrameRecord {
        protocol: "manual",
        payload: payload.as_bytes(),
        listener: "api",
        ..FrameRecord::default()
    };
    let write = |at, batch: &mut Batch| batch.push_with(|out| record.encode(at, out));
    let taken =
        tokio::time::timeout(PATIENCE, api.0.intake.take(partition, payload.len() * 2 + 256, write)).await;
    let position = taken.map_err(|_| Problem::later("busy", "the log is slow"))??.durable().await?;
    let mut answer = outcome(&api, position, PATIENCE).await;
    let conflict = answer.pointer("/error/code").and_then(Value::as_str) == Some("conflict");
    if conflict && was_done(&api, position.partition, &action).await {
        answer["field"] = json!("id");
    }
    let status = match answer.get("outcome").and_then(Value::as_str) {
        _ if conflict => StatusCode::CONFLICT,
        Some("stored") => StatusCode::ACCEPTED,
        Some("dead_letter") => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    };
    Ok((status, Json(answer)).into_response())
}

/// Whether an action with this id was carried out, so that this is another one under its name.
async fn was_done(api: &Api, partition: u32, action: &Value) -> bool {
    let Some(id) = action.get("id").and_then(Value::as_str).and_then(|id| Id::new(id).ok()) else {
        return false;
    };
    ask(api, partition, &Question::Action(id)).await.is_ok_and(|done| !done.is_empty())
}

/// What became of a record: `stored` where that is not known within the time.
pub(super) async fn outcome(api: &Api, position: Position, patience: Duration) -> Value {
    let frame = format!("{}-{}", position.partition, position.offset);
    if !api.0.desk.reached(position, patience).await {
        return json!({"frame": frame, "outcome": "stored"});
    }
    let Some(letter) = api.0.desk.dead_letter(position) else {
        return json!({"frame": frame, "outcome": "applied"});
    };
    let letter: Value = serde_json::from_slice(&letter).unwrap_or_default();
    json!({"frame": frame, "outcome": "dead_letter", "error": letter.get("error")})
}

/// The header that names an action, as well as its `id`.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The action with its id, which may stand in the header alone.
fn with_id(body: &[u8], headers: &HeaderMap) -> Result<Value, Problem> {
    let mut action: Value =
        serde_json::from_slice(body).map_err(|error| Problem::bad_request("bad_json", error.to_string()))?;
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(action) };
    let wrong =
        || Problem::bad_request("bad_header", "idempotency-key: expected an id of up to 32 characters");
    let key = key.to_str().ok().filter(|key| Id::new(key).is_ok()).ok_or_else(wrong)?;
    if let Some(members) = action.as_object_mut() {
        let id = members.entry("id").or_insert_with(|| key.into());
        if id != key {
            return Err(Problem::conflict("conflict", "id", "idempotency-key: the action has another id"));
        }
    }
    Ok(action)
}

/// Lets an action through that is meant for the session's revision that is there.
fn is_for_this_revision(api: &Api, action: &Value, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(tag) = headers.get(header::IF_MATCH) else { return Ok(()) };
    let wrong =
        || Problem::bad_request("bad_header", "if-match: expected a session's revision in double quotes");
    let tag = tag.to_str().ok().and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"')).ok_or_else(wrong)?;
    let session = action
        .get("session")
        .and_then(Value::as_str)
        .ok_or_else(|| Problem::bad_request("bad_header", "if-match: the action does not name a session"))?;
    let now = api.0.desk.view.find(session).and_then(|row| sessions::revision(&row.json));
    match now {
        Some(now) if now.to_string() == tag => Ok(()),
        Some(now) => Err(Problem::changed("revision", format!("it is \"{now}\" now"))),
        None => Err(Problem::changed("revision", "the session is settled, or there is none")),
    }
}
