//! The Vzenith family's commands: in the answer to a push or poll, as TCP frames, as MQTT messages.

use parking_types::Local;

use super::{Action, CommandError, Target, Topics, Wire, json, json::Object, serial};
use crate::base64;

/// The push that an answer answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Push<'a> {
    /// The vendor's number of the record ([`Reading::record`](crate::Reading::record)); absent for a poll.
    pub record: Option<&'a str>,
    /// The record came from the camera's cache: the answer releases the next one.
    pub offline: bool,
}

/// The answer to a camera's push, poll or sign of life, with all commands that wait for the camera.
///
/// It is always the whole object: one make sends a record for ever until it reads `retransfer_stop`, the others do not
/// mind. `info` is `ok` only for [`Action::Open`]; nothing else opens.
///
/// ```
/// use device_codec::command::{Action, Push, Target, vz_http_reply};
/// let push = Push { record: Some("90034"), offline: false };
/// let body = vz_http_reply(&[Action::Open], &push, &Target::default())?;
/// assert_eq!(
///     String::from_utf8_lossy(&body),
///     r#"{"Response_AlarmInfoPlate":{"info":"ok","plateid":90034,"channelNum":0,"content":"retransfer_stop","is_pay":"true"}}"#
/// );
/// # Ok::<(), device_codec::command::CommandError>(())
/// ```
///
/// # Errors
/// [`CommandError`] when one of the actions has no place in an answer; then nothing is written.
pub fn vz_http_reply(
    actions: &[Action<'_>],
    push: &Push<'_>,
    target: &Target<'_>,
) -> Result<Vec<u8>, CommandError> {
    let mut reply = Reply::default();
    for action in actions {
        reply.add(action, target)?;
    }
    let open = reply.open;
    Ok(json::object(|root| {
        root.object("Response_AlarmInfoPlate", |object| {
            object.text("info", if open { "ok" } else { "no" });
            if let Some(record) = push.record {
                object.number_or_text("plateid", record);
            }
            object.int("channelNum", 0).text("content", "retransfer_stop");
            object.text("is_pay", if open { "true" } else { "false" });
            reply.write(object, target);
            if let Some(record) = push.record.filter(|_| push.offline) {
                object.object("ContinuePushOffline", |next| {
                    next.number_or_text("plateid", record).int("continue", 1);
                });
            }
        });
    }))
}

/// What an answer holds beside its fixed part.
#[derive(Default)]
struct Reply<'a> {
    open: bool,
    capture: bool,
    relay: Option<Relay>,
    say: Option<&'a str>,
    frames: Vec<Vec<u8>>,
    listed: Vec<(&'a Action<'a>, i64)>,
}

/// What a relay does.
#[derive(Clone, Copy)]
struct Relay {
    output: u8,
    /// 0 off, 1 on, 2 a pulse.
    value: i64,
}

impl<'a> Reply<'a> {
    fn add(&mut self, action: &'a Action<'a>, target: &Target<'_>) -> Result<(), CommandError> {
        match action {
            Action::Open => self.open = true,
            Action::Close | Action::Hold | Action::Normal => self.relay = Some(relay(action, target)?),
            Action::Capture => self.capture = true,
            Action::Say(text) if target.board.is_none() => self.say = Some(text),
            Action::Say(_) | Action::Show { .. } | Action::SetClock { .. } => {
                let board = target.board.ok_or(CommandError::Missing("board"))?;
                self.frames.push(serial::led(action, board)?);
            }
            Action::ListAdd { .. } => self.list(action, 0)?,
            Action::ListRemove { .. } => self.list(action, 1)?,
            _ => return Err(CommandError::NotSupported),
        }
        Ok(())
    }

    /// An answer holds one operation on the list; another kind has to wait for the next answer.
    fn list(&mut self, action: &'a Action<'a>, operation: i64) -> Result<(), CommandError> {
        if self.listed.iter().any(|(_, before)| *before != operation) {
            return Err(CommandError::Value("list"));
        }
        self.listed.push((action, operation));
        Ok(())
    }

    fn write(&self, object: &mut Object<'_>, target: &Target<'_>) {
        if !self.frames.is_empty() {
            object.objects("serialData", &self.frames, |item, frame| {
                item.int("serialChannel", 0).text("data", &encoded(frame)).int("dataLen", frame.len() as i64);
            });
        }
        if let Some(say) = self.say {
            object.object("playserver_json_request", |voice| voice_body(voice, say));
        }
        if let Some(relay) = self.relay {
            object.object("ivs_ioctrl", |io| relay_body(io, relay, target.pulse_ms));
        }
        if self.capture {
            object.text("manualTrigger", "ok");
            if !target.id.is_empty() {
                object.text("msgId", target.id);
            }
        }
        if let Some((_, operation)) = self.listed.first() {
            object.object("white_list_operate", |list| {
                list.int("operate_type", *operation);
                list.objects("white_list_data", &self.listed, |item, (action, _)| list_item(item, action));
            });
        }
    }
}

/// The manual's limit for a body.
const BODY_MAX: usize = 1 << 20;

/// A frame of the TCP protocol with one command.
pub(super) fn tcp(action: &Action<'_>, target: &Target<'_>) -> Result<Vec<u8>, CommandError> {
    let text = tcp_body(action, target)?;
    let (body, _, lost) = encoding_rs::GBK.encode(&text);
    if lost {
        return Err(CommandError::Encoding("text"));
    }
    if body.len() > BODY_MAX { Err(CommandError::TooLong("text")) } else { Ok(framed(&body)) }
}

/// The header of a JSON body of at most [`BODY_MAX`] bytes, and the body.
pub(super) fn framed(body: &[u8]) -> Vec<u8> {
    let mut frame = vec![b'V', b'Z', 0, 0];
    frame.extend((body.len() as u32).to_be_bytes());
    frame.extend_from_slice(body);
    frame
}

fn tcp_body(action: &Action<'_>, target: &Target<'_>) -> Result<String, CommandError> {
    let mut out = Vec::new();
    let mut object = Object::open(&mut out);
    match action {
        Action::Open | Action::Close | Action::Hold | Action::Normal => {
            let relay = relay(action, target)?;
            object.text("cmd", "ioctl");
            relay_body(&mut object, relay, target.pulse_ms);
        }
        Action::Say(text) if target.board.is_none() => {
            object.text("cmd", "playserver_json_request").object("body", |voice| voice_body(voice, text));
        }
        Action::Say(_) | Action::Show { .. } => {
            let frame = serial::led(action, target.board.ok_or(CommandError::Missing("board"))?)?;
            object.text("cmd", "ttransmission").text("subcmd", "send").text("comm", "rs485-1");
            object.int("datalen", frame.len() as i64).text("data", &encoded(&frame));
        }
        Action::SetClock { local } => {
            object.text("cmd", "set_time").text("timestring", &stamp(*local));
        }
        Action::Capture => {
            object.text("cmd", "trigger");
        }
        Action::Query => {
            object.text("cmd", "get_gpio_value").int("gpio", 0);
        }
        Action::ListAdd { .. } => {
            object.text("cmd", "white_list_operator").text("operator_type", "update_or_add");
            object.object("dldb_rec", |item| list_item(item, action));
        }
        Action::ListRemove { plate } => {
            object
                .text("cmd", "white_list_operator")
                .text("operator_type", "delete")
                .text("plate", plate.as_str());
        }
        _ => return Err(CommandError::NotSupported),
    }
    object.close();
    String::from_utf8(out).map_err(|_| CommandError::Encoding("text"))
}

/// An MQTT message with one command: the topic names it, the envelope repeats it.
pub(super) fn mqtt(action: &Action<'_>, target: &Target<'_>) -> Result<Wire, CommandError> {
    let serial_number = target.serial.ok_or(CommandError::Missing("serial"))?;
    let name = match action {
        Action::Open | Action::Close | Action::Hold | Action::Normal => "gpio_out",
        Action::Say(_) if target.board.is_none() => "tts_voice",
        Action::Say(_) | Action::Show { .. } => "serial_data",
        Action::SetClock { .. } => "set_time",
        Action::ListAdd { .. } | Action::ListRemove { .. } => "white_list_operator",
        Action::Capture => "ivs_trigger",
        _ => return Err(CommandError::NotSupported),
    };
    let mut body = Vec::new();
    let mut object = Object::open(&mut body);
    mqtt_body(&mut object, action, target)?;
    object.close();
    let mut payload = Vec::new();
    let mut envelope = Object::open(&mut payload);
    envelope.text("id", target.id).text("sn", serial_number).text("name", name).text("version", "1.0");
    envelope.int("timestamp", target.at.as_secs());
    envelope.object("payload", |inner| {
        inner.text("type", name).raw("body", &body);
    });
    envelope.close();
    let topic = match target.topics {
        Topics::Device => format!("device/{serial_number}/message/down/{name}"),
        Topics::Serial => format!("{serial_number}/device/message/down/{name}"),
        Topics::Sys => format!("device/{serial_number}/sys/message/down/{name}"),
    };
    Ok(Wire::Publish { topic, payload })
}

fn mqtt_body(object: &mut Object<'_>, action: &Action<'_>, target: &Target<'_>) -> Result<(), CommandError> {
    match action {
        Action::Open | Action::Close | Action::Hold | Action::Normal => {
            relay_body(object, relay(action, target)?, target.pulse_ms);
        }
        Action::Say(text) if target.board.is_none() => {
            voice_body(object, text);
            // The name that integrators' cameras read over MQTT.
            object.text("voice_data", &encoded(text.as_bytes()));
        }
        Action::Say(_) | Action::Show { .. } => {
            let frame = serial::led(action, target.board.ok_or(CommandError::Missing("board"))?)?;
            object.objects("serialData", [&frame], |item, frame| {
                item.int("serialChannel", 0).text("data", &encoded(frame)).int("dataLen", frame.len() as i64);
            });
        }
        Action::SetClock { local } => {
            let (year, month, day) = local.date().ymd();
            let secs = local.nanos_of_day() / 1_000_000_000;
            object.text("year", &format!("{year:04}")).text("month", &format!("{month:02}"));
            object.text("day", &format!("{day:02}")).text("hour", &format!("{:02}", secs / 3600));
            object.text("min", &format!("{:02}", secs / 60 % 60)).text("sec", &format!("{:02}", secs % 60));
        }
        Action::ListAdd { .. } => {
            // One object and plain text, as the vendor's own platform sends it.
            object.text("operator_type", "update_or_add");
            object.object("dldb_rec", |item| list_item(item, action));
        }
        Action::ListRemove { plate } => {
            object.text("operator_type", "delete").text("plate", plate.as_str());
        }
        _ => {}
    }
    Ok(())
}

/// Open and close are pulses on a relay each; hold keeps the opening relay closed, normal lets it go.
fn relay(action: &Action<'_>, target: &Target<'_>) -> Result<Relay, CommandError> {
    let (output, value) = match action {
        Action::Open => (target.open_output, 2),
        Action::Close => (target.close_output.ok_or(CommandError::Missing("close_output"))?, 2),
        Action::Hold => (target.open_output, 1),
        Action::Normal => (target.open_output, 0),
        _ => return Err(CommandError::NotSupported),
    };
    if output > 3 {
        return Err(CommandError::Value("output"));
    }
    if target.pulse_ms > 600_000 { Err(CommandError::Value("pulse_ms")) } else { Ok(Relay { output, value }) }
}

fn relay_body(object: &mut Object<'_>, relay: Relay, pulse_ms: u32) {
    object.int("io", i64::from(relay.output)).int("value", relay.value).int("delay", i64::from(pulse_ms));
}

fn voice_body(object: &mut Object<'_>, text: &str) {
    object.text("type", "ps_voice_play").text("voice", &encoded(text.as_bytes()));
    object.int("voice_interval", 0).int("voice_volume", 100).int("voice_male", 1);
}

fn list_item(object: &mut Object<'_>, action: &Action<'_>) {
    match action {
        Action::ListAdd { plate, from, to } => {
            object.text("plate", plate.as_str()).int("enable", 1).int("need_alarm", 0);
            object.text("enable_time", &stamp(*from)).text("overdue_time", &stamp(*to));
        }
        Action::ListRemove { plate } => {
            object.text("plate", plate.as_str());
        }
        _ => {}
    }
}

/// `2026-03-02 08:00:00`
fn stamp(local: Local) -> String {
    local.to_string().replace('T', " ")
}

fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    base64::encode(bytes, &mut text);
    text
}
