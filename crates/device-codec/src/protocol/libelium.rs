//! Libelium Smart Parking: eleven bytes, no port. Two generations of hardware use the same length with another
//! meaning, and one frame does not tell which, so each is a protocol of its own.
//!
//! Header of all generations: the vendor's manuals. Body of firmware 2 and 3: manual and an integrator's decoder,
//! which agree. Of the second hardware only the header, the error byte, the temperature and the firmware are known.

use crate::context::Context;
use crate::error::DecodeError;
use crate::milli::Milli;
use crate::protocol::{Numbering, Out, ProtocolInfo};
use crate::reader::Reader;
use crate::reading::{Fact, Kind, Reading};
use crate::trace::Trace;

const BASE: ProtocolInfo = ProtocolInfo {
    says: &[
        "occupancy",
        "heartbeat",
        "startup",
        "fault",
        "config",
        "debug",
        "occupied",
        "sequence",
        "battery_low",
        "battery_v",
        "temperature_c",
        "magnetic",
        "baseline",
        "firmware",
        "recalibrated",
    ],
    numbering: Numbering::Sequence { first: 0, last: 255, restart: None },
    ..ProtocolInfo::LORAWAN
};
pub(super) const V1: ProtocolInfo = ProtocolInfo {
    title: "Libelium Smart Parking, first hardware, firmware 1 to 3, LoRaWAN and Sigfox",
    ..BASE
};
pub(super) const SP2: ProtocolInfo =
    ProtocolInfo { title: "Libelium Smart Parking, second hardware (header only), LoRaWAN", ..BASE };

const LEN: usize = 11;
/// Frames of firmware 1 are one byte longer; their header is the same, their body is another.
const LEN_FIRMWARE_1: usize = 12;

mod at {
    pub(super) const FLAGS: usize = 0;
    pub(super) const COUNTER: usize = 1;
    pub(super) const BODY: usize = 2;
    /// Info.
    pub(super) const INFO_AXES: usize = 3;
    /// Keep-alive, service, downlink, RSSI.
    pub(super) const HOUR: usize = 2;
    pub(super) const MINUTE: usize = 3;
    pub(super) const ALIVE_TEMPERATURE: usize = 4;
    pub(super) const ALIVE_AXES: usize = 5;
    /// Daily.
    pub(super) const RESETS: usize = 8;
    pub(super) const CONFIG_ID: usize = 9;
    /// Error.
    pub(super) const ERRORS: usize = 2;
    pub(super) const ERROR_TEMPERATURE: usize = 3;
    pub(super) const ERROR_AXES: usize = 4;
    /// Start 1.
    pub(super) const REFERENCE: usize = 3;
    pub(super) const START_BATTERY: usize = 9;
    /// Info and error.
    pub(super) const BATTERY: usize = 10;
    /// Second hardware.
    pub(super) const SP2_ERROR: usize = 2;
    pub(super) const SP2_TEMPERATURE: usize = 3;
}

/// Offsets in the bodies of the first firmware.
mod first {
    /// Info and start 1.
    pub(super) const TEMPERATURE: usize = 2;
    pub(super) const AXES: usize = 4;
    /// Start 1; of an info nothing more is published.
    pub(super) const BATTERY: usize = 10;
    /// Daily.
    pub(super) const SENSOR_USES: usize = 2;
    pub(super) const SIGFOX: usize = 4;
    pub(super) const LORAWAN: usize = 6;
    pub(super) const RESETS: usize = 8;
    pub(super) const CONFIG_ID: usize = 9;
}

mod bit {
    pub(super) const OCCUPIED: u8 = 1 << 7;
    pub(super) const BATTERY_LOW: u8 = 1 << 6;
    pub(super) const CONFIG_NACK: u8 = 1 << 5;
    pub(super) const RECALIBRATED: u8 = 1 << 4;
}

/// What all generations share; the type's bits differ.
fn header<T: Trace>(
    frame: &Reader<'_, T>,
    type_bits: u8,
    reading: &mut Reading<'_>,
) -> Result<(u8, u8), DecodeError> {
    let flags = frame.u8(at::FLAGS, "flags")?;
    let occupied = flags & bit::OCCUPIED != 0;
    let kind = flags & type_bits;
    frame.means(|| format!("{}, frame type {kind}", if occupied { "occupied" } else { "vacant" }));
    reading.occupied = Some(occupied);
    reading.battery_low = Some(flags & bit::BATTERY_LOW != 0);
    reading.sequence = Some(u32::from(frame.u8(at::COUNTER, "frame_counter")?));
    Ok((flags, kind))
}

#[inline]
pub(super) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    _: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let mut reading = Reading::new(Kind::Debug);
    let (_, kind) = header(&frame, 0x0f, &mut reading)?;
    reading.kind = match kind {
        0 => Kind::Occupancy,
        1 | 2 | 6 => Kind::Heartbeat,
        3 => Kind::Fault,
        4 | 5 => Kind::Startup,
        7 => Kind::Config,
        _ => Kind::Debug,
    };
    if frame.len() == LEN_FIRMWARE_1 {
        first_body(&frame, kind, &mut reading)?;
    } else {
        body(&frame, kind, &mut reading)?;
        frame.exactly(LEN)?;
    }
    out(&reading);
    Ok(())
}

/// The body of the first firmware. How its raw temperature becomes degrees is not published.
fn first_body<'a, T: Trace>(
    frame: &Reader<'a, T>,
    kind: u8,
    reading: &mut Reading<'a>,
) -> Result<(), DecodeError> {
    match kind {
        0 | 4 => {
            reading.put("temperature_raw", frame.i16_be(first::TEMPERATURE, "temperature_raw")?);
            let axes = Some(frame.axes_i16_be(first::AXES, "axes")?);
            if kind == 0 {
                reading.magnetic = axes;
                reading.put("body", frame.rest(first::BATTERY, "body"));
            } else {
                reading.baseline = axes;
                reading.battery_v = Some(Milli::new(i32::from(frame.u16_be(first::BATTERY, "battery")?)));
                frame.means(|| "mV".to_owned());
            }
        }
        2 => {
            reading.put("sensor_uses", frame.u16_be(first::SENSOR_USES, "sensor_uses")?);
            reading.put("sigfox_tx", frame.u16_be(first::SIGFOX, "sigfox_tx")?);
            reading.put("lorawan_tx", frame.u16_be(first::LORAWAN, "lorawan_tx")?);
            reading.put("resets", frame.u8(first::RESETS, "resets")?);
            reading.put("config_id", frame.u8(first::CONFIG_ID, "config_id")?);
        }
        _ => reading.put("body", frame.rest(at::BODY, "body")),
    }
    Ok(())
}

fn body<'a, T: Trace>(frame: &Reader<'a, T>, kind: u8, reading: &mut Reading<'a>) -> Result<(), DecodeError> {
    match kind {
        0 => {
            reading.temperature_c = Some(temperature(frame, at::BODY)?);
            reading.magnetic = Some(frame.axes_i16_be(at::INFO_AXES, "magnetic")?);
            reading.battery_v = Some(battery(frame)?);
        }
        1 | 6..=8 => {
            reading.put("hours", frame.u8(at::HOUR, "hours")?);
            reading.put("minutes", frame.u8(at::MINUTE, "minutes")?);
            reading.temperature_c = Some(temperature(frame, at::ALIVE_TEMPERATURE)?);
            reading.magnetic = Some(frame.axes_i16_be(at::ALIVE_AXES, "magnetic")?);
        }
        2 => {
            reading.put("resets", frame.u8(at::RESETS, "resets")?);
            reading.put("config_id", frame.u8(at::CONFIG_ID, "config_id")?);
        }
        3 => {
            let errors = frame.u8(at::ERRORS, "errors")?;
            frame.means(|| "bits: 0 z, 1 y, 2 x, 3 clock, 4 LoRaWAN, 5 Sigfox".to_owned());
            reading.put("errors", errors);
            reading.temperature_c = Some(temperature(frame, at::ERROR_TEMPERATURE)?);
            reading.magnetic = Some(frame.axes_i16_be(at::ERROR_AXES, "magnetic")?);
            reading.battery_v = Some(battery(frame)?);
        }
        4 => {
            reading.temperature_c = Some(temperature(frame, at::BODY)?);
            reading.baseline = Some(frame.axes_i16_be(at::REFERENCE, "reference")?);
            reading.battery_v = Some(Milli::new(i32::from(frame.u16_be(at::START_BATTERY, "battery")?)));
            frame.means(|| "mV".to_owned());
        }
        5 => {
            reading.set(Fact::Firmware, Some(frame.u8(at::BODY, "firmware_version")?));
            const NAMES: [&str; 8] = [
                "nm_start",
                "nm_period",
                "nm_sleep_time",
                "nm_keep_alive",
                "radio_mode",
                "sleep_time",
                "keep_alive",
                "threshold",
            ];
            for (at, name) in (at::BODY + 1..).zip(NAMES) {
                reading.put(name, frame.u8(at, name)?);
            }
        }
        // An unknown type: the header counts, the rest is nobody's to guess.
        _ => reading.put("body", frame.rest(at::BODY, "body")),
    }
    Ok(())
}

fn temperature<T: Trace>(frame: &Reader<'_, T>, at: usize) -> Result<Milli, DecodeError> {
    let degrees = frame.i8(at, "temperature")?;
    frame.means(|| "°C".to_owned());
    Ok(Milli::whole(i32::from(degrees)))
}

/// 2800 mV and 4 mV a step.
fn battery<T: Trace>(frame: &Reader<'_, T>) -> Result<Milli, DecodeError> {
    let millivolts = 2800 + 4 * i32::from(frame.u8(at::BATTERY, "battery")?);
    frame.means(|| format!("{millivolts} mV"));
    Ok(Milli::new(millivolts))
}

#[inline]
pub(super) fn decode_sp2<'a, T: Trace>(
    frame: Reader<'a, T>,
    _: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let mut reading = Reading::new(Kind::Config);
    let (flags, kind) = header(&frame, 0x07, &mut reading)?;
    reading.kind = match kind {
        0 => Kind::Occupancy,
        1 => Kind::Heartbeat,
        4 | 5 => Kind::Startup,
        _ => Kind::Config,
    };
    reading.put("config_up", if flags & bit::CONFIG_NACK == 0 { "ack" } else { "nack" });
    reading.recalibrated = Some(flags & bit::RECALIBRATED != 0);
    match kind {
        0 | 1 => {
            reading.put("sensor_error", frame.u8(at::SP2_ERROR, "sensor_error")?);
            reading.temperature_c = Some(temperature(&frame, at::SP2_TEMPERATURE)?);
        }
        // The same byte was read as a temperature when this generation was new; the later reading is firmware.
        4 => {
            reading.set(Fact::Firmware, Some(frame.u8(at::BODY, "firmware_version")?));
        }
        _ => {}
    }
    let known = match kind {
        0 | 1 => at::SP2_TEMPERATURE + 1,
        4 => at::BODY + 1,
        _ => at::BODY,
    };
    reading.put("opaque", frame.rest(known, "opaque"));
    frame.exactly(LEN)?;
    out(&reading);
    Ok(())
}
