//! Lots, berths and lanes as the API shows them.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::{entries, text};

/// The places of a site.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// By id.
    pub(crate) lots: BTreeMap<String, Lot>,
    /// By id.
    pub(crate) berths: BTreeMap<String, Berth>,
    /// The lot of each lane.
    pub(crate) lanes: HashMap<String, String>,
    codes: HashMap<String, Spot>,
    /// The area that each area lies in.
    parents: HashMap<String, String>,
}

/// A lot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lot {
    /// Its name for people.
    pub(crate) name: Option<String>,
    /// Whether cars come in through gates.
    pub(crate) gated: bool,
    /// The area that it lies in.
    pub(crate) area: Option<String>,
    /// How many cars fit: its `capacity`, else its berths; not known where it has neither.
    pub(crate) places: Option<u64>,
    /// The partition of its records.
    pub(crate) partition: u32,
}

/// A parking space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Berth {
    /// Its lot.
    pub(crate) lot: String,
    /// What it is for.
    pub(crate) kind: String,
}

/// What a QR code stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// A lot as a whole.
    Lot(String),
    /// A berth.
    Berth(String),
    /// A lane.
    Lane(String),
}

/// Areas deeper than this are a circle.
const DEEPEST: usize = 16;

impl Places {
    pub(super) fn new(site: &Map<String, Value>, partition_of: impl Fn(&str) -> u32) -> Self {
        let mut places = Self::default();
        let mut berths_of: HashMap<String, u64> = HashMap::new();
        for berth in entries(site, "berths") {
            let (Some(id), Some(lot)) = (text(berth, "id"), text(berth, "lot")) else { continue };
            *berths_of.entry(lot.clone()).or_default() += 1;
            places.note_code(berth, || Spot::Berth(id.clone()));
            let kind = text(berth, "type").unwrap_or_else(|| "common".to_owned());
            places.berths.insert(id, Berth { lot, kind });
        }
        for lane in entries(site, "lanes") {
            let (Some(id), Some(lot)) = (text(lane, "id"), text(lane, "lot")) else { continue };
            places.note_code(lane, || Spot::Lane(id.clone()));
            places.lanes.insert(id, lot);
        }
        for lot in entries(site, "lots") {
            let Some(id) = text(lot, "id") else { continue };
            places.note_code(lot, || Spot::Lot(id.clone()));
            let capacity = lot.get("capacity").and_then(Value::as_u64);
            let view = Lot {
                name: text(lot, "name"),
                gated: text(lot, "kind").as_deref() == Some("gated"),
                area: text(lot, "area"),
                places: capacity.or_else(|| berths_of.get(&id).copied()),
                partition: partition_of(&id),
            };
            places.lots.insert(id, view);
        }
        let parent = |area| Some((text(area, "id")?, text(area, "parent")?));
        places.parents = entries(site, "areas").filter_map(parent).collect();
        places
    }

    fn note_code(&mut self, entry: &Value, spot: impl FnOnce() -> Spot) {
        if let Some(code) = text(entry, "code") {
            self.codes.insert(code, spot());
        }
    }

    /// What a QR code stands for.
    pub(crate) fn code(&self, code: &str) -> Option<&Spot> {
        self.codes.get(code)
    }

    /// The partition of a lot's records.
    pub(crate) fn partition(&self, lot: &str) -> Option<u32> {
        self.lots.get(lot).map(|lot| lot.partition)
    }

    /// An area and those that it lies in, the nearest first.
    pub(crate) fn areas_of<'a>(&'a self, area: Option<&'a str>) -> impl Iterator<Item = &'a str> {
        std::iter::successors(area, |area| self.parents.get(*area).map(String::as_str)).take(DEEPEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn places_are_counted_and_codes_found() {
        let site = json!({
            "areas": [{"id": "city"}, {"id": "east", "parent": "city"}],
            "lots": [{"id": "L1", "area": "east"}, {"id": "G1", "kind": "gated", "capacity": 120, "code": "qr-g"},
                     {"id": "G2", "kind": "gated"}],
            "berths": [{"id": "b1", "lot": "L1", "code": "qr-1"}, {"id": "b2", "lot": "L1", "type": "vip"}],
            "lanes": [{"id": "in", "lot": "G1", "code": "qr-in"}]
        });
        let places = Places::new(site.as_object().unwrap(), |_| 3);
        let count = |lot: &str| places.lots[lot].places;
        assert_eq!([count("L1"), count("G1"), count("G2")], [Some(2), Some(120), None]);
        assert_eq!(places.code("qr-1"), Some(&Spot::Berth("b1".to_owned())));
        assert_eq!(places.code("qr-in"), Some(&Spot::Lane("in".to_owned())));
        assert_eq!(places.code("qr-g"), Some(&Spot::Lot("G1".to_owned())));
        assert_eq!(places.partition("G1"), Some(3));
        assert_eq!(places.areas_of(Some("east")).collect::<Vec<_>>(), ["east", "city"]);
        assert_eq!(places.areas_of(None).count(), 0);
    }
}
