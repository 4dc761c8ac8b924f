//! `parkline reprocess`: runs a log again into a fresh place, with the reference data of then or a given site, and reports
//! what differs of the sessions that end in a span from what was published.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use parking_types::{Amount, Instant};
use parkline::pipeline::Pipeline;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{CannotRun, Ended, output::Lines, replay, verify};
use crate::{
    log::{Embedded, Log},
    server::same_groups,
    sitefile::SiteDocuments,
};

const EXAMPLES: &str = "\
Examples:
  parkline reprocess --data /tmp/copy --from 2026-03-01T00:00:00+08:00 --to 2026-04-01T00:00:00+08:00 --out march
      with the reference data of then: what would this release make of March?
  parkline reprocess --data /tmp/copy --from … --to … --site corrected/ --out march
      with this site from the first record on, in place of all that the log says of reference data

Runs all records from the first on; no record of the data folder is changed. Into DIR, which must be empty or new, go
sessions.jsonl and charges.jsonl (the last revisions of the sessions that end in the span), differences.jsonl with a line for
each session that differs, {\"session\",\"lot\",\"differs\",\"before\",\"after\"}, and summary.json, which is printed too. Ends with 1
where anything differs.

A folder that a server holds is refused: give a copy (`cp -a`; on btrfs or xfs with --reflink).";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where old frames went
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,
    /// Whose log
    #[arg(long, value_name = "NAME", default_value = "default")]
    tenant: String,
    /// Sessions that end then or later …
    #[arg(long, value_name = "TIME")]
    from: Instant,
    /// … and before this
    #[arg(long, value_name = "TIME")]
    to: Instant,
    /// A site in place of the log's reference data: a document, or a folder of them
    #[arg(long, value_name = "SITE")]
    site: Option<PathBuf>,
    /// Where the results go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// What is looked at of a session or a charge record.
#[derive(Deserialize)]
struct Keys {
    session: String,
    exit: Option<Exit>,
}

#[derive(Deserialize)]
struct Exit {
    at: String,
}

/// The last record of each session that matters, of one topic.
type Last = BTreeMap<String, Bytes>;

/// Sessions and charges as they were published, or as they are made again.
#[derive(Default)]
struct Told {
    sessions: Last,
    charges: Last,
}

/// Which sessions matter: those that end in the span, and those that are named.
struct Span {
    from: Instant,
    to: Instant,
    named: BTreeSet<String>,
}

impl Span {
    fn holds(&self, keys: &Keys) -> bool {
        let exit = keys.exit.as_ref().and_then(|exit| exit.at.parse::<Instant>().ok());
        exit.is_some_and(|exit| self.from <= exit && exit < self.to)
    }
}

impl Told {
    /// Takes a record. Which charges matter is known when all sessions are.
    fn note(&mut self, topic: &str, json: &[u8], span: &Span) {
        let Ok(keys) = serde_json::from_slice::<Keys>(json) else { return };
        match topic {
            "charges" => drop(self.charges.insert(keys.session, Bytes::copy_from_slice(json))),
            "sessions" if span.named.contains(&keys.session) || span.holds(&keys) => {
                self.sessions.insert(keys.session, Bytes::copy_from_slice(json));
            }
            "sessions" => drop(self.sessions.remove(&keys.session)),
            _ => {}
        }
    }

    /// Drops the charges of other sessions.
    fn settle(&mut self) {
        let Self { sessions, charges } = self;
        charges.retain(|session, _| sessions.contains_key(session));
    }

    /// What was published in these topics.
    fn published(log: &Embedded, topics: &[&str], span: &Span) -> Result<Self, CannotRun> {
        let mut told = Self::default();
        for topic in topics {
            for partition in 0..log.partitions() {
                verify::each(log, topic, partition, |entry| told.note(topic, &entry.value, span))?;
            }
        }
        told.settle();
        Ok(told)
    }

    /// What differs between the two for a session, and what each says.
    fn of(&self, session: &str) -> Value {
        let read = |last: &Last, fields: &[&str]| {
            let record: Value = serde_json::from_slice(last.get(session)?).ok()?;
            let said =
                fields.iter().filter_map(|field| Some(((*field).to_owned(), record.get(*field)?.clone())));
            Some(Value::Object(said.collect::<Map<String, Value>>()))
        };
        json!({"session": read(&self.sessions, &SESSION), "charge": read(&self.charges, &CHARGE)})
    }
}

/// What of a session record is compared: what happened, not how often it was told.
const SESSION: [&str; 14] = [
    "lot",
    "berth",
    "lane_in",
    "lane_out",
    "plate",
    "plate_color",
    "vehicle",
    "ticket",
    "state",
    "entry",
    "exit",
    "marks",
    "superseded_by",
    "origin",
];
/// What of a charge record is compared.
const CHARGE: [&str; 9] =
    ["order", "currency", "total", "paid", "due", "outstanding", "overpaid", "error", "payments"];

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    if args.from >= args.to {
        return Err(CannotRun::new("--from must lie before --to"));
    }
    fresh(&args.out)?;
    let tenant = verify::tenant(&args.data, &args.tenant)?;
    let site = match &args.site {
        None => verify::site(&tenant, None)?,
        Some(path) => {
            let genesis = verify::genesis(&tenant)?;
            let merged = SiteDocuments::read(path).and_then(|documents| documents.merged());
            same_groups(&genesis, &merged.map_err(CannotRun::new)?).map_err(CannotRun::new)?;
            replay::site(path)?
        }
    };
    let log = verify::open(&args.data, &args.tenant, args.archive.clone())?;
    let mut span = Span { from: args.from, to: args.to, named: BTreeSet::new() };
    // One that ended in the span then and does not now, or the other way round, differs: both are looked for by name.
    let ended = Told::published(&log, &["sessions"], &span)?.sessions;
    span.named.extend(ended.into_keys());
    let instead = args.site.is_some();
    let mut after = Told::default();
    for partition in 0..log.partitions() {
        eprintln!("partition {partition}");
        let left_out = |record: &[u8]| instead && verify::is_reference(record);
        verify::run_again(&log, partition, Pipeline::new(site.clone()), left_out, |output| {
            after.note(output.topic, &output.value, &span);
        })?;
    }
    after.settle();
    span.named.extend(after.sessions.keys().cloned());
    let before = Told::published(&log, &["sessions", "charges"], &span)?;
    report(args, &before, &after, &span)
}

/// The folder is there, and nothing is in it.
fn fresh(out: &Path) -> Result<(), CannotRun> {
    let failed = |error| CannotRun(format!("{}: {error}", out.display()));
    fs::create_dir_all(out).map_err(failed)?;
    match fs::read_dir(out).map_err(failed)?.next() {
        None => Ok(()),
        Some(_) => Err(CannotRun(format!("{} is not empty", out.display()))),
    }
}

/// The sums of a currency, before and after.
#[derive(Clone, Copy, Default)]
struct Sums {
    before: Amount,
    after: Amount,
}

fn report(args: &Args, before: &Told, after: &Told, span: &Span) -> Result<Ended, CannotRun> {
    let (mut differences, mut differ) = (Vec::new(), 0_u64);
    let (mut only_before, mut only_after) = (0_u64, 0_u64);
    let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
    for session in &span.named {
        let (old, new) = (before.of(session), after.of(session));
        add(&old, &mut sums, |sums| &mut sums.before);
        add(&new, &mut sums, |sums| &mut sums.after);
        let differs = differing(&old, &new);
        if differs.is_empty() {
            continue;
        }
        differ += 1;
        let is_there = |told: &Value| !told["session"].is_null() || !told["charge"].is_null();
        only_before += u64::from(!is_there(&new));
        only_after += u64::from(!is_there(&old));
        let lot = [&new, &old].into_iter().find_map(|told| told["session"]["lot"].as_str());
        let line = json!({"session": session, "lot": lot, "differs": differs, "before": old, "after": new});
        differences.extend(line.to_string().into_bytes());
        differences.push(b'\n');
    }
    let totals: Vec<Value> = sums
        .iter()
        .map(|(currency, sums)| {
            let (before, after) = (sums.before.to_string(), sums.after.to_string());
            json!({"currency": currency, "before": before, "after": after})
        })
        .collect();
    let summary = json!({"from": args.from.to_string(), "to": args.to.to_string(), "compared": span.named.len(),
        "differ": differ, "only_before": only_before, "only_after": only_after, "totals": totals});
    let all = |last: &Last| last.values().flat_map(|line| [&line[..], b"\n"]).collect::<Vec<_>>().concat();
    for (name, text) in [
        ("sessions.jsonl", all(&after.sessions)),
        ("charges.jsonl", all(&after.charges)),
        ("differences.jsonl", differences),
        ("summary.json", format!("{summary}\n").into_bytes()),
    ] {
        let path = args.out.join(name);
        let written = fs::File::create(&path).and_then(|mut file| file.write_all(&text));
        written.map_err(|error| CannotRun(format!("cannot write {}: {error}", path.display())))?;
    }
    let mut out = Lines::new();
    out.line(summary.to_string().as_bytes())?;
    out.finish()?;
    eprintln!("{} sessions compared, {differ} differ; see {}", span.named.len(), args.out.display());
    Ok(Ended::some_bad(differ > 0))
}

/// Adds a charge's total to the sums of its currency.
fn add(told: &Value, sums: &mut BTreeMap<String, Sums>, side: impl Fn(&mut Sums) -> &mut Amount) {
    let charge = &told["charge"];
    if let (Some(currency), Some(Ok(total))) =
        (charge["currency"].as_str(), charge["total"].as_str().map(str::parse::<Amount>))
    {
        let sum = side(sums.entry(currency.to_owned()).or_default());
        *sum = sum.saturating_add(total);
    }
}

/// The names of what differs.
fn differing(old: &Value, new: &Value) -> Vec<String> {
    let mut differs = Vec::new();
    for (record, fields) in [("session", &SESSION[..]), ("charge", &CHARGE[..])] {
        for field in fields {
            if old[record][*field] != new[record][*field] {
                differs.push(format!("{record}.{field}"));
            }
        }
    }
    differs
}
