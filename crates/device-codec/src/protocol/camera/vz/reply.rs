//! Our own answers, as a log of the line has them: what the camera was told.

use super::command_reply::Listed;
use crate::{
    base64,
    error::{DecodeError, ErrorCode},
    json::{Json, Str, first},
    reading::Reading,
    text::Text,
};

/// The longest serial data, in bytes: the boards behind the camera take less than 263.
const SERIAL_MAX: usize = 512;

/// A `Response_AlarmInfoPlate`.
#[derive(Default)]
pub(super) struct Reply<'a> {
    info: Option<Str<'a>>,
    content: Option<Str<'a>>,
    trigger: Option<Str<'a>>,
    message: Option<Str<'a>>,
    serial: Option<Str<'a>>,
    relay: [Option<i64>; 3],
    say: Option<Str<'a>>,
    pay: Option<Str<'a>>,
    list: Option<i64>,
    listed: Listed<'a>,
    image: bool,
    levels: bool,
    released: Option<Str<'a>>,
}

impl<'a> Reply<'a> {
    pub(super) fn read(&mut self, json: &mut Json<'a>, key: &[u8]) {
        let [output, value, delay] = &mut self.relay;
        match key {
            b"info" => json.first_text(&mut self.info),
            b"content" => json.first_text(&mut self.content),
            b"manualTrigger" => json.first_text(&mut self.trigger),
            b"msgId" => json.first_text(&mut self.message),
            b"serialData" => {
                json.elements_if_any(|json, _| {
                    json.members_if_any(|json, key| {
                        if key == b"data" {
                            json.first_text(&mut self.serial);
                        }
                    })
                });
            }
            b"ivs_ioctrl" => {
                json.members_if_any(|json, key| match key {
                    b"io" => first(output, json.take_int()),
                    b"value" => first(value, json.take_int()),
                    b"delay" => first(delay, json.take_int()),
                    _ => {}
                });
            }
            b"is_pay" => json.first_text(&mut self.pay),
            b"get_iostate" => {
                self.levels = true;
                json.pass();
            }
            b"TriggerImage" => {
                self.image = true;
                json.pass();
            }
            b"playserver_json_request" => {
                json.members_if_any(|json, key| {
                    if key == b"voice" {
                        json.first_text(&mut self.say);
                    }
                });
            }
            b"white_list_operate" => {
                json.members_if_any(|json, key| match key {
                    b"operate_type" => first(&mut self.list, json.take_int()),
                    b"white_list_data" => self.listed.read(json),
                    _ => {}
                });
            }
            b"ContinuePushOffline" => {
                json.members_if_any(|json, key| {
                    if key == b"plateid" {
                        json.first_id(&mut self.released);
                    }
                });
            }
            _ => {}
        }
    }

    /// What was told. Only the exact lower-case `ok` opens.
    pub(super) fn put(&self, reading: &mut Reading<'a>) -> Result<(), DecodeError> {
        match self.info {
            Some(info) if info.raw() == b"ok" => reading.put("sent", "open"),
            Some(info) => reading.put("info", info.decode()?),
            None if self.trigger.is_some_and(|word| word.raw() == b"ok") => reading.put("sent", "capture"),
            None if self.levels => reading.put("sent", "query"),
            None => {}
        }
        for (name, text) in
            [("content", self.content), ("message", self.message), ("released", self.released)]
        {
            if let Some(text) = text {
                reading.put(name, text.decode()?);
            }
        }
        if let Some(serial) = self.serial {
            reading.put("serial_data", serial_hex(serial)?);
        }
        for (name, value) in ["output", "output_value", "delay_ms"].into_iter().zip(self.relay) {
            if let Some(value) = value {
                reading.put(name, value);
            }
        }
        if let Some(pay) = self.pay {
            reading.put("is_pay", pay.decode()?);
        }
        if let Some(say) = self.say {
            reading.put("say", spoken(say)?);
        }
        if self.image {
            reading.put("image", true);
        }
        if let Some(operation) = self.list {
            reading.put("list_operation", operation);
        }
        self.listed.put(reading)
    }
}

/// What the camera is to say: base64 of UTF-8, or text as it stands.
fn spoken(say: Str<'_>) -> Result<Text<'_>, DecodeError> {
    let mut bytes = [0; SERIAL_MAX];
    let plain = base64::decode(say.raw(), &mut bytes).and_then(|bytes| core::str::from_utf8(bytes).ok());
    plain.map_or_else(|| say.decode(), |plain| Ok(Text::own(plain)))
}

/// Serial data as hex.
pub(super) fn serial_hex(data: Str<'_>) -> Result<Text<'static>, DecodeError> {
    let mut bytes = [0; SERIAL_MAX];
    let plain = base64::decode(data.raw(), &mut bytes);
    plain.map(Text::hex).ok_or(DecodeError::new(ErrorCode::Encoding, data.at(), "data"))
}
