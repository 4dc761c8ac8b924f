//! The sessions that frames can still change, as the API reads them: a lock-free table that workers write.

use std::{
    collections::BTreeSet,
    ops::Bound,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use crossbeam_skiplist::SkipMap;
use parking_types::Instant;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::log::lock;

/// The newest revision of a session that is not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The partition that its records are in.
    pub partition: u32,
    /// The session record.
    pub json: Bytes,
    keys: Keys,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Keys {
    session: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    revision: u64,
    #[serde(default)]
    settled: bool,
    plate: Option<String>,
    lot: Option<String>,
    berth: Option<String>,
    lane_in: Option<String>,
    lane_out: Option<String>,
    #[serde(default)]
    origin: String,
    entry: Option<Edge>,
    exit: Option<Edge>,
}

impl Row {
    /// Its id.
    pub fn session(&self) -> &str {
        &self.keys.session
    }

    /// The plate of its vehicle, where it is known.
    pub fn plate(&self) -> Option<&str> {
        self.keys.plate.as_deref()
    }
}

impl Keys {
    fn is_open(&self) -> bool {
        self.state == "open"
    }

    /// The lot and the berth, where it is open and stands on one.
    fn stands_on(&self) -> Option<(&str, &str)> {
        self.lot.as_deref().zip(self.berth.as_deref()).filter(|_| self.is_open())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Edge {
    #[serde(deserialize_with = "instant")]
    at: Instant,
    device: Option<String>,
}

/// What is asked of the live sessions; absent: anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// `open`, `closed`, `void`, `exception`.
    pub state: Option<String>,
    /// The plate's text.
    pub plate: Option<String>,
    /// The lot.
    pub lot: Option<String>,
    /// The berth.
    pub berth: Option<String>,
    /// The lane of its entry or exit.
    pub lane: Option<String>,
    /// The device of its entry or exit.
    pub device: Option<String>,
    /// Who made it: `device`, `patrol`, `owner`, `partner`, `system`.
    pub origin: Option<String>,
    /// It began at this instant or later; where its entry is not known, it ended then.
    #[serde(default, deserialize_with = "maybe_instant")]
    pub from: Option<Instant>,
    /// … and before this one.
    #[serde(default, deserialize_with = "maybe_instant")]
    pub to: Option<Instant>,
    /// The session after which the page starts.
    pub after: Option<String>,
    /// How many at most; 100 where not given, at most 1000.
    pub limit: Option<usize>,
}

/// The live sessions by id, and which of them stand on a berth now.
#[derive(Default)]
pub struct View {
    rows: SkipMap<String, Arc<Row>>,
    /// The open session of each berth that has one.
    berths: SkipMap<String, String>,
    /// How many berths of each lot have one.
    occupied: SkipMap<String, AtomicU64>,
    /// How many of them are open.
    open: AtomicU64,
    /// Partitions of other processes that are not read yet.
    lacks: Mutex<BTreeSet<u32>>,
}

const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1000;

impl View {
    /// Takes a session record unless a later one is known; a settled one leaves the view.
    pub fn put(&self, partition: u32, json: &[u8]) {
        let Ok(keys) = serde_json::from_slice::<Keys>(json) else { return };
        // A session's records come from one worker, one after the other, or from what it published.
        let known = self.rows.get(&keys.session);
        if known.as_ref().is_some_and(|known| known.value().keys.revision > keys.revision) {
            return;
        }
        let before = known.is_some_and(|known| known.value().keys.is_open());
        self.count(before, keys.is_open() && !keys.settled);
        self.stand(&keys);
        if keys.settled {
            self.rows.remove(&keys.session);
        } else {
            let row = Row { partition, json: Bytes::copy_from_slice(json), keys };
            let revision = row.keys.revision;
            let newer = |known: &Arc<Row>| known.keys.revision <= revision;
            self.rows.compare_insert(row.keys.session.clone(), Arc::new(row), newer);
        }
    }

    fn count(&self, before: bool, now: bool) {
        match (before, now) {
            (false, true) => drop(self.open.fetch_add(1, Relaxed)),
            (true, false) => drop(self.open.fetch_sub(1, Relaxed)),
            _ => {}
        }
    }

    /// How many sessions are open.
    pub fn open(&self) -> u64 {
        self.open.load(Relaxed)
    }

    /// These partitions' sessions come from elsewhere and are yet to be read.
    pub fn lack(&self, partitions: std::ops::Range<u32>) {
        lock(&self.lacks).extend(partitions);
    }

    /// All that was there of a partition has been read.
    pub fn has_read(&self, partition: u32) {
        lock(&self.lacks).remove(&partition);
    }

    /// Of how many partitions sessions may be missing.
    pub fn lacking(&self) -> usize {
        lock(&self.lacks).len()
    }

    /// Notes which berth a session stands on now, and that it left the one it stood on before.
    fn stand(&self, keys: &Keys) {
        let before = self.find(&keys.session);
        let (from, to) = (before.as_deref().and_then(|row| row.keys.stands_on()), keys.stands_on());
        if let Some((lot, berth)) = from.filter(|from| Some(*from) != to) {
            let own = self.berths.get(berth).filter(|entry| *entry.value() == keys.session);
            if own.is_some_and(|entry| entry.remove()) {
                self.occupied.get(lot).map(|count| count.value().fetch_sub(1, Relaxed));
            }
        }
        if let Some((lot, berth)) = to {
            if !self.berths.contains_key(berth) {
                let count = self.occupied.get_or_insert_with(lot.to_owned(), AtomicU64::default);
                count.value().fetch_add(1, Relaxed);
            }
            self.berths.insert(berth.to_owned(), keys.session.clone());
        }
    }

    /// The open session of a berth.
    pub fn on_berth(&self, berth: &str) -> Option<Arc<Row>> {
        self.find(self.berths.get(berth)?.value())
    }

    /// How many berths of a lot have an open session.
    pub fn occupied(&self, lot: &str) -> u64 {
        self.occupied.get(lot).map_or(0, |count| count.value().load(Relaxed))
    }

    /// One session.
    pub fn find(&self, session: &str) -> Option<Arc<Row>> {
        self.rows.get(session).map(|entry| entry.value().clone())
    }

    /// A page of the sessions that fit, by id, and the id to go on after where there may be more.
    pub fn list(&self, query: &Query) -> (Vec<Arc<Row>>, Option<String>) {
        let limit = query.limit.unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
        let start = query.after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut rows: Vec<Arc<Row>> = Vec::new();
        for entry in self.rows.range::<str, _>((start, Bound::Unbounded)) {
            if rows.len() == limit {
                return (rows.clone(), rows.last().map(|row| row.keys.session.clone()));
            }
            if fits(&entry.value().keys, query) {
                rows.push(entry.value().clone());
            }
        }
        (rows, None)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Appends the records of a partition, each with its length before it.
    pub fn save(&self, partition: u32, bytes: &mut Vec<u8>) {
        for entry in self.rows.iter().filter(|entry| entry.value().partition == partition) {
            let json = &entry.value().json;
            bytes.extend_from_slice(&(json.len() as u32).to_le_bytes());
            bytes.extend_from_slice(json);
        }
    }

    /// Replaces a partition's records by what [`save`](Self::save) gave.
    pub fn restore(&self, partition: u32, mut saved: &[u8]) {
        for entry in self.rows.iter().filter(|entry| entry.value().partition == partition) {
            self.count(entry.value().keys.is_open(), false);
            self.stand(&Keys { state: String::new(), ..entry.value().keys.clone() });
            entry.remove();
        }
        while let Some((len, rest)) = saved.split_at_checked(4) {
            let len = len.try_into().map_or(0, u32::from_le_bytes) as usize;
            let Some((json, rest)) = rest.split_at_checked(len) else { return };
            self.put(partition, json);
            saved = rest;
        }
    }
}

fn fits(keys: &Keys, query: &Query) -> bool {
    let same =
        |wanted: &Option<String>, found: Option<&str>| wanted.as_deref().is_none_or(|w| found == Some(w));
    let either = |wanted: &Option<String>, found: [Option<&str>; 2]| {
        wanted.as_deref().is_none_or(|wanted| found.contains(&Some(wanted)))
    };
    let began = keys.entry.as_ref().or(keys.exit.as_ref()).map(|edge| edge.at);
    same(&query.state, Some(&keys.state))
        && same(&query.plate, keys.plate.as_deref())
        && same(&query.lot, keys.lot.as_deref())
        && same(&query.berth, keys.berth.as_deref())
        && same(&query.origin, Some(&keys.origin))
        && either(&query.lane, [keys.lane_in.as_deref(), keys.lane_out.as_deref()])
        && either(&query.device, [&keys.entry, &keys.exit].map(|edge| edge.as_ref()?.device.as_deref()))
        && query.from.is_none_or(|from| began.is_some_and(|at| from <= at))
        && query.to.is_none_or(|to| began.is_some_and(|at| at < to))
}

fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Instant, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// An instant as RFC 3339 writes it.
pub(crate) fn maybe_instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Instant>, D::Error> {
    instant(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: u32, state: &str, lot: &str, settled: bool) -> Vec<u8> {
        format!(r#"{{"v":1,"session":"s{id:03}","state":"{state}","lot":"{lot}","settled":{settled}}}"#)
            .into_bytes()
    }

    fn filled() -> View {
        let view = View::default();
        for id in 0..10 {
            let lot = if id % 2 == 0 { "L1" } else { "L2" };
            view.put(id % 2, &session(id, "open", lot, false));
        }
        view
    }

    fn ids(rows: &[Arc<Row>]) -> Vec<&str> {
        rows.iter().map(|row| row.keys.session.as_str()).collect()
    }

    #[test]
    fn pages_are_stable_and_filters_hold() {
        let view = filled();
        let mut query = Query { lot: Some("L1".to_owned()), limit: Some(2), ..Query::default() };
        let (page, after) = view.list(&query);
        assert_eq!((ids(&page), after.as_deref()), (vec!["s000", "s002"], Some("s002")));
        view.put(0, &session(1, "open", "L1", false));
        query.after = after;
        let (page, after) = view.list(&query);
        assert_eq!((ids(&page), after.as_deref()), (vec!["s004", "s006"], Some("s006")));
        query.after = after;
        assert_eq!(view.list(&query).1, None);
    }

    #[test]
    fn a_session_is_found_by_lane_device_origin_and_time() {
        let view = View::default();
        let entry = r#""entry":{"at":"2026-03-02T08:00:00+08:00","device":"c-in"}"#;
        let exit = r#""exit":{"at":"2026-03-02T09:00:00+08:00","device":"c-out"}"#;
        for (id, rest) in [
            ("s1", format!(r#""lane_in":"in","origin":"device",{entry}"#)),
            ("s2", format!(r#""lane_in":"in","lane_out":"out","origin":"device",{entry},{exit}"#)),
            ("s3", format!(r#""lane_out":"out","origin":"patrol",{exit}"#)),
        ] {
            view.put(0, format!(r#"{{"v":1,"session":"{id}","state":"open",{rest}}}"#).as_bytes());
        }
        let found = |query: &str| {
            let query: Query = serde_json::from_str(query).unwrap();
            view.list(&query).0.iter().map(|row| row.keys.session.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(found(r#"{"lane":"in"}"#), "s1 s2");
        assert_eq!(found(r#"{"device":"c-out"}"#), "s2 s3");
        assert_eq!(found(r#"{"origin":"patrol"}"#), "s3");
        assert_eq!(found(r#"{"from":"2026-03-02T00:30:00Z"}"#), "s3");
        assert_eq!(found(r#"{"from":"2026-03-02T00:00:00Z","to":"2026-03-02T01:00:00Z"}"#), "s1 s2");
        assert!(serde_json::from_str::<Query>(r#"{"from":"yesterday"}"#).is_err());
    }

    #[test]
    fn the_newest_revision_counts_and_a_settled_session_leaves() {
        let view = filled();
        view.put(0, &session(2, "closed", "L1", false));
        assert_eq!(view.find("s002").unwrap().keys.state, "closed");
        let closed = Query { state: Some("closed".to_owned()), ..Query::default() };
        assert_eq!(ids(&view.list(&closed).0), ["s002"]);
        view.put(0, &session(2, "closed", "L1", true));
        assert_eq!((view.find("s002"), view.len()), (None, 9));
        view.put(0, b"no session");
        assert_eq!(view.len(), 9);
    }

    #[test]
    fn a_berth_is_occupied_while_its_session_is_open() {
        let view = View::default();
        let put = |id: &str, state: &str, berth: &str| {
            let json = format!(r#"{{"session":"{id}","state":"{state}","lot":"L1","berth":"{berth}"}}"#);
            view.put(0, json.as_bytes());
        };
        let on = |berth: &str| view.on_berth(berth).map(|row| row.keys.session.clone());
        put("s1", "open", "b1");
        put("s1", "open", "b1");
        assert_eq!((on("b1"), view.occupied("L1")), (Some("s1".to_owned()), 1));
        put("s1", "open", "b2");
        assert_eq!((on("b1"), on("b2"), view.occupied("L1")), (None, Some("s1".to_owned()), 1));
        put("s2", "open", "b1");
        put("s1", "closed", "b2");
        assert_eq!((on("b2"), view.occupied("L1")), (None, 1));
        let mut saved = Vec::new();
        view.save(0, &mut saved);
        put("s3", "open", "b3");
        view.restore(0, &saved);
        assert_eq!((on("b1"), on("b3"), view.occupied("L1")), (Some("s2".to_owned()), None, 1));
    }

    #[test]
    fn a_partition_is_saved_and_restored_alone() {
        let view = filled();
        let mut saved = Vec::new();
        view.save(0, &mut saved);
        view.put(0, &session(98, "open", "L1", false));
        view.restore(0, &saved);
        assert_eq!((view.find("s098"), view.len()), (None, 10));
        view.restore(1, &[]);
        assert_eq!(view.len(), 5);
    }
}
