//! Prices parking stays: tariff document + calendar + stay → receipt.
//!
//! Exact to the last digit, explained line by line, pure: no clock, no I/O, no float, no panic on any input.
#![deny(clippy::float_arithmetic)]

mod adjust;
mod batch;
mod calendar;
mod compiled;
mod curve;
mod document;
mod error;
mod explain;
mod json;
mod money;
mod named;
mod pass;
mod price;
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
