//! The site while the server runs: what it says now, how it is changed, and what the data folder keeps of it.
//!
//! Two change it: the operator's documents, compared with what they said the last time they were read, and the API.
//! A change is checked against the site first, noted in the data folder, written into every partition as reference
//! records, and then kept; a crash in between is made good at the next start, by writing the same records once more.

mod folder;

use std::sync::Arc;
use std::time::Duration;

use parking_types::Instant;
use parkline::{
    site::{ReferenceError, Site, SiteError},
    stage::Position,
};
use serde_json::{Map, Value, value::RawValue};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

pub use folder::KeptError;
use folder::{Folder, Pending};

use crate::{
    clock::Clock,
    desk::Desk,
    directory::Directory,
    host::Host,
    intake::{Intake, Refusal},
    log::{Batch, LogError},
    record,
    sitefile::{self, KINDS},
};

/// How long a change waits for the workers to have read it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The site of a running server.
pub struct Keeper {
    state: Mutex<State>,
    intake: Arc<Intake>,
    desk: Arc<Desk>,
    directory: Arc<Directory>,
    clock: Clock,
    partitions: u32,
}

/// A site's lists, as JSON.
pub type Documents = Map<String, Value>;

struct State {
    /// None where the site is kept in a cluster, which many processes read: there it changes with their start.
    folder: Option<Folder>,
    /// What holds now.
    now: Documents,
    /// What the operator's documents said when they were read the last time.
    given: Documents,
    /// Changes whose time has not come.
    planned: Vec<Reference>,
    /// With all changes in it, those to come too.
    site: Site,
    /// Whether the operator's documents are worked in; before that nobody else may change anything.
    open: bool,
}

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
    /// On Kafka the site is changed by its documents at the start.
    Elsewhere,
    /// The entry is not the one that was meant: its tag now.
    Other(Option<String>),
    /// The change does not fit the site.
    Refused(ReferenceError),
    /// The operator's documents do not hold together.
    Site(SiteError),
    /// It is noted but could not be written into all partitions yet; it will be before any other change.
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
            Self::Elsewhere => {
                f.write_str("on Kafka the site is changed by its documents when a server starts")
            }
            Self::Other(_) => f.write_str("the entry has been changed meanwhile"),
            Self::Refused(error) => error.fmt(f),
            Self::Site(error) => error.fmt(f),
            Self::Intake(refusal) => write!(f, "not written to the log yet: {refusal}"),
            Self::Kept(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ChangeError {}

impl From<LogError> for ChangeError {
    fn from(error: LogError) -> Self {
        Self::Intake(Refusal::Log(error))
    }
}

/// What was kept of the site when the server stopped, or what it begins with.
pub struct Kept {
    folder: Option<Folder>,
    /// The site before the first record.
    pub genesis: Documents,
    now: Documents,
    given: Documents,
    planned: Vec<Reference>,
    pending: Option<Pending>,
}

impl Kept {
    /// Reads what the tenant's folder keeps; a new one begins with `site`.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn open(tenant: &std::path::Path, site: &Documents) -> Result<Self, KeptError> {
        let folder = Folder::open(tenant, site)?;
        let (genesis, now) = (folder.genesis()?, folder.current()?);
        let given = folder.given()?.unwrap_or_else(|| now.clone());
        let (planned, pending) = (folder.planned()?, folder.pending()?);
        Ok(Self { folder: Some(folder), genesis, now, given, planned, pending })
    }

    /// What a cluster keeps, which `now` has been worked into.
    #[cfg(feature = "kafka")]
    pub(crate) fn elsewhere(genesis: Documents, now: Documents) -> Self {
        Self { folder: None, genesis, given: now.clone(), now, planned: Vec::new(), pending: None }
    }

    /// Whether it is kept in a cluster.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.folder.is_none()
    }

    /// What held when the server stopped.
    pub fn now(&self) -> &Documents {
        &self.now
    }
}

impl Keeper {
    /// The site of a host that is starting; changed by nobody before [`begin`](Self::begin).
    ///
    /// # Errors
    /// [`SiteError`] where what was kept does not hold together.
    pub fn new(
        kept: Kept,
        host: &Host,
        directory: Arc<Directory>,
    ) -> Result<(Self, Option<Pending>), SiteError> {
        let mut site = parse("the site kept in the data folder", &kept.now)?;
        for reference in &kept.planned {
            // It was checked when it was planned; what does not fit any more is told when the workers meet it.
            let _refused = reference.apply(&mut site).is_err();
        }
        let state = State {
            folder: kept.folder,
            now: kept.now,
            given: kept.given,
            planned: kept.planned,
            site,
            open: false,
        };
        let keeper = Self {
            state: Mutex::new(state),
            intake: host.intake.clone(),
            desk: host.desk.clone(),
            directory,
            clock: host.clock.clone(),
            partitions: host.log.partitions(),
        };
        Ok((keeper, kept.pending))
    }

    /// Makes good what a crash left half done, works the operator's documents in, and lets others change the site.
    /// Gives how many entries changed.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn begin(&self, pending: Option<Pending>, given: &Documents) -> Result<usize, ChangeError> {
        let mut state = self.state.lock().await;
        if let Some(mut pending) = pending {
            let now = self.clock.now();
            for reference in &mut pending.references {
                // Down for so long that nothing reaches back to it: it holds from now on.
                let applied = reference.apply_to(&mut state.site.clone(), now);
                if applied == Err(ReferenceError::TooFarBack) {
                    reference.since = now;
                }
            }
            self.write(&mut state, pending).await?;
        }
        let changed = self.work_in(&mut state, given).await?;
        state.open = true;
        Ok(changed)
    }

    /// Works in what changed in the operator's documents since they were read the last time.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed unless it is [`ChangeError::Intake`].
    pub async fn reload(&self, given: &Documents) -> Result<usize, ChangeError> {
        let mut state = self.settled().await?;
        parse("the site", given)?;
        self.work_in(&mut state, given).await
    }

    /// Changes one entry. `expected` is the tag that the entry must have: the inner `None` for none at all.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed unless it is [`ChangeError::Intake`].
    pub async fn change(
        &self,
        change: Wanted,
        expected: Option<Option<&str>>,
    ) -> Result<Changed, ChangeError> {
        let mut state = self.settled().await?;
        let now = self.clock.now();
        let tag = entry(&state.now, &change.kind, &change.id).map(|value| tag(&value));
        if expected.is_some_and(|expected| expected != tag.as_deref()) {
            return Err(ChangeError::Other(tag));
        }
        let since = change.since.unwrap_or(now);
        let same = since <= now
            && change.since.is_none()
            && entry(&state.now, &change.kind, &change.id) == change.value;
        if same && change.value.is_some() {
            return Ok(Changed { records: Vec::new(), in_force: true, tag });
        }
        let Wanted { kind, id, value, by, reason, .. } = change;
        let tag = value.as_ref().map(self::tag);
        let reference = Reference { kind, id, since, value, by, reason };
        reference.apply_to(&mut state.site.clone(), now)?;
        let records = self.write(&mut state, Pending { references: vec![reference], given: None }).await?;
        drop(state);
        let mut in_force = true;
        for position in &records {
            in_force &= self.desk.reached(*position, PATIENCE).await;
        }
        Ok(Changed { records, in_force, tag })
    }

    /// An entry as it is now, with its tag. A tariff of several versions is an array.
    pub async fn entry(&self, kind: &str, id: &str) -> Option<(Value, String)> {
        let mut state = self.state.lock().await;
        self.fold(&mut state);
        let value = entry(&state.now, kind, id)?;
        let tag = tag(&value);
        Some((value, tag))
    }

    /// The ids of a list's entries, in order; `None`: the site has no such list.
    pub async fn ids(&self, kind: &str) -> Option<Vec<String>> {
        KINDS.contains(&kind).then_some(())?;
        let mut state = self.state.lock().await;
        self.fold(&mut state);
        Some(sitefile::by_id(kind, &state.now).into_iter().map(|(id, _)| id).collect())
    }

    /// The changes whose time has not come, in the order of their times.
    pub async fn planned(&self) -> Vec<Reference> {
        let mut state = self.state.lock().await;
        self.fold(&mut state);
        state.planned.clone()
    }

    /// Lets changes take effect whose time has come: listeners know the site of now.
    pub async fn keep_up(&self) {
        self.fold(&mut *self.state.lock().await);
    }

    async fn settled(&self) -> Result<tokio::sync::MutexGuard<'_, State>, ChangeError> {
        let mut state = self.state.lock().await;
        if state.folder.is_some() && !state.open {
            return Err(ChangeError::NotReady);
        }
        let folder = state.folder.as_ref().ok_or(ChangeError::Elsewhere)?;
        if let Some(pending) = folder.pending()? {
            self.write(&mut state, pending).await?;
        }
        self.fold(&mut state);
        Ok(state)
    }

    async fn work_in(&self, state: &mut State, given: &Documents) -> Result<usize, ChangeError> {
        let since = self.clock.now();
        let mut site = state.site.clone();
        let mut references = Vec::new();
        for change in sitefile::changes(&state.given, given) {
            // The API may have made the same change, or deleted what the documents delete.
            if entry(&state.now, &change.kind, &change.id) == change.value {
                continue;
            }
            let reference = change.since(since);
            reference.apply_to(&mut site, since)?;
            references.push(reference);
        }
        let changed = references.len();
        if state.given != *given || changed > 0 {
            self.write(state, Pending { references, given: Some(given.clone()) }).await?;
        }
        Ok(changed)
    }

    /// Notes the change, writes it into every partition and keeps it; gives its last record in each partition.
    async fn write(&self, state: &mut State, pending: Pending) -> Result<Vec<Position>, ChangeError> {
        state.folder.as_ref().ok_or(ChangeError::Elsewhere)?.note(&pending)?;
        let lines: Vec<Box<RawValue>> = pending.references.iter().filter_map(Reference::line).collect();
        let mut records = Vec::new();
        for partition in 0..self.partitions {
            if lines.is_empty() {
                break;
            }
            let write = |at, batch: &mut Batch| {
                lines.iter().for_each(|line| batch.push_with(|out| record::reference(at, line, out)));
            };
            records.push(self.intake.note(partition, write)?.durable().await?);
        }
        for reference in pending.references {
            // It was checked before it was noted.
            let _refused = reference.apply(&mut state.site).is_err();
            if !state.planned.contains(&reference) {
                state.planned.push(reference);
            }
        }
        state.planned.sort_by_key(|reference| reference.since);
        if let Some(given) = pending.given {
            state.given = given;
        }
        state.fold(self.clock.now());
        if let Some(folder) = &state.folder {
            folder.keep(&state.now, &state.given, &state.planned)?;
        }
        self.directory.replace(&state.now);
        Ok(records)
    }

    fn fold(&self, state: &mut State) {
        if state.fold(self.clock.now()) {
            self.directory.replace(&state.now);
        }
    }
}

impl State {
    /// Works in the planned changes whose time has come; says whether there were any.
    fn fold(&mut self, now: Instant) -> bool {
        let come = self.planned.partition_point(|reference| reference.since <= now);
        for reference in self.planned.drain(..come) {
            sitefile::set(&mut self.now, &reference.kind, &reference.id, reference.value.as_ref());
        }
        come > 0
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
        let by = By { kind: "system".to_owned(), id: "site".to_owned() };
        let reason = Some("the site's documents were changed".to_owned());
        Reference { kind: self.kind, id: self.id, since, value: self.value, by, reason }
    }
}

impl Reference {
    fn line(&self) -> Option<Box<RawValue>> {
        serde_json::value::to_raw_value(self).ok()
    }

    fn apply_to(&self, site: &mut Site, now: Instant) -> Result<(), ReferenceError> {
        let record = serde_json::to_vec(self).unwrap_or_default();
        site.apply_reference(&record, now).map(drop)
    }

    /// Once more, whenever that is.
    fn apply(&self, site: &mut Site) -> Result<(), ReferenceError> {
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

fn parse(name: &str, documents: &Documents) -> Result<Site, SiteError> {
    let text = Value::Object(documents.clone()).to_string();
    Site::parse(&[(name, text.as_bytes())])
}

fn entry(documents: &Documents, kind: &str, id: &str) -> Option<Value> {
    sitefile::by_id(kind, documents).into_iter().find(|(known, _)| known == id).map(|(_, value)| value)
}

/// A tag that is another one for another value: 16 digits of its SHA-256.
fn tag(value: &Value) -> String {
    let digest = Sha256::digest(value.to_string());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
