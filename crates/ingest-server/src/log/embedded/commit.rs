//! A commit as one record of the outputs log: that it is one record makes it atomic.
//!
//! ```text
//! format u8 = 1 | readers u8 | each: name, next u64 | reader u8 (whose commit this is)
//! | topics u8 | each: name, first u64 | outputs u32 | each: topic u8, key (u32 + bytes), value (u32 + bytes)
//! ```
//! A name is its length in one byte, then its text. `first` is the number that the commit's first record has in the
//! topic; every commit states all topics and readers known so far, so that any record says where everything stands.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::log::{Name, Publication};

const FORMAT: u8 = 1;

/// Where everything stands after some commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Records published so far, by topic.
    pub(super) topics: BTreeMap<Name, u64>,
    /// The position of each reader.
    pub(super) readers: BTreeMap<Name, u64>,
}

/// A commit as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// Where everything stood before it, with its own reader's new position.
    pub(super) before: Standing,
    /// Its records in order.
    pub(super) outputs: Vec<Publication>,
}

impl Stored {
    /// Where everything stands after it.
    pub(super) fn after(&self) -> Standing {
        let mut standing = self.before.clone();
        standing.count(&self.outputs);
        standing
    }

    /// The records of one topic with their numbers.
    pub(super) fn of_topic<'a>(&'a self, topic: &'a Name) -> impl Iterator<Item = (u64, &'a Publication)> {
        let first = self.before.topics.get(topic).copied().unwrap_or(0);
        (first..).zip(self.outputs.iter().filter(move |output| output.topic == *topic))
    }
}

impl Standing {
    fn count(&mut self, outputs: &[Publication]) {
        for output in outputs {
            match self.topics.get_mut(&output.topic) {
                Some(count) => *count += 1,
                None => drop(self.topics.insert(output.topic.clone(), 1)),
            }
        }
    }

    /// Encodes a commit that follows this standing, and moves the standing past it. `None` where it has more topics
    /// or readers than a byte can number.
    pub(super) fn encode(&mut self, reader: &Name, next: u64, outputs: &[Publication]) -> Option<Vec<u8>> {
        let mut after = self.clone();
        after.readers.insert(reader.clone(), next);
        for output in outputs.iter().filter(|output| !self.topics.contains_key(&output.topic)) {
            after.topics.entry(output.topic.clone()).or_insert(0);
        }
        let mut bytes = vec![FORMAT, u8::try_from(after.readers.len()).ok()?];
        for (name, position) in &after.readers {
            push_name(&mut bytes, name);
            bytes.extend_from_slice(&position.to_le_bytes());
        }
        bytes.push(u8::try_from(after.topics.len()).ok()?);
        for (name, first) in &after.topics {
            push_name(&mut bytes, name);
            bytes.extend_from_slice(&first.to_le_bytes());
        }
        let numbers: BTreeMap<&Name, u8> = after.topics.keys().zip(0..).collect();
        bytes.extend_from_slice(&(outputs.len() as u32).to_le_bytes());
        for output in outputs {
            bytes.push(numbers.get(&output.topic).copied()?);
            push_bytes(&mut bytes, &output.key);
            push_bytes(&mut bytes, &output.value);
        }
        after.count(outputs);
        *self = after;
        Some(bytes)
    }
}

/// Reads a commit back; `None` when the bytes are none.
pub(super) fn decode(record: &Bytes) -> Option<Stored> {
    let mut from = Cursor { record, at: 0 };
    if from.byte()? != FORMAT {
        return None;
    }
    let readers = (0..from.byte()?).map(|_| Some((from.name()?, from.u64()?))).collect::<Option<_>>()?;
    let topics: Vec<(Name, u64)> =
        (0..from.byte()?).map(|_| Some((from.name()?, from.u64()?))).collect::<Option<_>>()?;
    let outputs = (0..from.u32()?)
        .map(|_| {
            let topic = topics.get(usize::from(from.byte()?))?.0.clone();
            Some(Publication { topic, key: from.bytes()?, value: from.bytes()? })
        })
        .collect::<Option<_>>()?;
    let before = Standing { topics: topics.into_iter().collect(), readers };
    (from.at == record.len()).then_some(Stored { before, outputs })
}

fn push_name(bytes: &mut Vec<u8>, name: &Name) {
    bytes.push(name.as_str().len() as u8);
    bytes.extend_from_slice(name.as_str().as_bytes());
}

fn push_bytes(bytes: &mut Vec<u8>, value: &[u8]) {
    bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
    bytes.extend_from_slice(value);
}

struct Cursor<'a> {
    record: &'a Bytes,
    at: usize,
}

impl Cursor<'_> {
    fn take(&mut self, len: usize) -> Option<&[u8]> {
        let taken = self.record.get(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn name(&mut self) -> Option<Name> {
        let len = usize::from(self.byte()?);
        Name::new(std::str::from_utf8(self.take(len)?).ok()?)
    }

    fn bytes(&mut self) -> Option<Bytes> {
        let len = self.u32()? as usize;
        let start = self.at;
        self.take(len)?;
        Some(self.record.slice(start..start + len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn output(topic: &str, key: &str) -> Publication {
        Publication {
            topic: name(topic),
            key: Bytes::copy_from_slice(key.as_bytes()),
            value: Bytes::from_static(b"{}"),
        }
    }

    #[test]
    fn a_commit_survives_and_numbers_its_records() {
        let mut standing = Standing::default();
        let first = [output("sessions", "a"), output("charges", "a"), output("sessions", "b")];
        standing.encode(&name("pipeline"), 5, &first).unwrap();
        let second = [output("sessions", "c"), output("alerts", "x")];
        let bytes = Bytes::from(standing.encode(&name("pipeline"), 9, &second).unwrap());
        let stored = decode(&bytes).unwrap();
        assert_eq!(stored.outputs, second);
        assert_eq!(stored.after(), standing);
        assert_eq!(stored.after().readers[&name("pipeline")], 9);
        let sessions = name("sessions");
        assert_eq!(stored.of_topic(&sessions).map(|(number, _)| number).collect::<Vec<_>>(), [2]);
        assert_eq!(standing.topics[&sessions], 3);
    }

    #[test]
    fn no_bytes_panic_and_cut_ones_are_refused() {
        let bytes = Standing::default().encode(&name("pipeline"), 5, &[output("sessions", "a")]).unwrap();
        for cut in 0..bytes.len() {
            assert_eq!(decode(&Bytes::copy_from_slice(&bytes[..cut])), None, "cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xff;
            let _ = decode(&Bytes::from(damaged));
        }
    }
}
