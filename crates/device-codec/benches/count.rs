//! Instruction counts: `count NAME ROUNDS` decodes one frame so often and does nothing else, for callgrind.
//!
//! `cargo bench -p device-codec --bench count --no-run`, then
//! `valgrind --tool=callgrind target/release/deps/count-… native 1000` with two numbers of rounds; the difference is
//! the decoding.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use device_codec::native::{Frame, Head, Heartbeat, Message, Occupancy};
use device_codec::{Context, Protocol, decode};
use parking_types::Instant;

const CAMERA: &str = r#"{"AlarmInfoPlate":{"channel":0,"deviceName":"IVS","ipaddr":"192.168.1.100","result":{"PlateResult":{"license":"粤B12345","colorType":1,"type":1,"confidence":97,"direction":4,"plateid":4711,"isoffline":0,"timeStamp":{"Timeval":{"sec":1772409600,"usec":12}}}},"serialno":"4f0be9c2-ab12cd"}}"#;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn native() -> Vec<u8> {
    let head = Head {
        device_id: 0x4a3,
        boot_id: 3,
        seq: 7,
        sent_at: Instant::from_secs(1_772_409_600),
        ..Head::default()
    };
    let heartbeat = Heartbeat { state: Occupancy::VACANT, battery_mv: 3600, ..Heartbeat::default() };
    Message::Heartbeat(heartbeat).encode(&head, None)
}

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let Some(name) = words.next() else {
        println!("count NAME ROUNDS: see the source");
        return;
    };
    let rounds: u32 = words.next().and_then(|word| word.parse().ok()).unwrap_or(1000);
    let mut sum = 0;
    if name == "view" {
        let frame = native();
        for _ in 0..rounds {
            let frame = Frame::new_checked(black_box(&frame)).unwrap();
            let message = frame.message();
            sum += u64::from(black_box(&message).is_ok()) + u64::from(frame.head().seq);
        }
        black_box(sum);
        return;
    }
    let (protocol, port, bytes) = match name.as_str() {
        "native" => (Protocol::Parkline, None, native()),
        "camera" => (Protocol::VzHttp, None, CAMERA.as_bytes().to_vec()),
        "bosch" => (Protocol::BoschTps110, Some(2), hex("01ff")),
        "pni" => (Protocol::PniPlacepod, None, hex("0302016d026700eb156601")),
        "nwave" => (Protocol::NwaveNps405, Some(2), hex("00d3d800590b")),
        "netvox" => (Protocol::NetvoxR719a, Some(6), hex("0159011e01000000000000")),
        "dingtek" => (Protocol::DingtekDo200, Some(3), hex("800002011500000000016f0079ffb0fff500000081")),
        "libelium" => (Protocol::Libelium11, None, hex("80041e01ad109393ee00c7")),
        "tekzitel" => (Protocol::TekzitelTekzipark, Some(1), hex("a82d63")),
        "cicicom" => (Protocol::CicicomSlgi3, None, hex("4b31332e35352b32322e30")),
        _ => return println!("no such frame"),
    };
    let context = Context { port, ..Context::default() };
    for _ in 0..rounds {
        let _ = decode(protocol, black_box(&bytes), black_box(&context), &mut |reading| {
            sum += u64::from(reading.occupied == Some(true)) + reading.sequence.unwrap_or_default();
        });
    }
    black_box(sum);
}
