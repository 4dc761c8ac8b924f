//! The compiled form of a tariff: lengths in nanoseconds, money in whole fractions, days cut into pieces.

mod plan;

use parking_types::{Amount, Span};

use crate::document::{self, CapPer, Charge, Document, Once, Partial, Restart, Tiers, Window};

pub(crate) use plan::{NO_RULE, Piece, PlanSet};

/// Nanoseconds of 24 hours.
pub(crate) const DAY: i64 = 86_400_000_000_000;

/// What a [`Document`] becomes for pricing.
///
/// Money inside the engine is an `i128` in fractions of a millionth: `scale` of them make one. The scale is a
/// common multiple of all units that may be charged in part, so that every charge is exact.
pub(crate) struct Compiled {
    pub(crate) scale: i128,
    pub(crate) rules: Vec<Rule>,
    /// The tariff's caps in the order in which they apply, one a scope.
    pub(crate) caps: Vec<CapLevel>,
    /// Some rule prices by volume: its charges come out of order.
    pub(crate) volume: bool,
    /// 24 h from entry part something.
    pub(crate) parts_24h: bool,
    /// 7 × 24 h from entry part something.
    pub(crate) parts_7d: bool,
    /// A longer stay may cost less even while the same windows and packages apply.
    pub(crate) may_fall: bool,
    /// Days that begin alike can be counted: no unit is longer than a day, and nothing is priced by volume.
    pub(crate) days_repeat: bool,
    /// Every unit is cut where a natural day ends.
    pub(crate) midnight_cuts: bool,
    /// The most scopes from entry whose caps may differ.
    pub(crate) longest_list: i32,
    plans: plan::Plans,
}

pub(crate) struct Rule {
    pub(crate) window: Option<Window>,
    pub(crate) cap: Option<i128>,
    pub(crate) min_overlap: i64,
    /// Never [`Restart::Window`] for a rule without a window.
    pub(crate) restart: Restart,
    pub(crate) split: bool,
    pub(crate) charge: RuleCharge,
}

impl Rule {
    fn units(&self) -> impl Iterator<Item = Unit> {
        let steps: &[Step] = match &self.charge {
            RuleCharge::Ladder { steps, .. } | RuleCharge::Volume(steps) => steps,
            RuleCharge::None | RuleCharge::Flat { .. } => &[],
        };
        steps.iter().filter_map(|step| step.unit)
    }
}

pub(crate) enum RuleCharge {
    None,
    /// Never once a window for a rule without one.
    Flat {
        price: Amount,
        amount: i128,
        once: Once,
    },
    Ladder {
        adds: bool,
        steps: Vec<Step>,
    },
    Volume(Vec<Step>),
}

/// A step of a ladder: it holds while the chargeable time is in `(start, end]`.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) start: i64,
    /// `i64::MAX` for a step that goes on for ever.
    pub(crate) end: i64,
    pub(crate) price: Amount,
    /// The price in the engine's fractions.
    pub(crate) amount: i128,
    pub(crate) unit: Option<Unit>,
}

#[derive(Clone, Copy)]
pub(crate) struct Unit {
    pub(crate) every: i64,
    pub(crate) partial: Part,
}

/// What an incomplete unit counts for.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Full,
    Nothing,
    Over(i64),
    /// By started granules, each so many fractions (of `scale`) of the unit.
    Granules {
        granule: i64,
        share: i128,
    },
}

impl Unit {
    /// The part of a unit that `used` of it is charged as, in fractions of which `scale` make a whole unit.
    pub(crate) fn share(self, used: i64, scale: i128) -> i128 {
        if used >= self.every {
            return scale;
        }
        match self.partial {
            Part::Full => scale,
            Part::Nothing => 0,
            Part::Over(limit) => {
                if used > limit {
                    scale
                } else {
                    0
                }
            }
            Part::Granules { granule, share } => {
                let granules = i128::from(used / granule) + i128::from(used % granule != 0);
                (granules * share).min(scale)
            }
        }
    }
}

/// One of the tariff's caps; several of one scope are one, as the lowest of their amounts holds.
pub(crate) struct CapLevel {
    pub(crate) per: CapPer,
    /// Never empty; the last one repeats.
    pub(crate) amounts: Vec<i128>,
}

impl CapLevel {
    /// The amount of the scope with this number from entry.
    pub(crate) fn amount(&self, scope: i32) -> i128 {
        let index = usize::try_from(scope).unwrap_or(0);
        self.amounts.get(index).or(self.amounts.last()).copied().unwrap_or(i128::MAX)
    }
}

impl Compiled {
    /// `None` where no fraction of 128 bits holds every partial unit exactly.
    pub(crate) fn new(document: &Document) -> Option<Self> {
        let scale = scale(document)?;
        let money = |amount: Amount| i128::from(amount.as_micros()) * scale;
        let rules: Vec<Rule> = document.rules.iter().map(|rule| compile_rule(rule, scale)).collect();
        let caps = merge_caps(&document.caps, money);
        let has = |per| caps.iter().any(|cap| cap.per == per);
        let volume = rules.iter().any(|rule| matches!(rule.charge, RuleCharge::Volume(_)));
        Some(Self {
            scale,
            parts_24h: document.rolling || has(CapPer::Rolling24h),
            parts_7d: has(CapPer::Rolling7d),
            may_fall: volume || rules.iter().any(may_fall),
            plans: plan::Plans::new(&document.rules),
            days_repeat: !volume && rules.iter().flat_map(Rule::units).all(|unit| unit.every <= DAY),
            midnight_cuts: !document.rolling
                && rules.iter().all(|rule| rule.restart == Restart::Period || rule.units().next().is_none()),
            longest_list: caps.iter().map(|level| level.amounts.len() as i32).max().unwrap_or(0),
            volume,
            caps,
            rules,
        })
    }

    /// The day plans for a vehicle and a plate colour.
    pub(crate) fn plans<'a>(&'a self, document: &'a Document, stay: &crate::Stay) -> plan::Found<'a> {
        self.plans.find(&document.rules, stay.vehicle.as_ref(), stay.plate_color.as_ref())
    }
}

/// The greatest scale: with it, the greatest amount that a document can name still fits 128 bits.
const GREATEST_SCALE: i128 = 10_000_000_000_000_000_000;

fn scale(document: &Document) -> Option<i128> {
    let mut scale: i128 = 1;
    for rule in &document.rules {
        let Charge::Steps { steps, .. } = &rule.charge else { continue };
        for unit in steps.iter().filter_map(|step| step.unit) {
            let every = i128::from(unit.every.as_nanos());
            let parts = match unit.partial {
                Partial::ProRata => every,
                Partial::Step(step) => every / gcd(every, i128::from(step.as_nanos())),
                Partial::Up | Partial::Down | Partial::Over(_) => 1,
            };
            scale = scale / gcd(scale, parts) * parts;
            if scale > GREATEST_SCALE {
                return None;
            }
        }
    }
    Some(scale)
}

pub(crate) fn gcd(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

fn compile_rule(rule: &document::Rule, scale: i128) -> Rule {
    let money = |amount: Amount| i128::from(amount.as_micros()) * scale;
    let whole = rule.window.is_none();
    let charge = match &rule.charge {
        Charge::None => RuleCharge::None,
        Charge::Flat { price, once } => {
            let once = if whole && *once == Once::Window { Once::Period } else { *once };
            RuleCharge::Flat { price: *price, amount: money(*price), once }
        }
        Charge::Steps { tiers, steps } => {
            let mut start = 0;
            let compiled = steps.iter().map(|step| {
                let end = step.upto.map_or(i64::MAX, Span::as_nanos);
                let unit = step.unit.map(|unit| compile_unit(unit, scale));
                let made = Step { start, end, price: step.price, amount: money(step.price), unit };
                start = end;
                made
            });
            match tiers {
                Tiers::Volume => RuleCharge::Volume(compiled.collect()),
                Tiers::Total => RuleCharge::Ladder { adds: false, steps: compiled.collect() },
                Tiers::Add => RuleCharge::Ladder { adds: true, steps: compiled.collect() },
            }
        }
    };
    Rule {
        window: rule.window,
        cap: rule.cap.map(money),
        min_overlap: rule.min_overlap.as_nanos(),
        restart: if whole && rule.restart == Restart::Window { Restart::Period } else { rule.restart },
        split: rule.split,
        charge,
    }
}

fn compile_unit(unit: document::Unit, scale: i128) -> Unit {
    let every = unit.every.as_nanos();
    let granules = |granule: i64| {
        // The scale is a multiple of `every / common`, so that both divisions are exact.
        let common = gcd(i128::from(every), i128::from(granule));
        Part::Granules {
            granule,
            share: scale / (i128::from(every) / common) * (i128::from(granule) / common),
        }
    };
    let partial = match unit.partial {
        Partial::Up => Part::Full,
        Partial::Down => Part::Nothing,
        Partial::Over(limit) => Part::Over(limit.as_nanos()),
        Partial::ProRata => granules(1),
        Partial::Step(step) => granules(step.as_nanos()),
    };
    Unit { every, partial }
}

fn merge_caps(caps: &[document::Cap], money: impl Fn(Amount) -> i128) -> Vec<CapLevel> {
    let mut levels: Vec<CapLevel> = Vec::new();
    for cap in caps {
        let amounts: Vec<i128> = cap.amounts.iter().map(|amount| money(*amount)).collect();
        let new = CapLevel { per: cap.per, amounts };
        match levels.iter_mut().find(|level| level.per == cap.per) {
            None => levels.push(new),
            Some(level) => {
                let scopes = level.amounts.len().max(new.amounts.len());
                let both = |scope: usize| level.amount(scope as i32).min(new.amount(scope as i32));
                let lowest = (0..scopes).map(both).collect();
                level.amounts = lowest;
            }
        }
    }
    levels.sort_by_key(|level| level.per);
    levels
}

/// Whether a rule's ladder may take back what it charged: a fixed step below what the steps before may reach.
fn may_fall(rule: &Rule) -> bool {
    let RuleCharge::Ladder { adds: false, steps } = &rule.charge else { return false };
    let mut units_before = false;
    let mut price = 0;
    for step in steps {
        if step.unit.is_some() {
            units_before |= step.amount > 0;
        } else {
            if units_before || step.amount < price {
                return true;
            }
            price = step.amount;
        }
    }
    false
}
