//! TEKZITEL TEKZIPARK: a detector that also hears Bluetooth beacons. Port 1 reports, port 2 with measurements.
//!
//! Layout: the vendor's codec in The Things Network's device repository. Port 3, with settings, goes to
//! the device.

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
        "config",
        "occupied",
        "battery_low",
        "temperature_c",
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
        Some(3) => settings(&frame, &mut reading)?,
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

/// Settings on their way to the device: which byte, from which bit on, how many bits.
const SETTINGS: [(&str, usize, u32, u32); 27] = [
    ("suppress_baseline_offset", 0, 7, 1),
    ("radar_start_range", 0, 4, 3),
    ("fluctuations_count", 0, 0, 4),
    ("downlink_frequency", 1, 7, 1),
    ("axis_deflection", 1, 5, 2),
    ("debug_mode", 1, 4, 1),
    ("deflection_threshold_mag", 1, 0, 4),
    ("zero_neg_drop", 2, 7, 1),
    ("oversampling", 2, 5, 2),
    ("hw_acc_samples_no", 2, 3, 2),
    ("fluctuation_threshold_XY", 2, 0, 3),
    ("sleep_time", 3, 5, 3),
    ("reset_control", 3, 4, 1),
    ("mag_reboot", 3, 3, 1),
    ("fluctuation_delay_time", 3, 0, 3),
    ("axis_fluctuations", 4, 6, 2),
    ("fluctuation_threshold_Z", 4, 3, 3),
    ("self_heal", 4, 2, 1),
    ("keepalive_period", 4, 0, 2),
    ("radar_scan_count", 5, 4, 4),
    ("obstruction_check", 5, 3, 1),
    ("reflection_threshold_radar", 5, 0, 3),
    ("OI", 6, 7, 1),
    ("send_rssi", 6, 6, 1),
    ("beacons_scan_no", 6, 3, 3),
    ("ble_scan_window", 6, 0, 3),
    ("ble_scan_rssi", 7, 0, 8),
];

fn settings<T: Trace>(frame: &Reader<'_, T>, reading: &mut Reading<'_>) -> Result<(), DecodeError> {
    frame.exactly(8)?;
    reading.kind = Kind::Config;
    for (name, at, shift, bits) in SETTINGS {
        let byte = u16::from(frame.u8(at, name)?);
        let value = byte >> shift & ((1 << bits) - 1);
        frame.means(|| format!("{value}"));
        reading.put(name, value);
    }
    Ok(())
}
