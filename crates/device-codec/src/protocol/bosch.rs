//! Bosch TPS110, firmware 0.23 to 0.39. The FPort tells the kind of message.
//!
//! Layouts: the vendor's codec in The Things Network's device repository (ports 1 to 3), integrators' decoders for
//! ports 4 to 7. Multi-byte values are little-endian where a real frame proves it (debug words); port 5 has no such
//! frame, and its values are marked as a guess.

use crate::context::Context;
use crate::error::{DecodeError, ErrorCode};
use crate::milli::Milli;
use crate::protocol::{Out, ProtocolInfo};
use crate::reader::Reader;
use crate::reading::{Fact, Kind, Reading, Value};
use crate::text::Text;
use crate::trace::Trace;

pub(super) const INFO: ProtocolInfo = ProtocolInfo {
    title: "Bosch TPS110 parking sensor, LoRaWAN",
    says: &[
        "occupancy",
        "heartbeat",
        "startup",
        "config",
        "debug",
        "fault",
        "occupied",
        "temperature_c",
        "firmware",
        "reset_cause",
        "recalibrated",
    ],
    ..ProtocolInfo::LORAWAN
};

mod at {
    pub(super) const STATE: usize = 0;
    pub(super) const TEMPERATURE: usize = 1;
    /// Start-up.
    pub(super) const DEBUG: [usize; 3] = [0, 4, 8];
    pub(super) const FIRMWARE: usize = 12;
    pub(super) const RESET_CAUSE: usize = 15;
    pub(super) const STARTUP_STATE: usize = 16;
    /// Device info.
    pub(super) const INFO_FIRMWARE: usize = 0;
    pub(super) const VARIANT: usize = 3;
    pub(super) const PRODUCT: usize = 4;
    pub(super) const BAND: usize = 5;
    pub(super) const EUI_REST: usize = 6;
    /// Device usage.
    pub(super) const USAGE: usize = 0;
    pub(super) const USAGE_VALUE: usize = 1;
    /// Debug message.
    pub(super) const TIMESTAMP: usize = 0;
    pub(super) const DEBUG_WORD: usize = 4;
    pub(super) const SEQUENCE: usize = 8;
}

/// The bit of the state byte that says occupied; the other seven are reserved and may hold anything.
const OCCUPIED: u8 = 1;
/// The debug code of a running recalibration.
const RECALIBRATING: u16 = 404;

#[inline]
pub(super) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    match context.port {
        Some(1) => status(&frame, out),
        Some(2) => heartbeat(&frame, out),
        Some(3) => startup(&frame, out),
        Some(4) => device_info(&frame, out),
        Some(5) => usage(&frame, out),
        Some(6) => debug(&frame, out),
        Some(7) => temperature_alert(&frame, out),
        _ => Err(frame.error(ErrorCode::Port, 0, "port")),
    }
}

#[inline]
fn occupied<T: Trace>(frame: &Reader<'_, T>, at: usize) -> Result<Option<bool>, DecodeError> {
    let occupied = frame.u8(at, "state")? & OCCUPIED != 0;
    frame.means(|| if occupied { "occupied" } else { "vacant" }.to_owned());
    Ok(Some(occupied))
}

fn status<'a, T: Trace>(frame: &Reader<'a, T>, out: Out<'_, 'a>) -> Result<(), DecodeError> {
    let mut reading = Reading::new(Kind::Occupancy);
    reading.occupied = occupied(frame, at::STATE)?;
    frame.exactly(1)?;
    out(&reading);
    Ok(())
}

fn heartbeat<'a, T: Trace>(frame: &Reader<'a, T>, out: Out<'_, 'a>) -> Result<(), DecodeError> {
    let mut reading = Reading::new(Kind::Heartbeat);
    reading.occupied = occupied(frame, at::STATE)?;
    // Firmware before 0.29 sends the state alone.
    if frame.len() > 1 {
        reading.temperature_c = Some(Milli::whole(i32::from(frame.i8(at::TEMPERATURE, "temperature")?)));
        frame.means(|| "°C".to_owned());
        frame.exactly(2)?;
    }
    out(&reading);
    Ok(())
}

fn startup<'a, T: Trace>(frame: &Reader<'a, T>, out: Out<'_, 'a>) -> Result<(), DecodeError> {
    let mut reading = Reading::new(Kind::Startup);
    for (at, name) in at::DEBUG.into_iter().zip(["debug_1", "debug_2", "debug_3"]) {
        let code = debug_code(frame, at, name)?;
        if code != 0 {
            reading.put(name, code);
        }
        if code == RECALIBRATING {
            reading.recalibrated = Some(true);
        }
    }
    let version = frame.array(at::FIRMWARE, "firmware")?;
    reading.set(Fact::Firmware, Some(Value::Version(version)));
    reading.set(Fact::ResetCause, Some(reset_cause(frame, version)?));
    reading.occupied = occupied(frame, at::STARTUP_STATE)?;
    frame.exactly(17)?;
    out(&reading);
    Ok(())
}

/// The table grew with firmware 0.39, and 4 changed its meaning; between 0.29 and 0.39 nobody documents it.
fn reset_cause<T: Trace>(frame: &Reader<'_, T>, version: [u8; 3]) -> Result<Value<'static>, DecodeError> {
    let raw = frame.u8(at::RESET_CAUSE, "reset_cause")?;
    let cause = match raw {
        1 => "watchdog",
        2 => "power_on",
        3 => "system_request",
        4 if version <= [0, 29, 255] => "other",
        4 if version >= [0, 39, 0] => "external_pin",
        5 if version > [0, 29, 255] => "lockup",
        6 if version > [0, 29, 255] => "brown_out",
        7 if version > [0, 29, 255] => "other",
        _ => return Ok(Value::from(raw)),
    };
    frame.means(|| cause.to_owned());
    Ok(Value::from(cause))
}

/// A debug word: twelve bits of code, low byte first.
fn debug_code<T: Trace>(frame: &Reader<'_, T>, at: usize, name: &'static str) -> Result<u16, DecodeError> {
    let code = (frame.u32_le(at, name)? & 0x0fff) as u16;
    frame.means(|| {
        let meaning = match code {
            0 => "none",
            201 | 720 => "join failed",
            208..=217 => "cause of the last reset",
            RECALIBRATING => "recalibrating",
            717 | 729 => "a confirmed uplink was not acknowledged after 8 tries",
            804 | 885 => "a downlink was bad",
            886 => "heartbeat test mode",
            1001 | 1003 => "settings were recovered",
            _ => "",
        };
        format!("code {code} {meaning}").trim_end().to_owned()
    });
    Ok(code)
}

fn device_info<'a, T: Trace>(frame: &Reader<'a, T>, out: Out<'_, 'a>) -> Result<(), DecodeError> {
    let mut reading = Reading::new(Kind::Config);
    match frame.len() {
        3 => reading.set(Fact::Firmware, Some(Value::Version(frame.array(at::INFO_FIRMWARE, "firmware")?))),
        11 => {
            let head = frame.array::<3>(at::INFO_FIRMWARE, "dev_eui_head")?;
            let variant = frame.u8(at::VARIANT, "variant")?;
            let product = (u16::from(frame.u8(at::PRODUCT, "product")?) << 4) + u16::from(variant >> 4);
            let band = frame.u8(at::BAND, "band")?;
            let tail = frame.array::<5>(at::EUI_REST, "dev_eui_tail")?;
            let ([a, b, c], [d, e, f, g, h]) = (head, tail);
            reading.set(Fact::Device, Some(Text::hex(&[a, b, c, d, e, f, g, h])));
            reading.put("variant", variant & 0x0f);
            reading.put("product", product);
            reading.put(
                "band",
                match band {
                    0 => Value::from("EU868"),
                    1 => Value::from("AS923"),
                    other => Value::from(other),
                },
            );
        }
        0..3 => return Err(frame.error(ErrorCode::Truncated, frame.len(), "firmware")),
        other => return Err(frame.error(ErrorCode::Length, other.min(11), "")),
    }
    out(&reading);
    Ok(())
}

fn usage<'a, T: Trace>(frame: &Reader<'a, T>, out: Out<'_, 'a>) -> Result<(), DecodeError> {
    const RATES: [&str; 6] =
        ["uplinks_dr0", "uplinks_dr1", "uplinks_dr2", "uplinks_dr3", "uplinks_dr4", "uplinks_dr5"];
    const RESETS: [&str; 5] = ["brown_out", "lockup", "external_pin", "power_on", "watchdog"];
    let mut reading = Reading::new(Kind::Config);
    let selector = frame.u8(at::USAGE, "usage")?;
    let single = match selector {
        0 => Some("state_changes"),
        1 => Some("seconds_occupied"),
        3 => Some("radar_triggers"),
        4 => Some("seconds_since_restart"),
        6 => Some("seconds_since_install"),
        2 | 5 => None,
        _ => return Err(frame.error(ErrorCode::Kind, at::USAGE, "usage")),
    };
    if let Some(name) = single {
        reading.put(name, i64::from(frame.u32_le(at::USAGE_VALUE, name)?));
        frame.exactly(5)?;
    } else if selector == 2 {
        for (index, name) in RATES.into_iter().enumerate() {
            reading.put(name, frame.u24_le(at::USAGE_VALUE + 3 * index, name)?);
        }
        frame.exactly(19)?;
    } else {
        for (index, name) in RESETS.into_iter().enumerate() {
            reading.put(name, frame.u8(at::USAGE_VALUE + index, name)?);
        }
        reading.put("software", frame.u16_le(at::USAGE_VALUE + RESETS.len(), "software")?);
        frame.exactly(8)?;
    }
    // Decoders disagree on the byte order here, and no real frame decides: whoever reads the figures should know.
    reading.put("byte_order_guessed", true);
    out(&reading);
    Ok(())
}

fn debug<'a, T: Trace>(frame: &Reader<'a, T>, out: Out<'_, 'a>) -> Result<(), DecodeError> {
    let mut reading = Reading::new(Kind::Debug);
    reading.put("timestamp", i64::from(frame.u32_le(at::TIMESTAMP, "timestamp")?));
    let code = debug_code(frame, at::DEBUG_WORD, "debug")?;
    reading.put("debug", code);
    if code == RECALIBRATING {
        reading.recalibrated = Some(true);
    }
    reading.put("debug_sequence", frame.u16_le(at::SEQUENCE, "debug_sequence")?);
    frame.exactly(10)?;
    out(&reading);
    Ok(())
}

fn temperature_alert<'a, T: Trace>(frame: &Reader<'a, T>, out: Out<'_, 'a>) -> Result<(), DecodeError> {
    let mut reading = Reading::new(Kind::Fault);
    reading.temperature_c = Some(Milli::whole(i32::from(frame.i8(0, "temperature")?)));
    frame.means(|| "°C, outside the range that the device works in".to_owned());
    frame.exactly(1)?;
    reading.put("fault", "temperature");
    out(&reading);
    Ok(())
}
