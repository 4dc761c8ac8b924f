//! NPS405 SM and FM. Its reports carry the length of the state before, which repairs edges that were lost.

use parking_types::Span;

use super::{at, battery, firmware, g4_cause, no_such_port, raw_debug, reset_cause, state};
use crate::context::Context;
use crate::error::{DecodeError, ErrorCode};
use crate::milli::Milli;
use crate::protocol::{Out, ProtocolInfo};
use crate::reader::Reader;
use crate::reading::{Fact, Kind, Previous, Reading};
use crate::text::Text;
use crate::trace::Trace;

pub(in crate::protocol) const INFO: ProtocolInfo = ProtocolInfo {
    title: "Nwave NPS405 SM and FM parking sensors, LoRaWAN",
    says: &[
        "occupancy",
        "state",
        "heartbeat",
        "startup",
        "debug",
        "occupied",
        "previous_state_min",
        "previous_state_error_min",
        "previous_state_overflow",
        "tag",
        "battery_v",
        "battery_low",
        "temperature_c",
        "firmware",
        "reset_cause",
    ],
    heartbeat: Some(Span::from_hours(3)),
    ..ProtocolInfo::LORAWAN
};

const TEMPERATURE: usize = 2;
const UNDOCUMENTED: usize = 3;
/// On the user tag's port: the tag's battery, only in the longer frame.
const TAG_BATTERY: usize = 1;

#[inline]
pub(in crate::protocol) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let mut reading = Reading::new(Kind::Heartbeat);
    match context.port {
        Some(1) => change(&frame, &mut reading),
        Some(2) => heartbeat(&frame, &mut reading),
        Some(3) => startup(&frame, &mut reading),
        Some(6) => raw_debug(&frame, &mut reading),
        Some(10) => user_tag(&frame, &mut reading),
        _ => Err(no_such_port(&frame)),
    }?;
    out(&reading);
    Ok(())
}

/// Minutes, how many more it may have been, and whether the device stopped counting.
const fn previous(code: u8) -> (u32, u32, bool) {
    let c = code as u32;
    match c {
        0..90 => (c, 0, false),
        90..120 => (90 + 5 * (c - 90), 4, false),
        120..127 => (240 + 60 * (c - 120), 59, false),
        _ => (660, 0, true),
    }
}

/// The state and, in the upper seven bits, how long the one before lasted.
fn state_and_previous<T: Trace>(
    frame: &Reader<'_, T>,
    reading: &mut Reading<'_>,
) -> Result<bool, DecodeError> {
    let (byte, occupied) = state(frame, at::STATE)?;
    let (minutes, error, overflow) = previous(byte >> 1);
    frame.means(|| format!("the state before lasted {minutes} to {} minutes", minutes + error));
    reading.occupied = Some(occupied);
    reading.previous = Some(Previous { minutes, error: Some(error), overflow: Some(overflow) });
    Ok(occupied)
}

fn change<'a, T: Trace>(frame: &Reader<'a, T>, reading: &mut Reading<'a>) -> Result<(), DecodeError> {
    reading.kind = Kind::Occupancy;
    state_and_previous(frame, reading)?;
    frame.exactly(1)
}

fn heartbeat<'a, T: Trace>(frame: &Reader<'a, T>, reading: &mut Reading<'a>) -> Result<(), DecodeError> {
    let (byte, occupied) = state(frame, at::STATE)?;
    reading.occupied = Some(occupied);
    let volts = battery(frame, at::BATTERY, "battery")?;
    reading.battery_v = Some(volts);
    let raw = i32::from(frame.i8(TEMPERATURE, "temperature")?);
    // Half degrees, from +10.
    let temperature = Milli::new(raw * 500 + 10_000);
    frame.means(|| format!("{temperature} °C"));
    reading.temperature_c = Some(temperature);
    let health = battery_health(volts, temperature);
    reading.battery_low = Some(health != "normal");
    reading.put("battery_health", health);
    // The vendor's figure has the state in its lowest bit; a healthy device in an occupied bay is healthy all the same.
    reading.put("hw_health_status", byte & 0x7e);
    reading.put("undocumented", frame.slice(UNDOCUMENTED, 3, "undocumented")?);
    frame.exactly(6)
}

/// As the vendor judges the battery: the cold lowers its voltage.
fn battery_health(volts: Milli, temperature: Milli) -> &'static str {
    let (low, critical) = if temperature >= Milli::whole(-5) { (3000, 2900) } else { (2900, 2800) };
    match volts.thousandths() {
        v if v < critical => "critical",
        v if v < low => "low",
        _ => "normal",
    }
}

fn startup<'a, T: Trace>(frame: &Reader<'a, T>, reading: &mut Reading<'a>) -> Result<(), DecodeError> {
    reading.kind = Kind::Startup;
    reading.set(Fact::Firmware, firmware(frame)?);
    reading.set(Fact::ResetCause, reset_cause(frame, g4_cause)?);
    reading.occupied = Some(state(frame, at::STARTUP_STATE)?.1);
    frame.exactly(5)
}

/// A driver's tag was seen at the bay. In a vacant bay the state fields mean nothing.
fn user_tag<'a, T: Trace>(frame: &Reader<'a, T>, reading: &mut Reading<'a>) -> Result<(), DecodeError> {
    reading.kind = Kind::State;
    let id_at = match frame.len() {
        5 => TAG_BATTERY,
        6 => TAG_BATTERY + 1,
        0..5 => return Err(frame.error(ErrorCode::Truncated, frame.len(), "tag")),
        _ => return Err(frame.error(ErrorCode::Length, 6, "tag")),
    };
    if !state_and_previous(frame, reading)? {
        reading.occupied = None;
        reading.previous = None;
    }
    if frame.len() == 6 {
        let tenths = frame.u8(TAG_BATTERY, "tag_battery")?;
        frame.means(|| "0.1 V".to_owned());
        reading.put("tag_battery_voltage", Milli::tenths(i32::from(tenths)));
    }
    reading.set(Fact::Tag, Some(Text::hex(&frame.array::<4>(id_at, "tag")?)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_the_state_before() {
        let cases = [
            (0, (0, 0, false)),
            (74, (74, 0, false)),
            (89, (89, 0, false)),
            (90, (90, 4, false)),
            (104, (160, 4, false)),
            (119, (235, 4, false)),
            (120, (240, 59, false)),
            (126, (600, 59, false)),
            (127, (660, 0, true)),
        ];
        for (code, wanted) in cases {
            assert_eq!(previous(code), wanted, "{code}");
        }
    }

    #[test]
    fn the_cold_lowers_the_limits() {
        assert_eq!(battery_health(Milli::new(2950), Milli::whole(20)), "low");
        assert_eq!(battery_health(Milli::new(2950), Milli::whole(-6)), "normal");
        assert_eq!(battery_health(Milli::new(2850), Milli::whole(-5)), "critical");
        assert_eq!(battery_health(Milli::new(2850), Milli::whole(-6)), "low");
    }
}
