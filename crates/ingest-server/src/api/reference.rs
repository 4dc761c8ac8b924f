//! Reference data: what the site says now, and changes of it.

use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use parking_types::{Id, Instant};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, problem::Problem};
use crate::keeper::{By, ChangeError, Changed, Wanted};

/// What is said about a change beside the entry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    since: Option<String>,
    by: Option<Id>,
    reason: Option<String>,
}

/// The changes whose time has not come.
pub(super) async fn planned(State(api): State<Api>) -> Response {
    Json(json!({"planned": api.0.keeper.planned().await})).into_response()
}

/// The ids of a list.
pub(super) async fn ids(State(api): State<Api>, Path(kind): Path<String>) -> Result<Response, Problem> {
    let ids = api.0.keeper.ids(&kind).await;
    let ids = ids.ok_or_else(|| Problem::not_found("no_such_kind", "the site has no such list"))?;
    Ok(Json(json!({"kind": kind, "ids": ids})).into_response())
}

/// One entry as it is now.
pub(super) async fn entry(
    State(api): State<Api>,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let entry = api.0.keeper.entry(&kind, &id).await;
    let (value, tag) =
        entry.ok_or_else(|| Problem::not_found("no_such_entry", "the site has no such entry"))?;
    Ok(tagged(Json(value).into_response(), Some(&tag)))
}

/// Makes or replaces an entry.
pub(super) async fn put(
    State(api): State<Api>,
    Path(place): Path<(String, String)>,
    about: Result<Query<About>, QueryRejection>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let value: Value =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request("bad_json", error.to_string()))?;
    if value.is_null() {
        return Err(Problem::bad_request("bad_field", "an entry is taken away by DELETE"));
    }
    change(&api, place, about, &headers, Some(value)).await
}

/// Takes an entry away.
pub(super) async fn delete(
    State(api): State<Api>,
    Path(place): Path<(String, String)>,
    about: Result<Query<About>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    change(&api, place, about, &headers, None).await
}

async fn change(
    api: &Api,
    (kind, id): (String, String),
    about: Result<Query<About>, QueryRejection>,
    headers: &HeaderMap,
    value: Option<Value>,
) -> Result<Response, Problem> {
    let Query(about) = about.map_err(|error| Problem::bad_request("bad_query", error.body_text()))?;
    let expected = expected(headers)?;
    let since = about.since.as_deref().map(str::parse::<Instant>).transpose();
    let since = since.map_err(|error| Problem::bad_request("bad_query", format!("since: {error}")))?;
    let by =
        By { kind: "user".to_owned(), id: about.by.map_or_else(|| "api".to_owned(), |id| id.to_string()) };
    let wanted = Wanted { kind, id, since, value, by, reason: about.reason };
    let changed = api.0.keeper.change(wanted, expected.as_ref().map(Option::as_deref)).await?;
    let Changed { records, in_force, tag } = changed;
    let records: Vec<String> =
        records.iter().map(|position| format!("{}-{}", position.partition, position.offset)).collect();
    let status = if in_force { StatusCode::OK } else { StatusCode::ACCEPTED };
    let answer =
        json!({"changed": !records.is_empty(), "records": records, "in_force": in_force, "tag": tag});
    Ok(tagged((status, Json(answer)).into_response(), tag.as_deref()))
}

/// What `If-Match` or `If-None-Match: *` says the entry must be; the inner `None`: there must be none.
fn expected(headers: &HeaderMap) -> Result<Option<Option<String>>, Problem> {
    let text = |name| headers.get(name).map(HeaderValue::to_str);
    let wrong = |name: header::HeaderName| {
        Problem::bad_request("bad_header", format!("{name}: expected one tag in double quotes"))
    };
    match (text(header::IF_MATCH), text(header::IF_NONE_MATCH)) {
        (None, None) => Ok(None),
        (None, Some(Ok("*"))) => Ok(Some(None)),
        (None, Some(_)) => Err(Problem::bad_request("bad_header", "if-none-match: expected *")),
        (Some(tag), _) => {
            let tag = tag.ok().and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"'));
            Ok(Some(Some(tag.ok_or_else(|| wrong(header::IF_MATCH))?.to_owned())))
        }
    }
}

fn tagged(mut response: Response, tag: Option<&str>) -> Response {
    let tag = tag.and_then(|tag| HeaderValue::from_str(&format!("\"{tag}\"")).ok());
    if let Some(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        let text = error.to_string();
        match error {
            ChangeError::NotReady => Self::later("restoring", text),
            ChangeError::Other(tag) => {
                let now =
                    tag.map_or_else(|| "there is none".to_owned(), |tag| format!("it is \"{tag}\" now"));
                Self::changed("if-match", format!("if-match: {now}"))
            }
            ChangeError::Refused(error) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.code(), text),
            ChangeError::Site(error) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.fault.wrong.code(), text)
            }
            ChangeError::Intake(refusal) => refusal.into(),
            // Paths of the server's disk are no business of whoever asks.
            ChangeError::Kept(_) => Self::later("site", "the site cannot be kept now"),
        }
    }
}
