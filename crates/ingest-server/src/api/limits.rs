//! Bodies: how large one may be, and how many bytes of them all together.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::Response,
};

use super::{Api, problem::Problem};

/// The largest body: a camera's post with two photos has well under 2 MiB.
pub(super) const BODY_BYTES: usize = 4 << 20;
/// What bodies may hold in memory together, from their first byte until they are answered.
pub(super) const BODIES_BYTES: usize = 64 << 20;
/// How long a request waits for its share of that.
const PATIENCE: Duration = Duration::from_secs(1);

/// Lets a request in when there is room for its body.
pub(super) async fn bodies(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    // Without a length it may be as large as is allowed.
    let bytes = length.unwrap_or(if request.method().is_safe() { 0 } else { BODY_BYTES });
    if bytes > BODY_BYTES {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("at most {BODY_BYTES} bytes"),
        ));
    }
    let room = api.0.bodies.clone().acquire_many_owned(bytes as u32);
    let Ok(Ok(_permit)) = tokio::time::timeout(PATIENCE, room).await else {
        return Err(Problem::later("busy", "too much is under way"));
    };
    axum::extract::DefaultBodyLimit::max(BODY_BYTES).apply(&mut request);
    Ok(next.run(request).await)
}
