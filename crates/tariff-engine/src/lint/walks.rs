//! Counterexamples from walking the fee: entry by entry, every exact breakpoint of it.

use parking_types::{Amount, Instant, Span};

use super::{Bench, Finding, LintCode, Severity, Shown, amounts, entries::Profile, returning};
use crate::{Breakpoint, LineKind, Stay, curve, price_as_of};

/// How far a walk goes; the walks of the first entries go on for longer.
const HORIZON: Span = Span::from_hours(26);
const LONG_HORIZON: Span = Span::from_hours(75);
const LONG_WALKS: usize = 6;
/// How many breakpoints one walk, and all walks together, may have: what they cost. Each vehicle has its share.
const MOST_POINTS: usize = 800;
const ALL_POINTS: usize = 48_000;

const MINUTE: Span = Span::from_mins(1);
const SECOND: Span = Span::from_secs(1);

pub(super) fn lint(bench: &Bench<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let share = ALL_POINTS / bench.tried().len().max(2);
    for profile in bench.tried() {
        for finding in profile_findings(bench, profile, share) {
            // One example of each kind at each place is enough, whatever the vehicle.
            let known = |other: &Finding| other.code == finding.code && other.path == finding.path;
            if !findings.iter().any(known) {
                findings.push(finding);
            }
        }
    }
    findings
}

/// The fee of one entry.
pub(super) struct Walk {
    /// The stay at its entry.
    pub(super) begun: Stay,
    pub(super) points: Vec<Point>,
}

#[derive(Clone, Copy)]
pub(super) struct Point {
    /// The first exit of whole seconds that costs `total`.
    pub(super) exit: Instant,
    /// The last exit that costs less or more: what the point before costs.
    pub(super) last: Instant,
    pub(super) total: Amount,
}

impl Point {
    fn new(point: &Breakpoint, to_the_minute: bool) -> Option<Self> {
        let grain = if to_the_minute { MINUTE } else { SECOND };
        let (exit, last) =
            if point.inclusive { (point.at, point.at - grain) } else { (point.at + SECOND, point.at) };
        Some(Self { exit, last, total: point.total? })
    }
}

fn profile_findings(bench: &Bench<'_>, profile: &Profile<'_>, most: usize) -> Vec<Finding> {
    let mut best = Best::default();
    let (mut left, mut walked) = (most, 0);
    let dates = bench.dates(profile);
    for time in bench.times(profile) {
        for date in &dates {
            let Some(begun) = bench.stay(profile, *date, time) else { continue };
            let horizon = if walked < LONG_WALKS { LONG_HORIZON } else { HORIZON };
            let Some(walk) = walk(bench, begun, horizon, left.min(MOST_POINTS)) else { continue };
            left = left.saturating_sub(walk.points.len());
            walked += 1;
            best.look(bench, &walk);
            if left == 0 {
                return best.findings(bench);
            }
        }
    }
    best.findings(bench)
}

fn walk(bench: &Bench<'_>, begun: Stay, horizon: Span, most: usize) -> Option<Walk> {
    let minute = bench.document().to_the_minute;
    let points = curve(bench.tariff, bench.calendar, &begun, horizon).ok()?;
    let points = points.take(most).map_while(|point| Point::new(&point, minute)).collect();
    Some(Walk { begun, points })
}

/// The most telling counterexample of each kind.
#[derive(Default)]
struct Best {
    /// The shortest stay than which a longer one is cheaper, with that one.
    fall: Option<(Stay, Stay)>,
    /// The stays around the dearest minute, and what it costs.
    cliff: Option<(Stay, Stay, Amount)>,
    /// The stay that is cheaper in two parts, and by how much.
    back: Option<returning::Split>,
}

impl Best {
    fn look(&mut self, bench: &Bench<'_>, walk: &Walk) {
        let until = |exit: Instant| Stay { exit, ..walk.begun.clone() };
        let length = |stay: &Stay| stay.exit - stay.entry;
        if let Some((exit, later)) = first_fall(&walk.points) {
            let fall = (until(exit), until(later));
            if self.fall.as_ref().is_none_or(|best| length(&fall.0) < length(&best.0)) {
                self.fall = Some(fall);
            }
        }
        if let Some((before, after, rise)) = dearest_minute(walk)
            && self.cliff.as_ref().is_none_or(|(_, _, best)| rise > *best)
        {
            self.cliff = Some((until(before), until(after), rise));
        }
        if let Some(split) = returning::best_split(bench, walk)
            && self.back.as_ref().is_none_or(|best| split.saved > best.saved)
        {
            self.back = Some(split);
        }
    }

    fn findings(self, bench: &Bench<'_>) -> Vec<Finding> {
        let allowed = amounts::dearest_hour(bench.document());
        let fall = self.fall.and_then(|(short, long)| falls(bench, &short, &long));
        let cliff = self.cliff.filter(|(_, _, rise)| *rise > allowed);
        let cliff = cliff.and_then(|(before, after, _)| steep(bench, &before, &after, allowed));
        let back = self.back.and_then(|split| returning::finding(bench, &split, allowed));
        [fall, cliff, back].into_iter().flatten().collect()
    }
}

/// The first exit than which a later one costs less, and the first such later one.
fn first_fall(points: &[Point]) -> Option<(Instant, Instant)> {
    let mut lowest_after: Option<Amount> = None;
    let mut first = None;
    for point in points.iter().rev() {
        if lowest_after.is_some_and(|lowest| lowest < point.total) {
            first = Some(point);
        }
        lowest_after = Some(lowest_after.map_or(point.total, |lowest| lowest.min(point.total)));
    }
    let first = first?;
    let later = points.iter().find(|point| point.exit > first.exit && point.total < first.total)?;
    Some((first.exit, later.exit))
}

/// The minute that costs most, but for the first one of the stay: the exit before it, the one after, the rise.
fn dearest_minute(walk: &Walk) -> Option<(Instant, Instant, Amount)> {
    let mut best: Option<(Instant, Instant, Amount)> = None;
    for (index, (before, point)) in walk.points.iter().zip(walk.points.iter().skip(1)).enumerate() {
        let end = point.last + MINUTE;
        if point.last < walk.begun.entry + MINUTE {
            continue;
        }
        let after = walk.points.iter().skip(index + 1).take_while(|later| later.exit <= end).last();
        let rise = after.map_or(Amount::ZERO, |after| after.total.saturating_sub(before.total));
        if rise > best.map_or(Amount::ZERO, |(_, _, rise)| rise) {
            best = Some((point.last, end, rise));
        }
    }
    best
}

fn falls(bench: &Bench<'_>, short: &Stay, long: &Stay) -> Option<Finding> {
    let (short, long) = (bench.show(short)?, bench.show(long)?);
    if short.total <= long.total {
        return None;
    }
    let message = format!(
        "a stay of {} costs {}, one of {} only {}",
        short.stay.exit - short.stay.entry,
        bench.money(short.total),
        long.stay.exit - long.stay.entry,
        bench.money(long.total)
    );
    let path = cause(bench, &long.stay);
    Some(Finding::new(LintCode::LongerCostsLess, Severity::Warning, path, message).shown([short, long]))
}

fn steep(bench: &Bench<'_>, before: &Stay, after: &Stay, allowed: Amount) -> Option<Finding> {
    let (before, after) = (bench.show(before)?, bench.show(after)?);
    let rise = after.total.saturating_sub(before.total);
    if rise <= allowed {
        return None;
    }
    let length = before.stay.exit - before.stay.entry;
    let path = if length == bench.document().grace {
        "grace".to_owned()
    } else {
        cause_of_end(bench, &before, &after)
    };
    let message = format!(
        "one minute more than {length} costs {} more ({} instead of {})",
        bench.money(rise),
        bench.money(after.total),
        bench.money(before.total)
    );
    Some(Finding::new(LintCode::Cliff, Severity::Warning, path, message).shown([before, after]))
}

/// The package that ended, or what the longer stay is charged by.
fn cause_of_end(bench: &Bench<'_>, before: &Shown, after: &Shown) -> String {
    let path = cause(bench, &before.stay);
    if path.starts_with("packages") { path } else { cause(bench, &after.stay) }
}

/// The package that prices a stay, or the rule of its last line, as a path.
pub(super) fn cause(bench: &Bench<'_>, stay: &Stay) -> String {
    let Ok(receipt) = price_as_of(bench.tariff, bench.calendar, stay) else { return String::new() };
    let document = bench.document();
    let named = receipt.lines.iter().rev().find_map(|line| Some((line.kind, line.rule?)));
    match named {
        Some((LineKind::Package, id)) => {
            let at = document.packages.iter().position(|package| &*package.id == id);
            at.map_or_else(String::new, |at| format!("packages[{at}]"))
        }
        Some((_, id)) => {
            let at = document.rules.iter().position(|rule| &*rule.id == id);
            at.map_or_else(String::new, |at| format!("rules[{at}].charge"))
        }
        None => String::new(),
    }
}
