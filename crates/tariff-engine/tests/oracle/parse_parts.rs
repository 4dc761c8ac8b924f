//! What the three documents share when they are read, and the calendar and the stay.

use std::collections::BTreeMap;

use chrono::Weekday;

use super::calendar::{Calendar, Day, weekday};
use super::json::Json;
use super::quantity::{decimal, whole, zero};
use super::stay::{Adjust, Figures, Stay};
use super::time::{date, duration, exact_instant, held};
use super::{Code, Nanos, Q};

/// A code and the path of the field.
pub(crate) type Refusal = (Code, String);

/// Finds every fault; the code that the contract lists first wins, then the first in the document.
#[derive(Default)]
pub(crate) struct Faults(Vec<Refusal>);

impl Faults {
    pub(crate) fn add(&mut self, code: Code, path: &str) {
        self.0.push((code, path.to_owned()));
    }
    pub(crate) fn first(self) -> Result<(), Refusal> {
        const ORDER: [&str; 4] = ["unknown_field", "bad_field", "unknown_time_zone", "unknown_currency"];
        let rank = |fault: &Refusal| ORDER.iter().position(|code| *code == fault.0);
        self.0.into_iter().min_by_key(rank).map_or(Ok(()), Err)
    }
}

/// One object of a document, with its path and the names that the whole document knows.
pub(crate) struct Fields<'a> {
    members: &'a [(String, Json)],
    pub(crate) path: String,
    known: &'static [&'static str],
}

pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

impl<'a> Fields<'a> {
    /// The object, with every name checked; `None` where the value is none.
    pub(crate) fn of(
        json: &'a Json,
        path: String,
        here: &[&str],
        known: &'static [&'static str],
        faults: &mut Faults,
    ) -> Option<Self> {
        let Json::Object(members) = json else {
            faults.add("bad_field", &path);
            return None;
        };
        for (name, _) in members {
            if !here.contains(&name.as_str()) {
                let code = if known.contains(&name.as_str()) { "bad_field" } else { "unknown_field" };
                faults.add(code, &join(&path, name));
            }
        }
        Some(Fields { members, path, known })
    }

    pub(crate) fn raw(&self, name: &str) -> Option<&'a Json> {
        self.members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(crate) fn at(&self, name: &str) -> String {
        join(&self.path, name)
    }

    /// A field that `read` understands; absent is `None`.
    pub(crate) fn optional<T>(
        &self,
        name: &str,
        faults: &mut Faults,
        read: impl Fn(&Json) -> Option<T>,
    ) -> Option<T> {
        let value = read(self.raw(name)?);
        if value.is_none() {
            faults.add("bad_field", &self.at(name));
        }
        value
    }

    pub(crate) fn required<T>(
        &self,
        name: &str,
        faults: &mut Faults,
        read: impl Fn(&Json) -> Option<T>,
    ) -> Option<T> {
        if self.raw(name).is_none() {
            faults.add("bad_field", &self.at(name));
        }
        self.optional(name, faults, read)
    }

    /// An object inside; absent is `None`.
    pub(crate) fn object(&self, name: &str, here: &[&str], faults: &mut Faults) -> Option<Fields<'a>> {
        Fields::of(self.raw(name)?, self.at(name), here, self.known, faults)
    }

    /// The objects of a list; absent is an empty list.
    pub(crate) fn objects(&self, name: &str, here: &[&str], faults: &mut Faults) -> Vec<Fields<'a>> {
        match self.raw(name) {
            None => Vec::new(),
            Some(Json::List(items)) => {
                let one =
                    |(i, item)| Fields::of(item, format!("{}[{i}]", self.at(name)), here, self.known, faults);
                items.iter().enumerate().filter_map(one).collect()
            }
            Some(_) => {
                faults.add("bad_field", &self.at(name));
                Vec::new()
            }
        }
    }
}

pub(crate) fn text(json: &Json) -> Option<String> {
    match json {
        Json::Text(text) => Some(text.clone()),
        _ => None,
    }
}
/// A text that says something.
pub(crate) fn word(json: &Json) -> Option<String> {
    text(json).filter(|word| !word.is_empty())
}
pub(crate) fn flag(json: &Json) -> Option<bool> {
    match json {
        Json::Bool(b) => Some(*b),
        _ => None,
    }
}
/// An amount; what is beyond 64 bits of millionths is out of range.
pub(crate) fn money(json: &Json) -> Option<Q> {
    decimal(&text(json)?).filter(|amount| amount * whole(1_000_000) <= whole(i64::MAX))
}
pub(crate) fn span(json: &Json) -> Option<Nanos> {
    duration(&text(json)?)
}
pub(crate) fn one_of<T: Copy>(json: &Json, words: &[(&str, T)]) -> Option<T> {
    let text = text(json)?;
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
}
/// A list that is not empty.
pub(crate) fn list<T>(json: &Json, read: impl Fn(&Json) -> Option<T>) -> Option<Vec<T>> {
    match json {
        Json::List(items) if !items.is_empty() => items.iter().map(read).collect(),
        _ => None,
    }
}
pub(crate) fn format_one(json: &Json) -> Option<()> {
    (*json == Json::Number(Some(1))).then_some(())
}

fn parse(bytes: &[u8]) -> Result<Json, Refusal> {
    Json::read(bytes).ok_or(("bad_json", String::new()))
}

const CALENDAR: [&str; 7] = ["format", "id", "weekend", "covers", "days", "from", "until"];

pub(crate) fn calendar(bytes: &[u8]) -> Result<Calendar, Refusal> {
    let json = parse(bytes)?;
    let mut faults = Faults::default();
    let calendar = read_calendar(&json, &mut faults);
    faults.first()?;
    Ok(calendar.unwrap())
}

fn read_calendar(json: &Json, faults: &mut Faults) -> Option<Calendar> {
    let top = Fields::of(json, String::new(), &CALENDAR[..5], &CALENDAR, faults)?;
    top.required("format", faults, format_one);
    let id = top.required("id", faults, word);
    let weekend = top.optional("weekend", faults, |json| match json {
        Json::List(items) => items.iter().map(|item| weekday(&text(item)?)).collect::<Option<Vec<Weekday>>>(),
        _ => None,
    });
    let covers = top.object("covers", &["from", "until"], faults);
    let end = |name: &str, faults: &mut Faults| {
        let end = covers.as_ref()?.optional(name, faults, |json| match json {
            Json::Null => Some(None),
            other => date(&text(other)?).map(Some),
        });
        end.flatten()
    };
    let (from, until) = (end("from", faults), end("until", faults));
    if from.zip(until).is_some_and(|(from, until)| until <= from) {
        faults.add("bad_field", "covers.until");
    }
    let days = top.optional("days", faults, |json| match json {
        Json::Object(members) => {
            members.iter().map(|(name, types)| Some((date(name)?, day_types(types)?))).collect()
        }
        _ => None,
    });
    let weekend = weekend.unwrap_or_else(|| vec![Weekday::Sat, Weekday::Sun]);
    Some(Calendar { id: id?, weekend, from, until, days: days.unwrap_or_default() })
}

fn day_types(json: &Json) -> Option<Vec<Day>> {
    let Json::List(items) = json else { return None };
    let types: Vec<Day> = items
        .iter()
        .map(|item| Day::parse(&text(item)?).filter(|day| day.needs_calendar()))
        .collect::<Option<_>>()?;
    let contradiction = types.contains(&Day::Work) && types.contains(&Day::Rest);
    (!contradiction).then_some(types)
}

const STAY: [&str; 21] = [
    "id",
    "entry",
    "exit",
    "vehicle",
    "plate_color",
    "exempt",
    "used",
    "adjust",
    "paid",
    "from",
    "to",
    "stays",
    "free",
    "charged",
    "time_off",
    "at",
    "instead",
    "multiply",
    "percent_off",
    "amount_off",
    "amount",
];

pub(crate) fn stay(bytes: &[u8]) -> Result<Stay, Refusal> {
    let json = parse(bytes)?;
    let mut faults = Faults::default();
    let stay = read_stay(&json, &mut faults);
    faults.first()?;
    Ok(stay.unwrap())
}

fn moment(json: &Json) -> Option<i128> {
    exact_instant(&text(json)?)
}

fn read_stay(json: &Json, faults: &mut Faults) -> Option<Stay> {
    let top = Fields::of(json, String::new(), &STAY[..9], &STAY, faults)?;
    let id = top.required("id", faults, text);
    let entry = top.required("entry", faults, moment);
    let exit = top.required("exit", faults, moment);
    let vehicle = top.optional("vehicle", faults, word);
    let plate_color = top.optional("plate_color", faults, word);
    let mut exempt = Vec::new();
    for item in top.objects("exempt", &["from", "to"], faults) {
        let (from, to) = (item.required("from", faults, moment), item.required("to", faults, moment));
        let Some((from, to)) = from.zip(to) else { continue };
        if to < from {
            faults.add("bad_field", &item.at("to"));
        }
        exempt.push((held(from), held(to)));
    }
    let mut paid = Vec::new();
    for item in top.objects("paid", &["at", "amount"], faults) {
        let (at, amount) = (item.required("at", faults, moment), item.required("amount", faults, money));
        if at.zip(exit).is_some_and(|(at, exit)| at > exit) {
            faults.add("bad_field", &item.at("at"));
        }
        paid.extend(at.map(held).zip(amount));
    }
    let used = read_used(&top, faults);
    let adjust = read_adjust(&top, faults);
    let (entry, exit) = (entry?, exit?);
    // Two ends beyond the same limit would be held at one instant; their order must not be lost.
    let exit_held = if exit < entry { held(exit).min(held(entry) - 1) } else { held(exit) };
    Some(Stay {
        id: id?,
        entry: held(entry),
        exit: exit_held,
        vehicle,
        plate_color,
        exempt,
        used,
        adjust,
        paid,
    })
}

fn read_used(top: &Fields<'_>, faults: &mut Faults) -> BTreeMap<chrono::NaiveDate, Figures> {
    let mut used = BTreeMap::new();
    let Some(json) = top.raw("used") else { return used };
    let Json::Object(members) = json else {
        faults.add("bad_field", "used");
        return used;
    };
    for (name, value) in members {
        let path = join("used", name);
        let date = date(name);
        if date.is_none() {
            faults.add("bad_field", &path);
        }
        let Some(item) = Fields::of(value, path, &["stays", "free", "charged"], &STAY, faults) else {
            continue;
        };
        let stays = item.optional("stays", faults, |json| match json {
            Json::Number(Some(n)) if *n >= 0 => Some(*n),
            _ => None,
        });
        let free = item.optional("free", faults, span).unwrap_or(0);
        let charged = item.optional("charged", faults, money).unwrap_or_else(zero);
        let Some(date) = date else { continue };
        used.insert(date, Figures { stays: stays.unwrap_or(0), free, charged });
    }
    used
}

fn read_adjust(top: &Fields<'_>, faults: &mut Faults) -> Vec<Adjust> {
    const KINDS: [&str; 5] = ["time_off", "instead", "multiply", "percent_off", "amount_off"];
    let here: Vec<&str> = KINDS.iter().copied().chain(["at"]).collect();
    let mut found = Vec::new();
    for item in top.objects("adjust", &here, faults) {
        let named: Vec<&str> = KINDS.iter().copied().filter(|kind| item.raw(kind).is_some()).collect();
        let [kind] = named[..] else {
            faults.add("bad_field", &item.path);
            continue;
        };
        let at_end = item.optional("at", faults, |json| one_of(json, &[("start", false), ("end", true)]));
        if item.raw("at").is_some() && kind != "time_off" {
            faults.add("bad_field", &item.at("at"));
        }
        let adjust = item.optional(kind, faults, |json| {
            Some(match kind {
                "time_off" => Adjust::TimeOff { length: span(json)?, at_end: at_end.unwrap_or(false) },
                "instead" => Adjust::Instead(money(json)?),
                "multiply" => Adjust::Multiply(money(json)?),
                "percent_off" => Adjust::PercentOff(money(json).filter(|percent| *percent <= whole(100))?),
                _ => Adjust::AmountOff(money(json)?),
            })
        });
        if matches!(adjust, Some(Adjust::Instead(_)))
            && found.iter().any(|known| matches!(known, Adjust::Instead(_)))
        {
            faults.add("bad_field", &item.at("instead"));
        }
        found.extend(adjust);
    }
    found
}
