//! Sessions leave memory for the store and come back: whole, with their payments and their places in the look-ups.

use core::{fmt, ops::ControlFlow};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_types::{Date, Id, Instant, Plate, PlateColor};
use serde::{Deserialize, Serialize};

use crate::{
    book::{HistoryKey, Indexed, Payment, PaymentKey, Session},
    draft::Draft,
    effect::SessionState,
    ledger::{Ledger, StayAt},
    session::SessionId,
    store::{Key, Store, StoreCut, Who, instant_of, session_of},
    world::Used,
};

/// The store, where there is one: without it nothing leaves. It is no part of the state: a copy has none.
#[derive(Default)]
pub(crate) struct Shelf {
    store: Option<Box<dyn Store>>,
    /// Sessions leave as soon as they have ended, not only when nothing but a person can change them.
    pub(crate) early: bool,
    /// Those in memory that may leave when the step is over.
    leaving: Vec<SessionId>,
}

impl Clone for Shelf {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.store.is_some() { "Shelf" } else { "no Shelf" })
    }
}

/// A session that has left, with all that goes with it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Left {
    pub(crate) session: Arc<Session>,
    pub(crate) payments: Vec<(PaymentKey, Payment)>,
    /// What its stay has used of its plate's days.
    used: Option<(StayAt, Vec<(Date, Used)>)>,
}

/// A session as it is, wherever it lies.
pub(crate) enum Kept<'l> {
    /// In memory.
    Here(&'l Session),
    /// In the store.
    Left(Left),
}

impl Kept<'_> {
    pub(crate) fn session(&self) -> &Session {
        match self {
            Self::Here(session) => session,
            Self::Left(left) => &left.session,
        }
    }
}

impl Left {
    /// The last instant that it knows of.
    fn last(&self) -> Instant {
        let session = &self.session;
        let moments = [session.exit(), session.entry(), session.draft.exit, session.draft.entry];
        let last =
            moments.into_iter().flatten().map(|moment| moment.not_after.unwrap_or(moment.at).max(moment.at));
        last.max().unwrap_or(Instant::MIN)
    }

    /// Its places in the look-ups.
    fn places(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let session = &self.session;
        let id = session.draft.id;
        let nothing = Indexed::default();
        let indexed = session.indexed.as_deref().unwrap_or(&nothing);
        let mut places = Vec::with_capacity(8);
        if let Some((place, since)) = indexed.live {
            let plate = session.plate();
            let whole = plate.as_ref().map(Plate::as_str);
            let parts = plate.iter().flat_map(Plate::parts).filter(|part| Some(*part) != whole);
            let plates = whole.into_iter().chain(parts).map(Who::Plate);
            let tickets = session.draft.passage.ticket.into_iter().map(Who::Ticket);
            for who in [Who::Anyone].into_iter().chain(plates).chain(tickets) {
                places.push((Key::owing(&place, who).instant(since).id(id).done(), Vec::new()));
            }
        }
        if let Some((berth, since)) = indexed.berth {
            let span = (session.entry().map(|entry| entry.at), session.exit().map(|exit| exit.at));
            places.push((Key::on_berth(&berth).instant(since).id(id).done(), encode(&span)));
        }
        if let Some(exit) = indexed.exit {
            places.push((Key::ended().instant(exit).id(id).done(), Vec::new()));
        }
        if let (Some(key), Some(((exit, entry, id), days))) = (session.extra.history_key, &self.used) {
            let stay = Key::stays(&key).instant(*exit).instant(*entry).id(*id);
            places.push((stay.done(), encode(days)));
        }
        if let (Some(entry), Some(exit)) = (session.entry(), session.exit()) {
            for pass in &session.extra.passes {
                places.push((Key::mates(pass).instant(exit.at).id(id).done(), encode(&entry.at)));
            }
        }
        places.extend(self.payments.iter().map(|(key, _)| (Key::payment(key).done(), encode(&id))));
        places
    }
}

/// Whether a session is who is looked for.
fn is(who: Who<'_>, session: &Session) -> bool {
    match who {
        Who::Anyone => true,
        Who::Plate(plate) => {
            session.plate().is_some_and(|known| known.as_str() == plate || known.parts().any(|p| p == plate))
        }
        Who::Ticket(ticket) => session.draft.passage.ticket == Some(ticket),
    }
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).unwrap_or_default()
}

fn decode<'v, T: Deserialize<'v>>(value: &'v [u8]) -> Option<T> {
    postcard::from_bytes(value).ok()
}

impl Shelf {
    pub(crate) fn is_open(&self) -> bool {
        self.store.is_some()
    }

    pub(crate) fn store(&self) -> Option<&dyn Store> {
        self.store.as_deref()
    }

    pub(crate) fn cut(&mut self) -> StoreCut {
        self.store.as_mut().map_or_else(|| Box::new(|_: &mut Vec<u8>| {}) as StoreCut, |store| store.cut())
    }

    pub(crate) fn settle(&mut self) {
        if let Some(store) = &mut self.store {
            store.settle();
        }
    }

    pub(crate) fn take(&mut self) -> Option<Box<dyn Store>> {
        self.store.take()
    }

    fn get<T: for<'v> Deserialize<'v>>(&self, key: Key) -> Option<T> {
        decode(&self.store.as_ref()?.get(&key.done())?)
    }

    /// The sessions of a look-up's range, each with what is kept there, until one breaks off.
    fn range(
        &self,
        (from, to): (Vec<u8>, Vec<u8>),
        mut each: impl FnMut(SessionId, &[u8], &[u8]) -> ControlFlow<()>,
    ) {
        if let Some(store) = &self.store {
            store.range(&from, &to, &mut |key, value| match session_of(key) {
                Some(id) => each(id, key, value),
                None => ControlFlow::Continue(()),
            });
        }
    }

    fn all(&self, range: (Vec<u8>, Vec<u8>)) -> Vec<SessionId> {
        let mut found = Vec::new();
        self.range(range, |id, _, _| {
            found.push(id);
            ControlFlow::Continue(())
        });
        found
    }

    /// The values of a range, whatever their keys end with.
    fn each_value<T: for<'v> Deserialize<'v>>(
        &self,
        (from, to): (Vec<u8>, Vec<u8>),
        mut each: impl FnMut(T),
    ) {
        if let Some(store) = &self.store {
            store.range(&from, &to, &mut |_, value| {
                decode(value).into_iter().for_each(&mut each);
                ControlFlow::Continue(())
            });
        }
    }

    fn put<T: Serialize>(&mut self, key: Key, value: &T) {
        if let Some(store) = &mut self.store {
            store.put(key.done(), encode(value));
        }
    }

    /// A session that has left, as it lies there.
    pub(crate) fn session(&self, id: SessionId) -> Option<Left> {
        self.get(Key::session(id))
    }

    /// What an action that was carried out said.
    pub(crate) fn action(&self, id: &Id) -> Option<u64> {
        self.get(Key::action(id))
    }

    /// Keeps what an action said; `false`: there is no store.
    pub(crate) fn keep_action(&mut self, id: &Id, digest: u64) -> bool {
        self.put(Key::action(id), &digest);
        self.is_open()
    }

    pub(crate) fn color(&self, group: &Id, plate: &Plate) -> Option<PlateColor> {
        self.get(Key::color(group, plate))
    }

    /// What the stays of a plate have used that have left: those that ended from `since` on and stand before `own`.
    pub(crate) fn used(
        &self,
        key: &HistoryKey,
        since: Instant,
        own: StayAt,
        mut each: impl FnMut(&[(Date, Used)]),
    ) {
        let from = Key::stays(key).instant(since).done();
        let to = Key::stays(key).instant(own.0).instant(own.1).id(own.2).done();
        self.range((from, to), |_, _, days| {
            each(&decode::<Vec<(Date, Used)>>(days).unwrap_or_default());
            ControlFlow::Continue(())
        });
    }

    /// The cars of a pass that have left since an instant: session, entry, exit.
    pub(crate) fn mates(&self, pass: &Id, since: Instant) -> Vec<(SessionId, Instant, Instant)> {
        let mut found = Vec::new();
        self.range(Key::mates(pass).since(since), |id, key, entry| {
            found.extend(decode(entry).zip(instant_of(key)).map(|(entry, exit)| (id, entry, exit)));
            ControlFlow::Continue(())
        });
        found
    }

    /// Whether something that has left stood on a berth in `[from, to)`, or with `open` from then on.
    pub(crate) fn stood(&self, berth: &Id, (from, to): (Instant, Instant), open: bool) -> bool {
        let mut found = false;
        self.range(Key::on_berth(berth).all(), |_, _, span| {
            let (begins, ends) = decode::<(Option<Instant>, Option<Instant>)>(span).unwrap_or_default();
            let (begins, ends) = (begins.unwrap_or(Instant::MIN), ends.unwrap_or(Instant::MAX));
            found = from < ends && begins < to || open && begins >= from;
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found
    }
}

impl Ledger {
    /// Sessions leave for a store from now on: those that can, with the next step.
    pub(crate) fn keep_in(&mut self, store: Box<dyn Store>, early: bool) {
        let known = self.book.sessions.keys().copied().collect();
        self.shelf = Shelf { store: Some(store), early, leaving: known };
        self.shelf.leaving.sort_unstable();
    }

    /// Whether something that has left may have lasted until `since`: all that is newer is in memory.
    pub(crate) fn may_have_left(&self, since: Instant) -> bool {
        self.shelf.is_open() && self.left_upto.is_some_and(|upto| since <= upto)
    }

    /// A session that may leave when the step is over.
    pub(crate) fn may_leave(&mut self, id: SessionId) {
        if self.shelf.is_open() {
            self.shelf.leaving.push(id);
        }
    }

    /// The step is over: what may leave does.
    pub(crate) fn let_leave(&mut self) {
        if self.shelf.leaving.is_empty() {
            return;
        }
        let mut leaving = core::mem::take(&mut self.shelf.leaving);
        for id in leaving.drain(..) {
            let early = self.shelf.early;
            let ended = |session: &Session| {
                // What a flicker holds back is published first.
                let said = session.draft.publish_from.is_none();
                said && (session.settled || early) && session.state() != SessionState::Open
            };
            if self.book.sessions.get(&id).is_some_and(|session| ended(session))
                && !self.book.dirty.contains(&id)
            {
                self.leave(id);
            }
        }
        // Its room is used again.
        self.shelf.leaving = leaving;
    }

    fn leave(&mut self, id: SessionId) {
        let Some(session) = self.book.sessions.remove(&id) else { return };
        let keys = session.extra.payments.iter();
        let payments =
            keys.filter_map(|key| self.book.payments.remove(key).map(|facts| (key.clone(), facts))).collect();
        let used = session.extra.history_key.and_then(|key| self.take_used(&key, id));
        if let Some(indexed) = &session.indexed {
            self.book.index(id, indexed, &Indexed::default());
        }
        for pass in &session.extra.passes {
            if let Some(members) = self.book.pass_members.get_mut(pass) {
                members.remove(&id);
                if members.is_empty() {
                    self.book.pass_members.remove(pass);
                }
            }
        }
        if let Some((group, plate, _)) = session.extra.history_key
            && let Some(color) = self.colors.remove(&(group, plate))
        {
            self.shelf.put(Key::color(&group, &plate), &color);
        }
        let left = Left { session, payments, used };
        self.left_upto = self.left_upto.max(Some(left.last()));
        for (key, value) in left.places() {
            if let Some(store) = &mut self.shelf.store {
                store.put(key, value);
            }
        }
        self.shelf.put(Key::session(id), &left);
    }

    /// Whether a session is in memory, brought there if it has left; `false`: there is none.
    pub(crate) fn bring(&mut self, id: SessionId) -> bool {
        if self.book.sessions.contains_key(&id) {
            return true;
        }
        let Some(left) = self.shelf.session(id) else { return false };
        if let Some(store) = &mut self.shelf.store {
            left.places().iter().for_each(|(key, _)| store.remove(key));
            store.remove(&Key::session(id).done());
        }
        let Left { session, payments, used } = left;
        if let Some(indexed) = &session.indexed {
            self.book.index(id, &Indexed::default(), indexed);
        }
        for pass in &session.extra.passes {
            self.book.pass_members.or_insert_with(*pass, BTreeSet::new).insert(id);
        }
        if let Some((key, (at, days))) = session.extra.history_key.zip(used) {
            self.put_used(key, at, days);
        }
        self.book.payments.extend(payments);
        self.book.sessions.insert(id, session);
        self.shelf.leaving.push(id);
        true
    }

    fn bring_all(&mut self, ids: &[SessionId]) {
        ids.iter().for_each(|id| _ = self.bring(*id));
    }

    /// Brings the session of a draft, if it is one that may have left.
    pub(crate) fn recall(&mut self, draft: &Draft) {
        if self.may_have_left(draft.since()) {
            self.bring(draft.id);
        }
    }

    /// Takes a draft in.
    pub(crate) fn update(&mut self, draft: &Draft, group: Id) {
        self.recall(draft);
        self.book.update(draft, group);
    }

    /// The session that an id means today, in memory.
    pub(crate) fn resolve(&mut self, id: SessionId) -> Option<SessionId> {
        let mut id = id;
        for _ in 0..64 {
            self.bring(id);
            match self.book.sessions.get(&id)?.extra.superseded_by {
                Some(next) => id = next,
                None => return Some(id),
            }
        }
        None
    }

    /// The open session of a place that fits, else the oldest that owes something.
    pub(crate) fn target(&mut self, place: &Id, who: Who<'_>) -> Option<SessionId> {
        let here = self.book.target(place, |session| is(who, session));
        if here.is_some_and(|(_, _, open)| open) {
            return here.map(|(_, id, _)| id);
        }
        let mut oldest = None;
        self.shelf.range(Key::owing(place, who).all(), |id, key, _| {
            oldest = Some((key.to_vec(), id));
            ControlFlow::Break(())
        });
        let first = match (here, oldest) {
            (Some((since, id, _)), Some((key, left))) => {
                if Key::owing(place, who).instant(since).id(id).done() < key { id } else { left }
            }
            (here, oldest) => here.map(|(_, id, _)| id).or(oldest.map(|(_, id)| id))?,
        };
        self.bring(first).then_some(first)
    }

    /// The session that an id means today, as it is, wherever it lies.
    pub(crate) fn meant(&self, id: SessionId) -> Option<Kept<'_>> {
        let mut id = id;
        for _ in 0..64 {
            let kept = match self.book.sessions.get(&id) {
                Some(session) => Kept::Here(session),
                None => Kept::Left(self.shelf.session(id)?),
            };
            match kept.session().extra.superseded_by {
                Some(next) => id = next,
                None => return Some(kept),
            }
        }
        None
    }

    /// The sessions of a place that are open or owe something, wherever they lie: the open one first, then the oldest.
    pub(crate) fn owing(&self, place: &Id, who: Who<'_>, most: usize) -> Vec<SessionId> {
        let mut found: Vec<(bool, Instant, SessionId)> =
            self.book.owing(place, |session| is(who, session)).collect();
        let mut left = 0;
        self.shelf.range(Key::owing(place, who).all(), |id, key, _| {
            found.extend(instant_of(key).map(|since| (true, since, id)));
            left += 1;
            if left < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        found.sort_unstable();
        found.into_iter().take(most).map(|(_, _, id)| id).collect()
    }

    /// The parts of a payment, wherever they lie.
    pub(crate) fn payment_parts(&self, payment: &Id) -> Vec<(Option<Box<str>>, Payment)> {
        let here = self.book.payments.range((*payment, None)..).take_while(|((id, _), _)| id == payment);
        let mut parts: BTreeMap<Option<Box<str>>, Payment> =
            here.map(|((_, part), payment)| (part.clone(), payment.clone())).collect();
        let mut sessions = Vec::new();
        self.shelf.each_value(Key::payment(&(*payment, None)).all(), |id: SessionId| sessions.push(id));
        sessions.dedup();
        for left in sessions.into_iter().filter_map(|id| self.shelf.session(id)) {
            let own = left.payments.into_iter().filter(|((id, _), _)| id == payment);
            parts.extend(own.map(|((_, part), payment)| (part, payment)));
        }
        parts.into_iter().collect()
    }

    /// A payment that is known, with its session in memory.
    pub(crate) fn payment(&mut self, key: &PaymentKey) -> Option<&mut Payment> {
        if !self.book.payments.contains_key(key)
            && let Some(id) = self.shelf.get(Key::payment(key))
        {
            self.bring(id);
        }
        self.book.payments.get_mut(key)
    }

    /// Brings what has ended since an instant.
    pub(crate) fn bring_ended(&mut self, since: Instant) {
        if self.may_have_left(since) {
            let ended = self.shelf.all(Key::ended().since(since));
            self.bring_all(&ended);
        }
    }

    /// Brings the cars of a pass that have left since an instant.
    pub(crate) fn bring_mates(&mut self, pass: &Id, since: Instant) {
        if self.may_have_left(since) {
            let mates = self.shelf.all(Key::mates(pass).since(since));
            self.bring_all(&mates);
        }
    }

    /// Brings the stays of a plate that ended after one and share a day with what it has changed.
    pub(crate) fn bring_later(&mut self, key: &HistoryKey, after: StayAt, shares: impl Fn(&Date) -> bool) {
        if !self.may_have_left(after.0) {
            return;
        }
        let (_, to) = Key::stays(key).all();
        let from = Key::stays(key).instant(after.0).instant(after.1).id(after.2).done();
        let mut later = Vec::new();
        self.shelf.range((from, to), |id, _, days| {
            let days: Vec<(Date, Used)> = decode(days).unwrap_or_default();
            if days.iter().any(|(day, _)| shares(day)) {
                later.push(id);
            }
            ControlFlow::Continue(())
        });
        self.bring_all(&later);
    }
}
