//! A pipeline's state as bytes: what became of its frames, the changes of reference data, the register of devices, the
//! session machine.
//!
//! Layout, little endian: four counts (u64 each), the number of changes (u32), of each its `received_at` (i64
//! nanoseconds), length (u32) and text, the length (u32) and bytes of the register, the length (u64) of what the store of
//! what has left had changed since it was last settled, and that, then the session machine's own bytes to the end.

use std::sync::Arc;

use parking_types::Instant;
use session_core::{Core, StoreCut};

use crate::{pipeline::Counts, register::Register};

/// A change of reference data that was made, as it stood in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) received_at: Instant,
    pub(crate) text: Box<str>,
}

/// What [`read`] gives back.
pub(crate) struct Saved<'a> {
    pub(crate) counts: Counts,
    pub(crate) changes: Vec<Made>,
    pub(crate) register: Register,
    pub(crate) left: &'a [u8],
    pub(crate) core: Core,
}

/// A state as of one record, which shares with the pipeline that goes on what the two have in common.
pub(crate) struct Cut {
    pub(crate) counts: Counts,
    pub(crate) changes: Arc<Vec<Made>>,
    pub(crate) register: Register,
    pub(crate) left: StoreCut,
    pub(crate) core: Core,
}

/// Appends a state to `out`.
pub(crate) fn write(cut: Cut, out: &mut Vec<u8>) {
    let Cut { counts, changes, register, left, core } = cut;
    for count in [counts.applied, counts.duplicate, counts.dead_letters, counts.readings_dead] {
        out.extend_from_slice(&count.to_le_bytes());
    }
    out.extend_from_slice(&(changes.len() as u32).to_le_bytes());
    for change in changes.iter() {
        out.extend_from_slice(&change.received_at.as_nanos().to_le_bytes());
        out.extend_from_slice(&(change.text.len() as u32).to_le_bytes());
        out.extend_from_slice(change.text.as_bytes());
    }
    with_length(out, |len| (len as u32).to_le_bytes(), |out| register.save_to(out));
    with_length(out, |len| (len as u64).to_le_bytes(), left);
    core.save_to(out);
}

/// Appends what `write` does, with its length before it.
fn with_length<const N: usize>(
    out: &mut Vec<u8>,
    length: impl FnOnce(usize) -> [u8; N],
    write: impl FnOnce(&mut Vec<u8>),
) {
    out.extend_from_slice(&[0; N]);
    let begin = out.len();
    write(out);
    let bytes = length(out.len() - begin);
    if let Some(place) = out.get_mut(begin - N..begin) {
        place.copy_from_slice(&bytes);
    }
}

/// Reads what [`write`] gave, or `None`.
pub(crate) fn read(saved: &[u8]) -> Option<Saved<'_>> {
    let mut rest = Rest(saved);
    let counts = Counts {
        applied: u64::from_le_bytes(rest.take()?),
        duplicate: u64::from_le_bytes(rest.take()?),
        dead_letters: u64::from_le_bytes(rest.take()?),
        readings_dead: u64::from_le_bytes(rest.take()?),
    };
    let mut changes = Vec::new();
    for _ in 0..u32::from_le_bytes(rest.take()?) {
        let received_at = Instant::from_nanos(i64::from_le_bytes(rest.take()?));
        let len = u32::from_le_bytes(rest.take()?);
        changes.push(Made { received_at, text: rest.text(len as usize)?.into() });
    }
    let len = u32::from_le_bytes(rest.take()?);
    let register = Register::restore(rest.bytes(len as usize)?)?;
    let left = u64::from_le_bytes(rest.take()?);
    let (left, rest) = rest.0.split_at_checked(usize::try_from(left).ok()?)?;
    Some(Saved { counts, changes, register, left, core: Core::restore(rest)? })
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    fn text(&mut self, len: usize) -> Option<&'a str> {
        core::str::from_utf8(self.bytes(len)?).ok()
    }
}
