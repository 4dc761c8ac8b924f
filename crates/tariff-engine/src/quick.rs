//! Totals of ordinary stays by the shortest way.
//!
//! Most stays are asked for nothing but a total, and there is nothing special about them: no pass, no payment, no change
//! of the clock while they last. The walk's book-keeping would cost more than what it keeps. Here the offset is one, so a
//! day is its plan's pieces one after the other, and of the scopes of caps only natural days and the whole stay are told
//! apart. Whole days of tariffs whose days do not depend on each other are worked out once ([`WholeDays`]).
//!
//! Whatever does not fit is left to the walk, which does everything. Receipts are always walked; tests compare both.

mod day;
mod stretch;

use std::sync::OnceLock;

use parking_types::{Amount, Instant, Local, Span};

use crate::{
    Calendar, Stay, Tariff,
    compiled::{CapLevel, DAY, Rule, RuleCharge},
    document::{CapPer, Document, FreePer, Once, Restart, Window},
    money::{Exact, Fraction},
};

use stretch::Stretch;

/// Tariffs with more rules are walked.
const RULES: usize = 16;

/// What of a tariff totals are found by quickly.
pub(crate) struct Quick {
    /// Longer stays are walked: 24 h or 7 × 24 h from entry part something.
    longest: i64,
    rolling: bool,
    to_the_minute: bool,
    /// From and until which local time of entry the tariff may be chosen, in nanoseconds.
    valid: (i64, i64),
    grace: Span,
    max_stay: Span,
    /// Free time on the first day, and on each later one where it is given anew.
    free_first: i64,
    free_later: Option<i64>,
    /// What caps leave of each natural day from entry; the last one repeats. Empty where no cap limits days.
    by_day: Vec<Amount>,
    /// What caps leave of the whole stay.
    whole: Option<Amount>,
    /// The least that a stay with chargeable time costs.
    minimum: Option<Amount>,
    /// A whole day costs what its plan and that of the day before say.
    apart: bool,
    /// A window over midnight brings something into the next day.
    carries: bool,
    /// Every charge is a multiple of the quantum that totals are rounded to.
    even: bool,
}

impl Quick {
    /// `None` where the tariff asks for what only the walk does. `caps` are in the order in which they apply.
    pub(crate) fn new(document: &Document, rules: &[Rule], caps: &[CapLevel]) -> Option<Self> {
        let beside = document.first_stay_free || document.packages_only || !document.packages.is_empty();
        if beside || rules.len() > RULES || !rules.iter().all(|rule| is_quick(rule, document.rolling)) {
            return None;
        }
        let Limits { longest, by_day, whole } = Limits::new(caps, document.rolling)?;
        let longest = if document.rolling { longest.min(DAY) } else { longest };
        // The least of the caps where the first charge counts is the same for every stay.
        if document.minimum.is_some() && by_day.len() > 1 {
            return None;
        }
        let limits = by_day.first().copied().into_iter().chain(whole);
        let minimum = document.minimum.map(|minimum| limits.fold(minimum, Amount::min));
        let (free_first, free_later) = match document.free {
            None => (Span::ZERO, None),
            Some(free) if free.per == FreePer::Period => {
                (free.first, Some(free.length).filter(|_| !document.rolling))
            }
            Some(free) => (free.length, Some(free.length).filter(|_| free.per == FreePer::Day)),
        };
        let over_midnight = |rule: &Rule| rule.window.is_some_and(Window::over_midnight);
        let carries = |rule: &Rule| {
            let per_window = matches!(rule.charge, RuleCharge::Flat { once: Once::Window, .. });
            over_midnight(rule) && (rule.cap.is_some() || per_window)
        };
        let local = |end: Option<Local>, open: i64| end.map_or(open, Local::as_nanos);
        let amounts = rules.iter().flat_map(amounts).chain(by_day.iter().copied()).chain(whole);
        let quantum = document.rounding.quantum.as_micros().max(1);
        Some(Self {
            longest,
            rolling: document.rolling,
            to_the_minute: document.to_the_minute,
            valid: (local(document.valid_from, i64::MIN), local(document.valid_until, i64::MAX)),
            grace: document.grace,
            max_stay: document.max_stay.unwrap_or(Span::MAX),
            free_first: free_first.as_nanos(),
            free_later: free_later.map(Span::as_nanos),
            even: amounts.chain(minimum).all(|amount| amount.as_micros() % quantum == 0),
            by_day,
            whole,
            minimum,
            apart: !document.rolling && rules.iter().all(is_apart),
            carries: rules.iter().any(carries),
        })
    }
}

impl Quick {
    /// The total of a stay that ends at `exit`; `None` where it takes the whole walk, or has no price.
    pub(crate) fn total(
        &self,
        tariff: &Tariff,
        calendar: Option<&Calendar>,
        stay: &Stay,
        exit: Instant,
    ) -> Option<Amount> {
        let (document, compiled) = (tariff.document(), tariff.compiled());
        if !stay.is_plain()
            || exit < stay.entry
            || calendar.is_some_and(|c| !c.surely_covers(stay.entry, exit))
        {
            return None;
        }
        let floored = |at: Instant| if self.to_the_minute { at.floor(Span::from_mins(1)) } else { at };
        let (entry, exit) = (floored(stay.entry), floored(exit));
        let (offset_secs, until) = document.zone.offset_until(entry);
        let offset = i64::from(offset_secs) * 1_000_000_000;
        let entered = stay.entry.as_nanos() + offset;
        let length = exit - entry;
        let ordinary = until.is_none_or(|until| exit < until)
            && (self.valid.0 <= entered && entered < self.valid.1)
            && length.as_nanos() <= self.longest
            && length <= self.max_stay
            && !tariff.in_second_evening(entry.as_nanos());
        if !ordinary {
            return None;
        }
        if length == Span::ZERO || length <= self.grace {
            return Some(Amount::ZERO);
        }
        let plans = compiled.kept_plans(document, stay)?;
        if !plans.accepted {
            return None;
        }
        let stretch = Stretch {
            quick: self,
            rules: &compiled.rules,
            plans,
            calendar,
            offset,
            entry: entry.as_nanos(),
            exit: exit.as_nanos(),
        };
        match (compiled.scale.narrow, compiled.scale.middle) {
            (Some(1), _) if self.even => {
                stretch.total(1_i64).map(|micros| Amount::from_micros(micros.max(0)))
            }
            (Some(scale), _) => Fraction::new(stretch.total(scale)?, scale).round(document.rounding),
            (None, Some(scale)) => Fraction::new(stretch.total(scale)?, scale).round(document.rounding),
            (None, None) => None,
        }
    }

    /// What the tariff's caps leave of a day.
    fn limited<M: Exact>(&self, day: i32, charged: M, scale: M) -> Option<M> {
        let limit = self.by_day.get(day as usize).or(self.by_day.last());
        limit.map_or(Some(charged.clone()), |limit| Some(charged.min(scale.times(limit.as_micros())?)))
    }

    /// The total within the caps on the whole stay and the minimum.
    fn bounded<M: Exact>(&self, charged: M, chargeable: bool, scale: M) -> Option<M> {
        let mut total = charged;
        if let Some(most) = self.whole {
            total = total.min(scale.times(most.as_micros())?);
        }
        if let Some(least) = self.minimum.filter(|_| chargeable) {
            total = total.max(scale.times(least.as_micros())?);
        }
        Some(total)
    }
}

/// Whether one rule asks for nothing that only the walk does.
fn is_quick(rule: &Rule, rolling: bool) -> bool {
    // A unit that is split is cut at the end of its piece, unless the piece goes on over midnight; but midnight cuts it.
    let ends_with_its_piece = !rolling && rule.restart == Restart::Period;
    let has_units = rule.units().next().is_some();
    rule.min_overlap == 0
        && !matches!(rule.charge, RuleCharge::Volume(_))
        && (!rule.split || !has_units || ends_with_its_piece)
}

/// Whether what a rule charges on a day does not depend on other days, but for its cap in a window over midnight.
fn is_apart(rule: &Rule) -> bool {
    match &rule.charge {
        RuleCharge::None => true,
        RuleCharge::Flat { once, .. } => *once != Once::Stay,
        RuleCharge::Ladder { .. } | RuleCharge::Volume(_) => rule.restart == Restart::Period,
    }
}

/// Every amount of a rule.
fn amounts(rule: &Rule) -> Vec<Amount> {
    let mut amounts: Vec<Amount> = rule.cap.into_iter().collect();
    match &rule.charge {
        RuleCharge::None => {}
        RuleCharge::Flat { price, .. } => amounts.push(*price),
        RuleCharge::Ladder { steps, .. } | RuleCharge::Volume(steps) => {
            amounts.extend(steps.iter().map(|step| step.price));
        }
    }
    amounts
}

/// The caps, as limits of each natural day and then of the whole stay.
struct Limits {
    longest: i64,
    by_day: Vec<Amount>,
    whole: Option<Amount>,
}

impl Limits {
    /// `None` where some cap on days comes after one on the whole stay: which charges it cuts would depend on which ones
    /// the other has kept.
    fn new(caps: &[CapLevel], rolling: bool) -> Option<Self> {
        let mut limits = Self { longest: i64::MAX, by_day: Vec::new(), whole: None };
        let mut days: Option<CapLevel> = None;
        for level in caps {
            let by_day = match level.per {
                CapPer::Period => !rolling,
                CapPer::NaturalDay | CapPer::Day => true,
                CapPer::Rule | CapPer::Rolling24h | CapPer::Rolling7d | CapPer::Stay => false,
            };
            if by_day {
                if limits.whole.is_some() {
                    return None;
                }
                let both = days.as_ref().map_or_else(|| level.amounts.clone(), |days| days.lowest(level));
                days = Some(CapLevel { per: CapPer::NaturalDay, amounts: both });
                continue;
            }
            let parts = match level.per {
                CapPer::Rolling24h => DAY,
                CapPer::Rolling7d => 7 * DAY,
                _ => i64::MAX,
            };
            limits.longest = limits.longest.min(parts);
            let first = level.amount(0);
            limits.whole = Some(limits.whole.map_or(first, |whole| whole.min(first)));
        }
        limits.by_day = days.map_or_else(Vec::new, |days| days.amounts);
        Some(limits)
    }
}

/// How many day plans are told apart where whole days are remembered.
const PLANS: usize = 8;

/// What whole days charge before the tariff's caps, by the plan of the day before and their own; made when first asked for.
#[derive(Default, Debug)]
pub(crate) struct WholeDays(OnceLock<Box<[[OnceLock<i128>; PLANS]; PLANS]>>);

impl WholeDays {
    /// The slot of a day; `None` for a plan beyond those that are remembered.
    fn slot(&self, before: usize, today: usize) -> Option<&OnceLock<i128>> {
        self.0.get_or_init(Box::default).get(before)?.get(today)
    }
}
