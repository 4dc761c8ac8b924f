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
    let mut kept = Kept::new();
    let source = asked.source(exit, scale, &mut kept)?;
    if kept.too_much {
        return Err(PriceError::OVERFLOW);
    }
    let mut lines = asked.lines(&source, &kept, scale, exit)?;
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

/// What the walk charged, still in fractions.
struct Kept<M> {
    charges: Few<Charge<M>, 4>,
    cuts: Few<(CutFrom, M), 2>,
    /// What is kept after caps by natural day, ascending.
    days: Few<(i32, M), 2>,
    /// Free time used by natural day, ascending.
    free: Few<(i32, i64), 2>,
    running: Option<(i64, bool)>,
    /// The figures did not hold a sum.
    too_much: bool,
}

impl<M: Exact> Kept<M> {
    fn new() -> Self {
        Self {
            charges: Few::new(),
            cuts: Few::new(),
            days: Few::new(),
            free: Few::new(),
            running: None,
            too_much: false,
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

impl<M: Exact> Sink<M> for Kept<M> {
    const LINES: bool = true;

    fn charge(&mut self, charge: &Charge<M>) {
        if let Some(last) = self.charges.last_mut()
            && last.kind == Kind::Unit
            && charge.kind == Kind::Unit
            && (last.to, last.rule, last.price, last.types)
                == (charge.at, charge.rule, charge.price, charge.types)
        {
            last.to = charge.to;
            add(&mut last.amount, &charge.amount, &mut self.too_much);
            add(&mut last.quantity, &charge.quantity, &mut self.too_much);
            return;
        }
        self.charges.push(charge.clone());
    }

    fn left(&mut self, rule: u32, at: i64) {
        // The step that ends is the last one that this rule reached; a step that changed nothing has no line, and the
        // line before it ended when that step was reached.
        let open = self.charges.iter_mut().rev().find(|charge| charge.rule == rule);
        if let Some(tier) = open.filter(|charge| charge.kind == Kind::Tier && charge.to > at) {
            tier.to = at;
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
        kept: &Kept<M>,
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
        let mut lines = Vec::with_capacity(kept.charges.len() + kept.cuts.len() + 4);
        for charge in kept.charges.iter() {
            let line = charge_line(self.document, charge, scale).ok_or(PriceError::OVERFLOW)?;
            if line.amount != Amount::ZERO {
                lines.push(line);
            }
        }
        let cuts = lines.len();
        for (from, amount) in kept.cuts.iter().filter(|(_, amount)| *amount != M::ZERO) {
            let taken = M::ZERO.minus(amount).ok_or(PriceError::OVERFLOW)?;
            lines.push(self.cut_line(*from, half_even(&taken, scale), exit));
        }
        if let Some(cuts) = lines.get_mut(cuts..) {
            cuts.sort_by_key(|line| (line.from, line.cap));
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
        kept: &Kept<M>,
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

fn charge_line<'a, M: Exact>(document: &'a Document, charge: &Charge<M>, scale: &M) -> Option<Line<'a>> {
    let kind = match charge.kind {
        Kind::Flat => LineKind::Flat,
        Kind::Tier => LineKind::Tier,
        Kind::Unit => LineKind::Unit,
    };
    let within = (Instant::from_nanos(charge.at), Instant::from_nanos(charge.to));
    Some(Line {
        rule: document.rules.get(charge.rule as usize).map(|rule| &*rule.id),
        day: Some(charge.types),
        // To six decimals.
        quantity: Some(half_even(&charge.quantity.times(1_000_000)?, scale)),
        unit_price: Some(charge.price),
        ..Line::new(kind, within, half_even(&charge.amount, scale))
    })
}

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
