//! Dingtek DO200, DO201 and DO202: framed by 0x80 and 0x81, port 3. Commands to the device are ASCII hex.
//!
//! Layout: the vendor's codecs in The Things Network's device repository, which check the total length only; start,
//! device type and end are checked here too. That the park alarm means "occupied" follows from its name; no
//! published frame has it set.

use crate::context::Context;
use crate::error::{DecodeError, ErrorCode};
use crate::milli::Milli;
use crate::protocol::{Numbering, Out, ProtocolInfo};
use crate::reader::Reader;
use crate::reading::{Fact, Kind, Reading, Value};
use crate::text::Text;
use crate::trace::Trace;

const BASE: ProtocolInfo = ProtocolInfo {
    says: &[
        "state",
        "config",
        "occupied",
        "sequence",
        "battery_v",
        "battery_low",
        "temperature_c",
        "magnetic",
        "firmware",
    ],
    numbering: Numbering::Sequence { first: 0, last: 65_535, restart: None },
    tells_change: false,
    ..ProtocolInfo::LORAWAN
};
pub(super) const DO200: ProtocolInfo =
    ProtocolInfo { title: "Dingtek DO200 parking sensor, LoRaWAN", ..BASE };
pub(super) const DO201: ProtocolInfo =
    ProtocolInfo { title: "Dingtek DO201 parking sensor, LoRaWAN", ..BASE };
pub(super) const DO202: ProtocolInfo =
    ProtocolInfo { title: "Dingtek DO202 parking sensor, LoRaWAN", ..BASE };

/// What differs between the three.
struct Model {
    /// The third byte of its frames.
    code: u8,
    /// It measures the distance to what is above it.
    level: bool,
    /// It is of the second generation: temperature and humidity, other parameters.
    second: bool,
}

mod at {
    pub(super) const START: usize = 0;
    pub(super) const ZERO: usize = 1;
    pub(super) const DEVICE_TYPE: usize = 2;
    pub(super) const DATA_TYPE: usize = 3;
    pub(super) const LENGTH: usize = 4;
    /// Telemetry.
    pub(super) const LEVEL: usize = 5;
    pub(super) const ALARMS: usize = 7;
    pub(super) const MORE_ALARMS: usize = 8;
    pub(super) const BATTERY: usize = 9;
    pub(super) const MAGNETIC: usize = 11;
    pub(super) const COUNTER_DO200: usize = 17;
    pub(super) const TEMPERATURE: usize = 17;
    pub(super) const HUMIDITY: usize = 18;
    pub(super) const COUNTER: usize = 19;
    /// Parameters.
    pub(super) const FIRMWARE: usize = 5;
    pub(super) const UPLOAD_HOURS: usize = 7;
    pub(super) const SECOND_INTERVAL: usize = 8;
    pub(super) const THIRD: usize = 9;
    pub(super) const THRESHOLD_DO200: usize = 12;
    pub(super) const MAGNET_THRESHOLD: usize = 10;
    pub(super) const BATTERY_THRESHOLD: usize = 12;
}

const START: u8 = 0x80;
const END: u8 = 0x81;

macro_rules! decoders {
    ($($name:ident = $code:literal, $level:literal, $second:literal;)+) => { $(
        #[inline]
        pub(super) fn $name<'a, T: Trace>(
            frame: Reader<'a, T>,
            context: &Context<'a>,
            out: Out<'_, 'a>,
        ) -> Result<(), DecodeError> {
            decode(&frame, context, &Model { code: $code, level: $level, second: $second }, out)
        }
    )+ };
}
decoders! {
    decode_do200 = 0x02, true, false;
    decode_do201 = 0x31, true, true;
    decode_do202 = 0x32, false, true;
}

#[inline]
fn decode<'a, T: Trace>(
    frame: &Reader<'a, T>,
    context: &Context<'a>,
    model: &Model,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    if context.port != Some(3) {
        return Err(frame.error(ErrorCode::Port, 0, "port"));
    }
    if frame.all().first() == Some(&b'8') {
        let mut reading = Reading::new(Kind::Config);
        command(frame, model, &mut reading)?;
        out(&reading);
        return Ok(());
    }
    frame.marker(at::START, START, "start")?;
    frame.marker(at::ZERO, 0, "zero")?;
    frame.marker(at::DEVICE_TYPE, model.code, "device_type")?;
    let data_type = frame.u8(at::DATA_TYPE, "data_type")?;
    let wanted = match (data_type, model.second) {
        (1 | 2, false) => 21,
        (1 | 2, true) => 23,
        (3, false) => 17,
        (3, true) => 16,
        _ => return Err(frame.error(ErrorCode::Kind, at::DATA_TYPE, "data_type")),
    };
    if usize::from(frame.u8(at::LENGTH, "length")?) != wanted {
        return Err(frame.error(ErrorCode::Length, at::LENGTH, "length"));
    }
    frame.exactly(wanted)?;
    frame.marker(wanted - 1, END, "end")?;
    let mut reading = Reading::new(Kind::State);
    if data_type == 3 {
        parameters(frame, model, &mut reading)?;
    } else {
        telemetry(frame, model, &mut reading)?;
    }
    out(&reading);
    Ok(())
}

#[inline]
fn telemetry<T: Trace>(
    frame: &Reader<'_, T>,
    model: &Model,
    reading: &mut Reading<'_>,
) -> Result<(), DecodeError> {
    if model.level {
        reading.put("level", frame.u16_be(at::LEVEL, "level")?);
        frame.means(|| "mm".to_owned());
    }
    let alarms = frame.u8(at::ALARMS, "alarms")?;
    let park = alarms >> 4 != 0;
    frame.means(|| format!("park alarm {}, level alarm {}", alarms >> 4, alarms & 0x0f));
    let more_alarms = frame.u8(at::MORE_ALARMS, "more_alarms")?;
    frame.means(|| format!("magnet alarm {}, battery alarm {}", more_alarms >> 4, more_alarms & 0x0f));
    reading.occupied = Some(park);
    reading.put("alarmPark", park);
    reading.put("alarmLevel", alarms & 0x0f != 0);
    reading.put("alarmMagnet", more_alarms >> 4 != 0);
    reading.battery_low = Some(more_alarms & 0x0f != 0);
    reading.battery_v = Some(Milli::hundredths(i32::from(frame.u16_be(at::BATTERY, "battery")?)));
    frame.means(|| "0.01 V".to_owned());
    reading.magnetic = Some(frame.axes_i16_be(at::MAGNETIC, "magnetic")?);
    let counter = if model.second {
        reading.temperature_c = Some(Milli::whole(i32::from(frame.i8(at::TEMPERATURE, "temperature")?)));
        reading.put("humidity", frame.u8(at::HUMIDITY, "humidity")?);
        at::COUNTER
    } else {
        at::COUNTER_DO200
    };
    reading.sequence = Some(u32::from(frame.u16_be(counter, "frame_counter")?));
    Ok(())
}

fn parameters<T: Trace>(
    frame: &Reader<'_, T>,
    model: &Model,
    reading: &mut Reading<'_>,
) -> Result<(), DecodeError> {
    reading.kind = Kind::Config;
    let [major, minor] = frame.array::<2>(at::FIRMWARE, "firmware")?;
    reading.set(Fact::Firmware, Some(Text::format(format_args!("{major}.{minor}"))));
    reading.put("uploadInterval", frame.u8(at::UPLOAD_HOURS, "upload_interval")?);
    frame.means(|| "h".to_owned());
    if model.second {
        reading.put("detectInterval", frame.u8(at::SECOND_INTERVAL, "detect_interval")?);
        frame.means(|| "min".to_owned());
        if model.level {
            reading.put("levelThreshold", frame.u8(at::THIRD, "level_threshold")?);
            frame.means(|| "cm".to_owned());
        }
        reading.put("magnetThreshold", frame.u16_be(at::MAGNET_THRESHOLD, "magnet_threshold")?);
        reading.put("batteryThreshold", frame.u8(at::BATTERY_THRESHOLD, "battery_threshold")?);
        frame.means(|| "%".to_owned());
    } else {
        reading.put("ultraDetectInterval", frame.u8(at::SECOND_INTERVAL, "ultrasonic_interval")?);
        reading.put("magDetectInterval", frame.u8(at::THIRD, "magnet_interval")?);
        reading.put("magThreshold", frame.u16_be(at::THRESHOLD_DO200, "magnet_threshold")?);
    }
    Ok(())
}

/// A command to the device, as it went out: `8002`, a password of four digits, an option of two, a value, `81`.
fn command<T: Trace>(
    frame: &Reader<'_, T>,
    model: &Model,
    reading: &mut Reading<'_>,
) -> Result<(), DecodeError> {
    const HEAD: usize = 4;
    const OPTION: usize = 8;
    const VALUE: usize = 10;
    if frame.slice(0, HEAD, "start")? != b"8002" {
        return Err(frame.error(ErrorCode::Marker, 0, "start"));
    }
    frame.slice(HEAD, 4, "password")?;
    let option = hex(frame, OPTION, 2, "option")?;
    let value_len = frame.len().saturating_sub(VALUE + 2);
    if !matches!(value_len, 2 | 4) {
        return Err(frame.error(ErrorCode::Length, frame.len().min(VALUE), "value"));
    }
    let value = hex(frame, VALUE, value_len, "value")?;
    if frame.slice(VALUE + value_len, 2, "end")? != b"81" {
        return Err(frame.error(ErrorCode::Marker, VALUE + value_len, "end"));
    }
    let name = match (option, model.second, model.level) {
        (0x01, ..) => "uploadInterval",
        (0x02, false, _) => "magThreshold",
        (0x02, true, true) => "levelThreshold",
        (0x05, true, _) => "batteryThreshold",
        (0x08, true, _) => "detectInterval",
        (0x0f, true, _) => "magnetThreshold",
        _ => {
            reading.put("option", Value::Int(option));
            "value"
        }
    };
    frame.means(|| name.to_owned());
    reading.put(name, Value::Int(value));
    Ok(())
}

/// A number in ASCII hex digits.
fn hex<T: Trace>(
    frame: &Reader<'_, T>,
    at: usize,
    len: usize,
    name: &'static str,
) -> Result<i64, DecodeError> {
    let digits = frame.slice(at, len, name)?;
    let mut bytes = [0; 2];
    let count = crate::hex::decode_into(digits, &mut bytes);
    let count = count.map_err(|past| frame.error(ErrorCode::Syntax, at + past, name))?;
    Ok(bytes.iter().take(count).fold(0, |sum, b| sum << 8 | i64::from(*b)))
}
