//! The receipt's lines, as the walk charges them.

mod book;
mod scopes;

use parking_types::{Amount, Date, Instant, Span};

use super::{
    Asked, Source,
    settle::{Change, Witness},
};
use crate::{
    Calendar, DocumentRef, Line, LineKind, PriceError, Receipt, Stay, Tariff,
    document::{CapPer, Document},
    few::Few,
    money::{Exact, half_even},
    stay::Used,
    walk::{self, Charge, CutFrom, Later, Remembered, Running, Sink},
};

use book::{Book, add};
use scopes::Scopes;

/// The receipt of a stay, without the next change, and what is under way at its exit.
pub(super) fn receipt<'a>(
    tariff: &'a Tariff,
    calendar: Option<&'a Calendar>,
    stay: &'a Stay,
) -> Result<(Receipt<'a>, Option<Running>), PriceError> {
    let asked = Asked::new(tariff, calendar, stay, stay.exit)?;
    let exit = asked.final_payment().map_or(asked.exit, |(last, _)| last);
    in_exact!(asked, scale, receipt_in(&asked, exit, scale))
}

fn receipt_in<'a, M: Remembered>(
    asked: &Asked<'a>,
    exit: Instant,
    scale: &M,
) -> Result<(Receipt<'a>, Option<Running>), PriceError> {
    let (tariff, calendar, stay) = (asked.tariff, asked.calendar, asked.stay);
    let mut kept = Kept::new(asked.document, scale);
    let source = asked.source(exit, scale, &mut kept)?;
    kept.end().ok_or(PriceError::OVERFLOW)?;
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
    book: Book<'a, M>,
    /// The book of the stay, while a day is written on a page.
    stay: Option<Book<'a, M>>,
    /// Cuts of scopes longer than a day.
    long_cuts: Few<(CutFrom, M), 2>,
    /// What is kept after caps by natural day, ascending.
    days: Few<(i32, M), 2>,
    /// Free time used by natural day, ascending.
    free: Few<(i32, i64), 2>,
    running: Option<Running>,
    /// The figures did not hold a sum.
    too_much: bool,
}

impl<'a, 's, M: Exact> Kept<'a, 's, M> {
    fn new(document: &'a Document, scale: &'s M) -> Self {
        Self {
            document,
            scale,
            book: Book::new(),
            stay: None,
            long_cuts: Few::new(),
            days: Few::new(),
            free: Few::new(),
            running: None,
            too_much: false,
        }
    }

    /// Ends the last line; `None` where the figures did not hold all sums.
    fn end(&mut self) -> Option<()> {
        self.book.end_line(self.scale);
        (!self.too_much && !self.book.too_much).then_some(())
    }
}

/// A day that was written: its charges, and the free time it used.
struct Page<'a, M> {
    book: Book<'a, M>,
    free: i64,
}

impl<'a, M: Exact> Sink<M> for Kept<'a, '_, M> {
    const LINES: bool = true;
    const RUNNING: bool = true;
    type Page = Page<'a, M>;

    fn charge(&mut self, charge: &Charge<M>) {
        self.book.charge(charge, self.document, self.scale);
    }

    fn left(&mut self, rule: u32, at: i64) {
        self.book.left(rule, at);
    }

    #[inline]
    fn running(&mut self, running: Running) {
        self.running = Some(running);
    }

    fn cut(&mut self, from: CutFrom, mark: &mut u32, amount: M) {
        if from.per <= CapPer::Rolling24h {
            return self.book.cut(from, mark, &amount);
        }
        match self.long_cuts.get_mut(*mark as usize) {
            Some((_, sum)) => add(sum, &amount, &mut self.too_much),
            None => {
                *mark = self.long_cuts.len() as u32;
                self.long_cuts.push((from, amount));
            }
        }
    }

    #[inline]
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

    fn open_page(&mut self) {
        self.stay = Some(core::mem::replace(&mut self.book, Book::page()));
    }

    fn close_page(&mut self, day: i32, at: i64) -> Option<Self::Page> {
        let stay = self.stay.take()?;
        self.book.end_line_before(Instant::from_nanos(at), self.scale);
        let book = core::mem::replace(&mut self.book, stay);
        self.book.add_page(&book, Later { days: 0, nanos: 0, day }, self.document, self.scale);
        let free = self.free.last_mut().filter(|(last, _)| *last == day).map_or(0, |(_, taken)| *taken);
        Some(Page { book, free })
    }

    fn expect(&mut self, behind: usize, ahead: usize) {
        self.book.expect(behind, ahead);
        self.days.reserve(ahead);
    }

    fn add_page(&mut self, page: &Self::Page, later: Later) {
        self.book.add_page(&page.book, later, self.document, self.scale);
        if page.free > 0 {
            self.free(later.day, page.free);
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
        let mut lines = core::mem::take(&mut kept.book.lines);
        if kept.book.cuts.len() + kept.long_cuts.len() > 0 {
            self.cut_lines(kept, scale, exit, &mut lines)?;
        }
        if with_minimum != charged {
            let lifted = with_minimum.minus(charged).ok_or(PriceError::OVERFLOW)?;
            lines.push(whole(LineKind::Minimum, None, half_even(&lifted, scale)));
        }
        Ok(lines)
    }

    /// Adds what caps took away, in the order in which their scopes begin.
    fn cut_lines<M: Exact>(
        &self,
        kept: &Kept<'a, '_, M>,
        scale: &M,
        exit: Instant,
        lines: &mut Vec<Line<'a>>,
    ) -> Result<(), PriceError> {
        let charges = lines.len();
        lines.reserve(kept.book.cuts.len());
        let mut scopes = Scopes::new(self, exit);
        kept.book.cuts.iter().filter(|cut| cut.amount != M::ZERO).try_for_each(|cut| {
            let line = self.cut_line(cut.from, scopes.bounds(cut.from), &cut.amount, scale, exit)?;
            // Scopes are cut nearly in the order in which they begin.
            let before = |earlier: &&Line<'a>| (earlier.from, earlier.cap) > (line.from, line.cap);
            let cuts = lines.get(charges..).unwrap_or_default();
            match cuts.iter().rev().take_while(before).count() {
                0 => lines.push(line),
                later => lines.insert(lines.len() - later, line),
            }
            Ok(())
        })?;
        for (from, amount) in kept.long_cuts.iter().filter(|(_, amount)| *amount != M::ZERO) {
            lines.push(self.cut_line(*from, scopes.bounds(*from), amount, scale, exit)?);
        }
        if kept.long_cuts.len() > 0
            && let Some(cuts) = lines.get_mut(charges..)
        {
            cuts.sort_by_key(|line| (line.from, line.cap));
        }
        Ok(())
    }

    /// What was cut in a scope with these bounds.
    fn cut_line<M: Exact>(
        &self,
        cut: CutFrom,
        (from, to): (i64, i64),
        amount: &M,
        scale: &M,
        exit: Instant,
    ) -> Result<Line<'a>, PriceError> {
        let taken = M::ZERO.minus(amount).ok_or(PriceError::OVERFLOW)?;
        let within = (Instant::from_nanos(from).max(self.entry), Instant::from_nanos(to).min(exit));
        Ok(Line {
            rule: self.document.rules.get(cut.rule as usize).map(|rule| &*rule.id),
            cap: Some(cut.per),
            ..Line::new(LineKind::Cap, within, half_even(&taken, scale))
        })
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
