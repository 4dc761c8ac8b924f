//! The committed records of a topic in order, each with its position.

use std::{fmt, time::Duration};

use axum::{
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{Api, params::Params, problem::Problem};
use crate::{
    clock::moment,
    log::{Entry, LogError, Name, SharedLog},
    record,
};

/// What is asked of a feed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    /// The position of the last record that the reader has; absent: from the beginning.
    after: Option<String>,
    /// How many records at most.
    limit: Option<usize>,
    /// How many seconds to wait for the first.
    wait: Option<u64>,
}

const PAGE: usize = 1000;
const LARGEST_PAGE: usize = 10_000;
const PAGE_BYTES: usize = 4 << 20;
/// A guess that keeps small pages from reading much more than they show.
const TYPICAL_BYTES: usize = 1 << 10;
const LONGEST_WAIT: u64 = 30;
/// How often a waiting request looks again.
const LOOK: Duration = Duration::from_millis(50);

/// How many records of each partition a reader has, and how many lines of the next: `12.0.7`, or `12.0-3.7`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Position(Vec<(u64, usize)>);

impl Position {
    fn parse(text: Option<&str>, partitions: u32) -> Option<Self> {
        let Some(text) = text else { return Some(Self(vec![(0, 0); partitions as usize])) };
        let number = |text: &str| {
            let (record, lines) = text.split_once('-').unwrap_or((text, "0"));
            Some((record.parse().ok()?, lines.parse().ok()?))
        };
        let numbers: Option<Vec<(u64, usize)>> = text.split('.').map(number).collect();
        numbers.filter(|numbers| numbers.len() == partitions as usize).map(Self)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(index, (record, lines))| {
            f.write_str(if index == 0 { "" } else { "." })?;
            write!(f, "{record}")?;
            if *lines == 0 { Ok(()) } else { write!(f, "-{lines}") }
        })
    }
}

/// JSON lines `{"position","partition","offset","key","record"}`.
pub(super) async fn feed(
    State(api): State<Api>,
    Path(topic): Path<String>,
    Params(ask): Params<Ask>,
) -> Result<Response, Problem> {
    let topic =
        Name::new(&topic).ok_or_else(|| Problem::not_found("no_such_topic", "not the name of a topic"))?;
    let position = Position::parse(ask.after.as_deref(), api.0.log.partitions())
        .ok_or_else(|| Problem::bad_request("bad_position", "after is no position of this server"))?;
    let limit = ask.limit.unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    let until = moment() + Duration::from_secs(ask.wait.unwrap_or(0).min(LONGEST_WAIT));
    loop {
        let (log, topic, position) = (api.0.log.clone(), topic.clone(), position.clone());
        let read = tokio::task::spawn_blocking(move || page(&log, &topic, position, limit)).await;
        let lines = read.map_err(|_| Problem::later("busy", "the log could not be read"))??;
        if !lines.is_empty() || moment() >= until || api.0.health.is_draining() {
            return Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response());
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn page(log: &SharedLog, topic: &Name, mut position: Position, limit: usize) -> Result<Vec<u8>, LogError> {
    let mut lines = Vec::new();
    let mut left = limit;
    for partition in 0..log.partitions() {
        let slot = partition as usize;
        while left > 0 && lines.len() < PAGE_BYTES {
            let (from, _) = position.0.get(slot).copied().unwrap_or_default();
            let bytes = left.saturating_mul(TYPICAL_BYTES).min(PAGE_BYTES);
            let entries = log.read(topic, partition, from, bytes, Duration::ZERO)?;
            if entries.is_empty() {
                break;
            }
            for entry in &entries {
                let values: Vec<&[u8]> = record::lines(&entry.value).collect();
                let read = position.0.get(slot).filter(|at| at.0 == entry.offset).map_or(0, |at| at.1);
                for (index, value) in values.iter().enumerate().skip(read).take(left) {
                    let all = index + 1 == values.len();
                    if let Some(at) = position.0.get_mut(slot) {
                        *at = if all { (entry.offset + 1, 0) } else { (entry.offset, index + 1) };
                    }
                    let index = (values.len() > 1).then_some(index);
                    line(&mut lines, &position, partition, entry, index, value);
                    left -= 1;
                }
                if left == 0 {
                    break;
                }
            }
        }
    }
    Ok(lines)
}

fn line(
    lines: &mut Vec<u8>,
    position: &Position,
    partition: u32,
    entry: &Entry,
    index: Option<usize>,
    value: &[u8],
) {
    let head = format!("{{\"position\":\"{position}\",\"partition\":{partition},\"offset\":{}", entry.offset);
    lines.extend_from_slice(head.as_bytes());
    if let Some(index) = index {
        lines.extend_from_slice(format!(",\"index\":{index}").as_bytes());
    }
    if !entry.key.is_empty() {
        lines.extend_from_slice(b",\"key\":");
        lines
            .extend_from_slice(&serde_json::to_vec(&String::from_utf8_lossy(&entry.key)).unwrap_or_default());
    }
    lines.extend_from_slice(b",\"record\":");
    lines.extend_from_slice(value);
    lines.extend_from_slice(b"}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions() {
        let position = Position::parse(Some("12.0.7"), 3).unwrap();
        assert_eq!(position.to_string(), "12.0.7");
        assert_eq!(Position::parse(None, 2).unwrap().to_string(), "0.0");
        assert_eq!(Position::parse(Some("12.0-3.7"), 3).unwrap().to_string(), "12.0-3.7");
        for bad in ["", "1", "1.2", "1.2.x", "1.2.3.4", "1.2-.3", "1.-2.3"] {
            assert_eq!(Position::parse(Some(bad), 3), None, "{bad}");
        }
    }
}
