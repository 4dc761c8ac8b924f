//! Many durations in little room: whole microseconds up to 64, from there on 32 steps for each doubling.

use std::time::Duration;

use serde_json::{Value, json};

/// How often each duration was measured, to within 3 per cent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    counts: Vec<u64>,
    max_us: u64,
}

fn slot(us: u64) -> usize {
    if us < 64 {
        return us as usize;
    }
    let shift = us.ilog2() - 5;
    shift as usize * 32 + (us >> shift) as usize
}

/// The greatest duration of a slot.
fn end(slot: usize) -> u64 {
    if slot < 64 {
        return slot as u64;
    }
    let shift = (slot / 32 - 1) as u32;
    (((slot % 32 + 33) as u64) << shift) - 1
}

impl Latencies {
    /// Counts one.
    pub fn count(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX >> 1);
        let slot = slot(us);
        if self.counts.len() <= slot {
            self.counts.resize(slot + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(slot) {
            *count += 1;
        }
        self.max_us = self.max_us.max(us);
    }

    /// Counts what another has counted.
    pub fn add(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.max_us = self.max_us.max(other.max_us);
    }

    /// What so many of a thousand do not exceed, in microseconds; 0 where nothing was counted.
    pub fn permille(&self, permille: u64) -> u64 {
        let all: u64 = self.counts.iter().sum();
        let wanted = (all * permille).div_ceil(1_000).max(1);
        let mut seen = 0;
        for (slot, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return end(slot).min(self.max_us);
            }
        }
        0
    }

    /// In milliseconds.
    pub(super) fn json(&self) -> Value {
        let ms = |us: u64| us as f64 / 1_000.0;
        json!({"p50": ms(self.permille(500)), "p99": ms(self.permille(990)), "p99.9": ms(self.permille(999)), "max": ms(self.max_us)})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_without_gaps_and_narrow() {
        for us in (0..200_000).chain((0..1_000).map(|n| n * 7_919_113)) {
            let end = end(slot(us));
            assert!(end >= us && end <= us + us / 32, "{us}: {end}");
        }
        for us in 1..200_000 {
            assert!(slot(us) - slot(us - 1) <= 1, "{us}");
        }
    }

    #[test]
    fn shares_of_what_was_counted() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.permille(990), 0);
        (1..=1_000).for_each(|ms| latencies.count(Duration::from_millis(ms)));
        let near = |permille: u64, ms: u64| {
            let us = latencies.permille(permille);
            assert!(us >= ms * 1_000 && us <= ms * 1_032, "{permille}: {us}");
        };
        near(500, 500);
        near(990, 990);
        assert_eq!(latencies.permille(1_000), 1_000_000, "no more than was ever measured");
        let mut both = Latencies::default();
        both.add(&latencies);
        both.add(&latencies);
        assert_eq!(both.permille(500), latencies.permille(500));
    }
}
