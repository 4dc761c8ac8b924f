//! What one partition's readers published: a segment log of commits.

use std::{collections::HashMap, path::Path, sync::Mutex, time::Duration};

use super::{
    commit::{self, Standing, Stored},
    keys::{self, Keys, Place},
};
use crate::{
    clock::moment,
    log::{
        Batch, Commit, Entry, LogError, Name, Ticket,
        segment::{Fault, MAX_RECORD, OnFailure, SegmentLog, TornTail, lock},
    },
};

/// The outputs log of one partition.
pub(super) struct Outputs {
    log: SegmentLog,
    folder: std::path::PathBuf,
    inner: Mutex<Inner>,
    /// Where readers of a topic go on: (topic, number) → commit.
    hints: Mutex<HashMap<(Name, u64), u64>>,
}

struct Inner {
    standing: Standing,
    /// The offset of the next commit. Known before it is durable, as nothing follows a commit that failed.
    next: u64,
    keys: Keys,
    /// A commit could not even be queued, so none may follow it.
    refused: bool,
}

const CHUNK: usize = 256 << 10;
const HINTS: usize = 256;

impl Outputs {
    pub(super) fn open(
        folder: &Path,
        segment_bytes: u64,
        fault: Option<Fault>,
    ) -> Result<(Self, Option<TornTail>), LogError> {
        let (log, torn) = SegmentLog::open(folder, None, segment_bytes, OnFailure::Stop, fault)?;
        let bases = log.bases();
        let keys = Keys::new(folder, &bases);
        let inner = Mutex::new(Inner { standing: Standing::default(), next: 0, keys, refused: false });
        let outputs = Self { log, folder: folder.to_owned(), inner, hints: Mutex::new(HashMap::new()) };
        outputs.recover(&mut lock(&outputs.inner))?;
        Ok((outputs, torn))
    }

    /// Takes the standing from the last commit and the keys from the active segment.
    fn recover(&self, inner: &mut Inner) -> Result<(), LogError> {
        let (end, bases) = (self.log.end(), self.log.bases());
        let active = bases.last().copied().unwrap_or(0);
        inner.next = end;
        inner.standing = match end.checked_sub(1) {
            Some(last) => self.commit_at(last)?.after(),
            None => Standing::default(),
        };
        inner.keys = Keys::new(&self.folder, &bases);
        for (key, place) in self.keys_between(active, end)? {
            let split = key.iter().position(|byte| *byte == 0).unwrap_or(0);
            let topic =
                key.get(..split).and_then(|topic| std::str::from_utf8(topic).ok()).and_then(Name::new);
            if let Some(topic) = topic {
                inner.keys.insert(&topic, key.get(split + 1..).unwrap_or_default(), place);
            }
        }
        Ok(())
    }

    fn keys_between(&self, from: u64, end: u64) -> Result<HashMap<Vec<u8>, Place>, LogError> {
        let mut keys = HashMap::new();
        let mut at = from;
        while at < end {
            for entry in self.log.read(at, CHUNK, Duration::ZERO)? {
                at = entry.offset + 1;
                if entry.offset < end {
                    for (output, index) in self.decode(&entry)?.outputs.iter().zip(0..) {
                        keys.insert(keys::compound(&output.topic, &output.key), (entry.offset, index));
                    }
                }
            }
        }
        Ok(keys)
    }

    /// Queues a commit's outputs and position.
    pub(super) fn commit(&self, commit: &Commit) -> Result<Ticket, LogError> {
        let mut inner = lock(&self.inner);
        if inner.refused {
            return Err(LogError::Failed);
        }
        let mut standing = inner.standing.clone();
        let encoded = standing.encode(&commit.reader, commit.next, &commit.outputs);
        let encoded = encoded.ok_or(LogError::TooLarge { bytes: commit.outputs.len() })?;
        if encoded.len() > MAX_RECORD {
            return Err(LogError::TooLarge { bytes: encoded.len() });
        }
        inner.keys.follow(&self.log.bases())?;
        let ticket = self.log.append(Batch::of(&encoded));
        let offset = inner.next;
        for (output, index) in commit.outputs.iter().zip(0..) {
            inner.keys.insert(&output.topic, &output.key, (offset, index));
        }
        inner.next += 1;
        inner.standing = standing;
        Ok(ticket)
    }

    /// A commit could not be queued: those behind it would be there without it.
    pub(super) fn refuse_what_follows(&self) {
        lock(&self.inner).refused = true;
    }

    /// The committed position of a reader. After a commit that failed, what is durable counts from here on.
    pub(super) fn resume(&self, reader: &Name) -> Result<u64, LogError> {
        let mut inner = lock(&self.inner);
        if inner.refused || self.log.is_stopped() {
            self.log.settle(inner.next);
            self.recover(&mut inner)?;
            inner.refused = false;
            self.log.go_on();
        }
        Ok(inner.standing.readers.get(reader).copied().unwrap_or(0))
    }

    /// Records of a topic from number `from` on.
    pub(super) fn read(
        &self,
        topic: &Name,
        from: u64,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Entry>, LogError> {
        let deadline = moment() + wait;
        let mut at = self.locate(topic, from)?;
        let mut found = Vec::new();
        let mut taken = 0;
        loop {
            let left = deadline.saturating_duration_since(moment());
            let commits = self.log.read(at, CHUNK, if found.is_empty() { left } else { Duration::ZERO })?;
            if commits.is_empty() {
                return Ok(found);
            }
            for entry in commits {
                let stored = self.decode(&entry)?;
                for (offset, output) in stored.of_topic(topic).filter(|(offset, _)| *offset >= from) {
                    taken += output.value.len();
                    found.push(Entry { offset, key: output.key.clone(), value: output.value.clone() });
                }
                at = entry.offset + 1;
                if taken >= limit {
                    self.leave_hint(topic, &found, at);
                    return Ok(found);
                }
            }
            self.leave_hint(topic, &found, at);
        }
    }

    fn leave_hint(&self, topic: &Name, found: &[Entry], at: u64) {
        let Some(last) = found.last() else { return };
        let mut hints = lock(&self.hints);
        if hints.len() >= HINTS {
            hints.clear();
        }
        hints.insert((topic.clone(), last.offset + 1), at);
    }

    /// A commit at or before the one that holds number `from` of the topic.
    fn locate(&self, topic: &Name, from: u64) -> Result<u64, LogError> {
        if let Some(at) = lock(&self.hints).get(&(topic.clone(), from)) {
            return Ok(*at);
        }
        let end = self.log.end();
        let bases = self.log.bases();
        let before = |at: u64| {
            Ok(at >= end || self.commit_at(at)?.before.topics.get(topic).copied().unwrap_or(0) > from)
        };
        let segment =
            partition(0, bases.len() as u64, |at| before(bases.get(at as usize).copied().unwrap_or(end)))?;
        let low = segment.checked_sub(1).and_then(|at| bases.get(at as usize)).copied().unwrap_or(0);
        let high = bases.get(segment as usize).copied().unwrap_or(end);
        Ok(partition(low, high, before)?.saturating_sub(1).max(low))
    }

    /// The newest record of a key.
    pub(super) fn find(&self, topic: &Name, key: &[u8]) -> Result<Option<Entry>, LogError> {
        let bases = self.log.bases();
        let mut inner = lock(&self.inner);
        inner.keys.follow(&bases)?;
        let next = |base: u64| bases.iter().find(|other| **other > base).copied().unwrap_or(base);
        let rebuild = |base: u64| self.keys_between(base, next(base));
        inner.keys.search(topic, key, rebuild, |(at, index)| {
            let stored = self.commit_at(at)?;
            let number =
                stored.outputs.iter().take(index as usize).filter(|output| output.topic == *topic).count();
            let output = stored.of_topic(topic).nth(number).filter(|(_, output)| output.key == key);
            Ok(output.map(|(offset, output)| Entry {
                offset,
                key: output.key.clone(),
                value: output.value.clone(),
            }))
        })
    }

    /// A commit; one that is queued is waited for.
    fn commit_at(&self, at: u64) -> Result<Stored, LogError> {
        let entries = self.log.read(at, 1, Duration::from_secs(5))?;
        entries.first().map_or(Err(LogError::Failed), |entry| self.decode(entry))
    }

    fn decode(&self, entry: &Entry) -> Result<Stored, LogError> {
        let why = "a record that is no commit";
        commit::decode(&entry.value).ok_or_else(|| LogError::Corrupt {
            file: self.folder.clone(),
            at: entry.offset,
            why,
        })
    }
}

/// The first number in `[low, high)` for which `after` holds, else `high`.
fn partition(
    mut low: u64,
    mut high: u64,
    after: impl Fn(u64) -> Result<bool, LogError>,
) -> Result<u64, LogError> {
    while low < high {
        let middle = low.midpoint(high);
        if after(middle)? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}
