//! Runs one scenario and lists what is not as it should be.

use parkline::{
    replay::{Replay, Report},
    site::Site,
};
use serde_json::{Value, json};

use crate::{Scenario, matching};

pub(crate) fn site(scenario: &Scenario) -> Result<Site, String> {
    Site::parse(&[("site", scenario.site.to_string())]).map_err(|error| error.to_string())
}

fn replay(scenario: &Scenario, lines: &[String]) -> Result<Report, String> {
    let mut replay = Replay::new(site(scenario)?);
    lines.iter().for_each(|line| replay.line(line.as_bytes()));
    Ok(replay.finish())
}

/// The frames as text, with what only the engine knows filled in from a replay of the frames before.
pub(crate) fn lines(scenario: &Scenario) -> Result<Vec<String>, String> {
    let mut lines: Vec<String> = Vec::new();
    for frame in &scenario.frames {
        let mut frame = frame.clone();
        if frame.to_string().contains("\"$of\"") {
            let report = replay(scenario, &lines)?;
            fill(&mut frame, &report)?;
        }
        lines.push(frame.to_string());
    }
    Ok(lines)
}

fn fill(value: &mut Value, report: &Report) -> Result<(), String> {
    if let (Some(field), Some(wanted)) = (value.get("$of").and_then(Value::as_str), value.get("where")) {
        let fits = |session: &Value| matching::session_is(session, wanted);
        let sessions = report.sessions().map(|text| matching::parse(&text));
        let found: Vec<Value> = sessions.filter(fits).collect();
        let [session] = found.as_slice() else {
            return Err(format!("{} sessions are {wanted}, one is wanted", found.len()));
        };
        *value = session.get(field).cloned().ok_or_else(|| format!("the session has no {field}"))?;
        return Ok(());
    }
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, report)),
        Value::Object(fields) => fields.values_mut().try_for_each(|field| fill(field, report)),
        _ => Ok(()),
    }
}

/// What a scenario came to, twice.
pub(crate) fn run(scenario: &Scenario) -> Result<(Report, Report), String> {
    let lines = lines(scenario)?;
    Ok((replay(scenario, &lines)?, replay(scenario, &lines)?))
}

/// What came out otherwise than expected; empty when all is well.
pub(crate) fn complaints(scenario: &Scenario, ran: &Result<(Report, Report), String>) -> Vec<String> {
    let (report, again) = match ran {
        Ok(reports) => reports,
        Err(error) => return vec![error.clone()],
    };
    let mut complaints = Vec::new();
    if !same_bytes(report, again) {
        complaints.push("a second replay gives other bytes".to_owned());
    }
    let summary = report.summary;
    if summary.frames != summary.applied + summary.duplicate + summary.dead_letters {
        complaints.push(format!("the summary does not add up: {summary:?}"));
    }
    let frames = scenario.frames.iter().filter(|frame| frame.get("payload").is_some()).count() as u64;
    if summary.frames != frames {
        complaints.push(format!("{frames} frames went in, {} are counted", summary.frames));
    }
    complaints.extend(matching::Sessions::new(report).invariants());
    complaints.extend(unexpected(&scenario.expect, report));
    complaints
}

/// What a report lacks of what is expected.
pub(crate) fn unexpected(expect: &Value, report: &Report) -> Vec<String> {
    let sessions = matching::Sessions::new(report);
    let mut complaints = Vec::new();
    for (what, wanted) in expect.as_object().into_iter().flatten() {
        match (what.as_str(), wanted) {
            ("sessions", Value::Array(wanted)) => complaints.extend(sessions.unlike(wanted)),
            ("alerts", Value::Array(wanted)) => {
                complaints.extend(wanted.iter().filter_map(|wanted| matching::alert_missing(wanted, report)));
            }
            ("no_alerts", Value::Array(kinds)) => {
                let raised = report.alerts().map(|alert| matching::parse(&alert));
                complaints
                    .extend(raised.filter(|a| kinds.contains(&a["kind"])).map(|a| format!("alert {a}")));
            }
            ("commands", Value::Array(wanted)) => {
                complaints.extend(matching::commands_unlike(wanted, report))
            }
            ("dead", Value::Array(wanted)) => complaints.extend(matching::dead_unlike(wanted, report)),
            ("payments_total", total) if sessions.payments_total() == matching::money(total) => {}
            ("payments_total", total) => {
                complaints.push(format!(
                    "payments add up to {:?} millionths, not {total}",
                    sessions.payments_total()
                ));
            }
            _ => complaints
                .push(format!("the scenario expects {}, which nobody checks", json!({ what: wanted }))),
        }
    }
    complaints
}

fn same_bytes(one: &Report, other: &Report) -> bool {
    one.sessions().eq(other.sessions())
        && one.charges().eq(other.charges())
        && one.alerts().eq(other.alerts())
        && one.commands().eq(other.commands())
        && one.dead_letters() == other.dead_letters()
        && one.summary == other.summary
}
