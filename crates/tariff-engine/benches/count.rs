//! Instruction counts: `count NAME HOURS ROUNDS` prices one stay so often and does nothing else, for callgrind; it says
//! how many nanoseconds the quickest hundred took.
//!
//! `cargo bench -p tariff-engine --bench count --no-run`, then
//! `valgrind --tool=callgrind target/release/deps/count-… by_duration 2 1000` with two numbers of rounds; the difference
//! is the pricing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "price/tariffs.rs"]
mod tariffs;

use std::{hint::black_box, time::Instant as Clock};

use parking_types::{Instant, Span};
use tariff_engine::{Stay, price, price_as_of, total};

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let Some(name) = words.next() else {
        println!("count NAME HOURS ROUNDS [receipt|full|json]: see the source");
        return;
    };
    let hours: i64 = words.next().and_then(|word| word.parse().ok()).unwrap_or(2);
    let rounds: u32 = words.next().and_then(|word| word.parse().ok()).unwrap_or(1000);
    let what = words.next().unwrap_or_default();
    let calendar = tariffs::calendar();
    let white = tariffs::WHITE_PAPER.iter().find(|(known, _)| *known == name);
    let tariff = match white {
        Some((_, charge)) => tariffs::white_paper(charge),
        None if name == "four_day_types" => tariffs::four_day_types(),
        None if name == "three_lines" => tariffs::three_lines(),
        None => tariffs::every(&name),
    };
    let entry: Instant = "2025-03-03T08:10:10+08:00".parse().expect("an instant");
    let stay = Stay::new("a1", entry, entry + Span::from_hours(hours));
    let mut out = Vec::with_capacity(1 << 20);
    let mut once = || match what.as_str() {
        "receipt" => drop(black_box(price_as_of(black_box(&tariff), Some(&calendar), black_box(&stay)))),
        "full" => drop(black_box(price(black_box(&tariff), Some(&calendar), black_box(&stay)))),
        "json" => {
            out.clear();
            price_as_of(&tariff, Some(&calendar), black_box(&stay)).expect("a receipt").write_json(&mut out);
        }
        _ => drop(black_box(total(black_box(&tariff), Some(&calendar), black_box(&stay)))),
    };
    let mut least = u128::MAX;
    for _ in 0..rounds.div_ceil(100) {
        let start = Clock::now();
        (0..100).for_each(|_| once());
        least = least.min(start.elapsed().as_nanos());
    }
    println!("{} ns", least / 100);
}
