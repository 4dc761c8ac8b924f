//! Gated lots: events in order, waits, and deriving again when something came late.

use std::collections::BTreeSet;

use parking_types::{Id, Instant};

use crate::{
    alerts::About,
    core::{Ahead, Core, LotUnit},
    draft::Draft,
    gated::{Gated, LotEvent},
    hash::{Map, stable_hash},
    ids::Origins,
    judge::Bench,
    reconcile,
    session::SessionId,
    timers::Timer,
    words::AlertKind,
    world::World,
};

/// With more events than this a lot's old ones are folded away.
const FOLD_AT: usize = 64;

impl Core {
    /// The next event of a gated lot; `live`: a command may follow from it.
    pub(crate) fn lot_event<W: World>(&mut self, lot: Id, event: LotEvent, live: bool, world: &W) {
        let mut unit = self.lots.remove(&lot).unwrap_or_default();
        let live = live.then_some(event.key);
        let group = Self::group(&lot, event.at, world);
        let after = |last: &LotEvent| last.order() <= event.order();
        let newest = unit.current.upto.is_none_or(|upto| upto <= event.at);
        if newest && unit.events.last().is_none_or(after) {
            let (mut state, mut facts) =
                (core::mem::take(&mut unit.current), core::mem::take(&mut unit.facts));
            self.with_bench(lot, group, &unit, &mut facts, live, false, world, |bench| {
                state.apply(&event, bench)
            });
            (unit.current, unit.facts) = (state, facts);
            unit.events.push(event);
            self.book_touched(&mut unit, group);
        } else {
            let at = unit.events.partition_point(|e| e.order() <= event.order());
            unit.events.insert(at, event);
            if let Some(ahead) = unit.ahead.as_mut().filter(|ahead| at < ahead.events) {
                (ahead.events, ahead.state) = (ahead.events + 1, None);
            }
            self.derive_lot(lot, group, &mut unit, live, world);
        }
        self.settle_lot(lot, &mut unit, world);
        self.lots.insert(lot, unit);
    }

    /// Runs the machine with all that it may ask.
    #[expect(clippy::too_many_arguments, reason = "a lot, its facts, and what may be said")]
    fn with_bench<W: World, R>(
        &mut self,
        lot: Id,
        group: Id,
        unit: &LotUnit,
        facts: &mut Map<u64, crate::gated::Fact>,
        live: Option<u64>,
        mute: bool,
        world: &W,
        run: impl FnOnce(&mut Bench<'_, W>) -> R,
    ) -> R {
        let (tenant, clock) = (world.tenant(), self.now());
        let origins = Origins { tenant: &tenant, group: &group, place: &lot, ids: &unit.ids };
        run(&mut Bench {
            world,
            ledger: &mut self.ledger,
            alerts: &mut self.alerts,
            commands: &mut self.commands,
            effects: &mut self.effects,
            facts,
            outages: &self.outages,
            lot,
            group,
            clock,
            origins: &origins,
            live,
            mute,
            fallback: &self.fallback,
        })
    }

    /// Derives a lot again from its state before the window.
    fn derive_lot<W: World>(&mut self, lot: Id, group: Id, unit: &mut LotUnit, live: Option<u64>, world: &W) {
        let mut state = unit.base.clone();
        let mut facts = core::mem::take(&mut unit.facts);
        let now = self.now();
        self.with_bench(lot, group, unit, &mut facts, None, false, world, |bench| {
            for event in &unit.events {
                bench.live = live.filter(|live| *live == event.key);
                state.apply(event, bench);
            }
            bench.live = None;
            state.advance(now, bench);
        });
        unit.facts = facts;
        let changes = reconcile::gated(&unit.current, &mut state);
        state.touched.clear();
        unit.current = state;
        self.take_changes(changes, group, &mut unit.ids);
        unit.ids.keep(drafts_of(&unit.base, &unit.current));
    }

    /// Derives a lot again though nothing has come.
    pub(crate) fn derive_lot_again<W: World>(&mut self, lot: Id, world: &W) {
        let Some(mut unit) = self.lots.remove(&lot) else { return };
        let group = Self::group(&lot, self.now(), world);
        self.derive_lot(lot, group, &mut unit, None, world);
        self.lots.insert(lot, unit);
    }

    /// Books what the last event has touched.
    fn book_touched(&mut self, unit: &mut LotUnit, group: Id) {
        let mut touched = core::mem::take(&mut unit.current.touched);
        touched.sort_unstable();
        touched.dedup();
        for id in touched {
            if let Some(draft) = unit.current.drafts.get(&id) {
                unit.ids.give(draft.anchor, id);
                self.ledger.update(draft, group);
            }
        }
    }

    /// After an event: timers, whether the lot is full, and what can be folded away.
    fn settle_lot<W: World>(&mut self, lot: Id, unit: &mut LotUnit, world: &W) {
        let group = Self::group(&lot, self.now(), world);
        let mut facts = core::mem::take(&mut unit.facts);
        let wait = self.with_bench(lot, group, unit, &mut facts, None, true, world, |bench| {
            unit.current.next_wait(bench)
        });
        unit.facts = facts;
        if let Some(at) = wait {
            self.timers.arm(at, Timer::ArmWait(lot));
        }
        self.watch_full(lot, unit, world);
        if unit.events.len() > FOLD_AT {
            self.fold_lot(lot, group, unit, world);
        }
    }

    fn watch_full<W: World>(&mut self, lot: Id, unit: &mut LotUnit, world: &W) {
        let now = self.now();
        let Some(capacity) = world.lot(&lot, now).and_then(|lot| lot.capacity) else { return };
        let full = unit.current.inside() >= i64::from(capacity);
        if full == unit.full {
            return;
        }
        unit.full = full;
        let subject = stable_hash(&lot);
        if full {
            let about = About { lot: Some(lot), ..About::default() };
            self.alerts.open(AlertKind::Full, subject, now, about, &mut self.effects);
        } else {
            self.alerts.close(AlertKind::Full, subject, now, &mut self.effects);
        }
    }

    /// Moves what is older than the window into the lot's base.
    fn fold_lot<W: World>(&mut self, lot: Id, group: Id, unit: &mut LotUnit, world: &W) {
        let horizon = self.now() - self.policy(&lot, self.now(), world).late_window;
        let Some(ahead) = unit.ahead.take() else {
            unit.ahead = Some(unit.now_ahead());
            return;
        };
        let last = ahead.events.checked_sub(1).and_then(|last| unit.events.get(last));
        if last.is_some_and(|last| last.at >= horizon) {
            unit.ahead = Some(ahead);
            return;
        }
        let old: Vec<LotEvent> = unit.events.drain(..ahead.events.min(unit.events.len())).collect();
        let mut facts = core::mem::take(&mut unit.facts);
        let mut base = match ahead.state {
            Some(state) => *state,
            None => {
                let mut base = core::mem::take(&mut unit.base);
                self.with_bench(lot, group, unit, &mut facts, None, true, world, |bench| {
                    for event in &old {
                        base.apply(event, bench);
                    }
                });
                base
            }
        };
        base.touched.clear();
        for event in &old {
            facts.remove(&event.key);
        }
        base.keep_ids(&unit.current);
        // What events that stay have shown must go by the same ids when they show it again.
        let horizon = unit.events.first().map_or(horizon, |first| first.at.min(horizon));
        // What only one of the two still had, deriving again would take for gone, or for new.
        let matters: BTreeSet<SessionId> =
            base.that_matter(horizon).chain(unit.current.that_matter(horizon)).collect();
        base.keep(&matters);
        unit.current.keep(&matters);
        unit.ids.keep(drafts_of(&base, &unit.current));
        (unit.base, unit.facts) = (base, facts);
        unit.ahead = Some(unit.now_ahead());
    }

    /// An exit may have waited long enough.
    pub(crate) fn wait_over<W: World>(&mut self, lot: Id, at: Instant, world: &W) {
        let Some(mut unit) = self.lots.remove(&lot) else { return };
        let group = Self::group(&lot, at, world);
        let (mut state, mut facts) = (core::mem::take(&mut unit.current), core::mem::take(&mut unit.facts));
        self.with_bench(lot, group, &unit, &mut facts, None, false, world, |bench| state.advance(at, bench));
        (unit.current, unit.facts) = (state, facts);
        self.book_touched(&mut unit, group);
        self.settle_lot(lot, &mut unit, world);
        self.lots.insert(lot, unit);
    }

    /// A payment or a person has changed what a session owes: if it waits at a lane, the gate follows.
    pub(crate) fn gate_follows<W: World>(&mut self, id: SessionId, event: &LotEvent, world: &W) {
        let Some(session) = self.ledger.book.sessions.get(&id) else { return };
        let lot = session.draft.lot;
        let free =
            session.outstanding == parking_types::Amount::ZERO && session.price != crate::book::Price::Error;
        let settled = free && session.state() != crate::effect::SessionState::Exception;
        let Some(mut unit) = self.lots.remove(&lot) else { return };
        if let Some(lane) = unit.current.waits_at(id) {
            unit.forget_ahead();
            let group = Self::group(&lot, event.at, world);
            let (mut state, mut facts) =
                (core::mem::take(&mut unit.current), core::mem::take(&mut unit.facts));
            self.with_bench(lot, group, &unit, &mut facts, Some(event.key), false, world, |bench| {
                if settled {
                    state.release(lane, event, bench);
                } else {
                    state.keep_waiting(lane, event.at, bench);
                }
            });
            (unit.current, unit.facts) = (state, facts);
            self.settle_lot(lot, &mut unit, world);
        }
        self.lots.insert(lot, unit);
    }

    /// A payment may cover what was due at an exit that was withdrawn: it counts again and the gate opens.
    pub(crate) fn restore_exit<W: World>(&mut self, lot: Id, lane: Id, event: &LotEvent, world: &W) -> bool {
        let Some(mut unit) = self.lots.remove(&lot) else { return false };
        unit.forget_ahead();
        let group = Self::group(&lot, event.at, world);
        let (mut state, mut facts) = (core::mem::take(&mut unit.current), core::mem::take(&mut unit.facts));
        let restored =
            self.with_bench(lot, group, &unit, &mut facts, Some(event.key), false, world, |bench| {
                state.restore(lane, event, bench)
            });
        (unit.current, unit.facts) = (state, facts);
        self.book_touched(&mut unit, group);
        self.settle_lot(lot, &mut unit, world);
        self.lots.insert(lot, unit);
        restored.is_some()
    }

    /// The withdrawn exit that a payment names, by its lane or by its instant.
    pub(crate) fn withdrawn_at(
        &self,
        lot: &Id,
        named: impl Fn(&Id, Instant, SessionId) -> bool,
    ) -> Option<(Id, SessionId)> {
        let unit = self.lots.get(lot)?;
        unit.current.withdrawn().find(|(lane, at, id)| named(lane, *at, *id)).map(|(lane, _, id)| (lane, id))
    }

    /// A person's word about a plate reaches the machine of the lot.
    pub(crate) fn replate(&mut self, id: SessionId) {
        let Some(session) = self.ledger.book.sessions.get(&id) else { return };
        let (lot, plate, color) = (session.draft.lot, session.fix.plate, session.fix.color);
        if let Some(unit) = self.lots.get_mut(&lot) {
            unit.current.replate(id, plate, color);
            unit.base.replate(id, plate, color);
            unit.forget_ahead();
        }
    }

    /// The plate that was read at the exit where a session waits or waited.
    pub(crate) fn waiting_at_lane(&self, lot: &Id, lane: &Id) -> Option<SessionId> {
        let state = self.lots.get(lot)?.current.lanes.get(lane)?;
        state.waiting.map(|waiting| waiting.session)
    }
}

/// The sessions of two states of a lot.
fn drafts_of<'g>(base: &'g Gated, current: &'g Gated) -> impl Iterator<Item = &'g Draft> {
    base.drafts.values().chain(current.drafts.values()).map(Box::as_ref)
}

impl LotUnit {
    /// The state as it is now, to become the base one day.
    fn now_ahead(&self) -> Ahead {
        let mut state = Box::new(self.current.clone());
        state.touched.clear();
        Ahead { events: self.events.len(), state: Some(state) }
    }

    /// What follows from a decision later on is not in the state ahead: it is derived when it is wanted.
    fn forget_ahead(&mut self) {
        if let Some(ahead) = &mut self.ahead {
            ahead.state = None;
        }
    }
}

impl Gated {
    /// The exits that were withdrawn and may be restored.
    fn withdrawn(&self) -> impl Iterator<Item = (Id, Instant, SessionId)> {
        self.lanes.iter().filter_map(|(lane, state)| state.withdrawn.map(|w| (*lane, w.exit.at, w.session)))
    }

    /// Sessions of the base go by the ids that they were published with.
    fn keep_ids(&mut self, current: &Self) {
        let known: Map<u64, SessionId> =
            current.drafts.values().map(|draft| (draft.anchor, draft.id)).collect();
        let renamed: Vec<(SessionId, SessionId)> = self
            .drafts
            .values()
            .filter_map(|draft| {
                let kept = *known.get(&draft.anchor)?;
                (kept != draft.id).then_some((draft.id, kept))
            })
            .collect();
        for (new, kept) in renamed {
            self.rename(new, kept);
        }
    }
}
