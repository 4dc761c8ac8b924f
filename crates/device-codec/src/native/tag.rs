//! Authentication: HMAC-SHA-256 cut to 16 bytes, under a key that only the device and the server know.

use core::fmt;

use sha2::{Digest, Sha256};

/// How many bytes of the HMAC are sent.
pub(super) const TAG_LEN: usize = 16;
/// SHA-256's block.
const BLOCK: usize = 64;

/// A device's key, prepared: both pads are hashed once, so a short frame costs four blocks instead of six.
#[derive(Clone)]
pub struct Key {
    inner: Sha256,
    outer: Sha256,
}

impl Key {
    /// Prepares a key of any length; 32 random bytes are right.
    pub fn new(secret: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        // A key longer than a block is hashed first (RFC 2104).
        let hashed = Sha256::digest(secret);
        let short = if secret.len() > BLOCK { hashed.as_slice() } else { secret };
        for (slot, b) in block.iter_mut().zip(short) {
            *slot = *b;
        }
        let padded = |pad: u8| Sha256::new_with_prefix(block.map(|b| b ^ pad));
        Self { inner: padded(0x36), outer: padded(0x5c) }
    }

    /// The tag of these bytes.
    pub fn tag(&self, bytes: &[u8]) -> [u8; TAG_LEN] {
        let inner = self.inner.clone().chain_update(bytes).finalize();
        let outer = self.outer.clone().chain_update(inner).finalize();
        let mut tag = [0; TAG_LEN];
        for (slot, b) in tag.iter_mut().zip(outer) {
            *slot = b;
        }
        tag
    }

    /// Whether this is the tag of these bytes; takes the same time whatever differs.
    pub(super) fn fits(&self, bytes: &[u8], tag: &[u8]) -> bool {
        let wanted = self.tag(bytes);
        let differing = wanted.iter().zip(tag).fold(0, |sum, (a, b)| sum | (a ^ b));
        tag.len() == TAG_LEN && core::hint::black_box(differing) == 0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4231() {
        let tag = Key::new(&[0x0b; 20]).tag(b"Hi There");
        assert_eq!(crate::text::Hex(&tag).to_string(), "B0344C61D8DB38535CA8AFCEAF0BF12B");
        let long = Key::new(&[0xaa; 131]).tag(b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(crate::text::Hex(&long).to_string(), "60E431591EE0B67F0D8A26AACBF5B77F");
    }

    #[test]
    fn one_bit_off_does_not_fit() {
        let key = Key::new(b"secret");
        let mut tag = key.tag(b"frame");
        assert!(key.fits(b"frame", &tag));
        assert!(!key.fits(b"frame", &tag[..15]));
        tag[15] ^= 1;
        assert!(!key.fits(b"frame", &tag));
    }
}
