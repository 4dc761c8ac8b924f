//! What the camera answers to commands, and the records of camera groups.

use parking_types::{Direction, Instant, Span};

use super::{
    push::says_done,
    reply::serial_hex,
    tables::{self, Dialect},
};
use crate::{
    error::{DecodeError, ErrorCode},
    json::{Json, Num, Scalar, Str, first},
    protocol::camera::plate,
    reading::{DeviceTime, Fact, Kind, Proof, Reading},
};

/// A document with a `cmd`.
#[derive(Default)]
pub(super) struct CommandReply<'a> {
    command: Option<Str<'a>>,
    pub(super) id: Option<Str<'a>>,
    pub(super) serial: Option<Str<'a>>,
    status: Option<i64>,
    state: Option<Str<'a>>,
    timestamp: Option<i64>,
    value: Option<Scalar<'a>>,
    input: Option<i64>,
    record_type: Option<Str<'a>>,
    records: [Record<'a>; 2],
    role: Option<Str<'a>>,
    connected: Option<bool>,
    address: Option<Str<'a>>,
    clock: Option<Str<'a>>,
    newest: Option<i64>,
    pub(super) active: Option<i64>,
    told: Told<'a>,
    listed: Listed<'a>,
}

/// What a command says that is seen on its way to the camera, or that the camera repeats.
#[derive(Default)]
struct Told<'a> {
    output: Option<i64>,
    delay: Option<i64>,
    interval: Option<i64>,
    part: Option<Str<'a>>,
    data: Option<Str<'a>>,
    operation: Option<Str<'a>>,
}

/// An entry of the camera's own white list.
#[derive(Default)]
pub(super) struct Listed<'a> {
    plate: Option<Str<'a>>,
    enable: Option<i64>,
    from: Option<Str<'a>>,
    to: Option<Str<'a>>,
}

/// One side of a group's record: who read which plate, and when.
#[derive(Clone, Copy, Default)]
struct Record<'a> {
    serial: Option<Str<'a>>,
    plate: Option<Str<'a>>,
    confidence: Option<Scalar<'a>>,
    direction: Option<Num<'a>>,
    /// Named `plate_color`, but a learner's plate has 13 there: it is the plate's type.
    plate_type: Option<i64>,
    trigger: Option<i64>,
    secs: Option<i64>,
    micros: Option<i64>,
    plate_box: Option<[i32; 4]>,
    /// What became of the entry in the group's book.
    state: Option<i64>,
}

impl<'a> CommandReply<'a> {
    pub(super) fn read(&mut self, json: &mut Json<'a>, key: &[u8]) {
        match key {
            b"cmd" => json.first_text(&mut self.command),
            b"id" => json.first_id(&mut self.id),
            b"state_code" => first(&mut self.status, json.take_int()),
            b"state" | b"response" => json.first_text(&mut self.state),
            b"timestamp" => first(&mut self.timestamp, json.take_int()),
            b"value" => first(&mut self.value, Some(json.take_scalar())),
            b"gpio" => first(&mut self.input, json.take_int()),
            b"serialno" | b"sn" => json.first_text(&mut self.serial),
            b"timestring" => json.first_text(&mut self.clock),
            b"max_id" | b"max_rec_id" => first(&mut self.newest, json.take_int()),
            b"active_id" => first(&mut self.active, json.take_int()),
            b"dldb_rec" => self.listed.read(json),
            b"plate" => json.first_text(&mut self.listed.plate),
            b"body" => json.members_if_any(|json, key| self.body(json, key)),
            _ => self.told.read(json, key),
        }
    }

    fn body(&mut self, json: &mut Json<'a>, key: &[u8]) {
        let [entry, exit] = &mut self.records;
        match key {
            b"record_type" => json.first_text(&mut self.record_type),
            b"input_record" => entry.read(json),
            b"output_record" => exit.read(json),
            b"vzid" => json.members_if_any(|json, key| self.camera(json, key)),
            b"all_gds" => {
                json.elements_if_any(|json, _| json.members_if_any(|json, key| self.member(json, key)));
            }
            _ => {}
        }
    }

    fn member(&mut self, json: &mut Json<'a>, key: &[u8]) {
        match key {
            b"is_connected" => first(&mut self.connected, json.take_truth()),
            b"vzid" => json.members_if_any(|json, key| self.camera(json, key)),
            _ => {}
        }
    }

    fn camera(&mut self, json: &mut Json<'a>, key: &[u8]) {
        match key {
            b"sn" => json.first_text(&mut self.serial),
            b"type" => json.first_text(&mut self.role),
            b"ip_addr" => json.first_text(&mut self.address),
            _ => {}
        }
    }

    /// What the document says.
    pub(super) fn into_reading(self) -> Result<Reading<'a>, DecodeError> {
        let Some(command) = self.command else {
            return Err(DecodeError::new(ErrorCode::Kind, 0, "cmd"));
        };
        if let Some(direction) = self.record_type.and_then(side) {
            let [entry, exit] = self.records;
            let record = if direction == Direction::Exit && exit.plate.is_some() { exit } else { entry };
            return record.into_reading(direction);
        }
        let mut reading = Reading::new(Kind::Config);
        reading.put("cmd", command.decode()?);
        self.put_answer(&mut reading)?;
        self.put_values(&mut reading, command)?;
        Ok(reading)
    }

    /// 200, `succeed` or `ok` says that the camera took the command, and no more.
    fn put_answer(&self, reading: &mut Reading<'a>) -> Result<(), DecodeError> {
        let proof = match (self.status, self.state) {
            (Some(200), _) => Proof::Accepted,
            (Some(408), _) => Proof::TimedOut,
            (Some(_), _) => Proof::Refused,
            (None, Some(word)) if says_done(word.raw()) => Proof::Accepted,
            (None, Some(_)) => Proof::Refused,
            (None, None) => return Ok(()),
        };
        reading.kind = Kind::Gate;
        reading.set(Fact::Command, self.id.map(Str::decode).transpose()?);
        reading.proof = Some(proof);
        if let Some(status) = self.status {
            reading.put("status", status);
        }
        Ok(())
    }

    fn put_values(&self, reading: &mut Reading<'a>, command: Str<'a>) -> Result<(), DecodeError> {
        let value = self.value.and_then(Scalar::text).filter(|_| command.raw() == b"getsn");
        // Asked for, a record has no proof beside its number; answered, the number is the answer's.
        if reading.proof.is_none() && matches!(command.raw(), b"get_record" | b"get_image") {
            reading.set(Fact::Record, self.id.map(Str::id).transpose()?);
        }
        reading.set(Fact::Device, self.serial.or(value).map(Str::decode).transpose()?);
        reading.device_time = self.timestamp.and_then(Instant::from_secs).map(DeviceTime::Utc);
        if let Some(input) = self.input {
            reading.put("input", input);
            if let Some(level) = self.value.and_then(Scalar::int) {
                reading.put("level", level);
            }
        }
        if let Some(role) = self.role {
            reading.put("role", role.decode()?);
        }
        for (name, text) in [("ip", self.address), ("clock", self.clock)] {
            if let Some(text) = text {
                reading.put(name, text.decode()?);
            }
        }
        if let Some(connected) = self.connected {
            reading.put("connected", connected);
        }
        if let Some(newest) = self.newest {
            reading.put("newest_record", newest);
        }
        if let Some(active) = self.active {
            reading.put("encryption", active);
        }
        self.told.put(reading, self.value, self.listed.plate)?;
        self.listed.put(reading)
    }
}

impl<'a> Told<'a> {
    fn read(&mut self, json: &mut Json<'a>, key: &[u8]) {
        match key {
            b"io" => first(&mut self.output, json.take_int()),
            b"delay" => first(&mut self.delay, json.take_int()),
            b"interval" => first(&mut self.interval, json.take_int()),
            // The manual has both spellings.
            b"subcmd" | b"sucmd" => json.first_text(&mut self.part),
            b"data" => json.first_text(&mut self.data),
            b"operator_type" => json.first_text(&mut self.operation),
            _ => {}
        }
    }

    fn put(
        &self,
        reading: &mut Reading<'a>,
        value: Option<Scalar<'a>>,
        plate: Option<Str<'a>>,
    ) -> Result<(), DecodeError> {
        let value = self.output.and(value).and_then(Scalar::int);
        for (name, number) in [
            ("output", self.output),
            ("output_value", value),
            ("delay_ms", self.delay),
            ("interval_s", self.interval),
        ] {
            if let Some(number) = number {
                reading.put(name, number);
            }
        }
        for (name, text) in [("subcmd", self.part), ("operation", self.operation)] {
            if let Some(text) = text {
                reading.put(name, text.decode()?);
            }
        }
        if let Some(data) = self.data {
            reading.put("serial_data", serial_hex(data)?);
        }
        // To delete no plate is to delete all of them.
        if self.operation.is_some_and(|word| word.raw() == b"delete")
            && plate.is_some_and(|plate| plate.raw().is_empty())
        {
            reading.put("clears_list", true);
        }
        Ok(())
    }
}

impl<'a> Listed<'a> {
    /// One entry, or an array whose first is told.
    pub(super) fn read(&mut self, json: &mut Json<'a>) {
        if json.is_array() {
            json.elements(|json, _| self.entry(json));
        } else {
            self.entry(json);
        }
    }

    fn entry(&mut self, json: &mut Json<'a>) {
        json.members_if_any(|json, key| match key {
            b"plate" => json.first_text(&mut self.plate),
            b"enable" => first(&mut self.enable, json.take_int()),
            b"enable_time" => json.first_text(&mut self.from),
            b"overdue_time" => json.first_text(&mut self.to),
            _ => {}
        })
    }

    pub(super) fn put(&self, reading: &mut Reading<'a>) -> Result<(), DecodeError> {
        if let Some(plate) = self.plate.filter(|plate| !plate.raw().is_empty()) {
            reading.put("listed_plate", plate.decode()?);
        }
        if let Some(enable) = self.enable {
            reading.put("listed_enable", enable);
        }
        if let Some(from) = self.from {
            reading.put("listed_from", from.decode()?);
        }
        if let Some(to) = self.to {
            reading.put("listed_to", to.decode()?);
        }
        Ok(())
    }
}

impl<'a> Record<'a> {
    fn read(&mut self, json: &mut Json<'a>) {
        json.members_if_any(|json, key| match key {
            b"device_name" => json.members_if_any(|json, key| {
                if key == b"sn" {
                    json.first_text(&mut self.serial);
                }
            }),
            b"ivs_result_param" => json.members_if_any(|json, key| self.result(json, key)),
            b"state" => first(&mut self.state, json.take_int()),
            _ => {}
        })
    }

    fn result(&mut self, json: &mut Json<'a>, key: &[u8]) {
        match key {
            b"plate" => json.first_text(&mut self.plate),
            b"confidence" => first(&mut self.confidence, Some(json.take_scalar())),
            b"direction" => first(&mut self.direction, json.take_scalar().number()),
            b"plate_color" => first(&mut self.plate_type, json.take_int()),
            b"trig_type" => first(&mut self.trigger, json.take_int()),
            b"location" => first(&mut self.plate_box, tables::rect(json)),
            b"timeval" => {
                json.members_if_any(|json, key| match key {
                    // UTC, as the vendor's examples are decoded, though there it is the wall clock of the file name too.
                    b"tv_sec" => first(&mut self.secs, json.take_int()),
                    b"tv_usec" => first(&mut self.micros, json.take_int()),
                    _ => {}
                });
            }
            _ => {}
        }
    }

    fn into_reading(self, direction: Direction) -> Result<Reading<'a>, DecodeError> {
        let mut reading = Reading::new(Kind::Plate);
        reading.direction = Some(direction);
        if let Some(text) = self.plate {
            plate::put_str(&mut reading, text);
        }
        reading.plate_confidence = self.confidence.and_then(Scalar::milli);
        reading.set(Fact::Direction, self.direction.map(Num::text));
        reading.set(Fact::Device, self.serial.map(Str::decode).transpose()?);
        if let Some(code) = self.plate_type {
            tables::put_type(&mut reading, Dialect::Vzenith, code);
        }
        if let Some(trigger) = self.trigger {
            reading.put("trigger", trigger);
        }
        if let Some(sides) = self.plate_box {
            reading.put("plate_box", sides);
        }
        match self.state {
            Some(0) => reading.put("group_state", "used"),
            Some(1) => reading.put("group_state", "unused"),
            Some(2) => reading.put("group_state", "invalid"),
            Some(3) => reading.put("group_state", "exit_without_entry"),
            Some(other) => reading.put("group_state", other),
            None => {}
        }
        let micros = self.micros.filter(|micros| (0..1_000_000).contains(micros)).unwrap_or(0);
        let at = self.secs.filter(|secs| *secs > 0).and_then(Instant::from_secs);
        reading.device_time = at.map(|at| DeviceTime::Utc(at + Span::from_nanos(micros * 1000)));
        Ok(reading)
    }
}

fn side(word: Str<'_>) -> Option<Direction> {
    match word.raw() {
        b"input" => Some(Direction::Entry),
        b"output" => Some(Direction::Exit),
        _ => None,
    }
}
