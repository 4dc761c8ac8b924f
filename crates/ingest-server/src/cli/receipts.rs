//! What a replay came to, in words: figures, revenue, and some receipts explained line by line.

use std::{borrow::Cow, cmp::Reverse, collections::BTreeSet, fmt::Write, path::Path};

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
    for charge in chosen(&report.charges) {
        text.push_str(&receipt(&charge, session_of(&charge, &report.sessions).as_ref()));
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
        report.alerts.len(),
        report.commands.len(),
    )
}

/// What was charged in a currency and what of it is outstanding.
fn revenue(currency: Currency, sums: &Revenue) -> String {
    let shown = |sum: Option<Amount>| {
        sum.map_or_else(|| "too much to count".to_owned(), |sum| sum.in_currency(currency).to_string())
    };
    format!(
        "revenue         {currency} {} ({} outstanding)\n",
        shown(sums.total),
        shown(sums.outstanding)
    )
}

/// Receipts that show something: first those whose kinds of lines have not been seen yet, then the longest.
fn chosen(charges: &[String]) -> Vec<Charge<'_>> {
    let mut candidates: Vec<(usize, Vec<&str>, &str)> = charges
        .iter()
        .map(|charge| kinds(charge))
        .zip(charges)
        .filter(|(kinds, _)| !kinds.is_empty())
        .map(|(mut kinds, charge)| {
            let lines = kinds.len();
            kinds.sort_unstable();
            kinds.dedup();
            (lines, kinds, charge.as_str())
        })
        .collect();
    candidates.sort_by_key(|(lines, ..)| Reverse((*lines).min(12)));
    let mut seen = BTreeSet::new();
    let (new, known): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|(_, kinds, _)| seen.insert(kinds.clone()));
    let texts = new.into_iter().chain(known).map(|(_, _, charge)| charge);
    texts.filter_map(|charge| serde_json::from_str(charge).ok()).take(SHOWN).collect()
}

/// The kinds of a receipt's lines. Quotes within values are escaped, so this finds members only.
fn kinds(charge: &str) -> Vec<&str> {
    let lines = charge.find("\"lines\":[").and_then(|from| charge.get(from..)).unwrap_or_default();
    let kinds = lines.match_indices("\"kind\":\"").filter_map(|(at, found)| {
        let rest = lines.get(at + found.len()..)?;
        rest.split_once('"').map(|(kind, _)| kind)
    });
    kinds.collect()
}

/// The session that a charge is for. Few are looked for, and a session's id stands near its beginning.
fn session_of<'r>(charge: &Charge<'_>, sessions: &'r [String]) -> Option<Session<'r>> {
    let named = format!("\"session\":\"{}\"", charge.session);
    let line = sessions.iter().find(|line| line.contains(&named))?;
    serde_json::from_str(line).ok()
}

fn receipt(charge: &Charge<'_>, session: Option<&Session<'_>>) -> String {
    let mut text = String::from("\n");
    let plate = charge.plate.as_deref().unwrap_or("unplated");
    let lot = charge.lot.as_deref().unwrap_or("");
    let place =
        session.and_then(|session| session.berth.as_deref().or(session.lane_in.as_deref())).unwrap_or("");
    let _ = writeln!(text, "{plate}  {lot} {place}  session {}", charge.session);
    let edge = |edge: Option<&Edge<'_>>| {
        edge.map_or_else(|| "?".to_owned(), |edge| format!("{} ({})", clock(&edge.at), edge.certainty))
    };
    if let Some(session) = session {
        let (entry, exit) = (edge(session.entry.as_ref()), edge(session.exit.as_ref()));
        let tariff = charge.tariff.as_ref().map_or("", |tariff| &*tariff.id);
        let _ = writeln!(text, "  {entry} to {exit}, tariff {tariff}");
    }
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
