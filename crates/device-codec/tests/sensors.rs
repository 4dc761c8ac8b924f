//! Every published frame of every sensor, against the vendor's own decoding (`tests/data/sensors.jsonl` and files like it).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use device_codec::{Context, Protocol, decode};
use serde_json::Value;

mod vectors;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// The readings of a frame in one object, later ones over earlier ones: vendors' decoders give one object a frame.
fn merged(protocol: Protocol, payload: &[u8], context: &Context<'_>) -> Result<Value, String> {
    let mut all = serde_json::Map::new();
    let mut more = serde_json::Map::new();
    decode(protocol, payload, context, &mut |reading| {
        let mut json = Vec::new();
        reading.write_json(&mut json);
        let Value::Object(mut object) = serde_json::from_slice(&json).unwrap() else { panic!("no object") };
        if let Some(Value::Object(extra)) = object.remove("more") {
            more.extend(extra);
        }
        all.extend(object);
    })
    .map_err(|error| error.code.as_str().to_owned())?;
    all.insert("more".to_owned(), Value::Object(more));
    Ok(Value::Object(all))
}

/// Whether `have` says all that `wanted` says.
fn says(have: &Value, wanted: &Value) -> Result<(), String> {
    match (have, wanted) {
        (Value::Object(have), Value::Object(wanted)) => wanted.iter().try_for_each(|(key, wanted)| {
            let have = have.get(key).ok_or_else(|| format!("no {key}"))?;
            says(have, wanted).map_err(|e| format!("{key}: {e}"))
        }),
        (Value::Number(have), Value::Number(wanted)) if have.as_f64() == wanted.as_f64() => Ok(()),
        (have, wanted) if have == wanted => Ok(()),
        _ => Err(format!("{have} instead of {wanted}")),
    }
}

#[test]
fn all_frames_decode_as_their_vendors_do() {
    let mut checked = 0;
    for vector in vectors::sensors() {
        let protocol = Protocol::parse(vector["protocol"].as_str().unwrap()).unwrap();
        let payload = vectors::payload(&vector);
        // PNI and Libelium do not look at the port, and their sources do not say it.
        let port = vector["port"].as_u64().map(|port| port as u8);
        let context = Context { port, ..Context::default() };
        let expect = &vector["expect"];
        match (merged(protocol, &payload, &context), expect.get("error")) {
            (Ok(reading), None) => {
                if let Err(e) = says(&reading, expect) {
                    panic!("{e} in {vector}");
                }
            }
            (Err(code), Some(wanted)) => assert_eq!(&Value::String(code), wanted, "{vector}"),
            (got, _) => panic!("{got:?} for {vector}"),
        }
        checked += 1;
    }
    assert!(checked >= 108, "{checked}");
}

#[test]
fn two_edges_in_one_frame_stay_two_and_in_order() {
    let mut seen = Vec::new();
    decode(Protocol::PniPlacepod, &hex("156600156601"), &Context::default(), &mut |reading| {
        seen.push((reading.kind.as_str(), reading.occupied));
    })
    .unwrap();
    assert_eq!(seen, [("occupancy", Some(false)), ("occupancy", Some(true))]);
}

#[test]
fn a_frame_with_a_broken_record_gives_nothing() {
    let mut seen = 0;
    let error = decode(Protocol::PniPlacepod, &hex("1566001566"), &Context::default(), &mut |_| seen += 1)
        .unwrap_err();
    assert_eq!((error.code.as_str(), error.offset, seen), ("truncated", 5, 0));
}

/// Frames laid out by the documentation where no source publishes one.
#[test]
fn what_no_source_publishes_follows_the_documentation() {
    let cases = [
        ("bosch-tps110", Some(4), "012703", r#"{"kind":"config","firmware":"1.39.3"}"#),
        (
            "bosch-tps110",
            Some(5),
            "0005000000",
            r#"{"kind":"config","more":{"state_changes":5,"byte_order_guessed":true}}"#,
        ),
        (
            "bosch-tps110",
            Some(6),
            "0100000094010000 0700",
            r#"{"kind":"debug","recalibrated":true,"more":{"debug":404,"debug_sequence":7}}"#,
        ),
        ("bosch-tps110", Some(7), "c8", r#"{"kind":"fault","temperature_c":-56}"#),
        ("bosch-tps110", Some(1), "ff", r#"{"kind":"occupancy","occupied":true}"#),
        ("bosch-tps110", Some(1), "fe", r#"{"kind":"occupancy","occupied":false}"#),
        (
            "nwave-nps405",
            Some(1),
            "ff",
            r#"{"occupied":true,"previous_state_min":660,"previous_state_overflow":true}"#,
        ),
        (
            "tekzitel-tekzipark",
            Some(1),
            "a82d63c400010002",
            r#"{"occupied":true,"tag":"1","more":{"beacon_rssi":-60,"beacon":2}}"#,
        ),
        (
            "tekzitel-tekzipark",
            Some(2),
            "012d6301ff0304050607 0809",
            r#"{"kind":"heartbeat","magnetic":[1,-1,3],"baseline":[4,5,6],"more":{"fault":7}}"#,
        ),
        (
            "dingtek-do201",
            Some(3),
            "8000310117 0100 1000 0168 0001 fffe 0003 14 32 0009 00 81",
            r#"{"kind":"state","occupied":true,"sequence":9,"more":{"level":256,"humidity":50}}"#,
        ),
        // The bits of a malfunction may look like digits.
        (
            "cicicom-slgi3",
            None,
            "45332e3435323100",
            r#"{"kind":"fault","battery_v":3.45,"more":{"malfunction":"323100"}}"#,
        ),
        ("netvox-r719a", Some(7), "8459006400000000000000", r#"{"kind":"config","more":{"Threshold":100}}"#),
        (
            "netvox-r719a",
            Some(6),
            "0159019d00000000000000",
            r#"{"occupied":false,"battery_v":2.9,"battery_low":true}"#,
        ),
        (
            "cicicom-slgi3",
            None,
            "45332e3636010203",
            r#"{"kind":"fault","battery_v":3.66,"more":{"malfunction":"010203"}}"#,
        ),
        ("cicicom-slgi3", None, "4b31332e35352d30352e3058", r#"{"temperature_c":-5,"more":{"tail":"58"}}"#),
        (
            "libelium-11",
            None,
            "c3050f14000100020003b4",
            r#"{"kind":"fault","battery_low":true,"temperature_c":20,"magnetic":[1,2,3],"battery_v":3.52}"#,
        ),
        (
            "f6213",
            None,
            "b0010002031a090e01010 0ffffffffffff0e1000140a",
            r#"{"kind":"fault","device":"010000203","sequence":9,"battery_low":true,"more":{"battery":3600,"temperature":20}}"#,
        ),
    ];
    for (protocol, port, payload, expect) in cases {
        let payload = hex(&payload.replace(' ', ""));
        let context = Context { port, ..Context::default() };
        let reading = merged(Protocol::parse(protocol).unwrap(), &payload, &context);
        let reading = reading.unwrap_or_else(|e| panic!("{protocol} {e}"));
        if let Err(e) = says(&reading, &serde_json::from_str(expect).unwrap()) {
            panic!("{protocol}: {e}");
        }
    }
}
