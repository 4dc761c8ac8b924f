//! Reading: clients that stand at a place of a partition, kept for whoever reads on from there.

use std::{
    sync::Mutex,
    thread,
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
    client::Client,
};
use crate::clock::moment;

/// All cursors that nobody reads with just now.
pub(super) struct Cursors {
    /// Of those who wait for what comes; they stay where they are.
    waiting: Pool,
    /// Of those who ask what is there now.
    asking: Pool,
}

struct Pool {
    config: ClientConfig,
    most: usize,
    /// The one used last at the end.
    free: Mutex<Vec<Cursor>>,
}

struct Cursor {
    consumer: Client<BaseConsumer>,
    topic: String,
    partition: i32,
    /// The offset that the next message has at least.
    next: u64,
    /// Whether it fetches.
    stands: bool,
}

/// How long a read that shall not wait may wait for brokers that say there is something.
const SLOW: Duration = Duration::from_secs(20);
/// Before brokers are asked again that could not answer.
const AGAIN: Duration = Duration::from_millis(100);

/// What a look at the queue found.
enum Found {
    Entry(Entry),
    End,
    Nothing,
}

impl Cursors {
    pub(super) fn new(mut config: ClientConfig) -> Self {
        // By default a reader that keeps up pauses for a second whenever its queue was full.
        config.set("fetch.queue.backoff.ms", "5").set("queued.max.messages.kbytes", "16384");
        config.set("fetch.error.backoff.ms", "50");
        let mut asking = config.clone();
        // Where there is nothing more, the broker says so at once, and the client tells us.
        asking.set("enable.partition.eof", "true").set("fetch.wait.max.ms", "1");
        // Each has threads and connections of its own.
        Self { waiting: Pool::new(config, 64), asking: Pool::new(asking, 16) }
    }

    pub(super) fn read(
        &self,
        topic: &str,
        partition: u32,
        from: u64,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Entry>, LogError> {
        let pool = if wait.is_zero() { &self.asking } else { &self.waiting };
        let mut cursor = pool.take(topic, partition as i32, from)?;
        // One that failed may stand anywhere, and is not kept.
        let entries =
            if wait.is_zero() { cursor.read_now(limit)? } else { cursor.read_within(limit, wait)? };
        pool.put(cursor);
        Ok(entries)
    }
}

impl Pool {
    fn new(config: ClientConfig, most: usize) -> Self {
        Self { config, most, free: Mutex::default() }
    }

    fn put(&self, cursor: Cursor) {
        let mut free = lock(&self.free);
        let oldest = (free.len() >= self.most).then(|| free.remove(0));
        free.push(cursor);
        drop(free);
        drop(oldest);
    }

    /// A cursor at `from`: one that stands there, else another that is moved, else a new one.
    fn take(&self, topic: &str, partition: i32, from: u64) -> Result<Cursor, LogError> {
        let of_partition = |cursor: &Cursor| cursor.topic == topic && cursor.partition == partition;
        let mut free = lock(&self.free);
        let stands = |cursor: &Cursor| cursor.stands && of_partition(cursor) && cursor.next == from;
        if let Some(at) = free.iter().rposition(stands) {
            return Ok(free.remove(at));
        }
        let other = free.iter().position(|cursor| of_partition(cursor) || !cursor.stands);
        let other = other.map(|at| free.remove(at));
        drop(free);
        let consumer = match other {
            Some(cursor) => cursor.consumer,
            None => Client::new(self.config.create().map_err(|error| broker("make a client", &error))?),
        };
        Ok(Cursor { consumer, topic: topic.to_owned(), partition, next: from, stands: false })
    }
}

impl Cursor {
    /// Fetches anew from `next` on.
    fn stand(&mut self) -> Result<(), LogError> {
        let mut place = TopicPartitionList::new();
        let offset = Offset::Offset(i64::try_from(self.next).unwrap_or(i64::MAX));
        let placed = place.add_partition_offset(&self.topic, self.partition, offset);
        placed.and_then(|()| self.consumer.assign(&place)).map_err(|error| broker("read", &error))?;
        self.stands = true;
        Ok(())
    }

    /// Fetches no more.
    fn rest(&mut self) -> Result<(), LogError> {
        self.stands = false;
        self.consumer.unassign().map_err(|error| broker("read", &error))
    }

    /// What is committed by now.
    fn read_now(&mut self, limit: usize) -> Result<Vec<Entry>, LogError> {
        if self.stands
            && let Found::Entry(entry) = self.look(moment())?
        {
            return self.more(entry, limit);
        }
        let until = moment() + SLOW;
        if end_of(&self.consumer, &self.topic, self.partition, until)? <= self.next {
            self.rest()?;
            return Ok(Vec::new());
        }
        // Anew, so that an end that is told now was found now. Before it may lie only what is no record: ends of
        // transactions, and what was aborted.
        self.stand()?;
        while moment() < until {
            match self.look(until)? {
                Found::Entry(entry) => return self.more(entry, limit),
                Found::End => {
                    self.rest()?;
                    return Ok(Vec::new());
                }
                Found::Nothing => {}
            }
        }
        Err(LogError::Broker { what: "read", why: "no answer in time".to_owned() })
    }

    fn read_within(&mut self, limit: usize, wait: Duration) -> Result<Vec<Entry>, LogError> {
        if !self.stands {
            self.stand()?;
        }
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

/// The offset behind everything that is committed in a partition.
pub(super) fn end_of(
    consumer: &BaseConsumer,
    topic: &str,
    partition: i32,
    until: Instant,
) -> Result<u64, LogError> {
    loop {
        match consumer.fetch_watermarks(topic, partition, PATIENCE) {
            Ok((_, end)) => return Ok(u64::try_from(end).unwrap_or(0)),
            // The leader may just have moved, or the broker that is asked not have heard of a new topic yet.
            Err(error) if (passes(&error) || is_new(&error)) && moment() < until => thread::sleep(AGAIN),
            Err(error) => return Err(broker("ask for the end of a partition", &error)),
        }
    }
}

fn is_new(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnknownPartition)
}

/// Whether the client goes on by itself after an error: brokers that are away, leaders that move, a broker that has
/// not heard of a new topic yet (that they are there was seen when the log was opened).
pub(super) fn passes(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::*;
    let lasting =
        [OffsetOutOfRange, AutoOffsetReset, UnknownTopic, UnknownPartition, UnknownTopicOrPartition];
    let refused =
        [TopicAuthorizationFailed, GroupAuthorizationFailed, Authentication, SaslAuthenticationFailed, Fatal];
    error.rdkafka_error_code().is_some_and(|code| !lasting.contains(&code) && !refused.contains(&code))
}
