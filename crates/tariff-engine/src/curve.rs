//! The fee as a function of the exit: its next change, all its changes, and how long one may stay for an amount.
//!
//! The fee is asked of the same code that prices stays, and searched by bisection. That finds the first change exactly
//! as long as the fee does not fall between two exits that are compared, so the search stops at every instant at which
//! it may fall ([`limits`]): where a ladder takes back what it charged, where a package begins or ends, where a window
//! becomes long enough to count, where an exit grace ends.

mod limits;

use core::cell::Cell;

use parking_types::{Amount, Instant, Span};

use crate::{
    Calendar, NextChange, PriceError, Stay, Tariff,
    compiled::DAY,
    price::{LONGEST, running_at, total_at},
    total,
    walk::{Running, start_of},
};

/// How far the next change is looked for.
const HORIZON: Span = Span::from_days(366);
/// The first parts of the horizon that are searched on their own, as most changes are near.
const NEAR: [Span; 2] = [Span::from_hours(26), Span::from_days(9)];

/// How many exits are tried before the search by bisection.
const HOPS: u32 = 6;

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;

/// When a stay costs something else than it does at its exit, if that is within 366 days.
///
/// # Errors
/// As [`total`], for the stay as it is.
pub fn next_change(
    tariff: &Tariff,
    calendar: Option<&Calendar>,
    stay: &Stay,
) -> Result<Option<NextChange>, PriceError> {
    let now = total(tariff, calendar, stay)?;
    Ok(next_change_from(tariff, calendar, stay, now, None))
}

/// [`next_change`] of a stay that costs `now`, with what is under way at its exit.
pub(crate) fn next_change_from(
    tariff: &Tariff,
    calendar: Option<&Calendar>,
    stay: &Stay,
    now: Amount,
    running: Option<Running>,
) -> Option<NextChange> {
    let fee = Fee::new(tariff, calendar, stay);
    let from = stay.exit.as_nanos();
    fee.begin(from, now, running);
    let horizon = from.saturating_add(HORIZON.as_nanos());
    let mut found = fee.first(from, horizon, |total| total != Some(now))?;
    // Where a price holds for one exit alone, what counts is what every later one costs.
    while let Some(later) = fee.after_lone_exit(found) {
        if later != now {
            found.1 = Some(later);
            break;
        }
        found = fee.first(found.0 + 1, horizon, |total| total != Some(now))?;
    }
    let change = fee.change(found);
    change.total.map(|total| NextChange { at: change.at, total })
}

/// The last instant up to which every exit of a stay that begins at `stay.entry` costs at most `fee` (and has a price);
/// `None` where that is so for 366 days. The stay's own exit and payments do not matter.
///
/// # Errors
/// As [`total`], for a stay of no length.
pub fn latest_exit_for(
    tariff: &Tariff,
    calendar: Option<&Calendar>,
    stay: &Stay,
    fee: Amount,
) -> Result<Option<Instant>, PriceError> {
    let stay = begun(stay);
    total(tariff, calendar, &stay)?;
    let search = Fee::new(tariff, calendar, &stay);
    let from = stay.entry.as_nanos();
    let horizon = from.saturating_add(HORIZON.as_nanos());
    let dearer = search.first(from, horizon, |total| total.is_none_or(|total| total > fee));
    Ok(dearer.map(|(at, _)| Instant::from_nanos(at) - Span::from_nanos(1)))
}

/// A breakpoint of the fee.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Breakpoint {
    /// Where the fee changes.
    pub at: Instant,
    /// Whether an exit at `at` itself costs the new fee already; otherwise every later one does.
    pub inclusive: bool,
    /// The fee from there to the next breakpoint; `None` where there is no price (a calendar gap, `max_stay`).
    pub total: Option<Amount>,
}

/// The fee of a stay that begins at `stay.entry`, for every exit up to `horizon` after it: exact breakpoints, the first
/// at entry. The stay's own exit and payments do not matter. The curve ends at the first exit that has no price.
///
/// ```
/// use parking_types::Span;
/// use tariff_engine::{Stay, Tariff, curve};
/// let tariff = Tariff::from_json(br#"{ "format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai",
///     "grace": "15m", "rules": [ { "id": "all", "charge": { "steps": [ { "every": "1h", "price": "2" } ] } } ] }"#)?;
/// let entry = "2026-03-02T08:00:00+08:00".parse()?;
/// let fees: Vec<String> = curve(&tariff, None, &Stay::new("x", entry, entry), Span::from_hours(2))?
///     .map(|point| format!("{} {}", point.at - entry, point.total.unwrap()))
///     .collect();
/// assert_eq!(fees, ["0s 0", "15m 2", "1h 4"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`total`], for a stay of no length.
pub fn curve<'a>(
    tariff: &'a Tariff,
    calendar: Option<&'a Calendar>,
    stay: &Stay,
    horizon: Span,
) -> Result<Curve<'a>, PriceError> {
    let stay = begun(stay);
    let total = total(tariff, calendar, &stay)?;
    let first = Breakpoint { at: stay.entry, inclusive: true, total: Some(total) };
    Ok(Curve {
        tariff,
        calendar,
        at: stay.entry.as_nanos(),
        end: stay.entry + horizon,
        stay,
        next: Some(first),
    })
}

/// The breakpoints of a fee, in order; made by [`curve`].
#[derive(Clone, Debug)]
pub struct Curve<'a> {
    tariff: &'a Tariff,
    calendar: Option<&'a Calendar>,
    stay: Stay,
    /// The last exit that costs what `next` says.
    at: i64,
    end: Instant,
    next: Option<Breakpoint>,
}

impl Iterator for Curve<'_> {
    type Item = Breakpoint;

    fn next(&mut self) -> Option<Breakpoint> {
        let point = self.next.take()?;
        if point.total.is_some() {
            let fee = Fee::new(self.tariff, self.calendar, &self.stay);
            let found = fee.first(self.at, self.end.as_nanos(), |total| total != point.total);
            self.at = found.map_or(self.at, |(at, _)| at);
            self.next = found.map(|found| fee.change(found));
        }
        Some(point)
    }
}

/// The stay at its very beginning, without payments.
fn begun(stay: &Stay) -> Stay {
    Stay { exit: stay.entry, paid: Vec::new(), ..stay.clone() }
}

/// The fee of a stay as a function of its exit.
struct Fee<'a> {
    tariff: &'a Tariff,
    calendar: Option<&'a Calendar>,
    stay: &'a Stay,
    /// Exits within one such span cost the same: a nanosecond, or a minute.
    grain: i64,
    /// What is under way at an exit.
    running: Cell<(i64, Option<Running>)>,
    /// From and up to which exit the fee is known to be this.
    quiet: Cell<(i64, i64, Amount)>,
    /// The exits whose fees were asked last.
    known: Cell<[(i64, Option<Amount>); 2]>,
}

impl<'a> Fee<'a> {
    fn new(tariff: &'a Tariff, calendar: Option<&'a Calendar>, stay: &'a Stay) -> Self {
        let grain = if tariff.document().to_the_minute { MINUTE } else { 1 };
        Self {
            tariff,
            calendar,
            stay,
            grain,
            running: Cell::new((i64::MIN, None)),
            quiet: Cell::new((0, -1, Amount::ZERO)),
            known: Cell::new([(i64::MIN, None); 2]),
        }
    }

    /// Notes what is under way at an exit that costs `now`.
    fn begin(&self, exit: i64, now: Amount, running: Option<Running>) {
        self.running.set((exit, running));
        let is_steady = self.tariff.compiled().steady
            && self.stay.exempt.is_empty()
            && self.stay.adjust.is_empty()
            && self.stay.paid.is_empty();
        if let Some(running) = running.filter(|_| is_steady) {
            self.quiet.set((exit, running.quiet, now));
        }
    }

    fn at(&self, exit: i64) -> Option<Amount> {
        let [last, before] = self.known.get();
        if let Some((_, total)) = [last, before].into_iter().find(|(known, _)| *known == exit) {
            return total;
        }
        let (from, to, total) = self.quiet.get();
        if from <= exit && exit <= to {
            return Some(total);
        }
        let total = total_at(self.tariff, self.calendar, self.stay, Instant::from_nanos(exit)).ok();
        self.known.set([(exit, total), last]);
        total
    }

    /// The first exit in `(from, to]` whose fee is `sought`, with that fee. The fee at `from` is not sought.
    fn first(
        &self,
        from: i64,
        to: i64,
        sought: impl Fn(Option<Amount>) -> bool,
    ) -> Option<(i64, Option<Amount>)> {
        // No longer stay has a price, so there is nothing to look for beyond the first of these.
        let to = to.min((self.stay.entry + LONGEST).as_nanos().saturating_add(MINUTE));
        let mut begin = from;
        let ends = NEAR.map(|near| from.saturating_add(near.as_nanos())).into_iter().chain([to]);
        for end in ends.map(|end| end.min(to)) {
            if begin >= end {
                continue;
            }
            for limit in
                limits::between(self.tariff, self.calendar, self.stay, begin, end).into_iter().chain([end])
            {
                if let Some(found) = self.first_rise(begin, limit, begin > from, &sought) {
                    return Some((found, self.at(found)));
                }
                begin = begin.max(limit);
            }
        }
        None
    }

    /// The first exit in `(from, to]` whose fee is sought, where no exit after it has one that is not; but the fee may fall
    /// right after `from` where that is a limit.
    fn first_rise(
        &self,
        from: i64,
        to: i64,
        is_limit: bool,
        sought: &impl Fn(Option<Amount>) -> bool,
    ) -> Option<i64> {
        // From here on everything counts in grains.
        let (mut low, last) = (from.div_euclid(self.grain), to.div_euclid(self.grain));
        let hit = |grains: i64| sought(self.at(grains * self.grain));
        if low >= last {
            return None;
        }
        if is_limit && hit(low + 1) {
            return Some((low + 1) * self.grain);
        }
        for hop in 0..HOPS {
            let Some(guess) = self.guess(low * self.grain, hop) else { continue };
            let at = guess.div_euclid(self.grain);
            if at < low || at >= last || at == low && hop > 0 {
                continue;
            }
            if hit(at + 1) {
                let found = if at == low || !hit(at) {
                    at + 1
                } else if at == low + 1 || !hit(at - 1) {
                    at
                } else {
                    self.narrow(low, at - 1, &hit)
                };
                return Some(found * self.grain);
            }
            low = at + 1;
        }
        if low >= last || !hit(last) {
            return None;
        }
        Some(self.narrow(low, last, &hit) * self.grain)
    }

    /// An exit at or right after which the fee may well change, not before `low`, whose fee is not sought.
    fn guess(&self, low: i64, hop: u32) -> Option<i64> {
        let document = self.tariff.document();
        let (entry, length) = (self.stay.entry.as_nanos(), low.saturating_sub(self.stay.entry.as_nanos()));
        match hop {
            // Within the grace nothing is under way.
            0 if length <= document.grace.as_nanos() => Some(entry.saturating_add(document.grace.as_nanos())),
            // Caps and free time begin anew with a period.
            2 if document.rolling => {
                Some(entry.saturating_add((length / DAY + i64::from(length % DAY != 0)).saturating_mul(DAY)))
            }
            2 => Some(start_of(self.tariff.zone(), self.tariff.natural_day(low) + 1)),
            _ => self.running(low).map(|running| running.next),
        }
    }

    fn running(&self, exit: i64) -> Option<Running> {
        let (known, running) = self.running.get();
        if known == exit {
            return running;
        }
        let running = running_at(self.tariff, self.calendar, self.stay, Instant::from_nanos(exit));
        self.running.set((exit, running));
        if let Some(now) = self.at(exit) {
            self.begin(exit, now, running);
        }
        running
    }

    /// The first grain in `(low, high]` that is hit; `high` is, `low` is not.
    fn narrow(&self, mut low: i64, mut high: i64, hit: &impl Fn(i64) -> bool) -> i64 {
        // Most changes are near: double the distance until there is one.
        let mut reach = MINUTE / self.grain;
        while low.saturating_add(reach) < high {
            if hit(low + reach) {
                high = low + reach;
                break;
            }
            low += reach;
            reach = reach.saturating_mul(2);
        }
        if self.grain == 1 {
            (low, high) = self.whole_seconds(low, high, hit);
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if hit(middle) { high = middle } else { low = middle }
        }
        high
    }

    /// Narrows to a second of the clock that the entry goes by, and then to its very beginning or end where the change
    /// is there, as it nearly always is.
    fn whole_seconds(&self, mut low: i64, mut high: i64, hit: &impl Fn(i64) -> bool) -> (i64, i64) {
        let part = self.stay.entry.as_nanos().rem_euclid(SECOND);
        while high - low > SECOND {
            let middle = low + (high - low) / 2;
            let middle = (middle - part).div_euclid(SECOND) * SECOND + part;
            let middle = if middle <= low { middle + SECOND } else { middle };
            if hit(middle) { high = middle } else { low = middle }
        }
        let second = (high - part).div_euclid(SECOND) * SECOND + part;
        for edge in [second, second - 1, second + 1] {
            if low < edge && edge < high {
                if hit(edge) { high = edge } else { low = edge }
            }
        }
        if low + 1 < high && hit(low + 1) { (low, low + 1) } else { (low, high) }
    }

    /// What all exits right after this one cost, where that is something else.
    fn after_lone_exit(&self, (exit, total): (i64, Option<Amount>)) -> Option<Amount> {
        // A price that counts after an instant does not end with it.
        let total = total.filter(|_| self.grain == 1 && self.on_a_second(exit))?;
        self.at(exit.saturating_add(1)).filter(|later| *later != total)
    }

    /// The breakpoint whose first exit with a new fee is `exit`.
    fn change(&self, (exit, total): (i64, Option<Amount>)) -> Breakpoint {
        // A price that counts after an instant is first seen a nanosecond later.
        let inclusive = self.grain > 1 || self.on_a_second(exit) || !self.on_a_second(exit - 1);
        let at = Instant::from_nanos(if inclusive { exit } else { exit - 1 });
        Breakpoint { at, inclusive, total }
    }

    /// Whether an instant lies whole seconds from the clock's, the entry's or an exempt interval's.
    fn on_a_second(&self, at: i64) -> bool {
        let part = at.rem_euclid(SECOND);
        let is_mark = |mark: Instant| mark.as_nanos().rem_euclid(SECOND) == part;
        part == 0
            || is_mark(self.stay.entry)
            || self.stay.exempt.iter().any(|(from, to)| is_mark(*from) || is_mark(*to))
            || self.stay.paid.iter().any(|(at, _)| is_mark(*at))
    }
}
