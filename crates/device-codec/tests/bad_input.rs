//! What breaks a frame: cuts, flipped bits, random bytes. Everything ends in readings or in an error that lies within
//! the frame, nothing panics, and every frame can be printed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use device_codec::envelope::{Network, open};
use device_codec::manual::Action;
use device_codec::{Context, DecodeError, Protocol, decode, explain};
use proptest::prelude::*;
use serde_json::Value;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// Protocol, port and bytes of every binary vector, and some JSON ones.
fn frames() -> Vec<(Protocol, Option<u8>, Vec<u8>)> {
    let lines = |text: &'static str| text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let sensors = lines(include_str!("data/sensors.jsonl")).map(|v| {
        let protocol = Protocol::parse(v["protocol"].as_str().unwrap()).unwrap();
        (protocol, v["port"].as_u64().map(|port| port as u8), hex(v["payload"].as_str().unwrap()))
    });
    let native = lines(include_str!("data/native.jsonl"))
        .map(|v| (Protocol::Parkline, None, hex(v["frame"].as_str().unwrap())));
    let json = [
        (
            Protocol::YuncitysGateway,
            r#"{"msgType":1,"deviceId":"m-1","2_devTypeCode":"200","data":"61000001020007124231323334350000","2_deviceTime":"2026-03-02 08:00:00"}"#,
        ),
        (
            Protocol::Manual,
            r#"{"id":"a","action":"gate","by":{"kind":"user","id":"u"},"lane":"l","command":"open"}"#,
        ),
    ];
    let json = json.map(|(protocol, text)| (protocol, None, text.as_bytes().to_vec()));
    sensors.chain(native).chain(json).collect()
}

/// Decodes and prints; the error, if any, must lie within the bytes.
fn survives(protocol: Protocol, port: Option<u8>, bytes: &[u8]) -> Result<(), DecodeError> {
    let context = Context { port, ..Context::default() };
    let mut json = Vec::new();
    let outcome = decode(protocol, bytes, &context, &mut |reading| reading.write_json(&mut json));
    if let Err(error) = outcome {
        assert!(error.offset <= bytes.len(), "{protocol}: {error} in {} bytes", bytes.len());
        assert!(json.is_empty(), "{protocol}: readings and an error");
    }
    let explanation = explain(protocol, bytes, &context);
    assert_eq!(explanation.error, outcome.err(), "{protocol}");
    for field in &explanation.fields {
        assert!(field.offset + field.len <= bytes.len(), "{protocol}: {field:?}");
    }
    outcome
}

#[test]
fn cut_at_every_byte() {
    for (protocol, port, bytes) in frames() {
        for end in 0..bytes.len() {
            let _ = survives(protocol, port, &bytes[..end]);
        }
    }
}

#[test]
fn every_single_bit_flipped() {
    for (protocol, port, bytes) in frames() {
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let _ = survives(protocol, port, &bytes);
        }
    }
}

/// A fixed-length frame that was cut is never taken for a whole one.
#[test]
fn cut_frames_are_refused_where_the_length_is_known() {
    let framed = [
        Protocol::Parkline,
        Protocol::NetvoxR719a,
        Protocol::DingtekDo200,
        Protocol::LibeliumSp2,
        Protocol::Libelium11,
    ];
    for (protocol, port, bytes) in frames() {
        // Commands to Dingtek devices are ASCII and have no length of their own.
        if framed.contains(&protocol)
            && bytes.first() != Some(&b'8')
            && survives(protocol, port, &bytes).is_ok()
        {
            for end in 0..bytes.len() {
                let shorter = survives(protocol, port, &bytes[..end]);
                let other_layout = protocol == Protocol::Libelium11 && end == 11;
                assert!(shorter.is_err() || other_layout, "{protocol} {end} of {bytes:02x?}");
            }
        }
    }
}

#[test]
fn huge_and_deep_text_is_refused_in_time() {
    let megabytes = vec![b'A'; 10 << 20];
    let photo = [b"{\"msgType\":1,\"data\":\"".as_slice(), &megabytes, b"\"}"].concat();
    let deep = b"[".repeat(1 << 20);
    let nested = b"{\"a\":".repeat(1 << 20);
    for protocol in Protocol::ALL {
        for bytes in [&photo, &deep, &nested] {
            let context = Context::default();
            let _ = decode(*protocol, bytes, &context, &mut |_| {});
        }
    }
    assert!(Action::parse(&nested).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes(
        pick in any::<prop::sample::Index>(),
        port in proptest::option::of(0u8..12),
        bytes in proptest::collection::vec(any::<u8>(), 0..140),
    ) {
        let _ = survives(*pick.get(Protocol::ALL), port, &bytes);
    }

    #[test]
    fn random_changes_of_real_frames(
        pick in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        patch in proptest::collection::vec(any::<u8>(), 1..6),
    ) {
        let all = frames();
        let (protocol, port, mut bytes) = pick.get(&all).clone();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes.splice(at..at, patch);
            let _ = survives(protocol, port, &bytes);
        }
    }

    #[test]
    fn random_envelopes(text in r#"[\[\]{}:,"a-zA-Z_0-9.=-]{0,80}"#) {
        for network in Network::ALL {
            let _ = open(*network, text.as_bytes());
        }
        let _ = Action::parse(text.as_bytes());
    }
}
