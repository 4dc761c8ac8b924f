//! From what is known to what is published: price, records, revisions.

use std::sync::Arc;

use parking_types::{Amount, Instant, PlateColor};

use crate::{
    alerts::About,
    book::{Indexed, Price, Session},
    core::Core,
    draft::DraftState,
    effect::{ChargeRecord, Effect, Order, PaymentRecord, SessionRecord, SessionState},
    hash::stable_hash,
    ledger::{Held, Quote, subject},
    session::{Mark, SessionId},
    timers::Timer,
    words::AlertKind,
    world::{ListKind, World},
};

impl Core {
    /// Prices and publishes whatever has changed, in order, until nothing more follows from it.
    pub(crate) fn publish_dirty<W: World>(&mut self, world: &W) {
        // Each session is looked at a bounded number of times: what one changes in another goes forward in time.
        let mut rounds = 0usize;
        while let Some(id) = self.next_dirty() {
            self.publish(id, world);
            rounds += 1;
            if rounds > 1_000_000 {
                return;
            }
        }
    }

    /// The dirty session that ended first: later ones see what it has used.
    fn next_dirty(&mut self) -> Option<SessionId> {
        let book = &self.ledger.book;
        let first = match book.dirty.len() {
            0 => return None,
            1 => *book.dirty.first()?,
            _ => *book.dirty.iter().min_by_key(|id| {
                let exit = book
                    .sessions
                    .get(id)
                    .and_then(|session| session.exit())
                    .map_or(Instant::MAX, |exit| exit.at);
                (exit, **id)
            })?,
        };
        self.ledger.book.dirty.remove(&first);
        Some(first)
    }

    /// What a flicker held back may be published from now on. `alone`: it is published next, before anything can change.
    pub(crate) fn release_publish(&mut self, id: SessionId, at: Instant, alone: bool) {
        if let Some(session) = self.ledger.book.sessions.change(&id)
            && session.draft.publish_from.is_some_and(|from| from <= at)
        {
            session.draft.publish_from = None;
            if let Some(held) = &mut session.held {
                held.stands = alone;
            }
            self.ledger.book.dirty.insert(id);
        }
    }

    /// No frame can change a session any more: only its record says so, its charge is the same.
    pub(crate) fn settle<W: World>(&mut self, id: SessionId, world: &W) {
        self.ledger.bring(id);
        let Some(mut kept) = self.ledger.book.sessions.remove(&id) else { return };
        let session = Arc::make_mut(&mut kept);
        let before = session.settled;
        self.judge_settled(session, world);
        if session.settled && !before {
            let record = self.session_record(session, world);
            session.session_hash = stable_hash(&record);
            session.revision += 1;
            self.effects
                .push(Effect::Session(Box::new(SessionRecord { revision: session.revision, ..record })));
        }
        self.watch_lost(session);
        self.ledger.book.sessions.insert(id, kept);
        self.ledger.may_leave(id);
    }

    fn publish<W: World>(&mut self, id: SessionId, world: &W) {
        let Some(mut kept) = self.ledger.book.sessions.remove(&id) else { return };
        let session = Arc::make_mut(&mut kept);
        let before = session.indexed.take().map(|indexed| *indexed).unwrap_or_default();
        let now = self.now();
        let quote = match session.held.take().filter(|held| held.stands) {
            Some(held) => Some(held.quote),
            None if session.is_priced() => self.ledger.quote(session, world, now),
            None => None,
        };
        self.set_price(session, quote.as_ref());
        self.judge_settled(session, world);
        let after = Indexed::of(session);
        let moved = (before != after).then(|| before.entry.into_iter().chain(after.entry).min()).flatten();
        self.ledger.book.index(id, &before, &after);
        self.displays.moved(before.open, after.open);
        session.indexed = Some(Box::new(after));
        let held =
            session.draft.publish_from.filter(|from| *from > now && session.draft.state != DraftState::Open);
        match held {
            Some(from) => self.timers.arm(from, Timer::Publish(id)),
            None => {
                session.draft.publish_from = None;
                self.publish_records(session, quote.as_ref(), world);
            }
        }
        self.watch_session(session, world);
        let lot = session.draft.lot;
        if session.state() != SessionState::Open {
            self.ledger.may_leave(id);
        }
        self.ledger.book.sessions.insert(id, kept);
        let zone = world.lot(&lot, now).map(|lot| lot.zone.clone());
        self.ledger.remember(id, quote.as_ref(), |at| match &zone {
            Some(zone) => zone.local(at).date(),
            None => parking_types::Date::from_days((at.as_secs() / 86_400) as i32),
        });
        self.ledger.join_passes(id, world, now, moved);
        if held.is_some()
            && let Some(session) = self.ledger.book.sessions.change(&id)
        {
            session.held = quote.map(|quote| Box::new(Held { quote, stands: false }));
        }
    }

    fn set_price(&mut self, session: &mut Session, quote: Option<&Quote>) {
        let id = session.draft.id;
        let exit = session.exit().map_or(Instant::MAX, |exit| exit.at);
        let later: Amount = self
            .ledger
            .book
            .payments_of(session)
            .filter(|(_, payment)| !payment.reversed && payment.at > exit)
            .map(|(_, payment)| payment.amount)
            .sum();
        let subject = stable_hash(&id);
        let now = self.now();
        (session.price, session.outstanding) = match quote.map(|quote| &quote.price) {
            None => (Price::None, Amount::ZERO),
            Some(Ok(priced)) => (
                Price::Priced { total: priced.total, due: priced.due, currency: priced.currency },
                priced.due.saturating_sub(later).at_least_zero(),
            ),
            Some(Err(_)) => (Price::Error, Amount::ZERO),
        };
        if session.price == Price::Error {
            if self.ledger.book.unpriced.insert(id) {
                let about = about(session);
                self.alerts.open(AlertKind::Unpriced, subject, exit, about, &mut self.effects);
            }
        } else if self.ledger.book.unpriced.remove(&id) {
            self.alerts.close(AlertKind::Unpriced, subject, now, &mut self.effects);
        }
    }

    /// Whether frames can still change it; else watches for when they cannot.
    fn judge_settled<W: World>(&mut self, session: &mut Session, world: &W) {
        if session.settled || session.state() == SessionState::Open {
            return;
        }
        let Some(last) = session.exit().or(session.entry()) else { return };
        let at = last.not_after.unwrap_or(last.at);
        let policy = self.policy(&session.draft.lot, last.at, world);
        let slack = if session.draft.passage.lane_in.or(session.draft.passage.lane_out).is_some() {
            policy.arm_wait
        } else {
            policy.flicker.max(policy.pair)
        };
        let due = at + slack + policy.late_window;
        if self.now() >= due {
            session.settled = true;
        } else {
            self.timers.arm(due, Timer::Settle(session.draft.id));
        }
    }

    /// Alerts that a session's state gives rise to or cures.
    fn watch_session<W: World>(&mut self, session: &mut Session, world: &W) {
        let id = session.draft.id;
        let subject_hash = stable_hash(&id);
        let now = self.now();
        if session.state() == SessionState::Open {
            if let Some(entry) = session.entry().filter(|_| !session.watched) {
                session.watched = true;
                let after = self.policy(&session.draft.lot, entry.at, world).zombie_after;
                let due = entry.at + after + parking_types::Span::from_nanos(1);
                self.timers.arm(due.max(now), Timer::Zombie(id));
            }
            let roadside = session.draft.passage.lane_in.is_none();
            if roadside
                && session.plate().is_some()
                && world.listed(ListKind::Black, &subject(session), now, now).is_some()
            {
                let about = about(session);
                self.alerts.tell(
                    AlertKind::Blacklisted,
                    stable_hash(&(id, session.plate())),
                    now,
                    about,
                    &mut self.effects,
                );
            }
        } else {
            self.alerts.close(AlertKind::Zombie, subject_hash, now, &mut self.effects);
        }
        self.watch_lost(session);
        // What was decided at a gate stands; if the price is another one now, somebody must know.
        let total = match session.price {
            Price::Priced { total, .. } => Some(total),
            _ => None,
        };
        if let Some(decided) = session.extra.decided_total
            && total != Some(decided)
        {
            session.extra.decided_total = total;
            let about = about(session);
            self.alerts.tell(
                AlertKind::Amended,
                stable_hash(&(id, session.revision)),
                now,
                about,
                &mut self.effects,
            );
        }
        if session.decided && session.extra.decided_total.is_none() {
            session.extra.decided_total = total;
        }
    }

    /// Lost frames are a matter for somebody until they come, a person has set the times, or nothing can come any more.
    fn watch_lost(&mut self, session: &mut Session) {
        let subject = stable_hash(&session.draft.id);
        let cured = session.settled || session.fix.corrected || session.state() == SessionState::Void;
        let lost = session.marks().contains(Mark::FramesLost) && !cured;
        if lost == session.lost_told {
            return;
        }
        session.lost_told = lost;
        let now = self.now();
        if lost {
            self.alerts.open(AlertKind::FramesLost, subject, now, about(session), &mut self.effects);
        } else {
            self.alerts.close(AlertKind::FramesLost, subject, now, &mut self.effects);
        }
    }

    fn publish_records<W: World>(&mut self, session: &mut Session, quote: Option<&Quote>, world: &W) {
        let record = self.session_record(session, world);
        let hash = stable_hash(&record);
        let charge = self.charge_record(session, quote);
        let charge_hash = charge.as_ref().map(stable_hash);
        let session_changed = hash != session.session_hash;
        let charge_changed = charge_hash.is_some() && charge_hash != session.charge_hash;
        if !session_changed && !charge_changed {
            return;
        }
        session.revision += 1;
        if session_changed {
            session.session_hash = hash;
            self.effects
                .push(Effect::Session(Box::new(SessionRecord { revision: session.revision, ..record })));
        }
        if let Some(charge) = charge.filter(|_| charge_changed) {
            session.charge_hash = charge_hash;
            self.effects
                .push(Effect::Charge(Box::new(ChargeRecord { revision: session.revision, ..charge })));
        }
    }

    fn session_record<W: World>(&self, session: &Session, world: &W) -> SessionRecord {
        let draft = &session.draft;
        let as_of = session.exit().map_or(self.now(), |exit| exit.at);
        let vehicle = self.ledger.vehicle(session, world, as_of);
        let plated = session.plate().is_some();
        SessionRecord {
            session: draft.id,
            revision: 0,
            settled: session.settled,
            lot: draft.lot,
            berth: session.berth(),
            lane_in: session.fix.lane_in.or(draft.passage.lane_in),
            lane_out: draft.passage.lane_out,
            plate: session.plate(),
            plate_color: session.color().filter(|color| plated && *color != PlateColor::Unknown),
            vehicle: vehicle.or_else(|| plated.then(|| self.policy(&draft.lot, as_of, world).vehicle)),
            ticket: draft.passage.ticket,
            state: session.state(),
            entry: session.entry(),
            exit: session.exit(),
            marks: session.marks().iter().collect(),
            superseded_by: session.extra.superseded_by,
            origin: draft.origin,
            evidence: session.extra.evidence.clone(),
            actions: session.extra.actions.clone(),
            more: session.extra.more,
        }
    }

    /// The charge, where there is one to be published.
    fn charge_record(&self, session: &Session, quote: Option<&Quote>) -> Option<ChargeRecord> {
        let payments: Vec<PaymentRecord> = self
            .ledger
            .book
            .payments_of(session)
            .filter(|(_, payment)| !payment.reversed)
            .map(|((payment, part), facts)| PaymentRecord {
                payment: *payment,
                part: part.clone(),
                at: facts.at,
                amount: facts.amount,
                method: facts.method.clone(),
            })
            .collect();
        if quote.is_none() && session.charge_hash.is_none() && payments.is_empty() {
            return None;
        }
        let (total, currency) = match &session.price {
            Price::Priced { total, currency, .. } => (Some(*total), Some(*currency)),
            _ => (None, self.ledger.book.payments_of(session).next().map(|(_, payment)| payment.currency)),
        };
        let paid: Amount = payments.iter().map(|payment| payment.amount).sum();
        let order = match (session.state(), total) {
            (SessionState::Void, _) => Order::Void,
            (SessionState::Exception, _) => Order::Exception,
            _ if session.price == Price::Error => Order::Exception,
            (SessionState::Open, _) => Order::Running,
            (SessionState::Closed, None | Some(Amount::ZERO)) => Order::Free,
            (SessionState::Closed, _) if session.outstanding > Amount::ZERO => Order::Unpaid,
            (SessionState::Closed, _) => Order::Complete,
        };
        let priced = quote.and_then(|quote| quote.price.as_ref().ok());
        Some(ChargeRecord {
            session: session.draft.id,
            revision: 0,
            lot: session.draft.lot,
            plate: session.plate(),
            order,
            overpaid: total.map_or(Amount::ZERO, |total| paid.saturating_sub(total).at_least_zero()),
            payments,
            outstanding: session.outstanding,
            currency,
            adjusted_by: session.fix.adjusted_by.clone(),
            receipt: quote.map(|quote| match &quote.price {
                Ok(priced) => priced.receipt.clone(),
                Err(unpriced) => unpriced.receipt.clone(),
            }),
            unpriced: session.price == Price::Error,
            show_used: priced.is_some_and(|priced| priced.uses_history),
            total,
        })
    }
}

/// What an alert about a session says.
pub(crate) fn about(session: &Session) -> About {
    About {
        lot: Some(session.draft.lot),
        berth: session.berth(),
        lane: session.draft.passage.lane_out.or(session.draft.passage.lane_in),
        session: Some(session.draft.id),
        plate: session.plate(),
        ..About::default()
    }
}
