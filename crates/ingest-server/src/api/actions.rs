//! What people, partners and payments do: `manual` frames, stored like any other.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use device_codec::manual::Action;
use serde_json::{Value, json};

use super::{Api, problem::Problem};
use crate::{log::Batch, record::FrameRecord};

/// How long the answer waits for the decision.
const PATIENCE: Duration = Duration::from_secs(5);

/// 200 when it was carried out (or had been before), 422 with the code when it was not.
pub(super) async fn act(State(api): State<Api>, body: Bytes) -> Result<Response, Problem> {
    let wrong = |at: usize, why: String| Problem::bad_request("malformed", format!("byte {at}: {why}"));
    Action::parse(&body).map_err(|error| wrong(error.offset, error.to_string()))?;
    let action: Value =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request("bad_json", error.to_string()))?;
    // Compact, so that the same action sent again in another layout is the same bytes.
    let payload = action.to_string();
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
    let frame = format!("{}-{}", position.partition, position.offset);
    if !api.0.desk.reached(position, PATIENCE).await {
        let answer = json!({"frame": frame, "outcome": "stored"});
        return Ok((StatusCode::ACCEPTED, Json(answer)).into_response());
    }
    let Some(letter) = api.0.desk.dead_letter(position) else {
        return Ok(Json(json!({"frame": frame, "outcome": "applied"})).into_response());
    };
    let letter: Value = serde_json::from_slice(&letter).unwrap_or_default();
    let answer = json!({"frame": frame, "outcome": "dead_letter", "error": letter.get("error")});
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Json(answer)).into_response())
}
