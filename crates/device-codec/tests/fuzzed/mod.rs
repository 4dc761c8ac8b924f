//! What the fuzz targets do with their bytes; `kept_finds.rs` does the same with kept finds.
#![allow(unreachable_pub)]

use device_codec::envelope::{Network, open};
use device_codec::manual;
use device_codec::native::{Frame, Key, Split, cobs_decode, cobs_encode, push_tlv};
use device_codec::{Context, Protocol, decode, explain, json_path};

mod actions;
mod commands;
pub use commands::{commanded, spoken};

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

/// Any bytes behind a number and a port, as any protocol: readings are JSON, `explain` ends where `decode` does, and a
/// frame that fails gives nothing.
pub fn printed(bytes: &[u8]) -> Result<(), String> {
    let [pick, port, bytes @ ..] = bytes else { return Ok(()) };
    let protocol = Protocol::ALL[usize::from(*pick) % Protocol::ALL.len()];
    let context = Context { port: Some(*port), ..Context::default() };
    let mut all = Vec::new();
    let outcome = decode(protocol, bytes, &context, &mut |reading| {
        let mut json = Vec::new();
        reading.write_json(&mut json);
        all.push(json);
    });
    for json in &all {
        serde_json::from_slice::<serde::de::IgnoredAny>(json).map_err(|e| format!("{protocol}: {e}"))?;
    }
    if explain(protocol, bytes, &context).error != outcome.err() {
        return Err(format!("{protocol}: explain ends elsewhere than decode"));
    }
    match outcome {
        Err(error) if error.offset > bytes.len() || !all.is_empty() => Err(format!("{protocol}: {error}")),
        _ => Ok(()),
    }
}

const SENSORS: [(Protocol, u8); 30] = [
    (Protocol::BoschTps110, 1),
    (Protocol::BoschTps110, 2),
    (Protocol::BoschTps110, 3),
    (Protocol::BoschTps110, 4),
    (Protocol::BoschTps110, 5),
    (Protocol::BoschTps110, 6),
    (Protocol::PniPlacepod, 0),
    (Protocol::NwaveNps310, 3),
    (Protocol::NwaveNps405, 1),
    (Protocol::NwaveNps405, 2),
    (Protocol::NwaveNps405, 10),
    (Protocol::NwaveNcc405, 2),
    (Protocol::NetvoxR719a, 6),
    (Protocol::NetvoxR719a, 7),
    (Protocol::DingtekDo200, 3),
    (Protocol::DingtekDo201, 3),
    (Protocol::Libelium11, 0),
    (Protocol::LibeliumSp2, 0),
    (Protocol::TekzitelTekzipark, 1),
    (Protocol::TekzitelTekzipark, 2),
    (Protocol::CicicomSlgi3, 0),
    (Protocol::F6213, 0),
    (Protocol::BoschTps110, 7),
    (Protocol::NwaveNps310, 1),
    (Protocol::NwaveNps405, 3),
    (Protocol::NwaveNps405, 6),
    (Protocol::NwaveNcc405, 1),
    (Protocol::NwaveNcc405, 3),
    (Protocol::DingtekDo202, 3),
    (Protocol::TekzitelTekzipark, 3),
];

/// Binary sensors on their real ports: a frame that is sound says something.
pub fn sensor(bytes: &[u8]) -> Result<(), String> {
    let [pick, bytes @ ..] = bytes else { return Ok(()) };
    let (protocol, port) = SENSORS[usize::from(*pick) % SENSORS.len()];
    let context = Context { port: Some(port), ..Context::default() };
    let mut readings = 0;
    let outcome = decode(protocol, bytes, &context, &mut |_| readings += 1);
    if outcome.is_ok() == (readings > 0) {
        Ok(())
    } else {
        Err(format!("{protocol}: {readings}, {outcome:?}"))
    }
}

/// The native frame: what decodes is written again and reads the same; streams always go forward; COBS comes back.
pub fn native(bytes: &[u8]) -> Result<(), String> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match Frame::split(rest) {
            Split::Complete(frame) => {
                again(&frame)?;
                rest = &rest[frame.len()..];
            }
            Split::Skip(0, _) => return Err("stands still".into()),
            Split::Skip(len, _) => rest = &rest[len..],
            Split::NeedMore(len) if len > rest.len() => break,
            Split::NeedMore(len) => return Err(format!("wants {len} of {}", rest.len())),
        }
    }
    let mut line = Vec::new();
    cobs_encode(bytes, &mut line);
    line.pop();
    let _ = cobs_decode(bytes);
    if cobs_decode(&line).as_deref() == Some(bytes) { Ok(()) } else { Err("COBS does not come back".into()) }
}

/// A frame whose message this version knows reads the same after it was written anew.
fn again(frame: &Frame<'_>) -> Result<(), String> {
    let Ok(Some(message)) = frame.message() else { return Ok(()) };
    let mut tlvs = Vec::new();
    for tlv in frame.tlvs() {
        let Ok(tlv) = tlv else { return Ok(()) };
        push_tlv(&mut tlvs, tlv.kind, tlv.data).ok_or("a TLV that fitted does not fit")?;
    }
    let key = frame.is_tagged().then(|| Key::new(b"fuzz"));
    let written = message.encode_with(&frame.head(), &tlvs, key.as_ref());
    let read = Frame::new_checked(&written).map_err(|e| e.to_string())?;
    if (read.head(), read.message()) == (frame.head(), Ok(Some(message))) {
        Ok(())
    } else {
        Err("reads otherwise".into())
    }
}

/// JSON that is not a camera's: the YunParking gateway, people's actions, network servers' envelopes.
pub fn documents(bytes: &[u8]) -> Result<(), String> {
    let _ = decode(Protocol::YuncitysGateway, bytes, &Context::default(), &mut |_| {});
    for network in Network::ALL {
        if open(*network, bytes).is_err_and(|error| error.offset > bytes.len()) {
            return Err("an error behind the end".into());
        }
    }
    match manual::Action::parse(bytes) {
        Ok(action) => {
            let mut written = Vec::new();
            action.write_json(&mut written);
            let same = manual::Action::parse(&written).as_ref() == Ok(&action);
            if same { Ok(()) } else { Err("the canonical form reads otherwise".into()) }
        }
        Err(error) if error.offset > bytes.len() => Err("an error behind the end".into()),
        Err(error) => {
            let _ = json_path(bytes, error.offset);
            Ok(())
        }
    }
}
