//! From a reader's text to the canonical one.

use super::{MAX, Plate, PlateError};

/// The vendors' words for a vehicle without a plate, in canonical form (upper case, without blanks).
const UNPLATED: [&str; 12] =
    ["", "_无_", "无", "无牌", "无牌车", "无车牌", "未识别", "UNKNOWN", "UNLICENSED", "NOPLATE", "--", "-"];

/// Devices pad with NULs, and some leave old bytes behind the first.
fn until_nul(text: &str) -> &str {
    text.split('\0').next().unwrap_or(text)
}

#[inline]
pub(super) fn says_unplated(text: &str) -> bool {
    // 无, 未, `_`, `-`, `U`, `N` and their lower case are what the words begin with; most texts are plates.
    match text.as_bytes() {
        [] | [b'_' | b'-' | b' ' | b'u' | b'U' | b'n' | b'N' | 0 | 0xe6, ..] => is_word_for_none(text),
        _ => false,
    }
}

fn is_word_for_none(text: &str) -> bool {
    let text = until_nul(text).trim_matches(' ');
    let same = |word: &str| {
        let mut rest = word.chars();
        let written = text.chars().filter(|c| *c != ' ');
        written.flat_map(char::to_uppercase).all(|c| rest.next() == Some(c)) && rest.next().is_none()
    };
    UNPLATED.into_iter().any(same)
}

/// The canonical text of the plain case, capital letters, digits and Chinese characters, where nothing is to be folded;
/// `None` where the slower way has to look.
#[inline]
fn plain(text: &str) -> Option<Plate> {
    let raw = text.as_bytes();
    let mut at = 0;
    while let Some(b) = raw.get(at) {
        at += match b {
            b'0'..=b'9' | b'A'..=b'Z' => 1,
            // U+4E00 to U+9FFF: Chinese characters, all of them letters without case.
            0xe4..=0xe9 if *b > 0xe4 || raw.get(at + 1).is_some_and(|next| *next >= 0xb8) => 3,
            _ => return None,
        };
    }
    let mut bytes = [0u8; MAX];
    bytes.get_mut(..raw.len())?.copy_from_slice(raw);
    (at > 0).then_some(Plate { bytes, len: raw.len() as u8 })
}

#[inline]
pub(super) fn plate(text: &str) -> Result<Plate, PlateError> {
    match plain(text) {
        Some(plate) => Ok(plate),
        None => folded(text),
    }
}

fn folded(text: &str) -> Result<Plate, PlateError> {
    let mut out = [0u8; MAX];
    let mut len = 0;
    for (at, c) in until_nul(text).char_indices() {
        let c = match c {
            ' ' | '\u{3000}' | '\u{a0}' | '\t' | '·' | '•' | '・' | '.' | '-' | '‧' | '∙' => {
                continue;
            }
            // Full-width forms fold to ASCII.
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
            c => c,
        };
        if !(c.is_alphanumeric() || c == '|') {
            return Err(PlateError::Character { at });
        }
        for c in c.to_uppercase() {
            let slot = out.get_mut(len..len + c.len_utf8()).ok_or(PlateError::TooLong)?;
            c.encode_utf8(slot);
            len += c.len_utf8();
        }
    }
    let canonical = out.get(..len).and_then(|b| core::str::from_utf8(b).ok()).unwrap_or("");
    Plate::from_canonical(canonical.trim_matches('|'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_for_no_plate() {
        for word in
            ["", " ", "_无_", "无牌车", "无 车 牌", "未识别", "unknown", "No Plate", "unlicensed", "--", "\0"]
        {
            assert!(says_unplated(word), "{word:?}");
        }
        for plate in ["粤B12345", "UN123", "无A12345", "NOPLATES", "新A12345", "未"] {
            assert!(!says_unplated(plate), "{plate:?}");
        }
    }

    #[test]
    fn one_form_for_all_spellings() {
        for text in
            ["粤B12345", "粤b·12345", "粤 B 12345", "粤Ｂ１２３４５", "粤B-12345\0\u{7f}", "|粤B12345|"]
        {
            assert_eq!(plate(text).unwrap().as_str(), "粤B12345", "{text:?}");
        }
        assert_eq!(plate("粤B12345?"), Err(PlateError::Character { at: 9 }));
        assert_eq!(plate(&"A".repeat(40)), Err(PlateError::TooLong));
        assert_eq!(plate("·"), Err(PlateError::Empty));
        // Cyrillic stays Cyrillic: on Mongolian plates it is no mistake.
        assert_eq!(plate("1234уба").unwrap().as_str(), "1234УБА");
    }

    proptest! {
        #[test]
        fn the_short_way_says_what_the_long_one_says(text in "[粤京鲁港澳一龥䷀a-zA-Z0-9·| ]{0,16}") {
            if let Some(plate) = plain(&text) {
                prop_assert_eq!(folded(&text), Ok(plate));
            }
        }

        #[test]
        fn canonical_text_is_canonical(text in "\\PC{0,20}") {
            if let Ok(read) = plate(&text) {
                prop_assert_eq!(plate(read.as_str()), Ok(read));
            }
        }
    }
}
