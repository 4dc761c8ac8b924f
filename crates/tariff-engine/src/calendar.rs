//! The calendar: which dates are workdays, rest days and special days.

mod merge;

use core::fmt;
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use parking_types::{Date, Instant, Weekday};

use crate::{
    error::{Code, DocumentError},
    json::{self, Json},
    read::{Path, Reader},
};

pub use merge::MergeError;

/// The types of one date; it may have none, one, or a special day with another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct DayTypes(u8);

impl DayTypes {
    /// No type at all.
    pub const NONE: Self = Self(0);
    /// A working day.
    pub const WORKDAY: Self = Self(1);
    /// A day of rest.
    pub const REST_DAY: Self = Self(2);
    /// A special day, as a region names it.
    pub const SPECIAL_DAY: Self = Self(4);

    /// How many sets of types there are, as [`index`](Self::index) counts them.
    pub(crate) const COUNT: usize = 8;

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
    pub(crate) const fn from_index(index: usize) -> Self {
        Self(index as u8 & 7)
    }
    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    /// Whether a date of these types has one of the `other` ones.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
    /// The word for the most special type: what a receipt names; `None` for a date without one.
    pub const fn most_special(self) -> Option<&'static str> {
        match self.0 {
            0 => None,
            types if types & 4 != 0 => Some("special_day"),
            types if types & 2 != 0 => Some("rest_day"),
            _ => Some("workday"),
        }
    }
}

pub(crate) const TYPES: &[(&str, DayTypes)] = &[
    ("workday", DayTypes::WORKDAY),
    ("rest_day", DayTypes::REST_DAY),
    ("special_day", DayTypes::SPECIAL_DAY),
];

pub(crate) const WEEKDAYS: &[(&str, Weekday)] = &[
    ("mon", Weekday::Mon),
    ("tue", Weekday::Tue),
    ("wed", Weekday::Wed),
    ("thu", Weekday::Thu),
    ("fri", Weekday::Fri),
    ("sat", Weekday::Sat),
    ("sun", Weekday::Sun),
];

const FIELDS: &[&str] = &["format", "id", "weekend", "covers", "days"];
const KNOWN: &[&str] = &["format", "id", "weekend", "covers", "days", "from", "until"];

/// A calendar document, checked; cheap to clone.
///
/// ```
/// use tariff_engine::{Calendar, DayTypes};
/// let calendar = Calendar::from_json(br#"{ "format": 1, "id": "cn-2026", "weekend": ["sat", "sun"],
///     "covers": { "from": "2026-01-01", "until": "2027-01-01" },
///     "days": { "2026-10-01": ["rest_day"], "2026-10-10": ["workday"] } }"#)?;
/// let day = |text| calendar.day_types(parking_types::Date::parse(text).unwrap());
/// assert_eq!(day("2026-10-10"), Some(DayTypes::WORKDAY));
/// assert_eq!(day("2026-10-11"), Some(DayTypes::REST_DAY));
/// assert_eq!(day("2027-01-01"), None);
/// # Ok::<(), tariff_engine::DocumentError>(())
/// ```
#[derive(Clone)]
pub struct Calendar(Arc<Inner>);

struct Inner {
    id: String,
    digest: String,
    document: Vec<u8>,
    /// Bit 0 is Monday.
    weekend: u8,
    /// The listed dates.
    days: BTreeMap<Date, DayTypes>,
    /// `[from, until)`, ascending, apart from each other; `None` is open.
    covers: Vec<(Option<Date>, Option<Date>)>,
    /// The types of every date from the first to the last listed one that a stay can touch.
    table: Vec<DayTypes>,
    table_from: i32,
    /// `[from, to)` in nanoseconds: an instant in there lies on a covered date, whatever the zone.
    surely: (i64, i64),
}

/// No stay touches dates before or after these: entries lie in 1970–2099, stays are shorter than 100 years.
const FIRST: i32 = -400;
const LAST: i32 = 84_500;

/// Saturday and Sunday.
const WEEKEND: u8 = 0b110_0000;

impl Calendar {
    /// Reads a calendar document.
    ///
    /// # Errors
    /// [`DocumentError`] with `bad_json`, `unknown_field` or `bad_field`.
    pub fn from_json(input: &[u8]) -> Result<Self, DocumentError> {
        let value = json::parse(input).map_err(|bad| DocumentError::new(Code::BadJson, "", bad.0))?;
        let mut reader = Reader::new(KNOWN);
        let parts = read(&mut reader, &value);
        reader.finish()?;
        // Whatever is missing has been refused.
        let parts = parts.ok_or_else(|| DocumentError::new(Code::BadField, "", "not a calendar"))?;
        let mut document = Vec::new();
        json::write_canonical(&mut document, &value);
        Ok(Self::new(parts, document))
    }

    fn new(parts: Parts, document: Vec<u8>) -> Self {
        let digest = json::sha256_hex(&document);
        let Parts { id, weekend, days, covers } = parts;
        let in_reach = |date: &Date| (FIRST..LAST).contains(&date.days());
        let listed = || days.keys().copied().filter(in_reach);
        let table = match (listed().next(), listed().next_back()) {
            (Some(first), Some(last)) => (first.days()..=last.days())
                .map(|day| days.get(&Date::from_days(day)).copied().unwrap_or(by_weekday(weekend, day)))
                .collect(),
            _ => Vec::new(),
        };
        let table_from = listed().next().map_or(0, Date::days);
        // Local dates lie within two days of those of UTC. What falls apart has no one range.
        let end = |date: Date, margin: i32| date.plus_days(margin).midnight().as_nanos();
        let surely = match covers.as_slice() {
            [(from, until)] => {
                (from.map_or(i64::MIN, |from| end(from, 2)), until.map_or(i64::MAX, |until| end(until, -2)))
            }
            _ => (i64::MAX, i64::MIN),
        };
        Self(Arc::new(Inner { id, digest, document, weekend, days, covers, table, table_from, surely }))
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.0.id
    }
    /// SHA-256 of the canonical document, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.0.digest
    }
    /// The document in canonical form (RFC 8785).
    pub fn canonical(&self) -> &[u8] {
        &self.0.document
    }
    /// The types of a date; `None` where the calendar does not cover it.
    pub fn day_types(&self, date: Date) -> Option<DayTypes> {
        self.covers(date).then(|| self.types_of(date.days()))
    }
    /// Whether the calendar says what type this date has.
    pub fn covers(&self, date: Date) -> bool {
        self.0.covers.iter().any(|range| contains(range, date))
    }
    /// The first date after which the calendar says nothing more; `None` where it is open.
    pub fn covers_until(&self) -> Option<Date> {
        self.0.covers.last().and_then(|(_, until)| *until)
    }
    /// The first date not before `date` that is not covered; `None` where there is none.
    pub fn first_gap(&self, date: Date) -> Option<Date> {
        match self.0.covers.iter().find(|range| contains(range, date)) {
            Some((_, until)) => *until,
            None => Some(date),
        }
    }
    /// The first dates that are missing between covered ones, `[from, until)`; `None` where nothing is missing.
    pub fn gap(&self) -> Option<(Date, Date)> {
        let (first, second) = (self.0.covers.first()?, self.0.covers.get(1)?);
        first.1.zip(second.0)
    }
    /// Whether covered dates are parted by dates that are not (only after [`merge`](Self::merge)).
    pub fn has_gaps(&self) -> bool {
        self.0.covers.len() > 1
    }
    /// The covered dates as `[from, until)`, ascending, apart from each other; `None` is open.
    pub(crate) fn ranges(&self) -> &[(Option<Date>, Option<Date>)] {
        &self.0.covers
    }
    /// The dates that are listed, ascending, with their types.
    pub fn listed(&self) -> impl Iterator<Item = (Date, DayTypes)> + '_ {
        self.0.days.iter().map(|(date, types)| (*date, *types))
    }

    /// Whether every local date between two instants is covered, whatever the zone; `false` is no answer.
    pub(crate) fn surely_covers(&self, from: Instant, to: Instant) -> bool {
        let (first, last) = self.0.surely;
        first <= from.as_nanos() && to.as_nanos() < last
    }

    /// Whether the calendar lists this date by itself.
    pub fn lists(&self, date: Date) -> bool {
        self.0.days.contains_key(&date)
    }

    /// The types of a date that is covered; a day number outside what stays can touch goes by the weekend alone.
    pub(crate) fn types_of(&self, day: i32) -> DayTypes {
        let index = usize::try_from(i64::from(day) - i64::from(self.0.table_from)).ok();
        match index.and_then(|index| self.0.table.get(index)) {
            Some(types) => *types,
            None => by_weekday(self.0.weekend, day),
        }
    }
}

/// The types of one date after the other, with their weekdays.
pub(crate) struct TypesFrom<'a> {
    /// How many dates come before the listed ones.
    before: i64,
    listed: core::slice::Iter<'a, DayTypes>,
    weekend: u8,
    weekday: usize,
}

impl<'a> TypesFrom<'a> {
    pub(crate) fn new(calendar: Option<&'a Calendar>, day: i32) -> Self {
        let weekday = weekday_index(day);
        let Some(calendar) = calendar else {
            return Self { before: 0, listed: [].iter(), weekend: WEEKEND, weekday };
        };
        let Inner { table, table_from, weekend, .. } = &*calendar.0;
        let before = i64::from(*table_from) - i64::from(day);
        let passed = usize::try_from(-before).unwrap_or(0);
        let listed = table.get(passed..).unwrap_or_default().iter();
        Self { before: before.max(0), listed, weekend: *weekend, weekday }
    }

    #[inline(always)]
    pub(crate) fn next_day(&mut self) -> (DayTypes, usize) {
        let weekday = self.weekday;
        self.weekday = if weekday == 6 { 0 } else { weekday + 1 };
        let types = if self.before > 0 {
            self.before -= 1;
            on_weekday(self.weekend, weekday)
        } else {
            self.listed.next().copied().unwrap_or_else(|| on_weekday(self.weekend, weekday))
        };
        (types, weekday)
    }
}

/// The types of a date where no calendar is given: Saturday and Sunday are rest days.
pub(crate) fn weekends_only(day: i32) -> DayTypes {
    by_weekday(WEEKEND, day)
}

/// Monday is 0.
pub(crate) const fn weekday_index(day: i32) -> usize {
    // 1970-01-01 was a Thursday; the shift keeps the dividend positive for every date of the range.
    ((day as i64 + 3 + 7_000_000_000) as u64 % 7) as usize
}

const fn by_weekday(weekend: u8, day: i32) -> DayTypes {
    on_weekday(weekend, weekday_index(day))
}

const fn on_weekday(weekend: u8, weekday: usize) -> DayTypes {
    if weekend >> weekday & 1 == 1 { DayTypes::REST_DAY } else { DayTypes::WORKDAY }
}

fn contains((from, until): &(Option<Date>, Option<Date>), date: Date) -> bool {
    from.is_none_or(|from| from <= date) && until.is_none_or(|until| date < until)
}

struct Parts {
    id: String,
    weekend: u8,
    days: BTreeMap<Date, DayTypes>,
    covers: Vec<(Option<Date>, Option<Date>)>,
}

fn read(reader: &mut Reader, value: &Json<'_>) -> Option<Parts> {
    let root = Path::Root;
    let fields = reader.object(value, &root, FIELDS)?;
    reader.required(fields, &root, "format", Reader::format);
    let id = reader.required(fields, &root, "id", Reader::name);
    let weekend = reader.optional(fields, &root, "weekend", weekend).unwrap_or(WEEKEND);
    let covers = reader.optional(fields, &root, "covers", covers).unwrap_or_default();
    let days = reader.optional(fields, &root, "days", days).unwrap_or_default();
    Some(Parts { id: id?.to_owned(), weekend, days, covers: vec![covers] })
}

fn weekend(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<u8> {
    let mut weekend = 0;
    for (index, item) in reader.list(value, path)?.iter().enumerate() {
        if let Some(day) = reader.choice(item, &path.item(index), WEEKDAYS) {
            weekend |= 1 << day as u8;
        }
    }
    Some(weekend)
}

fn covers(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<(Option<Date>, Option<Date>)> {
    let fields = reader.object(value, path, &["from", "until"])?;
    let mut end = |name| {
        let read = |r: &mut Reader, v: &Json<'_>, p: &Path<'_>| match v {
            Json::Null => None,
            _ => r.text(v, p).and_then(|text| r.date(text, p)),
        };
        reader.optional(fields, path, name, read)
    };
    let (from, until) = (end("from"), end("until"));
    if from.zip(until).is_some_and(|(from, until)| until <= from) {
        return reader.bad(&path.field("until"), "an end that is not after its beginning");
    }
    Some((from, until))
}

fn days(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<BTreeMap<Date, DayTypes>> {
    let Json::Object(listed) = value else { return reader.bad(path, "not an object") };
    let mut read = BTreeMap::new();
    for (day, item) in listed {
        let path = path.field(day);
        let date = reader.date(day, &path);
        let types = types(reader, item, &path);
        read.extend(date.zip(types));
    }
    Some(read)
}

fn types(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<DayTypes> {
    let mut types = DayTypes::NONE;
    for (index, item) in reader.list(value, path)?.iter().enumerate() {
        types = types.with(reader.choice(item, &path.item(index), TYPES).unwrap_or_default());
    }
    if types.has(DayTypes::WORKDAY) && types.has(DayTypes::REST_DAY) {
        return reader.bad(path, "a workday and a rest day at once");
    }
    Some(types)
}

/// The document of a calendar made of `parts`.
fn document(parts: &Parts) -> Vec<u8> {
    let text = |text: String| Json::Text(Cow::Owned(text));
    let end = |date: Option<Date>| date.map_or(Json::Null, |date| text(date.to_string()));
    let range = |(from, until): &(Option<Date>, Option<Date>)| {
        Json::Object(vec![("from".into(), end(*from)), ("until".into(), end(*until))])
    };
    let weekend = WEEKDAYS.iter().filter(|(_, day)| parts.weekend >> *day as u8 & 1 == 1);
    let days = parts.days.iter().map(|(date, types)| {
        let names = TYPES.iter().filter(|(_, one)| types.has(*one)).map(|(name, _)| text((*name).to_owned()));
        (Cow::Owned(date.to_string()), Json::List(names.collect()))
    });
    let covers = match parts.covers.as_slice() {
        [one] => range(one),
        // No document of format 1 says this; it is only hashed.
        several => Json::List(several.iter().map(range).collect()),
    };
    let value = Json::Object(vec![
        ("format".into(), Json::Number("1")),
        ("id".into(), text(parts.id.clone())),
        ("weekend".into(), Json::List(weekend.map(|(name, _)| text((*name).to_owned())).collect())),
        ("covers".into(), covers),
        ("days".into(), Json::Object(days.collect())),
    ]);
    let mut out = Vec::new();
    json::write_canonical(&mut out, &value);
    out
}

impl PartialEq for Calendar {
    fn eq(&self, other: &Self) -> bool {
        self.digest() == other.digest()
    }
}
impl Eq for Calendar {}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Calendar({})", self.id())
    }
}
