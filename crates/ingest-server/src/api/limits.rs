//! Bodies: how large one may be, how long it may take, and how many bytes of them all together.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{DefaultBodyLimit, Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::Response,
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;

use super::{Api, problem::Problem};
use crate::metrics::{Listener, Refused};

/// The largest body: a camera's post with two photos has well under 2 MiB.
pub(super) const BODY_BYTES: usize = 4 << 20;
/// What bodies may hold in memory together, from their first byte until they are answered.
pub(super) const BODIES_BYTES: usize = 64 << 20;
/// How long a request waits for its share of that.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads the body whole, as far as there is room for it and it comes in time.
pub(super) async fn bodies(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let length = parts.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let whole = tokio::time::timeout(api.0.guard.limits.body, whole(&api, length.unwrap_or(0), body)).await;
    let refused = |why| api.0.intake.metrics().refused(Listener::Http, why, 1);
    let (body, _room) = match whole {
        Ok(Ok(whole)) => whole,
        Ok(Err(why)) => {
            refused(why);
            return Err(problem(why));
        }
        Err(_) => {
            refused(Refused::Deadline);
            return Err(problem(Refused::Deadline));
        }
    };
    let mut request = Request::from_parts(parts, Body::from(body));
    DefaultBodyLimit::max(BODY_BYTES).apply(&mut request);
    Ok(next.run(request).await)
}

/// Room is taken as bytes come: who only says that a large body will come keeps nobody out.
async fn whole(
    api: &Api,
    length: usize,
    mut body: Body,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Refused> {
    if length > BODY_BYTES {
        return Err(Refused::TooLarge);
    }
    let (mut whole, mut room) = (BytesMut::new(), None::<OwnedSemaphorePermit>);
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame.map_err(|_| Refused::Malformed)?.into_data() else { continue };
        if whole.len() + bytes.len() > BODY_BYTES {
            return Err(Refused::TooLarge);
        }
        let more = api.0.bodies.clone().acquire_many_owned(bytes.len() as u32);
        let Ok(Ok(more)) = tokio::time::timeout(PATIENCE, more).await else { return Err(Refused::Busy) };
        match &mut room {
            Some(room) => room.merge(more),
            None => room = Some(more),
        }
        whole.extend_from_slice(&bytes);
    }
    Ok((whole.freeze(), room))
}

fn problem(why: Refused) -> Problem {
    match why {
        Refused::TooLarge => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("at most {BODY_BYTES} bytes"))
        }
        Refused::Deadline => {
            Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body did not come in time")
        }
        Refused::Malformed => Problem::bad_request("malformed", "the body cannot be read"),
        _ => Problem::later("busy", "too much is under way"),
    }
}

/// What is asked for and is nowhere.
pub(super) async fn no_such_path(State(api): State<Api>) -> Problem {
    api.0.intake.metrics().refused(Listener::Http, Refused::Route, 1);
    Problem::not_found("no_such_path", "")
}

/// What is there, but not to be had so.
pub(super) async fn wrong_method(State(api): State<Api>) -> Problem {
    api.0.intake.metrics().refused(Listener::Http, Refused::Route, 1);
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", "")
}
