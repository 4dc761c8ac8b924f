//! The calculation: a walk from boundary to boundary, the same code for totals and for receipts.
//!
//! The walk moves a [`Cursor`] over segments. In each it asks which rule is in force, takes free time off, and lets the
//! rule's ladder consume the rest; units inside a segment are counted by division. Charges go through the [`Ledger`],
//! which applies the caps and tells a [`Sink`] what was charged: a sink that keeps nothing makes the total cost no
//! allocation, one that keeps lines makes the receipt.

mod cursor;
mod days;
mod ladder;
mod ledger;
mod pages;
mod volume;

use parking_types::{Date, Span};

use crate::{
    Calendar, Tariff,
    compiled::{Compiled, PlanSet, Rule, RuleCharge},
    document::{Document, FreePer, Restart},
    money::Exact,
    stay::Used,
};

use cursor::window_bounds;
pub(crate) use cursor::{Cursor, Ground, Keys, start_of, window_pieces};
pub(crate) use days::{DaysByWidth, Remembered};
pub(crate) use ladder::LadderState;
pub(crate) use ledger::{
    AtExit, CARRIED, Charge, CutFrom, Kind, Later, Ledger, NoLines, Running, Sink, UNMARKED,
};
use ledger::{LEVELS, LevelState};

/// What there is to walk: the floored stay, with its exempt time merged.
pub(crate) struct Task<'a, M> {
    pub(crate) tariff: &'a Tariff,
    pub(crate) compiled: &'a Compiled,
    /// How many fractions make a millionth.
    pub(crate) scale: &'a M,
    pub(crate) plans: &'a PlanSet,
    pub(crate) calendar: Option<&'a Calendar>,
    pub(crate) entry: i64,
    pub(crate) exit: i64,
    /// Ascending, apart from each other, none empty, all within the stay.
    pub(crate) exempt: &'a [(i64, i64)],
    pub(crate) used: &'a [(Date, Used)],
}

/// What a walk found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found<M> {
    /// The charges after caps, in fractions.
    pub(crate) charged: M,
    /// There is chargeable time after free time.
    pub(crate) first_chargeable: bool,
    /// The least that the caps leave at the first chargeable instant after free time; `None` where no cap limits.
    pub(crate) first_limit: Option<M>,
}

/// The figures do not hold a sum; wider ones may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMuch;

/// Walks a stay.
#[inline]
pub(crate) fn walk<M: Remembered, S: Sink<M>>(task: &Task<'_, M>, sink: &mut S) -> Result<Found<M>, TooMuch> {
    if task.compiled.caps.is_empty() {
        return walk_with_levels(task, &mut [], sink);
    }
    walk_with_levels(task, &mut [const { LevelState::NEW }; LEVELS], sink)
}

#[inline]
fn walk_with_levels<M: Remembered, S: Sink<M>>(
    task: &Task<'_, M>,
    levels: &mut [LevelState<M>],
    sink: &mut S,
) -> Result<Found<M>, TooMuch> {
    // States of few rules live on the stack, in no more room than they need: it is written anew for each stay.
    match task.compiled.rules.len() {
        0..=1 => walk_with(task, &mut [const { LadderState::NEW }; 1], levels, sink),
        2..=4 => walk_with(task, &mut [const { LadderState::NEW }; 4], levels, sink),
        5..=8 => walk_with(task, &mut [const { LadderState::NEW }; 8], levels, sink),
        9..=16 => walk_with(task, &mut [const { LadderState::NEW }; 16], levels, sink),
        rules => walk_with(task, &mut vec![LadderState::NEW; rules], levels, sink),
    }
}

/// There are at least as many `states` as rules, and as many `levels` as caps.
fn walk_with<M: Remembered, S: Sink<M>>(
    task: &Task<'_, M>,
    states: &mut [LadderState<M>],
    levels: &mut [LevelState<M>],
    sink: &mut S,
) -> Result<Found<M>, TooMuch> {
    let document = task.tariff.document();
    let ground =
        Ground { zone: &document.zone, calendar: task.calendar, plans: task.plans, entry: task.entry };
    // Made where it stays: it is large for the few dozen steps that most stays are.
    let mut walk = Walk {
        task,
        document,
        cursor: Cursor::new(&ground, document, task.compiled),
        states,
        ledger: Ledger::new(task, levels, sink),
        free_scope: i32::MIN,
        free_left: 0,
        next_exempt: 0,
        pending: Vec::new(),
    };
    walk.ledger.entry_day = walk.cursor.begin(task.tariff);
    if task.compiled.volume {
        walk.pending.resize(walk.states.len(), None);
    }
    walk.run()
}

struct Walk<'a, 's, M, S> {
    task: &'a Task<'a, M>,
    document: &'a Document,
    cursor: Cursor<'a>,
    states: &'s mut [LadderState<M>],
    ledger: Ledger<'a, 's, M, S>,
    free_scope: i32,
    free_left: i64,
    /// The first exempt interval that has not been passed.
    next_exempt: usize,
    /// The unit under way of each rule that prices by volume.
    pending: Vec<Option<volume::Pending>>,
}

impl<M: Remembered, S: Sink<M>> Walk<'_, '_, M, S> {
    fn run(&mut self) -> Result<Found<M>, TooMuch> {
        if self.counts_days() {
            self.walk_days()?;
        } else if self.keeps_pages() {
            self.walk_pages()?;
        } else {
            while self.go_on()? {}
        }
        self.end_volumes()?;
        self.ledger.finish(self.states)
    }
}

impl<M: Exact, S: Sink<M>> Walk<'_, '_, M, S> {
    /// Prices the segment at the cursor and moves on to the next; `false` at the exit.
    #[inline(always)]
    fn go_on(&mut self) -> Result<bool, TooMuch> {
        let at = self.cursor.at;
        let (exempt_from, exempt_to) = self.exempt(at);
        let next = if exempt_from <= at {
            exempt_to
        } else {
            let end = self.cursor.end.min(self.task.exit).min(exempt_from);
            self.segment(at, end)?
        };
        if next >= self.task.exit {
            return Ok(false);
        }
        self.cursor.seek(next);
        Ok(true)
    }

    /// Tells that the stay ends where nothing is charged before `next`, in this segment.
    #[inline(never)]
    fn running(&mut self, next: i64) {
        let quiet = self.quiet(next);
        self.ledger.running(Running { next, quiet });
    }

    /// The last exit at which what is under way at the stay's has the same price, if by itself it has up to `until`.
    fn quiet(&self, until: i64) -> i64 {
        let exit = self.task.exit;
        // What runs on beyond its segment may be cut there at any time.
        if exit <= self.cursor.end { until.min(self.cursor.end).max(exit) } else { exit }
    }

    /// Tells where some rule charges after an exit in time that costs nothing, if that is near.
    #[inline(never)]
    fn look_ahead(&mut self) {
        let mut ahead = self.cursor.clone();
        for _ in 0..8 {
            ahead.seek(ahead.end);
            let rule = self.task.compiled.rules.get(ahead.rule as usize);
            if rule.is_some_and(|rule| !matches!(rule.charge, RuleCharge::None)) {
                return self.running(ahead.at);
            }
        }
    }

    /// Prices from `at` on, up to `end` or, where a unit runs on, beyond; returns how far it came.
    fn segment(&mut self, at: i64, end: i64) -> Result<i64, TooMuch> {
        let (index, exit) = (self.cursor.rule, self.task.exit);
        let rule = self.task.compiled.rules.get(index as usize);
        let Some(rule) = rule.filter(|rule| !matches!(rule.charge, RuleCharge::None)) else {
            if S::RUNNING && end == exit {
                self.look_ahead();
            }
            return Ok(end);
        };
        if rule.min_overlap > 0 && self.too_short(index, rule) {
            return Ok(end);
        }
        if let Some(free) = self.document.free {
            let left = self.free_left(free.per);
            if left > 0 {
                let taken = left.min(end - at);
                self.free_left -= taken;
                self.ledger.free(self.cursor.day, taken);
                if S::RUNNING && at + taken == exit {
                    self.running(exit.saturating_add(left - taken));
                }
                return Ok(at + taken);
            }
        }
        if !self.ledger.first_seen() {
            self.ledger.chargeable(&self.cursor, self.document.minimum.is_some())?;
        }
        match &rule.charge {
            RuleCharge::None => Ok(end),
            RuleCharge::Flat { price, once } => {
                if S::RUNNING && end == exit {
                    self.running(self.cursor.end);
                }
                self.flat(index, rule, *price, *once, at, end)
            }
            RuleCharge::Ladder { adds, steps } => self.ladder(index, rule, steps, *adds, at, end),
            RuleCharge::Volume(steps) => self.volume(index, rule, steps, at, end),
        }
    }

    /// The next exempt interval that ends after `at`; one at the end of time where there is none.
    #[inline]
    fn exempt(&mut self, at: i64) -> (i64, i64) {
        loop {
            match self.task.exempt.get(self.next_exempt) {
                Some((_, to)) if *to <= at => self.next_exempt += 1,
                Some(interval) => return *interval,
                None => return (i64::MAX, i64::MAX),
            }
        }
    }

    /// The free time left in the scope at the cursor.
    fn free_left(&mut self, per: FreePer) -> i64 {
        let Some(free) = self.document.free else { return 0 };
        let scope = match per {
            FreePer::Stay => 0,
            FreePer::Period => self.cursor.period(),
            FreePer::Day => self.cursor.day,
        };
        if scope != self.free_scope {
            self.free_scope = scope;
            self.free_left = match per {
                FreePer::Stay => free.length,
                FreePer::Period if scope == 0 => free.first,
                FreePer::Period => free.length,
                FreePer::Day => free.length - used_on(self.task.used, scope).free,
            }
            .as_nanos();
        }
        self.free_left
    }

    /// Whether the stay is present in the rule's window at the cursor for less than the rule wants.
    fn too_short(&mut self, index: u32, rule: &Rule) -> bool {
        let key = self.cursor.window_key(rule.window);
        if let Some(state) = self.states.get(index as usize)
            && state.presence_key == key
        {
            return state.presence_short;
        }
        let (entry, exit) = (self.task.entry, self.task.exit);
        let zone = &self.document.zone;
        let mut present = 0;
        let mut add = |from: i64, to: i64| present += (to.min(exit) - from.max(entry)).max(0);
        match rule.window {
            Some(window) => window_pieces(zone, window, key, add),
            None => {
                let (from, to) = self.period_bounds(key);
                add(from, to);
            }
        }
        let short = present < rule.min_overlap;
        if let Some(state) = self.states.get_mut(index as usize) {
            (state.presence_key, state.presence_short) = (key, short);
        }
        short
    }

    /// The beginning and the end of a period, which may lie outside the stay.
    fn period_bounds(&self, period: i32) -> (i64, i64) {
        period_bounds(
            self.document,
            self.task.entry,
            self.cursor.day - self.cursor.day_from_entry(self.cursor.day),
            period,
        )
    }

    /// When the rule's ladder starts again, after the cursor.
    fn restart_after(&self, rule: &Rule) -> i64 {
        match (rule.restart, rule.window) {
            (Restart::Stay, _) => i64::MAX,
            (Restart::Window, Some(window)) => self.cursor.next_opening(window),
            (Restart::Window, None) | (Restart::Period, _) => self.cursor.period_end(),
        }
    }

    /// The number of the ladder's run at the cursor: a greater one than before has started again.
    fn ladder_run(&self, rule: &Rule) -> i32 {
        match rule.restart {
            Restart::Stay => 0,
            Restart::Window => self.cursor.window_key(rule.window),
            Restart::Period => self.cursor.period(),
        }
    }
}

/// The beginning and the end of a period counted from the natural day of entry.
pub(crate) fn period_bounds(document: &Document, entry: i64, entry_day: i32, period: i32) -> (i64, i64) {
    if document.rolling {
        let from = entry + i64::from(period) * crate::compiled::DAY;
        (from, from + crate::compiled::DAY)
    } else {
        (start_of(&document.zone, entry_day + period), start_of(&document.zone, entry_day + period + 1))
    }
}

/// What the plate used on a natural day before this stay.
pub(crate) fn used_on(used: &[(Date, Used)], day: i32) -> Used {
    let on = Date::from_days(day);
    used.iter()
        .find(|(date, _)| *date == on)
        .map_or(Used { stays: 0, free: Span::ZERO, ..Used::default() }, |(_, used)| *used)
}
