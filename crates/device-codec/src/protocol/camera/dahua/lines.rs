//! `Events[0].TrafficCar.PlateNumber=…`, `items[0].…=…` and `Code=…;action=…;index=…;data={…}`.

use super::{event::Event, push};
use crate::{
    error::{DecodeError, ErrorCode},
    reading::Reading,
    text::Text,
};

/// How many events one text may hold.
const MAX_EVENTS: usize = 256;

pub(super) fn read<'a>(bytes: &'a [u8], readings: &mut Vec<Reading<'a>>) -> Result<(), DecodeError> {
    let mut events: Vec<Event<'a>> = Vec::new();
    let mut at = 0;
    let mut known = false;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let start = at + line.len() - line.trim_ascii_start().len();
        at += line.len();
        let line = line.trim_ascii();
        if line.is_empty() || line == b"Heartbeat" {
            continue;
        }
        if line.starts_with(b"Code=") && line.windows(5).any(|window| window == b"data=") {
            return coded(bytes, start, readings);
        }
        known |= pair(line, start, &mut events)?;
    }
    if !known {
        return Err(DecodeError::new(ErrorCode::Syntax, 0, "line"));
    }
    readings.extend(events.into_iter().map(Event::into_reading));
    Ok(())
}

/// `Events[n].path=value`; whether the line is one of those that belong here.
fn pair<'a>(line: &'a [u8], start: usize, events: &mut Vec<Event<'a>>) -> Result<bool, DecodeError> {
    let Some(equals) = line.iter().position(|b| *b == b'=') else {
        return Err(DecodeError::new(ErrorCode::Syntax, start, "line"));
    };
    let (path, value) = line.split_at(equals);
    let value_at = start + equals + 1;
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    let no_text =
        |e: core::str::Utf8Error, at: usize| DecodeError::new(ErrorCode::Encoding, at + e.valid_up_to(), "");
    let path = core::str::from_utf8(path).map_err(|e| no_text(e, start))?.trim();
    let value = core::str::from_utf8(value).map_err(|e| no_text(e, value_at))?;
    if path == "found" {
        return Ok(true);
    }
    let Some((index, path)) = indexed(path) else { return Ok(false) };
    if index >= MAX_EVENTS {
        return Err(DecodeError::new(ErrorCode::TooLarge, start, "index"));
    }
    while events.len() <= index {
        events.push(Event::default());
    }
    if let Some(event) = events.get_mut(index) {
        // A recorded clip says what it is about; it is no event.
        if path == "Events[0]" {
            event.set("Code", Text::Borrowed(value));
        }
        event.set(path, Text::Borrowed(value));
    }
    Ok(true)
}

/// `Events[3].TrafficCar.Lane` → 3 and `TrafficCar.Lane`.
fn indexed(path: &str) -> Option<(usize, &str)> {
    let rest =
        ["Events[", "ReturnEvents[", "items["].into_iter().find_map(|prefix| path.strip_prefix(prefix))?;
    let (index, path) = rest.split_once("].")?;
    Some((index.parse().ok()?, path))
}

/// `Code=TrafficJunction;action=Pulse;index=0;data={…}`: the JSON may go over several lines.
fn coded<'a>(bytes: &'a [u8], start: usize, readings: &mut Vec<Reading<'a>>) -> Result<(), DecodeError> {
    let rest = bytes.get(start..).unwrap_or_default();
    let broken = DecodeError::new(ErrorCode::Syntax, start, "data");
    let code_len = rest.iter().position(|b| *b == b';').ok_or(broken)?;
    let code = rest.get(5..code_len).and_then(|code| core::str::from_utf8(code).ok()).ok_or(broken)?;
    let head = rest.get(code_len..).unwrap_or_default().split(|b| *b == b'{').next().unwrap_or_default();
    let action = head.split(|b| *b == b';').find_map(|pair| pair.strip_prefix(b"action="));
    let data = rest.windows(5).position(|window| window == b"data=").map(|at| at + 5).ok_or(broken)?;
    let mut event = Event::default();
    event.set("Code", Text::Borrowed(code));
    if let Some(action) = action.and_then(|action| core::str::from_utf8(action).ok()) {
        event.set("Action", Text::Borrowed(action));
    }
    let shift = |e: DecodeError| DecodeError { offset: e.offset + start + data, ..e };
    push::data(rest.get(data..).unwrap_or_default().trim_ascii_end(), &mut event).map_err(shift)?;
    readings.push(event.into_reading());
    Ok(())
}
