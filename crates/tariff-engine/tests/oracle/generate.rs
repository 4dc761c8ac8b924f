//! Random documents, calendars and stays from bytes, shared by the property tests and the fuzz targets.
//!
//! A run of zeros gives the plainest document, so that shrinking the bytes shrinks the case.

use serde_json::{Map, Value, json};

use super::generate_stay::Setting;

/// Choices taken from bytes; when they run out every choice is the first.
pub(crate) struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Source<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Source { bytes, at: 0 }
    }
    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }
    /// A number below `n`, which is at most 65,536.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let wide = if n > 256 { usize::from(self.byte()) << 8 } else { 0 };
        (wide | usize::from(self.byte())) % n.max(1)
    }
    /// True in `n` of 16 cases.
    pub(crate) fn chance(&mut self, n: usize) -> bool {
        self.below(16) >= 16 - n
    }
    pub(crate) fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }
}

/// What kind of case is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    /// Everything, also odd seconds and nanoseconds.
    Fine,
    /// Every duration and time is a multiple of five minutes, so that exits can be tried one by one.
    Coarse,
}

/// A document, a calendar perhaps, and a stay.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) tariff: Value,
    pub(crate) calendar: Option<Value>,
    pub(crate) stay: Value,
}

pub(crate) fn case(bytes: &[u8], style: Style) -> Case {
    let mut source = Source::new(bytes);
    let setting = Setting::choose(&mut source, style);
    let tariff = tariff(&mut source, style, &setting);
    let calendar = setting.calendar(&mut source);
    let stay = setting.stay(&mut source, style, &tariff);
    Case { tariff, calendar, stay }
}

const PRICES: [&str; 12] =
    ["1.00", "0", "2.50", "0.333333", "3", "10.00", "0.01", "0.1", "7.77", "20", "0.05", "100"];
const CAPS: [&str; 8] = ["5.00", "20.00", "0", "3.33", "12", "50", "1", "200"];
const COARSE: [&str; 14] =
    ["30m", "1h", "15m", "2h", "5m", "10m", "20m", "45m", "1h30m", "3h", "4h", "8h", "12h", "1d"];
const FINE: [&str; 10] = ["7m", "25m", "59m59s", "1h1s", "13h", "1d1h", "90s", "36h", "50m", "3d"];
const EDGES: [&str; 14] = [
    "08:00", "20:00", "00:00", "22:00", "06:00", "12:00", "07:30", "21:00", "02:00", "02:30", "03:00",
    "23:00", "01:00", "18:00",
];
const FINE_EDGES: [&str; 5] = ["08:00:01", "23:59:59", "12:34:56", "02:29:59", "00:00:01"];
const DAYS: [&str; 11] =
    ["any", "workday", "rest_day", "special_day", "mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const RESTARTS: [&str; 3] = ["period", "window", "stay"];

pub(crate) fn duration(source: &mut Source<'_>, style: Style) -> &'static str {
    if style == Style::Fine && source.chance(4) { source.pick(&FINE) } else { source.pick(&COARSE) }
}

fn edge(source: &mut Source<'_>, style: Style) -> &'static str {
    if style == Style::Fine && source.chance(2) { source.pick(&FINE_EDGES) } else { source.pick(&EDGES) }
}

fn put(object: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    object.insert(name.to_owned(), value.into());
}

fn tariff(source: &mut Source<'_>, style: Style, setting: &Setting) -> Value {
    let mut top = Map::new();
    put(&mut top, "format", 1);
    put(&mut top, "id", "t");
    put(&mut top, "currency", source.pick(&["EUR", "CNY", "JPY", "KWD"]));
    put(&mut top, "time_zone", setting.zone.name());
    let rules = source.pick(&[1, 2, 3, 4, 1, 2, 0, 3]);
    let rules: Vec<Value> = (0..rules).map(|number| rule(source, style, number)).collect();
    put(&mut top, "rules", rules);
    for (name, chance, values) in [
        ("period", 5, &["rolling_24h", "natural_day"][..]),
        ("ladder", 8, &["stay", "window", "period"]),
        ("straddle", 6, &["split", "start"]),
        ("clock", 3, &["minute", "second"]),
    ] {
        if source.chance(chance) {
            put(&mut top, name, source.pick(values));
        }
    }
    if source.chance(5) {
        put(&mut top, "free", free(source, style));
    }
    if source.chance(6) {
        put(&mut top, "caps", caps(source));
    }
    if source.chance(2) {
        put(&mut top, "minimum", source.pick(&CAPS));
    }
    if source.chance(2) {
        put(&mut top, "grace", duration(source, style));
    }
    if source.chance(4) {
        put(&mut top, "exit_grace", duration(source, style));
    }
    if source.chance(4) {
        let mode = source.pick(&["half_up", "half_even", "up", "down"]);
        put(
            &mut top,
            "rounding",
            json!({"mode": mode, "quantum": source.pick(&["0.5", "0.01", "1", "0.05", "0.000001"])}),
        );
    }
    if source.chance(1) {
        put(&mut top, "max_stay", source.pick(&["12h", "3d", "20d"]));
    }
    if source.chance(1) {
        put(&mut top, "first_stay_free", true);
    }
    if source.chance(3) {
        let packages: Vec<Value> =
            (0..=source.below(3)).map(|number| package(source, style, number)).collect();
        put(&mut top, "packages", packages);
        if source.chance(3) {
            put(&mut top, "packages_only", true);
        }
    }
    if source.chance(2) {
        put(&mut top, "valid", setting.valid(source));
    }
    Value::Object(top)
}

fn free(source: &mut Source<'_>, style: Style) -> Value {
    let per = source.pick(&["stay", "period", "day"]);
    let mut free = json!({"length": duration(source, style), "per": per});
    if per == "period" && source.chance(8) {
        free["first"] = duration(source, style).into();
    }
    free
}

fn caps(source: &mut Source<'_>) -> Value {
    let mut scopes = vec!["period", "natural_day", "24h", "7d", "stay", "day"];
    let count = 1 + source.below(3);
    let one = |_| {
        let per = scopes.remove(source.below(scopes.len()));
        if source.chance(5) {
            let amounts: Vec<&str> = (0..=source.below(3)).map(|_| source.pick(&CAPS)).collect();
            json!({"per": per, "amounts": amounts})
        } else {
            json!({"per": per, "amount": source.pick(&CAPS)})
        }
    };
    (0..count).map(one).collect()
}

fn some_of(source: &mut Source<'_>, words: &[&'static str], most: usize) -> Vec<&'static str> {
    let mut found: Vec<&str> = (0..=source.below(most)).map(|_| source.pick(words)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn accepts(source: &mut Source<'_>, object: &mut Map<String, Value>) {
    if source.chance(2) {
        put(object, "vehicles", some_of(source, &["small", "large", "motorcycle"], 2));
    }
    if source.chance(1) {
        put(object, "plate_colors", some_of(source, &["blue", "green", "yellow"], 2));
    }
}

fn rule(source: &mut Source<'_>, style: Style, number: usize) -> Value {
    let mut rule = Map::new();
    put(&mut rule, "id", format!("r{number}"));
    put(&mut rule, "charge", charge(source, style));
    if source.chance(10) {
        put(&mut rule, "from", edge(source, style));
        put(&mut rule, "to", if source.chance(3) { "24:00" } else { edge(source, style) });
    }
    if source.chance(6) {
        put(&mut rule, "days", some_of(source, &DAYS, 3));
    }
    accepts(source, &mut rule);
    if source.chance(4) {
        put(&mut rule, "cap", source.pick(&CAPS));
    }
    if source.chance(2) {
        put(&mut rule, "min_overlap", duration(source, style));
    }
    if source.chance(4) {
        put(&mut rule, "ladder", source.pick(&RESTARTS));
    }
    if source.chance(3) {
        put(&mut rule, "straddle", source.pick(&["split", "start"]));
    }
    Value::Object(rule)
}

fn charge(source: &mut Source<'_>, style: Style) -> Value {
    match source.below(16) {
        15 => json!("none"),
        13 | 14 => json!({"flat": source.pick(&PRICES), "once": source.pick(&RESTARTS)}),
        _ => {
            let mut charge = json!({"steps": steps(source, style)});
            if source.chance(9) {
                charge["tiers"] = source.pick(&["add", "volume", "total", "volume"]).into();
            }
            charge
        }
    }
}

fn steps(source: &mut Source<'_>, style: Style) -> Vec<Value> {
    let count = source.pick(&[1, 2, 3, 1, 4]);
    let mut upto = 0;
    let mut found = Vec::new();
    for number in 0..count {
        let mut step = json!({"price": source.pick(&PRICES)});
        let length = duration(source, style);
        upto += super::time::duration(length).unwrap() / super::time::SECOND;
        if number + 1 < count || source.chance(4) {
            step["upto"] = format!("{upto}s").into();
        }
        if !source.chance(6) {
            step["every"] = duration(source, style).into();
            partial(source, style, &mut step);
        }
        found.push(step);
    }
    found
}

fn partial(source: &mut Source<'_>, style: Style, step: &mut Value) {
    match source.below(10) {
        0..4 => {}
        4 => step["partial"] = "down".into(),
        5 | 6 => step["partial"] = "pro_rata".into(),
        7 => step["partial"] = json!({"over": duration(source, style)}),
        8 => step["partial"] = json!({"step": duration(source, style)}),
        _ => step["partial"] = "up".into(),
    }
}

fn package(source: &mut Source<'_>, style: Style, number: usize) -> Value {
    let mut entry = json!({"from": edge(source, style), "to": edge(source, style)});
    if source.chance(6) {
        entry["days"] = some_of(source, &DAYS, 3).into();
    }
    let to = if source.chance(4) { "24:00" } else { edge(source, style) };
    let mut exit = json!({"from": edge(source, style), "to": to});
    if source.chance(10) {
        exit["day"] = source.pick(&["any", "next", "same"]).into();
    }
    let mut package = Map::new();
    put(&mut package, "id", format!("p{number}"));
    put(&mut package, "price", source.pick(&PRICES));
    put(&mut package, "entry", entry);
    put(&mut package, "exit", exit);
    if source.chance(8) {
        put(&mut package, "choose", source.pick(&["cheapest", "first"]));
    }
    accepts(source, &mut package);
    Value::Object(package)
}
