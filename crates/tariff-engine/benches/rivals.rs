//! The engine beside its rivals on the same stays: a careful hand-written loop in Java (`benches/java`, where there is a
//! Java) and the naive oracle of the tests. The sums of all three must agree. Then batches on one thread and on more
//! (only these with the argument `batch`).
//!
//! `cargo bench -p tariff-engine --bench rivals`. Every time is the least of several runs over 1,024 stays that begin at
//! different times of different days and differ in length.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/oracle/mod.rs"]
mod oracle;
#[path = "price/tariffs.rs"]
mod tariffs;

use std::{collections::BTreeMap, hint::black_box, num::NonZero, process::Command, time::Instant as Clock};

use parking_types::{Amount, Date, Instant, Span};
use tariff_engine::{Calendar, DayTypes, Stay, Tariff, total, total_many};

const HOURS: [i64; 4] = [2, 24, 720, 8760];
const STAYS: i64 = 1024;

/// As `Rival.java` makes them.
fn stays(base: Instant, hours: i64) -> Vec<Stay> {
    let stay = |i: i64| {
        let entry = base + Span::from_secs(i * 9973);
        Stay::new("a1", entry, entry + Span::from_hours(hours) + Span::from_secs(i * 61 % 1800))
    };
    (0..STAYS).map(stay).collect()
}

/// The least time of some runs in nanoseconds a stay, and what the last one said.
fn least<T>(runs: usize, stays: usize, mut run: impl FnMut() -> T) -> (f64, T) {
    let mut best = f64::INFINITY;
    let mut said = run();
    for _ in 0..runs {
        let start = Clock::now();
        said = black_box(run());
        best = best.min(start.elapsed().as_nanos() as f64 / stays as f64);
    }
    (best, said)
}

fn sum(tariff: &Tariff, calendar: &Calendar, stays: &[Stay]) -> Amount {
    stays.iter().map(|stay| total(black_box(tariff), Some(calendar), stay).expect("a price")).sum()
}

/// The first stays only, as the oracle takes its time.
fn of_oracle(tariff: &Tariff, calendar: &Calendar, stays: &[Stay]) -> String {
    let tariff = oracle::parse::tariff(tariff.canonical()).expect("a tariff");
    let calendar = oracle::parse_parts::calendar(calendar.canonical()).expect("a calendar");
    let total = |stay: &Stay| {
        let text = format!(
            r#"{{"id":"a","entry":"{}","exit":"{}"}}"#,
            stay.entry.at_offset(0),
            stay.exit.at_offset(0)
        );
        let stay = oracle::parse_parts::stay(text.as_bytes()).expect("a stay");
        oracle::price::price(&tariff, Some(&calendar), &stay).expect("a price").total
    };
    let sum: oracle::Q = stays.iter().map(total).sum();
    sum.to_string()
}

/// What the Java loops say: nanoseconds and the sum in fen, by tariff and hours.
fn of_java(base: Instant, calendar: &Calendar) -> BTreeMap<(String, i64), (f64, i64)> {
    let first = Date::parse("2025-03-01").expect("a date");
    let kind = |day: i32| {
        let date = first.plus_days(day);
        let types = calendar.day_types(date).expect("a covered date");
        match types {
            special if special.has(DayTypes::SPECIAL_DAY) => '3',
            rest if rest.has(DayTypes::REST_DAY) => '2',
            _ if date.weekday() == parking_types::Weekday::Fri => '1',
            _ => '0',
        }
    };
    let types: String = (0..600).map(kind).collect();
    let arguments = [base.as_secs().to_string(), first.days().to_string(), types];
    let run = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/java/run");
    let output = Command::new(run).args(arguments).output().expect("a shell");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let mut found = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, hours, nanos, fen] = words.as_slice() else { continue };
        let figures = (nanos.parse().expect("nanoseconds"), fen.parse().expect("a sum"));
        found.insert(((*name).to_owned(), hours.parse().expect("hours")), figures);
    }
    found
}

fn main() {
    let calendar = tariffs::calendar();
    let tariffs = [
        ("tiered_then_duration", tariffs::white_paper(tariffs::WHITE_PAPER[3].1)),
        ("four_day_types", tariffs::four_day_types()),
    ];
    if !std::env::args().any(|word| word == "batch") {
        alone(&calendar, &tariffs);
    }
    batches(&calendar, &tariffs);
}

fn alone(calendar: &Calendar, tariffs: &[(&str, Tariff)]) {
    let base: Instant = "2025-03-03T08:10:10+08:00".parse().expect("an instant");
    let java = of_java(base, calendar);
    println!("nanoseconds a stay: engine, java, oracle");
    for (name, tariff) in tariffs {
        for hours in HOURS {
            let stays = stays(base, hours);
            let (ns, all) = least(60, stays.len(), || sum(tariff, calendar, &stays));
            let few = stays.get(..if hours > 100 { 4 } else { 64 }).expect("some stays");
            let (oracle_ns, oracle_sum) = least(1, few.len(), || of_oracle(tariff, calendar, few));
            assert_eq!(
                sum(tariff, calendar, few).to_string(),
                decimal(&oracle_sum),
                "the oracle, {name} {hours} h"
            );
            let java = java.get(&((*name).to_owned(), hours));
            let shown = java.map_or_else(|| "-".to_owned(), |(ns, _)| format!("{ns:.1}"));
            println!("{name} {hours} h: {ns:.1}, {shown}, {oracle_ns:.0}");
            if let Some((_, fen)) = java {
                assert_eq!(all.as_micros(), fen * 10_000, "the sum of {name} at {hours} h in Java");
            }
        }
    }
}

/// A whole number of quarters as a decimal: all that these tariffs come to.
fn decimal(fraction: &str) -> String {
    let (numerator, denominator) = fraction.split_once('/').unwrap_or((fraction, "1"));
    let (numerator, denominator): (i64, i64) =
        (numerator.parse().expect("a number"), denominator.parse().expect("a number"));
    Amount::from_micros(numerator * 1_000_000 / denominator).to_string()
}

fn batches(calendar: &Calendar, tariffs: &[(&str, Tariff)]) {
    let entry: Instant = "2025-03-03T08:10:10+08:00".parse().expect("an instant");
    let stay = |n: i64| {
        let from = entry + Span::from_secs(n * 379 % 10_000_000);
        Stay::new("a1", from, from + Span::from_secs(600 + n * 7919 % 30_000))
    };
    let stays: Vec<Stay> = (0..50_000).map(stay).collect();
    println!("million stays a second, 50,000 of 10 min to 8 h: on 1 thread, 2, 4");
    for (name, tariff) in tariffs {
        let rate = |threads: usize| {
            let work = || total_many(tariff, Some(calendar), &stays, NonZero::new(threads)).len();
            1000.0 / least(300, stays.len(), work).0
        };
        println!("{name}: {:.1}, {:.1}, {:.1}", rate(1), rate(2), rate(4));
    }
}
