//! The bytes of a segment file. All integers are little-endian; `docs/log.md` has the table.
//!
//! ```text
//! header  48: magic[8] "PARKSEG1" | base offset u64 | previous base u64 | previous length u64 | reserved u64 (0)
//!             | reserved u32 (0) | CRC-32C of the 44 bytes before
//! record:     length u32 (1 … 16 MiB) | CRC-32C of length and payload u32 | payload
//! mark    32: length u32 = 0x8000_0018 | CRC-32C u32 | magic[8] | synced u64 | next offset u64
//! ```
//! A mark opens each group of records that one sync made durable. `synced` says how many bytes of this file were
//! durable before the group was written: damage below a later mark's `synced` is corruption, damage above every
//! mark's is the torn end of a write that was never acknowledged.

/// Bytes of the header.
pub(super) const HEADER: usize = 48;
/// Bytes of a record before its payload.
pub(super) const PREFIX: usize = 8;
/// Bytes of a mark.
pub(super) const MARK: usize = PREFIX + MARK_BODY;
/// The largest payload.
pub(crate) const MAX_RECORD: usize = 16 << 20;
/// What `previous base` says in the first segment.
pub(super) const NONE: u64 = u64::MAX;

const MAGIC: &[u8; 8] = b"PARKSEG1";
const MARK_MAGIC: [u8; 8] = [0xf5, 0x9c, 0x4d, 0x41, 0x52, 0x4b, 0x0a, 0x86];
const MARK_BODY: usize = 24;
const CONTROL: u32 = 1 << 31;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The offset of its first record.
    pub(super) base: u64,
    /// The base of the segment before, or [`NONE`].
    pub(super) previous_base: u64,
    /// The length in bytes of the segment before, or 0.
    pub(super) previous_len: u64,
}

impl Header {
    pub(super) fn encode(self) -> [u8; HEADER] {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(MAGIC);
        for number in [self.base, self.previous_base, self.previous_len, 0] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&0u32.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        let mut header = [0; HEADER];
        header.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
        header
    }

    /// The header at the start of `bytes`, or what is wrong with it.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let (covered, sum) = bytes.get(..HEADER).ok_or("the header is cut short")?.split_at(HEADER - 4);
        if !covered.starts_with(MAGIC) {
            return Err("no segment of this format");
        }
        if Some(crc32c::crc32c(covered)) != u32_at(sum, 0) {
            return Err("the header's checksum does not fit");
        }
        let field = |at| u64_at(covered, at).ok_or("the header is cut short");
        Ok(Self { base: field(8)?, previous_base: field(16)?, previous_len: field(24)? })
    }
}

/// One piece of a segment after its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A record whose payload has this length.
    Record {
        /// Bytes of the payload.
        len: usize,
    },
    /// A mark.
    Mark {
        /// Bytes of the file that were durable before it.
        synced: u64,
        /// The offset of the next record.
        next: u64,
    },
}

impl Piece {
    /// Bytes that the piece takes.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Record { len } => PREFIX + len,
            Self::Mark { .. } => MARK,
        }
    }
}

/// What stands at the start of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// A whole piece.
    Whole(Piece),
    /// A piece of which this many bytes are needed.
    Short(usize),
    /// Nothing that was written here.
    Bad(&'static str),
}

/// Reads one piece and checks its checksum.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let (Some(word), Some(sum)) = (u32_at(bytes, 0), u32_at(bytes, 4)) else { return Parsed::Short(PREFIX) };
    let len = (word & !CONTROL) as usize;
    let control = word & CONTROL != 0;
    if len == 0 || len > MAX_RECORD || (control && len != MARK_BODY) {
        return Parsed::Bad("an impossible length");
    }
    let Some(payload) = bytes.get(PREFIX..PREFIX + len) else { return Parsed::Short(PREFIX + len) };
    if checksum(word, payload) != sum {
        return Parsed::Bad("a checksum does not fit");
    }
    if !control {
        return Parsed::Whole(Piece::Record { len });
    }
    match (payload.starts_with(&MARK_MAGIC), u64_at(payload, 8), u64_at(payload, 16)) {
        (true, Some(synced), Some(next)) => Parsed::Whole(Piece::Mark { synced, next }),
        _ => Parsed::Bad("a mark that is none"),
    }
}

/// Appends a record.
pub(super) fn push_record(into: &mut Vec<u8>, payload: &[u8]) {
    push(into, payload.len() as u32, payload);
}

/// Appends a mark.
pub(super) fn push_mark(into: &mut Vec<u8>, synced: u64, next: u64) {
    let mut payload = Vec::with_capacity(MARK_BODY);
    payload.extend_from_slice(&MARK_MAGIC);
    payload.extend_from_slice(&synced.to_le_bytes());
    payload.extend_from_slice(&next.to_le_bytes());
    push(into, CONTROL | MARK_BODY as u32, &payload);
}

fn push(into: &mut Vec<u8>, word: u32, payload: &[u8]) {
    into.extend_from_slice(&word.to_le_bytes());
    into.extend_from_slice(&checksum(word, payload).to_le_bytes());
    into.extend_from_slice(payload);
}

/// The greatest `synced` of the marks anywhere in `bytes`, whatever stands between them.
pub(super) fn latest_synced(bytes: &[u8]) -> Option<u64> {
    let word = (CONTROL | MARK_BODY as u32).to_le_bytes();
    let starts = bytes
        .windows(PREFIX + 8)
        .enumerate()
        .filter(|(_, window)| window.starts_with(&word) && window.ends_with(&MARK_MAGIC));
    let synced = starts.filter_map(|(at, _)| match parse(bytes.get(at..)?) {
        Parsed::Whole(Piece::Mark { synced, .. }) => Some(synced),
        _ => None,
    });
    synced.max()
}

fn checksum(word: u32, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&word.to_le_bytes()), payload)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_and_any_flipped_bit_shows() {
        let header = Header { base: 7, previous_base: NONE, previous_len: 0 };
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes), Ok(header));
        for bit in 0..HEADER * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&damaged).is_err(), "bit {bit}");
        }
        assert!(Header::decode(&bytes[..47]).is_err());
    }

    #[test]
    fn pieces_survive_and_any_flipped_bit_shows() {
        let mut bytes = Vec::new();
        push_record(&mut bytes, b"frame");
        assert_eq!(parse(&bytes), Parsed::Whole(Piece::Record { len: 5 }));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(parse(&damaged), Parsed::Whole(_)), "bit {bit}");
        }
        for cut in 0..bytes.len() {
            assert!(matches!(parse(&bytes[..cut]), Parsed::Short(_)), "cut at {cut}");
        }
        let mut mark = Vec::new();
        push_mark(&mut mark, 80, 9);
        assert_eq!(parse(&mark), Parsed::Whole(Piece::Mark { synced: 80, next: 9 }));
        assert_eq!(mark.len(), MARK);
    }

    #[test]
    fn marks_are_found_behind_rubbish() {
        let mut bytes = vec![0xff; 13];
        push_mark(&mut bytes, 80, 9);
        bytes.extend_from_slice(&[1, 2, 3]);
        push_mark(&mut bytes, 70, 9);
        assert_eq!(latest_synced(&bytes), Some(80));
        assert_eq!(latest_synced(&bytes[..20]), None);
    }
}
