//! What a lane remembers: its mode, who is before it, who waits, whom it was opened for.

use parking_types::{Direction, Id, Instant, Plate, Span};
use serde::{Deserialize, Serialize};

use super::{Answer, FOLLOW, Fact, GateAlert, Gated, Judge, LotEvent, REVERSAL, Read, UNPLATED_TOGETHER};
use crate::{
    effect::Moment,
    event::GateCommand,
    session::{Mark, SessionId},
    statement::PlateRead,
    words::AlertKind,
};

/// How a lane works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mode {
    /// Each car is decided on.
    Normal,
    /// The arm stays up.
    Hold,
    /// The arm stays down.
    Lock,
}

/// A plate before a lane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Visit {
    pub(super) plate: Option<Plate>,
    pub(super) direction: Direction,
    pub(super) answer: Answer,
    pub(super) session: Option<SessionId>,
    /// The event that the answer's command is named after.
    pub(super) key: u64,
    /// The read that was refused, for a later opening.
    pub(super) refused: Option<(LotEvent, Read)>,
    /// The last read, payment or opening.
    pub(super) last: Instant,
}

/// An exit that waits at the arm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) session: SessionId,
    /// The exit's read.
    pub(super) read: u64,
    /// The last read, payment or opening.
    pub(super) active: Instant,
    /// It waits for a person, without limit.
    pub(super) locked: bool,
    /// It has a session to go back to: an exit without one cannot be withdrawn.
    pub(super) has_entry: bool,
}

/// An exit that was withdrawn and may be restored by a payment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Withdrawn {
    pub(crate) session: SessionId,
    pub(crate) exit: Moment,
    pub(super) read: u64,
    pub(super) fuzzy: bool,
}

/// The last car that a lane was passed by in its own direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OwnRead {
    plate: Plate,
    at: Instant,
    session: SessionId,
}

/// A lane's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LaneState {
    mode: Option<Mode>,
    pub(super) visit: Option<Visit>,
    pub(crate) waiting: Option<Waiting>,
    pub(crate) withdrawn: Option<Withdrawn>,
    pub(super) own: Option<OwnRead>,
    /// When the gate was last opened, and for whom.
    opened: Option<(Instant, Option<Plate>)>,
}

impl LaneState {
    pub(super) fn mode(&self, obeys: bool) -> Mode {
        if obeys { self.mode.unwrap_or(Mode::Normal) } else { Mode::Hold }
    }

    /// The session that this lane still refers to.
    pub(super) fn holds(&self) -> Option<SessionId> {
        self.waiting.map(|w| w.session).or(self.withdrawn.map(|w| w.session))
    }

    /// When the exit that waits here is withdrawn.
    pub(super) fn wait_until(&self, judge: &dyn Judge) -> Option<Instant> {
        let waiting = self.waiting.filter(|waiting| !waiting.locked)?;
        let due = waiting.active + judge.policy(waiting.active).arm_wait;
        Some(due + judge.outage(waiting.active, due))
    }

    /// The answer of the visit that a read belongs to.
    pub(super) fn same_visit(
        &self,
        read: &Read,
        direction: Direction,
        at: Instant,
        wait: Span,
    ) -> Option<Answer> {
        let visit = self.visit.as_ref().filter(|visit| visit.direction == direction)?;
        let age = at - visit.last;
        let same = match (&visit.plate, &read.plate.plate) {
            (Some(known), Some(plate)) => known.resembles(plate) && age < wait,
            (None, None) => age <= UNPLATED_TOGETHER,
            // A car that waits and is not read this time is still that car.
            (Some(_), None) => self.waiting.is_some() && age < wait,
            (None, Some(_)) => false,
        };
        same.then_some(visit.answer)
    }

    /// Whether a plate comes through an opening that was meant for another.
    pub(super) fn follows(&self, read: &PlateRead, at: Instant) -> bool {
        self.opened.is_some_and(|(opened, whom)| {
            let other = match (&whom, &read.plate) {
                (Some(whom), Some(plate)) => !whom.resembles(plate),
                (None, Some(_)) | (Some(_), None) => true,
                (None, None) => false,
            };
            other && at >= opened && at - opened <= FOLLOW
        })
    }

    /// The session of this plate's own read a moment ago.
    pub(super) fn own_read(&self, read: &PlateRead, at: Instant) -> Option<SessionId> {
        let plate = read.plate?;
        self.own.filter(|own| own.plate.resembles(&plate) && at - own.at <= REVERSAL).map(|own| own.session)
    }

    /// The car that passes is still there.
    pub(super) fn seen_again(&mut self, at: Instant) {
        if let (Some(own), Some(visit)) = (&mut self.own, &self.visit)
            && visit.session == Some(own.session)
        {
            own.at = own.at.max(at);
        }
    }

    /// Keeps what a read has led to.
    pub(super) fn passed(
        &mut self,
        event: &LotEvent,
        read: &Read,
        direction: Direction,
        answer: Answer,
        session: Option<SessionId>,
    ) {
        let refused = (answer == Answer::Refused).then(|| (event.clone(), read.clone()));
        self.visit = Some(Visit {
            plate: read.plate.plate,
            direction,
            answer,
            session,
            key: event.key,
            refused,
            last: event.at,
        });
        if let (Some(plate), Some(session)) = (read.plate.plate, session) {
            self.own = Some(OwnRead { plate, at: event.at, session });
        }
        if answer == Answer::Open {
            self.opened = Some((event.at, read.plate.plate));
        }
    }

    /// A session has another id now.
    pub(super) fn rename(&mut self, new: SessionId, kept: SessionId) {
        let swap = |id: &mut SessionId| {
            if *id == new {
                *id = kept;
            }
        };
        if let Some(id) = self.visit.as_mut().and_then(|visit| visit.session.as_mut()) {
            swap(id);
        }
        if let Some(waiting) = &mut self.waiting {
            swap(&mut waiting.session);
        }
        if let Some(withdrawn) = &mut self.withdrawn {
            swap(&mut withdrawn.session);
        }
        if let Some(own) = &mut self.own {
            swap(&mut own.session);
        }
    }

    /// The gate was opened for who is there, at an instant and by an event.
    pub(super) fn opened_for_visit(&mut self, at: Instant, key: u64) {
        let plate = self.visit.as_ref().and_then(|visit| visit.plate);
        self.opened = Some((at, plate));
        if let Some(visit) = &mut self.visit {
            visit.answer = Answer::Open;
            visit.key = key;
            visit.last = visit.last.max(at);
        }
    }

    /// Who waits has paid, and not enough: the wait begins anew. Gives the read that waits.
    pub(super) fn paid_in_part(&mut self, at: Instant) -> Option<u64> {
        if let Some(visit) = &mut self.visit {
            visit.last = visit.last.max(at);
        }
        let waiting = self.waiting.as_mut()?;
        waiting.active = waiting.active.max(at);
        Some(waiting.read)
    }
}

impl Gated {
    /// A person moves a gate or sets a lane's mode.
    pub(super) fn gate(&mut self, lane: Id, command: GateCommand, event: &LotEvent, judge: &mut dyn Judge) {
        let state = self.lanes.entry(lane).or_default();
        match command {
            GateCommand::Open => self.opened(lane, event, judge, true),
            GateCommand::Close => {}
            GateCommand::Hold => {
                state.mode = Some(Mode::Hold);
                self.opened(lane, event, judge, true);
            }
            GateCommand::Lock => state.mode = Some(Mode::Lock),
            GateCommand::Normal => state.mode = Some(Mode::Normal),
        }
    }

    /// The gate was opened by a person or a device: who waits is let out, who was refused is let in.
    pub(super) fn opened(&mut self, lane: Id, event: &LotEvent, judge: &mut dyn Judge, _by_person: bool) {
        let wait = judge.policy(event.at).arm_wait;
        let Some(state) = self.lanes.get_mut(&lane) else { return };
        let refused = state
            .visit
            .as_ref()
            .filter(|visit| event.at - visit.last < wait)
            .and_then(|visit| visit.refused.clone());
        if let Some(waiting) = state.waiting.take() {
            judge.decide(waiting.read, Fact::opened_by(Answer::Shut, event));
        }
        state.opened_for_visit(event.at, event.key);
        if let Some((first, read)) = refused {
            if let Some(visit) = &mut state.visit {
                visit.refused = None;
            }
            judge.decide(first.key, Fact::opened_by(Answer::Refused, event));
            let id = self.admit(&first, &read, judge);
            if let Some(visit) = self.lanes.get_mut(&lane).and_then(|state| state.visit.as_mut()) {
                visit.session = Some(id);
            }
        }
    }

    /// What waits at a lane has paid everything: it is let out. Returns whether it waited.
    pub(crate) fn release(&mut self, lane: Id, event: &LotEvent, judge: &mut dyn Judge) -> bool {
        let Some(state) = self.lanes.get_mut(&lane) else { return false };
        let Some(waiting) = state.waiting.take() else { return false };
        state.opened_for_visit(event.at, event.key);
        judge.decide(waiting.read, Fact::opened_by(Answer::Shut, event));
        judge.open(lane, Some(waiting.session), event.cause());
        judge.released(waiting.session);
        true
    }

    /// A payment keeps who waits waiting.
    pub(crate) fn keep_waiting(&mut self, lane: Id, at: Instant, judge: &mut dyn Judge) {
        if let Some(read) = self.lanes.get_mut(&lane).and_then(|state| state.paid_in_part(at)) {
            let before = judge.fact(read).and_then(|fact| fact.paid_at);
            let paid_at = Some(before.map_or(at, |before| before.max(at)));
            judge.decide(read, Fact { paid_at, ..Fact::new(Answer::Shut) });
        }
    }

    /// The exit that waits at a lane is withdrawn: its session is open again, payments stay.
    pub(super) fn withdraw(&mut self, lane: Id, at: Instant, judge: &mut dyn Judge) {
        let Some(state) = self.lanes.get_mut(&lane) else { return };
        let Some(waiting) = state.waiting.take() else { return };
        state.visit = None;
        judge.decide(waiting.read, Fact { withdrawn_at: Some(at), ..Fact::new(Answer::Shut) });
        if !waiting.has_entry {
            return;
        }
        let Some(draft) = self.drafts.get(&waiting.session) else { return };
        let plate = draft.plate.plate;
        if let (Some(exit), Some(state)) = (draft.exit, self.lanes.get_mut(&lane)) {
            let fuzzy = draft.marks.contains(Mark::Fuzzy);
            state.withdrawn = Some(Withdrawn { session: waiting.session, exit, read: waiting.read, fuzzy });
        }
        self.reopen(waiting.session);
        judge.alert(GateAlert {
            kind: AlertKind::Reversal,
            lane,
            session: Some(waiting.session),
            plate,
            key: waiting.read,
            at,
            detail: Some("the exit was withdrawn"),
        });
    }

    /// A withdrawn exit counts again, as a payment covers what was due at it.
    pub(crate) fn restore(&mut self, lane: Id, event: &LotEvent, judge: &mut dyn Judge) -> Option<SessionId> {
        let withdrawn = self.lanes.get(&lane)?.withdrawn?;
        let draft = self.drafts.get(&withdrawn.session).filter(|draft| draft.is_open())?;
        let mut closed = draft.clone();
        closed.exit = Some(withdrawn.exit);
        closed.state = crate::draft::DraftState::Closed;
        closed.passage.lane_out = Some(lane);
        if withdrawn.fuzzy {
            closed.mark(Mark::Fuzzy);
        }
        if judge.owing(&closed) != super::Owing::Nothing {
            return None;
        }
        self.set_open(withdrawn.session, false);
        self.drafts.insert(withdrawn.session, closed);
        self.touched.push(withdrawn.session);
        if let Some(state) = self.lanes.get_mut(&lane) {
            state.withdrawn = None;
            state.opened_for_visit(event.at, event.key);
        }
        judge.decide(withdrawn.read, Fact::opened_by(Answer::Shut, event));
        judge.open(lane, Some(withdrawn.session), event.cause());
        judge.released(withdrawn.session);
        Some(withdrawn.session)
    }

    /// The lane at which a session waits.
    pub(crate) fn waits_at(&self, session: SessionId) -> Option<Id> {
        self.lanes
            .iter()
            .find(|(_, lane)| lane.waiting.is_some_and(|w| w.session == session))
            .map(|(lane, _)| *lane)
    }
}
