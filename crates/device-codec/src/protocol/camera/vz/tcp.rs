//! `vz-tcp`: frames on the camera's port 8131.
//!
//! A frame is `V Z`, type, sequence number, length (big-endian) and a body. JSON bodies are GBK, end at the first NUL
//! and are followed by the photos; binary results are blocks of a C structure.

use parking_types::{Instant, PlateReading, Span};

use super::{
    command_reply::CommandReply,
    plate_result::{PlateResult, Writing},
    tables::Dialect,
};
use crate::{
    context::Context,
    error::{DecodeError, ErrorCode},
    json::{Json, Str},
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
        "offline_upload",
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
    pub(super) const RECT: usize = 44;
    pub(super) const SECONDS: usize = 64;
    pub(super) const MICROS: usize = 68;
    pub(super) const TRIGGER: usize = 72;
    pub(super) const CAR_COLOR: usize = 77;
    pub(super) const ID: usize = 80;
}

/// A frame, or the body of one as logs keep it.
pub(in crate::protocol) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    if frame.all().trim_ascii_start().starts_with(b"{") {
        return json(frame.all(), 0, context, out);
    }
    frame.marker(0, b'V', "magic")?;
    frame.marker(1, b'Z', "magic")?;
    let kind = frame.u8(at::TYPE, "type")?;
    frame.u8(at::SEQUENCE, "sequence")?;
    let len = frame.u32_be(at::LENGTH, "length")? as usize;
    if len > BODY_MAX {
        return Err(frame.error(ErrorCode::TooLarge, at::LENGTH, "length"));
    }
    // The length counts photos that were cut out since.
    let cut = context.images.iter().fold(0, |sum: u64, image| sum.saturating_add(image.bytes));
    let len = usize::try_from(cut).ok().and_then(|cut| len.checked_sub(cut));
    let len = len.ok_or(frame.error(ErrorCode::Length, at::LENGTH, "length"))?;
    frame.exactly(at::BODY + len)?;
    match kind {
        0 => {
            frame.means(|| "JSON".to_owned());
            let body = frame.part(at::BODY, len, "body")?;
            let text = body.all().iter().position(|b| *b == 0).unwrap_or(len);
            let images = frame.rest(at::BODY + text, "end mark and photos");
            if !images.is_empty() {
                frame.means(|| format!("{} bytes", images.len()));
            }
            json(body.all(), at::BODY, context, out)
        }
        1 if len == 0 => {
            out(&Reading::new(Kind::Heartbeat));
            Ok(())
        }
        1 => Err(frame.error(ErrorCode::Length, at::LENGTH, "length")),
        2 => blocks(frame.part(at::BODY, len, "body")?, context, out),
        _ => Err(frame.error(ErrorCode::Kind, at::TYPE, "type")),
    }
}

/// A JSON body: what stands before the first NUL. Behind it are photos, which may hold NULs of their own.
fn json<'a>(body: &'a [u8], base: usize, context: &Context<'a>, out: Out<'_, 'a>) -> Result<(), DecodeError> {
    let text = body.split(|b| *b == 0).next().unwrap_or(body);
    let mut reading =
        result_or_reply(&mut reader(text)).map_err(|e| DecodeError { offset: e.offset + base, ..e })?;
    // A record out of the camera's memory looks like a result of now.
    if reading.kind == Kind::Plate && crate::command::is_backlog(context.route) {
        reading.offline_upload = Some(true);
    }
    out(&reading);
    Ok(())
}

/// Reads a body's text in the charset that it is in.
pub(crate) fn reader(text: &[u8]) -> Json<'_> {
    if is_utf8_chinese(text) { Json::new(text) } else { Json::gbk(text) }
}

/// The JSON document in a frame, whole or broken, and where it begins.
pub(crate) fn document(frame: &[u8]) -> Option<(&[u8], usize)> {
    let base = match frame {
        [b'V', b'Z', 0, ..] => at::BODY,
        [b'V', b'Z', ..] => return None,
        _ => 0,
    };
    let text = frame.get(base..)?.split(|b| *b == 0).next()?;
    text.trim_ascii_start().starts_with(b"{").then_some((text, base))
}

fn result_or_reply<'a>(json: &mut Json<'a>) -> Result<Reading<'a>, DecodeError> {
    let mut plate = PlateResult::default();
    let mut reply = CommandReply::default();
    let mut is_result = false;
    json.members(|json, key| match key {
        b"PlateResult" => {
            is_result |= json.is_object();
            plate.read(json);
        }
        b"id" if is_result => plate.record = json.take_id(),
        b"timeString" => json.first_text(&mut plate.time_string),
        _ => reply.read(json, key),
    });
    json.finish()?;
    if !is_result {
        return reply.into_reading();
    }
    // The record's number may stand before the result it belongs to.
    plate.record = plate.record.or(reply.id);
    // Which cipher is on stands beside the result; 0 is none.
    plate.encrypted |= reply.active.is_some_and(|cipher| cipher != 0);
    let mut reading = Reading::new(Kind::Plate);
    plate.put(&mut reading, Dialect::Vzenith, Writing::Plain)?;
    reading.set(Fact::Device, reply.serial.map(Str::decode).transpose()?);
    Ok(reading)
}

/// The photos in the blocks of a binary result, as offset and length in the frame.
pub(crate) fn block_photos(frame: &[u8], mut found: impl FnMut(usize, usize)) {
    let mut start = at::BODY;
    while let Some([b'I', b'R', kind, _, a, b, c, d]) = frame.get(start..).and_then(|rest| rest.first_chunk())
    {
        let len = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        start += block::DATA;
        if matches!(kind, 2 | 3) && len > 0 && frame.len() - start >= len {
            found(start, len);
        }
        start = start.saturating_add(len);
    }
}

/// Whether a text is UTF-8 although the manual says GBK: all its characters beyond ASCII take three bytes. A GBK plate
/// cannot look like that, its one Chinese character is two bytes and an ASCII letter follows.
fn is_utf8_chinese(text: &[u8]) -> bool {
    !text.is_ascii()
        && core::str::from_utf8(text).is_ok_and(|text| text.chars().all(|c| c.is_ascii() || c >= '\u{800}'))
}

/// The blocks `I R` of a binary result: one structure and photos.
fn blocks<'a, T: Trace>(
    body: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let mut start = 0;
    // How many bytes of photos were cut out so far.
    let mut cut = 0;
    let mut reading = None;
    while start < body.len() {
        body.marker(start, b'I', "block")?;
        body.marker(start + 1, b'R', "block")?;
        let kind = body.u8(start + block::KIND, "kind")?;
        let len = body.u32_be(start + block::LENGTH, "length")? as usize;
        let at = (at::BODY + start + block::DATA) as u64 + cut;
        let image = context.images.iter().find(|image| image.offset == at).map_or(0, |image| image.bytes);
        cut = cut.saturating_add(image);
        let len = usize::try_from(image).ok().and_then(|image| len.checked_sub(image));
        let len = len.ok_or(body.error(ErrorCode::Length, start + block::LENGTH, "length"))?;
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
    super::tables::put_color(&mut reading, i64::from(data.i32_le(block::COLOR, "nColor")?));
    let kind = i64::from(data.i32_le(block::TYPE, "nType")?);
    super::tables::put_type(&mut reading, Dialect::Vzenith, kind);
    if kind == super::tables::UNPLATED && reading.plate.is_none() {
        reading.plate = Some(PlateReading::Unplated);
    }
    let confidence = data.i32_le(block::CONFIDENCE, "nConfidence")?;
    reading.plate_confidence = (0..=100).contains(&confidence).then(|| Milli::whole(confidence));
    let direction = data.i32_le(block::DIRECTION, "nDirection")?;
    reading.set(Fact::Direction, Some(direction));
    let mut sides = [0; 4];
    for (place, side) in sides.iter_mut().enumerate() {
        *side = data.i32_le(block::RECT + 4 * place, "rcLocation")?;
    }
    if let Some(sides) = super::tables::stated_rect(sides) {
        reading.put("plate_box", sides);
    }
    let secs = data.u32_le(block::SECONDS, "tvPTS.sec")?;
    let micros = i64::from(data.u32_le(block::MICROS, "tvPTS.usec")?);
    if secs > 0
        && let Some(at) = Instant::from_secs(i64::from(secs))
    {
        reading.device_time = Some(DeviceTime::Utc(at + Span::from_nanos(micros.min(999_999) * 1000)));
    }
    reading.put("trigger", data.u32_le(block::TRIGGER, "trigger")?);
    super::tables::put_car_color(&mut reading, i64::from(data.u8(block::CAR_COLOR, "carColor")?));
    reading.set(Fact::Record, Some(data.u32_le(block::ID, "uId")?));
    Ok(reading)
}
