//! How long something took, in fixed buckets.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use super::line;

/// Upper ends of the buckets, in microseconds, for what a disk, a network or a person is waited for.
const LONG_US: [u64; BUCKETS] = [
    250, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    5_000_000,
];
/// The same for what the processor does to one frame.
const SHORT_US: [u64; BUCKETS] = [1, 2, 3, 5, 7, 10, 15, 25, 50, 100, 250, 1_000, 10_000, 100_000];
const BUCKETS: usize = 14;

/// How long something took, in fixed buckets.
#[derive(Debug)]
pub struct Histogram {
    bounds_us: &'static [u64; BUCKETS],
    buckets: [AtomicU64; BUCKETS + 1],
    sum_ns: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { bounds_us: &LONG_US, buckets: Default::default(), sum_ns: AtomicU64::new(0) }
    }
}

impl Histogram {
    /// One whose buckets end between a microsecond and a tenth of a second.
    pub fn short() -> Self {
        Self { bounds_us: &SHORT_US, ..Self::default() }
    }

    /// Counts `times` of one duration.
    pub fn add(&self, took: Duration, times: u64) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let slot = self.bounds_us.partition_point(|bound| *bound * 1_000 < ns);
        if let Some(bucket) = self.buckets.get(slot) {
            bucket.fetch_add(times, Relaxed);
        }
        self.sum_ns.fetch_add(ns.saturating_mul(times), Relaxed);
    }

    pub(super) fn write(&self, name: &str, labels: &str, out: &mut String) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut count = 0;
        let bounds = self.bounds_us.iter().map(|us| seconds(us * 1_000)).chain(["+Inf".to_owned()]);
        for (bucket, bound) in self.buckets.iter().zip(bounds) {
            count += bucket.load(Relaxed);
            line(out, format_args!("{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"));
        }
        line(out, format_args!("{name}_sum{{{labels}}} {}", seconds(self.sum_ns.load(Relaxed))));
        line(out, format_args!("{name}_count{{{labels}}} {count}"));
    }
}

fn seconds(ns: u64) -> String {
    let text = format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up_and_hold_their_bounds() {
        let histogram = Histogram::default();
        histogram.add(Duration::from_micros(250), 2);
        histogram.add(Duration::from_nanos(250_001), 1);
        histogram.add(Duration::from_secs(60), 1);
        let mut out = String::new();
        histogram.write("h", "", &mut out);
        for wanted in [
            "h_bucket{le=\"0.00025\"} 2",
            "h_bucket{le=\"0.0005\"} 3",
            "h_bucket{le=\"5\"} 3",
            "h_bucket{le=\"+Inf\"} 4",
            "h_sum{} 60.000750001",
            "h_count{} 4",
        ] {
            assert!(out.lines().any(|line| line == wanted), "{wanted} is not in {out}");
        }
        let short = Histogram::short();
        short.add(Duration::from_nanos(7_100), 3);
        let mut out = String::new();
        short.write("s", "a=\"b\"", &mut out);
        assert!(
            out.contains("s_bucket{a=\"b\",le=\"0.000007\"} 0\ns_bucket{a=\"b\",le=\"0.00001\"} 3\n"),
            "{out}"
        );
    }
}
