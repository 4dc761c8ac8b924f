//! `tiers: volume`: the step that the chargeable time ends in prices all of it.

use super::document::Step;
use super::ladder::{Event, Kind, part};
use super::quantity::{whole, zero};
use super::{Nanos, Q};

/// The price of `chargeable` time.
fn price(steps: &[Step], chargeable: Nanos) -> Q {
    if chargeable == 0 {
        return zero();
    }
    for step in steps {
        if step.upto.is_none_or(|upto| chargeable <= upto) {
            return step_price(step, chargeable);
        }
    }
    // Beyond a last `upto` the price reached there holds.
    let last = &steps[steps.len() - 1];
    step_price(last, last.upto.unwrap())
}

fn step_price(step: &Step, chargeable: Nanos) -> Q {
    match &step.unit {
        None => step.price.clone(),
        Some(unit) => {
            let full = chargeable / unit.every;
            let rest = chargeable % unit.every;
            let last = if rest == 0 { zero() } else { part(unit, rest) };
            &step.price * (whole(full) + last)
        }
    }
}

/// The changes of the price, each at the start of the unit or step that causes it. `runs` are the chargeable times of
/// one ladder since it last started.
pub(crate) fn events(rule: usize, steps: &[Step], runs: &[(Nanos, Nanos)]) -> Vec<Event> {
    let all: Nanos = runs.iter().map(|(from, to)| to - from).sum();
    let starts = starts(steps, all);
    let mut found = Vec::new();
    for (index, (start, step)) in starts.iter().enumerate() {
        let end = starts.get(index + 1).map_or(all, |(next, _)| *next);
        let amount = price(steps, end) - price(steps, *start);
        if amount != zero() {
            let kind = if step.unit.is_some() { Kind::Unit } else { Kind::Tier };
            let (at, to) = (instant_after(runs, *start), instant_at(runs, end));
            found.push(Event { at, to, kind, rule, quantity: whole(1), unit_price: amount.clone(), amount });
        }
    }
    found
}

/// Where the steps and the units of unit steps start, in chargeable time below `all`.
fn starts(steps: &[Step], all: Nanos) -> Vec<(Nanos, &Step)> {
    let mut found = Vec::new();
    let mut from = 0;
    for step in steps {
        let to = step.upto.unwrap_or(Nanos::MAX).min(all);
        if from >= to {
            break;
        }
        found.push((from, step));
        if let Some(unit) = &step.unit {
            let mut start = (from / unit.every + 1) * unit.every;
            while start < to {
                found.push((start, step));
                start += unit.every;
            }
        }
        from = to;
    }
    found
}

/// The instant from which the chargeable time is more than `chargeable`.
fn instant_after(runs: &[(Nanos, Nanos)], chargeable: Nanos) -> Nanos {
    let mut left = chargeable;
    for (from, to) in runs {
        if left < to - from {
            return from + left;
        }
        left -= to - from;
    }
    runs[runs.len() - 1].1
}

/// The instant at which the chargeable time has become `chargeable`.
fn instant_at(runs: &[(Nanos, Nanos)], chargeable: Nanos) -> Nanos {
    let mut left = chargeable;
    for (from, to) in runs {
        if left <= to - from {
            return from + left;
        }
        left -= to - from;
    }
    runs[runs.len() - 1].1
}
