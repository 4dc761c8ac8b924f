//! Several calendars as one: national years, and a region's special days on top.

use core::fmt;

use parking_types::Date;

use super::{Calendar, Parts, contains, document};

/// Why calendars cannot be merged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MergeError {
    /// There is nothing to merge.
    Nothing,
    /// The calendar at this index (from 0) has another weekend than those before it.
    Weekend(usize),
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("no calendar to merge"),
            Self::Weekend(index) => {
                write!(f, "calendar {} has another weekend than those before it", index + 1)
            }
        }
    }
}
impl core::error::Error for MergeError {}

impl Calendar {
    /// Merges calendars by date: of two that list a date, the later one wins; the id is the ids joined by `+`.
    ///
    /// A date is covered where one of the calendars covers it: a date between two years that do not adjoin is not.
    /// What a calendar lists outside its own `covers` has no effect. One calendar alone stays as it is.
    ///
    /// # Errors
    /// [`MergeError`] when there is none, or when their weekends differ: an unlisted date would have no clear type.
    pub fn merge(calendars: &[&Self]) -> Result<Self, MergeError> {
        let (first, rest) = calendars.split_first().ok_or(MergeError::Nothing)?;
        if rest.is_empty() {
            return Ok((*first).clone());
        }
        if let Some(index) = calendars.iter().position(|calendar| calendar.0.weekend != first.0.weekend) {
            return Err(MergeError::Weekend(index));
        }
        let id = calendars.iter().map(|calendar| calendar.id()).collect::<Vec<_>>().join("+");
        let days = calendars
            .iter()
            .flat_map(|calendar| calendar.listed().filter(|(date, _)| calendar.covers(*date)));
        let ranges = calendars.iter().flat_map(|calendar| calendar.0.covers.iter().copied());
        let parts =
            Parts { id, weekend: first.0.weekend, days: days.collect(), covers: union(ranges.collect()) };
        let document = document(&parts);
        Ok(Self::new(parts, document))
    }
}

type Range = (Option<Date>, Option<Date>);

/// The ranges with those joined that overlap or adjoin. An open beginning sorts first.
fn union(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_by_key(|(from, _)| *from);
    let mut joined: Vec<Range> = Vec::with_capacity(ranges.len());
    for (from, until) in ranges {
        match joined.last_mut() {
            Some(last) if from.is_none_or(|from| last.1 == Some(from) || contains(last, from)) => {
                last.1 = last.1.zip(until).map(|(a, b)| a.max(b));
            }
            _ => joined.push((from, until)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DayTypes;

    fn calendar(id: &str, covers: &str, days: &str) -> Calendar {
        let text = format!(r#"{{"format":1,"id":"{id}","covers":{covers},"days":{days}}}"#);
        Calendar::from_json(text.as_bytes()).unwrap()
    }

    fn date(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    #[test]
    fn years_and_a_region() {
        let y26 = calendar(
            "cn-2026",
            r#"{"from":"2026-01-01","until":"2027-01-01"}"#,
            r#"{"2026-10-10":["workday"]}"#,
        );
        let y27 = calendar(
            "cn-2027",
            r#"{"from":"2027-01-01","until":"2028-01-01"}"#,
            r#"{"2026-10-10":["rest_day"]}"#,
        );
        let fair = calendar("fair", "{}", r#"{"2026-04-19":["rest_day","special_day"]}"#);
        let merged = Calendar::merge(&[&y26, &y27]).unwrap();
        assert_eq!(merged.id(), "cn-2026+cn-2027");
        assert_eq!(merged.covers_until(), Some(date("2028-01-01")));
        assert_eq!(merged.day_types(date("2026-10-10")), Some(DayTypes::WORKDAY));
        assert_eq!(merged.day_types(date("2025-12-31")), None);
        assert!(!merged.has_gaps());
        // What the merge prints reads back as the same calendar.
        assert_eq!(Calendar::from_json(merged.canonical()).unwrap(), merged);
        let open = Calendar::merge(&[&merged, &fair]).unwrap();
        assert_eq!(open.covers_until(), None);
        assert_eq!(open.day_types(date("2026-04-19")).and_then(DayTypes::most_special), Some("special_day"));
        assert_eq!(open.day_types(date("2026-10-10")), Some(DayTypes::WORKDAY));
    }

    #[test]
    fn a_year_that_is_missing_is_a_gap() {
        let y26 = calendar("a", r#"{"from":"2026-01-01","until":"2027-01-01"}"#, "{}");
        let y28 = calendar("b", r#"{"from":"2028-01-01","until":"2029-01-01"}"#, "{}");
        let merged = Calendar::merge(&[&y28, &y26]).unwrap();
        assert!(merged.has_gaps());
        assert_eq!(merged.first_gap(date("2026-05-01")), Some(date("2027-01-01")));
        assert_eq!(merged.first_gap(date("2027-05-01")), Some(date("2027-05-01")));
        assert_eq!(merged.first_gap(date("2028-05-01")), Some(date("2029-01-01")));
    }

    #[test]
    fn what_cannot_be_merged() {
        assert_eq!(Calendar::merge(&[]), Err(MergeError::Nothing));
        let a = calendar("a", "{}", "{}");
        let friday = Calendar::from_json(br#"{"format":1,"id":"f","weekend":["fri"]}"#).unwrap();
        assert_eq!(Calendar::merge(&[&a, &friday]), Err(MergeError::Weekend(1)));
    }
}
