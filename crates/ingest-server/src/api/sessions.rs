//! Sessions and charges.

use axum::{
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;

use super::{Api, problem::Problem};
use crate::{directory::group_hash, log::Name, partition, view};

/// Live sessions that fit the query, a page at a time.
pub(super) async fn list(
    State(api): State<Api>,
    query: Result<Query<view::Query>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|error| Problem::bad_request("bad_query", error.body_text()))?;
    let lacking = api.0.desk.view.lacking();
    if lacking > 0 {
        let why = format!("the sessions of {lacking} partitions are not read yet; a worker never reads them");
        return Err(Problem::later("restoring", why));
    }
    let (rows, after) = api.0.desk.view.list(&query);
    let mut body = b"{\"sessions\":[".to_vec();
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&row.json);
    }
    body.push(b']');
    if let Some(after) = after {
        body.extend_from_slice(format!(",\"after\":\"{after}\"").as_bytes());
    }
    body.push(b'}');
    Ok(json(body.into()))
}

/// The newest revision of a session, live or not.
pub(super) async fn one(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, Problem> {
    if let Some(row) = api.0.desk.view.find(&id) {
        return Ok(json(row.json.clone()));
    }
    newest(&api, "sessions", id).await
}

/// The newest charge record of a session.
pub(super) async fn charge(State(api): State<Api>, Path(session): Path<String>) -> Result<Response, Problem> {
    newest(&api, "charges", session).await
}

async fn newest(api: &Api, topic: &'static str, session: String) -> Result<Response, Problem> {
    let hash =
        group_hash(&session).ok_or_else(|| Problem::not_found("no_such_session", "not a session's id"))?;
    let log = api.0.log.clone();
    let partition = partition::of_hash(hash, log.partitions());
    let find =
        move || Name::new(topic).map_or(Ok(None), |topic| log.find(&topic, partition, session.as_bytes()));
    let found = tokio::task::spawn_blocking(find).await;
    let found = found.map_err(|_| Problem::later("busy", "the log could not be read"))??;
    found
        .map(|entry| json(entry.value))
        .ok_or_else(|| Problem::not_found("no_such_session", "there is no such record"))
}

fn json(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
