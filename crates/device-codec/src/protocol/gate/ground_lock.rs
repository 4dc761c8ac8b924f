//! `ground-lock-dudu`: ground locks (嘟嘟有位) behind their platform.
//!
//! Beware of the names: `SpaceEmpty` 1 means that a car is there, and `state` 1 that a command is queued.

use crate::{
    context::Context,
    error::{DecodeError, ErrorCode},
    json::{Json, Scalar, Str, first},
    protocol::{Numbering, Out, ProtocolInfo},
    reader::Reader,
    reading::{Fact, GateState, Kind, Proof, Reading},
    trace::Trace,
};

pub(in crate::protocol) const INFO: ProtocolInfo = ProtocolInfo {
    title: "ground locks 嘟嘟有位",
    says: &[
        "heartbeat",
        "occupied",
        "device",
        "device_time",
        "debug",
        "gate_state",
        "at_limit",
        "battery_pct",
        "fault",
        "gate",
    ],
    commands: crate::command::GROUND_LOCK,
    acknowledges: true,
    numbering: Numbering::None,
    tells_change: false,
    ..ProtocolInfo::JSON
};

/// How many locks one message may tell of.
const MAX_LOCKS: usize = 256;

/// The fields, at the root or in `Data`.
#[derive(Default)]
struct Fields<'a> {
    cmd: Option<i64>,
    lock: Option<Str<'a>>,
    camera: Option<Str<'a>>,
    message: Option<Str<'a>>,
    timestamp: Option<i64>,
    status: Option<i64>,
    power: Option<Scalar<'a>>,
    occupied: Option<bool>,
    errors: Option<Str<'a>>,
    result: Option<i64>,
    option: Option<i64>,
    state: Option<i64>,
}

/// A callback of the platform, its answer to a command, or a command to it.
pub(in crate::protocol) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    _: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let mut json = Json::new(frame.all());
    let mut fields = Fields::default();
    // Locks that are told of together.
    let mut locks = Vec::new();
    json.object(|json, key| match key {
        b"Data" | b"data" if json.is_array() => json.array(|json, _| {
            if locks.len() == MAX_LOCKS {
                return Err(DecodeError::new(ErrorCode::TooLarge, json.at(), "Data"));
            }
            let mut lock = Fields::default();
            json.object_if_any(|json, key| lock.read(json, key))?;
            locks.push(lock);
            Ok(())
        }),
        b"Data" | b"data" => json.object_if_any(|json, key| fields.read(json, key)),
        _ => fields.read(json, key),
    })?;
    json.finish()?;
    if locks.is_empty() {
        out(&fields.into_reading()?);
        return Ok(());
    }
    let readings = locks.into_iter().map(|mut lock| {
        lock.cmd = lock.cmd.or(fields.cmd);
        lock.timestamp = lock.timestamp.or(fields.timestamp);
        lock.into_reading()
    });
    readings.collect::<Result<Vec<_>, _>>()?.iter().for_each(out);
    Ok(())
}

impl<'a> Fields<'a> {
    fn read(&mut self, json: &mut Json<'a>, key: &[u8]) -> Result<(), DecodeError> {
        let value = json.scalar()?;
        match key {
            b"CMD" | b"Cmd" => first(&mut self.cmd, value.int()),
            b"LockSN" | b"LockSn" => first(&mut self.lock, value.id()),
            b"CamSn" | b"CamSN" => first(&mut self.camera, value.id()),
            b"Msg_id" => first(&mut self.message, value.id()),
            b"Timestamp" => first(&mut self.timestamp, value.int()),
            b"LockStatus" => first(&mut self.status, value.int()),
            b"DevPower" => first(&mut self.power, Some(value)),
            b"SpaceEmpty" => first(&mut self.occupied, value.truth()),
            b"ErrCode" => first(&mut self.errors, value.id()),
            b"Result" => first(&mut self.result, value.int()),
            b"Option" => first(&mut self.option, value.int()),
            b"state" => first(&mut self.state, value.int()),
            _ => {}
        }
        Ok(())
    }

    fn into_reading(self) -> Result<Reading<'a>, DecodeError> {
        let mut reading = match (self.cmd, self.result, self.state) {
            (Some(129), ..) => self.heartbeat()?,
            (_, Some(result), _) => self.moved(result)?,
            (_, None, Some(state)) => self.queued(state)?,
            (None, None, None) => self.told()?,
            (Some(_), None, None) => return Err(DecodeError::new(ErrorCode::Kind, 0, "CMD")),
        };
        reading.set(Fact::Device, self.lock.map(Str::decode).transpose()?);
        reading.device_time = self
            .timestamp
            .filter(|ms| *ms > 0)
            .and_then(|ms| ms.checked_mul(1_000_000))
            .map(|nanos| crate::reading::DeviceTime::Utc(parking_types::Instant::from_nanos(nanos)));
        if let Some(camera) = self.camera {
            reading.put("camera", camera.decode()?);
        }
        Ok(reading)
    }

    /// A command to the platform, as it is seen on its way.
    fn told(&self) -> Result<Reading<'a>, DecodeError> {
        let option = self.option.ok_or(DecodeError::new(ErrorCode::Missing, 0, "CMD"))?;
        let mut reading = Reading::new(Kind::Debug);
        reading.put("option", option);
        match option {
            1 => reading.put("sent", "raise"),
            // 2 raises again when the vehicle has left, 3 stays down.
            2 | 3 => reading.put("sent", "lower"),
            _ => {}
        }
        Ok(reading)
    }

    fn heartbeat(&self) -> Result<Reading<'a>, DecodeError> {
        let mut reading = Reading::new(Kind::Heartbeat);
        reading.occupied = self.occupied;
        reading.battery_pct = self.power.and_then(Scalar::milli);
        if let Some(status) = self.status {
            reading.put("lock_status", status);
            // A raised bar shuts the berth.
            (reading.gate_state, reading.at_limit) = match status {
                1 => (Some(GateState::Closed), Some(true)),
                2 => (Some(GateState::Open), Some(true)),
                3 | 4 => (Some(GateState::Jammed), Some(false)),
                5 => (Some(GateState::Moving), Some(false)),
                _ => (Some(GateState::Unknown), None),
            };
            if matches!(status, 3 | 4 | 6 | 7) {
                reading.kind = Kind::Fault;
            }
        }
        if let Some(errors) = self.errors {
            reading.put("errors", errors.decode()?);
        }
        Ok(reading)
    }

    /// The result of the motion.
    fn moved(&self, result: i64) -> Result<Reading<'a>, DecodeError> {
        let proof = if result == 200 { Proof::AtLimit } else { Proof::Refused };
        let mut reading = self.answered(proof)?;
        reading.put("status", result);
        if let Some(option) = self.option {
            reading.put("option", option);
        }
        Ok(reading)
    }

    fn queued(&self, state: i64) -> Result<Reading<'a>, DecodeError> {
        let mut reading = self.answered(if state == 1 { Proof::Accepted } else { Proof::Refused })?;
        reading.put("status", state);
        Ok(reading)
    }

    fn answered(&self, proof: Proof) -> Result<Reading<'a>, DecodeError> {
        let mut reading = Reading::new(Kind::Gate);
        reading.set(Fact::Command, self.message.map(Str::decode).transpose()?);
        reading.proof = Some(proof);
        Ok(reading)
    }
}
