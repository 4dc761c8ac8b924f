//! The price of a stay.

use parking_types::Amount;

use crate::{Calendar, PriceError, Receipt, Stay, Tariff};

/// Prices a stay and explains it line by line.
///
/// # Errors
/// [`PriceError`], in the order of precedence of its codes.
pub fn price<'a>(_: &'a Tariff, _: Option<&'a Calendar>, _: &'a Stay) -> Result<Receipt<'a>, PriceError> {
    Err(PriceError::OVERFLOW)
}

/// [`price`] without [`Receipt::next_change`], which costs as much again as everything else.
///
/// # Errors
/// As [`price`].
pub fn price_as_of<'a>(
    _: &'a Tariff,
    _: Option<&'a Calendar>,
    _: &'a Stay,
) -> Result<Receipt<'a>, PriceError> {
    Err(PriceError::OVERFLOW)
}

/// What a stay costs, and nothing else: no line is made and nothing is allocated.
///
/// # Errors
/// As [`price`].
pub fn total(_: &Tariff, _: Option<&Calendar>, _: &Stay) -> Result<Amount, PriceError> {
    Err(PriceError::OVERFLOW)
}
