//! What it costs to prove a native frame at the door, beside the bare HMAC of its bytes.
//!
//!     cargo bench -p ingest-server --bench proof
//!
//! Prints one line of JSON: nanoseconds a frame, the least of many runs, and their ratio.
#![allow(clippy::unwrap_used, reason = "a measurement")]

use std::{hint::black_box, sync::Arc, time::Instant};

use device_codec::native::{BayState, Frame, Head, Key, Message};
use ingest_server::{
    clock::Clock,
    directory::Directory,
    listener::{Limits, guard::Guard},
    secrets::{Secrets, Source, Text},
};
use serde_json::json;

const FRAMES: usize = 2_000;
const RUNS: usize = 400;

fn least_ns(mut work: impl FnMut()) -> f64 {
    let run = |_| {
        let since = Instant::now();
        work();
        since.elapsed().as_nanos()
    };
    (0..RUNS).map(run).min().unwrap_or(0) as f64 / FRAMES as f64
}

fn main() {
    let site =
        json!({"devices": [{"id": "m", "serial": "0000000000000001", "protocol": "parkline", "key": "m"}]});
    let directory = Arc::new(Directory::new(site.as_object().unwrap(), 1));
    // Two keys, as while they are changed; the second is in use.
    let text = "m 1 101112131415161718191a1b1c1d1e1f\nm 2 000102030405060708090a0b0c0d0e0f\n".to_owned();
    let secrets = Secrets::open(Source::Text(Text(text)), &directory).unwrap();
    let guard = Guard::new(directory, secrets, false, Limits::default());
    let known = guard.native(1, [127, 0, 0, 1].into()).unwrap();
    let key = Key::new(&(0..16).collect::<Vec<u8>>());
    let frame = |seq: u32| {
        let head = Head { device_id: 1, boot_id: 1, seq, key_id: 2, ..Head::default() };
        Message::BayState(BayState::default()).encode(&head, Some(&key))
    };
    let frames: Vec<Vec<u8>> = (1..=FRAMES as u32).map(frame).collect();
    let frames: Vec<Frame<'_>> = frames.iter().map(|bytes| Frame::new_checked(bytes).unwrap()).collect();
    let now = Clock::system().now();
    let bare = least_ns(|| {
        for frame in &frames {
            let bytes = frame.bytes();
            black_box(key.tag(bytes.get(8..bytes.len() - 16).unwrap_or_default()));
        }
    });
    let door = least_ns(|| frames.iter().for_each(|frame| known.proves(black_box(frame), now).unwrap()));
    println!("{}", json!({"bare_ns": bare, "door_ns": door, "ratio": door / bare}));
}
