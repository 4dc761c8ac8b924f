//! `vz-tcp`: frames on the camera's port 8131.
//!
//! A frame is `V Z`, type, sequence number, length (big-endian) and a body. JSON bodies are GBK, end at the first NUL
//! and are followed by the photos; binary results are blocks of a C structure.

use parking_types::{Instant, Span};

use super::{
    command_reply::CommandReply,
    plate_result::{PlateResult, Writing},
    tables::Dialect,
};
use crate::{
    context::Context,
    error::{DecodeError, ErrorCode},
    json::{Json, Kind as JsonKind, Str},
    milli::Milli,
    protocol::{Out, Payload, ProtocolInfo, camera::plate},
    reader::Reader,
    reading::{DeviceTime, Fact, Kind, Reading},
    text::Text,
    trace::Trace,
};

pub(in crate::protocol) const INFO: ProtocolInfo = ProtocolInfo {
    title: "Vzenith 臻识 cameras, TCP port 8131",
    payload: Payload::Binary,
    says: &[
        "plate",
        "plate_color",
        "plate_confidence",
        "vehicle",
        "vehicle_text",
        "direction",
        "device",
        "device_time",
        "record",
        "heartbeat",
        "gate",
        "config",
    ],
    commands: crate::command::VZ_TCP,
    heartbeat: Some(Span::from_secs(5)),
    ..ProtocolInfo::JSON
};

/// The manual's limit for a body.
const BODY_MAX: usize = 1 << 20;

/// Offsets of the frame's header.
mod at {
    pub(super) const TYPE: usize = 2;
    pub(super) const SEQUENCE: usize = 3;
    pub(super) const LENGTH: usize = 4;
    pub(super) const BODY: usize = 8;
}

/// Offsets of the blocks of a binary result, and of the structure in the first. The structure is the camera
/// processor's: little-endian ARM. Source: `VzClientSDK_LPDefine.h`; no captured frame was at hand.
mod block {
    pub(super) const KIND: usize = 2;
    pub(super) const LENGTH: usize = 4;
    pub(super) const DATA: usize = 8;
    pub(super) const LICENSE: usize = 0;
    pub(super) const COLOR: usize = 24;
    pub(super) const TYPE: usize = 28;
    pub(super) const CONFIDENCE: usize = 32;
    pub(super) const DIRECTION: usize = 40;
    pub(super) const SECONDS: usize = 64;
    pub(super) const MICROS: usize = 68;
    pub(super) const TRIGGER: usize = 72;
    pub(super) const ID: usize = 80;
}

/// A frame, or the body of one as logs keep it.
pub(in crate::protocol) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    _: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    if frame.all().trim_ascii_start().starts_with(b"{") {
        return json(frame.all(), 0, out);
    }
    frame.marker(0, b'V', "magic")?;
    frame.marker(1, b'Z', "magic")?;
    let kind = frame.u8(at::TYPE, "type")?;
    frame.u8(at::SEQUENCE, "sequence")?;
    let len = frame.u32_be(at::LENGTH, "length")? as usize;
    if len > BODY_MAX {
        return Err(frame.error(ErrorCode::TooLarge, at::LENGTH, "length"));
    }
    frame.exactly(at::BODY + len)?;
    match kind {
        0 => {
            frame.means(|| "JSON".to_owned());
            json(frame.rest(at::BODY, "body"), at::BODY, out)
        }
        1 if len == 0 => {
            out(&Reading::new(Kind::Heartbeat));
            Ok(())
        }
        1 => Err(frame.error(ErrorCode::Length, at::LENGTH, "length")),
        2 => blocks(frame.part(at::BODY, len, "body")?, out),
        _ => Err(frame.error(ErrorCode::Kind, at::TYPE, "type")),
    }
}

/// A JSON body: what stands before the first NUL. Behind it are photos, which may hold NULs of their own.
fn json<'a>(body: &'a [u8], base: usize, out: Out<'_, 'a>) -> Result<(), DecodeError> {
    let text = body.split(|b| *b == 0).next().unwrap_or(body);
    let mut json = if is_utf8_chinese(text) { Json::new(text) } else { Json::gbk(text) };
    let reading = document(&mut json).map_err(|e| DecodeError { offset: e.offset + base, ..e })?;
    out(&reading);
    Ok(())
}

fn document<'a>(json: &mut Json<'a>) -> Result<Reading<'a>, DecodeError> {
    let mut plate = PlateResult::default();
    let mut reply = CommandReply::default();
    let mut is_result = false;
    json.object(|json, key| match key {
        b"PlateResult" => {
            is_result |= json.peek()? == JsonKind::Object;
            plate.read(json)
        }
        b"id" if is_result => {
            plate.record = json.scalar()?.id();
            Ok(())
        }
        _ => reply.read(json, key),
    })?;
    json.finish()?;
    if !is_result {
        return reply.into_reading();
    }
    // The record's number may stand before the result it belongs to.
    plate.record = plate.record.or(reply.id);
    let mut reading = Reading::new(Kind::Plate);
    plate.put(&mut reading, Dialect::Vzenith, Writing::Plain)?;
    reading.set(Fact::Device, reply.serial.map(Str::decode).transpose()?);
    Ok(reading)
}

/// Whether a text is UTF-8 although the manual says GBK: all its characters beyond ASCII take three bytes. A GBK plate
/// cannot look like that, its one Chinese character is two bytes and an ASCII letter follows.
fn is_utf8_chinese(text: &[u8]) -> bool {
    !text.is_ascii()
        && core::str::from_utf8(text).is_ok_and(|text| text.chars().all(|c| c.is_ascii() || c >= '\u{800}'))
}

/// The blocks `I R` of a binary result: one structure and photos.
fn blocks<'a, T: Trace>(body: Reader<'a, T>, out: Out<'_, 'a>) -> Result<(), DecodeError> {
    let mut start = 0;
    let mut reading = None;
    while start < body.len() {
        body.marker(start, b'I', "block")?;
        body.marker(start + 1, b'R', "block")?;
        let kind = body.u8(start + block::KIND, "kind")?;
        let len = body.u32_be(start + block::LENGTH, "length")? as usize;
        let data = body.part(start + block::DATA, len, "data")?;
        match kind {
            1 if reading.is_none() => reading = Some(structure(data)?),
            1..=3 => {}
            _ => return Err(body.error(ErrorCode::Kind, start + block::KIND, "kind")),
        }
        start += block::DATA + len;
    }
    out(&reading.ok_or(body.error(ErrorCode::Missing, 0, "struct"))?);
    Ok(())
}

fn structure<'a, T: Trace>(data: Reader<'a, T>) -> Result<Reading<'a>, DecodeError> {
    let mut reading = Reading::new(Kind::Plate);
    let license = data.slice(block::LICENSE, 16, "license")?;
    match Text::gbk(license) {
        Some(text) => plate::put(&mut reading, text),
        None => reading.put("plate_error", "encoding"),
    }
    reading.plate_color = super::tables::color(i64::from(data.i32_le(block::COLOR, "nColor")?));
    let kind = i64::from(data.i32_le(block::TYPE, "nType")?);
    super::tables::put_type(&mut reading, Dialect::Vzenith, kind);
    reading.plate_confidence = Some(Milli::whole(data.i32_le(block::CONFIDENCE, "nConfidence")?));
    let direction = data.i32_le(block::DIRECTION, "nDirection")?;
    reading.set(Fact::Direction, Some(direction));
    let secs = data.u32_le(block::SECONDS, "tvPTS.sec")?;
    let micros = i64::from(data.u32_le(block::MICROS, "tvPTS.usec")?);
    if secs > 0
        && let Some(at) = Instant::from_secs(i64::from(secs))
    {
        reading.device_time = Some(DeviceTime::Utc(at + Span::from_nanos(micros.min(999_999) * 1000)));
    }
    reading.put("trigger", data.u32_le(block::TRIGGER, "trigger")?);
    reading.set(Fact::Record, Some(data.u32_le(block::ID, "uId")?));
    Ok(reading)
}
