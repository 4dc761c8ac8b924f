//! How far the calendars go.

use parking_types::Date;

use super::{Finding, LintCode, Severity};
use crate::Calendar;

/// From how many days before the last covered date on the end is announced.
const ANNOUNCED_DAYS: i32 = 60;

/// What is odd about calendars that are used together, later ones winning: that they end soon or have ended, that dates
/// between them are missing, and that one without an end hides where the others end. The path is `covers`.
pub fn lint_calendars(calendars: &[&Calendar], today: Date) -> Vec<Finding> {
    let ending: Vec<&Calendar> =
        calendars.iter().copied().filter(|calendar| calendar.covers_until().is_some()).collect();
    let mut findings = Vec::new();
    // Weekends that differ are an error of merging; how far the calendars go is told all the same.
    let Ok(merged) = Calendar::merge(&ending) else { return findings };
    let open = calendars.iter().find(|calendar| calendar.covers_until().is_none());
    if let Some(until) = merged.covers_until()
        && today >= until.plus_days(-1 - ANNOUNCED_DAYS)
    {
        let last = until.plus_days(-1);
        let left = last.days() - today.days();
        let when = match left {
            0.. => format!("in {left} days"),
            _ => format!("{} days ago", -left),
        };
        let (code, severity, message) = match open {
            Some(open) => (
                LintCode::CalendarOpen,
                Severity::Warning,
                format!(
                    "the last date that {:?} tells is {last}, {when}; {:?} has no end, so dates after it go by the weekend alone",
                    merged.id(),
                    open.id()
                ),
            ),
            None if left < 0 => (
                LintCode::CalendarEnds,
                Severity::Error,
                format!(
                    "the last covered date was {last}, {when}: stays after it are refused with calendar_gap"
                ),
            ),
            None => (
                LintCode::CalendarEnds,
                Severity::Warning,
                format!(
                    "the last covered date is {last}, {when}: stays after it are refused with calendar_gap; add the next year"
                ),
            ),
        };
        findings.push(Finding::new(code, severity, "covers.until", message));
    }
    if open.is_none() {
        findings.extend(gaps(&merged, today));
    }
    findings
}

/// Dates that are missing between covered ones, today or later.
fn gaps(merged: &Calendar, today: Date) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ((_, until), (from, _)) in merged.ranges().iter().zip(merged.ranges().iter().skip(1)) {
        let (Some(gap), Some(next)) = (*until, *from) else { continue };
        if next <= today {
            continue;
        }
        let severity = if gap <= today { Severity::Error } else { Severity::Warning };
        let last = next.plus_days(-1);
        let message = format!(
            "no calendar covers {gap} to {last}: stays that touch these dates are refused with calendar_gap"
        );
        findings.push(Finding::new(LintCode::CalendarGap, severity, "covers", message));
    }
    findings
}
