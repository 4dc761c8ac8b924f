//! Generated streets: what truly happened on a berth, what its detector sent, and what the network made of it.

use parking_types::{Id, Instant, Span};
use proptest::prelude::*;
use session_core::{Number, PreviousState, ReadingKind};

use super::{
    at,
    frames::{Sent, occupancy, on_berth, with_previous},
    id,
};

/// What kind of detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// A wrapping counter of 65,536 with a join, no time of its own.
    Lora,
    /// The same, of a protocol that does not tell a change from a repeat.
    LoraState,
    /// A counter 1 … 255, 0 after a restart, and a time of its own.
    Gateway,
    /// Boot and sequence, and a time of its own.
    Native,
    /// No number and no time of its own.
    Plain,
}

/// What the network does to one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Keep,
    Drop,
    /// It comes so many seconds late.
    Late(i64),
    /// It comes, and once more so many seconds later.
    Copy(i64),
    /// It comes; after it so many numbers are used by frames that never come.
    Skip(u32),
    /// The device starts anew after it.
    Restart,
}

/// A street of one berth.
#[derive(Clone, Debug)]
pub struct Plan {
    pub make: Make,
    /// Seconds vacant, then seconds occupied.
    pub stays: Vec<(i64, i64)>,
    pub heartbeat: i64,
    pub first_number: u32,
    /// By how many seconds the device's clock is ahead.
    pub offset: i64,
    pub fates: Vec<Fate>,
    /// The detector tells how long the state before has lasted.
    pub tells_previous: bool,
}

/// What one frame says before the network has it.
#[derive(Clone, Copy, Debug)]
struct Said {
    at: i64,
    kind: ReadingKind,
    occupied: bool,
    previous: Option<PreviousState>,
}

impl Plan {
    /// The true stays, in seconds.
    pub fn truth(&self) -> Vec<(i64, i64)> {
        let mut now = 0;
        let mut truth = Vec::new();
        for (gap, stay) in &self.stays {
            truth.push((now + gap, now + gap + stay));
            now += gap + stay;
        }
        truth
    }

    fn said(&self) -> Vec<Said> {
        let kind = if self.make == Make::LoraState { ReadingKind::State } else { ReadingKind::Change };
        let truth = self.truth();
        let mut said = vec![Said { at: 0, kind: ReadingKind::Contact, occupied: false, previous: None }];
        let mut since = 0;
        for (from, to) in &truth {
            for (at, occupied) in [(*from, true), (*to, false)] {
                let whole = ((at - since) / 60) as u32;
                let previous = self.tells_previous.then_some(PreviousState {
                    minutes: whole.min(200),
                    error: 0,
                    overflow: whole > 200,
                });
                said.push(Said { at, kind, occupied, previous });
                since = at;
            }
        }
        let end = since + self.heartbeat;
        let mut beat = self.heartbeat;
        while beat < end {
            let occupied = truth.iter().any(|(from, to)| *from <= beat && beat < *to);
            if truth.iter().all(|(from, to)| *from != beat && *to != beat) {
                said.push(Said { at: beat, kind: ReadingKind::Contact, occupied, previous: None });
            }
            beat += self.heartbeat;
        }
        said.sort_by_key(|said| said.at);
        said
    }

    /// What arrives, in the order of `received_at`.
    pub fn frames(&self, device: Id, berth: Id) -> Vec<Sent> {
        let mut out = Vec::new();
        let mut counter = Counter { make: self.make, boot: 1, next: i64::from(self.first_number) };
        for (index, said) in self.said().into_iter().enumerate() {
            let fate = self.fates.get(index).copied().unwrap_or(Fate::Keep);
            let own = matches!(self.make, Make::Gateway | Make::Native).then_some(at(said.at + self.offset));
            let mut reading = occupancy(berth, said.kind, said.occupied, own);
            if let Some(previous) = said.previous {
                reading = with_previous(reading, previous);
            }
            let restarted = counter.fresh();
            // Without the frame that says 0 nobody can know of a gateway's restart.
            let fate = if restarted && self.make == Make::Gateway { Fate::Keep } else { fate };
            let number = counter.take();
            let received = |late: i64| at(said.at + late) + Span::from_millis(index as i64);
            let mut sent = Sent::new(device, received(0), number, reading);
            if restarted {
                sent = sent.restarted();
            }
            match fate {
                Fate::Drop => {}
                Fate::Late(secs) => out.push(sent.received(received(secs))),
                Fate::Copy(secs) => {
                    out.push(sent.clone().received(received(secs)));
                    out.push(sent);
                }
                Fate::Skip(count) => {
                    counter.next += i64::from(count);
                    out.push(sent);
                }
                Fate::Restart => {
                    counter.restart();
                    out.push(sent);
                }
                Fate::Keep => out.push(sent),
            }
        }
        out.sort_by_key(|sent| sent.received_at);
        out
    }
}

/// The device's counter.
struct Counter {
    make: Make,
    boot: u32,
    next: i64,
}

impl Counter {
    fn restart(&mut self) {
        self.boot += 1;
        self.next = match self.make {
            Make::Gateway | Make::Lora | Make::LoraState => 0,
            _ => 1,
        };
    }

    /// Nothing has been sent since a restart.
    fn fresh(&self) -> bool {
        self.boot > 1 && self.next == 0
    }

    fn take(&mut self) -> Option<Number> {
        let now = self.next;
        self.next += 1;
        match self.make {
            Make::Lora | Make::LoraState => Some(Number::Cyclic {
                value: now.rem_euclid(65_536) as u32,
                first: 0,
                last: 65_535,
                run: Some(u64::from(self.boot)),
            }),
            Make::Gateway => Some(Number::Cyclic {
                value: if now == 0 && self.boot > 1 { 0 } else { ((now - 1).rem_euclid(255) + 1) as u32 },
                first: 1,
                last: 255,
                run: None,
            }),
            Make::Native => Some(Number::Boot { boot: self.boot, seq: now.max(1) as u32 }),
            Make::Plain => None,
        }
    }
}

/// What may befall the frames of a plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    pub loss: bool,
    pub late: bool,
    pub copies: bool,
    pub skips: bool,
    pub restarts: bool,
    /// Some detectors tell how long the state before has lasted.
    pub previous: bool,
}

/// Streets of one berth.
pub fn plans(makes: &'static [Make], weather: Weather) -> impl Strategy<Value = Plan> {
    let gap = prop_oneof![1 => 31i64..120, 3 => 60i64..4_000];
    let stay = prop_oneof![1 => 5i64..130, 3 => 100i64..5_000];
    let stays = prop::collection::vec((gap, stay), 1..7);
    let make = prop::sample::select(makes);
    (
        make,
        stays,
        500i64..5_000,
        any::<u16>(),
        prop_oneof![2 => Just(0i64), 1 => -1_500i64..240],
        any::<bool>(),
    )
        .prop_flat_map(move |(make, stays, heartbeat, number, offset, tells_previous)| {
            // Without numbers a quick change back looks like a copy.
            let least = if make == Make::Plain { 200 } else { 0 };
            let stays: Vec<_> =
                stays.iter().map(|(gap, stay)| (*gap.max(&least), *stay.max(&least))).collect();
            fates(make, weather).prop_map(move |fates| Plan {
                make,
                stays: stays.clone(),
                heartbeat,
                first_number: if make == Make::Native { 1 } else { u32::from(number) },
                offset,
                fates,
                // Who tells how long the state before has lasted tells a change from a repeat. And
                // without a time of its own nobody knows from when a late frame counts its minutes back.
                tells_previous: tells_previous
                    && weather.previous
                    && make != Make::LoraState
                    && !(weather.late && matches!(make, Make::Lora | Make::LoraState | Make::Plain)),
            })
        })
}

fn fates(make: Make, weather: Weather) -> impl Strategy<Value = Vec<Fate>> {
    let longest = match make {
        Make::Lora | Make::LoraState => 65_536 - 64 - 70,
        Make::Gateway => 255 - 64 - 70,
        _ => 5_000,
    };
    let (mut loss, late, mut copies, skips, restarts) = (
        u32::from(weather.loss) * 4,
        u32::from(weather.late) * 2,
        u32::from(weather.copies) * 2,
        u32::from(weather.skips),
        u32::from(weather.restarts),
    );
    if make == Make::Plain {
        (loss, copies) = (loss.min(2), copies.min(1));
    }
    let copy_upto = if make == Make::Plain { 60 } else { 5_000 };
    let fate = prop_oneof![
        10 => Just(Fate::Keep),
        loss => Just(Fate::Drop),
        late => (1i64..5_000).prop_map(Fate::Late),
        copies => (1i64..copy_upto).prop_map(Fate::Copy),
        skips => (1u32..longest).prop_map(Fate::Skip),
        restarts => Just(Fate::Restart),
    ];
    prop::collection::vec(fate, 0..40)
}

/// The world's name for the berth and the detector of one-berth streets.
pub fn names() -> (Id, Id) {
    (id("m"), id("B"))
}

/// Frames in another order of arrival.
pub fn shuffled(frames: &[Sent], keys: &[u32]) -> Vec<Sent> {
    let mut keyed: Vec<(u32, usize)> =
        (0..frames.len()).map(|i| (keys.get(i).copied().unwrap_or(0), i)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, i)| frames[i].clone()).collect()
}

/// The latest instant at which anything was received.
pub fn end(frames: &[Sent]) -> Instant {
    frames.iter().map(|sent| sent.received_at).max().unwrap_or(at(0))
}

/// Pairs of plates that a reader confuses; no two pairs resemble each other.
pub const CARS: [[&str; 2]; 7] = [
    ["粤B12345", "粤BI2345"],
    ["苏A88K66", "苏A8BK66"],
    ["京C77990", "京C7799D"],
    ["沪D24680", "沪D2468Q"],
    ["浙E13579", "浙E1357G"],
    ["鲁F90901", "鲁F9090I"],
    ["皖G35353", "皖G3S353"],
];

/// What a camera reads: in which stay, at which thousandth of it, which of the car's two texts, how surely, how late.
#[derive(Clone, Copy, Debug)]
pub struct Glance {
    pub stay: usize,
    pub thousandth: i64,
    pub text: usize,
    pub confidence: u8,
    pub late: i64,
    pub twice: bool,
}

/// A camera's glances at a berth.
pub fn glances() -> impl Strategy<Value = Vec<Glance>> {
    let glance = (0usize..7, 1i64..999, 0usize..2, 50u8..100, 0i64..3_000, any::<bool>()).prop_map(
        |(stay, thousandth, text, confidence, late, twice)| Glance {
            stay,
            thousandth,
            text,
            confidence,
            late,
            twice,
        },
    );
    prop::collection::vec(glance, 0..10)
}

impl Plan {
    /// What a camera `c` says of the cars of this street; with `swap`, some of them are another car's plate.
    pub fn camera(&self, berth: Id, glances: &[Glance], swap: bool) -> Vec<Sent> {
        let truth = self.truth();
        let mut out = Vec::new();
        for (index, glance) in glances.iter().enumerate() {
            let Some((from, to)) = truth.get(glance.stay) else { continue };
            let seen = from + (to - from) * glance.thousandth / 1_000;
            if seen <= *from || seen >= *to {
                continue;
            }
            let car = if swap && index % 3 == 2 { glance.stay + 1 } else { glance.stay };
            let text = CARS[car % CARS.len()][glance.text];
            // No two reads at one instant: which of them came first would be anybody's guess.
            let own = at(seen) + Span::from_millis(index as i64);
            let reading = on_berth(berth, text, glance.confidence, own);
            let received = at(seen + glance.late) + Span::from_millis(500 + index as i64);
            let sent = Sent::new(id("c"), received, None, reading);
            if glance.twice {
                out.push(sent.clone().received(received + Span::from_secs(40)));
            }
            out.push(sent);
        }
        out
    }
}
