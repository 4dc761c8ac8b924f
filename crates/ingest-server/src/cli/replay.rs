//! `parkline replay`

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use parkline::{
    replay::{Replay, Report},
    site::Site,
};

use super::{CannotRun, Ended, input, output::Lines, receipts};
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
    input::lines(&args.frames, |line| {
        replay.line(line);
        Ok(())
    })?;
    let report = replay.finish();
    let summary = serde_json::to_string(&report.summary).map_err(CannotRun::new)?;
    write(&args.out, &report, &summary)?;
    eprint!("{}", receipts::summary(&report, &args.out));
    let mut lines = Lines::new();
    lines.line(summary.as_bytes())?;
    lines.finish()?;
    Ok(Ended::some_bad(report.summary.dead_letters > 0))
}

/// Reads and checks a site.
pub(super) fn site(path: &Path) -> Result<Site, CannotRun> {
    let documents = SiteDocuments::read(path).map_err(CannotRun::new)?;
    let borrowed: Vec<(&str, &[u8])> =
        documents.0.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    Site::parse(&borrowed).map_err(CannotRun::new)
}

fn write_lines(path: &Path, lines: &[String]) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 18, fs::File::create(path)?);
    for line in lines {
        file.write_all(line.as_bytes())?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

fn write(folder: &Path, report: &Report, summary: &str) -> Result<(), CannotRun> {
    let failed =
        |path: &Path, error: io::Error| CannotRun(format!("cannot write {}: {error}", path.display()));
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let lists = [
        ("sessions.jsonl", &report.sessions),
        ("charges.jsonl", &report.charges),
        ("alerts.jsonl", &report.alerts),
        ("commands.jsonl", &report.commands),
        ("dead-letters.jsonl", &report.dead_letters),
    ];
    for (name, list) in lists {
        let path = folder.join(name);
        write_lines(&path, list).map_err(|error| failed(&path, error))?;
    }
    let path = folder.join("summary.json");
    fs::write(&path, format!("{summary}\n")).map_err(|error| failed(&path, error))
}
