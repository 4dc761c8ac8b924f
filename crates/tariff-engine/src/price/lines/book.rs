//! Lines in the making, and the cuts of caps beside them, still in fractions.
//!
//! A book is filled charge by charge. A day of a long stay may be written on a page of its own, a book that does not know
//! what came before it; it is added to the stay's book then, and once more for each later day that is charged alike.

use parking_types::{Amount, Instant, Span};

use crate::{
    DayTypes, Line, LineKind,
    compiled::DAY,
    document::{CapPer, Document},
    few::Few,
    money::{Exact, half_even},
    walk::{CARRIED, Charge, CutFrom, Kind, Later, UNMARKED},
};

/// The quantity of what is charged once.
const ONE: Amount = Amount::from_micros(1_000_000);
/// The place of a fixed step's line that has ended, or that was never written.
const NOWHERE: usize = usize::MAX;
/// For how many lines room is made before they are there: other days may have none.
const MOST_EXPECTED: usize = 1 << 14;

pub(super) struct Book<'a, M> {
    /// Of charges, in the order in which they count.
    pub(super) lines: Vec<Line<'a>>,
    /// The last line, where it is of units that may go on.
    growing: Option<Growing<M>>,
    /// The rules that charged fixed steps, with the place of the last one's line.
    tiers: Few<(u32, usize), 2>,
    pub(super) cuts: Few<Cut<M>, 2>,
    /// Where the cuts of yesterday and today begin: those of scopes that are still open are not before.
    since: [usize; 2],
    page: Option<Margin<M>>,
    /// The figures did not hold a sum.
    pub(super) too_much: bool,
}

/// What a cap took away in one scope.
#[derive(Clone)]
pub(super) struct Cut<M> {
    pub(super) from: CutFrom,
    pub(super) amount: M,
    /// The cap had taken something away before the page began.
    carried: bool,
}

/// Units of one price, one after the other, in fractions.
#[derive(Clone)]
struct Growing<M> {
    rule: u32,
    quantity: M,
    amount: M,
}

/// What a page says about what came before it.
struct Margin<M> {
    /// The first line, where it is of units: they may go on with those of the line before.
    first: Option<Growing<M>>,
    /// Rules whose fixed step from before has ended, and when.
    left: Vec<(u32, i64)>,
}

impl<'a, M: Exact> Book<'a, M> {
    pub(super) fn new() -> Self {
        Self {
            // Most receipts have no more lines, and those of long stays grow by doubling.
            lines: Vec::with_capacity(8),
            growing: None,
            tiers: Few::new(),
            cuts: Few::new(),
            since: [0; 2],
            page: None,
            too_much: false,
        }
    }

    pub(super) fn page() -> Self {
        let margin = Margin { first: None, left: Vec::new() };
        Self { page: Some(margin), ..Self::new() }
    }

    pub(super) fn charge(&mut self, charge: &Charge<M>, document: &'a Document, scale: &M) {
        let (from, to) = (Instant::from_nanos(charge.at), Instant::from_nanos(charge.to));
        let amount = half_even(&charge.amount, scale);
        let line = |kind| Line {
            rule: document.rules.get(charge.rule as usize).map(|rule| &*rule.id),
            day: Some(charge.types),
            quantity: Some(ONE),
            unit_price: Some(charge.price),
            ..Line::new(kind, (from, to), amount)
        };
        if charge.kind == Kind::Unit {
            if !self.goes_on(charge.rule, charge.at, charge.price, Some(charge.types)) {
                self.end_line(scale);
                self.lines.push(line(LineKind::Unit));
                let (quantity, amount) = (charge.quantity.clone(), charge.amount.clone());
                self.growing = Some(Growing { rule: charge.rule, quantity, amount });
                return;
            }
            return self.grow(to, &charge.quantity, &charge.amount, scale);
        }
        self.end_line(scale);
        let shown = amount != Amount::ZERO;
        if charge.kind == Kind::Tier {
            self.note_tier(charge.rule, if shown { self.lines.len() } else { NOWHERE });
        }
        if shown {
            self.lines.push(line(if charge.kind == Kind::Tier { LineKind::Tier } else { LineKind::Flat }));
        }
    }

    /// Whether units go on with those of the last line.
    #[inline]
    fn goes_on(&self, rule: u32, at: i64, price: Amount, types: Option<DayTypes>) -> bool {
        self.growing.as_ref().is_some_and(|growing| growing.rule == rule)
            && self.lines.last().is_some_and(|last| {
                last.to.as_nanos() == at && last.unit_price == Some(price) && last.day == types
            })
    }

    /// Adds units to those of the last line.
    #[inline]
    fn grow(&mut self, to: Instant, quantity: &M, amount: &M, scale: &M) {
        if let (Some(growing), Some(last)) = (&mut self.growing, self.lines.last_mut()) {
            add(&mut growing.amount, amount, &mut self.too_much);
            add(&mut growing.quantity, quantity, &mut self.too_much);
            last.to = to;
            last.amount = half_even(&growing.amount, scale);
        }
    }

    /// Makes the last line whole, if it is of units: none are added any more, and what costs nothing needs no line.
    pub(super) fn end_line(&mut self, scale: &M) {
        let Some(growing) = self.growing.take() else { return };
        if let (Some(margin), [_]) = (&mut self.page, self.lines.as_slice()) {
            margin.first = Some(growing);
            return;
        }
        let Some(last) = self.lines.last_mut() else { return };
        if last.amount == Amount::ZERO {
            self.lines.pop();
            return;
        }
        // To six decimals.
        match growing.quantity.times(1_000_000) {
            Some(millionths) => last.quantity = Some(half_even(&millionths, scale)),
            None => self.too_much = true,
        }
    }

    /// Makes the last line whole where it ended before `at`.
    pub(super) fn end_line_before(&mut self, at: Instant, scale: &M) {
        if self.lines.last().is_some_and(|last| last.to < at) {
            self.end_line(scale);
        }
    }

    /// Notes where the line of a rule's last fixed step will be.
    fn note_tier(&mut self, rule: u32, place: usize) {
        let known = self.tiers.iter_mut().find(|(of, _)| *of == rule).map(|(_, known)| *known = place);
        if known.is_none() {
            self.tiers.push((rule, place));
        }
    }

    /// The fixed step that ends is the last one that the rule reached; a step that changed nothing has no line, and the
    /// line before it ended when that step was reached.
    pub(super) fn left(&mut self, rule: u32, at: i64) {
        match self.tiers.iter_mut().find(|(of, _)| *of == rule) {
            Some((_, place)) => {
                if let Some(tier) = self.lines.get_mut(core::mem::replace(place, NOWHERE)) {
                    tier.to = tier.to.min(Instant::from_nanos(at));
                }
            }
            None => {
                if let Some(margin) = &mut self.page {
                    margin.left.push((rule, at));
                }
            }
        }
    }

    pub(super) fn cut(&mut self, from: CutFrom, mark: &mut u32, amount: &M) {
        let carried = *mark == CARRIED;
        if carried {
            *mark = self.find_cut(from).unwrap_or(UNMARKED);
        }
        match self.cuts.get_mut(*mark as usize) {
            Some(cut) => add(&mut cut.amount, amount, &mut self.too_much),
            None => {
                *mark = self.cuts.len() as u32;
                self.cuts.push(Cut { from, amount: amount.clone(), carried });
            }
        }
    }

    /// Where a scope that was open at midnight was cut before.
    fn find_cut(&self, from: CutFrom) -> Option<u32> {
        let [yesterday, _] = self.since;
        let mut open = yesterday..self.cuts.len();
        open.find(|place| self.cuts.get(*place).is_some_and(|cut| cut.from == from)).map(|place| place as u32)
    }

    /// Makes room for days to come, by what the days behind have, and for the lines of their cuts.
    pub(super) fn expect(&mut self, behind: usize, ahead: usize) {
        let room = |now: usize| (now.saturating_mul(ahead) / behind.max(1)).min(MOST_EXPECTED);
        let (lines, cuts) = (room(self.lines.len()), room(self.cuts.len()));
        self.lines.reserve(lines + cuts + (lines + cuts) / 8);
        self.cuts.reserve(cuts + cuts / 8);
    }

    /// Adds a page as a later day.
    pub(super) fn add_page(&mut self, page: &Self, later: Later, document: &Document, scale: &M) {
        let Some(margin) = &page.page else { return };
        let nanos = later.nanos;
        for (rule, at) in &margin.left {
            self.left(*rule, *at + nanos);
        }
        let span = Span::from_nanos(nanos);
        let moved = |line: &Line<'a>| Line { from: line.from + span, to: line.to + span, ..*line };
        let (mut rest, mut before) = (page.lines.as_slice(), 0);
        let first = margin.first.as_ref().or(page.growing.as_ref().filter(|_| rest.len() == 1));
        if let (Some(units), Some((line, others))) = (first, rest.split_first()) {
            (rest, before) = (others, 1);
            self.add_first(moved(line), units, scale);
        }
        let base = self.lines.len();
        if !rest.is_empty() {
            self.end_line(scale);
            self.lines.extend(rest.iter().map(moved));
            self.growing.clone_from(&page.growing);
        }
        // Chained iterators run from the inside: a loop around them asks each time in which list it stands.
        page.tiers.iter().for_each(|(rule, place)| {
            let place = place.checked_sub(before).map_or(NOWHERE, |place| place.saturating_add(base));
            self.note_tier(*rule, place);
        });
        self.add_cuts(page, later, document);
        self.too_much |= page.too_much;
    }

    /// Adds units of one price that may go on with those of the last line.
    fn add_first(&mut self, line: Line<'a>, units: &Growing<M>, scale: &M) {
        let price = line.unit_price.unwrap_or(Amount::ZERO);
        if self.goes_on(units.rule, line.from.as_nanos(), price, line.day) {
            return self.grow(line.to, &units.quantity, &units.amount, scale);
        }
        self.end_line(scale);
        self.lines.push(line);
        self.growing = Some(units.clone());
    }

    fn add_cuts(&mut self, page: &Self, later: Later, document: &Document) {
        let [_, yesterday] = self.since;
        self.since = [yesterday, self.cuts.len()];
        page.cuts.iter().for_each(|cut| {
            let from = CutFrom { scope: cut.from.scope + later.scopes(cut.from, document), ..cut.from };
            self.cut(from, &mut if cut.carried { CARRIED } else { UNMARKED }, &cut.amount);
        });
    }
}

impl Later {
    /// How many scopes like this one lie between: dates, or 24 h from entry. They differ where a zone skipped a date.
    fn scopes(self, from: CutFrom, document: &Document) -> i32 {
        let windowless = || document.rules.get(from.rule as usize).is_some_and(|rule| rule.window.is_none());
        let by_hours = match from.per {
            CapPer::Rolling24h => true,
            CapPer::Period => document.rolling,
            CapPer::Rule => document.rolling && windowless(),
            CapPer::NaturalDay | CapPer::Day | CapPer::Rolling7d | CapPer::Stay => false,
        };
        // Parts of 24 h lie alike on both days, so that this is a whole number of them.
        if by_hours { (self.nanos / DAY) as i32 } else { self.days }
    }
}

/// Adds to a sum; where the figures do not hold it, that is noted.
pub(super) fn add<M: Exact>(sum: &mut M, more: &M, too_much: &mut bool) {
    match sum.plus(more) {
        Some(both) => *sum = both,
        None => *too_much = true,
    }
}
