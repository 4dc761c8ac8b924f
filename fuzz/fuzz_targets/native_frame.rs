//! The native frame: what decodes is written again byte for byte; streams always go forward.
#![no_main]

use device_codec::native::{Frame, Key, Split, cobs_decode, cobs_encode, push_tlv};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    while !rest.is_empty() {
        match Frame::split(rest) {
            Split::Complete(frame) => {
                again(&frame);
                rest = &rest[frame.len()..];
            }
            Split::Skip(len, _) => rest = &rest[len..],
            Split::NeedMore(len) => {
                assert!(len > rest.len());
                break;
            }
        }
    }
    let mut line = Vec::new();
    cobs_encode(data, &mut line);
    line.pop();
    assert_eq!(cobs_decode(&line).as_deref(), Some(data));
    let _ = cobs_decode(data);
});

/// A frame whose message this version knows reads the same after it was written anew.
fn again(frame: &Frame<'_>) {
    let Ok(Some(message)) = frame.message() else { return };
    let mut tlvs = Vec::new();
    for tlv in frame.tlvs() {
        let Ok(tlv) = tlv else { return };
        push_tlv(&mut tlvs, tlv.kind, tlv.data).expect("it fitted before");
    }
    let key = frame.is_tagged().then(|| Key::new(b"fuzz"));
    let written = message.encode_with(&frame.head(), &tlvs, key.as_ref());
    let read = Frame::new_checked(&written).expect("what we write, we read");
    assert_eq!(read.head(), frame.head());
    assert_eq!(read.message(), Ok(Some(message)));
}
