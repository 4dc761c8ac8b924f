//! From a reader's text to the canonical one.

use super::{MAX, Plate, PlateError, Reading};

/// The vendors' words for a vehicle without a plate, in canonical form (upper case, without blanks).
const UNPLATED: [&str; 12] =
    ["", "_无_", "无", "无牌", "无牌车", "无车牌", "未识别", "UNKNOWN", "UNLICENSED", "NOPLATE", "--", "-"];

/// Devices pad with NULs, and some leave old bytes behind the first.
fn until_nul(text: &str) -> &str {
    text.split('\0').next().unwrap_or(text)
}

#[inline]
pub(super) fn says_unplated(text: &str) -> bool {
    may_say_unplated(text.as_bytes()) && is_word_for_none(text)
}

/// 无, 未, `_`, `-`, `U`, `N` and their lower case are what the words begin with; most texts are plates.
#[inline]
fn may_say_unplated(text: &[u8]) -> bool {
    matches!(text, [] | [b'_' | b'-' | b' ' | b'u' | b'U' | b'n' | b'N' | 0 | 0xe6, ..])
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

/// Whether bytes are a text of the plain case, capital letters, digits and Chinese characters, where nothing is to be
/// folded.
#[inline]
fn is_plain(raw: &[u8]) -> bool {
    let mut rest = raw;
    loop {
        rest = match rest {
            [b'0'..=b'9' | b'A'..=b'Z', rest @ ..] => rest,
            // U+4E00 to U+9FFF: Chinese characters, all of them letters without case.
            [0xe4, 0xb8..=0xbf, 0x80..=0xbf, rest @ ..] => rest,
            [0xe5..=0xe9, 0x80..=0xbf, 0x80..=0xbf, rest @ ..] => rest,
            _ => return rest.is_empty() && (1..=MAX).contains(&raw.len()),
        };
    }
}

/// The canonical text of the plain case; `None` where the slower way has to look.
#[inline]
fn plain(text: &str) -> Option<Plate> {
    let mut plate = Plate::NONE;
    is_plain(text.as_bytes()).then(|| plate.write(text.as_bytes())).map(|()| plate)
}

/// Writes a plain text's plate where it is to lie; says whether it did.
#[inline]
pub(super) fn plain_into(place: &mut Option<Reading>, raw: &[u8]) -> bool {
    let plain = !may_say_unplated(raw) && is_plain(raw);
    if plain && let Reading::Plate(plate) = place.insert(Reading::Plate(Plate::NONE)) {
        plate.write(raw);
    }
    plain
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
        fn in_place_as_by_value(text in "[粤京无牌车一龥丁a-zA-Z0-9_·| ]{0,16}") {
            let mut place = None;
            if Reading::plain_into(&mut place, text.as_bytes()) {
                prop_assert_eq!(Reading::parse(&text).ok(), place);
                let read = plate(&text).unwrap();
                prop_assert_eq!(read.as_str(), text);
            } else {
                prop_assert_eq!(place, None);
            }
        }

        #[test]
        fn nothing_but_text_is_plain(
            raw in proptest::collection::vec(prop_oneof![0xe3u8..0xec, 0x7fu8..0xc1, 0x30u8..0x33], 1..7)
        ) {
            prop_assert!(!is_plain(&raw) || core::str::from_utf8(&raw).is_ok());
        }

        #[test]
        fn canonical_text_is_canonical(text in "\\PC{0,20}") {
            if let Ok(read) = plate(&text) {
                prop_assert_eq!(plate(read.as_str()), Ok(read));
            }
        }
    }
}
