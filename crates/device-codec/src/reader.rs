//! All index arithmetic of the binary protocols: fixed offsets in, numbers or typed errors out.

use crate::error::{DecodeError, ErrorCode};
use crate::trace::{Quiet, Trace};

/// A view of a frame's bytes. Every read names its offset and its field, cannot panic, and tells a [`Trace`] what it
/// read; the quiet trace of `decode` costs nothing.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a, T: Trace = Quiet> {
    bytes: &'a [u8],
    /// Where `bytes` begins in the payload, so that errors and traces name the payload's offsets.
    base: usize,
    trace: T,
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $convert:ident),+ $(,)?) => {
        $($(#[$doc])*
        #[inline]
        pub(crate) fn $name(&self, at: usize, field: &'static str) -> Result<$type, DecodeError> {
            let value = <$type>::$convert(self.raw(at, field)?);
            self.trace.field(self.base + at, size_of::<$type>(), field, || value.to_string());
            Ok(value)
        })+
    };
}

impl<'a, T: Trace> Reader<'a, T> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8], trace: T) -> Self {
        Self { bytes, base: 0, trace }
    }

    /// How many bytes there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// All bytes, untraced.
    #[inline]
    pub(crate) fn all(&self) -> &'a [u8] {
        self.bytes
    }

    /// Who hears about the reads.
    #[inline]
    pub(crate) fn trace(&self) -> T {
        self.trace
    }

    /// Where these bytes begin in the payload.
    #[inline]
    pub(crate) fn offset(&self) -> usize {
        self.base
    }

    /// An error at this offset.
    #[cold]
    pub(crate) fn error(&self, code: ErrorCode, at: usize, field: &'static str) -> DecodeError {
        DecodeError::new(code, self.base + at, field)
    }

    /// Checks the length of the whole frame.
    #[inline]
    pub(crate) fn exactly(&self, len: usize) -> Result<(), DecodeError> {
        match self.bytes.len() {
            have if have == len => Ok(()),
            have if have < len => Err(self.error(ErrorCode::Truncated, have, "")),
            _ => Err(self.error(ErrorCode::Length, len, "")),
        }
    }

    /// Checks that the frame has at least `len` bytes.
    #[inline]
    pub(crate) fn at_least(&self, len: usize) -> Result<(), DecodeError> {
        if self.bytes.len() < len {
            Err(self.error(ErrorCode::Truncated, self.bytes.len(), ""))
        } else {
            Ok(())
        }
    }

    #[inline]
    fn raw<const N: usize>(&self, at: usize, field: &'static str) -> Result<[u8; N], DecodeError> {
        match self.bytes.get(at..).and_then(|rest| rest.first_chunk::<N>()) {
            Some(chunk) => Ok(*chunk),
            None => Err(self.error(ErrorCode::Truncated, self.bytes.len(), field)),
        }
    }

    numbers! {
        /// An unsigned byte.
        u8: u8 = from_be_bytes,
        /// A signed byte, two's complement.
        i8: i8 = from_be_bytes,
        /// Two bytes, most significant first.
        u16_be: u16 = from_be_bytes,
        /// Two bytes, most significant first, two's complement.
        i16_be: i16 = from_be_bytes,
        /// Four bytes, most significant first.
        u32_be: u32 = from_be_bytes,
        /// Two bytes, least significant first.
        u16_le: u16 = from_le_bytes,
        /// Two bytes, least significant first, two's complement.
        i16_le: i16 = from_le_bytes,
        /// Four bytes, least significant first.
        u32_le: u32 = from_le_bytes,
        /// Four bytes, least significant first, two's complement.
        i32_le: i32 = from_le_bytes,
        /// Eight bytes, least significant first.
        u64_le: u64 = from_le_bytes,
        /// Eight bytes, least significant first, two's complement.
        i64_le: i64 = from_le_bytes,
    }

    /// Three bytes, least significant first.
    #[inline]
    pub(crate) fn u24_le(&self, at: usize, field: &'static str) -> Result<u32, DecodeError> {
        let [a, b, c] = self.raw(at, field)?;
        let value = u32::from_le_bytes([a, b, c, 0]);
        self.trace.field(self.base + at, 3, field, || value.to_string());
        Ok(value)
    }

    /// Three axes of two bytes each, most significant first, two's complement.
    #[inline]
    pub(crate) fn axes_i16_be(&self, at: usize, field: &'static str) -> Result<[i16; 3], DecodeError> {
        let [a, b, c, d, e, f] = self.raw(at, field)?;
        let axes = [[a, b], [c, d], [e, f]].map(i16::from_be_bytes);
        self.trace.field(self.base + at, 6, field, || format!("{axes:?}"));
        Ok(axes)
    }

    /// Three axes of one byte each, two's complement.
    #[inline]
    pub(crate) fn axes_i8(&self, at: usize, field: &'static str) -> Result<[i16; 3], DecodeError> {
        let axes = self.raw::<3>(at, field)?.map(|b| i16::from(b.cast_signed()));
        self.trace.field(self.base + at, 3, field, || format!("{axes:?}"));
        Ok(axes)
    }

    /// `len` bytes as they are.
    #[inline]
    pub(crate) fn slice(&self, at: usize, len: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let end = at.saturating_add(len);
        let bytes = self
            .bytes
            .get(at..end)
            .ok_or_else(|| self.error(ErrorCode::Truncated, self.bytes.len(), field))?;
        self.trace.field(self.base + at, len, field, || crate::text::Hex(bytes).to_string());
        Ok(bytes)
    }

    /// An array of bytes as they are.
    #[inline]
    pub(crate) fn array<const N: usize>(
        &self,
        at: usize,
        field: &'static str,
    ) -> Result<[u8; N], DecodeError> {
        let bytes = self.raw(at, field)?;
        self.trace.field(self.base + at, N, field, || crate::text::Hex(&bytes).to_string());
        Ok(bytes)
    }

    /// What stands from `at` to the end; empty where the frame ends before.
    #[inline]
    pub(crate) fn rest(&self, at: usize, field: &'static str) -> &'a [u8] {
        let bytes = self.bytes.get(at..).unwrap_or_default();
        if !bytes.is_empty() {
            self.trace.field(self.base + at, bytes.len(), field, || crate::text::Hex(bytes).to_string());
        }
        bytes
    }

    /// A view of `len` bytes from `at` on, whose reads still name the payload's offsets.
    #[inline]
    pub(crate) fn part(&self, at: usize, len: usize, field: &'static str) -> Result<Self, DecodeError> {
        let end = at.saturating_add(len);
        match self.bytes.get(at..end) {
            Some(bytes) => Ok(Self { bytes, base: self.base + at, trace: self.trace }),
            None => Err(self.error(ErrorCode::Truncated, self.bytes.len(), field)),
        }
    }

    /// A view of the first `N` bytes: one comparison stands for those of all reads at fixed offsets in them.
    #[inline(always)]
    pub(crate) fn front<const N: usize>(&self) -> Result<Self, DecodeError> {
        match self.bytes.first_chunk::<N>() {
            Some(bytes) => Ok(Self { bytes, base: self.base, trace: self.trace }),
            None => Err(self.error(ErrorCode::Truncated, self.bytes.len(), "")),
        }
    }

    /// A byte that can only be `wanted`.
    #[inline]
    pub(crate) fn marker(&self, at: usize, wanted: u8, field: &'static str) -> Result<(), DecodeError> {
        if self.u8(at, field)? == wanted { Ok(()) } else { Err(self.error(ErrorCode::Marker, at, field)) }
    }

    /// Says what the field read last means; free in `decode`.
    #[inline]
    pub(crate) fn means(&self, meaning: impl FnOnce() -> String) {
        self.trace.means(meaning);
    }
}

/// Passes on what is read from bytes that stand as hex in a larger payload, at the offsets of the digits.
#[derive(Clone, Copy)]
pub(crate) struct Hexed<T: Trace> {
    trace: T,
    at: usize,
}

impl<T: Trace> Hexed<T> {
    /// For hex digits that begin at this offset.
    pub(crate) fn new(trace: T, at: usize) -> Self {
        Self { trace, at }
    }
}

impl<T: Trace> Trace for Hexed<T> {
    fn field(self, offset: usize, len: usize, name: &'static str, value: impl FnOnce() -> String) {
        self.trace.field(self.at + 2 * offset, 2 * len, name, value);
    }

    fn means(self, meaning: impl FnOnce() -> String) {
        self.trace.means(meaning);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_their_ends() {
        let reader = Reader::new(&[0x01, 0x02, 0x83, 0xff], Quiet);
        assert_eq!(reader.u16_be(1, "x"), Ok(0x0283));
        assert_eq!(reader.i16_le(1, "x"), Ok(i16::from_le_bytes([0x02, 0x83])));
        assert_eq!(reader.i8(3, "x"), Ok(-1));
        assert_eq!(reader.u24_le(0, "x"), Ok(0x83_0201));
        let short = DecodeError::new(ErrorCode::Truncated, 4, "x");
        assert_eq!(reader.u32_be(1, "x"), Err(short));
        assert_eq!(reader.u8(usize::MAX, "x"), Err(short));
        assert_eq!(reader.slice(2, usize::MAX, "x"), Err(short));
        assert_eq!(reader.rest(9, "x"), &[] as &[u8]);
    }

    #[test]
    fn a_part_keeps_the_offsets_of_the_whole() {
        let reader = Reader::new(&[1, 2, 3, 4], Quiet);
        let part = reader.part(2, 2, "part").unwrap();
        assert_eq!(part.u8(1, "x"), Ok(4));
        assert_eq!(part.u8(2, "x").map_err(|e| e.offset), Err(4));
        assert_eq!(part.exactly(1).map_err(|e| (e.code, e.offset)), Err((ErrorCode::Length, 3)));
    }
}
