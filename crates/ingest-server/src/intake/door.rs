//! What is known of one partition's door: whether records can come in, and which of them are under way.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
};

use parking_types::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::log::{LogError, lock};

/// Whether a partition's records can come in here.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Way {
    /// Its worker is ours and has not yet read what the log holds.
    #[default]
    Shut,
    /// Its worker is ours: the greatest `received_at` that is known to lie in the log.
    Open(Instant),
    /// Its worker is another process: that one keeps its time and tells its outages.
    Through,
}

/// The door of one partition.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) way: Mutex<Way>,
    /// Room for bytes that are under way.
    pub(super) room: Arc<Semaphore>,
    under_way: Mutex<UnderWay>,
    /// The record after the last one that is known to be durable.
    durable: AtomicU64,
    /// How the last append ended, as a [`State`].
    appends: AtomicU8,
    /// Whether the disk has no room for what the worker commits.
    commits_full: AtomicBool,
}

/// Whether the log takes records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Well,
    /// The disk has no room.
    Full,
    /// The log could not write, for whatever other reason.
    Failed,
}

/// What is durable and not yet applied, by its last record.
#[derive(Debug, Default)]
struct UnderWay {
    /// The first record that the worker has not applied; the greatest number where it is not ours to wait for it.
    applied: u64,
    permits: BTreeMap<u64, OwnedSemaphorePermit>,
}

impl Door {
    pub(super) fn new(room: u32) -> Self {
        Self {
            way: Mutex::default(),
            room: Arc::new(Semaphore::new(room as usize)),
            under_way: Mutex::default(),
            durable: AtomicU64::new(0),
            appends: AtomicU8::new(State::Well as u8),
            commits_full: AtomicBool::new(false),
        }
    }

    pub(super) fn durable_to(&self) -> u64 {
        self.durable.load(Ordering::Relaxed)
    }

    /// An append has ended. Its bytes stay under way until the worker has applied them.
    pub(super) fn stored(&self, result: &Result<u64, LogError>, permit: Option<OwnedSemaphorePermit>) {
        match result {
            Ok(offset) => {
                self.durable.fetch_max(offset + 1, Ordering::Relaxed);
                self.appends.store(State::Well as u8, Ordering::Relaxed);
                let mut under_way = lock(&self.under_way);
                if let Some(permit) = permit.filter(|_| *offset >= under_way.applied) {
                    under_way.permits.insert(*offset, permit);
                }
            }
            // That says something of the record alone.
            Err(LogError::TooLarge { .. }) => {}
            Err(LogError::Full { .. }) => self.appends.store(State::Full as u8, Ordering::Relaxed),
            Err(_) => self.appends.store(State::Failed as u8, Ordering::Relaxed),
        }
    }

    /// The worker has applied everything before `next`.
    pub(super) fn applied(&self, next: u64) {
        let mut under_way = lock(&self.under_way);
        under_way.applied = next;
        let rest = under_way.permits.split_off(&next);
        drop(std::mem::replace(&mut under_way.permits, rest));
    }

    /// The worker's commits find no room, or find it again.
    pub(super) fn commits(&self, full: bool) {
        self.commits_full.store(full, Ordering::Relaxed);
    }

    /// How it went when something was last to be written.
    pub(super) fn state(&self) -> State {
        match self.appends.load(Ordering::Relaxed) {
            failed if failed == State::Failed as u8 => State::Failed,
            full if full == State::Full as u8 || self.commits_full.load(Ordering::Relaxed) => State::Full,
            _ => State::Well,
        }
    }
}
