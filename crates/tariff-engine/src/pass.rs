//! Pass products: how long a pass that is bought holds, and what it costs, line by line.

use core::fmt;

use parking_types::{Amount, Currency, Date, Instant, Local, Resolved, TimeOfDay, Zone};

use crate::{
    document::{Rounding, RoundingMode},
    money::Fraction,
};

/// How long a pass holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Term {
    /// So many days.
    Days(u16),
    /// So many months: 1, a quarter's 3, a year's 12.
    Months(u16),
}

impl Term {
    /// A month.
    pub const MONTH: Self = Self::Months(1);
    /// A quarter.
    pub const QUARTER: Self = Self::Months(3);
    /// A year.
    pub const YEAR: Self = Self::Months(12);
}

/// What becomes of the month in which a pass of natural months begins, when that is not its first day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FirstMonth {
    /// Its rest counts and costs as a whole month.
    Full,
    /// Its rest counts as a month and costs by its days.
    ProRata,
    /// The pass begins with the next month.
    Next,
}

/// A pass product.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Product {
    /// How long it holds.
    pub term: Term,
    /// Months from the first to the last day, and how the first one counts; `None`: from any day.
    pub natural_months: Option<FirstMonth>,
    /// The price of the whole term.
    pub price: Amount,
    /// The lower price of a campaign, in place of `price`.
    pub discount_price: Option<Amount>,
    /// Days that a campaign adds at the end.
    pub extra_days: u16,
    /// Its currency; a price by days is rounded half up to the minor unit.
    pub currency: Currency,
}

/// When a pass begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// When it is bought.
    Now,
    /// At the start of a chosen day, not before the day of purchase.
    On(Date),
    /// Where the pass that it renews ends.
    Renewal(Instant),
}

/// When a pass holds, `[from, to)`, and what it costs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PassTerm {
    /// Its first instant.
    pub from: Instant,
    /// Its end.
    pub to: Instant,
    /// What it costs: the sum of the lines.
    pub total: Amount,
    /// What that is made of.
    pub lines: Vec<PassLine>,
}

/// One line of a pass's price.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PassLine {
    /// What it is.
    pub kind: PassLineKind,
    /// From when …
    pub from: Instant,
    /// … to when it counts.
    pub to: Instant,
    /// What it adds; negative for a discount, zero for extra days.
    pub amount: Amount,
}

/// The kinds of lines of a pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PassLineKind {
    /// The term, or what of it are whole months.
    Term,
    /// The rest of the first month, by its days.
    RestOfMonth,
    /// What the discount price takes off.
    Discount,
    /// Days added at the end.
    ExtraDays,
}

/// Why a pass cannot be sold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PassError {
    /// The chosen day lies before the day of purchase.
    StartsBeforePurchase,
    /// The term is empty, or natural months are asked of a term in days.
    BadProduct,
    /// The term or the price lies beyond what can be said.
    Overflow,
}

impl fmt::Display for PassError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StartsBeforePurchase => "the chosen day lies before the purchase",
            Self::BadProduct => "a product without a term, or natural months of a term in days",
            Self::Overflow => "the term or the price lies beyond what can be said",
        })
    }
}
impl core::error::Error for PassError {}

/// When a pass that is bought holds, and what it costs.
///
/// A term from any day ends at the wall-clock time at which it began, so many days or months later; a day that the last
/// month lacks becomes its last (31 January + 1 month = 28 or 29 February). A pass of natural months ends with a month.
///
/// ```
/// use parking_types::{Currency, Date, Zone};
/// use tariff_engine::{Product, Start, Term, pass_term};
/// let month = Product { term: Term::MONTH, natural_months: None, price: "300".parse()?, discount_price: None,
///     extra_days: 0, currency: Currency::parse("CNY")? };
/// let zone = Zone::new("Asia/Shanghai")?;
/// let start = Start::On(Date::parse("2026-01-31").unwrap());
/// let pass = pass_term(&month, "2026-01-20T10:00:00+08:00".parse()?, start, &zone)?;
/// assert_eq!(pass.to, "2026-02-28T00:00:00+08:00".parse()?);
/// assert_eq!(pass.total, month.price);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`PassError`].
pub fn pass_term(
    product: &Product,
    bought_at: Instant,
    start: Start,
    zone: &Zone,
) -> Result<PassTerm, PassError> {
    if matches!(product.term, Term::Days(0) | Term::Months(0)) {
        return Err(PassError::BadProduct);
    }
    let chosen = match start {
        Start::Now => zone.local(bought_at),
        Start::On(date) if date < zone.local(bought_at).date() => {
            return Err(PassError::StartsBeforePurchase);
        }
        Start::On(date) => Local::new(date, TimeOfDay::MIDNIGHT).ok_or(PassError::Overflow)?,
        Start::Renewal(end) => zone.local(end),
    };
    let (from, end, first) = match (product.natural_months, product.term) {
        (None, term) => (chosen, later(chosen, term)?, None),
        (Some(first), Term::Months(months)) => natural(chosen, months, first)?,
        (Some(_), Term::Days(_)) => return Err(PassError::BadProduct),
    };
    let to = end.plus(parking_types::Span::from_days(i64::from(product.extra_days)));
    let at = |local: Local| instant(zone, local);
    // What begins at the purchase or at an old end begins there, also where the clock shows that time twice.
    let begin = match start {
        Start::Now if from == chosen => bought_at,
        Start::Renewal(old) if from == chosen => old,
        _ => at(from),
    };
    let paid = Price::of(product, first)?;
    let mut lines = Vec::with_capacity(4);
    let whole_from = match (paid.rest, first) {
        (Some(rest), Some((_, rest_end, _))) => {
            lines.push(PassLine {
                kind: PassLineKind::RestOfMonth,
                from: begin,
                to: at(rest_end),
                amount: rest,
            });
            at(rest_end)
        }
        _ => begin,
    };
    if whole_from < at(end) {
        lines.push(PassLine { kind: PassLineKind::Term, from: whole_from, to: at(end), amount: paid.whole });
    }
    if paid.discount != Amount::ZERO {
        lines.push(PassLine {
            kind: PassLineKind::Discount,
            from: begin,
            to: at(end),
            amount: paid.discount,
        });
    }
    if to != end {
        lines.push(PassLine {
            kind: PassLineKind::ExtraDays,
            from: at(end),
            to: at(to),
            amount: Amount::ZERO,
        });
    }
    let total = lines.iter().map(|line| line.amount).sum();
    Ok(PassTerm { from: begin, to: at(to), total, lines })
}

/// Where the rest of a first month ends and how many of how many days it has: `(days left, its end, days)`.
type Rest = (i64, Local, i64);

struct Price {
    rest: Option<Amount>,
    whole: Amount,
    discount: Amount,
}

impl Price {
    fn of(product: &Product, first: Option<Rest>) -> Result<Self, PassError> {
        let (rest, whole) = Self::split(product, product.price, first)?;
        let sum = |rest: Option<Amount>, whole: Amount| whole.saturating_add(rest.unwrap_or_default());
        let discount = match product.discount_price {
            None => Amount::ZERO,
            Some(price) => {
                let (less_rest, less_whole) = Self::split(product, price, first)?;
                sum(less_rest, less_whole).saturating_sub(sum(rest, whole))
            }
        };
        Ok(Self { rest, whole, discount })
    }

    /// What the rest of the first month and the whole months cost of a price for the term.
    fn split(
        product: &Product,
        price: Amount,
        first: Option<Rest>,
    ) -> Result<(Option<Amount>, Amount), PassError> {
        let (Some((left, _, days)), Term::Months(months)) = (first, product.term) else {
            return Ok((None, price));
        };
        let (months, price) = (i128::from(months), i128::from(price.as_micros()));
        let rounding = Rounding { mode: RoundingMode::HalfUp, quantum: product.currency.minor_unit() };
        let part = |numerator, denominator| {
            Fraction::<i128>::new(numerator, denominator).round(rounding).ok_or(PassError::Overflow)
        };
        let rest = part(price * i128::from(left), months * i128::from(days))?;
        Ok((Some(rest), part(price * (months - 1), months)?))
    }
}

/// The term of natural months that a pass chosen to begin at `chosen` has, and the rest of its first month where that is
/// paid by its days.
fn natural(chosen: Local, months: u16, first: FirstMonth) -> Result<(Local, Local, Option<Rest>), PassError> {
    let date = chosen.date();
    let (year, month, day) = date.ymd();
    let month_start = Date::from_ymd(year, month, 1).ok_or(PassError::Overflow)?;
    let after = |months: i32| month_start.plus_months(months).ok_or(PassError::Overflow);
    let next = after(1)?;
    let midnight = |date| Local::new(date, TimeOfDay::MIDNIGHT).ok_or(PassError::Overflow);
    let end = midnight(after(i32::from(months))?)?;
    let whole = day == 1;
    match first {
        FirstMonth::Next if !whole => Ok((midnight(next)?, midnight(after(i32::from(months) + 1)?)?, None)),
        FirstMonth::ProRata if !whole => {
            let left = i64::from(next.days() - date.days());
            Ok((chosen, end, Some((left, midnight(next)?, i64::from(next.days() - month_start.days())))))
        }
        _ => Ok((chosen, end, None)),
    }
}

/// The wall-clock time a term later.
fn later(from: Local, term: Term) -> Result<Local, PassError> {
    let date = match term {
        Term::Days(days) => from.date().plus_days(i32::from(days)),
        Term::Months(months) => from.date().plus_months(i32::from(months)).ok_or(PassError::Overflow)?,
    };
    let midnight = Local::new(date, TimeOfDay::MIDNIGHT).ok_or(PassError::Overflow)?;
    Ok(midnight.plus(parking_types::Span::from_nanos(from.nanos_of_day())))
}

fn instant(zone: &Zone, local: Local) -> Instant {
    match zone.resolve(local) {
        Resolved::Once(at) | Resolved::Twice(at, _) | Resolved::Skipped { at } => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(term: Term, natural_months: Option<FirstMonth>) -> Product {
        let currency = Currency::parse("CNY").unwrap();
        Product {
            term,
            natural_months,
            price: "300".parse().unwrap(),
            discount_price: None,
            extra_days: 0,
            currency,
        }
    }

    fn sold(product: &Product, start: Start) -> (String, String, String) {
        let zone = Zone::new("Asia/Shanghai").unwrap();
        let pass = pass_term(product, "2026-01-20T10:00:00+08:00".parse().unwrap(), start, &zone).unwrap();
        assert_eq!(pass.total, pass.lines.iter().map(|line| line.amount).sum::<Amount>());
        let text = |at: Instant| zone.local(at).to_string();
        (text(pass.from), text(pass.to), pass.total.to_string())
    }

    fn on(date: &str) -> Start {
        Start::On(Date::parse(date).unwrap())
    }

    fn expect(from: &str, to: &str, total: &str) -> (String, String, String) {
        (from.to_owned(), to.to_owned(), total.to_owned())
    }

    #[test]
    fn terms_from_any_day() {
        let at = |term, start| sold(&product(term, None), start);
        assert_eq!(
            at(Term::Days(1), Start::Now),
            expect("2026-01-20T10:00:00", "2026-01-21T10:00:00", "300")
        );
        assert_eq!(
            at(Term::MONTH, on("2026-01-31")),
            expect("2026-01-31T00:00:00", "2026-02-28T00:00:00", "300")
        );
        assert_eq!(
            at(Term::MONTH, on("2028-01-31")),
            expect("2028-01-31T00:00:00", "2028-02-29T00:00:00", "300")
        );
        assert_eq!(
            at(Term::QUARTER, on("2026-02-01")),
            expect("2026-02-01T00:00:00", "2026-05-01T00:00:00", "300")
        );
        assert_eq!(
            at(Term::YEAR, on("2028-02-29")),
            expect("2028-02-29T00:00:00", "2029-02-28T00:00:00", "300")
        );
        let old = Start::Renewal("2026-02-15T00:00:00+08:00".parse().unwrap());
        assert_eq!(at(Term::MONTH, old), expect("2026-02-15T00:00:00", "2026-03-15T00:00:00", "300"));
    }

    #[test]
    fn natural_months() {
        let at = |term, first, start| sold(&product(term, Some(first)), start);
        assert_eq!(
            at(Term::MONTH, FirstMonth::Full, Start::Now),
            expect("2026-01-20T10:00:00", "2026-02-01T00:00:00", "300")
        );
        // 12 of 31 days of 300.
        assert_eq!(
            at(Term::MONTH, FirstMonth::ProRata, Start::Now),
            expect("2026-01-20T10:00:00", "2026-02-01T00:00:00", "116.13")
        );
        // 12 of 31 days of 100, and 200.
        assert_eq!(
            at(Term::QUARTER, FirstMonth::ProRata, Start::Now),
            expect("2026-01-20T10:00:00", "2026-04-01T00:00:00", "238.71")
        );
        assert_eq!(
            at(Term::MONTH, FirstMonth::Next, Start::Now),
            expect("2026-02-01T00:00:00", "2026-03-01T00:00:00", "300")
        );
        assert_eq!(
            at(Term::MONTH, FirstMonth::Next, on("2026-02-01")),
            expect("2026-02-01T00:00:00", "2026-03-01T00:00:00", "300")
        );
    }

    #[test]
    fn campaigns() {
        let plain = product(Term::MONTH, None);
        let cheaper = Product { discount_price: Some("240".parse().unwrap()), ..plain };
        assert_eq!(
            sold(&cheaper, on("2026-02-01")),
            expect("2026-02-01T00:00:00", "2026-03-01T00:00:00", "240")
        );
        let longer = Product { extra_days: 5, ..plain };
        assert_eq!(
            sold(&longer, on("2026-02-01")),
            expect("2026-02-01T00:00:00", "2026-03-06T00:00:00", "300")
        );
    }

    #[test]
    fn refusals() {
        let zone = Zone::new("Asia/Shanghai").unwrap();
        let bought = "2026-01-20T10:00:00+08:00".parse().unwrap();
        let month = product(Term::MONTH, None);
        assert_eq!(pass_term(&month, bought, on("2026-01-19"), &zone), Err(PassError::StartsBeforePurchase));
        let nothing = product(Term::Days(0), None);
        assert_eq!(pass_term(&nothing, bought, Start::Now, &zone), Err(PassError::BadProduct));
        let odd = product(Term::Days(1), Some(FirstMonth::Full));
        assert_eq!(pass_term(&odd, bought, Start::Now, &zone), Err(PassError::BadProduct));
    }
}
