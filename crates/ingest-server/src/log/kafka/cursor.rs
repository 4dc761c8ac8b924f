//! Reading: clients that stand at a place of a partition, kept for whoever reads on from there.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    types::RDKafkaErrorCode,
};

use super::{
    super::{Entry, LogError, lock},
    PATIENCE, broker,
};
use crate::clock::moment;

/// All cursors that nobody reads with just now, the one used last at the end.
pub(super) struct Cursors {
    config: ClientConfig,
    free: Mutex<Vec<Cursor>>,
}

struct Cursor {
    consumer: BaseConsumer,
    topic: String,
    partition: i32,
    /// The offset that the next message has at least.
    next: u64,
    /// There is nothing from `next` up to here.
    nothing_to: u64,
}

/// Clients that are kept; each has threads and connections of its own.
const KEPT: usize = 48;
/// How long a read that shall not wait may wait for brokers that say there is something.
const SLOW: Duration = Duration::from_secs(20);

/// What a look at the queue found.
enum Found {
    Entry(Entry),
    End,
    Nothing,
}

impl Cursors {
    pub(super) fn new(mut config: ClientConfig) -> Self {
        config.set("enable.partition.eof", "true").set("fetch.wait.max.ms", "100");
        // By default a reader that keeps up pauses for a second whenever its queue was full.
        config.set("fetch.queue.backoff.ms", "5").set("queued.max.messages.kbytes", "16384");
        config.set("fetch.error.backoff.ms", "50");
        Self { config, free: Mutex::default() }
    }

    pub(super) fn read(
        &self,
        topic: &str,
        partition: u32,
        from: u64,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Entry>, LogError> {
        let mut cursor = self.take(topic, partition as i32, from)?;
        let entries = if wait.is_zero() { cursor.read_now(limit) } else { cursor.read_within(limit, wait) };
        // One that failed may stand anywhere.
        let entries = entries?;
        let mut free = lock(&self.free);
        if free.len() >= KEPT {
            drop(free.remove(0));
        }
        free.push(cursor);
        Ok(entries)
    }

    /// A cursor at `from`: one that stands there, else another of the partition that is moved, else a new one.
    fn take(&self, topic: &str, partition: i32, from: u64) -> Result<Cursor, LogError> {
        let of_partition = |cursor: &Cursor| cursor.topic == topic && cursor.partition == partition;
        let mut free = lock(&self.free);
        if let Some(at) = free.iter().rposition(|cursor| of_partition(cursor) && cursor.next == from) {
            return Ok(free.remove(at));
        }
        let other = free.iter().position(of_partition).map(|at| free.remove(at));
        drop(free);
        let mut cursor = match other {
            Some(cursor) => cursor,
            None => {
                let consumer = self.config.create().map_err(|error| broker("make a client", &error))?;
                Cursor { consumer, topic: topic.to_owned(), partition, next: from, nothing_to: 0 }
            }
        };
        cursor.next = from;
        cursor.stand()?;
        Ok(cursor)
    }
}

impl Cursor {
    /// Fetches anew from `next` on.
    fn stand(&mut self) -> Result<(), LogError> {
        self.nothing_to = 0;
        let mut place = TopicPartitionList::new();
        let offset = Offset::Offset(i64::try_from(self.next).unwrap_or(i64::MAX));
        let placed = place.add_partition_offset(&self.topic, self.partition, offset);
        placed.and_then(|()| self.consumer.assign(&place)).map_err(|error| broker("read", &error))
    }

    /// What is committed by now.
    fn read_now(&mut self, limit: usize) -> Result<Vec<Entry>, LogError> {
        let ends = self.consumer.fetch_watermarks(&self.topic, self.partition, PATIENCE);
        let (_, end) = ends.map_err(|error| broker("ask for the end of a partition", &error))?;
        let end = u64::try_from(end).unwrap_or(0);
        if end <= self.next.max(self.nothing_to) {
            return Ok(Vec::new());
        }
        let until = moment() + SLOW;
        let mut anew = false;
        while moment() < until {
            match self.look(until)? {
                Found::Entry(entry) => return self.more(entry, limit),
                // Behind `next` lies only what is no record: ends of transactions, and what was aborted.
                Found::End if anew => {
                    self.nothing_to = end;
                    return Ok(Vec::new());
                }
                // May be an end that was told before the last records came.
                Found::End => {
                    self.stand()?;
                    anew = true;
                }
                Found::Nothing => {}
            }
        }
        Err(LogError::Broker { what: "read", why: "no answer in time".to_owned() })
    }

    fn read_within(&mut self, limit: usize, wait: Duration) -> Result<Vec<Entry>, LogError> {
        let until = moment() + wait;
        loop {
            if let Found::Entry(entry) = self.look(until)? {
                return self.more(entry, limit);
            }
            if moment() >= until {
                return Ok(Vec::new());
            }
        }
    }

    /// The first entry and what has been fetched behind it.
    fn more(&mut self, first: Entry, limit: usize) -> Result<Vec<Entry>, LogError> {
        let mut bytes = first.value.len() + first.key.len();
        let mut entries = vec![first];
        while bytes < limit {
            let Found::Entry(entry) = self.look(moment())? else { break };
            bytes += entry.value.len() + entry.key.len();
            entries.push(entry);
        }
        Ok(entries)
    }

    fn look(&mut self, until: Instant) -> Result<Found, LogError> {
        match self.consumer.poll(until.saturating_duration_since(moment())) {
            None => Ok(Found::Nothing),
            Some(Ok(message)) => {
                let offset = u64::try_from(message.offset()).unwrap_or(0);
                let entry = Entry {
                    offset,
                    key: Bytes::copy_from_slice(message.key().unwrap_or_default()),
                    value: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
                };
                self.next = offset + 1;
                Ok(Found::Entry(entry))
            }
            Some(Err(KafkaError::PartitionEOF(_))) => Ok(Found::End),
            Some(Err(error)) if passes(&error) => Ok(Found::Nothing),
            Some(Err(error)) => Err(broker("read", &error)),
        }
    }
}

/// Whether the client goes on by itself after an error: brokers that are away, leaders that move, a broker that has
/// not heard of a new topic yet (that they are there was seen when the log was opened).
fn passes(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::*;
    let lasting =
        [OffsetOutOfRange, AutoOffsetReset, UnknownTopic, UnknownPartition, UnknownTopicOrPartition];
    let refused =
        [TopicAuthorizationFailed, GroupAuthorizationFailed, Authentication, SaslAuthenticationFailed, Fatal];
    error.rdkafka_error_code().is_some_and(|code| !lasting.contains(&code) && !refused.contains(&code))
}
