//! How long a frame takes, ours and its rivals in one run:
//!
//!     cargo bench -p device-codec --bench decode
//!
//! Rivals: nom as it is commonly written (an owned struct out of a chain of combinators), binrw, serde_json's `Value`.
//! The same frames in Java and JavaScript: `benches/java/Decode.java` (give it the frame in hex),
//! `benches/js/decode.js`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rivals;

use std::hint::black_box;
use std::io::Cursor;

use binrw::BinRead;
use criterion::{Criterion, criterion_group, criterion_main};
use device_codec::native::{BayState, Frame, Head, Heartbeat, Key, Message, Occupancy, Reason};
use device_codec::{Context, Protocol, Reading, decode};
use parking_types::Instant;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn head() -> Head {
    Head {
        device_id: 0x4a3,
        boot_id: 3,
        seq: 7,
        sent_at: Instant::from_secs(1_772_409_600),
        ..Head::default()
    }
}

/// What a consumer does at least: look at the state and the number.
fn consume(sum: &mut u64, reading: &Reading<'_>) {
    *sum += u64::from(reading.occupied == Some(true)) + u64::from(reading.sequence.unwrap_or_default());
}

fn ours(c: &mut Criterion, name: &str, protocol: Protocol, port: Option<u8>, bytes: &[u8]) {
    let context = Context { port, ..Context::default() };
    c.bench_function(name, |b| {
        b.iter(|| {
            let mut sum = 0;
            let _ = decode(protocol, black_box(bytes), black_box(&context), &mut |reading| {
                consume(&mut sum, reading)
            });
            sum
        });
    });
}

fn native(c: &mut Criterion) {
    let heartbeat =
        Message::Heartbeat(Heartbeat { state: Occupancy::VACANT, battery_mv: 3600, ..Heartbeat::default() });
    let plain = heartbeat.encode(&head(), None);
    assert_eq!(plain.len(), 64);
    c.bench_function("native heartbeat 64 B/crc32c alone", |b| {
        b.iter(|| crc32c::crc32c(black_box(&plain[8..])))
    });
    c.bench_function("native heartbeat 64 B/checked view and message", |b| {
        b.iter(|| {
            let frame = Frame::new_checked(black_box(&plain)).unwrap();
            let Ok(Some(Message::Heartbeat(message))) = frame.message() else { return 0 };
            u64::from(message.state.0) + u64::from(frame.head().seq)
        });
    });
    ours(c, "native heartbeat 64 B/reading", Protocol::Parkline, None, &plain);
    let key = Key::new(&[7; 32]);
    let tagged = heartbeat.encode(&head(), Some(&key));
    c.bench_function("native heartbeat 64 B/checked view and tag (80 B)", |b| {
        b.iter(|| Frame::new_checked(black_box(&tagged)).unwrap().verify(&key).is_ok());
    });
    let bay = BayState { state: Occupancy::OCCUPIED, reason: Reason::CHANGE, ..BayState::default() };
    ours(
        c,
        "native bay state 88 B/reading",
        Protocol::Parkline,
        None,
        &Message::BayState(bay).encode(&head(), None),
    );
    c.bench_function("native heartbeat 64 B/rival nom, owned", |b| {
        b.iter(|| rivals::nom_native(black_box(&plain)))
    });
    c.bench_function("native heartbeat 64 B/rival binrw", |b| {
        b.iter(|| rivals::Native::read(&mut Cursor::new(black_box(plain.as_slice()))).map(|frame| frame.seq));
    });
}

fn sensors(c: &mut Criterion) {
    let frames = [
        ("bosch-tps110", Protocol::BoschTps110, Some(2), "01ff"),
        ("pni-placepod", Protocol::PniPlacepod, None, "0302016d026700eb156601"),
        ("nwave-nps405", Protocol::NwaveNps405, Some(1), "95"),
        ("nwave-nps405 heartbeat", Protocol::NwaveNps405, Some(2), "00d3d800590b"),
        ("netvox-r719a", Protocol::NetvoxR719a, Some(6), "0159011e01000000000000"),
        ("dingtek-do200", Protocol::DingtekDo200, Some(3), "800002011500000000016f0079ffb0fff500000081"),
        ("libelium-11", Protocol::Libelium11, None, "80041e01ad109393ee00c7"),
        ("tekzitel-tekzipark", Protocol::TekzitelTekzipark, Some(1), "a82d63"),
        ("cicicom-slgi3", Protocol::CicicomSlgi3, None, "4b31332e35352b32322e30"),
    ];
    for (name, protocol, port, text) in frames {
        ours(c, &format!("sensor/{name}"), protocol, port, &hex(text));
    }
    let dingtek = hex("800002011500000000016f0079ffb0fff500000081");
    c.bench_function("sensor/dingtek-do200, rival nom, owned", |b| {
        b.iter(|| rivals::nom_dingtek(black_box(&dingtek)));
    });
    c.bench_function("sensor/dingtek-do200, rival binrw", |b| {
        b.iter(|| {
            rivals::Dingtek::read(&mut Cursor::new(black_box(dingtek.as_slice()))).map(|frame| frame.counter)
        });
    });
}

fn json(c: &mut Criterion) {
    for (name, protocol, text) in [
        ("camera", Protocol::VzHttp, rivals::CAMERA),
        ("gateway", Protocol::YuncitysGateway, rivals::YUNCITYS),
    ] {
        let len = text.len();
        ours(c, &format!("json/{name} {len} B"), protocol, None, text.as_bytes());
        c.bench_function(&format!("json/{name} {len} B, rival serde_json::Value"), |b| {
            b.iter(|| rivals::value(black_box(text)));
        });
    }
}

fn checksums(c: &mut Criterion) {
    let frame: Vec<u8> = (0..60).collect();
    c.bench_function("crc-16 of 60 B/a byte at a time", |b| {
        b.iter(|| rivals::crc16_by_byte(black_box(&frame)))
    });
    // The frame of a screen whose checksum covers 60 bytes, through the public decoder.
    let mut led = vec![0, 0x64, 0xff, 0xff, 0x30, 54];
    led.extend(std::iter::repeat_n(b'1', 54));
    let crc = rivals::crc16_by_byte(&led);
    led.extend(crc.to_le_bytes());
    ours(c, "crc-16 of 60 B/ours, with the whole frame", Protocol::Led0064, None, &led);
}

criterion_group!(benches, native, sensors, json, checksums);
criterion_main!(benches);
