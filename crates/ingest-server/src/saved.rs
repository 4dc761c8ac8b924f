//! What a worker puts into a checkpoint.
//!
//! ```text
//! format u8 = 2 | stage's version u32 | time in ns since 1970 i64 (the least: none) | stage's length u64 | stage | observer
//! ```

use parking_types::Instant;

const FORMAT: u8 = 2;

/// The parts of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Saved<'a> {
    /// The version of the stage's layout.
    pub(crate) version: u32,
    /// The partition's clock.
    pub(crate) time: Option<Instant>,
    /// The stage's state.
    pub(crate) stage: &'a [u8],
    /// The observer's.
    pub(crate) observer: &'a [u8],
}

/// A checkpoint of the parts that `stage` and `observer` append. `room` is what it may take: a buffer that grows is copied, and
/// there are two of it at that moment.
pub(crate) fn encode(
    room: usize,
    version: u32,
    time: Option<Instant>,
    stage: impl FnOnce(&mut Vec<u8>),
    observer: impl FnOnce(&mut Vec<u8>),
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(room);
    bytes.push(FORMAT);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&time.unwrap_or(Instant::MIN).as_nanos().to_le_bytes());
    with_length(&mut bytes, stage);
    observer(&mut bytes);
    bytes
}

/// Appends what `write` does, with its length before it as a u64.
pub(crate) fn with_length(bytes: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let place = bytes.len();
    bytes.extend_from_slice(&[0; 8]);
    write(bytes);
    let len = (bytes.len() - place - 8) as u64;
    if let Some(place) = bytes.get_mut(place..place + 8) {
        place.copy_from_slice(&len.to_le_bytes());
    }
}

/// The parts, or `None` for what was not written here.
pub(crate) fn decode(bytes: &[u8]) -> Option<Saved<'_>> {
    let (format, rest) = bytes.split_first()?;
    let (version, rest) = rest.split_at_checked(4)?;
    let (nanos, rest) = rest.split_at_checked(8)?;
    let (len, rest) = rest.split_at_checked(8)?;
    let len = usize::try_from(u64::from_le_bytes(len.try_into().ok()?)).ok()?;
    let (stage, observer) = rest.split_at_checked(len)?;
    let time = Instant::from_nanos(i64::from_le_bytes(nanos.try_into().ok()?));
    let time = (time != Instant::MIN).then_some(time);
    let version = u32::from_le_bytes(version.try_into().ok()?);
    (*format == FORMAT).then_some(Saved { version, time, stage, observer })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_come_back_and_cut_ones_do_not() {
        for time in [None, Some(Instant::EPOCH)] {
            let saved = Saved { version: 3, time, stage: b"stage", observer: b"view" };
            let bytes = encode(0, 3, time, |out| out.extend(b"stage"), |out| out.extend(b"view"));
            assert_eq!(decode(&bytes), Some(saved));
            assert_eq!(decode(&bytes[..25]), None);
        }
    }
}
