//! How long a frame takes, ours and its rivals in one run:
//!
//!     cargo bench -p device-codec --bench decode
//!
//! Rivals: nom as it is commonly written (an owned struct out of a chain of combinators), binrw, serde_json's `Value`.
//! The same frames in Java and JavaScript: `benches/java/Decode.java` (give it the frame in hex),
//! `benches/js/decode.js`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::type_complexity)]

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
    *sum += u64::from(reading.occupied == Some(true)) + reading.sequence.unwrap_or_default();
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

/// 282 bytes, a camera's push without photos.
const CAMERA: &str = r#"{"AlarmInfoPlate":{"channel":0,"deviceName":"IVS","ipaddr":"192.168.1.100","result":{"PlateResult":{"license":"粤B12345","colorType":1,"type":1,"confidence":97,"direction":4,"plateid":4711,"isoffline":0,"timeStamp":{"Timeval":{"sec":1772409600,"usec":12}}}},"serialno":"4f0be9c2-ab12cd34"}}"#;
const YUNCITYS: &str = r#"{"msgType":1,"id":"gw","deviceId":"m-1","2_devTypeCode":"212","type":"U","data":"01","countTopicId":1,"2_spaceStatus":"1","2_deviceTime":"2026-03-02 08:00:00","2_clockState":"0","2_packageSerialNumberHead":1}"#;

fn json(c: &mut Criterion) {
    for (name, protocol, text) in
        [("camera", Protocol::VzHttp, CAMERA), ("gateway", Protocol::YuncitysGateway, YUNCITYS)]
    {
        let len = text.len();
        ours(c, &format!("json/{name} {len} B"), protocol, None, text.as_bytes());
        c.bench_function(&format!("json/{name} {len} B, rival serde_json::Value"), |b| {
            b.iter(|| {
                let value: serde_json::Value = serde_json::from_str(black_box(text)).unwrap();
                let plate = &value["AlarmInfoPlate"]["result"]["PlateResult"];
                plate["license"].as_str().map_or(0, str::len)
                    + plate["plateid"].as_u64().unwrap_or(1) as usize
            });
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

/// The same work as others would write it.
mod rivals {
    use binrw::BinRead;
    use nom::IResult;
    use nom::Parser;
    use nom::bytes::complete::{tag, take};
    use nom::number::complete::{
        be_i16, be_u8, be_u16, le_i8, le_i16, le_i64, le_u8, le_u16, le_u32, le_u64,
    };

    pub(super) struct Owned {
        pub(super) device: String,
        pub(super) seq: u32,
        pub(super) occupied: Option<bool>,
        pub(super) battery: f64,
        pub(super) payload: Vec<u8>,
    }

    pub(super) fn nom_native(bytes: &[u8]) -> Option<u64> {
        fn parse(input: &[u8]) -> IResult<&[u8], Owned> {
            let (input, _) = tag(&b"\xf5PK\x0a"[..]).parse(input)?;
            let (input, crc) = le_u32(input)?;
            if crc32c::crc32c(input) != crc {
                return Err(nom::Err::Failure(nom::error::Error::new(input, nom::error::ErrorKind::Verify)));
            }
            let (input, (_, _, _, _, _, len)) =
                (le_u8, le_u8, le_u16, le_u16, le_u16, le_u32).parse(input)?;
            let (input, (_, device, _, seq, _)) = (le_u32, le_u64, le_u32, le_u32, le_i64).parse(input)?;
            let (input, payload) = take(len).parse(input)?;
            let (_, (_, _, battery, _, state, _, _, _)) =
                (le_u32, le_u32, le_u16, le_i16, le_u8, le_u8, le_i8, le_u8).parse(payload)?;
            let occupied = match state {
                1 => Some(false),
                2 => Some(true),
                _ => None,
            };
            let battery = f64::from(battery) / 1000.0;
            Ok((
                input,
                Owned { device: format!("{device:016x}"), seq, occupied, battery, payload: payload.to_vec() },
            ))
        }
        let (_, frame) = parse(bytes).ok()?;
        Some(
            u64::from(frame.seq)
                + frame.device.len() as u64
                + frame.payload.len() as u64
                + u64::from(frame.occupied?)
                + frame.battery as u64,
        )
    }

    #[derive(BinRead)]
    #[br(little, magic = b"\xf5PK\x0a")]
    #[allow(dead_code, reason = "read to be measured")]
    pub(super) struct Native {
        crc: u32,
        major: u8,
        words: u8,
        flags: u16,
        message: u16,
        fixed_len: u16,
        payload_len: u32,
        key_id: u32,
        device: u64,
        boot: u32,
        pub(super) seq: u32,
        sent_at: i64,
        queued: u32,
        oldest: u32,
        battery: u16,
        temperature: i16,
        state: u8,
        clock: u8,
        rssi: i8,
        loops: u8,
    }

    pub(super) fn nom_dingtek(bytes: &[u8]) -> Option<u64> {
        fn parse(input: &[u8]) -> IResult<&[u8], (u16, u8, u8, u16, Vec<i16>, u16)> {
            let (input, _) = tag(&b"\x80\x00\x02"[..]).parse(input)?;
            let (input, (_, _, level, a, b, volt)) =
                (be_u8, be_u8, be_u16, be_u8, be_u8, be_u16).parse(input)?;
            let (input, axes) = nom::multi::count(be_i16, 3).parse(input)?;
            let (input, counter) = be_u16(input)?;
            Ok((input, (level, a, b, volt, axes, counter)))
        }
        let (_, (level, a, b, volt, axes, counter)) = parse(bytes).ok()?;
        Some(
            u64::from(level)
                + u64::from(a)
                + u64::from(b)
                + u64::from(volt)
                + axes.len() as u64
                + u64::from(counter),
        )
    }

    #[derive(BinRead)]
    #[br(big, magic = b"\x80\x00\x02")]
    #[allow(dead_code, reason = "read to be measured")]
    pub(super) struct Dingtek {
        data_type: u8,
        length: u8,
        level: u16,
        alarms: u8,
        more_alarms: u8,
        volt: u16,
        axes: [i16; 3],
        pub(super) counter: u16,
        reserved: u8,
        end: u8,
    }

    const TABLE: [u16; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut crc = byte as u16;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0xa001 };
                bit += 1;
            }
            table[byte] = crc;
            byte += 1;
        }
        table
    };

    pub(super) fn crc16_by_byte(bytes: &[u8]) -> u16 {
        bytes.iter().fold(0xffff, |crc, b| crc >> 8 ^ TABLE[usize::from(crc as u8 ^ b)])
    }
}

criterion_group!(benches, native, sensors, json, checksums);
criterion_main!(benches);
