//! Answers to requests that cannot be served: problem documents (RFC 9457) with a stable code.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{intake::Refusal, log::LogError};

/// A problem document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    status: u16,
    /// A stable word for programs.
    code: &'static str,
    title: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    /// What of the request differs from what is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
    #[serde(skip)]
    retry_secs: Option<u8>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("error");
        Self { status: status.as_u16(), code, title, detail: detail.into(), field: None, retry_secs: None }
    }

    pub(super) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(super) fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// More than may come in this time.
    pub(super) fn too_many(detail: impl Into<String>) -> Self {
        Self { retry_secs: Some(1), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many", detail) }
    }

    /// Another request came before under the same name.
    pub(super) fn conflict(code: &'static str, field: &'static str, detail: impl Into<String>) -> Self {
        Self { field: Some(field), ..Self::new(StatusCode::CONFLICT, code, detail) }
    }

    /// What is there is not what the request wants to change.
    pub(super) fn changed(field: &'static str, detail: impl Into<String>) -> Self {
        Self { field: Some(field), ..Self::new(StatusCode::PRECONDITION_FAILED, "changed", detail) }
    }

    /// Something that may work a moment later.
    pub(super) fn later(code: &'static str, detail: impl Into<String>) -> Self {
        Self { retry_secs: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail) }
    }
}

impl From<LogError> for Problem {
    fn from(error: LogError) -> Self {
        match error {
            LogError::TooLarge { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, error.code(), error.to_string())
            }
            // Paths of the server's disk are no business of whoever asks.
            _ => Self::later(error.code(), "the log cannot do this now"),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Log(error) => error.into(),
            Refusal::NotReady => Self::later("restoring", refusal.to_string()),
            Refusal::ClockBehind { .. } | Refusal::ClockJumped { .. } => {
                Self::later("clock", refusal.to_string())
            }
            Refusal::Full => Self::later("disk_full", refusal.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry = self.retry_secs;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(secs) = retry {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(u16::from(secs)));
        }
        response
    }
}
