//! The alerts that are open, as the API reads them; workers write.

use std::{collections::HashSet, ops::Bound, sync::Arc};

use bytes::Bytes;
use crossbeam_skiplist::SkipMap;
use serde::Deserialize;

/// Open alerts by id.
#[derive(Default)]
pub struct OpenAlerts(SkipMap<String, Arc<Alert>>);

/// An alert's newest record, with what it is chosen by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    partition: u32,
    /// The record.
    pub json: Bytes,
    /// What it is chosen by.
    pub keys: Keys,
}

/// What alerts are chosen by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Keys {
    alert: String,
    kind: String,
    severity: String,
    lot: Option<String>,
    device: Option<String>,
    /// When it was cured.
    pub closed_at: Option<String>,
}

/// What is asked of alerts; absent: anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What is wrong: `offline`, `refused` …
    pub kind: Option<String>,
    /// `info`, `warning`, `critical`.
    pub severity: Option<String>,
    /// The lot.
    pub lot: Option<String>,
    /// The device.
    pub device: Option<String>,
}

impl Wanted {
    /// Whether an alert is one of these.
    pub fn fits(&self, keys: &Keys) -> bool {
        let same = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        same(&self.kind, Some(&keys.kind))
            && same(&self.severity, Some(&keys.severity))
            && same(&self.lot, keys.lot.as_deref())
            && same(&self.device, keys.device.as_deref())
    }
}

impl OpenAlerts {
    /// Takes an alert's record; one that is closed leaves.
    pub fn put(&self, partition: u32, json: &[u8]) {
        let Ok(keys) = serde_json::from_slice::<Keys>(json) else { return };
        if keys.closed_at.is_some() {
            self.0.remove(&keys.alert);
        } else {
            let alert = Alert { partition, json: Bytes::copy_from_slice(json), keys };
            self.0.insert(alert.keys.alert.clone(), Arc::new(alert));
        }
    }

    /// A page of those that fit, by id, and the id to go on after where there may be more.
    pub fn list(
        &self,
        wanted: &Wanted,
        after: Option<&str>,
        limit: usize,
    ) -> (Vec<Arc<Alert>>, Option<String>) {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut alerts: Vec<Arc<Alert>> = Vec::new();
        for entry in self.0.range::<str, _>((start, Bound::Unbounded)) {
            if alerts.len() == limit {
                let last = alerts.last().map(|alert| alert.keys.alert.clone());
                return (alerts, last);
            }
            if wanted.fits(&entry.value().keys) {
                alerts.push(entry.value().clone());
            }
        }
        (alerts, None)
    }

    /// The lots that are silent as a whole.
    pub fn silent_lots(&self) -> HashSet<String> {
        let silent = |keys: &Keys| keys.lot.clone().filter(|_| keys.kind == "lot_offline");
        self.0.iter().filter_map(|entry| silent(&entry.value().keys)).collect()
    }

    /// Appends the records of a partition, one a line.
    pub fn save(&self, partition: u32, out: &mut Vec<u8>) {
        for entry in self.0.iter().filter(|entry| entry.value().partition == partition) {
            out.extend_from_slice(&entry.value().json);
            out.push(b'\n');
        }
    }

    /// Replaces a partition's records by what [`save`](Self::save) gave.
    pub fn restore(&self, partition: u32, saved: &[u8]) {
        for entry in self.0.iter().filter(|entry| entry.value().partition == partition) {
            entry.remove();
        }
        saved.split(|byte| *byte == b'\n').for_each(|line| self.put(partition, line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(id: &str, kind: &str, closed: bool) -> Vec<u8> {
        let closed = if closed { r#","closed_at":"2026-03-02T08:00:00Z""# } else { "" };
        format!(r#"{{"v":1,"alert":"{id}","kind":"{kind}","severity":"info"{closed}}}"#).into_bytes()
    }

    fn ids(alerts: &[Arc<Alert>]) -> String {
        alerts.iter().map(|alert| alert.keys.alert.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_open_is_listed_in_pages_and_kept() {
        let alerts = OpenAlerts::default();
        for id in ["a", "b", "c"] {
            alerts.put(0, &alert(id, "zombie", false));
        }
        alerts.put(1, &alert("d", "clock", false));
        let (page, after) = alerts.list(&Wanted::default(), None, 2);
        assert_eq!((ids(&page).as_str(), after.as_deref()), ("a b", Some("b")));
        alerts.put(0, &alert("a", "zombie", true));
        let (page, after) = alerts.list(&Wanted::default(), Some("b"), 2);
        assert_eq!((ids(&page).as_str(), after), ("c d", None));
        let clock = Wanted { kind: Some("clock".to_owned()), ..Wanted::default() };
        assert_eq!(ids(&alerts.list(&clock, None, 9).0), "d");
        let mut saved = Vec::new();
        alerts.save(0, &mut saved);
        alerts.put(0, &alert("x", "zombie", false));
        alerts.restore(0, &saved);
        assert_eq!(ids(&alerts.list(&Wanted::default(), None, 9).0), "b c d");
    }
}
