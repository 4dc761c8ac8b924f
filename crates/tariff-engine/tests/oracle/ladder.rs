//! The walk: free time, flats, steps and units, instant by instant.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::document::{Charge, Free, FreePer, Partial, Step, Tariff, Tiers, Unit};
use super::pieces::Piece;
use super::quantity::{ratio, whole, zero};
use super::stay::Stay;
use super::{Nanos, Q, volume};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    Flat,
    Tier,
    Unit,
}

/// Something that the rules charge, before any cap.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// When the unit started, the step was reached: decides every scope.
    pub(crate) at: Nanos,
    pub(crate) to: Nanos,
    pub(crate) kind: Kind,
    pub(crate) rule: usize,
    pub(crate) quantity: Q,
    pub(crate) unit_price: Q,
    pub(crate) amount: Q,
}

#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) events: Vec<Event>,
    /// Free time taken, by local date.
    pub(crate) free: BTreeMap<NaiveDate, Nanos>,
    /// The first chargeable instant that is not free.
    pub(crate) first_chargeable: Option<Nanos>,
}

/// One ladder since it last started.
#[derive(Default)]
struct Ladder {
    chargeable: Nanos,
    sum: Option<Q>,
    reached: BTreeSet<usize>,
}

struct Walker<'a> {
    tariff: &'a Tariff,
    stay: &'a Stay,
    pieces: &'a [Piece],
    ladders: BTreeMap<(usize, i64), Ladder>,
    flats: BTreeSet<(usize, i64)>,
    volumes: BTreeMap<(usize, i64), Vec<(Nanos, Nanos)>>,
    free_taken: BTreeMap<i64, Nanos>,
    walk: Walk,
}

pub(crate) fn walk(tariff: &Tariff, stay: &Stay, pieces: &[Piece]) -> Walk {
    let mut walker = Walker {
        tariff,
        stay,
        pieces,
        ladders: BTreeMap::new(),
        flats: BTreeSet::new(),
        volumes: BTreeMap::new(),
        free_taken: BTreeMap::new(),
        walk: Walk { events: Vec::new(), free: BTreeMap::new(), first_chargeable: None },
    };
    let mut index = 0;
    let mut at = pieces[0].from;
    while index < pieces.len() {
        at = walker.advance(index, at);
        while index < pieces.len() && pieces[index].to <= at {
            index += 1;
        }
    }
    let mut walk = walker.walk;
    for ((rule, _), runs) in &walker.volumes {
        let Charge::Steps { steps, .. } = &tariff.rules[*rule].charge else { unreachable!() };
        walk.events.extend(volume::events(*rule, steps, runs));
    }
    walk.events.sort_by_key(|event| event.at);
    walk
}

impl Walker<'_> {
    /// Does what happens at `at`, which lies in the piece of this index, and says where to go on.
    fn advance(&mut self, index: usize, at: Nanos) -> Nanos {
        let piece = &self.pieces[index];
        let Some(rule) = piece.chargeable(self.tariff) else { return piece.to };
        let free = self.free_left(piece).min(piece.to - at);
        if free > 0 {
            let scope = self.free_scope(piece);
            *self.free_taken.entry(scope).or_default() += free;
            *self.walk.free.entry(piece.day).or_default() += free;
            return at + free;
        }
        self.walk.first_chargeable.get_or_insert(at);
        match &self.tariff.rules[rule].charge {
            Charge::Nothing => piece.to,
            Charge::Flat { price, once } => {
                let key = piece.key(rule, *once).unwrap();
                if self.flats.insert((rule, key)) {
                    self.push(Kind::Flat, rule, at, piece.to, whole(1), price.clone(), price.clone());
                }
                piece.to
            }
            Charge::Steps { tiers: Tiers::Volume, .. } => {
                let key = piece.key(rule, self.tariff.rules[rule].ladder).unwrap();
                self.volumes.entry((rule, key)).or_default().push((at, piece.to));
                piece.to
            }
            Charge::Steps { tiers, steps } => self.climb(index, at, rule, *tiers, steps),
        }
    }

    /// One fixed step up to the end of the piece, or one whole unit.
    fn climb(&mut self, index: usize, at: Nanos, rule: usize, tiers: Tiers, steps: &[Step]) -> Nanos {
        let piece = &self.pieces[index];
        let key = piece.key(rule, self.tariff.rules[rule].ladder).unwrap();
        let ladder = self.ladders.entry((rule, key)).or_default();
        let chargeable = ladder.chargeable;
        let sum = ladder.sum.clone().unwrap_or_else(zero);
        // The step in which the chargeable time will be just after this instant.
        let here = steps.iter().position(|step| step.upto.is_none_or(|upto| chargeable < upto));
        let Some((number, step)) = here.map(|number| (number, &steps[number])) else {
            ladder.chargeable += piece.to - at;
            return piece.to;
        };
        let left = step.upto.map_or(Nanos::MAX, |upto| upto - chargeable);
        match &step.unit {
            None => {
                let length = left.min(piece.to - at);
                ladder.chargeable += length;
                if ladder.reached.insert(number) {
                    let change = if tiers == Tiers::Total { &step.price - &sum } else { step.price.clone() };
                    ladder.sum = Some(sum + &change);
                    let end = at + length;
                    self.push(Kind::Tier, rule, at, end, whole(1), change.clone(), change);
                }
                at + length
            }
            Some(unit) => {
                let end = self.unit_end(index, at, rule, unit.every.min(left));
                let part = part(unit, end - at);
                let amount = &step.price * &part;
                let ladder = self.ladders.get_mut(&(rule, key)).unwrap();
                ladder.chargeable += end - at;
                ladder.sum = Some(sum + &amount);
                self.push(Kind::Unit, rule, at, end, part, step.price.clone(), amount);
                end
            }
        }
    }

    /// Where a unit that starts at `at` ends: after its length, or at the first cut.
    fn unit_end(&self, index: usize, at: Nanos, rule: usize, length: Nanos) -> Nanos {
        let its = &self.tariff.rules[rule];
        let start = &self.pieces[index];
        for piece in &self.pieces[index + 1..] {
            if piece.from - at >= length {
                break;
            }
            let ladder = piece.key(rule, its.ladder);
            let starts_again = ladder.is_some() && ladder != start.key(rule, its.ladder);
            let window_closes = piece.windows[rule] != start.windows[rule];
            if piece.exempt || starts_again || (its.split && (window_closes || piece.rule != Some(rule))) {
                return piece.from;
            }
        }
        let exit = self.pieces[self.pieces.len() - 1].to;
        if exit - at < length { exit } else { at + length }
    }

    fn free_scope(&self, piece: &Piece) -> i64 {
        match self.tariff.free.as_ref().map(|free| free.per) {
            None | Some(FreePer::Stay) => 0,
            Some(FreePer::Period) => piece.period,
            Some(FreePer::Day) => super::time::number(piece.day),
        }
    }

    /// The free time that is left in the scope of this piece.
    fn free_left(&self, piece: &Piece) -> Nanos {
        let Some(Free { length, per, first }) = &self.tariff.free else { return 0 };
        let allowed = match per {
            FreePer::Stay => *length,
            FreePer::Period if piece.period == self.pieces[0].period => first.unwrap_or(*length),
            FreePer::Period => *length,
            FreePer::Day => length - self.stay.figures(piece.day).free,
        };
        let taken = self.free_taken.get(&self.free_scope(piece)).copied().unwrap_or_default();
        (allowed - taken).max(0)
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of an event, once")]
    fn push(&mut self, kind: Kind, rule: usize, at: Nanos, to: Nanos, quantity: Q, unit_price: Q, amount: Q) {
        if amount != zero() {
            self.walk.events.push(Event { at, to, kind, rule, quantity, unit_price, amount });
        }
    }
}

/// Which part of a unit's price is charged when so much of it was used.
pub(crate) fn part(unit: &Unit, used: Nanos) -> Q {
    if used >= unit.every {
        return whole(1);
    }
    match unit.partial {
        Partial::Up => whole(1),
        Partial::Down => zero(),
        Partial::ProRata => ratio(used, unit.every),
        Partial::Over(limit) => whole(i64::from(used > limit)),
        Partial::Step(step) => {
            let steps = (used + step - 1) / step;
            ratio(steps.saturating_mul(step), unit.every).min(whole(1))
        }
    }
}
