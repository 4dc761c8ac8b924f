//! Heartbeats that say what is known.
//!
//! Most frames of a city confirm, in order, what its detectors have said before. Such a *beat* changes nothing but
//! when the berth was last seen, so it is kept with its device, small, until something else comes: then the device
//! *wakes*, its beats become entries like all others, and whatever comes is derived from them. What a device must not
//! be for this (several on one berth, silent, off the clock, reported for its battery …) is looked at once, after a
//! frame has been taken the ordinary way, and holds until something else happens to it or the reference data change.

use parking_types::{Id, Instant, Span};
use serde::{Deserialize, Serialize};

use crate::{
    core::Core,
    device::{Device, Entry},
    event::{Frame, FrameName, Number, Place, Reading, ReadingKind},
    frame::{OFF_BY, event_key_of, frame_digest},
    hash::stable_hash,
    numbering::SAME_REPORT,
    policy::ClockSkew,
    statement::Statement,
    words::AlertKind,
    world::{Standing, World},
};

/// With more beats than this a device's are made entries, so that they can be folded away.
const BEATS: usize = 64;

/// A heartbeat that told nothing new.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Beat {
    name: FrameName,
    received_at: Instant,
    /// The device's own time, believed.
    own: Option<Instant>,
    arrival: Instant,
    number: Option<Number>,
    digest: u64,
    kind: ReadingKind,
}

/// What a device's next heartbeat must be like to say nothing new.
#[derive(Clone, Debug)]
pub(crate) struct Calm {
    /// Reference data have not changed since.
    edition: u64,
    from: Instant,
    until: Instant,
    lot: Id,
    berth: Id,
    occupied: bool,
    /// Of the last frame.
    number: Option<Number>,
    received_at: Instant,
    pub(crate) at: Instant,
    skew: ClockSkew,
    late_window: Span,
    battery_low_pct: u8,
    signal_low_dbm: i16,
}

impl Calm {
    /// The frame as a beat, and when it takes effect; `None`: it may say something new.
    #[inline]
    fn beat<W: World>(&self, frame: &Frame<'_>, clock: Instant, world: &W) -> Option<(Beat, Instant)> {
        let [reading] = frame.readings else { return None };
        let received_at = frame.received_at;
        let known = reading.occupied == Some(self.occupied)
            && matches!(reading.kind, ReadingKind::Contact | ReadingKind::State)
            && reading.place == Some(Place::Berth { lot: self.lot, berth: self.berth });
        let plain = !frame.restart && !frame.offline && self.is_healthy(reading) && says_no_more(reading);
        let stands = self.from <= received_at && received_at < self.until && self.edition == world.edition();
        if !(known && plain && stands && received_at >= self.received_at) {
            return None;
        }
        if !follows(self.number, frame.number, received_at - self.received_at) {
            return None;
        }
        let own = match reading.device_time {
            Some(time) if self.believes(time, received_at) && (received_at - time).abs() <= OFF_BY => {
                Some(time)
            }
            Some(_) => return None,
            None => None,
        };
        let network = frame.network_at.filter(|at| self.believes(*at, received_at));
        let arrival = network.unwrap_or(received_at);
        let at = own.unwrap_or(arrival);
        if at <= self.at || at < self.from || at < clock - self.late_window {
            return None;
        }
        let (number, digest, kind) = (frame.number, reading.digest, reading.kind);
        Some((Beat { name: frame.name, received_at, own, arrival, number, digest, kind }, at))
    }

    fn believes(&self, time: Instant, received_at: Instant) -> bool {
        time >= received_at - self.skew.behind && time <= received_at + self.skew.ahead
    }

    fn is_healthy(&self, reading: &Reading) -> bool {
        let low = reading.battery_low.or(reading.battery_pct.map(|pct| pct < self.battery_low_pct));
        let weak = reading.rssi_dbm.is_some_and(|rssi| rssi < self.signal_low_dbm);
        low != Some(true) && !weak && !reading.fault
    }
}

/// Whether a reading tells nothing that only the whole machine understands.
const fn says_no_more(reading: &Reading) -> bool {
    reading.previous.is_none() && reading.plate.is_none() && reading.record.is_none()
}

/// Whether a number is the very next one. Without numbers the same report must be too late to be a copy.
fn follows(last: Option<Number>, next: Option<Number>, gap: Span) -> bool {
    match (last, next) {
        (None, None) => gap > SAME_REPORT,
        (
            Some(Number::Cyclic { value: before, first, last, run }),
            Some(Number::Cyclic { value, first: low, last: high, run: other }),
        ) => {
            let expected = if before == last { first } else { before.wrapping_add(1) };
            (first, last, run) == (low, high, other) && value == expected && last - first >= 128
        }
        (Some(Number::Boot { boot, seq }), Some(Number::Boot { boot: other, seq: next })) => {
            boot == other && seq.checked_add(1) == Some(next)
        }
        _ => false,
    }
}

impl Core {
    /// Takes a frame that says what is known; `false`: it may say something new, and nothing was done.
    pub(crate) fn take_beat<W: World>(&mut self, frame: &Frame<'_>, world: &W) -> bool {
        let clock = self.now();
        let Some(device) = self.devices.get_mut(&frame.device) else { return false };
        let Some(calm) = &mut device.calm else { return false };
        let Some((beat, at)) = calm.beat(frame, clock, world) else { return false };
        (calm.number, calm.received_at, calm.at) = (beat.number, beat.received_at, at);
        device.beats.push(beat);
        if device.beats.len() >= BEATS {
            self.condense(frame.device, world);
        }
        true
    }

    /// A device's beats become entries and its old ones are folded away; it stays calm.
    fn condense<W: World>(&mut self, device: Id, world: &W) {
        let calm = self.devices.get(&device).and_then(|state| state.calm.clone());
        self.wake(device);
        self.fold(device, world);
        if let Some(state) = self.devices.get_mut(&device) {
            state.calm = calm;
        }
    }

    /// Something else comes than a beat: those that came before become entries.
    pub(crate) fn wake(&mut self, device: Id) {
        let Some(state) = self.devices.get_mut(&device) else { return };
        let Some(calm) = state.calm.take() else { return };
        if state.beats.is_empty() {
            return;
        }
        let mut beats = core::mem::take(&mut state.beats);
        for beat in &beats {
            state.follow(beat.entry(device, &calm));
        }
        // Its room is kept for the next ones.
        beats.clear();
        state.beats = beats;
        state.heard_at = state.heard_at.max(Some(calm.at));
        if let Some(unit) = self.berths.get_mut(&calm.berth) {
            unit.current.still(calm.at, calm.occupied);
        }
    }

    /// After a frame was taken as its berth's next event: whether only something new needs the whole machine again.
    pub(crate) fn calm_down<W: World>(&mut self, device: Id, entry: &Entry, world: &W) {
        let Some(Place::Berth { lot, berth }) = entry.statement.place else { return };
        let (Some(occupied), true) = (entry.statement.occupied, entry.is_plain()) else { return };
        let Some(unit) = self.berths.get(&berth) else { return };
        let alone = unit.devices.as_slice() == [device];
        if !(alone && unit.current.says(occupied, entry.at)) {
            return;
        }
        let standing = world.standing(entry.received_at);
        let quiet = !self.silent.contains_key(&device) && !self.has_alert(device);
        let locked = world.berth(&berth, entry.received_at).is_some_and(|berth| berth.ground_lock.is_some());
        let awaited = |state: &Device| state.watched || world.heartbeat(&device, entry.at).is_none();
        let policy = self.policy(&lot, entry.received_at, world);
        let (skew, late_window) = (policy.max_clock_skew, policy.late_window);
        let (battery_low_pct, signal_low_dbm) = (policy.battery_low_pct, policy.signal_low_dbm);
        let gated = Self::is_gated(&lot, entry.received_at, world);
        let Some(state) = self.devices.get_mut(&device) else { return };
        let Standing { from, until } = standing;
        if quiet
            && !locked
            && !gated
            && entry.at >= from
            && state.off_clock == 0
            && awaited(state)
            && state.is_at(entry)
        {
            let (number, received_at, at) = (entry.number, entry.received_at, entry.at);
            let edition = world.edition();
            state.calm = Some(Box::new(Calm {
                edition,
                from,
                until,
                lot,
                berth,
                occupied,
                number,
                received_at,
                at,
                skew,
                late_window,
                battery_low_pct,
                signal_low_dbm,
            }));
        }
    }

    /// Whether an alert about a device is open that a frame may cure.
    fn has_alert(&self, device: Id) -> bool {
        let subject = stable_hash(&device);
        let kinds = [
            AlertKind::Undecodable,
            AlertKind::Clock,
            AlertKind::LowBattery,
            AlertKind::WeakSignal,
            AlertKind::DeviceFault,
        ];
        kinds.into_iter().any(|kind| self.alerts.is_open(kind, subject))
    }
}

impl Beat {
    /// The beat as the ordinary entry that it is.
    fn entry(&self, device: Id, calm: &Calm) -> Entry {
        let time = self.own.unwrap_or(self.received_at);
        let key = event_key_of(device, self.number, None, time, Some(self.digest));
        let place = Some(Place::Berth { lot: calm.lot, berth: calm.berth });
        let statement =
            Statement { kind: self.kind, place, occupied: Some(calm.occupied), previous: None, plate: None };
        let digest = frame_digest([self.digest]);
        Entry::plain(key, self.name, self.received_at, self.number, self.own, self.arrival, digest, statement)
    }
}
