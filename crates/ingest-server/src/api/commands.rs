//! Commands, each in its last state.

use std::{collections::HashMap, time::Duration};

use axum::{extract::State, response::Response};
use parking_types::Instant;
use serde::Deserialize;

use super::{
    Api,
    params::{Params, page},
    problem::Problem,
    scan::{Page, Plan},
    sessions::json,
};
use crate::{
    log::{LogError, Name, SharedLog},
    view,
};

/// The topic.
const TOPIC: &str = "commands";
/// Within so many records after a command stands what became of it.
const SOON: u64 = 4096;
const CHUNK: usize = 1 << 20;

/// Which commands.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    device: Option<String>,
    lane: Option<String>,
    session: Option<String>,
    /// The last that is known: `requested`, `sent`, `accepted` …
    state: Option<String>,
    /// Made then or later …
    #[serde(default, deserialize_with = "view::maybe_instant")]
    from: Option<Instant>,
    /// … and before this.
    #[serde(default, deserialize_with = "view::maybe_instant")]
    to: Option<Instant>,
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
struct Keys {
    command: String,
    device: Option<String>,
    lane: Option<String>,
    session: Option<String>,
    state: String,
    at: String,
}

fn at(record: &[u8]) -> Option<Instant> {
    serde_json::from_slice::<Keys>(record).ok()?.at.parse().ok()
}

/// A command's first record, and where it stands.
struct Made {
    partition: u32,
    offset: u64,
    command: String,
    record: Vec<u8>,
}

/// Commands in the order in which they were made, partition by partition.
pub(super) async fn list(State(api): State<Api>, Params(which): Params<Which>) -> Result<Response, Problem> {
    let plan = Plan::new(&api, TOPIC, which.after.as_deref(), page(which.limit), at)?;
    let plan = Plan { from: which.from, to: which.to, ..plan };
    let wanted = which.state.clone();
    let made = plan.run(&api, move |partition, entry| {
        let keys: Keys = serde_json::from_slice(&entry.value).ok()?;
        let same = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        let fits = keys.state == "requested"
            && same(&which.device, &keys.device)
            && same(&which.lane, &keys.lane)
            && same(&which.session, &keys.session);
        let (offset, command) = (entry.offset, keys.command);
        fits.then(|| Made { partition, offset, command, record: entry.value.to_vec() })
    });
    let Page { rows, after } = made.await?;
    let log = api.0.log.clone();
    let latest = tokio::task::spawn_blocking(move || latest(&log, rows)).await;
    let rows = latest.map_err(|_| Problem::later("busy", "the log could not be read"))??;
    let in_state = |row: &Made| {
        wanted.is_none() || serde_json::from_slice::<Keys>(&row.record).ok().map(|keys| keys.state) == wanted
    };
    let rows = rows.into_iter().filter(in_state).map(|row| row.record).collect();
    Ok(json(Page { rows, after }.json("commands").into()))
}

/// The last state of each: what became of a command stands soon after it.
fn latest(log: &SharedLog, mut rows: Vec<Made>) -> Result<Vec<Made>, LogError> {
    let Some(topic) = Name::new(TOPIC) else { return Ok(rows) };
    let places: HashMap<String, usize> =
        rows.iter().enumerate().map(|(place, row)| (row.command.clone(), place)).collect();
    for partition in 0..log.partitions() {
        let of = rows.iter().filter(|row| row.partition == partition).map(|row| row.offset);
        let Some((first, last)) = of.clone().min().zip(of.max()) else { continue };
        let mut next = first + 1;
        while next <= last + SOON {
            let entries = log.read(&topic, partition, next, CHUNK, Duration::ZERO)?;
            let Some(end) = entries.last().map(|entry| entry.offset + 1) else { break };
            for entry in entries {
                let keys = serde_json::from_slice::<Keys>(&entry.value).ok();
                let row = keys.and_then(|keys| rows.get_mut(*places.get(&keys.command)?));
                if let Some(row) = row {
                    row.record = entry.value.to_vec();
                }
            }
            next = end;
        }
    }
    Ok(rows)
}
