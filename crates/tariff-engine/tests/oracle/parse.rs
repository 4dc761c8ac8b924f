//! The tariff document, read and validated.

use super::calendar::Day;
use super::document::{
    Accepts, Cap, CapPer, Charge, ExitDay, Free, FreePer, Package, Partial, Restart, Rule, Step, Tariff,
    Tiers, Unit,
};
use super::json::Json;
use super::parse_parts::{Faults, Fields, Refusal, flag, format_one, list, money, one_of, span, text, word};
use super::quantity::{Mode, decimal, zero};
use super::time::{DAY, time_of_day, wall_clock};
use super::{Nanos, Q};

const TOP: [&str; 20] = [
    "format",
    "id",
    "currency",
    "time_zone",
    "rules",
    "valid",
    "clock",
    "period",
    "ladder",
    "straddle",
    "grace",
    "exit_grace",
    "free",
    "first_stay_free",
    "caps",
    "minimum",
    "rounding",
    "max_stay",
    "packages",
    "packages_only",
];
const RULE: [&str; 11] = [
    "id",
    "days",
    "vehicles",
    "plate_colors",
    "from",
    "to",
    "cap",
    "min_overlap",
    "ladder",
    "straddle",
    "charge",
];
const PACKAGE: [&str; 7] = ["id", "price", "vehicles", "plate_colors", "entry", "exit", "choose"];
const KNOWN: [&str; 56] = {
    let mut all = [""; 56];
    let others = [
        "until", "length", "per", "first", "amount", "amounts", "mode", "quantum", "flat", "once", "steps",
        "tiers", "upto", "every", "partial", "over", "step", "day",
    ];
    let mut i = 0;
    while i < 20 {
        all[i] = TOP[i];
        i += 1;
    }
    while i < 31 {
        all[i] = RULE[i - 20];
        i += 1;
    }
    while i < 38 {
        all[i] = PACKAGE[i - 31];
        i += 1;
    }
    while i < 56 {
        all[i] = others[i - 38];
        i += 1;
    }
    all
};
const RESTARTS: [(&str, Restart); 3] =
    [("window", Restart::Window), ("period", Restart::Period), ("stay", Restart::Stay)];
const STRADDLES: [(&str, bool); 2] = [("start", false), ("split", true)];

pub(crate) fn tariff(bytes: &[u8]) -> Result<Tariff, Refusal> {
    let json = Json::read(bytes).ok_or(("bad_json", String::new()))?;
    let mut faults = Faults::default();
    let tariff = read(&json, &mut faults);
    faults.first()?;
    Ok(tariff.unwrap())
}

fn read(json: &Json, faults: &mut Faults) -> Option<Tariff> {
    let top = Fields::of(json, String::new(), &TOP, &KNOWN, faults)?;
    top.required("format", faults, format_one);
    let id = top.required("id", faults, word);
    let zone = top.required("time_zone", faults, text).and_then(|name| {
        let zone = name.parse().ok();
        if zone.is_none() {
            faults.add("unknown_time_zone", "time_zone");
        }
        zone
    });
    let minor = top.required("currency", faults, text).and_then(|code| minor_unit(&code, faults));
    let ladder = top.optional("ladder", faults, |json| one_of(json, &RESTARTS)).unwrap_or(Restart::Period);
    let split = top.optional("straddle", faults, |json| one_of(json, &STRADDLES)).unwrap_or(false);
    let (valid_from, valid_until) = valid(&top, faults);
    let clocks = [("second", false), ("minute", true)];
    let periods = [("natural_day", false), ("rolling_24h", true)];
    if !matches!(top.raw("rules"), Some(Json::List(_))) {
        faults.add("bad_field", "rules");
    }
    let rules = rules(&top, ladder, split, faults);
    Some(Tariff {
        valid_from,
        valid_until,
        clock_minute: top.optional("clock", faults, |json| one_of(json, &clocks)).unwrap_or(false),
        rolling: top.optional("period", faults, |json| one_of(json, &periods)).unwrap_or(false),
        grace: top.optional("grace", faults, span),
        exit_grace: top.optional("exit_grace", faults, span).unwrap_or(0),
        free: free(&top, faults),
        first_stay_free: top.optional("first_stay_free", faults, flag).unwrap_or(false),
        caps: caps(&top, faults),
        minimum: top.optional("minimum", faults, money),
        rounding: rounding(&top, minor.unwrap_or_else(zero), faults),
        max_stay: top.optional("max_stay", faults, span),
        packages: packages(&top, faults),
        packages_only: top.optional("packages_only", faults, flag).unwrap_or(false),
        id: id?,
        zone: zone?,
        rules: rules?,
    })
}

fn minor_unit(code: &str, faults: &mut Faults) -> Option<Q> {
    match parking_types::Currency::parse(code) {
        Ok(currency) => decimal(&currency.minor_unit().to_string()),
        Err(_) => {
            faults.add("unknown_currency", "currency");
            None
        }
    }
}

fn valid(
    top: &Fields<'_>,
    faults: &mut Faults,
) -> (Option<chrono::NaiveDateTime>, Option<chrono::NaiveDateTime>) {
    let Some(valid) = top.object("valid", &["from", "until"], faults) else { return (None, None) };
    let end = |name: &str, faults: &mut Faults| {
        let end = valid.optional(name, faults, |json| match json {
            Json::Null => Some(None),
            other => wall_clock(&text(other)?).map(Some),
        });
        end.flatten()
    };
    let (from, until) = (end("from", faults), end("until", faults));
    if from.zip(until).is_some_and(|(from, until)| until <= from) {
        faults.add("bad_field", "valid.until");
    }
    (from, until)
}

fn free(top: &Fields<'_>, faults: &mut Faults) -> Option<Free> {
    let fields = top.object("free", &["length", "per", "first"], faults)?;
    let per = [("stay", FreePer::Stay), ("period", FreePer::Period), ("day", FreePer::Day)];
    let per = fields.required("per", faults, |json| one_of(json, &per));
    let length = fields.required("length", faults, span);
    let first = fields.optional("first", faults, span);
    if fields.raw("first").is_some() && per != Some(FreePer::Period) {
        faults.add("bad_field", "free.first");
    }
    Some(Free { length: length?, per: per?, first })
}

fn caps(top: &Fields<'_>, faults: &mut Faults) -> Vec<Cap> {
    const SCOPES: [(&str, CapPer); 6] = [
        ("period", CapPer::Period),
        ("natural_day", CapPer::NaturalDay),
        ("24h", CapPer::Rolling24h),
        ("7d", CapPer::Rolling7d),
        ("stay", CapPer::Stay),
        ("day", CapPer::Day),
    ];
    let mut found = Vec::new();
    for fields in top.objects("caps", &["per", "amount", "amounts"], faults) {
        let per = fields.required("per", faults, |json| one_of(json, &SCOPES));
        let one = fields.optional("amount", faults, money);
        let many = fields.optional("amounts", faults, |json| list(json, money));
        if fields.raw("amount").is_some() == fields.raw("amounts").is_some() {
            faults.add("bad_field", &fields.at("amount"));
        }
        if let Some((per, amounts)) = per.zip(many.or(one.map(|one| vec![one]))) {
            found.push(Cap { per, amounts });
        }
    }
    found
}

fn rounding(top: &Fields<'_>, minor: Q, faults: &mut Faults) -> (Mode, Q) {
    const MODES: [(&str, Mode); 4] =
        [("half_up", Mode::HalfUp), ("half_even", Mode::HalfEven), ("up", Mode::Up), ("down", Mode::Down)];
    let Some(fields) = top.object("rounding", &["mode", "quantum"], faults) else {
        return (Mode::HalfUp, minor);
    };
    let mode = fields.optional("mode", faults, |json| one_of(json, &MODES));
    let quantum = fields.optional("quantum", faults, |json| money(json).filter(|quantum| *quantum > zero()));
    (mode.unwrap_or(Mode::HalfUp), quantum.unwrap_or(minor))
}

fn days(fields: &Fields<'_>, faults: &mut Faults) -> Vec<Day> {
    let days = fields.optional("days", faults, |json| list(json, |word| Day::parse(&text(word)?)));
    days.unwrap_or_else(|| vec![Day::Any])
}

fn accepts(fields: &Fields<'_>, faults: &mut Faults) -> Accepts {
    let words = |name, faults: &mut Faults| fields.optional(name, faults, |json| list(json, word));
    Accepts { vehicles: words("vehicles", faults), plate_colors: words("plate_colors", faults) }
}

/// `from` and `to`; `24:00` may end a window, not begin one.
fn window(fields: &Fields<'_>, faults: &mut Faults) -> Option<(Nanos, Nanos)> {
    let from = fields.optional("from", faults, |json| time_of_day(&text(json)?).filter(|at| *at < DAY));
    let to = fields.optional("to", faults, |json| time_of_day(&text(json)?));
    for (one, other) in [("from", "to"), ("to", "from")] {
        if fields.raw(one).is_some() && fields.raw(other).is_none() {
            faults.add("bad_field", &fields.at(other));
        }
    }
    from.zip(to)
}

fn rules(top: &Fields<'_>, ladder: Restart, split: bool, faults: &mut Faults) -> Option<Vec<Rule>> {
    let mut found: Vec<Rule> = Vec::new();
    for fields in top.objects("rules", &RULE, faults) {
        let id = fields.required("id", faults, word);
        if found.iter().any(|rule| Some(&rule.id) == id.as_ref()) {
            faults.add("bad_field", &fields.at("id"));
        }
        let rule = Rule {
            id: id.unwrap_or_default(),
            days: days(&fields, faults),
            accepts: accepts(&fields, faults),
            window: window(&fields, faults),
            cap: fields.optional("cap", faults, money),
            min_overlap: fields.optional("min_overlap", faults, span).unwrap_or(0),
            ladder: fields.optional("ladder", faults, |json| one_of(json, &RESTARTS)).unwrap_or(ladder),
            split: fields.optional("straddle", faults, |json| one_of(json, &STRADDLES)).unwrap_or(split),
            charge: charge(&fields, faults).unwrap_or(Charge::Nothing),
        };
        found.push(rule);
    }
    Some(found)
}

fn charge(rule: &Fields<'_>, faults: &mut Faults) -> Option<Charge> {
    match rule.raw("charge") {
        Some(Json::Text(word)) if word == "none" => return Some(Charge::Nothing),
        None => {
            faults.add("bad_field", &rule.at("charge"));
            return None;
        }
        Some(_) => {}
    }
    let fields = rule.object("charge", &["flat", "once", "steps", "tiers"], faults)?;
    let flat = fields.optional("flat", faults, money);
    let once = fields.optional("once", faults, |json| one_of(json, &RESTARTS));
    let tiers = [("total", Tiers::Total), ("add", Tiers::Add), ("volume", Tiers::Volume)];
    let tiers = fields.optional("tiers", faults, |json| one_of(json, &tiers));
    let has = |name| fields.raw(name).is_some();
    if has("flat") == has("steps") || (has("flat") && has("tiers")) || (has("steps") && has("once")) {
        faults.add("bad_field", &fields.path);
    }
    match flat {
        Some(price) => Some(Charge::Flat { price, once: once.unwrap_or(Restart::Period) }),
        None => Some(Charge::Steps { tiers: tiers.unwrap_or(Tiers::Total), steps: steps(&fields, faults) }),
    }
}

fn steps(charge: &Fields<'_>, faults: &mut Faults) -> Vec<Step> {
    let all = charge.objects("steps", &["upto", "every", "price", "partial"], faults);
    if all.is_empty() && charge.raw("steps").is_some() {
        faults.add("bad_field", &charge.at("steps"));
    }
    let mut found: Vec<Step> = Vec::new();
    for (number, fields) in all.iter().enumerate() {
        let upto = fields.optional("upto", faults, |json| span(json).filter(|upto| *upto > 0));
        let last = number + 1 == all.len();
        let before = found.iter().filter_map(|step| step.upto).max();
        let ascends = upto.zip(before).is_none_or(|(upto, before)| upto > before);
        if !ascends || (fields.raw("upto").is_none() && !last) {
            faults.add("bad_field", &fields.at("upto"));
        }
        let every = fields.optional("every", faults, |json| span(json).filter(|every| *every > 0));
        let partial = partial(fields, faults);
        if fields.raw("partial").is_some() && fields.raw("every").is_none() {
            faults.add("bad_field", &fields.at("partial"));
        }
        let price = fields.required("price", faults, money).unwrap_or_else(zero);
        let unit = every.map(|every| Unit { every, partial: partial.unwrap_or(Partial::Up) });
        found.push(Step { upto, price, unit });
    }
    found
}

fn partial(step: &Fields<'_>, faults: &mut Faults) -> Option<Partial> {
    if let Some(Json::Object(_)) = step.raw("partial") {
        let fields = step.object("partial", &["over", "step"], faults)?;
        let over = fields.optional("over", faults, span).map(Partial::Over);
        let rounded_up =
            fields.optional("step", faults, |json| span(json).filter(|step| *step > 0)).map(Partial::Step);
        if fields.raw("over").is_some() == fields.raw("step").is_some() {
            faults.add("bad_field", &fields.path);
        }
        return over.or(rounded_up);
    }
    step.optional("partial", faults, |json| match text(json)?.as_str() {
        "up" => Some(Partial::Up),
        "down" => Some(Partial::Down),
        "pro_rata" => Some(Partial::ProRata),
        _ => None,
    })
}

fn packages(top: &Fields<'_>, faults: &mut Faults) -> Vec<Package> {
    let mut found: Vec<Package> = Vec::new();
    for fields in top.objects("packages", &PACKAGE, faults) {
        let id = fields.required("id", faults, word);
        if found.iter().any(|package| Some(&package.id) == id.as_ref()) {
            faults.add("bad_field", &fields.at("id"));
        }
        for name in ["entry", "exit"] {
            if fields.raw(name).is_none() {
                faults.add("bad_field", &fields.at(name));
            }
        }
        let price = fields.required("price", faults, money);
        let accepts = accepts(&fields, faults);
        let chooses = [("first", false), ("cheapest", true)];
        let cheapest = fields.optional("choose", faults, |json| one_of(json, &chooses)).unwrap_or(false);
        let entry = fields.object("entry", &["days", "from", "to"], faults);
        let exit = fields.object("exit", &["from", "to", "day"], faults);
        let Some((entry, exit)) = entry.zip(exit) else { continue };
        for (part, name) in [(&entry, "from"), (&exit, "from")] {
            if part.raw(name).is_none() && part.raw("to").is_none() {
                faults.add("bad_field", &part.at(name));
            }
        }
        let exit_days = [("same", ExitDay::Same), ("next", ExitDay::Next), ("any", ExitDay::Any)];
        let exit_day = exit.optional("day", faults, |json| one_of(json, &exit_days)).unwrap_or(ExitDay::Same);
        let days = days(&entry, faults);
        let (entry, exit) = (window(&entry, faults), window(&exit, faults));
        if let (Some(id), Some(price), Some(entry), Some(exit)) = (id, price, entry, exit) {
            found.push(Package { id, price, accepts, days, entry, exit, exit_day, cheapest });
        }
    }
    found
}
