//! PNI PlacePod: Cayenne LPP records back to back, each a channel, a type and a value, most significant byte first.
//!
//! Channels and types: the vendor's protocol document and its API's tests. Records are read by type, so an unknown
//! channel is passed over; a type of unknown length ends what can be read.

use crate::context::Context;
use crate::error::{DecodeError, ErrorCode};
use crate::milli::Milli;
use crate::protocol::{Out, ProtocolInfo};
use crate::reader::Reader;
use crate::reading::{Fact, Kind, Reading, Value};
use crate::trace::Trace;

pub(super) const INFO: ProtocolInfo = ProtocolInfo {
    title: "PNI PlacePod parking sensor, presence and counter mode, LoRaWAN",
    says: &[
        "occupancy",
        "state",
        "heartbeat",
        "startup",
        "config",
        "fault",
        "occupied",
        "vehicle_count",
        "battery_v",
        "temperature_c",
        "recalibrated",
    ],
    ..ProtocolInfo::LORAWAN
};

/// Channel and type of the records that are known.
mod record {
    pub(super) const CHANGE: [u8; 2] = [0x15, 0x66];
    pub(super) const ALIVE: [u8; 2] = [0x37, 0x66];
    pub(super) const COUNT: [u8; 2] = [0x21, 0x00];
    pub(super) const COUNT_ALIVE: [u8; 2] = [0x37, 0x00];
    pub(super) const TEMPERATURE: [u8; 2] = [0x02, 0x67];
    pub(super) const BATTERY: [u8; 2] = [0x03, 0x02];
    pub(super) const RECALIBRATED: [u8; 2] = [0x01, 0x01];
    pub(super) const DEACTIVATED: [u8; 2] = [0x1c, 0x01];
    pub(super) const REBOOTED: [u8; 2] = [0x3f, 0x01];
    pub(super) const FAULT_REGISTER: [u8; 2] = [0x05, 0x00];
    pub(super) const FAULT_STATE: [u8; 2] = [0x06, 0x00];
}

/// A counter that says "rebooted or recalibrated" instead of a number.
const COUNTER_RESET: u8 = 0x80;
/// A temperature outside this range, in tenths of a degree, is none that a detector can have: kept raw, never guessed.
const PLAUSIBLE: core::ops::RangeInclusive<i16> = -600..=1000;

/// One record: what it is, and where its value stands.
struct Record {
    id: [u8; 2],
    at: usize,
    end: usize,
}

/// What holds for the whole frame, whichever records report states.
#[derive(Default)]
struct Facts<'a> {
    battery: Option<Milli>,
    temperature: Option<Milli>,
    odd_temperature: Option<i16>,
    recalibrated: Option<bool>,
    deactivated: Option<u8>,
    rebooted: Option<u8>,
    fault_register: Option<u8>,
    fault_state: Option<u8>,
    unparseable: &'a [u8],
    states: usize,
}

pub(super) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    _: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    if frame.len() == 0 {
        out(&Reading::new(Kind::Startup));
        return Ok(());
    }
    let facts = facts(&frame)?;
    if facts.states == 0 {
        let mut reading = Reading::new(facts.kind());
        facts.add_to(&mut reading);
        out(&reading);
        return Ok(());
    }
    // Several states in one frame are several transitions, in the order of time; all were checked above.
    let quiet = Reader::new(frame.all(), crate::trace::Quiet);
    let mut at = 0;
    while let Some(record) = next(&quiet, at)? {
        if let Some(state) = state(&quiet, &record)? {
            let mut reading = Reading::new(state.kind);
            reading.occupied = state.occupied;
            reading.set(Fact::VehicleCount, state.count);
            if state.kind == Kind::Startup {
                reading.put("rebooted_or_recalibrated", true);
            }
            facts.add_to(&mut reading);
            out(&reading);
        }
        at = record.end;
    }
    Ok(())
}

/// The record at `at`; `None` at the end, and where a type's length is not known.
fn next<T: Trace>(frame: &Reader<'_, T>, at: usize) -> Result<Option<Record>, DecodeError> {
    if at >= frame.len() {
        return Ok(None);
    }
    let id = [frame.u8(at, "channel")?, frame.u8(at + 1, "type")?];
    let len = match id {
        [_, 0x00 | 0x01 | 0x66] => 1,
        [_, 0x02 | 0x03 | 0x67] => 2,
        _ => return Ok(None),
    };
    frame.at_least(at + 2 + len)?;
    Ok(Some(Record { id, at: at + 2, end: at + 2 + len }))
}

fn facts<'a, T: Trace>(frame: &Reader<'a, T>) -> Result<Facts<'a>, DecodeError> {
    let mut facts = Facts::default();
    let mut at = 0;
    while let Some(record) = next(frame, at)? {
        match record.id {
            record::TEMPERATURE => {
                let tenths = frame.i16_be(record.at, "temperature")?;
                frame.means(|| "0.1 °C".to_owned());
                if PLAUSIBLE.contains(&tenths) {
                    facts.temperature = Some(Milli::tenths(i32::from(tenths)));
                } else {
                    facts.odd_temperature = Some(tenths);
                }
            }
            record::BATTERY => {
                facts.battery = Some(Milli::hundredths(i32::from(frame.i16_be(record.at, "battery")?)));
                frame.means(|| "0.01 V".to_owned());
            }
            record::RECALIBRATED => facts.recalibrated = Some(frame.u8(record.at, "recalibrate_reply")? == 1),
            record::DEACTIVATED => facts.deactivated = Some(frame.u8(record.at, "deactivate_reply")?),
            record::REBOOTED => facts.rebooted = Some(frame.u8(record.at, "reboot_reply")?),
            record::FAULT_REGISTER => facts.fault_register = Some(frame.u8(record.at, "fault_register")?),
            record::FAULT_STATE => facts.fault_state = Some(frame.u8(record.at, "fault_state")?),
            _ => facts.states += usize::from(state(frame, &record)?.is_some()),
        }
        at = record.end;
    }
    if at == 0 {
        return Err(frame.error(ErrorCode::Kind, 1, "type"));
    }
    facts.unparseable = frame.rest(at, "unparseable");
    Ok(facts)
}

/// What a record that reports a state or a count says.
struct State {
    kind: Kind,
    occupied: Option<bool>,
    count: Option<u32>,
}

fn state<T: Trace>(frame: &Reader<'_, T>, record: &Record) -> Result<Option<State>, DecodeError> {
    let kind = match record.id {
        record::CHANGE => Kind::Occupancy,
        record::ALIVE | record::COUNT_ALIVE => Kind::Heartbeat,
        record::COUNT => Kind::State,
        _ => return Ok(None),
    };
    if matches!(record.id, record::COUNT | record::COUNT_ALIVE) {
        let count = frame.u8(record.at, "vehicle_count")?;
        return match count {
            COUNTER_RESET => {
                frame.means(|| "rebooted or recalibrated".to_owned());
                Ok(Some(State { kind: Kind::Startup, occupied: None, count: None }))
            }
            0..COUNTER_RESET => Ok(Some(State { kind, occupied: None, count: Some(u32::from(count)) })),
            _ => Err(frame.error(ErrorCode::Value, record.at, "vehicle_count")),
        };
    }
    let occupied = match frame.u8(record.at, "state")? {
        0 => false,
        1 => true,
        _ => return Err(frame.error(ErrorCode::Value, record.at, "state")),
    };
    frame.means(|| if occupied { "occupied" } else { "vacant" }.to_owned());
    Ok(Some(State { kind, occupied: Some(occupied), count: None }))
}

impl<'a> Facts<'a> {
    /// What a frame without a state is about.
    fn kind(&self) -> Kind {
        if self.rebooted == Some(1) {
            Kind::Startup
        } else if self
            .recalibrated
            .or(self.deactivated.map(|_| true))
            .or(self.rebooted.map(|_| true))
            .is_some()
        {
            Kind::Config
        } else if self.fault_register.or(self.fault_state).is_some() {
            Kind::Fault
        } else {
            Kind::Heartbeat
        }
    }

    fn add_to(&self, reading: &mut Reading<'a>) {
        reading.battery_v = self.battery;
        reading.temperature_c = self.temperature;
        reading.recalibrated = self.recalibrated;
        for (name, value) in [
            ("deactivated", self.deactivated),
            ("rebooted", self.rebooted),
            ("fault_register", self.fault_register),
            ("fault_state", self.fault_state),
        ] {
            if let Some(value) = value {
                reading.put(name, value);
            }
        }
        if let Some(raw) = self.odd_temperature {
            reading.put("temperature_raw", raw);
        }
        if !self.unparseable.is_empty() {
            reading.put("unparseable", Value::Bytes(self.unparseable));
        }
    }
}
