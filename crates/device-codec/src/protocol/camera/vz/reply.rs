//! Our own answers, as a log of the line has them: what the camera was told.

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
    relay: [Option<i64>; 2],
    released: Option<Str<'a>>,
}

impl<'a> Reply<'a> {
    pub(super) fn read(&mut self, json: &mut Json<'a>, key: &[u8]) {
        let [output, value] = &mut self.relay;
        match key {
            b"info" => first(&mut self.info, json.take_text()),
            b"content" => first(&mut self.content, json.take_text()),
            b"manualTrigger" => first(&mut self.trigger, json.take_text()),
            b"msgId" => first(&mut self.message, json.take_text()),
            b"serialData" => {
                json.elements_if_any(|json, _| {
                    json.members_if_any(|json, key| {
                        if key == b"data" {
                            first(&mut self.serial, json.take_text());
                        }
                    })
                });
            }
            b"ivs_ioctrl" => {
                json.members_if_any(|json, key| match key {
                    b"io" => first(output, json.take_int()),
                    b"value" => first(value, json.take_int()),
                    _ => {}
                });
            }
            b"ContinuePushOffline" => {
                json.members_if_any(|json, key| {
                    if key == b"plateid" {
                        first(&mut self.released, json.take_id());
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
            None if self.is_empty() => reading.put("sent", "capture"),
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
        for (name, value) in ["output", "output_value"].into_iter().zip(self.relay) {
            if let Some(value) = value {
                reading.put(name, value);
            }
        }
        Ok(())
    }

    /// Nothing was read: the document is the bare order to read a plate.
    fn is_empty(&self) -> bool {
        let texts = [self.content, self.message, self.serial, self.released];
        texts.iter().all(Option::is_none) && self.relay == [None; 2]
    }
}

/// Serial data as hex.
pub(super) fn serial_hex(data: Str<'_>) -> Result<Text<'static>, DecodeError> {
    let mut bytes = [0; SERIAL_MAX];
    let plain = base64::decode(data.raw(), &mut bytes);
    plain.map(Text::hex).ok_or(DecodeError::new(ErrorCode::Encoding, data.at(), "data"))
}
