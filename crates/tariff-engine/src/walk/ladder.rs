//! Flat prices and ladders of steps.

use parking_types::Amount;

use super::{
    Charge, Kind, Running, Sink, TooMuch, Walk,
    ledger::{UNMARKED, carry},
    window_bounds,
};
use crate::{
    compiled::{Part, Rule, Step, Unit},
    document::Once,
    money::{Exact, half_even},
};

/// What a rule remembers from segment to segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LadderState<M> {
    /// The run of the ladder that the figures belong to.
    pub(super) run: i32,
    /// How many steps have been entered in this run.
    pub(super) entered: u32,
    /// The chargeable time of this run.
    pub(super) time: i64,
    /// What the ladder charged in this run, before caps.
    pub(super) price: M,
    /// The scope in which the flat price was charged last.
    pub(super) flat_scope: i32,
    /// The window whose presence was counted last, and whether it was too short.
    pub(super) presence_key: i32,
    pub(super) presence_short: bool,
    /// What the rule charged in its latest windows. Two are kept: where the clock is set back, the end of a window
    /// may come again after the next one has opened.
    pub(super) windows: [WindowSum<M>; 2],
}

/// What a rule charged in one window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct WindowSum<M> {
    pub(super) key: i32,
    pub(super) sum: M,
    pub(super) mark: u32,
}

impl<M: Exact> WindowSum<M> {
    const NEW: Self = Self { key: i32::MIN, sum: M::ZERO, mark: UNMARKED };
}

impl<M: Exact> LadderState<M> {
    pub(crate) const NEW: Self = Self {
        run: i32::MIN,
        entered: 0,
        time: 0,
        price: M::ZERO,
        flat_scope: i32::MIN,
        presence_key: i32::MIN,
        presence_short: false,
        windows: [const { WindowSum::NEW }; 2],
    };

    /// The sum of the window with this key; the older of the two makes place for a new one.
    pub(super) fn window(&mut self, key: i32) -> &mut WindowSum<M> {
        let [first, second] = &mut self.windows;
        if first.key == key {
            return first;
        }
        if second.key == key {
            return second;
        }
        let older = if first.key <= second.key { first } else { second };
        *older = WindowSum { key, ..WindowSum::NEW };
        older
    }

    /// A day begins: what was cut in windows that are still open lies behind.
    pub(super) fn carry_marks(&mut self) {
        self.windows.iter_mut().for_each(|window| carry(&mut window.mark));
    }
}

/// How long into a step that may come something is charged first.
fn first_due(step: Option<&Step>) -> i64 {
    step.and_then(|step| step.unit).map_or(0, |unit| unit.next_cost(0))
}

/// A ladder's run under way.
struct Run<M> {
    entered: u32,
    time: i64,
    price: M,
}

impl<M: Exact, S: Sink<M>> Walk<'_, '_, M, S> {
    pub(super) fn flat(
        &mut self,
        index: u32,
        rule: &Rule,
        price: Amount,
        once: Once,
        at: i64,
        end: i64,
    ) -> Result<i64, TooMuch> {
        let scope = match once {
            Once::Window => self.cursor.window_key(rule.window),
            Once::Period => self.cursor.period(),
            Once::Stay => 0,
        };
        let Some(state) = self.states.get_mut(index as usize) else { return Ok(end) };
        if scope <= state.flat_scope {
            return Ok(end);
        }
        state.flat_scope = scope;
        let amount = self.task.scale.times(price.as_micros()).ok_or(TooMuch)?;
        if !S::LINES {
            self.lump(index, rule, at, amount)?;
            return Ok(end);
        }
        self.charge(
            rule,
            Charge {
                kind: Kind::Flat,
                rule: index,
                at,
                to: self.flat_end(rule, once, scope),
                amount,
                quantity: self.one(),
                price,
                types: self.cursor.types,
                keys: self.cursor.keys(rule.window),
            },
        )?;
        Ok(end)
    }

    /// The quantity one, where somebody asks for it.
    pub(super) fn one(&self) -> M {
        if S::LINES { self.task.scale.clone() } else { M::ZERO }
    }

    /// Until when a flat price that is charged at the cursor holds.
    fn flat_end(&self, rule: &Rule, once: Once, scope: i32) -> i64 {
        let end = match (once, rule.window) {
            (Once::Stay, _) => i64::MAX,
            (Once::Window, Some(window)) => {
                window_bounds(&self.document.zone, window, scope).map_or(i64::MAX, |(_, end)| end)
            }
            (Once::Window, None) | (Once::Period, _) => self.cursor.period_end(),
        };
        end.min(self.task.exit)
    }

    pub(super) fn ladder(
        &mut self,
        index: u32,
        rule: &Rule,
        steps: &[Step],
        adds: bool,
        mut at: i64,
        end: i64,
    ) -> Result<i64, TooMuch> {
        let run = self.ladder_run(rule);
        let Some(state) = self.states.get_mut(index as usize) else { return Ok(end) };
        if run > state.run {
            (state.run, state.entered, state.time, state.price) = (run, 0, 0, M::ZERO);
        }
        let (from, before) = (at, state.price.clone());
        let mut state = Run { entered: state.entered, time: state.time, price: before.clone() };
        while at < end {
            let Some(step) = self.enter(index, rule, steps, adds, &mut state, at)? else {
                if S::RUNNING && end == self.task.exit {
                    self.running(self.cursor.end);
                }
                at = end;
                break;
            };
            let room = step.end - state.time;
            match step.unit {
                None => {
                    let used = room.min(end - at);
                    state.time += used;
                    at += used;
                    if S::LINES && used == room {
                        self.ledger.left(index, at);
                    }
                    if S::RUNNING && at == self.task.exit {
                        let step_end = at.saturating_add(room - used);
                        let next = step_end.saturating_add(first_due(steps.get(state.entered as usize)));
                        self.ledger.running(Running { next, quiet: self.quiet(step_end) });
                    }
                }
                // The complete ones, and the last one.
                Some(unit) => {
                    while at < end && state.time < step.end {
                        let room = step.end - state.time;
                        let (used, charged) = self.units(index, rule, step, unit, at, end, room)?;
                        state.time += used;
                        state.price = state.price.plus(&charged).ok_or(TooMuch)?;
                        at += used;
                    }
                }
            }
        }
        if let Some(kept) = self.states.get_mut(index as usize) {
            (kept.entered, kept.time, kept.price) = (state.entered, state.time, state.price.clone());
        }
        if !S::LINES {
            // All that was charged counts in the same scopes, so that caps cut the sum as they would cut its parts.
            self.lump(index, rule, from, state.price.minus(&before).ok_or(TooMuch)?)?;
        }
        Ok(at)
    }

    /// Enters the steps that are reached at `at`, where more chargeable time follows, and returns the one that holds.
    fn enter<'c>(
        &mut self,
        index: u32,
        rule: &Rule,
        steps: &'c [Step],
        adds: bool,
        state: &mut Run<M>,
        at: i64,
    ) -> Result<Option<&'c Step>, TooMuch> {
        let current = (state.entered as usize).checked_sub(1).and_then(|index| steps.get(index));
        if let Some(step) = current
            && state.time < step.end
        {
            return Ok(Some(step));
        }
        let Some(step) = steps.get(state.entered as usize) else { return Ok(None) };
        state.entered += 1;
        if step.unit.is_none() {
            let price = self.task.scale.times(step.price.as_micros()).ok_or(TooMuch)?;
            let change = if adds { price } else { price.minus(&state.price).ok_or(TooMuch)? };
            state.price = state.price.plus(&change).ok_or(TooMuch)?;
            if S::LINES && change != M::ZERO {
                let to = self.restart_after(rule).min(self.task.exit);
                let price = half_even(&change, self.task.scale);
                self.charge(
                    rule,
                    Charge {
                        kind: Kind::Tier,
                        rule: index,
                        at,
                        to,
                        amount: change,
                        quantity: self.one(),
                        price,
                        types: self.cursor.types,
                        keys: self.cursor.keys(rule.window),
                    },
                )?;
            }
        }
        Ok(Some(step))
    }

    /// Charges units that start in `[at, end)`, all complete ones or a single one that is not; returns the time that they
    /// used and what they cost.
    #[allow(clippy::too_many_arguments)] // All seven are needed and belong to no common thing.
    fn units(
        &mut self,
        index: u32,
        rule: &Rule,
        step: &Step,
        unit: Unit,
        at: i64,
        end: i64,
        room: i64,
    ) -> Result<(i64, M), TooMuch> {
        let scale = self.task.scale;
        let price = step.price.as_micros();
        let inside = room.min(end - at);
        // Dividing is slow, and the last unit of nearly every stay is not complete.
        let inside = if inside < unit.every { 0 } else { inside / unit.every };
        let (used, quantity, amount) = if inside > 0 {
            let quantity = if S::LINES { scale.times(inside).ok_or(TooMuch)? } else { M::ZERO };
            let amount = scale.times(price).and_then(|price| price.times(inside)).ok_or(TooMuch)?;
            (inside * unit.every, quantity, amount)
        } else {
            let longest = at.saturating_add(unit.every.min(room));
            let used = self.unit_end(rule, at, longest) - at;
            let share = unit.share(used, scale);
            let amount = share.times(price).ok_or(TooMuch)?;
            (used, share, amount)
        };
        if S::RUNNING && at + used == self.task.exit {
            let part = if used < unit.every { used } else { 0 };
            self.running_in(unit, part, at.saturating_add(room));
        }
        if S::LINES && amount != M::ZERO {
            self.charge(
                rule,
                Charge {
                    kind: Kind::Unit,
                    rule: index,
                    at,
                    to: at + used,
                    amount: amount.clone(),
                    quantity,
                    price: step.price,
                    types: self.cursor.types,
                    keys: self.cursor.keys(rule.window),
                },
            )?;
        }
        Ok((used, amount))
    }

    /// Tells that the stay ends with so much of a unit used, or where the next one begins, in a step that ends at `step_end`.
    #[inline(never)]
    fn running_in(&mut self, unit: Unit, used: i64, step_end: i64) {
        let begun = self.task.exit - used;
        let next = begun.saturating_add(unit.next_cost(used)).min(step_end);
        let quiet = if matches!(unit.partial, Part::Nothing) { next - 1 } else { next };
        self.ledger.running(Running { next, quiet: self.quiet(quiet) });
    }

    /// Where a unit that starts at `at` ends: at `longest`, or where something cuts it first.
    fn unit_end(&mut self, rule: &Rule, at: i64, longest: i64) -> i64 {
        let (exempt_from, _) = self.exempt(at);
        let end = longest.min(self.task.exit).min(exempt_from);
        // Windows, rules and ladders change only where a segment ends.
        if end <= self.cursor.end {
            return end;
        }
        let end = end.min(self.restart_after(rule));
        if rule.split { self.split_end(rule, end) } else { end }
    }

    /// Where the window of the rule at the cursor closes or another rule takes over, at most `end`.
    fn split_end(&self, rule: &Rule, end: i64) -> i64 {
        let mut ahead = self.cursor.clone();
        let (in_force, window) = (ahead.rule, ahead.window_key(rule.window));
        while ahead.end < end {
            let boundary = ahead.end;
            ahead.seek(boundary);
            if ahead.rule != in_force || ahead.window_key(rule.window) != window {
                return boundary;
            }
        }
        end
    }

    /// Takes what a rule charges from `at` on in the segment at the cursor, where nobody asks for the parts.
    #[inline(always)]
    fn lump(&mut self, index: u32, rule: &Rule, at: i64, amount: M) -> Result<(), TooMuch> {
        if amount == M::ZERO {
            return Ok(());
        }
        if self.task.compiled.uncapped {
            return self.ledger.add(&amount);
        }
        self.charge(
            rule,
            Charge {
                kind: Kind::Unit,
                rule: index,
                at,
                to: at,
                amount,
                quantity: M::ZERO,
                price: Amount::ZERO,
                types: self.cursor.types,
                keys: self.cursor.keys(rule.window),
            },
        )
    }

    /// Takes a charge into the ledger, or keeps it until all are there where they come out of order.
    #[inline(always)]
    pub(super) fn charge(&mut self, rule: &Rule, charge: Charge<M>) -> Result<(), TooMuch> {
        if self.task.compiled.volume {
            self.ledger.wait(charge);
            return Ok(());
        }
        let window = match rule.cap {
            None => None,
            Some(cap) => {
                self.states.get_mut(charge.rule as usize).map(|state| (cap, state.window(charge.keys.window)))
            }
        };
        self.ledger.count(&charge, window)
    }
}
