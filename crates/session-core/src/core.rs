//! The state of one partition and the step.

use std::sync::Arc;

use parking_types::{Id, Instant, Span};
use serde::{Deserialize, Serialize};

use crate::{
    alerts::{About, Alerts},
    calm::Calms,
    commands::Commands,
    device::Device,
    displays::Displays,
    effect::{CommandState, Effect},
    event::{Action, Frame},
    gated::{Fact, Gated, LotEvent},
    hash::{Map, stable_hash},
    ids::Ids,
    ledger::Ledger,
    outage::Outages,
    policy::Policy,
    roadside::{PersonEvent, Roadside},
    session::SessionId,
    store::{Store, StoreCut},
    table::Table,
    timers::{Timer, Timers},
    words::AlertKind,
    world::{LotKind, Priced, Unpriced, World},
};

/// Why a frame or an action could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadCode {
    /// Older than the window in which frames may come late.
    TooLate,
    /// The same id came before with other content, or two things exclude each other.
    Conflict,
    /// The action's target does not exist.
    NoTarget,
    /// Nothing there can do that.
    NotSupported,
    /// The device is bound to nothing that the reading is about.
    Unbound,
    /// A field says something impossible.
    Malformed,
    /// The number of a device's boot that is over for long, or one below all that is known of its boot: somebody sends
    /// again what he recorded.
    Replay,
}

impl DeadCode {
    /// The code in a dead letter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLate => "too_late",
            Self::Conflict => "conflict",
            Self::NoTarget => "no_target",
            Self::NotSupported => "not_supported",
            Self::Unbound => "unbound",
            Self::Malformed => "malformed",
            Self::Replay => "replay",
        }
    }
}

/// What became of a frame or an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was used; the readings of these indices were not.
    Applied {
        /// Index and reason of each reading that could not be used.
        dead_readings: Vec<(u16, DeadCode)>,
    },
    /// It was seen before.
    Duplicate,
    /// It could not be used.
    Dead(DeadCode),
}

impl Verdict {
    /// Used, with all its readings.
    pub(crate) const fn applied() -> Self {
        Self::Applied { dead_readings: Vec::new() }
    }
}

/// A berth: its state before the window, and now.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct BerthUnit {
    pub(crate) lot: Option<Id>,
    pub(crate) base: Roadside,
    /// Events before this are part of `base`.
    pub(crate) base_upto: Option<Instant>,
    pub(crate) current: Roadside,
    pub(crate) people: Vec<PersonEvent>,
    /// The devices that have spoken about it, by id.
    pub(crate) devices: Vec<Id>,
    /// The ids that events have given sessions.
    pub(crate) ids: Ids,
}

/// A gated lot: its state before the window, the events since, and now.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LotUnit {
    pub(crate) base: Gated,
    pub(crate) current: Gated,
    pub(crate) events: Vec<LotEvent>,
    /// The state from which the next base is made.
    pub(crate) ahead: Option<Ahead>,
    #[serde(with = "crate::saved::sorted")]
    pub(crate) facts: Map<u64, Fact>,
    pub(crate) ids: Ids,
    pub(crate) full: bool,
}

/// A lot's state after the first `events` of its unit. It becomes the base when they all have left the window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ahead {
    pub(crate) events: usize,
    /// `None`: something has reached into its past since, so it must be derived.
    pub(crate) state: Option<Box<Gated>>,
}

/// The state of one partition: devices, berths, lots, sessions, payments, alerts, commands, timers.
///
/// ```text
/// loop {
///     core.apply_frame(&frame, &world);      // or an action, a tick, an outage, a change of reference data
///     for effect in core.take_effects() { publish(effect) }
///     // core.next_deadline() says when a tick is wanted at the latest
/// }
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Core {
    pub(crate) clock: Option<Instant>,
    pub(crate) outages: Outages,
    pub(crate) devices: Table<Id, Arc<Device>>,
    /// Devices of which nothing but heartbeats are expected; nothing of it is in a saved state.
    #[serde(skip)]
    pub(crate) calms: Calms,
    pub(crate) berths: Table<Id, Arc<BerthUnit>>,
    pub(crate) lots: Table<Id, Box<LotUnit>>,
    pub(crate) ledger: Ledger,
    /// Actions that were carried out, with the hash of their content.
    pub(crate) actions: Table<Id, u64>,
    pub(crate) timers: Timers,
    pub(crate) alerts: Alerts,
    pub(crate) commands: Commands,
    /// What is to be published; taken after every step, so a saved state has none.
    #[serde(skip)]
    pub(crate) effects: Vec<Effect>,
    /// Devices that are silent: since when, and their shortest period.
    pub(crate) silent: Table<Id, (Instant, Span)>,
    pub(crate) displays: Displays,
    pub(crate) fallback: Policy,
    pub(crate) swept: Option<Instant>,
}

impl Core {
    /// An empty partition.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on sessions leave memory for a store when nothing but a person or a payment can change them any more;
    /// `early`: as soon as they have ended, which tests the store harder. Without one they stay for good.
    ///
    /// The store must be as empty as a new core, or be the one that a restored core was saved with.
    pub fn keep_in(&mut self, store: Box<dyn Store>, early: bool) {
        self.ledger.keep_in(store, early);
    }

    /// Takes the store back; what lies in it is out of reach from then on.
    pub fn take_store(&mut self) -> Option<Box<dyn Store>> {
        self.ledger.shelf.take()
    }

    /// The store.
    pub fn store(&self) -> Option<&dyn Store> {
        self.ledger.shelf.store()
    }

    /// What the store has changed by now, to be saved with a copy of this core.
    pub fn cut_store(&mut self) -> StoreCut {
        self.ledger.shelf.cut()
    }

    /// A state that was saved with what [`cut_store`](Self::cut_store) gave last is durable.
    pub fn durable(&mut self) {
        self.ledger.shelf.settle();
    }

    /// How many sessions are in memory.
    pub fn sessions_in_memory(&self) -> usize {
        self.ledger.book.sessions.len()
    }

    /// The partition's clock: the greatest `received_at` so far.
    pub fn clock(&self) -> Option<Instant> {
        self.clock
    }

    /// Takes what has become true since the last call.
    pub fn take_effects(&mut self) -> impl Iterator<Item = Effect> + use<> {
        core::mem::take(&mut self.effects).into_iter()
    }

    /// When the next timer is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// A device's frame.
    pub fn apply_frame<W: World>(&mut self, frame: &Frame<'_>, world: &W) -> Verdict {
        self.advance(frame.received_at, world);
        if self.take_beat(frame, world) {
            return Verdict::applied();
        }
        self.wake(frame.device);
        let verdict = self.frame(frame, world);
        self.end_step(world);
        verdict
    }

    /// What a person, a partner or a payment does.
    pub fn apply_action<W: World>(&mut self, action: &Action, world: &W) -> Verdict {
        self.advance(action.received_at, world);
        let verdict = self.action(action, world);
        self.end_step(world);
        verdict
    }

    /// Time has passed.
    pub fn apply_tick<W: World>(&mut self, received_at: Instant, world: &W) {
        self.advance(received_at, world);
    }

    /// We were out from `from` on: no silence and no wait counts that time.
    pub fn apply_outage<W: World>(&mut self, received_at: Instant, from: Instant, world: &W) {
        self.outages.add(from, received_at);
        self.advance(received_at, world);
    }

    /// Whoever delivers a command says what became of it. `false`: no such command.
    pub fn apply_delivery<W: World>(
        &mut self,
        received_at: Instant,
        command: Id,
        state: CommandState,
        world: &W,
    ) -> bool {
        self.advance(received_at, world);
        let Some(record) = self.commands.report(command, state, &mut self.effects) else { return false };
        let answers = record.device.is_some_and(|device| world.answers(&device, received_at));
        if state == CommandState::Sent && answers {
            self.timers.arm(record.not_after, Timer::Command(command));
        }
        true
    }

    /// What a session costs if it ends at `at` (a closed one: what it costs); asking changes nothing. `None`: no such
    /// session, or one that cannot be priced yet because its entry is not known.
    pub fn due<W: World>(
        &self,
        session: SessionId,
        at: Instant,
        world: &W,
    ) -> Option<Result<Priced, Unpriced>> {
        let kept = self.ledger.meant(session)?;
        self.ledger.quote_of(&kept, world, at).map(|quote| quote.price)
    }

    /// A device sends what nobody can read.
    pub fn undecodable<W: World>(&mut self, received_at: Instant, device: Id, world: &W) {
        self.advance(received_at, world);
        self.wake(device);
        let about = About {
            lot: world.lot_of_device(&device, received_at),
            device: Some(device),
            ..About::default()
        };
        self.alerts.open(AlertKind::Undecodable, stable_hash(&device), received_at, about, &mut self.effects);
    }

    /// The plan of a device's SIM card is ending, or is not (any more).
    pub fn sim_ends<W: World>(&mut self, at: Instant, device: Id, why: Option<Box<str>>, world: &W) {
        let subject = stable_hash(&device);
        if why.is_none() {
            return self.alerts.close(AlertKind::SimEnding, subject, at, &mut self.effects);
        }
        if !self.alerts.is_open(AlertKind::SimEnding, subject) {
            let lot = world.lot_of_device(&device, at);
            let about = About { lot, device: Some(device), detail: why, ..About::default() };
            self.alerts.open(AlertKind::SimEnding, subject, at, about, &mut self.effects);
        }
    }

    /// A record of reference data did not validate; the version before stays.
    pub fn bad_reference<W: World>(
        &mut self,
        received_at: Instant,
        kind: &str,
        id: &str,
        detail: &str,
        world: &W,
    ) {
        self.advance(received_at, world);
        let about = About { detail: Some(format!("{kind}/{id}: {detail}").into()), ..About::default() };
        self.alerts.open(
            AlertKind::BadReference,
            stable_hash(&(kind, id)),
            received_at,
            about,
            &mut self.effects,
        );
    }

    /// Reference data has changed from `since` on: what ended since then is priced again, and what had no price is tried.
    pub fn reference_changed<W: World>(
        &mut self,
        kind: &str,
        id: &str,
        since: Instant,
        received_at: Instant,
        world: &W,
    ) {
        self.advance(received_at, world);
        self.alerts.close(AlertKind::BadReference, stable_hash(&(kind, id)), received_at, &mut self.effects);
        if matches!(
            kind,
            "tariffs" | "calendars" | "lots" | "lists" | "passes" | "plate_sets" | "lot_sets" | "berths"
        ) {
            self.ledger.bring_ended(since);
            let from = (since, SessionId::new(0, 0));
            self.ledger.book.dirty.extend(self.ledger.book.by_exit.since(&from).map(|(_, session)| *session));
        }
        if matches!(kind, "lots" | "berths" | "devices" | "areas") {
            self.displays.change_all();
        }
        if matches!(kind, "tariffs" | "calendars" | "lots") {
            for id in self.ledger.book.unpriced.clone().iter().copied() {
                self.ledger.bring(id);
                if let Some(session) = self.ledger.book.sessions.change(&id) {
                    session.extra.priced_as_of = Some(received_at);
                }
                self.ledger.book.dirty.insert(id);
            }
        }
        if matches!(kind, "lists" | "passes" | "plate_sets" | "lot_sets") {
            let open: Vec<SessionId> = self
                .ledger
                .book
                .sessions
                .values()
                .filter(|s| s.draft.is_open())
                .map(|s| s.draft.id)
                .collect();
            self.ledger.book.dirty.extend(open);
        }
        self.end_step(world);
    }

    /// The end of a recording: what a flicker holds back is published, everything else stays as it is.
    pub fn finish<W: World>(&mut self, world: &W) {
        for (at, timer) in self.timers.take_publish() {
            if let Timer::Publish(session) = timer {
                self.release_publish(session, at, false);
            }
        }
        self.end_step(world);
    }

    /// Derives every berth and lot again from its state before the window. Nothing follows from it, as arrival in order
    /// is the quick path of the same derivation; simulations check that.
    pub fn derive_again<W: World>(&mut self, world: &W) {
        let mut berths: Vec<(Id, Id)> =
            self.berths.iter().filter_map(|(berth, unit)| Some((*berth, unit.lot?))).collect();
        berths.sort_unstable();
        berths.into_iter().for_each(|berth| self.derive_berth(berth, world));
        let mut lots: Vec<Id> = self.lots.keys().copied().collect();
        lots.sort_unstable();
        lots.into_iter().for_each(|lot| self.derive_lot_again(lot, world));
        self.end_step(world);
    }

    /// What has changed is published; then what may leave memory does.
    fn end_step<W: World>(&mut self, world: &W) {
        self.publish_dirty(world);
        self.show_changes(world);
        self.ledger.let_leave();
    }

    /// The clock goes on: what is due by then happens, each at its own time.
    pub(crate) fn advance<W: World>(&mut self, now: Instant, world: &W) {
        while let Some((at, timer)) = self.timers.pop(now) {
            self.clock = Some(self.clock.map_or(at, |clock| clock.max(at)));
            self.fire(at, timer, world);
            self.end_step(world);
        }
        self.clock = Some(self.clock.map_or(now, |clock| clock.max(now)));
        self.sweep();
    }

    fn fire<W: World>(&mut self, at: Instant, timer: Timer, world: &W) {
        match timer {
            Timer::Publish(session) => self.release_publish(session, at, true),
            Timer::ArmWait(lot) => self.wait_over(lot, at, world),
            Timer::Silence(device) => self.maybe_silent(device, at, world),
            Timer::GroundLock(berth) => self.raise_lock(berth, at, world),
            Timer::Disagree(berth) => self.maybe_disagree(berth, at),
            Timer::Zombie(session) => self.maybe_zombie(session, at),
            Timer::Settle(session) => self.settle(session, world),
            Timer::Command(command) => self.not_obeying(command, at),
            Timer::Show(lot) => self.show(lot, at, world),
        }
    }

    fn not_obeying(&mut self, command: Id, at: Instant) {
        let Some(record) = self.commands.get(&command).filter(|record| record.state == CommandState::Sent)
        else {
            return;
        };
        let about = About {
            lot: Some(record.lot),
            lane: record.lane,
            berth: record.berth,
            device: record.device,
            session: record.session,
            ..About::default()
        };
        self.commands.report(command, CommandState::TimedOut, &mut self.effects);
        self.alerts.open(AlertKind::GateNotObeying, stable_hash(&about.device), at, about, &mut self.effects);
    }

    /// Now and then forgets what can no longer be asked for.
    fn sweep(&mut self) {
        let Some(clock) = self.clock else { return };
        if self.swept.is_some_and(|swept| clock - swept < Span::from_mins(10)) {
            return;
        }
        self.swept = Some(clock);
        let window = self.fallback.late_window;
        self.commands.forget(clock);
        self.alerts.forget(clock - window - window);
        self.outages.forget(clock - window - window);
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.unwrap_or(Instant::EPOCH)
    }

    /// The lot's policy as of an instant.
    pub(crate) fn policy<'w, W: World>(&'w self, lot: &Id, at: Instant, world: &'w W) -> &'w Policy {
        world.lot(lot, at).map_or(&self.fallback, |lot| lot.policy)
    }

    pub(crate) fn group<W: World>(lot: &Id, at: Instant, world: &W) -> Id {
        world.lot(lot, at).map_or(*lot, |lot| lot.group)
    }

    pub(crate) fn is_gated<W: World>(lot: &Id, at: Instant, world: &W) -> bool {
        world.lot(lot, at).is_some_and(|lot| lot.kind == LotKind::Gated)
    }
}
