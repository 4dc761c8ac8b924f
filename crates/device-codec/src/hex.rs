//! Hex digits to bytes.

/// The value of a hex digit.
const fn digit(b: u8) -> Option<u8> {
    match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        b'A'..=b'F' => Some(b - b'A' + 10),
        _ => None,
    }
}

/// Decodes `text` into the front of `bytes`: how many bytes there were, or the offset of the first character that
/// is no digit, has no partner or has no room.
pub(crate) fn decode_into(text: &[u8], bytes: &mut [u8]) -> Result<usize, usize> {
    let mut len = 0;
    for pair in text.chunks(2) {
        let at = 2 * len;
        let slot = bytes.get_mut(len).ok_or(at)?;
        match pair {
            [high, low] => *slot = digit(*high).ok_or(at)? << 4 | digit(*low).ok_or(at + 1)?,
            _ => return Err(at),
        }
        len += 1;
    }
    Ok(len)
}

/// Decodes `text` if it fills `bytes` exactly.
pub(crate) fn decode_exactly(text: &[u8], bytes: &mut [u8]) -> bool {
    let wanted = bytes.len();
    decode_into(text, bytes) == Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_what_is_none() {
        let mut bytes = [0; 3];
        assert_eq!(decode_into(b"0aFf", &mut bytes), Ok(2));
        assert_eq!(bytes, [0x0a, 0xff, 0]);
        assert_eq!(decode_into(b"0g", &mut bytes), Err(1));
        assert_eq!(decode_into(b"000", &mut bytes), Err(2));
        assert_eq!(decode_into(b"00000000", &mut bytes), Err(6));
        assert!(!decode_exactly(b"0000", &mut bytes));
    }
}
