//! Cars that come in.

use parking_types::{Direction, Id, Instant};

use super::{Answer, Fact, GateAlert, Gated, Judge, LotEvent, Mode, Read, Refusal, manual, moment};
use crate::{
    draft::{Draft, DraftState, inferred_exit},
    effect::Origin,
    event::Actor,
    session::{Mark, SessionId},
    statement::PlateRead,
    words::AlertKind,
};

impl Gated {
    /// A plate, or none, at an entry.
    pub(super) fn enter(
        &mut self,
        event: &LotEvent,
        read: &Read,
        mode: Mode,
        follows: bool,
        judge: &mut dyn Judge,
    ) {
        let known = judge.fact(event.key);
        let inside = self.inside() - i64::from(self.inside_already(&read.plate).is_some());
        let refusal = match (known, mode) {
            (Some(fact), _) if fact.answer != Answer::Refused => None,
            (_, Mode::Hold) => None,
            (_, Mode::Lock) => Some(Refusal::Locked),
            (_, Mode::Normal) => judge.refuses(&read.plate, inside, event.at),
        };
        let still_refused = known.is_some_and(|fact| fact.answer == Answer::Refused);
        if refusal.is_some() || still_refused {
            judge.alert(GateAlert {
                kind: AlertKind::Refused,
                lane: read.lane,
                session: None,
                plate: read.plate.plate,
                key: event.key,
                at: event.at,
                detail: refusal.map(Refusal::as_str),
            });
            let own = read.let_in().then_some((event.at, event.key));
            let opened = known.and_then(|fact| fact.opened).or(own);
            judge.decide(event.key, Fact { opened, ..Fact::new(Answer::Refused) });
            let session = opened.map(|_| self.admit(event, read, judge));
            let answer = if session.is_some() { Answer::Pass } else { Answer::Refused };
            let state = self.lanes.entry(read.lane).or_default();
            return state.passed(event, read, Direction::Entry, answer, session);
        }
        let id = self.admit(event, read, judge);
        if follows {
            self.follow(id, event, read, judge);
        }
        let answer =
            known.map_or(if mode == Mode::Normal { Answer::Open } else { Answer::Pass }, |fact| fact.answer);
        judge.decide(event.key, Fact::new(answer));
        if answer == Answer::Open {
            judge.open(read.lane, Some(id), event.cause());
        }
        if judge.has_arrears(&read.plate, event.at) {
            judge.alert(GateAlert {
                kind: AlertKind::Arrears,
                lane: read.lane,
                session: Some(id),
                plate: read.plate.plate,
                key: event.key,
                at: event.at,
                detail: None,
            });
        }
        self.lanes.entry(read.lane).or_default().passed(event, read, Direction::Entry, answer, Some(id));
    }

    /// The open session of a plate that is read at an entry again.
    fn inside_already(&self, read: &PlateRead) -> Option<SessionId> {
        self.by_plate.get(&read.plate?).and_then(|ids| {
            ids.iter().rev().copied().find(|id| {
                let known = self.drafts.get(id).and_then(|draft| draft.plate.color);
                same_color(known, read)
            })
        })
    }

    /// A session begins at a read.
    pub(super) fn admit(&mut self, event: &LotEvent, read: &Read, judge: &mut dyn Judge) -> SessionId {
        if let Some(before) = self.inside_already(&read.plate) {
            self.second_entry(before, event, read, judge);
        }
        let id = judge.id(event.key, event.at);
        let mut draft = Draft::new(id, event.key, judge.lot(), event.at);
        draft.entry = Some(moment(event, read.device));
        draft.passage.lane_in = Some(read.lane);
        draft.plate.read(&read.plate, event.at);
        if let Some((plate, color)) = judge.corrected(id, event.at) {
            draft.plate.plate = Some(plate);
            draft.plate.color = color.or(draft.plate.color);
            draft.plate.confidence = u8::MAX;
        }
        if draft.plate.plate.is_none() {
            draft.passage.ticket = Some(read.ticket.unwrap_or_else(|| id.to_id()));
            judge.alert(GateAlert {
                kind: AlertKind::Unplated,
                lane: read.lane,
                session: Some(id),
                plate: None,
                key: event.key,
                at: event.at,
                detail: None,
            });
        } else {
            draft.passage.ticket = read.ticket;
        }
        mark_source(&mut draft, read);
        self.insert(draft);
        id
    }

    pub(super) fn insert(&mut self, draft: Draft) {
        let (id, open) = (draft.id, draft.is_open());
        self.drafts.insert(id, Box::new(draft));
        if open {
            self.set_open(id, true);
        }
        self.touched.push(id);
    }

    /// The plate is inside already: its exit was not seen.
    fn second_entry(&mut self, before: SessionId, event: &LotEvent, read: &Read, judge: &mut dyn Judge) {
        self.set_open(before, false);
        if let Some(draft) = self.drafts.get_mut(&before) {
            let last = draft.last_contact.min(event.at);
            draft.exit = Some(inferred_exit(last, event.at, moment(event, read.device)));
            draft.state = DraftState::Closed;
            draft.mark(Mark::SecondEntry);
        }
        self.touched.push(before);
        judge.alert(GateAlert {
            kind: AlertKind::SecondEntry,
            lane: read.lane,
            session: Some(before),
            plate: read.plate.plate,
            key: event.key,
            at: event.at,
            detail: None,
        });
    }

    /// The car came through an opening that was not meant for it.
    pub(super) fn follow(&mut self, id: SessionId, event: &LotEvent, read: &Read, judge: &mut dyn Judge) {
        if let Some(draft) = self.drafts.get_mut(&id) {
            draft.mark(Mark::Follow);
        }
        judge.alert(GateAlert {
            kind: AlertKind::Follow,
            lane: read.lane,
            session: Some(id),
            plate: read.plate.plate,
            key: event.key,
            at: event.at,
            detail: None,
        });
    }

    /// A person says that a car came in.
    #[expect(clippy::too_many_arguments, reason = "the fields of one action")]
    pub(super) fn person_entry(
        &mut self,
        event: &LotEvent,
        lane: Option<Id>,
        actor: Actor,
        plate: Option<PlateRead>,
        ticket: Option<Id>,
        exit: Option<Instant>,
        judge: &mut dyn Judge,
    ) {
        let id = judge.id(event.key, event.at);
        let mut draft = Draft::new(id, event.key, judge.lot(), event.at);
        draft.entry = Some(manual(event, event.at));
        draft.passage.lane_in = lane;
        draft.origin = Origin::Person(actor);
        if let Some(plate) = plate {
            draft.plate.read(&plate, event.at);
        }
        draft.passage.ticket = ticket.or_else(|| draft.plate.plate.is_none().then(|| id.to_id()));
        if let Some(exit) = exit {
            draft.exit = Some(manual(event, exit));
            draft.state = DraftState::Closed;
        }
        self.insert(draft);
    }

    /// A person says that a car has left.
    pub(super) fn person_exit(&mut self, event: &LotEvent, session: SessionId) {
        let Some(draft) = self.drafts.get(&session) else { return };
        if draft.is_open() {
            self.set_open(session, false);
        }
        if let Some(draft) = self.drafts.get_mut(&session) {
            let at = draft.entry.map_or(event.at, |entry| entry.at.max(event.at));
            draft.exit = Some(manual(event, at));
            draft.state = DraftState::Closed;
        }
        self.touched.push(session);
    }
}

/// Two colours of one text are two vehicles, unless a reader could not tell.
pub(super) fn same_color(known: Option<parking_types::PlateColor>, read: &PlateRead) -> bool {
    use parking_types::PlateColor::Unknown;
    known.is_none_or(|known| known == read.color || known == Unknown || read.color == Unknown)
}

pub(super) fn mark_source(draft: &mut Draft, read: &Read) {
    if read.suspect {
        draft.mark(Mark::ClockSuspect);
    }
    if read.offline {
        draft.mark(Mark::Backfilled);
    }
}
