//! Whether the process lives, and whether it can be sent requests.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde_json::{Value, json};

use super::Api;

/// The process answers; that is all.
pub(super) async fn live() -> &'static str {
    "alive\n"
}

/// 200 when frames can be taken, else 503 with the reason.
pub(super) async fn ready(State(api): State<Api>) -> impl IntoResponse {
    let why = why_not(&api);
    let status = if why.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let partitions = api.0.log.partitions();
    let standing = api.0.ownership.standing();
    let mut answer = json!({"ready": why.is_none(), "partitions": partitions, "ours": standing.ours,
        "caught_up": standing.caught_up, "sessions": api.0.desk.view.len()});
    if let Value::Object(fields) = &mut answer {
        let restoring =
            restoring(&api).map(|(partition, (at, of))| json!({"partition": partition, "at": at, "of": of}));
        let restoring: Vec<Value> = restoring.collect();
        if !restoring.is_empty() {
            fields.insert("restoring".to_owned(), Value::Array(restoring));
        }
        if follows(&api) {
            fields.insert("unread".to_owned(), json!(api.0.desk.view.lacking()));
        }
    }
    if let (Some(why), Value::Object(fields)) = (why, &mut answer) {
        fields.insert("why".to_owned(), Value::String(why));
    }
    (status, Json(answer))
}

/// The partitions that are being restored, each with the record that is next and the one behind the committed.
pub(super) fn restoring(api: &Api) -> impl Iterator<Item = (u32, (u64, u64))> {
    let partitions = api.0.ownership.restoring();
    partitions.into_iter().map(|partition| (partition, api.0.desk.restored(partition)))
}

fn follows(api: &Api) -> bool {
    api.0.follows
}

pub(super) fn why_not(api: &Api) -> Option<String> {
    if api.0.health.is_draining() {
        return Some("the server is shutting down".to_owned());
    }
    // Paths of the disk are for the operator's log, not for whoever asks.
    if api.0.health.failure().is_some() {
        return Some("a worker stopped; see the server's log".to_owned());
    }
    let standing = api.0.ownership.standing();
    if standing.caught_up < standing.ours {
        return Some("partitions are being restored".to_owned());
    }
    if follows(api) && api.0.desk.view.lacking() > 0 {
        return Some("the sessions of other processes are being read".to_owned());
    }
    api.0.intake.ready().err().map(|refusal| refusal.to_string())
}
