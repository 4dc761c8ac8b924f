//! The tariff document, read and checked field by field (`docs/tariff.md` § 1–4 and 6).

mod charge;
mod package;
mod rule;

use parking_types::{Amount, Currency, Local, Span, Weekday, Zone};

use crate::{
    calendar::{DayTypes, TYPES, WEEKDAYS},
    error::Code,
    json::Json,
    named::{Color, Vehicle},
    read::{Fields, Path, Reader},
};

pub(crate) use charge::{Charge, Once, Partial, Step, Tiers, Unit};
pub(crate) use package::{ExitDay, Package};
pub(crate) use rule::{Rule, Window};

/// A tariff as its document says it, defaults filled in.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) id: Box<str>,
    pub(crate) currency: Currency,
    pub(crate) zone: Zone,
    /// From which local time it may be chosen; `None` is always.
    pub(crate) valid_from: Option<Local>,
    pub(crate) valid_until: Option<Local>,
    pub(crate) to_the_minute: bool,
    /// Periods are each 24 h from entry instead of natural days.
    pub(crate) rolling: bool,
    pub(crate) grace: Span,
    pub(crate) exit_grace: Span,
    pub(crate) free: Option<Free>,
    pub(crate) first_stay_free: bool,
    pub(crate) caps: Vec<Cap>,
    pub(crate) minimum: Option<Amount>,
    pub(crate) rounding: Rounding,
    pub(crate) max_stay: Option<Span>,
    pub(crate) packages: Vec<Package>,
    pub(crate) packages_only: bool,
    pub(crate) rules: Vec<Rule>,
}

/// Free time at the start of the chargeable time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Free {
    pub(crate) length: Span,
    /// The length in the period of entry.
    pub(crate) first: Span,
    pub(crate) per: FreePer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FreePer {
    Stay,
    Period,
    Day,
}

/// A cap of the tariff; the amounts are those of the first, second, … scope from entry, the last one repeats.
#[derive(Clone, Debug)]
pub(crate) struct Cap {
    pub(crate) per: CapPer,
    pub(crate) amounts: Vec<Amount>,
}

/// What a cap counts together; in the order in which caps apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CapPer {
    /// One rule in one of its windows (the rule's own `cap`).
    Rule,
    /// A charging period.
    Period,
    /// A local day from midnight to midnight.
    NaturalDay,
    /// Each 24 hours from entry.
    Rolling24h,
    /// Each 7 × 24 hours from entry.
    Rolling7d,
    /// The whole stay.
    Stay,
    /// A local day, over all stays of a plate.
    Day,
}

impl CapPer {
    /// The word for it in a tariff; a rule's own cap has none there.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Period => "period",
            Self::NaturalDay => "natural_day",
            Self::Rolling24h => "24h",
            Self::Rolling7d => "7d",
            Self::Stay => "stay",
            Self::Day => "day",
        }
    }
}

/// How the final total is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rounding {
    pub(crate) mode: RoundingMode,
    pub(crate) quantum: Amount,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoundingMode {
    HalfUp,
    HalfEven,
    Up,
    Down,
}

/// When a rule's ladder starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    Window,
    Period,
    Stay,
}

/// The dates on which a rule or a package applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Days {
    pub(crate) any: bool,
    pub(crate) types: DayTypes,
    /// Bit 0 is Monday.
    pub(crate) weekdays: u8,
}

impl Days {
    pub(crate) const ANY: Self = Self { any: true, types: DayTypes::NONE, weekdays: 0 };

    /// Whether dates of this weekday (0 is Monday) match whatever their types.
    pub(crate) const fn match_weekday(self, weekday: usize) -> bool {
        self.any || self.weekdays >> weekday & 1 == 1
    }

    /// How special the match with a date is: 3 a special day … 0 `any`; `None` when it does not match.
    pub(crate) fn rank(self, types: DayTypes, weekday: usize) -> Option<u8> {
        let both = |one| self.types.has(one) && types.has(one);
        if both(DayTypes::SPECIAL_DAY) {
            Some(3)
        } else if both(DayTypes::REST_DAY) || both(DayTypes::WORKDAY) {
            Some(2)
        } else if self.weekdays >> weekday & 1 == 1 {
            Some(1)
        } else if self.any {
            Some(0)
        } else {
            None
        }
    }
}

/// Which vehicles and plate colours something is for; absent lists are for all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accepts {
    pub(crate) vehicles: Option<Vec<Vehicle>>,
    pub(crate) colors: Option<Vec<Color>>,
}

impl Accepts {
    pub(crate) fn stay(&self, vehicle: Option<&Vehicle>, color: Option<&Color>) -> bool {
        self.vehicles.as_ref().is_none_or(|list| vehicle.is_some_and(|v| list.contains(v)))
            && self.colors.as_ref().is_none_or(|list| color.is_some_and(|c| list.contains(c)))
    }
}

const FIELDS: &[&str] = &[
    "format",
    "id",
    "currency",
    "time_zone",
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
    "rules",
];

/// Every field name of the tariff document.
pub(crate) const KNOWN: &[&str] = &[
    "format",
    "id",
    "currency",
    "time_zone",
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
    "rules",
    "from",
    "until",
    "length",
    "per",
    "first",
    "amount",
    "amounts",
    "mode",
    "quantum",
    "days",
    "vehicles",
    "plate_colors",
    "to",
    "cap",
    "min_overlap",
    "charge",
    "flat",
    "once",
    "steps",
    "tiers",
    "upto",
    "every",
    "price",
    "partial",
    "over",
    "step",
    "entry",
    "exit",
    "day",
    "choose",
];

const RESTARTS: &[(&str, Restart)] =
    &[("window", Restart::Window), ("period", Restart::Period), ("stay", Restart::Stay)];
const STRADDLES: &[(&str, bool)] = &[("start", false), ("split", true)];

/// Reads one version of a tariff; what is refused is noted in `reader`.
pub(crate) fn read(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<Document> {
    let fields = reader.object(value, path, FIELDS)?;
    reader.required(fields, path, "format", Reader::format);
    let id = reader.required(fields, path, "id", Reader::name);
    let currency = reader.required(fields, path, "currency", currency);
    let zone = reader.required(fields, path, "time_zone", zone);
    let valid = reader.optional(fields, path, "valid", valid).unwrap_or_default();
    let clocks = [("second", false), ("minute", true)];
    let periods = [("natural_day", false), ("rolling_24h", true)];
    let to_the_minute = reader.optional(fields, path, "clock", |r, v, p| r.choice(v, p, &clocks));
    let rolling = reader.optional(fields, path, "period", |r, v, p| r.choice(v, p, &periods));
    let ladder = reader.optional(fields, path, "ladder", |r, v, p| r.choice(v, p, RESTARTS));
    let split = reader.optional(fields, path, "straddle", |r, v, p| r.choice(v, p, STRADDLES));
    let defaults =
        rule::Defaults { ladder: ladder.unwrap_or(Restart::Period), split: split.unwrap_or(false) };
    let grace = reader.optional(fields, path, "grace", Reader::span).unwrap_or_default();
    let exit_grace = reader.optional(fields, path, "exit_grace", Reader::span).unwrap_or_default();
    let free = reader.optional(fields, path, "free", free);
    let first_stay_free = reader.optional(fields, path, "first_stay_free", Reader::flag).unwrap_or_default();
    let caps = reader.optional(fields, path, "caps", caps).unwrap_or_default();
    let minimum = reader.optional(fields, path, "minimum", Reader::amount);
    let minor = currency.map_or(Amount::from_micros(10_000), Currency::minor_unit);
    let default_rounding = Rounding { mode: RoundingMode::HalfUp, quantum: minor };
    let rounding = reader.optional(fields, path, "rounding", |r, v, p| rounding(r, v, p, default_rounding));
    let max_stay = reader.optional(fields, path, "max_stay", Reader::span);
    let packages = reader.optional(fields, path, "packages", package::read_list).unwrap_or_default();
    let packages_only = reader.optional(fields, path, "packages_only", Reader::flag).unwrap_or_default();
    let rules = reader.required(fields, path, "rules", |r, v, p| rule::read_list(r, v, p, defaults));
    Some(Document {
        id: id?.into(),
        currency: currency?,
        zone: zone?,
        valid_from: valid.0,
        valid_until: valid.1,
        to_the_minute: to_the_minute.unwrap_or(false),
        rolling: rolling.unwrap_or(false),
        grace,
        exit_grace,
        free,
        first_stay_free,
        caps,
        minimum,
        rounding: rounding.unwrap_or(default_rounding),
        max_stay,
        packages,
        packages_only,
        rules: rules?,
    })
}

fn currency(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<Currency> {
    let code = reader.text(value, path)?;
    let found = Currency::parse(code).ok();
    if found.is_none() {
        reader.refuse(Code::UnknownCurrency, path, "not an ISO 4217 currency code");
    }
    found
}

fn zone(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<Zone> {
    let name = reader.text(value, path)?;
    let found = Zone::new(name).ok();
    if found.is_none() {
        reader.refuse(Code::UnknownTimeZone, path, "no time zone of that name in the IANA database");
    }
    found
}

fn valid(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<(Option<Local>, Option<Local>)> {
    let fields = reader.object(value, path, &["from", "until"])?;
    let mut end = |name| {
        reader.optional(fields, path, name, |r, v, p| match v {
            Json::Null => None,
            _ => r.text(v, p).and_then(|text| local(text).or_else(|| r.bad(p, "not a local date and time"))),
        })
    };
    let (from, until) = (end("from"), end("until"));
    if from.zip(until).is_some_and(|(from, until)| until <= from) {
        return reader.bad(&path.field("until"), "an end that is not after its beginning");
    }
    Some((from, until))
}

/// A local time; years outside 1677–2262 (`9999-12-31T23:59:59`) are held at the ends of the range.
fn local(text: &str) -> Option<Local> {
    if let Some(local) = Local::parse(text) {
        return Some(local);
    }
    let (date, clock) = text.split_at_checked(10)?;
    let year = parking_types::Date::parse(date)?.ymd().0;
    // The clock is checked on a day that every `Local` can say.
    Local::parse(&format!("2000-01-01{clock}"))?;
    Some(Local::from_nanos(if year < 2000 { i64::MIN } else { i64::MAX }))
}

fn free(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<Free> {
    let fields = reader.object(value, path, &["length", "per", "first"])?;
    let length = reader.required(fields, path, "length", Reader::span);
    let scopes = [("stay", FreePer::Stay), ("period", FreePer::Period), ("day", FreePer::Day)];
    let per = reader.required(fields, path, "per", |r, v, p| r.choice(v, p, &scopes));
    let first = reader.optional(fields, path, "first", Reader::span);
    if first.is_some() && per.is_some_and(|per| per != FreePer::Period) {
        return reader.bad(&path.field("first"), "only free time per period has a first length");
    }
    Some(Free { length: length?, first: first.or(length)?, per: per? })
}

fn caps(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<Vec<Cap>> {
    let items = reader.list(value, path)?;
    Some(items.iter().enumerate().filter_map(|(index, item)| cap(reader, item, &path.item(index))).collect())
}

fn cap(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<Cap> {
    let fields: Fields<'_> = reader.object(value, path, &["per", "amount", "amounts"])?;
    let scopes = [
        CapPer::Period,
        CapPer::NaturalDay,
        CapPer::Rolling24h,
        CapPer::Rolling7d,
        CapPer::Stay,
        CapPer::Day,
    ]
    .map(|per| (per.as_str(), per));
    let per = reader.required(fields, path, "per", |r, v, p| r.choice(v, p, &scopes));
    let amounts = reader.optional(fields, path, "amounts", |r, v, p| r.some_of(v, p, Reader::amount));
    if crate::read::get(fields, "amounts").is_none() {
        let amount = reader.required(fields, path, "amount", Reader::amount)?;
        return Some(Cap { per: per?, amounts: vec![amount] });
    }
    if crate::read::get(fields, "amount").is_some() {
        return reader.bad(&path.field("amounts"), "an amount and a list of amounts at once");
    }
    Some(Cap { per: per?, amounts: amounts? })
}

fn rounding(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>, default: Rounding) -> Option<Rounding> {
    let fields = reader.object(value, path, &["mode", "quantum"])?;
    let modes = [
        ("half_up", RoundingMode::HalfUp),
        ("half_even", RoundingMode::HalfEven),
        ("up", RoundingMode::Up),
        ("down", RoundingMode::Down),
    ];
    let mode = reader.optional(fields, path, "mode", |r, v, p| r.choice(v, p, &modes));
    let quantum = reader.optional(fields, path, "quantum", |r, v, p| match r.amount(v, p)? {
        Amount::ZERO => r.bad(p, "a quantum of zero"),
        quantum => Some(quantum),
    });
    Some(Rounding { mode: mode.unwrap_or(default.mode), quantum: quantum.unwrap_or(default.quantum) })
}

/// The `days` of a rule or a package.
fn days(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<Days> {
    let mut days = Days { any: false, types: DayTypes::NONE, weekdays: 0 };
    let choice = |reader: &mut Reader, item: &Json<'_>, path: &Path<'_>| {
        let any = [("any", DayWord::Any)];
        let types = TYPES.iter().map(|(word, types)| (*word, DayWord::Types(*types)));
        let weekdays = WEEKDAYS.iter().map(|(word, day)| (*word, DayWord::Weekday(*day)));
        let words: Vec<_> = any.into_iter().chain(types).chain(weekdays).collect();
        reader.choice(item, path, &words)
    };
    for word in reader.some_of(value, path, choice)? {
        match word {
            DayWord::Any => days.any = true,
            DayWord::Types(types) => days.types = days.types.with(types),
            DayWord::Weekday(day) => days.weekdays |= 1 << day as u8,
        }
    }
    Some(days)
}

#[derive(Clone, Copy)]
enum DayWord {
    Any,
    Types(DayTypes),
    Weekday(Weekday),
}

fn accepts(reader: &mut Reader, fields: Fields<'_>, path: &Path<'_>) -> Accepts {
    let vehicle = |r: &mut Reader, v: &Json<'_>, p: &Path<'_>| r.name(v, p).map(Vehicle::new);
    let color = |r: &mut Reader, v: &Json<'_>, p: &Path<'_>| r.name(v, p).map(Color::new);
    Accepts {
        vehicles: reader.optional(fields, path, "vehicles", |r, v, p| r.some_of(v, p, vehicle)),
        colors: reader.optional(fields, path, "plate_colors", |r, v, p| r.some_of(v, p, color)),
    }
}
