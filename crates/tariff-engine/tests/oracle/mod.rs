//! A naive oracle of the tariff contract: it walks a stay piece by piece and unit by unit with exact rationals and
//! takes local time straight from the time-zone database. It shares no code with the engine but the list of
//! currencies, and prefers a plain sentence of the contract to speed everywhere.
#![allow(dead_code)] // every test binary uses its own part of it

pub(crate) mod calendar;
pub(crate) mod caps;
pub(crate) mod curve;
pub(crate) mod document;
pub(crate) mod generate;
pub(crate) mod generate_stay;
pub(crate) mod json;
pub(crate) mod ladder;
pub(crate) mod packages;
pub(crate) mod parse;
pub(crate) mod parse_parts;
pub(crate) mod pieces;
pub(crate) mod price;
pub(crate) mod quantity;
pub(crate) mod receipt;
pub(crate) mod stay;
pub(crate) mod time;
pub(crate) mod volume;

/// An exact amount or quantity.
pub(crate) type Q = num_rational::BigRational;
/// Nanoseconds since 1970, or a number of nanoseconds.
pub(crate) type Nanos = i64;
/// An error code of the contract.
pub(crate) type Code = &'static str;
