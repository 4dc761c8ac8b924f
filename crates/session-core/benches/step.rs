//! The step of the session machine alone: bound frames in, effects out, over a made-up street in random order.
//!
//! `cargo bench -p session-core`
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::float_arithmetic,
    reason = "criterion's macros; a benchmark stops at the first surprise"
)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use parking_types::{Amount, Currency, Id, Instant, Span, Zone};
use session_core::{
    Berth, Core, Frame, FrameName, Lane, ListKind, Listed, Lot, LotKind, Number, Pass, Place, Policy,
    PriceRequest, Priced, Reading, ReadingKind, Standing, Subject, Unpriced, World,
};

/// A street of detectors with numbered frames. A stay costs one unit a started hour, so that pricing costs nothing.
struct Street {
    lot: Id,
    zone: Zone,
    policy: Policy,
    currency: Currency,
    berths: Vec<(Id, [Id; 1])>,
}

impl Street {
    fn new(berths: usize) -> Self {
        let id = |kind: &str, n: usize| Id::new(&format!("{kind}-{n:07}")).expect("an id");
        Self {
            lot: Id::new("L").expect("an id"),
            zone: Zone::new("Asia/Shanghai").expect("a zone"),
            policy: Policy::default(),
            currency: Currency::parse("CNY").expect("a currency"),
            berths: (0..berths).map(|n| (id("b", n), [id("m", n)])).collect(),
        }
    }

    /// The berth that an id of ours names.
    fn index(id: &Id) -> usize {
        id.as_str().get(2..).and_then(|digits| digits.parse().ok()).unwrap_or(usize::MAX)
    }

    /// A frame of each berth, in random order; `occupied` changes where it says so.
    fn round(
        &self,
        number: u32,
        at: Instant,
        kind: ReadingKind,
        occupied: bool,
    ) -> Vec<(Id, Number, Instant, Reading)> {
        let mut order: Vec<usize> = (0..self.berths.len()).collect();
        let mut dice = 0x9e37_79b9_7f4a_7c15u64 ^ u64::from(number);
        for i in (1..order.len()).rev() {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(i, (dice >> 33) as usize % (i + 1));
        }
        let gap = Span::from_nanos(Span::from_mins(8).as_nanos() / order.len() as i64);
        let frame = |(nth, berth): (usize, usize)| {
            let (berth, [device]) = self.berths[berth];
            let place = Place::Berth { lot: self.lot, berth };
            let digest = u64::from(occupied) << 8 | kind as u64;
            let reading = Reading { occupied: Some(occupied), digest, ..blank(place, kind) };
            let number = Number::Cyclic { value: number, first: 0, last: 65_535, run: None };
            (device, number, at + gap.times(nth as i64), reading)
        };
        order.into_iter().enumerate().map(frame).collect()
    }
}

const fn blank(place: Place, kind: ReadingKind) -> Reading {
    Reading {
        place: Some(place),
        kind,
        device_time: None,
        occupied: None,
        previous: None,
        plate: None,
        plate_color: None,
        confidence: None,
        vehicle: None,
        direction: None,
        ticket: None,
        record: None,
        opened_by: None,
        digest: 0,
        battery_pct: None,
        battery_low: None,
        rssi_dbm: None,
        fault: false,
    }
}

impl World for Street {
    fn edition(&self) -> u64 {
        0
    }

    fn standing(&self, _: Instant) -> Standing {
        Standing::ALWAYS
    }

    fn tenant(&self) -> Id {
        self.lot
    }
    fn lot(&self, _: &Id, _: Instant) -> Option<Lot<'_>> {
        let (kind, group) = (LotKind::Roadside, self.lot);
        Some(Lot { kind, group, zone: &self.zone, capacity: None, policy: &self.policy, area: None })
    }
    fn lane(&self, _: &Id, _: Instant) -> Option<Lane> {
        None
    }
    fn berth(&self, berth: &Id, _: Instant) -> Option<Berth<'_>> {
        let (_, detectors) = self.berths.get(Self::index(berth))?;
        Some(Berth { lot: self.lot, detectors, ground_lock: None })
    }
    fn heartbeat(&self, _: &Id, _: Instant) -> Option<Span> {
        Some(Span::from_mins(15))
    }
    fn devices_of(&self, _: &Id, _: Instant) -> Vec<Id> {
        self.berths.iter().map(|(_, [device])| *device).collect()
    }
    fn lot_of_device(&self, _: &Id, _: Instant) -> Option<Id> {
        Some(self.lot)
    }
    fn answers(&self, _: &Id, _: Instant) -> bool {
        false
    }
    fn displays(&self, _: &Id, _: Instant) -> Vec<Id> {
        Vec::new()
    }
    fn listed(&self, _: ListKind, _: &Subject, _: Instant, _: Instant) -> Option<Listed> {
        None
    }
    fn passes(&self, _: &Subject, _: Instant) -> Vec<Pass> {
        Vec::new()
    }
    fn price(&self, stay: &PriceRequest<'_>) -> Result<Priced, Unpriced> {
        let hours = (stay.exit - stay.entry).as_secs() / 3600 + 1;
        let total = Amount::from_micros(hours * 1_000_000);
        Ok(Priced {
            total,
            paid: Amount::ZERO,
            due: total,
            currency: self.currency,
            used: Vec::new(),
            uses_history: false,
            receipt: "{}".into(),
        })
    }
}

fn apply(core: &mut Core, street: &Street, frames: &[(Id, Number, Instant, Reading)]) -> usize {
    let mut effects = 0;
    for (offset, (device, number, received_at, reading)) in (0u64..).zip(frames) {
        let frame = Frame {
            name: FrameName { partition: 0, offset, index: None },
            received_at: *received_at,
            device: *device,
            number: Some(*number),
            restart: false,
            network_at: None,
            offline: false,
            readings: core::slice::from_ref(reading),
        };
        black_box(core.apply_frame(&frame, street));
        effects += core.take_effects().count();
    }
    effects
}

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("step");
    group.sample_size(10);
    let start: Instant = "2026-03-02T08:00:00+08:00".parse().expect("an instant");
    for berths in [1_000, 50_000] {
        let street = Street::new(berths);
        // Each berth has a past of two stays before anything is measured.
        let mut core = Core::new();
        let (mut at, mut number) = (start, 0);
        let round = Span::from_mins(10);
        for occupied in [false, true, false, true] {
            apply(&mut core, &street, &street.round(number, at, ReadingKind::Change, occupied));
            (at, number) = (at + round, number + 1);
        }
        let beat = street.round(number, at, ReadingKind::Contact, true);
        let leave = street.round(number, at, ReadingKind::Change, false);
        group.throughput(Throughput::Elements(berths as u64));
        for (name, frames) in [("heartbeat", &beat), ("exit and charge", &leave)] {
            group.bench_function(format!("{name}, {berths} berths"), |bencher| {
                bencher.iter_batched(
                    || core.clone(),
                    |mut core| {
                        apply(&mut core, &street, frames);
                        core
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
