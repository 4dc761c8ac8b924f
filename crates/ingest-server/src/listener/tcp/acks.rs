//! Which frames of a connection are stored, as acknowledgements say it.

use std::collections::{BTreeSet, HashMap};

use device_codec::native::{Ack, AckStatus, Head};

/// What is stored of each device's boots, as far as this connection saw it.
#[derive(Debug, Default)]
pub(super) struct Acks(HashMap<(u64, u32), Stored>);

#[derive(Debug, Default)]
struct Stored {
    /// All numbers up to this one are stored.
    up_to: u32,
    /// Stored numbers beyond it.
    later: BTreeSet<u32>,
}

/// The most boots of devices on one connection: a gateway's devices, and some that start again.
const BOOTS: usize = 65_536;
/// The bits of an acknowledgement.
const WINDOW: u32 = 64;

impl Acks {
    /// Takes frames that are durable now, and gives one acknowledgement for each device and boot among them.
    pub(super) fn stored(&mut self, heads: &[Head]) -> Vec<(u64, Ack)> {
        let mut touched: Vec<(u64, u32)> = Vec::new();
        for head in heads {
            let key = (head.device_id, head.boot_id);
            // What a device has not sent before its first frame here, it has seen acknowledged: that is the rule.
            let first = || Stored { up_to: head.seq.saturating_sub(1), later: BTreeSet::new() };
            self.0.entry(key).or_insert_with(first).add(head.seq);
            if !touched.contains(&key) {
                touched.push(key);
            }
        }
        let ack = |key: &(u64, u32)| Some((key.0, self.0.get(key)?.ack(key.1)));
        touched.iter().filter_map(ack).collect()
    }

    /// Frames that were not stored: those after them do not acknowledge them, not even on a new connection.
    pub(super) fn refused(&mut self, heads: &[Head]) {
        for head in heads {
            let first = Stored { up_to: head.seq.saturating_sub(1), later: BTreeSet::new() };
            self.0.entry((head.device_id, head.boot_id)).or_insert(first);
        }
    }

    /// Whether there are more boots than a connection can have.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= BOOTS
    }
}

impl Stored {
    fn add(&mut self, seq: u32) {
        if seq > self.up_to {
            self.later.insert(seq);
        }
        while self.later.first().is_some_and(|next| *next == self.up_to.saturating_add(1)) {
            self.later.pop_first();
            self.up_to += 1;
        }
        // Numbers beyond the bits are said when the gap before them closes; what is kept of them is bounded.
        while self.later.len() > 4 * WINDOW as usize {
            self.later.pop_last();
        }
    }

    fn ack(&self, boot_id: u32) -> Ack {
        let bit = |seq: &u32| seq.checked_sub(self.up_to)?.checked_sub(2).filter(|bit| *bit < WINDOW);
        let later = self.later.iter().filter_map(bit).fold(0u64, |bits, bit| bits | 1 << bit);
        Ack { boot_id, up_to: self.up_to, later, status: AckStatus::STORED, ..Ack::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(boot_id: u32, seq: u32) -> Head {
        Head { device_id: 7, boot_id, seq, ..Head::default() }
    }

    fn said(acks: &mut Acks, seqs: &[u32]) -> (u32, u64) {
        let heads: Vec<Head> = seqs.iter().map(|seq| head(1, *seq)).collect();
        let answers = acks.stored(&heads);
        assert_eq!(answers.len(), 1);
        (answers[0].1.up_to, answers[0].1.later)
    }

    #[test]
    fn numbers_in_order_move_the_mark() {
        let mut acks = Acks::default();
        assert_eq!(said(&mut acks, &[500, 501, 502]), (502, 0));
        assert_eq!(said(&mut acks, &[501]), (502, 0), "a copy changes nothing");
    }

    #[test]
    fn a_gap_is_said_bit_by_bit_until_it_closes() {
        let mut acks = Acks::default();
        assert_eq!(said(&mut acks, &[5, 7, 10]), (5, 0b1001));
        assert_eq!(said(&mut acks, &[6]), (7, 0b10));
        assert_eq!(said(&mut acks, &[8, 9]), (10, 0));
        assert_eq!(said(&mut acks, &[100]), (10, 0), "beyond the bits");
        assert_eq!(said(&mut acks, &[u32::MAX]), (10, 0));
    }

    #[test]
    fn what_was_refused_is_not_acknowledged_by_what_follows() {
        let mut acks = Acks::default();
        acks.refused(&[head(1, 5), head(1, 6)]);
        assert_eq!(said(&mut acks, &[7]), (4, 0b10), "5 and 6 are still missing");
        assert_eq!(said(&mut acks, &[5, 6]), (7, 0));
    }

    #[test]
    fn boots_are_apart() {
        let mut acks = Acks::default();
        let answers = acks.stored(&[head(1, 9), head(2, 1)]);
        let said: Vec<_> = answers.iter().map(|(_, ack)| (ack.boot_id, ack.up_to)).collect();
        assert_eq!(said, [(1, 9), (2, 1)]);
    }
}
