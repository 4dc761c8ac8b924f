//! The memory of days: what was walked once need not be walked again.

use core::{
    array, fmt,
    sync::atomic::{AtomicU8, Ordering},
};
use std::sync::OnceLock;

use super::Snapshot;
use crate::{
    compiled::PlanSet,
    money::{Big, Exact},
};

/// How many ways to begin a day and how many day plans are told apart, and how many different days are remembered. What
/// does not fit is walked.
const STATES: usize = 16;
pub(super) const PLANS: usize = 8;
const DAYS: usize = 64;

const UNKNOWN: u8 = u8::MAX;

/// Days that were walked, by the way they begin, their plan and that of the next day. It may be filled by several threads
/// at once: a slot is written once and what it says never changes.
pub(crate) struct KnownDays<M> {
    states: [OnceLock<Snapshot<M>>; STATES],
    /// The number of the day in `days`.
    index: [AtomicU8; STATES * PLANS * PLANS],
    /// What the day adds before the caps of longer scopes, and how the next day begins.
    days: [OnceLock<(M, u8)>; DAYS],
    /// How many slots of `days` have been given away.
    taken: AtomicU8,
}

/// A way to begin a day, by number.
pub(super) type State = u8;

impl<M: Exact> KnownDays<M> {
    pub(super) fn new() -> Self {
        Self {
            states: array::from_fn(|_| OnceLock::new()),
            index: [const { AtomicU8::new(UNKNOWN) }; STATES * PLANS * PLANS],
            days: array::from_fn(|_| OnceLock::new()),
            taken: AtomicU8::new(0),
        }
    }

    /// Where a day is kept that begins so, has this plan and is followed by that one; `None` where there is no room.
    pub(super) fn place(state: State, today: usize, tomorrow: usize) -> Option<usize> {
        (today < PLANS && tomorrow < PLANS).then(|| (usize::from(state) * PLANS + today) * PLANS + tomorrow)
    }

    /// What a day adds, and how the next one begins.
    #[inline(always)]
    pub(super) fn day(&self, place: usize) -> Option<&(M, State)> {
        let day = self.index.get(place)?.load(Ordering::Acquire);
        self.days.get(usize::from(day))?.get()
    }

    pub(super) fn learn(&self, place: usize, added: M, following: State) {
        if self.day(place).is_some() {
            return;
        }
        let take = |taken: u8| (usize::from(taken) < DAYS).then_some(taken + 1);
        let Ok(day) = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) else { return };
        if let (Some(slot), Some(index)) = (self.days.get(usize::from(day)), self.index.get(place)) {
            // Two threads that learn the same day take a slot each and write the same.
            slot.get_or_init(|| (added, following));
            index.store(day, Ordering::Release);
        }
    }

    /// The number of a way to begin a day that has been seen.
    pub(super) fn find(&self, snapshot: &Snapshot<M>, rules: usize, levels: usize) -> Option<State> {
        let mut seen = self.states.iter().map_while(OnceLock::get);
        seen.position(|known| known.is_like(snapshot, rules, levels)).map(|number| number as State)
    }

    /// The number of a way to begin a day, seen or not; `None` where there is no room.
    pub(super) fn number(&self, snapshot: &Snapshot<M>, rules: usize, levels: usize) -> Option<State> {
        for (number, slot) in self.states.iter().enumerate() {
            if slot.get_or_init(|| snapshot.clone()).is_like(snapshot, rules, levels) {
                return Some(number as State);
            }
        }
        None
    }

    pub(super) fn state(&self, number: State) -> Option<&Snapshot<M>> {
        self.states.get(usize::from(number))?.get()
    }
}

/// The days of the stays that follow one set of day plans, in figures of each width.
#[derive(Default)]
pub(crate) struct DaysByWidth {
    narrow: OnceLock<Box<KnownDays<i64>>>,
    middle: OnceLock<Box<KnownDays<i128>>>,
    wide: OnceLock<Box<KnownDays<Big>>>,
}

impl fmt::Debug for DaysByWidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DaysByWidth")
    }
}

/// Figures whose days are remembered with the tariff.
pub(crate) trait Remembered: Exact {
    fn known_days(plans: &PlanSet) -> &KnownDays<Self>;
}

impl Remembered for i64 {
    fn known_days(plans: &PlanSet) -> &KnownDays<Self> {
        plans.days.narrow.get_or_init(|| Box::new(KnownDays::new()))
    }
}

impl Remembered for i128 {
    fn known_days(plans: &PlanSet) -> &KnownDays<Self> {
        plans.days.middle.get_or_init(|| Box::new(KnownDays::new()))
    }
}

impl Remembered for Big {
    fn known_days(plans: &PlanSet) -> &KnownDays<Self> {
        plans.days.wide.get_or_init(|| Box::new(KnownDays::new()))
    }
}
