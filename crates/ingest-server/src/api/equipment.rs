//! Devices as they are managed: what the site says of them, how they are, and which sessions they bear on.

use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, problem::Problem};
use crate::{log::Name, view};

/// Devices of a page, where nothing else is asked for, and at most.
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 200;
/// Sessions that are named for a device.
const SESSIONS: usize = 100;

/// Which devices.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    lot: Option<String>,
    protocol: Option<String>,
    online: Option<bool>,
    after: Option<String>,
    limit: Option<usize>,
}

/// A page of the site's devices, by id.
pub(super) async fn list(
    State(api): State<Api>,
    ask: Result<Query<Ask>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(ask) = ask.map_err(|error| Problem::bad_request("bad_query", error.body_text()))?;
    let limit = ask.limit.unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    let mut ids = api.0.keeper.ids("devices").await.unwrap_or_default();
    ids.sort_unstable();
    let (mut devices, mut looked_at, mut last) = (Vec::new(), 0, None);
    let rest = ids.into_iter().filter(|id| ask.after.as_ref().is_none_or(|after| id > after));
    for id in rest {
        // A page of few that fit must not read the whole log.
        if devices.len() == limit || looked_at == LARGEST_PAGE {
            return Ok(Json(json!({"devices": devices, "after": last})).into_response());
        }
        looked_at += 1;
        last = Some(id.clone());
        let Some(device) = device(&api, &id).await? else { continue };
        let fits = |wanted: &Option<String>, found: Option<&Value>| {
            wanted.as_deref().is_none_or(|wanted| found.and_then(Value::as_str) == Some(wanted))
        };
        let (entry, state) = (device.get("device"), device.get("state"));
        let field = |of: Option<&Value>, name: &str| of.and_then(|of| of.get(name)).cloned();
        let lot = field(state, "lot").or_else(|| field(entry, "lot"));
        let online = field(state, "online").and_then(|online| online.as_bool());
        if fits(&ask.lot, lot.as_ref())
            && fits(&ask.protocol, field(entry, "protocol").as_ref())
            && ask.online.is_none_or(|wanted| online == Some(wanted))
        {
            devices.push(device);
        }
    }
    Ok(Json(json!({"devices": devices})).into_response())
}

/// One device, with the sessions that frames can still change and that it began or ended, or that stand where it is.
pub(super) async fn one(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, Problem> {
    let mut found = device(&api, &id)
        .await?
        .ok_or_else(|| Problem::not_found("unknown_device", "the site has no such device"))?;
    let place =
        |name: &str| found.get("device").and_then(|entry| entry.get(name)?.as_str().map(str::to_owned));
    let (berth, lane) = (place("berth"), place("lane"));
    let of_it = view::Query { device: Some(id), limit: Some(SESSIONS), ..view::Query::default() };
    let mut asked = vec![of_it];
    if berth.is_some() || lane.is_some() {
        asked.push(view::Query { berth, lane, limit: Some(SESSIONS), ..view::Query::default() });
    }
    let mut sessions: Vec<String> = asked
        .iter()
        .flat_map(|query| api.0.desk.view.list(query).0)
        .map(|row| row.session().to_owned())
        .collect();
    sessions.sort_unstable();
    sessions.dedup();
    if let Value::Object(fields) = &mut found {
        fields.insert("sessions".to_owned(), json!(sessions));
    }
    Ok(Json(found).into_response())
}

/// What the site says of a device and its SIM card, and its newest record; that is an hour old at most where it is heard.
async fn device(api: &Api, id: &str) -> Result<Option<Value>, Problem> {
    let Some((entry, _)) = api.0.keeper.entry("devices", id).await else { return Ok(None) };
    let known = api.0.guard.directory.device(id);
    let kind = known.as_ref().map(|known| known.kind.word());
    let mut found = json!({"device": entry, "kind": kind});
    if let Some(sim) = entry.get("sim").and_then(Value::as_str) {
        found["sim"] = api.0.keeper.entry("sims", sim).await.map_or(Value::Null, |(sim, _)| sim);
    }
    if let Some(known) = known {
        let (log, key, partition) = (api.0.log.clone(), id.to_owned(), known.partition);
        let find = move || {
            Name::new("devices").map_or(Ok(None), |topic| log.find(&topic, partition, key.as_bytes()))
        };
        let record = tokio::task::spawn_blocking(find).await;
        let record = record.map_err(|_| Problem::later("busy", "the log could not be read"))??;
        if let Some(mut state) = record.and_then(|record| serde_json::from_slice::<Value>(&record.value).ok())
        {
            // Devices of a lot that fell silent as a whole have no records of their own about it.
            let lot = state.get("lot").and_then(Value::as_str);
            if lot.is_some_and(|lot| api.0.desk.alerts.silent_lots().contains(lot)) {
                state["online"] = false.into();
            }
            found["state"] = state;
        }
    }
    Ok(Some(found))
}
