//! The stay, read.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{Nanos, Q};

#[derive(Clone, Debug)]
pub(crate) struct Stay {
    pub(crate) id: String,
    pub(crate) entry: Nanos,
    pub(crate) exit: Nanos,
    pub(crate) vehicle: Option<String>,
    pub(crate) plate_color: Option<String>,
    pub(crate) exempt: Vec<(Nanos, Nanos)>,
    pub(crate) used: BTreeMap<NaiveDate, Figures>,
    pub(crate) adjust: Vec<Adjust>,
    pub(crate) paid: Vec<(Nanos, Q)>,
}

/// What a plate has used on a natural day.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Figures {
    pub(crate) stays: i64,
    pub(crate) free: Nanos,
    pub(crate) charged: Q,
}

impl Figures {
    pub(crate) fn none() -> Figures {
        Figures { stays: 0, free: 0, charged: super::quantity::zero() }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Adjust {
    TimeOff { length: Nanos, at_end: bool },
    Instead(Q),
    Multiply(Q),
    PercentOff(Q),
    AmountOff(Q),
}

impl Stay {
    pub(crate) fn figures(&self, date: NaiveDate) -> Figures {
        self.used.get(&date).cloned().unwrap_or_else(Figures::none)
    }

    /// The time off at the start and at the end of the stay.
    pub(crate) fn time_off(&self) -> (Nanos, Nanos) {
        let (mut start, mut end): (Nanos, Nanos) = (0, 0);
        for adjust in &self.adjust {
            match adjust {
                Adjust::TimeOff { length, at_end: false } => start = start.saturating_add(*length),
                Adjust::TimeOff { length, at_end: true } => end = end.saturating_add(*length),
                _ => {}
            }
        }
        (start, end)
    }

    pub(crate) fn instead(&self) -> Option<&Q> {
        self.adjust.iter().find_map(|adjust| match adjust {
            Adjust::Instead(amount) => Some(amount),
            _ => None,
        })
    }
}
