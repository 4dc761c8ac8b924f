//! The log on Apache Kafka: a topic is a topic, a partition a partition, a commit a transaction.
//!
//! What is appended goes through one idempotent producer. Each reader of each partition commits through a
//! transactional producer of its own, whose `transactional.id` names reader and partition: whoever takes the
//! partition next fences it, whatever the consumer group believes. `docs/kafka.md` describes it for those who run it.

mod appender;
mod client;
mod committer;
mod cursor;
mod event;
mod keys;
mod look;
mod member;
mod options;
mod reference;
mod state;
mod tail;
mod topics;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use rdkafka::{TopicPartitionList, consumer::BaseConsumer, error::KafkaError};

use self::{
    appender::Appender,
    client::Client,
    committer::{Committer, Group, Names},
    cursor::Cursors,
    keys::Keys,
};
use super::{Batch, Commit, Entry, Log, LogError, Name, Ownership, Resume, Ticket, lock};

pub use client::wait_for_ended_clients;
pub use look::Seen;
pub use member::Member;
pub use options::{AddressError, KafkaOptions};
pub use reference::{Landed, Reference};
pub use tail::{From, Met, Tail};
pub use topics::{Kept, Topic, Written};

/// How long the brokers may take for what a start asks of them.
const PATIENCE: Duration = Duration::from_secs(30);

/// A topic or reader, and a partition.
type Slot = (Name, u32);

/// The log of one tenant on Apache Kafka.
pub struct Kafka {
    options: KafkaOptions,
    names: Arc<Names>,
    partitions: u32,
    copies: i32,
    appender: Appender,
    cursors: Cursors,
    keys: Mutex<HashMap<Slot, Arc<Mutex<Keys>>>>,
    committers: Mutex<HashMap<Slot, Committer>>,
    groups: Mutex<HashMap<Name, Arc<Group>>>,
}

/// The client's error in the log's words.
fn broker(what: &'static str, error: &KafkaError) -> LogError {
    LogError::Broker { what, why: error.to_string() }
}

impl Kafka {
    /// Connects, and makes or checks the topics.
    ///
    /// # Errors
    /// [`LogError::Broker`] where no broker answers, [`LogError::Topic`] with the command that helps where a topic is
    /// missing and cannot be made, or is not as it must be, [`LogError::Mismatch`] for another number of partitions.
    pub fn open(options: KafkaOptions) -> Result<Self, LogError> {
        let found = topics::agree(&options)?;
        let names = Arc::new(Names::new(&options));
        let appender = Appender::new(options.client())?;
        let cursors = Cursors::new(options.reading());
        Ok(Self {
            names,
            partitions: found.partitions,
            copies: found.copies,
            appender,
            cursors,
            options,
            keys: Mutex::default(),
            committers: Mutex::default(),
            groups: Mutex::default(),
        })
    }

    /// In how many copies the least kept topic must lie before a record counts as durable.
    pub fn copies(&self) -> i32 {
        self.copies
    }

    /// What the log was opened with.
    pub fn options(&self) -> &KafkaOptions {
        &self.options
    }

    /// Joins the reader's consumer group: partitions come and go by its rebalancing, as `ownership` then tells.
    /// `instance` makes the membership static, so that a restart within the session timeout moves nothing.
    ///
    /// # Errors
    /// [`LogError::Broker`] where the client cannot be made.
    pub fn join(
        &self,
        reader: &Name,
        instance: Option<&str>,
        ownership: Arc<Ownership>,
    ) -> Result<Member, LogError> {
        let source = self.names.whole(&self.options.source)?.to_owned();
        let mut member = Member::join(&self.options, reader, &source, instance, ownership)?;
        // Before the first partition is given: its worker commits as a member.
        lock(&self.groups).insert(reader.clone(), Arc::new(Group::Member(member.consumer())));
        member.serve()?;
        Ok(member)
    }

    /// The group under whose name a reader's positions are kept; without having joined, a client that only asks.
    fn group(&self, reader: &Name) -> Result<Arc<Group>, LogError> {
        let mut groups = lock(&self.groups);
        if let Some(group) = groups.get(reader) {
            return Ok(group.clone());
        }
        let mut config = self.options.reading();
        config.set("group.id", self.options.whole(reader));
        let consumer: BaseConsumer = config.create().map_err(|error| broker("make a client", &error))?;
        let group = Arc::new(Group::Onlooker(Client::new(consumer)));
        groups.insert(reader.clone(), group.clone());
        Ok(group)
    }

    fn partition(&self, partition: u32) -> Result<(), LogError> {
        if partition < self.partitions { Ok(()) } else { Err(LogError::NoPartition { partition }) }
    }

    /// What of a commit is not written this way.
    fn refuse(&self, partition: u32, commit: &Commit) -> Result<(), LogError> {
        self.partition(partition)?;
        commit.outputs.iter().try_for_each(|output| match self.names.written(&output.topic) {
            Some(Written::Published) => Ok(()),
            _ => Err(LogError::NoTopic { topic: output.topic.clone() }),
        })
    }

    /// The committed position of a reader and what was noted with it.
    fn position(&self, group: &Group, partition: u32) -> Result<(u64, String), LogError> {
        let failed = |error: KafkaError| broker("ask for the committed position", &error);
        let mut asked = TopicPartitionList::new();
        asked.add_partition(self.names.whole(&self.options.source)?, partition as i32);
        let found = group.committed(asked, PATIENCE).map_err(failed)?;
        let Some(element) = found.elements().into_iter().next() else { return Ok((0, String::new())) };
        element.error().map_err(failed)?;
        let next = element.offset().to_raw().and_then(|offset| u64::try_from(offset).ok());
        Ok(next.map_or((0, String::new()), |next| (next, element.metadata().to_owned())))
    }
}

impl Log for Kafka {
    fn partitions(&self) -> u32 {
        self.partitions
    }

    fn append(&self, topic: &Name, partition: u32, batch: Batch) -> Ticket {
        let whole = match self.names.written(topic) {
            Some(Written::Appended) => self.partition(partition).and_then(|()| self.names.whole(topic)),
            _ => Err(LogError::NoTopic { topic: topic.clone() }),
        };
        match whole {
            Ok(whole) => self.appender.append(whole, partition, &batch),
            Err(error) => Ticket::resolved(Err(error)),
        }
    }

    fn commit(&self, partition: u32, commit: Commit) -> Ticket {
        if let Err(error) = self.refuse(partition, &commit) {
            return Ticket::resolved(Err(error));
        }
        match lock(&self.committers).get(&(commit.reader.clone(), partition)) {
            Some(committer) => committer.queue(commit),
            None => Ticket::resolved(Err(LogError::Lost { why: "the reader has not resumed".to_owned() })),
        }
    }

    fn read(
        &self,
        topic: &Name,
        partition: u32,
        from: u64,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Entry>, LogError> {
        self.partition(partition)?;
        match self.names.whole(topic) {
            Ok(whole) => self.cursors.read(whole, partition, from, limit, wait),
            // As in the embedded log: a topic that nothing was ever published to is empty.
            Err(_) => Ok(Vec::new()),
        }
    }

    fn resume(&self, reader: &Name, partition: u32) -> Result<Resume, LogError> {
        self.partition(partition)?;
        let slot = (reader.clone(), partition);
        // What the owner before in this process has queued goes out, or fails, before its successor begins.
        let before = lock(&self.committers).remove(&slot);
        drop(before);
        let group = self.group(reader)?;
        let producer = committer::producer(&self.options, reader, partition)?;
        // Only now: no earlier owner can move the position any more.
        let (next, note) = self.position(&group, partition)?;
        let mark = state::Mark::parse(&note);
        let checkpoint = match mark {
            Some(mark) => state::load(self, reader, partition, mark)?,
            None => None,
        };
        let committer = Committer::start(producer, group, self.names.clone(), reader, partition, mark)?;
        lock(&self.committers).insert(slot, committer);
        Ok(Resume { next, checkpoint })
    }

    fn leave(&self, reader: &Name, partition: u32) {
        let left = lock(&self.committers).remove(&(reader.clone(), partition));
        if let Some(committer) = left {
            committer.give_up();
        }
    }

    fn find(&self, topic: &Name, partition: u32, key: &[u8]) -> Result<Option<Entry>, LogError> {
        self.partition(partition)?;
        let keys = lock(&self.keys).entry((topic.clone(), partition)).or_default().clone();
        lock(&keys).find(self, topic, partition, key)
    }
}
