//! Devices that fall silent, and what hangs on them.

use parking_types::{Id, Instant, Span};

use crate::{
    alerts::About,
    commands::Order,
    core::{BerthUnit, Core},
    effect::{CommandAction, SessionState},
    hash::stable_hash,
    session::SessionId,
    timers::Timer,
    words::AlertKind,
    world::World,
};

/// With fewer silent devices than this a lot is not offline.
const LOT_OFFLINE_DEVICES: usize = 5;
/// Nor with a smaller part of its devices: one of so many.
const LOT_OFFLINE_SHARE: usize = 5;
/// How long a berth must be vacant before its lock goes up.
const LOCK_AFTER: Span = Span::from_secs(30);

impl Core {
    /// A device has been silent for three periods since `heard`.
    pub(crate) fn falls_silent<W: World>(
        &mut self,
        device: Id,
        heard: Instant,
        at: Instant,
        period: Span,
        world: &W,
    ) {
        self.silent.insert(device, (at, period));
        let lot = world.lot_of_device(&device, heard);
        let about = About { lot, device: Some(device), ..About::default() };
        let Some(lot) = lot else {
            return self.alerts.open(AlertKind::Offline, stable_hash(&device), at, about, &mut self.effects);
        };
        let subject = stable_hash(&lot);
        if self.alerts.is_open(AlertKind::LotOffline, subject) {
            return;
        }
        let devices = world.devices_of(&lot, heard);
        let silent: Vec<(Id, Instant, Span)> = devices
            .iter()
            .filter_map(|d| self.silent.get(d).map(|(at, period)| (*d, *at, *period)))
            .collect();
        let shortest = silent.iter().map(|(_, _, period)| *period).min().unwrap_or(period);
        let together: Vec<Id> =
            silent.iter().filter(|(_, since, _)| at - *since <= shortest).map(|(d, _, _)| *d).collect();
        if together.len() >= LOT_OFFLINE_DEVICES && together.len() * LOT_OFFLINE_SHARE >= devices.len() {
            for device in &together {
                self.alerts.close(AlertKind::Offline, stable_hash(device), at, &mut self.effects);
            }
            let about = About { lot: Some(lot), ..About::default() };
            return self.alerts.open(AlertKind::LotOffline, subject, at, about, &mut self.effects);
        }
        self.alerts.open(AlertKind::Offline, stable_hash(&device), at, about, &mut self.effects);
    }

    /// A device that was silent is heard again.
    pub(crate) fn speaks_again<W: World>(&mut self, device: Id, at: Instant, world: &W) {
        if self.silent.remove(&device).is_none() {
            return;
        }
        self.alerts.close(AlertKind::Offline, stable_hash(&device), at, &mut self.effects);
        let Some(lot) = world.lot_of_device(&device, at) else { return };
        let subject = stable_hash(&lot);
        if !self.alerts.is_open(AlertKind::LotOffline, subject) {
            return;
        }
        let mut silent = world.devices_of(&lot, at);
        silent.retain(|device| self.silent.contains_key(device));
        if silent.len() >= LOT_OFFLINE_DEVICES {
            return;
        }
        self.alerts.close(AlertKind::LotOffline, subject, at, &mut self.effects);
        // It no longer stands for those that have not come back.
        for device in silent {
            let subject = stable_hash(&device);
            if !self.alerts.is_open(AlertKind::Offline, subject) {
                let about = About { lot: Some(lot), device: Some(device), ..About::default() };
                self.alerts.open(AlertKind::Offline, subject, at, about, &mut self.effects);
            }
        }
    }

    /// A session has been open for long.
    pub(crate) fn maybe_zombie(&mut self, id: SessionId, at: Instant) {
        let Some(session) = self.ledger.book.sessions.get(&id) else { return };
        if session.state() != SessionState::Open {
            return;
        }
        let about = About {
            lot: Some(session.draft.lot),
            berth: session.berth(),
            session: Some(id),
            plate: session.plate(),
            ..About::default()
        };
        self.alerts.open(AlertKind::Zombie, stable_hash(&id), at, about, &mut self.effects);
    }

    /// A berth with a ground lock that has become vacant gets it raised.
    pub(crate) fn watch_lock<W: World>(&mut self, berth: Id, unit: &BerthUnit, at: Instant, world: &W) {
        if world.berth(&berth, at).is_none_or(|berth| berth.ground_lock.is_none()) {
            return;
        }
        if let Some(since) = unit.current.vacant_since() {
            self.timers.arm((since + LOCK_AFTER).max(self.now()), Timer::GroundLock(berth));
        }
    }

    /// Raises a berth's lock, if it is still vacant and its detector sure of it.
    pub(crate) fn raise_lock<W: World>(&mut self, berth: Id, at: Instant, world: &W) {
        let Some(unit) = self.berths.get(&berth) else { return };
        let sure = unit.devices.iter().any(|device| !self.silent.contains_key(device));
        let vacant = unit.current.vacant_since().is_some_and(|since| at - since >= LOCK_AFTER);
        let Some(lock) = world.berth(&berth, at).and_then(|berth| berth.ground_lock) else { return };
        if !(sure && vacant) {
            return;
        }
        let since = unit.current.vacant_since().unwrap_or(at);
        let Some(lot) = unit.lot else { return };
        let ttl = self.policy(&lot, at, world).command_ttl;
        let key = stable_hash(&(berth, since));
        let order = Order { berth: Some(berth), ..Order::new(key, CommandAction::Raise, lock, lot, at, ttl) };
        self.commands.make(order, at, &mut self.effects);
    }
}
