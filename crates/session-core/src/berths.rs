//! Berths: contacts in order, silence, and deriving again when something came late.

use std::sync::Arc;

use parking_types::{Id, Instant, Span};

use crate::{
    alerts::About,
    core::{BerthUnit, Core},
    detectors::{Clock, timeline},
    device::{Device, Entry},
    draft::Draft,
    effect::Certainty,
    event::{Place, ReadingKind},
    hash::stable_hash,
    ids::{Ids, Origins},
    reconcile::{self, Changes},
    roadside::{RoadEvent, Roadside, Setting},
    session::SessionId,
    timers::Timer,
    words::AlertKind,
    world::World,
};

/// With more entries than this a device's old ones are folded away.
const FOLD_AT: usize = 48;

impl Core {
    /// The newest `count` entries of a device go to their berths.
    pub(crate) fn next_on_berths<W: World>(&mut self, device: Id, count: usize, world: &W) {
        let Some(state) = self.devices.get(&device) else { return };
        let newest = state.newest(count);
        let quick =
            newest.len() == 1 && newest.first().is_some_and(|entry| self.is_quick(device, entry, world));
        if !quick {
            let berths = self.berths_of(newest.iter(), world);
            for berth in berths {
                self.join(berth, device, world);
                self.derive_berth(berth, world);
            }
        } else if let Some(entry) = newest.first().cloned() {
            self.apply_next(device, &entry, world);
            self.fold(device, world);
            return self.calm_down(device, &entry, world);
        }
        self.fold(device, world);
    }

    /// Everything that a device has said may mean something else now.
    pub(crate) fn derive_device<W: World>(&mut self, device: Id, world: &W) {
        let Some(state) = self.devices.get(&device) else { return };
        let berths = self.berths_of(state.ordered(), world);
        for berth in berths {
            self.join(berth, device, world);
            self.derive_berth(berth, world);
        }
        self.fold(device, world);
    }

    fn berths_of<'e, W: World>(&self, entries: impl Iterator<Item = &'e Entry>, world: &W) -> Vec<(Id, Id)> {
        let mut berths: Vec<(Id, Id)> = entries
            .filter_map(|entry| match entry.statement.place {
                Some(Place::Berth { lot, berth }) if !Self::is_gated(&lot, entry.at, world) => {
                    Some((berth, lot))
                }
                _ => None,
            })
            .collect();
        berths.sort_unstable();
        berths.dedup();
        berths
    }

    /// A device speaks about a berth.
    fn join<W: World>(&mut self, (berth, lot): (Id, Id), device: Id, _world: &W) {
        let unit = self.berths.change_or_new(berth);
        unit.lot = Some(lot);
        if let Err(at) = unit.devices.binary_search(&device) {
            unit.devices.insert(at, device);
            self.wake_berth(berth);
        }
    }

    /// What is kept beside the devices of a berth is wanted.
    fn wake_berth(&mut self, berth: Id) {
        let devices = self.berths.get(&berth).map(|unit| unit.devices.clone()).unwrap_or_default();
        devices.into_iter().for_each(|device| self.wake(device));
    }

    /// Whether an entry can simply be taken as the berth's next event: a silence before it may never have been.
    fn is_quick<W: World>(&self, device: Id, entry: &Entry, world: &W) -> bool {
        let Some(Place::Berth { lot, berth }) = entry.statement.place else { return false };
        // A vacancy that tells since when it was occupied may join two sessions.
        let looks_back = entry.statement.previous.is_some() && entry.statement.occupied == Some(false);
        if looks_back || Self::is_gated(&lot, entry.at, world) {
            return false;
        }
        match self.berths.get(&berth) {
            None => true,
            Some(unit) => {
                let alone =
                    unit.devices.iter().all(|other| *other == device || !self.is_detector(other, berth));
                let newest = unit.current.upto.is_none_or(|upto| upto <= entry.at);
                alone && newest && unit.devices.contains(&device) && !unit.current.is_silent()
            }
        }
    }

    /// Whether a device has stated the berth's occupancy of late.
    fn is_detector(&self, device: &Id, berth: Id) -> bool {
        self.devices
            .get(device)
            .is_some_and(|state| state.ordered().any(|e| e.statement.occupied.is_some() && is_on(e, berth)))
    }

    /// The quick path: one detector, in order.
    fn apply_next<W: World>(&mut self, device: Id, entry: &Entry, world: &W) {
        let Some(Place::Berth { lot, berth }) = entry.statement.place else { return };
        self.join((berth, lot), device, world);
        let Some(mut kept) = self.berths.remove(&berth) else { return };
        let unit = Arc::make_mut(&mut kept);
        let mut before = unit.current.drafts.last().cloned();
        let known = unit.current.drafts.len();
        let policy = self.policy(&lot, entry.at, world).clone();
        self.with_setting(&unit.ids, (berth, lot), entry.at, &policy, world, |setting| {
            for event in events_of(device, entry, true) {
                unit.current.apply(event, setting);
            }
        });
        unit.current.upto = Some(unit.current.upto.map_or(entry.at, |upto| upto.max(entry.at)));
        let group = Self::group(&lot, entry.at, world);
        let changed = unit.current.drafts.get(known.saturating_sub(1)..).unwrap_or_default();
        for draft in changed {
            // When the car was last seen is nothing to be published.
            if let Some(before) = &mut before {
                before.last_contact = draft.last_contact;
            }
            if before.as_ref() == Some(draft) {
                continue;
            }
            unit.ids.give(draft.anchor, draft.id);
            self.ledger.update(draft, group);
        }
        self.watch_lock(berth, unit, entry.at, world);
        self.berths.insert(berth, kept);
    }

    fn with_setting<W: World>(
        &self,
        ids: &Ids,
        (berth, lot): (Id, Id),
        at: Instant,
        policy: &crate::policy::Policy,
        world: &W,
        run: impl FnOnce(&Setting<'_>),
    ) {
        let (tenant, group) = (world.tenant(), Self::group(&lot, at, world));
        let origins = Origins { tenant: &tenant, group: &group, place: &berth, ids };
        run(&Setting { lot, berth, policy, origins: &origins });
    }

    /// Derives a berth again from its state before the window.
    pub(crate) fn derive_berth<W: World>(&mut self, (berth, lot): (Id, Id), world: &W) {
        self.wake_berth(berth);
        let Some(mut kept) = self.berths.remove(&berth) else { return };
        let unit = Arc::make_mut(&mut kept);
        let mut state = unit.base.clone();
        self.run(&mut state, unit, berth, lot, unit.base_upto, None, world);
        let changes = reconcile::roadside(&unit.current.drafts, &mut state.drafts);
        unit.current = state;
        let group = Self::group(&lot, self.now(), world);
        self.take_changes(changes, group, &mut unit.ids);
        unit.ids.keep(unit.base.drafts.iter().chain(&unit.current.drafts));
        self.watch_lock(berth, unit, self.now(), world);
        self.watch_agreement(berth, lot, unit, world);
        self.berths.insert(berth, kept);
    }

    /// Several detectors must not disagree for longer than `pair`.
    fn watch_agreement<W: World>(&mut self, berth: Id, lot: Id, unit: &BerthUnit, world: &W) {
        if unit.devices.len() < 2 {
            return;
        }
        match self.disagree_since(berth, unit) {
            Some(since) => {
                let pair = self.policy(&lot, since, world).pair;
                let due = since + pair + Span::from_nanos(1);
                self.timers.arm(due.max(self.now()), Timer::Disagree(berth));
            }
            None => {
                let now = self.now();
                self.alerts.close(AlertKind::DetectorsDisagree, stable_hash(&berth), now, &mut self.effects);
            }
        }
    }

    /// Since when detectors that are not silent have said different things of a berth.
    fn disagree_since(&self, berth: Id, unit: &BerthUnit) -> Option<Instant> {
        let mut states: Vec<(bool, Instant)> = Vec::new();
        for device in unit.devices.iter().filter(|device| !self.silent.contains_key(device)) {
            let Some(state) = self.devices.get(device) else { continue };
            let mut said = state
                .ordered()
                .filter(|e| is_on(e, berth))
                .filter_map(|e| Some((e.statement.occupied?, e.at)))
                .rev();
            let Some((occupied, mut since)) = said.next() else { continue };
            since = said.take_while(|(before, _)| *before == occupied).last().map_or(since, |(_, at)| at);
            states.push((occupied, since));
        }
        let differ =
            states.iter().any(|(occupied, _)| Some(*occupied) != states.first().map(|(first, _)| *first));
        differ.then(|| states.iter().map(|(_, since)| *since).max()).flatten()
    }

    /// A disagreement may have outlasted `pair`.
    pub(crate) fn maybe_disagree(&mut self, berth: Id, at: Instant) {
        let Some(unit) = self.berths.get(&berth) else { return };
        if self.disagree_since(berth, unit).is_some_and(|since| since < at) {
            let about = About { lot: unit.lot, berth: Some(berth), ..About::default() };
            self.alerts.open(AlertKind::DetectorsDisagree, stable_hash(&berth), at, about, &mut self.effects);
        }
    }

    /// Feeds a berth's events of `[from, to)` to a state.
    #[expect(clippy::too_many_arguments, reason = "a berth, its events, and between when")]
    fn run<W: World>(
        &self,
        state: &mut Roadside,
        unit: &BerthUnit,
        berth: Id,
        lot: Id,
        from: Option<Instant>,
        to: Option<Instant>,
        world: &W,
    ) {
        let devices: Vec<(Id, &Device)> = unit
            .devices
            .iter()
            .filter_map(|id| self.devices.get(id).map(|device| (*id, &**device)))
            .collect();
        let ranks = world.berth(&berth, self.now()).map(|b| b.detectors.to_vec()).unwrap_or_default();
        let clock = Clock {
            now: self.now(),
            outages: &self.outages,
            pair: self.policy(&lot, self.now(), world).pair,
            period: &|device, at| world.heartbeat(device, at),
        };
        let mut events = timeline(&devices, &ranks, berth, &clock);
        events.extend(unit.people.iter().map(|person| (person.at, 2, RoadEvent::Person(person))));
        // Stable: what happens at one instant keeps the order of devices and their numbers.
        events.sort_by_key(|(at, class, _)| (*at, *class));
        for (at, _, event) in events {
            if from.is_some_and(|from| at < from) || to.is_some_and(|to| at >= to) {
                continue;
            }
            let policy = self.policy(&lot, at, world);
            self.with_setting(&unit.ids, (berth, lot), at, policy, world, |setting| {
                state.apply(event, setting)
            });
            state.upto = Some(state.upto.map_or(at, |upto| upto.max(at)));
        }
    }

    /// Books what deriving again has changed.
    pub(crate) fn take_changes(&mut self, changes: Changes, group: Id, ids: &mut Ids) {
        for draft in changes.changed {
            ids.give(draft.anchor, draft.id);
            self.ledger.update(&draft, group);
        }
        let moved = !changes.gone.is_empty() || !changes.touched.is_empty();
        for (id, stands) in changes.gone {
            self.ledger.bring(id);
            self.ledger.book.vanish(id, stands);
        }
        if moved {
            self.rebind_payments(&changes.touched);
        }
    }

    /// Moves what is older than the window into the berth's base.
    pub(crate) fn fold<W: World>(&mut self, device: Id, world: &W) {
        let Some(state) = self.devices.get(&device).filter(|state| state.len() > FOLD_AT) else { return };
        // Not before half of them can go: so each is looked at a few times, however many there are.
        if state.median_at().is_none_or(|at| at >= self.now() - self.fallback.late_window) {
            return;
        }
        let berths = self.berths_of(state.ordered(), world);
        let mut common = self.now() - self.fallback.late_window;
        for (berth, lot) in &berths {
            let upto = self.now() - self.policy(lot, self.now(), world).late_window;
            common = common.min(upto);
            let Some(mut kept) = self.berths.remove(berth) else { continue };
            let unit = Arc::make_mut(&mut kept);
            let mut base = std::mem::take(&mut unit.base);
            self.run(&mut base, unit, *berth, *lot, unit.base_upto, Some(upto), world);
            keep_both(&mut base.drafts, &mut unit.current.drafts, upto);
            unit.base = base;
            unit.base_upto = Some(unit.base_upto.map_or(upto, |before| before.max(upto)));
            unit.people.retain(|person| person.at >= upto);
            unit.ids.keep(unit.base.drafts.iter().chain(&unit.current.drafts));
            self.berths.insert(*berth, kept);
        }
        // A device of several berths is folded as far as all of them are.
        for (berth, _) in &berths {
            if let Some(upto) = self.berths.get(berth).and_then(|unit| unit.base_upto) {
                common = common.min(upto);
            }
        }
        if let Some(state) = self.devices.change(&device) {
            state.fold(common);
        }
    }

    /// A device's silence has lasted three periods, unless it has spoken since the timer was set.
    pub(crate) fn maybe_silent<W: World>(&mut self, device: Id, at: Instant, world: &W) {
        let (beat, expected) = self.calms.last(&device, world).unzip();
        let Some(state) = self.devices.change(&device) else { return };
        let heard = state.last_at().max(beat).or(state.heard_at).max(state.heard_at).unwrap_or(at);
        let Some(period) = expected.flatten().or_else(|| world.heartbeat(&device, heard)) else {
            state.watched = false;
            return self.wake(device);
        };
        let due = heard + period.times(3);
        let due = due + self.outages.within(heard, due);
        if due > at {
            return self.timers.arm(due, Timer::Silence(device));
        }
        state.watched = false;
        self.wake(device);
        self.falls_silent(device, heard, at, period, world);
        let berths: Vec<(Id, Id)> = match self.devices.get(&device) {
            Some(state) => self.berths_of(state.ordered(), world),
            None => return,
        };
        for (berth, lot) in berths {
            self.derive_berth((berth, lot), world);
        }
    }
}

/// What an entry means on its berth.
fn events_of(device: Id, entry: &Entry, doubt: bool) -> impl Iterator<Item = RoadEvent<'_>> {
    let contact = entry.statement.occupied.is_some().then_some(RoadEvent::Contact {
        device,
        entry,
        doubt,
        earlier: None,
    });
    let plate = entry.statement.plate.is_some().then_some(RoadEvent::Plate { device, entry });
    contact.into_iter().chain(plate)
}

/// Whether an entry is about a berth.
pub(crate) fn is_on(entry: &Entry, berth: Id) -> bool {
    matches!(entry.statement.place, Some(Place::Berth { berth: b, .. }) if b == berth)
}

/// Whether an entry says nothing that a berth looks at.
pub(crate) fn is_mute(entry: &Entry) -> bool {
    entry.statement.occupied.is_none() && entry.statement.plate.is_none()
        || entry.statement.kind == ReadingKind::Other
}

/// Forgets the sessions that had ended by `upto` both at `upto` and now, but for the last one, and the one before it where
/// the last may yet turn out to be the same car. What only one of the two still had, deriving again would take for gone,
/// or for new.
fn keep_both(base: &mut Vec<Draft>, current: &mut Vec<Draft>, upto: Instant) {
    let matters = |draft: &Draft| draft.is_open() || draft.exit.is_none_or(|exit| exit.at >= upto);
    let mut kept: Vec<SessionId> =
        base.iter().chain(&*current).filter(|draft| matters(draft)).map(|draft| draft.id).collect();
    let inferred = |draft: &Draft| draft.entry.is_some_and(|entry| entry.certainty == Certainty::Inferred);
    let unsure = current.last().is_some_and(|last| last.is_open() && inferred(last));
    kept.extend(current.iter().rev().take(1 + usize::from(unsure)).map(|draft| draft.id));
    base.retain(|draft| kept.contains(&draft.id));
    current.retain(|draft| kept.contains(&draft.id));
}
