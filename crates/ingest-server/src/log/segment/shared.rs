//! What the writing thread and the readers of a segment log share.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{super::LogError, scan::Index, store};

/// The published, durable part of the log.
pub(super) struct Tail {
    /// All segments by base, ascending, with their index once it is known. The last is the active one.
    pub(super) segments: Vec<(u64, Option<Arc<Index>>)>,
    /// The active segment's index; the same records as in `end`.
    pub(super) active_index: Index,
    /// The active segment's open file.
    pub(super) active: Arc<File>,
    /// Durable bytes of the active segment.
    pub(super) bytes: u64,
    /// The offset after the last durable record.
    pub(super) end: u64,
    /// Set when nothing can be written any more.
    pub(super) failed: bool,
    pub(super) closed: bool,
}

pub(super) struct Shared {
    pub(super) folder: PathBuf,
    /// Where segments lie that are not in the folder any more.
    archive: Option<PathBuf>,
    tail: Mutex<Tail>,
    grown: Condvar,
    /// Where the last reads ended: (offset, base, byte). Sequential readers go on there.
    hints: Mutex<Vec<(u64, u64, u64)>>,
}

const HINTS: usize = 16;

impl Shared {
    pub(super) fn new(folder: PathBuf, archive: Option<PathBuf>, tail: Tail) -> Self {
        Self { folder, archive, tail: Mutex::new(tail), grown: Condvar::new(), hints: Mutex::new(Vec::new()) }
    }

    /// Opens a segment that is not written to any more, in the folder or, where it has left that, in the archive.
    pub(super) fn sealed(&self, base: u64) -> Result<(PathBuf, File), LogError> {
        let here = store::path(&self.folder, base);
        let failed = |path: &Path, e: &io::Error| LogError::io("open", path, e);
        match (File::open(&here), &self.archive) {
            (Ok(file), _) => Ok((here, file)),
            (Err(error), Some(archive)) if error.kind() == io::ErrorKind::NotFound => {
                let there = store::path(archive, base);
                let file = File::open(&there).map_err(|e| failed(&there, &e))?;
                Ok((there, file))
            }
            (Err(error), _) => Err(failed(&here, &error)),
        }
    }

    pub(super) fn tail(&self) -> MutexGuard<'_, Tail> {
        lock(&self.tail)
    }

    /// Wakes readers that wait for the tail to grow.
    pub(super) fn wake(&self) {
        self.grown.notify_all();
    }

    /// The tail, once it has a record at `offset`, or after `wait`, or when nothing will come any more.
    pub(super) fn tail_at(&self, offset: u64, wait: Duration) -> MutexGuard<'_, Tail> {
        let stands = |tail: &mut Tail| tail.end <= offset && !tail.closed && !tail.failed;
        let woken = self.grown.wait_timeout_while(self.tail(), wait, stands);
        woken.map_or_else(|poisoned| poisoned.into_inner().0, |(tail, _)| tail)
    }

    pub(super) fn hint(&self, offset: u64) -> Option<(u64, u64)> {
        lock(&self.hints).iter().find(|(known, ..)| *known == offset).map(|(_, base, byte)| (*base, *byte))
    }

    pub(super) fn leave_hint(&self, from: u64, offset: u64, base: u64, byte: u64) {
        let mut hints = lock(&self.hints);
        hints.retain(|(known, ..)| *known != from && *known != offset);
        if hints.len() >= HINTS {
            hints.remove(0);
        }
        hints.push((offset, base, byte));
    }
}

/// A lock whose holder panicked is taken all the same: every change under it is whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The error of a log that cannot be written any more.
pub(super) fn refusal(tail: &Tail) -> Option<LogError> {
    match (tail.failed, tail.closed) {
        (true, _) => Some(LogError::Failed),
        (_, true) => Some(LogError::Closed),
        _ => None,
    }
}
