//! `parkline quote`

use std::path::PathBuf;

use super::{CannotRun, Ended, input, output::Lines};
use crate::quoter::Quoter;

const EXAMPLES: &str = "\
Examples:
  parkline quote --tariff tariff.json stays.jsonl
  parkline quote --tariff versions.json --calendar cn-2026.json --calendar city.json < stays.jsonl

A line holds one stay: {\"id\":\"a1\",\"entry\":\"2026-03-02T08:00:00+08:00\",\"exit\":\"2026-03-02T09:10:00+08:00\"}
Receipts come in the order of the stays; a stay that cannot be priced gives {\"id\",\"error\"} in its place.";

/// What `quote` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
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
    let tariff = input::whole(&args.tariff)?;
    let calendars: Vec<Vec<u8>> =
        args.calendars.iter().map(|path| input::whole(path)).collect::<Result<_, _>>()?;
    let quoter = Quoter::new(&tariff, &calendars).map_err(CannotRun)?;
    let mut lines = Lines::new();
    let mut bad = false;
    input::lines(&args.files, |line| {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let quote = quoter.quote(line);
        bad |= !quote.priced;
        lines.line(quote.json.as_bytes())
    })?;
    lines.finish()?;
    Ok(Ended::some_bad(bad))
}
