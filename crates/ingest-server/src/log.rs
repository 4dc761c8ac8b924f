//! The durable log: the small seam between what listens, what works and what keeps.
//!
//! A log has topics, each with the same number of partitions. Two kinds of topic exist, and both are plain names:
//! those that anybody **appends** to (frames, reference data), and those that a reader of another topic publishes
//! with its **commit**: outputs and position in one piece, all or nothing. [`conformance`] says what every backend
//! must do; `docs/log.md` describes the embedded one, `docs/kafka.md` the one on Apache Kafka.

mod batch;
pub mod conformance;
mod embedded;
mod error;
#[cfg(feature = "kafka")]
pub mod kafka;
mod name;
mod ownership;
mod segment;
mod ticket;

pub use batch::Batch;
pub use embedded::{Embedded, Options};
pub use error::LogError;
#[cfg(feature = "kafka")]
pub use kafka::{Kafka, KafkaOptions};
pub use name::Name;
pub use ownership::{Ownership, Standing};
pub use segment::{Fault, Torn, TornTail};
pub(crate) use segment::{SegmentFile, lock, make_folder, segments, sync_folder, write_whole};
pub use ticket::{Ticket, TicketSender};

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

/// A record as a reader gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number in its topic and partition. Numbers ascend; on Kafka some are taken by what is no record.
    pub offset: u64,
    /// What it was published under; empty for appended records.
    pub key: Bytes,
    /// Its bytes.
    pub value: Bytes,
}

/// A record that a commit publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The topic it goes to.
    pub topic: Name,
    /// What it is found by.
    pub key: Bytes,
    /// Its bytes.
    pub value: Bytes,
}

/// What one batch of a reader made, with the position it leads to.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Who read: each reader has a position of its own.
    pub reader: Name,
    /// The first offset of the source that is not yet worked in.
    pub next: u64,
    /// What to publish, in order.
    pub outputs: Vec<Publication>,
    /// The reader's state, where this commit is a checkpoint.
    pub state: Option<Checkpoint>,
}

/// A reader's state as of a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The first offset that is not worked in. Commits up to here were queued before, or it is the commit's own.
    pub at: u64,
    /// The state.
    pub state: Bytes,
}

/// Where a reader goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// The first offset that is not yet committed.
    pub next: u64,
    /// The newest checkpoint at or before `next`: its position and state.
    pub checkpoint: Option<(u64, Bytes)>,
}

/// A durable log of one tenant.
///
/// Methods may block on the disk or the network (not on other callers for long), so they are called from worker
/// threads, or where they only queue: [`append`](Self::append) and [`commit`](Self::commit) return at once.
pub trait Log: Send + Sync + 'static {
    /// The number of partitions, fixed when the log is made.
    fn partitions(&self) -> u32;

    /// Queues records for the end of a partition, in order. The ticket resolves to the offset of the last, once all
    /// of them are durable.
    fn append(&self, topic: &Name, partition: u32, batch: Batch) -> Ticket;

    /// Queues a commit of a reader that has resumed. Commits of one partition take effect in the order of the calls;
    /// the ticket resolves to `commit.next` once outputs, position and state are durable; a state may take longer than
    /// commits that follow. After one that failed, none takes effect until the reader resumes again, unless it was
    /// only the state that could not be kept.
    fn commit(&self, partition: u32, commit: Commit) -> Ticket;

    /// Durable records from offset `from` on, up to about `limit` bytes (at least one record where there is one).
    /// Where there is none yet, waits for one up to `wait`, then returns an empty list.
    ///
    /// # Errors
    /// [`LogError`] where the log cannot be read, with file and byte offset where it is damaged.
    fn read(
        &self,
        topic: &Name,
        partition: u32,
        from: u64,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Entry>, LogError>;

    /// Takes a partition for `reader`: says where it goes on, and from here on no commit of an earlier owner of the
    /// partition takes effect, in whatever process it runs.
    ///
    /// # Errors
    /// [`LogError`] where the log cannot be read.
    fn resume(&self, reader: &Name, partition: u32) -> Result<Resume, LogError>;

    /// Gives a partition up: what is queued and not yet committed fails, and a transaction under way is aborted.
    fn leave(&self, _reader: &Name, _partition: u32) {}

    /// The newest committed record of a topic with this key.
    ///
    /// # Errors
    /// [`LogError`] where the log cannot be read.
    fn find(&self, topic: &Name, partition: u32, key: &[u8]) -> Result<Option<Entry>, LogError>;
}

/// A log that several threads share.
pub type SharedLog = Arc<dyn Log>;
