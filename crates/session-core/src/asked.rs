//! What can be asked between two steps. Asking changes nothing.

use parking_types::{Amount, Id, Instant, Plate, PlateColor};

use crate::{
    core::Core,
    effect::SessionState,
    session::SessionId,
    shelf::Kept,
    store::Who,
    world::{Priced, Unpriced, World},
};

/// Whose due is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A session's; of one that was merged, the one that stands for it.
    Session(SessionId),
    /// Everything at a berth: who stands there now, and who left without paying.
    Berth(Id),
    /// Who waits at a lane for the gate.
    Lane(Id),
    /// Of an unplated car in a gated lot.
    Ticket(Id, Id),
}

/// What a session owes; an open one, what it would if it ended at the instant that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Owed {
    /// The session.
    pub session: SessionId,
    /// Its state.
    pub state: SessionState,
    /// The lot.
    pub lot: Id,
    /// The berth, on the roadside.
    pub berth: Option<Id>,
    /// The lane of the entry, in a gated lot.
    pub lane_in: Option<Id>,
    /// The lane of the exit, in a gated lot.
    pub lane_out: Option<Id>,
    /// The plate.
    pub plate: Option<Plate>,
    /// Its colour.
    pub plate_color: Option<PlateColor>,
    /// Since when; unknown where nobody saw it come.
    pub entry: Option<Instant>,
    /// Until when, where it has ended.
    pub exit: Option<Instant>,
    /// The price; `None` where the entry is not known, and for what is void.
    pub price: Option<Result<Priced, Unpriced>>,
    /// What is to be paid, where there is a price.
    pub outstanding: Option<Amount>,
}

/// What is known of a berth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BerthNow {
    /// What its detectors last said.
    pub occupied: Option<bool>,
    /// When they said so.
    pub contact: Option<Instant>,
    /// The session that is open there.
    pub session: Option<SessionId>,
}

/// A payment as it counts now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    /// Where a payment covers several sessions.
    pub part: Option<Box<str>>,
    /// The session that it counts for.
    pub session: SessionId,
    /// When.
    pub at: Instant,
    /// How much.
    pub amount: Amount,
    /// In which currency.
    pub currency: parking_types::Currency,
    /// It was taken back.
    pub reversed: bool,
}

/// So many sessions are priced for one question.
const MOST: usize = 32;

impl Core {
    /// What is due, the open session first, then the oldest; at most 32.
    pub fn owed<W: World>(&self, whose: &Whose, at: Instant, world: &W) -> Vec<Owed> {
        let ledger = &self.ledger;
        let sessions: Vec<SessionId> = match whose {
            Whose::Session(session) => vec![*session],
            Whose::Berth(berth) => ledger.owing(berth, Who::Anyone, MOST),
            Whose::Lane(lane) => {
                let view = world.lane(lane, at);
                view.and_then(|view| self.waiting_at_lane(&view.lot, lane)).into_iter().collect()
            }
            Whose::Ticket(lot, ticket) => ledger.owing(lot, Who::Ticket(*ticket), MOST),
        };
        let session = |id: &SessionId| ledger.meant(*id).map(|kept| self.owes(&kept, at, world));
        sessions.iter().filter_map(session).collect()
    }

    fn owes<W: World>(&self, kept: &Kept<'_>, at: Instant, world: &W) -> Owed {
        let session = kept.session();
        let state = session.state();
        let void = state == SessionState::Void;
        let price = if void { None } else { self.ledger.quote_of(kept, world, at).map(|quote| quote.price) };
        let open = state == SessionState::Open;
        let outstanding = match &price {
            _ if void => Some(Amount::ZERO),
            Some(Ok(priced)) if open => Some(priced.due),
            Some(Ok(_)) => Some(session.outstanding),
            _ => None,
        };
        Owed {
            session: session.draft.id,
            state,
            lot: session.draft.lot,
            berth: session.berth(),
            lane_in: session.fix.lane_in.or(session.draft.passage.lane_in),
            lane_out: session.draft.passage.lane_out,
            plate: session.plate(),
            plate_color: session.color(),
            entry: session.entry().map(|moment| moment.at),
            exit: session.exit().map(|moment| moment.at),
            price,
            outstanding,
        }
    }

    /// How many cars are inside a gated lot, with what a person has corrected; `None` where nothing was seen of it.
    pub fn inside(&self, lot: &Id) -> Option<u64> {
        self.lots.get(lot).map(|unit| unit.current.inside().unsigned_abs())
    }

    /// What is known of a berth; `None` where nothing was heard of it.
    pub fn berth_now(&self, berth: &Id) -> Option<BerthNow> {
        let unit = self.berths.get(berth)?;
        // Who is there has not left memory.
        let session =
            self.ledger.book.target(berth, |_| true).filter(|(_, _, open)| *open).map(|(_, id, _)| id);
        Some(BerthNow { occupied: unit.current.occupied, contact: unit.current.last_contact, session })
    }

    /// Whether an action with this id was carried out.
    pub fn was_done(&self, action: &Id) -> bool {
        self.actions.contains_key(action) || self.ledger.shelf.action(action).is_some()
    }

    /// What became of a payment, part by part.
    pub fn paid(&self, payment: &Id) -> Vec<Paid> {
        let parts = self.ledger.payment_parts(payment).into_iter();
        let paid = parts.map(|(part, payment)| Paid {
            part,
            session: payment.session,
            at: payment.at,
            amount: payment.amount,
            currency: payment.currency,
            reversed: payment.reversed,
        });
        paid.collect()
    }
}
