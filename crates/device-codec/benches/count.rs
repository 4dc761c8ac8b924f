//! Instruction counts: `count NAME ROUNDS` decodes one frame so often and does nothing else, for callgrind.
//!
//! `cargo bench -p device-codec --bench count --no-run`, then
//! `valgrind --tool=callgrind target/release/deps/count-… native 1000` with two numbers of rounds; the difference is
//! the decoding. `count best` prints nanoseconds, the least of 2,000 rounds of each.
#![allow(clippy::unwrap_used)]

mod rivals;

use std::hint::black_box;
use std::io::Cursor;
use std::time::Instant;

use binrw::BinRead;
use device_codec::native::{Frame, Head, Heartbeat, Key, Message, Occupancy};
use device_codec::{Context, Protocol, decode};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn head() -> Head {
    let sent_at = parking_types::Instant::from_secs(1_772_409_600);
    Head { device_id: 0x4a3, boot_id: 3, seq: 7, sent_at, ..Head::default() }
}

fn heartbeat() -> Message {
    Message::Heartbeat(Heartbeat { state: Occupancy::VACANT, battery_mv: 3600, ..Heartbeat::default() })
}

const DINGTEK: &str = "800002011500000000016f0079ffb0fff500000081";

const DO201: &str = "800031021706b4000001610010fff6fff08b2d00010081";

/// A change: bay occupied, with its magnetic field and signal.
fn f6213() -> Vec<u8> {
    let mut frame = hex("b00104d20712052401000701668fa2a00f");
    frame.extend(hex("00790fb0fff500760fb2fff1668fa000ffffffffffff0e1000fa"));
    frame[7] = (frame.len() + 1 - 8) as u8;
    frame.push(frame[8..].iter().fold(0, |xor, b| xor ^ b));
    frame
}

/// A screen's frame whose checksum covers 60 bytes.
fn led() -> Vec<u8> {
    let mut frame = vec![0, 0x64, 0xff, 0xff, 0x30, 54];
    frame.extend(std::iter::repeat_n(b'1', 54));
    let crc = rivals::crc16_by_byte(&frame);
    frame.extend(crc.to_le_bytes());
    frame
}

const NAMES: [&str; 27] = [
    "crc32c",
    "view",
    "native",
    "native-nom",
    "native-binrw",
    "bosch",
    "pni",
    "nwave",
    "nps310",
    "ncc405",
    "netvox",
    "dingtek",
    "do201",
    "do202",
    "dingtek-nom",
    "dingtek-binrw",
    "libelium",
    "sp2",
    "f6213",
    "tekzitel",
    "cicicom",
    "camera",
    "camera-value",
    "crc16-bytewise",
    "crc16-sliced",
    "led",
    "tagged",
];

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let name = words.next().unwrap_or_default();
    if name == "best" {
        for name in NAMES {
            println!("{name:16} {:7.1} ns", least(name));
        }
        return;
    }
    if !NAMES.contains(&name.as_str()) {
        println!("count NAME ROUNDS, or count best; names: {NAMES:?}");
        return;
    }
    run(&name, words.next().and_then(|word| word.parse().ok()).unwrap_or(1000));
}

/// Nanoseconds a frame in the best of many rounds: what others do to the machine meanwhile is left out. A round is much
/// shorter than the share of a processor that a program gets at a time, or none would be undisturbed.
fn least(name: &str) -> f64 {
    const FRAMES: u32 = 1000;
    let round = |_| {
        let start = Instant::now();
        run(name, FRAMES);
        start.elapsed().as_secs_f64() * 1e9 / f64::from(FRAMES)
    };
    (0..2000).map(round).fold(f64::INFINITY, f64::min)
}

fn run(name: &str, rounds: u32) {
    let mut sum = 0;
    let frame = heartbeat().encode(&head(), None);
    let dingtek = hex(DINGTEK);
    let led = led();
    let mut alone = |work: &mut dyn FnMut() -> u64| (0..rounds).for_each(|_| sum += work());
    match name {
        "view" => alone(&mut || {
            let frame = Frame::new_checked(black_box(&frame)).unwrap();
            let Ok(Some(Message::Heartbeat(message))) = frame.message() else { return 0 };
            u64::from(message.state.0) + u64::from(frame.head().seq)
        }),
        "tagged" => {
            let key = Key::new(&[7; 32]);
            let tagged = heartbeat().encode(&head(), Some(&key));
            alone(&mut || u64::from(Frame::new_checked(black_box(&tagged)).unwrap().verify(&key).is_ok()));
        }
        "crc32c" => alone(&mut || u64::from(crc32c::crc32c(black_box(&frame[8..])))),
        "native-nom" => alone(&mut || rivals::nom_native(black_box(&frame)).unwrap_or_default()),
        "native-binrw" => alone(&mut || {
            rivals::Native::read(&mut Cursor::new(black_box(frame.as_slice())))
                .map_or(0, |frame| u64::from(frame.seq))
        }),
        "dingtek-nom" => alone(&mut || rivals::nom_dingtek(black_box(&dingtek)).unwrap_or_default()),
        "dingtek-binrw" => alone(&mut || {
            rivals::Dingtek::read(&mut Cursor::new(black_box(dingtek.as_slice())))
                .map_or(0, |frame| u64::from(frame.counter))
        }),
        "camera-value" => alone(&mut || rivals::value(black_box(rivals::CAMERA)) as u64),
        "crc16-bytewise" => {
            alone(&mut || u64::from(rivals::crc16_by_byte(black_box(&led[..60]))));
        }
        "crc16-sliced" => {
            alone(&mut || u64::from(rivals::checksum::crc16_modbus(black_box(&led[..60]))));
        }
        _ => {}
    }
    if sum > 0 {
        black_box(sum);
        return;
    }
    let (protocol, port, bytes) = match name {
        "native" => (Protocol::Parkline, None, frame),
        "camera" => (Protocol::VzHttp, None, rivals::CAMERA.as_bytes().to_vec()),
        "bosch" => (Protocol::BoschTps110, Some(2), hex("01ff")),
        "pni" => (Protocol::PniPlacepod, None, hex("0302016d026700eb156601")),
        "nwave" => (Protocol::NwaveNps405, Some(2), hex("00d3d800590b")),
        "nps310" => (Protocol::NwaveNps310, Some(2), hex("01")),
        "ncc405" => (Protocol::NwaveNcc405, Some(1), hex("0137")),
        "do201" => (Protocol::DingtekDo201, Some(3), hex(DO201)),
        "do202" => (Protocol::DingtekDo202, Some(3), hex(&DO201.replacen("800031", "800032", 1))),
        "sp2" => (Protocol::LibeliumSp2, None, hex("8004001ead109393ee00c7")),
        "f6213" => (Protocol::F6213, None, f6213()),
        "netvox" => (Protocol::NetvoxR719a, Some(6), hex("0159011e01000000000000")),
        "dingtek" => (Protocol::DingtekDo200, Some(3), dingtek),
        "led" => (Protocol::Led0064, None, led),
        "libelium" => (Protocol::Libelium11, None, hex("80041e01ad109393ee00c7")),
        "tekzitel" => (Protocol::TekzitelTekzipark, Some(1), hex("a82d63")),
        "cicicom" => (Protocol::CicicomSlgi3, None, hex("4b31332e35352b32322e30")),
        _ => return,
    };
    let context = Context { port, ..Context::default() };
    for _ in 0..rounds {
        let _ = decode(protocol, black_box(&bytes), black_box(&context), &mut |reading| {
            sum +=
                u64::from(reading.occupied == Some(true)) + u64::from(reading.sequence.unwrap_or_default());
        });
    }
    black_box(sum);
}
