//! The pipeline: decode ▶ bind ▶ step ▶ price, as a stage of the log.

use std::sync::Arc;

use parking_types::{Id, Instant};
use session_core::{Core, Effect, FrameName, Priced, SessionId, Store, StoreCut, Unpriced, Verdict, World};

use crate::{
    action,
    bind::{Binder, Bound},
    ends::Ends,
    output,
    record::{Body, FrameRecord, Reason, Record as Line, Refusal, Unread, What},
    register::{Heard, Register, Vitals},
    saved::{self, Made},
    site::Site,
    stage::{Cut, Outcome, Output, Record, Stage},
};

/// How many frames came to which end. Frames = applied + duplicate + dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Used.
    pub applied: u64,
    /// Seen before.
    pub duplicate: u64,
    /// Could not be used.
    pub dead_letters: u64,
    /// Readings that could not be used, of frames whose others were.
    pub readings_dead: u64,
}

impl Counts {
    /// All frames.
    pub const fn frames(&self) -> u64 {
        self.applied + self.duplicate + self.dead_letters
    }
}

/// A record that could not be used, or one reading of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The device, where it is known.
    pub device: Option<Id>,
    /// The record and why, one JSON object.
    pub json: Vec<u8>,
}

/// The version of this crate's part of a saved state.
const LAYOUT: u32 = 3;

/// Reference data and the state of one partition: records in, sessions, charges, commands, alerts and dead letters out.
///
/// ```
/// use parkline::{pipeline::Pipeline, site::Site, stage::Outcome};
/// use session_core::FrameName;
/// let site = Site::parse(&[("site.json", br#"{ "format": 1,
///     "lots": [ { "id": "L1", "kind": "roadside", "time_zone": "Asia/Shanghai" } ],
///     "berths": [ { "id": "L1-001", "lot": "L1" } ],
///     "devices": [ { "id": "m-1", "protocol": "bosch-tps110", "berth": "L1-001" } ] }"#)])?;
/// let mut pipeline = Pipeline::new(site);
/// let frame = br#"{"received_at":"2026-03-02T08:00:00+08:00","device":"m-1","port":1,"counter":1,"payload":"01"}"#;
/// assert_eq!(pipeline.apply_record(frame, FrameName::default()), Outcome::Applied);
/// assert!(pipeline.take_effects().count() > 0);
/// # Ok::<(), parkline::site::SiteError>(())
/// ```
pub struct Pipeline {
    site: Site,
    core: Core,
    binder: Binder,
    counts: Counts,
    dead: Vec<DeadLetter>,
    /// The changes of reference data since the start.
    changes: Arc<Vec<Made>>,
    register: Register,
    ends: Ends,
    /// Sessions leave as soon as they have ended.
    early: bool,
}

impl Pipeline {
    /// An empty partition with this reference data.
    pub fn new(site: Site) -> Self {
        Self {
            site,
            core: Core::new(),
            binder: Binder::default(),
            counts: Counts::default(),
            dead: Vec::new(),
            changes: Arc::default(),
            register: Register::default(),
            ends: Ends::default(),
            early: false,
        }
    }

    /// From now on sessions leave memory for a store when nothing but a person or a payment can change them any more;
    /// `early`: as soon as they have ended. Without a store they stay for good. See [`Core::keep_in`].
    pub fn keep_in(&mut self, store: Box<dyn Store>, early: bool) {
        self.early = early;
        self.core.keep_in(store, early);
    }

    /// Takes the store back, for the pipeline that goes on from a saved state.
    pub fn take_store(&mut self) -> Option<Box<dyn Store>> {
        self.core.take_store()
    }

    /// How many sessions are in memory.
    pub fn sessions_in_memory(&self) -> usize {
        self.core.sessions_in_memory()
    }

    /// The reference data as they stand.
    pub const fn site(&self) -> &Site {
        &self.site
    }

    pub(crate) const fn core(&self) -> &Core {
        &self.core
    }

    /// What became of the frames so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Applies one record; `name` is its place in the log, unless the record says another.
    ///
    /// What becomes true is taken with [`take_effects`](Self::take_effects) and
    /// [`take_dead_letters`](Self::take_dead_letters).
    pub fn apply_record(&mut self, line: &[u8], name: FrameName) -> Outcome {
        let record = Line::read(line, &self.site.tenant());
        self.apply_read(line, record, None, name)
    }

    /// Applies a record that was read from `line`, and bound where that has been done already by the same site.
    pub(crate) fn apply_read(
        &mut self,
        line: &[u8],
        record: Result<Line<'_>, Box<Unread>>,
        bound: Option<Result<Bound, Refusal>>,
        name: FrameName,
    ) -> Outcome {
        let record = match record {
            Ok(record) => record,
            Err(unread) => return self.unread(line, &unread),
        };
        let (at, name) = (record.received_at, record.name.unwrap_or(name));
        if self.ends.is_due(name.partition, self.core.clock(), at) {
            self.look_for_ends(at);
        }
        match record.body {
            Body::Frame(frame) => self.frame(line, &frame, bound, name, at),
            Body::Tick => {
                self.core.apply_tick(at, &self.site);
                Outcome::NotAFrame
            }
            Body::Outage { from } => {
                self.core.apply_outage(at, from, &self.site);
                Outcome::NotAFrame
            }
            Body::Reference(text) => {
                self.reference(text, at);
                Outcome::NotAFrame
            }
            Body::Delivery { command, state } => {
                // A command that nobody knows any more has nothing to tell.
                let _known = self.core.apply_delivery(at, command, state, &self.site);
                Outcome::NotAFrame
            }
            Body::Mark => Outcome::NotAFrame,
        }
    }

    /// What a session costs if it ends at `at`; of a closed one, what it costs. Asking changes nothing.
    ///
    /// `None`: no such session, or one whose entry nobody knows yet.
    pub fn due(&self, session: &str, at: Instant) -> Option<Result<Priced, Unpriced>> {
        self.core.due(SessionId::parse(session)?, at, &self.site)
    }

    /// The end of a recording: what only waited for a flicker is published, everything else stays as it is.
    pub fn finish(&mut self) {
        self.core.finish(&self.site);
    }

    /// Derives everything in the window again: nothing may come of it. For simulations and tests.
    pub fn derive_again(&mut self) {
        self.core.derive_again(&self.site);
    }

    /// What has become true since the last call, in order.
    pub fn take_effects(&mut self) -> impl Iterator<Item = Effect> + use<> {
        self.core.take_effects()
    }

    /// The dead letters since the last call, in order.
    pub fn take_dead_letters(&mut self) -> impl Iterator<Item = DeadLetter> + '_ {
        self.dead.drain(..)
    }

    /// An effect as the record of its topic.
    pub fn publish(&self, effect: &Effect) -> Output {
        output::publish(effect, &self.site)
    }

    fn frame(
        &mut self,
        line: &[u8],
        frame: &FrameRecord<'_>,
        bound: Option<Result<Bound, Refusal>>,
        name: FrameName,
        at: Instant,
    ) -> Outcome {
        let verdict = if frame.is_manual() {
            let action = self.binder.payload(frame).and_then(|payload| action::read(payload, name, at));
            action.map(|action| self.core.apply_action(&action, &self.site))
        } else {
            let bound = bound.unwrap_or_else(|| self.binder.bind(frame, at, &self.site));
            bound.map(|mut bound| {
                let verdict = self.core.apply_frame(&bound.frame(name, at), &self.site);
                if let Verdict::Applied { .. } = verdict {
                    let vitals = core::mem::take(&mut bound.vitals);
                    self.heard(bound.device(), Heard { at, frame: name }, vitals);
                }
                self.binder.done_with(bound);
                verdict
            })
        };
        match verdict {
            Ok(Verdict::Applied { dead_readings }) => {
                self.counts.applied += 1;
                for (index, code) in dead_readings {
                    self.counts.readings_dead += 1;
                    let refusal = Refusal::new(Reason::Reading(index, code), What::Says(code.as_str()));
                    self.bury(line, frame.device, true, &refusal);
                }
                Outcome::Applied
            }
            Ok(Verdict::Duplicate) => {
                self.counts.duplicate += 1;
                Outcome::Duplicate
            }
            Ok(Verdict::Dead(code)) => {
                let refusal = Refusal::new(Reason::Machine(code), What::Says(explanation(code.as_str())));
                self.refuse(line, frame.device, true, &refusal)
            }
            Err(refusal) => {
                match frame.device {
                    Some(device) if refusal.is_undecodable() => self.core.undecodable(at, device, &self.site),
                    _ => self.core.apply_tick(at, &self.site),
                }
                self.refuse(line, frame.device, true, &refusal)
            }
        }
    }

    /// The device is alive, and may say how it is.
    fn heard(&mut self, device: Id, heard: Heard, vitals: Vitals) {
        if self.register.heard(device, heard, vitals, self.site.edition()) {
            self.look_at_sim(device, heard.at);
        }
    }

    fn look_at_sim(&mut self, device: Id, at: Instant) {
        let why = self.register.look_at_sim(&device, at, self.site.edition(), &self.site);
        self.core.sim_ends(at, device, why.map(|(_, why)| why.into()), &self.site);
    }

    /// Tells of tariffs and calendars that end soon.
    fn look_for_ends(&mut self, at: Instant) {
        let before = self.core.clock();
        let now = before.map_or(at, |before| before.max(at));
        let ending = self.ends.look(before, now, &self.site);
        self.core.reference_ends(now, ending);
    }

    /// The state as it is now, with what the store says of its own.
    fn as_of_now(&self, left: StoreCut) -> saved::Cut {
        let (changes, register, core) = (self.changes.clone(), self.register.clone(), self.core.clone());
        saved::Cut { counts: self.counts, changes, register, left, core }
    }

    /// What is known of the devices that were heard.
    pub const fn register(&self) -> &Register {
        &self.register
    }

    /// A record that cannot be read still moves the clock, if it says when it was received.
    fn unread(&mut self, line: &[u8], unread: &Unread) -> Outcome {
        if let Some(at) = unread.received_at {
            self.core.apply_tick(at, &self.site);
        }
        self.refuse(line, unread.device, unread.object, &unread.refusal)
    }

    fn refuse(&mut self, line: &[u8], device: Option<Id>, readable: bool, refusal: &Refusal) -> Outcome {
        self.counts.dead_letters += 1;
        self.bury(line, device, readable, refusal);
        Outcome::DeadLetter
    }

    fn bury(&mut self, line: &[u8], device: Option<Id>, readable: bool, refusal: &Refusal) {
        self.dead.push(DeadLetter { device, json: output::dead_letter(line, readable, refusal) });
    }

    fn reference(&mut self, text: &str, at: Instant) {
        // What is due by now happens as the reference data stood.
        self.core.apply_tick(at, &self.site);
        match self.site.apply_reference(text.as_bytes(), at) {
            Ok(change) => {
                Arc::make_mut(&mut self.changes).push(Made { received_at: at, text: text.into() });
                let (kind, id) = (change.kind.as_str(), change.id);
                self.core.reference_changed(kind, id.as_str(), change.since, at, &self.site);
                if self.ends.changed(change.kind) {
                    self.look_for_ends(at);
                }
                if kind == "sims" {
                    let devices = self.register.with_sim(id.as_str(), at, &self.site);
                    devices.into_iter().for_each(|device| self.look_at_sim(device, at));
                }
            }
            Err(error) => {
                let about: About<'_> = serde_json::from_str(text).unwrap_or_default();
                self.core.bad_reference(at, &about.kind, &about.id, &error.to_string(), &self.site);
            }
        }
    }
}

/// What a reference record is about, as far as it can be read.
#[derive(Default, serde::Deserialize)]
struct About<'a> {
    #[serde(borrow, default)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    id: std::borrow::Cow<'a, str>,
}

/// A dead letter's sentence for people.
fn explanation(code: &'static str) -> &'static str {
    match code {
        "too_late" => "older than frames may come late, or than a session may be corrected",
        "conflict" => "it contradicts what came before under the same id, or what is there",
        "no_target" => "there is no such session, berth or lane",
        "not_supported" => "nothing there can do that",
        "replay" => "a number of a boot that is over for long, or below all that is known of its boot",
        "unbound" => "the device is bound to nothing that the reading is about",
        _ => "a field says something impossible",
    }
}

impl Stage for Pipeline {
    fn version(&self) -> u32 {
        LAYOUT << 16 | session_core::STATE_VERSION
    }

    fn apply(&mut self, record: Record<'_>, outputs: &mut Vec<Output>) -> Outcome {
        let position = record.position;
        let name = FrameName { partition: position.partition, offset: position.offset, index: None };
        let outcome = self.apply_record(record.value, name);
        for effect in self.core.take_effects() {
            if let Effect::Alert(alert) = &effect {
                self.register.alert(alert, name);
            }
            outputs.push(output::publish(&effect, &self.site));
        }
        let site = &self.site;
        self.register.publish(|register, device, standing| {
            outputs.push(output::device(register, device, standing, site));
        });
        outputs.extend(self.dead.drain(..).map(|letter| Output {
            topic: "dead-letters",
            key: letter.device.map_or_else(String::new, |device| device.to_string()),
            value: letter.json,
        }));
        outcome
    }

    fn next_deadline(&self) -> Option<Instant> {
        let timer = self.core.next_deadline();
        timer.into_iter().chain(self.ends.due().filter(|due| *due < Instant::MAX)).min()
    }

    /// Takes a [`Question`](crate::ask::Question).
    fn ask(&self, question: &[u8]) -> Option<Vec<u8>> {
        Some(self.answer(&serde_json::from_slice(question).ok()?))
    }

    fn save(&self) -> Vec<u8> {
        let left = self.core.store().map(Store::changes).unwrap_or_default();
        let mut saved = Vec::new();
        saved::write(self.as_of_now(Box::new(move |out| out.extend_from_slice(&left))), &mut saved);
        saved
    }

    fn cut(&mut self) -> Cut {
        let left = self.core.cut_store();
        let now = self.as_of_now(left);
        Box::new(move |out| saved::write(now, out))
    }

    fn unsaved(&self) -> usize {
        self.core.store().map_or(0, Store::unsaved)
    }

    fn durable(&mut self) {
        self.core.durable();
    }

    fn is_sound(&self) -> bool {
        self.core.store().is_none_or(Store::is_sound)
    }

    /// Takes a state into a pipeline that was made with the same reference data and has seen no change of them yet.
    fn restore(&mut self, saved: &[u8]) -> bool {
        let Some(saved) = saved::read(saved).filter(|_| self.changes.is_empty()) else { return false };
        let mut site = self.site.clone();
        for change in &saved.changes {
            if site.apply_reference(change.text.as_bytes(), change.received_at).is_err() {
                return false;
            }
        }
        let mut store = self.core.take_store();
        let goes_on = store.as_mut().is_none_or(|store| store.resume(saved.left));
        if goes_on {
            (self.site, self.core) = (site, saved.core);
            (self.counts, self.register) = (saved.counts, saved.register);
            self.changes = Arc::new(saved.changes);
        }
        if let Some(store) = store {
            self.core.keep_in(store, self.early);
        }
        goes_on
    }
}
