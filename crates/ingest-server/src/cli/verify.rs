//! `parkline verify`: runs a data folder's log again, with this release or another tariff, and says which charges differ.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use parking_types::{Instant, Span};
use parkline::{
    pipeline::Pipeline,
    site::Site,
    stage::{Position, Record, Stage},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{CannotRun, Ended, input, output::Lines};
use crate::{
    host::FRAMES,
    log::{Embedded, Log, Name, Options},
    record, sitefile,
};

const EXAMPLES: &str = "\
Examples:
  parkline verify --data /backup/parkline
      before an update: does the new release charge what the old one did?
  parkline verify --data /backup/parkline --tariff new.json --days 30
      what another tariff would have changed

Runs all records from the first site on, as a start without checkpoints would, and compares the charges of sessions that
ended within the last days with those that were published. One line for each that differs: {\"session\",\"lot\",\"exit\",
\"before\",\"after\"}, then a summary. Ends with 1 where there are any.

A folder that a server holds is refused: give a copy (`cp -a`; on btrfs or xfs with --reflink).";

const READ_BYTES: usize = 4 << 20;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Whose log
    #[arg(long, value_name = "NAME", default_value = "default")]
    tenant: String,
    /// A tariff, or an array of its versions, that stands in place of the one with its id
    #[arg(long, value_name = "FILE")]
    tariff: Option<PathBuf>,
    /// Sessions that ended within so many days before the log's end
    #[arg(long, value_name = "N", default_value_t = 7)]
    days: u16,
}

/// What of a charge record is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Charge {
    #[serde(default)]
    session: String,
    #[serde(default)]
    lot: String,
    exit: Option<String>,
    order: String,
    total: Option<String>,
    outstanding: Option<String>,
    error: Option<Value>,
}

impl Charge {
    fn outcome(&self) -> Value {
        let code = self.error.as_ref().and_then(|error| error.get("code"));
        json!({"order": self.order, "total": self.total, "outstanding": self.outstanding, "error": code})
    }
}

type Charges = BTreeMap<String, Charge>;

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    let tenant = args.data.join(&args.tenant);
    if !tenant.join("log.json").is_file() {
        return Err(CannotRun(format!("{} holds no log of {}", args.data.display(), args.tenant)));
    }
    let tariff = args.tariff.as_deref().map(versions).transpose()?;
    let site = site(&tenant, tariff.as_deref())?;
    let topics = Name::new(FRAMES).into_iter().collect();
    let log = Embedded::open(&args.data, &Options::new(&args.tenant, topics)).map_err(CannotRun::new)?;
    let instead = tariff.iter().flatten().filter_map(id).collect();
    let (mut before, mut after, mut end) = (Charges::new(), Charges::new(), Instant::MIN);
    for partition in 0..log.partitions() {
        eprintln!("partition {partition}");
        published(&log, partition, &mut before)?;
        end = end.max(again(&log, partition, Pipeline::new(site.clone()), &instead, &mut after)?);
    }
    let since = end - Span::from_days(i64::from(args.days));
    compare(&before, &after, since)
}

/// The versions of a tariff in a file.
fn versions(path: &Path) -> Result<Vec<Value>, CannotRun> {
    let value = serde_json::from_slice(&input::whole(path)?);
    Ok(match value.map_err(|error| CannotRun(format!("{}: {error}", path.display())))? {
        Value::Array(versions) => versions,
        one => vec![one],
    })
}

fn id(entry: &Value) -> Option<String> {
    entry.get("id")?.as_str().map(str::to_owned)
}

/// The site that the log began with, with the tariff in place of the one with its id.
fn site(tenant: &Path, tariff: Option<&[Value]>) -> Result<Site, CannotRun> {
    let path = tenant.join("site/genesis.json");
    let name = path.display().to_string();
    let mut genesis: Map<String, Value> =
        serde_json::from_slice(&input::whole(&path)?).map_err(CannotRun::new)?;
    if let Some(versions) = tariff {
        let first = versions.first().and_then(id).ok_or(CannotRun::new("the tariff has no id"))?;
        sitefile::set(&mut genesis, "tariffs", &first, Some(&Value::Array(versions.to_vec())));
    }
    Site::parse(&[(&name, Value::Object(genesis).to_string().as_bytes())]).map_err(CannotRun::new)
}

/// The newest charge record of each session, as it was published.
fn published(log: &Embedded, partition: u32, charges: &mut Charges) -> Result<(), CannotRun> {
    let Some(topic) = Name::new("charges") else { return Ok(()) };
    let mut from = 0;
    loop {
        let entries =
            log.read(&topic, partition, from, READ_BYTES, Duration::ZERO).map_err(CannotRun::new)?;
        let Some(last) = entries.last() else { return Ok(()) };
        from = last.offset + 1;
        entries.iter().for_each(|entry| note(&entry.value, charges));
    }
}

fn note(json: &[u8], charges: &mut Charges) {
    if let Ok(charge) = serde_json::from_slice::<Charge>(json) {
        charges.insert(charge.session.clone(), charge);
    }
}

/// Runs a partition's records; gives the time of the last.
fn again(
    log: &Embedded,
    partition: u32,
    mut pipeline: Pipeline,
    instead: &BTreeSet<String>,
    charges: &mut Charges,
) -> Result<Instant, CannotRun> {
    let frames = Name::new(FRAMES).ok_or(CannotRun::new(FRAMES))?;
    let (mut from, mut end, mut outputs) = (0, Instant::MIN, Vec::new());
    loop {
        let entries =
            log.read(&frames, partition, from, READ_BYTES, Duration::ZERO).map_err(CannotRun::new)?;
        let Some(last) = entries.last() else { return Ok(end) };
        from = last.offset + 1;
        for entry in &entries {
            end = end.max(record::received_at(&entry.value).unwrap_or(end));
            if is_change_of(&entry.value, instead) {
                continue;
            }
            let position = Position { partition, offset: entry.offset };
            pipeline.apply(Record { position, value: &entry.value }, &mut outputs);
            let made = outputs.drain(..).filter(|output| output.topic == "charges");
            made.for_each(|output| note(&output.value, charges));
        }
    }
}

/// Whether a record changes a tariff that another one stands in for.
fn is_change_of(record: &[u8], tariffs: &BTreeSet<String>) -> bool {
    if tariffs.is_empty() || !record.windows(11).any(|window| window == b"\"reference\"") {
        return false;
    }
    let reference = serde_json::from_slice::<Value>(record).unwrap_or_default();
    let reference = reference.get("reference").cloned().unwrap_or_default();
    reference.get("kind").and_then(Value::as_str) == Some("tariffs")
        && id(&reference).is_some_and(|id| tariffs.contains(&id))
}

fn compare(before: &Charges, after: &Charges, since: Instant) -> Result<Ended, CannotRun> {
    let ended = |charge: &Charge| {
        charge.exit.as_deref().and_then(|exit| exit.parse::<Instant>().ok()).is_none_or(|exit| exit >= since)
    };
    let sessions: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let (mut out, mut compared, mut differ) = (Lines::new(), 0u64, 0u64);
    for session in sessions {
        let (old, new) = (before.get(session), after.get(session));
        let Some(known) = new.or(old).filter(|charge| ended(charge)) else { continue };
        compared += 1;
        let outcome = |charge: Option<&Charge>| charge.map(Charge::outcome);
        if outcome(old) == outcome(new) {
            continue;
        }
        differ += 1;
        let line = json!({"session": session, "lot": known.lot, "exit": known.exit, "before": outcome(old), "after": outcome(new)});
        out.line(line.to_string().as_bytes())?;
    }
    let summary = json!({"compared": compared, "differ": differ, "since": since.to_string()});
    out.line(summary.to_string().as_bytes())?;
    out.finish()?;
    eprintln!("{compared} charges compared, {differ} differ");
    Ok(Ended::some_bad(differ > 0))
}
