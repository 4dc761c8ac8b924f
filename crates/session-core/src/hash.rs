//! Stable hashes: the same on every machine and in every release.

use core::hash::{BuildHasherDefault, Hash, Hasher};
use std::collections::HashMap;

use parking_types::{Id, Instant, murmur2};
use sha2::{Digest as _, Sha256};

use crate::session::SessionId;

/// FNV-1a with a final mix; quick on the short keys of this crate.
#[derive(Clone, Copy)]
pub struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ (mixed >> 32)
    }
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.write_u8(*byte);
        }
    }
    fn write_u8(&mut self, value: u8) {
        self.0 = (self.0 ^ u64::from(value)).wrapping_mul(0x0100_0000_01b3);
    }
    #[inline]
    fn write_u64(&mut self, value: u64) {
        let folded = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = folded ^ (folded >> 29);
    }
    #[inline]
    fn write_u128(&mut self, value: u128) {
        self.write_u64(value as u64);
        self.write_u64((value >> 64) as u64);
    }
    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}

/// A map with a stable hash. Its order is never looked at.
pub(crate) type Map<K, V> = HashMap<K, V, BuildHasherDefault<Fnv>>;

/// A stable hash of anything.
pub fn stable_hash<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = Fnv::default();
    value.hash(&mut hasher);
    hasher.finish()
}

/// What names the event that first showed a session.
pub(crate) struct Anchor<'a> {
    pub(crate) tenant: &'a Id,
    pub(crate) group: &'a Id,
    pub(crate) place: &'a Id,
    pub(crate) event: u64,
    pub(crate) at: Instant,
    /// Which of the sessions that the event has shown.
    pub(crate) nth: u32,
}

impl Anchor<'_> {
    /// The session's id.
    pub(crate) fn session(&self) -> SessionId {
        let mut hash = Sha256::new();
        for part in [self.tenant.as_str(), self.place.as_str()] {
            hash.update([part.len() as u8]);
            hash.update(part);
        }
        hash.update(self.event.to_le_bytes());
        hash.update(self.at.as_nanos().to_le_bytes());
        hash.update(self.nth.to_le_bytes());

        let digest = hash.finalize();
        let stable = digest.iter().take(12).fold(0u128, |sum, byte| (sum << 8) | u128::from(*byte));
        SessionId::new(murmur2(self.group.as_str().as_bytes()), stable)
    }
}

/// An id for an alert or a command, made from what it is about.
pub(crate) fn derived_id<T: Hash>(value: &T) -> Id {
    let first = stable_hash(value);
    let second = stable_hash(&(first, value));
    SessionId::new(first as u32, (u128::from(first >> 32) << 64) | u128::from(second)).to_id()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back() {
        let id = SessionId::new(0x1234_5678, 0x9abc_def0);
        assert_eq!(SessionId::parse(&id.to_string()), Some(id));
        assert_eq!(id.group_hash(), 0x1234_5678);
        assert_eq!(id.to_string().len(), 26);
    }
}
