//! Binary protocols never touch the heap: every published frame is decoded under a counting allocator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use allocation_counter::measure;
use device_codec::native::{Frame, Key};
use device_codec::{Context, Payload, Protocol, decode};
use serde_json::Value;

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

#[test]
fn sensors() {
    for line in include_str!("data/sensors.jsonl").lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let protocol = Protocol::parse(vector["protocol"].as_str().unwrap()).unwrap();
        assert_eq!(protocol.info().payload, Payload::Binary);
        let port = vector["port"].as_u64().map(|port| port as u8);
        assert_none(line, protocol, port, &hex(vector["payload"].as_str().unwrap()));
    }
}

#[test]
fn native_frames_and_their_tags() {
    for line in include_str!("data/native.jsonl").lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
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
