//! What a last segment holds after a crash.

use super::layout::{self, HEADER, Header, Parsed, Piece};

/// Every how many bytes the sparse index has an entry.
pub(super) const INDEX_STEP: u64 = 64 << 10;

/// Where some records of a segment lie: (offset, byte), ascending, about one a 64 KiB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index(Vec<(u64, u64)>);

impl Index {
    /// Takes a record's place where the last one taken is far enough behind.
    pub(super) fn note(&mut self, offset: u64, byte: u64) {
        if self.0.last().is_none_or(|(_, last)| byte >= last + INDEX_STEP) {
            self.0.push((offset, byte));
        }
    }

    /// Takes over what a longer index of the same segment has more.
    pub(super) fn follow(&mut self, longer: &Self) {
        self.0.extend_from_slice(longer.0.get(self.0.len()..).unwrap_or_default());
    }

    /// The last known place at or before `offset`.
    pub(super) fn floor(&self, offset: u64) -> Option<(u64, u64)> {
        let after = self.0.partition_point(|(known, _)| *known <= offset);
        after.checked_sub(1).and_then(|at| self.0.get(at)).copied()
    }
}

/// A last segment, read through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// The offset after its last good record.
    pub(super) next: u64,
    /// The length of its good part, in bytes.
    pub(super) end: u64,
    /// What follows the good part and is to be cut off.
    pub(super) torn: Option<&'static str>,
    /// Where its records lie.
    pub(super) index: Index,
}

/// Damage in what was durable: the byte and what is wrong there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) at: u64,
    pub(super) why: &'static str,
}

/// Reads a whole segment file, finds its torn end if it has one, and tells that from damage.
pub(super) fn scan(bytes: &[u8]) -> Result<(Header, Scan), Damage> {
    let header = Header::decode(bytes).map_err(|why| Damage { at: 0, why })?;
    let mut scan = Scan { next: header.base, end: HEADER as u64, torn: None, index: Index::default() };
    let mut rest = bytes.get(HEADER..).unwrap_or_default();
    while !rest.is_empty() {
        let why = match layout::parse(rest) {
            Parsed::Whole(piece) => match take(&mut scan, piece) {
                Ok(()) => {
                    rest = rest.get(piece.size()..).unwrap_or_default();
                    continue;
                }
                Err(why) => return Err(Damage { at: scan.end, why }),
            },
            Parsed::Short(_) => "a record is cut short",
            Parsed::Bad(why) => why,
        };
        if layout::latest_synced(rest).is_some_and(|synced| synced > scan.end) {
            return Err(Damage { at: scan.end, why });
        }
        scan.torn = Some(why);
        break;
    }
    Ok((header, scan))
}

fn take(scan: &mut Scan, piece: Piece) -> Result<(), &'static str> {
    match piece {
        Piece::Record { .. } => {
            scan.index.note(scan.next, scan.end);
            scan.next += 1;
        }
        Piece::Mark { next, .. } if next != scan.next => return Err("records are missing before a mark"),
        Piece::Mark { .. } => {}
    }
    scan.end += piece.size() as u64;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::segment::layout::{NONE, push_mark, push_record};

    /// Three groups of two records; gives the bytes and the end of each group.
    fn segment() -> (Vec<u8>, Vec<usize>) {
        let mut bytes = Header { base: 10, previous_base: NONE, previous_len: 0 }.encode().to_vec();
        let mut ends = vec![bytes.len()];
        for group in 0..3u64 {
            let synced = bytes.len() as u64;
            push_mark(&mut bytes, synced, 10 + group * 2);
            push_record(&mut bytes, b"first");
            push_record(&mut bytes, b"second of the group");
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    #[test]
    fn a_cut_at_any_byte_is_a_torn_tail() {
        let (bytes, _) = segment();
        let (_, whole) = scan(&bytes).unwrap();
        assert_eq!((whole.next, whole.end, whole.torn), (16, bytes.len() as u64, None));
        for cut in HEADER..bytes.len() {
            let (_, cut_scan) = scan(&bytes[..cut]).unwrap();
            assert!(cut_scan.end <= cut as u64 && cut_scan.next <= 16);
            assert_eq!(cut_scan.torn.is_some(), cut_scan.end != cut as u64, "cut at {cut}");
        }
    }

    #[test]
    fn rubbish_or_zeros_after_any_byte_of_the_last_group_are_cut() {
        let (bytes, ends) = segment();
        for fill in [0u8, 0xff, 0x55] {
            for cut in ends[2]..bytes.len() {
                let mut torn = bytes.clone();
                torn[cut..].fill(fill);
                let (_, scan) = scan(&torn).unwrap();
                assert!(scan.next >= 14, "acknowledged records are kept: cut at {cut}");
            }
        }
    }

    #[test]
    fn a_flipped_byte_in_a_durable_group_is_damage_and_names_its_place() {
        let (bytes, ends) = segment();
        for at in HEADER..ends[2] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            let damage = scan(&damaged).expect_err("damage must show");
            assert!(
                damage.at <= at as u64 && at as u64 - damage.at < 64,
                "flip at {at} shown at {}",
                damage.at
            );
        }
    }

    #[test]
    fn the_index_finds_the_place_at_or_before() {
        let mut index = Index::default();
        for record in 0..100u64 {
            index.note(record, 48 + record * 10_000);
        }
        assert_eq!(index.floor(0), Some((0, 48)));
        let (offset, byte) = index.floor(50).unwrap();
        assert!(offset <= 50 && byte == 48 + offset * 10_000);
        assert_eq!(Index::default().floor(3), None);
    }
}
