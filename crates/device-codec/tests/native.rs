//! The native frame: the published vectors, which a second implementation made from the specification, and what must
//! hold for every frame.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use device_codec::native::{
    Ack, BayState, Command, CommandAction, Frame, Head, Heartbeat, Key, Loops, Message, Occupancy,
    PlateEvent, Reason, Split, cobs_decode, cobs_encode, flag, push_tlv, tlv_kind,
};
use device_codec::{Context, ErrorCode, Protocol, decode, explain};
use parking_types::Instant;
use proptest::prelude::*;
use serde_json::Value;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn vectors() -> Vec<Value> {
    include_str!("data/native.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn reading(frame: &[u8]) -> Result<Value, device_codec::DecodeError> {
    let mut json = Vec::new();
    decode(Protocol::Parkline, frame, &Context::default(), &mut |reading| reading.write_json(&mut json))?;
    Ok(serde_json::from_slice(&json).unwrap())
}

fn assert_says(have: &Value, wanted: &Value, name: &str) {
    match (have, wanted) {
        (Value::Object(have), Value::Object(wanted)) => {
            for (key, wanted) in wanted {
                assert_says(have.get(key).unwrap_or_else(|| panic!("{name}: no {key}")), wanted, name);
            }
        }
        (Value::Number(have), Value::Number(wanted)) => assert_eq!(have.as_f64(), wanted.as_f64(), "{name}"),
        _ => assert_eq!(have, wanted, "{name}"),
    }
}

#[test]
fn the_published_vectors() {
    for vector in vectors() {
        let name = vector["name"].as_str().unwrap();
        let bytes = hex(vector["frame"].as_str().unwrap());
        if let Some(code) = vector.get("error") {
            let error = reading(&bytes).unwrap_err();
            assert_eq!(
                (&Value::from(error.code.as_str()), &Value::from(error.offset)),
                (code, &vector["offset"]),
                "{name}"
            );
            continue;
        }
        let have = reading(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        if let Some(wanted) = vector.get("reading") {
            assert_says(&have, wanted, name);
        }
        let frame = Frame::new_checked(&bytes).unwrap();
        let key = vector.get("key").map(|key| Key::new(&hex(key.as_str().unwrap())));
        if let Some(key) = &key {
            frame.verify(key).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(frame.verify(&Key::new(b"other")).unwrap_err().code, ErrorCode::Tag);
        }
    }
}

/// The encoder writes the very bytes of the second implementation.
#[test]
fn the_encoder_writes_the_published_bytes() {
    let mut same = 0;
    for vector in vectors().iter().filter(|vector| vector.get("error").is_none()) {
        let bytes = hex(vector["frame"].as_str().unwrap());
        let frame = Frame::new_checked(&bytes).unwrap();
        let Some(message) = frame.message().unwrap() else { continue };
        let mut tlvs = Vec::new();
        for tlv in frame.tlvs() {
            let tlv = tlv.unwrap();
            push_tlv(&mut tlvs, tlv.kind, tlv.data).unwrap();
        }
        let key = vector.get("key").map(|key| Key::new(&hex(key.as_str().unwrap())));
        let written = message.encode_with(&frame.head(), &tlvs, key.as_ref());
        // One vector has a longer header and fixed part than this version writes.
        if written.len() == bytes.len() {
            assert_eq!(written, bytes, "{}", vector["name"]);
            same += 1;
        }
    }
    assert_eq!(same, 18);
}

#[test]
fn a_frame_is_explained_up_to_where_it_breaks() {
    let bytes = hex(vectors()[0]["frame"].as_str().unwrap());
    let whole = explain(Protocol::Parkline, &bytes, &Context::default());
    assert_eq!(whole.error, None);
    let read: usize = whole.fields.iter().map(|field| field.len).sum();
    assert_eq!(read, bytes.len(), "every byte is in one field");
    let cut = explain(Protocol::Parkline, &bytes[..30], &Context::default());
    assert_eq!(cut.error.unwrap().code, ErrorCode::Truncated);
    assert_eq!(cut.fields.last().unwrap().name, "not reached");
}

#[test]
fn lengths_of_four_gigabytes_are_not_believed() {
    let mut bytes = hex(vectors()[0]["frame"].as_str().unwrap());
    bytes[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(Frame::split(&bytes), Split::Skip(_, error) if error.code == ErrorCode::TooLarge));
}

fn head() -> impl Strategy<Value = Head> {
    (0u16..64, any::<u32>(), any::<u64>(), any::<u32>(), any::<u32>(), 1i64..4_000_000_000_000_000).prop_map(
        |(flags, key_id, device_id, boot_id, seq, micros)| Head {
            flags: flags & !(flag::TAG | flag::ENCRYPTED),
            key_id,
            device_id,
            boot_id,
            seq,
            sent_at: Some(Instant::from_nanos(micros * 1000)),
        },
    )
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        (any::<u32>(), any::<u16>(), any::<i16>(), any::<u8>(), any::<i8>(), any::<u8>()).prop_map(
            |(queued, battery_mv, temperature, state, rssi, loops)| Message::Heartbeat(Heartbeat {
                queued,
                oldest_s: queued / 2,
                battery_mv,
                temperature,
                state: Occupancy(state),
                clock: state,
                rssi,
                loops: Loops(loops),
            })
        ),
        (any::<i64>(), any::<u32>(), any::<u8>(), any::<u8>(), any::<[i16; 3]>()).prop_map(
            |(at, berth, state, reason, field)| Message::BayState(BayState {
                at,
                berth,
                state: Occupancy(state),
                reason: Reason(reason),
                field,
                baseline: field,
                ..BayState::default()
            })
        ),
        (any::<[u8; 16]>(), any::<i64>(), any::<u8>(), any::<[u8; 8]>()).prop_map(
            |(event_id, at, color, area)| {
                Message::PlateEvent(PlateEvent { event_id, at, color, area, ..PlateEvent::default() })
            }
        ),
        (any::<u32>(), any::<u64>()).prop_map(|(up_to, later)| Message::Ack(Ack {
            up_to,
            later,
            ..Ack::default()
        })),
        (any::<[u8; 32]>(), any::<i64>(), any::<u8>()).prop_map(|(command_id, not_after, action)| {
            Message::Command(Command {
                command_id,
                not_after,
                action: CommandAction(action),
                ..Command::default()
            })
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        head in head(),
        message in message(),
        text in "[a-zäß京0-9]{0,40}",
        secret in proptest::option::of(any::<[u8; 32]>()),
    ) {
        let key = secret.map(|secret| Key::new(&secret));
        let mut tlvs = Vec::new();
        push_tlv(&mut tlvs, tlv_kind::SHOW, text.as_bytes()).unwrap();
        let bytes = message.encode_with(&head, &tlvs, key.as_ref());
        let frame = Frame::new_checked(&bytes).unwrap();
        let flags = head.flags | if key.is_some() { flag::TAG } else { 0 };
        prop_assert_eq!(frame.head(), Head { flags, ..head });
        prop_assert_eq!(frame.message().unwrap(), Some(message));
        let read: Vec<_> = frame.tlvs().map(|tlv| tlv.unwrap().text().unwrap().to_owned()).collect();
        prop_assert_eq!(read, [text]);
        if let Some(key) = &key {
            prop_assert!(frame.verify(key).is_ok());
        }
        let mut line = Vec::new();
        cobs_encode(&bytes, &mut line);
        line.pop();
        prop_assert_eq!(cobs_decode(&line), Some(bytes));
    }

    /// A heartbeat without TLVs is read in one go, any other frame field by field: both say the same.
    #[test]
    fn a_plain_heartbeat_says_the_same_as_any_other(
        head in head(),
        message in message(),
        secret in proptest::option::of(any::<[u8; 32]>()),
    ) {
        const UNKNOWN: u16 = 0x7ff0;
        let key = secret.map(|secret| Key::new(&secret));
        let mut tlvs = Vec::new();
        push_tlv(&mut tlvs, UNKNOWN, &[]).unwrap();
        let plain = reading(&message.encode(&head, key.as_ref()));
        let other = reading(&message.encode_with(&head, &tlvs, key.as_ref()));
        prop_assert_eq!(plain.map_err(|e| e.code), other.map_err(|e| e.code));
    }

    #[test]
    fn one_flipped_bit_is_noticed(message in message(), head in head(), bit in any::<prop::sample::Index>()) {
        let mut bytes = message.encode(&head, None);
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Frame::new_checked(&bytes).is_err());
    }

    #[test]
    fn frames_are_found_behind_any_noise(noise in proptest::collection::vec(any::<u8>(), 0..80), message in message()) {
        let frame = message.encode(&Head::default(), None);
        let mut stream: Vec<u8> = noise.clone();
        stream.extend_from_slice(&frame);
        // Room for what noise may announce, so that a false start is judged and passed over.
        stream.resize(stream.len() + 70_000, 0);
        let mut rest = stream.as_slice();
        let mut found = false;
        while !rest.is_empty() && !found {
            match Frame::split(rest) {
                Split::Complete(have) => found = have.bytes() == frame.as_slice(),
                Split::Skip(len, _) => {
                    prop_assert!((1..=rest.len()).contains(&len));
                    rest = &rest[len..];
                }
                Split::NeedMore(_) => break,
            }
        }
        prop_assert!(found);
    }
}
