//! `parkline lint`

use std::{fmt::Write, path::PathBuf};

use parking_types::{Date, Zone};
use serde_json::Value;
use tariff_engine::{
    Calendar,
    lint::{Finding, Severity, Shown, lint_calendars, lint_json},
};

use super::{
    CannotRun, Ended, input,
    output::{self, Lines},
};
use crate::clock::Clock;

const EXAMPLES: &str = "\
Examples:
  parkline lint tariff.json
  parkline lint tariff.json --calendar cn-2026.json --calendar city.json
  parkline lint --json tariffs/*.json | jq 'select(.severity == \"error\")'
  parkline lint calendars/cn-2026.json

FILE is a tariff document, an array of versions, a calendar, or a site document, whose tariffs are looked at. Text goes to
stderr; where stdout is no terminal, each finding goes there as a JSON line: {\"file\",\"severity\",\"code\",\"path\",\"message\"}, and
where a stay shows it \"stay\", \"total\", and \"compared\", what it is compared with. Every such stay can be given to `parkline quote`.

Severities: error (never meant, or the document cannot be used), warning (rarely meant), info (true, perhaps meant).
Exit code 1: there is an error; with --strict also: there is a warning.";

/// What `lint` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A calendar that tells the types of dates; several are merged by date, later ones win
    #[arg(long = "calendar", value_name = "FILE")]
    calendars: Vec<PathBuf>,
    /// JSON lines only, without text
    #[arg(long)]
    json: bool,
    /// Warnings end with exit code 1, too
    #[arg(long)]
    strict: bool,
    /// The day to look ahead from [default: today, UTC]
    #[arg(long, value_name = "DATE", value_parser = date)]
    today: Option<Date>,
    /// Tariffs, calendars, sites; stdin where there is none
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

fn date(text: &str) -> Result<Date, &'static str> {
    Date::parse(text).ok_or("a date is written as 2026-03-02")
}

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    let today = args.today.unwrap_or_else(|| utc_date(Clock::system()));
    let stdin = [PathBuf::from("-")];
    let files = if args.files.is_empty() { &stdin } else { args.files.as_slice() };
    let mut report = Report::new(args);
    let mut looked_at: Vec<LookedAt> = Vec::new();
    let mut calendars: Vec<Calendar> = Vec::new();
    let with_kind = |paths: &'_ [PathBuf], calendar: bool| {
        paths.iter().map(|path| (path.clone(), calendar)).collect::<Vec<_>>()
    };
    for (path, is_calendar) in [with_kind(&args.calendars, true), with_kind(files, false)].concat() {
        let (file, text) = (path.display().to_string(), input::whole(&path)?);
        match Kind::of(&text) {
            Kind::Tariff if !is_calendar => {
                looked_at.push(LookedAt { file, text, prefix: "", own: Vec::new() })
            }
            Kind::Site(text, texts) if !is_calendar => {
                let mut own = Vec::new();
                for calendar in &texts {
                    own.extend(report.calendar(&file, calendar)?);
                }
                looked_at.push(LookedAt { file, text, prefix: "tariffs", own });
            }
            _ => calendars.extend(report.calendar(&file, &text)?),
        }
    }
    report.add("calendars", "", lint_calendars(&calendars.iter().collect::<Vec<_>>(), today))?;
    for LookedAt { file, text, prefix, own } in &looked_at {
        let own: Vec<&Calendar> = own.iter().collect();
        report.add(file, "calendars ", lint_calendars(&own, today))?;
        // What the command line names comes last and wins.
        let all: Vec<&Calendar> = own.into_iter().chain(&calendars).collect();
        let merged = match all.as_slice() {
            [] => None,
            all => Some(Calendar::merge(all).map_err(CannotRun::new)?),
        };
        report.add(file, prefix, lint_json(text, merged.as_ref(), today))?;
    }
    report.finish()
}

/// Tariffs to look at, with the calendars of their own site.
struct LookedAt {
    file: String,
    text: Vec<u8>,
    /// Where in the file the tariffs stand.
    prefix: &'static str,
    own: Vec<Calendar>,
}

fn utc_date(clock: Clock) -> Date {
    Date::from_days(i32::try_from(clock.now().as_secs().div_euclid(86_400)).unwrap_or(0))
}

/// What a file holds, by the fields it has; whatever is nothing else is taken for a tariff, which says what is wrong.
enum Kind {
    Tariff,
    Calendar,
    Site(Vec<u8>, Vec<Vec<u8>>),
}

impl Kind {
    fn of(text: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(text) else { return Self::Tariff };
        let has = |name: &str| value.get(name).is_some();
        if ["lots", "berths", "lanes", "devices", "tariffs", "calendars"].iter().any(|name| has(name)) {
            let list = |name: &str| value.get(name).cloned().unwrap_or_else(|| Value::Array(Vec::new()));
            let calendars = list("calendars");
            let calendars =
                calendars.as_array().into_iter().flatten().map(|calendar| calendar.to_string().into_bytes());
            return Self::Site(list("tariffs").to_string().into_bytes(), calendars.collect());
        }
        let calendar = !has("rules") && ["days", "covers", "weekend"].iter().any(|name| has(name));
        if calendar { Self::Calendar } else { Self::Tariff }
    }
}

/// Prints findings as they come, and counts them.
struct Report {
    lines: Option<Lines>,
    text: bool,
    strict: bool,
    /// By severity, from info.
    counts: [usize; 3],
}

impl Report {
    fn new(args: &Args) -> Self {
        let json = args.json || !output::is_terminal();
        Self { lines: json.then(Lines::new), text: !args.json, strict: args.strict, counts: [0; 3] }
    }

    /// Reads a calendar; one that cannot be used is a finding.
    fn calendar(&mut self, file: &str, text: &[u8]) -> Result<Option<Calendar>, CannotRun> {
        match Calendar::from_json(text) {
            Ok(calendar) => Ok(Some(calendar)),
            Err(error) => self.add(file, "", [Finding::from(&error)]).map(|()| None),
        }
    }

    fn add(
        &mut self,
        file: &str,
        prefix: &str,
        findings: impl IntoIterator<Item = Finding>,
    ) -> Result<(), CannotRun> {
        for mut finding in findings {
            finding.path = format!("{prefix}{}", finding.path);
            if let Some(count) = self.counts.get_mut(finding.severity as usize) {
                *count += 1;
            }
            if let Some(lines) = &mut self.lines {
                let named = Value::from(file).to_string();
                let json = finding.to_json();
                lines.line(format!("{{\"file\":{named},{}", json.trim_start_matches('{')).as_bytes())?;
            }
            if self.text {
                eprint!("{}", text(file, &finding));
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Ended, CannotRun> {
        if let Some(lines) = self.lines {
            lines.finish()?;
        }
        let [infos, warnings, errors] = self.counts;
        if self.text {
            let of = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
            match infos + warnings + errors {
                0 => eprintln!("nothing found"),
                _ => {
                    eprintln!("{}, {}, {infos} for information", of(errors, "error"), of(warnings, "warning"))
                }
            }
        }
        Ok(Ended::some_bad(errors > 0 || self.strict && warnings > 0))
    }
}

/// One finding for people: what and where, the sentence, and the stays with their fees.
fn text(file: &str, finding: &Finding) -> String {
    let place = if finding.path.is_empty() { String::new() } else { format!(" at {}", finding.path) };
    let severity = match finding.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let mut text = format!("{file}: {severity} {}{place}\n  {}\n", finding.code.as_str(), finding.message);
    for shown in &finding.stays {
        let (entry, exit) = (wall(&shown.zone, shown, true), wall(&shown.zone, shown, false));
        let fee = shown.total.in_currency(shown.currency).to_string();
        let _ = writeln!(text, "    {entry} → {exit}  {} {fee}{}", shown.currency, about(shown));
    }
    text.push('\n');
    text
}

fn wall(zone: &Zone, shown: &Shown, entry: bool) -> String {
    let at = if entry { shown.stay.entry } else { shown.stay.exit };
    zone.local(at).to_string().replace('T', " ")
}

/// The vehicle and the plate's colour, where they matter.
fn about(shown: &Shown) -> String {
    let vehicle = shown.stay.vehicle.as_ref().map(|vehicle| vehicle.as_str());
    let color = shown.stay.plate_color.as_ref().map(|color| color.as_str());
    [vehicle, color].into_iter().flatten().fold(String::new(), |text, word| text + "  " + word)
}
