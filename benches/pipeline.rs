//! The whole pipeline in one thread: frame records in JSON to session and charge records in JSON.
//!
//! `cargo bench -p parkline --bench pipeline`
#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "criterion's macros; a benchmark stops at the first surprise"
)]

mod street;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use parkline::{
    pipeline::Pipeline,
    site::Site,
    stage::{Position, Record, Stage},
};
use street::Street;

/// Outputs are handed on after this many records, as a worker's commit does.
const BATCH: usize = 1000;

/// Runs all frames and says how many bytes were published.
fn run(mut pipeline: Pipeline, frames: &[String]) -> usize {
    let (mut outputs, mut bytes) = (Vec::new(), 0);
    for (offset, frame) in (0..).zip(frames) {
        let position = Position { partition: 0, offset };
        black_box(pipeline.apply(Record { position, value: frame.as_bytes() }, &mut outputs));
        if outputs.len() >= BATCH {
            bytes += outputs.drain(..).map(|output| output.value.len()).sum::<usize>();
        }
    }
    bytes + outputs.iter().map(|output| output.value.len()).sum::<usize>()
}

fn pipeline(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pipeline");
    group.sample_size(10);
    for (name, street) in [
        ("2 frames a stay", Street { berths: 20_000, stays: 4, heartbeats: 0 }),
        ("20 frames a stay", Street { berths: 20_000, stays: 1, heartbeats: 18 }),
    ] {
        let (site, frames) = (street.site(), street.frames());
        let parse = || Site::parse(&[("street", &site)]).map(Pipeline::new);
        group.throughput(Throughput::Elements(frames.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || parse().expect("the street's site is good"),
                |pipeline| run(pipeline, &frames),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
