//! A heartbeat that says what is known, beside the bare update of a hash table with values of the same size, in one run.
//!
//! `cargo bench -p session-core --bench beats -- [berths] [rounds]`
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::float_arithmetic,
    reason = "what the benches share; figures for people; a benchmark stops at the first surprise"
)]

mod support;

use std::{
    collections::HashMap,
    hint::black_box,
    time::{Duration, Instant},
};

use parking_types::Id;
use session_core::ReadingKind;
use support::{NEXT, Said, Town, apply, round, with_a_past};

/// As many frames as a worker takes at a time.
const BATCH: usize = 256;

/// A value as large as what a beat touches of its device.
type Value = [u64; VALUE / 8];
const VALUE: usize = 256;

/// A hash table of the standard library (hashbrown) with a cheap hash, as the machine has one.
type Bare = HashMap<Id, Value, core::hash::BuildHasherDefault<Mix>>;

#[derive(Default)]
struct Mix(u64);

impl core::hash::Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.write_u64(u64::from_le_bytes(*word)));
        rest.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }
    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    fn write_usize(&mut self, length: usize) {
        self.write_u64(length as u64);
    }
}

fn update(bare: &mut Bare, frames: &[Said]) {
    for said in frames {
        if let Some(value) = bare.get_mut(&said.device) {
            value[0] += 1;
            value[VALUE / 16] ^= value[0];
            black_box(value);
        }
    }
}

fn main() {
    let figure = |nth: usize| std::env::args().filter_map(|arg| arg.parse::<usize>().ok()).nth(nth);
    let (berths, rounds) = (figure(0).unwrap_or(100_000), figure(1).unwrap_or(12));
    let town = Town::long_street(berths);
    let (mut core, mut start, mut number) = with_a_past(&town, berths);
    apply(&mut core, &town, &round(berths, number, start, ReadingKind::Contact, true));
    let mut bare: Bare = (0..berths).map(|nth| (Town::nth(nth).1, [0; VALUE / 8])).collect();
    let mut best = [Duration::MAX; 3];
    let mut sums = [Duration::ZERO; 3];
    for _ in 0..rounds {
        let mut frames = || {
            (start, number) = (start + NEXT, number + 1);
            round(berths, number, start, ReadingKind::Contact, true)
        };
        let (one, batched) = (frames(), frames());
        let mut took = [Duration::ZERO; 3];
        let begun = Instant::now();
        assert_eq!(apply(&mut core, &town, &one), 0);
        took[0] = begun.elapsed();
        let begun = Instant::now();
        for batch in batched.chunks(BATCH) {
            black_box(core.touch(batch.iter().map(|said| &said.device)));
            assert_eq!(apply(&mut core, &town, batch), 0);
        }
        took[1] = begun.elapsed();
        let begun = Instant::now();
        update(&mut bare, &one);
        took[2] = begun.elapsed();
        for (which, took) in took.into_iter().enumerate() {
            best[which] = best[which].min(took);
            sums[which] += took;
        }
    }
    let nanos = |time: Duration, steps: usize| time.as_nanos() as f64 / steps as f64;
    println!("{berths} berths, {rounds} rounds in random order; ns a step: the best round, the mean of all");
    let names = ["beat, one at a time", "beat, a batch is touched first", "bare update of the table"];
    for (which, name) in names.into_iter().enumerate() {
        println!("{name:32} {:8.1} {:8.1}", nanos(best[which], berths), nanos(sums[which], berths * rounds));
    }
    println!("one at a time: {:.2} times the bare update", nanos(best[0], berths) / nanos(best[2], berths));
}
