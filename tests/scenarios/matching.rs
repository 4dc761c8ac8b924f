//! How expectations are matched.
//!
//! - `sessions`: all there are, one to one, each with its last charge; a field that is not stated is not looked at,
//!   `null` must be absent, `{"one_of": […]}` allows several values, `optional` ones may be missing.
//! - `commands`: all `open` commands (and those of other actions that the scenario names), in order.
//! - `alerts`: among those raised; `n` says how many, `closed` whether it ended closed. `no_alerts`: not raised.
//! - `dead`: the codes of all dead letters, in order.

use parking_types::{Amount, Instant};
use parkline::replay::Report;
use serde_json::Value;

pub(crate) fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("what comes out is JSON")
}

/// Millionths of a decimal string, which may be negative.
pub(crate) fn money(value: &Value) -> Option<i64> {
    let text = value.as_str()?;
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    Some(sign * digits.parse::<Amount>().ok()?.as_micros())
}

fn instant(value: &Value) -> Option<Instant> {
    value.as_str()?.parse().ok()
}

/// Whether a value is the wanted one: instants by instant, amounts by amount.
fn is(value: Option<&Value>, wanted: &Value) -> bool {
    if let Some(Value::Array(choices)) = wanted.get("one_of") {
        return choices.iter().any(|choice| is(value, choice));
    }
    match (value, wanted) {
        (None, Value::Null) => true,
        (Some(value), wanted) if value == wanted => true,
        (Some(value), wanted) => {
            let same_instant = instant(value).is_some() && instant(value) == instant(wanted);
            same_instant || (money(value).is_some() && money(value) == money(wanted))
        }
        (None, _) => false,
    }
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether a session has these fields; an entry or exit may be given by its local time of day.
pub(crate) fn session_is(session: &Value, wanted: &Value) -> bool {
    wanted.as_object().into_iter().flatten().all(|(field, wanted)| match (field.as_str(), wanted.as_str()) {
        ("entry" | "exit", Some(time)) => {
            session[field]["at"].as_str().is_some_and(|at| at.contains(&format!("T{time}")))
        }
        _ => is(session.get(field), wanted),
    })
}

/// The sessions of a report with their charges.
pub(crate) struct Sessions(Vec<(Value, Option<Value>)>);

impl Sessions {
    pub(crate) fn new(report: &Report) -> Self {
        let charges: Vec<Value> = report.charges().map(|text| parse(&text)).collect();
        let with_charge = |session: Value| {
            let charge = charges.iter().find(|charge| charge["session"] == session["session"]).cloned();
            (session, charge)
        };
        Self(report.sessions().map(|text| with_charge(parse(&text))).collect())
    }

    pub(crate) fn payments_total(&self) -> Option<i64> {
        self.0.iter().filter_map(|(_, charge)| charge.as_ref()).map(paid_in).sum()
    }

    /// What holds for every session and charge.
    pub(crate) fn invariants(&self) -> Vec<String> {
        self.0.iter().flat_map(|(session, charge)| broken(session, charge.as_ref())).collect()
    }

    /// What is not as wanted: sessions are paired so that as many as possible fit.
    pub(crate) fn unlike(&self, wanted: &[Value]) -> Vec<String> {
        let fits: Vec<Vec<bool>> = wanted
            .iter()
            .map(|w| self.0.iter().map(|(s, c)| differences(s, c.as_ref(), w).is_empty()).collect())
            .collect();
        let mut taken: Vec<Option<usize>> = vec![None; self.0.len()];
        for index in 0..wanted.len() {
            augment(index, &fits, &mut taken, &mut vec![false; self.0.len()]);
        }
        let mut spare: Vec<usize> = (0..self.0.len()).filter(|at| taken[*at].is_none()).collect();
        let mut complaints = Vec::new();
        for (index, wanted) in wanted.iter().enumerate() {
            if taken.contains(&Some(index)) || wanted["optional"] == true {
                continue;
            }
            let nearest = spare.iter().copied().min_by_key(|at| {
                let (session, charge) = &self.0[*at];
                (differences(session, charge.as_ref(), wanted).len(), *at)
            });
            match nearest {
                Some(at) => {
                    let (session, charge) = &self.0[at];
                    complaints.extend(differences(session, charge.as_ref(), wanted));
                    complaints.push(format!("  wanted session {wanted}"));
                    complaints.push(format!("  got session    {session}"));
                    spare.retain(|other| *other != at);
                }
                None => complaints.push(format!("no session {wanted}")),
            }
        }
        complaints.extend(spare.iter().map(|at| format!("a session too many: {}", self.0[*at].0)));
        complaints
    }
}

/// Finds a session for a wanted one, moving others where that helps.
fn augment(index: usize, fits: &[Vec<bool>], taken: &mut Vec<Option<usize>>, seen: &mut Vec<bool>) -> bool {
    for at in 0..taken.len() {
        if !fits[index][at] || seen[at] {
            continue;
        }
        seen[at] = true;
        if taken[at].is_none_or(|other| augment(other, fits, taken, seen)) {
            taken[at] = Some(index);
            return true;
        }
    }
    false
}

fn paid_in(charge: &Value) -> Option<i64> {
    charge["payments"].as_array()?.iter().map(|payment| money(&payment["amount"])).sum()
}

const OF_CHARGE: [&str; 6] = ["total", "paid", "due", "overpaid", "outstanding", "order"];
const OF_SESSION: [&str; 11] = [
    "state",
    "lot",
    "berth",
    "lane_in",
    "lane_out",
    "plate",
    "plate_color",
    "vehicle",
    "origin",
    "settled",
    "session",
];

/// In what a session with its charge differs from a wanted one.
fn differences(session: &Value, charge: Option<&Value>, wanted: &Value) -> Vec<String> {
    let fields = wanted.as_object().into_iter().flatten();
    fields.filter_map(|(field, wanted)| difference(session, charge, field, wanted)).collect()
}

fn difference(session: &Value, charge: Option<&Value>, field: &str, wanted: &Value) -> Option<String> {
    let of_charge = |name: &str| charge.and_then(|charge| charge.get(name));
    let (fits, got) = match field {
        "optional" => return None,
        "entry" | "exit" => return moment_difference(session.get(field), field, wanted),
        "ticket" if *wanted == true => (session.get(field).is_some(), session.get(field)),
        "marks" => {
            let marks = texts(session.get("marks"));
            (texts(Some(wanted)).iter().all(|mark| marks.contains(mark)), session.get("marks"))
        }
        "no_marks" => {
            let marks = texts(session.get("marks"));
            (!texts(Some(wanted)).iter().any(|mark| marks.contains(mark)), session.get("marks"))
        }
        "actions" => {
            let done = session["actions"].as_array().into_iter().flatten().map(|action| &action["id"]);
            (done.eq(wanted.as_array().into_iter().flatten()), session.get("actions"))
        }
        "error" => (is(of_charge("error").and_then(|error| error.get("code")), wanted), of_charge("error")),
        "lines" => {
            let kinds =
                of_charge("lines").and_then(Value::as_array).into_iter().flatten().map(|line| &line["kind"]);
            (kinds.eq(wanted.as_array().into_iter().flatten()), of_charge("lines"))
        }
        "payments" => (charge.and_then(paid_in) == money(wanted), of_charge("payments")),
        "no_payments" => (charge.and_then(paid_in).unwrap_or(0) == 0, of_charge("payments")),
        "charge" => (charge.is_some() == (*wanted == true), charge),
        "owes" => {
            let outstanding = charge.map_or(Some(0), |charge| money(&charge["outstanding"]));
            (outstanding == money(wanted), of_charge("outstanding"))
        }
        _ if OF_CHARGE.contains(&field) => (is(of_charge(field), wanted), of_charge(field)),
        _ if OF_SESSION.contains(&field) => (is(session.get(field), wanted), session.get(field)),
        _ => (false, None),
    };
    (!fits).then(|| format!("{field}: wanted {wanted}, got {}", got.unwrap_or(&Value::Null)))
}

fn moment_difference(moment: Option<&Value>, field: &str, wanted: &Value) -> Option<String> {
    let fits = match (moment, wanted) {
        (None, Value::Null) => true,
        (Some(moment), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| is(moment.get(name), wanted))
        }
        _ => false,
    };
    (!fits).then(|| format!("{field}: wanted {wanted}, got {}", moment.unwrap_or(&Value::Null)))
}

/// What must hold for any session and its charge and does not.
fn broken(session: &Value, charge: Option<&Value>) -> Vec<String> {
    let Some(charge) = charge else { return Vec::new() };
    let mut broken = Vec::new();
    let open = session["state"] == "open";
    if open != (charge["order"] == "running") {
        broken.push(format!("state {} with order {}", session["state"], charge["order"]));
    }
    let outstanding = money(&charge["outstanding"]);
    let figures = ["total", "paid", "due"].map(|name| charge.get(name).and_then(money));
    let [Some(total), Some(paid), Some(due)] = figures else {
        if outstanding != Some(0) {
            broken.push(format!("outstanding without a receipt: {charge}"));
        }
        return broken;
    };
    let lines: Option<i64> =
        charge["lines"].as_array().into_iter().flatten().map(|line| money(&line["amount"])).sum();
    if lines != Some(total) {
        broken.push(format!("lines add up to {lines:?}, not to the total {total}"));
    }
    if due != (total - paid).max(0) {
        broken.push(format!("total {total} less paid {paid} is not due {due}"));
    }
    let later = paid_in(charge).unwrap_or(0) - paid;
    if outstanding != Some((due - later).max(0)) {
        broken.push(format!("due {due} less later payments {later} is not outstanding {outstanding:?}"));
    }
    broken
}

/// The complaint about an alert that was not raised as wanted.
pub(crate) fn alert_missing(wanted: &Value, report: &Report) -> Option<String> {
    let fits = |alert: &Value| {
        wanted.as_object().into_iter().flatten().all(|(field, wanted)| match field.as_str() {
            "n" => true,
            "closed" => alert.get("closed_at").is_some() == (*wanted == true),
            _ => is(alert.get(field), wanted),
        })
    };
    let raised: Vec<Value> = report.alerts().map(|alert| parse(&alert)).collect();
    let found = raised.iter().filter(|alert| fits(alert)).count() as u64;
    let enough = wanted["n"].as_u64().map_or(found > 0, |n| n == found);
    (!enough).then(|| format!("alert: wanted {wanted}, raised {}", Value::Array(raised)))
}

/// What is wrong with the commands.
pub(crate) fn commands_unlike(wanted: &[Value], report: &Report) -> Option<String> {
    let looked_at =
        |action: &Value| *action == "open" || wanted.iter().any(|wanted| wanted["action"] == *action);
    let commands = report.commands().map(|command| parse(&command));
    let got: Vec<Value> = commands.filter(|command| looked_at(&command["action"])).collect();
    let fits = |command: &Value, wanted: &Value| {
        let fields = wanted.as_object().into_iter().flatten();
        fields.filter(|(name, _)| *name != "optional").all(|(name, wanted)| is(command.get(name), wanted))
    };
    // Every wanted command in its turn; an optional one may be passed over.
    let mut reached = vec![true];
    reached.resize(got.len() + 1, false);
    for wanted in wanted {
        let optional = wanted["optional"] == true;
        let next = (0..=got.len()).map(|at| {
            let taken = at > 0 && reached[at - 1] && fits(&got[at - 1], wanted);
            taken || (optional && reached[at])
        });
        reached = next.collect();
    }
    let same = reached[got.len()];
    (!same).then(|| format!("commands: wanted {}, got {}", Value::from(wanted), Value::Array(got)))
}

/// What is wrong with the dead letters.
pub(crate) fn dead_unlike(wanted: &[Value], report: &Report) -> Option<String> {
    let got: Vec<Value> = report.dead_letters().iter().map(|letter| parse(letter)).collect();
    let fits = |(letter, wanted): (&Value, &Value)| {
        is(letter["error"].get("code"), &wanted["code"])
            && wanted.get("received_at").is_none_or(|at| is(letter["frame"].get("received_at"), at))
    };
    let same = got.len() == wanted.len() && got.iter().zip(wanted).all(fits);
    (!same).then(|| format!("dead letters: wanted {}, got {}", Value::from(wanted), Value::Array(got)))
}
