//! The step of the session machine alone: bound frames in, effects out, over a made-up street in random order.
//!
//! `cargo bench -p session-core --bench step`
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "criterion's macros; what the benches share; a benchmark stops at the first surprise"
)]

mod support;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use session_core::ReadingKind;
use support::{NEXT, Town, apply, round, with_a_past};

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("step");
    group.sample_size(10);
    for berths in [1_000, 50_000] {
        let town = Town::long_street(berths);
        let (mut core, start, number) = with_a_past(&town, berths);
        apply(&mut core, &town, &round(berths, number, start, ReadingKind::Contact, true));
        let (start, number) = (start + NEXT, number + 1);
        let beat = round(berths, number, start, ReadingKind::Contact, true);
        let leave = round(berths, number, start, ReadingKind::Change, false);
        group.throughput(Throughput::Elements(berths as u64));
        for (name, frames) in [("heartbeat", &beat), ("exit and charge", &leave)] {
            group.bench_function(format!("{name}, {berths} berths"), |bencher| {
                bencher.iter_batched(
                    || core.clone(),
                    |mut core| {
                        apply(&mut core, &town, frames);
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
