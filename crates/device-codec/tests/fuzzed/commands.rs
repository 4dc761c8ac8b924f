//! What is written is read back.

use device_codec::command::{Action, CommandError, Target, Wire, encode};
use device_codec::native::{Frame, Message, tlv_kind};
use device_codec::{Context, Protocol, Value, decode};
use parking_types::{Instant, Local, Plate};

use super::actions::every_action;

/// Every action for every protocol, with these bytes as number, clock and text: what is written is read back by our own
/// decoders, or by a JSON reader where the device alone reads it.
pub fn commanded(bytes: &[u8]) -> Result<(), String> {
    let (head, rest) = bytes.split_at_checked(9).unwrap_or((&[0; 9], bytes));
    let end = std::str::from_utf8(rest).map_or_else(|e| e.valid_up_to(), str::len);
    let text = std::str::from_utf8(&rest[..end]).unwrap_or_default();
    let number = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let local = Local::from_nanos(i64::from(number(0)) * 1_000_000_000);
    let plate = Plate::parse(text).or(Plate::parse("粤B12345")).map_err(|e| format!("{e:?}"))?;
    let lines: Vec<&str> = text.split('\n').collect();
    let actions = every_action(&lines, text, &plate, local, number(4));
    let target = Target {
        serial: Some("00000000000004a3"),
        id: text,
        pulse_ms: number(4),
        open_output: head[8],
        board: (head[8] & 1 == 1).then_some(head[8]),
        not_after: Instant::from_secs(i64::from(number(4))),
        ..Target::default()
    };
    for protocol in Protocol::ALL {
        for action in &actions {
            match encode(*protocol, action, &target) {
                Ok(wire) => readable(*protocol, action, &wire)
                    .map_err(|e| format!("{protocol} {}: {e} in {wire:?}", action.as_str()))?,
                Err(CommandError::NotSupported) => {}
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
    Ok(())
}

fn readable(protocol: Protocol, action: &Action<'_>, wire: &Wire) -> Result<(), String> {
    let json = |bytes: &[u8]| {
        serde_json::from_slice::<serde::de::IgnoredAny>(bytes).map(drop).map_err(|e| e.to_string())
    };
    let ours =
        |bytes: &[u8]| decode(protocol, bytes, &Context::default(), &mut |_| {}).map_err(|e| e.to_string());
    match (protocol, wire) {
        (Protocol::Parkline, Wire::Frame(bytes)) => native(action, bytes),
        (_, Wire::Frame(bytes)) => ours(bytes),
        (_, Wire::Reply(bytes)) => json(bytes).and_then(|()| ours(bytes)),
        (_, Wire::Publish { payload, .. }) => json(payload),
        (Protocol::HikvisionIsapi, Wire::Request { body, .. }) if !body.is_empty() => ours(body),
        (_, Wire::Request { body, .. }) if body.is_empty() => Ok(()),
        (_, Wire::Request { body, .. }) => json(body),
    }
}

/// The texts of a native command come back whole and in order.
fn native(action: &Action<'_>, bytes: &[u8]) -> Result<(), String> {
    let frame = Frame::new_checked(bytes).map_err(|e| e.to_string())?;
    let Ok(Some(Message::Command(command))) = frame.message() else { return Err("no command".into()) };
    if let Action::FreePlaces(places) = action
        && command.value != *places
    {
        return Err("another number".into());
    }
    let mut texts = Vec::new();
    for tlv in frame.tlvs() {
        let tlv = tlv.map_err(|e| e.to_string())?;
        texts.push((tlv.kind, tlv.text().map_err(|e| e.to_string())?));
    }
    let wanted: Vec<(u16, &str)> = match action {
        Action::Show { lines, say } => {
            let say = say.iter().map(|say| (tlv_kind::SAY, *say));
            lines.iter().map(|line| (tlv_kind::SHOW, *line)).chain(say).collect()
        }
        Action::Say(say) => vec![(tlv_kind::SAY, *say)],
        _ => Vec::new(),
    };
    if texts == wanted { Ok(()) } else { Err(format!("{texts:?}")) }
}

/// What a board is told to say and show is read back.
pub fn spoken(text: &str) -> Result<(), String> {
    let lines = [text, "2"];
    let target = Target::default();
    for action in [Action::Say(text), Action::Show { lines: &lines, say: Some(text) }] {
        let Ok(Wire::Frame(frame)) = encode(Protocol::Led0064, &action, &target) else { continue };
        let mut said = None;
        let outcome = decode(Protocol::Led0064, &frame, &Context::default(), &mut |reading| {
            said = reading.get("say").map(|value| match value {
                Value::Text(text) => text.to_string(),
                other => format!("{other:?}"),
            });
        });
        if outcome.is_err() || said.as_deref() != Some(text) {
            return Err(format!("{text:?} became {said:?}, {outcome:?}"));
        }
    }
    Ok(())
}
