//! Whether a package fits a stay.

use parking_types::{Date, Instant, Zone};

use crate::{
    Calendar, Stay, Tariff,
    calendar::{DayTypes, weekday_index, weekends_only},
    document::{ExitDay, Package, Window},
    price::floored,
};

/// Whether a package fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Yes,
    No,
    /// Its times fit, but the calendar does not say whether its days do.
    Unknown,
}

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

pub(super) fn fits(
    package: &Package,
    stay: &Stay,
    zone: &Zone,
    calendar: Option<&Calendar>,
    (entry, exit): (Instant, Instant),
) -> Fit {
    if !package.accepts.stay(stay.vehicle.as_ref(), stay.plate_color.as_ref()) {
        return Fit::No;
    }
    let entered = zone.local(entry);
    if !begins_in(package.entry, entered.nanos_of_day()) {
        return Fit::No;
    }
    let left = zone.local(exit);
    let at = (left.date(), left.nanos_of_day());
    // Midnight is also the 24:00 of the date before.
    let also = (at.1 == 0).then(|| (at.0.plus_days(-1), DAY));
    let exit_fits =
        |(date, time)| on_exit_day(package.exit_day, entered.date(), date) && ends_in(package.exit, time);
    if !exit_fits(at) && !also.is_some_and(exit_fits) {
        return Fit::No;
    }
    on_days(package, entered.date(), calendar)
}

/// Whether a package fits the stay for some exit, its days left aside.
pub(crate) fn may_fit(package: &Package, stay: &Stay, tariff: &Tariff) -> bool {
    let entry = floored(tariff.document(), stay.entry);
    package.accepts.stay(stay.vehicle.as_ref(), stay.plate_color.as_ref())
        && begins_in(package.entry, tariff.zone().local(entry).nanos_of_day())
}

/// `[from, to)`
fn begins_in(window: Window, time: i64) -> bool {
    let (from, to) = (i64::from(window.from) * SECOND, i64::from(window.to) * SECOND);
    if window.over_midnight() { time >= from || time < to } else { (from..to).contains(&time) }
}

/// `[from, to]`
fn ends_in(window: Window, time: i64) -> bool {
    let (from, to) = (i64::from(window.from) * SECOND, i64::from(window.to) * SECOND);
    if window.over_midnight() { time >= from || time <= to } else { (from..=to).contains(&time) }
}

fn on_exit_day(day: ExitDay, entry: Date, exit: Date) -> bool {
    match day {
        ExitDay::Same => exit == entry,
        ExitDay::Next => exit == entry.plus_days(1),
        ExitDay::Any => true,
    }
}

fn on_days(package: &Package, date: Date, calendar: Option<&Calendar>) -> Fit {
    let weekday = weekday_index(date.days());
    if package.days.match_weekday(weekday) {
        return Fit::Yes;
    }
    if package.days.types == DayTypes::NONE {
        return Fit::No;
    }
    let types = match calendar {
        None => Some(weekends_only(date.days())),
        Some(calendar) => calendar.day_types(date),
    };
    match types {
        None => Fit::Unknown,
        Some(types) if package.days.rank(types, weekday).is_some() => Fit::Yes,
        Some(_) => Fit::No,
    }
}
