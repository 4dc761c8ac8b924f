//! What each fuzz target does with its bytes; plain tests replay the finds.
#![allow(dead_code)] // every test binary uses its own part of it

use parking_types::Span;
use serde_json::{Value, json};
use tariff_engine::{
    Calendar, Stay as EngineStay, Tariff, TariffSet,
    backtest::{Backtest, Side},
    lint::lint_json,
    total,
};

use crate::compare::{self, Answer};
use crate::oracle::Q;
use crate::oracle::generate::{Style, case};
use crate::oracle::quantity::signed;
use crate::oracle::stay::Stay;
use crate::oracle::time::DAY;

/// Documents, calendars and stays that the other parts of a case are taken from.
fn plain_tariff() -> Value {
    let steps = json!({"steps": [{"upto": "30m", "price": "0"}, {"every": "1h", "price": "2", "partial": "pro_rata"}]});
    json!({"format": 1, "id": "t", "currency": "EUR", "time_zone": "Europe/Berlin", "exit_grace": "15m",
        "free": {"length": "20m", "per": "day"}, "caps": [{"per": "day", "amount": "9"}],
        "rules": [
            {"id": "night", "from": "20:00", "to": "08:00", "days": ["workday"], "charge": {"flat": "3"}},
            {"id": "day", "charge": steps}]})
}

fn plain_stays() -> [Value; 3] {
    let stay = |entry: &str, exit: &str| json!({"id": "s", "entry": entry, "exit": exit, "vehicle": "small"});
    [
        stay("2026-03-27T18:10:00+01:00", "2026-03-27T20:40:00+01:00"),
        stay("2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00.5+02:00"),
        stay("2026-10-24T23:00:00Z", "2026-10-25T02:00:01Z"),
    ]
}

fn text(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// Too long for the oracle to walk, or beyond the years that its time-zone data list.
fn out_of_reach(stay: &Stay) -> bool {
    stay.exit.saturating_sub(stay.entry) > 60 * DAY || stay.exit > 115 * 365 * DAY
}

/// Both refuse with the same code, or both give the same total.
pub(crate) fn agree(tariff: &[u8], calendar: Option<&[u8]>, stay: &[u8]) -> Result<(), String> {
    let read = compare::read(tariff, calendar, stay);
    let far = read.as_ref().is_ok_and(|read| out_of_reach(&read.stay));
    let ours: Answer<Value> = compare::engine(tariff, calendar, stay, !far);
    if far {
        return Ok(());
    }
    let theirs = read.and_then(|read| read.price());
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) if compare::q(&ours["total"]).as_ref() == Some(&theirs.total) => Ok(()),
        (Ok(ours), Ok(theirs)) => Err(format!("total: engine {}, oracle {}", ours["total"], theirs.total)),
        (Err((ours, _)), Err((theirs, _))) if ours == theirs => Ok(()),
        (ours, theirs) => Err(format!(
            "engine {:?}, oracle {:?}",
            ours.map(|r| r["total"].clone()),
            theirs.map(|r| r.total)
        )),
    }
}

/// Bytes as a tariff document, which then prices three short stays.
pub(crate) fn document(bytes: &[u8]) -> Result<(), String> {
    plain_stays().iter().try_for_each(|stay| agree(bytes, None, &text(stay)))
}

/// Bytes as a calendar.
pub(crate) fn calendar(bytes: &[u8]) -> Result<(), String> {
    plain_stays().iter().try_for_each(|stay| agree(&text(&plain_tariff()), Some(bytes), &text(stay)))
}

/// Bytes as a stay.
pub(crate) fn stay(bytes: &[u8]) -> Result<(), String> {
    agree(&text(&plain_tariff()), None, bytes)
}

/// Bytes as the choices that make a document, a calendar and a stay.
pub(crate) fn oracle(bytes: &[u8]) -> Result<(), String> {
    let Some((style, bytes)) = bytes.split_first() else { return Ok(()) };
    let style = if style % 2 == 0 { Style::Fine } else { Style::Coarse };
    let case = case(bytes, style);
    compare::check(&case, style == Style::Coarse && bytes.first().is_some_and(|b| b % 8 == 0))?;
    compare::remembered(&case, &moves(bytes))
}

/// How far some stays are moved and by how much they are longer, in hours.
fn moves(bytes: &[u8]) -> Vec<(i64, i64)> {
    let hours = bytes.chunks_exact(2).map(|pair| (i64::from(pair[0]), i64::from(pair[1]) * 5));
    hours.take(6).collect()
}

/// Bytes as the choices that make two tariffs: what is said about the first is true, and the comparison of both adds up.
pub(crate) fn advice(bytes: &[u8]) -> Result<(), String> {
    let (one, two) = (case(bytes, Style::Coarse), case(bytes.get(1..).unwrap_or_default(), Style::Coarse));
    let calendar = one.calendar.as_ref().map(|calendar| Calendar::from_json(&text(calendar)).unwrap());
    let tariff = Tariff::from_json(&text(&one.tariff)).unwrap();
    let Ok(stay) = EngineStay::from_json(&text(&one.stay)) else { return Ok(()) };
    let today = tariff.zone().local(stay.entry).date();
    for finding in lint_json(&text(&one.tariff), calendar.as_ref(), today) {
        for shown in &finding.stays {
            let again = total(&tariff, calendar.as_ref(), &shown.stay);
            if again != Ok(shown.total) {
                return Err(format!("{finding:?} costs {again:?}\n{one:?}"));
            }
        }
    }
    let [old, new] = [&one, &two].map(|case| TariffSet::from_json(&text(&case.tariff)).unwrap());
    let side = |tariffs| Side { tariffs, id: "t", calendar: calendar.as_ref() };
    let Ok(mut test) = Backtest::new(side(&old), side(&new)) else { return Ok(()) };
    let stays: Vec<_> = moves(bytes)
        .into_iter()
        .map(|(later, longer)| {
            let mut stay = stay.clone();
            (stay.entry, stay.exit) =
                (stay.entry + Span::from_hours(later), stay.exit + Span::from_hours(later + longer));
            stay
        })
        .collect();
    test.add(&stays, None);
    let report = test.report();
    let compared = report.dearer.stays + report.cheaper.stays + report.same;
    let said = serde_json::from_str::<Value>(&report.to_json()).map_err(|error| error.to_string())?;
    let moved = [report.dearer.amount, report.cheaper.amount].map(|sum| sum.to_string());
    let sum: Q = moved.iter().map(|sum| signed(sum).unwrap()).sum();
    let counted = report.stays == stays.len() as u64 && compared <= report.stays;
    if counted && signed(&report.difference().to_string()) == Some(sum) && said.is_object() {
        Ok(())
    } else {
        Err(format!("{said}\n{one:?}\n{two:?}"))
    }
}
