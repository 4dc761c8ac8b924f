//! The price of a stay: the order of decision of `docs/tariff.md` § 1, around the walk.

/// Prices in the narrowest figures that may hold the sums, and in wider ones where they do not: `$work` sees the scale
/// of each as `$scale`. Only the widest have the last word that something is too large.
macro_rules! in_exact {
    ($asked:expr, $scale:ident, $work:expr) => {{
        let asked: &Asked<'_> = &$asked;
        let scales = &asked.tariff.compiled().scale;
        let narrow = scales.narrow.as_ref().map(|$scale| -> Result<_, PriceError> { $work });
        match narrow {
            Some(result) if asked.settled(&result) => result,
            _ => match scales.middle.as_ref().map(|$scale| -> Result<_, PriceError> { $work }) {
                Some(result) if asked.settled(&result) => result,
                _ => {
                    let $scale = &scales.wide;
                    let widest = || -> Result<_, PriceError> { $work };
                    widest()
                }
            },
        }
    }};
}

mod lines;
mod packages;
mod settle;

use parking_types::{Amount, Date, Instant, Span};

use crate::{
    Calendar, Code, PriceError, Receipt, Stay, Tariff,
    adjust::Adjust,
    compiled::Compiled,
    document::Document,
    walk::{self, AtExit, NoLines, Remembered, Running, Sink, Task},
};

use packages::Fit;
pub(crate) use packages::may_fit as package_may_fit;
use settle::{GREATEST, Quiet};

/// Prices a stay and explains it line by line.
///
/// # Errors
/// [`PriceError`]; where several apply, the first in the order of decision.
///
/// ```
/// use tariff_engine::{Stay, Tariff, price};
/// let tariff = Tariff::from_json(br#"{ "format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai",
///     "rules": [ { "id": "all", "charge": { "steps": [ { "every": "1h", "price": "2.00" } ] } } ] }"#)?;
/// let stay = Stay::from_json(br#"{ "id": "a1", "entry": "2026-03-02T08:00:00+08:00", "exit": "2026-03-02T10:20:00+08:00" }"#)?;
/// let receipt = price(&tariff, None, &stay)?;
/// assert_eq!(receipt.total.to_string(), "6");
/// assert_eq!(receipt.lines.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn price<'a>(
    tariff: &'a Tariff,
    calendar: Option<&'a Calendar>,
    stay: &'a Stay,
) -> Result<Receipt<'a>, PriceError> {
    let (mut receipt, running) = lines::receipt(tariff, calendar, stay)?;
    receipt.next_change = crate::curve::next_change_from(tariff, calendar, stay, receipt.total, running);
    Ok(receipt)
}

/// [`price`] without looking for [`Receipt::next_change`], which costs several times the pricing itself.
///
/// # Errors
/// As [`price`].
pub fn price_as_of<'a>(
    tariff: &'a Tariff,
    calendar: Option<&'a Calendar>,
    stay: &'a Stay,
) -> Result<Receipt<'a>, PriceError> {
    lines::receipt(tariff, calendar, stay).map(|(receipt, _)| receipt)
}

/// What a stay costs, and nothing else: no line is made and nothing is allocated.
///
/// # Errors
/// As [`price`].
pub fn total(tariff: &Tariff, calendar: Option<&Calendar>, stay: &Stay) -> Result<Amount, PriceError> {
    total_at(tariff, calendar, stay, stay.exit)
}

/// [`total`] with another exit.
pub(crate) fn total_at(
    tariff: &Tariff,
    calendar: Option<&Calendar>,
    stay: &Stay,
    exit: Instant,
) -> Result<Amount, PriceError> {
    let quick = tariff.compiled().quick.as_ref().filter(|_| in_range(stay.entry, exit));
    if let Some(total) = quick.and_then(|quick| quick.total(tariff, calendar, stay, exit))
        && total <= GREATEST
    {
        return Ok(total);
    }
    let asked = Asked::new(tariff, calendar, stay, exit)?;
    if let Some((_, total)) = asked.final_payment() {
        return Ok(total);
    }
    asked.total(asked.exit)
}

/// What is under way at an exit; `None` where no rule is asked there.
pub(crate) fn running_at(
    tariff: &Tariff,
    calendar: Option<&Calendar>,
    stay: &Stay,
    exit: Instant,
) -> Option<Running> {
    let asked = Asked::new(tariff, calendar, stay, exit).ok()?;
    in_exact!(asked, scale, {
        let mut at_exit = AtExit(None);
        asked.source(asked.exit, scale, &mut at_exit).map(|_| at_exit.0)
    })
    .ok()?
}

/// The instants up to `exit` at which a ladder reaches a step that changes its price, without time off at the end.
pub(crate) fn tier_instants(
    tariff: &Tariff,
    calendar: Option<&Calendar>,
    stay: &Stay,
    exit: i64,
) -> Vec<i64> {
    let at_end =
        |adjust: &Adjust| matches!(adjust, Adjust::TimeOff { at_end: true, .. } | Adjust::Instead(_));
    let adjust = stay.adjust.iter().copied().filter(|adjust| !at_end(adjust)).collect();
    let exit = Instant::from_nanos(exit);
    let stay = Stay { adjust, paid: Vec::new(), exit, ..stay.clone() };
    if let Ok(asked) = Asked::new(tariff, calendar, &stay, exit) {
        // A gap in the calendar further on does not matter: the days before it are priced before it is met.
        return in_exact!(asked, scale, {
            let mut tiers = Tiers(Vec::new());
            asked.walk(asked.exit, scale, &mut tiers).map(|_| tiers.0)
        })
        .unwrap_or_default();
    }
    Vec::new()
}

/// Keeps the instants at which steps were reached.
struct Tiers(Vec<i64>);

impl<M> Sink<M> for Tiers {
    const LINES: bool = true;
    const RUNNING: bool = false;
    type Page = ();
    fn charge(&mut self, charge: &walk::Charge<M>) {
        if charge.kind == walk::Kind::Tier {
            self.0.push(charge.at);
        }
    }
    fn left(&mut self, _: u32, _: i64) {}
    fn running(&mut self, _: Running) {}
    fn cut(&mut self, _: walk::CutFrom, _: &mut u32, _: M) {}
    fn kept(&mut self, _: i32, _: M) {}
    fn free(&mut self, _: i32, _: i64) {}
}

/// A stay whose fields are checked, with its instants floored.
struct Asked<'a> {
    tariff: &'a Tariff,
    document: &'a Document,
    calendar: Option<&'a Calendar>,
    stay: &'a Stay,
    entry: Instant,
    exit: Instant,
    /// Entry, as it was given, lies outside the years that are priced.
    out_of_range: bool,
}

/// What the price of a stay comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source<M> {
    /// A stay of no length, within the grace, or the first of the day: nothing is charged, nothing is shown.
    Free,
    /// An amount that a person set.
    Instead(Amount),
    /// The package at this index.
    Package(usize, Amount),
    /// The calculation: what the rules charge after caps, and with the minimum, in fractions.
    Calculated { charged: M, with_minimum: M },
}

/// Entries before this are priced: 2100-01-01T00:00:00Z.
const LAST_ENTRY: Instant = Instant::from_nanos(4_102_444_800 * 1_000_000_000);
/// The longest stay that is priced.
pub(crate) const LONGEST: Span = Span::from_days(36_525);

impl<'a> Asked<'a> {
    fn new(
        tariff: &'a Tariff,
        calendar: Option<&'a Calendar>,
        stay: &'a Stay,
        exit: Instant,
    ) -> Result<Self, PriceError> {
        if let Some(index) = stay.paid.iter().position(|(at, _)| *at > stay.exit) {
            return Err(PriceError::payment_after_exit(index));
        }
        if exit < stay.entry {
            return Err(PriceError::EXIT_BEFORE_ENTRY);
        }
        if !tariff.in_force(stay.entry) {
            return Err(PriceError::NOT_IN_FORCE);
        }
        let document = tariff.document();
        let floor = |at: Instant| floored(document, at);
        Ok(Self {
            tariff,
            document,
            calendar,
            stay,
            entry: floor(stay.entry),
            exit: floor(exit),
            out_of_range: !in_range(stay.entry, exit),
        })
    }

    /// Whether wider figures would say nothing else.
    fn settled<T>(&self, result: &Result<T, PriceError>) -> bool {
        self.out_of_range || result.as_ref().err().is_none_or(|error| error.code() != Code::Overflow)
    }

    /// The last payment and the total at its instant, where that total is final.
    fn final_payment(&self) -> Option<(Instant, Amount)> {
        let (last, _) = *self.stay.paid.iter().max_by_key(|(at, _)| *at)?;
        let last = floored(self.document, last);
        if last < self.entry || self.exit - last > self.document.exit_grace {
            return None;
        }
        let total = self.total(last).ok()?;
        (self.paid() >= total).then_some((last, total))
    }

    /// All that was paid, held at the end of the range.
    fn paid(&self) -> Amount {
        self.stay.paid.iter().map(|(_, amount)| *amount).sum()
    }

    /// The total of the stay as if it ended at `exit`.
    fn total(&self, exit: Instant) -> Result<Amount, PriceError> {
        in_exact!(self, scale, {
            let source = self.source(exit, scale, &mut NoLines)?;
            self.settle(&source, scale, &mut Quiet)
        })
    }

    /// Where the price of the stay comes from as if it ended at `exit`.
    fn source<M: Remembered>(
        &self,
        exit: Instant,
        scale: &M,
        sink: &mut impl Sink<M>,
    ) -> Result<Source<M>, PriceError> {
        let source = self.decide(exit, scale, sink)?;
        if self.out_of_range { Err(PriceError::OVERFLOW) } else { Ok(source) }
    }

    /// The order of decision.
    fn decide<M: Remembered>(
        &self,
        exit: Instant,
        scale: &M,
        sink: &mut impl Sink<M>,
    ) -> Result<Source<M>, PriceError> {
        let length = exit - self.entry;
        if length == Span::ZERO {
            return Ok(Source::Free);
        }
        let instead = self.stay.adjust.iter().find_map(|adjust| match adjust {
            Adjust::Instead(amount) => Some(*amount),
            _ => None,
        });
        if let Some(amount) = instead {
            return Ok(Source::Instead(amount));
        }
        if self.document.max_stay.is_some_and(|longest| length > longest) {
            return Err(PriceError::TOO_LONG);
        }
        if length <= self.document.grace || self.first_of_the_day() {
            return Ok(Source::Free);
        }
        self.charged(exit, scale, sink)
    }

    fn first_of_the_day(&self) -> bool {
        let used = || walk::used_on(&self.stay.used, self.entry_day());
        self.document.first_stay_free && used().stays == 0
    }

    /// The natural day of entry.
    fn entry_day(&self) -> i32 {
        self.tariff.natural_day(self.entry.as_nanos())
    }

    /// Packages and the calculation.
    fn charged<M: Remembered>(
        &self,
        exit: Instant,
        scale: &M,
        sink: &mut impl Sink<M>,
    ) -> Result<Source<M>, PriceError> {
        let has_packages = !self.document.packages.is_empty();
        if has_packages && let Some(package) = self.first_package(exit)? {
            return Ok(package);
        }
        if self.document.packages_only && (self.document.rules.is_empty() || self.rules_accept()) {
            return self.cheapest_package(exit)?.ok_or(PriceError::NO_PACKAGE);
        }
        if !self.document.rules.is_empty() && !self.rules_accept() {
            // What no rule may charge has the price of a package or none, never a calculated zero.
            return self.cheapest_package(exit)?.ok_or(PriceError::NOT_COVERED);
        }
        let source = self.calculate(exit, scale, sink)?;
        if !has_packages {
            return Ok(source);
        }
        match (self.cheapest_package::<M>(exit)?, &source) {
            (Some(Source::Package(index, price)), Source::Calculated { with_minimum, .. })
                if scale.times(price.as_micros()).ok_or(PriceError::OVERFLOW)? < *with_minimum =>
            {
                Ok(Source::Package(index, price))
            }
            _ => Ok(source),
        }
    }

    fn compiled(&self) -> &'a Compiled {
        self.tariff.compiled()
    }

    fn rules_accept(&self) -> bool {
        let (vehicle, color) = (self.stay.vehicle.as_ref(), self.stay.plate_color.as_ref());
        self.document.rules.iter().any(|rule| rule.accepts.stay(vehicle, color))
    }

    /// The first package with `choose: first` that fits.
    fn first_package<M>(&self, exit: Instant) -> Result<Option<Source<M>>, PriceError> {
        for (index, package) in
            self.document.packages.iter().enumerate().filter(|(_, package)| !package.cheapest)
        {
            if self.package_fits(package, exit)? {
                return Ok(Some(Source::Package(index, package.price)));
            }
        }
        Ok(None)
    }

    /// The cheapest package with `choose: cheapest` that fits; of several the first.
    fn cheapest_package<M>(&self, exit: Instant) -> Result<Option<Source<M>>, PriceError> {
        let mut best: Option<(usize, Amount)> = None;
        for (index, package) in
            self.document.packages.iter().enumerate().filter(|(_, package)| package.cheapest)
        {
            if self.package_fits(package, exit)? && best.is_none_or(|(_, price)| package.price < price) {
                best = Some((index, package.price));
            }
        }
        Ok(best.map(|(index, price)| Source::Package(index, price)))
    }

    fn package_fits(&self, package: &crate::document::Package, exit: Instant) -> Result<bool, PriceError> {
        match packages::fits(package, self.stay, &self.document.zone, self.calendar, (self.entry, exit)) {
            Fit::Yes => Ok(true),
            Fit::No => Ok(false),
            Fit::Unknown => Err(PriceError::GAP_AT_ENTRY),
        }
    }

    /// The calculation: the walk, then the minimum.
    fn calculate<M: Remembered>(
        &self,
        exit: Instant,
        scale: &M,
        sink: &mut impl Sink<M>,
    ) -> Result<Source<M>, PriceError> {
        self.check_calendar(exit)?;
        let found = self.walk(exit, scale, sink)?;
        let mut with_minimum = found.charged.clone();
        if let Some(minimum) = self.document.minimum.filter(|_| found.first_chargeable) {
            let least = scale.times(minimum.as_micros()).ok_or(PriceError::OVERFLOW)?;
            let least = found.first_limit.map_or(least.clone(), |limit| limit.min(least));
            with_minimum = with_minimum.max(least);
        }
        Ok(Source::Calculated { charged: found.charged, with_minimum })
    }

    fn walk<M: Remembered>(
        &self,
        exit: Instant,
        scale: &M,
        sink: &mut impl Sink<M>,
    ) -> Result<walk::Found<M>, PriceError> {
        if self.out_of_range {
            return Err(PriceError::OVERFLOW);
        }
        let compiled = self.compiled();
        let mut made = None;
        let exempt = exempt(self.stay, self.entry.as_nanos(), exit.as_nanos());
        let task = Task {
            tariff: self.tariff,
            compiled,
            scale,
            plans: compiled.plans(self.document, self.stay, &mut made),
            calendar: self.calendar,
            entry: self.entry.as_nanos(),
            exit: exit.as_nanos(),
            exempt: &exempt,
            used: &self.stay.used,
        };
        walk::walk(&task, sink).map_err(|_| PriceError::OVERFLOW)
    }

    /// Every local date of the stay must be covered.
    fn check_calendar(&self, exit: Instant) -> Result<(), PriceError> {
        let Some(calendar) = self.calendar else { return Ok(()) };
        if calendar.surely_covers(self.entry, exit) {
            return Ok(());
        }
        let (first, last) = dates(self.tariff, self.entry, exit);
        match calendar.first_gap(first) {
            Some(date) if date == first => Err(PriceError::GAP_AT_ENTRY),
            Some(date) if date <= last => Err(PriceError::GAP_AT_EXIT),
            _ => Ok(()),
        }
    }
}

/// Whether a stay lies within the years that are priced.
fn in_range(entry: Instant, exit: Instant) -> bool {
    (Instant::EPOCH..LAST_ENTRY).contains(&entry) && exit - entry <= LONGEST
}

fn floored(document: &Document, at: Instant) -> Instant {
    if document.to_the_minute { at.floor(Span::from_mins(1)) } else { at }
}

/// The first and the last local date of `[entry, exit)`; of a stay without length, the entry's twice.
fn dates(tariff: &Tariff, entry: Instant, exit: Instant) -> (Date, Date) {
    let (zone, last) = (tariff.zone(), (exit - Span::from_nanos(1)).max(entry));
    let (first_date, mut last_date) = (zone.local(entry).date(), zone.local(last).date());
    if tariff.in_second_evening(last.as_nanos()) && zone.start_of(last_date.plus_days(1)) >= entry {
        // A clock set back over midnight shows the date before again, but the next one has been there.
        last_date = last_date.plus_days(1);
    }
    (first_date.min(last_date), first_date.max(last_date))
}

/// Exempt time within the stay, ascending and merged: that of passes, and time off at the start and the end.
fn exempt(stay: &Stay, entry: i64, exit: i64) -> Vec<(i64, i64)> {
    let mut off = [Span::ZERO; 2];
    for adjust in &stay.adjust {
        if let Adjust::TimeOff { length, at_end } = adjust
            && let Some(sum) = off.get_mut(usize::from(*at_end))
        {
            *sum = *sum + *length;
        }
    }
    let [start, end] = off.map(Span::as_nanos);
    if stay.exempt.is_empty() && start == 0 && end == 0 {
        return Vec::new();
    }
    let passes = stay.exempt.iter().map(|(from, to)| (from.as_nanos(), to.as_nanos()));
    let offs = [(entry, entry.saturating_add(start)), (exit.saturating_sub(end), exit)];
    let mut intervals: Vec<(i64, i64)> = passes
        .chain(offs)
        .map(|(from, to)| (from.max(entry), to.min(exit)))
        .filter(|(from, to)| from < to)
        .collect();
    intervals.sort_unstable();
    let mut merged: Vec<(i64, i64)> = Vec::with_capacity(intervals.len());
    for (from, to) in intervals {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}
