//! Ladders that price by volume: the step in which the chargeable time ends prices all of it.
//!
//! The chargeable time `c` is cut at multiples of the unit and at the ends of steps. Each part's change of the price
//! counts at the instant at which the part begins, which may be long before the part ends: other rules may charge in
//! between. So charges come out of order and the ledger sorts them.

use super::{Charge, Keys, Kind, Sink, TooMuch, Walk};
use crate::{
    calendar::DayTypes,
    compiled::{Rule, RuleCharge, Step},
    money::{Exact, half_even},
};

/// The part of a ladder that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    run: i32,
    /// The chargeable time so far.
    time: i64,
    /// Where the part began.
    began: i64,
    at: i64,
    /// Until when it has used time.
    to: i64,
    types: DayTypes,
    keys: Keys,
}

impl<M: Exact, S: Sink<M>> Walk<'_, '_, M, S> {
    pub(super) fn volume(
        &mut self,
        index: u32,
        rule: &Rule,
        steps: &[Step],
        at: i64,
        end: i64,
    ) -> Result<i64, TooMuch> {
        let run = self.ladder_run(rule);
        let (types, keys) = (self.cursor.types, self.cursor.keys(rule.window));
        let fresh = |time| Pending { run, time, began: time, at, to: at, types, keys };
        let mut part = match self.pending.get(index as usize).copied().flatten() {
            Some(part) if part.run >= run => part,
            before => {
                if let Some(part) = before {
                    self.end_part(index, rule, steps, part)?;
                }
                fresh(0)
            }
        };
        let mut now = at;
        while now < end {
            let Some(step) = steps.iter().find(|step| part.time < step.end) else { break };
            if part.time == part.began {
                // A part begins here, and with it perhaps many whole units.
                (part.types, part.keys) = (types, keys);
                now = self.whole_units(index, rule, step, &mut part, now, end)?;
                (part.at, part.to) = (now, now);
                if now >= end || part.time >= step.end {
                    continue;
                }
            }
            let part_end = part_end(step, part.time);
            let used = (part_end - part.time).min(end - now);
            part.time += used;
            now += used;
            part.to = now;
            if part.time == part_end {
                self.end_part(index, rule, steps, part)?;
                part.began = part.time;
            }
        }
        if let Some(slot) = self.pending.get_mut(index as usize) {
            *slot = Some(part);
        }
        Ok(end)
    }

    /// Charges the whole units that begin and end in the segment at once; the first unit of a step is left alone, as the
    /// change to the step's price comes with it.
    fn whole_units(
        &mut self,
        index: u32,
        rule: &Rule,
        step: &Step,
        part: &mut Pending,
        now: i64,
        end: i64,
    ) -> Result<i64, TooMuch> {
        let Some(unit) = step.unit else { return Ok(now) };
        let follows_a_unit = part.began > step.start || step.start == 0;
        let begins_in_step = follows_a_unit && part.began % unit.every == 0;
        let count = (step.end - part.time).min(end - now) / unit.every;
        if !begins_in_step || count == 0 {
            return Ok(now);
        }
        let used = count * unit.every;
        let scale = self.task.scale;
        let charge = Charge {
            kind: Kind::Unit,
            rule: index,
            at: now,
            to: now + used,
            amount: scale
                .times(step.price.as_micros())
                .and_then(|price| price.times(count))
                .ok_or(TooMuch)?,
            quantity: if S::LINES { scale.times(count).ok_or(TooMuch)? } else { M::ZERO },
            price: step.price,
            types: part.types,
            keys: part.keys,
        };
        if charge.amount != M::ZERO {
            self.charge(rule, charge)?;
        }
        part.time += used;
        part.began = part.time;
        Ok(now + used)
    }

    /// Charges the part of a ladder that ends: the change of the price since it began.
    fn end_part(&mut self, index: u32, rule: &Rule, steps: &[Step], part: Pending) -> Result<(), TooMuch> {
        if part.time == part.began {
            return Ok(());
        }
        let scale = self.task.scale;
        let Some(step) = steps.iter().find(|step| part.began < step.end) else { return Ok(()) };
        let before = value(steps, part.began, scale)?;
        let change = value(steps, part.time, scale)?.minus(&before).ok_or(TooMuch)?;
        let charge = Charge {
            kind: Kind::Tier,
            rule: index,
            at: part.at,
            to: part.to,
            price: half_even(&change, scale),
            amount: change,
            quantity: self.one(),
            types: part.types,
            keys: part.keys,
        };
        let Some(unit) = step.unit else {
            return if charge.amount == M::ZERO { Ok(()) } else { self.charge(rule, charge) };
        };
        // The unit itself, and apart from it what entering the step changes about all time before.
        let before = part.began / unit.every;
        let share = unit.share(part.time - before * unit.every, scale);
        let of_unit = share.times(step.price.as_micros()).ok_or(TooMuch)?;
        let of_step = charge.amount.minus(&of_unit).ok_or(TooMuch)?;
        if of_step != M::ZERO {
            let price = half_even(&of_step, scale);
            self.charge(rule, Charge { amount: of_step, price, ..charge.clone() })?;
        }
        if of_unit != M::ZERO {
            self.charge(
                rule,
                Charge { kind: Kind::Unit, amount: of_unit, quantity: share, price: step.price, ..charge },
            )?;
        }
        Ok(())
    }

    /// Charges what is under way at the exit.
    pub(super) fn end_volumes(&mut self) -> Result<(), TooMuch> {
        for index in 0..self.pending.len() {
            let Some(part) = self.pending.get(index).copied().flatten() else { continue };
            let Some(rule) = self.task.compiled.rules.get(index) else { continue };
            if let RuleCharge::Volume(steps) = &rule.charge {
                self.end_part(index as u32, rule, steps, part)?;
            }
        }
        Ok(())
    }
}

/// Where the part that holds at chargeable time `time` ends: at the next multiple of the unit or the end of the step.
fn part_end(step: &Step, time: i64) -> i64 {
    match step.unit {
        None => step.end,
        Some(unit) => (time / unit.every).saturating_add(1).saturating_mul(unit.every).min(step.end),
    }
}

/// What the chargeable time `time` costs.
fn value<M: Exact>(steps: &[Step], time: i64, scale: &M) -> Result<M, TooMuch> {
    if time == 0 {
        return Ok(M::ZERO);
    }
    let Some(step) = steps.iter().find(|step| time <= step.end).or(steps.last()) else { return Ok(M::ZERO) };
    let time = time.min(step.end);
    let Some(unit) = step.unit else { return scale.times(step.price.as_micros()).ok_or(TooMuch) };
    let (whole, rest) = (time / unit.every, time % unit.every);
    let part = if rest == 0 { M::ZERO } else { unit.share(rest, scale) };
    let quantity = scale.times(whole).and_then(|whole| whole.plus(&part));
    quantity.and_then(|quantity| quantity.times(step.price.as_micros())).ok_or(TooMuch)
}
