//! Boards on a serial line: the barrier board `AA 55` and the screen and voice board `00 64 FF FF`.
//!
//! Source of the second: frames from the field, all of which verify, and an integrator's description of 0x6E and 0x05.

use encoding_rs::GBK;
use parking_types::{Local, Weekday};

use super::{Action, CommandError};
use crate::checksum::crc16_modbus;

/// What one line of the screen may hold, in GBK bytes.
const LINE_MAX: usize = 32;
/// What the board speaks beside lines, in GBK bytes.
const VOICE_MAX: usize = 64;
/// The screen has four lines.
const LINES_MAX: usize = 4;
/// How long shown lines stay, in seconds.
const STAY_SECS: u8 = 10;
/// The text's colour: red, as the boards' LEDs are.
const RED: [u8; 4] = [0xff, 0, 0, 0];

const SPEAK: u8 = 0x30;
const SHOW: u8 = 0x6e;
const CLOCK: u8 = 0x05;

/// A command of the barrier board.
pub(super) fn barrier(action: &Action<'_>) -> Result<Vec<u8>, CommandError> {
    // 2 stops the arm where it is, which is none of our words: it neither opens nor promises to stay.
    let command: u8 = match action {
        Action::Open => 1,
        Action::Close => 3,
        Action::Query => 4,
        _ => return Err(CommandError::NotSupported),
    };
    Ok(vec![0xaa, 0x55, command, 1, command.wrapping_add(1)])
}

/// A command of the screen and voice board at this address.
pub(super) fn led(action: &Action<'_>, address: u8) -> Result<Vec<u8>, CommandError> {
    match action {
        Action::Say(text) => {
            let mut data = vec![1];
            data.extend(gbk(text, 254, "say")?);
            frame(address, SPEAK, &data)
        }
        Action::Show { lines, say } => frame(address, SHOW, &shown(lines, *say)?),
        Action::SetClock { local } => frame(address, CLOCK, &clock(*local)?),
        _ => Err(CommandError::NotSupported),
    }
}

/// Lines with their attributes, then what is spoken, maybe nothing.
fn shown(lines: &[&str], say: Option<&str>) -> Result<Vec<u8>, CommandError> {
    if lines.is_empty() {
        return Err(CommandError::Missing("lines"));
    }
    if lines.len() > LINES_MAX {
        return Err(CommandError::TooLong("lines"));
    }
    let mut data = vec![0, lines.len() as u8];
    for (index, line) in lines.iter().enumerate() {
        let text = gbk(line, LINE_MAX, "lines")?;
        data.extend([index as u8, 0, 0, STAY_SECS, 1]);
        data.extend(RED);
        data.push(text.len() as u8);
        data.extend(text);
        data.push(if index + 1 == lines.len() { 0 } else { 0x0d });
    }
    let voice = match say {
        Some(say) => gbk(say, VOICE_MAX, "say")?,
        None => Vec::new(),
    };
    data.extend([0x0a, voice.len() as u8]);
    data.extend(voice);
    data.push(0);
    Ok(data)
}

fn clock(local: Local) -> Result<Vec<u8>, CommandError> {
    let (year, month, day) = local.date().ymd();
    let year = u16::try_from(year).ok().filter(|year| (1970..=2099).contains(year));
    let [low, high] = year.ok_or(CommandError::Value("local"))?.to_le_bytes();
    // The board's week begins with Sunday as 1.
    let weekday: u8 = match local.date().weekday() {
        Weekday::Sun => 1,
        Weekday::Mon => 2,
        Weekday::Tue => 3,
        Weekday::Wed => 4,
        Weekday::Thu => 5,
        Weekday::Fri => 6,
        Weekday::Sat => 7,
    };
    let secs = local.nanos_of_day() / 1_000_000_000;
    let [hour, minute, second] = [secs / 3600, secs / 60 % 60, secs % 60].map(|part| part as u8);
    Ok(vec![low, high, month as u8, day as u8, weekday, hour, minute, second])
}

/// Text in the board's charset; whole or not at all. A NUL would end it on the line, and the charset of the web writes
/// some private characters as bytes that are read as others.
fn gbk(text: &str, max: usize, field: &'static str) -> Result<Vec<u8>, CommandError> {
    let (bytes, _, lost) = GBK.encode(text);
    let same = || GBK.decode_without_bom_handling(&bytes).0 == text;
    if lost || text.contains('\0') || !same() {
        return Err(CommandError::Encoding(field));
    }
    if bytes.len() > max { Err(CommandError::TooLong(field)) } else { Ok(bytes.into_owned()) }
}

fn frame(address: u8, command: u8, data: &[u8]) -> Result<Vec<u8>, CommandError> {
    let len = u8::try_from(data.len()).map_err(|_| CommandError::TooLong("data"))?;
    let mut frame = vec![address, 0x64, 0xff, 0xff, command, len];
    frame.extend(data);
    let crc = crc16_modbus(&frame);
    frame.extend(crc.to_le_bytes());
    Ok(frame)
}
