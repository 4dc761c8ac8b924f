//! Heartbeats that say what is known.
//!
//! Most frames of a city confirm, in order, what its detectors have said before. Such a *beat* changes nothing but
//! when the berth was last seen, so it is kept with its device, small, until something else comes: then the device
//! *wakes*, its beats become entries like all others, and whatever comes is derived from them. What a device must not
//! be for this (several on one berth, silent, off the clock, reported for its battery …) is looked at once, after a
//! frame has been taken the ordinary way, and holds until something else happens to it or the reference data change.

use std::sync::Arc;

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
    table::Table,
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

/// What a device's next heartbeat must be like to say nothing new, and those that came.
#[derive(Clone, Debug)]
struct Calm {
    /// When it was found out; 0 since something else has happened to the device.
    epoch: u64,
    occupied: bool,
    /// Which of the limits hold for it.
    limits: u32,
    /// Of the last frame.
    received_at: Instant,
    at: Instant,
    number: Option<Number>,
    lot: Id,
    berth: Id,
    beats: Vec<Beat>,
}

/// What a lot's policy says of heartbeats, and how often a device is expected.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Limits {
    skew: ClockSkew,
    late_window: Span,
    battery_low_pct: u8,
    signal_low_dbm: i16,
    period: Option<Span>,
}

/// All calm devices, as long as reference data stand as they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calms {
    /// Counts how often reference data have changed; what was found out in another epoch does not hold.
    epoch: u64,
    edition: u64,
    standing: Option<Standing>,
    limits: Vec<Limits>,
    devices: Table<Id, Arc<Calm>>,
}

impl Calms {
    /// Whether they hold for what was received at an instant.
    #[inline]
    fn stand<W: World>(&self, at: Instant, world: &W) -> bool {
        let within = self.standing.is_some_and(|standing| standing.from <= at && at < standing.until);
        within && self.edition == world.edition()
    }

    /// When a device last said what is known, and how often it is expected, where that is known too.
    pub(crate) fn last<W: World>(&self, device: &Id, world: &W) -> Option<(Instant, Option<Span>)> {
        let calm = self.devices.get(device)?;
        let holds = calm.epoch == self.epoch && self.stand(calm.at, world);
        let limits = self.limits.get(calm.limits as usize).filter(|_| holds);
        Some((calm.at, limits.and_then(|limits| limits.period)))
    }

    fn index_of(&mut self, limits: Limits) -> u32 {
        let known = self.limits.iter().position(|other| *other == limits);
        known.unwrap_or_else(|| {
            self.limits.push(limits);
            self.limits.len() - 1
        }) as u32
    }
}

impl Limits {
    fn believe(&self, time: Instant, received_at: Instant) -> bool {
        time >= received_at - self.skew.behind && time <= received_at + self.skew.ahead
    }

    fn are_kept(&self, reading: &Reading) -> bool {
        let low = reading.battery_low.or(reading.battery_pct.map(|pct| pct < self.battery_low_pct));
        let weak = reading.rssi_dbm.is_some_and(|rssi| rssi < self.signal_low_dbm);
        low != Some(true) && !weak && !reading.fault
    }
}

impl Calm {
    /// The frame as a beat, and when it takes effect; `None`: it may say something new.
    #[inline]
    fn beat(
        &self,
        frame: &Frame<'_>,
        oldest: Instant,
        clock: Instant,
        limits: &Limits,
    ) -> Option<(Beat, Instant)> {
        let [reading] = frame.readings else { return None };
        let received_at = frame.received_at;
        let known = reading.occupied == Some(self.occupied)
            && matches!(reading.kind, ReadingKind::Contact | ReadingKind::State)
            && reading.place == Some(Place::Berth { lot: self.lot, berth: self.berth });
        let plain = !frame.restart && !frame.offline && limits.are_kept(reading) && says_no_more(reading);
        if !(known && plain && received_at >= self.received_at) {
            return None;
        }
        if !follows(self.number, frame.number, received_at - self.received_at) {
            return None;
        }
        let own = match reading.device_time {
            Some(time) if limits.believe(time, received_at) && (received_at - time).abs() <= OFF_BY => {
                Some(time)
            }
            Some(_) => return None,
            None => None,
        };
        let network = frame.network_at.filter(|at| limits.believe(*at, received_at));
        let arrival = network.unwrap_or(received_at);
        let at = own.unwrap_or(arrival);
        if at <= self.at || at < oldest || at < clock - limits.late_window {
            return None;
        }
        let (number, digest, kind) = (frame.number, reading.digest, reading.kind);
        Some((Beat { name: frame.name, received_at, own, arrival, number, digest, kind }, at))
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
    /// Looks at the records that frames of these devices are going to touch, so that their steps need not wait for
    /// memory one after the other. Changes nothing; what it gives is of no use but to be computed.
    pub fn touch<'d>(&self, devices: impl Iterator<Item = &'d Id>) -> u64 {
        let look = |calm: &Calm| calm.beats.last().map_or(0, |beat| beat.digest) ^ u64::from(calm.occupied);
        devices.filter_map(|device| self.calms.devices.get(device)).fold(0, |sum, calm| sum ^ look(calm))
    }

    /// Takes a frame that says what is known; `false`: it may say something new, and nothing was done.
    pub(crate) fn take_beat<W: World>(&mut self, frame: &Frame<'_>, world: &W) -> bool {
        let clock = self.now();
        let calms = &mut self.calms;
        if !calms.stand(frame.received_at, world) {
            return false;
        }
        let oldest = calms.standing.map_or(Instant::MAX, |standing| standing.from);
        let Some(calm) = calms.devices.change(&frame.device) else { return false };
        let limits = calms.limits.get(calm.limits as usize).filter(|_| calm.epoch == calms.epoch);
        let Some(limits) = limits else { return false };
        let Some((beat, at)) = calm.beat(frame, oldest, clock, limits) else { return false };
        (calm.number, calm.received_at, calm.at) = (beat.number, beat.received_at, at);
        calm.beats.push(beat);
        if calm.beats.len() >= BEATS {
            self.condense(frame.device, world);
        }
        true
    }

    /// A device's beats become entries and its old ones are folded away; it stays calm.
    fn condense<W: World>(&mut self, device: Id, world: &W) {
        self.wake(device);
        self.fold(device, world);
        if let Some(calm) = self.calms.devices.change(&device) {
            calm.epoch = self.calms.epoch;
        }
    }

    /// Something else comes than a beat: those that came before become entries.
    pub(crate) fn wake(&mut self, device: Id) {
        let Some(calm) = self.calms.devices.change(&device) else { return };
        calm.epoch = 0;
        if calm.beats.is_empty() {
            return;
        }
        if let Some(state) = self.devices.change(&device) {
            for beat in &calm.beats {
                state.follow(beat.entry(device, calm));
            }
            state.heard_at = state.heard_at.max(Some(calm.at));
        }
        // Their room is kept for the next ones.
        calm.beats.clear();
        if let Some(unit) = self.berths.change(&calm.berth) {
            unit.current.still(calm.at, calm.occupied);
        }
    }

    /// All beats become entries.
    pub(crate) fn wake_all(&mut self) {
        // A copy of the state shares the others with its owner.
        let has_beats = |(device, calm): (&Id, &Arc<Calm>)| (!calm.beats.is_empty()).then_some(*device);
        let devices: Vec<Id> = self.calms.devices.iter().filter_map(has_beats).collect();
        devices.into_iter().for_each(|device| self.wake(device));
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
        let received_at = entry.received_at;
        if !self.calms.stand(received_at, world) {
            self.calms.limits.clear();
            self.calms.epoch += 1;
            (self.calms.edition, self.calms.standing) = (world.edition(), Some(world.standing(received_at)));
        }
        let since = self.calms.standing.map_or(Instant::MAX, |standing| standing.from);
        let quiet = !self.silent.contains_key(&device) && !self.has_alert(device);
        let locked = world.berth(&berth, received_at).is_some_and(|berth| berth.ground_lock.is_some());
        let gated = Self::is_gated(&lot, received_at, world);
        let period = world.heartbeat(&device, entry.at);
        let is_ready = |state: &Device| {
            state.off_clock == 0 && (state.watched || period.is_none()) && state.is_at(entry)
        };
        let ready = self.devices.get(&device).is_some_and(|state| is_ready(state));
        if !(quiet && ready) || locked || gated || entry.at < since {
            return;
        }
        let policy = self.policy(&lot, received_at, world);
        let limits = Limits {
            skew: policy.max_clock_skew,
            late_window: policy.late_window,
            battery_low_pct: policy.battery_low_pct,
            signal_low_dbm: policy.signal_low_dbm,
            period,
        };
        let limits = self.calms.index_of(limits);
        let beats = match self.calms.devices.change(&device) {
            Some(calm) => core::mem::take(&mut calm.beats),
            None => Vec::new(),
        };
        let (number, at) = (entry.number, entry.at);
        let calm =
            Calm { epoch: self.calms.epoch, occupied, limits, received_at, at, number, lot, berth, beats };
        self.calms.devices.insert(device, Arc::new(calm));
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
