//! The site while the server runs: what it says now, how it is changed, and where it is kept.
//!
//! Two change it: the operator's documents, compared with what they said the last time they were read, and the API.
//! A change is checked against the site first and written into every partition as reference records. Alone, it is noted
//! in the data folder before and kept there behind; a crash in between is made good at the next start, by writing the
//! same records once more. In a cluster the records of the change and the lines in the partitions are one transaction.

mod book;
mod change;
mod folder;
#[cfg(feature = "kafka")]
mod topic;

use std::sync::Arc;
use std::time::Duration;

use parkline::{
    site::{ReferenceError, Site, SiteError},
    stage::Position,
};
use serde_json::{Value, value::RawValue};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, MutexGuard};

pub use book::Documents;
use book::{Book, News};
pub use change::{By, ChangeError, Changed, Reference, Wanted};
pub use folder::KeptError;
use folder::{Folder, Pending};
#[cfg(feature = "kafka")]
pub(crate) use topic::SiteTopic;

use crate::{
    clock::Clock,
    desk::Desk,
    directory::Directory,
    host::Host,
    intake::Intake,
    log::Batch,
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

struct State {
    place: Place,
    book: Book,
    /// With all changes in it, those to come too.
    site: Site,
    /// Whether the operator's documents are worked in; before that nobody else may change anything.
    open: bool,
}

/// Where the site is kept.
enum Place {
    /// In the data folder.
    Folder(Folder),
    /// In a cluster.
    #[cfg(feature = "kafka")]
    Topic(SiteTopic),
}

/// The right to write, where it must be had first.
#[cfg(feature = "kafka")]
type Turn = topic::Turn;
#[cfg(not(feature = "kafka"))]
type Turn = std::convert::Infallible;

/// What was kept of the site when the server stopped, or what it begins with.
pub struct Kept {
    place: Place,
    /// The site before the first record.
    pub genesis: Documents,
    book: Book,
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
        Ok(Self { place: Place::Folder(folder), genesis, book: Book { now, given, planned }, pending })
    }

    /// Whether it is kept in a cluster.
    pub(crate) fn is_in_a_cluster(&self) -> bool {
        !matches!(self.place, Place::Folder(_))
    }

    /// What held when the server stopped.
    pub fn now(&self) -> &Documents {
        &self.book.now
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
        let mut site = parse("the site as it was kept", &kept.book.now)?;
        for reference in &kept.book.planned {
            // It was checked when it was planned; what does not fit any more is told when the workers meet it.
            let _refused = reference.apply(&mut site).is_err();
        }
        let state = State { place: kept.place, book: kept.book, site, open: false };
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
            self.write(&mut state, None, pending).await?;
        }
        let changed = self.documents(&mut state, given).await?;
        state.open = true;
        Ok(changed)
    }

    /// Works in what changed in the operator's documents since they were read the last time.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed unless it is [`ChangeError::Intake`].
    pub async fn reload(&self, given: &Documents) -> Result<usize, ChangeError> {
        let mut state = self.open().await?;
        parse("the site", given)?;
        self.documents(&mut state, given).await
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
        let mut state = self.open().await?;
        let mut attempt = 1;
        let (records, tag) = loop {
            match self.change_once(&mut state, &change, expected, attempt > 1).await {
                Err(error) if error.is_anothers_turn() && attempt < ATTEMPTS => attempt += 1,
                outcome => break outcome?,
            }
        };
        drop(state);
        let mut in_force = true;
        for position in &records {
            in_force &= self.desk.reached(*position, PATIENCE).await;
        }
        Ok(Changed { records, in_force, tag })
    }

    /// Gives the change's last record in each partition and the entry's tag; `again`: it may have been made already.
    async fn change_once(
        &self,
        state: &mut State,
        change: &Wanted,
        expected: Option<Option<&str>>,
        again: bool,
    ) -> Result<(Vec<Position>, Option<String>), ChangeError> {
        let turn = self.settle(state).await?;
        let now = self.clock.now();
        let entry = state.book.entry(&change.kind, &change.id);
        let tag = entry.as_ref().map(tag);
        let same = change.since.is_none() && entry == change.value;
        if expected.is_some_and(|expected| expected != tag.as_deref()) && !(again && same) {
            return Err(ChangeError::Other(tag));
        }
        if same && (again || change.value.is_some()) {
            return Ok((Vec::new(), tag));
        }
        let Wanted { kind, id, since, value, by, reason } = change.clone();
        let tag = value.as_ref().map(self::tag);
        let reference = Reference { kind, id, since: since.unwrap_or(now), value, by, reason };
        reference.apply_to(&mut state.site.clone(), now)?;
        let pending = Pending { references: vec![reference], given: None };
        Ok((self.write(state, turn, pending).await?, tag))
    }

    /// An entry as it is now, with its tag. A tariff of several versions is an array.
    pub async fn entry(&self, kind: &str, id: &str) -> Option<(Value, String)> {
        let mut state = self.state.lock().await;
        self.fold(&mut state);
        let value = state.book.entry(kind, id)?;
        let tag = tag(&value);
        Some((value, tag))
    }

    /// The ids of a list's entries, in order; `None`: the site has no such list.
    pub async fn ids(&self, kind: &str) -> Option<Vec<String>> {
        KINDS.contains(&kind).then_some(())?;
        let mut state = self.state.lock().await;
        self.fold(&mut state);
        Some(sitefile::by_id(kind, &state.book.now).into_iter().map(|(id, _)| id).collect())
    }

    /// The changes whose time has not come, in the order of their times.
    pub async fn planned(&self) -> Vec<Reference> {
        let mut state = self.state.lock().await;
        self.fold(&mut state);
        state.book.planned.clone()
    }

    /// Lets changes take effect whose time has come: listeners know the site of now.
    pub async fn keep_up(&self) {
        self.fold(&mut *self.state.lock().await);
    }

    /// Takes in what another process may have written. Blocks while a change is being made here.
    #[cfg(feature = "kafka")]
    pub(crate) fn hear(&self, entry: &crate::log::Entry) {
        self.meet(&mut self.state.blocking_lock(), std::slice::from_ref(entry));
    }

    #[cfg(feature = "kafka")]
    fn meet(&self, state: &mut State, entries: &[crate::log::Entry]) {
        let mut met = false;
        for entry in entries {
            let Place::Topic(topic) = &mut state.place else { return };
            if let Some(news) = topic.meet(entry) {
                state.take(news);
                met = true;
            }
        }
        if met {
            state.book.fold(self.clock.now());
            self.directory.replace(&state.book.now);
        }
    }

    async fn open(&self) -> Result<MutexGuard<'_, State>, ChangeError> {
        let state = self.state.lock().await;
        if state.open { Ok(state) } else { Err(ChangeError::NotReady) }
    }

    /// Everything that was written is known from here on, and in a cluster nobody else writes.
    async fn settle(&self, state: &mut State) -> Result<Option<Turn>, ChangeError> {
        let turn = match &state.place {
            Place::Folder(folder) => {
                if let Some(pending) = folder.pending()? {
                    self.write(state, None, pending).await?;
                }
                None
            }
            #[cfg(feature = "kafka")]
            Place::Topic(topic) => {
                let (turn, entries) = topic.turn().await?;
                self.meet(state, &entries);
                Some(turn)
            }
        };
        self.fold(state);
        Ok(turn)
    }

    /// Works in the operator's documents.
    async fn documents(&self, state: &mut State, given: &Documents) -> Result<usize, ChangeError> {
        let mut attempt = 1;
        loop {
            let turn = self.settle(state).await?;
            match self.work_in(state, turn, given).await {
                Err(error) if error.is_anothers_turn() && attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    async fn work_in(
        &self,
        state: &mut State,
        turn: Option<Turn>,
        given: &Documents,
    ) -> Result<usize, ChangeError> {
        let since = self.clock.now();
        let mut site = state.site.clone();
        let mut references = Vec::new();
        for change in sitefile::changes(&state.book.given, given) {
            // The API may have made the same change, or deleted what the documents delete.
            if state.book.entry(&change.kind, &change.id) == change.value {
                continue;
            }
            let reference = change.since(since);
            reference.apply_to(&mut site, since)?;
            references.push(reference);
        }
        let changed = references.len();
        if state.book.given != *given || changed > 0 {
            self.write(state, turn, Pending { references, given: Some(given.clone()) }).await?;
        }
        Ok(changed)
    }

    /// Writes the change into every partition and keeps it; gives its last record in each partition.
    async fn write(
        &self,
        state: &mut State,
        turn: Option<Turn>,
        pending: Pending,
    ) -> Result<Vec<Position>, ChangeError> {
        let records = match (&mut state.place, turn) {
            (Place::Folder(folder), _) => {
                folder.note(&pending)?;
                let records = self.append(&pending).await?;
                pending.references.into_iter().map(News::Change).for_each(|news| state.take(news));
                if let Some(given) = pending.given {
                    state.book.given = given;
                }
                records
            }
            #[cfg(feature = "kafka")]
            (Place::Topic(topic), Some(turn)) => {
                let news = topic::news(&pending, &state.book);
                if news.is_empty() {
                    return Ok(Vec::new());
                }
                let (last, records) = turn.publish(&news, self.clock.now()).await?;
                topic.wrote(last);
                news.into_iter().for_each(|news| state.take(news));
                records
            }
            #[cfg(feature = "kafka")]
            (Place::Topic(_), None) => return Err(ChangeError::NotReady),
        };
        state.book.fold(self.clock.now());
        #[cfg_attr(
            not(feature = "kafka"),
            expect(irrefutable_let_patterns, reason = "there are clusters too")
        )]
        if let Place::Folder(folder) = &state.place {
            folder.keep(&state.book.now, &state.book.given, &state.book.planned)?;
        }
        self.directory.replace(&state.book.now);
        Ok(records)
    }

    /// Appends the change's lines to every partition; gives the last of each.
    async fn append(&self, pending: &Pending) -> Result<Vec<Position>, ChangeError> {
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
        Ok(records)
    }

    fn fold(&self, state: &mut State) {
        if state.book.fold(self.clock.now()) {
            self.directory.replace(&state.book.now);
        }
    }
}

/// How often a change is tried while other processes make theirs.
const ATTEMPTS: u32 = 20;

impl State {
    /// Takes in what was written.
    fn take(&mut self, news: News) {
        if let News::Change(reference) = &news {
            // It was checked before it was written.
            let _refused = reference.apply(&mut self.site).is_err();
        }
        self.book.take(news);
    }
}

fn parse(name: &str, documents: &Documents) -> Result<Site, SiteError> {
    let text = Value::Object(documents.clone()).to_string();
    Site::parse(&[(name, text.as_bytes())])
}

/// A tag that is another one for another value: 16 digits of its SHA-256.
fn tag(value: &Value) -> String {
    let digest = Sha256::digest(value.to_string());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
