//! What is due now.

use axum::{Json, extract::State, http::StatusCode};
use parking_types::{Id, Instant, Plate};
use parkline::ask::{Question, Subject};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Api, asking::ask, params::Params, problem::Problem, sessions};
use crate::{
    directory::{Spot, group_hash},
    partition,
};

/// Whose: one of the first five, or a ticket of a lot.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    session: Option<String>,
    berth: Option<String>,
    code: Option<String>,
    lane: Option<String>,
    plate: Option<String>,
    ticket: Option<Id>,
    /// Of a plate or a ticket: only there.
    lot: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Due {
    at: String,
    due: Vec<Box<RawValue>>,
}

/// So many sessions of one plate are asked for.
const OF_PLATE: usize = 64;

/// The open session first, then those that left without paying; of open ones what they would cost if they ended now.
pub(super) async fn due(State(api): State<Api>, Params(whose): Params<Whose>) -> Result<Json<Due>, Problem> {
    let at = api.0.clock.now();
    let mut due = Vec::new();
    for (partition, of) in subjects(&api, &whose)? {
        due.extend(ask(&api, partition, &Question::Due { at, of }).await?);
    }
    if let Some(lot) = &whose.lot {
        due.retain(|owed| is_of(owed, lot));
    }
    if let (Some(session), true) = (whose.session, due.is_empty()) {
        due.push(left(&api, session, at).await?);
    }
    Ok(Json(Due { at: at.to_string(), due }))
}

type Subjects = Vec<(u32, Vec<Subject>)>;

fn subjects(api: &Api, whose: &Whose) -> Result<Subjects, Problem> {
    let Whose { session, berth, code, lane, plate, ticket, lot } = whose;
    let places = api.0.guard.directory.places();
    match (session, berth, code, lane, plate, ticket) {
        (Some(session), None, None, None, None, None) => {
            let unknown = || Problem::not_found("no_such_session", "not a session's id");
            let hash = group_hash(session).ok_or_else(unknown)?;
            let partition = partition::of_hash(hash, api.0.log.partitions());
            Ok(vec![(partition, vec![Subject::Session(Id::from_ascii(session.as_bytes()))])])
        }
        (None, Some(berth), None, None, None, None) => of_berth(api, berth),
        (None, None, None, Some(lane), None, None) => of_lane(api, lane),
        (None, None, Some(code), None, plate, ticket) => match places.code(code) {
            Some(Spot::Berth(berth)) => of_berth(api, berth),
            Some(Spot::Lane(lane)) => of_lane(api, lane),
            Some(Spot::Lot(lot)) if plate.is_some() || ticket.is_some() => {
                let (plate, lot) = (plate.clone(), Some(lot.clone()));
                subjects(api, &Whose { plate, lot, ticket: *ticket, ..Whose::default() })
            }
            Some(Spot::Lot(_)) => Err(wanted("the code of a lot wants a plate or a ticket with it")),
            None => Err(Problem::not_found("no_such_code", "nothing of the site has this code")),
        },
        (None, None, None, None, Some(plate), None) => Ok(of_plate(api, plate)),
        (None, None, None, None, None, Some(ticket)) => {
            let lot = lot.as_deref().ok_or_else(|| wanted("a ticket wants the lot with it"))?;
            let partition = places.partition(lot).ok_or_else(|| unknown("lot"))?;
            Ok(vec![(partition, vec![Subject::Ticket(id(lot, "lot")?, *ticket)])])
        }
        _ => Err(wanted("expected one of session, berth, code, lane, plate, or ticket and lot")),
    }
}

fn of_berth(api: &Api, berth: &str) -> Result<Subjects, Problem> {
    let places = api.0.guard.directory.places();
    let found = places.berths.get(berth).and_then(|berth| places.partition(&berth.lot));
    let partition = found.ok_or_else(|| unknown("berth"))?;
    Ok(vec![(partition, vec![Subject::Berth(id(berth, "berth")?)])])
}

fn of_lane(api: &Api, lane: &str) -> Result<Subjects, Problem> {
    let places = api.0.guard.directory.places();
    let partition = places.lanes.get(lane).and_then(|lot| places.partition(lot));
    let partition = partition.ok_or_else(|| unknown("lane"))?;
    Ok(vec![(partition, vec![Subject::Lane(id(lane, "lane")?)])])
}

fn of_plate(api: &Api, plate: &str) -> Subjects {
    let canonical = Plate::parse(plate);
    let plate = canonical.as_ref().map_or(plate, |plate| plate.as_str());
    let mut by_partition = Subjects::new();
    for (session, partition) in api.0.desk.owing.of(plate, OF_PLATE) {
        let subject = Subject::Session(Id::from_ascii(session.as_bytes()));
        match by_partition.iter_mut().find(|(known, _)| *known == partition) {
            Some((_, subjects)) => subjects.push(subject),
            None => by_partition.push((partition, vec![subject])),
        }
    }
    by_partition
}

fn id(text: &str, what: &'static str) -> Result<Id, Problem> {
    Id::new(text).map_err(|_| unknown(what))
}

fn unknown(what: &'static str) -> Problem {
    match what {
        "berth" => Problem::not_found("no_such_berth", "the site has no such berth"),
        "lane" => Problem::not_found("no_such_lane", "the site has no such lane"),
        _ => Problem::not_found("no_such_lot", "the site has no such lot"),
    }
}

fn wanted(why: &'static str) -> Problem {
    Problem::bad_request("bad_query", why)
}

fn is_of(owed: &RawValue, lot: &str) -> bool {
    #[derive(Deserialize)]
    struct Of<'a> {
        #[serde(borrow)]
        lot: std::borrow::Cow<'a, str>,
    }
    serde_json::from_str::<Of<'_>>(owed.get()).is_ok_and(|of| of.lot == lot)
}

/// A session that its worker does not hold any more: what its last charge record says.
async fn left(api: &Api, session: String, at: Instant) -> Result<Box<RawValue>, Problem> {
    let charge = sessions::newest(api, "charges", session).await?;
    let charge: serde_json::Value = serde_json::from_slice(&charge).unwrap_or_default();
    let mut owed = serde_json::Map::new();
    for name in ["session", "lot", "plate", "entry", "exit", "currency", "total", "outstanding"] {
        if let Some(value) = charge.get(name) {
            owed.insert(name.to_owned(), value.clone());
        }
    }
    let state = match charge.get("order").and_then(serde_json::Value::as_str) {
        Some("void") => "void",
        Some("exception") => "exception",
        _ => "closed",
    };
    owed.insert("state".to_owned(), state.into());
    let end = charge.get("exit").cloned();
    owed.insert("at".to_owned(), end.unwrap_or_else(|| at.to_string().into()));
    owed.insert("receipt".to_owned(), charge);
    serde_json::value::to_raw_value(&owed)
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no_answer", ""))
}
