//! Base64 as devices write it: strict alphabet, padding or none, line breaks passed over.

/// Bytes to base64 with padding, appended to `out`.
pub(crate) fn encode(bytes: &[u8], out: &mut String) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |sum, b| sum << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let six = (word >> (18 - 6 * place)) & 63;
            let c = ALPHABET.get(six as usize).copied().unwrap_or(b'A');
            out.push(if place > chunk.len() { '=' } else { char::from(c) });
        }
    }
}

/// Base64 to bytes, into `out`; the part of it that was filled.
///
/// Nothing where a character is none of the alphabet's, the length or the unused bits are impossible, or `out` is too
/// small.
pub(crate) fn decode<'o>(text: &[u8], out: &'o mut [u8]) -> Option<&'o [u8]> {
    let (mut word, mut bits, mut len) = (0u32, 0u32, 0usize);
    let mut rest = text.iter().filter(|b| !matches!(b, b'\r' | b'\n'));
    let mut padding = 0;
    for b in rest.by_ref() {
        if *b == b'=' {
            padding = 1;
            break;
        }
        word = word << 6 | six(*b)?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            *out.get_mut(len)? = (word >> bits) as u8;
            len += 1;
            word &= (1 << bits) - 1;
        }
    }
    for b in rest {
        if *b != b'=' {
            return None;
        }
        padding += 1;
    }
    // Two or four bits may be left over, and they are zero; padding is there in full or not at all.
    let missing = bits / 2;
    let whole = bits != 6 && word == 0 && (padding == 0 || padding == missing);
    if whole { out.get(..len) } else { None }
}

fn six(b: u8) -> Option<u32> {
    let value = match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strict() {
        let decode = |text: &str| decode(text.as_bytes(), &mut [0; 16]).map(<[u8]>::to_vec);
        assert_eq!(decode("X+aXoF8=").as_deref(), Some("_无_".as_bytes()));
        assert_eq!(decode("X+aX\r\noF8").as_deref(), Some("_无_".as_bytes()));
        assert_eq!(decode("").as_deref(), Some(&b""[..]));
        for bad in ["A", "AB==C", "QUI==", "QUJD=", "QR==", "QU-C", "QUJDQUJDQUJDQUJDQUJDQUJD", "===="] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut text = String::new();
            encode(&bytes, &mut text);
            let mut out = [0; 40];
            prop_assert_eq!(decode(text.as_bytes(), &mut out), Some(bytes.as_slice()));
        }
    }
}
