//! When the scopes of caps begin and end.

use parking_types::{Instant, Zone};

use super::super::Asked;
use crate::{
    compiled::DAY,
    document::{CapPer, Window},
    few::Few,
    walk::{CutFrom, period_bounds, start_of, window_pieces},
};

/// Finds when scopes begin and end. Where the clock is not changed, the next one lies a day later than the one before, so
/// most need not be looked up.
pub(super) struct Scopes<'a, 'q> {
    asked: &'q Asked<'a>,
    exit: i64,
    /// Of each cap, what was looked up last.
    known: Few<Known, 4>,
}

struct Known {
    scope: CutFrom,
    bounds: (i64, i64),
    /// Scopes up to this one lie whole days later.
    last: i32,
}

impl<'a, 'q> Scopes<'a, 'q> {
    /// Of a stay as if it ended at `exit`.
    pub(super) fn new(asked: &'q Asked<'a>, exit: Instant) -> Self {
        Self { asked, exit: exit.as_nanos(), known: Few::new() }
    }

    /// The beginning and the end of a scope, both of which may lie outside the stay.
    #[inline]
    pub(super) fn bounds(&mut self, scope: CutFrom) -> (i64, i64) {
        let is_of = |known: &Known| (known.scope.per, known.scope.rule) == (scope.per, scope.rule);
        let known = self.known.find_mut(is_of);
        if let Some(Known { scope: before, bounds: (from, to), last }) = &known
            && (before.scope..=*last).contains(&scope.scope)
        {
            let later = i64::from(scope.scope - before.scope) * DAY;
            return (from + later, to + later);
        }
        let looked_up = Known::new(self.asked, self.exit, scope);
        let bounds = looked_up.bounds;
        match known {
            Some(known) => *known = looked_up,
            None => self.known.push(looked_up),
        }
        bounds
    }
}

impl Known {
    /// Looks a scope up.
    #[cold]
    fn new(asked: &Asked<'_>, exit: i64, scope: CutFrom) -> Self {
        let Some((from, to)) = by_wall_clock(asked, scope) else {
            return Self { scope, bounds: bounds(asked, exit, scope), last: scope.scope };
        };
        // Offsets lie within a day of UTC: one that holds for two days around the scope holds in it, and what the clock shows
        // again where it is set back is not of the scope.
        let (offset_secs, until) = asked.document.zone.offset_until(Instant::from_nanos(from - 2 * DAY));
        let offset = i64::from(offset_secs) * 1_000_000_000;
        // By how much the scope's end lies before the last one for which that is so.
        let ahead = until.map_or(i64::MAX, Instant::as_nanos).saturating_sub(to) - 2 * DAY - 1;
        if ahead < 0 {
            return Self { scope, bounds: bounds(asked, exit, scope), last: scope.scope };
        }
        let days = i32::try_from(ahead / DAY).unwrap_or(i32::MAX);
        Self { scope, bounds: (from - offset, to - offset), last: scope.scope.saturating_add(days) }
    }
}

/// When a scope of dates begins and ends by a wall clock, in nanoseconds since 1970.
fn by_wall_clock(asked: &Asked<'_>, cut: CutFrom) -> Option<(i64, i64)> {
    let midnight = |date: i32| i64::from(date) * DAY;
    let day = |date: i32| (midnight(date), midnight(date) + DAY);
    let of_period = || (!asked.document.rolling).then(|| day(asked.entry_day() + cut.scope));
    match cut.per {
        CapPer::Rule => match window_of(asked, cut) {
            Some(window) => {
                let nanos = |secs: u32| i64::from(secs) * 1_000_000_000;
                let from = midnight(cut.scope) + nanos(window.from);
                Some((from, from + nanos(window.secs())))
            }
            None => of_period(),
        },
        CapPer::Period => of_period(),
        CapPer::NaturalDay | CapPer::Day => Some(day(cut.scope)),
        CapPer::Rolling24h | CapPer::Rolling7d | CapPer::Stay => None,
    }
}

fn window_of(asked: &Asked<'_>, cut: CutFrom) -> Option<Window> {
    asked.document.rules.get(cut.rule as usize).and_then(|rule| rule.window)
}

/// The bounds of a scope wherever the clock is changed.
fn bounds(asked: &Asked<'_>, exit: i64, cut: CutFrom) -> (i64, i64) {
    let (entry, document, scope) = (asked.entry.as_nanos(), asked.document, i64::from(cut.scope));
    let zone = &document.zone;
    let of_period = || period_bounds(document, entry, asked.entry_day(), cut.scope);
    match cut.per {
        CapPer::Rule => match window_of(asked, cut) {
            Some(window) => window_within(zone, window, cut.scope, (entry, exit)),
            None => of_period(),
        },
        CapPer::Period => of_period(),
        CapPer::NaturalDay | CapPer::Day => (start_of(zone, cut.scope), start_of(zone, cut.scope + 1)),
        CapPer::Rolling24h => (entry + scope * DAY, entry + (scope + 1) * DAY),
        CapPer::Rolling7d => (entry + scope * 7 * DAY, entry + (scope + 1) * 7 * DAY),
        CapPer::Stay => (i64::MIN, i64::MAX),
    }
}

/// From the first to the last piece within a stay of a window in which the clock is changed.
fn window_within(zone: &Zone, window: Window, date: i32, (entry, exit): (i64, i64)) -> (i64, i64) {
    let mut bounds = (i64::MAX, i64::MIN);
    window_pieces(zone, window, date, |from, to| {
        let (from, to) = (from.max(entry), to.min(exit));
        if from < to {
            bounds = (bounds.0.min(from), bounds.1.max(to));
        }
    });
    bounds
}
