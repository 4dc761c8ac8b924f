//! Streams cut anywhere, with noise between the frames.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(feature = "codec")]

use bytes::BytesMut;
use device_codec::Framing;
use device_codec::native::{Head, Heartbeat, Key, Message, TimeRequest, cobs_encode};
use device_codec::stream::{FrameDecoder, Unit};
use proptest::prelude::*;
use tokio_util::codec::Decoder;

/// Frames of one framing, as they lie on the line, and as they come out.
fn frames(framing: Framing) -> Vec<(Vec<u8>, Vec<u8>)> {
    let key = Key::new(b"k");
    let native = [
        Message::TimeRequest(TimeRequest { t1: 0 }).encode(&Head::default(), None),
        Message::Heartbeat(Heartbeat::default()).encode(&Head { seq: 9, ..Head::default() }, Some(&key)),
    ];
    let same = |frames: Vec<Vec<u8>>| frames.into_iter().map(|frame| (frame.clone(), frame)).collect();
    match framing {
        Framing::NativeSerial => native
            .into_iter()
            .map(|frame| {
                let mut line = Vec::new();
                cobs_encode(&frame, &mut line);
                (line, frame)
            })
            .collect(),
        Framing::VzTcp => same(vec![b"VZ\x01\0\0\0\0\0".to_vec(), b"VZ\0\x07\0\0\0\x03{}\0".to_vec()]),
        Framing::MilesightTcp => same(vec![b"\xcc\xff\x01\x88\x05\0\0\0abc\xff\xdd".to_vec()]),
        Framing::BarrierStatus => same(vec![b"\xaa\x55\x01\x01\x02\x04".to_vec()]),
        Framing::Led => same(vec![b"\x00\x64\xff\xff\x30\x01\x01\xf7\x7b".to_vec()]),
        _ => same(native.to_vec()),
    }
}

/// Feeds a stream in pieces; the frames that came out, and the greatest length of the buffer.
fn run(framing: Framing, stream: &[u8], cuts: &[usize]) -> (Vec<Vec<u8>>, usize) {
    let mut decoder = FrameDecoder::new(framing);
    let (mut buffer, mut out, mut longest, mut fed) = (BytesMut::new(), Vec::new(), 0, 0);
    let mut cuts = cuts.iter().cycle();
    while fed < stream.len() {
        let end = (fed + cuts.next().unwrap()).min(stream.len());
        buffer.extend_from_slice(&stream[fed..end]);
        fed = end;
        longest = longest.max(buffer.len());
        while let Some(unit) = decoder.decode(&mut buffer).unwrap() {
            if let Unit::Frame(frame) = unit {
                out.push(frame.to_vec());
            }
        }
    }
    while let Some(unit) = decoder.decode_eof(&mut buffer).unwrap() {
        if let Unit::Frame(frame) = unit {
            out.push(frame.to_vec());
        }
    }
    assert!(buffer.is_empty());
    (out, longest)
}

fn framing() -> impl Strategy<Value = Framing> {
    prop_oneof![
        Just(Framing::Native),
        Just(Framing::NativeSerial),
        Just(Framing::VzTcp),
        Just(Framing::MilesightTcp),
        Just(Framing::BarrierStatus),
        Just(Framing::Led),
    ]
}

proptest! {
    #[test]
    fn any_split_gives_the_same_frames(
        framing in framing(),
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 1..8),
        cuts in proptest::collection::vec(1usize..40, 1..20),
    ) {
        let all = frames(framing);
        let picked: Vec<_> = picks.iter().map(|pick| pick.get(&all)).collect();
        let stream: Vec<u8> = picked.iter().flat_map(|(line, _)| line.iter().copied()).collect();
        let wanted: Vec<_> = picked.iter().map(|(_, frame)| frame.clone()).collect();
        prop_assert_eq!(run(framing, &stream, &cuts).0, wanted);
    }

    #[test]
    fn noise_ends_and_the_buffer_is_bounded(
        framing in framing(),
        noise in proptest::collection::vec(any::<u8>(), 0..300),
        cuts in proptest::collection::vec(1usize..40, 1..20),
    ) {
        let (_, longest) = run(framing, &noise, &cuts);
        prop_assert!(longest <= framing.max_len() + 40);
    }
}

/// Text is the noise that lines carry at power-on; what follows it is read.
#[test]
fn a_frame_behind_text_is_found() {
    for framing in
        [Framing::Native, Framing::VzTcp, Framing::MilesightTcp, Framing::BarrierStatus, Framing::Led]
    {
        for (line, frame) in frames(framing) {
            let stream = [b"boot ok\r\n".as_slice(), &line, b"\r\n", &line].concat();
            assert_eq!(run(framing, &stream, &[3, 5]).0, [frame.clone(), frame.clone()], "{framing:?}");
        }
    }
    // On a serial line a delimiter ends the noise.
    for (line, frame) in frames(Framing::NativeSerial) {
        let stream = [b"boot ok\0".as_slice(), &line].concat();
        assert_eq!(run(Framing::NativeSerial, &stream, &[1]).0.last(), Some(&frame));
    }
}

#[test]
fn announced_lengths_are_not_believed() {
    let huge: [(Framing, &[u8]); 3] = [
        (Framing::VzTcp, b"VZ\0\0\xff\xff\xff\xff"),
        (Framing::MilesightTcp, b"\xcc\xff\x01\x88\xff\xff\xff\xff"),
        (Framing::NativeSerial, &[1; 70_000]),
    ];
    for (framing, bytes) in huge {
        let (_, longest) = run(framing, &bytes.repeat(20), &[1000]);
        assert!(longest <= framing.max_len() + 1000, "{framing:?}: {longest}");
    }
}

/// A sign of life has no body, so nobody waits for one.
#[test]
fn a_sign_of_life_that_announces_a_body_is_noise() {
    let stream = b"VZ\x01\0\0\x01\0\0VZ\x01\0\0\0\0\0";
    assert_eq!(run(Framing::VzTcp, stream, &[8]).0, [b"VZ\x01\0\0\0\0\0".to_vec()]);
}
