//! Netvox R719A: eleven bytes. Port 6 reports, port 7 holds requests and replies about settings.
//!
//! Layout: the vendor's codec in The Things Network's device repository and the vendor's manual, which agree.

use crate::context::Context;
use crate::error::{DecodeError, ErrorCode};
use crate::milli::Milli;
use crate::protocol::{Out, ProtocolInfo};
use crate::reader::Reader;
use crate::reading::{Fact, Kind, Reading};
use crate::text::Text;
use crate::trace::Trace;

pub(super) const INFO: ProtocolInfo = ProtocolInfo {
    title: "Netvox R719A parking sensor, LoRaWAN",
    says: &["state", "config", "occupied", "battery_v", "battery_low", "firmware"],
    tells_change: false,
    ..ProtocolInfo::LORAWAN
};

const LEN: usize = 11;
const R719A: u8 = 0x59;

mod at {
    /// Port 6.
    pub(super) const VERSION: usize = 0;
    pub(super) const DEVICE_TYPE: usize = 1;
    pub(super) const REPORT: usize = 2;
    pub(super) const SOFTWARE: usize = 3;
    pub(super) const HARDWARE: usize = 4;
    pub(super) const DATE: usize = 5;
    pub(super) const BATTERY: usize = 3;
    pub(super) const CAR: usize = 4;
    /// Port 7.
    pub(super) const COMMAND: usize = 0;
    pub(super) const VALUE: usize = 2;
    pub(super) const MAX_TIME: usize = 4;
    pub(super) const BATTERY_CHANGE: usize = 6;
}

#[inline]
pub(super) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let mut reading = Reading::new(Kind::Config);
    match context.port {
        Some(6) => report(&frame, &mut reading),
        Some(7) => settings(&frame, &mut reading),
        _ => Err(frame.error(ErrorCode::Port, 0, "port")),
    }?;
    out(&reading);
    Ok(())
}

fn report<T: Trace>(frame: &Reader<'_, T>, reading: &mut Reading<'_>) -> Result<(), DecodeError> {
    if frame.u8(at::VERSION, "version")? != 1 {
        return Err(frame.error(ErrorCode::Version, at::VERSION, "version"));
    }
    frame.marker(at::DEVICE_TYPE, R719A, "device_type")?;
    match frame.u8(at::REPORT, "report_type")? {
        0 => version(frame, reading)?,
        1 => status(frame, reading)?,
        _ => return Err(frame.error(ErrorCode::Kind, at::REPORT, "report_type")),
    }
    frame.exactly(LEN)
}

fn version<T: Trace>(frame: &Reader<'_, T>, reading: &mut Reading<'_>) -> Result<(), DecodeError> {
    let software = frame.u8(at::SOFTWARE, "software")?;
    reading.set(Fact::Firmware, Some(Text::format(format_args!("{}.{}", software / 10, software % 10))));
    reading.put("hardware", frame.u8(at::HARDWARE, "hardware")?);
    // Two decimal digits a byte.
    let [a, b, c, d] = frame.array::<4>(at::DATE, "firmware_date")?;
    reading.put("firmware_date", Text::format(format_args!("{a:02x}{b:02x}.{c:02x}.{d:02x}")));
    Ok(())
}

/// Bytes 5 to 10 are the vendor's own.
fn status<T: Trace>(frame: &Reader<'_, T>, reading: &mut Reading<'_>) -> Result<(), DecodeError> {
    reading.kind = Kind::State;
    let battery = frame.u8(at::BATTERY, "battery")?;
    frame.means(|| "bits 6 to 0: 0.1 V; bit 7: low".to_owned());
    reading.battery_v = Some(Milli::tenths(i32::from(battery & 0x7f)));
    reading.battery_low = Some(battery & 0x80 != 0);
    reading.occupied = match frame.u8(at::CAR, "car")? {
        0 => Some(false),
        1 => Some(true),
        _ => return Err(frame.error(ErrorCode::Value, at::CAR, "car")),
    };
    Ok(())
}

fn settings<T: Trace>(frame: &Reader<'_, T>, reading: &mut Reading<'_>) -> Result<(), DecodeError> {
    let command = frame.u8(at::COMMAND, "cmd")?;
    frame.marker(at::DEVICE_TYPE, R719A, "device_type")?;
    let name = match command {
        0x01 => "ConfigReportReq",
        0x02 => "ReadConfigReportReq",
        0x03 => "SetThresholdReq",
        0x04 => "GetThresholdReq",
        0x81 => "ConfigReportRsp",
        0x82 => "ReadConfigReportRsp",
        0x83 => "SetThresholdRsp",
        0x84 => "GetThresholdRsp",
        _ => return Err(frame.error(ErrorCode::Kind, at::COMMAND, "cmd")),
    };
    frame.means(|| name.to_owned());
    reading.put("Cmd", name);
    match command {
        0x01 | 0x82 => {
            reading.put("MinTime", frame.u16_be(at::VALUE, "min_time")?);
            reading.put("MaxTime", frame.u16_be(at::MAX_TIME, "max_time")?);
            let tenths = frame.u8(at::BATTERY_CHANGE, "battery_change")?;
            reading.put("BatteryChange", Milli::tenths(i32::from(tenths)));
        }
        0x03 | 0x84 => reading.put("Threshold", frame.u16_be(at::VALUE, "threshold")?),
        0x81 | 0x83 => reading.put("Status", frame.u8(at::VALUE, "status")?),
        _ => {}
    }
    frame.exactly(LEN)
}
