//! The receipt's lines, as the walk charges them.

use parking_types::{Amount, Date, Instant, Span};

use super::{
    Asked, Source,
    settle::{Change, Witness},
};
use crate::{
    Calendar, DocumentRef, Line, LineKind, PriceError, Receipt, Stay, Tariff,
    compiled::DAY,
    document::{CapPer, Document},
    few::Few,
    money::{Exact, half_even},
    stay::Used,
    walk::{self, Charge, CutFrom, Kind, Remembered, Sink, period_bounds, start_of, window_pieces},
};

/// The receipt of a stay, without the next change, and where a unit that the exit cuts would have ended.
pub(super) fn receipt<'a>(
    tariff: &'a Tariff,
    calendar: Option<&'a Calendar>,
    stay: &'a Stay,
) -> Result<(Receipt<'a>, Option<(i64, bool)>), PriceError> {
    let asked = Asked::new(tariff, calendar, stay, stay.exit)?;
    let exit = asked.final_payment().map_or(asked.exit, |(last, _)| last);
    in_exact!(asked, scale, receipt_in(&asked, exit, scale))
}

fn receipt_in<'a, M: Remembered>(
    asked: &Asked<'a>,
    exit: Instant,
    scale: &M,
) -> Result<(Receipt<'a>, Option<(i64, bool)>), PriceError> {
    let (tariff, calendar, stay) = (asked.tariff, asked.calendar, asked.stay);
    let mut kept = Kept::new(asked.document, scale);
    let source = asked.source(exit, scale, &mut kept)?;
    kept.end_line();
    if kept.too_much {
        return Err(PriceError::OVERFLOW);
    }
    let mut lines = asked.lines(&source, &mut kept, scale, exit)?;
    let mut changes = Changes { lines: &mut lines, from: asked.entry, to: exit };
    let total = asked.settle(&source, scale, &mut changes)?;
    close(&mut lines, total, asked.entry, exit);
    let paid = asked.paid();
    let receipt = Receipt {
        id: stay.id.as_deref(),
        entry: asked.entry,
        exit: asked.exit,
        currency: tariff.currency(),
        total,
        paid,
        due: total.saturating_sub(paid).at_least_zero(),
        overpaid: paid.saturating_sub(total).at_least_zero(),
        lines,
        next_change: None,
        used: asked.used(&source, &kept, scale)?,
        tariff: DocumentRef { id: tariff.id(), digest: tariff.digest() },
        calendar,
        zone: tariff.zone(),
    };
    Ok((receipt, kept.running))
}

/// What the walk charged: its lines, and the sums beside them still in fractions.
struct Kept<'a, 's, M> {
    document: &'a Document,
    scale: &'s M,
    /// Of charges, in the order in which they count.
    lines: Vec<Line<'a>>,
    /// The last line, where it is of units that may go on.
    growing: Option<Growing<M>>,
    /// The rules that charged fixed steps, with the place of the last one's line; a place of none where it has ended.
    tiers: Few<(u32, usize), 2>,
    cuts: Few<(CutFrom, M), 2>,
    /// What is kept after caps by natural day, ascending.
    days: Few<(i32, M), 2>,
    /// Free time used by natural day, ascending.
    free: Few<(i32, i64), 2>,
    running: Option<(i64, bool)>,
    /// The figures did not hold a sum.
    too_much: bool,
}

/// Units of one price, one after the other, in fractions.
struct Growing<M> {
    rule: u32,
    quantity: M,
    amount: M,
}

impl<'a, 's, M: Exact> Kept<'a, 's, M> {
    fn new(document: &'a Document, scale: &'s M) -> Self {
        Self {
            document,
            scale,
            // Most receipts have no more lines, and those of long stays grow by doubling.
            lines: Vec::with_capacity(8),
            growing: None,
            tiers: Few::new(),
            cuts: Few::new(),
            days: Few::new(),
            free: Few::new(),
            running: None,
            too_much: false,
        }
    }

    /// Whether units go on with those of the last line.
    fn goes_on(&self, charge: &Charge<M>) -> bool {
        let of_rule = self.growing.as_ref().is_some_and(|growing| growing.rule == charge.rule);
        of_rule
            && charge.kind == Kind::Unit
            && self.lines.last().is_some_and(|last| {
                last.to.as_nanos() == charge.at
                    && last.unit_price == Some(charge.price)
                    && last.day == Some(charge.types)
            })
    }

    /// Adds units to those of the last line.
    fn grow(&mut self, charge: &Charge<M>) {
        if let (Some(growing), Some(last)) = (&mut self.growing, self.lines.last_mut()) {
            add(&mut growing.amount, &charge.amount, &mut self.too_much);
            add(&mut growing.quantity, &charge.quantity, &mut self.too_much);
            last.to = Instant::from_nanos(charge.to);
            last.amount = half_even(&growing.amount, self.scale);
        }
    }

    /// Makes the last line whole, if it is of units: none are added any more, and what costs nothing needs no line.
    fn end_line(&mut self) {
        let (Some(growing), Some(last)) = (self.growing.take(), self.lines.last_mut()) else { return };
        if last.amount == Amount::ZERO {
            self.lines.pop();
            return;
        }
        // To six decimals.
        match growing.quantity.times(1_000_000) {
            Some(millionths) => last.quantity = Some(half_even(&millionths, self.scale)),
            None => self.too_much = true,
        }
    }

    /// Notes where the line of a rule's last fixed step will be.
    fn note_tier(&mut self, rule: u32, place: usize) {
        let known = self.tiers.iter_mut().find(|(of, _)| *of == rule).map(|(_, known)| *known = place);
        if known.is_none() {
            self.tiers.push((rule, place));
        }
    }
}

/// Adds to a sum; where the figures do not hold it, that is noted.
fn add<M: Exact>(sum: &mut M, more: &M, too_much: &mut bool) {
    match sum.plus(more) {
        Some(both) => *sum = both,
        None => *too_much = true,
    }
}

impl<M: Exact> Sink<M> for Kept<'_, '_, M> {
    const LINES: bool = true;

    fn charge(&mut self, charge: &Charge<M>) {
        if self.goes_on(charge) {
            return self.grow(charge);
        }
        self.end_line();
        let amount = half_even(&charge.amount, self.scale);
        let shown = amount != Amount::ZERO || charge.kind == Kind::Unit;
        let kind = match charge.kind {
            Kind::Flat => LineKind::Flat,
            Kind::Tier => {
                self.note_tier(charge.rule, if shown { self.lines.len() } else { usize::MAX });
                LineKind::Tier
            }
            Kind::Unit => {
                let (quantity, amount) = (charge.quantity.clone(), charge.amount.clone());
                self.growing = Some(Growing { rule: charge.rule, quantity, amount });
                LineKind::Unit
            }
        };
        if shown {
            self.lines.push(Line {
                rule: self.document.rules.get(charge.rule as usize).map(|rule| &*rule.id),
                day: Some(charge.types),
                quantity: Some(ONE),
                unit_price: Some(charge.price),
                ..Line::new(kind, (Instant::from_nanos(charge.at), Instant::from_nanos(charge.to)), amount)
            });
        }
    }

    fn left(&mut self, rule: u32, at: i64) {
        // The step that ends is the last one that this rule reached; a step that changed nothing has no line, and the
        // line before it ended when that step was reached.
        let Some((_, place)) = self.tiers.iter_mut().find(|(of, _)| *of == rule) else { return };
        if let Some(tier) = self.lines.get_mut(core::mem::replace(place, usize::MAX)) {
            tier.to = tier.to.min(Instant::from_nanos(at));
        }
    }

    fn running(&mut self, end: i64, complete: bool) {
        self.running = Some((end, complete));
    }

    fn cut(&mut self, from: CutFrom, mark: &mut u32, amount: M) {
        match self.cuts.get_mut(*mark as usize) {
            Some((_, sum)) => add(sum, &amount, &mut self.too_much),
            None => {
                *mark = self.cuts.len() as u32;
                self.cuts.push((from, amount));
            }
        }
    }

    fn kept(&mut self, day: i32, amount: M) {
        match self.days.last_mut() {
            Some((last, sum)) if *last == day => add(sum, &amount, &mut self.too_much),
            _ => self.days.push((day, amount)),
        }
    }

    fn free(&mut self, day: i32, taken: i64) {
        match self.free.last_mut() {
            Some((last, sum)) if *last == day => *sum += taken,
            _ => self.free.push((day, taken)),
        }
    }
}

impl<'a> Asked<'a> {
    /// The lines of everything before the changes by people.
    fn lines<M: Exact>(
        &self,
        source: &Source<M>,
        kept: &mut Kept<'a, '_, M>,
        scale: &M,
        exit: Instant,
    ) -> Result<Vec<Line<'a>>, PriceError> {
        let whole = |kind, rule, amount| Line { rule, ..Line::new(kind, (self.entry, exit), amount) };
        let (charged, with_minimum) = match source {
            Source::Free => return Ok(Vec::new()),
            Source::Instead(amount) => return Ok(vec![whole(LineKind::Instead, None, *amount)]),
            Source::Package(index, price) => {
                let id = self.document.packages.get(*index).map(|package| &*package.id);
                return Ok(vec![whole(LineKind::Package, id, *price)]);
            }
            Source::Calculated { charged, with_minimum } => (charged, with_minimum),
        };
        let mut lines = core::mem::take(&mut kept.lines);
        let charges = lines.len();
        for (from, amount) in kept.cuts.iter().filter(|(_, amount)| *amount != M::ZERO) {
            let taken = M::ZERO.minus(amount).ok_or(PriceError::OVERFLOW)?;
            let line = self.cut_line(*from, half_even(&taken, scale), exit);
            // Scopes are cut nearly in the order in which they begin.
            let before = |earlier: &&Line<'a>| (earlier.from, earlier.cap) > (line.from, line.cap);
            let later = lines.iter().skip(charges).rev().take_while(before).count();
            lines.insert(lines.len() - later, line);
        }
        if with_minimum != charged {
            let lifted = with_minimum.minus(charged).ok_or(PriceError::OVERFLOW)?;
            lines.push(whole(LineKind::Minimum, None, half_even(&lifted, scale)));
        }
        Ok(lines)
    }

    fn cut_line(&self, cut: CutFrom, amount: Amount, exit: Instant) -> Line<'a> {
        let (entry, entry_day) = (self.entry.as_nanos(), self.entry_day());
        let zone = &self.document.zone;
        let scope = i64::from(cut.scope);
        let rule = self.document.rules.get(cut.rule as usize).filter(|_| cut.per == CapPer::Rule);
        let (from, to) = match cut.per {
            CapPer::Rule => match rule.and_then(|rule| rule.window) {
                Some(window) => {
                    let mut bounds = (i64::MAX, i64::MIN);
                    window_pieces(zone, window, cut.scope, |from, to| {
                        let (from, to) = (from.max(entry), to.min(exit.as_nanos()));
                        if from < to {
                            bounds = (bounds.0.min(from), bounds.1.max(to));
                        }
                    });
                    bounds
                }
                None => period_bounds(self.document, entry, entry_day, cut.scope),
            },
            CapPer::Period => period_bounds(self.document, entry, entry_day, cut.scope),
            CapPer::NaturalDay | CapPer::Day => (start_of(zone, cut.scope), start_of(zone, cut.scope + 1)),
            CapPer::Rolling24h => (entry + scope * DAY, entry + (scope + 1) * DAY),
            CapPer::Rolling7d => (entry + scope * 7 * DAY, entry + (scope + 1) * 7 * DAY),
            CapPer::Stay => (i64::MIN, i64::MAX),
        };
        let within = (Instant::from_nanos(from).max(self.entry), Instant::from_nanos(to).min(exit));
        Line {
            rule: rule.map(|rule| &*rule.id),
            cap: Some(cut.per),
            ..Line::new(LineKind::Cap, within, amount)
        }
    }

    /// What the plate has used after the stay, for every local date of it.
    fn used<M: Exact>(
        &self,
        source: &Source<M>,
        kept: &Kept<'a, '_, M>,
        scale: &M,
    ) -> Result<Vec<(Date, Used)>, PriceError> {
        let last = (self.exit - Span::from_nanos(1)).max(self.entry);
        let (first, last) = (self.entry_day(), self.tariff.natural_day(last.as_nanos()));
        let calculated = matches!(source, Source::Calculated { .. });
        let daily_free = self.document.free.is_some_and(|free| free.per == crate::document::FreePer::Day);
        let mut used = Vec::with_capacity((last - first + 1).max(0) as usize);
        // Both lists are ascending, and what they have is of days of the stay.
        let (mut next_kept, mut next_free) = (0, 0);
        for day in first..=last {
            let date = Date::from_days(day);
            if day > first && day < last && self.tariff.never_was(day) {
                continue;
            }
            let before = walk::used_on(&self.stay.used, day);
            let mut charged = M::ZERO;
            if let Some((_, sum)) = kept.days.get(next_kept).filter(|(of, _)| calculated && *of == day) {
                (charged, next_kept) = (sum.clone(), next_kept + 1);
            }
            let mut taken = 0;
            if let Some((_, sum)) = kept.free.get(next_free).filter(|(of, _)| calculated && *of == day) {
                (taken, next_free) = (*sum, next_free + 1);
            }
            let sum = scale.times(before.charged.as_micros()).and_then(|sum| sum.plus(&charged));
            let sum = sum.ok_or(PriceError::OVERFLOW)?.max(M::ZERO);
            let taken = before.free + Span::from_nanos(if daily_free { taken } else { 0 });
            used.push((
                date,
                Used {
                    stays: before.stays.saturating_add(u64::from(day == first)),
                    free: Span::from_secs(taken.as_secs()),
                    charged: half_even(&sum, scale),
                },
            ));
        }
        Ok(used)
    }
}

/// The quantity of what is charged once.
const ONE: Amount = Amount::from_micros(1_000_000);

/// Makes lines of the changes by people.
struct Changes<'l, 'a> {
    lines: &'l mut Vec<Line<'a>>,
    from: Instant,
    to: Instant,
}

impl<M: Exact> Witness<M> for Changes<'_, '_> {
    fn change(&mut self, change: Change<'_, M>) -> Option<()> {
        let amount = change.changed.difference(change.before)?;
        if amount != Amount::ZERO {
            let line = Line::new(change.kind, (self.from, self.to), amount);
            self.lines.push(Line { quantity: change.quantity, ..line });
        }
        Some(())
    }
}

/// Adds the rounding line that makes the lines add up to the total.
fn close(lines: &mut Vec<Line<'_>>, total: Amount, from: Instant, to: Instant) {
    let sum: i128 = lines.iter().map(|line| i128::from(line.amount.as_micros())).sum();
    let rest = i128::from(total.as_micros()) - sum;
    if rest != 0 {
        lines.push(Line::new(LineKind::Rounding, (from, to), half_even(&rest, &1)));
    }
}
