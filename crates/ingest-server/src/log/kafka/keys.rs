//! Where the newest record of each key of a published partition lies; filled by reading the partition.

use std::{collections::HashMap, time::Duration};

use super::super::{Entry, Log, LogError, Name};

/// What has been read of one topic's partition.
#[derive(Default)]
pub(super) struct Keys {
    /// The first offset that was not read.
    next: u64,
    newest: HashMap<Box<[u8]>, u64>,
}

const READ_BYTES: usize = 4 << 20;

impl Keys {
    pub(super) fn find(
        &mut self,
        log: &impl Log,
        topic: &Name,
        partition: u32,
        key: &[u8],
    ) -> Result<Option<Entry>, LogError> {
        self.follow(log, topic, partition)?;
        let Some(offset) = self.newest.get(key) else { return Ok(None) };
        let found = log.read(topic, partition, *offset, 1, Duration::ZERO)?;
        Ok(found.into_iter().next().filter(|entry| entry.key == key))
    }

    fn follow(&mut self, log: &impl Log, topic: &Name, partition: u32) -> Result<(), LogError> {
        loop {
            let entries = log.read(topic, partition, self.next, READ_BYTES, Duration::ZERO)?;
            let Some(last) = entries.last() else { return Ok(()) };
            self.next = last.offset + 1;
            self.newest.extend(entries.iter().map(|entry| (entry.key.as_ref().into(), entry.offset)));
        }
    }
}
