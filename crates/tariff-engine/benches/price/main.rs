//! Pricing: totals, receipts, JSON, batches, at 2 hours, a day, 30 and 365 days.
//!
//! `cargo bench -p tariff-engine`; BENCHMARKS.md has the figures. The bench `rivals` measures a hand-written loop and the oracle beside it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod tariffs;

use std::{hint::black_box, num::NonZero, thread::available_parallelism};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use parking_types::{Instant, Span};
use tariff_engine::{Stay, Tariff, price, price_as_of, total, total_many};

const LENGTHS: [(&str, i64); 4] = [("2h", 2), ("1d", 24), ("30d", 720), ("365d", 8760)];

fn stay(hours: i64) -> Stay {
    let entry: Instant = "2025-03-03T08:10:10+08:00".parse().expect("an instant");
    Stay::new("a1", entry, entry + Span::from_hours(hours))
}

fn all_tariffs() -> Vec<(&'static str, Tariff)> {
    let mut all: Vec<_> =
        tariffs::WHITE_PAPER.iter().map(|(name, charge)| (*name, tariffs::white_paper(charge))).collect();
    all.push(("four_day_types", tariffs::four_day_types()));
    all
}

fn totals(c: &mut Criterion) {
    let calendar = tariffs::calendar();
    let mut group = c.benchmark_group("total");
    for (name, tariff) in all_tariffs() {
        for (length, hours) in LENGTHS {
            let stay = stay(hours);
            group.bench_function(BenchmarkId::new(name, length), |b| {
                b.iter(|| total(black_box(&tariff), Some(&calendar), black_box(&stay)));
            });
        }
    }
    for unit in ["1h", "1s"] {
        let tariff = tariffs::every(unit);
        for (length, hours) in LENGTHS {
            let stay = stay(hours);
            group.bench_function(BenchmarkId::new(format!("every_{unit}"), length), |b| {
                b.iter(|| total(black_box(&tariff), Some(&calendar), black_box(&stay)));
            });
        }
    }
    group.finish();
}

fn receipts(c: &mut Criterion) {
    let calendar = tariffs::calendar();
    let mut group = c.benchmark_group("receipt");
    for (name, tariff) in all_tariffs().into_iter().skip(3) {
        for (length, hours) in LENGTHS {
            let stay = stay(hours);
            group.bench_function(BenchmarkId::new(format!("{name}/as_of"), length), |b| {
                b.iter(|| price_as_of(black_box(&tariff), Some(&calendar), black_box(&stay)));
            });
            group.bench_function(BenchmarkId::new(format!("{name}/with_next_change"), length), |b| {
                b.iter(|| price(black_box(&tariff), Some(&calendar), black_box(&stay)));
            });
            let receipt = price(&tariff, Some(&calendar), &stay).expect("a receipt");
            let mut out = Vec::with_capacity(1 << 20);
            group.bench_function(BenchmarkId::new(format!("{name}/json"), length), |b| {
                b.iter(|| {
                    out.clear();
                    black_box(&receipt).write_json(&mut out);
                });
            });
        }
    }
    let tariff = tariffs::white_paper(tariffs::WHITE_PAPER[3].1);
    let line = br#"{"id":"a1","entry":"2025-03-03T08:10:10+08:00","exit":"2025-03-03T10:10:10+08:00","vehicle":"small","plate_color":"blue"}"#;
    let mut out = Vec::with_capacity(4096);
    group.bench_function("json_to_json/2h", |b| {
        b.iter(|| {
            out.clear();
            let stay = Stay::from_json(black_box(line)).expect("a stay");
            price(&tariff, None, &stay).expect("a receipt").write_json(&mut out);
        });
    });
    group.bench_function("stay_from_json", |b| b.iter(|| Stay::from_json(black_box(line))));
    group.finish();
}

fn batches(c: &mut Criterion) {
    let calendar = tariffs::calendar();
    let entry: Instant = "2025-03-03T08:10:10+08:00".parse().expect("an instant");
    let stays: Vec<Stay> = (0..400_000)
        .map(|n: i64| {
            let from = entry + Span::from_secs(n * 379 % 10_000_000);
            Stay::new("a1", from, from + Span::from_secs(600 + n * 7919 % 30_000))
        })
        .collect();
    let mut group = c.benchmark_group("batch");
    group.throughput(Throughput::Elements(stays.len() as u64)).sample_size(20);
    for (name, tariff) in
        [("simple", tariffs::white_paper(tariffs::WHITE_PAPER[1].1)), ("complex", tariffs::four_day_types())]
    {
        for threads in [Some(1), None] {
            let label = threads.map_or("all".to_owned(), |n: usize| n.to_string());
            group.bench_function(BenchmarkId::new(name, label), |b| {
                b.iter(|| total_many(&tariff, Some(&calendar), &stays, threads.and_then(NonZero::new)));
            });
            // What the machine gives: the same loop without results that belong together.
            let parts = threads.unwrap_or_else(|| available_parallelism().map_or(1, NonZero::get));
            group.bench_function(BenchmarkId::new(format!("{name}/bare"), parts), |b| {
                b.iter(|| {
                    std::thread::scope(|scope| {
                        for part in stays.chunks(stays.len().div_ceil(parts)) {
                            let (tariff, calendar) = (&tariff, &calendar);
                            scope.spawn(move || {
                                for stay in part {
                                    let _ = black_box(total(tariff, Some(calendar), stay));
                                }
                            });
                        }
                    });
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, totals, receipts, batches);
criterion_main!(benches);
