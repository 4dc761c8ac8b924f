//! `parkline export`

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use parking_types::Instant;

use super::{CannotRun, Ended, output::Lines};
use crate::{
    archive,
    log::{LogError, SegmentFile, segments},
    record,
};

const EXAMPLES: &str = "\
Examples:
  parkline export --data /var/lib/parkline > frames.jsonl
  parkline export --data /var/lib/parkline --archive /mnt/archive --device m-17 --from 2026-03-01T00:00:00+08:00
  parkline export --archive /mnt/archive | parkline replay --site /mnt/archive/default/site/genesis.json

Prints the frames as they came, one record a line, each with its position and tenant; without --device also the ticks,
outages and changes of reference data that a replay needs. The server may run meanwhile. Exit code 1: something is damaged;
what stands before it in its partition is printed, and stderr says where.";

/// What `export` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The server's data folder
    #[arg(long, value_name = "DIR", required_unless_present = "archive")]
    data: Option<PathBuf>,
    /// The archive that older frames went to
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,
    /// Whose data
    #[arg(long, value_name = "TENANT", default_value = "default")]
    tenant: String,
    /// Only what this device sent
    #[arg(long, value_name = "ID")]
    device: Option<String>,
    /// Only what was received at this time or later
    #[arg(long, value_name = "TIME")]
    from: Option<Instant>,
    /// Only what was received before this time
    #[arg(long, value_name = "TIME")]
    to: Option<Instant>,
}

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    let mut lines = Lines::new();
    let mut damaged = false;
    for (partition, segments) in found(args)? {
        for path in segments.values() {
            if passed_over(args, path) {
                continue;
            }
            match print(args, partition, path, &mut lines)? {
                Some(LogError::Corrupt { .. }) if Some(path) == segments.values().next_back() => {
                    // The server may be in the middle of a write.
                }
                Some(error) => {
                    eprintln!("{error}");
                    damaged = true;
                    break;
                }
                None => {}
            }
        }
    }
    lines.finish()?;
    Ok(Ended::some_bad(damaged))
}

/// The segments of each partition, those of the data folder before those of the archive with the same number.
fn found(args: &Args) -> Result<BTreeMap<u32, BTreeMap<u64, PathBuf>>, CannotRun> {
    let mut found: BTreeMap<u32, BTreeMap<u64, PathBuf>> = BTreeMap::new();
    for root in [&args.archive, &args.data].into_iter().flatten() {
        let frames = root.join(&args.tenant).join("topics/frames");
        let unreadable = |error| CannotRun(format!("cannot read {}: {error}", frames.display()));
        for folder in fs::read_dir(&frames).map_err(unreadable)? {
            let folder = folder.map_err(unreadable)?;
            let Some(number) = folder.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            found.entry(number).or_default().extend(segments(&folder.path()).map_err(CannotRun::new)?);
        }
    }
    Ok(found)
}

/// Whether an archived segment's index says that nothing in it is wanted.
fn passed_over(args: &Args, path: &Path) -> bool {
    let Some(index) = archive::index_of(path) else { return false };
    let time = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<Instant>().ok());
    let device = args.device.as_ref().is_some_and(|device| !index.devices.contains(device));
    let early = args.from.zip(time(&index.to)).is_some_and(|(from, last)| last < from);
    let late = args.to.zip(time(&index.from)).is_some_and(|(to, first)| first >= to);
    device || early || late
}

/// Prints what is wanted of a segment; gives what is wrong with it.
fn print(args: &Args, partition: u32, path: &Path, lines: &mut Lines) -> Result<Option<LogError>, CannotRun> {
    let mut segment = match SegmentFile::open(path) {
        Ok(segment) => segment,
        Err(error) => return Ok(Some(error)),
    };
    loop {
        let (number, record) = match segment.record() {
            Ok(Some(found)) => found,
            Ok(None) => break,
            Err(error) => return Ok(Some(error)),
        };
        if is_wanted(args, record) {
            let open = record.strip_suffix(b"}").unwrap_or(record);
            let tail = format!(",\"position\":\"{partition}-{number}\",\"tenant\":\"{}\"}}", args.tenant);
            lines.line(&[open, tail.as_bytes()].concat())?;
        }
    }
    let at = segment.len;
    Ok(segment.broken.map(|why| LogError::Corrupt { file: path.to_owned(), at, why }))
}

fn is_wanted(args: &Args, record: &[u8]) -> bool {
    let at = record::received_at(record);
    args.from.is_none_or(|from| at.is_some_and(|at| at >= from))
        && args.to.is_none_or(|to| at.is_some_and(|at| at < to))
        && args.device.as_ref().is_none_or(|wanted| record::device(record).as_ref() == Some(wanted))
}
