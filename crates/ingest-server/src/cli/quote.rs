//! `parkline quote`

use std::path::PathBuf;

use parking_types::{Span, SpanError};

use super::{CannotRun, Ended, input, output::Lines};
use crate::quoter::{Quote, Quoter};

const EXAMPLES: &str = "\
Examples:
  parkline quote --tariff tariff.json stays.jsonl
  parkline quote --tariff versions.json --calendar cn-2026.json --calendar city.json < stays.jsonl

A line holds one stay: {\"id\":\"a1\",\"entry\":\"2026-03-02T08:00:00+08:00\",\"exit\":\"2026-03-02T09:10:00+08:00\"}
Receipts come in the order of the stays; a stay that cannot be priced gives {\"id\",\"error\"} in its place.";

const CURVE_EXAMPLES: &str = "\
Example:
  parkline curve --tariff tariff.json --for 12h stays.jsonl

For each stay every instant at which the price changes: {\"id\",\"points\":[{\"at\",\"inclusive\",\"total\"}]}. From `at` on
(inclusive), or for every later exit, the stay costs `total`, until the next point. The stay's exit does not matter.";

/// What `quote` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    documents: Documents,
}

/// A tariff, calendars and stays.
#[derive(Debug, clap::Args)]
struct Documents {
    /// The tariff: one document, or an array of its versions
    #[arg(long, value_name = "FILE")]
    tariff: PathBuf,
    /// A calendar; several are merged by date, later ones win
    #[arg(long = "calendar", value_name = "FILE")]
    calendars: Vec<PathBuf>,
    /// Files with one stay a line; stdin where there is none
    files: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    stays(&args.documents, |quoter, stay| quoter.quote(stay))
}

/// What `curve` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = CURVE_EXAMPLES)]
pub(super) struct CurveArgs {
    #[command(flatten)]
    documents: Documents,
    /// How far after the entry
    #[arg(long = "for", value_name = "DURATION", default_value = "24h", value_parser = span)]
    horizon: Span,
}

fn span(text: &str) -> Result<Span, SpanError> {
    text.parse()
}

pub(super) fn run_curve(args: &CurveArgs) -> Result<Ended, CannotRun> {
    stays(&args.documents, |quoter, stay| quoter.curve(stay, args.horizon))
}

/// Answers every stay of the input.
fn stays(documents: &Documents, answer: impl Fn(&Quoter, &[u8]) -> Quote) -> Result<Ended, CannotRun> {
    let tariff = input::whole(&documents.tariff)?;
    let calendars: Vec<Vec<u8>> =
        documents.calendars.iter().map(|path| input::whole(path)).collect::<Result<_, _>>()?;
    let quoter = Quoter::new(&tariff, &calendars).map_err(CannotRun)?;
    let mut lines = Lines::new();
    let mut bad = false;
    input::lines(&documents.files, |line| {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let quote = answer(&quoter, line);
        bad |= !quote.priced;
        lines.line(quote.json.as_bytes())
    })?;
    lines.finish()?;
    Ok(Ended::some_bad(bad))
}
