//! Prices stays by documents that come with the request: nothing is stored.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Api, problem::Problem};
use crate::quoter::Quoter;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask<'a> {
    /// One tariff document, or an array of its versions.
    #[serde(borrow)]
    tariff: &'a RawValue,
    /// Calendars, of which later ones win.
    #[serde(borrow, default)]
    calendars: Vec<&'a RawValue>,
    /// One stay …
    #[serde(borrow)]
    stay: Option<&'a RawValue>,
    /// … or many.
    #[serde(borrow)]
    stays: Option<Vec<&'a RawValue>>,
}

/// Stays priced before other requests get their turn.
const BREATH: usize = 256;

/// One receipt for `stay`, an array of receipts for `stays`.
pub(super) async fn quote(State(_): State<Api>, body: Bytes) -> Result<Response, Problem> {
    let ask: Ask<'_> =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request("bad_json", error.to_string()))?;
    let calendars: Vec<Vec<u8>> = ask.calendars.iter().map(|text| text.get().as_bytes().to_vec()).collect();
    let quoter = Quoter::new(ask.tariff.get().as_bytes(), &calendars)
        .map_err(|error| Problem::bad_request("bad_document", error))?;
    let body = match (ask.stay, ask.stays) {
        (Some(stay), None) => quoter.quote(stay.get().as_bytes()).json,
        (None, Some(stays)) => {
            let mut receipts = String::from("[");
            for (index, stay) in stays.iter().enumerate() {
                if index > 0 {
                    receipts.push(',');
                }
                if index % BREATH == BREATH - 1 {
                    tokio::task::yield_now().await;
                }
                receipts.push_str(&quoter.quote(stay.get().as_bytes()).json);
            }
            receipts.push(']');
            receipts
        }
        _ => return Err(Problem::bad_request("bad_field", "either stay or stays")),
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}
