//! The frames of `tests/data/cameras.jsonl` and of the file made by hand beside it: what their sources say that they say, and what becomes of them broken.
#![allow(clippy::unwrap_used, clippy::panic)]

use device_codec::{Context, DecodeError, Protocol, decode, explain};
use serde_json::Value;

struct Vector {
    id: String,
    protocol: Protocol,
    payload: Vec<u8>,
    row: Value,
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn vectors() -> Vec<Vector> {
    let texts = [include_str!("data/cameras.jsonl"), include_str!("data/cameras_by_hand.jsonl")];
    let rows =
        texts.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| Vector {
        id: row["id"].as_str().unwrap().to_owned(),
        protocol: Protocol::parse(row["protocol"].as_str().unwrap()).unwrap(),
        payload: match row["hex"].as_str() {
            Some(hex) => unhex(hex),
            None => row["payload"].as_str().unwrap().as_bytes().to_vec(),
        },
        row,
    })
    .collect()
}

fn readings(protocol: Protocol, payload: &[u8]) -> Result<Vec<Value>, DecodeError> {
    let mut seen = Vec::new();
    decode(protocol, payload, &Context::default(), &mut |reading| {
        let mut json = Vec::new();
        reading.write_json(&mut json);
        seen.push(serde_json::from_slice(&json).unwrap());
    })?;
    Ok(seen)
}

/// Instants are the same at any offset; confidences are the same within a hundredth of a per cent.
fn same(key: &str, expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::String(a), Value::String(b)) if key == "device_time" => {
            let instant = |text: &str| text.parse::<parking_types::Instant>().ok();
            a == b || instant(a).is_some_and(|a| Some(a) == instant(b))
        }
        (Value::Number(a), Value::Number(b)) => (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 0.011,
        (Value::Number(a), Value::String(b)) => a.to_string() == *b,
        _ => expected == found,
    }
}

fn check(id: &str, expected: &Value, found: &Value) {
    for (key, value) in expected.as_object().unwrap() {
        let path = key.strip_prefix("more.");
        let shown = match path {
            Some(name) => &found["more"][name],
            None if key == "plate!" => {
                assert!(found.get("plate").is_none(), "{id}: a plate in {found}");
                continue;
            }
            None => &found[key.as_str()],
        };
        assert!(same(key, value, shown), "{id}: {key} is {shown}, not {value}, in {found}");
        assert!(key != "plate" || found.get("plate").is_some(), "{id}: no word about the plate in {found}");
    }
}

#[test]
fn every_frame_says_what_its_source_says() {
    let vectors = vectors();
    assert!(vectors.len() > 140);
    for vector in vectors {
        let outcome = readings(vector.protocol, &vector.payload);
        if let Some(code) = vector.row["error"].as_str() {
            assert_eq!(outcome.unwrap_err().code.as_str(), code, "{}", vector.id);
            continue;
        }
        let found = outcome.unwrap_or_else(|e| panic!("{}: {e}", vector.id));
        let expected = vector.row["expect"].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "{}: {found:?}", vector.id);
        for (expected, found) in expected.iter().zip(&found) {
            check(&vector.id, expected, found);
        }
    }
}

#[test]
fn cut_anywhere_it_ends_within_the_frame() {
    for vector in vectors() {
        for len in 0..vector.payload.len() {
            if let Err(error) = readings(vector.protocol, &vector.payload[..len]) {
                assert!(error.offset <= vector.payload.len(), "{} cut at {len}: {error}", vector.id);
            }
        }
    }
}

/// Documents that end with a bracket or a tag cannot be cut and still be read.
#[test]
fn a_cut_document_is_never_read() {
    for vector in vectors() {
        let whole = vector.payload.trim_ascii();
        let closed = whole.starts_with(b"{") || whole.starts_with(b"<") || whole.starts_with(b"[");
        if !closed || vector.id == "s083" {
            continue;
        }
        let ends = whole.len();
        let step = ends / 200 + 1;
        for len in (0..ends).step_by(step) {
            assert!(readings(vector.protocol, &whole[..len]).is_err(), "{} cut at {len}", vector.id);
        }
    }
}

#[test]
fn one_flipped_bit_never_panics() {
    for vector in vectors() {
        let mut bytes = vector.payload.clone();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let outcome = decode(vector.protocol, &bytes, &Context::default(), &mut |_| {});
            assert!(outcome.is_ok() || outcome.is_err_and(|e| e.offset <= bytes.len()), "{}", vector.id);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn a_flipped_bit_breaks_a_summed_frame() {
    for (protocol, hex) in [
        (Protocol::BarrierAa55, "aa55020103"),
        (Protocol::BarrierAa55, "aa5501010204"),
        (Protocol::Led0064, "0064ffff0006313539373533fb06"),
    ] {
        let mut bytes = unhex(hex);
        assert_eq!(readings(protocol, &bytes).unwrap().len(), 1);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(readings(protocol, &bytes).is_err(), "{hex} with bit {bit} flipped");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn any_frame_prints_for_any_protocol() {
    for vector in vectors() {
        for protocol in Protocol::ALL {
            let half = &vector.payload[..vector.payload.len() / 2];
            for payload in [&vector.payload[..], half] {
                let printed = explain(*protocol, payload, &Context::default());
                assert!(printed.fields.iter().all(|field| field.offset <= payload.len()));
            }
        }
    }
}
