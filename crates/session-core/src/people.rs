//! What people, partners and payments do.

use parking_types::{Id, Instant, PlateColor, Span};

use crate::{
    alerts::About,
    book::Session,
    commands::Order,
    core::{Core, DeadCode, Verdict},
    effect::{ActionNote, Certainty, CommandAction, Moment, SessionState},
    event::{Action, GateCommand, Target, Verb},
    few::Few,
    gated::{LotEvent, What},
    hash::stable_hash,
    roadside::{Deed, PersonEvent},
    session::SessionId,
    statement::PlateRead,
    store::Who,
    words::{ActionKind, AlertKind},
    world::{Gate, World},
};

/// How far ahead of its reception an action may say that it happened.
const AHEAD: Span = Span::from_mins(5);

impl Core {
    pub(crate) fn action<W: World>(&mut self, action: &Action, world: &W) -> Verdict {
        if action.at > action.received_at + AHEAD {
            return Verdict::Dead(DeadCode::Malformed);
        }
        let known = self.actions.get(&action.id).copied();
        match known.or_else(|| self.ledger.shelf.action(&action.id)) {
            Some(known) if known == action.digest => return Verdict::Duplicate,
            Some(_) => return Verdict::Dead(DeadCode::Conflict),
            None => {}
        }
        let done = match &action.verb {
            Verb::Payment(_) | Verb::PaymentReversed { .. } => self.money(action, world),
            Verb::Entry { .. } => self.person_entry(action, world),
            Verb::Gate { command } => self.person_gate(action, *command, world),
            Verb::GroundLock { raise } => self.person_lock(action, *raise, world),
            Verb::Count { open } => self.person_count(action, *open, world),
            _ => self.on_session(action, world),
        };
        match done {
            Ok(verdict) => {
                if !self.ledger.shelf.keep_action(&action.id, action.digest) {
                    self.actions.insert(action.id, action.digest);
                }
                verdict
            }
            Err(code) => Verdict::Dead(code),
        }
    }

    /// The session that an action means: the open one, else the oldest that owes something.
    pub(crate) fn target<W: World>(&mut self, action: &Action, world: &W) -> Result<SessionId, DeadCode> {
        let ledger = &mut self.ledger;
        let found = match &action.target {
            Target::Session(text) => SessionId::parse(text.as_str()).and_then(|id| ledger.resolve(id)),
            Target::Berth(berth) => ledger.target(berth, Who::Anyone),
            Target::LotPlate(lot, plate) => ledger.target(lot, Who::Plate(plate.as_str())),
            Target::LotTicket(lot, ticket) => ledger.target(lot, Who::Ticket(*ticket)),
            Target::Lane(lane) => {
                let waiting =
                    world.lane(lane, action.at).and_then(|view| self.waiting_at_lane(&view.lot, lane));
                waiting.filter(|id| self.ledger.bring(*id))
            }
            Target::Lot(_) | Target::None => None,
        };
        found.ok_or(DeadCode::NoTarget)
    }

    fn correctable<W: World>(&self, session: &Session, world: &W) -> bool {
        let Some(exit) = session.exit() else { return true };
        let window = self.policy(&session.draft.lot, exit.at, world).correctable;
        self.now() - exit.at <= window
    }

    /// Everything that is done to one session.
    fn on_session<W: World>(&mut self, action: &Action, world: &W) -> Result<Verdict, DeadCode> {
        let id = self.target(action, world)?;
        let session = self.ledger.book.sessions.get(&id).ok_or(DeadCode::NoTarget)?;
        if !self.correctable(session, world) {
            return Err(DeadCode::TooLate);
        }
        let moment = manual(action, action.at);
        let fix = |core: &mut Self, change: &mut dyn FnMut(&mut Session)| {
            if let Some(session) = core.ledger.book.sessions.change(&id) {
                change(session);
            }
        };
        let verb = match &action.verb {
            Verb::Exit => {
                self.person_exit(id, action, world)?;
                ActionKind::Exit
            }
            Verb::Plate { plate, plate_color, vehicle } => {
                fix(self, &mut |session| {
                    session.fix.corrected |=
                        plate.is_some_and(|plate| session.plate().is_some_and(|known| known != plate));
                    session.fix.plate = plate.or(session.fix.plate);
                    // A colour belongs to the plate that it was seen on.
                    session.fix.color = plate_color.or(if plate.is_some() {
                        Some(session.color().unwrap_or(PlateColor::Unknown))
                    } else {
                        session.fix.color
                    });
                    session.fix.vehicle = vehicle.or(session.fix.vehicle);
                });
                self.replate(id);
                ActionKind::Plate
            }
            Verb::Times { entry, exit } => {
                let known = self.ledger.book.sessions.get(&id).ok_or(DeadCode::NoTarget)?;
                let from = entry.or(known.entry().map(|m| m.at));
                let to = exit.or(known.exit().map(|m| m.at));
                if entry.is_none() && exit.is_none() || from.zip(to).is_some_and(|(from, to)| to < from) {
                    return Err(DeadCode::Malformed);
                }
                let was_open = known.state() == SessionState::Open;
                if let Some(exit) = exit.filter(|_| was_open) {
                    self.person_exit(id, &Action { at: exit, ..action.clone() }, world)?;
                }
                fix(self, &mut |session| {
                    session.fix.entry = entry.map(|at| manual(action, at)).or(session.fix.entry);
                    session.fix.exit = exit.map(|at| manual(action, at)).or(session.fix.exit);
                    session.fix.corrected = true;
                    session.fix.resolved = true;
                });
                ActionKind::Times
            }
            Verb::Berth { berth } => {
                let view = world.berth(berth, action.at).ok_or(DeadCode::NoTarget)?;
                if self.ledger.book.sessions.get(&id).is_some_and(|session| session.draft.lot != view.lot) {
                    return Err(DeadCode::NotSupported);
                }
                fix(self, &mut |session| {
                    session.fix.berth = Some(*berth);
                    session.fix.corrected = true;
                });
                ActionKind::Berth
            }
            Verb::Merge { sessions } => {
                self.merge(id, sessions)?;
                ActionKind::Merge
            }
            Verb::Void => {
                self.person_void(id, action, world);
                fix(self, &mut |session| session.fix.void = true);
                ActionKind::Void
            }
            Verb::Restore => {
                fix(self, &mut |session| session.fix.void = false);
                ActionKind::Restore
            }
            Verb::Adjust { adjust } => {
                fix(self, &mut |session| {
                    session.fix.adjust = Some(adjust.clone());
                    session.fix.adjusted_by.push(action.id);
                    session.fix.resolved = true;
                });
                ActionKind::Adjust
            }
            Verb::Evidence { images } => {
                fix(self, &mut |session| {
                    for (image, kind) in images {
                        session.add_evidence(kind.clone(), image.clone(), action.at);
                    }
                });
                ActionKind::Evidence
            }
            _ => return Err(DeadCode::NotSupported),
        };
        let _ = moment;
        self.note(id, verb, action);
        self.after_person(id, action, world);
        Ok(Verdict::applied())
    }

    pub(crate) fn note(&mut self, id: SessionId, verb: ActionKind, action: &Action) {
        if let Some(session) = self.ledger.book.sessions.change(&id) {
            session.note(ActionNote {
                action: verb,
                id: action.id,
                at: action.at,
                by: action.by,
                by_id: action.by_id,
                reason: action.reason.clone(),
            });
        }
        self.ledger.book.dirty.insert(id);
    }

    /// Prices what a person has changed; a gate follows where its car still waits.
    fn after_person<W: World>(&mut self, id: SessionId, action: &Action, world: &W) {
        self.ledger.book.dirty.insert(id);
        self.publish_dirty(world);
        let session = self.ledger.book.sessions.get(&id);
        if session.is_some_and(|s| s.draft.passage.lane_out.is_some() && s.state() == SessionState::Closed) {
            self.gate_follows(id, &lot_event(action, What::Count { open: 0 }), world);
        }
    }

    /// A person says that the car has left.
    fn person_exit<W: World>(&mut self, id: SessionId, action: &Action, world: &W) -> Result<(), DeadCode> {
        let session = self.ledger.book.sessions.change(&id).ok_or(DeadCode::NoTarget)?;
        let open = session.state() == SessionState::Open;
        if session.entry().is_some_and(|entry| action.at < entry.at) {
            return Err(DeadCode::Malformed);
        }
        if !open {
            session.fix.exit = Some(manual(action, action.at));
            session.fix.resolved = true;
            return Ok(());
        }
        let (lot, berth, gated) =
            (session.draft.lot, session.draft.berth, session.draft.passage.lane_in.is_some());
        session.fix.resolved = true;
        if gated || Self::is_gated(&lot, action.at, world) {
            self.lot_event(lot, lot_event(action, What::PersonExit { session: id }), false, world);
        } else if let Some(berth) = berth {
            self.berth_person(berth, lot, action, Deed::Exit, world);
        }
        // Where the machine cannot go back that far, the person's word stands by itself.
        if let Some(session) = self.ledger.book.sessions.change(&id)
            && session.state() == SessionState::Open
        {
            session.fix.exit = Some(manual(action, action.at));
        }
        Ok(())
    }

    /// The berth's detectors count again from their next edge on.
    fn person_void<W: World>(&mut self, id: SessionId, action: &Action, world: &W) {
        let Some(session) = self.ledger.book.sessions.get(&id) else { return };
        if session.state() != SessionState::Open || session.draft.passage.lane_in.is_some() {
            return;
        }
        if let Some(berth) = session.draft.berth {
            let lot = session.draft.lot;
            self.berth_person(berth, lot, action, Deed::Void, world);
        }
    }

    /// Puts what a person did among a berth's events.
    pub(crate) fn berth_person<W: World>(
        &mut self,
        berth: Id,
        lot: Id,
        action: &Action,
        deed: Deed,
        world: &W,
    ) {
        let unit = self.berths.change_or_new(berth);
        unit.lot = Some(lot);
        let person = PersonEvent {
            key: stable_hash(&("person", action.id)),
            at: action.at,
            name: action.name,
            received_at: action.received_at,
            actor: action.by,
            deed,
        };
        // Before the window nothing can be derived again: it is then the first thing that is known since.
        let at = unit.base_upto.map_or(action.at, |upto| upto.max(action.at));
        let place = unit.people.partition_point(|known| known.at <= at);
        unit.people.insert(place, person);
        if at > action.at
            && let Some(person) = unit.people.get_mut(place)
        {
            person.at = at;
        }
        self.derive_berth((berth, lot), world);
    }

    /// A person opens a session, or supplies the entry of one that has none.
    fn person_entry<W: World>(&mut self, action: &Action, world: &W) -> Result<Verdict, DeadCode> {
        let Verb::Entry { plate, plate_color, vehicle, ticket, exit, lane } = &action.verb else {
            return Err(DeadCode::NotSupported);
        };
        if exit.is_some_and(|exit| exit < action.at) {
            return Err(DeadCode::Malformed);
        }
        let read = plate.map(|plate| PlateRead {
            plate: Some(plate),
            color: plate_color.unwrap_or(PlateColor::Unknown),
            confidence: u8::MAX,
            vehicle: None,
        });
        let set = |core: &mut Self, id: SessionId| {
            core.ledger.bring(id);
            if let Some(session) = core.ledger.book.sessions.change(&id) {
                session.fix.vehicle = vehicle.or(session.fix.vehicle);
                session.fix.resolved = true;
            }
            core.note(id, ActionKind::Entry, action);
        };
        match &action.target {
            Target::Berth(berth) => {
                let lot = world.berth(berth, action.at).map(|view| view.lot).ok_or(DeadCode::NoTarget)?;
                let until = exit.unwrap_or(Instant::MAX);
                self.check_overlap(*berth, action.at, until, exit.is_none())?;
                let key = stable_hash(&("person", action.id));
                self.berth_person(
                    *berth,
                    lot,
                    action,
                    Deed::Entry { plate: read, ticket: *ticket, exit: *exit },
                    world,
                );
                let id =
                    self.berths.get(berth).and_then(|unit| unit.ids.get(key)).ok_or(DeadCode::Conflict)?;
                set(self, id);
            }
            Target::Lane(lane) => {
                let view = world.lane(lane, action.at).ok_or(DeadCode::NoTarget)?;
                let key = stable_hash(&("person", action.id));
                let what = What::PersonEntry {
                    lane: Some(*lane),
                    actor: action.by,
                    plate: read,
                    ticket: *ticket,
                    exit: *exit,
                };
                self.lot_event(view.lot, lot_event(action, what), false, world);
                let id =
                    self.lots.get(&view.lot).and_then(|unit| unit.ids.get(key)).ok_or(DeadCode::Conflict)?;
                set(self, id);
            }
            _ => {
                let id = self.target(action, world)?;
                let session = self.ledger.book.sessions.change(&id).ok_or(DeadCode::NoTarget)?;
                if session.entry().is_some() {
                    return Err(DeadCode::Conflict);
                }
                if session.exit().is_some_and(|exit| exit.at < action.at) {
                    return Err(DeadCode::Malformed);
                }
                session.fix.entry = Some(manual(action, action.at));
                session.fix.lane_in = *lane;
                session.fix.plate = plate.or(session.fix.plate);
                session.fix.color = plate_color.or(session.fix.color);
                set(self, id);
                self.after_person(id, action, world);
            }
        }
        Ok(Verdict::applied())
    }

    /// A person's session must not overlap another one of the berth.
    fn check_overlap(&self, berth: Id, from: Instant, to: Instant, open: bool) -> Result<(), DeadCode> {
        let sessions = self.ledger.book.of_berth.get(&berth).into_iter().flat_map(Few::iter);
        for (_, id) in sessions {
            let Some(session) = self.ledger.book.sessions.get(id).filter(|s| s.state() != SessionState::Void)
            else {
                continue;
            };
            let begins = session.entry().map_or(Instant::MIN, |entry| entry.at);
            let ends = session.exit().map_or(Instant::MAX, |exit| exit.at);
            // Where a later session stands, the exit is needed too.
            if from < ends && begins < to || open && begins >= from {
                return Err(DeadCode::Conflict);
            }
        }
        if self.ledger.shelf.stood(&berth, (from, to), open) {
            return Err(DeadCode::Conflict);
        }
        Ok(())
    }

    /// Several sessions are one: the gaps between them are not charged.
    fn merge(&mut self, id: SessionId, others: &[Id]) -> Result<(), DeadCode> {
        let mut parts = vec![id];
        for text in others {
            let other = SessionId::parse(text.as_str()).and_then(|id| self.ledger.resolve(id));
            let other = other.ok_or(DeadCode::NoTarget)?;
            if !parts.contains(&other) {
                parts.push(other);
            }
        }
        let book = &self.ledger.book;
        let mut stays = Vec::new();
        for part in &parts {
            let session = book.sessions.get(part).ok_or(DeadCode::NoTarget)?;
            let entry = session.entry().ok_or(DeadCode::NotSupported)?;
            stays.push((entry, session.exit(), session.draft.lot));
        }
        stays.sort_by_key(|(entry, _, _)| entry.at);
        let same_lot = stays.windows(2).all(|pair| matches!(pair, [a, b] if a.2 == b.2));
        let open_in_the_middle = stays.iter().rev().skip(1).any(|(_, exit, _)| exit.is_none());
        let (Some(first), Some(last)) = (stays.first(), stays.last()) else { return Err(DeadCode::NoTarget) };
        if parts.len() < 2 || !same_lot || open_in_the_middle || last.1.is_none() {
            return Err(DeadCode::NotSupported);
        }
        let (entry, exit) = (first.0, last.1);
        let gaps: Vec<(Instant, Instant)> = stays
            .windows(2)
            .filter_map(|pair| match pair {
                [a, b] => a.1.map(|exit| (exit.at, b.0.at)).filter(|(from, to)| from < to),
                _ => None,
            })
            .collect();
        let mut payments = Vec::new();
        for other in parts.iter().skip(1) {
            if let Some(session) = self.ledger.book.sessions.change(other) {
                payments.append(&mut session.extra.payments);
                session.extra.merged_into = Some(id);
                session.extra.superseded_by = Some(id);
            }
            self.ledger.book.dirty.insert(*other);
        }
        for key in &payments {
            if let Some(payment) = self.ledger.book.payments.get_mut(key) {
                payment.session = id;
            }
        }
        if let Some(session) = self.ledger.book.sessions.change(&id) {
            session.extra.payments.extend(payments);
            session.fix.entry = Some(entry);
            session.fix.exit = exit;
            session.fix.gaps.extend(gaps);
            session.fix.corrected = true;
        }
        Ok(())
    }

    /// A person moves a gate or sets a lane's mode.
    fn person_gate<W: World>(
        &mut self,
        action: &Action,
        command: GateCommand,
        world: &W,
    ) -> Result<Verdict, DeadCode> {
        let Target::Lane(lane) = &action.target else { return Err(DeadCode::NoTarget) };
        let view = world.lane(lane, action.at).ok_or(DeadCode::NoTarget)?;
        let Gate::Device(device) = view.gate else { return Err(DeadCode::NotSupported) };
        let event = lot_event(action, What::Gate { lane: *lane, command });
        let (cause, at) = (action.name, action.at);
        self.lot_event(view.lot, event, false, world);
        let ttl = self.policy(&view.lot, at, world).command_ttl;
        if action.received_at + ttl < self.now() {
            return Ok(Verdict::applied());
        }
        let verb = match command {
            GateCommand::Open => CommandAction::Open,
            GateCommand::Close => CommandAction::Close,
            GateCommand::Hold => CommandAction::Hold,
            GateCommand::Lock => CommandAction::Lock,
            GateCommand::Normal => CommandAction::Normal,
        };
        let order = Order {
            lane: Some(*lane),
            session: self.waiting_at_lane(&view.lot, lane),
            cause,
            by: Some((action.by, action.by_id)),
            not_after: action.received_at + ttl,
            ..Order::new(stable_hash(&("person", action.id)), verb, device, view.lot, at, ttl)
        };
        self.commands.make(order, action.received_at, &mut self.effects);
        Ok(Verdict::applied())
    }

    /// A person moves a ground lock.
    fn person_lock<W: World>(
        &mut self,
        action: &Action,
        raise: bool,
        world: &W,
    ) -> Result<Verdict, DeadCode> {
        let Target::Berth(berth) = &action.target else { return Err(DeadCode::NoTarget) };
        let view = world.berth(berth, action.at).ok_or(DeadCode::NoTarget)?;
        let lock = view.ground_lock.ok_or(DeadCode::NotSupported)?;
        let lot = view.lot;
        let ttl = self.policy(&lot, action.at, world).command_ttl;
        let verb = if raise { CommandAction::Raise } else { CommandAction::Lower };
        let order = Order {
            berth: Some(*berth),
            cause: action.name,
            by: Some((action.by, action.by_id)),
            not_after: action.received_at + ttl,
            ..Order::new(stable_hash(&("person", action.id)), verb, lock, lot, action.at, ttl)
        };
        self.commands.make(order, action.received_at, &mut self.effects);
        Ok(Verdict::applied())
    }

    /// A person has counted the cars inside.
    fn person_count<W: World>(&mut self, action: &Action, open: u32, world: &W) -> Result<Verdict, DeadCode> {
        let Target::Lot(lot) = &action.target else { return Err(DeadCode::NoTarget) };
        if world.lot(lot, action.at).is_none() {
            return Err(DeadCode::NoTarget);
        }
        if !Self::is_gated(lot, action.at, world) {
            return Err(DeadCode::NotSupported);
        }
        self.lot_event(*lot, lot_event(action, What::Count { open }), false, world);
        self.displays.change(*lot);
        Ok(Verdict::applied())
    }

    /// Money that nobody can place must not be forgotten.
    pub(crate) fn unclaimed(&mut self, action: &Action, session: Option<SessionId>) {
        let about = About { session, ..About::default() };
        self.alerts.tell(
            AlertKind::PaymentUnclaimed,
            stable_hash(&action.id),
            action.at,
            about,
            &mut self.effects,
        );
    }
}

/// The moment that an action states.
fn manual(action: &Action, at: Instant) -> Moment {
    Moment {
        at,
        certainty: Certainty::Manual,
        not_before: None,
        not_after: None,
        device: None,
        frame: action.name,
        received_at: action.received_at,
    }
}

/// An action as an event of a gated lot.
pub(crate) fn lot_event(action: &Action, what: What) -> LotEvent {
    LotEvent {
        key: stable_hash(&("person", action.id)),
        at: action.at,
        name: action.name,
        received_at: action.received_at,
        what,
    }
}
