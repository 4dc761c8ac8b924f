//! Whole days that are counted instead of walked.
//!
//! Where a day begins, what the walk remembers is brought into a form that does not say when: figures of scopes that have
//! ended are dropped, numbers of scopes become relative. Two days that begin alike, have the same day plan and are
//! followed by the same one cost the same and end alike. So each such day is walked once; after that it is a step in a
//! small table. Only days without anything special are treated so: 24 hours long, wholly within the stay, no exempt time,
//! no change of the clock near, no boundary of seven days.

use super::{FreePer, Sink, TooMuch, Walk, ladder::LadderState, ledger::Levels};
use crate::{
    calendar::weekends_only,
    compiled::{DAY, Rule, RuleCharge},
    document::{CapPer, Once, Restart, Window},
    money::Exact,
};

/// How many rules, day plans and ways to begin a day are told apart; tariffs with more are walked.
const RULES: usize = 8;
const PLANS: usize = 8;
const STATES: usize = 8;
/// How many different days are remembered.
const KNOWN: usize = 48;

/// What the walk remembers where a day begins.
#[derive(Clone)]
struct Snapshot<M> {
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
    fn is_like(&self, other: &Self, rules: usize, levels: usize) -> bool {
        let own = (self.into_day, self.parted_at, self.free_scope, self.free_left);
        own == (other.into_day, other.parted_at, other.free_scope, other.free_left)
            && self.ladders.get(..rules) == other.ladders.get(..rules)
            && self.levels.get(..levels) == other.levels.get(..levels)
    }
}

const UNKNOWN: u8 = u8::MAX;

/// The days of a stay that have been walked so far.
pub(super) struct Days<M> {
    states: [Option<Snapshot<M>>; STATES],
    /// The number of the day that begins so, has this plan and is followed by that one.
    index: [u8; STATES * PLANS * PLANS],
    /// Of each day that was walked: what it adds before the caps of longer scopes, and how the next day begins.
    kept: [M; KNOWN],
    next: [u8; KNOWN],
    count: u8,
    /// The day under way: its place in `known`, its date, and the sum before it.
    walking: Option<(usize, i32, M)>,
}

impl<M: Exact> Days<M> {
    pub(super) fn new() -> Self {
        Self {
            states: [const { None }; STATES],
            index: [UNKNOWN; STATES * PLANS * PLANS],
            kept: [const { M::ZERO }; KNOWN],
            next: [0; KNOWN],
            count: 0,
            walking: None,
        }
    }

    /// What a day adds, and how the next one begins.
    fn known(&self, place: usize) -> Option<(&M, u8)> {
        let day = usize::from(*self.index.get(place)?);
        self.kept.get(day).zip(self.next.get(day).copied())
    }

    fn learn(&mut self, place: usize, added: M, following: u8) {
        let day = usize::from(self.count);
        if let (Some(kept), Some(next), Some(index)) =
            (self.kept.get_mut(day), self.next.get_mut(day), self.index.get_mut(place))
        {
            (*kept, *next, *index) = (added, following, self.count);
            self.count += 1;
        }
    }

    /// The number of this way to begin a day; `None` where there are too many.
    fn number(&mut self, snapshot: Snapshot<M>, rules: usize, levels: usize) -> Option<u8> {
        for (number, slot) in self.states.iter_mut().enumerate() {
            match slot {
                Some(known) if !known.is_like(&snapshot, rules, levels) => {}
                Some(_) => return Some(number as u8),
                None => {
                    *slot = Some(snapshot);
                    return Some(number as u8);
                }
            }
        }
        None
    }
}

impl<M: Exact, S: Sink<M>> Walk<'_, '_, M, S> {
    /// Whether days of this stay may be counted at all.
    pub(super) fn counts_days(&self) -> bool {
        let compiled = self.task.compiled;
        S::COUNTS_DAYS
            && self.task.exit - self.task.entry > 4 * DAY
            && compiled.days_repeat
            && compiled.rules.len() <= RULES
            && self.task.used.is_empty()
    }

    /// Where a date begins: notes what the day before added, and goes over as many days as are known.
    pub(super) fn begin_day(&mut self, days: &mut Days<M>) -> Result<(), TooMuch> {
        let date = self.cursor.date;
        let walked = days.walking.take();
        let Some(count) = self.plain_days() else { return Ok(()) };
        let Some(mut state) = days.number(self.snapshot(), self.states.len(), self.task.compiled.caps.len())
        else {
            return Ok(());
        };
        if let Some((place, of, before)) = walked
            && of + 1 == date
        {
            days.learn(place, self.ledger.inner().minus(&before).ok_or(TooMuch)?, state);
        }
        let mut now = date;
        let mut today = self.plan_number(now);
        // Within one scope of every longer cap, days may be added up first.
        let by_day = self.task.compiled.caps.iter().any(|level| level.per == CapPer::Day);
        let (mut sum, rolling_7d) = (M::ZERO, self.cursor.keys(None).rolling_7d);
        let place = loop {
            if now - date >= count {
                break None;
            }
            let tomorrow = if self.task.compiled.midnight_cuts { 0 } else { self.plan_number(now + 1) };
            if today >= PLANS || tomorrow >= PLANS {
                break None;
            }
            let place = (usize::from(state) * PLANS + today) * PLANS + tomorrow;
            match days.known(place) {
                Some((kept, next)) if next == state && self.task.plans.is_one() && !by_day => {
                    // Every day to come is like this one.
                    let left = count - (now - date);
                    sum = kept.times(i64::from(left)).and_then(|all| sum.plus(&all)).ok_or(TooMuch)?;
                    now += left;
                    continue;
                }
                Some((kept, next)) => {
                    sum = sum.plus(kept).ok_or(TooMuch)?;
                    state = next;
                    if by_day {
                        self.ledger.lump(core::mem::replace(&mut sum, M::ZERO), now, rolling_7d)?;
                    }
                }
                _ => break Some(place),
            }
            now += 1;
            today = if self.task.compiled.midnight_cuts { self.plan_number(now) } else { tomorrow };
        };
        self.ledger.lump(sum, now, rolling_7d)?;
        if now > date
            && let Some(Some(snapshot)) = days.states.get(usize::from(state))
        {
            self.restore(snapshot, now);
        }
        days.walking = place.map(|place| (place, now, self.ledger.inner().clone()));
        Ok(())
    }

    /// How many days from the cursor's on have nothing special about them.
    fn plain_days(&self) -> Option<i32> {
        let (cursor, task) = (&self.cursor, &self.task);
        let settled = cursor.date == cursor.day
            && cursor.day_from_entry(cursor.date) >= task.compiled.longest_list.max(2)
            && cursor.offset_since_date < cursor.date - 1
            && self.next_exempt >= task.exempt.len()
            && self.ledger.first_seen();
        if !settled {
            return None;
        }
        let limit = task.exit.min(cursor.offset_end).min(cursor.part_7d_end);
        // A unit that begins on the last day may run through the day after it.
        let count = (limit - cursor.midnight) / DAY - 1;
        (count > 0).then_some(count as i32)
    }

    fn plan_number(&self, day: i32) -> usize {
        let types = self.task.calendar.map_or_else(|| weekends_only(day), |calendar| calendar.types_of(day));
        usize::from(self.task.plans.number(types, day))
    }

    fn snapshot(&self) -> Snapshot<M> {
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

    fn restore(&mut self, snapshot: &Snapshot<M>, date: i32) {
        let midnight = self.cursor.midnight + i64::from(date - self.cursor.date) * DAY;
        self.cursor.seek(midnight + snapshot.into_day);
        let rules = &self.task.compiled.rules;
        for index in 0..self.states.len() {
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
                .map(|window| (self.relative_scope(by, window.key, over_midnight), &window.sum));
            if let Some((key, sum)) = live.find(|(key, _)| *key != i32::MIN) {
                let window = relative.window(key);
                window.sum = sum.clone();
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
