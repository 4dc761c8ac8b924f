//! What a replay came to, in words: figures, revenue, and some receipts explained line by line.

use std::{borrow::Cow, fmt::Write, path::Path};

use parking_types::{Amount, Currency};
use parkline::replay::{Report, Revenue};
use serde::Deserialize;

/// How many receipts are explained.
const SHOWN: usize = 5;

#[derive(Deserialize)]
struct Session<'a> {
    #[serde(borrow)]
    berth: Option<Cow<'a, str>>,
    #[serde(borrow)]
    lane_in: Option<Cow<'a, str>>,
    #[serde(borrow)]
    entry: Option<Edge<'a>>,
    #[serde(borrow)]
    exit: Option<Edge<'a>>,
}

#[derive(Deserialize)]
struct Edge<'a> {
    #[serde(borrow)]
    at: Cow<'a, str>,
    #[serde(borrow)]
    certainty: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Charge<'a> {
    #[serde(borrow)]
    session: Cow<'a, str>,
    #[serde(borrow)]
    lot: Option<Cow<'a, str>>,
    #[serde(borrow)]
    plate: Option<Cow<'a, str>>,
    #[serde(borrow)]
    order: Option<Cow<'a, str>>,
    #[serde(borrow)]
    currency: Option<Cow<'a, str>>,
    #[serde(borrow)]
    total: Option<Cow<'a, str>>,
    #[serde(borrow)]
    outstanding: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    lines: Vec<Line<'a>>,
    #[serde(borrow)]
    tariff: Option<Tariff<'a>>,
}

#[derive(Deserialize)]
struct Tariff<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    rule: Option<Cow<'a, str>>,
    #[serde(borrow)]
    from: Option<Cow<'a, str>>,
    #[serde(borrow)]
    to: Option<Cow<'a, str>>,
    #[serde(borrow)]
    quantity: Option<Cow<'a, str>>,
    #[serde(borrow)]
    unit_price: Option<Cow<'a, str>>,
    #[serde(borrow)]
    amount: Cow<'a, str>,
}

/// The whole text.
pub(super) fn summary(report: &Report, folder: &Path) -> String {
    let mut text = figures(report);
    text.extend(report.revenue.iter().map(|(currency, sums)| revenue(*currency, sums)));
    for (session, charge) in report.examples(SHOWN) {
        if let (Ok(session), Ok(charge)) = (serde_json::from_str(&session), serde_json::from_str(&charge)) {
            text.push_str(&receipt(&charge, &session));
        }
    }
    let _ = writeln!(text, "\nJSON: {}", folder.display());
    text
}

fn figures(report: &Report) -> String {
    let figures = report.summary;
    let dead = match figures.readings_dead {
        0 => figures.dead_letters.to_string(),
        readings => format!("{} and {readings} single readings", figures.dead_letters),
    };
    format!(
        "frames          {}\n  applied       {}\n  copies        {}\n  dead letters  {dead}\nsessions        {}\n  inferred edges {}\n  charges       {}\nalerts          {}\ncommands        {}\n",
        figures.frames,
        figures.applied,
        figures.duplicate,
        figures.sessions,
        report.inferred_edges,
        figures.charges,
        report.alerts().len(),
        report.commands().len(),
    )
}

/// What was charged in a currency and what of it is outstanding.
fn revenue(currency: Currency, sums: &Revenue) -> String {
    let shown = |sum: Option<Amount>| {
        sum.map_or_else(|| "too much to count".to_owned(), |sum| sum.in_currency(currency).to_string())
    };
    format!("revenue         {currency} {} ({} outstanding)\n", shown(sums.total), shown(sums.outstanding))
}

fn receipt(charge: &Charge<'_>, session: &Session<'_>) -> String {
    let mut text = String::from("\n");
    let plate = charge.plate.as_deref().unwrap_or("unplated");
    let lot = charge.lot.as_deref().unwrap_or("");
    let place = session.berth.as_deref().or(session.lane_in.as_deref()).unwrap_or("");
    let _ = writeln!(text, "{plate}  {lot} {place}  session {}", charge.session);
    let edge = |edge: Option<&Edge<'_>>| {
        edge.map_or_else(|| "?".to_owned(), |edge| format!("{} ({})", clock(&edge.at), edge.certainty))
    };
    let (entry, exit) = (edge(session.entry.as_ref()), edge(session.exit.as_ref()));
    let tariff = charge.tariff.as_ref().map_or("", |tariff| &*tariff.id);
    let _ = writeln!(text, "  {entry} to {exit}, tariff {tariff}");
    for line in &charge.lines {
        text.push_str(&receipt_line(line));
    }
    let currency = charge.currency.as_deref().unwrap_or("");
    let total = charge.total.as_deref().unwrap_or("");
    let order = charge.order.as_deref().unwrap_or("");
    let outstanding = charge.outstanding.as_deref().unwrap_or("0");
    let _ = writeln!(text, "  {:58} {currency} {total:>8}  {order}, {outstanding} outstanding", "total");
    text
}

fn receipt_line(line: &Line<'_>) -> String {
    let when = match (&line.from, &line.to) {
        (Some(from), Some(to)) => format!("{} to {}", clock(from), clock(to)),
        _ => String::new(),
    };
    let times = match (&line.quantity, &line.unit_price) {
        (Some(quantity), Some(price)) => format!("{quantity} × {price}"),
        _ => String::new(),
    };
    let what = format!("{} {}", line.kind, line.rule.as_deref().unwrap_or(""));
    format!("    {when:38} {:12} {times:14} {:>8}\n", what.trim_end(), line.amount)
}

/// Date and time of day as a person at the lot sees them.
fn clock(instant: &str) -> String {
    instant.get(..19).unwrap_or(instant).replace('T', " ")
}
