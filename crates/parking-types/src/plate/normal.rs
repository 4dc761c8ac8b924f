//! From a reader's text to the canonical one.

use super::{MAX, Plate, PlateError};

/// The vendors' words for a vehicle without a plate, in canonical form (upper case, without blanks).
const UNPLATED: [&str; 12] =
    ["", "_无_", "无", "无牌", "无牌车", "无车牌", "未识别", "UNKNOWN", "UNLICENSED", "NOPLATE", "--", "-"];

pub(super) fn says_unplated(text: &str) -> bool {
    let word: String =
        text.trim_matches(['\0', ' ']).chars().filter(|c| *c != ' ').flat_map(char::to_uppercase).collect();
    UNPLATED.contains(&word.as_str())
}

pub(super) fn plate(text: &str) -> Result<Plate, PlateError> {
    let mut out = [0u8; MAX];
    let mut len = 0;
    for (at, c) in text.char_indices() {
        let c = match c {
            ' ' | '\u{3000}' | '\u{a0}' | '\t' | '\0' | '·' | '•' | '・' | '.' | '-' | '‧' | '∙' => {
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
