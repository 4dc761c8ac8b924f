//! Payments: never dropped, never counted twice, bound to one session at a time.

use parking_types::{Id, Instant, Plate};

use crate::{
    book::{Payment, PaymentKey},
    core::{Core, DeadCode, Verdict},
    effect::SessionState,
    event::{Action, PaymentFacts, Target, Verb},
    gated::What,
    people::lot_event,
    session::SessionId,
    words::ActionKind,
    world::World,
};

impl Core {
    pub(crate) fn money<W: World>(&mut self, action: &Action, world: &W) -> Result<Verdict, DeadCode> {
        match &action.verb {
            Verb::Payment(facts) => self.payment(action, facts, world),
            Verb::PaymentReversed { payment, part } => self.reversed(action, (*payment, part.clone()), world),
            _ => Err(DeadCode::NotSupported),
        }
    }

    fn payment<W: World>(
        &mut self,
        action: &Action,
        facts: &PaymentFacts,
        world: &W,
    ) -> Result<Verdict, DeadCode> {
        let key: PaymentKey = (facts.payment, facts.part.clone());
        if let Some(known) = self.ledger.payment(&key) {
            let same = known.amount == facts.amount && known.currency == facts.currency;
            return if same { Ok(Verdict::Duplicate) } else { Err(DeadCode::Conflict) };
        }
        let withdrawn = self.names_withdrawn(action, facts, world);
        let id = match withdrawn.map(|(_, _, id)| Ok(id)).unwrap_or_else(|| self.target(action, world)) {
            Ok(id) => id,
            Err(code) => {
                self.unclaimed(action, None);
                return Err(code);
            }
        };
        self.ledger.bring(id);
        let plate = self.paid_for(id, action.at);
        let Some(session) = self.ledger.book.sessions.change(&id) else { return Err(DeadCode::NoTarget) };
        session.extra.payments.push(key.clone());
        let void = session.state() == SessionState::Void;
        let payment = Payment {
            at: action.at,
            quoted_at: facts.quoted_at,
            amount: facts.amount,
            currency: facts.currency,
            method: facts.method.clone(),
            session: id,
            plate,
            reversed: false,
        };
        self.ledger.book.payments.insert(key, payment);
        if void {
            self.unclaimed(action, Some(id));
        }
        self.note(id, ActionKind::Payment, action);
        self.publish_dirty(world);
        let event = lot_event(action, What::Count { open: 0 });
        match withdrawn {
            Some((lot, lane, _)) => {
                self.restore_exit(lot, lane, &event, world);
            }
            None => self.gate_follows(id, &event, world),
        }
        Ok(Verdict::applied())
    }

    /// The withdrawn exit that a payment names: by its lane, or by its instant.
    fn names_withdrawn<W: World>(
        &mut self,
        action: &Action,
        facts: &PaymentFacts,
        world: &W,
    ) -> Option<(Id, Id, SessionId)> {
        if let Target::Lane(lane) = &action.target {
            let lot = world.lane(lane, action.at)?.lot;
            if self.waiting_at_lane(&lot, lane).is_some() {
                return None;
            }
            return self.withdrawn_at(&lot, |known, _, _| known == lane).map(|(lane, id)| (lot, lane, id));
        }
        let quoted = facts.quoted_at?;
        let id = self.target(action, world).ok()?;
        let lot = self.ledger.book.sessions.get(&id)?.draft.lot;
        let named = |_: &Id, at: Instant, session: SessionId| at == quoted && session == id;
        self.withdrawn_at(&lot, named).map(|(lane, id)| (lot, lane, id))
    }

    /// The plate that a payment is made for: that of the exit read it answers, else the session's.
    fn paid_for(&self, id: SessionId, at: Instant) -> Option<Plate> {
        let session = self.ledger.book.sessions.get(&id)?;
        let answered =
            session.draft.passage.exit_plate.filter(|_| session.exit().is_some_and(|exit| exit.at <= at));
        answered.or_else(|| session.plate())
    }

    fn reversed<W: World>(
        &mut self,
        action: &Action,
        key: PaymentKey,
        world: &W,
    ) -> Result<Verdict, DeadCode> {
        let payment = self.ledger.payment(&key).ok_or(DeadCode::NoTarget)?;
        if payment.reversed {
            return Ok(Verdict::Duplicate);
        }
        payment.reversed = true;
        let id = payment.session;
        self.note(id, ActionKind::PaymentReversed, action);
        self.publish_dirty(world);
        Ok(Verdict::applied())
    }

    /// Frames have split or joined sessions or moved an exit: each payment goes where it belongs.
    pub(crate) fn rebind_payments(&mut self, touched: &[SessionId]) {
        touched.iter().for_each(|id| _ = self.ledger.bring(*id));
        let book = &self.ledger.book;
        let keys: Vec<PaymentKey> = touched
            .iter()
            .filter_map(|id| book.sessions.get(id))
            .flat_map(|session| session.extra.payments.iter().cloned())
            .collect();
        for key in keys {
            let Some(bound) = self.ledger.book.payments.get(&key).map(|payment| payment.session) else {
                continue;
            };
            let mut candidates: Vec<SessionId> =
                touched.iter().copied().chain([bound]).filter_map(|id| self.ledger.resolve(id)).collect();
            let book = &self.ledger.book;
            candidates.retain(|id| book.sessions.get(id).is_some_and(|s| s.state() != SessionState::Void));
            let Some(payment) = book.payments.get(&key) else { continue };
            let Some(to) = self.belongs(payment, &candidates) else { continue };
            let from = payment.session;
            if to == from {
                continue;
            }
            if let Some(session) = self.ledger.book.sessions.change(&from) {
                session.extra.payments.retain(|known| *known != key);
                self.ledger.book.dirty.insert(from);
            }
            if let Some(session) = self.ledger.book.sessions.change(&to) {
                session.extra.payments.push(key.clone());
                self.ledger.book.dirty.insert(to);
            }
            if let Some(payment) = self.ledger.book.payments.get_mut(&key) {
                payment.session = to;
            }
        }
    }

    /// The session that a payment goes with: the one with its plate, else the one that holds its instant, else the
    /// one that ended last before it.
    fn belongs(&self, payment: &Payment, candidates: &[SessionId]) -> Option<SessionId> {
        let sessions =
            || candidates.iter().filter_map(|id| self.ledger.book.sessions.get(id).map(AsRef::as_ref));
        let has_plate = |s: &&crate::book::Session| {
            payment.plate.is_some()
                && (s.draft.passage.exit_plate == payment.plate
                    || s.draft.passage.exit_plate.is_none() && s.plate() == payment.plate)
        };
        let with_plate: Vec<_> = sessions().filter(has_plate).collect();
        let pool: Vec<_> = match with_plate.as_slice() {
            [only] => return Some(only.draft.id),
            [] => sessions().collect(),
            _ => with_plate,
        };
        let span = |s: &crate::book::Session| {
            let from = s.entry().or(s.exit()).map_or(Instant::MIN, |m| m.at);
            (from, s.exit().map_or(Instant::MAX, |m| m.at))
        };
        let holds = pool.iter().find(|s| {
            let (from, to) = span(s);
            from <= payment.at && payment.at <= to
        });
        let before = pool.iter().filter(|s| span(s).1 < payment.at).max_by_key(|s| span(s).1);
        holds.or(before).map(|session| session.draft.id)
    }
}
