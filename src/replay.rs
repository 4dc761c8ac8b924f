//! Runs a recording through the pipeline in memory and keeps the last state of everything.

use std::collections::{BTreeMap, HashMap};

use parking_types::{Amount, Currency, Id, Instant};
use session_core::{
    AlertRecord, Certainty, ChargeRecord, CommandRecord, Effect, FrameName, SessionId, SessionRecord,
};

use crate::{
    pipeline::{Counts, Pipeline},
    record::{Body, Record},
    site::Site,
};

/// What a recording came to, in figures. Frames = applied + duplicate + dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Frames; ticks, outages and reference lines are none.
    pub frames: u64,
    /// Used.
    pub applied: u64,
    /// Seen before.
    pub duplicate: u64,
    /// Could not be used.
    pub dead_letters: u64,
    /// Readings that could not be used, of frames whose others were.
    pub readings_dead: u64,
    /// Sessions, without superseded ones.
    pub sessions: u64,
    /// Charges of those.
    pub charges: u64,
}

/// What a recording came to: the last state of everything, one JSON object each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Sessions without superseded ones, by entry (else exit), lot, session.
    pub sessions: Vec<String>,
    /// Their charges, in the same order.
    pub charges: Vec<String>,
    /// Alerts, by the time they were opened, lot, id.
    pub alerts: Vec<String>,
    /// Commands, by the time of their event, lot, id.
    pub commands: Vec<String>,
    /// Dead letters as they came.
    pub dead_letters: Vec<String>,
    /// The figures.
    pub summary: Summary,
    /// How many entries and exits are inferred.
    pub inferred_edges: u64,
    /// What the charges come to, by currency.
    pub revenue: BTreeMap<Currency, Revenue>,
}

/// What the charges in one currency come to; `None`: more than an amount can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revenue {
    /// Charged.
    pub total: Option<Amount>,
    /// Of it still owed.
    pub outstanding: Option<Amount>,
}

/// A replay that is under way.
///
/// Records that name their position are applied partition by partition, each with a clock of its own; all others share
/// one. Changes of reference data reach every partition.
///
/// ```
/// use parkline::{replay::Replay, site::Site};
/// let site = Site::parse(&[("site.json", br#"{ "format": 1,
///     "lots": [ { "id": "L1", "kind": "roadside", "time_zone": "Asia/Shanghai" } ],
///     "berths": [ { "id": "L1-001", "lot": "L1" } ],
///     "devices": [ { "id": "m-1", "protocol": "bosch-tps110", "berth": "L1-001" } ] }"#)])?;
/// let mut replay = Replay::new(site);
/// replay.line(br#"{"received_at":"2026-03-02T08:00:00+08:00","device":"m-1","port":1,"counter":1,"payload":"01"}"#);
/// let report = replay.finish();
/// assert_eq!((report.summary.applied, report.sessions.len()), (1, 1));
/// # Ok::<(), parkline::site::SiteError>(())
/// ```
pub struct Replay {
    /// Reference data as of now, for partitions that are yet to come.
    site: Site,
    partitions: BTreeMap<Option<u32>, Pipeline>,
    lines: u64,
    last: Last,
}

/// The last state of everything.
#[derive(Default)]
struct Last {
    sessions: HashMap<SessionId, Box<SessionRecord>>,
    charges: HashMap<SessionId, Box<ChargeRecord>>,
    alerts: BTreeMap<Id, Box<AlertRecord>>,
    commands: BTreeMap<Id, Box<CommandRecord>>,
    dead_letters: Vec<String>,
}

impl Replay {
    /// A replay of records with what was in force before the first one.
    pub fn new(site: Site) -> Self {
        Self { site, partitions: BTreeMap::new(), lines: 0, last: Last::default() }
    }

    /// Applies the next line; a blank one is none.
    pub fn line(&mut self, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let name = FrameName { partition: 0, offset: self.lines, index: None };
        self.lines += 1;
        let record = Record::read(line, &self.site.tenant());
        if let Ok(Record { received_at, body: Body::Reference(text), .. }) = &record {
            self.reference(line, text, *received_at, name);
            return;
        }
        let partition = record.as_ref().ok().and_then(|record| record.name).map(|name| name.partition);
        let site = &self.site;
        let pipeline = self.partitions.entry(partition).or_insert_with(|| Pipeline::new(site.clone()));
        pipeline.apply_read(line, record, name);
        self.last.take(pipeline);
    }

    /// A change of reference data reaches every partition, those that are yet to come too.
    fn reference(&mut self, line: &[u8], text: &str, at: Instant, name: FrameName) {
        if self.partitions.is_empty() {
            self.partitions.insert(None, Pipeline::new(self.site.clone()));
        }
        for pipeline in self.partitions.values_mut() {
            pipeline.apply_record(line, name);
            self.last.take(pipeline);
        }
        // The partitions have reported a change that is refused.
        let _refused = self.site.apply_reference(text.as_bytes(), at).is_err();
    }

    /// The figures so far.
    pub fn counts(&self) -> Counts {
        self.partitions.values().fold(Counts::default(), |sum, pipeline| {
            let counts = pipeline.counts();
            Counts {
                applied: sum.applied + counts.applied,
                duplicate: sum.duplicate + counts.duplicate,
                dead_letters: sum.dead_letters + counts.dead_letters,
                readings_dead: sum.readings_dead + counts.readings_dead,
            }
        })
    }

    /// The end of the recording.
    pub fn finish(mut self) -> Report {
        for pipeline in self.partitions.values_mut() {
            pipeline.finish();
            self.last.take(pipeline);
        }
        let counts = self.counts();
        // Lots know their zone whichever partition they belong to.
        let printer = Pipeline::new(self.site);
        self.last.report(&printer, counts)
    }
}

impl Last {
    fn take(&mut self, pipeline: &mut Pipeline) {
        for effect in pipeline.take_effects() {
            match effect {
                Effect::Session(session) => drop(self.sessions.insert(session.session, session)),
                Effect::Charge(charge) => drop(self.charges.insert(charge.session, charge)),
                Effect::Alert(alert) => drop(self.alerts.insert(alert.alert, alert)),
                Effect::Command(command) => drop(self.commands.insert(command.command, command)),
            }
        }
        let letters = pipeline.take_dead_letters().map(|letter| text(letter.json));
        self.dead_letters.extend(letters);
    }

    fn report(mut self, printer: &Pipeline, counts: Counts) -> Report {
        let mut sessions: Vec<_> =
            self.sessions.into_values().filter(|session| session.superseded_by.is_none()).collect();
        sessions.sort_unstable_by_key(|s| (s.entry.or(s.exit).map(|moment| moment.at), s.lot, s.session));
        let mut alerts: Vec<_> = self.alerts.into_values().collect();
        alerts.sort_unstable_by_key(|alert| (alert.opened_at, alert.lot, alert.alert));
        let mut commands: Vec<_> = self.commands.into_values().collect();
        commands.sort_unstable_by_key(|command| (command.at, command.lot, command.command));
        let print = |effect: Effect| text(printer.publish(&effect).value);
        let charges: Vec<_> =
            sessions.iter().filter_map(|session| self.charges.remove(&session.session)).collect();
        let inferred_edges = inferred_edges(&sessions);
        let revenue = revenue(&charges);
        let charges: Vec<String> = charges.into_iter().map(|charge| print(Effect::Charge(charge))).collect();
        let sessions: Vec<String> =
            sessions.into_iter().map(|session| print(Effect::Session(session))).collect();
        let summary = Summary {
            frames: counts.frames(),
            applied: counts.applied,
            duplicate: counts.duplicate,
            dead_letters: counts.dead_letters,
            readings_dead: counts.readings_dead,
            sessions: sessions.len() as u64,
            charges: charges.len() as u64,
        };
        Report {
            sessions,
            charges,
            alerts: alerts.into_iter().map(|alert| print(Effect::Alert(alert))).collect(),
            commands: commands.into_iter().map(|command| print(Effect::Command(command))).collect(),
            dead_letters: self.dead_letters,
            summary,
            inferred_edges,
            revenue,
        }
    }
}

fn inferred_edges(sessions: &[Box<SessionRecord>]) -> u64 {
    let edges = sessions.iter().flat_map(|session| [session.entry, session.exit]).flatten();
    edges.filter(|edge| edge.certainty == Certainty::Inferred).count() as u64
}

fn revenue(charges: &[Box<ChargeRecord>]) -> BTreeMap<Currency, Revenue> {
    let mut sums = BTreeMap::new();
    for charge in charges {
        let (Some(currency), Some(total)) = (charge.currency, charge.total) else { continue };
        let nothing = Revenue { total: Some(Amount::ZERO), outstanding: Some(Amount::ZERO) };
        let sum = sums.entry(currency).or_insert(nothing);
        sum.total = sum.total.and_then(|sum| sum.checked_add(total));
        sum.outstanding = sum.outstanding.and_then(|sum| sum.checked_add(charge.outstanding));
    }
    sums
}

fn text(json: Vec<u8>) -> String {
    match simdutf8::basic::from_utf8(&json) {
        Ok(text) => text.to_owned(),
        Err(_) => String::new(),
    }
}
