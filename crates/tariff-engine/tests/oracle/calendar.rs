//! The calendar document: the day types of a date.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, Weekday};

/// What a rule or package may ask of a date. The order is from the least to the most special.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Day {
    Any,
    Weekday(Weekday),
    Work,
    Rest,
    Special,
}

impl Day {
    pub(crate) fn parse(word: &str) -> Option<Day> {
        Some(match word {
            "any" => Day::Any,
            "workday" => Day::Work,
            "rest_day" => Day::Rest,
            "special_day" => Day::Special,
            _ => Day::Weekday(weekday(word)?),
        })
    }

    pub(crate) fn specialty(self) -> u8 {
        match self {
            Day::Special => 3,
            Day::Rest | Day::Work => 2,
            Day::Weekday(_) => 1,
            Day::Any => 0,
        }
    }

    pub(crate) fn needs_calendar(self) -> bool {
        self.specialty() >= 2
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Day::Special => "special_day",
            Day::Rest => "rest_day",
            Day::Work => "workday",
            Day::Weekday(_) | Day::Any => "",
        }
    }
}

pub(crate) fn weekday(word: &str) -> Option<Weekday> {
    const WORDS: [(&str, Weekday); 7] = [
        ("mon", Weekday::Mon),
        ("tue", Weekday::Tue),
        ("wed", Weekday::Wed),
        ("thu", Weekday::Thu),
        ("fri", Weekday::Fri),
        ("sat", Weekday::Sat),
        ("sun", Weekday::Sun),
    ];
    WORDS.iter().find(|(known, _)| *known == word).map(|(_, day)| *day)
}

#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    pub(crate) id: String,
    pub(crate) weekend: Vec<Weekday>,
    pub(crate) from: Option<NaiveDate>,
    pub(crate) until: Option<NaiveDate>,
    pub(crate) days: BTreeMap<NaiveDate, Vec<Day>>,
}

impl Calendar {
    /// No calendar given: weekends only.
    pub(crate) fn weekends() -> Calendar {
        let weekend = vec![Weekday::Sat, Weekday::Sun];
        Calendar { id: String::new(), weekend, from: None, until: None, days: BTreeMap::new() }
    }

    pub(crate) fn covers(&self, date: NaiveDate) -> bool {
        self.from.is_none_or(|from| date >= from) && self.until.is_none_or(|until| date < until)
    }

    /// `workday`, `rest_day` and `special_day`, as far as the date is one.
    pub(crate) fn types(&self, date: NaiveDate) -> Vec<Day> {
        match self.days.get(&date) {
            Some(listed) => listed.clone(),
            None if self.weekend.contains(&date.weekday()) => vec![Day::Rest],
            None => vec![Day::Work],
        }
    }

    /// How special the most special of `days` is that this date is, or `None` where it is none of them.
    pub(crate) fn specialty(&self, days: &[Day], date: NaiveDate) -> Option<u8> {
        let types = self.types(date);
        let is = |day: &&Day| match day {
            Day::Any => true,
            Day::Weekday(weekday) => date.weekday() == *weekday,
            other => types.contains(other),
        };
        days.iter().filter(is).map(|day| day.specialty()).max()
    }

    /// The most special type of the date, by name.
    pub(crate) fn day_type(&self, date: NaiveDate) -> Option<&'static str> {
        self.types(date).into_iter().max_by_key(|day| day.specialty()).map(Day::name)
    }
}
