//! What became of manual actions and payments, by id.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use parking_types::Id;
use parkline::ask::Question;
use serde_json::{Value, json, value::RawValue};

use super::{
    Api,
    asking::ask_all,
    letters::LETTERS,
    problem::Problem,
    scan::{self, Plan, Position},
};
use crate::log::Name;

/// So many dead letters of each partition are looked through, from the newest on.
const LETTERS_BACK: u64 = 20_000;

/// Whether an action was carried out, and if not, why.
pub(super) async fn action(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, Problem> {
    let known = || Problem::not_found("no_such_action", "nothing with this id came, or long ago");
    let id = Id::new(&id).map_err(|_| known())?;
    if let Some(done) = ask_all(&api, &Question::Action(id)).await?.into_iter().next() {
        return Ok(Json(done).into_response());
    }
    refused(&api, id).await?.map(|letter| Json(letter).into_response()).ok_or_else(known)
}

/// The newest dead letter of an action.
async fn refused(api: &Api, id: Id) -> Result<Option<Value>, Problem> {
    let log = api.0.log.clone();
    let newest = move || {
        let topic = Name::new(LETTERS)?;
        let ends = (0..log.partitions()).map(|partition| scan::end(&log, &topic, partition));
        ends.collect::<Result<Vec<u64>, _>>().ok()
    };
    let ends = tokio::task::spawn_blocking(newest).await.ok().flatten();
    let ends = ends.ok_or_else(|| Problem::later("busy", "the log could not be read"))?;
    let after = Position(ends.iter().map(|end| end.saturating_sub(LETTERS_BACK)).collect());
    let plan = Plan { after, ..Plan::new(api, LETTERS, None, usize::MAX, |_| None)? };
    let page = plan.run(api, move |partition, entry| {
        // Actions have no device, so their letters have no key.
        if !entry.key.is_empty() {
            return None;
        }
        let letter: Value = serde_json::from_slice(&entry.value).ok()?;
        let payload = letter.pointer("/frame/payload")?;
        let payload = match payload.as_str() {
            Some(hex) => serde_json::from_slice(&unhex(hex)?).ok()?,
            None => payload.clone(),
        };
        let same = payload.get("id").and_then(Value::as_str) == Some(id.as_str());
        same.then(|| {
            json!({"id": id, "outcome": "dead_letter", "letter": format!("{partition}-{}", entry.offset),
                "error": letter.get("error")})
        })
    });
    Ok(page.await?.rows.pop())
}

/// What became of a payment, part by part.
pub(super) async fn payment(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("no_such_payment", "no payment with this id counts for a session");
    let payment = Id::new(&id).map_err(|_| unknown())?;
    let parts: Vec<Box<RawValue>> = ask_all(&api, &Question::Payment(payment)).await?;
    if parts.is_empty() {
        return Err(unknown());
    }
    Ok(Json(json!({"payment": payment, "parts": parts})).into_response())
}

/// The bytes that hex digits stand for.
pub(super) fn unhex(hex: &str) -> Option<Vec<u8>> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    hex.as_bytes().chunks(2).map(digits).collect()
}
