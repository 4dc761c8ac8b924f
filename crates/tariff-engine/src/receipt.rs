//! The receipt: a priced stay, line by line. Its lines are the computation; the total is their sum.

mod write;

use parking_types::{Amount, Currency, Date, Instant, Zone};

use crate::{
    calendar::{Calendar, DayTypes},
    document::CapPer,
    stay::Used,
};

/// A priced stay. It borrows from the tariff, the calendar and the stay that it was made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt<'a> {
    /// The stay's id.
    pub id: Option<&'a str>,
    /// When the stay began, as it was priced (to the minute where the tariff goes by minutes).
    pub entry: Instant,
    /// When it ended, as it was priced.
    pub exit: Instant,
    /// The currency of all amounts.
    pub currency: Currency,
    /// What the stay costs.
    pub total: Amount,
    /// What was paid up to the exit.
    pub paid: Amount,
    /// What is still to pay; never negative.
    pub due: Amount,
    /// What was paid too much; zero where nothing was.
    pub overpaid: Amount,
    /// What the total is made of; the amounts add up to it exactly.
    pub lines: Vec<Line<'a>>,
    /// When a longer stay costs something else, if it was asked for and there is such a time.
    pub next_change: Option<NextChange>,
    /// What the plate has used after this stay, for every local date of the stay.
    pub used: Vec<(Date, Used)>,
    /// The tariff that priced it.
    pub tariff: DocumentRef<'a>,
    /// The calendar that told the day types; without one, Saturdays and Sundays are rest days.
    pub calendar: Option<&'a Calendar>,
    /// The zone in whose local time the receipt is printed.
    pub zone: &'a Zone,
}

/// A document by id and digest: with them a receipt can be computed again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DocumentRef<'a> {
    /// The document's id.
    pub id: &'a str,
    /// SHA-256 of its canonical form, in hexadecimal.
    pub digest: &'a str,
}

/// One line of a receipt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line<'a> {
    /// What it is.
    pub kind: LineKind,
    /// The rule that charges, or whose cap it is; of a package line, the package.
    pub rule: Option<&'a str>,
    /// From when …
    pub from: Instant,
    /// … to when it counts.
    pub to: Instant,
    /// The types of the date, on lines that a rule charges.
    pub day: Option<DayTypes>,
    /// How many units, to six decimals; the factor of a multiplication, the per cent of a discount.
    pub quantity: Option<Amount>,
    /// The price of one.
    pub unit_price: Option<Amount>,
    /// What it adds to the total, to six decimals; negative where something is taken off.
    pub amount: Amount,
    /// Of a cap line: what the cap counts together.
    pub cap: Option<CapPer>,
}

impl Line<'_> {
    /// A line of which there is no more to say.
    pub(crate) const fn new(kind: LineKind, (from, to): (Instant, Instant), amount: Amount) -> Self {
        Line { kind, rule: None, from, to, day: None, quantity: None, unit_price: None, amount, cap: None }
    }
}

/// The kinds of lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum LineKind {
    /// A price charged once a window, period or stay.
    Flat,
    /// A fixed step that was reached.
    Tier,
    /// Units of one price.
    Unit,
    /// What a cap took away.
    Cap,
    /// What lifts the total to the minimum.
    Minimum,
    /// A package.
    Package,
    /// An amount that a person set.
    Instead,
    /// A multiplication.
    Multiply,
    /// A discount in per cent.
    PercentOff,
    /// A discount of an amount.
    AmountOff,
    /// The rounding of the total.
    Rounding,
}

impl LineKind {
    /// The word for it in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Tier => "tier",
            Self::Unit => "unit",
            Self::Cap => "cap",
            Self::Minimum => "minimum",
            Self::Package => "package",
            Self::Instead => "instead",
            Self::Multiply => "multiply",
            Self::PercentOff => "percent_off",
            Self::AmountOff => "amount_off",
            Self::Rounding => "rounding",
        }
    }
}

/// The limit after which a longer stay costs something else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NextChange {
    /// Every exit later than this and before the change after it costs `total`.
    pub at: Instant,
    /// What it costs then.
    pub total: Amount,
}

impl Receipt<'_> {
    /// The receipt as one line of JSON.
    pub fn to_json(&self) -> String {
        let mut out = Vec::with_capacity(512);
        self.write_json(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}
