//! What sessions cost: requests to the tariff engine, plate history, passes.

use std::collections::{BTreeMap, BTreeSet};

use parking_types::{Amount, Date, Id, Instant, Plate, PlateClass, PlateColor, Span, VehicleClass};
use serde::{Deserialize, Serialize};

use crate::{
    book::{Book, HistoryKey, Payment, Session},
    effect::SessionState,
    session::SessionId,
    shelf::{Kept, Shelf},
    table::Table,
    world::{ListKind, PriceRequest, Priced, Subject, Unpriced, Used, World},
};

/// How old the price may be that a payment answers.
const QUOTE_MAX: Span = Span::from_mins(15);

/// Where a stay stands among those of its plate: exit, entry, id.
pub(crate) type StayAt = (Instant, Instant, SessionId);

/// What each ended stay of a plate has used.
type PlateHistory = BTreeMap<StayAt, Vec<(Date, Used)>>;

/// No local day is longer.
const DAY_MAX: Span = Span::from_hours(26);

/// Sessions and what their prices depend on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) book: Book,
    /// By plate.
    history: Table<HistoryKey, PlateHistory>,
    /// The latest known colour of a plate in a group.
    pub(crate) colors: Table<(Id, Plate), PlateColor>,
    /// What has left memory lasted until here at the longest.
    pub(crate) left_upto: Option<Instant>,
    /// Where that lies.
    #[serde(skip)]
    pub(crate) shelf: Shelf,
}

/// A session's price and what it was made from.
#[derive(Clone, Debug)]
pub(crate) struct Quote {
    pub(crate) price: Result<Priced, Unpriced>,
    /// What the plate had used before.
    before: Vec<(Date, Used)>,
}

/// The price of a session that a flicker holds back.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) quote: Quote,
    /// Nothing has changed since: it is published with this price.
    pub(crate) stands: bool,
}

impl Ledger {
    /// The vehicle's class: a person's, else a list's, else the camera's, else the plate's, else the policy's.
    pub(crate) fn vehicle<W: World>(
        &self,
        session: &Session,
        world: &W,
        as_of: Instant,
    ) -> Option<VehicleClass> {
        if let Some(vehicle) = session.fix.vehicle {
            return Some(vehicle);
        }
        let subject = subject(session);
        let listed = session.plate().and_then(|_| {
            [ListKind::White, ListKind::Black, ListKind::Arrears]
                .into_iter()
                .find_map(|kind| world.listed(kind, &subject, as_of, as_of).and_then(|listed| listed.vehicle))
        });
        listed.or(session.draft.plate.vehicle).or_else(|| by_plate(session.plate(), session.color()))
    }

    /// Prices a session as if it ended as it does, or at `now` while it is open.
    pub(crate) fn quote<W: World>(&self, session: &Session, world: &W, now: Instant) -> Option<Quote> {
        self.quote_paid(session, self.book.payments_of(session).map(|(_, payment)| payment), world, now)
    }

    /// Prices a session wherever it lies.
    pub(crate) fn quote_of<W: World>(&self, kept: &Kept<'_>, world: &W, now: Instant) -> Option<Quote> {
        match kept {
            Kept::Here(session) => self.quote(session, world, now),
            Kept::Left(left) => {
                self.quote_paid(&left.session, left.payments.iter().map(|(_, payment)| payment), world, now)
            }
        }
    }

    /// Prices a session with the payments that belong to it.
    fn quote_paid<'p, W: World>(
        &self,
        session: &Session,
        payments: impl Iterator<Item = &'p Payment>,
        world: &W,
        now: Instant,
    ) -> Option<Quote> {
        let exit = session.exit().map_or(now, |exit| exit.at);
        // A lost ticket: a person has set the amount, though nobody knows when the car came.
        let entry = match session.entry() {
            Some(entry) => entry.at,
            None if session.fix.adjust.is_some() => exit - Span::from_mins(1),
            None => return None,
        };
        let as_of = session.extra.priced_as_of.unwrap_or(exit);
        let lot = world.lot(&session.draft.lot, as_of).or_else(|| world.lot(&session.draft.lot, entry))?;
        let subject = subject(session);
        let mut exempt = session.fix.gaps.clone();
        for pass in world.passes(&subject, as_of) {
            if let Some(covered) = self.covered(session, &pass, entry, exit) {
                exempt.push(covered);
            }
        }
        let white =
            session.plate().is_some() && world.listed(ListKind::White, &subject, exit, as_of).is_some();
        let mut paid: Vec<(Instant, Amount)> = payments
            .filter(|payment| !payment.reversed && payment.at <= exit)
            .map(|payment| (counts_at(payment), payment.amount))
            .collect();
        paid.sort_unstable();
        let before = self.used_before(session, entry, exit, |at| lot.zone.local(at).date());
        let id = session.draft.id.to_id();
        let request = PriceRequest {
            id: id.as_str(),
            lot: session.draft.lot,
            berth: session.berth(),
            entry,
            exit,
            as_of,
            vehicle: self.vehicle(session, world, as_of).unwrap_or(lot.policy.vehicle),
            plate_color: session.color().filter(|color| *color != PlateColor::Unknown),
            exempt: &exempt,
            used: &before,
            adjust: session.fix.adjust.as_deref(),
            white,
            paid: &paid,
        };
        Some(Quote { price: world.price(&request), before })
    }

    /// The part of a stay that a pass covers.
    fn covered(
        &self,
        session: &Session,
        pass: &crate::world::Pass,
        entry: Instant,
        exit: Instant,
    ) -> Option<(Instant, Instant)> {
        let clip = |from: Instant, to: Instant| (from.max(pass.from), to.min(pass.to));
        let (from, to) = clip(entry, exit);
        if from >= to {
            return None;
        }
        let Some(spaces) = pass.spaces else { return Some((from, to)) };
        let own = (entry, session.draft.id);
        let members = self.book.pass_members.get(&pass.id).into_iter().flatten();
        let mut cars: Vec<(Instant, SessionId, Instant, Instant)> = members
            .filter(|id| **id != session.draft.id)
            .filter_map(|id| self.book.sessions.get(id))
            .filter(|mate| matches!(mate.state(), SessionState::Open | SessionState::Closed))
            .filter_map(|mate| {
                let entry = mate.entry()?.at;
                let (from, to) = clip(entry, mate.exit().map_or(Instant::MAX, |exit| exit.at));
                (from < to).then_some((entry, mate.draft.id, from, to))
            })
            .collect();
        if self.may_have_left(from) {
            // Who had left before does not matter: at any time the cars that came first are covered.
            for (id, entry, exit) in self.shelf.mates(&pass.id, from) {
                let (from, to) = clip(entry, exit);
                if from < to && id != session.draft.id {
                    cars.push((entry, id, from, to));
                }
            }
        }
        cars.push((own.0, own.1, from, if session.exit().is_some() { to } else { pass.to }));
        cars.sort_unstable();
        let starts = first_in_first(&cars, spaces);
        let start = cars
            .iter()
            .zip(starts)
            .find(|(car, _)| car.1 == session.draft.id)
            .and_then(|(_, start)| start)?;
        (start < to).then_some((start.max(from), to))
    }

    /// What the plate's ended stays have used on the days of this one.
    fn used_before(
        &self,
        session: &Session,
        entry: Instant,
        exit: Instant,
        date: impl Fn(Instant) -> Date,
    ) -> Vec<(Date, Used)> {
        let Some(key) = self.history_key(session) else { return Vec::new() };
        let (first, last) = (date(entry), date(exit));
        let own = (exit, entry, session.draft.id);
        let mut used: BTreeMap<Date, Used> = BTreeMap::new();
        let mut add = |days: &[(Date, Used)]| {
            for (day, more) in days.iter().filter(|(day, _)| (first..=last).contains(day)) {
                let sum = used.entry(*day).or_default();
                sum.stays += more.stays;
                sum.free = sum.free + more.free;
                sum.charged = sum.charged.saturating_add(more.charged);
            }
        };
        if let Some(stays) = self.history.get(&key) {
            stays.range(..own).for_each(|(_, days)| add(days));
        }
        let day = entry - DAY_MAX;
        if self.may_have_left(day) {
            self.shelf.used(&key, day, own, add);
        }
        used.into_iter().collect()
    }

    /// The plate's key; an unknown colour takes the plate's latest known one.
    fn history_key(&self, session: &Session) -> Option<HistoryKey> {
        let plate = session.plate()?;
        let known = session.color().filter(|color| *color != PlateColor::Unknown);
        let latest = || self.colors.get(&(session.group, plate)).copied();
        let color = known.or_else(latest).or_else(|| self.shelf.color(&session.group, &plate));
        Some((session.group, plate, color))
    }

    /// Takes out what a stay has used.
    pub(crate) fn take_used(
        &mut self,
        key: &HistoryKey,
        id: SessionId,
    ) -> Option<(StayAt, Vec<(Date, Used)>)> {
        let stays = self.history.get_mut(key)?;
        let at = *stays.keys().find(|(_, _, other)| *other == id)?;
        let days = stays.remove(&at)?;
        if stays.is_empty() {
            self.history.remove(key);
        }
        Some((at, days))
    }

    /// Puts in what a stay has used.
    pub(crate) fn put_used(&mut self, key: HistoryKey, at: StayAt, days: Vec<(Date, Used)>) {
        self.history.or_insert_with(key, PlateHistory::new).insert(at, days);
    }

    /// Keeps what a session has used, and names the later ones that must be priced again for it.
    pub(crate) fn remember(&mut self, id: SessionId, quote: Option<&Quote>, date: impl Fn(Instant) -> Date) {
        let Some(session) = self.book.sessions.get(&id) else { return };
        let old_key = session.extra.history_key;
        let key = self.history_key(session);
        let position = |session: &Session| {
            let exit = session.exit()?.at;
            Some((exit, session.entry().map_or(exit, |entry| entry.at), id))
        };
        let own = position(session).filter(|_| session.is_priced());
        let days: Option<Vec<(Date, Used)>> = match (&quote, own) {
            (Some(Quote { price: Ok(priced), before }), Some(_)) => Some(difference(&priced.used, before)),
            // Charged nothing, but a stay.
            (Some(Quote { price: Err(_), .. }), Some((_, entry, _))) => {
                Some(vec![(date(entry), Used { stays: 1, ..Used::default() })])
            }
            _ => None,
        };
        let mut changed: BTreeSet<Date> = BTreeSet::new();
        let mut since = None;
        if let Some(stays) = old_key.and_then(|key| self.history.get_mut(&key)) {
            let mine =
                stays.iter().find(|((_, _, other), _)| *other == id).map(|(at, days)| (*at, days.clone()));
            if let Some((at, before)) = mine {
                if old_key == key && Some(at) == own && days.as_ref() == Some(&before) {
                    return;
                }
                stays.remove(&at);
                changed.extend(before.iter().map(|(day, _)| *day));
                since = Some(at);
            }
        }
        let mut keys = vec![];
        keys.extend(old_key);
        if let (Some(key), Some(own), Some(days)) = (key, own, days) {
            changed.extend(days.iter().map(|(day, _)| *day));
            since = Some(since.map_or(own, |at: StayAt| at.min(own)));
            self.put_used(key, own, days);
            if !keys.contains(&key) {
                keys.push(key);
            }
            if let (group, plate, Some(color)) = key {
                self.colors.insert((group, plate), color);
            }
        }
        if let Some(session) = self.book.sessions.change(&id) {
            session.extra.history_key = key;
        }
        let Some(since) = since else { return };
        for key in keys {
            self.bring_later(&key, since, |day| changed.contains(day));
            let later = self.history.get(&key).into_iter().flat_map(|stays| stays.range(since..));
            let touched: Vec<SessionId> = later
                .filter(|((_, _, other), days)| {
                    *other != id && days.iter().any(|(day, _)| changed.contains(day))
                })
                .map(|((_, _, other), _)| *other)
                .collect();
            self.book.dirty.extend(touched);
        }
    }

    /// Keeps which passes look at a session, and names their other cars where its time has changed.
    /// `moved`: since when, if it has.
    pub(crate) fn join_passes<W: World>(
        &mut self,
        id: SessionId,
        world: &W,
        now: Instant,
        moved: Option<Instant>,
    ) {
        let Some(session) = self.book.sessions.get(&id) else { return };
        let counts = matches!(session.state(), SessionState::Open | SessionState::Closed);
        let as_of = session.extra.priced_as_of.or(session.exit().map(|exit| exit.at)).unwrap_or(now);
        let passes: Vec<Id> = if counts {
            world
                .passes(&subject(session), as_of)
                .into_iter()
                .filter(|p| p.spaces.is_some())
                .map(|p| p.id)
                .collect()
        } else {
            Vec::new()
        };
        let changed = moved.is_some() || session.extra.passes != passes;
        if passes.is_empty() && session.extra.passes.is_empty() || !changed {
            return;
        }
        let before = session.extra.passes.clone();
        let since = moved.or(session.entry().map(|entry| entry.at)).unwrap_or(now);
        for pass in before.iter().chain(&passes) {
            self.bring_mates(pass, since);
        }
        for pass in before.iter().filter(|pass| !passes.contains(pass)) {
            if let Some(members) = self.book.pass_members.get_mut(pass) {
                members.remove(&id);
            }
        }
        for pass in &passes {
            self.book.pass_members.or_insert_with(*pass, BTreeSet::new).insert(id);
        }
        // Who had left before cannot have taken its space.
        let there = |mate: &SessionId| {
            let exit = self.book.sessions.get(mate).and_then(|mate| mate.exit());
            *mate != id && exit.is_none_or(|exit| exit.at >= since)
        };
        let mates: BTreeSet<SessionId> = before
            .iter()
            .chain(&passes)
            .filter_map(|pass| self.book.pass_members.get(pass))
            .flatten()
            .copied()
            .filter(there)
            .collect();
        if let Some(session) = self.book.sessions.change(&id) {
            session.extra.passes = passes;
        }
        self.book.dirty.extend(mates);
    }
}

/// When each car's cover starts: `spaces` at a time, first in first.
fn first_in_first(cars: &[(Instant, SessionId, Instant, Instant)], spaces: u32) -> Vec<Option<Instant>> {
    let mut starts: Vec<Option<Instant>> = vec![None; cars.len()];
    // (when, leaves before comes, which)
    let mut events: Vec<(Instant, bool, usize)> = Vec::with_capacity(cars.len() * 2);
    for (i, car) in cars.iter().enumerate() {
        events.push((car.2, true, i));
        events.push((car.3, false, i));
    }
    events.sort_unstable();
    let (mut free, mut queue) = (spaces, BTreeSet::new());
    for (at, comes, i) in events {
        if comes {
            queue.insert(i);
        } else if !queue.remove(&i) {
            free += 1;
        }
        while free > 0 {
            let Some(first) = queue.pop_first() else { break };
            if let Some(start) = starts.get_mut(first) {
                *start = Some(at);
            }
            free -= 1;
        }
    }
    starts
}

/// What one stay has added to what its plate has used.
fn difference(after: &[(Date, Used)], before: &[(Date, Used)]) -> Vec<(Date, Used)> {
    after
        .iter()
        .map(|(day, sum)| {
            let old =
                before.iter().find(|(known, _)| known == day).map(|(_, used)| *used).unwrap_or_default();
            let more = Used {
                stays: sum.stays.saturating_sub(old.stays),
                free: sum.free - old.free,
                charged: sum.charged.saturating_sub(old.charged),
            };
            (*day, more)
        })
        .collect()
}

/// The instant at which a payment counts as made.
pub(crate) fn counts_at(payment: &Payment) -> Instant {
    match payment.quoted_at {
        Some(quoted) if quoted <= payment.at && payment.at - quoted <= QUOTE_MAX => quoted,
        _ => payment.at,
    }
}

pub(crate) fn subject(session: &Session) -> Subject {
    Subject { lot: session.draft.lot, berth: session.berth(), plate: session.plate(), color: session.color() }
}

/// The class that a plate shows.
fn by_plate(plate: Option<Plate>, color: Option<PlateColor>) -> Option<VehicleClass> {
    let large = matches!(color, Some(PlateColor::Yellow | PlateColor::YellowGreen));
    if large || plate.is_some_and(|plate| plate.class() == PlateClass::Trailer) {
        return Some(VehicleClass::Large);
    }
    None
}
