//! The compiled form of a tariff: lengths in nanoseconds, the scale of exact sums, days cut into pieces.

mod plan;

use parking_types::{Amount, Span};

use crate::{
    document::{self, CapPer, Charge, Document, FreePer, Once, Partial, Restart, Tiers, Window},
    money::{Big, Exact, gcd},
    quick::Quick,
};

pub(crate) use plan::{NO_RULE, Piece, PlanNumbers, PlanSet};

/// Nanoseconds of 24 hours.
pub(crate) const DAY: i64 = 86_400_000_000_000;

/// What a [`Document`] becomes for pricing.
///
/// Sums inside the engine are whole numbers of fractions of a millionth: [`Scale`] says how many of them make one.
pub(crate) struct Compiled {
    pub(crate) scale: Scale,
    pub(crate) rules: Vec<Rule>,
    /// The tariff's caps in the order in which they apply, one a scope.
    pub(crate) caps: Vec<CapLevel>,
    /// How many of the caps have scopes of at most a day; they come first.
    pub(crate) inner_levels: usize,
    /// No cap at all, and charges come in order: they are added up and that is it.
    pub(crate) uncapped: bool,
    /// Some rule prices by volume: its charges come out of order.
    pub(crate) volume: bool,
    /// 24 h from entry part something.
    pub(crate) parts_24h: bool,
    /// 7 × 24 h from entry part something.
    pub(crate) parts_7d: bool,
    /// A longer stay may cost less even while the same windows and packages apply.
    pub(crate) may_fall: bool,
    /// The price changes only where the rules charge something, and where the grace ends.
    pub(crate) steady: bool,
    /// Days that begin alike can be counted: no unit is longer than a day, and nothing is priced by volume.
    pub(crate) days_repeat: bool,
    /// Every unit is cut where a natural day ends.
    pub(crate) midnight_cuts: bool,
    /// So is everything else but what caps and flat prices of windows over midnight have counted: from the second day on,
    /// days do not depend on when the stay began.
    pub(crate) days_apart: bool,
    /// How totals of ordinary stays are found, where the tariff is one of those.
    pub(crate) quick: Option<Quick>,
    /// The most scopes from entry whose caps may differ.
    pub(crate) longest_list: i32,
    plans: plan::Plans,
}

pub(crate) struct Rule {
    pub(crate) window: Option<Window>,
    pub(crate) cap: Option<Amount>,
    pub(crate) min_overlap: i64,
    /// Never [`Restart::Window`] for a rule without a window.
    pub(crate) restart: Restart,
    pub(crate) split: bool,
    pub(crate) charge: RuleCharge,
}

impl Rule {
    /// Whether a day's charges do not depend on other days but by caps and flat prices.
    fn is_apart(&self) -> bool {
        let apart = self.restart == Restart::Period || !matches!(self.charge, RuleCharge::Ladder { .. });
        apart && self.min_overlap == 0
    }

    pub(crate) fn units(&self) -> impl Iterator<Item = Unit> {
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
    /// By started granules, each `each` of the `parts` of the unit.
    Granules {
        granule: i64,
        each: i64,
        parts: i64,
    },
}

impl Unit {
    /// How far into a unit of which `used` are used, less than all, it or the next one costs something else: there or right
    /// after it.
    pub(crate) fn next_cost(self, used: i64) -> i64 {
        match self.partial {
            Part::Full if used == 0 => 0,
            Part::Over(limit) if used <= limit => limit,
            Part::Full | Part::Nothing | Part::Over(_) => self.every,
            Part::Granules { granule, .. } => (used + (granule - used % granule) % granule).min(self.every),
        }
    }

    /// The part of a unit that `used` of it is charged as, in fractions of which `scale` make a whole unit.
    pub(crate) fn share<M: Exact>(self, used: i64, scale: &M) -> M {
        let full = used >= self.every;
        match self.partial {
            _ if full => scale.clone(),
            Part::Full => scale.clone(),
            Part::Nothing => M::ZERO,
            Part::Over(limit) => {
                if used > limit {
                    scale.clone()
                } else {
                    M::ZERO
                }
            }
            Part::Granules { granule, each, parts } => {
                let granules = used / granule + i64::from(used % granule != 0);
                let charged = granules.checked_mul(each).filter(|charged| *charged < parts);
                // The scale is a multiple of `parts`, so that the division is exact; the product is less than the scale.
                charged.and_then(|n| scale.part(parts).times(n)).unwrap_or_else(|| scale.clone())
            }
        }
    }
}

/// One of the tariff's caps; several of one scope are one, as the lowest of their amounts holds.
pub(crate) struct CapLevel {
    pub(crate) per: CapPer,
    /// Never empty; the last one repeats.
    pub(crate) amounts: Vec<Amount>,
}

impl CapLevel {
    /// The amount of the scope with this number from entry.
    pub(crate) fn amount(&self, scope: i32) -> Amount {
        let index = usize::try_from(scope).unwrap_or(0);
        self.amounts.get(index).or(self.amounts.last()).copied().unwrap_or(Amount::from_micros(i64::MAX))
    }

    /// The amounts of both caps together, scope by scope.
    pub(crate) fn lowest(&self, other: &Self) -> Vec<Amount> {
        let scopes = self.amounts.len().max(other.amounts.len());
        (0..scopes as i32).map(|scope| self.amount(scope).min(other.amount(scope))).collect()
    }
}

impl Compiled {
    pub(crate) fn new(document: &Document) -> Self {
        let rules: Vec<Rule> = document.rules.iter().map(compile_rule).collect();
        let caps = merge_caps(&document.caps);
        let has = |per| caps.iter().any(|cap| cap.per == per);
        let volume = rules.iter().any(|rule| matches!(rule.charge, RuleCharge::Volume(_)));
        let may_fall = volume || rules.iter().any(may_fall);
        Self {
            scale: Scale::new(document),
            quick: Quick::new(document, &rules, &caps),
            parts_24h: document.rolling || has(CapPer::Rolling24h),
            parts_7d: has(CapPer::Rolling7d),
            may_fall,
            steady: !may_fall
                && document.packages.is_empty()
                && document.max_stay.is_none()
                && rules.iter().all(|rule| rule.min_overlap == 0),
            plans: plan::Plans::new(&document.rules),
            days_repeat: !volume && rules.iter().flat_map(Rule::units).all(|unit| unit.every <= DAY),
            midnight_cuts: !document.rolling
                && rules.iter().all(|rule| rule.restart == Restart::Period || rule.units().next().is_none()),
            days_apart: !document.rolling
                && !has(CapPer::Rolling24h)
                && document.free.is_none_or(|free| free.per != FreePer::Stay)
                && rules.iter().all(Rule::is_apart),
            longest_list: caps.iter().map(|level| level.amounts.len() as i32).max().unwrap_or(0),
            inner_levels: caps.iter().filter(|level| level.per <= CapPer::Rolling24h).count(),
            uncapped: !volume && caps.is_empty() && rules.iter().all(|rule| rule.cap.is_none()),
            volume,
            caps,
            rules,
        }
    }

    /// The day plans for a vehicle and a plate colour; `None` where the tariff does not keep them.
    #[inline]
    pub(crate) fn kept_plans(&self, document: &Document, stay: &crate::Stay) -> Option<&PlanSet> {
        self.plans.find(&document.rules, stay.vehicle.as_ref(), stay.plate_color.as_ref())
    }

    /// The day plans; they are made in `made` where the tariff does not keep them.
    pub(crate) fn plans<'a>(
        &'a self,
        document: &Document,
        stay: &crate::Stay,
        made: &'a mut Option<PlanSet>,
    ) -> &'a PlanSet {
        let make = || PlanSet::new(&document.rules, stay.vehicle.as_ref(), stay.plate_color.as_ref());
        self.kept_plans(document, stay).unwrap_or_else(|| made.insert(make()))
    }
}

/// How many fractions make a millionth, in figures of each width that holds them.
///
/// The scale is a common multiple of all units that may be charged in part, so that every charge is a whole number of
/// fractions. Nearly every tariff does with machine words; units of several odd lengths may need any number of digits.
pub(crate) struct Scale {
    pub(crate) narrow: Option<i64>,
    pub(crate) middle: Option<i128>,
    pub(crate) wide: Big,
}

/// The greatest scales at which sums of usual amounts fit the narrow and the middle figures. Others are found too large
/// when they are added up, and priced once more in wider ones.
const GREATEST_NARROW: i128 = 100_000;
const GREATEST_MIDDLE: i128 = 10_000_000_000_000_000_000;

impl Scale {
    fn new(document: &Document) -> Self {
        let mut wide = Big::new(1);
        for rule in &document.rules {
            let Charge::Steps { steps, .. } = &rule.charge else { continue };
            for unit in steps.iter().filter_map(|step| step.unit) {
                let every = unit.every.as_nanos();
                let parts = match unit.partial {
                    Partial::ProRata => every,
                    Partial::Step(step) => every / gcd(every, step.as_nanos()),
                    Partial::Up | Partial::Down | Partial::Over(_) => 1,
                };
                let (_, rest) = wide.parted(parts.unsigned_abs());
                // The rest is less than the number of parts, so it fits.
                wide = wide.times(parts / gcd(parts, i64::try_from(rest).unwrap_or(0)));
            }
        }
        let middle = wide.to_i128().filter(|scale| *scale <= GREATEST_MIDDLE);
        let narrow = middle.filter(|scale| *scale <= GREATEST_NARROW).map(|scale| scale as i64);
        Self { narrow, middle, wide }
    }
}

fn compile_rule(rule: &document::Rule) -> Rule {
    let whole = rule.window.is_none();
    let charge = match &rule.charge {
        Charge::None => RuleCharge::None,
        Charge::Flat { price, once } => {
            let once = if whole && *once == Once::Window { Once::Period } else { *once };
            RuleCharge::Flat { price: *price, once }
        }
        Charge::Steps { tiers, steps } => {
            let mut start = 0;
            let compiled = steps.iter().map(|step| {
                let end = step.upto.map_or(i64::MAX, Span::as_nanos);
                let unit = step.unit.map(compile_unit);
                let made = Step { start, end, price: step.price, unit };
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
        cap: rule.cap,
        min_overlap: rule.min_overlap.as_nanos(),
        restart: if whole && rule.restart == Restart::Window { Restart::Period } else { rule.restart },
        split: rule.split,
        charge,
    }
}

fn compile_unit(unit: document::Unit) -> Unit {
    let every = unit.every.as_nanos();
    let granules = |granule: i64| {
        let common = gcd(every, granule);
        Part::Granules { granule, each: granule / common, parts: every / common }
    };
    let partial = match unit.partial {
        Partial::Up => Part::Full,
        Partial::Down => Part::Nothing,
        // More than the limit is all of it.
        Partial::Over(limit) if limit >= unit.every => Part::Nothing,
        Partial::Over(limit) => Part::Over(limit.as_nanos()),
        Partial::ProRata => granules(1),
        Partial::Step(step) => granules(step.as_nanos()),
    };
    Unit { every, partial }
}

fn merge_caps(caps: &[document::Cap]) -> Vec<CapLevel> {
    let mut levels: Vec<CapLevel> = Vec::new();
    for cap in caps {
        let new = CapLevel { per: cap.per, amounts: cap.amounts.to_vec() };
        match levels.iter_mut().find(|level| level.per == cap.per) {
            None => levels.push(new),
            Some(level) => {
                let lowest = level.lowest(&new);
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
    let mut price = Amount::ZERO;
    for step in steps {
        if step.unit.is_some() {
            units_before |= step.price > Amount::ZERO;
        } else {
            if units_before || step.price < price {
                return true;
            }
            price = step.price;
        }
    }
    false
}
