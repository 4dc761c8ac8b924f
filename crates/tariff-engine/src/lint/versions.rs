//! The versions of a tariff beside each other: no two at once, no time without one.

use super::{Finding, LintCode, Severity};
use crate::{Tariff, tariff::overlap};

pub(super) fn lint(versions: &[(String, Tariff)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, (path, tariff)) in versions.iter().enumerate() {
        let others = || versions.iter().filter(|(_, other)| other.id() == tariff.id());
        let before = versions.iter().take(index).filter(|(_, other)| other.id() == tariff.id());
        for (other_path, other) in before {
            if overlap(other.valid(), tariff.valid()) {
                findings.push(Finding::new(
                    LintCode::OverlappingVersions,
                    Severity::Error,
                    format!("{path}valid"),
                    format!(
                        "is in force at the same time as {} of {:?}",
                        other_path.trim_end_matches('.'),
                        tariff.id()
                    ),
                ));
            }
        }
        let Some(from) = tariff.valid().0 else { continue };
        // The version before: the last of those that end not after this one begins.
        let ended = others().filter_map(|(_, other)| other.valid().1).filter(|until| *until <= from).max();
        let running = others().any(|(_, other)| {
            let (begin, end) = other.valid();
            begin.is_none_or(|begin| begin < from) && end.is_none_or(|end| end > from)
        });
        if let Some(until) = ended
            && until < from
            && !running
        {
            findings.push(Finding::new(
                LintCode::VersionGap,
                Severity::Warning,
                format!("{path}valid.from"),
                format!("from {until} until {from} no version of {:?} is in force: stays that begin then have no price", tariff.id()),
            ));
        }
    }
    findings
}
