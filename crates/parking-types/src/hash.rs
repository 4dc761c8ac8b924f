//! The hash that names a group's partition.

/// Kafka's murmur2, which its default partitioner uses: a group's partition is this, made positive, modulo their number.
///
/// ```
/// assert_eq!(parking_types::murmur2(b"foobar") as i32, -790_332_482);
/// ```
pub fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let (words, rest) = data.as_chunks::<4>();
    let seed = 0x9747_b28c ^ data.len() as u32;
    let mut hash = words.iter().fold(seed, |hash, word| {
        let mixed = u32::from_le_bytes(*word).wrapping_mul(M);
        hash.wrapping_mul(M) ^ (mixed ^ (mixed >> 24)).wrapping_mul(M)
    });
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, b| (tail << 8) | u32::from(*b));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_is_kafkas() {
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
    }
}
