//! Caps that no stay reaches, and units that run on: found by pricing the same stays with the document changed a little.

use parking_types::{Amount, Instant, Span};

use super::{Bench, Finding, LintCode, Severity, entries::Profile};
use crate::{
    Calendar, CapPer, Stay, Tariff,
    document::Charge,
    document::{Cap, Document, Partial},
    price_as_of, total,
};

pub(super) fn lint(bench: &Bench<'_>) -> Vec<Finding> {
    if bench.document().packages_only {
        return Vec::new();
    }
    let mut findings = never_reached(bench);
    findings.extend(runs_on(bench));
    findings
}

/// How long the stays are that may reach a cap; a cap of the whole stay has a year.
const TRIED: [Span; 4] = [Span::from_hours(25), Span::from_days(3), Span::from_days(9), Span::from_days(33)];
const TRIED_STAY: [Span; 3] = [Span::from_days(3), Span::from_days(33), Span::from_days(366)];
/// How many times of day stays begin at that may reach a cap.
const MOST_TIMES: usize = 12;

fn never_reached(bench: &Bench<'_>) -> Vec<Finding> {
    let document = bench.document();
    let mut findings = Vec::new();
    // With special days ahead every kind of date occurs, whatever the calendar says.
    let special = special_calendar(bench);
    for (index, rule) in document.rules.iter().enumerate() {
        let Some(cap) = rule.cap.filter(|cap| *cap > Amount::ZERO) else { continue };
        let lowered = changed(bench, |document| {
            if let Some(rule) = document.rules.get_mut(index) {
                rule.cap = Some(just_below(cap));
            }
        });
        let named = Some(&*rule.id);
        let hit = |line: &crate::Line<'_>| line.cap == Some(CapPer::Rule) && line.rule == named;
        let profiles = bench.accepted_by(index);
        // A rule for vehicles beyond those that are looked at is not judged; one that accepts nobody is told elsewhere.
        if !profiles.is_empty() && !reached(bench, &lowered, special.as_ref(), &profiles, &TRIED, hit) {
            findings.push(never(bench, format!("rules[{index}].cap"), cap, "in one window"));
        }
    }
    // A cap over all stays of a plate is reached by enough of them.
    let caps = document.caps.iter().enumerate().filter(|(_, cap)| cap.per != CapPer::Day);
    let profiles: Vec<&Profile<'_>> = bench.tried().iter().collect();
    if profiles.len() < bench.profiles.len() {
        return findings;
    }
    for (index, Cap { per, amounts }) in caps {
        let Some(lowest) = amounts.iter().min().copied().filter(|lowest| *lowest > Amount::ZERO) else {
            continue;
        };
        let lowered = changed(bench, |document| {
            if let Some(cap) = document.caps.get_mut(index) {
                cap.amounts = amounts.iter().map(|amount| just_below(*amount)).collect();
            }
        });
        let tried: &[Span] = if *per == CapPer::Stay { &TRIED_STAY } else { &TRIED };
        if !reached(bench, &lowered, special.as_ref(), &profiles, tried, |line| line.cap == Some(*per)) {
            let within = if *per == CapPer::Stay { "in a stay of up to 366 days" } else { "in one scope" };
            findings.push(never(bench, format!("caps[{index}]"), lowest, within));
        }
    }
    findings
}

fn never(bench: &Bench<'_>, path: String, cap: Amount, within: &str) -> Finding {
    let message = format!(
        "the cap {} is never reached: rules and other caps never come to it {within}",
        bench.money(cap)
    );
    Finding::new(LintCode::CapNeverReached, Severity::Warning, path, message)
}

/// What is cut by this reaches the amount.
fn just_below(amount: Amount) -> Amount {
    amount.saturating_sub(Amount::from_micros(1)).at_least_zero()
}

fn changed(bench: &Bench<'_>, change: impl FnOnce(&mut Document)) -> Tariff {
    let mut document = bench.document().clone();
    change(&mut document);
    bench.tariff.with_document(document)
}

/// Whether a receipt of some stay has such a line.
fn reached(
    bench: &Bench<'_>,
    tariff: &Tariff,
    special: Option<&Calendar>,
    profiles: &[&Profile<'_>],
    lengths: &[Span],
    hit: impl Fn(&crate::Line<'_>) -> bool,
) -> bool {
    let cuts = |stay: &Stay, calendar: Option<&Calendar>| {
        lengths.iter().any(|length| {
            let stay = Stay { exit: last_exit(bench, stay.entry, *length), ..stay.clone() };
            price_as_of(tariff, calendar, &stay).is_ok_and(|receipt| receipt.lines.iter().any(&hit))
        })
    };
    profiles.iter().any(|profile| {
        let stays = stays(bench, profile);
        // Where the calendar ends, weekends alone tell how long stays go on.
        let calendars = [bench.calendar, None, special];
        calendars.into_iter().any(|calendar| stays.iter().any(|stay| cuts(stay, calendar)))
    })
}

fn stays(bench: &Bench<'_>, profile: &Profile<'_>) -> Vec<Stay> {
    let times: Vec<u32> = bench.times(profile).into_iter().take(MOST_TIMES).collect();
    let dates = bench.dates(profile);
    times.iter().flat_map(|time| dates.iter().filter_map(|date| bench.stay(profile, *date, *time))).collect()
}

fn last_exit(bench: &Bench<'_>, entry: Instant, length: Span) -> Instant {
    entry + bench.document().max_stay.map_or(length, |longest| length.min(longest))
}

/// A calendar whose coming dates are special days in turn with ordinary ones, if the tariff asks for special days.
fn special_calendar(bench: &Bench<'_>) -> Option<Calendar> {
    let special = bench.document().rules.iter().any(|rule| rule.days.types.has(crate::DayTypes::SPECIAL_DAY));
    let days: Vec<String> = (0..40)
        .map(|day| {
            let types = match day % 4 {
                0 | 1 => "\"special_day\",\"rest_day\"",
                2 => "\"special_day\",\"workday\"",
                _ => "\"workday\"",
            };
            format!("\"{}\":[{types}]", bench.base.plus_days(day))
        })
        .collect();
    let text = format!("{{\"format\":1,\"id\":\"lint\",\"days\":{{{}}}}}", days.join(","));
    Calendar::from_json(text.as_bytes()).ok().filter(|_| special)
}

/// Rules with units charged by time that run on beyond their window, shown by a stay that pays less where units are cut.
fn runs_on(bench: &Bench<'_>) -> Vec<Finding> {
    let document = bench.document();
    let mut findings = Vec::new();
    for (index, rule) in document.rules.iter().enumerate().filter(|(_, rule)| !rule.split) {
        let Charge::Steps { steps, .. } = &rule.charge else { continue };
        let by_time = |partial: Partial| matches!(partial, Partial::ProRata | Partial::Step(_));
        let units = steps.iter().filter_map(|step| step.unit).filter(|unit| by_time(unit.partial));
        let Some(every) = units.map(|unit| unit.every).max() else { continue };
        let split = changed(bench, |document| {
            if let Some(rule) = document.rules.get_mut(index) {
                rule.split = true;
            }
        });
        let shown = bench.accepted_by(index).into_iter().find_map(|profile| {
            let dates = bench.dates(profile);
            let limits = bench.limits(profile);
            let entries = dates.iter().flat_map(|date| limits.iter().map(move |limit| (*date, *limit)));
            entries
                .filter_map(|(date, limit)| dearer_uncut(bench, profile, &split, every, (date, limit)))
                .next()
        });
        if let Some((shown, cut)) = shown {
            let message = format!(
                "units of rule {:?} are charged by time, but with straddle \"start\" one that runs on beyond its window is due in full: {}, where straddle \"split\" would charge {}",
                rule.id,
                bench.money(shown.total),
                bench.money(cut)
            );
            let path = format!("rules[{index}].straddle");
            findings
                .push(Finding::new(LintCode::ProRataRunsOn, Severity::Warning, path, message).shown([shown]));
        }
    }
    findings
}

/// A stay that begins within a unit before a limit and costs more than it would with its units cut there.
fn dearer_uncut(
    bench: &Bench<'_>,
    profile: &Profile<'_>,
    split: &Tariff,
    every: Span,
    (date, limit): (parking_types::Date, u32),
) -> Option<(super::Shown, Amount)> {
    let begun = bench.stay(profile, date, limit)?;
    let limit = begun.entry;
    let half = Span::from_secs((every.as_secs() / 2).max(1));
    [half, Span::from_mins(1)].into_iter().filter(|before| *before < every).find_map(|before| {
        let entry = limit - before;
        let stay = Stay { entry, exit: entry + every, ..begun.clone() };
        let cut = total(split, bench.calendar, &stay).ok()?;
        bench.show(&stay).filter(|shown| shown.total > cut).map(|shown| (shown, cut))
    })
}
