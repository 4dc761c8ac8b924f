//! Packages: which of them fit a stay.

use chrono::NaiveDate;

use super::calendar::{Calendar, Day};
use super::document::{ExitDay, Package, Tariff};
use super::stay::Stay;
use super::time::{DAY, local, number, of_day};
use super::{Code, Nanos};

/// Whether the package fits the stay `[entry, exit]`; a date that its days need and no calendar covers is an error.
fn fits(
    package: &Package,
    tariff: &Tariff,
    calendar: &Calendar,
    stay: &Stay,
    entry: Nanos,
    exit: Nanos,
) -> Result<bool, Code> {
    let came = local(tariff.zone, entry);
    let left = local(tariff.zone, exit);
    if !package.accepts.accepts(stay.vehicle.as_deref(), stay.plate_color.as_deref())
        || !within(package.entry, of_day(came), false)
    {
        return Ok(false);
    }
    // Midnight is also the 24:00 of the date before.
    let mut moments = vec![(number(left.date()), of_day(left))];
    if of_day(left) == 0 {
        moments.push((number(left.date()) - 1, DAY));
    }
    let leaves_in_time = moments.iter().any(|(date, of_day)| {
        let day = match package.exit_day {
            ExitDay::Same => *date == number(came.date()),
            ExitDay::Next => *date == number(came.date()) + 1,
            ExitDay::Any => true,
        };
        day && within(package.exit, *of_day, true)
    });
    if !leaves_in_time {
        return Ok(false);
    }
    on_one_of(&package.days, calendar, came.date())
}

fn on_one_of(days: &[Day], calendar: &Calendar, date: NaiveDate) -> Result<bool, Code> {
    let plain: Vec<Day> = days.iter().copied().filter(|day| !day.needs_calendar()).collect();
    if calendar.specialty(&plain, date).is_some() {
        return Ok(true);
    }
    if plain.len() < days.len() && !calendar.covers(date) {
        return Err("calendar_gap");
    }
    Ok(calendar.specialty(days, date).is_some())
}

fn within((from, to): (Nanos, Nanos), of_day: Nanos, end_included: bool) -> bool {
    let before_end = of_day < to || (end_included && of_day == to);
    if from < to { from <= of_day && before_end } else { from <= of_day || before_end }
}

/// The first package with `choose: first` that fits.
pub(crate) fn first<'a>(
    tariff: &'a Tariff,
    calendar: &Calendar,
    stay: &Stay,
    entry: Nanos,
    exit: Nanos,
) -> Result<Option<&'a Package>, Code> {
    for package in tariff.packages.iter().filter(|package| !package.cheapest) {
        if fits(package, tariff, calendar, stay, entry, exit)? {
            return Ok(Some(package));
        }
    }
    Ok(None)
}

/// The cheapest package with `choose: cheapest` that fits.
pub(crate) fn cheapest<'a>(
    tariff: &'a Tariff,
    calendar: &Calendar,
    stay: &Stay,
    entry: Nanos,
    exit: Nanos,
) -> Result<Option<&'a Package>, Code> {
    let mut best: Option<&Package> = None;
    for package in tariff.packages.iter().filter(|package| package.cheapest) {
        if fits(package, tariff, calendar, stay, entry, exit)?
            && best.is_none_or(|known| package.price < known.price)
        {
            best = Some(package);
        }
    }
    Ok(best)
}
