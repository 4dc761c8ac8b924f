//! Where leaving and coming back at once is cheaper than staying.

use parking_types::{Amount, Instant};

use super::{Bench, Finding, LintCode, Severity, Shown, walks::Walk};
use crate::{Stay, Used, price_as_of, total};

/// How many instants to leave at, and how many exits, are tried for one entry.
const MOST_LEAVES: usize = 24;
const MOST_EXITS: usize = 40;

/// A stay and the instant at which leaving and coming back makes it cheaper.
pub(super) struct Split {
    whole: Stay,
    leave: Instant,
    pub(super) saved: Amount,
}

/// The split that saves most, of several the one of the shortest stay.
pub(super) fn best_split(bench: &Bench<'_>, walk: &Walk) -> Option<Split> {
    // A tariff that knows what the plate used needs the receipt of the first part.
    let remembers = bench.tariff.uses_history();
    let mut best: Option<Split> = None;
    for leave in spread(&walk.points, MOST_LEAVES).map(|point| point.last).filter(|at| *at > walk.begun.entry)
    {
        let Some(first) = first_part(bench, walk, leave, remembers) else { continue };
        for end in spread(&walk.points, MOST_EXITS).filter(|point| point.exit > leave) {
            let second = Stay { entry: leave, exit: end.exit, used: first.1.clone(), ..walk.begun.clone() };
            let Ok(fee) = total(bench.tariff, bench.calendar, &second) else { continue };
            let saved = end.total.saturating_sub(first.0.saturating_add(fee));
            if saved > best.as_ref().map_or(Amount::ZERO, |best| best.saved) {
                best = Some(Split { whole: Stay { exit: end.exit, ..walk.begun.clone() }, leave, saved });
            }
        }
    }
    best
}

/// Up to `most` of the items, evenly spread, the first ones all.
fn spread<T>(items: &[T], most: usize) -> impl Iterator<Item = &T> {
    let near = most / 2;
    let step = items.len().saturating_sub(near).div_ceil(most - near).max(1);
    items.iter().take(near).chain(items.iter().skip(near).step_by(step))
}

/// What the first part costs, and what the plate has used after it.
fn first_part(
    bench: &Bench<'_>,
    walk: &Walk,
    leave: Instant,
    remembers: bool,
) -> Option<(Amount, Vec<(parking_types::Date, Used)>)> {
    let stay = Stay { exit: leave, ..walk.begun.clone() };
    if !remembers {
        return Some((total(bench.tariff, bench.calendar, &stay).ok()?, stay.used));
    }
    let receipt = price_as_of(bench.tariff, bench.calendar, &stay).ok()?;
    Some((receipt.total, receipt.used.clone()))
}

/// Worth a warning where it saves more than the dearest hour; else it is the price of free time and cheap first steps.
pub(super) fn finding(bench: &Bench<'_>, split: &Split, dearest_hour: Amount) -> Option<Finding> {
    // Rounding twice instead of once may save this much.
    if split.saved <= bench.document().rounding.quantum {
        return None;
    }
    let remembers = bench.tariff.uses_history();
    let walk = Walk { begun: Stay { exit: split.whole.entry, ..split.whole.clone() }, points: Vec::new() };
    let (_, used) = first_part(bench, &walk, split.leave, remembers)?;
    let whole = bench.show(&split.whole)?;
    let first = bench.show(&Stay { exit: split.leave, ..split.whole.clone() })?;
    let second = bench.show(&Stay { entry: split.leave, used, ..split.whole.clone() })?;
    let parts = first.total.saturating_add(second.total);
    if parts >= whole.total {
        return None;
    }
    let severity = if split.saved > dearest_hour { Severity::Warning } else { Severity::Info };
    let length = |shown: &Shown| (shown.stay.exit - shown.stay.entry).to_string();
    let message = format!(
        "a stay of {} costs {}; leaving after {} and coming back at once {} ({} + {})",
        length(&whole),
        bench.money(whole.total),
        length(&first),
        bench.money(parts),
        bench.money(first.total),
        bench.money(second.total)
    );
    let path = super::walks::cause(bench, &whole.stay);
    Some(Finding::new(LintCode::LeaveAndReturn, severity, path, message).shown([whole, first, second]))
}
