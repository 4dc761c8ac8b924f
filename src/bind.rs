//! From what a device says to what the session machine understands: which berth or lane, at which instant.

use device_codec::{Context, DeviceTime, Kind, Milli, Numbering, Protocol, Value, decode};
use parking_types::{Direction, Id, Instant, PlateReading, Resolved, Span, Zone};
use session_core::{
    DeadCode, Frame, FrameName, Number, OpenedBy, Place, Policy, PreviousState, Reading, ReadingKind,
};

use crate::{
    hash::Fnv,
    record::{FrameRecord, Reason, Refusal, What},
    register::Vitals,
    site::{Berth, Binding, Device, Lane, Lot, Site},
};

/// Reads frames and binds them; keeps its buffers.
#[derive(Debug, Default)]
pub(crate) struct Binder {
    payload: Vec<u8>,
    readings: Vec<Reading>,
}

/// A frame, decoded and bound, without its name in the log.
#[derive(Debug)]
pub(crate) struct Bound {
    device: Id,
    number: Option<Number>,
    restart: bool,
    network_at: Option<Instant>,
    offline: bool,
    readings: Vec<Reading>,
    /// What the frame says of its device itself.
    pub(crate) vitals: Vitals,
}

impl Bound {
    /// Whose frame it is.
    pub(crate) const fn device(&self) -> Id {
        self.device
    }

    /// The frame as the session machine takes it.
    pub(crate) fn frame(&self, name: FrameName, received_at: Instant) -> Frame<'_> {
        Frame {
            name,
            received_at,
            device: self.device,
            number: self.number,
            restart: self.restart,
            network_at: self.network_at,
            offline: self.offline,
            readings: &self.readings,
        }
    }
}

/// What a record says about a frame as a whole.
struct Head {
    received_at: Instant,
    device: Id,
    restart: bool,
    offline: bool,
    own: Own,
}

/// The number that the frame itself gives.
#[derive(Clone, Copy, Default)]
struct Own {
    sequence: Option<u32>,
    boot: Option<u32>,
}

/// What is known of the device when the frame comes in.
struct Known<'s> {
    site: &'s Site,
    policy: Policy,
    zone: Option<&'s Zone>,
    network_at: Option<Instant>,
    rssi: Option<Milli>,
}

impl Binder {
    /// A frame of a device, bound as of its event. What it holds comes back by [`done_with`](Self::done_with).
    pub(crate) fn bind(
        &mut self,
        record: &FrameRecord<'_>,
        received_at: Instant,
        site: &Site,
    ) -> Result<Bound, Refusal> {
        if record.device.is_none() && record.protocol.is_none() {
            return Err(Refusal::field("protocol", "is missing"));
        }
        let protocol = match record.protocol.as_deref() {
            Some(name) => Some(protocol(name)?),
            None => None,
        };
        let device = record.device.ok_or(Refusal::field("device", "is missing"))?;
        let found = site.known::<Device>(&device, received_at);
        let entry =
            found.ok_or(Refusal::new(Reason::UnknownDevice, What::Says("the site has no such device")))?;
        let protocol = protocol.unwrap_or(entry.protocol);
        let info = protocol.info();
        let lot = site.lot_of(entry, received_at).and_then(|lot| site.at::<Lot>(&lot, received_at));
        let known = Known {
            site,
            policy: lot.map(|lot| lot.policy.clone()).unwrap_or_default(),
            zone: lot.map(|lot| &lot.zone),
            network_at: record.network_at,
            rssi: record.rssi,
        };
        let mut head = Head { received_at, device, restart: false, offline: false, own: Own::default() };
        let context = Context {
            port: record.port,
            route: record.route.as_deref(),
            content_type: record.content_type.as_deref(),
            images: &record.images,
        };
        let payload = record.bytes(protocol.takes_json(), &mut self.payload)?;
        self.readings.clear();
        let readings = &mut self.readings;
        let mut vitals = Vitals::default();
        decode(protocol, payload, &context, &mut |reading| {
            head.restart |= reading.kind == Kind::Startup;
            head.offline |= reading.offline_upload == Some(true);
            head.own.sequence = head.own.sequence.or(reading.sequence);
            head.own.boot = head.own.boot.or_else(|| reading.boot());
            vitals.add(reading);
            readings.push(known.reading(&head, reading));
        })
        .map_err(|error| Refusal::payload(error, payload))?;
        if self.readings.is_empty() {
            self.readings.push(known.sign_of_life(&head));
        }
        if self.readings.iter().all(|reading| reading.place.is_none()) {
            return Err(known.nowhere(&device, received_at, &self.readings));
        }
        vitals.network(record.rssi);
        let number = number(info.numbering, &mut head, record);
        Ok(Bound {
            device,
            number,
            restart: head.restart,
            network_at: record.network_at,
            offline: head.offline,
            readings: core::mem::take(&mut self.readings),
            vitals,
        })
    }

    /// Keeps the room of a frame for the next one.
    pub(crate) fn done_with(&mut self, bound: Bound) {
        self.readings = bound.readings;
    }

    /// The payload's bytes, for records that are no device's frame.
    pub(crate) fn payload<'b>(&'b mut self, record: &'b FrameRecord<'_>) -> Result<&'b [u8], Refusal> {
        record.bytes(true, &mut self.payload)
    }
}

/// The protocol with this name, or the dead letter.
pub(crate) fn protocol(name: &str) -> Result<Protocol, Refusal> {
    let unknown =
        Refusal::new(Reason::UnknownProtocol, What::Field("protocol", "no such protocol is built in"));
    Protocol::parse(name).ok_or(unknown)
}

/// The number that orders a device's frames: the protocol's own, else the record's counter.
fn number(numbering: Numbering, head: &mut Head, record: &FrameRecord<'_>) -> Option<Number> {
    let cyclic = |value, first, last, run| Number::Cyclic { value, first, last, run };
    let counter = |modulo: u32| {
        let value = record.counter? % u64::from(modulo);
        Some(cyclic(value as u32, 0, modulo - 1, record.join))
    };
    match (numbering, head.own) {
        (Numbering::Boot, Own { sequence, boot }) => Some(Number::Boot { boot: boot?, seq: sequence? }),
        (Numbering::Sequence { first, last, restart }, Own { sequence: Some(own), .. }) => {
            if Some(own) == restart {
                // The place before `first`, so that `first` is the next one.
                head.restart = true;
                return Some(cyclic(last, first, last, None));
            }
            (first..=last).contains(&own).then(|| cyclic(own, first, last, None))
        }
        (Numbering::Counter { modulo }, _) if modulo > 0 => counter(modulo),
        (Numbering::Record, _) => None,
        _ => counter(1 << 16),
    }
}

impl Known<'_> {
    /// One reading in the words of the session machine.
    fn reading(&self, head: &Head, said: &device_codec::Reading<'_>) -> Reading {
        let offline = head.offline || said.offline_upload == Some(true);
        let device_time = said.device_time.and_then(|time| self.instant(time, head.received_at));
        let event = self.event_time(device_time, head.received_at, offline);
        let device = self.site.at::<Device>(&head.device, event);
        let place = device.and_then(|device| self.place(device, said, event));
        Reading {
            place,
            kind: kind(said),
            device_time,
            occupied: said.occupied,
            previous: said.previous.map(|previous| PreviousState {
                minutes: previous.minutes,
                error: previous.error.unwrap_or(0),
                overflow: previous.overflow.unwrap_or(false),
            }),
            plate: said.plate,
            plate_color: said.plate_color,
            confidence: said.plate_confidence.map(whole),
            vehicle: said.vehicle,
            direction: said.direction.or_else(|| direction(device?, said)),
            ticket: said.ticket().as_deref().and_then(|ticket| Id::new(ticket).ok()),
            record: said.record().as_deref().map(|record| Fnv::of(record.as_bytes())),
            opened_by: opened_by(said),
            digest: digest(said, device_time),
            battery_pct: said.battery_pct.map(whole),
            battery_low: said.battery_low,
            rssi_dbm: said.rssi_dbm.or(self.rssi).map(|dbm| (dbm.thousandths() / 1000) as i16),
            fault: said.kind == Kind::Fault,
        }
    }

    /// A frame that says nothing is still a sign of life, and has a number.
    fn sign_of_life(&self, head: &Head) -> Reading {
        self.reading(head, &device_codec::Reading::new(Kind::Debug))
    }

    /// When it happened, as far as binding goes; the session machine judges it again.
    fn event_time(&self, device_time: Option<Instant>, received_at: Instant, offline: bool) -> Instant {
        let skew = self.policy.max_clock_skew;
        let behind = if offline { self.policy.late_window } else { skew.behind };
        let believed = |at: &Instant| *at >= received_at - behind && *at <= received_at + skew.ahead;
        device_time.filter(believed).or(self.network_at.filter(believed)).unwrap_or(received_at)
    }

    fn instant(&self, time: DeviceTime, received_at: Instant) -> Option<Instant> {
        match time {
            DeviceTime::Utc(at) => Some(at),
            DeviceTime::Local(local) => Some(match self.zone?.resolve(local) {
                Resolved::Once(at) => at,
                Resolved::Twice(a, b) => {
                    if (b - received_at).abs() < (a - received_at).abs() {
                        b
                    } else {
                        a
                    }
                }
                // A clock that was not set forward: its offset is the one from before the jump.
                Resolved::Skipped { at } => {
                    let before = self.zone?.offset_secs(at - Span::from_secs(1));
                    Instant::from_nanos(local.as_nanos()) - Span::from_secs(i64::from(before))
                }
            }),
        }
    }

    fn place(&self, device: &Device, said: &device_codec::Reading<'_>, at: Instant) -> Option<Place> {
        match &device.binding {
            Binding::Nothing | Binding::Area(_) => None,
            Binding::Lot(lot) => self.site.at::<Lot>(lot, at).map(|lot| Place::Lot { lot: lot.id }),
            Binding::Lane(lane) => {
                self.site.at::<Lane>(lane, at).map(|lane| Place::Lane { lot: lane.lot, lane: lane.id })
            }
            // What a gateway says about itself is about the lot.
            Binding::Berths(_) if said.berth_no.is_none() && said.occupied.is_none() => {
                self.site.lot_of(device, at).map(|lot| Place::Lot { lot })
            }
            Binding::Berth(_) | Binding::Berths(_) => {
                let berth = self.site.at::<Berth>(&device.berth(said.berth_no)?, at)?;
                Some(Place::Berth { lot: berth.lot, berth: berth.id })
            }
        }
    }

    /// Why no reading of a frame has a place.
    fn nowhere(&self, device: &Id, received_at: Instant, readings: &[Reading]) -> Refusal {
        let event = |reading: &Reading| self.event_time(reading.device_time, received_at, false);
        let there = readings.iter().any(|reading| self.site.at::<Device>(device, event(reading)).is_some());
        if there {
            Refusal::new(
                Reason::Machine(DeadCode::Unbound),
                What::Says("the device is bound to nothing there"),
            )
        } else {
            Refusal::new(Reason::UnknownDevice, What::Says("the site had no such device then"))
        }
    }
}

fn kind(said: &device_codec::Reading<'_>) -> ReadingKind {
    match said.kind {
        _ if said.recalibrated == Some(true) => ReadingKind::Contact,
        Kind::Occupancy => ReadingKind::Change,
        Kind::State => ReadingKind::State,
        Kind::Heartbeat | Kind::Startup => ReadingKind::Contact,
        Kind::Plate => ReadingKind::Plate,
        Kind::Gate => ReadingKind::Gate,
        Kind::Fault | Kind::Config | Kind::Debug => ReadingKind::Other,
    }
}

/// Whole units, 0 to 100.
fn whole(value: Milli) -> u8 {
    (value.thousandths() / 1000).clamp(0, 100) as u8
}

fn direction(device: &Device, said: &device_codec::Reading<'_>) -> Option<Direction> {
    let code = said.direction_code()?;
    device.direction.iter().find(|(known, _)| **known == *code).map(|(_, way)| *way)
}

fn opened_by(said: &device_codec::Reading<'_>) -> Option<OpenedBy> {
    match said.get("gate_opened_by") {
        Some(Value::Text(who)) if *who == "camera" => Some(OpenedBy::Device),
        Some(Value::Text(who)) if *who == "server" => Some(OpenedBy::Server),
        _ => None,
    }
}

/// What tells a copy: kind, occupied, plate, device time, and which berth.
fn digest(said: &device_codec::Reading<'_>, device_time: Option<Instant>) -> u64 {
    let mut hash = Fnv::new();
    let flag = |value: Option<bool>| value.map_or(2, u8::from);
    hash.write(&[said.kind as u8, flag(said.occupied)]);
    match &said.plate {
        Some(PlateReading::Plate(plate)) => hash.write(plate.as_str().as_bytes()),
        Some(PlateReading::Unplated) => hash.write(b"-"),
        None => {}
    }
    hash.write(&[0]);
    if let Some(at) = device_time {
        hash.write(&at.as_nanos().to_le_bytes());
    }
    if let Some(berth) = said.berth_no {
        hash.write(&berth.to_be_bytes());
    }
    hash.finish()
}

#[cfg(test)]
mod tests;
