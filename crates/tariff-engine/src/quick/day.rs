//! A day's pieces one after the other.

use parking_types::Amount;

use super::Quick;
use crate::{
    compiled::{DAY, Piece, Rule, RuleCharge, Step, Unit},
    document::{Once, Restart, Window},
    money::Exact,
};

/// What a rule remembers within a stay.
#[derive(Clone, Copy)]
pub(super) struct State<M> {
    /// The run of the ladder that the figures belong to.
    run: i32,
    entered: u32,
    time: i64,
    price: M,
    /// The scope in which the flat price was charged last.
    flat_scope: i32,
    /// The window that was charged last, and what it charged before the rule's cap.
    window: i32,
    charged: M,
}

impl<M: Exact> State<M> {
    pub(super) const NEW: Self = Self {
        run: i32::MIN,
        entered: 0,
        time: 0,
        price: M::ZERO,
        flat_scope: i32::MIN,
        window: i32::MIN,
        charged: M::ZERO,
    };
}

/// A natural day.
#[derive(Clone, Copy)]
pub(super) struct Day {
    /// From entry.
    pub(super) number: i32,
    pub(super) midnight: i64,
}

impl Day {
    pub(super) fn next(self) -> Self {
        self.later(1)
    }

    pub(super) fn later(self, days: i32) -> Self {
        Self { number: self.number + days, midnight: self.midnight + i64::from(days) * DAY }
    }
}

/// Where a stay has come to.
pub(super) struct Walk<'a, M> {
    pub(super) quick: &'a Quick,
    pub(super) rules: &'a [Rule],
    /// How many fractions make a millionth.
    pub(super) scale: M,
    pub(super) at: i64,
    pub(super) exit: i64,
    pub(super) free_left: i64,
    /// There was chargeable time after free time.
    pub(super) chargeable: bool,
}

/// A piece of a day under one rule.
struct Ground<'r> {
    rule: &'r Rule,
    /// The date from entry that names the rule's window; of a rule without one, the period.
    window: i32,
    period: i32,
    /// Where the piece ends.
    piece_end: i64,
    /// Where the piece or the stay ends.
    end: i64,
    day: Day,
}

impl<M: Exact + Copy> Walk<'_, M> {
    /// Goes to the end of the day or of the stay, and says what the charges that begin there come to after the caps of
    /// rules. There are as many `states` as rules.
    #[inline(always)]
    pub(super) fn day(&mut self, states: &mut [State<M>], plan: &[Piece], day: Day) -> Option<M> {
        if day.number > 0
            && let Some(free) = self.quick.free_later
        {
            self.free_left = free;
        }
        let mut sum = M::ZERO;
        for piece in plan {
            let piece_end = day.midnight + piece.end;
            let end = piece_end.min(self.exit);
            if self.at >= end {
                continue;
            }
            let index = piece.rule as usize;
            let (Some(rule), Some(state)) = (self.rules.get(index), states.get_mut(index)) else {
                self.at = end;
                continue;
            };
            if matches!(rule.charge, RuleCharge::None) {
                self.at = end;
                continue;
            }
            if self.free_left > 0 {
                let taken = self.free_left.min(end - self.at);
                self.free_left -= taken;
                self.at += taken;
                if self.at == end {
                    continue;
                }
            }
            self.chargeable = true;
            let period = if self.quick.rolling { 0 } else { day.number };
            let window = rule.window.map_or(period, |window| window_key(window, day, self.at));
            let ground = Ground { rule, window, period, piece_end, end, day };
            let charged = match &rule.charge {
                RuleCharge::Flat { price, once } => self.flat(&ground, state, *price, *once)?,
                RuleCharge::Ladder { adds, steps } => self.ladder(&ground, state, steps, *adds)?,
                RuleCharge::None | RuleCharge::Volume(_) => return None,
            };
            let kept = match rule.cap {
                Some(cap) => state.keep(window, self.scale.times(cap.as_micros())?, charged)?,
                None => charged,
            };
            sum = sum.plus(&kept)?;
        }
        Some(sum)
    }

    fn flat(&mut self, ground: &Ground<'_>, state: &mut State<M>, price: Amount, once: Once) -> Option<M> {
        self.at = ground.end;
        let scope = match once {
            Once::Window => ground.window,
            Once::Period => ground.period,
            Once::Stay => 0,
        };
        if scope <= state.flat_scope {
            return Some(M::ZERO);
        }
        state.flat_scope = scope;
        self.scale.times(price.as_micros())
    }

    fn ladder(&mut self, ground: &Ground<'_>, state: &mut State<M>, steps: &[Step], adds: bool) -> Option<M> {
        let run = match ground.rule.restart {
            Restart::Stay => 0,
            Restart::Window => ground.window,
            Restart::Period => ground.period,
        };
        if run > state.run {
            (state.run, state.entered, state.time, state.price) = (run, 0, 0, M::ZERO);
        }
        let before = state.price;
        while self.at < ground.end {
            let current = (state.entered as usize).checked_sub(1).and_then(|index| steps.get(index));
            let step = match current {
                Some(step) if state.time < step.end => step,
                _ => {
                    let Some(step) = steps.get(state.entered as usize) else {
                        self.at = ground.end;
                        break;
                    };
                    state.entered += 1;
                    if step.unit.is_none() {
                        let price = self.scale.times(step.price.as_micros())?;
                        state.price = if adds { state.price.plus(&price)? } else { price };
                    }
                    step
                }
            };
            match step.unit {
                None => {
                    let used = (step.end - state.time).min(ground.end - self.at);
                    state.time += used;
                    self.at += used;
                }
                Some(unit) => self.units(ground, state, step, unit)?,
            }
        }
        state.price.minus(&before)
    }

    /// Charges the units of a step that start in the piece.
    #[inline(always)]
    fn units(&mut self, ground: &Ground<'_>, state: &mut State<M>, step: &Step, unit: Unit) -> Option<()> {
        let price = self.scale.times(step.price.as_micros())?;
        // First the complete ones, then one that is not.
        let inside = (step.end - state.time).min(ground.end - self.at);
        if inside >= unit.every {
            let complete = inside / unit.every;
            let used = complete * unit.every;
            state.time += used;
            self.at += used;
            state.price = state.price.plus(&price.times(complete)?)?;
        }
        let room = step.end - state.time;
        if self.at < ground.end && room > 0 {
            let longest = self.at.saturating_add(unit.every.min(room)).min(self.exit);
            let used = ground.unit_end(longest, self.quick.rolling) - self.at;
            state.time += used;
            self.at += used;
            let share = unit.share(used, &self.scale);
            state.price = state.price.plus(&share.times(step.price.as_micros())?)?;
        }
        Some(())
    }
}

impl<M: Exact + Copy> State<M> {
    /// Takes a charge, and says how much more the rule's cap leaves of what it charged in the window.
    fn keep(&mut self, window: i32, cap: M, charge: M) -> Option<M> {
        if self.window != window {
            (self.window, self.charged) = (window, M::ZERO);
        }
        let before = self.charged;
        self.charged = before.plus(&charge)?;
        self.charged.min(cap).minus(&before.min(cap))
    }
}

impl Ground<'_> {
    /// Where a unit ends that would end at `longest` if nothing cut it.
    fn unit_end(&self, longest: i64, rolling: bool) -> i64 {
        // Windows, rules and ladders change only where a piece ends.
        if longest <= self.piece_end {
            return longest;
        }
        let restart = match (self.rule.restart, self.rule.window) {
            (Restart::Stay, _) => i64::MAX,
            (Restart::Window, Some(window)) => {
                self.day.later(self.window + 1 - self.day.number).midnight + nanos(window.from)
            }
            // The first period of 24 h is as long as the stay at least.
            (Restart::Window, None) | (Restart::Period, _) if rolling => i64::MAX,
            (Restart::Window, None) | (Restart::Period, _) => self.day.next().midnight,
        };
        let cut = if self.rule.split { self.piece_end } else { i64::MAX };
        longest.min(restart).min(cut)
    }
}

/// The date from entry that names the window at an instant of the day.
fn window_key(window: Window, day: Day, at: i64) -> i32 {
    let since_yesterday = window.over_midnight() && at - day.midnight < nanos(window.from);
    day.number - i32::from(since_yesterday)
}

fn nanos(secs: u32) -> i64 {
    i64::from(secs) * 1_000_000_000
}
