//! The YunParking gateway: MQTT, one JSON object a message, the device's own bytes as hex in `data`.
//!
//! Layout and device types: the first open version of the YunParking platform (yuncitys/YunParking, commit 9d37c31).
//! `docs/devices.md` says what each message states.

use parking_types::{Local, Span};

use crate::context::Context;
use crate::error::{DecodeError, ErrorCode};
use crate::json::{Json, Scalar, Str};
use crate::protocol::{Numbering, Out, ProtocolInfo};
use crate::reader::{Hexed, Reader};
use crate::reading::{DeviceTime, Fact, Kind, Reading, Value};
use crate::text::Text;
use crate::trace::Trace;

mod bay_camera;

pub(super) const INFO: ProtocolInfo = ProtocolInfo {
    title: "YunParking gateway: magnetometers, ultrasonic detectors, bay cameras, locks and screens behind it, MQTT",
    says: &[
        "occupancy",
        "state",
        "heartbeat",
        "config",
        "debug",
        "occupied",
        "plate",
        "plate_color",
        "device",
        "device_time",
        "sequence",
        "berth_no",
    ],
    commands: crate::command::YUNCITYS,
    // `2_packageSerialNumberHead`: eight bits, after 255 comes 1, and 0 only after a restart.
    numbering: Numbering::Sequence { first: 1, last: 255, restart: Some(0) },
    heartbeat: Some(Span::from_mins(30)),
    ..ProtocolInfo::JSON
};

/// Offsets in `data`, after hex.
mod at {
    pub(super) const MAGNETOMETER_EVENT: usize = 0;
    pub(super) const ULTRASONIC_FLAGS: usize = 0;
    pub(super) const ULTRASONIC_COUNTER: usize = 1;
    pub(super) const ULTRASONIC_STATE: usize = 3;
}

/// The bit of an ultrasonic detector's first byte that tells an answer from a report.
const ANSWER: u8 = 1 << 3;
/// The longest `data` that is looked at, in bytes: a bay camera's is at most 7 + 255.
const LONGEST: usize = 262;

/// The keys of a message that are looked at.
#[derive(Default)]
struct Message<'a> {
    msg_type: Option<i64>,
    gateway: Option<Str<'a>>,
    device: Option<Str<'a>>,
    device_type: Option<Str<'a>>,
    data: Option<Str<'a>>,
    package: Option<Str<'a>>,
    topic_serial: Option<i64>,
    occupied: Option<Scalar<'a>>,
    time: Option<Str<'a>>,
    clock_state: Option<Str<'a>>,
    sequence: Option<(usize, Option<i64>)>,
    signal: Option<Str<'a>>,
    brightness: Option<Str<'a>>,
}

pub(super) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let message = read(frame.all())?;
    let missing = |name| DecodeError::new(ErrorCode::Missing, frame.len(), name);
    let mut reading = Reading::new(Kind::Heartbeat);
    common(&message, context, &mut reading)?;
    match message.msg_type.ok_or(missing("msgType"))? {
        1 => {}
        2 => {
            reading.kind = Kind::Config;
            out(&reading);
            return Ok(());
        }
        _ => return Err(DecodeError::new(ErrorCode::Kind, 0, "msgType")),
    }
    let data = message.data.ok_or(missing("data"))?;
    // No payload: a sign of life that states nothing.
    if matches!(data.raw(), b"" | b"0") {
        out(&reading);
        return Ok(());
    }
    let mut bytes = [0; LONGEST];
    let len = crate::hex::decode_into(data.raw(), &mut bytes)
        .map_err(|past| DecodeError::new(ErrorCode::Syntax, data.at() + past, "data"))?;
    let payload = Reader::new(bytes.get(..len).unwrap_or_default(), Hexed::new(frame.trace(), data.at()));
    let device_type = message.device_type.ok_or(missing("2_devTypeCode"))?;
    // Detectors' layouts are those of up-links; of other packages none is published.
    let is_up_link = message.package.is_none_or(|package| package.raw() == b"U");
    let decoded = match device_type.raw() {
        b"212" | b"213" | b"196" if is_up_link => magnetometer(&payload, &message, &mut reading),
        b"193" if is_up_link => ultrasonic(&payload, &mut reading),
        b"200" => bay_camera::read(&payload, &mut reading),
        // Locks, barriers, screens and relays: what they send up is not published, so it is kept as it is.
        b"212" | b"213" | b"196" | b"193" | b"113" | b"197" | b"199" | b"209" | b"195" | b"161" => {
            reading.kind = Kind::Debug;
            reading.put("data", data.decode()?);
            Ok(())
        }
        _ => return Err(DecodeError::new(ErrorCode::Kind, device_type.at(), "2_devTypeCode")),
    };
    decoded.map_err(|error| DecodeError { offset: data.at() + 2 * error.offset, ..error })?;
    if reading.kind == Kind::Occupancy && reading.occupied.is_none() {
        return Err(missing("2_spaceStatus"));
    }
    out(&reading);
    Ok(())
}

fn read(payload: &[u8]) -> Result<Message<'_>, DecodeError> {
    let mut message = Message::default();
    let mut json = Json::new(payload);
    json.object(|json, key| {
        match key {
            b"msgType" => message.msg_type = json.int()?,
            b"id" => message.gateway = json.text()?,
            b"deviceId" => message.device = json.scalar()?.id(),
            b"devtype" | b"2_devTypeCode" => message.device_type = json.scalar()?.id(),
            b"data" => message.data = json.text()?,
            b"type" => message.package = json.scalar()?.id(),
            b"countTopicId" => message.topic_serial = json.int()?,
            b"2_spaceStatus" => message.occupied = Some(json.scalar()?),
            b"2_deviceTime" => message.time = json.text()?,
            b"2_clockState" => message.clock_state = json.scalar()?.id(),
            b"2_packageSerialNumberHead" => message.sequence = Some((json.at(), json.int()?)),
            b"2_rfRecStreng" => message.signal = json.scalar()?.id(),
            b"2_brighValue" => message.brightness = json.scalar()?.id(),
            _ => {}
        }
        Ok(())
    })?;
    json.finish()?;
    Ok(message)
}

/// What every message says, whatever device sent it.
fn common<'a>(
    message: &Message<'a>,
    context: &Context<'a>,
    reading: &mut Reading<'a>,
) -> Result<(), DecodeError> {
    reading.set(
        Fact::Device,
        match message.device {
            Some(device) => Some(device.decode()?),
            // Five levels; the fourth names the device.
            None => context.route.and_then(|topic| topic.split('/').nth(3)).map(Text::from),
        },
    );
    if let Some((at, number)) = message.sequence {
        let number = number.and_then(|number| u8::try_from(number).ok());
        let wrong = DecodeError::new(ErrorCode::Value, at, "2_packageSerialNumberHead");
        reading.sequence = Some(u32::from(number.ok_or(wrong)?));
    }
    if let Some(time) = message.time {
        let time = time.decode()?;
        match Local::parse(&time) {
            Some(local) => reading.device_time = Some(DeviceTime::Local(local)),
            // A clock that was never set must not cost the event.
            None => reading.put("2_deviceTime", time),
        }
    }
    for (name, value) in [
        ("id", message.gateway),
        ("2_devTypeCode", message.device_type),
        ("type", message.package),
        ("2_clockState", message.clock_state),
        ("2_rfRecStreng", message.signal),
        ("2_brighValue", message.brightness),
    ] {
        if let Some(value) = value {
            reading.put(name, value.decode()?);
        }
    }
    if let Some(serial) = message.topic_serial {
        reading.put("countTopicId", Value::Int(serial));
    }
    Ok(())
}

/// The state stands in the JSON; the bytes tell a change from a heartbeat.
fn magnetometer<T: Trace>(
    payload: &Reader<'_, T>,
    message: &Message<'_>,
    reading: &mut Reading<'_>,
) -> Result<(), DecodeError> {
    let event = payload.u8(at::MAGNETOMETER_EVENT, "event")?;
    payload.means(|| if event == 0 { "heartbeat" } else { "the state changed" }.to_owned());
    reading.kind = if event == 0 { Kind::Heartbeat } else { Kind::Occupancy };
    reading.occupied = match message.occupied {
        Some(Scalar::Text(text)) if !text.raw().is_empty() => Some(text.raw() != b"0"),
        Some(Scalar::Number(number)) => Some(number.raw() != b"0"),
        _ => None,
    };
    Ok(())
}

/// A report that differs from the state before is the edge; an equal one is a sign of life.
fn ultrasonic<T: Trace>(payload: &Reader<'_, T>, reading: &mut Reading<'_>) -> Result<(), DecodeError> {
    reading.kind = Kind::State;
    let answer = payload.u8(at::ULTRASONIC_FLAGS, "flags")? & ANSWER != 0;
    payload.means(|| if answer { "an answer" } else { "a report" }.to_owned());
    reading.put("answer", answer);
    reading.put("packet_counter", payload.u8(at::ULTRASONIC_COUNTER, "packet_counter")?);
    reading.occupied = Some(state(payload, at::ULTRASONIC_STATE)?);
    Ok(())
}

/// A byte that is 1 for occupied and 0 for vacant.
fn state<T: Trace>(payload: &Reader<'_, T>, at: usize) -> Result<bool, DecodeError> {
    let occupied = match payload.u8(at, "state")? {
        0 => false,
        1 => true,
        _ => return Err(payload.error(ErrorCode::Value, at, "state")),
    };
    payload.means(|| if occupied { "occupied" } else { "vacant" }.to_owned());
    Ok(occupied)
}

#[cfg(test)]
mod tests;
