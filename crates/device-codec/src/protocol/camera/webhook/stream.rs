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
    let lines = text.lines().filter(|line| line.starts_with("LPR"));
    let plates: Vec<Reading<'a>> = lines.flat_map(slots).filter_map(plate).collect();
    if plates.is_empty() {
        out(&Reading::new(Kind::Heartbeat));
    }
    plates.iter().for_each(out);
    Ok(())
}

/// The plates of a line: the camera has several slots, and the document shows them one behind the other too.
fn slots(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    core::iter::from_fn(move || {
        let line = rest?;
        let begins = |at: usize| line.get(at..).is_some_and(|next| next.trim_start().starts_with("LPR"));
        let next = line.match_indices(' ').map(|(at, _)| at).find(|at| begins(*at));
        let (slot, after) = next.map_or((line, None), |at| {
            let (slot, after) = line.split_at(at);
            (slot, Some(after.trim_start()))
        });
        rest = after;
        Some(slot)
    })
}

/// `LPR0=647CBA,ACT_PARAM0=Visitor,…,LPR_TIME0=2019-06-24 16:58:44 GMT,…`
/// A slot that holds neither plate nor time is an empty one.
fn plate(line: &str) -> Option<Reading<'_>> {
    let mut reading = Reading::new(Kind::Plate);
    let mut says_something = false;
    for pair in line.split(',') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let name = name.trim().trim_end_matches(|c: char| c.is_ascii_digit());
        if let Some((_, slot)) = FIELDS.iter().find(|(known, _)| *known == name) {
            let value = value.trim();
            says_something |= matches!(slot, Slot::Plate | Slot::Time) && !value.is_empty();
            if value.is_empty() && *slot != Slot::Plate {
                continue;
            }
            put(&mut reading, *slot, super::Found::Text(Text::Borrowed(value)));
        }
    }
    says_something.then_some(reading)
}
