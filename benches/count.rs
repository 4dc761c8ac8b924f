//! Instruction counts of the whole pipeline: `count BERTHS STAYS HEARTBEATS` feeds a made-up street to one pipeline, the
//! first stay of each berth uncounted, and says what a frame and a stay took at the quickest thousand frames.
//!
//! `cargo bench --bench count --no-run`, then `valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*measured*'
//! target/release/deps/count-… 2000 3 0`; callgrind's own figures do not depend on what else the machine does.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, missing_docs, reason = "a measurement")]

mod street;

use std::{hint::black_box, time::Instant};

use parkline::{
    pipeline::Pipeline,
    site::Site,
    stage::{Position, Record, Stage},
};
use street::Street;

/// Outputs are handed on after so many frames, as a worker's commit does.
const BATCH: usize = 1000;

struct Run {
    pipeline: Pipeline,
    offset: u64,
}

impl Run {
    /// Applies a batch of frames and says how many bytes were published.
    #[inline(never)]
    fn measured(&mut self, frames: &[String]) -> usize {
        self.batch(frames)
    }

    #[inline(never)]
    fn batch(&mut self, frames: &[String]) -> usize {
        let mut outputs = Vec::new();
        for frame in frames {
            let position = Position { partition: 0, offset: self.offset };
            self.offset += 1;
            black_box(self.pipeline.apply(Record { position, value: frame.as_bytes() }, &mut outputs));
        }
        outputs.drain(..).map(|output| output.value.len()).sum()
    }
}

fn main() {
    let mut words = std::env::args().skip(1).filter_map(|word| word.parse().ok());
    let Some(berths) = words.next() else {
        println!("count BERTHS STAYS HEARTBEATS: see the source");
        return;
    };
    let (stays, heartbeats) = (words.next().unwrap_or(4), words.next().unwrap_or(0));
    let street = Street { berths, stays, heartbeats };
    let (site, frames) = (street.site(), street.frames());
    let mut run = Run { pipeline: Pipeline::new(Site::parse(&[("street", &site)]).unwrap()), offset: 0 };
    let (first, rest) = frames.split_at((berths * (heartbeats + 2)).min(frames.len()));
    for batch in first.chunks(BATCH) {
        black_box(run.batch(batch));
    }
    let (mut bytes, mut took) = (0, Vec::new());
    for batch in rest.chunks(BATCH) {
        let since = Instant::now();
        bytes += run.measured(batch);
        took.push(since.elapsed().as_nanos() as f64 / batch.len() as f64);
    }
    let all = took.iter().sum::<f64>() / took.len().max(1) as f64;
    let least = took.iter().copied().fold(f64::INFINITY, f64::min);
    let published = bytes as f64 / rest.len().max(1) as f64;
    println!(
        "{} frames: {all:.0} ns each, {least:.0} in the quickest batch, {published:.0} bytes published",
        rest.len()
    );
}
