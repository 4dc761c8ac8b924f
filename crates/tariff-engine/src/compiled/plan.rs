//! Day plans: which rule is in force at which time of a day, for each kind of date.

use std::sync::OnceLock;

use super::DAY;
use crate::{
    calendar::{Calendar, DayTypes, TypesFrom, weekday_index},
    document::Rule,
    named::{Color, Vehicle},
    quick::WholeDays,
    walk::DaysByWidth,
};

/// Stands for "no rule".
pub(crate) const NO_RULE: u32 = u32::MAX;

/// A part of a day, by the wall clock, in which one rule is in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    /// Nanoseconds since midnight; the piece begins where the one before ends.
    pub(crate) end: i64,
    /// The index of the rule, or [`NO_RULE`].
    pub(crate) rule: u32,
}

/// Kinds of dates: a set of types, then a weekday (there is room for eight).
const CLASSES: usize = DayTypes::COUNT * 8;

/// The kind of a date.
fn class(types: DayTypes, weekday: usize) -> usize {
    (types.index() * 8 + weekday) % CLASSES
}

/// The plans of all kinds of dates, for vehicles and plates that the same rules accept.
#[derive(Debug)]
pub(crate) struct PlanSet {
    /// The number of the plan of each kind of date.
    by_class: [u8; CLASSES],
    plans: Vec<Box<[Piece]>>,
    /// Some rule is for these vehicles and plates, or there are no rules at all.
    pub(crate) accepted: bool,
    /// The days that were walked by these plans.
    pub(crate) days: DaysByWidth,
    pub(crate) whole_days: WholeDays,
}

impl PlanSet {
    /// Whether all dates have the same plan.
    pub(crate) fn is_one(&self) -> bool {
        self.plans.len() == 1
    }

    /// The plan of a date with these types.
    #[inline]
    pub(crate) fn of(&self, types: DayTypes, day: i32) -> &[Piece] {
        self.plan(self.number(types, weekday_index(day)))
    }

    /// The plan with a number.
    #[inline]
    pub(crate) fn plan(&self, number: usize) -> &[Piece] {
        self.plans.get(number).map_or(&[], |plan| plan)
    }

    #[inline]
    fn number(&self, types: DayTypes, weekday: usize) -> usize {
        self.by_class.get(class(types, weekday)).copied().unwrap_or(0).into()
    }

    /// The numbers of the plans of a date and those after it.
    pub(crate) fn numbers<'a>(&'a self, calendar: Option<&'a Calendar>, day: i32) -> PlanNumbers<'a> {
        PlanNumbers { plans: self, types: (!self.is_one()).then(|| TypesFrom::new(calendar, day)) }
    }

    /// The types of a date and those after it, and the numbers of their plans.
    pub(crate) fn kinds<'a>(&'a self, calendar: Option<&'a Calendar>, day: i32) -> Kinds<'a> {
        Kinds { plans: self, types: TypesFrom::new(calendar, day) }
    }

    pub(super) fn new(rules: &[Rule], vehicle: Option<&Vehicle>, color: Option<&Color>) -> Self {
        let accepted: Vec<(usize, &Rule)> =
            rules.iter().enumerate().filter(|(_, rule)| rule.accepts.stay(vehicle, color)).collect();
        // Dates on which the same rules match with the same ranks share a plan.
        let mut keys: Vec<(Vec<Option<u8>>, usize)> = Vec::new();
        let mut plans: Vec<Box<[Piece]>> = Vec::new();
        let mut by_class = [0; CLASSES];
        for (class, slot) in by_class.iter_mut().enumerate() {
            let (types, weekday) = (DayTypes::from_index(class / 8), class % 8);
            if weekday == 7 {
                continue;
            }
            let key: Vec<_> = accepted.iter().map(|(_, rule)| rule.days.rank(types, weekday)).collect();
            let number = match keys.iter().find(|(known, _)| *known == key) {
                Some((_, number)) => *number,
                None => {
                    let plan = day_plan(&accepted, &key);
                    // Different matches may still make the same day.
                    let number = plans.iter().position(|known| *known == plan).unwrap_or(plans.len());
                    if number == plans.len() {
                        plans.push(plan);
                    }
                    keys.push((key, number));
                    number
                }
            };
            // There are fewer plans than kinds of dates.
            *slot = number as u8;
        }
        Self {
            by_class,
            plans,
            accepted: rules.is_empty() || !accepted.is_empty(),
            days: DaysByWidth::default(),
            whole_days: WholeDays::default(),
        }
    }
}

/// The numbers of the plans of one date after the other.
pub(crate) struct PlanNumbers<'a> {
    plans: &'a PlanSet,
    /// `None` where all dates have the same plan.
    types: Option<TypesFrom<'a>>,
}

impl PlanNumbers<'_> {
    #[inline(always)]
    pub(crate) fn next_day(&mut self) -> usize {
        let Some(types) = &mut self.types else { return 0 };
        let (types, weekday) = types.next_day();
        self.plans.number(types, weekday)
    }
}

/// The types of one date after the other, and the numbers of their plans.
pub(crate) struct Kinds<'a> {
    plans: &'a PlanSet,
    types: TypesFrom<'a>,
}

impl Kinds<'_> {
    pub(crate) fn next_day(&mut self) -> (DayTypes, usize) {
        let (types, weekday) = self.types.next_day();
        (types, self.plans.number(types, weekday))
    }
}

/// Cuts a day at the limits of the rules that match it, and finds the rule in force in each piece.
fn day_plan(rules: &[(usize, &Rule)], ranks: &[Option<u8>]) -> Box<[Piece]> {
    let matching: Vec<_> =
        rules.iter().zip(ranks).filter_map(|(rule, rank)| rank.map(|rank| (rule.0, rule.1, rank))).collect();
    let mut cuts: Vec<u32> = vec![0, 86_400];
    for window in matching.iter().filter_map(|(_, rule, _)| rule.window) {
        cuts.extend([window.from, window.to]);
    }
    cuts.sort_unstable();
    cuts.dedup();
    let mut pieces: Vec<Piece> = Vec::new();
    let mut before: Option<&Rule> = None;
    for (from, to) in cuts.iter().zip(cuts.iter().skip(1)) {
        let open =
            matching.iter().filter(|(_, rule, _)| rule.window.is_none_or(|w| contains(w.from, w.to, *from)));
        // The greatest rank wins, and of these the first: `max_by_key` would give the last.
        let mut best: Option<&(usize, &Rule, u8)> = None;
        for candidate in open {
            if best.is_none_or(|best| candidate.2 > best.2) {
                best = Some(candidate);
            }
        }
        let rule = best.map_or(NO_RULE, |(index, _, _)| *index as u32);
        let end = i64::from(*to) * (DAY / 86_400);
        // A rule's own limits stay, as its window may close and open again there.
        let own_limit = before.and_then(|rule| rule.window).is_some_and(|w| w.from == *from || w.to == *from);
        match pieces.last_mut() {
            Some(last) if last.rule == rule && !own_limit => last.end = end,
            _ => pieces.push(Piece { end, rule }),
        }
        before = best.map(|(_, rule, _)| *rule);
    }
    pieces.into_boxed_slice()
}

fn contains(from: u32, to: u32, at: u32) -> bool {
    if to <= from { at >= from || at < to } else { (from..to).contains(&at) }
}

/// The plans of a tariff, made for each vehicle and plate colour when they are first asked for.
pub(super) struct Plans {
    vehicles: Vec<Vehicle>,
    colors: Vec<Color>,
    /// By vehicle, then colour; the last of each stands for all words that no rule names.
    made: Box<[OnceLock<PlanSet>]>,
}

/// How many combinations of vehicle and colour are kept at most; no real tariff comes near.
const MOST_KEPT: usize = 4096;

impl Plans {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut vehicles: Vec<Vehicle> = Vec::new();
        let mut colors: Vec<Color> = Vec::new();
        for rule in rules {
            let named = rule.accepts.vehicles.iter().flatten();
            named.for_each(|word| {
                if !vehicles.contains(word) {
                    vehicles.push(word.clone())
                }
            });
            let named = rule.accepts.colors.iter().flatten();
            named.for_each(|word| {
                if !colors.contains(word) {
                    colors.push(word.clone())
                }
            });
        }
        let combinations = (vehicles.len() + 1).saturating_mul(colors.len() + 1);
        let kept = if combinations <= MOST_KEPT { combinations } else { 0 };
        Self { vehicles, colors, made: (0..kept).map(|_| OnceLock::new()).collect() }
    }

    /// The plans that are kept for a vehicle and a colour; `None` where there would be too many.
    #[inline]
    pub(super) fn find(
        &self,
        rules: &[Rule],
        vehicle: Option<&Vehicle>,
        color: Option<&Color>,
    ) -> Option<&PlanSet> {
        // Most rules name neither.
        let place = if self.vehicles.is_empty() && self.colors.is_empty() {
            0
        } else {
            let v = vehicle.and_then(|word| self.vehicles.iter().position(|known| known == word));
            let c = color.and_then(|word| self.colors.iter().position(|known| known == word));
            let (others, no_color) = (self.vehicles.len(), self.colors.len());
            v.unwrap_or(others) * (no_color + 1) + c.unwrap_or(no_color)
        };
        let slot = self.made.get(place)?;
        Some(slot.get_or_init(|| PlanSet::new(rules, vehicle, color)))
    }
}
