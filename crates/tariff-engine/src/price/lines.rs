//! The receipt's lines, as the walk charges them.

use parking_types::{Amount, Date, Instant, Span};

use super::{Asked, Source, settle::Witness};
use crate::{
    Calendar, DocumentRef, Line, LineKind, PriceError, Receipt, Stay, Tariff,
    calendar::DayTypes,
    compiled::DAY,
    document::{CapPer, Document},
    money::{Fraction, half_even},
    stay::Used,
    walk::{self, Charge, CutFrom, Kind, Sink, period_bounds, start_of, window_pieces},
};

/// The receipt of a stay, without the next change, and where a unit that the exit cuts would have ended.
pub(super) fn receipt<'a>(
    tariff: &'a Tariff,
    calendar: Option<&'a Calendar>,
    stay: &'a Stay,
) -> Result<(Receipt<'a>, Option<i64>), PriceError> {
    let asked = Asked::new(tariff, calendar, stay, stay.exit)?;
    let exit = asked.final_payment().map_or(asked.exit, |(last, _)| last);
    let mut kept = Kept::default();
    let source = asked.source(exit, &mut kept)?;
    let mut lines = asked.lines(source, &kept, exit)?;
    let mut changes = Changes { lines: &mut lines, from: asked.entry, to: exit };
    let total = asked.settle(source, &mut changes)?;
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
        used: asked.used(source, &kept)?,
        tariff: DocumentRef { id: tariff.id(), digest: tariff.digest() },
        calendar,
        zone: tariff.zone(),
    };
    Ok((receipt, kept.running))
}

/// What the walk charged, still in fractions.
#[derive(Default)]
struct Kept {
    charges: Vec<Charge>,
    cuts: Vec<(CutFrom, i128)>,
    /// What is kept after caps by natural day, ascending.
    days: Vec<(i32, i128)>,
    /// Free time used by natural day, ascending.
    free: Vec<(i32, i64)>,
    running: Option<i64>,
}

impl Sink for Kept {
    const LINES: bool = true;
    const COUNTS_DAYS: bool = false;

    fn charge(&mut self, charge: &Charge) {
        if let Some(last) = self.charges.last_mut()
            && last.kind == Kind::Unit
            && charge.kind == Kind::Unit
            && (last.to, last.rule, last.price, last.types)
                == (charge.at, charge.rule, charge.price, charge.types)
        {
            last.to = charge.to;
            last.amount = last.amount.saturating_add(charge.amount);
            last.quantity = last.quantity.saturating_add(charge.quantity);
            return;
        }
        self.charges.push(*charge);
    }

    fn left(&mut self, rule: u32, at: i64) {
        // The step that ends is the last one that this rule reached; a step that changed nothing has no line, and the
        // line before it ended when that step was reached.
        let open = self.charges.iter_mut().rev().find(|charge| charge.rule == rule);
        if let Some(tier) = open.filter(|charge| charge.kind == Kind::Tier && charge.to > at) {
            tier.to = at;
        }
    }

    fn running(&mut self, end: i64) {
        self.running = Some(end);
    }

    fn cut(&mut self, from: CutFrom, mark: &mut u32, amount: i128) {
        match self.cuts.get_mut(*mark as usize) {
            Some((_, sum)) => *sum = sum.saturating_add(amount),
            None => {
                *mark = self.cuts.len() as u32;
                self.cuts.push((from, amount));
            }
        }
    }

    fn kept(&mut self, day: i32, amount: i128) {
        match self.days.last_mut() {
            Some((last, sum)) if *last == day => *sum = sum.saturating_add(amount),
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
    fn lines(&self, source: Source, kept: &Kept, exit: Instant) -> Result<Vec<Line<'a>>, PriceError> {
        let whole = |kind, rule, amount| Line {
            kind,
            rule,
            from: self.entry,
            to: exit,
            day: None,
            quantity: None,
            unit_price: None,
            amount,
            cap: None,
        };
        let (charged, with_minimum) = match source {
            Source::Free => return Ok(Vec::new()),
            Source::Instead(amount) => return Ok(vec![whole(LineKind::Instead, None, amount)]),
            Source::Package(index, price) => {
                let id = self.document.packages.get(index).map(|package| &*package.id);
                return Ok(vec![whole(LineKind::Package, id, price)]);
            }
            Source::Calculated { charged, with_minimum } => (charged, with_minimum),
        };
        let scale = self.compiled()?.scale;
        let mut lines = Vec::with_capacity(kept.charges.len() + kept.cuts.len() + 4);
        let charges = kept.charges.iter().map(|charge| charge_line(self.document, charge, scale));
        lines.extend(charges.filter(|line| line.amount != Amount::ZERO));
        let cuts = lines.len();
        for (from, amount) in kept.cuts.iter().filter(|(_, amount)| *amount != 0) {
            lines.push(self.cut_line(*from, half_even(-amount, scale), exit));
        }
        if let Some(cuts) = lines.get_mut(cuts..) {
            cuts.sort_by_key(|line| (line.from, line.cap));
        }
        if with_minimum != charged {
            lines.push(whole(LineKind::Minimum, None, half_even(with_minimum - charged, scale)));
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
        Line {
            kind: LineKind::Cap,
            rule: rule.map(|rule| &*rule.id),
            from: Instant::from_nanos(from).max(self.entry),
            to: Instant::from_nanos(to).min(exit),
            day: None,
            quantity: None,
            unit_price: None,
            amount,
            cap: Some(cut.per),
        }
    }

    /// What the plate has used after the stay, for every local date of it.
    fn used(&self, source: Source, kept: &Kept) -> Result<Vec<(Date, Used)>, PriceError> {
        let last = (self.exit - Span::from_nanos(1)).max(self.entry);
        let (first, last) = (self.entry_day(), self.tariff.natural_day(last.as_nanos()));
        let calculated = matches!(source, Source::Calculated { .. });
        let scale = if calculated { self.compiled()?.scale } else { 1 };
        let (days, free): (&[_], &[_]) = if calculated { (&kept.days, &kept.free) } else { (&[], &[]) };
        let daily_free = self.document.free.is_some_and(|free| free.per == crate::document::FreePer::Day);
        let mut used = Vec::with_capacity((last - first + 1).max(0) as usize);
        let (mut days, mut free) = (days.iter().peekable(), free.iter().peekable());
        for day in first..=last {
            let date = Date::from_days(day);
            if day > first && day < last && self.skipped(day) {
                continue;
            }
            let before = walk::used_on(&self.stay.used, day);
            let charged = days.next_if(|(of, _)| *of == day).map_or(0, |(_, sum)| *sum);
            let taken = free.next_if(|(of, _)| *of == day).map_or(0, |(_, sum)| *sum);
            let sum = (i128::from(before.charged.as_micros()) * scale).saturating_add(charged);
            let taken = before.free + Span::from_nanos(if daily_free { taken } else { 0 });
            used.push((
                date,
                Used {
                    stays: before.stays.saturating_add(u64::from(day == first)),
                    free: Span::from_secs(taken.as_secs()),
                    charged: half_even(sum.max(0), scale),
                },
            ));
        }
        Ok(used)
    }

    /// Whether the zone never had this date: it was left out at the date line.
    fn skipped(&self, day: i32) -> bool {
        start_of(&self.document.zone, day) == start_of(&self.document.zone, day + 1)
    }
}

fn charge_line<'a>(document: &'a Document, charge: &Charge, scale: i128) -> Line<'a> {
    let kind = match charge.kind {
        Kind::Flat => LineKind::Flat,
        Kind::Tier => LineKind::Tier,
        Kind::Unit => LineKind::Unit,
    };
    Line {
        kind,
        rule: document.rules.get(charge.rule as usize).map(|rule| &*rule.id),
        from: Instant::from_nanos(charge.at),
        to: Instant::from_nanos(charge.to),
        day: Some(charge.types),
        quantity: Some(quantity(charge.quantity, scale)),
        unit_price: Some(charge.price),
        amount: half_even(charge.amount, scale),
        cap: None,
    }
}

/// A number of units, to six decimals.
fn quantity(parts: i128, scale: i128) -> Amount {
    match parts.checked_mul(1_000_000) {
        Some(micros) => half_even(micros, scale),
        None => Amount::from_micros(i64::MAX),
    }
}

/// Makes lines of the changes by people.
struct Changes<'l, 'a> {
    lines: &'l mut Vec<Line<'a>>,
    from: Instant,
    to: Instant,
}

impl Witness for Changes<'_, '_> {
    fn change(&mut self, kind: LineKind, quantity: Option<Amount>, before: Fraction, after: Fraction) {
        // Where the difference is too fine for 128 bits, the rounding line takes it up.
        let amount = after.change_from(before).unwrap_or_default();
        if amount != Amount::ZERO {
            let (from, to) = (self.from, self.to);
            self.lines.push(Line {
                kind,
                rule: None,
                from,
                to,
                day: None,
                quantity,
                unit_price: None,
                amount,
                cap: None,
            });
        }
    }
}

/// Adds the rounding line that makes the lines add up to the total.
fn close(lines: &mut Vec<Line<'_>>, total: Amount, from: Instant, to: Instant) {
    let sum: i128 = lines.iter().map(|line| i128::from(line.amount.as_micros())).sum();
    let rest = i128::from(total.as_micros()) - sum;
    if rest != 0 {
        let amount = half_even(rest, 1);
        lines.push(Line {
            kind: LineKind::Rounding,
            rule: None,
            from,
            to,
            day: None::<DayTypes>,
            quantity: None,
            unit_price: None,
            amount,
            cap: None,
        });
    }
}
