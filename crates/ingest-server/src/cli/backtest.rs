//! `parkline backtest`

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use tariff_engine::{
    Stay,
    backtest::{Backtest, ItemKind, Moved, Report, Side, SideReport, Sum},
};

use super::{
    CannotRun, Ended, input,
    output::{self, Lines},
};
use crate::quoter::{read_calendars, read_versions};

const EXAMPLES: &str = "\
Examples:
  parkline backtest --old tariff-2025.json --new proposal.json stays.jsonl
  parkline backtest --old now.json --new next.json --calendar cn-2025.json --calendar cn-2026.json < stays.jsonl
  parkline backtest --old now.json --new next.json --json stays.jsonl | jq .difference

A line holds one stay, as for `parkline quote`. Each side is one tariff or an array of its versions; the version in force
at entry prices the stay, as it is given: with its payments, exemptions and `used`. Totals, dearer, cheaper, same, rules and
caps are those of the stays that both sides price; what only one side prices is counted apart.
The report goes to stderr as text; where stdout is no terminal, or with --json, to stdout as one JSON object.
Exit code 1: a line was no stay.";

/// What `backtest` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The tariff as it was: one document, or an array of its versions
    #[arg(long, value_name = "FILE")]
    old: PathBuf,
    /// The tariff as it might be: one document, or an array of its versions
    #[arg(long, value_name = "FILE")]
    new: PathBuf,
    /// A calendar for both; several are merged by date, later ones win
    #[arg(long = "calendar", value_name = "FILE")]
    calendars: Vec<PathBuf>,
    /// A calendar for the new side alone, merged after those for both
    #[arg(long = "new-calendar", value_name = "FILE")]
    new_calendars: Vec<PathBuf>,
    /// JSON only, without text
    #[arg(long)]
    json: bool,
    /// Files with one stay a line; stdin where there is none
    files: Vec<PathBuf>,
}

/// How many stays are held in memory and priced at once.
const RUN: usize = 1 << 16;
/// How many lines that are no stays are told one by one.
const TOLD: usize = 10;

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    let versions = |path: &Path| {
        // Of two documents, the one that is meant is named.
        let named = |error: String| {
            let file = serde_json::Value::from(path.display().to_string());
            CannotRun(error.replacen('{', &format!("{{\"file\":{file},"), 1))
        };
        read_versions(&input::whole(path)?).map_err(named)
    };
    let ((old_set, old_id), (new_set, new_id)) = (versions(&args.old)?, versions(&args.new)?);
    let texts =
        |paths: &[PathBuf]| paths.iter().map(|path| input::whole(path)).collect::<Result<Vec<_>, _>>();
    let shared = texts(&args.calendars)?;
    let own = [shared.clone(), texts(&args.new_calendars)?].concat();
    let old_calendar = read_calendars(&shared).map_err(CannotRun)?;
    let new_calendar = read_calendars(&own).map_err(CannotRun)?;
    let old = Side { tariffs: &old_set, id: &old_id, calendar: old_calendar.as_ref() };
    let new = Side { tariffs: &new_set, id: &new_id, calendar: new_calendar.as_ref() };
    let mut test = Backtest::new(old, new).map_err(CannotRun::new)?;
    let mut stays = Vec::with_capacity(RUN);
    let (mut line_number, mut unread) = (0, 0);
    input::lines(&args.files, |line| {
        line_number += 1;
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        match Stay::from_json(line) {
            Ok(stay) => stays.push(stay),
            Err(error) => {
                unread += 1;
                if unread <= TOLD {
                    let at = if error.path().is_empty() { "" } else { " at " };
                    eprintln!("line {line_number}: {}{at}{}: {error}", error.code(), error.path());
                }
            }
        }
        if stays.len() == RUN {
            test.add(&stays, None);
            stays.clear();
        }
        Ok(())
    })?;
    test.add(&stays, None);
    if !args.json {
        eprint!("{}", text(test.report(), unread));
    }
    if args.json || !output::is_terminal() {
        let mut lines = Lines::new();
        lines.line(test.report().to_json().as_bytes())?;
        lines.finish()?;
    }
    Ok(Ended::some_bad(unread > 0))
}

/// The report for people: counts in one column, amounts in another.
fn text(report: &Report, unread: usize) -> String {
    let money = |sum: Sum| sum.in_currency(report.currency);
    let mut text = String::new();
    let _ = writeln!(text, "{:13}{:>12}", "stays", report.stays);
    if unread > 0 {
        let _ = writeln!(text, "{:13}{unread:>12}", "unreadable");
    }
    let _ = writeln!(text, "{:13}{:>12}\n", "compared", report.old.compared.stays);
    let (old, new) = (report.old.compared.amount, report.new.compared.amount);
    let _ = writeln!(text, "{:>48}", report.currency.code());
    let _ = writeln!(text, "{:31}{:>17}", "old total", money(old));
    let _ = writeln!(text, "{:31}{:>17}", "new total", money(new));
    let difference = signed(report, report.difference());
    let _ = writeln!(text, "{:31}{difference:>17}{}", "difference", percent(old, new));
    text.push('\n');
    text.push_str(&counted("dearer", report.dearer.stays, &signed(report, report.dearer.amount)));
    text.push_str(&counted("cheaper", report.cheaper.stays, &signed(report, report.cheaper.amount)));
    text.push_str(&counted("same", report.same, ""));
    for (name, side) in [("old", &report.old), ("new", &report.new)] {
        text.push_str(&apart(name, side, report));
    }
    for (kind, title) in [
        (ItemKind::Rule, "rules"),
        (ItemKind::Cap, "caps"),
        (ItemKind::Package, "packages"),
        (ItemKind::Other, "others"),
    ] {
        text.push_str(&items(report, kind, title));
    }
    if !report.largest.is_empty() {
        let _ = writeln!(text, "\n{:41} {:>13} {:>13} {:>13}", "largest changes", "old", "new", "difference");
    }
    for change in &report.largest {
        let at = |(at, offset): (parking_types::Instant, i32)| {
            at.at_offset(offset).to_string().get(..19).unwrap_or_default().replace('T', " ")
        };
        let amount = |amount: parking_types::Amount| amount.in_currency(report.currency).to_string();
        let times = format!("{} → {}", at(change.entry), at(change.exit));
        let difference = amount(change.difference());
        let plus = if difference.starts_with('-') { "" } else { "+" };
        let _ = writeln!(
            text,
            "{times:41} {:>13} {:>13} {:>13}  {}",
            amount(change.old),
            amount(change.new),
            format!("{plus}{difference}"),
            change.id.as_deref().unwrap_or("-")
        );
    }
    text
}

/// A number of stays, and what belongs to it.
fn counted(name: &str, stays: u64, amount: &str) -> String {
    let noun = if stays == 1 { "stay" } else { "stays" };
    format!("{}\n", format!("{name:13}{stays:>12} {noun:5}{amount:>17}").trim_end())
}

/// What one side does not price, and what only it prices.
fn apart(name: &str, side: &SideReport, report: &Report) -> String {
    let mut text = String::new();
    if side.alone.stays > 0 {
        let amount = side.alone.amount.in_currency(report.currency);
        text.push_str(&counted(&format!("only {name}"), side.alone.stays, &amount));
    }
    for (code, stays) in &side.refused {
        text.push_str(&counted(&format!("no {name} price"), *stays, code.as_str()));
    }
    text
}

fn items(report: &Report, kind: ItemKind, title: &str) -> String {
    let items = || report.items.iter().filter(|item| item.kind == kind);
    let Some(longest) = items().map(|item| item.name.chars().count()).max() else { return String::new() };
    let names = longest.max(24);
    let mut text = format!("\n{title:names$}");
    for head in ["old stays", "old amount", "new stays", "new amount"] {
        let _ = write!(text, " {head:>14}");
    }
    text.push('\n');
    for item in items() {
        let _ = write!(text, "{:names$}", item.name);
        for Moved { stays, amount } in [item.old, item.new] {
            let _ = write!(text, " {stays:>14} {:>14}", amount.in_currency(report.currency));
        }
        text.push('\n');
    }
    text
}

fn signed(report: &Report, sum: Sum) -> String {
    let text = sum.in_currency(report.currency);
    if sum > Sum::default() { format!("+{text}") } else { text }
}

/// The change in per cent of the old total, to a tenth.
fn percent(old: Sum, new: Sum) -> String {
    let (old, new) = (old.as_micros(), new.as_micros());
    if old == 0 {
        return String::new();
    }
    let tenths = (new - old) * 1000 / old;
    let sign = if tenths < 0 { '-' } else { '+' };
    format!("  ({sign}{}.{} %)", tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10)
}
