//! Streams cut anywhere, with noise between the frames.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(feature = "codec")]

use bytes::BytesMut;
use device_codec::native::{Head, Heartbeat, Key, Message, TimeRequest, cobs_encode};
use device_codec::stream::{FrameDecoder, Unit};
use device_codec::{Framing, Step};
use proptest::prelude::*;
use tokio_util::codec::Decoder;

mod vectors;

/// Every published or hand-made frame that comes in a stream and is sound.
fn streamed() -> Vec<(Framing, Vec<u8>)> {
    let framed = vectors::all().into_iter().filter_map(|vector| {
        let framing = Framing::of(vector.protocol)?;
        let whole = Step::Frame { len: vector.payload.len() };
        (framing.next(&vector.payload) == whole).then_some((framing, vector.payload))
    });
    framed.collect()
}

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

#[test]
fn every_frame_twice_in_a_row_and_after_noise() {
    let frames = streamed();
    for framing in
        [Framing::Native, Framing::VzTcp, Framing::MilesightTcp, Framing::BarrierStatus, Framing::Led]
    {
        assert!(frames.iter().any(|(known, _)| *known == framing), "{framing:?}");
    }
    for (framing, frame) in frames {
        let stream = [frame.as_slice(), &frame, b"boot ok\r\n", &frame].concat();
        let wanted = vec![frame; 3];
        assert_eq!(run(framing, &stream, &[7]).0, wanted, "{framing:?}");
    }
}

/// A cut frame may take what follows for its own rest, once; then the stream is in step again.
#[test]
fn behind_a_frame_that_was_cut_the_next_ones_are_read() {
    for (framing, frame) in streamed() {
        for cut in 0..frame.len() {
            let stream = [&frame[..cut], &frame, &frame, &frame].concat();
            let (found, _) = run(framing, &stream, &[64]);
            assert!(found.len() >= 2 && found.last() == Some(&frame), "{framing:?} cut at {cut}");
        }
    }
}

/// So many frames that none of the lengths that a flipped bit can make ends within the last of them.
fn enough(frame: usize) -> usize {
    let ends_within = |count: &usize| {
        (0..32).map(|bit| 1_u64 << bit).any(|more| {
            let last = (frame * (count - 1)) as u64..(frame * count) as u64;
            last.contains(&more) || more == last.end
        })
    };
    (2..100).find(|count| !ends_within(count)).unwrap()
}

/// A flipped bit costs the frame that it is in, or makes another of it, and whatever its length then takes along.
#[test]
fn behind_a_flipped_bit_the_next_frame_is_read() {
    for (framing, frame) in streamed() {
        for bit in 0..frame.len() * 8 {
            let mut broken = frame.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            let stream = [broken, frame.repeat(enough(frame.len()))].concat();
            let (found, _) = run(framing, &stream, &[256]);
            assert_eq!(found.last(), Some(&frame), "{framing:?} bit {bit} of {frame:02x?}");
        }
    }
}
