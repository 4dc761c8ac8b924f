//! Days one after the other.

use super::{
    Quick, RULES,
    day::{Day, State, Walk},
};
use crate::{
    calendar::Calendar,
    compiled::{DAY, PlanNumbers, PlanSet, Rule},
    money::Exact,
};

/// Longer stays are walked, if their days depend on each other.
const LONGEST: i64 = 4 * DAY;

/// Figures that days are remembered in whatever their width.
pub(crate) trait Figures: Exact + Copy + Into<i128> + TryFrom<i128> {}
impl Figures for i64 {}
impl Figures for i128 {}

/// A stay whose instants are floored, and between them the clock is not changed.
pub(crate) struct Stretch<'a> {
    pub(crate) quick: &'a Quick,
    pub(crate) rules: &'a [Rule],
    pub(crate) plans: &'a PlanSet,
    pub(crate) calendar: Option<&'a Calendar>,
    /// Local time less UTC, in nanoseconds.
    pub(crate) offset: i64,
    pub(crate) entry: i64,
    pub(crate) exit: i64,
}

impl Stretch<'_> {
    /// What the stay costs before rounding, in fractions of which `scale` make a millionth; `None` where the figures do not
    /// hold it or it takes the whole walk.
    #[inline]
    pub(crate) fn total<M: Figures>(&self, scale: M) -> Option<M> {
        // No more states than are needed: they are written anew for each stay.
        match self.rules.len() {
            0..=1 => self.total_with(scale, &mut [const { State::NEW }; 1]),
            2..=4 => self.total_with(scale, &mut [const { State::NEW }; 4]),
            5..=8 => self.total_with(scale, &mut [const { State::NEW }; 8]),
            _ => self.total_with(scale, &mut [const { State::NEW }; RULES]),
        }
    }

    #[inline(always)]
    fn total_with<M: Figures>(&self, scale: M, states: &mut [State<M>]) -> Option<M> {
        let date = (self.entry + self.offset).div_euclid(DAY);
        let mut day = Day { number: 0, midnight: date * DAY - self.offset };
        // The number of the day of exit.
        let last = ((self.exit - 1 - day.midnight) / DAY) as i32;
        if last > 3 && !self.quick.apart && self.exit - self.entry > LONGEST {
            return None;
        }
        let mut walk = Walk { free_left: self.quick.free_first, ..self.walk(scale, self.entry, self.exit) };
        let mut numbers = self.plans.numbers(self.calendar, date as i32);
        let mut before = 0;
        let mut total = M::ZERO;
        loop {
            // What windows over midnight bring into the third day is as ever only where the second was free of nothing.
            if day.number == 1 && last > 3 && self.quick.free_later.is_none() && walk.free_left > 0 {
                return None;
            }
            if day.number == 2 && last > 3 && self.quick.apart {
                total =
                    total.plus(&self.whole_days(&mut walk, states, &mut numbers, before, day, last)?)?;
                day = day.later(last - day.number);
            }
            let today = numbers.next_day();
            let sum = walk.day(states, self.plans.plan(today), day)?;
            total = total.plus(&self.quick.limited(day.number, sum, scale)?)?;
            if day.number >= last {
                return self.quick.bounded(total, walk.chargeable, scale);
            }
            before = today;
            day = day.next();
        }
    }

    /// The sum of the whole days `from` the third one up to the last one, on which the stay ends. Afterwards `walk` and
    /// `states` are as the days before the last one leave them.
    #[inline(never)]
    fn whole_days<M: Figures>(
        &self,
        walk: &mut Walk<'_, M>,
        states: &mut [State<M>],
        numbers: &mut PlanNumbers<'_>,
        mut before: usize,
        from: Day,
        last: i32,
    ) -> Option<M> {
        let (quick, scale) = (self.quick, walk.scale);
        let settled = (quick.minimum.is_none() || walk.chargeable) && quick.by_day.len() <= 3;
        if !settled {
            return None;
        }
        let mut sum = M::ZERO;
        if self.plans.is_one() {
            let each = quick.limited(from.number, self.whole_day(0, 0, scale)?, scale)?;
            sum = each.times(i64::from(last - from.number))?;
        } else {
            for number in from.number..last {
                let today = numbers.next_day();
                let charged = self.whole_day(before, today, scale)?;
                sum = sum.plus(&quick.limited(number, charged, scale)?)?;
                before = today;
            }
        }
        // The last day begins like every one, but for what windows over midnight bring from the day before.
        states.fill(State::NEW);
        let day_before = from.later(last - 1 - from.number);
        if quick.carries {
            walk.at = day_before.midnight;
            walk.day(states, self.plans.plan(before), day_before)?;
        }
        walk.at = day_before.next().midnight;
        Some(sum)
    }

    /// What a day charges that is not the first, nor the second, nor the last, before the tariff's caps.
    #[inline]
    fn whole_day<M: Figures>(&self, before: usize, today: usize, scale: M) -> Option<M> {
        let before = if self.quick.carries { before } else { 0 };
        let slot = self.plans.whole_days.slot(before, today);
        if let Some(known) = slot.and_then(|slot| slot.get()) {
            return M::try_from(*known).ok();
        }
        let charged = self.walked_day(before, today, scale)?;
        if let Some(slot) = slot {
            slot.get_or_init(|| charged.into());
        }
        Some(charged)
    }

    #[cold]
    fn walked_day<M: Figures>(&self, before: usize, today: usize, scale: M) -> Option<M> {
        let mut states = [const { State::NEW }; RULES];
        let mut walk = self.walk(scale, 0, 2 * DAY);
        let day = Day { number: 2, midnight: 0 };
        walk.day(&mut states, self.plans.plan(before), day)?;
        walk.day(&mut states, self.plans.plan(today), day.next())
    }

    fn walk<M: Figures>(&self, scale: M, at: i64, exit: i64) -> Walk<'_, M> {
        Walk { quick: self.quick, rules: self.rules, scale, at, exit, free_left: 0, chargeable: false }
    }
}
