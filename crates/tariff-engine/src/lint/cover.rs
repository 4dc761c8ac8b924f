//! Which rule is in force when: hours without one, rules that never are, special days that nobody thought of.

use parking_types::{Date, Span};

use super::{
    Bench, Finding, LintCode, Severity,
    entries::{Part, Profile, clock},
};
use crate::{DayTypes, calendar::weekday_index};

pub(super) fn lint(bench: &Bench<'_>) -> Vec<Finding> {
    // Where only packages have prices, rules are never asked.
    if bench.document().packages_only {
        return Vec::new();
    }
    let mut findings = unreachable(bench);
    findings.extend(uncovered(bench));
    findings.extend(special_days(bench));
    findings
}

/// The sets of types that a date may have.
fn all_types() -> impl Iterator<Item = DayTypes> {
    let both = |types: &DayTypes| types.has(DayTypes::WORKDAY) && types.has(DayTypes::REST_DAY);
    (0..DayTypes::COUNT).map(DayTypes::from_index).filter(move |types| !both(types))
}

fn unreachable(bench: &Bench<'_>) -> Vec<Finding> {
    let document = bench.document();
    if !bench.has_all_profiles() {
        return Vec::new();
    }
    let mut in_force = vec![false; document.rules.len()];
    for profile in &bench.profiles {
        for types in all_types() {
            for weekday in 0..7 {
                for (rule, _) in profile.day(document, types, weekday).iter().filter_map(|part| part.rule) {
                    if let Some(seen) = in_force.get_mut(rule) {
                        *seen = true;
                    }
                }
            }
        }
    }
    let hidden = document.rules.iter().enumerate().zip(in_force).filter(|(_, seen)| !seen);
    hidden
        .map(|((index, rule), _)| {
            let by: Vec<String> = hiding(bench, index).iter().map(|id| format!("{id:?}")).collect();
            let by = if by.is_empty() { "others".to_owned() } else { by.join(", ") };
            let message = format!(
                "rule {:?} is never in force: {by} hides it for every vehicle, on every date, at every time",
                rule.id
            );
            Finding::new(LintCode::UnreachableRule, Severity::Error, format!("rules[{index}]"), message)
        })
        .collect()
}

/// The rules that are in force where a rule would be.
fn hiding<'b>(bench: &'b Bench<'_>, index: usize) -> Vec<&'b str> {
    let document = bench.document();
    let mut found: Vec<&str> = Vec::new();
    let Some(rule) = document.rules.get(index) else { return found };
    for profile in bench.profiles.iter().filter(|profile| profile.rules.contains(&index)) {
        for types in all_types() {
            for weekday in (0..7).filter(|weekday| rule.days.rank(types, *weekday).is_some()) {
                for part in profile.day(document, types, weekday) {
                    let open = rule.window.is_none_or(|w| match w.over_midnight() {
                        true => part.from >= w.from || part.from < w.to,
                        false => (w.from..w.to).contains(&part.from),
                    });
                    let other = part.rule.and_then(|(other, _)| document.rules.get(other));
                    if let Some(other) = other.filter(|other| open && !found.contains(&&*other.id)) {
                        found.push(&other.id);
                    }
                }
            }
        }
    }
    found
}

type Hours = Vec<(u32, u32)>;

/// The hours of a date without a rule.
fn hours(parts: &[Part]) -> Hours {
    parts.iter().filter(|part| part.rule.is_none()).map(|part| (part.from, part.to)).collect()
}

/// Monday is 0.
const SATURDAY: usize = 5;
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// A gap shorter than this between hours with rules is hardly meant.
const SHORT_SECS: u32 = 3600;

fn uncovered(bench: &Bench<'_>) -> Vec<Finding> {
    let document = bench.document();
    let mut found: Vec<(Vec<[Hours; 7]>, Finding)> = Vec::new();
    for profile in bench.profiles.iter().filter(|profile| !profile.rules.is_empty()) {
        let of = |types: DayTypes| {
            [0, 1, 2, 3, 4, 5, 6].map(|weekday| hours(&profile.day(document, types, weekday)))
        };
        let kinds = vec![of(DayTypes::WORKDAY), of(DayTypes::REST_DAY)];
        if kinds.iter().flatten().all(Vec::is_empty) {
            continue;
        }
        match found.iter_mut().find(|(known, _)| *known == kinds) {
            // Several vehicles with the same gap: it is nobody's own.
            Some((_, finding)) => finding.message = describe(&kinds, ""),
            None => {
                let message = describe(&kinds, &profile.words());
                let stay = example(bench, profile);
                let finding =
                    Finding::new(LintCode::UncoveredHours, severity(&kinds), "rules", message).shown(stay);
                found.push((kinds, finding));
            }
        }
    }
    found.into_iter().map(|(_, finding)| finding).collect()
}

/// A short gap, weekdays without any rule, and holidays on weekdays that are priced otherwise than weekends are hardly
/// meant; nights and weekends may be.
fn severity(kinds: &[[Hours; 7]]) -> Severity {
    let whole = |hours: &Hours| hours.as_slice() == [(0, 86_400)];
    let all = || kinds.iter().flatten();
    let short = all().flatten().any(|(from, to)| to - from < SHORT_SECS && *from > 0 && *to < 86_400);
    let [work, rest] = kinds else { return Severity::Info };
    let on_weekdays = work.iter().take(SATURDAY).any(whole) && !all().all(whole);
    let on_holidays = work != rest && rest.iter().any(whole) && !rest.iter().all(whole);
    if short || on_weekdays || on_holidays { Severity::Warning } else { Severity::Info }
}

/// Dates with the same hours, by name.
struct Group<'h> {
    names: Vec<&'static str>,
    /// Said after the names: which of these dates are meant.
    which: &'static str,
    hours: &'h Hours,
}

fn describe(kinds: &[[Hours; 7]], who: &str) -> String {
    let [work, rest] = kinds else { return String::new() };
    let same = |week: &[Hours; 7]| week.iter().all(|hours| Some(hours) == week.first());
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut add = |name: &'static str, which: &'static str, hours| match groups
        .iter_mut()
        .find(|group| group.which == which && group.hours == hours)
    {
        Some(group) => group.names.push(name),
        None => groups.push(Group { names: vec![name], which, hours }),
    };
    match (work, rest) {
        ([hours, ..], [other, ..]) if same(work) && same(rest) && hours == other => {
            add("every day", "", hours)
        }
        ([hours, ..], [other, ..]) if same(work) && same(rest) => {
            add("workdays", "", hours);
            add("rest days", "", other);
        }
        _ => {
            for (weekday, (name, (work, rest))) in WEEKDAYS.iter().zip(work.iter().zip(rest)).enumerate() {
                let (usual, other, which) = match weekday < SATURDAY {
                    true => (work, rest, " that are rest days"),
                    false => (rest, work, " that are workdays"),
                };
                add(name, "", usual);
                if other != usual {
                    add(name, which, other);
                }
            }
        }
    }
    groups.retain(|group| !group.hours.is_empty());
    let text = |group: &Group<'_>| {
        let every_day = group.names.as_slice() == ["every day"];
        let on = if every_day { "" } else { "on " };
        format!("{on}{}{} {}", group.names.join("/"), group.which, spans(group.hours, every_day))
    };
    let texts: Vec<String> = groups.iter().map(text).collect();
    format!(
        "{who}no rule is in force {}: this time costs nothing (a rule with the charge \"none\" says so)",
        texts.join(", ")
    )
}

/// `21:00–07:30`: every day, the end of one and the beginning of the next are one.
fn spans(hours: &Hours, every_day: bool) -> String {
    if hours.as_slice() == [(0, 86_400)] {
        return "all day".to_owned();
    }
    let mut spans: Vec<(u32, u32)> = hours.clone();
    if let ([(0, end), inner @ .., (begin, 86_400)], true) = (hours.as_slice(), every_day) {
        spans = inner.to_vec();
        spans.push((*begin, *end));
    }
    let texts: Vec<String> =
        spans.iter().map(|(from, to)| format!("{}–{}", clock(*from), clock(*to))).collect();
    texts.join(" and ")
}

/// A stay of up to an hour in the first gap of a profile.
fn example(bench: &Bench<'_>, profile: &Profile<'_>) -> Option<super::Shown> {
    let dates = (0..14).map(|days| bench.base.plus_days(days));
    dates.into_iter().find_map(|date| {
        let parts = profile.day(bench.document(), bench.types(date)?, weekday_index(date.days()));
        let (from, to) = *hours(&parts).first()?;
        let mut stay = bench.stay(profile, date, from)?;
        stay.exit = stay.entry + Span::from_secs(i64::from((to - from).min(SHORT_SECS)));
        bench.show(&stay)
    })
}

/// Special days, today or later (else any), that only rules for `any` day price, or none.
fn special_days(bench: &Bench<'_>) -> Vec<Finding> {
    let Some(calendar) = bench.calendar else { return Vec::new() };
    let special = || {
        calendar.listed().filter(|(date, types)| types.has(DayTypes::SPECIAL_DAY) && calendar.covers(*date))
    };
    let ahead: Vec<(Date, DayTypes)> = special().filter(|(date, _)| *date >= bench.today).collect();
    let dates = if ahead.is_empty() { special().collect() } else { ahead };
    let mut findings: Vec<Finding> = Vec::new();
    for profile in bench.profiles.iter().filter(|profile| !profile.rules.is_empty()) {
        findings.extend(special_finding(bench, profile, &dates));
    }
    // What holds for all vehicles is said once.
    findings.dedup_by(|a, b| a.message == b.message);
    findings
}

fn special_finding(bench: &Bench<'_>, profile: &Profile<'_>, dates: &[(Date, DayTypes)]) -> Option<Finding> {
    let document = bench.document();
    let parts = |date: Date, types| profile.day(document, types, weekday_index(date.days()));
    let only_any = |part: &Part| part.rule.is_none_or(|(_, rank)| rank == 0);
    let found: Vec<&(Date, DayTypes)> =
        dates.iter().filter(|(date, types)| parts(*date, *types).iter().all(only_any)).collect();
    let (first, types) = **found.first()?;
    let priced = parts(first, types).iter().any(|part| part.rule.is_some());
    let days_matter =
        document.rules.iter().any(|rule| rule.days.types != DayTypes::NONE || rule.days.weekdays != 0);
    let (severity, by) = match (priced, days_matter) {
        (false, _) => (Severity::Warning, "no rule prices"),
        (true, true) => (Severity::Warning, "only rules for any day price"),
        (true, false) => (Severity::Info, "only rules for any day price"),
    };
    let which = match found.len() {
        1 => format!("the special day {first}"),
        days => format!("{days} special days, the first of them {first}"),
    };
    let stay = bench.stay(profile, first, 10 * 3600).and_then(|mut stay| {
        stay.exit = stay.entry + Span::from_hours(1);
        bench.show(&stay)
    });
    Some(Finding::new(LintCode::SpecialDayUnpriced, severity, "rules", format!("{by} {which}")).shown(stay))
}
