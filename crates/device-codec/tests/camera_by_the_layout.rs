//! Frames that nobody published, made from the documents' layouts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use device_codec::{Context, Protocol, decode};
use serde_json::{Value, json};

fn readings(protocol: Protocol, bytes: &[u8]) -> Vec<Value> {
    let mut all = Vec::new();
    let outcome = decode(protocol, bytes, &Context::default(), &mut |reading| {
        let mut json = Vec::new();
        reading.write_json(&mut json);
        all.push(serde_json::from_slice(&json).unwrap());
    });
    outcome.unwrap_or_else(|e| panic!("{protocol}: {e}"));
    all
}

fn one(protocol: Protocol, text: &str) -> Value {
    readings(protocol, text.as_bytes()).remove(0)
}

/// The C structure of a binary result, field by field at the places of `VzClientSDK_LPDefine.h`.
fn structure(kind: i32, license: &[u8], car_color: u8) -> Vec<u8> {
    let mut bytes = vec![0; 180];
    bytes[..license.len()].copy_from_slice(license);
    for (at, value) in [(24, 5), (28, kind), (32, 97), (36, 0), (40, 4), (60, 80)] {
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    bytes[64..68].copy_from_slice(&1_772_409_600_u32.to_le_bytes());
    bytes[68..72].copy_from_slice(&250_000_u32.to_le_bytes());
    bytes[72..76].copy_from_slice(&9_u32.to_le_bytes());
    bytes[77] = car_color;
    bytes[80..84].copy_from_slice(&77_u32.to_le_bytes());
    let block = [&b"IR\x01\0\0\0\0\xb4"[..], &bytes].concat();
    [&b"VZ\x02\x05\0\0\0\xbc"[..], &block].concat()
}

#[test]
fn a_binary_result_of_a_vzenith_camera() {
    let plate = readings(Protocol::VzTcp, &structure(19, b"\xd4\xc1BD12345", 7)).remove(0);
    let wanted = json!({"kind":"plate","plate":"粤BD12345","plate_color":"green","plate_confidence":97,"vehicle":"small",
        "vehicle_text":"新能源车牌","device_time":"2026-03-02T00:00:00.25Z","record":"77",
        "more":{"direction":"4","plate_type":19,"trigger":9,"vehicle_color":"brown"}});
    assert_eq!(plate, wanted);
    let unknown = readings(Protocol::VzTcp, &structure(31, b"\xff", 255)).remove(0);
    assert_eq!((unknown.get("plate"), &unknown["more"]["vehicle_color"]), (Some(&Value::Null), &Value::Null));
    assert_eq!(unknown["more"]["plate_error"], "encoding");
}

#[test]
fn a_berth_camera_of_dahua_tells_its_berth_and_is_not_judged() {
    let text = r#"{"ParkingInfo":{"ParkingStallsNo":"A-001","ParkingStatus":1,"Direction":1,"inRecordId":"r1"},"DeviceID":"d1"}"#;
    let wanted = json!({"kind":"state","device":"d1","record":"r1",
        "more":{"direction":"1","berth":"A-001","parking_status":"1"}});
    assert_eq!(one(Protocol::DahuaHttp, text), wanted);
}

#[test]
fn commands_to_a_ground_lock_are_seen() {
    let sent = |option: u8| {
        let text = format!(r#"{{"LockSn":"L1","Option":"{option}","Force":0}}"#);
        one(Protocol::GroundLockDudu, &text)["more"]["sent"].clone()
    };
    assert_eq!([1, 2, 3].map(sent), ["raise", "lower", "lower"]);
}

#[test]
fn what_a_camera_says_beside_plates() {
    let cases = [
        (
            Protocol::VzHttp,
            r#"{"SerialData":{"serialno":"s","serialChannel":0,"data":"qlUBAgM=","dataLen":5}}"#,
            json!({"kind":"debug","device":"s","more":{"serial_data":"AA55010203","serial_channel":0}}),
        ),
        (
            Protocol::VzHttp,
            r#"{"in1":0,"in2":1,"out1":0,"out2":0}"#,
            json!({"kind":"gate","more":{"in1":0,"in2":1,"out1":0,"out2":0}}),
        ),
        (
            Protocol::VzTcp,
            r#"{"cmd":"get_record","id":7,"state_code":404}"#,
            json!({"kind":"gate","more":{"command":"7","command_state":"refused","cmd":"get_record","status":404}}),
        ),
        (
            Protocol::HikvisionIsapi,
            "<BarrierGateStatus><barrierGateStatus>0</barrierGateStatus></BarrierGateStatus>",
            json!({"kind":"gate","gate_state":"unknown"}),
        ),
        (
            Protocol::Gat1400,
            r#"{"KeepaliveObject":{"DeviceID":"33029902001210000007"}}"#,
            json!({"kind":"heartbeat","device":"33029902001210000007"}),
        ),
    ];
    for (protocol, text, wanted) in cases {
        assert_eq!(one(protocol, text), wanted, "{protocol}");
    }
}
