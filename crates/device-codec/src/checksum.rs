//! Checksums of serial and radio protocols.

/// All bytes, exclusive or; eight at a time.
#[inline]
pub(crate) fn xor(bytes: &[u8]) -> u8 {
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(0, |sum, word| sum ^ u64::from_le_bytes(*word));
    let sum = sum ^ sum >> 32;
    let sum = sum ^ sum >> 16;
    rest.iter().fold((sum ^ sum >> 8) as u8, |sum, b| sum ^ b)
}

/// CRC-16/MODBUS (polynomial 0x8005 reflected, initial value 0xFFFF).
///
/// Eight bytes a step ("slicing by eight"): on the 60 bytes of a screen's frame that is several times as fast as a
/// byte at a time, and 4 KiB of tables; `benches/count.rs` measures both.
pub(crate) fn crc16_modbus(bytes: &[u8]) -> u16 {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let crc = chunks.iter().fold(0xffff, |crc: u16, chunk| {
        let [a, b, c, d, e, f, g, h] = *chunk;
        let [low, high] = crc.to_le_bytes();
        entry(7, a ^ low)
            ^ entry(6, b ^ high)
            ^ entry(5, c)
            ^ entry(4, d)
            ^ entry(3, e)
            ^ entry(2, f)
            ^ entry(1, g)
            ^ entry(0, h)
    });
    by_byte(crc, rest)
}

/// The same a byte at a time, as most do it.
pub(crate) fn by_byte(crc: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(crc, |crc, b| crc >> 8 ^ entry(0, crc as u8 ^ b))
}

static CRC16: [[u16; 256]; 8] = crc16_tables();

#[inline]
fn entry(table: usize, byte: u8) -> u16 {
    CRC16.get(table).and_then(|table| table.get(usize::from(byte))).copied().unwrap_or_default()
}

/// Table `n` holds the remainder of a byte that `n` zero bytes follow.
const fn crc16_tables() -> [[u16; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u16;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0xa001 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        byte = 0;
        while byte < 256 {
            let crc = tables[table - 1][byte];
            tables[table][byte] = crc >> 8 ^ tables[0][(crc & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bit_by_bit(bytes: &[u8]) -> u16 {
        bytes.iter().fold(0xffff, |crc: u16, b| {
            (0..8).fold(crc ^ u16::from(*b), |crc, _| if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0xa001 })
        })
    }

    #[test]
    fn the_check_value() {
        assert_eq!(crc16_modbus(b"123456789"), 0x4b37);
        assert_eq!(xor(&[1, 2, 4, 7]), 0);
    }

    proptest! {
        #[test]
        fn as_bit_by_bit(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(crc16_modbus(&bytes), bit_by_bit(&bytes));
        }
    }
}
