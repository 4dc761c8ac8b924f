//! What breaks a frame: cuts, flipped bits, random bytes. Everything ends in readings or in an error that lies within
//! the frame, nothing panics, and every frame can be printed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use allocation_counter::measure;
use device_codec::envelope::{Network, open};
use device_codec::manual::Action;
use device_codec::{Context, DecodeError, Protocol, decode, explain};
use proptest::prelude::*;

mod vectors;

/// Protocol, port and bytes of every vector of every protocol.
fn frames() -> Vec<(Protocol, Option<u8>, Vec<u8>)> {
    vectors::all().into_iter().map(|vector| (vector.protocol, vector.port, vector.payload)).collect()
}

/// What decoding takes of the heap at most, and how many readings it gives.
fn heap(protocol: Protocol, context: &Context<'_>, bytes: &[u8]) -> (u64, usize) {
    let mut readings = 0;
    let info = measure(|| {
        let _ = decode(protocol, bytes, context, &mut |_| readings += 1);
    });
    (info.bytes_max, readings)
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
        let mut bytes = bytes.clone();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            // Long texts are printed for one bit a byte: printing takes much longer than decoding.
            if bytes.len() < 256 || bit % 8 == bit / 8 % 8 {
                let _ = survives(protocol, port, &bytes);
            } else {
                let context = Context { port, ..Context::default() };
                let outcome = decode(protocol, &bytes, &context, &mut |_| {});
                assert!(
                    outcome.is_ok() || outcome.is_err_and(|e| e.offset <= bytes.len()),
                    "{protocol} {bit}"
                );
            }
            bytes[bit / 8] ^= 1 << (bit % 8);
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

/// Wherever a frame has a length: four bytes say 4 GiB, digits say it too. What is taken of the heap follows from what
/// came, never from what was announced.
#[test]
fn announced_lengths_take_no_memory() {
    for (protocol, port, bytes) in frames() {
        let context = Context { port, ..Context::default() };
        let bound = 64 * bytes.len() as u64 + (1 << 16);
        // Long texts have no binary lengths: each fourth place is enough, and each of their numbers.
        let step = if bytes.len() < 256 { 1 } else { 4 };
        for at in 0..bytes.len().saturating_sub(3) {
            if at % step == 0 {
                let mut huge = bytes.clone();
                huge[at..at + 4].fill(0xff);
                assert!(heap(protocol, &context, &huge).0 < bound, "{protocol} {at}");
            }
            if bytes[at].is_ascii_digit() && (at == 0 || !bytes[at - 1].is_ascii_digit()) {
                let digits = bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
                let mut huge = bytes.clone();
                huge.splice(at..at + digits, *b"4294967295");
                assert!(heap(protocol, &context, &huge).0 < bound, "{protocol} {at}");
            }
        }
    }
}

/// Every protocol gets every monster: deep JSON and XML, entities that would grow without end, ten megabytes of base64.
#[test]
fn huge_and_deep_text_is_refused_in_time() {
    let megabytes = vec![b'A'; 10 << 20];
    let within = |head: &str, tail: &str| [head.as_bytes(), &megabytes, tail.as_bytes()].concat();
    let bomb = "<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>\
                <EventNotificationAlert><ANPR><licensePlate>&b;</licensePlate></ANPR></EventNotificationAlert>";
    let plate = "{\"AlarmInfoPlate\":{\"result\":{\"PlateResult\":{\"license\":\"粤B12345\",\"imageFile\":\"";
    let monsters = [
        ("a photo", within("{\"msgType\":1,\"data\":\"", "\"}")),
        ("a photo in a push", within(plate, "\"}}}}")),
        (
            "a photo in XML",
            within("<EventNotificationAlert><ANPR><a>", "</a></ANPR></EventNotificationAlert>"),
        ),
        ("a photo in a part", within("--b\r\nContent-Length: 4294967295\r\n\r\n", "\r\n--b--\r\n")),
        ("a photo in a form", within("type=online&picture=", "")),
        ("a line without end", within("Events[0].TrafficCar.PlateNumber=", "")),
        ("arrays", b"[".repeat(1 << 20)),
        ("objects", b"{\"a\":".repeat(1 << 20)),
        ("elements", b"<a>".repeat(1 << 20)),
        ("elements with names", b"<EventNotificationAlert><ANPR>".repeat(1 << 16)),
        ("entities", bomb.as_bytes().to_vec()),
        ("parts", b"--b\r\n\r\n{}\r\n".repeat(1 << 16)),
        ("events", (0..1 << 16).flat_map(|i| format!("Events[{i}].Lane=1\n").into_bytes()).collect()),
    ];
    let typed = Context { content_type: Some("multipart/form-data; boundary=b"), ..Context::default() };
    for protocol in Protocol::ALL {
        for (name, bytes) in &monsters {
            for context in [Context::default(), typed] {
                let (taken, _) = heap(*protocol, &context, bytes);
                assert!(taken < 32 << 20, "{protocol}: {name} takes {taken} bytes");
            }
        }
    }
    assert!(Action::parse(&monsters[7].1).is_err());
    let push = &monsters[1].1;
    assert_eq!(heap(Protocol::VzHttp, &Context::default(), push), (0, 1), "the plate beside a photo");
    let bombed = decode(Protocol::HikvisionIsapi, bomb.as_bytes(), &Context::default(), &mut |_| {});
    assert!(bombed.is_err(), "document types are refused");
}

/// What a frame says is what its protocol's entry lists.
#[test]
fn readings_say_what_is_listed() {
    const ALWAYS: [&str; 2] = ["kind", "more"];
    let mut unlisted = std::collections::BTreeSet::new();
    for vector in vectors::all() {
        let says = vector.protocol.info().says;
        let _ = decode(vector.protocol, &vector.payload, &vector.context(), &mut |reading| {
            let mut json = Vec::new();
            reading.write_json(&mut json);
            let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
            let fields = json.as_object().unwrap().keys().map(String::as_str);
            for word in fields.chain([json["kind"].as_str().unwrap()]) {
                let part_of = word.starts_with("previous_state") && says.contains(&"previous_state_min");
                if !ALWAYS.contains(&word) && !says.contains(&word) && !part_of {
                    unlisted.insert(format!("{} {word}", vector.protocol));
                }
            }
        });
    }
    assert!(unlisted.is_empty(), "{unlisted:#?}");
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
