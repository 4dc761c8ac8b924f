//! A change of the site: who wants what, since when, and what became of it.

use parking_types::Instant;
use parkline::{
    site::{ReferenceError, Site, SiteError},
    stage::Position,
};
use serde_json::{Value, value::RawValue};

use super::KeptError;
use crate::{intake::Refusal, log::LogError, sitefile};

/// One change: an entry as it is since an instant, or that it is gone.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Reference {
    /// The site's list.
    pub kind: String,
    /// The entry.
    pub id: String,
    /// Since when.
    #[serde(with = "as_text")]
    pub since: Instant,
    /// The entry; `None`: it is gone.
    pub value: Option<Value>,
    /// Who changed it.
    pub by: By,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Who changed something.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct By {
    /// `system`, `user` …
    pub kind: String,
    /// Which one.
    pub id: String,
}

impl By {
    /// The operator's documents.
    pub(super) fn documents() -> Self {
        Self { kind: "system".to_owned(), id: "site".to_owned() }
    }
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The last of its records in each partition; empty: nothing had to be changed.
    pub records: Vec<Position>,
    /// Whether all workers have it.
    pub in_force: bool,
    /// The tag of the new entry.
    pub tag: Option<String>,
}

/// Why nothing was changed.
#[derive(Debug)]
pub enum ChangeError {
    /// The server is still starting.
    NotReady,
    /// The entry is not the one that was meant: its tag now.
    Other(Option<String>),
    /// The change does not fit the site.
    Refused(ReferenceError),
    /// The operator's documents do not hold together.
    Site(SiteError),
    /// It could not be written into all partitions yet. On the embedded log it is noted, and will be before any other
    /// change; in a cluster nothing of it is there, or all of it is.
    Intake(Refusal),
    /// The data folder cannot keep it.
    Kept(KeptError),
}

macro_rules! from {
    ($($error:ty => $variant:ident),+) => { $(
        impl From<$error> for ChangeError {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        }
    )+ };
}
from! { ReferenceError => Refused, SiteError => Site, Refusal => Intake, KeptError => Kept }

impl std::fmt::Display for ChangeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotReady => f.write_str("the server is still starting"),
            Self::Other(_) => f.write_str("the entry has been changed meanwhile"),
            Self::Refused(error) => error.fmt(f),
            Self::Site(error) => error.fmt(f),
            Self::Intake(refusal) => write!(f, "not written to the log yet: {refusal}"),
            Self::Kept(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ChangeError {}

impl ChangeError {
    /// Whether another process wrote the site meanwhile, so that it is to be looked at again.
    pub(super) fn is_anothers_turn(&self) -> bool {
        matches!(self, Self::Intake(Refusal::Log(LogError::Lost { .. })))
    }
}

impl From<LogError> for ChangeError {
    fn from(error: LogError) -> Self {
        Self::Intake(Refusal::Log(error))
    }
}

/// A change as it is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The site's list.
    pub kind: String,
    /// The entry.
    pub id: String,
    /// Since when; now where it is not said.
    pub since: Option<Instant>,
    /// The entry; `None`: it is gone.
    pub value: Option<Value>,
    /// Who asks.
    pub by: By,
    /// Why.
    pub reason: Option<String>,
}

impl sitefile::Change {
    /// The change as a record.
    pub(crate) fn since(self, since: Instant) -> Reference {
        let reason = Some("the site's documents were changed".to_owned());
        Reference { kind: self.kind, id: self.id, since, value: self.value, by: By::documents(), reason }
    }
}

impl Reference {
    pub(super) fn line(&self) -> Option<Box<RawValue>> {
        serde_json::value::to_raw_value(self).ok()
    }

    pub(super) fn apply_to(&self, site: &mut Site, now: Instant) -> Result<(), ReferenceError> {
        let record = serde_json::to_vec(self).unwrap_or_default();
        site.apply_reference(&record, now).map(drop)
    }

    /// Once more, whenever that is.
    pub(super) fn apply(&self, site: &mut Site) -> Result<(), ReferenceError> {
        self.apply_to(site, self.since)
    }
}

/// Times as people write them.
mod as_text {
    use parking_types::Instant;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(at: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Instant, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
