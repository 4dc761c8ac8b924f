//! NCC405 SM and FM: counts cars in a lane.

use parking_types::Span;

use super::{at, battery, firmware, g4_cause, no_such_port, raw_debug, reset_cause};
use crate::context::Context;
use crate::error::DecodeError;
use crate::protocol::{Out, ProtocolInfo};
use crate::reader::Reader;
use crate::reading::{Fact, Kind, Reading};
use crate::trace::Trace;

pub(in crate::protocol) const INFO: ProtocolInfo = ProtocolInfo {
    title: "Nwave NCC405 SM and FM car counters, LoRaWAN",
    says: &[
        "state",
        "heartbeat",
        "startup",
        "debug",
        "vehicle_count",
        "battery_v",
        "firmware",
        "reset_cause",
    ],
    heartbeat: Some(Span::from_hours(3)),
    ..ProtocolInfo::LORAWAN
};

const COUNTER: usize = 0;
const HEALTH: usize = 0;
const MEAN_BATTERY: usize = 2;

#[inline]
pub(in crate::protocol) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let mut reading = Reading::new(Kind::Heartbeat);
    match context.port {
        Some(1) => counted(&frame, &mut reading),
        Some(2) => heartbeat(&frame, &mut reading),
        Some(3) => startup(&frame, &mut reading),
        Some(6) => raw_debug(&frame, &mut reading),
        _ => Err(no_such_port(&frame)),
    }?;
    out(&reading);
    Ok(())
}

fn counted<T: Trace>(frame: &Reader<'_, T>, reading: &mut Reading<'_>) -> Result<(), DecodeError> {
    reading.kind = Kind::State;
    reading.vehicle_count = Some(u32::from(frame.u16_be(COUNTER, "counter")?));
    frame.exactly(2)
}

fn startup<T: Trace>(frame: &Reader<'_, T>, reading: &mut Reading<'_>) -> Result<(), DecodeError> {
    reading.kind = Kind::Startup;
    reading.set(Fact::Firmware, firmware(frame)?);
    reading.set(Fact::ResetCause, reset_cause(frame, g4_cause)?);
    frame.exactly(4)
}

fn heartbeat<T: Trace>(frame: &Reader<'_, T>, reading: &mut Reading<'_>) -> Result<(), DecodeError> {
    // An older revision of the vendor's codec shifted this byte by three; the current one masks it.
    reading.put("hw_health_status", frame.u8(HEALTH, "hw_health_status")? & 0x7f);
    reading.battery_v = Some(battery(frame, at::BATTERY, "battery")?);
    reading.put("battery_voltage_mean_24h", battery(frame, MEAN_BATTERY, "battery_mean_24h")?);
    frame.exactly(3)
}
