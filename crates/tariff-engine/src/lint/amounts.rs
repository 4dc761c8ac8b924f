//! What the figures of a document say without any stay: times of day, caps, the minimum, free time.

use parking_types::{Amount, Local, Span};

use super::{Finding, LintCode, Severity, entries::clock};
use crate::{
    Tariff,
    document::{Charge, Document, Partial, Rule, Step, Tiers},
};

pub(super) fn lint(tariff: &Tariff) -> Vec<Finding> {
    let document = tariff.document();
    let money = |amount: Amount| amount.in_currency(tariff.currency()).to_string();
    let mut findings = ends_at_59(document);
    findings.extend(caps_below_a_unit(document, money));
    findings.extend(minimum_above_a_cap(document, money));
    findings.extend(free_beyond_a_step(document));
    findings
}

/// The last minute of an hour or the last second of a minute: where people write an end that they mean to be included.
const fn is_59(secs: u32) -> bool {
    secs % 3600 == 59 * 60 || secs % 60 == 59
}

fn ends_at_59(document: &Document) -> Vec<Finding> {
    let rules = document
        .rules
        .iter()
        .enumerate()
        .filter_map(|(index, rule)| Some((format!("rules[{index}].to"), rule.window?.to)));
    let packages = document.packages.iter().enumerate().flat_map(|(index, package)| {
        let path = |part: &str| format!("packages[{index}].{part}.to");
        [(path("entry"), package.entry.to), (path("exit"), package.exit.to)]
    });
    let finding = |path: String, text: String, left: &str| {
        Finding::new(
            LintCode::EndsAt59,
            Severity::Warning,
            path,
            format!("ends at {text} and leaves out the last {left}; windows end before `to`"),
        )
    };
    let left = |secs: u32| if secs % 60 == 59 { "second" } else { "minute" };
    let mut findings: Vec<Finding> = rules
        .chain(packages)
        .filter(|(_, to)| is_59(*to))
        .map(|(path, to)| finding(path, clock(to), left(to)))
        .collect();
    let secs_of = |local: Local| (local.nanos_of_day() / 1_000_000_000) as u32;
    if let Some(until) =
        document.valid_until.filter(|until| is_59(secs_of(*until)) && until.as_nanos() < i64::MAX)
    {
        findings.push(finding("valid.until".to_owned(), until.to_string(), left(secs_of(until))));
    }
    findings
}

/// The price of the first unit, step or flat price that costs something and counts whole at once.
fn first_price(rule: &Rule) -> Option<Amount> {
    let whole = |step: &Step| {
        !step.unit.is_some_and(|unit| matches!(unit.partial, Partial::ProRata | Partial::Step(_)))
    };
    let price = match &rule.charge {
        Charge::None => return None,
        Charge::Flat { price, .. } => *price,
        Charge::Steps { steps, .. } => {
            steps.iter().find(|step| step.price > Amount::ZERO).filter(|step| whole(step))?.price
        }
    };
    (price > Amount::ZERO).then_some(price)
}

fn caps_below_a_unit(document: &Document, money: impl Fn(Amount) -> String) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut below = |path: String, cap: Amount, rule: &Rule| {
        let Some(price) = first_price(rule).filter(|price| *price > cap) else { return false };
        let message = format!(
            "the cap {} is below {}, the first price of rule {:?}",
            money(cap),
            money(price),
            rule.id
        );
        findings.push(Finding::new(LintCode::CapBelowFirstUnit, Severity::Warning, path, message));
        true
    };
    for (index, rule) in document.rules.iter().enumerate() {
        if let Some(cap) = rule.cap {
            below(format!("rules[{index}].cap"), cap, rule);
        }
    }
    for (index, cap) in document.caps.iter().enumerate() {
        for (scope, amount) in cap.amounts.iter().enumerate() {
            let path = match cap.amounts.len() {
                1 => format!("caps[{index}]"),
                _ => format!("caps[{index}].amounts[{scope}]"),
            };
            // One rule is enough to show it.
            let _ = document.rules.iter().any(|rule| below(path.clone(), *amount, rule));
        }
    }
    findings
}

fn minimum_above_a_cap(document: &Document, money: impl Fn(Amount) -> String) -> Vec<Finding> {
    let Some(minimum) = document.minimum else { return Vec::new() };
    let scopes = document.caps.iter().enumerate().filter_map(|(index, cap)| {
        let lowest = cap.amounts.iter().min()?;
        Some((format!("caps[{index}]"), *lowest, "is lowered to it"))
    });
    let rules = document.rules.iter().enumerate();
    let rules = rules.filter_map(|(index, rule)| {
        Some((format!("rules[{index}].cap"), rule.cap?, "lifts the total above it"))
    });
    let lowest = scopes.chain(rules).filter(|(_, cap, _)| *cap < minimum).min_by_key(|(_, cap, _)| *cap);
    let finding = lowest.map(|(path, cap, effect)| {
        let message =
            format!("the minimum {} is above the cap {} of {path} and {effect}", money(minimum), money(cap));
        Finding::new(LintCode::MinimumAboveCap, Severity::Warning, "minimum", message)
    });
    finding.into_iter().collect()
}

/// Free time does not use up a ladder: after it, the first step begins anew.
fn free_beyond_a_step(document: &Document) -> Vec<Finding> {
    let Some(free) = document.free else { return Vec::new() };
    let length = free.length.max(free.first);
    let first_step = |rule: &Rule| match &rule.charge {
        Charge::Steps { steps, .. } if steps.len() > 1 => steps.first().and_then(|step| step.upto),
        _ => None,
    };
    let rules = document.rules.iter().enumerate();
    let found = rules
        .filter_map(|(index, rule)| Some((index, rule, first_step(rule).filter(|upto| *upto < length)?)));
    found
        .map(|(index, rule, upto)| {
            let message = format!(
                "{length} are free, but free time does not use up the ladder: the first step of rule {:?}, up to {upto}, is charged after it",
                rule.id
            );
            Finding::new(LintCode::FreeBeyondFirstStep, Severity::Warning, format!("rules[{index}].charge.steps[0].upto"), message)
        })
        .collect()
}

const HOUR: Span = Span::from_hours(1);
/// Fixed steps up to this long may count whole at once; of longer ones, so much of their price.
const STEP_HOURS: i64 = 4;

/// What one minute may cost without being a cliff: the dearest price that a rule or a package charges at once, or the
/// dearest hour where units are shorter.
pub(super) fn dearest_hour(document: &Document) -> Amount {
    let rules = document.rules.iter().flat_map(|rule| match &rule.charge {
        Charge::None => Vec::new(),
        Charge::Flat { price, .. } => vec![*price],
        Charge::Steps { tiers, steps } => step_prices(*tiers, steps),
    });
    let packages = document.packages.iter().map(|package| package.price);
    let rounded = document.rounding.quantum;
    let dearest = rules.chain(packages).chain(document.minimum).max().unwrap_or_default();
    dearest.saturating_add(rounded)
}

fn step_prices(tiers: Tiers, steps: &[Step]) -> Vec<Amount> {
    let mut prices = Vec::with_capacity(steps.len());
    let (mut begin, mut so_far) = (Span::ZERO, Amount::ZERO);
    for step in steps {
        let rise = match (step.unit, tiers) {
            (Some(_), _) | (None, Tiers::Add) => step.price,
            (None, Tiers::Total | Tiers::Volume) => step.price.saturating_sub(so_far).at_least_zero(),
        };
        let first = so_far == Amount::ZERO;
        so_far = if step.unit.is_none() { step.price.max(so_far) } else { so_far };
        prices.push(match step.unit {
            Some(unit) => {
                let an_hour = HOUR.as_nanos() / unit.every.as_nanos().max(1);
                rise.checked_mul(an_hour.max(1)).unwrap_or(rise)
            }
            None if first => rise,
            None => {
                // A step that goes on for ever is one of a day.
                let length = step.upto.map_or(Span::from_days(1), |upto| upto - begin);
                let hours = (length.as_nanos() / HOUR.as_nanos()).max(STEP_HOURS);
                Amount::from_micros(
                    (i128::from(rise.as_micros()) * i128::from(STEP_HOURS) / i128::from(hours)) as i64,
                )
            }
        });
        begin = step.upto.unwrap_or(begin);
    }
    prices
}
