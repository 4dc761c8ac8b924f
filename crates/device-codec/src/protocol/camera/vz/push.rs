//! The objects that a camera of the family pushes: one root key tells the kind.

use super::{
    plate_result::{PlateResult, Writing},
    reply::{self, Reply},
    tables::Dialect,
};
use crate::{
    error::{DecodeError, ErrorCode},
    json::{Json, Scalar, Str, first},
    reading::{Fact, Kind, Proof, Reading},
};

/// What a push holds, as it stands.
pub(super) struct Push<'a> {
    dialect: Dialect,
    writing: Writing,
    root: Option<Root>,
    plate: PlateResult<'a>,
    serial: Option<Str<'a>>,
    name: Option<Str<'a>>,
    input: Option<i64>,
    level: Option<i64>,
    channel: Option<i64>,
    data: Option<Str<'a>>,
    answer: Option<Answer<'a>>,
    reply: Option<Reply<'a>>,
}

/// What the answer to a command says.
#[derive(Default)]
struct Answer<'a> {
    levels: Levels,
    command: Option<Str<'a>>,
    message: Option<Str<'a>>,
    status: Option<i64>,
    state: Option<Str<'a>>,
}

/// The levels of inputs and outputs, 0 low and 1 high; what hangs on them is the installer's choice.
#[derive(Default)]
struct Levels([Option<i64>; 4]);

/// What the root keys say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    Plate,
    Input,
    Serial,
    Image,
    Answer,
    Reply,
}

impl<'a> Push<'a> {
    pub(super) fn new(dialect: Dialect, writing: Writing) -> Self {
        Self {
            dialect,
            writing,
            root: None,
            plate: PlateResult::default(),
            serial: None,
            name: None,
            input: None,
            level: None,
            channel: None,
            data: None,
            answer: None,
            reply: None,
        }
    }

    /// Reads the document, or an envelope's payload.
    pub(super) fn read(&mut self, json: &mut Json<'a>) {
        json.members(|json, key| self.root_key(json, key))
    }

    pub(super) fn root_key(&mut self, json: &mut Json<'a>, key: &[u8]) {
        let root = match key {
            b"AlarmInfoPlate" => Root::Plate,
            b"AlarmGioIn" => Root::Input,
            b"SerialData" => Root::Serial,
            b"TriggerImage" => Root::Image,
            b"Response_AlarmInfoPlate" => {
                first(&mut self.root, Some(Root::Reply));
                let reply = self.reply.get_or_insert_default();
                return json.members_if_any(|json, key| reply.read(json, key));
            }
            _ => return self.answer_key(json, key),
        };
        first(&mut self.root, Some(root));
        json.members_if_any(|json, key| self.alarm_key(json, key))
    }

    fn alarm_key(&mut self, json: &mut Json<'a>, key: &[u8]) {
        match key {
            b"result" => json.members_if_any(|json, key| self.result_key(json, key)),
            b"PlateResult" => self.plate.read(json),
            b"serialno" => json.first_text(&mut self.serial),
            b"deviceName" => json.first_text(&mut self.name),
            b"serialChannel" => first(&mut self.channel, json.take_int()),
            b"data" => json.first_text(&mut self.data),
            b"TriggerResult" => json.members_if_any(|json, key| self.trigger_key(json, key)),
            _ => self.trigger_key(json, key),
        }
    }

    fn result_key(&mut self, json: &mut Json<'a>, key: &[u8]) {
        match key {
            b"PlateResult" => self.plate.read(json),
            b"TriggerResult" => json.members_if_any(|json, key| self.trigger_key(json, key)),
            _ => {}
        }
    }

    fn trigger_key(&mut self, json: &mut Json<'a>, key: &[u8]) {
        match key {
            b"source" => first(&mut self.input, json.take_int()),
            b"value" => first(&mut self.level, json.take_int()),
            _ => {}
        }
    }

    /// The answer to a command of ours: flat, with levels or a status, maybe one object deeper.
    fn answer_key(&mut self, json: &mut Json<'a>, key: &[u8]) {
        match key {
            b"serialno" | b"sn" => json.first_text(&mut self.serial),
            b"body" | b"get_iostate" | b"iostate" | b"io_state" if json.is_object() => {
                json.members(|json, key| self.answer_key(json, key));
            }
            // Levels were seen in objects of several names.
            _ if json.is_object() => {
                let levels = &mut self.answer.get_or_insert_default().levels;
                json.members(|json, key| levels.read(json, key));
            }
            _ => self.answer.get_or_insert_default().read(json, key),
        }
    }

    /// Whether an event was read, not an answer.
    pub(super) fn is_event(&self) -> bool {
        self.root.is_some()
    }

    /// Whether anything was read that has a meaning here.
    pub(super) fn says_something(&self) -> bool {
        self.root.is_some() || self.answer.as_ref().is_some_and(|answer| answer.root().is_some())
    }

    /// What the document says; nothing of it is kept where it holds none of the known keys.
    pub(super) fn put(&self, reading: &mut Reading<'a>) -> Result<(), DecodeError> {
        let missing = DecodeError::new(ErrorCode::Kind, 0, "AlarmInfoPlate");
        let root = match self.root {
            Some(root) => root,
            None => self.answer.as_ref().and_then(Answer::root).ok_or(missing)?,
        };
        match root {
            Root::Plate => {
                reading.kind = Kind::Plate;
                self.plate.put(reading, self.dialect, self.writing)?;
            }
            Root::Input => input(reading, self.input, self.level),
            Root::Serial => serial_data(reading, self.data, self.channel)?,
            Root::Image => reading.put("image", true),
            Root::Answer => self.answer.as_ref().map_or(Ok(()), |answer| answer.put(reading))?,
            Root::Reply => match &self.reply {
                Some(reply) => reply.put(reading)?,
                None => reading.put("sent", "capture"),
            },
        }
        match self.serial.filter(|serial| !serial.raw().is_empty()) {
            Some(serial) => serial.state(reading, Fact::Device),
            None => Ok(()),
        }
    }
}

impl<'a> Answer<'a> {
    fn read(&mut self, json: &mut Json<'a>, key: &[u8]) {
        match key {
            b"cmd" | b"type" => json.first_text(&mut self.command),
            b"msgId" | b"id" => json.first_id(&mut self.message),
            b"state_code" | b"code" => first(&mut self.status, json.take_int()),
            b"state" | b"response" | b"error_msg" | b"result" => match json.take_scalar() {
                Scalar::Text(text) => first(&mut self.state, Some(text)),
                other => first(&mut self.status, other.int()),
            },
            _ => self.levels.read(json, key),
        }
    }

    /// What a document without a root key is.
    fn root(&self) -> Option<Root> {
        if self.status.is_some() || self.state.is_some() || self.levels.any() {
            return Some(Root::Answer);
        }
        match self.command?.raw() {
            b"AVS_TRIGGER" => Some(Root::Reply),
            // A command alone, as it is seen on its way.
            _ => Some(Root::Answer),
        }
    }

    /// A status of 200, `succeed`, `success` or `ok` says that the camera took the command, and no more.
    fn put(&self, reading: &mut Reading<'a>) -> Result<(), DecodeError> {
        let is_answer = self.status.is_some() || self.state.is_some() || self.levels.any();
        reading.kind = if is_answer { Kind::Gate } else { Kind::Debug };
        let proof = match (self.status, self.state) {
            (Some(200), _) => Some(Proof::Accepted),
            (Some(408), _) => Some(Proof::TimedOut),
            (Some(_), _) => Some(Proof::Refused),
            (None, Some(word)) => Some(if says_done(word.raw()) { Proof::Accepted } else { Proof::Refused }),
            (None, None) => None,
        };
        let command = self.message.map(Str::decode).transpose()?;
        if proof.is_some() {
            reading.set(Fact::Command, command);
        }
        reading.proof = proof;
        if let Some(status) = self.status {
            reading.put("status", status);
        }
        if let Some(command) = self.command {
            reading.put("cmd", command.decode()?);
        }
        self.levels.put(reading);
        Ok(())
    }
}

impl Levels {
    fn read(&mut self, json: &mut Json<'_>, key: &[u8]) {
        let [in1, in2, out1, out2] = &mut self.0;
        let slot = match key {
            b"in1" => in1,
            b"in2" => in2,
            b"out1" => out1,
            b"out2" => out2,
            _ => return,
        };
        first(slot, json.take_int());
    }

    fn any(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    fn put(&self, reading: &mut Reading<'_>) {
        for (name, level) in ["in1", "in2", "out1", "out2"].into_iter().zip(self.0) {
            if let Some(level) = level {
                reading.put(name, level);
            }
        }
    }
}

/// An input changed its level.
fn input(reading: &mut Reading<'_>, source: Option<i64>, level: Option<i64>) {
    reading.kind = Kind::Gate;
    if let Some(source) = source {
        reading.put("input", source);
    }
    if let Some(level) = level {
        reading.put("level", level);
    }
}

/// Bytes from the RS-485 line behind the camera.
fn serial_data(
    reading: &mut Reading<'_>,
    data: Option<Str<'_>>,
    channel: Option<i64>,
) -> Result<(), DecodeError> {
    if let Some(data) = data {
        reading.put("serial_data", reply::serial_hex(data)?);
    }
    if let Some(channel) = channel {
        reading.put("serial_channel", channel);
    }
    Ok(())
}

/// The words for "done", the vendor's spelling mistakes among them.
pub(super) fn says_done(word: &[u8]) -> bool {
    const WORDS: [&[u8]; 5] = [b"ok", b"succeed", b"success", b"sucess", b"sucmd"];
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}
