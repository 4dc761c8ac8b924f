//! CRC-32C of native frames; the one file of the workspace with `unsafe`.
//!
//! A processor computes it eight bytes an instruction. To call an instruction that only some processors have is
//! `unsafe`, whatever it does, because the compiler cannot see that we asked first. The package `crc32c` asks too, but
//! is made for long inputs: on the 56 bytes that a heartbeat's checksum covers it takes 10.5 ns, this 4.6 to 6.8 ns
//! in a loop beside it. The checksum is most of what such a frame costs: with this a frame takes 7 to 10 ns
//! (`cargo bench -p device-codec --bench count -- best`, `view`).

/// The longest input that is taken in one go; the package has three lanes for longer ones.
#[cfg(target_arch = "x86_64")]
const SHORT: usize = 256;

/// How many bytes the checksum of a heartbeat without a tag covers.
#[cfg(target_arch = "x86_64")]
const HEARTBEAT: usize = 56;

/// CRC-32C (Castagnoli).
#[inline]
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if bytes.len() <= SHORT && std::arch::is_x86_feature_detected!("sse4.2") {
        #[allow(unsafe_code)]
        // SAFETY: the processor has been asked for the only thing that the function needs.
        return unsafe { by_instruction(bytes) };
    }
    crc32c::crc32c(bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn by_instruction(bytes: &[u8]) -> u32 {
    match bytes.as_array::<HEARTBEAT>() {
        // A loop over a known number of words is none.
        Some(bytes) => word_by_word(bytes),
        None => word_by_word(bytes),
    }
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
