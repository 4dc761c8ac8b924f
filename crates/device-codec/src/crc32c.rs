//! CRC-32C of native frames; the one file of the workspace with `unsafe`.
//!
//! A processor computes it eight bytes an instruction. To call an instruction that only some processors have is
//! `unsafe`, whatever it does, because the compiler cannot see that we asked first. The package `crc32c` asks too, but
//! is made for long inputs: on the 56 bytes that a heartbeat's checksum covers it takes 10.5 ns, this 4.6 to 6.8 ns
//! in a loop beside it. The checksum is most of what such a frame costs: with this a frame takes 7 to 10 ns
//! (`cargo bench -p device-codec --bench count -- best`, `view`).
//!
//! Code with the instruction is called, never drawn into code that must do without, so what surrounds the checksum of a
//! short frame is better compiled with it ([`Work`]): nothing has to be kept across a call then.

#[cfg(target_arch = "x86_64")]
use std::sync::atomic::{AtomicBool, Ordering};

/// The longest input that is taken in one go; the package has three lanes for longer ones.
#[cfg(target_arch = "x86_64")]
const SHORT: usize = 256;

/// How many bytes the checksum of a heartbeat without a tag covers.
#[cfg(target_arch = "x86_64")]
const HEARTBEAT: usize = 56;

/// What takes checksums: compiled once for processors with the instruction and once for others, if always inlined. Its
/// two arguments are given as such, because a value that holds both would have to lie in memory.
pub(crate) trait Work<A, B> {
    /// What comes of it.
    type Out;
    /// Does it, with a function for CRC-32C.
    fn run(a: A, b: B, crc32c: impl Fn(&[u8]) -> u32) -> Self::Out;
}

/// Whether the processor was asked and has the instruction. The standard library keeps that too, but where it has not
/// asked yet it does so in the middle of its caller, which has to save what it holds for that, each time.
#[cfg(target_arch = "x86_64")]
static HAS_INSTRUCTION: AtomicBool = AtomicBool::new(false);

/// Does what takes checksums, by the instruction where there is one.
#[inline(always)]
pub(crate) fn run<W: Work<A, B>, A, B>(a: A, b: B) -> W::Out {
    #[cfg(target_arch = "x86_64")]
    if HAS_INSTRUCTION.load(Ordering::Relaxed) {
        #[allow(unsafe_code)]
        // SAFETY: the processor has been asked for the only thing that the function needs.
        return unsafe { by_instruction::<W, A, B>(a, b) };
    }
    by_package::<W, A, B>(a, b)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn by_instruction<W: Work<A, B>, A, B>(a: A, b: B) -> W::Out {
    W::run(a, b, |bytes| match bytes.as_array::<HEARTBEAT>() {
        // A loop over a known number of words is none.
        Some(bytes) => word_by_word(bytes),
        None if bytes.len() <= SHORT => word_by_word(bytes),
        None => crc32c::crc32c(bytes),
    })
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
#[inline]
fn word_by_word(bytes: &[u8]) -> u32 {
    use std::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u64};
    let (words, rest) = bytes.as_chunks::<8>();
    let next = |crc, word: &[u8; 8]| _mm_crc32_u64(crc, u64::from_le_bytes(*word));
    let words = words.iter().fold(u64::from(u32::MAX), next);
    // The upper half of what the instruction gives is zero.
    !rest.iter().fold(words as u32, |crc, b| _mm_crc32_u8(crc, *b))
}

#[cold]
#[inline(never)]
fn by_package<W: Work<A, B>, A, B>(a: A, b: B) -> W::Out {
    #[cfg(target_arch = "x86_64")]
    HAS_INSTRUCTION.store(std::arch::is_x86_feature_detected!("sse4.2"), Ordering::Relaxed);
    W::run(a, b, crc32c::crc32c)
}

/// CRC-32C (Castagnoli).
#[inline]
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    struct Sum;
    impl Work<&[u8], ()> for Sum {
        type Out = u32;
        #[inline(always)]
        fn run(bytes: &[u8], (): (), crc32c: impl Fn(&[u8]) -> u32) -> u32 {
            crc32c(bytes)
        }
    }
    run::<Sum, _, _>(bytes, ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_check_value() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(b""), 0);
    }

    proptest! {
        #[test]
        fn as_the_package(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(crc32c(&bytes), crc32c::crc32c(&bytes));
        }
    }
}
