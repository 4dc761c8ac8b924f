//! The fee as a function of the exit.

use parking_types::Amount;

use crate::{Calendar, NextChange, Stay, Tariff};

/// When a stay that costs `total` costs something else.
pub(crate) fn next_change_from(_: &Tariff, _: Option<&Calendar>, _: &Stay, _: Amount) -> Option<NextChange> {
    None
}
