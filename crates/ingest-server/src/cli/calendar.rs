//! `parkline calendar`

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use tariff_engine::{Calendar, document_error_json};

use super::{CannotRun, Ended, input, output::Lines};

const EXAMPLES: &str = "\
Example:
  parkline calendar merge cn-2026.json cn-2027.json fair.json > days.json

Later calendars win where several list a date; the id is the ids joined by +. What a calendar lists outside its own `covers`
has no effect. A year that is missing between two others, or weekends that differ, are an error: exit code 2.";

/// What `calendar` is told.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Merge calendars by date into one document
    #[command(after_help = EXAMPLES)]
    Merge {
        /// Calendars, later ones win
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    let Command::Merge { files } = &args.command;
    let mut read = Vec::with_capacity(files.len());
    for path in files {
        let calendar = Calendar::from_json(&input::whole(path)?).map_err(|error| {
            CannotRun(document_error_json(&error).replacen(
                '{',
                &format!("{{\"file\":{},", json!(path.display().to_string())),
                1,
            ))
        })?;
        read.push(calendar);
    }
    let merged = Calendar::merge(&read.iter().collect::<Vec<_>>())
        .map_err(|error| refused("bad_field", &error.to_string()))?;
    if let Some((from, until)) = merged.gap() {
        let last = until.plus_days(-1);
        return Err(refused(
            "calendar_gap",
            &format!("no calendar covers {from} to {last}: a calendar is missing between the others"),
        ));
    }
    let mut lines = Lines::new();
    lines.line(merged.canonical())?;
    lines.finish()?;
    Ok(Ended::Well)
}

fn refused(code: &str, message: &str) -> CannotRun {
    CannotRun(json!({"error": {"code": code, "message": message, "path": "covers"}}).to_string())
}
