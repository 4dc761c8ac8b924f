//! Whole days that are counted instead of walked.
//!
//! Where a day begins, what the walk remembers is brought into a form that does not say when: figures of scopes that have
//! ended are dropped, numbers of scopes become relative. Two days that begin alike, have the same day plan and are
//! followed by the same one cost the same and end alike. So each such day is walked once; after that it is a step in a
//! small table ([`KnownDays`]). Only days without anything special are treated so: 24 hours long, wholly within the stay,
//! no exempt time, no change of the clock near, no boundary of seven days.
//!
//! Most tariffs cut every unit at midnight and look at nothing that goes on from day to day but caps. How their days begin
//! does not depend on when the stay began, so there are few different days, and they are remembered with the tariff, for
//! all stays. Others remember within a stay.

mod known;

use parking_types::Instant;

use super::{
    FreePer, Sink, TooMuch, Walk,
    ladder::{LadderState, WindowSum},
    ledger::Levels,
};
use crate::{
    compiled::{DAY, Rule, RuleCharge},
    document::{CapPer, Once, Restart, Window},
    money::Exact,
};
use known::State;
pub(crate) use known::{DaysByWidth, KnownDays, Remembered};

/// Tariffs with more rules are walked.
pub(super) const RULES: usize = 8;

/// What the walk remembers where a day begins.
#[derive(Clone)]
pub(crate) struct Snapshot<M> {
    /// How far into the day a unit of the day before runs.
    into_day: i64,
    /// How far into the day 24 h from entry end; a change of the clock moves that.
    parted_at: i64,
    free_scope: i32,
    free_left: i64,
    ladders: [LadderState<M>; RULES],
    levels: Levels<M>,
}

impl<M: Exact> Snapshot<M> {
    /// Whether days that begin so go on alike; only so many rules and caps are used.
    pub(super) fn is_like(&self, other: &Self, rules: usize, levels: usize) -> bool {
        let own = (self.into_day, self.parted_at, self.free_scope, self.free_left);
        own == (other.into_day, other.parted_at, other.free_scope, other.free_left)
            && self.ladders.get(..rules) == other.ladders.get(..rules)
            && self.levels.get(..levels) == other.levels.get(..levels)
    }
}

/// A day under way that will be known: its place, its date, and the sum before it.
struct Walking<M> {
    place: usize,
    date: i32,
    before: M,
}

impl<M: Remembered, S: Sink<M>> Walk<'_, '_, M, S> {
    /// Whether days of this stay may be counted at all.
    pub(super) fn counts_days(&self) -> bool {
        let compiled = self.task.compiled;
        let least = if compiled.days_apart { 2 * DAY } else { 4 * DAY };
        !S::LINES
            && self.task.exit - self.task.entry > least
            && compiled.days_repeat
            && compiled.rules.len() <= RULES
            && self.task.used.is_empty()
    }

    /// Walks the stay, but not the days that are known.
    pub(super) fn walk_days(&mut self) -> Result<(), TooMuch> {
        let own;
        let known = if self.task.compiled.days_apart {
            M::known_days(self.task.plans)
        } else {
            own = KnownDays::new();
            &own
        };
        let (mut date, mut walking) = (self.cursor.date, None);
        while self.cursor.at < self.task.exit && self.go_on()? {
            if self.cursor.date != date {
                walking = self.begin_day(known, walking)?;
                date = self.cursor.date;
            }
        }
        Ok(())
    }

    /// Where a date begins: notes what the day before added, and goes over as many days as are known.
    fn begin_day(
        &mut self,
        known: &KnownDays<M>,
        walked: Option<Walking<M>>,
    ) -> Result<Option<Walking<M>>, TooMuch> {
        let date = self.cursor.date;
        let Some(count) = self.plain_days() else { return Ok(None) };
        let (snapshot, rules, levels) =
            (self.snapshot(), self.task.compiled.rules.len(), self.task.compiled.caps.len());
        // How the day after entry begins depends on the entry; there may be any number of such ways.
        let state = if self.cursor.day_from_entry(date) >= 2 {
            known.number(&snapshot, rules, levels)
        } else {
            known.find(&snapshot, rules, levels)
        };
        let Some(mut state) = state else { return Ok(None) };
        if let Some(walked) = walked
            && walked.date + 1 == date
        {
            let added = self.ledger.inner().minus(&walked.before).ok_or(TooMuch)?;
            known.learn(walked.place, added, state);
        }
        let (now, place) = self.go_over(known, &mut state, count)?;
        if now > date
            && let Some(snapshot) = known.state(state)
        {
            self.restore(snapshot, now);
        }
        Ok(place.map(|place| Walking { place, date: now, before: self.ledger.inner().clone() }))
    }

    /// Adds up to `count` days from the cursor's on, as long as they are known, and moves `state` on with them. Returns the
    /// date after them, and where it will be known.
    fn go_over(
        &mut self,
        known: &KnownDays<M>,
        state: &mut State,
        count: i32,
    ) -> Result<(i32, Option<usize>), TooMuch> {
        let (plans, date) = (self.task.plans, self.cursor.date);
        // Within one scope of every longer cap, days may be added up first.
        let by_day = self.task.compiled.caps.iter().any(|level| level.per == CapPer::Day);
        let (all_alike, cuts) = (plans.is_one() && !by_day, self.task.compiled.midnight_cuts);
        let (end, rolling_7d) = (date + count, self.cursor.keys(None).rolling_7d);
        let mut numbers = plans.numbers(self.task.calendar, date);
        let (mut sum, mut now, mut today) = (M::ZERO, date, numbers.next_day());
        let mut place = None;
        while now < end {
            let next = numbers.next_day();
            place = KnownDays::<M>::place(*state, today, if cuts { 0 } else { next });
            let Some((added, following)) = place.and_then(|place| known.day(place)) else { break };
            place = None;
            if all_alike && following == state {
                // Every day to come is like this one.
                let days = added.times(i64::from(end - now));
                sum = days.and_then(|days| sum.plus(&days)).ok_or(TooMuch)?;
                now = end;
                break;
            }
            sum = sum.plus(added).ok_or(TooMuch)?;
            *state = *following;
            if by_day {
                self.ledger.lump(core::mem::replace(&mut sum, M::ZERO), now, rolling_7d)?;
            }
            now += 1;
            today = next;
        }
        self.ledger.lump(sum, now, rolling_7d)?;
        Ok((now, place))
    }

    /// How many days from the cursor's on have nothing special about them.
    pub(super) fn plain_days(&self) -> Option<i32> {
        let (cursor, task) = (&self.cursor, self.task);
        // Where days are apart, neither a unit nor a window's least overlap looks beyond its day.
        let (since, margin) = if task.compiled.days_apart { (1, 0) } else { (2, 1) };
        // What a receipt says about a day may look at the next one: when a window opens again.
        let margin = if S::LINES { 1 } else { margin };
        // Lists of caps pass over dates that never were, so that their last items may come later.
        let lost = task.tariff.lost_days().len() as i32;
        let settled = cursor.date == cursor.day
            && cursor.day_from_entry(cursor.date) >= task.compiled.longest_list.max(since) + lost
            && self.next_exempt >= task.exempt.len()
            && (self.document.minimum.is_none() || self.ledger.first_seen())
            && self.same_clock_since_yesterday();
        if !settled {
            return None;
        }
        let limit = task.exit.min(cursor.offset_end - 1).min(cursor.part_7d_end);
        let count = (limit - cursor.midnight) / DAY - margin;
        (count > 0).then_some(count as i32)
    }

    /// Whether the clock was not changed on the day before the cursor's either.
    fn same_clock_since_yesterday(&self) -> bool {
        let cursor = &self.cursor;
        let two_days_before = || {
            let at = Instant::from_nanos(cursor.midnight.saturating_sub(2 * DAY));
            let until = self.document.zone.offset_until(at).1;
            until.map_or(i64::MAX, Instant::as_nanos) == cursor.offset_end
        };
        cursor.offset_since_date < cursor.date - 1 || two_days_before()
    }

    pub(super) fn snapshot(&self) -> Snapshot<M> {
        let mut ladders = [const { LadderState::NEW }; RULES];
        for ((slot, state), rule) in ladders.iter_mut().zip(self.states.iter()).zip(&self.task.compiled.rules)
        {
            *slot = self.relative(state, rule);
        }
        let free_lasts =
            self.free_scope == 0 && self.document.free.is_some_and(|free| free.per == FreePer::Stay);
        let free_runs = self.document.rolling
            && self.free_scope == self.cursor.period()
            && self.document.free.is_some_and(|free| free.per == FreePer::Period);
        let (free_scope, free_left) =
            if free_lasts || free_runs { (0, self.free_left) } else { (i32::MIN, 0) };
        Snapshot {
            into_day: self.cursor.at - self.cursor.midnight,
            parted_at: if self.task.compiled.parts_24h {
                self.cursor.part_24h_end - self.cursor.midnight
            } else {
                0
            },
            free_scope,
            free_left,
            ladders,
            levels: self.ledger.relative_levels(&self.cursor),
        }
    }

    pub(super) fn restore(&mut self, snapshot: &Snapshot<M>, date: i32) {
        let midnight = self.cursor.midnight + i64::from(date - self.cursor.date) * DAY;
        self.cursor.seek(midnight + snapshot.into_day);
        let rules = &self.task.compiled.rules;
        for index in 0..rules.len() {
            if let (Some(state), Some(rule)) = (snapshot.ladders.get(index), rules.get(index)) {
                let absolute = self.absolute(state, rule);
                if let Some(slot) = self.states.get_mut(index) {
                    *slot = absolute;
                }
            }
        }
        let per_stay = self.document.free.is_some_and(|free| free.per == FreePer::Stay);
        self.free_scope = match snapshot.free_scope {
            0 if !per_stay => self.cursor.period(),
            scope => scope,
        };
        self.free_left = snapshot.free_left;
        self.ledger.restore_levels(&snapshot.levels, &self.cursor);
    }

    /// A ladder's state without what no longer matters, its scopes counted from the cursor's.
    fn relative(&self, state: &LadderState<M>, rule: &Rule) -> LadderState<M> {
        let mut relative = LadderState::NEW;
        let over_midnight = rule.window.is_some_and(Window::over_midnight);
        relative.run = self.relative_scope(rule.restart, state.run, over_midnight);
        if relative.run != i32::MIN {
            (relative.entered, relative.time, relative.price) = forget(state, rule);
        }
        if let RuleCharge::Flat { once, .. } = rule.charge {
            relative.flat_scope = self.relative_scope(scope_of(once), state.flat_scope, over_midnight);
        }
        if rule.cap.is_some() {
            let by = if rule.window.is_some() { Restart::Window } else { Restart::Period };
            let mut live = state
                .windows
                .iter()
                .map(|window| (self.relative_scope(by, window.key, over_midnight), window));
            if let Some((key, live)) = live.find(|(key, _)| *key != i32::MIN) {
                *relative.window(key) = WindowSum { key, ..live.clone() };
            }
        }
        relative
    }

    fn absolute(&self, relative: &LadderState<M>, rule: &Rule) -> LadderState<M> {
        let mut state = relative.clone();
        state.run = self.absolute_scope(rule.restart, relative.run);
        if let RuleCharge::Flat { once, .. } = rule.charge {
            state.flat_scope = self.absolute_scope(scope_of(once), relative.flat_scope);
        }
        let by = if rule.window.is_some() { Restart::Window } else { Restart::Period };
        for window in &mut state.windows {
            window.key = self.absolute_scope(by, window.key);
        }
        state
    }

    /// The number of a scope counted from the cursor's; `i32::MIN` for one that has ended.
    fn relative_scope(&self, kind: Restart, scope: i32, over_midnight: bool) -> i32 {
        match kind {
            _ if scope == i32::MIN => scope,
            Restart::Stay => scope,
            Restart::Period if scope == self.cursor.period() => 0,
            Restart::Window if scope >= self.cursor.date => scope - self.cursor.date,
            // Yesterday's window is open only where it runs over midnight; whole days are counted far from changes of
            // the clock, which alone could show its end again.
            Restart::Window if scope == self.cursor.date - 1 && over_midnight => -1,
            Restart::Period | Restart::Window => i32::MIN,
        }
    }

    fn absolute_scope(&self, kind: Restart, scope: i32) -> i32 {
        match kind {
            _ if scope == i32::MIN => scope,
            Restart::Stay => scope,
            Restart::Period => self.cursor.period() + scope,
            Restart::Window => self.cursor.date + scope,
        }
    }
}

fn scope_of(once: Once) -> Restart {
    match once {
        Once::Window => Restart::Window,
        Once::Period => Restart::Period,
        Once::Stay => Restart::Stay,
    }
}

/// Steps entered, time and price of a ladder; in its last step only what that step still looks at.
fn forget<M: Exact>(state: &LadderState<M>, rule: &Rule) -> (u32, i64, M) {
    let RuleCharge::Ladder { steps, .. } = &rule.charge else { return (0, 0, M::ZERO) };
    match steps.last() {
        Some(last)
            if state.entered as usize == steps.len() && (last.end == i64::MAX || state.time >= last.end) =>
        {
            (state.entered, if last.end == i64::MAX { last.start } else { last.end }, M::ZERO)
        }
        _ => (state.entered, state.time, state.price.clone()),
    }
}
