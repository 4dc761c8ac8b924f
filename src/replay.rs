//! Runs a recording through the pipeline in memory and keeps the last state of everything.

mod report;

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc},
    thread,
};

use parking_types::{Id, Instant};
use session_core::{AlertRecord, ChargeRecord, CommandRecord, Effect, FrameName, SessionId, SessionRecord};

pub use report::{Lines, Report, Revenue, Summary};

use crate::{
    bind::{Binder, Bound},
    hash::IdMap,
    pipeline::{Counts, Pipeline},
    record::{Body, Record, Refusal, Unread},
    site::Site,
};

/// So many lines at a time are read ahead of the pipeline, and so many batches of them.
const BATCH: usize = 256;
const AHEAD: usize = 4;
/// Less text than this is not worth a thread.
const SHORT: usize = 1 << 16;

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
/// assert_eq!((report.summary.applied, report.sessions().len()), (1, 1));
/// # Ok::<(), parkline::site::SiteError>(())
/// ```
pub struct Replay {
    /// Reference data as of now, as every partition has them.
    site: Arc<Site>,
    partitions: BTreeMap<Option<u32>, Pipeline>,
    lines: u64,
    last: Last,
}

/// Reads and binds lines ahead of the pipeline.
struct Reader {
    /// `None` from a change of reference data on: what comes after it must be bound by what it says.
    site: Option<Arc<Site>>,
    tenant: Id,
    binder: Binder,
}

/// A line that was read ahead.
struct Ahead<'l> {
    line: &'l [u8],
    record: Result<Record<'l>, Box<Unread>>,
    bound: Option<Result<Bound, Refusal>>,
}

impl Reader {
    fn read<'l>(&mut self, line: &'l [u8]) -> Ahead<'l> {
        let record = Record::read(line, &self.tenant);
        let bound = match &record {
            Ok(Record { received_at, body: Body::Frame(frame), .. }) if !frame.is_manual() => {
                self.site.as_ref().map(|site| self.binder.bind(frame, *received_at, site))
            }
            Ok(Record { body: Body::Reference(_), .. }) => {
                self.site = None;
                None
            }
            _ => None,
        };
        Ahead { line, record, bound }
    }
}

/// The last state of everything.
#[derive(Default)]
struct Last {
    places: IdMap<usize, SessionId>,
    sessions: Vec<LastSession>,
    alerts: BTreeMap<Id, Box<AlertRecord>>,
    commands: BTreeMap<Id, Box<CommandRecord>>,
    dead_letters: Vec<String>,
}

/// The last records of one session.
#[derive(Default)]
struct LastSession {
    session: Option<Box<SessionRecord>>,
    charge: Option<Box<ChargeRecord>>,
}

impl Replay {
    /// A replay of records with what was in force before the first one.
    pub fn new(site: Site) -> Self {
        Self { site: Arc::new(site), partitions: BTreeMap::new(), lines: 0, last: Last::default() }
    }

    /// Applies the next line; a blank one is none.
    pub fn line(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        if !line.is_empty() {
            self.record(line, Record::read(line, &self.site.tenant()), None);
        }
    }

    /// Applies the lines of a text, as [`line`](Self::line) would one by one; a second thread reads and binds ahead.
    pub fn text(&mut self, text: &[u8]) {
        if text.len() < SHORT {
            return text.split(|b| *b == b'\n').for_each(|line| self.line(line));
        }
        let mut reader = Reader {
            site: Some(Arc::clone(&self.site)),
            tenant: self.site.tenant(),
            binder: Binder::default(),
        };
        thread::scope(|scope| {
            let (batches, ready) = mpsc::sync_channel(AHEAD);
            scope.spawn(move || {
                let lines = text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
                let mut lines = lines.filter(|line| !line.is_empty()).peekable();
                while lines.peek().is_some() {
                    let batch: Vec<_> = lines.by_ref().take(BATCH).map(|line| reader.read(line)).collect();
                    if batches.send(batch).is_err() {
                        return;
                    }
                }
            });
            for Ahead { line, record, bound } in ready.into_iter().flatten() {
                self.record(line, record, bound);
            }
        });
    }

    fn record(
        &mut self,
        line: &[u8],
        record: Result<Record<'_>, Box<Unread>>,
        bound: Option<Result<Bound, Refusal>>,
    ) {
        let name = FrameName { partition: 0, offset: self.lines, index: None };
        self.lines += 1;
        if let Ok(Record { received_at, body: Body::Reference(text), .. }) = &record {
            self.reference(line, text, *received_at, name);
            return;
        }
        let partition = record.as_ref().ok().and_then(|record| record.name).map(|name| name.partition);
        let site = &self.site;
        let pipeline = self.partitions.entry(partition).or_insert_with(|| Pipeline::new(Site::clone(site)));
        pipeline.apply_read(line, record, bound, name);
        self.last.take(pipeline);
    }

    /// A change of reference data reaches every partition, those that are yet to come too.
    fn reference(&mut self, line: &[u8], text: &str, at: Instant, name: FrameName) {
        if self.partitions.is_empty() {
            self.partitions.insert(None, Pipeline::new(Site::clone(&self.site)));
        }
        for pipeline in self.partitions.values_mut() {
            pipeline.apply_record(line, name);
            self.last.take(pipeline);
        }
        // The partitions have reported a change that is refused.
        let _refused = Arc::make_mut(&mut self.site).apply_reference(text.as_bytes(), at).is_err();
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
        self.last.report(Arc::unwrap_or_clone(self.site), counts)
    }
}

impl Last {
    fn take(&mut self, pipeline: &mut Pipeline) {
        for effect in pipeline.take_effects() {
            match effect {
                Effect::Session(session) => {
                    let id = session.session;
                    self.of(id, |last| last.session = Some(session));
                }
                Effect::Charge(charge) => {
                    let id = charge.session;
                    self.of(id, |last| last.charge = Some(charge));
                }
                Effect::Alert(alert) => drop(self.alerts.insert(alert.alert, alert)),
                Effect::Command(command) => drop(self.commands.insert(command.command, command)),
            }
        }
        let letters = pipeline.take_dead_letters().map(|letter| report::text(&letter.json));
        self.dead_letters.extend(letters);
    }

    fn of(&mut self, session: SessionId, change: impl FnOnce(&mut LastSession)) {
        let place = *self.places.entry(session).or_insert(self.sessions.len());
        if place == self.sessions.len() {
            self.sessions.push(LastSession::default());
        }
        if let Some(last) = self.sessions.get_mut(place) {
            change(last);
        }
    }

    fn report(self, site: Site, counts: Counts) -> Report {
        let last = self.sessions.into_iter().filter_map(|last| Some((last.session?, last.charge)));
        let mut last: Vec<_> = last.filter(|(session, _)| session.superseded_by.is_none()).collect();
        last.sort_by_cached_key(|(s, _)| (s.entry.or(s.exit).map(|moment| moment.at), s.lot, s.session));
        let (mut sessions, mut charges) = (Vec::with_capacity(last.len()), Vec::with_capacity(last.len()));
        for (session, charge) in last {
            sessions.push(Effect::Session(session));
            charges.extend(charge.map(Effect::Charge));
        }
        let mut alerts: Vec<_> = self.alerts.into_values().collect();
        alerts.sort_unstable_by_key(|alert| (alert.opened_at, alert.lot, alert.alert));
        let mut commands: Vec<_> = self.commands.into_values().collect();
        commands.sort_unstable_by_key(|command| (command.at, command.lot, command.command));
        let alerts = alerts.into_iter().map(Effect::Alert).collect();
        let commands = commands.into_iter().map(Effect::Command).collect();
        Report::new(site, counts, sessions, charges, alerts, commands, self.dead_letters)
    }
}
