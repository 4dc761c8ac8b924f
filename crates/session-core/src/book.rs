//! The sessions as published: what frames tell, what people changed, what was paid.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use parking_types::{Amount, Currency, Id, Instant, Plate, PlateColor, VehicleClass};
use serde::{Deserialize, Serialize};

use crate::{
    draft::{Draft, DraftState},
    effect::{ActionNote, Certainty, Moment, SessionState},
    few::Few,
    ledger::Held,
    ordered::Ordered,
    rare::{Absent, Rare},
    session::{Mark, Marks, SessionId},
    table::Table,
};

/// At most this many evidences and actions are listed with a session.
const EVIDENCES: usize = 16;
const ACTIONS: usize = 64;

/// What people changed about a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fix {
    pub(crate) plate: Option<Plate>,
    pub(crate) color: Option<PlateColor>,
    pub(crate) vehicle: Option<VehicleClass>,
    pub(crate) entry: Option<Moment>,
    pub(crate) exit: Option<Moment>,
    pub(crate) berth: Option<Id>,
    pub(crate) lane_in: Option<Id>,
    pub(crate) void: bool,
    /// A person has priced an exception.
    pub(crate) resolved: bool,
    /// Gaps between merged sessions.
    pub(crate) gaps: Vec<(Instant, Instant)>,
    pub(crate) adjust: Option<Box<str>>,
    pub(crate) adjusted_by: Vec<Id>,
    pub(crate) corrected: bool,
}

impl Absent for Fix {
    const ABSENT: &'static Self = &Self {
        plate: None,
        color: None,
        vehicle: None,
        entry: None,
        exit: None,
        berth: None,
        lane_in: None,
        void: false,
        resolved: false,
        gaps: Vec::new(),
        adjust: None,
        adjusted_by: Vec::new(),
        corrected: false,
    };
}

/// What few open sessions have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Extra {
    pub(crate) superseded_by: Option<SessionId>,
    /// A person merged it into another one.
    pub(crate) merged_into: Option<SessionId>,
    pub(crate) actions: Vec<ActionNote>,
    pub(crate) evidence: Vec<(Box<str>, Box<str>, Instant)>,
    pub(crate) more: bool,
    pub(crate) payments: Vec<PaymentKey>,
    /// Reference data as of here prices it, where no price was to be had at its exit.
    pub(crate) priced_as_of: Option<Instant>,
    /// The total when its gate opened.
    pub(crate) decided_total: Option<Amount>,
    /// The passes that were looked at.
    pub(crate) passes: Vec<Id>,
    /// The plate's key in the history.
    pub(crate) history_key: Option<HistoryKey>,
}

impl Absent for Extra {
    const ABSENT: &'static Self = &Self {
        superseded_by: None,
        merged_into: None,
        actions: Vec::new(),
        evidence: Vec::new(),
        more: false,
        payments: Vec::new(),
        priced_as_of: None,
        decided_total: None,
        passes: Vec::new(),
        history_key: None,
    };
}

/// What a closed session costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Price {
    /// Not priced: open, void, or of zero length.
    None,
    /// Priced.
    Priced { total: Amount, due: Amount, currency: Currency },
    /// There is no price.
    Error,
}

/// A payment, bound to one session at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Payment {
    pub(crate) at: Instant,
    pub(crate) quoted_at: Option<Instant>,
    pub(crate) amount: Amount,
    pub(crate) currency: Currency,
    pub(crate) method: Option<Box<str>>,
    /// The session it belongs to; `None` once taken back.
    pub(crate) session: SessionId,
    /// The plate that it was made for.
    pub(crate) plate: Option<Plate>,
    pub(crate) reversed: bool,
}

/// A payment's name: its id and part.
pub(crate) type PaymentKey = (Id, Option<Box<str>>);

/// A session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) draft: Draft,
    pub(crate) group: Id,
    pub(crate) fix: Rare<Fix>,
    pub(crate) extra: Rare<Extra>,
    /// Where it stands in the look-ups.
    pub(crate) indexed: Option<Box<Indexed>>,
    /// A timer watches how long it is open.
    pub(crate) watched: bool,
    /// It has been said that frames of it were lost.
    pub(crate) lost_told: bool,
    /// No event shows it any more.
    pub(crate) vanished: bool,
    pub(crate) price: Price,
    /// What was asked for while a flicker holds it back; not saved, as asking again gives the same.
    #[serde(skip)]
    pub(crate) held: Option<Box<Held>>,
    pub(crate) outstanding: Amount,
    pub(crate) settled: bool,
    pub(crate) revision: u64,
    /// Hashes of the last published records.
    pub(crate) session_hash: u64,
    pub(crate) charge_hash: Option<u64>,
    /// A gate was opened for its exit.
    pub(crate) decided: bool,
}

/// A plate in a group: text and colour.
pub(crate) type HistoryKey = (Id, Plate, Option<PlateColor>);

/// All sessions, payments and what is looked up in them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Book {
    pub(crate) sessions: Table<SessionId, Arc<Session>>,
    pub(crate) payments: BTreeMap<PaymentKey, Payment>,
    /// Open sessions and those that owe, by berth or lot, by entry.
    live: Table<Id, Few<(Instant, SessionId)>>,
    /// Sessions of a berth that people gave it, and all others, by entry; to see overlaps.
    pub(crate) of_berth: Table<Id, Few<(Instant, SessionId)>>,
    /// Closed sessions by exit.
    pub(crate) by_exit: Ordered<(Instant, SessionId)>,
    /// Sessions without a price.
    pub(crate) unpriced: Ordered<SessionId>,
    /// Sessions that a pass may cover.
    pub(crate) pass_members: Table<Id, BTreeSet<SessionId>>,
    /// To be priced and published again.
    pub(crate) dirty: BTreeSet<SessionId>,
}

impl Session {
    pub(crate) fn new(draft: Draft, group: Id) -> Self {
        Self {
            draft,
            group,
            fix: Rare::default(),
            extra: Rare::default(),
            indexed: None,
            watched: false,
            lost_told: false,
            vanished: false,
            price: Price::None,
            held: None,
            outstanding: Amount::ZERO,
            settled: false,
            revision: 0,
            session_hash: 0,
            charge_hash: None,
            decided: false,
        }
    }

    pub(crate) fn entry(&self) -> Option<Moment> {
        self.fix.entry.or(self.draft.entry)
    }

    pub(crate) fn exit(&self) -> Option<Moment> {
        self.fix.exit.or(self.draft.exit)
    }

    pub(crate) fn plate(&self) -> Option<Plate> {
        self.fix.plate.or(self.draft.plate.plate)
    }

    pub(crate) fn color(&self) -> Option<PlateColor> {
        self.fix.color.or(self.draft.plate.color)
    }

    pub(crate) fn berth(&self) -> Option<Id> {
        self.fix.berth.or(self.draft.berth)
    }

    pub(crate) fn state(&self) -> SessionState {
        if self.extra.superseded_by.is_some() || self.vanished || self.fix.void {
            return SessionState::Void;
        }
        match self.draft.state {
            // Only a session without a plate can be too short to be one.
            DraftState::Void if !(self.is_too_short() && self.fix.plate.is_some()) => SessionState::Void,
            _ if self.exit().is_none() => SessionState::Open,
            DraftState::Exception if !self.fix.resolved || self.entry().is_none() => SessionState::Exception,
            _ => SessionState::Closed,
        }
    }

    fn is_too_short(&self) -> bool {
        self.draft.marks.contains(Mark::TooShort)
    }

    pub(crate) fn marks(&self) -> Marks {
        let mut marks = self.draft.marks;
        if self.fix.plate.is_some() {
            marks.remove(Mark::TooShort);
        }
        if self.entry().is_some() {
            marks.remove(Mark::NoEntry);
        }
        if self.fix.corrected {
            marks.insert(Mark::Corrected);
        }
        marks
    }

    /// The time that counts, when both ends are known.
    pub(crate) fn stay(&self) -> Option<(Moment, Moment)> {
        Some((self.entry()?, self.exit()?))
    }

    /// Known to be zero only because of our loss: nothing is charged, not even a record.
    pub(crate) fn is_zero_by_interval(&self) -> bool {
        self.stay().is_some_and(|(entry, exit)| {
            exit.at <= entry.at
                && (entry.certainty == Certainty::Inferred || exit.certainty == Certainty::Inferred)
        })
    }

    /// Whether it is to be priced.
    pub(crate) fn is_priced(&self) -> bool {
        self.state() == SessionState::Closed && self.stay().is_some() && !self.is_zero_by_interval()
    }

    /// Where it counts among open and owing sessions: its berth, else its lot.
    pub(crate) fn place(&self) -> Id {
        match (self.berth(), self.draft.passage.lane_in.or(self.draft.passage.lane_out)) {
            (Some(berth), None) => berth,
            _ => self.draft.lot,
        }
    }

    pub(crate) fn note(&mut self, note: ActionNote) {
        if self.extra.actions.len() < ACTIONS {
            self.extra.actions.push(note)
        } else {
            self.extra.more = true
        }
    }

    pub(crate) fn add_evidence(&mut self, kind: Box<str>, image: Box<str>, at: Instant) {
        if self.extra.evidence.len() < EVIDENCES {
            self.extra.evidence.push((kind, image, at))
        } else {
            self.extra.more = true
        }
    }
}

impl Book {
    /// Takes a draft in.
    pub(crate) fn update(&mut self, draft: &Draft, group: Id) {
        let id = draft.id;
        match self.sessions.change(&id) {
            Some(session) => {
                session.draft.clone_from(draft);
                session.vanished = false;
                session.extra.superseded_by = session.extra.merged_into;
            }
            None => {
                self.sessions.insert(id, Arc::new(Session::new(draft.clone(), group)));
            }
        }
        self.dirty.insert(id);
    }

    /// No event shows a session any more; `stands` is the one that has its time now. Where none has, it is superseded by
    /// itself: it never was.
    pub(crate) fn vanish(&mut self, id: SessionId, stands: Option<SessionId>) {
        if let Some(session) = self.sessions.change(&id) {
            session.vanished = true;
            session.extra.superseded_by = Some(stands.unwrap_or(id));
            self.dirty.insert(id);
        }
    }

    /// Keeps the look-ups true after a session changed.
    pub(crate) fn index(&mut self, id: SessionId, before: &Indexed, after: &Indexed) {
        if before == after {
            return;
        }
        if let Some((place, key)) = before.live
            && let Some(set) = self.live.get_mut(&place)
        {
            set.remove(&(key, id));
            if set.is_empty() {
                self.live.remove(&place);
            }
        }
        if let Some((place, key)) = after.live {
            self.live.or_insert_with(place, Few::default).insert((key, id));
        }
        if let Some((place, key)) = before.berth
            && let Some(set) = self.of_berth.get_mut(&place)
        {
            set.remove(&(key, id));
            if set.is_empty() {
                self.of_berth.remove(&place);
            }
        }
        if let Some((place, key)) = after.berth {
            self.of_berth.or_insert_with(place, Few::default).insert((key, id));
        }
        if let Some(exit) = before.exit {
            self.by_exit.remove(&(exit, id));
        }
        if let Some(exit) = after.exit {
            self.by_exit.insert((exit, id));
        }
    }

    /// The open session of a place that fits, else the oldest that owes something: since when, and whether it is open.
    pub(crate) fn target(
        &self,
        place: &Id,
        fits: impl Fn(&Session) -> bool,
    ) -> Option<(Instant, SessionId, bool)> {
        let candidates = || {
            let all = self.live.get(place).into_iter().flat_map(Few::iter);
            all.filter_map(|(since, id)| Some((*since, *id, self.sessions.get(id).filter(|s| fits(s))?)))
        };
        let open = candidates().filter(|(_, _, session)| session.state() == SessionState::Open).last();
        open.map(|(since, id, _)| (since, id, true))
            .or_else(|| candidates().next().map(|(since, id, _)| (since, id, false)))
    }

    /// The sessions of a place that fit and are open or owe something: whether not open, since when.
    pub(crate) fn owing<'b>(
        &'b self,
        place: &Id,
        fits: impl Fn(&Session) -> bool + 'b,
    ) -> impl Iterator<Item = (bool, Instant, SessionId)> + 'b {
        let sessions = self.live.get(place).into_iter().flat_map(Few::iter);
        let known = sessions.filter_map(|(since, id)| Some((since, self.sessions.get(id)?)));
        let fitting = known.filter(move |(_, session)| fits(session));
        fitting.map(|(since, s)| (s.state() != SessionState::Open, *since, s.draft.id))
    }

    /// The sum of a session's payments.
    pub(crate) fn payments_of<'a>(
        &'a self,
        session: &'a Session,
    ) -> impl Iterator<Item = (&'a PaymentKey, &'a Payment)> {
        session.extra.payments.iter().filter_map(|key| self.payments.get(key).map(|payment| (key, payment)))
    }
}

/// Where a session stands in the look-ups.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Indexed {
    pub(crate) live: Option<(Id, Instant)>,
    pub(crate) berth: Option<(Id, Instant)>,
    pub(crate) exit: Option<Instant>,
    /// Its cover by a pass begins here at the earliest.
    pub(crate) entry: Option<Instant>,
    /// Its lot, while it is open.
    pub(crate) open: Option<Id>,
}

impl Indexed {
    pub(crate) fn of(session: &Session) -> Self {
        let state = session.state();
        let since = session.entry().or(session.exit()).map_or(Instant::MIN, |moment| moment.at);
        let exception = state == SessionState::Exception;
        let owes = session.outstanding > Amount::ZERO && state != SessionState::Void;
        let counts = state != SessionState::Void;
        Self {
            live: (state == SessionState::Open || owes || exception).then(|| (session.place(), since)),
            berth: session.berth().filter(|_| counts).map(|berth| (berth, since)),
            exit: session.exit().filter(|_| counts).map(|exit| exit.at),
            entry: session.entry().filter(|_| counts).map(|entry| entry.at),
            open: (state == SessionState::Open).then_some(session.draft.lot),
        }
    }
}
