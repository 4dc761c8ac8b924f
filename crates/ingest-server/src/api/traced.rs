//! A span for each request, where a collector wants them: method, route and status, never what the path says.

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument, Level, field::Empty, info_span, span_enabled};

/// Whether anybody takes spans.
pub(super) fn wanted() -> bool {
    span_enabled!(Level::INFO)
}

pub(super) async fn traced(route: MatchedPath, request: Request, next: Next) -> Response {
    let (method, route) = (request.method().as_str(), route.as_str());
    let name = format!("{method} {route}");
    let span = info_span!(
        "request",
        otel.name = name,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty
    );
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    response
}
