//! The stays that a tariff is tried out with: which vehicles, which dates, which times of day.

use parking_types::{Date, Instant, Local, Resolved, TimeOfDay};

use super::Bench;
use crate::{
    Calendar, Color, DayTypes, Stay, Tariff, Used, Vehicle,
    calendar::{weekday_index, weekends_only},
    document::{Accepts, Document, Rule},
};

/// A vehicle and a plate colour, standing for all that the same rules and packages accept.
#[derive(Clone, Debug)]
pub(super) struct Profile<'a> {
    pub(super) vehicle: Option<&'a Vehicle>,
    pub(super) color: Option<&'a Color>,
    /// The rules that accept it, by index.
    pub(super) rules: Vec<usize>,
}

/// How many profiles are told apart, and how many of them are tried out with stays; no real tariff has more.
const MOST_PROFILES: usize = 1024;
const MOST_TRIED: usize = 24;

/// The profiles of a document; all of them where there are fewer than [`MOST_PROFILES`].
pub(super) fn profiles(document: &Document) -> Vec<Profile<'_>> {
    let accepts = || {
        let rules = document.rules.iter().map(|rule| &rule.accepts);
        rules.chain(document.packages.iter().map(|package| &package.accepts))
    };
    let vehicles = words(accepts().flat_map(|accepts| accepts.vehicles.iter().flatten()));
    let colors = words(accepts().flat_map(|accepts| accepts.colors.iter().flatten()));
    let mut seen: Vec<Vec<bool>> = Vec::new();
    let mut found = Vec::new();
    for vehicle in &vehicles {
        for color in &colors {
            let key: Vec<bool> = accepts().map(|accepts: &Accepts| accepts.stay(*vehicle, *color)).collect();
            if found.len() == MOST_PROFILES {
                return found;
            }
            if seen.contains(&key) || !document.rules.is_empty() && !key.contains(&true) {
                continue;
            }
            let rules = (0..document.rules.len()).filter(|rule| key.get(*rule) == Some(&true)).collect();
            found.push(Profile { vehicle: *vehicle, color: *color, rules });
            seen.push(key);
        }
    }
    found
}

/// No word, then each word that is named, once.
fn words<'a, T: PartialEq>(named: impl Iterator<Item = &'a T>) -> Vec<Option<&'a T>> {
    let mut words = vec![None];
    for word in named {
        if !words.contains(&Some(word)) {
            words.push(Some(word));
        }
    }
    words
}

/// A part of a day: `[from, to)` in seconds by the wall clock, with the rule in force and how special its match is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Part {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) rule: Option<(usize, u8)>,
}

impl Profile<'_> {
    /// The words for it, for messages: empty where every vehicle is meant.
    pub(super) fn words(&self) -> String {
        let words: Vec<&str> = self
            .color
            .map(|color| color.as_str())
            .into_iter()
            .chain(self.vehicle.map(|v| v.as_str()))
            .collect();
        if words.is_empty() { String::new() } else { format!("{}: ", words.join(" ")) }
    }

    /// The parts of a date of these types; adjoining ones with the same rule are one.
    pub(super) fn day(&self, document: &Document, types: DayTypes, weekday: usize) -> Vec<Part> {
        let rules: Vec<(usize, &Rule, u8)> = self
            .rules
            .iter()
            .filter_map(|index| document.rules.get(*index).map(|rule| (*index, rule)))
            .filter_map(|(index, rule)| rule.days.rank(types, weekday).map(|rank| (index, rule, rank)))
            .collect();
        let mut cuts: Vec<u32> =
            rules.iter().filter_map(|(_, rule, _)| rule.window).flat_map(|w| [w.from, w.to]).collect();
        cuts.extend([0, 86_400]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut parts: Vec<Part> = Vec::new();
        for (from, to) in cuts.iter().zip(cuts.iter().skip(1)) {
            let open = rules.iter().filter(|(_, rule, _)| match rule.window {
                None => true,
                Some(w) if w.over_midnight() => *from >= w.from || *from < w.to,
                Some(w) => (w.from..w.to).contains(from),
            });
            // The most special match wins, and of several the first.
            let best = open.fold(None, |best: Option<(usize, u8)>, (index, _, rank)| match best {
                Some(best) if best.1 >= *rank => Some(best),
                _ => Some((*index, *rank)),
            });
            match parts.last_mut() {
                Some(last) if last.rule == best => last.to = *to,
                _ => parts.push(Part { from: *from, to: *to, rule: best }),
            }
        }
        parts
    }
}

/// The first date on which stays begin: today, or the nearest that version and calendar allow.
pub(super) fn base(tariff: &Tariff, calendar: Option<&Calendar>, today: Date) -> Date {
    let (from, until) = tariff.valid();
    let (from, until) =
        (from.map(|from| from.date().plus_days(1)), until.map(|until| until.date().plus_days(-16)));
    let within = |date: Date| {
        let date = until.map_or(date, |until| date.min(until));
        from.map_or(date, |from| date.max(from))
    };
    let Some(calendar) = calendar else { return within(today) };
    let ends = calendar.covers_until().map(|until| until.plus_days(-16));
    let listed = calendar.listed().map(|(date, _)| date).find(|date| calendar.covers(*date));
    let candidates = [Some(today), ends, listed];
    let usable = |date: &Date| calendar.first_gap(*date).is_none_or(|gap| gap > date.plus_days(3));
    candidates.into_iter().flatten().map(within).find(usable).unwrap_or_else(|| within(today))
}

/// How many days after the first one are looked at one by one, and how many ahead among the calendar's listed ones.
const NEAR_DAYS: i32 = 14;
const AHEAD_DAYS: i32 = 400;
/// How many dates are tried out.
const MOST_DATES: usize = 24;

impl<'a> Bench<'a> {
    /// The profiles that stays are tried out with.
    pub(super) fn tried(&self) -> &[Profile<'a>] {
        self.profiles.get(..MOST_TRIED).unwrap_or(&self.profiles)
    }

    /// Whether no profile was left out.
    pub(super) fn has_all_profiles(&self) -> bool {
        self.profiles.len() < MOST_PROFILES
    }

    /// The profiles that a rule accepts, as many as are tried out.
    pub(super) fn accepted_by(&self, rule: usize) -> Vec<&Profile<'a>> {
        self.profiles.iter().filter(|profile| profile.rules.contains(&rule)).take(MOST_TRIED).collect()
    }

    /// The types of a date; `None` where the calendar does not say.
    pub(super) fn types(&self, date: Date) -> Option<DayTypes> {
        match self.calendar {
            None => Some(weekends_only(date.days())),
            Some(calendar) => calendar.day_types(date),
        }
    }

    /// Dates that differ in what rules and packages hold on them, the day before or the day after; the earliest of each.
    pub(super) fn dates(&self, profile: &Profile<'_>) -> Vec<Date> {
        let near = (0..NEAR_DAYS).map(|days| self.base.plus_days(days));
        let end = self.base.plus_days(AHEAD_DAYS);
        let listed = self.calendar.iter().flat_map(|calendar| calendar.listed().map(|(date, _)| date));
        let listed = listed.flat_map(|date| [date.plus_days(-1), date]);
        let ahead = listed.filter(|date| (self.base..end).contains(date));
        let mut seen = Vec::new();
        let mut dates = Vec::new();
        for date in near.chain(ahead) {
            let around = [-1, 0, 1].map(|days| self.day_of(profile, date.plus_days(days)));
            if dates.len() < MOST_DATES && !seen.contains(&around) {
                seen.push(around);
                dates.push(date);
            }
        }
        dates
    }

    /// What holds on a date: its rules, and the packages whose entry may be on it.
    fn day_of(&self, profile: &Profile<'_>, date: Date) -> Option<(Vec<Part>, Vec<bool>)> {
        let (types, weekday) = (self.types(date)?, weekday_index(date.days()));
        let packages = self.document().packages.iter();
        let on_date = packages.map(|package| package.days.rank(types, weekday).is_some()).collect();
        Some((profile.day(self.document(), types, weekday), on_date))
    }

    /// The times of day at which something begins or ends for a profile, in seconds.
    pub(super) fn limits(&self, profile: &Profile<'_>) -> Vec<u32> {
        let document = self.document();
        let rules = profile.rules.iter().filter_map(|index| document.rules.get(*index));
        let windows = rules.filter_map(|rule| rule.window);
        let packages =
            document.packages.iter().filter(|package| package.accepts.stay(profile.vehicle, profile.color));
        let windows = windows.chain(packages.flat_map(|package| [package.entry, package.exit]));
        let mut limits: Vec<u32> =
            windows.flat_map(|window| [window.from, window.to % 86_400]).chain([0]).collect();
        limits.sort_unstable();
        limits.dedup();
        limits
    }

    /// Times of day to begin a stay at, the more telling ones first: the limits, shortly before them, the whole hours.
    pub(super) fn times(&self, profile: &Profile<'_>) -> Vec<u32> {
        let limits = self.limits(profile);
        let before = |secs: u32| limits.iter().map(move |limit| (limit + 86_400 - secs) % 86_400);
        let morning = [8 * 3600];
        let hours = (0..24).map(|hour| hour * 3600);
        let mut times: Vec<u32> = Vec::new();
        let all = morning
            .into_iter()
            .chain(limits.iter().copied())
            .chain(before(60))
            .chain(before(1800))
            .chain(hours);
        for time in all {
            if !times.contains(&time) {
                times.push(time);
            }
        }
        times
    }

    /// A stay of a profile that has just begun, if the tariff is in force then.
    pub(super) fn stay(&self, profile: &Profile<'_>, date: Date, secs: u32) -> Option<Stay> {
        let entry = self.at(date, secs)?;
        if !self.tariff.in_force(entry) {
            return None;
        }
        let mut stay = Stay::new("lint", entry, entry);
        stay.vehicle = profile.vehicle.cloned();
        stay.plate_color = profile.color.cloned();
        if self.document().first_stay_free {
            // A day's first stay costs nothing whatever the rules say; the others show what they say.
            stay.used.push((date, Used { stays: 1, ..Used::default() }));
        }
        Some(stay)
    }

    /// The instant at which the wall clock shows a time of a date.
    pub(super) fn at(&self, date: Date, secs: u32) -> Option<Instant> {
        let local = Local::new(date, TimeOfDay::from_secs(secs)?)?;
        Some(match self.tariff.zone().resolve(local) {
            Resolved::Once(at) | Resolved::Twice(at, _) | Resolved::Skipped { at } => at,
        })
    }
}

/// `HH:MM`, or `HH:MM:SS` where there are seconds.
pub(super) fn clock(secs: u32) -> String {
    match secs % 60 {
        0 => format!("{:02}:{:02}", secs / 3600, secs / 60 % 60),
        rest => format!("{:02}:{:02}:{rest:02}", secs / 3600, secs / 60 % 60),
    }
}
