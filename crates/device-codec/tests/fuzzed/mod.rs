//! What the fuzz targets of the camera families do with their bytes; `camera_fuzzed.rs` does the same with kept finds.
#![allow(unreachable_pub)]

use device_codec::command::{Action, Target, Wire, encode};
use device_codec::{Context, Protocol, Value, decode, explain};

/// The protocols of one family.
pub type Family = &'static [Protocol];

pub const VZ: Family =
    &[Protocol::VzHttp, Protocol::QianyiHttp, Protocol::AlphadigiHttp, Protocol::VzTcp, Protocol::VzMqtt];
pub const TEXT: Family = &[Protocol::HikvisionIsapi, Protocol::DahuaHttp, Protocol::Lilin, Protocol::AxisFf];
pub const FEEDS: Family = &[
    Protocol::Gat1400,
    Protocol::Openalpr,
    Protocol::PlateRecognizer,
    Protocol::Survision,
    Protocol::GroundLockDudu,
];
pub const BOARDS: Family = &[Protocol::BarrierAa55, Protocol::Led0064, Protocol::MilesightTcp];

/// Decodes and prints any bytes; readings are JSON, errors and fields lie within the bytes.
pub fn any(family: Family, bytes: &[u8]) -> Result<(), String> {
    let typed = Context { content_type: Some("multipart/form-data; boundary=b"), ..Context::default() };
    for protocol in family {
        for context in [Context::default(), typed] {
            let mut json = Vec::new();
            let outcome = decode(*protocol, bytes, &context, &mut |reading| {
                json.clear();
                reading.write_json(&mut json);
            });
            if !json.is_empty() {
                serde_json::from_slice::<serde::de::IgnoredAny>(&json)
                    .map_err(|e| format!("{protocol}: {e}"))?;
            }
            if outcome.is_err_and(|e| e.offset > bytes.len()) {
                return Err(format!("{protocol}: an error behind the end"));
            }
        }
        let printed = explain(*protocol, bytes, &typed);
        if printed.fields.iter().any(|field| field.offset > bytes.len()) {
            return Err(format!("{protocol}: a field behind the end"));
        }
    }
    Ok(())
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
