//! `parkline curve`

use std::{fs, path::PathBuf};

use parking_types::{Amount, Instant, Local, Resolved, Span};
use tariff_engine::{Color, Stay, Vehicle};

use super::{CannotRun, Ended, curve_svg, output::Lines, quote};
use crate::quoter::{Quote, Quoter};

const EXAMPLES: &str = "\
Examples:
  parkline curve tariff.json --entry 2026-03-02T08:00
  parkline curve tariff.json --entry 2026-03-02T08:00 --for 3d --svg fee.svg
  parkline curve tariff.json --entry 2026-03-02T08:00 --vehicle small --fee 10.00
  parkline curve --tariff tariff.json --for 12h stays.jsonl

Prints every instant at which the price changes: {\"id\",\"points\":[{\"at\",\"inclusive\",\"total\"}]}. From `at` on (inclusive), or
for every later exit, the stay costs `total`, until the next point. With --fee also \"latest_exit\":{\"fee\",\"at\"}: up to there every
exit costs no more. Without --entry a file, or stdin, has one stay a line, whose exit does not matter.";

/// What `curve` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The tariff: one document, or an array of its versions; with --entry it may stand alone
    #[arg(long, value_name = "FILE")]
    tariff: Option<PathBuf>,
    /// A calendar; several are merged by date, later ones win
    #[arg(long = "calendar", value_name = "FILE")]
    calendars: Vec<PathBuf>,
    /// When the stay begins: an instant, or a local time of the tariff's zone
    #[arg(long, value_name = "TIME")]
    entry: Option<String>,
    /// The vehicle, for instance small
    #[arg(long, value_name = "WORD", requires = "entry")]
    vehicle: Option<String>,
    /// The plate's colour, for instance blue
    #[arg(long, value_name = "WORD", requires = "entry")]
    plate_color: Option<String>,
    /// How far after the entry
    #[arg(long = "for", value_name = "DURATION", default_value = "24h", value_parser = |text: &str| text.parse::<Span>())]
    horizon: Span,
    /// Tell the latest exit for this amount, too
    #[arg(long, value_name = "AMOUNT", value_parser = |text: &str| text.parse::<Amount>())]
    fee: Option<Amount>,
    /// Draw the fee into this file
    #[arg(long, value_name = "FILE", requires = "entry")]
    svg: Option<PathBuf>,
    /// With --entry the tariff; else files with one stay a line, stdin where there is none
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    let Some(entry) = &args.entry else {
        let wanted =
            "either --entry TIME with a tariff, or --tariff FILE with stays; see parkline curve --help";
        let tariff = args.tariff.as_ref().ok_or_else(|| CannotRun::new(wanted))?;
        let quoter = quote::quoter(tariff, &args.calendars)?;
        return quote::stays(&args.files, |stay| quoter.curve(stay, args.horizon, args.fee));
    };
    let tariff = match (&args.tariff, args.files.as_slice()) {
        (Some(tariff), []) | (None, [tariff]) => tariff,
        _ => return Err(CannotRun::new("with --entry one tariff is wanted, and no stays")),
    };
    let quoter = quote::quoter(tariff, &args.calendars)?;
    let stay = stay(args, &quoter, entry)?;
    let fees = match quoter.fees(&stay, args.horizon, args.fee) {
        Ok(fees) => fees,
        Err(error) => return printed(&Quote { json: error, priced: false }),
    };
    if let Some(path) = &args.svg {
        let svg = curve_svg::draw(&fees, &stay, args.horizon).map_err(CannotRun::new)?;
        fs::write(path, svg)
            .map_err(|error| CannotRun(format!("cannot write {}: {error}", path.display())))?;
        eprintln!("{}", path.display());
    }
    printed(&Quote { json: fees.to_json(&stay), priced: true })
}

fn printed(quote: &Quote) -> Result<Ended, CannotRun> {
    let mut lines = Lines::new();
    lines.line(quote.json.as_bytes())?;
    lines.finish()?;
    Ok(Ended::some_bad(!quote.priced))
}

/// The stay of the command line, at its entry.
fn stay(args: &Args, quoter: &Quoter, entry: &str) -> Result<Stay, CannotRun> {
    let entry = instant(quoter, entry).ok_or_else(|| {
        CannotRun(format!("{entry}: not a time such as 2026-03-02T08:00 or 2026-03-02T08:00:00+08:00"))
    })?;
    let mut stay = Stay::new("curve", entry, entry);
    stay.vehicle = args.vehicle.as_deref().map(Vehicle::new);
    stay.plate_color = args.plate_color.as_deref().map(Color::new);
    Ok(stay)
}

fn instant(quoter: &Quoter, text: &str) -> Option<Instant> {
    if let Ok(at) = text.parse() {
        return Some(at);
    }
    let local = Local::parse(text).or_else(|| Local::parse(&format!("{text}:00")))?;
    match quoter.zone()?.resolve(local) {
        Resolved::Once(at) | Resolved::Twice(at, _) => Some(at),
        Resolved::Skipped { .. } => None,
    }
}
