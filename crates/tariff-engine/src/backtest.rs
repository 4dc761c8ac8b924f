//! What a new tariff would have changed: recorded stays priced by the old one and the new one, and compared.
//!
//! Each side is a set of versions, of which the one in force at entry prices a stay, and a calendar. Stays are priced as
//! they are given, with their payments, exemptions and what their plates had used before. A year of stays is added run by
//! run, so that it need not be held in memory.
//!
//! ```
//! use tariff_engine::{Stay, TariffSet, backtest::{Backtest, Side}};
//! let tariff = |price: &str| TariffSet::from_json(format!(r#"{{ "format": 1, "id": "t", "currency": "CNY",
//!     "time_zone": "Asia/Shanghai", "rules": [ {{ "id": "all", "charge": {{ "steps": [
//!         {{ "every": "1h", "price": "{price}" }} ] }} }} ] }}"#).as_bytes());
//! let (old, new) = (tariff("2")?, tariff("3")?);
//! let side = |set| Side { tariffs: set, id: "t", calendar: None };
//! let mut test = Backtest::new(side(&old), side(&new))?;
//! let stay = Stay::new("a", "2026-03-02T08:00:00+08:00".parse()?, "2026-03-02T10:00:00+08:00".parse()?);
//! test.add(&[stay.clone(), stay], None);
//! let report = test.report();
//! assert_eq!((report.dearer.stays, report.dearer.amount.to_string()), (2, "4".to_owned()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod report;

use core::{fmt, num::NonZero};

use parking_types::Currency;

use crate::{Calendar, PriceError, Receipt, Stay, TariffSet, batch::fold_many, price_as_of};

pub use report::{Change, Item, ItemKind, Moved, Report, SideReport, Sum};

/// One side of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The tariff in its versions.
    pub tariffs: &'a TariffSet,
    /// Its id.
    pub id: &'a str,
    /// What tells day types.
    pub calendar: Option<&'a Calendar>,
}

/// Why two tariffs cannot be compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BacktestError {
    /// There is no tariff of that id.
    NoTariff,
    /// Versions have different currencies.
    Currencies,
}

impl fmt::Display for BacktestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoTariff => "there is no tariff of that id",
            Self::Currencies => "the tariffs have different currencies",
        })
    }
}
impl core::error::Error for BacktestError {}

impl Side<'_> {
    /// The stay's receipt by the version in force at its entry.
    fn price<'s>(&'s self, stay: &'s Stay) -> Result<Receipt<'s>, PriceError> {
        let versions = self.tariffs.versions(self.id);
        let version = self.tariffs.version_at(self.id, stay.entry).or(versions.first());
        price_as_of(version.ok_or(PriceError::NOT_IN_FORCE)?, self.calendar, stay)
    }
}

/// A comparison of two tariffs over the stays that are added to it.
#[derive(Clone, Debug)]
pub struct Backtest<'a> {
    old: Side<'a>,
    new: Side<'a>,
    report: Report,
}

impl<'a> Backtest<'a> {
    /// A comparison without stays.
    ///
    /// # Errors
    /// [`BacktestError`].
    pub fn new(old: Side<'a>, new: Side<'a>) -> Result<Self, BacktestError> {
        let mut currency: Option<Currency> = None;
        for side in [old, new] {
            let versions = side.tariffs.versions(side.id);
            if versions.is_empty() {
                return Err(BacktestError::NoTariff);
            }
            for version in versions {
                if currency.is_some_and(|known| known != version.currency()) {
                    return Err(BacktestError::Currencies);
                }
                currency = Some(version.currency());
            }
        }
        let report = Report::new(currency.ok_or(BacktestError::NoTariff)?);
        Ok(Self { old, new, report })
    }

    /// Prices stays by both sides, on up to `threads` threads (`None`: as many as the machine has).
    pub fn add(&mut self, stays: &[Stay], threads: Option<NonZero<usize>>) {
        let (old, new, currency) = (self.old, self.new, self.report.currency);
        let parts = fold_many(
            stays,
            threads,
            || Report::new(currency),
            |report, stay| {
                report.compare(stay, old.price(stay), new.price(stay));
            },
        );
        for part in parts {
            self.report.merge(part);
        }
    }

    /// What has changed over all stays so far.
    pub const fn report(&self) -> &Report {
        &self.report
    }
}
