//! The tariff document, read.

use chrono::NaiveDateTime;
use chrono_tz::Tz;

use super::calendar::Day;
use super::quantity::Mode;
use super::{Nanos, Q};

#[derive(Clone, Debug)]
pub(crate) struct Tariff {
    pub(crate) id: String,
    pub(crate) zone: Tz,
    pub(crate) valid_from: Option<NaiveDateTime>,
    pub(crate) valid_until: Option<NaiveDateTime>,
    pub(crate) clock_minute: bool,
    pub(crate) rolling: bool,
    pub(crate) grace: Option<Nanos>,
    pub(crate) exit_grace: Nanos,
    pub(crate) free: Option<Free>,
    pub(crate) first_stay_free: bool,
    pub(crate) caps: Vec<Cap>,
    pub(crate) minimum: Option<Q>,
    pub(crate) rounding: (Mode, Q),
    pub(crate) max_stay: Option<Nanos>,
    pub(crate) packages: Vec<Package>,
    pub(crate) packages_only: bool,
    pub(crate) rules: Vec<Rule>,
}

/// When something starts again: the ladder, or a flat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Restart {
    Window,
    Period,
    Stay,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FreePer {
    Stay,
    Period,
    Day,
}

#[derive(Clone, Debug)]
pub(crate) struct Free {
    pub(crate) length: Nanos,
    pub(crate) per: FreePer,
    pub(crate) first: Option<Nanos>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum CapPer {
    Rule,
    Period,
    NaturalDay,
    Rolling24h,
    Rolling7d,
    Stay,
    Day,
}

#[derive(Clone, Debug)]
pub(crate) struct Cap {
    pub(crate) per: CapPer,
    /// For the 1st, 2nd … scope; the last repeats.
    pub(crate) amounts: Vec<Q>,
}

impl Cap {
    pub(crate) fn amount(&self, nth_from_zero: usize) -> &Q {
        self.amounts.get(nth_from_zero).unwrap_or_else(|| self.amounts.last().unwrap())
    }
}

/// Which vehicles a rule or package accepts; absent = all.
#[derive(Clone, Debug)]
pub(crate) struct Accepts {
    pub(crate) vehicles: Option<Vec<String>>,
    pub(crate) plate_colors: Option<Vec<String>>,
}

impl Accepts {
    pub(crate) fn accepts(&self, vehicle: Option<&str>, color: Option<&str>) -> bool {
        let one = |wanted: &Option<Vec<String>>, given: Option<&str>| match (wanted, given) {
            (None, _) => true,
            (Some(list), Some(given)) => list.iter().any(|word| word == given),
            (Some(_), None) => false,
        };
        one(&self.vehicles, vehicle) && one(&self.plate_colors, color)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) days: Vec<Day>,
    pub(crate) accepts: Accepts,
    /// `from` and `to`, nanoseconds after local midnight.
    pub(crate) window: Option<(Nanos, Nanos)>,
    pub(crate) cap: Option<Q>,
    pub(crate) min_overlap: Nanos,
    pub(crate) ladder: Restart,
    pub(crate) split: bool,
    pub(crate) charge: Charge,
}

#[derive(Clone, Debug)]
pub(crate) enum Charge {
    Nothing,
    Flat { price: Q, once: Restart },
    Steps { tiers: Tiers, steps: Vec<Step> },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tiers {
    Total,
    Add,
    Volume,
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) upto: Option<Nanos>,
    pub(crate) price: Q,
    /// Only unit steps have one.
    pub(crate) unit: Option<Unit>,
}

#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) every: Nanos,
    pub(crate) partial: Partial,
}

#[derive(Clone, Debug)]
pub(crate) enum Partial {
    Up,
    Down,
    ProRata,
    Over(Nanos),
    Step(Nanos),
}

#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) price: Q,
    pub(crate) accepts: Accepts,
    pub(crate) days: Vec<Day>,
    pub(crate) entry: (Nanos, Nanos),
    pub(crate) exit: (Nanos, Nanos),
    pub(crate) exit_day: ExitDay,
    pub(crate) cheapest: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ExitDay {
    Same,
    Next,
    Any,
}
