//! Caps, one stage after the other, over the charges in the order of their instants.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::document::{Cap, CapPer, Tariff};
use super::ladder::Event;
use super::pieces::Piece;
use super::quantity::zero;
use super::stay::Stay;
use super::time::{DAY, number};
use super::{Nanos, Q};

/// One scope of one cap: charged and kept so far, with what other stays were charged.
struct Scope {
    charged: Q,
    kept: Q,
    /// What it took away, negative.
    cut: Q,
}

#[derive(Debug)]
pub(crate) struct Capped {
    /// What is left of each event, in their order.
    pub(crate) kept: Vec<Q>,
    /// What each cap and scope took away: rule, from, to, amount (negative).
    pub(crate) cuts: Vec<Cut>,
}

#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) rule: Option<usize>,
    pub(crate) from: Nanos,
    pub(crate) to: Nanos,
    pub(crate) amount: Q,
}

const ORDER: [CapPer; 7] = [
    CapPer::Rule,
    CapPer::Period,
    CapPer::NaturalDay,
    CapPer::Rolling24h,
    CapPer::Rolling7d,
    CapPer::Stay,
    CapPer::Day,
];

pub(crate) fn apply(tariff: &Tariff, stay: &Stay, pieces: &[Piece], events: &[Event]) -> Capped {
    let mut capped =
        Capped { kept: events.iter().map(|event| event.amount.clone()).collect(), cuts: Vec::new() };
    for per in ORDER {
        if per == CapPer::Rule {
            stage(&mut capped, pieces, stay, events, per, &|piece, event| {
                let cap = tariff.rules[event.rule].cap.clone()?;
                Some((Some(event.rule), piece.windows[event.rule]?, cap))
            });
        }
        for cap in tariff.caps.iter().filter(|cap| cap.per == per) {
            stage(&mut capped, pieces, stay, events, per, &|piece, _| {
                Some((None, key(per, pieces, piece), amount(cap, pieces, piece)))
            });
        }
    }
    capped
}

/// The rule (of a rule's own cap), the scope and the amount of a cap at an event in a piece.
type ScopeOf<'a> = &'a dyn Fn(&Piece, &Event) -> Option<(Option<usize>, i64, Q)>;

fn stage(
    capped: &mut Capped,
    pieces: &[Piece],
    stay: &Stay,
    events: &[Event],
    per: CapPer,
    scope_of: ScopeOf<'_>,
) {
    let mut scopes: BTreeMap<(Option<usize>, i64), Scope> = BTreeMap::new();
    for (event, left) in events.iter().zip(&mut capped.kept) {
        let piece = &pieces[piece_at(pieces, event.at)];
        let Some((rule, key, amount)) = scope_of(piece, event) else { continue };
        let scope = scopes.entry((rule, key)).or_insert_with(|| {
            let used = if per == CapPer::Day { day_charged(stay, piece.day) } else { zero() };
            Scope { kept: used.clone().min(amount.clone()), charged: used, cut: zero() }
        });
        scope.charged += &*left;
        let keeps = scope.charged.clone().min(amount);
        let change = &keeps - &scope.kept;
        scope.kept = keeps;
        scope.cut += &change - &*left;
        *left = change;
    }
    for ((rule, key), scope) in scopes {
        if scope.cut != zero() {
            let (from, to) = extent(pieces, per, rule, key);
            capped.cuts.push(Cut { rule, from, to, amount: scope.cut });
        }
    }
}

pub(crate) fn piece_at(pieces: &[Piece], at: Nanos) -> usize {
    pieces.partition_point(|piece| piece.to <= at).min(pieces.len() - 1)
}

/// What names the scope of a cap at a piece.
fn key(per: CapPer, pieces: &[Piece], piece: &Piece) -> i64 {
    let entry = pieces[0].from;
    match per {
        CapPer::Rule => unreachable!("named by its window"),
        CapPer::Period => piece.period,
        CapPer::NaturalDay | CapPer::Day => number(piece.day),
        CapPer::Rolling24h => (piece.from - entry) / DAY,
        CapPer::Rolling7d => (piece.from - entry) / (7 * DAY),
        CapPer::Stay => 0,
    }
}

/// The amount of a cap in its scope at a piece: the 1st, 2nd … scope is counted from entry.
pub(crate) fn amount(cap: &Cap, pieces: &[Piece], piece: &Piece) -> Q {
    if cap.amounts.len() == 1 {
        return cap.amounts[0].clone();
    }
    let here = key(cap.per, pieces, piece);
    let mut seen: Vec<i64> = Vec::new();
    for earlier in pieces {
        let key = key(cap.per, pieces, earlier);
        if !seen.contains(&key) {
            seen.push(key);
        }
        if key == here || seen.len() > cap.amounts.len() {
            break;
        }
    }
    let nth = seen.iter().position(|key| *key == here).unwrap_or(cap.amounts.len());
    cap.amount(nth).clone()
}

/// From and to of a scope within the stay.
fn extent(pieces: &[Piece], per: CapPer, rule: Option<usize>, wanted: i64) -> (Nanos, Nanos) {
    let inside = |piece: &&Piece| match rule {
        Some(rule) => piece.windows[rule] == Some(wanted),
        None => key(per, pieces, piece) == wanted,
    };
    let first = pieces.iter().find(inside).unwrap();
    let last = pieces.iter().rev().find(inside).unwrap();
    (first.from, last.to)
}

/// The smallest amount that the caps of the tariff leave at an instant.
pub(crate) fn room(tariff: &Tariff, stay: &Stay, pieces: &[Piece], at: Nanos) -> Option<Q> {
    let piece = &pieces[piece_at(pieces, at)];
    let left = |cap: &Cap| {
        let amount = amount(cap, pieces, piece);
        if cap.per == CapPer::Day { (amount - day_charged(stay, piece.day)).max(zero()) } else { amount }
    };
    tariff.caps.iter().map(left).min()
}

fn day_charged(stay: &Stay, date: NaiveDate) -> Q {
    stay.figures(date).charged
}
