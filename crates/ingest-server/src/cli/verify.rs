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
    stage::{Output, Position, Record, Stage},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{CannotRun, Ended, input, output::Lines};
use crate::{
    host::FRAMES,
    log::{Embedded, Entry, Log, Name, Options},
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

/// The newest charge record of each session, and when the session ended.
#[derive(Default)]
struct Told {
    charges: BTreeMap<String, Charge>,
    exits: BTreeMap<String, String>,
}

impl Told {
    fn note(&mut self, topic: &str, json: &[u8]) {
        #[derive(Deserialize)]
        struct Session {
            session: String,
            exit: Option<Exit>,
        }
        #[derive(Deserialize)]
        struct Exit {
            at: String,
        }
        match topic {
            "charges" => {
                if let Ok(charge) = serde_json::from_slice::<Charge>(json) {
                    self.charges.insert(charge.session.clone(), charge);
                }
            }
            "sessions" => match serde_json::from_slice(json) {
                Ok(Session { session, exit: Some(Exit { at }) }) => drop(self.exits.insert(session, at)),
                Ok(Session { session, exit: None }) => drop(self.exits.remove(&session)),
                Err(_) => {}
            },
            _ => {}
        }
    }
}

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    let tenant = tenant(&args.data, &args.tenant)?;
    let tariff = args.tariff.as_deref().map(versions).transpose()?;
    let site = site(&tenant, tariff.as_deref())?;
    let log = open(&args.data, &args.tenant, None)?;
    let instead: BTreeSet<String> = tariff.iter().flatten().filter_map(id).collect();
    let (mut before, mut after, mut end) = (Told::default(), Told::default(), Instant::MIN);
    for partition in 0..log.partitions() {
        eprintln!("partition {partition}");
        for topic in ["sessions", "charges"] {
            each(&log, topic, partition, |entry| before.note(topic, &entry.value))?;
        }
        let left_out = |record: &[u8]| is_change_of(record, &instead);
        let ended = run_again(&log, partition, Pipeline::new(site.clone()), left_out, |output| {
            after.note(output.topic, &output.value);
        })?;
        end = end.max(ended);
    }
    let since = end - Span::from_days(i64::from(args.days));
    compare(&before, &after, since)
}

/// The folder of a tenant in a data folder.
pub(super) fn tenant(data: &Path, tenant: &str) -> Result<PathBuf, CannotRun> {
    let folder = data.join(tenant);
    if !folder.join("log.json").is_file() {
        return Err(CannotRun(format!("{} holds no log of {tenant}", data.display())));
    }
    Ok(folder)
}

/// Opens a log that no server holds.
pub(super) fn open(data: &Path, tenant: &str, archive: Option<PathBuf>) -> Result<Embedded, CannotRun> {
    let topics = Name::new(FRAMES).into_iter().collect();
    Embedded::open(data, &Options { archive, ..Options::new(tenant, topics) }).map_err(CannotRun::new)
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

/// The documents that the log began with.
pub(super) fn genesis(tenant: &Path) -> Result<Map<String, Value>, CannotRun> {
    serde_json::from_slice(&input::whole(&tenant.join("site/genesis.json"))?).map_err(CannotRun::new)
}

/// The site that the log began with, with the tariff in place of the one with its id.
pub(super) fn site(tenant: &Path, tariff: Option<&[Value]>) -> Result<Site, CannotRun> {
    let name = tenant.join("site/genesis.json").display().to_string();
    let mut genesis = genesis(tenant)?;
    if let Some(versions) = tariff {
        let first = versions.first().and_then(id).ok_or(CannotRun::new("the tariff has no id"))?;
        sitefile::set(&mut genesis, "tariffs", &first, Some(&Value::Array(versions.to_vec())));
    }
    Site::parse(&[(&name, Value::Object(genesis).to_string().as_bytes())]).map_err(CannotRun::new)
}

/// Shows each record of a topic.
pub(super) fn each(
    log: &Embedded,
    topic: &str,
    partition: u32,
    mut show: impl FnMut(&Entry),
) -> Result<(), CannotRun> {
    let topic = Name::new(topic).ok_or(CannotRun::new(topic))?;
    let mut from = 0;
    loop {
        let entries =
            log.read(&topic, partition, from, READ_BYTES, Duration::ZERO).map_err(CannotRun::new)?;
        let Some(last) = entries.last() else { return Ok(()) };
        from = last.offset + 1;
        entries.iter().for_each(&mut show);
    }
}

/// Runs a partition's records but those that are left out; gives the time of the last.
pub(super) fn run_again(
    log: &Embedded,
    partition: u32,
    mut pipeline: Pipeline,
    left_out: impl Fn(&[u8]) -> bool,
    mut made: impl FnMut(&Output),
) -> Result<Instant, CannotRun> {
    let (mut end, mut outputs) = (Instant::MIN, Vec::new());
    each(log, FRAMES, partition, |entry| {
        end = end.max(record::received_at(&entry.value).unwrap_or(end));
        if left_out(&entry.value) {
            return;
        }
        let position = Position { partition, offset: entry.offset };
        pipeline.apply(Record { position, value: &entry.value }, &mut outputs);
        outputs.drain(..).for_each(|output| made(&output));
    })?;
    Ok(end)
}

/// Whether a record changes reference data.
pub(super) fn is_reference(record: &[u8]) -> bool {
    record.windows(12).any(|window| window == b"\"reference\":")
        && serde_json::from_slice::<Value>(record).is_ok_and(|record| record.get("reference").is_some())
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

fn compare(before: &Told, after: &Told, since: Instant) -> Result<Ended, CannotRun> {
    let sessions: BTreeSet<&String> = before.charges.keys().chain(after.charges.keys()).collect();
    let (mut out, mut compared, mut differ) = (Lines::new(), 0u64, 0u64);
    for session in sessions {
        let (old, new) = (before.charges.get(session), after.charges.get(session));
        let exit = after.exits.get(session).or_else(|| before.exits.get(session));
        // One that runs again, or whose end is not known, is looked at.
        let ended = exit.and_then(|exit| exit.parse::<Instant>().ok()).is_none_or(|exit| exit >= since);
        let Some(known) = new.or(old).filter(|_| ended) else { continue };
        compared += 1;
        let outcome = |charge: Option<&Charge>| charge.map(Charge::outcome);
        if outcome(old) == outcome(new) {
            continue;
        }
        differ += 1;
        let line = json!({"session": session, "lot": known.lot, "exit": exit, "before": outcome(old), "after": outcome(new)});
        out.line(line.to_string().as_bytes())?;
    }
    let summary = json!({"compared": compared, "differ": differ, "since": since.to_string()});
    out.line(summary.to_string().as_bytes())?;
    out.finish()?;
    eprintln!("{compared} charges compared, {differ} differ");
    Ok(Ended::some_bad(differ > 0))
}
