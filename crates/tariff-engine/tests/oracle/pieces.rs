//! A stay cut into pieces at every boundary that could matter; within one piece nothing changes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::Nanos;
use super::calendar::Calendar;
use super::document::{Charge, Restart, Rule, Tariff};
use super::time::{DAY, date_of_number, instants, local, natural_day, number, of_day, transitions};

#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) from: Nanos,
    pub(crate) to: Nanos,
    /// The local date.
    pub(crate) date: NaiveDate,
    /// The natural day, midnight to midnight; the date, unless the clock was set back over midnight.
    pub(crate) day: NaiveDate,
    /// The charging period: the number of the date, or of the 24 h from entry.
    pub(crate) period: i64,
    /// For each rule the window that is open, by the number of the date on which it opened (or the period).
    pub(crate) windows: Vec<Option<i64>>,
    /// The rule in force.
    pub(crate) rule: Option<usize>,
    pub(crate) exempt: bool,
    /// The stay is too short in the window of the rule in force (`min_overlap`).
    pub(crate) dead: bool,
}

impl Piece {
    /// The rule in force, if its time is chargeable.
    pub(crate) fn chargeable(&self, tariff: &Tariff) -> Option<usize> {
        let rule = self.rule?;
        let charges = !matches!(tariff.rules[rule].charge, Charge::Nothing);
        (charges && !self.exempt && !self.dead).then_some(rule)
    }

    /// What has to differ for something of `rule` to start again. `None`: its window is not open.
    pub(crate) fn key(&self, rule: usize, restart: Restart) -> Option<i64> {
        match restart {
            Restart::Window => self.windows[rule],
            Restart::Period => Some(self.period),
            Restart::Stay => Some(0),
        }
    }
}

/// What of a stay the pieces depend on.
pub(crate) struct Presence<'a> {
    pub(crate) entry: Nanos,
    pub(crate) exit: Nanos,
    pub(crate) vehicle: Option<&'a str>,
    pub(crate) color: Option<&'a str>,
    pub(crate) exempt: &'a [(Nanos, Nanos)],
}

pub(crate) fn pieces(tariff: &Tariff, calendar: &Calendar, stay: &Presence<'_>) -> Vec<Piece> {
    let bounds: Vec<Nanos> = boundaries(tariff, stay).into_iter().collect();
    let eligible: Vec<bool> =
        tariff.rules.iter().map(|rule| rule.accepts.accepts(stay.vehicle, stay.color)).collect();
    let mut pieces: Vec<Piece> = Vec::new();
    for pair in bounds.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let wall = local(tariff.zone, from);
        let date = wall.date();
        let day = natural_day(tariff.zone, from);
        let period = if tariff.rolling { (from - stay.entry) / DAY } else { number(day) };
        let windows: Vec<Option<i64>> =
            tariff.rules.iter().map(|rule| open_window(rule, date, of_day(wall), period)).collect();
        let rule = rule_in_force(tariff, calendar, date, &eligible, &windows);
        let exempt = stay.exempt.iter().any(|(start, end)| *start <= from && from < *end);
        pieces.push(Piece { from, to, date, day, period, windows, rule, exempt, dead: false });
    }
    mark_short_windows(tariff, &mut pieces);
    pieces
}

fn boundaries(tariff: &Tariff, stay: &Presence<'_>) -> BTreeSet<Nanos> {
    let mut found = BTreeSet::from([stay.entry, stay.exit]);
    let mut of_days = BTreeSet::from([0]);
    for (from, to) in tariff.rules.iter().filter_map(|rule| rule.window) {
        of_days.extend([from, to % DAY]);
    }
    let first = number(local(tariff.zone, stay.entry).date()) - 1;
    let last = number(local(tariff.zone, stay.exit).date()) + 1;
    for day in first..=last {
        for of_day in &of_days {
            found.extend(instants(tariff.zone, date_of_number(day), *of_day));
        }
    }
    found.extend(
        transitions(tariff.zone).iter().skip_while(|at| **at < stay.entry).take_while(|at| **at < stay.exit),
    );
    let mut at = stay.entry;
    while at < stay.exit {
        found.insert(at);
        at += DAY;
    }
    found.extend(stay.exempt.iter().flat_map(|(from, to)| [*from, *to]));
    found.retain(|at| (stay.entry..=stay.exit).contains(at));
    found
}

/// The window of `rule` that is open at this time of day of this date, by the number of the date on which it opened.
fn open_window(rule: &Rule, date: NaiveDate, of_day: Nanos, period: i64) -> Option<i64> {
    match rule.window {
        None => Some(period),
        Some((from, to)) if from < to => (from <= of_day && of_day < to).then(|| number(date)),
        Some((from, _)) if of_day >= from => Some(number(date)),
        Some((_, to)) if of_day < to => Some(number(date) - 1),
        Some(_) => None,
    }
}

/// The most special day type wins, and among those the first in the document.
fn rule_in_force(
    tariff: &Tariff,
    calendar: &Calendar,
    date: NaiveDate,
    eligible: &[bool],
    windows: &[Option<i64>],
) -> Option<usize> {
    let mut best: Option<(u8, usize)> = None;
    for (index, rule) in tariff.rules.iter().enumerate() {
        if !eligible[index] || windows[index].is_none() {
            continue;
        }
        let Some(specialty) = calendar.specialty(&rule.days, date) else { continue };
        if best.is_none_or(|(known, _)| specialty > known) {
            best = Some((specialty, index));
        }
    }
    best.map(|(_, index)| index)
}

/// A window in which the stay is present (exempt time included) for less than `min_overlap` is not chargeable.
fn mark_short_windows(tariff: &Tariff, pieces: &mut [Piece]) {
    let mut present: BTreeMap<(usize, i64), Nanos> = BTreeMap::new();
    for piece in pieces.iter() {
        for (rule, window) in piece.windows.iter().enumerate() {
            if let Some(window) = window {
                *present.entry((rule, *window)).or_default() += piece.to - piece.from;
            }
        }
    }
    for piece in pieces {
        if let Some(rule) = piece.rule
            && let Some(window) = piece.windows[rule]
        {
            piece.dead = present[&(rule, window)] < tariff.rules[rule].min_overlap;
        }
    }
}
