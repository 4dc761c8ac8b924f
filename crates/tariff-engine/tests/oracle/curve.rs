//! The next change of the total, by trying exits one after the other.

use super::calendar::Calendar;
use super::document::Tariff;
use super::price::price;
use super::stay::Stay;
use super::{Nanos, Q};

/// What a search up to a horizon found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// The first exit, to the nanosecond, that costs something else, what it costs, and what a slightly later one does.
    At(Nanos, Q, Q),
    /// The first exit that has no price comes before any change.
    NoPrice(Nanos),
    /// Nothing changes within the horizon.
    NotYet,
}

/// Tries every multiple of `grid` after the exit and the nanoseconds around it; between two of them the total must
/// change at most in one direction.
pub(crate) fn next_change(
    tariff: &Tariff,
    calendar: Option<&Calendar>,
    stay: &Stay,
    grid: Nanos,
    horizon: Nanos,
) -> Change {
    let total = |exit: Nanos| price(tariff, calendar, &Stay { exit, ..stay.clone() }).ok().map(|r| r.total);
    let Some(now) = total(stay.exit) else { return Change::NoPrice(stay.exit) };
    let mut known = stay.exit;
    let mut next = stay.exit - stay.exit.rem_euclid(grid) + grid;
    while known < stay.exit + horizon {
        for exit in [next - 1, next, next + 1] {
            if exit <= known {
                continue;
            }
            if total(exit).as_ref() != Some(&now) {
                return first_other(&total, &now, known, exit);
            }
            known = exit;
        }
        next += grid;
    }
    Change::NotYet
}

/// The total is `now` at `known` and something else at `other`: finds where it becomes something else.
fn first_other(total: &dyn Fn(Nanos) -> Option<Q>, now: &Q, known: Nanos, other: Nanos) -> Change {
    let (mut same, mut differs) = (known, other);
    while differs - same > 1 {
        let middle = same + (differs - same) / 2;
        if total(middle).as_ref() == Some(now) { same = middle } else { differs = middle }
    }
    match total(differs) {
        None => Change::NoPrice(differs),
        Some(first) => Change::At(differs, first.clone(), total(differs + 1).unwrap_or(first)),
    }
}
