//! LILIN's alarm stream: a text of `name=value` lines, plates in lines of their own with numbered names.

use super::{Slot, put};
use crate::{
    error::{DecodeError, ErrorCode},
    protocol::Out,
    reading::{Kind, Reading},
    text::Text,
};

/// The names of a plate's line, without their number.
const FIELDS: [(&str, Slot); 4] = [
    ("LPR", Slot::Plate),
    ("ACT_PARAM", Slot::More("list")),
    ("LPR_TIME", Slot::Time),
    ("DIRECTION", Slot::Direction),
];

pub(super) fn lilin<'a>(bytes: &'a [u8], out: Out<'_, 'a>) -> Result<(), DecodeError> {
    let text = core::str::from_utf8(bytes)
        .map_err(|e| DecodeError::new(ErrorCode::Encoding, e.valid_up_to(), ""))?;
    let is_stream = text.lines().any(|line| line.contains("Detect=") || line.starts_with("LPR"));
    if !is_stream {
        return Err(DecodeError::new(ErrorCode::Kind, 0, "LPR0"));
    }
    let plates: Vec<Reading<'a>> = text.lines().filter(|line| line.starts_with("LPR")).map(plate).collect();
    if plates.is_empty() {
        out(&Reading::new(Kind::Heartbeat));
    }
    plates.iter().for_each(out);
    Ok(())
}

/// `LPR0=647CBA,ACT_PARAM0=Visitor,…,LPR_TIME0=2019-06-24 16:58:44 GMT,…`
fn plate(line: &str) -> Reading<'_> {
    let mut reading = Reading::new(Kind::Plate);
    for pair in line.split(',') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let name = name.trim().trim_end_matches(|c: char| c.is_ascii_digit());
        if let Some((_, slot)) = FIELDS.iter().find(|(known, _)| *known == name) {
            put(&mut reading, *slot, super::Found::Text(Text::Borrowed(value.trim())));
        }
    }
    reading
}
