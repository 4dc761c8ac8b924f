//! The law of fairness: no driver pays for more than he has stood there, whatever is lost.

use parking_types::{Instant, Span};
use proptest::{prelude::*, test_runner::TestRunner};

use super::{last::Stay, town::Town};

/// A true stay: whose, from, to.
pub type True = (String, Instant, Instant);

/// Every session that counts lies inside one true stay (of its plate, where it has one), no two of them share time of one,
/// and what is charged is the price of just the time that counts.
pub fn fair(stays: &[Stay], truth: &[True]) -> Result<(), String> {
    let mut charged: Vec<(String, Instant, Instant)> = Vec::new();
    for stay in stays.iter().filter(|stay| stay.state != "void") {
        let Some(entry) = stay.entry else {
            if stay.total.is_some_and(|total| total > 0) {
                return Err(format!("{stay:?} is charged, and nobody knows from when"));
            }
            continue;
        };
        let to = stay.exit.map_or(entry.at, |exit| exit.at);
        let holds = |(plate, from, until): &True| {
            (stay.plate.is_empty() || *plate == stay.plate) && *from <= entry.at && to <= *until
        };
        if to != entry.at && !truth.iter().any(holds) {
            return Err(format!("{stay:?} lies in no true stay of {truth:?}"));
        }
        let price = Town::half_hours(to - entry.at) * 1_000_000;
        if stay.total.is_some_and(|total| total != price) {
            return Err(format!("{stay:?} should cost {price}"));
        }
        charged.push((stay.plate.clone(), entry.at, to));
    }
    charged.sort();
    let twice = charged.windows(2).find(|pair| pair[0].0 == pair[1].0 && pair[1].1 < pair[0].2);
    twice.map_or(Ok(()), |pair| Err(format!("time counts twice: {pair:?}")))
}

/// Faults that the law must see.
pub const UNFAIR: [&str; 5] =
    ["counts_to_not_after", "counts_from_not_before", "a_minute_more", "dearer", "twice"];

/// The sessions as a machine with the fault would have made them.
fn planted(fault: &str, stays: &mut Vec<Stay>) {
    let mut repriced = |change: &dyn Fn(&mut Stay)| {
        for stay in stays.iter_mut().filter(|stay| stay.state == "closed") {
            change(stay);
            if let (Some(entry), Some(exit), Some(total)) = (stay.entry, stay.exit, &mut stay.total) {
                *total = Town::half_hours(exit.at - entry.at) * 1_000_000;
            }
        }
    };
    match fault {
        "counts_to_not_after" => repriced(&|stay| {
            stay.exit.iter_mut().for_each(|exit| exit.at = exit.not_after.unwrap_or(exit.at));
        }),
        "counts_from_not_before" => repriced(&|stay| {
            stay.entry.iter_mut().for_each(|entry| entry.at = entry.not_before.unwrap_or(entry.at));
        }),
        "a_minute_more" => repriced(&|stay| {
            stay.exit.iter_mut().for_each(|exit| exit.at = exit.at + Span::from_mins(1));
        }),
        "dearer" => stays.iter_mut().filter_map(|stay| stay.total.as_mut()).for_each(|total| *total += 1),
        _ => stays.extend_from_within(..),
    }
}

/// Whether the law sees the fault in one of so many generated runs.
pub fn sees<S: Strategy>(
    fault: &str,
    runs: S,
    mut of: impl FnMut(S::Value) -> (Vec<Stay>, Vec<True>),
) -> bool {
    let mut runner = TestRunner::deterministic();
    (0..300).any(|_| {
        let Ok(tree) = runs.new_tree(&mut runner) else { return false };
        let (mut stays, truth) = of(proptest::strategy::ValueTree::current(&tree));
        planted(fault, &mut stays);
        fair(&stays, &truth).is_err()
    })
}
