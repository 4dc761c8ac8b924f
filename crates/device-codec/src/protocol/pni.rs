//! PNI PlacePod: Cayenne LPP records back to back, each a channel, a type and a value, most significant byte first.
//!
//! Channels and types: the vendor's protocol document and its API's tests. Records are read by type, so an unknown
//! channel is passed over; a type of unknown length ends what can be read.

use crate::context::Context;
use crate::error::{DecodeError, ErrorCode};
use crate::milli::Milli;
use crate::protocol::{Out, ProtocolInfo};
use crate::reader::Reader;
use crate::reading::{Kind, Reading, Value};
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

/// What holds for the whole frame, whichever records report states, and has no field in a reading.
#[derive(Default)]
struct Facts {
    /// There is one of the others.
    any: bool,
    odd_temperature: Option<i16>,
    deactivated: Option<u8>,
    rebooted: Option<u8>,
    fault_register: Option<u8>,
    fault_state: Option<u8>,
}

#[inline]
pub(super) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    _: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let mut reading = Reading::new(Kind::Startup);
    if frame.len() == 0 {
        out(&reading);
        return Ok(());
    }
    let mut facts = Facts::default();
    let mut states = 0;
    let mut at = 0;
    while let Some(record) = next(&frame, at)? {
        if record.is_state() {
            state(&frame, &record, &mut reading)?;
            states += 1;
        } else {
            fact(&frame, &record, &mut facts, &mut reading)?;
        }
        at = record.end;
    }
    if at == 0 {
        return Err(frame.error(ErrorCode::Kind, 1, "type"));
    }
    if facts.any {
        facts.add_to(&mut reading);
    }
    let unparseable = frame.rest(at, "unparseable");
    if !unparseable.is_empty() {
        reading.put("unparseable", Value::Bytes(unparseable));
    }
    match states {
        0 => reading.kind = facts.kind(&reading),
        1 => restarted(&mut reading),
        _ => return each_state(&frame, &reading, out),
    }
    out(&reading);
    Ok(())
}

/// Several states in one frame are several transitions, in the order of time; all are known to be readable.
fn each_state<'a, T: Trace>(
    frame: &Reader<'a, T>,
    shared: &Reading<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let quiet = Reader::new(frame.all(), crate::trace::Quiet);
    let mut at = 0;
    while let Some(record) = next(&quiet, at)? {
        if record.is_state() {
            let mut reading = shared.clone();
            state(&quiet, &record, &mut reading)?;
            restarted(&mut reading);
            out(&reading);
        }
        at = record.end;
    }
    Ok(())
}

/// The record at `at`; `None` at the end, and where a type's length is not known.
#[inline]
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

#[inline]
fn fact<T: Trace>(
    frame: &Reader<'_, T>,
    record: &Record,
    facts: &mut Facts,
    reading: &mut Reading<'_>,
) -> Result<(), DecodeError> {
    match record.id {
        record::TEMPERATURE => {
            let tenths = frame.i16_be(record.at, "temperature")?;
            frame.means(|| "0.1 °C".to_owned());
            if PLAUSIBLE.contains(&tenths) {
                reading.temperature_c = Some(Milli::tenths(i32::from(tenths)));
            } else {
                facts.odd_temperature = Some(tenths);
                facts.any = true;
            }
        }
        record::BATTERY => {
            let hundredths = frame.i16_be(record.at, "battery")?;
            frame.means(|| "0.01 V".to_owned());
            reading.battery_v = Some(Milli::hundredths(i32::from(hundredths)));
        }
        record::RECALIBRATED => {
            reading.recalibrated = Some(frame.u8(record.at, "recalibrate_reply")? == 1);
        }
        _ => rare_fact(frame, record, facts)?,
    }
    Ok(())
}

#[cold]
fn rare_fact<T: Trace>(frame: &Reader<'_, T>, record: &Record, facts: &mut Facts) -> Result<(), DecodeError> {
    let (slot, name) = match record.id {
        record::DEACTIVATED => (&mut facts.deactivated, "deactivate_reply"),
        record::REBOOTED => (&mut facts.rebooted, "reboot_reply"),
        record::FAULT_REGISTER => (&mut facts.fault_register, "fault_register"),
        record::FAULT_STATE => (&mut facts.fault_state, "fault_state"),
        _ => return Ok(()),
    };
    *slot = Some(frame.u8(record.at, name)?);
    facts.any = true;
    Ok(())
}

impl Record {
    /// Whether it reports a state or a count.
    #[inline]
    fn is_state(&self) -> bool {
        matches!(self.id, record::CHANGE | record::ALIVE | record::COUNT | record::COUNT_ALIVE)
    }
}

/// What a record that reports a state or a count says; it takes the place of what one before it said.
#[inline]
fn state<T: Trace>(
    frame: &Reader<'_, T>,
    record: &Record,
    reading: &mut Reading<'_>,
) -> Result<(), DecodeError> {
    reading.kind = match record.id {
        record::CHANGE => Kind::Occupancy,
        record::COUNT => Kind::State,
        _ => Kind::Heartbeat,
    };
    if matches!(record.id, record::COUNT | record::COUNT_ALIVE) {
        return count(frame, record, reading);
    }
    let occupied = match frame.u8(record.at, "state")? {
        0 => false,
        1 => true,
        _ => return Err(frame.error(ErrorCode::Value, record.at, "state")),
    };
    frame.means(|| if occupied { "occupied" } else { "vacant" }.to_owned());
    (reading.occupied, reading.vehicle_count) = (Some(occupied), None);
    Ok(())
}

/// A counter's start is also a word of its own: which of the two it was cannot be told.
fn restarted(reading: &mut Reading<'_>) {
    if reading.kind == Kind::Startup {
        reading.put("rebooted_or_recalibrated", true);
    }
}

fn count<T: Trace>(
    frame: &Reader<'_, T>,
    record: &Record,
    reading: &mut Reading<'_>,
) -> Result<(), DecodeError> {
    let count = frame.u8(record.at, "vehicle_count")?;
    (reading.occupied, reading.vehicle_count) = (None, None);
    match count {
        COUNTER_RESET => {
            frame.means(|| "rebooted or recalibrated".to_owned());
            reading.kind = Kind::Startup;
        }
        0..COUNTER_RESET => reading.vehicle_count = Some(u32::from(count)),
        _ => return Err(frame.error(ErrorCode::Value, record.at, "vehicle_count")),
    }
    Ok(())
}

impl Facts {
    /// What a frame without a state is about.
    fn kind(&self, reading: &Reading<'_>) -> Kind {
        if self.rebooted == Some(1) {
            Kind::Startup
        } else if reading.recalibrated.is_some() || self.deactivated.is_some() || self.rebooted.is_some() {
            Kind::Config
        } else if self.fault_register.or(self.fault_state).is_some() {
            Kind::Fault
        } else {
            Kind::Heartbeat
        }
    }

    #[cold]
    fn add_to(&self, reading: &mut Reading<'_>) {
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
    }
}
