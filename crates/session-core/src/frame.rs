//! Frames: when they count, what is a copy, and to which berth or lot they go.

use parking_types::{Id, Instant, PlateColor, PlateReading, Span};
use smallvec::{SmallVec, smallvec};

use crate::{
    alerts::About,
    core::{Core, DeadCode, Verdict},
    device::{Arrival, Inserted, RecordSeen},
    event::{Frame, Number, OpenedBy, Place, Reading, ReadingKind},
    gated::{LotEvent, Read, What},
    hash::stable_hash,
    policy::Policy,
    statement::{PlateRead, Statement},
    timers::Timer,
    words::AlertKind,
    world::World,
};

/// How many frames in a row may be off before the clock is reported.
const OFF_CLOCK: u8 = 20;
/// By how much a clock may be off without being counted.
pub(crate) const OFF_BY: Span = Span::from_mins(1);
/// A device's event older than this at its reception moves no gate.
const STALE: Span = Span::from_mins(2);

/// The time of a reading, judged.
#[derive(Clone, Copy)]
struct Judged {
    own: Option<Instant>,
    suspect: bool,
}

impl Core {
    pub(crate) fn frame<W: World>(&mut self, frame: &Frame<'_>, world: &W) -> Verdict {
        let Some(lot) = frame.readings.iter().find_map(|reading| reading.place).map(|place| place.lot())
        else {
            return Verdict::Dead(DeadCode::Unbound);
        };
        let device = self.devices.get(&frame.device);
        if device.is_some_and(|device| device.is_replay(frame.number, frame.received_at)) {
            return Verdict::Dead(DeadCode::Replay);
        }
        let policy = self.policy(&lot, frame.received_at, world).clone();
        self.watch_clock(frame, lot);
        let mut judged: SmallVec<[Judged; 2]> = SmallVec::new();
        for reading in frame.readings {
            match judge_time(reading.device_time, frame, &policy) {
                Some(time) => judged.push(time),
                None => return self.too_late(frame, lot),
            }
        }
        let skew = policy.max_clock_skew;
        let network = frame
            .network_at
            .filter(|at| *at <= frame.received_at + skew.ahead && *at >= frame.received_at - skew.behind);
        let arrival = network.unwrap_or(frame.received_at);
        let horizon = self.now() - policy.late_window;
        let oldest = judged.iter().map(|time| time.own.unwrap_or(arrival)).min().unwrap_or(arrival);
        if oldest < horizon {
            return self.too_late(frame, lot);
        }
        let times = judged.iter().map(|time| time.own.unwrap_or(arrival));
        let unbound: Vec<(u16, DeadCode)> = (0..)
            .zip(frame.readings.iter().zip(times))
            .filter(|(_, (reading, at))| !is_bound(reading, *at, world))
            .map(|(index, _)| (index, DeadCode::Unbound))
            .collect();
        if unbound.len() == frame.readings.len() {
            return Verdict::Dead(DeadCode::Unbound);
        }
        let key = event_key(frame);
        if let Some(copy) = self.camera_copy(frame, key, horizon) {
            let ttl = policy.command_ttl;
            self.commands.again(copy, frame.received_at, ttl, &mut self.effects);
            return Verdict::Duplicate;
        }
        let recorded = frame.readings.iter().any(|reading| reading.record.is_some());
        let on_berth = frame.readings.iter().any(|r| matches!(r.place, Some(Place::Berth { lot, .. }) if !Self::is_gated(&lot, frame.received_at, world)));
        // Records have ids that tell copies from others within `late_window`; boots tell for ever.
        let booted = matches!(frame.number, Some(Number::Boot { .. }));
        let inserted = if on_berth || booted || !recorded {
            self.insert(frame, key, &judged, arrival)
        } else {
            Inserted::Next(1)
        };
        if inserted == Inserted::Replay {
            return Verdict::Dead(DeadCode::Replay);
        }
        self.heard(frame, oldest, world);
        self.alerts.close(
            AlertKind::Undecodable,
            stable_hash(&frame.device),
            frame.received_at,
            &mut self.effects,
        );
        match inserted {
            Inserted::Copy => {
                let again = self.twin_key(frame).unwrap_or(key);
                self.commands.again(again, frame.received_at, policy.command_ttl, &mut self.effects);
                return Verdict::Duplicate;
            }
            Inserted::EarlierCopy => {
                self.derive_device(frame.device, world);
                return Verdict::Duplicate;
            }
            Inserted::Next(count) => self.next_on_berths(frame.device, count, world),
            Inserted::Amid => self.derive_device(frame.device, world),
            Inserted::Replay => {}
        }
        for (index, (reading, time)) in frame.readings.iter().zip(&judged).enumerate() {
            self.health(frame, reading, lot, &policy);
            self.at_lane(frame, key.wrapping_add(index as u64), reading, *time, arrival, world);
        }
        Verdict::Applied { dead_readings: unbound }
    }

    /// Older than anything may be: it states nothing, but its number is no longer missing.
    fn too_late(&mut self, frame: &Frame<'_>, lot: Id) -> Verdict {
        if frame.number.is_some() {
            let judged: SmallVec<[Judged; 2]> =
                smallvec![Judged { own: None, suspect: false }; frame.readings.len()];
            let silent: Vec<Reading> = frame
                .readings
                .iter()
                .map(|r| Reading { kind: ReadingKind::Other, occupied: None, plate: None, ..r.clone() })
                .collect();
            let frame = Frame { readings: &silent, ..frame.clone() };
            let _ = self.insert(&frame, event_key(&frame), &judged, frame.received_at);
        }
        let about = About { lot: Some(lot), device: Some(frame.device), ..About::default() };
        self.alerts.open(
            AlertKind::TooLate,
            stable_hash(&frame.device),
            frame.received_at,
            about,
            &mut self.effects,
        );
        Verdict::Dead(DeadCode::TooLate)
    }

    /// Counts frames whose clock is off.
    fn watch_clock(&mut self, frame: &Frame<'_>, lot: Id) {
        let Some(time) =
            frame.readings.iter().find_map(|reading| reading.device_time).filter(|_| !frame.offline)
        else {
            return;
        };
        let device = self.devices.change_or_new(frame.device);
        let subject = stable_hash(&frame.device);
        if (frame.received_at - time).abs() > OFF_BY {
            device.off_clock = device.off_clock.saturating_add(1);
            if device.off_clock == OFF_CLOCK {
                let about = About { lot: Some(lot), device: Some(frame.device), ..About::default() };
                self.alerts.open(AlertKind::Clock, subject, frame.received_at, about, &mut self.effects);
            }
        } else {
            device.off_clock = 0;
            self.alerts.close(AlertKind::Clock, subject, frame.received_at, &mut self.effects);
        }
    }

    /// The event of an earlier camera record that this frame repeats.
    fn camera_copy(&mut self, frame: &Frame<'_>, key: u64, horizon: Instant) -> Option<u64> {
        let mut copy = None;
        let mut fresh = false;
        for reading in frame.readings {
            let Some(record) = reading.record else {
                fresh = true;
                continue;
            };
            let seen = RecordSeen { device_time: reading.device_time, received_at: frame.received_at, key };
            let device = self.devices.change_or_new(frame.device);
            match device.record(record, seen, horizon) {
                Some(first) => copy = Some(first.key),
                None => fresh = true,
            }
        }
        copy.filter(|_| !fresh)
    }

    fn insert(&mut self, frame: &Frame<'_>, key: u64, judged: &[Judged], arrival: Instant) -> Inserted {
        let digest = frame_digest(frame.readings.iter().map(|reading| reading.digest));
        let device = self.devices.change_or_new(frame.device);
        device.insert(Arrival {
            key,
            name: frame.name,
            received_at: frame.received_at,
            number: frame.number,
            restart: frame.restart,
            own: judged.iter().map(|time| time.own).collect(),
            arrival,
            suspect: judged.iter().any(|time| time.suspect),
            offline: frame.offline,
            digest,
            statements: frame.readings.iter().map(statement).collect(),
        })
    }

    /// The key of the frame that this one is a copy of, where it went to a lane.
    fn twin_key(&self, frame: &Frame<'_>) -> Option<u64> {
        let digest = frame_digest(frame.readings.iter().map(|reading| reading.digest));
        self.devices.get(&frame.device)?.key_of(digest)
    }

    /// A sign of life.
    fn heard<W: World>(&mut self, frame: &Frame<'_>, at: Instant, world: &W) {
        let Some(device) = self.devices.change(&frame.device) else { return };
        device.heard_at = Some(device.heard_at.map_or(at, |heard| heard.max(at)));
        if !device.watched
            && let Some(period) = world.heartbeat(&frame.device, at)
        {
            device.watched = true;
            self.timers.arm(at + period.times(3), Timer::Silence(frame.device));
        }
        self.speaks_again(frame.device, frame.received_at, world);
    }

    /// Batteries, signals, faults.
    fn health(&mut self, frame: &Frame<'_>, reading: &Reading, lot: Id, policy: &Policy) {
        let subject = stable_hash(&frame.device);
        let about = || About { lot: Some(lot), device: Some(frame.device), ..About::default() };
        let at = frame.received_at;
        let low = reading.battery_low.or(reading.battery_pct.map(|pct| pct < policy.battery_low_pct));
        let weak = reading.rssi_dbm.map(|rssi| rssi < policy.signal_low_dbm);
        let fault = (reading.fault || reading.kind != ReadingKind::Other).then_some(reading.fault);
        for (kind, bad) in
            [(AlertKind::LowBattery, low), (AlertKind::WeakSignal, weak), (AlertKind::DeviceFault, fault)]
        {
            match bad {
                Some(true) => self.alerts.open(kind, subject, at, about(), &mut self.effects),
                Some(false) => self.alerts.close(kind, subject, at, &mut self.effects),
                None => {}
            }
        }
    }

    /// A reading at a lane, or of a plate inside a gated lot.
    fn at_lane<W: World>(
        &mut self,
        frame: &Frame<'_>,
        key: u64,
        reading: &Reading,
        time: Judged,
        arrival: Instant,
        world: &W,
    ) {
        let at = time.own.unwrap_or(arrival);
        let event = |what| LotEvent { key, at, name: frame.name, received_at: frame.received_at, what };
        match reading.place {
            Some(Place::Lane { lot, lane }) if reading.kind == ReadingKind::Plate => {
                let wait = self.policy(&lot, at, world).arm_wait;
                let read = Read {
                    device: frame.device,
                    lane,
                    direction: reading.direction,
                    plate: plate_read(reading).unwrap_or(NO_PLATE),
                    ticket: reading.ticket,
                    opened_by: reading.opened_by,
                    offline: frame.offline,
                    suspect: time.suspect,
                    present: !frame.offline && at + wait > self.now(),
                };
                let ttl = self.policy(&lot, at, world).command_ttl;
                let slow = self.alerts.is_open(AlertKind::Clock, stable_hash(&frame.device));
                let fresh = frame.received_at - at <= STALE || slow;
                let live = !frame.offline && fresh && frame.received_at + ttl >= self.now();
                self.lot_event(lot, event(What::Read(read)), live, world);
            }
            Some(Place::Lane { lot, lane }) if reading.kind == ReadingKind::Gate => {
                if let Some(by @ OpenedBy::Device) = reading.opened_by {
                    self.lot_event(lot, event(What::Opened { lane, by }), false, world);
                }
            }
            Some(Place::Berth { lot, berth }) if Self::is_gated(&lot, at, world) => {
                if let Some(PlateReading::Plate(plate)) = reading.plate {
                    self.lot_event(lot, event(What::Parked { berth, plate }), false, world);
                }
            }
            _ => {}
        }
    }
}

const NO_PLATE: PlateRead =
    PlateRead { plate: None, color: PlateColor::Unknown, confidence: 0, vehicle: None };

/// Whether a reading is about something that the site knew when it happened.
fn is_bound<W: World>(reading: &Reading, at: Instant, world: &W) -> bool {
    match reading.place {
        Some(Place::Lane { lane, .. }) => world.lane(&lane, at).is_some(),
        Some(_) => true,
        None => false,
    }
}

/// Whether the device's own time is believed; `None`: an offline upload with an impossible one.
fn judge_time(own: Option<Instant>, frame: &Frame<'_>, policy: &Policy) -> Option<Judged> {
    let behind = if frame.offline { policy.late_window } else { policy.max_clock_skew.behind };
    let ahead = policy.max_clock_skew.ahead;
    match own {
        Some(at) if at >= frame.received_at - behind && at <= frame.received_at + ahead => {
            Some(Judged { own: Some(at), suspect: false })
        }
        Some(_) if frame.offline => None,
        Some(_) => Some(Judged { own: None, suspect: true }),
        None => Some(Judged { own: None, suspect: false }),
    }
}

/// What names a frame's first event, whatever order frames come in.
fn event_key(frame: &Frame<'_>) -> u64 {
    let first = frame.readings.first();
    let time = frame.readings.iter().find_map(|r| r.device_time).unwrap_or(frame.received_at);
    event_key_of(frame.device, frame.number, first.and_then(|r| r.record), time, first.map(|r| r.digest))
}

/// The same, of its parts: the device's time, else when it was received, and the first reading's record and digest.
pub(crate) fn event_key_of(
    device: Id,
    number: Option<Number>,
    record: Option<u64>,
    time: Instant,
    digest: Option<u64>,
) -> u64 {
    let number = match number {
        Some(Number::Cyclic { value, run, .. }) => (1u8, u64::from(value), run.unwrap_or(0)),
        Some(Number::Boot { boot, seq }) => (2, u64::from(boot), u64::from(seq)),
        None => (3, record.unwrap_or(0), 0),
    };
    stable_hash(&(device, number, time, digest))
}

/// The hash of all readings of a frame.
pub(crate) fn frame_digest(readings: impl IntoIterator<Item = u64>) -> u64 {
    readings.into_iter().fold(0, |sum, reading| stable_hash(&(sum, reading)))
}

fn plate_read(reading: &Reading) -> Option<PlateRead> {
    let plate = match reading.plate? {
        PlateReading::Plate(plate) => Some(plate),
        PlateReading::Unplated => None,
    };
    Some(PlateRead {
        plate,
        color: reading.plate_color.unwrap_or(PlateColor::Unknown),
        confidence: reading.confidence.unwrap_or(0),
        vehicle: reading.vehicle,
    })
}

fn statement(reading: &Reading) -> Statement {
    Statement {
        kind: reading.kind,
        place: reading.place,
        occupied: reading.occupied,
        previous: reading.previous,
        plate: plate_read(reading).map(Box::new),
    }
}
