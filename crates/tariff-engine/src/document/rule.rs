//! One rule: when it is in force, for whom, and its limits.

use parking_types::{Amount, Span, TimeOfDay};

use super::{Accepts, Charge, Days, RESTARTS, Restart, STRADDLES, charge};
use crate::{
    error::Code,
    json::Json,
    read::{Fields, Path, Reader, get},
};

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) id: Box<str>,
    pub(crate) days: Days,
    pub(crate) accepts: Accepts,
    /// The local window; `None` is the whole time.
    pub(crate) window: Option<Window>,
    pub(crate) cap: Option<Amount>,
    pub(crate) min_overlap: Span,
    pub(crate) restart: Restart,
    /// `straddle: split` instead of `start`.
    pub(crate) split: bool,
    pub(crate) charge: Charge,
}

/// A daily window by the wall clock; where `to` is not after `from` it runs over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Seconds since midnight, below 86,400.
    pub(crate) from: u32,
    /// Seconds since midnight, up to 86,400.
    pub(crate) to: u32,
}

impl Window {
    pub(crate) const fn over_midnight(self) -> bool {
        self.to <= self.from
    }

    /// Its length on a wall clock that is not changed, in seconds.
    pub(crate) const fn secs(self) -> u32 {
        if self.over_midnight() { 86_400 - self.from + self.to } else { self.to - self.from }
    }
}

/// What rules take from the tariff when they do not say it themselves.
#[derive(Clone, Copy)]
pub(super) struct Defaults {
    pub(super) ladder: Restart,
    pub(super) split: bool,
}

const FIELDS: &[&str] = &[
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

pub(super) fn read_list(
    reader: &mut Reader,
    value: &Json<'_>,
    path: &Path<'_>,
    defaults: Defaults,
) -> Option<Vec<Rule>> {
    let mut rules: Vec<Rule> = Vec::new();
    for (index, item) in reader.list(value, path)?.iter().enumerate() {
        let path = path.item(index);
        let Some(rule) = read(reader, item, &path, defaults) else { continue };
        if rules.iter().any(|before| before.id == rule.id) {
            reader.refuse(Code::BadField, &path.field("id"), "an id that another rule has");
        }
        rules.push(rule);
    }
    Some(rules)
}

fn read(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>, defaults: Defaults) -> Option<Rule> {
    let fields = reader.object(value, path, FIELDS)?;
    let id = reader.required(fields, path, "id", Reader::name);
    let days = reader.optional(fields, path, "days", super::days);
    let accepts = super::accepts(reader, fields, path);
    let window = window(reader, fields, path);
    let cap = reader.optional(fields, path, "cap", Reader::amount);
    let min_overlap = reader.optional(fields, path, "min_overlap", Reader::span);
    let restart = reader.optional(fields, path, "ladder", |r, v, p| r.choice(v, p, RESTARTS));
    let split = reader.optional(fields, path, "straddle", |r, v, p| r.choice(v, p, STRADDLES));
    let charge = reader.required(fields, path, "charge", charge::read);
    Some(Rule {
        id: id?.into(),
        days: days.unwrap_or(Days::ANY),
        accepts,
        window,
        cap,
        min_overlap: min_overlap.unwrap_or_default(),
        restart: restart.unwrap_or(defaults.ladder),
        split: split.unwrap_or(defaults.split),
        charge: charge?,
    })
}

/// `from` and `to`, both or neither.
fn window(reader: &mut Reader, fields: Fields<'_>, path: &Path<'_>) -> Option<Window> {
    if get(fields, "from").is_none() && get(fields, "to").is_none() {
        return None;
    }
    limits(reader, fields, path)
}

/// `from` and `to`, both required; a window may end at 24:00 but not begin there.
pub(super) fn limits(reader: &mut Reader, fields: Fields<'_>, path: &Path<'_>) -> Option<Window> {
    let from = reader.required(fields, path, "from", |r, v, p| match r.time(v, p)? {
        TimeOfDay::END => r.bad(p, "24:00 may only end a window"),
        from => Some(from),
    });
    let to = reader.required(fields, path, "to", Reader::time);
    Some(Window { from: from?.as_secs(), to: to?.as_secs() })
}
