//! `parkline replay`

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
};

use parkline::{
    replay::{Lines, Replay, Report},
    site::Site,
};

use super::{CannotRun, Ended, input, output, receipts};
use crate::sitefile::SiteDocuments;

const EXAMPLES: &str = "\
Examples:
  parkline replay --site examples/data/site/mall.json examples/data/frames/mall.jsonl
  parkline replay --site site/ --out results march.jsonl april.jsonl
  zcat march.jsonl.gz | parkline replay --site site/

SITE is a document or a folder of them. A line of FRAMES is a frame record, a tick, an outage or a change of reference
data. Into the folder go sessions.jsonl, charges.jsonl, alerts.jsonl, commands.jsonl, dead-letters.jsonl and
summary.json. Exit code 1: there are dead letters.";

/// What `replay` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The site in force before the first line: a document, or a folder of them
    #[arg(long, value_name = "SITE")]
    site: PathBuf,
    /// Where the results go
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Files of frame records, one a line; stdin where there is none
    frames: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    let mut replay = Replay::new(site(&args.site)?);
    input::blocks(&args.frames, |lines| {
        replay.text(lines);
        Ok(())
    })?;
    let report = replay.finish();
    let summary = serde_json::to_string(&report.summary).map_err(CannotRun::new)?;
    let told = write(&args.out, &report, &summary)?;
    eprint!("{told}");
    let mut lines = output::Lines::new();
    lines.line(summary.as_bytes())?;
    lines.finish()?;
    let ended = Ended::some_bad(report.summary.dead_letters > 0);
    // The process ends here, and the system takes a city's records back at once.
    core::mem::forget(report);
    Ok(ended)
}

/// Reads and checks a site.
pub(super) fn site(path: &Path) -> Result<Site, CannotRun> {
    let documents = SiteDocuments::read(path).map_err(CannotRun::new)?;
    let borrowed: Vec<(&str, &[u8])> =
        documents.0.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    Site::parse(&borrowed).map_err(CannotRun::new)
}

/// Writes everything, the two long files at the same time; gives what people are told.
fn write(folder: &Path, report: &Report, summary: &str) -> Result<String, CannotRun> {
    let failed =
        |path: &Path, error: io::Error| CannotRun(format!("cannot write {}: {error}", path.display()));
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let file = |name: &str, lines: Lines<'_>| {
        let path = folder.join(name);
        write_lines(&path, lines).map_err(|error| failed(&path, error))
    };
    thread::scope(|scope| {
        let charges = scope.spawn(|| file("charges.jsonl", report.charges()));
        file("sessions.jsonl", report.sessions())?;
        file("alerts.jsonl", report.alerts())?;
        file("commands.jsonl", report.commands())?;
        let letters: String =
            report.dead_letters().iter().flat_map(|letter| [letter.as_str(), "\n"]).collect();
        for (name, text) in [("dead-letters.jsonl", letters), ("summary.json", format!("{summary}\n"))] {
            let path = folder.join(name);
            fs::write(&path, text).map_err(|error| failed(&path, error))?;
        }
        let told = receipts::summary(report, folder);
        let charges = charges.join().unwrap_or_else(|_| Err(CannotRun::new("writing the charges failed")));
        charges.map(|()| told)
    })
}

fn write_lines(path: &Path, mut lines: Lines<'_>) -> io::Result<()> {
    const BUFFER: usize = 1 << 18;
    let mut file = fs::File::create(path)?;
    let mut buffer = Vec::with_capacity(BUFFER + (1 << 14));
    while lines.append_next(&mut buffer) {
        buffer.push(b'\n');
        if buffer.len() >= BUFFER {
            file.write_all(&buffer)?;
            buffer.clear();
        }
    }
    file.write_all(&buffer)
}
