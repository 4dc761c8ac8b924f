//! `milesight-tcp`: `CC FF` frames with JSON or binary data, little-endian.
//!
//! Of the binary plate message only its head is laid out by the vendor's page without doubt; the rest stays bytes.

use super::{clock, plate};
use crate::{
    context::Context,
    error::{DecodeError, ErrorCode},
    json::{Json, Scalar, Str, first},
    protocol::{Out, Payload, ProtocolInfo},
    reader::Reader,
    reading::{Fact, Kind, Proof, Reading, Value},
    text::Text,
    trace::Trace,
};

pub(in crate::protocol) const INFO: ProtocolInfo = ProtocolInfo {
    title: "Milesight plate cameras, TCP",
    payload: Payload::Binary,
    says: &[
        "plate",
        "plate_color",
        "device",
        "device_time",
        "record",
        "vehicle_text",
        "config",
        "gate",
        "debug",
    ],
    experimental: true,
    ..ProtocolInfo::JSON
};

/// What a frame's data may be: a result with its photos.
const DATA_MAX: usize = 8 << 20;
const PLATE: u16 = 0x8801;

/// Offsets of the frame.
mod at {
    pub(super) const COMMAND: usize = 2;
    pub(super) const SIZE: usize = 4;
    pub(super) const DATA: usize = 8;
    pub(super) const GUID: usize = 8;
    pub(super) const TIME: usize = 24;
    pub(super) const REST: usize = 32;
}

/// A frame, or the JSON of one as documents show it.
pub(in crate::protocol) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    _: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    if frame.all().trim_ascii_start().starts_with(b"{") {
        out(&json(frame.all())?);
        return Ok(());
    }
    frame.marker(0, 0xcc, "magic")?;
    frame.marker(1, 0xff, "magic")?;
    let command = frame.u16_le(at::COMMAND, "command")?;
    let size = frame.u32_le(at::SIZE, "size")? as usize;
    // The size counts the end mark.
    let len = size.checked_sub(2).ok_or(frame.error(ErrorCode::Length, at::SIZE, "size"))?;
    if len > DATA_MAX {
        return Err(frame.error(ErrorCode::TooLarge, at::SIZE, "size"));
    }
    frame.exactly(at::DATA + len + 2)?;
    frame.marker(at::DATA + len, 0xff, "end")?;
    frame.marker(at::DATA + len + 1, 0xdd, "end")?;
    let data = frame.slice(at::DATA, len, "data")?;
    let mut reading = if data.trim_ascii_start().starts_with(b"{") {
        json(data).map_err(|e| DecodeError { offset: e.offset + at::DATA, ..e })?
    } else if command == PLATE {
        binary(frame, len)?
    } else {
        let mut reading = Reading::new(Kind::Debug);
        reading.put("data", data);
        reading
    };
    reading.put("command_code", command);
    out(&reading);
    Ok(())
}

fn binary<'a, T: Trace>(frame: Reader<'a, T>, len: usize) -> Result<Reading<'a>, DecodeError> {
    let mut reading = Reading::new(Kind::Debug);
    let guid = frame.slice(at::GUID, 16, "guid")?;
    reading.set(Fact::Record, Some(Text::hex(guid)));
    reading.device_time = i64::try_from(frame.u64_le(at::TIME, "time")?).ok().and_then(clock::millis);
    let rest =
        (at::DATA + len).checked_sub(at::REST).ok_or(frame.error(ErrorCode::Truncated, at::REST, "data"))?;
    reading.put("data", frame.slice(at::REST, rest, "rest")?);
    Ok(reading)
}

/// The JSON of a login, of an answer, or of a result.
fn json<'a>(bytes: &'a [u8]) -> Result<Reading<'a>, DecodeError> {
    let mut json = Json::new(bytes);
    let (mut result, mut plate, mut time, mut device, mut direction) = (None, None, None, None, None);
    let mut color: Option<Str<'a>> = None;
    let mut vehicle: Option<Str<'a>> = None;
    json.object(|json, key| {
        match key {
            b"result" => first(&mut result, json.scalar()?.int()),
            b"plate" | b"License Plate" => first(&mut plate, json.text()?),
            b"time" => first(&mut time, Some(json.scalar()?)),
            b"device" => first(&mut device, json.text()?),
            b"direction" => first(&mut direction, json.scalar()?.id()),
            b"plate_color" => first(&mut color, json.text()?),
            b"vehicle_type" => first(&mut vehicle, json.text()?),
            _ => {}
        }
        Ok(())
    })?;
    json.finish()?;
    let mut reading = Reading::new(if plate.is_some() { Kind::Plate } else { Kind::Config });
    if let Some(text) = plate {
        plate::put_str(&mut reading, text);
    }
    if let Some(color) = color {
        plate::put_color(&mut reading, color.decode()?);
    }
    reading.set(Fact::VehicleText, vehicle.map(Str::decode).transpose()?);
    reading.set(Fact::Device, device.map(Str::decode).transpose()?);
    reading.set(Fact::Direction, direction.map(Str::decode).transpose()?);
    match time {
        Some(Scalar::Text(text)) => clock::put(&mut reading, text.decode()?),
        Some(Scalar::Number(number)) => {
            clock::put_read(&mut reading, number.int().and_then(clock::millis), number.text());
        }
        _ => {}
    }
    if let Some(status) = result {
        let proof = if status == 200 { Proof::Accepted } else { Proof::Refused };
        reading.proof = Some(proof);
        reading.put("status", Value::Int(status));
    }
    Ok(reading)
}
