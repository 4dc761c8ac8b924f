//! Binary protocols never touch the heap: every published frame is decoded under a counting allocator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use allocation_counter::measure;
use device_codec::command::{Action, Target, Wire, encode};
use device_codec::native::{Frame, Key};
use device_codec::{Context, Kind, Payload, Protocol, Reading, Text, Value, decode};

mod vectors;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn assert_none(what: &str, protocol: Protocol, port: Option<u8>, bytes: &[u8]) {
    let context = Context { port, ..Context::default() };
    let mut readings = 0;
    let counted = measure(|| {
        let _ = decode(protocol, bytes, &context, &mut |reading| {
            readings += usize::from(reading.occupied.is_some())
        });
    });
    assert_eq!(counted.count_total, 0, "{what}");
}

/// As many as there is room for, one more, and so many that they move several times.
#[test]
fn what_a_reading_holds_is_freed() {
    let text = "longer than what is kept where it stands".to_owned();
    for facts in [0, 1, 28, 29, 100] {
        let counted = measure(|| {
            let mut reading = Reading::new(Kind::Debug);
            for number in 0..facts {
                reading.put("number", number);
                reading.put("text", Text::own(&text));
            }
            let copy = reading.clone();
            drop(reading);
            let numbers =
                copy.more().filter_map(|(_, value)| if let Value::Int(n) = value { Some(*n) } else { None });
            assert!(numbers.eq(0..facts));
            assert_eq!(
                copy.more().filter(|(_, value)| value.text().as_deref() == Some(&text)).count() as i64,
                facts
            );
        });
        assert_eq!(counted.count_total > 0, facts > 0, "{facts}");
        assert_eq!((counted.count_current, counted.bytes_current), (0, 0), "{facts}");
    }
    let numbers = measure(|| {
        let mut reading = Reading::new(Kind::Debug);
        (0..28).for_each(|number| reading.put("number", number));
    });
    assert_eq!(numbers.count_total, 0);
}

#[test]
fn sensors() {
    for vector in vectors::sensors() {
        let protocol = Protocol::parse(vector["protocol"].as_str().unwrap()).unwrap();
        if protocol.info().payload == Payload::Binary {
            let port = vector["port"].as_u64().map(|port| port as u8);
            assert_none(&vector.to_string(), protocol, port, &vectors::payload(&vector));
        }
    }
}

/// The boards on serial lines, and the cameras' binary frames.
#[test]
fn boards_and_binary_camera_frames() {
    let bytes = |action: &Action<'_>, protocol| match encode(protocol, action, &Target::default()) {
        Ok(Wire::Frame(frame)) => frame,
        other => panic!("{other:?}"),
    };
    let clock = Action::SetClock { local: parking_types::Local::parse("2026-03-02T08:00:00").unwrap() };
    for action in [Action::Open, Action::Close, Action::Query] {
        assert_none("barrier", Protocol::BarrierAa55, None, &bytes(&action, Protocol::BarrierAa55));
    }
    let lines = ["粤B12345", "停车2小时", "应收10元"];
    let show = Action::Show { lines: &lines, say: Some("一路平安") };
    for action in [Action::Say("欢迎光临"), show, clock] {
        assert_none("board", Protocol::Led0064, None, &bytes(&action, Protocol::Led0064));
    }
    let mut structure = vec![0; 180];
    structure[..8].copy_from_slice(b"\xd4\xc1B12345");
    structure[64..68].copy_from_slice(&1_772_409_600_u32.to_le_bytes());
    let block = [&b"IR\x01\0\0\0\0\xb4"[..], &structure].concat();
    let result = [&b"VZ\x02\0\0\0\0\xbc"[..], &block].concat();
    assert_none("binary result", Protocol::VzTcp, None, &result);
    assert_none("sign of life", Protocol::VzTcp, None, b"VZ\x01\0\0\0\0\0");
    let plate = [&b"\xcc\xff\x01\x88\x1a\0\0\0"[..], &[7; 24], b"\xff\xdd"].concat();
    assert_none("milesight", Protocol::MilesightTcp, None, &plate);
}

#[test]
fn native_frames_and_their_tags() {
    for line in include_str!("data/native.jsonl").lines() {
        let vector: serde_json::Value = serde_json::from_str(line).unwrap();
        let bytes = hex(vector["frame"].as_str().unwrap());
        assert_none(line, Protocol::Parkline, None, &bytes);
        if let Some(key) = vector.get("key") {
            let key = Key::new(&hex(key.as_str().unwrap()));
            let counted =
                measure(|| Frame::new_checked(&bytes).and_then(|frame| frame.verify(&key)).unwrap());
            assert_eq!(counted.count_total, 0, "{line}");
        }
    }
}
