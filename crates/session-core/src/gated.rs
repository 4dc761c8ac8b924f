//! The machine of one gated lot: reads at its lanes in their order, sessions and decisions out.
//!
//! ```text
//!   entry read ──allowed──▶ open ──exit read, nothing owed──▶ closed, gate opens
//!        │                   ▲  │
//!        └─refused           │  └─exit read, something owed──▶ closed, waits at the arm ──paid──▶ closed, gate opens
//!                            │                                         │
//!                            └──── another plate, ten silent minutes, reversal (withdrawn)
//! ```
//!
//! A decision at a gate is a fact of its read ([`Fact`]): it is made once, when the read is first seen, and looked up
//! whenever the lot is derived again.

use std::collections::{BTreeMap, BTreeSet};

use parking_types::{Amount, Direction, Id, Instant, Plate, PlateColor, Span};
use serde::{Deserialize, Serialize};

use crate::{
    draft::{Draft, DraftState, exact},
    effect::{Certainty, Moment},
    event::{Actor, FrameName, GateCommand, OpenedBy},
    hash::Map,
    policy::Policy,
    session::{Mark, SessionId},
    statement::PlateRead,
    words::AlertKind,
};

mod entry;
mod exit;
mod lane;

pub(crate) use lane::{LaneState, Mode};

/// Reads of a lane further apart than this are two unplated cars.
const UNPLATED_TOGETHER: Span = Span::from_secs(10);
/// Another plate within this after an opening has followed.
const FOLLOW: Span = Span::from_secs(10);
/// A read against the lane's direction within this of its own read is a reversal.
const REVERSAL: Span = Span::from_mins(2);

/// One event of a gated lot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LotEvent {
    pub(crate) key: u64,
    pub(crate) at: Instant,
    pub(crate) name: FrameName,
    pub(crate) received_at: Instant,
    pub(crate) what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum What {
    /// A plate, or none, was read at a lane.
    Read(Read),
    /// A device says that the gate was opened without us.
    Opened { lane: Id, by: OpenedBy },
    /// A person moved a gate or set a lane's mode.
    Gate { lane: Id, command: GateCommand },
    /// A person says that a car came in.
    PersonEntry {
        lane: Option<Id>,
        actor: Actor,
        plate: Option<PlateRead>,
        ticket: Option<Id>,
        exit: Option<Instant>,
    },
    /// A person says that a car has left.
    PersonExit { session: SessionId },
    /// A plate was seen on a berth inside.
    Parked { berth: Id, plate: Plate },
    /// A person counted the cars.
    Count { open: u32 },
}

/// A read at a lane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Read {
    pub(crate) device: Id,
    pub(crate) lane: Id,
    /// The way the car went, where the device tells.
    pub(crate) direction: Option<Direction>,
    pub(crate) plate: PlateRead,
    pub(crate) ticket: Option<Id>,
    pub(crate) opened_by: Option<OpenedBy>,
    pub(crate) offline: bool,
    pub(crate) suspect: bool,
    /// The car is still there as far as we know: the gate can be decided.
    pub(crate) present: bool,
}

/// What was decided at a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// The gate opens.
    Open,
    /// The car waits.
    Shut,
    /// The car is not let in.
    Refused,
    /// The arm is not ours to move, or the car is long gone: the read counts, nothing else.
    Pass,
}

/// A decision, as a fact of its read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fact {
    pub(crate) answer: Answer,
    /// A waiting exit was let out, a refused entry let in: when, and by which event.
    pub(crate) opened: Option<(Instant, u64)>,
    /// A waiting exit was withdrawn.
    pub(crate) withdrawn_at: Option<Instant>,
    /// A payment, not enough, has kept a waiting exit waiting.
    pub(crate) paid_at: Option<Instant>,
}

impl Fact {
    pub(crate) const fn new(answer: Answer) -> Self {
        Self { answer, opened: None, withdrawn_at: None, paid_at: None }
    }

    /// What waited or was refused has been let through.
    const fn opened_by(answer: Answer, event: &LotEvent) -> Self {
        Self { opened: Some((event.at, event.key)), ..Self::new(answer) }
    }
}

/// What a session owes at an arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owing {
    /// Nothing.
    Nothing,
    /// This.
    Amount(Amount),
    /// Nobody knows: it has no price.
    Unknown,
}

/// Why an entry is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The black list.
    Black,
    /// No place.
    Full,
    /// Arrears, and the policy says so.
    Arrears,
    /// The lane is locked.
    Locked,
}

impl Refusal {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Black => "black list",
            Self::Full => "full",
            Self::Arrears => "arrears",
            Self::Locked => "lane locked",
        }
    }
}

/// An alert that an event gives rise to.
pub(crate) struct GateAlert {
    pub(crate) kind: AlertKind,
    pub(crate) lane: Id,
    pub(crate) session: Option<SessionId>,
    pub(crate) plate: Option<Plate>,
    pub(crate) key: u64,
    pub(crate) at: Instant,
    pub(crate) detail: Option<&'static str>,
}

/// What the machine may ask and say while it takes an event.
pub(crate) trait Judge {
    /// The lot.
    fn lot(&self) -> Id;
    /// The lot's policy as of an instant.
    fn policy(&self, at: Instant) -> &Policy;
    /// The lane's direction, and whether something obeys there.
    fn lane(&self, lane: &Id, at: Instant) -> Option<(Direction, bool)>;
    /// The id of the session that an event shows.
    fn id(&self, event: u64, at: Instant) -> SessionId;
    /// The plate that a person has given the session of an event.
    fn corrected(&mut self, id: SessionId, at: Instant) -> Option<(Plate, Option<PlateColor>)>;
    /// Whether an entry is refused, with so many cars inside.
    fn refuses(&self, plate: &PlateRead, inside: i64, at: Instant) -> Option<Refusal>;
    /// Whether the plate has arrears that only raise an alert.
    fn has_arrears(&self, plate: &PlateRead, at: Instant) -> bool;
    /// What a draft that has just been closed owes.
    fn owing(&mut self, draft: &Draft) -> Owing;
    /// What was decided on a read before.
    fn fact(&self, read: u64) -> Option<Fact>;
    /// Keeps a decision.
    fn decide(&mut self, read: u64, fact: Fact);
    /// A gate is to open (made into a command only where one may follow).
    fn open(&mut self, lane: Id, session: Option<SessionId>, cause: Cause);
    /// A gate was opened for an exit: its price stands.
    fn released(&mut self, session: SessionId);
    /// An alert.
    fn alert(&mut self, alert: GateAlert);
    /// How long our own outages lasted in a span.
    fn outage(&self, from: Instant, to: Instant) -> Span;
}

/// What made a gate open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause {
    /// The event's key, which names the command.
    pub(crate) key: u64,
    pub(crate) at: Instant,
    pub(crate) name: FrameName,
    pub(crate) received_at: Instant,
}

impl Read {
    /// The camera opened by its own list. (What a server opened may have been our own answer.)
    fn let_in(&self) -> bool {
        self.opened_by == Some(OpenedBy::Device)
    }
}

impl LotEvent {
    /// Event time, then device, then what it says.
    pub(crate) fn order(&self) -> (Instant, Option<Id>, u64) {
        let device = match &self.what {
            What::Read(read) => Some(read.device),
            _ => None,
        };
        (self.at, device, self.key)
    }

    pub(crate) fn cause(&self) -> Cause {
        Cause { key: self.key, at: self.at, name: self.name, received_at: self.received_at }
    }
}

/// The state of a gated lot after some events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gated {
    /// Open sessions, and those that may still change.
    #[serde(with = "crate::saved::sorted")]
    pub(crate) drafts: Map<SessionId, Box<Draft>>,
    /// Open sessions by plate text.
    #[serde(with = "crate::saved::sorted")]
    by_plate: Map<Plate, Vec<SessionId>>,
    pub(crate) lanes: BTreeMap<Id, LaneState>,
    /// Open sessions.
    open: i64,
    /// What a person's count adds to them.
    extra: i64,
    /// The newest event.
    pub(crate) upto: Option<Instant>,
    /// Sessions that the last events have touched.
    pub(crate) touched: Vec<SessionId>,
}

impl Gated {
    /// Takes the next event.
    pub(crate) fn apply(&mut self, event: &LotEvent, judge: &mut dyn Judge) {
        self.advance(event.at, judge);
        match &event.what {
            What::Read(read) => self.read(event, read, judge),
            What::Opened { lane, by: _ } => self.opened(*lane, event, judge, false),
            What::Gate { lane, command } => self.gate(*lane, *command, event, judge),
            What::PersonEntry { lane, actor, plate, ticket, exit } => {
                self.person_entry(event, *lane, *actor, *plate, *ticket, *exit, judge);
            }
            What::PersonExit { session } => self.person_exit(event, *session),
            What::Parked { berth, plate } => self.parked(*berth, plate),
            What::Count { open } => self.extra = i64::from(*open) - self.open,
        }
        self.upto = Some(self.upto.map_or(event.at, |upto| upto.max(event.at)));
    }

    /// How many cars are inside.
    pub(crate) fn inside(&self) -> i64 {
        (self.open + self.extra).max(0)
    }

    /// Lets the waits run out that are due by `now`.
    pub(crate) fn advance(&mut self, now: Instant, judge: &mut dyn Judge) {
        loop {
            let due =
                self.lanes.iter().filter_map(|(lane, state)| Some((state.wait_until(judge)?, *lane))).min();
            match due {
                Some((at, lane)) if at <= now => self.withdraw(lane, at, judge),
                _ => return,
            }
        }
    }

    /// When the next wait runs out.
    pub(crate) fn next_wait(&self, judge: &dyn Judge) -> Option<Instant> {
        self.lanes.values().filter_map(|lane| lane.wait_until(judge)).min()
    }

    fn read(&mut self, event: &LotEvent, read: &Read, judge: &mut dyn Judge) {
        let Some((leads, obeys)) = judge.lane(&read.lane, event.at) else { return };
        let policy_wait = judge.policy(event.at).arm_wait;
        let state = self.lanes.entry(read.lane).or_default();
        let mode = state.mode(obeys);
        let direction = read.direction.unwrap_or(leads);
        if direction != leads
            && let Some(own) = state.own_read(&read.plate, event.at)
        {
            return self.reversal(own, read, event, judge);
        }
        if let Some(answer) = state.same_visit(read, direction, event.at, policy_wait) {
            return self.visit_again(answer, event, read, direction, mode, judge);
        }
        let follows = mode == Mode::Normal && state.follows(&read.plate, event.at);
        if read.plate.plate.is_some() {
            state.withdrawn = None;
        }
        if state.waiting.is_some() && read.plate.plate.is_some() {
            self.withdraw(read.lane, event.at, judge);
        }
        match direction {
            Direction::Entry => self.enter(event, read, mode, follows, judge),
            Direction::Exit => self.leave(event, read, mode, follows, judge),
        }
    }

    /// A later read of a visit gets the first one's answer.
    fn visit_again(
        &mut self,
        answer: Answer,
        event: &LotEvent,
        read: &Read,
        direction: Direction,
        mode: Mode,
        judge: &mut dyn Judge,
    ) {
        let Some(state) = self.lanes.get_mut(&read.lane) else { return };
        if answer == Answer::Refused && direction == Direction::Entry {
            return self.enter(event, read, mode, false, judge);
        }
        let (session, cause) = match &mut state.visit {
            Some(visit) => {
                visit.last = visit.last.max(event.at);
                (visit.session, Cause { key: visit.key, ..event.cause() })
            }
            None => return,
        };
        if let Some(waiting) = &mut state.waiting {
            waiting.active = waiting.active.max(event.at);
        }
        state.seen_again(event.at);
        judge.decide(event.key, Fact::new(Answer::Pass));
        if answer == Answer::Open {
            judge.open(read.lane, session, cause);
        }
    }

    /// The car went back the way it came.
    fn reversal(&mut self, own: SessionId, read: &Read, event: &LotEvent, judge: &mut dyn Judge) {
        let Some(draft) = self.drafts.get(&own) else { return };
        let entered = draft.passage.lane_in == Some(read.lane) && draft.is_open();
        if entered {
            self.set_open(own, false);
            if let Some(draft) = self.drafts.get_mut(&own) {
                draft.state = DraftState::Void;
            }
            self.touched.push(own);
        } else {
            self.reopen(own);
        }
        if let Some(state) = self.lanes.get_mut(&read.lane) {
            (state.visit, state.waiting, state.own) = (None, None, None);
        }
        judge.alert(GateAlert {
            kind: AlertKind::Reversal,
            lane: read.lane,
            session: Some(own),
            plate: read.plate.plate,
            key: event.key,
            at: event.at,
            detail: None,
        });
    }

    /// A closed session is open again.
    fn reopen(&mut self, id: SessionId) {
        let Some(draft) = self.drafts.get_mut(&id) else { return };
        if draft.state != DraftState::Closed {
            return;
        }
        draft.state = DraftState::Open;
        draft.exit = None;
        draft.passage.lane_out = None;
        draft.passage.exit_plate = None;
        draft.marks.remove(Mark::Fuzzy);
        self.set_open(id, true);
        self.touched.push(id);
    }

    /// Counts a session in or out, and keeps the look-up by plate true.
    fn set_open(&mut self, id: SessionId, open: bool) {
        let Some(draft) = self.drafts.get(&id) else { return };
        self.open += if open { 1 } else { -1 };
        let Some(plate) = draft.plate.plate else { return };
        if open {
            self.by_plate.entry(plate).or_default().push(id);
        } else if let Some(ids) = self.by_plate.get_mut(&plate) {
            ids.retain(|known| *known != id);
            if ids.is_empty() {
                self.by_plate.remove(&plate);
            }
        }
    }

    /// A session's plate is another one now.
    pub(crate) fn replate(&mut self, id: SessionId, plate: Option<Plate>, color: Option<PlateColor>) {
        let Some(draft) = self.drafts.get(&id) else { return };
        let open = draft.is_open();
        if open {
            self.set_open(id, false);
        }
        if let Some(draft) = self.drafts.get_mut(&id) {
            draft.plate.plate = plate.or(draft.plate.plate);
            draft.plate.color = color.or(draft.plate.color);
            // Nothing that a camera reads later weighs more than a person's word.
            draft.plate.confidence = u8::MAX;
        }
        if open {
            self.set_open(id, true);
        }
    }

    fn parked(&mut self, berth: Id, plate: &Plate) {
        let Some(id) = self.by_plate.get(plate).and_then(|ids| ids.last()).copied() else { return };
        if let Some(draft) = self.drafts.get_mut(&id) {
            draft.berth = Some(berth);
            self.touched.push(id);
        }
    }

    /// The sessions that had not ended by then, and those that a lane still knows.
    pub(crate) fn that_matter(&self, horizon: Instant) -> impl Iterator<Item = SessionId> {
        let live = self
            .drafts
            .values()
            .filter(move |draft| draft.is_open() || draft.exit.is_none_or(|exit| exit.at >= horizon));
        live.map(|draft| draft.id).chain(self.lanes.values().filter_map(LaneState::holds))
    }

    /// Forgets all other sessions.
    pub(crate) fn keep(&mut self, sessions: &BTreeSet<SessionId>) {
        self.drafts.retain(|id, _| sessions.contains(id));
    }
}

/// The moment that a read states.
fn moment(event: &LotEvent, device: Id) -> Moment {
    exact(event.at, device, event.name, event.received_at)
}

/// The moment that a person states.
fn manual(event: &LotEvent, at: Instant) -> Moment {
    Moment {
        at,
        certainty: Certainty::Manual,
        not_before: None,
        not_after: None,
        device: None,
        frame: event.name,
        received_at: event.received_at,
    }
}

impl Gated {
    /// A session keeps the id that it had before deriving again.
    pub(crate) fn rename(&mut self, new: SessionId, kept: SessionId) {
        let Some(mut draft) = self.drafts.remove(&new) else { return };
        draft.id = kept;
        if draft.passage.ticket == Some(new.to_id()) {
            draft.passage.ticket = Some(kept.to_id());
        }
        self.drafts.insert(kept, draft);
        for ids in self.by_plate.values_mut() {
            for id in ids.iter_mut().filter(|id| **id == new) {
                *id = kept;
            }
        }
        for lane in self.lanes.values_mut() {
            lane.rename(new, kept);
        }
    }
}
