//! Lines of receipts: what the contract fixes of them, whatever an engine joins or splits.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Read, at, q};
use crate::oracle::calendar::Calendar;
use crate::oracle::document::{Charge, Tiers};
use crate::oracle::quantity::{whole, zero};
use crate::oracle::receipt::Receipt;
use crate::oracle::time::{local, offset_secs};
use crate::oracle::{Nanos, Q};

/// A line of either side.
#[derive(Clone, Debug)]
struct Line {
    kind: String,
    rule: Option<String>,
    from: Option<Nanos>,
    to: Option<Nanos>,
    quantity: Option<Q>,
    unit_price: Option<Q>,
    amount: Q,
}

pub(super) fn compare(ours: &[Value], theirs: &Receipt, read: &Read) -> Result<(), String> {
    let shown = ours.iter().map(|line| shown(line, read)).collect::<Result<Vec<_>, _>>()?;
    let sum: Q = shown.iter().map(|line| line.amount.clone()).sum();
    if sum != theirs.total {
        return Err(format!("the lines add up to {sum}, not to {}", theirs.total));
    }
    let expected: Vec<Line> = theirs.lines.iter().map(expected).collect();
    // Every line may be off by half of the sixth place.
    let slack = Q::new(1.into(), 1_000_000.into()) * whole(2 + shown.len() as i64 + expected.len() as i64);
    let volume = volume_rules(read);
    let fail = |what: &str| Err(format!("{what}\nengine {}\noracle {}", show(&shown), show(&expected)));
    for kind in ["minimum", "package", "instead", "multiply", "percent_off", "amount_off", "rounding"] {
        let sum =
            |lines: &[Line]| lines.iter().filter(|l| l.kind == kind).map(|l| l.amount.clone()).sum::<Q>();
        if !near(&sum(&shown), &sum(&expected), &slack) {
            return fail(&format!("the {kind} lines differ"));
        }
    }
    if !alike(&plain(&shown, &volume), &plain(&expected, &volume), &slack) {
        let (ours, theirs) = (show(&plain(&shown, &volume)), show(&plain(&expected, &volume)));
        return Err(format!("the flat, tier or unit lines differ\nengine {ours}\noracle {theirs}"));
    }
    if !same_caps(&caps(&shown), &caps(&expected), &slack) {
        return fail("the cap lines differ");
    }
    for rule in &volume {
        let sum = |lines: &[Line]| {
            let of_rule = lines.iter().filter(|l| l.rule.as_ref() == Some(rule) && l.kind != "cap");
            of_rule.map(|l| l.amount.clone()).sum::<Q>()
        };
        if !near(&sum(&shown), &sum(&expected), &slack) {
            return fail(&format!("the lines of {rule} differ"));
        }
    }
    Ok(())
}

fn near(a: &Q, b: &Q, slack: &Q) -> bool {
    let difference = a - b;
    difference <= *slack && -difference <= *slack
}

/// The rules whose ladder is `volume`: how their price is split into lines is free, its sum is not.
fn volume_rules(read: &Read) -> BTreeSet<String> {
    let is = |charge: &Charge| matches!(charge, Charge::Steps { tiers: Tiers::Volume, .. });
    read.tariff.rules.iter().filter(|rule| is(&rule.charge)).map(|rule| rule.id.clone()).collect()
}

/// A line of the engine, with what can be checked on its own: offsets and the day type.
fn shown(line: &Value, read: &Read) -> Result<Line, String> {
    let text = |name: &str| line[name].as_str().map(str::to_owned);
    let (from, to) = (at(&line["from"]), at(&line["to"]));
    for (name, moment) in [("from", from), ("to", to)] {
        if let Some(moment) = moment {
            let secs = offset_secs(read.tariff.zone, moment) / 60;
            let sign = if secs < 0 { '-' } else { '+' };
            let offset = format!("{sign}{:02}:{:02}", secs.abs() / 60, secs.abs() % 60);
            let written = text(name).unwrap_or_default().replace('Z', "+00:00");
            if !written.ends_with(&offset) {
                return Err(format!("{name} of {line} has not the local offset {offset}"));
            }
        }
    }
    let kind = text("kind").ok_or_else(|| format!("a line without kind: {line}"))?;
    if let (Some(from), "flat" | "tier" | "unit") = (from, kind.as_str()) {
        let calendar = read.calendar.clone().unwrap_or_else(Calendar::weekends);
        let day_type = calendar.day_type(local(read.tariff.zone, from).date());
        if line["day_type"].as_str() != day_type {
            return Err(format!("day_type of {line} is {day_type:?}"));
        }
    }
    let amount = q(&line["amount"]).ok_or_else(|| format!("no amount in {line}"))?;
    let (quantity, unit_price) = (q(&line["quantity"]), q(&line["unit_price"]));
    Ok(Line { kind, rule: text("rule"), from, to, quantity, unit_price, amount })
}

fn expected(line: &crate::oracle::receipt::Line) -> Line {
    Line {
        kind: line.kind.to_owned(),
        rule: line.rule.clone(),
        from: line.span.map(|span| span.0),
        to: line.span.map(|span| span.1),
        quantity: line.quantity.clone(),
        unit_price: line.unit_price.clone(),
        amount: line.amount.clone(),
    }
}

/// Flats, tiers (by where they begin) and units (adjacent ones of one price joined) outside volume ladders.
fn plain(lines: &[Line], volume: &BTreeSet<String>) -> Vec<Line> {
    let charges = ["flat", "tier", "unit"];
    let of_volume = |line: &&Line| line.rule.as_ref().is_some_and(|rule| volume.contains(rule));
    let mut sorted: Vec<Line> = lines
        .iter()
        .filter(|l| charges.contains(&l.kind.as_str()) && !of_volume(l) && l.amount != zero())
        .cloned()
        .collect();
    sorted.sort_by_key(|line| line.from);
    let mut joined: Vec<Line> = Vec::new();
    for mut line in sorted {
        if line.kind != "unit" {
            (line.to, line.quantity, line.unit_price) = (None, None, None);
            joined.push(line);
            continue;
        }
        match joined.last_mut() {
            Some(last)
                if last.kind == "unit"
                    && last.rule == line.rule
                    && last.unit_price == line.unit_price
                    && last.to == line.from =>
            {
                last.to = line.to;
                last.quantity = last.quantity.take().zip(line.quantity).map(|(a, b)| a + b);
                last.amount += line.amount;
            }
            _ => joined.push(line),
        }
    }
    joined
}

/// Of a window in two pieces the second may lie after the exit: where such a scope ends within the stay is open.
fn same_caps(ours: &[Line], theirs: &[Line], slack: &Q) -> bool {
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(a, b)| {
            (&a.rule, a.from) == (&b.rule, b.from) && a.to >= b.to && near(&a.amount, &b.amount, slack)
        })
}

/// Cap lines, one per rule, from and to: two caps may cut the same span.
fn caps(lines: &[Line]) -> Vec<Line> {
    type Scope = (Option<String>, Option<Nanos>, Option<Nanos>);
    let mut sums: BTreeMap<Scope, Q> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.kind == "cap") {
        *sums.entry((line.rule.clone(), line.from, line.to)).or_insert_with(zero) += &line.amount;
    }
    let line = |((rule, from, to), amount)| Line {
        kind: "cap".to_owned(),
        rule,
        from,
        to,
        quantity: None,
        unit_price: None,
        amount,
    };
    sums.into_iter().map(line).collect()
}

/// The same instant, but for a part of a unit so short that it costs nothing and may have no line of its own.
fn at_once(a: Option<Nanos>, b: Option<Nanos>) -> bool {
    a == b || a.zip(b).is_some_and(|(a, b)| (a - b).abs() <= 1000)
}

/// Whether both have the same lines. A line that an amount hardly shows may be missing on one side: the oracle does not
/// round, and what rounds to nothing needs no line.
fn alike(ours: &[Line], theirs: &[Line], slack: &Q) -> bool {
    let least = Q::new(1.into(), 1_000_000.into());
    let hardly_shows = |line: &Line| near(&line.amount, &zero(), &least);
    let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
    loop {
        match (ours.peek(), theirs.peek()) {
            (None, None) => return true,
            (Some(a), Some(b)) if is_like(a, b, slack) => {
                ours.next();
                theirs.next();
            }
            (Some(a), _) if hardly_shows(a) => drop(ours.next()),
            (_, Some(b)) if hardly_shows(b) => drop(theirs.next()),
            _ => return false,
        }
    }
}

fn is_like(a: &Line, b: &Line, slack: &Q) -> bool {
    let close = |a: &Option<Q>, b: &Option<Q>| match (a, b) {
        (Some(a), Some(b)) => near(a, b, slack),
        (None, None) => true,
        _ => false,
    };
    (&a.kind, &a.rule) == (&b.kind, &b.rule)
        && at_once(a.from, b.from)
        && at_once(a.to, b.to)
        && close(&a.quantity, &b.quantity)
        && close(&a.unit_price, &b.unit_price)
        && near(&a.amount, &b.amount, slack)
}

fn show(lines: &[Line]) -> String {
    let time = |at: Option<Nanos>| at.map(|at| chrono::DateTime::from_timestamp_nanos(at).to_rfc3339());
    let mut text = String::new();
    for line in lines.iter().take(60) {
        let decimal = |q: &Option<Q>| q.as_ref().map(Q::to_string).unwrap_or_default();
        text += &format!(
            "\n  {} {:?} {:?} {:?} {} x {} = {}",
            line.kind,
            line.rule.as_deref().unwrap_or(""),
            time(line.from).unwrap_or_default(),
            time(line.to).unwrap_or_default(),
            decimal(&line.quantity),
            decimal(&line.unit_price),
            line.amount
        );
    }
    text
}
