//! `vz-mqtt`: the push's objects in an envelope, with text as base64.

use parking_types::{Instant, Span};

use super::{command_reply::Listed, plate_result::Writing, push::Push, tables::Dialect};
use crate::{
    context::Context,
    error::{DecodeError, ErrorCode},
    json::{Json, Str, first},
    protocol::{Out, ProtocolInfo},
    reader::Reader,
    reading::{DeviceTime, Fact, Kind, Proof, Reading},
    text::Text,
    trace::Trace,
};

pub(in crate::protocol) const INFO: ProtocolInfo = ProtocolInfo {
    title: "Vzenith 臻识 cameras, MQTT",
    commands: crate::command::VZ,
    acknowledges: true,
    heartbeat: Some(Span::from_secs(10)),
    ..super::http::INFO
};

/// The envelope, without its payload.
#[derive(Default)]
struct Envelope<'a> {
    id: Option<Str<'a>>,
    serial: Option<Str<'a>>,
    name: Option<Str<'a>>,
    timestamp: Option<i64>,
    inner_timestamp: Option<i64>,
    code: Option<i64>,
    gate: [Option<i64>; 4],
    input: Option<i64>,
    level: Option<i64>,
    listed: Listed<'a>,
}

/// A message of the camera.
pub(in crate::protocol) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    // Some firmware begins signs of life with NULs.
    let bytes = frame.all();
    let skipped = bytes.iter().take_while(|b| **b == 0).count();
    let mut json = Json::new(bytes.get(skipped..).unwrap_or_default());
    let reading =
        document(&mut json, context).map_err(|e| DecodeError { offset: e.offset + skipped, ..e })?;
    out(&reading);
    Ok(())
}

fn document<'a>(json: &mut Json<'a>, context: &Context<'a>) -> Result<Reading<'a>, DecodeError> {
    let mut envelope = Envelope::default();
    let mut push = Push::new(Dialect::Vzenith, Writing::Base64);
    json.members(|json, key| match key {
        b"payload" => json.members_if_any(|json, key| match key {
            b"body" => json.members_if_any(|json, key| envelope.body(json, key, &mut push)),
            _ => push.root_key(json, key),
        }),
        _ => envelope.read(json, key, &mut push),
    });
    json.finish()?;
    let topic = context.route.map(Topic::of).unwrap_or_default();
    let name = match envelope.name {
        Some(name) => name.raw(),
        None => topic.name.as_bytes(),
    };
    let is_reply = topic.is_reply || (envelope.code.is_some() && !push.is_event());
    let mut reading = if is_reply {
        envelope.reply()?
    } else {
        match name {
            b"keep_alive" => envelope.heartbeat(),
            b"barr_gate_status" => envelope.gate(),
            // What the family's documents do not name says only its name.
            _ if !name.is_empty() && !push.says_something() => Reading::new(Kind::Debug),
            _ => {
                let mut reading = Reading::new(Kind::Debug);
                push.put(&mut reading)?;
                reading
            }
        }
    };
    let is_named = name == b"quick_ivs_result" || reading.kind == Kind::Debug;
    if is_named && !name.is_empty() {
        reading.put("message", Text::own(&String::from_utf8_lossy(name)));
    }
    // The topic is what the broker let the camera write to: it is believed before what the message says.
    if let Some(serial) = topic.serial {
        reading.set(Fact::Device, Some(Text::Borrowed(serial)));
    } else if let Some(serial) = envelope.serial {
        reading.set(Fact::Device, Some(serial.decode()?));
    }
    Ok(reading)
}

impl<'a> Envelope<'a> {
    fn read(&mut self, json: &mut Json<'a>, key: &[u8], push: &mut Push<'a>) {
        match key {
            b"id" => json.first_id(&mut self.id),
            b"sn" => json.first_text(&mut self.serial),
            b"name" => json.first_text(&mut self.name),
            b"timestamp" => first(&mut self.timestamp, json.take_int()),
            b"code" => first(&mut self.code, json.take_int()),
            _ => push.root_key(json, key),
        }
    }

    fn body(&mut self, json: &mut Json<'a>, key: &[u8], push: &mut Push<'a>) {
        let [status, connected, enabled, control] = &mut self.gate;
        match key {
            b"gate_status" => first(status, json.take_int()),
            b"connect_status" => first(connected, json.take_int()),
            b"enable" => first(enabled, json.take_int()),
            b"gate_ctrl_id" => first(control, json.take_int()),
            b"gpio" => first(&mut self.input, json.take_int()),
            b"status" => first(&mut self.level, json.take_int()),
            b"dldb_rec" => self.listed.read(json),
            b"timestamp" => first(&mut self.inner_timestamp, json.take_int()),
            _ => push.root_key(json, key),
        }
    }

    fn heartbeat(&self) -> Reading<'a> {
        let mut reading = Reading::new(Kind::Heartbeat);
        let secs = self.inner_timestamp.or(self.timestamp).filter(|secs| *secs > 0);
        reading.device_time = secs.and_then(Instant::from_secs).map(DeviceTime::Utc);
        reading
    }

    /// Where the arm is said to be: the codes are not documented, so they stay codes.
    fn gate(&self) -> Reading<'a> {
        let mut reading = Reading::new(Kind::Gate);
        for (name, value) in
            ["gate_status", "connect_status", "enable", "gate_ctrl_id"].into_iter().zip(self.gate)
        {
            if let Some(value) = value {
                reading.put(name, value);
            }
        }
        reading
    }

    fn reply(&self) -> Result<Reading<'a>, DecodeError> {
        let mut reading = Reading::new(Kind::Gate);
        let code = self.code.ok_or(DecodeError::new(ErrorCode::Missing, 0, "code"))?;
        let proof = match code {
            200 => Proof::Accepted,
            408 => Proof::TimedOut,
            _ => Proof::Refused,
        };
        reading.set(Fact::Command, self.id.map(Str::decode).transpose()?);
        reading.proof = Some(proof);
        reading.put("status", code);
        if let Some(name) = self.name {
            reading.put("cmd", name.decode()?);
        }
        for (name, value) in [("input", self.input), ("level", self.level)] {
            if let Some(value) = value {
                reading.put(name, value);
            }
        }
        self.listed.put(&mut reading)?;
        Ok(reading)
    }
}

/// What a topic tells: `device/{sn}/message/up/{name}`, `{sn}/device/message/…`, `device/{sn}/sys/message/…`.
#[derive(Default)]
struct Topic<'a> {
    serial: Option<&'a str>,
    name: &'a str,
    is_reply: bool,
}

impl<'a> Topic<'a> {
    fn of(route: &'a str) -> Self {
        // Signs of life were seen under `$/device/…`.
        let route = route.trim_matches('/');
        let route = route.strip_prefix("$/").unwrap_or(route);
        let mut levels = route.split('/');
        let serial = match (levels.next(), levels.next()) {
            (Some("device"), Some("push") | None) | (None, _) => None,
            (Some("device"), serial) => serial,
            (Some(serial), Some("device")) => Some(serial),
            _ => None,
        };
        let (path, is_reply) = match route.strip_suffix("/reply") {
            Some(path) => (path, true),
            None => (route, false),
        };
        Self { serial, name: path.rsplit('/').next().unwrap_or(""), is_reply }
    }
}
