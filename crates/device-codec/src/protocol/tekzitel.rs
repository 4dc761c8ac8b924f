//! TEKZITEL TEKZIPARK: a detector that also hears Bluetooth beacons. Port 1 reports, port 2 with measurements.
//!
//! Layout: the vendor's codec in The Things Network's device repository. Port 3 goes to the device.

use crate::context::Context;
use crate::error::{DecodeError, ErrorCode};
use crate::milli::Milli;
use crate::protocol::{Out, ProtocolInfo};
use crate::reader::Reader;
use crate::reading::{Fact, Kind, Reading};
use crate::text::Text;
use crate::trace::Trace;

pub(super) const INFO: ProtocolInfo = ProtocolInfo {
    title: "TEKZITEL TEKZIPARK parking sensor, LoRaWAN",
    says: &[
        "occupancy",
        "heartbeat",
        "startup",
        "occupied",
        "battery_low",
        "temperature_c",
        "rssi_dbm",
        "tag",
        "magnetic",
        "baseline",
    ],
    ..ProtocolInfo::LORAWAN
};

mod at {
    pub(super) const FLAGS: usize = 0;
    pub(super) const TEMPERATURE: usize = 1;
    pub(super) const PARKING_ID: usize = 2;
    /// Port 1, where a beacon was heard.
    pub(super) const BEACON_RSSI: usize = 3;
    pub(super) const BEACONS: usize = 4;
    /// Port 2.
    pub(super) const DEFLECTION: usize = 3;
    pub(super) const BASELINE: usize = 6;
    pub(super) const FAULT: usize = 9;
    pub(super) const OBSTRUCTION: usize = 10;
    pub(super) const REFLECTION: usize = 11;
}

mod bit {
    pub(super) const OCCUPIED: u8 = 1 << 7;
    pub(super) const GOOD_BATTERY: u8 = 1 << 5;
    pub(super) const OBSTRUCTION: u8 = 1 << 4;
    pub(super) const RADAR: u8 = 1 << 3;
    pub(super) const NO_BEACON: u8 = 1 << 2;
    pub(super) const RESET: u8 = 1 << 1;
    pub(super) const KEEP_ALIVE: u8 = 1;
}

#[inline]
pub(super) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let mut reading = Reading::new(Kind::Occupancy);
    match context.port {
        Some(1) => {
            report(&frame, &mut reading)?;
            beacons(&frame, &mut reading)?;
        }
        Some(2) => {
            report(&frame, &mut reading)?;
            measurements(&frame, &mut reading)?;
        }
        _ => return Err(frame.error(ErrorCode::Port, 0, "port")),
    }
    out(&reading);
    Ok(())
}

#[inline]
fn report<T: Trace>(frame: &Reader<'_, T>, reading: &mut Reading<'_>) -> Result<(), DecodeError> {
    let flags = frame.u8(at::FLAGS, "flags")?;
    let is = |bit: u8| flags & bit != 0;
    frame.means(|| {
        let state = if is(bit::OCCUPIED) { "occupied" } else { "vacant" };
        let why = if is(bit::RESET) {
            ", after a reset"
        } else if is(bit::KEEP_ALIVE) {
            ", keep-alive"
        } else {
            ""
        };
        format!("{state}{why}")
    });
    reading.kind = match flags & (bit::RESET | bit::KEEP_ALIVE) {
        0 => Kind::Occupancy,
        bit::KEEP_ALIVE => Kind::Heartbeat,
        _ => Kind::Startup,
    };
    reading.occupied = Some(is(bit::OCCUPIED));
    reading.battery_low = Some(!is(bit::GOOD_BATTERY));
    reading.temperature_c = Some(Milli::whole(i32::from(frame.i8(at::TEMPERATURE, "temperature")?)));
    frame.means(|| "°C".to_owned());
    reading.put("Parking_ID", frame.u8(at::PARKING_ID, "parking_id")?);
    reading.put("Obstruction", is(bit::OBSTRUCTION));
    reading.put("Radar", is(bit::RADAR));
    reading.put("No_Beacon", is(bit::NO_BEACON));
    Ok(())
}

/// The beacons heard: one signal strength, then two bytes each to the end.
fn beacons<'a, T: Trace>(frame: &Reader<'a, T>, reading: &mut Reading<'a>) -> Result<(), DecodeError> {
    if frame.len() <= at::BEACON_RSSI {
        return Ok(());
    }
    let rssi = frame.i8(at::BEACON_RSSI, "beacon_rssi")?;
    frame.means(|| "dBm".to_owned());
    reading.put("beacon_rssi", rssi);
    let ids = frame.len() - at::BEACONS;
    // The vendor's codec reads past the end here; half an id is no id.
    if !ids.is_multiple_of(2) {
        return Err(frame.error(ErrorCode::Truncated, frame.len(), "beacon"));
    }
    for index in 0..ids / 2 {
        let beacon = frame.u16_be(at::BEACONS + 2 * index, "beacon")?;
        if index == 0 {
            reading.set(Fact::Tag, Some(Text::format(format_args!("{beacon}"))));
        } else {
            reading.put("beacon", beacon);
        }
    }
    Ok(())
}

fn measurements<'a, T: Trace>(frame: &Reader<'a, T>, reading: &mut Reading<'a>) -> Result<(), DecodeError> {
    reading.magnetic = Some(frame.axes_i8(at::DEFLECTION, "deflection")?);
    reading.baseline = Some(frame.axes_i8(at::BASELINE, "baseline")?);
    reading.put("fault", frame.u8(at::FAULT, "fault")?);
    reading.put("obstruction", frame.u8(at::OBSTRUCTION, "obstruction")?);
    reading.put("reflection", frame.u8(at::REFLECTION, "reflection")?);
    frame.exactly(12)
}
