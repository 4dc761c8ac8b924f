//! `parkline quote`

use std::path::{Path, PathBuf};

use tariff_engine::Lang;

use super::{CannotRun, Ended, input, output::Lines};
use crate::quoter::{Quote, Quoter};

const EXAMPLES: &str = "\
Examples:
  parkline quote --tariff tariff.json stays.jsonl
  parkline quote --tariff versions.json --calendar cn-2026.json --calendar city.json < stays.jsonl
  parkline quote --tariff tariff.json --explain --lang zh --width 32 stays.jsonl

A line holds one stay: {\"id\":\"a1\",\"entry\":\"2026-03-02T08:00:00+08:00\",\"exit\":\"2026-03-02T09:10:00+08:00\"}
Receipts come in the order of the stays, one JSON object a line; a stay that cannot be priced gives {\"id\",\"error\"} in its
place, and exit code 1. With --explain stdout has the receipts as text for people instead.";

/// What `quote` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    documents: Documents,
    /// Print receipts as text for people: times, rules, why a day has its type, units and prices, what caps took, when the
    /// price changes next
    #[arg(long)]
    explain: bool,
    /// The language of the text
    #[arg(long, value_enum, default_value_t = Language::En, requires = "explain")]
    lang: Language,
    /// How many columns the text is wide, a Chinese character taking two; 32 fit a ticket of 58 mm
    #[arg(long, value_name = "COLUMNS", default_value_t = 48, requires = "explain", value_parser = clap::value_parser!(u16).range(16..=200))]
    width: u16,
    /// Files with one stay a line; stdin where there is none
    files: Vec<PathBuf>,
}

/// The languages of explanations.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Language {
    /// English
    En,
    /// Chinese
    Zh,
}

/// A tariff and calendars.
#[derive(Debug, clap::Args)]
pub(super) struct Documents {
    /// The tariff: one document, or an array of its versions
    #[arg(long, value_name = "FILE")]
    tariff: PathBuf,
    /// A calendar; several are merged by date, later ones win
    #[arg(long = "calendar", value_name = "FILE")]
    calendars: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    let quoter = quoter(&args.documents.tariff, &args.documents.calendars)?;
    if args.explain {
        let lang = match args.lang {
            Language::En => Lang::En,
            Language::Zh => Lang::Zh,
        };
        return stays(&args.files, |stay| quoter.explain(stay, lang, usize::from(args.width)));
    }
    stays(&args.files, |stay| quoter.quote(stay))
}

/// Reads the documents.
pub(super) fn quoter(tariff: &Path, calendars: &[PathBuf]) -> Result<Quoter, CannotRun> {
    let tariff = input::whole(tariff)?;
    let calendars: Vec<Vec<u8>> =
        calendars.iter().map(|path| input::whole(path)).collect::<Result<_, _>>()?;
    Quoter::new(&tariff, &calendars).map_err(CannotRun)
}

/// Answers every stay of the input.
pub(super) fn stays(files: &[PathBuf], answer: impl Fn(&[u8]) -> Quote) -> Result<Ended, CannotRun> {
    let mut lines = Lines::new();
    let mut bad = false;
    input::lines(files, |line| {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let quote = answer(line);
        bad |= !quote.priced;
        lines.line(quote.json.as_bytes())
    })?;
    lines.finish()?;
    Ok(Ended::some_bad(bad))
}
