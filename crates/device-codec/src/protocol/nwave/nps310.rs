//! NPS310SM.

use super::{at, firmware, no_such_port, raw_debug, reset_cause, state};
use crate::context::Context;
use crate::error::DecodeError;
use crate::protocol::{Out, ProtocolInfo};
use crate::reader::Reader;
use crate::reading::{Fact, Kind, Reading};
use crate::trace::Trace;

pub(in crate::protocol) const INFO: ProtocolInfo = ProtocolInfo {
    title: "Nwave NPS310SM parking sensor, LoRaWAN",
    says: &["occupancy", "heartbeat", "startup", "debug", "occupied", "firmware", "reset_cause"],
    ..ProtocolInfo::LORAWAN
};

#[inline]
pub(in crate::protocol) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let mut reading = Reading::new(Kind::Heartbeat);
    match context.port {
        Some(1) => report(&frame, Kind::Occupancy, &mut reading),
        Some(2) => report(&frame, Kind::Heartbeat, &mut reading),
        Some(3) => startup(&frame, &mut reading),
        Some(6) => raw_debug(&frame, &mut reading),
        _ => Err(no_such_port(&frame)),
    }?;
    out(&reading);
    Ok(())
}

fn report<T: Trace>(frame: &Reader<'_, T>, kind: Kind, reading: &mut Reading<'_>) -> Result<(), DecodeError> {
    reading.kind = kind;
    reading.occupied = Some(state(frame, at::STATE)?.1);
    frame.exactly(1)
}

fn startup<T: Trace>(frame: &Reader<'_, T>, reading: &mut Reading<'_>) -> Result<(), DecodeError> {
    reading.kind = Kind::Startup;
    reading.set(Fact::Firmware, firmware(frame)?);
    let cause = reset_cause(frame, |raw| {
        Some(match raw {
            1 => "watchdog",
            2 => "power_on",
            3 => "user",
            4 => "brown_out",
            5 => "other",
            _ => return None,
        })
    })?;
    reading.set(Fact::ResetCause, cause);
    reading.occupied = Some(state(frame, at::STARTUP_STATE)?.1);
    frame.exactly(5)
}
