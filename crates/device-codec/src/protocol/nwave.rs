//! Nwave: NPS310SM, and the fourth generation's NPS405 (bays) and NCC405 (car counter). The FPort tells the kind.
//!
//! Layouts: the vendor's codecs in The Things Network's device repository and the vendor's guide. An older revision
//! of the codec had the bits of the state byte the other way round; the vendor corrected it (bit 0 is the state).
//! Heartbeat bytes 3 to 5 of the NPS405 are not documented.

use crate::error::{DecodeError, ErrorCode};
use crate::milli::Milli;
use crate::reader::Reader;
use crate::reading::{Kind, Reading, Value};
use crate::trace::Trace;

pub(super) mod ncc405;
pub(super) mod nps310;
pub(super) mod nps405;

mod at {
    pub(super) const STATE: usize = 0;
    pub(super) const FIRMWARE: usize = 0;
    pub(super) const RESET_CAUSE: usize = 3;
    pub(super) const STARTUP_STATE: usize = 4;
    pub(super) const BATTERY: usize = 1;
}

const OCCUPIED: u8 = 1;

/// The byte that holds a state, and whether bit 0 says occupied.
fn state<T: Trace>(frame: &Reader<'_, T>, at: usize) -> Result<(u8, bool), DecodeError> {
    let byte = frame.u8(at, "state")?;
    let occupied = byte & OCCUPIED != 0;
    frame.means(|| if occupied { "occupied" } else { "vacant" }.to_owned());
    Ok((byte, occupied))
}

fn firmware<T: Trace>(frame: &Reader<'_, T>) -> Result<Option<Value<'static>>, DecodeError> {
    frame.array(at::FIRMWARE, "firmware").map(|version| Some(Value::Version(version)))
}

/// The reset cause by the generation's own table; an undefined number stays one.
fn reset_cause<T: Trace>(
    frame: &Reader<'_, T>,
    table: impl FnOnce(u8) -> Option<&'static str>,
) -> Result<Option<Value<'static>>, DecodeError> {
    let raw = frame.u8(at::RESET_CAUSE, "reset_cause")?;
    let cause = table(raw);
    frame.means(|| cause.unwrap_or("undefined").to_owned());
    Ok(Some(cause.map_or(Value::from(raw), Value::from)))
}

/// The table of the fourth generation; 4 and 5 are undefined.
const fn g4_cause(raw: u8) -> Option<&'static str> {
    Some(match raw {
        0 => "rejoin",
        1 => "watchdog",
        2 => "power_on",
        3 => "user",
        6 => "brown_out",
        7 => "other",
        _ => return None,
    })
}

/// A battery byte: 2500 mV and 4 mV a step, unsigned (an integrator's decoder that reads it signed is wrong).
fn battery<T: Trace>(frame: &Reader<'_, T>, at: usize, name: &'static str) -> Result<Milli, DecodeError> {
    let millivolts = 2500 + 4 * i32::from(frame.u8(at, name)?);
    frame.means(|| format!("{millivolts} mV"));
    Ok(Milli::new(millivolts))
}

/// A port whose content only the vendor can read.
fn raw_debug<'a, T: Trace>(frame: &Reader<'a, T>, reading: &mut Reading<'a>) -> Result<(), DecodeError> {
    reading.kind = Kind::Debug;
    reading.put("debug", frame.rest(0, "debug"));
    Ok(())
}

fn no_such_port<T: Trace>(frame: &Reader<'_, T>) -> DecodeError {
    frame.error(ErrorCode::Port, 0, "port")
}
