//! Raw frames by device and time.

use axum::{
    extract::{Path, State},
    response::Response,
};
use parking_types::Instant;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Api,
    params::{Params, page},
    problem::Problem,
    scan::Plan,
    sessions::json,
};
use crate::{
    host::FRAMES,
    log::{Entry, Name},
    record, view,
};

/// Which frames.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    device: Option<String>,
    protocol: Option<String>,
    /// Received then or later …
    #[serde(default, deserialize_with = "view::maybe_instant")]
    from: Option<Instant>,
    /// … and before this.
    #[serde(default, deserialize_with = "view::maybe_instant")]
    to: Option<Instant>,
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Default, Deserialize)]
struct Keys<'a> {
    #[serde(borrow)]
    device: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    protocol: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

/// Frames as they were received, partition by partition.
pub(super) async fn list(State(api): State<Api>, Params(which): Params<Which>) -> Result<Response, Problem> {
    let plan = Plan::new(&api, FRAMES, which.after.as_deref(), page(which.limit), record::received_at)?;
    let plan = Plan { from: which.from, to: which.to, ..plan };
    let (device, protocol) = (which.device, which.protocol);
    let page = plan.run(&api, move |partition, entry| {
        let keys: Keys<'_> = serde_json::from_slice(&entry.value).ok()?;
        let same = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        let fits = keys.payload.is_some()
            && same(&device, keys.device.as_deref())
            && same(&protocol, keys.protocol.as_deref());
        fits.then(|| exported(partition, entry))
    });
    Ok(json(page.await?.json("frames").into()))
}

/// One record of the frames log.
pub(super) async fn one(State(api): State<Api>, Path(name): Path<String>) -> Result<Response, Problem> {
    let (partition, entry) = find(&api, &name).await?;
    Ok(json(exported(partition, &entry).into()))
}

/// A record as exports write it: with its position.
pub(super) fn exported(partition: u32, entry: &Entry) -> Vec<u8> {
    let head = format!("{{\"position\":\"{partition}-{}\",", entry.offset);
    let members = entry.value.strip_prefix(b"{").unwrap_or(&entry.value);
    [head.as_bytes(), members].concat()
}

/// The record with this name: `partition-offset`.
pub(super) async fn find(api: &Api, name: &str) -> Result<(u32, Entry), Problem> {
    read(api, FRAMES, name).await.ok_or_else(|| Problem::not_found("no_such_frame", "there is no such frame"))
}

/// The record of a topic with this name: `partition-offset`.
pub(super) async fn read(api: &Api, topic: &'static str, name: &str) -> Option<(u32, Entry)> {
    let (partition, offset) = name.split_once('-')?;
    let (partition, offset) = (partition.parse::<u32>().ok()?, offset.parse::<u64>().ok()?);
    let (topic, log) = (Name::new(topic)?, api.0.log.clone());
    let read = move || log.read(&topic, partition, offset, 1, std::time::Duration::ZERO);
    let entries = tokio::task::spawn_blocking(read).await.ok()?.ok()?;
    let entry = entries.into_iter().next().filter(|entry| entry.offset == offset)?;
    Some((partition, entry))
}
