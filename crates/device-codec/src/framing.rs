//! Where one frame ends and the next begins, in the streams of the framed protocols.
//!
//! A stream is cut by looking at its front: a whole frame, more bytes needed, or noise to pass over. Nothing that a
//! header announces is believed beyond [`Framing::max_len`], so a reader's buffer is bounded whatever comes in.

use crate::checksum::crc16_modbus;
use crate::error::{DecodeError, ErrorCode};
use crate::native::{self, Frame};
use crate::protocol::Protocol;

/// How the frames of a stream are told apart.
///
/// ```
/// use device_codec::{Framing, Step};
/// let stream = b"xVZ\x01\x00\x00\x00\x00\x00VZ";
/// let Step::Noise { len: 1, .. } = Framing::VzTcp.next(stream) else { panic!() };
/// assert!(matches!(Framing::VzTcp.next(&stream[1..]), Step::Frame { len: 8 }));
/// assert!(matches!(Framing::VzTcp.next(&stream[9..]), Step::NeedMore { at_least: 8 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Framing {
    /// The native frame on TCP: magic and lengths.
    Native,
    /// The native frame on a serial line: COBS, each followed by a zero byte. A cut frame is still stuffed.
    NativeSerial,
    /// Vzenith TCP: `VZ`, type, number, length (big-endian), body.
    VzTcp,
    /// Milesight TCP: `CC FF`, command, length (little-endian), data, `FF DD`.
    MilesightTcp,
    /// The barrier board `AA 55`: its status frames of six bytes.
    BarrierStatus,
    /// The screen and voice board: `addr 64 FF FF`, command, length, data, CRC-16.
    Led,
}

/// What stands at the front of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A whole frame.
    Frame {
        /// How many bytes it has, with its delimiter.
        len: usize,
    },
    /// The beginning of one.
    NeedMore {
        /// How many bytes in all are needed to say more.
        at_least: usize,
    },
    /// Bytes that are no frame, up to what may be one's beginning; at least one.
    Noise {
        /// How many.
        len: usize,
        /// Why.
        error: DecodeError,
    },
}

const VZ_HEADER: usize = 8;
const VZ_BODY_MAX: usize = 1 << 20;
const MILESIGHT_HEADER: usize = 8;
const MILESIGHT_BODY_MAX: usize = 8 << 20;
const BARRIER_LEN: usize = 6;
const LED_HEADER: usize = 6;
/// COBS adds a byte to every 254 begun, and the delimiter.
const COBS_MAX: usize = native::MAX_FRAME + native::MAX_FRAME / 254 + 2;

impl Framing {
    /// How the streams of a protocol are framed; `None` where each message comes by itself (MQTT, HTTP, UDP).
    pub const fn of(protocol: Protocol) -> Option<Self> {
        match protocol {
            Protocol::Parkline => Some(Self::Native),
            Protocol::VzTcp => Some(Self::VzTcp),
            Protocol::MilesightTcp => Some(Self::MilesightTcp),
            Protocol::BarrierAa55 => Some(Self::BarrierStatus),
            Protocol::Led0064 => Some(Self::Led),
            _ => None,
        }
    }

    /// The longest frame, in bytes: what a reader must be able to hold.
    pub const fn max_len(self) -> usize {
        match self {
            Self::Native => native::MAX_FRAME,
            Self::NativeSerial => COBS_MAX,
            Self::VzTcp => VZ_HEADER + VZ_BODY_MAX,
            Self::MilesightTcp => MILESIGHT_HEADER + MILESIGHT_BODY_MAX,
            Self::BarrierStatus => BARRIER_LEN,
            Self::Led => LED_HEADER + 255 + 2,
        }
    }

    /// Looks at the front of a stream.
    pub fn next(self, stream: &[u8]) -> Step {
        match self {
            Self::Native => native_frame(stream),
            Self::NativeSerial => delimited(stream),
            Self::VzTcp => vz(stream),
            Self::MilesightTcp => milesight(stream),
            Self::BarrierStatus => barrier(stream),
            Self::Led => led(stream),
        }
    }
}

fn native_frame(stream: &[u8]) -> Step {
    if stream.is_empty() {
        return Step::NeedMore { at_least: 1 };
    }
    match Frame::split(stream) {
        native::Split::Complete(frame) => Step::Frame { len: frame.len() },
        native::Split::NeedMore(at_least) => Step::NeedMore { at_least },
        native::Split::Skip(len, error) => Step::Noise { len, error },
    }
}

fn delimited(stream: &[u8]) -> Step {
    match stream.iter().take(COBS_MAX).position(|b| *b == 0) {
        // A delimiter with nothing before it only separates.
        Some(0) => Step::Noise { len: 1, error: DecodeError::new(ErrorCode::Length, 0, "cobs") },
        Some(end) => Step::Frame { len: end + 1 },
        None if stream.len() >= COBS_MAX => {
            Step::Noise { len: stream.len(), error: DecodeError::new(ErrorCode::TooLarge, COBS_MAX, "cobs") }
        }
        None => Step::NeedMore { at_least: stream.len() + 1 },
    }
}

/// Passes over what cannot be the beginning of `magic`, searching from the second byte on.
fn noise(stream: &[u8], magic: &[u8], code: ErrorCode, at: usize, field: &'static str) -> Step {
    let begins = |from: usize| {
        let rest = stream.get(from..).unwrap_or_default();
        rest.iter().zip(magic).all(|(have, wanted)| have == wanted)
    };
    let len = (1..stream.len()).find(|from| begins(*from)).unwrap_or(stream.len());
    Step::Noise { len, error: DecodeError::new(code, at, field) }
}

/// The first `N` bytes, or what to say while they are not there.
fn front<'a, const N: usize>(stream: &'a [u8], magic: &[u8]) -> Result<&'a [u8; N], Step> {
    if !stream.iter().zip(magic).all(|(have, wanted)| have == wanted) {
        return Err(noise(stream, magic, ErrorCode::Marker, 0, "magic"));
    }
    stream.first_chunk::<N>().ok_or(Step::NeedMore { at_least: N })
}

/// A frame of `len` bytes, if they are all there.
fn whole(stream: &[u8], len: usize) -> Step {
    if stream.len() < len { Step::NeedMore { at_least: len } } else { Step::Frame { len } }
}

fn vz(stream: &[u8]) -> Step {
    const MAGIC: &[u8] = b"VZ";
    const HEARTBEAT: u8 = 1;
    const BLOCKS: u8 = 2;
    let [_, _, kind, _, length @ ..] = match front::<VZ_HEADER>(stream, MAGIC) {
        Ok(header) => *header,
        Err(step) => return step,
    };
    let len = u32::from_be_bytes(length) as usize;
    if kind > 2 {
        return noise(stream, MAGIC, ErrorCode::Kind, 2, "type");
    }
    // A sign of life has no body: one that announces some is noise, not a frame to wait for.
    if kind == HEARTBEAT && len > 0 {
        return noise(stream, MAGIC, ErrorCode::Length, 4, "length");
    }
    if len > VZ_BODY_MAX {
        return noise(stream, MAGIC, ErrorCode::TooLarge, 4, "length");
    }
    // What a body begins with: a header that was cut borrows its length from the frame behind it, and nobody should wait
    // for that much.
    let begins = match stream.get(VZ_HEADER).filter(|_| len > 0) {
        Some(first) if kind == BLOCKS => *first == b'I',
        Some(first) => *first == b'{' || first.is_ascii_whitespace(),
        None => true,
    };
    if !begins {
        return noise(stream, MAGIC, ErrorCode::Syntax, VZ_HEADER, "body");
    }
    whole(stream, VZ_HEADER + len)
}

fn milesight(stream: &[u8]) -> Step {
    const MAGIC: &[u8] = &[0xcc, 0xff];
    let [_, _, _, _, length @ ..] = match front::<MILESIGHT_HEADER>(stream, MAGIC) {
        Ok(header) => *header,
        Err(step) => return step,
    };
    let len = u32::from_le_bytes(length) as usize;
    if len > MILESIGHT_BODY_MAX {
        return noise(stream, MAGIC, ErrorCode::TooLarge, 4, "size");
    }
    let end = MILESIGHT_HEADER + len;
    match stream.get(..end) {
        None => Step::NeedMore { at_least: end },
        Some([.., 0xff, 0xdd]) => Step::Frame { len: end },
        Some(_) => noise(stream, MAGIC, ErrorCode::Marker, end.saturating_sub(2), "end"),
    }
}

fn barrier(stream: &[u8]) -> Step {
    const MAGIC: &[u8] = &[0xaa, 0x55];
    match front::<BARRIER_LEN>(stream, MAGIC) {
        Ok([_, _, a, b, c, sum]) if a.wrapping_add(*b).wrapping_add(*c) == *sum => {
            Step::Frame { len: BARRIER_LEN }
        }
        Ok(_) => noise(stream, MAGIC, ErrorCode::Checksum, 5, "sum"),
        Err(step) => step,
    }
}

fn led(stream: &[u8]) -> Step {
    // Its first byte is an address, so the constant bytes behind it are looked for.
    let begins =
        |rest: &[u8]| rest.iter().skip(1).zip([0x64, 0xff, 0xff]).all(|(have, wanted)| *have == wanted);
    let skip = |code, at, field| {
        let len = (1..stream.len()).find(|from| begins(stream.get(*from..).unwrap_or_default()));
        Step::Noise { len: len.unwrap_or(stream.len()), error: DecodeError::new(code, at, field) }
    };
    if !stream.is_empty() && !begins(stream) {
        return skip(ErrorCode::Marker, 1, "version");
    }
    let Some([.., len]) = stream.first_chunk::<LED_HEADER>() else {
        return Step::NeedMore { at_least: LED_HEADER };
    };
    let end = LED_HEADER + usize::from(*len);
    let Some((covered, crc)) = stream.get(..end + 2).and_then(|frame| frame.split_at_checked(end)) else {
        return Step::NeedMore { at_least: end + 2 };
    };
    if crc == crc16_modbus(covered).to_le_bytes() {
        Step::Frame { len: end + 2 }
    } else {
        skip(ErrorCode::Checksum, end, "crc")
    }
}
