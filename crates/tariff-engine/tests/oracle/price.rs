//! The order of decision, the calculation, what adjusts it, and payments.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, NaiveDate};

use super::calendar::Calendar;
use super::document::{Package, Tariff};
use super::ladder::{Kind, Walk, walk};
use super::pieces::{Piece, Presence, pieces};
use super::quantity::{rounded, to_six_places, whole, zero};
use super::receipt::{Line, Receipt};
use super::stay::{Adjust, Figures, Stay};
use super::time::{DAY, MINUTE, SECOND, date_of_number, instants, local, natural_day, number};
use super::{Code, Nanos, Q, caps, packages};

/// A stay up to one exit, priced.
#[derive(Clone, Debug)]
struct Priced {
    total: Q,
    lines: Vec<Line>,
    /// What the rules charged after caps, by local date.
    charged: BTreeMap<NaiveDate, Q>,
    free: BTreeMap<NaiveDate, Nanos>,
}

pub(crate) fn price(tariff: &Tariff, calendar: Option<&Calendar>, stay: &Stay) -> Result<Receipt, Code> {
    let weekends = Calendar::weekends();
    let calendar = calendar.unwrap_or(&weekends);
    if stay.exit < stay.entry {
        return Err("exit_before_entry");
    }
    let wall = local(tariff.zone, stay.entry);
    if tariff.valid_from.is_some_and(|from| wall < from)
        || tariff.valid_until.is_some_and(|until| wall >= until)
    {
        return Err("not_in_force");
    }
    let floor = |at: Nanos| if tariff.clock_minute { at - at.rem_euclid(MINUTE) } else { at };
    let (entry, exit) = (floor(stay.entry), floor(stay.exit));
    let paid: Q = stay.paid.iter().map(|(_, amount)| amount.clone()).sum();
    // If all payments covered the total at the last one, and the exit is inside the grace, that total is final.
    let last = stay.paid.iter().map(|(at, _)| floor(*at)).max().filter(|last| *last >= entry);
    let covered = last.and_then(|last| {
        let then = span_price(tariff, calendar, stay, entry, last).ok()?;
        (paid >= then.total && exit - last <= tariff.exit_grace).then_some((last, then))
    });
    let priced = match &covered {
        Some((_, then)) => then.clone(),
        None => span_price(tariff, calendar, stay, entry, exit)?,
    };
    if too_big(stay) || priced.total > whole(1_000_000_000_000) {
        return Err("overflow");
    }
    Ok(Receipt {
        due: (&priced.total - &paid).max(zero()),
        overpaid: (paid > priced.total).then(|| &paid - &priced.total),
        paid,
        used: used(tariff, stay, entry, exit, &priced),
        total: priced.total,
        lines: priced.lines,
        grace_until: covered.map(|(last, _)| last + tariff.exit_grace),
    })
}

/// A stay longer than 36,525 x 24 h, an entry before 1970 or after 2099 UTC.
fn too_big(stay: &Stay) -> bool {
    let year = DateTime::from_timestamp_nanos(stay.entry).year();
    i128::from(stay.exit) - i128::from(stay.entry) > 36_525 * i128::from(DAY)
        || !(1970..=2099).contains(&year)
}

/// The total of the stay if it ends at `exit`.
fn span_price(
    tariff: &Tariff,
    calendar: &Calendar,
    stay: &Stay,
    entry: Nanos,
    exit: Nanos,
) -> Result<Priced, Code> {
    let free_of_charge =
        Priced { total: zero(), lines: vec![], charged: BTreeMap::new(), free: BTreeMap::new() };
    if exit == entry {
        return Ok(free_of_charge);
    }
    if let Some(amount) = stay.instead() {
        let line = Line { amount: amount.clone(), ..line("instead") };
        return Ok(adjusted(
            tariff,
            stay,
            Priced { total: amount.clone(), lines: vec![line], ..free_of_charge },
        ));
    }
    if tariff.max_stay.is_some_and(|max| exit - entry > max) {
        return Err("not_offered");
    }
    if tariff.grace.is_some_and(|grace| exit - entry <= grace) {
        return Ok(free_of_charge);
    }
    let entry_day = natural_day(tariff.zone, entry);
    if tariff.first_stay_free && stay.figures(entry_day).stays == 0 {
        return Ok(free_of_charge);
    }
    if let Some(package) = packages::first(tariff, calendar, stay, entry, exit)? {
        return Ok(adjusted(tariff, stay, package_price(package)));
    }
    let (vehicle, color) = (stay.vehicle.as_deref(), stay.plate_color.as_deref());
    let covered =
        tariff.rules.is_empty() || tariff.rules.iter().any(|rule| rule.accepts.accepts(vehicle, color));
    if !covered || tariff.packages_only {
        return match packages::cheapest(tariff, calendar, stay, entry, exit)? {
            Some(package) => Ok(adjusted(tariff, stay, package_price(package))),
            None if !covered => Err("vehicle_not_covered"),
            None => Err("not_offered"),
        };
    }
    let calculated = calculation(tariff, calendar, stay, entry, exit)?;
    match packages::cheapest(tariff, calendar, stay, entry, exit)? {
        Some(package) if package.price < calculated.total => {
            Ok(adjusted(tariff, stay, package_price(package)))
        }
        _ => Ok(adjusted(tariff, stay, calculated)),
    }
}

fn line(kind: &'static str) -> Line {
    Line { kind, rule: None, span: None, day_type: None, quantity: None, unit_price: None, amount: zero() }
}

fn package_price(package: &Package) -> Priced {
    let line = Line { amount: package.price.clone(), ..line("package") };
    Priced {
        total: package.price.clone(),
        lines: vec![line],
        charged: BTreeMap::new(),
        free: BTreeMap::new(),
    }
}

fn calculation(
    tariff: &Tariff,
    calendar: &Calendar,
    stay: &Stay,
    entry: Nanos,
    exit: Nanos,
) -> Result<Priced, Code> {
    if dates(tariff, entry, exit).into_iter().any(|date| !calendar.covers(date)) {
        return Err("calendar_gap");
    }
    if too_big(stay) {
        return Err("overflow");
    }
    let exempt = exempt(stay, entry, exit);
    let (vehicle, color) = (stay.vehicle.as_deref(), stay.plate_color.as_deref());
    let pieces = pieces(tariff, calendar, &Presence { entry, exit, vehicle, color, exempt: &exempt });
    let Walk { events, free, first_chargeable } = walk(tariff, stay, &pieces);
    let capped = caps::apply(tariff, stay, &pieces, &events);
    let mut lines = Vec::new();
    let mut charged: BTreeMap<NaiveDate, Q> = BTreeMap::new();
    for (event, kept) in events.iter().zip(&capped.kept) {
        let piece = &pieces[caps::piece_at(&pieces, event.at)];
        *charged.entry(piece.day).or_insert_with(zero) += kept;
        lines.push(Line {
            kind: match event.kind {
                Kind::Flat => "flat",
                Kind::Tier => "tier",
                Kind::Unit => "unit",
            },
            rule: Some(tariff.rules[event.rule].id.clone()),
            span: Some((event.at, event.to)),
            day_type: calendar.day_type(piece.date),
            quantity: Some(event.quantity.clone()),
            unit_price: Some(event.unit_price.clone()),
            amount: event.amount.clone(),
        });
    }
    for cut in capped.cuts {
        let rule = cut.rule.map(|rule| tariff.rules[rule].id.clone());
        lines.push(Line { rule, span: Some((cut.from, cut.to)), amount: cut.amount, ..line("cap") });
    }
    let sum: Q = capped.kept.iter().cloned().sum();
    let total = lifted(tariff, stay, &pieces, first_chargeable, &sum);
    if total != sum {
        lines.push(Line { amount: &total - &sum, ..line("minimum") });
    }
    Ok(Priced { total, lines, charged, free })
}

/// The total, lifted to the minimum as far as the caps leave room for it.
fn lifted(tariff: &Tariff, stay: &Stay, pieces: &[Piece], first_chargeable: Option<Nanos>, sum: &Q) -> Q {
    let (Some(minimum), Some(first)) = (&tariff.minimum, first_chargeable) else { return sum.clone() };
    let room = caps::room(tariff, stay, pieces, first);
    let least = room.map_or_else(|| minimum.clone(), |room| room.min(minimum.clone()));
    sum.clone().max(least)
}

/// The exempt intervals within the stay, with the time off at its start and end.
fn exempt(stay: &Stay, entry: Nanos, exit: Nanos) -> Vec<(Nanos, Nanos)> {
    let (start, end) = stay.time_off();
    let mut found = stay.exempt.clone();
    found.push((entry, entry.saturating_add(start)));
    found.push((exit.saturating_sub(end), exit));
    found
        .iter()
        .map(|(from, to)| (*from.max(&entry), *to.min(&exit)))
        .filter(|(from, to)| from < to)
        .collect()
}

/// `multiply`, `percent_off` one after the other, `amount_off`, floor 0, rounding.
fn adjusted(tariff: &Tariff, stay: &Stay, mut priced: Priced) -> Priced {
    let mut total = priced.total.clone();
    let mut change = |kind, next: Q| {
        if next != total {
            priced.lines.push(Line { amount: &next - &total, ..line(kind) });
        }
        total = next.clone();
        next
    };
    let mut now = priced.total.clone();
    for adjust in &stay.adjust {
        if let Adjust::Multiply(factor) = adjust {
            now = change("multiply", &now * factor);
        }
    }
    for adjust in &stay.adjust {
        if let Adjust::PercentOff(percent) = adjust {
            now = change("percent_off", &now - &now * percent / whole(100));
        }
    }
    for adjust in &stay.adjust {
        if let Adjust::AmountOff(off) = adjust {
            // No further down than 0; what fell below it before is lifted by the rounding.
            now = change("amount_off", (&now - off).max(now.clone().min(zero())));
        }
    }
    priced.total = rounded(&now.max(zero()), tariff.rounding.0, &tariff.rounding.1);
    let shown: Q = priced.lines.iter().map(|line| to_six_places(&line.amount)).sum();
    if shown != priced.total {
        priced.lines.push(Line { amount: &priced.total - shown, ..line("rounding") });
    }
    priced
}

/// The local dates of `[entry, exit)`, or of the entry where that is empty.
fn dates(tariff: &Tariff, entry: Nanos, exit: Nanos) -> Vec<NaiveDate> {
    let first = number(natural_day(tariff.zone, entry));
    let last = number(natural_day(tariff.zone, exit.max(entry + 1) - 1));
    let occurs = |day: &i64| {
        *day == first
            || *day == last
            || !instants(tariff.zone, date_of_number(*day), 12 * 60 * MINUTE).is_empty()
    };
    (first..=last).filter(occurs).map(date_of_number).collect()
}

/// The new figures for every local date of the stay.
fn used(
    tariff: &Tariff,
    stay: &Stay,
    entry: Nanos,
    exit: Nanos,
    priced: &Priced,
) -> BTreeMap<NaiveDate, Figures> {
    let entry_day = natural_day(tariff.zone, entry);
    let mut found = BTreeMap::new();
    for date in dates(tariff, entry, exit) {
        let before = stay.figures(date);
        let charged = priced.charged.get(&date).cloned().unwrap_or_else(zero);
        let per_day = tariff.free.as_ref().is_some_and(|free| free.per == super::document::FreePer::Day);
        let taken = priced.free.get(&date).copied().filter(|_| per_day).unwrap_or(0);
        let free = before.free + taken;
        let figures = Figures {
            stays: before.stays + i64::from(date == entry_day),
            free: free - free % SECOND,
            charged: to_six_places(&(before.charged + charged).max(zero())),
        };
        found.insert(date, figures);
    }
    found
}
