//! Checksums of serial and radio protocols.

/// All bytes, exclusive or.
pub(crate) fn xor(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, b| sum ^ b)
}
