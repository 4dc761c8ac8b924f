//! The seam between the server and what it runs: a stage takes records and gives records.
//!
//! A worker owns one partition of the log and runs one stage on it. Neither the worker nor the log knows what a
//! stage does; the session pipeline (`Pipeline`) is the first one. A stage is pure: the same records in the same
//! order give the same outputs, byte for byte, however they were batched, on any machine. It never asks for the
//! time; `received_at` inside the records moves its clock.

use parking_types::Instant;

/// Where a record lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The partition.
    pub partition: u32,
    /// The record's number in its partition, from 0, without gaps.
    pub offset: u64,
}

/// One record of the log, as stored: one frame record, tick, outage or reference line in JSON (`docs/records.md`).
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Where it lies.
    pub position: Position,
    /// Its bytes.
    pub value: &'a [u8],
}

/// Something that a stage publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The topic's name without its prefix: `sessions`, `charges`, `commands`, `alerts`, `devices`,
    /// `dead-letters`.
    pub topic: &'static str,
    /// The key by which the topic is compacted.
    pub key: String,
    /// The record: one JSON object, without a line end.
    pub value: Vec<u8>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A frame that was used.
    Applied,
    /// A frame that was seen before.
    Duplicate,
    /// A frame that could not be used; a dead letter was published.
    DeadLetter,
    /// A tick, an outage or a reference line: no frame.
    NotAFrame,
}

/// Appends a state as of one record to what it is given.
pub type Cut = Box<dyn FnOnce(&mut Vec<u8>) + Send>;

/// Records in, a pure step, records out.
///
/// ```
/// use parkline::stage::{Outcome, Output, Position, Record, Stage};
///
/// /// Counts records; publishes nothing.
/// struct Count(u64);
/// impl Stage for Count {
///     fn version(&self) -> u32 { 1 }
///     fn apply(&mut self, _: Record<'_>, _: &mut Vec<Output>) -> Outcome {
///         self.0 += 1;
///         Outcome::Applied
///     }
///     fn next_deadline(&self) -> Option<parking_types::Instant> { None }
///     fn save(&self) -> Vec<u8> { self.0.to_le_bytes().to_vec() }
///     fn restore(&mut self, saved: &[u8]) -> bool {
///         saved.try_into().map(|bytes| self.0 = u64::from_le_bytes(bytes)).is_ok()
///     }
/// }
/// let mut stage = Count(0);
/// let record = Record { position: Position { partition: 0, offset: 0 }, value: b"{}" };
/// assert_eq!(stage.apply(record, &mut Vec::new()), Outcome::Applied);
/// ```
pub trait Stage {
    /// The version of the state's layout; a saved state of another version is not restored.
    fn version(&self) -> u32;

    /// Applies one record and appends what it publishes to `outputs`.
    fn apply(&mut self, record: Record<'_>, outputs: &mut Vec<Output>) -> Outcome;

    /// The earliest timer: when no record has come by then, the owner of the partition appends a tick.
    fn next_deadline(&self) -> Option<Instant>;

    /// Answers a question about the state as it is between two records; `None` for what is no question to this stage.
    /// Asking changes nothing, and takes about as long as a record at most: the worker does no other work meanwhile.
    fn ask(&self, question: &[u8]) -> Option<Vec<u8>> {
        let _ = question;
        None
    }

    /// The whole state, deterministically.
    fn save(&self) -> Vec<u8>;

    /// The state as it is now, for another thread to write down while records go on being applied: what it appends is
    /// what [`save`](Self::save) would give now. One at a time: before the next cut the last one is
    /// [durable](Self::durable), or of no use any more.
    fn cut(&mut self) -> Cut {
        let saved = self.save();
        Box::new(move |out| out.extend_from_slice(&saved))
    }

    /// Bytes that it keeps in memory until a state that was cut is [durable](Self::durable).
    fn unsaved(&self) -> usize {
        0
    }

    /// The state that was [cut](Self::cut) last is durable.
    fn durable(&mut self) {}

    /// `false`: what it keeps beside its state could not be read or written; what it did last must not be believed.
    fn is_sound(&self) -> bool {
        true
    }

    /// Takes a saved state of the same [`version`](Self::version); `false`, and unchanged, when it cannot be read.
    fn restore(&mut self, saved: &[u8]) -> bool;
}
