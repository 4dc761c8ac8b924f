//! Sessions and charges.

use axum::{
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;

use super::{Api, params::Params, problem::Problem};
use crate::{
    directory::group_hash,
    log::{Entry, Name},
    partition, view,
};

/// Live sessions that fit the query, a page at a time.
pub(super) async fn list(
    State(api): State<Api>,
    Params(query): Params<view::Query>,
) -> Result<Response, Problem> {
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
    Ok(tagged(session(&api, id).await?))
}

/// The newest session record.
pub(super) async fn session(api: &Api, id: String) -> Result<Bytes, Problem> {
    match api.0.desk.view.find(&id) {
        Some(row) => Ok(row.json.clone()),
        None => newest(api, "sessions", id).await,
    }
}

/// The newest charge record of a session.
pub(super) async fn charge(State(api): State<Api>, Path(session): Path<String>) -> Result<Response, Problem> {
    Ok(tagged(newest(&api, "charges", session).await?))
}

/// The newest record of a session in a topic.
pub(super) async fn newest(api: &Api, topic: &'static str, session: String) -> Result<Bytes, Problem> {
    let entry = entry(api, topic, session).await?;
    let (_, entry) = entry.ok_or_else(|| Problem::not_found("no_such_session", "there is no such record"))?;
    Ok(entry.value)
}

/// The same with its partition and where it stands.
pub(super) async fn entry(
    api: &Api,
    topic: &'static str,
    session: String,
) -> Result<Option<(u32, Entry)>, Problem> {
    let hash =
        group_hash(&session).ok_or_else(|| Problem::not_found("no_such_session", "not a session's id"))?;
    let log = api.0.log.clone();
    let partition = partition::of_hash(hash, log.partitions());
    let find =
        move || Name::new(topic).map_or(Ok(None), |topic| log.find(&topic, partition, session.as_bytes()));
    let found = tokio::task::spawn_blocking(find).await;
    let found = found.map_err(|_| Problem::later("busy", "the log could not be read"))??;
    Ok(found.map(|entry| (partition, entry)))
}

/// The revision that a record says.
pub(super) fn revision(record: &[u8]) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Revised {
        revision: u64,
    }
    serde_json::from_slice::<Revised>(record).ok().map(|revised| revised.revision)
}

/// A record with its revision as the tag.
fn tagged(record: Bytes) -> Response {
    let tag = revision(&record).and_then(|revision| HeaderValue::from_str(&format!("\"{revision}\"")).ok());
    let mut response = json(record);
    if let Some(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// An answer that is JSON already.
pub(super) fn json(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
