//! [`tokio_util::codec`] decoders for the framed protocols; only with the feature `codec`.

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec::Decoder;

use crate::error::DecodeError;
use crate::framing::{Framing, Step};
use crate::native::cobs_decode;

/// What comes out of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The bytes of one frame, ready for [`decode`](crate::decode).
    Frame(Bytes),
    /// Bytes that are no frame were passed over.
    Noise {
        /// How many.
        len: usize,
        /// Why.
        error: DecodeError,
    },
}

/// Cuts a stream into frames. It survives any split of the bytes, finds the next frame after noise, and never asks for
/// more than [`Framing::max_len`] bytes.
///
/// ```
/// use bytes::BytesMut;
/// use device_codec::stream::{FrameDecoder, Unit};
/// use device_codec::Framing;
/// use tokio_util::codec::Decoder;
/// let mut decoder = FrameDecoder::new(Framing::VzTcp);
/// let mut buffer = BytesMut::from(&b"VZ\x01\0\0\0"[..]);
/// assert_eq!(decoder.decode(&mut buffer)?, None);
/// buffer.extend_from_slice(b"\0\0");
/// assert!(matches!(decoder.decode(&mut buffer)?, Some(Unit::Frame(frame)) if frame.len() == 8));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FrameDecoder {
    framing: Framing,
}

impl FrameDecoder {
    /// A decoder at the start of a stream.
    pub const fn new(framing: Framing) -> Self {
        Self { framing }
    }

    /// How many bytes the cut frame at the front of the last bytes takes along.
    fn cut_off(&self, rest: &[u8]) -> usize {
        // Without its delimiter nothing ends on a serial line.
        let mut from = if self.framing == Framing::NativeSerial { rest.len() } else { 1 };
        while let Some(behind) = rest.get(from..).filter(|behind| !behind.is_empty()) {
            match self.framing.next(behind) {
                Step::Frame { .. } => return from,
                Step::Noise { len, .. } => from += len.max(1),
                Step::NeedMore { .. } => from += 1,
            }
        }
        rest.len()
    }

    /// The bytes of a frame without what the line adds to them.
    fn frame(&self, bytes: Bytes) -> Unit {
        if self.framing != Framing::NativeSerial {
            return Unit::Frame(bytes);
        }
        let len = bytes.len();
        let stuffed = bytes.split_last().map(|(_, stuffed)| stuffed).unwrap_or_default();
        match cobs_decode(stuffed) {
            Some(frame) => Unit::Frame(frame.into()),
            None => Unit::Noise { len, error: DecodeError::new(crate::ErrorCode::Encoding, 0, "cobs") },
        }
    }
}

impl Decoder for FrameDecoder {
    type Item = Unit;
    type Error = std::io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Unit>, Self::Error> {
        if buffer.is_empty() {
            return Ok(None);
        }
        match self.framing.next(buffer) {
            Step::Frame { len } => Ok(Some(self.frame(buffer.split_to(len.min(buffer.len())).freeze()))),
            Step::Noise { len, error } => {
                buffer.advance(len.min(buffer.len()));
                Ok(Some(Unit::Noise { len, error }))
            }
            Step::NeedMore { at_least } => {
                // Room for the frame at once where its length is known, never beyond the longest.
                let wanted = at_least.min(self.framing.max_len());
                buffer.reserve(wanted.saturating_sub(buffer.len()).min(64 << 10));
                Ok(None)
            }
        }
    }

    /// At the end of a stream a cut frame is noise, up to the next one that is whole: a frame whose length was broken had
    /// others behind it.
    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<Unit>, Self::Error> {
        if let Some(unit) = self.decode(buffer)? {
            return Ok(Some(unit));
        }
        let len = self.cut_off(buffer);
        buffer.advance(len);
        let error = DecodeError::new(crate::ErrorCode::Truncated, len, "");
        Ok((len > 0).then_some(Unit::Noise { len, error }))
    }
}
