//! Which partition a group's records go to: murmur2 of the key, as Kafka's default partitioner does.

use parking_types::murmur2;

/// The partition of `key` among `partitions` (at least 1).
pub fn partition_of(key: &[u8], partitions: u32) -> u32 {
    of_hash(murmur2(key), partitions)
}

/// The partition of a key whose hash is known.
pub fn of_hash(hash: u32, partitions: u32) -> u32 {
    (hash & 0x7fff_ffff) % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_kafkas() {
        // Its hash is −790,332,482; without the sign, modulo 10.
        assert_eq!(partition_of(b"foobar", 10), 6);
        assert_eq!(partition_of(b"foobar", 0), 0);
    }
}
