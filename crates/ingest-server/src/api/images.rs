//! Pictures: those that cameras sent and those that people add, by their hash.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use parking_types::Id;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, frames, outcomes::unhex, params::Params, problem::Problem};
use crate::images::{Found, Hash, Images, media, picture, put_back};

/// How a picture is wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    /// As it stood in the frame: base64 stays base64.
    #[serde(default)]
    raw: bool,
}

/// A picture.
pub(super) async fn one(
    State(api): State<Api>,
    Path(hash): Path<String>,
    Params(ask): Params<Ask>,
) -> Result<Response, Problem> {
    let stored = photo(&api, &hash).await?;
    let decoded = picture(&stored).filter(|_| !ask.raw);
    let body = decoded.map_or(stored, Bytes::from);
    Ok(([(header::CONTENT_TYPE, media(&body))], body).into_response())
}

/// Keeps a picture that a person adds; an `evidence` action can name it then.
pub(super) async fn add(State(api): State<Api>, body: Bytes) -> Result<Response, Problem> {
    if media(&body) == "application/octet-stream" {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "no_picture", "expected JPEG or PNG"));
    }
    let hash = kept(&api)?.store(body, api.0.clock.now()).await.map_err(|_| busy())?;
    Ok((StatusCode::CREATED, Json(json!({"image": hash.to_string()}))).into_response())
}

/// Who erases a picture and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    by: Id,
    reason: String,
}

/// Erases a picture; that, who did it and why is kept instead.
pub(super) async fn erase(
    State(api): State<Api>,
    Path(hash): Path<String>,
    Params(why): Params<Why>,
) -> Result<Json<Value>, Problem> {
    let hash = parse(&hash)?;
    let record = json!({"image": hash.to_string(), "erased_at": api.0.clock.now().to_string(),
        "by": {"kind": "user", "id": why.by}, "reason": why.reason});
    let erased = kept(&api)?.erase(&hash, record.to_string().into()).await.map_err(|_| busy())?;
    if erased { Ok(Json(record)) } else { Err(unknown()) }
}

/// A frame's payload as it was received, with its photos.
pub(super) async fn payload(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<(HeaderMap, Vec<u8>), Problem> {
    #[derive(Deserialize)]
    struct Record {
        payload: Option<Value>,
        content_type: Option<String>,
        #[serde(default)]
        images: Vec<Image>,
    }
    #[derive(Deserialize)]
    struct Image {
        sha256: String,
        offset: u64,
    }
    let (_, entry) = frames::find(&api, &name).await?;
    let no_payload = || Problem::not_found("no_such_frame", "this record is no frame");
    let record: Record = serde_json::from_slice(&entry.value).map_err(|_| no_payload())?;
    let payload = match record.payload.ok_or_else(no_payload)? {
        Value::String(hex) => unhex(&hex).ok_or_else(no_payload)?,
        other => other.to_string().into_bytes(),
    };
    let mut photos = Vec::new();
    for image in &record.images {
        photos.push((image.offset, photo(&api, &image.sha256).await?));
    }
    let whole = put_back(&payload, photos.iter().map(|(offset, photo)| (*offset, &photo[..])));
    let mut headers = HeaderMap::new();
    let media = record.content_type.and_then(|text| text.parse().ok());
    let media = media.unwrap_or(header::HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_TYPE, media);
    Ok((headers, whole))
}

/// What is stored under a hash.
async fn photo(api: &Api, hash: &str) -> Result<Bytes, Problem> {
    match kept(api)?.find(&parse(hash)?).await.map_err(|_| busy())? {
        Found::Photo(photo) => Ok(photo),
        Found::Erased(record) => {
            let record: Value = serde_json::from_slice(&record).unwrap_or_default();
            let at = record.get("erased_at").and_then(Value::as_str).unwrap_or_default();
            Err(Problem::new(StatusCode::GONE, "erased", format!("it was erased at {at}")))
        }
        Found::Nothing => Err(unknown()),
    }
}

pub(super) fn kept(api: &Api) -> Result<&Images, Problem> {
    let nowhere =
        || Problem::new(StatusCode::NOT_IMPLEMENTED, "not_supported", "this server keeps no pictures");
    api.0.images.as_ref().ok_or_else(nowhere)
}

fn parse(hash: &str) -> Result<Hash, Problem> {
    Hash::parse(hash).ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::not_found("no_such_image", "there is no such picture")
}

pub(super) fn busy() -> Problem {
    Problem::later("images", "pictures cannot be kept or read now")
}
