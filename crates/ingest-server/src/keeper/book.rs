//! What is known of a site: what holds, what the operator's documents said, and what is planned.

use parking_types::Instant;
use serde_json::{Map, Value};

use super::change::{By, Reference};
use crate::sitefile;

/// A site's lists, as JSON.
pub type Documents = Map<String, Value>;

/// The site's documents over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Book {
    /// What holds now.
    pub(super) now: Documents,
    /// What the operator's documents said when they were read the last time.
    pub(super) given: Documents,
    /// Changes whose time has not come, by time.
    pub(super) planned: Vec<Reference>,
}

/// Something that is written down of a site.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    not(feature = "kafka"),
    allow(dead_code, reason = "a folder keeps what the documents said as a whole")
)]
pub(crate) enum News {
    /// An entry is another one.
    Change(Reference),
    /// The operator's documents say of an entry what somebody else has changed it to already.
    Said(sitefile::Change),
    /// What of the documents is in none of their lists.
    Rest(Documents),
}

impl Book {
    /// Takes in what was written down.
    pub(super) fn take(&mut self, news: News) {
        match news {
            News::Change(reference) => {
                if reference.by == By::documents() {
                    sitefile::set(&mut self.given, &reference.kind, &reference.id, reference.value.as_ref());
                }
                // Written once more after a crash it is still one change.
                if !self.planned.contains(&reference) {
                    let place = self.planned.partition_point(|other| other.since <= reference.since);
                    self.planned.insert(place, reference);
                }
            }
            News::Said(change) => {
                sitefile::set(&mut self.given, &change.kind, &change.id, change.value.as_ref());
            }
            News::Rest(fields) => {
                for documents in [&mut self.now, &mut self.given] {
                    documents.retain(|_, value| value.is_array());
                    documents.extend(fields.clone());
                }
            }
        }
    }

    /// Works in the planned changes whose time has come; says whether there were any.
    pub(super) fn fold(&mut self, now: Instant) -> bool {
        let come = self.planned.partition_point(|reference| reference.since <= now);
        for reference in self.planned.drain(..come) {
            sitefile::set(&mut self.now, &reference.kind, &reference.id, reference.value.as_ref());
        }
        come > 0
    }

    /// An entry as it is now. A tariff of several versions is an array.
    pub(super) fn entry(&self, kind: &str, id: &str) -> Option<Value> {
        let entries = sitefile::by_id(kind, &self.now);
        entries.into_iter().find(|(known, _)| known == id).map(|(_, value)| value)
    }
}
