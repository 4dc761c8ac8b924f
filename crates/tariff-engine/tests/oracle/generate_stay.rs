//! Where and when a random stay is: around changes of the clock, window edges, midnights and unit ends.

use chrono::{DateTime, Days, NaiveDate, SecondsFormat};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::Nanos;
use super::generate::{Source, Style, duration};
use super::time::{DAY, HOUR, MINUTE, SECOND, instants, local, time_of_day, transitions};

const ZONES: [Tz; 10] = [
    Tz::UTC,
    Tz::Europe__Berlin,
    Tz::America__New_York,
    Tz::Asia__Shanghai,
    Tz::Australia__Lord_Howe,
    Tz::Pacific__Apia,
    Tz::America__Havana,
    Tz::Africa__Cairo,
    Tz::America__Santiago,
    Tz::Asia__Kathmandu,
];
const AMOUNTS: [&str; 7] = ["5", "1.00", "0", "100", "2.50", "20", "0.333333"];

/// The zone, and an instant near which the stay begins.
pub(crate) struct Setting {
    pub(crate) zone: Tz,
    anchor: Nanos,
}

impl Setting {
    pub(crate) fn choose(source: &mut Source<'_>, style: Style) -> Setting {
        let zone = source.pick(&ZONES);
        let plain = 1_767_600_000 * SECOND + source.below(1000) as i64 * DAY; // Monday, 5 January 2026, 08:00 UTC
        let changes: Vec<Nanos> =
            transitions(zone).iter().copied().filter(|at| (365 * DAY..60 * 365 * DAY).contains(at)).collect();
        let mut anchor = plain;
        if !changes.is_empty() && source.chance(8) {
            anchor = changes[source.below(changes.len())] - source.below(72) as i64 * HOUR;
        }
        if style == Style::Coarse {
            anchor -= anchor.rem_euclid(5 * MINUTE);
        }
        Setting { zone, anchor }
    }

    fn date(&self) -> NaiveDate {
        local(self.zone, self.anchor).date()
    }

    /// Limits of validity, seldom such that the tariff is not in force.
    pub(crate) fn valid(&self, source: &mut Source<'_>) -> Value {
        let day = |days: u64, later: bool| {
            let date = if later { self.date() + Days::new(days) } else { self.date() - Days::new(days) };
            format!("{date}T{}", if days.is_multiple_of(2) { "00:00:00" } else { "02:30" })
        };
        let until =
            if source.chance(8) { json!(day(1 + source.below(60) as u64, true)) } else { Value::Null };
        if source.chance(8) {
            json!({"from": day(source.below(3) as u64, false), "until": until})
        } else {
            json!({"until": until})
        }
    }

    pub(crate) fn calendar(&self, source: &mut Source<'_>) -> Option<Value> {
        if !source.chance(6) {
            return None;
        }
        let start = self.date() - Days::new(5);
        let mut days = Map::new();
        for _ in 0..source.below(12) {
            let date = start + Days::new(source.below(20) as u64);
            let types = match source.below(6) {
                0 => json!(["rest_day"]),
                1 => json!(["workday"]),
                2 => json!(["special_day"]),
                3 => json!(["rest_day", "special_day"]),
                4 => json!(["workday", "special_day"]),
                _ => json!([]),
            };
            days.insert(date.to_string(), types);
        }
        let mut calendar = json!({"format": 1, "id": "c", "days": days});
        if source.chance(6) {
            calendar["weekend"] = source.pick(&[json!(["fri", "sat"]), json!(["sun"]), json!([])]);
        }
        if source.chance(5) {
            let until = self.date() + Days::new(1 + source.below(60) as u64);
            let from = self.date() - Days::new(source.below(3) as u64);
            calendar["covers"] = source.pick(&[
                json!({"until": until.to_string()}),
                json!({"from": from.to_string(), "until": null}),
                json!({"from": from.to_string(), "until": until.to_string()}),
            ]);
        }
        Some(calendar)
    }

    pub(crate) fn stay(&self, source: &mut Source<'_>, style: Style, tariff: &Value) -> Value {
        let longest = longest(tariff);
        let entry = self.moment(source, style, tariff, self.anchor, DAY);
        let length = match source.below(8) {
            0 | 1 => source.below(36) as i64 * 5 * MINUTE,
            2..5 => source.below(288) as i64 * 5 * MINUTE,
            5 => source.below(7) as i64 * DAY + source.below(288) as i64 * 5 * MINUTE,
            6 => source.below(40) as i64 * DAY + source.below(288) as i64 * 5 * MINUTE,
            _ => source.below(65_536) as i64 * if style == Style::Fine { SECOND } else { 0 },
        };
        let exit = self.moment(source, style, tariff, entry + length.min(longest), DAY);
        let exit = if exit < entry && !source.chance(1) { entry + length.min(longest) } else { exit };
        let mut stay = json!({"id": "s", "entry": self.text(source, entry), "exit": self.text(source, exit)});
        if !source.chance(1) {
            stay["vehicle"] = source.pick(&["small", "small", "large"]).into();
        }
        if !source.chance(4) {
            stay["plate_color"] = source.pick(&["blue", "green"]).into();
        }
        if source.chance(4) {
            let count = 1 + source.below(3);
            let one = |_| {
                let from = self.between(source, style, tariff, entry, exit);
                let to = (from + source.below(40) as i64 * 5 * MINUTE).max(from);
                json!({"from": self.text(source, from), "to": self.text(source, to)})
            };
            stay["exempt"] = (0..count).map(one).collect();
        }
        if source.chance(4) {
            stay["used"] = self.used(source, style, entry, exit);
        }
        if source.chance(4) {
            stay["adjust"] = adjust(source, style);
        }
        if source.chance(4) {
            let count = 1 + source.below(2);
            let one = |_| {
                let at = self.between(source, style, tariff, entry, exit).min(exit);
                json!({"at": self.text(source, at), "amount": source.pick(&AMOUNTS)})
            };
            stay["paid"] = (0..count).map(one).collect();
        }
        stay
    }

    /// An instant near `around`: itself, or a window edge of the tariff on its date, and then a little off.
    fn moment(
        &self,
        source: &mut Source<'_>,
        style: Style,
        tariff: &Value,
        around: Nanos,
        back: Nanos,
    ) -> Nanos {
        let mut at = around;
        if source.chance(7) {
            let mut edges = vec![0];
            for rule in tariff["rules"].as_array().into_iter().flatten() {
                edges.extend(["from", "to"].iter().filter_map(|name| time_of_day(rule[*name].as_str()?)));
            }
            for package in tariff["packages"].as_array().into_iter().flatten() {
                let limits = [&package["entry"]["from"], &package["exit"]["from"], &package["exit"]["to"]];
                edges.extend(limits.iter().filter_map(|limit| time_of_day(limit.as_str()?)));
            }
            let edge = source.pick(&edges) % back;
            let there = instants(self.zone, local(self.zone, around).date(), edge);
            at = there.get(source.below(there.len().max(1))).copied().unwrap_or(around);
        } else if source.chance(4) {
            let near =
                transitions(self.zone).iter().copied().find(|change| (change - around).abs() < 2 * DAY);
            at = near.unwrap_or(around);
        }
        if style == Style::Fine {
            at += source.pick(&[0, 0, 0, 1, -1, SECOND, -SECOND, 17 * SECOND + 123_456_789]);
        }
        at
    }

    /// An instant that mostly lies within the stay.
    fn between(
        &self,
        source: &mut Source<'_>,
        style: Style,
        tariff: &Value,
        entry: Nanos,
        exit: Nanos,
    ) -> Nanos {
        let steps = (exit - entry).max(0) / (5 * MINUTE);
        let around = entry + source.below(65_536) as i64 % (steps + 2) * 5 * MINUTE;
        match source.below(4) {
            0 => around,
            1 => self.moment(source, style, tariff, around, DAY),
            2 => exit - source.below(24) as i64 * 5 * MINUTE,
            _ => entry - source.below(3) as i64 * 5 * MINUTE,
        }
    }

    fn used(&self, source: &mut Source<'_>, style: Style, entry: Nanos, exit: Nanos) -> Value {
        let mut used = Map::new();
        for at in [entry, exit, entry + DAY] {
            let mut figures = Map::new();
            if source.chance(8) {
                figures.insert("stays".to_owned(), json!(source.below(3)));
            }
            if source.chance(8) {
                figures.insert("free".to_owned(), json!(duration(source, style)));
            }
            if source.chance(8) {
                figures.insert("charged".to_owned(), json!(source.pick(&AMOUNTS)));
            }
            used.insert(local(self.zone, at).date().to_string(), Value::Object(figures));
        }
        Value::Object(used)
    }

    /// RFC 3339 in the zone's own offset, in UTC or in another offset: the same instant.
    fn text(&self, source: &mut Source<'_>, at: Nanos) -> String {
        let moment = DateTime::from_timestamp_nanos(at);
        let whole = at % SECOND == 0;
        let format = if whole { SecondsFormat::Secs } else { SecondsFormat::Nanos };
        match source.below(3) {
            0 => moment.to_rfc3339_opts(format, true),
            1 => moment.with_timezone(&Tz::Asia__Tokyo).to_rfc3339_opts(format, true),
            _ => moment.with_timezone(&Tz::America__Caracas).to_rfc3339_opts(format, true),
        }
    }
}

/// The longest stay that does not make the oracle walk over thousands of units.
fn longest(tariff: &Value) -> Nanos {
    let steps = tariff["rules"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|rule| rule["charge"]["steps"].as_array());
    let units = steps.flatten().filter_map(|step| super::time::duration(step["every"].as_str()?));
    units.min().map_or(40 * DAY, |unit| (1500 * unit).min(40 * DAY))
}

fn adjust(source: &mut Source<'_>, style: Style) -> Value {
    let mut instead = false;
    let mut found = Vec::new();
    for _ in 0..=source.below(3) {
        found.push(match source.below(7) {
            0 => json!({"time_off": duration(source, style)}),
            1 => json!({"time_off": duration(source, style), "at": source.pick(&["end", "start"])}),
            2 => json!({"multiply": source.pick(&["2", "0.5", "1.000001", "0"])}),
            3 | 4 => json!({"percent_off": source.pick(&["20", "100", "33.333333", "0"])}),
            5 if !instead => {
                instead = source.chance(8);
                if instead { json!({"instead": source.pick(&AMOUNTS)}) } else { json!({"percent_off": "50"}) }
            }
            _ => json!({"amount_off": source.pick(&AMOUNTS)}),
        });
    }
    found.into()
}
