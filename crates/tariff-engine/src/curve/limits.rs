//! The exits at which the fee may fall, or jump for another reason than time passing.

use parking_types::{Date, Instant, Local, Resolved, Span, TimeOfDay, Zone};

use crate::{
    Calendar, Stay, Tariff,
    adjust::Adjust,
    compiled::{DAY, RuleCharge},
    document::ExitDay,
    price::{package_may_fit, tier_instants},
    walk::{start_of, window_pieces},
};

/// The last exits before such a fall or jump in `(from, to)`, ascending.
pub(super) fn between(
    tariff: &Tariff,
    calendar: Option<&Calendar>,
    stay: &Stay,
    from: i64,
    to: i64,
) -> Vec<i64> {
    let mut limits = Vec::new();
    if tariff.compiled().steady && stay.paid.is_empty() {
        return limits;
    }
    exit_grace(tariff, stay, &mut limits);
    packages(tariff, stay, from, to, &mut limits);
    short_windows(tariff, stay, from, to, &mut limits);
    if tariff.compiled().may_fall {
        let end_off = time_off_at_end(stay);
        let reached = tier_instants(tariff, calendar, stay, to);
        limits.extend(reached.into_iter().map(|at| at.saturating_add(end_off)));
    }
    limits.retain(|limit| from < *limit && *limit < to);
    limits.sort_unstable();
    limits.dedup();
    limits
}

/// A payment that covered everything holds the fee until its grace ends.
fn exit_grace(tariff: &Tariff, stay: &Stay, limits: &mut Vec<i64>) {
    if let Some(last) = stay.paid.iter().map(|(at, _)| *at).max() {
        limits.push((last + tariff.exit_grace()).as_nanos());
    }
}

fn time_off_at_end(stay: &Stay) -> i64 {
    let ends = stay.adjust.iter().map(|adjust| match adjust {
        Adjust::TimeOff { length, at_end: true } => *length,
        _ => Span::ZERO,
    });
    ends.fold(Span::ZERO, |sum, length| sum + length).as_nanos()
}

/// Where a package begins or ends to fit.
fn packages(tariff: &Tariff, stay: &Stay, from: i64, to: i64, limits: &mut Vec<i64>) {
    let zone = tariff.zone();
    let date_of = |at: i64| zone.local(Instant::from_nanos(at)).date().days();
    let entered = date_of(stay.entry.as_nanos());
    let mut some = false;
    for package in tariff.document().packages.iter().filter(|package| package_may_fit(package, stay, tariff))
    {
        some = true;
        let (first, last) = match package.exit_day {
            ExitDay::Same => (entered, entered),
            ExitDay::Next => (entered + 1, entered + 1),
            ExitDay::Any => (date_of(from) - 1, date_of(to) + 1),
        };
        for day in first..=last {
            for (secs, before) in
                [(package.exit.from, 1), (package.exit.to, 0), (0, 1), (0, 0), (86_400, 1), (86_400, 0)]
            {
                instants(zone, day, secs, |at| limits.push(at - before));
            }
        }
    }
    if some {
        // The wall clock jumps over or back into a package's times.
        let mut at = Instant::from_nanos(from);
        while let (_, Some(next)) = zone.offset_until(at) {
            if next.as_nanos() > to {
                break;
            }
            limits.extend([next.as_nanos() - 1, next.as_nanos()]);
            at = next;
        }
    }
}

/// The instants at which the wall clock shows a time of a date, or jumps over it.
fn instants(zone: &Zone, day: i32, secs: u32, mut each: impl FnMut(i64)) {
    let time = TimeOfDay::from_secs(secs).unwrap_or(TimeOfDay::MIDNIGHT);
    let Some(local) = Local::new(Date::from_days(day), time) else { return };
    match zone.resolve(local) {
        Resolved::Once(at) | Resolved::Skipped { at } => each(at.as_nanos()),
        Resolved::Twice(first, second) => {
            each(first.as_nanos());
            each(second.as_nanos());
        }
    }
}

/// Where a stay becomes long enough in a window that wants a least overlap.
fn short_windows(tariff: &Tariff, stay: &Stay, from: i64, to: i64, limits: &mut Vec<i64>) {
    let compiled = tariff.compiled();
    let (zone, entry) = (tariff.zone(), stay.entry.as_nanos());
    let date_of = |at: i64| zone.local(Instant::from_nanos(at)).date().days();
    for rule in compiled.rules.iter().filter(|rule| rule.min_overlap > 0) {
        if matches!(rule.charge, RuleCharge::None) {
            continue;
        }
        for day in date_of(from) - 2..=date_of(to) + 1 {
            let mut wanted = rule.min_overlap;
            let mut present = |from: i64, to: i64| {
                let (from, to) = (from.max(entry), to);
                if from < to && wanted > 0 {
                    if to - from >= wanted {
                        limits.push(from + wanted - 1);
                    }
                    wanted -= to - from;
                }
            };
            match rule.window {
                Some(window) => window_pieces(zone, window, day, present),
                None if tariff.document().rolling => {
                    let period = (i64::from(day) * DAY - entry).div_euclid(DAY);
                    present(entry + period * DAY, entry + (period + 1) * DAY);
                }
                None => present(start_of(zone, day), start_of(zone, day + 1)),
            }
        }
    }
}
