//! What is odd about a tariff or a calendar, before it is trusted: findings with the stay that shows them.
//!
//! Some findings are read off the document (a window that ends at `:59`, a rule that is never in force), others are
//! counterexamples from walking the fee: a stay that becomes cheaper by staying longer, a minute that costs more than an
//! hour elsewhere, a stay that is cheaper in two parts. Every stay in a finding was priced by the engine, and its fee is
//! the one that [`total`](crate::total) gives; what no stay shows is not claimed. Pure: what day it is, the caller says.
//!
//! ```
//! use parking_types::Date;
//! use tariff_engine::lint::{LintCode, lint_json};
//! let tariff = br#"{ "format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai", "rules": [
//!     { "id": "all", "charge": { "steps": [ { "upto": "1h", "price": "5.00" }, { "price": "4.00" } ] } } ] }"#;
//! let findings = lint_json(tariff, None, Date::parse("2026-03-02").unwrap());
//! let fall = &findings[0];
//! assert_eq!((fall.code, fall.path.as_str()), (LintCode::LongerCostsLess, "rules[0].charge"));
//! assert!(fall.stays[0].total > fall.stays[1].total);
//! ```

mod amounts;
mod calendars;
mod cover;
mod entries;
mod reach;
mod returning;
mod versions;
mod walks;
mod write;

use parking_types::{Amount, Currency, Date, Zone};

use crate::{
    Calendar, Code, DocumentError, Stay, Tariff,
    document::{self, Document},
    json::{self, Json},
    read::{Path, Reader},
};

pub use calendars::lint_calendars;

/// How much a finding matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// True and perhaps meant: worth knowing.
    Info,
    /// Rarely meant.
    Warning,
    /// Never meant, or the document cannot be used.
    Error,
}

impl Severity {
    /// The word for it in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What was found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LintCode {
    /// The document cannot be used, with the code of the refusal.
    Refused(Code),
    /// Two versions of one tariff are in force at the same time.
    OverlappingVersions,
    /// Between two versions of one tariff none is in force.
    VersionGap,
    /// A rule that is in force for no vehicle on no kind of date at no time: others hide it.
    UnreachableRule,
    /// Hours in which no rule is in force.
    UncoveredHours,
    /// A special day of the calendar that no rule prices but those for `any` day, or none at all.
    SpecialDayUnpriced,
    /// A window or a version that ends at `:59` and leaves out the last minute or second.
    EndsAt59,
    /// A cap below the price of the first unit, which is then never charged in full.
    CapBelowFirstUnit,
    /// A cap that no stay reaches.
    CapNeverReached,
    /// A minimum above a cap.
    MinimumAboveCap,
    /// Free time longer than the first step of a ladder, which the free time does not use up.
    FreeBeyondFirstStep,
    /// Units charged by time that run on beyond the end of their window, where they are charged whole.
    ProRataRunsOn,
    /// A longer stay costs less.
    LongerCostsLess,
    /// One minute longer costs more than the dearest hour.
    Cliff,
    /// Leaving and coming back is cheaper than staying.
    LeaveAndReturn,
    /// The calendar says nothing about a time that is near or has begun.
    CalendarEnds,
    /// Dates that are not covered, between others that are.
    CalendarGap,
    /// A calendar without an end hides where the others end.
    CalendarOpen,
}

impl LintCode {
    /// The word for it in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused(code) => code.as_str(),
            Self::OverlappingVersions => "overlapping_versions",
            Self::VersionGap => "version_gap",
            Self::UnreachableRule => "unreachable_rule",
            Self::UncoveredHours => "uncovered_hours",
            Self::SpecialDayUnpriced => "special_day_unpriced",
            Self::EndsAt59 => "ends_at_59",
            Self::CapBelowFirstUnit => "cap_below_first_unit",
            Self::CapNeverReached => "cap_never_reached",
            Self::MinimumAboveCap => "minimum_above_cap",
            Self::FreeBeyondFirstStep => "free_beyond_first_step",
            Self::ProRataRunsOn => "pro_rata_runs_on",
            Self::LongerCostsLess => "longer_costs_less",
            Self::Cliff => "cliff",
            Self::LeaveAndReturn => "leave_and_return",
            Self::CalendarEnds => "calendar_ends",
            Self::CalendarGap => "calendar_gap_ahead",
            Self::CalendarOpen => "calendar_open",
        }
    }
}

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What it is.
    pub code: LintCode,
    /// How much it matters.
    pub severity: Severity,
    /// The field of the document, such as `rules[0].to`; empty for the document as a whole.
    pub path: String,
    /// A sentence for people.
    pub message: String,
    /// The stays that show it, the first one first; a later one is what it is compared with.
    pub stays: Vec<Shown>,
}

/// A stay that shows a finding, with what it costs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// The stay; it can be priced again as it is.
    pub stay: Stay,
    /// What it costs.
    pub total: Amount,
    /// The tariff's currency.
    pub currency: Currency,
    /// The tariff's zone, in whose time the stay is written.
    pub zone: Zone,
}

impl Finding {
    fn new(code: LintCode, severity: Severity, path: impl Into<String>, message: String) -> Self {
        Self { code, severity, path: path.into(), message, stays: Vec::new() }
    }

    fn shown(mut self, stays: impl IntoIterator<Item = Shown>) -> Self {
        self.stays.extend(stays);
        self
    }
}

impl From<&DocumentError> for Finding {
    fn from(error: &DocumentError) -> Self {
        Self::new(LintCode::Refused(error.code()), Severity::Error, error.path(), error.why().to_owned())
    }
}

/// Reads one tariff document or an array of versions, and tells everything that is odd about it; a document that cannot
/// be used is a finding too. Paths inside an array begin with the version's index.
///
/// `calendar` tells the types of dates, as in [`price`](crate::price); `today` is where walks begin, or as near to it as
/// version and calendar let a stay begin.
pub fn lint_json(document: &[u8], calendar: Option<&Calendar>, today: Date) -> Vec<Finding> {
    let value = match json::parse(document) {
        Ok(value) => value,
        Err(bad) => return vec![Finding::from(&DocumentError::new(Code::BadJson, "", bad.0))],
    };
    let mut findings = Vec::new();
    let mut versions = Vec::new();
    match &value {
        Json::List(items) => {
            for (index, item) in items.iter().enumerate() {
                match read(item, &Path::Root.item(index)) {
                    Ok(tariff) => versions.push((format!("[{index}]."), tariff)),
                    Err(error) => findings.push(Finding::from(&error)),
                }
            }
        }
        one => match read(one, &Path::Root) {
            Ok(tariff) => versions.push((String::new(), tariff)),
            Err(error) => findings.push(Finding::from(&error)),
        },
    }
    findings.extend(versions::lint(&versions));
    for (prefix, tariff) in &versions {
        findings.extend(lint_tariff(tariff, calendar, today).into_iter().map(|finding| {
            let path = format!("{prefix}{}", finding.path);
            Finding { path: path.trim_end_matches('.').to_owned(), ..finding }
        }));
    }
    findings
}

fn read(value: &Json<'_>, path: &Path<'_>) -> Result<Tariff, DocumentError> {
    let mut reader = Reader::new(document::KNOWN);
    let document = document::read(&mut reader, value, path);
    reader.finish()?;
    // Whatever is missing has been refused.
    let document = document.ok_or_else(|| DocumentError::new(Code::BadField, "", "not a tariff"))?;
    Ok(Tariff::compile(document, value))
}

/// What is odd about one version of a tariff, as [`lint_json`] tells it.
pub fn lint_tariff(tariff: &Tariff, calendar: Option<&Calendar>, today: Date) -> Vec<Finding> {
    let bench = Bench::new(tariff, calendar, today);
    let mut findings = cover::lint(&bench);
    findings.extend(amounts::lint(tariff));
    findings.extend(reach::lint(&bench));
    findings.extend(walks::lint(&bench));
    findings
}

/// A tariff with all that stays for trying it out are made of.
struct Bench<'a> {
    tariff: &'a Tariff,
    calendar: Option<&'a Calendar>,
    profiles: Vec<entries::Profile<'a>>,
    /// The first date on which stays begin.
    base: Date,
    /// Today, whatever the tariff and the calendar say.
    today: Date,
}

impl<'a> Bench<'a> {
    fn new(tariff: &'a Tariff, calendar: Option<&'a Calendar>, today: Date) -> Self {
        let profiles = entries::profiles(tariff.document());
        Self { tariff, calendar, profiles, base: entries::base(tariff, calendar, today), today }
    }

    fn document(&self) -> &'a Document {
        self.tariff.document()
    }

    fn money(&self, amount: Amount) -> String {
        amount.in_currency(self.tariff.currency()).to_string()
    }

    /// A stay with its fee, where it has one.
    fn show(&self, stay: &Stay) -> Option<Shown> {
        let total = crate::total(self.tariff, self.calendar, stay).ok()?;
        let (currency, zone) = (self.tariff.currency(), self.tariff.zone().clone());
        Some(Shown { stay: stay.clone(), total, currency, zone })
    }
}
