//! Which partition a group's records go to: murmur2 of the key, as Kafka's default partitioner does.

/// The partition of `key` among `partitions` (at least 1).
pub fn partition_of(key: &[u8], partitions: u32) -> u32 {
    of_hash(murmur2(key), partitions)
}

/// The partition of a key whose hash is known.
pub fn of_hash(hash: u32, partitions: u32) -> u32 {
    (hash & 0x7fff_ffff) % partitions.max(1)
}

/// Kafka's murmur2 with its seed.
pub fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ (key.len() as u32);
    let chunks = key.chunks_exact(4);
    let rest = chunks.remainder();
    for chunk in chunks {
        let word = chunk.iter().rev().fold(0, |word: u32, byte| (word << 8) | u32::from(*byte));
        let mixed = word.wrapping_mul(M);
        let mixed = (mixed ^ (mixed >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ mixed;
    }
    if !rest.is_empty() {
        hash ^= rest.iter().rev().fold(0, |word: u32, byte| (word << 8) | u32::from(*byte));
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_kafkas() {
        // The values of org.apache.kafka.common.utils.UtilsTest.testMurmur2.
        let known: [(&[u8], i32); 7] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
            (b"", 275_646_681),
        ];
        for (key, hash) in known {
            assert_eq!(murmur2(key), hash as u32, "{key:?}");
        }
        assert_eq!(partition_of(b"foobar", 0), 0);
    }
}
