//! A made-up street, its frames in random order, and how they are given to the machine.

#[path = "../../tests/support/mod.rs"]
mod shared;

use std::hint::black_box;

use parking_types::{Id, Instant, Span};
use session_core::{Core, Frame, FrameName, Number, Place, Reading, ReadingKind};

pub use shared::{at, town::Town};
use shared::{frames::blank, id};

/// A numbered detector's frame.
pub struct Said {
    pub device: Id,
    number: Number,
    received_at: Instant,
    reading: Reading,
}

impl Said {
    fn frame(&self, offset: u64) -> Frame<'_> {
        Frame {
            name: FrameName { partition: 0, offset, index: None },
            received_at: self.received_at,
            device: self.device,
            number: Some(self.number),
            restart: false,
            network_at: None,
            offline: false,
            readings: core::slice::from_ref(&self.reading),
        }
    }
}

/// How long a round of frames takes, and how long after its start the next one begins.
const ROUND: Span = Span::from_mins(9);
pub const NEXT: Span = Span::from_mins(10);

/// Numbers below `upto` in random order.
pub fn shuffled(upto: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..upto).collect();
    let mut dice = 0x9e37_79b9_7f4a_7c15u64 ^ seed;
    for i in (1..order.len()).rev() {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(i, (dice >> 33) as usize % (i + 1));
    }
    order
}

/// A frame of each berth, in random order.
pub fn round(berths: usize, number: u32, start: Instant, kind: ReadingKind, occupied: bool) -> Vec<Said> {
    let gap = Span::from_nanos(ROUND.as_nanos() / berths as i64);
    let said = |(nth, which): (usize, usize)| {
        let (berth, device) = Town::nth(which);
        let digest = u64::from(occupied) << 8 | kind as u64;
        let place = Place::Berth { lot: id("L"), berth };
        let reading = Reading { occupied: Some(occupied), digest, ..blank(place, kind) };
        let number = Number::Cyclic { value: number, first: 0, last: 65_535, run: None };
        Said { device, number, received_at: start + gap.times(nth as i64), reading }
    };
    shuffled(berths, u64::from(number)).into_iter().enumerate().map(said).collect()
}

/// Gives frames to the machine one at a time; how many effects there were.
pub fn apply(core: &mut Core, town: &Town, frames: &[Said]) -> usize {
    let mut effects = 0;
    for (offset, said) in (0u64..).zip(frames) {
        black_box(core.apply_frame(&said.frame(offset), town));
        effects += core.take_effects().count();
    }
    effects
}

/// A street of which each berth has had two stays, and the start and number of the next round.
pub fn with_a_past(town: &Town, berths: usize) -> (Core, Instant, u32) {
    let (mut core, mut start, mut number) = (Core::new(), at(0), 0);
    for occupied in [false, true, false, true] {
        apply(&mut core, town, &round(berths, number, start, ReadingKind::Change, occupied));
        (start, number) = (start + NEXT, number + 1);
    }
    (core, start, number)
}
