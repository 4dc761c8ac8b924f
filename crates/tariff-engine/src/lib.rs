//! Prices parking stays: tariff document + calendar + stay → receipt.
//!
//! A [`Tariff`] is read from a JSON document, checked to the last field and compiled; a [`Calendar`] tells workdays, rest
//! days and special days; a [`Stay`] is read from JSON or made in place. [`price`] gives the [`Receipt`], line by line;
//! [`total`] only the amount, without allocating. What the documents mean is in `docs/tariff.md`.
//!
//! Exact to the last digit, pure: no clock, no I/O, no float, no panic on any input.
//!
//! ```
//! use tariff_engine::{Lang, Stay, Tariff, explain, price};
//! let tariff = Tariff::from_json(br#"{ "format": 1, "id": "day", "currency": "CNY", "time_zone": "Asia/Shanghai",
//!     "rules": [ { "id": "r", "from": "07:30", "to": "21:00",
//!         "charge": { "steps": [ { "upto": "30m", "price": "0" }, { "every": "1h", "price": "2.00" } ] } } ] }"#)?;
//! let stay = Stay::from_json(br#"{ "id": "a1", "entry": "2026-03-02T20:00:00+08:00", "exit": "2026-03-03T08:20:00+08:00" }"#)?;
//! let receipt = price(&tariff, None, &stay)?;
//! assert_eq!(receipt.total.to_string(), "4");
//! assert!(explain(&receipt, Lang::En, 32).contains("1 x 2.00"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! How it works: document (`document`) ▶ compiled tariff (`compiled`) ▶ the walk over a stay (`walk`) ▶ the order of
//! decision around it (`price`) ▶ `receipt`. The walk is written once, for totals and for receipts, and tells a sink what
//! it charges. What makes it quick:
//!
//! - A total of an ordinary stay takes a way of its own (`quick`), which keeps no more books than such a stay needs; it
//!   leaves to the walk whatever is special, and tests compare both.
//! - A document is compiled: each kind of date (its types and weekday) has a number, and each number a day cut into pieces
//!   with the rule in force. To find the rule at an instant is an offset by bucket, a date, a table and a short scan.
//! - Units inside a piece are counted by division. For a total, what a piece charges is one sum: it counts in the same
//!   scopes as its parts, so caps cut it the same.
//! - A whole day that begins like one before, by the same plan, costs the same and ends alike (`walk::days`). Such days are
//!   remembered with the tariff for all its stays; a stay of a year is two parts of days that are walked, and one look in a
//!   table for each day between.
//! - A receipt names every charge, but says of such days the same with other dates: the walk writes each onto a page, which
//!   is copied for the days that are like it (`walk::pages`). Pages last as long as the stay. Tests compare all of these
//!   ways.
//!
//! Around it: the fee as a function of the exit (`curve`), text for people (`explain`), passes (`pass`).
#![deny(clippy::float_arithmetic)]

mod adjust;
pub mod backtest;
mod batch;
mod calendar;
mod compiled;
mod curve;
mod document;
mod error;
mod explain;
mod few;
mod json;
pub mod lint;
mod money;
mod named;
mod pass;
mod price;
mod quick;
mod read;
mod receipt;
mod stay;
mod tariff;
mod walk;

pub use adjust::Adjust;
pub use batch::{price_many, total_many};
pub use calendar::{Calendar, DayTypes, MergeError};
pub use curve::{Breakpoint, Curve, curve, latest_exit_for, next_change};
pub use document::CapPer;
pub use error::{Code, DocumentError, PriceError, StayError, document_error_json, error_json};
pub use explain::{Lang, explain};
pub use named::{Color, Named, Vehicle};
pub use pass::{FirstMonth, PassError, PassLine, PassLineKind, PassTerm, Product, Start, Term, pass_term};
pub use price::{price, price_as_of, total};
pub use receipt::{DocumentRef, Line, LineKind, NextChange, Receipt};
pub use stay::{Stay, Used};
pub use tariff::{Tariff, TariffSet};
