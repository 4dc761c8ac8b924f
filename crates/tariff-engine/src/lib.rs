//! Prices parking stays: tariff document + calendar + stay → receipt.
//!
//! Exact to the last digit, explained line by line, pure: no clock, no I/O, no float, no panic on any input.
#![deny(clippy::float_arithmetic)]

mod adjust;
mod calendar;
mod compiled;
mod curve;
mod document;
mod error;
mod json;
mod money;
mod named;
mod price;
mod read;
mod receipt;
mod stay;
mod tariff;
mod walk;

pub use adjust::Adjust;
pub use calendar::{Calendar, DayTypes, MergeError};
pub use curve::{Breakpoint, Curve, curve, latest_exit_for, next_change};
pub use document::CapPer;
pub use error::{Code, DocumentError, PriceError, StayError, document_error_json, error_json};
pub use named::{Color, Named, Vehicle};
pub use price::{price, price_as_of, total};
pub use receipt::{DocumentRef, Line, LineKind, NextChange, Receipt};
pub use stay::{Stay, Used};
pub use tariff::{Tariff, TariffSet};
