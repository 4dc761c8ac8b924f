//! What the machine of a gated lot asks and says, answered by the rest of the state.

use parking_types::{Direction, Id, Instant, Plate, PlateColor, Span};

use crate::{
    alerts::{About, Alerts},
    book::Session,
    commands::{Commands, Order},
    draft::Draft,
    effect::{CommandAction, Effect},
    gated::{Cause, Fact, GateAlert, Judge, Owing, Refusal},
    hash::Map,
    ids::Origins,
    ledger::Ledger,
    outage::Outages,
    policy::{Arrears, Policy},
    session::SessionId,
    statement::PlateRead,
    world::{Gate, ListKind, Subject, World},
};

/// The judge of one step.
pub(crate) struct Bench<'a, W> {
    pub(crate) world: &'a W,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) alerts: &'a mut Alerts,
    pub(crate) commands: &'a mut Commands,
    pub(crate) effects: &'a mut Vec<Effect>,
    pub(crate) facts: &'a mut Map<u64, Fact>,
    pub(crate) outages: &'a Outages,
    pub(crate) lot: Id,
    pub(crate) group: Id,
    pub(crate) clock: Instant,
    pub(crate) origins: &'a Origins<'a>,
    /// The event that a command may follow from.
    pub(crate) live: Option<u64>,
    /// Nothing is said: the events have been judged before.
    pub(crate) mute: bool,
    pub(crate) fallback: &'a Policy,
}

impl<W: World> Bench<'_, W> {
    fn subject(&self, read: &PlateRead) -> Subject {
        Subject { lot: self.lot, berth: None, plate: read.plate, color: Some(read.color) }
    }

    fn listed(&self, kind: ListKind, read: &PlateRead, at: Instant) -> bool {
        read.plate.is_some() && self.world.listed(kind, &self.subject(read), at, at).is_some()
    }
}

impl<W: World> Judge for Bench<'_, W> {
    fn lot(&self) -> Id {
        self.lot
    }

    fn policy(&self, at: Instant) -> &Policy {
        self.world.lot(&self.lot, at).map_or(self.fallback, |lot| lot.policy)
    }

    fn lane(&self, lane: &Id, at: Instant) -> Option<(Direction, bool)> {
        let lane = self.world.lane(lane, at)?;
        Some((lane.direction, matches!(lane.gate, Gate::Device(_))))
    }

    fn id(&self, event: u64, at: Instant) -> SessionId {
        self.origins.id(event, at)
    }

    fn corrected(&mut self, id: SessionId, at: Instant) -> Option<(Plate, Option<PlateColor>)> {
        if self.ledger.may_have_left(at) {
            self.ledger.bring(id);
        }
        let fix = &self.ledger.book.sessions.get(&id)?.fix;
        fix.plate.map(|plate| (plate, fix.color))
    }

    fn refuses(&self, read: &PlateRead, inside: i64, at: Instant) -> Option<Refusal> {
        if self.listed(ListKind::Black, read, at) {
            return Some(Refusal::Black);
        }
        let lot = self.world.lot(&self.lot, at)?;
        if lot.policy.arrears == Arrears::DenyEntry && self.listed(ListKind::Arrears, read, at) {
            return Some(Refusal::Arrears);
        }
        let full = lot.capacity.is_some_and(|capacity| inside >= i64::from(capacity));
        let holds_pass = || {
            let passes = self.world.passes(&self.subject(read), at);
            passes.iter().any(|pass| (pass.from..pass.to).contains(&at))
        };
        (full && !self.listed(ListKind::White, read, at) && !holds_pass()).then_some(Refusal::Full)
    }

    fn has_arrears(&self, read: &PlateRead, at: Instant) -> bool {
        self.listed(ListKind::Arrears, read, at)
    }

    fn owing(&mut self, draft: &Draft) -> Owing {
        self.ledger.recall(draft);
        let session = match self.ledger.book.sessions.get(&draft.id) {
            Some(known) => Session { draft: draft.clone(), ..known.as_ref().clone() },
            None => Session::new(draft.clone(), self.group),
        };
        if !session.is_priced() {
            return Owing::Nothing;
        }
        let Some(quote) = self.ledger.quote(&session, self.world, self.clock) else { return Owing::Unknown };
        match quote.price {
            Err(_) => Owing::Unknown,
            Ok(priced) => {
                let exit = session.exit().map_or(self.clock, |exit| exit.at);
                let later = self
                    .ledger
                    .book
                    .payments_of(&session)
                    .filter(|(_, payment)| !payment.reversed && payment.at > exit)
                    .map(|(_, payment)| payment.amount)
                    .sum();
                match priced.due.saturating_sub(later).at_least_zero() {
                    parking_types::Amount::ZERO => Owing::Nothing,
                    amount => Owing::Amount(amount),
                }
            }
        }
    }

    fn fact(&self, read: u64) -> Option<Fact> {
        self.facts.get(&read).copied()
    }

    fn decide(&mut self, read: u64, fact: Fact) {
        self.facts.insert(read, fact);
    }

    fn open(&mut self, lane: Id, session: Option<SessionId>, cause: Cause) {
        if self.mute || self.live.is_none() {
            return;
        }
        let Some(Gate::Device(device)) = self.world.lane(&lane, cause.at).map(|lane| lane.gate) else {
            return;
        };
        let ttl = self.policy(cause.at).command_ttl;
        let order = Order {
            lane: Some(lane),
            session,
            cause: cause.name,
            not_after: cause.received_at + ttl,
            ..Order::new(cause.key, CommandAction::Open, device, self.lot, cause.at, ttl)
        };
        self.commands.make(order, cause.received_at, self.effects);
    }

    fn released(&mut self, session: SessionId) {
        if self.mute || self.live.is_none() {
            return;
        }
        self.ledger.bring(session);
        if let Some(known) = self.ledger.book.sessions.change(&session) {
            known.decided = true;
            self.ledger.book.dirty.insert(session);
        }
    }

    fn alert(&mut self, alert: GateAlert) {
        if self.mute {
            return;
        }
        let about = About {
            lot: Some(self.lot),
            lane: Some(alert.lane),
            session: alert.session,
            plate: alert.plate,
            detail: alert.detail.map(Into::into),
            ..About::default()
        };
        self.alerts.tell(alert.kind, alert.key, alert.at, about, self.effects);
    }

    fn outage(&self, from: Instant, to: Instant) -> Span {
        self.outages.within(from, to)
    }
}
