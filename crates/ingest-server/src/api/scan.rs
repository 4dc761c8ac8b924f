//! Going through a topic's records a page at a time, from a position or an instant on.

use std::{fmt, time::Duration};

use parking_types::Instant;

use super::{Api, problem::Problem};
use crate::{
    log::{Entry, LogError, Name, SharedLog},
    record,
};

/// How many records of each partition a reader has: `12.0.7`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position(pub(super) Vec<u64>);

impl Position {
    pub(super) fn parse(text: Option<&str>, partitions: u32) -> Option<Self> {
        let Some(text) = text else { return Some(Self(vec![0; partitions as usize])) };
        let numbers: Option<Vec<u64>> = text.split('.').map(|number| number.parse().ok()).collect();
        numbers.filter(|numbers| numbers.len() == partitions as usize).map(Self)
    }
}

impl Position {
    /// The reader has a partition's records up to this one.
    pub(super) fn reached(&mut self, partition: u32, next: u64) {
        if let Some(number) = self.0.get_mut(partition as usize) {
            *number = next;
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(index, number)| match index {
            0 => write!(f, "{number}"),
            _ => write!(f, ".{number}"),
        })
    }
}

/// What of a topic is wanted.
pub(super) struct Plan {
    pub(super) topic: Name,
    pub(super) after: Position,
    pub(super) from: Option<Instant>,
    /// Before this.
    pub(super) to: Option<Instant>,
    pub(super) limit: usize,
    /// In this partition alone.
    pub(super) partition: Option<u32>,
    /// When a record was made; in each partition about ascending.
    pub(super) time_of: fn(&[u8]) -> Option<Instant>,
}

/// Rows, and where to go on where there may be more.
#[derive(Debug)]
pub(super) struct Page<T = Vec<u8>> {
    pub(super) rows: Vec<T>,
    pub(super) after: Option<Position>,
}

impl Page {
    /// `{"NAME":[…],"after":"…"}`.
    pub(super) fn json(&self, name: &str) -> Vec<u8> {
        let mut body = format!("{{\"{name}\":[").into_bytes();
        body.extend_from_slice(&self.rows.join(&b','));
        body.push(b']');
        if let Some(after) = &self.after {
            body.extend_from_slice(format!(",\"after\":\"{after}\"").as_bytes());
        }
        body.push(b'}');
        body
    }
}

/// Bytes of records that one request goes through; who wants more goes on after the page.
const BUDGET: usize = 32 << 20;
const CHUNK: usize = 1 << 20;
/// Records that are looked at to tell the time of a place; some may be from before, as they were put in again.
const PROBE: usize = 8;
const PROBE_BYTES: usize = 4 << 10;
/// Times within a partition ascend but for this many records.
const SLACK: u64 = 64;

impl Plan {
    /// A plan for a topic of the API's log.
    pub(super) fn new(
        api: &Api,
        topic: &'static str,
        after: Option<&str>,
        limit: usize,
        time_of: fn(&[u8]) -> Option<Instant>,
    ) -> Result<Self, Problem> {
        let after = Position::parse(after, api.0.log.partitions())
            .ok_or_else(|| Problem::bad_request("bad_position", "after is no position of this server"))?;
        let topic = Name::new(topic).ok_or_else(|| Problem::not_found("no_such_topic", ""))?;
        Ok(Self { topic, after, from: None, to: None, limit, partition: None, time_of })
    }

    /// Goes through the records; `row` makes a row of each that is wanted.
    pub(super) async fn run<T: Send + 'static>(
        self,
        api: &Api,
        row: impl FnMut(u32, &Entry) -> Option<T> + Send + 'static,
    ) -> Result<Page<T>, Problem> {
        let log = api.0.log.clone();
        let read = tokio::task::spawn_blocking(move || self.scan(&log, row)).await;
        Ok(read.map_err(|_| Problem::later("busy", "the log could not be read"))??)
    }

    fn scan<T>(
        self,
        log: &SharedLog,
        mut row: impl FnMut(u32, &Entry) -> Option<T>,
    ) -> Result<Page<T>, LogError> {
        let (mut page, mut position) = (Page { rows: Vec::new(), after: None }, self.after.clone());
        let mut budget = BUDGET;
        for partition in (0..log.partitions()).filter(|at| self.partition.is_none_or(|only| only == *at)) {
            let mut next = position.0.get(partition as usize).copied().unwrap_or(0);
            if let (0, Some(from)) = (next, self.from) {
                next = seek(log, &self.topic, partition, from, self.time_of)?;
            }
            'partition: loop {
                let entries = log.read(&self.topic, partition, next, CHUNK.min(budget), Duration::ZERO)?;
                if entries.is_empty() {
                    break;
                }
                for entry in entries {
                    let at = (self.time_of)(&entry.value);
                    if self.to.zip(at).is_some_and(|(to, at)| at >= to) {
                        break 'partition;
                    }
                    if page.rows.len() >= self.limit || budget == 0 {
                        page.after = Some(position);
                        return Ok(page);
                    }
                    next = entry.offset + 1;
                    position.reached(partition, next);
                    budget = budget.saturating_sub(entry.value.len());
                    // Small frames share a record, a line each.
                    for line in record::lines(&entry.value) {
                        let at = (self.time_of)(line);
                        let wanted = self.from.zip(at).is_none_or(|(from, at)| at >= from)
                            && self.to.zip(at).is_none_or(|(to, at)| at < to);
                        if wanted {
                            let line = Entry { value: entry.value.slice_ref(line), ..entry.clone() };
                            page.rows.extend(row(partition, &line));
                        }
                    }
                }
            }
        }
        Ok(page)
    }
}

/// A place before the first record of a partition that was made at `at` or later.
pub(super) fn seek(
    log: &SharedLog,
    topic: &Name,
    partition: u32,
    at: Instant,
    time_of: fn(&[u8]) -> Option<Instant>,
) -> Result<u64, LogError> {
    let is_after = |offset: u64| {
        let entries = log.read(topic, partition, offset, PROBE_BYTES, Duration::ZERO)?;
        let newest = entries.iter().take(PROBE).filter_map(|entry| time_of(&entry.value)).max();
        Ok(entries.is_empty() || newest.is_some_and(|newest| newest >= at))
    };
    Ok(first(is_after)?.saturating_sub(SLACK))
}

/// The offset after the last record of a partition.
pub(super) fn end(log: &SharedLog, topic: &Name, partition: u32) -> Result<u64, LogError> {
    first(|offset| Ok(log.read(topic, partition, offset, 1, Duration::ZERO)?.is_empty()))
}

/// The first number for which `holds`, which holds for all after it too.
fn first(holds: impl Fn(u64) -> Result<bool, LogError>) -> Result<u64, LogError> {
    let (mut low, mut high) = (0, 1);
    while !holds(high)? {
        (low, high) = (high + 1, high.saturating_mul(2));
    }
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle)? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions() {
        let position = Position::parse(Some("12.0.7"), 3).unwrap();
        assert_eq!(position.to_string(), "12.0.7");
        assert_eq!(Position::parse(None, 2).unwrap().to_string(), "0.0");
        for bad in ["", "1", "1.2", "1.2.x", "1.2.3.4"] {
            assert_eq!(Position::parse(Some(bad), 3), None, "{bad}");
        }
    }

    #[test]
    fn the_first_that_holds_is_found() {
        for wanted in [0, 1, 2, 3, 7, 8, 1000, 12_345] {
            assert_eq!(first(|number| Ok(number >= wanted)), Ok(wanted));
        }
    }
}
