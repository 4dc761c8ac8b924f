//! Totals alone never touch the heap, once the tariff's plans and days are made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../benches/price/tariffs.rs"]
mod tariffs;

use allocation_counter::measure;
use parking_types::{Instant, Span};
use tariff_engine::{Stay, Tariff, total};

#[test]
fn totals_of_any_length() {
    let calendar = tariffs::calendar();
    let mut all: Vec<(&str, Tariff)> =
        tariffs::WHITE_PAPER.iter().map(|(name, charge)| (*name, tariffs::white_paper(charge))).collect();
    all.push(("four_day_types", tariffs::four_day_types()));
    all.push(("every second", tariffs::every("1s")));
    let entry: Instant = "2025-03-03T08:10:10+08:00".parse().unwrap();
    for (name, tariff) in &all {
        for hours in [2, 24, 720, 8760] {
            let stay = Stay::new("a1", entry, entry + Span::from_hours(hours));
            let first = total(tariff, Some(&calendar), &stay).unwrap();
            let counted = measure(|| assert_eq!(total(tariff, Some(&calendar), &stay), Ok(first)));
            assert_eq!(counted.count_total, 0, "{name}, {hours} h");
        }
    }
}
