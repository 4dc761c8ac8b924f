//! One package: a price for a whole stay that begins and ends at the right times.

use parking_types::Amount;

use super::{Accepts, Days, Window, rule};
use crate::{
    error::Code,
    json::Json,
    read::{Path, Reader},
};

#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) id: Box<str>,
    pub(crate) price: Amount,
    pub(crate) accepts: Accepts,
    pub(crate) days: Days,
    /// `[from, to)` of the entry.
    pub(crate) entry: Window,
    /// `[from, to]` of the exit.
    pub(crate) exit: Window,
    pub(crate) exit_day: ExitDay,
    /// `choose: cheapest` instead of `first`.
    pub(crate) cheapest: bool,
}

/// On which local date the exit must lie, seen from that of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitDay {
    Same,
    Next,
    Any,
}

const FIELDS: &[&str] = &["id", "price", "vehicles", "plate_colors", "entry", "exit", "choose"];

pub(super) fn read_list(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<Vec<Package>> {
    let mut packages: Vec<Package> = Vec::new();
    for (index, item) in reader.list(value, path)?.iter().enumerate() {
        let path = path.item(index);
        let Some(package) = read(reader, item, &path) else { continue };
        if packages.iter().any(|before| before.id == package.id) {
            reader.refuse(Code::BadField, &path.field("id"), "an id that another package has");
        }
        packages.push(package);
    }
    Some(packages)
}

fn read(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<Package> {
    let fields = reader.object(value, path, FIELDS)?;
    let id = reader.required(fields, path, "id", Reader::name);
    let price = reader.required(fields, path, "price", Reader::amount);
    let accepts = super::accepts(reader, fields, path);
    let entry = reader.required(fields, path, "entry", |r, v, p| {
        let fields = r.object(v, p, &["days", "from", "to"])?;
        let days = r.optional(fields, p, "days", super::days);
        Some((days.unwrap_or(Days::ANY), rule::limits(r, fields, p)?))
    });
    let exit_days = [("same", ExitDay::Same), ("next", ExitDay::Next), ("any", ExitDay::Any)];
    let exit = reader.required(fields, path, "exit", |r, v, p| {
        let fields = r.object(v, p, &["from", "to", "day"])?;
        let day = r.optional(fields, p, "day", |r, v, p| r.choice(v, p, &exit_days));
        Some((rule::limits(r, fields, p)?, day.unwrap_or(ExitDay::Same)))
    });
    let cheapest = reader
        .optional(fields, path, "choose", |r, v, p| r.choice(v, p, &[("first", false), ("cheapest", true)]));
    let (days, entry) = entry?;
    let (exit, exit_day) = exit?;
    Some(Package {
        id: id?.into(),
        price: price?,
        accepts,
        days,
        entry,
        exit,
        exit_day,
        cheapest: cheapest.unwrap_or(false),
    })
}
