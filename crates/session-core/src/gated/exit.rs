//! Cars that go out.

use parking_types::{Direction, Id};

use super::{
    Answer, Fact, GateAlert, Gated, Judge, LotEvent, Mode, Owing, Read,
    entry::{mark_source, same_color},
    lane::Waiting,
    moment,
};
use crate::{
    draft::{Draft, DraftState},
    policy::GateRule,
    session::{Mark, SessionId},
    words::AlertKind,
};

impl Gated {
    /// A plate, or none, at an exit.
    pub(super) fn leave(
        &mut self,
        event: &LotEvent,
        read: &Read,
        mode: Mode,
        follows: bool,
        judge: &mut dyn Judge,
    ) {
        match self.find(read) {
            Some((id, fuzzy)) => self.close(id, fuzzy, event, read, mode, follows, judge),
            None if read.plate.plate.is_none() => {
                // Without plate and ticket nobody can be let out but by a person.
                judge.alert(GateAlert {
                    kind: AlertKind::Unplated,
                    lane: read.lane,
                    session: None,
                    plate: None,
                    key: event.key,
                    at: event.at,
                    detail: None,
                });
                let state = self.lanes.entry(read.lane).or_default();
                state.passed(event, read, Direction::Exit, Answer::Shut, None);
            }
            None => self.no_entry(event, read, mode, judge),
        }
    }

    /// The open session that an exit's read belongs to, and whether its plate differs.
    fn find(&self, read: &Read) -> Option<(SessionId, bool)> {
        let open = |id: &SessionId| self.drafts.get(id).filter(|draft| draft.is_open());
        let Some(plate) = read.plate.plate else {
            return self.ticket(read.ticket?);
        };
        if let Some(ids) = self.by_plate.get(&plate) {
            let colored =
                ids.iter().rev().find(|id| open(id).is_some_and(|d| same_color(d.plate.color, &read.plate)));
            if let Some(id) = colored {
                return Some((*id, false));
            }
        }
        let fits = |id: &&SessionId| open(id).is_some_and(|d| same_color(d.plate.color, &read.plate));
        let mut near = self
            .by_plate
            .iter()
            .filter(|(known, _)| known.resembles(&plate))
            .flat_map(|(_, ids)| ids)
            .filter(fits);
        match (near.next(), near.next()) {
            (Some(id), None) => Some((*id, true)),
            _ => read.ticket.and_then(|ticket| self.ticket(ticket)),
        }
    }

    /// The open session of a ticket.
    fn ticket(&self, ticket: Id) -> Option<(SessionId, bool)> {
        let has = |draft: &&Draft| draft.is_open() && draft.passage.ticket == Some(ticket);
        let drafts = self.drafts.values().map(Box::as_ref).filter(has);
        drafts.map(|draft| draft.id).min().map(|id| (id, false))
    }

    #[expect(clippy::too_many_arguments, reason = "one read and all that is known of it")]
    fn close(
        &mut self,
        id: SessionId,
        fuzzy: bool,
        event: &LotEvent,
        read: &Read,
        mode: Mode,
        follows: bool,
        judge: &mut dyn Judge,
    ) {
        self.set_open(id, false);
        let Some(draft) = self.drafts.get_mut(&id) else { return };
        draft.exit = Some(moment(event, read.device));
        if let (Some(entry), Some(exit)) = (draft.entry, draft.exit.as_mut()) {
            exit.at = exit.at.max(entry.at);
        }
        draft.passage.lane_out = Some(read.lane);
        draft.passage.exit_plate = read.plate.plate;
        draft.state = DraftState::Closed;
        draft.last_contact = draft.last_contact.max(event.at);
        draft.plate.read(&read.plate, event.at);
        if fuzzy {
            draft.mark(Mark::Fuzzy);
        }
        mark_source(draft, read);
        let snapshot = draft.clone();
        self.touched.push(id);
        if follows {
            self.follow(id, event, read, judge);
        }
        let known = judge.fact(event.key);
        let answer = match (known, mode) {
            (Some(fact), _) => fact.answer,
            (None, Mode::Hold) => Answer::Pass,
            (None, _) if follows || read.let_in() || !read.present => Answer::Pass,
            (None, Mode::Lock) => Answer::Shut,
            (None, Mode::Normal) => match judge.owing(&snapshot) {
                Owing::Nothing => Answer::Open,
                Owing::Amount(_) => Answer::Shut,
                Owing::Unknown if judge.policy(event.at).when_unpriced == GateRule::Open => Answer::Open,
                Owing::Unknown => Answer::Shut,
            },
        };
        self.lanes.entry(read.lane).or_default().passed(event, read, Direction::Exit, answer, Some(id));
        self.answer(answer, known, id, true, event, read, mode, judge);
    }

    /// Does what was decided on an exit.
    #[expect(clippy::too_many_arguments, reason = "one read and all that is known of it")]
    fn answer(
        &mut self,
        answer: Answer,
        known: Option<Fact>,
        id: SessionId,
        has_entry: bool,
        event: &LotEvent,
        read: &Read,
        mode: Mode,
        judge: &mut dyn Judge,
    ) {
        match answer {
            Answer::Open => {
                judge.open(read.lane, Some(id), event.cause());
                judge.released(id);
            }
            Answer::Shut => {
                let state = self.lanes.entry(read.lane).or_default();
                if let Some((at, key)) = known.and_then(|fact| fact.opened) {
                    return state.opened_for_visit(at, key);
                }
                let waiting = Waiting {
                    session: id,
                    read: event.key,
                    active: event.at,
                    locked: mode == Mode::Lock,
                    has_entry,
                };
                state.waiting = Some(waiting);
                if let Some(at) = known.and_then(|fact| fact.paid_at) {
                    state.paid_in_part(at);
                }
                if let Some(at) = known.and_then(|fact| fact.withdrawn_at) {
                    return self.withdraw(read.lane, at, judge);
                }
            }
            Answer::Refused | Answer::Pass => {}
        }
        if known.is_none() {
            judge.decide(event.key, Fact::new(answer));
        }
    }

    /// An exit of a plate that has no session.
    fn no_entry(&mut self, event: &LotEvent, read: &Read, mode: Mode, judge: &mut dyn Judge) {
        let id = judge.id(event.key, event.at);
        let mut draft = Draft::new(id, event.key, judge.lot(), event.at);
        draft.state = DraftState::Exception;
        draft.exit = Some(moment(event, read.device));
        draft.passage.lane_out = Some(read.lane);
        draft.plate.read(&read.plate, event.at);
        draft.mark(Mark::NoEntry);
        mark_source(&mut draft, read);
        self.insert(draft);
        judge.alert(GateAlert {
            kind: AlertKind::NoEntry,
            lane: read.lane,
            session: Some(id),
            plate: read.plate.plate,
            key: event.key,
            at: event.at,
            detail: None,
        });
        let known = judge.fact(event.key);
        let answer = match (known, mode) {
            (Some(fact), _) => fact.answer,
            (None, Mode::Hold) => Answer::Pass,
            (None, _) if !read.present || read.let_in() => Answer::Pass,
            (None, Mode::Normal) if judge.policy(event.at).exit_without_entry == GateRule::Open => {
                Answer::Open
            }
            (None, _) => Answer::Shut,
        };
        self.lanes.entry(read.lane).or_default().passed(event, read, Direction::Exit, answer, Some(id));
        self.answer(answer, known, id, false, event, read, mode, judge);
    }
}
