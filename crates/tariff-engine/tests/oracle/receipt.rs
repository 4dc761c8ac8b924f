//! What the oracle says of a priced stay.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::stay::Figures;
use super::{Nanos, Q};

#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) kind: &'static str,
    pub(crate) rule: Option<String>,
    /// Only where the contract says what they are.
    pub(crate) span: Option<(Nanos, Nanos)>,
    pub(crate) day_type: Option<&'static str>,
    pub(crate) quantity: Option<Q>,
    pub(crate) unit_price: Option<Q>,
    pub(crate) amount: Q,
}

#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    pub(crate) total: Q,
    pub(crate) paid: Q,
    pub(crate) due: Q,
    pub(crate) overpaid: Option<Q>,
    pub(crate) lines: Vec<Line>,
    pub(crate) used: BTreeMap<NaiveDate, Figures>,
    /// The exit is inside the exit grace, which ends at this instant.
    pub(crate) grace_until: Option<Nanos>,
}
