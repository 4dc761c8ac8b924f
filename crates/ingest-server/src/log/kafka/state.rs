//! Checkpoints: pieces in the compacted state topic, written in a transaction whose position is theirs or a later one.
//!
//! ```text
//! key    READER/NUMBER, five digits
//! value  position u64 | pieces u32 | number u32 | bytes; little-endian
//! ```
//! The committed position of the partition carries a note that names the position of the newest checkpoint and the
//! offset of its first piece, so a start reads the state and nothing else.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;

use super::super::{Checkpoint, Log, LogError, Name};

/// Bytes of state in one piece.
const PIECE: usize = 512 << 10;
/// Bytes of a piece before the state.
const HEAD: usize = 16;

/// Which checkpoint is the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The position that it belongs to.
    pub(super) position: u64,
    /// The offset of its first piece in the state topic.
    pub(super) first: u64,
}

impl Mark {
    /// The note of a committed position.
    pub(super) fn parse(note: &str) -> Option<Self> {
        let (position, first) = note.strip_prefix("checkpoint ")?.split_once(" at ")?;
        Some(Self { position: position.parse().ok()?, first: first.parse().ok()? })
    }

    pub(super) fn note(self) -> String {
        format!("checkpoint {} at {}", self.position, self.first)
    }
}

/// A checkpoint as records, key and value.
pub(super) fn pieces(reader: &Name, Checkpoint { at, state }: &Checkpoint) -> Vec<(String, Vec<u8>)> {
    let count = state.len().div_ceil(PIECE).max(1);
    let piece = |number: usize| {
        let bytes = state.get(number * PIECE..state.len().min((number + 1) * PIECE)).unwrap_or_default();
        let mut value = Vec::with_capacity(HEAD + bytes.len());
        value.extend_from_slice(&at.to_le_bytes());
        value.extend_from_slice(&(count as u32).to_le_bytes());
        value.extend_from_slice(&(number as u32).to_le_bytes());
        value.extend_from_slice(bytes);
        (format!("{reader}/{number:05}"), value)
    };
    (0..count).map(piece).collect()
}

/// Reads the checkpoint that a mark names; `None` where it is not there, as when the topic was emptied.
pub(super) fn load(
    log: &super::Kafka,
    reader: &Name,
    partition: u32,
    mark: Mark,
) -> Result<Option<(u64, Bytes)>, LogError> {
    const READ_BYTES: usize = 8 << 20;
    let prefix = format!("{reader}/");
    let mut found = BTreeMap::new();
    let mut from = mark.first;
    loop {
        let entries = log.read(&log.options.state, partition, from, READ_BYTES, Duration::ZERO)?;
        let Some(last) = entries.last() else { return Ok(None) };
        from = last.offset + 1;
        for entry in entries.iter().filter(|entry| entry.key.starts_with(prefix.as_bytes())) {
            let Some((position, count, number)) = head(&entry.value) else { continue };
            if position == mark.position {
                found.insert(number, entry.value.slice(HEAD..));
                if found.len() == count as usize {
                    return Ok(Some((position, found.into_values().flatten().collect())));
                }
            }
        }
    }
}

fn head(value: &Bytes) -> Option<(u64, u32, u32)> {
    let (position, rest) = value.split_first_chunk::<8>()?;
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let (number, _) = rest.split_first_chunk::<4>()?;
    Some((u64::from_le_bytes(*position), u32::from_le_bytes(*count), u32::from_le_bytes(*number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_cut_into_pieces_and_its_place_noted() {
        let state = Bytes::from(vec![7; PIECE + 1]);
        let pieces = pieces(&Name::new("pipeline").unwrap(), &Checkpoint { at: 9, state });
        let sizes: Vec<_> = pieces.iter().map(|(key, value)| (key.as_str(), value.len() - HEAD)).collect();
        assert_eq!(sizes, [("pipeline/00000", PIECE), ("pipeline/00001", 1)]);
        assert_eq!(head(&Bytes::from(pieces[1].1.clone())), Some((9, 2, 1)));
        let mark = Mark { position: 9, first: 4 };
        assert_eq!(Mark::parse(&mark.note()), Some(mark));
        assert_eq!(Mark::parse(""), None);
    }
}
