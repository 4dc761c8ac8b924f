//! `led-0064`: the screen and voice board behind a camera. What is decoded here are commands to it, as they are seen on
//! the line.

use crate::{
    checksum::crc16_modbus,
    context::Context,
    error::{DecodeError, ErrorCode},
    protocol::{Numbering, Out, ProtocolInfo},
    reader::Reader,
    reading::{Kind, Reading},
    text::Text,
    trace::Trace,
};

pub(in crate::protocol) const INFO: ProtocolInfo = ProtocolInfo {
    title: "screen and voice boards 00 64 FF FF, RS-485",
    says: &["debug"],
    commands: crate::command::LED,
    numbering: Numbering::None,
    ..ProtocolInfo::BINARY
};

/// Offsets of the frame.
mod at {
    pub(super) const ADDRESS: usize = 0;
    pub(super) const VERSION: usize = 1;
    pub(super) const SEQUENCE: usize = 2;
    pub(super) const COMMAND: usize = 4;
    pub(super) const LENGTH: usize = 5;
    pub(super) const DATA: usize = 6;
}

/// What stands before a line's text in 0x6E: number, mode, speed, stay, repeats, four bytes of colour, length.
const LINE_HEAD: usize = 10;

/// Year, month, day, weekday, hour, minute, second.
const CLOCK_LEN: usize = 8;

/// A command to the board.
#[inline]
pub(in crate::protocol) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    _: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let address = frame.u8(at::ADDRESS, "address")?;
    frame.marker(at::VERSION, 0x64, "version")?;
    frame.u16_le(at::SEQUENCE, "sequence")?;
    let command = frame.u8(at::COMMAND, "command")?;
    let len = usize::from(frame.u8(at::LENGTH, "length")?);
    frame.exactly(at::DATA + len + 2)?;
    let crc_at = at::DATA + len;
    let crc = crc16_modbus(frame.all().get(..crc_at).unwrap_or_default());
    if frame.u16_le(crc_at, "crc")? != crc {
        return Err(frame.error(ErrorCode::Checksum, crc_at, "crc"));
    }
    let mut reading = Reading::new(Kind::Debug);
    reading.put("address", address);
    reading.put("command_code", command);
    match command {
        0x30 => {
            let text = text(&frame, at::DATA + 1, len.saturating_sub(1), "voice")?;
            reading.put("say", text);
        }
        // The layout is an integrator's: what is laid out in another way is whole all the same, the checksum says so.
        0x6e => {
            let head = reading.clone();
            if lines(&frame, len, &mut reading).is_err() {
                reading = head;
                reading.put("data", frame.slice(at::DATA, len, "data")?);
            }
        }
        0x05 if len == CLOCK_LEN => {
            frame.slice(at::DATA, len, "clock")?;
            clock(&frame, &mut reading)?;
        }
        _ => {
            let data = frame.slice(at::DATA, len, "data")?;
            match Text::gbk(data).filter(|text| !text.is_empty() && !text.chars().any(char::is_control)) {
                Some(text) => reading.put("text", text),
                None => reading.put("data", data),
            }
        }
    }
    out(&reading);
    Ok(())
}

/// 1 to 4 lines, then what is spoken.
fn lines<'a, T: Trace>(
    frame: &Reader<'a, T>,
    len: usize,
    reading: &mut Reading<'a>,
) -> Result<(), DecodeError> {
    const NAMES: [&str; 4] = ["line_1", "line_2", "line_3", "line_4"];
    let end = at::DATA + len;
    let count = usize::from(frame.u8(at::DATA + 1, "lines")?);
    let names = NAMES.get(..count).ok_or(frame.error(ErrorCode::Value, at::DATA + 1, "lines"))?;
    let mut at = at::DATA + 2;
    for name in names {
        let text_len = usize::from(frame.u8(at + LINE_HEAD - 1, "line length")?);
        reading.put(name, text(frame, at + LINE_HEAD, text_len, "line")?);
        at += LINE_HEAD + text_len + 1;
    }
    if at < end {
        frame.marker(at, 0x0a, "voice mark")?;
        let voice_len = usize::from(frame.u8(at + 1, "voice length")?);
        reading.put("say", text(frame, at + 2, voice_len, "voice")?);
        at += 2 + voice_len + 1;
    }
    if at == end { Ok(()) } else { Err(frame.error(ErrorCode::Length, at::LENGTH, "length")) }
}

/// Year (little-endian), month, day, weekday from Sunday = 1, hour, minute, second.
fn clock<'a, T: Trace>(frame: &Reader<'a, T>, reading: &mut Reading<'a>) -> Result<(), DecodeError> {
    let year = frame.u16_le(at::DATA, "year")?;
    let part = |past: usize, field| frame.u8(at::DATA + past, field);
    let (month, day) = (part(2, "month")?, part(3, "day")?);
    let (hour, minute, second) = (part(5, "hour")?, part(6, "minute")?, part(7, "second")?);
    let clock = format_args!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    reading.put("clock", Text::format(clock));
    Ok(())
}

fn text<'a, T: Trace>(
    frame: &Reader<'a, T>,
    at: usize,
    len: usize,
    field: &'static str,
) -> Result<Text<'a>, DecodeError> {
    let text = Text::gbk(frame.slice(at, len, field)?).ok_or(frame.error(ErrorCode::Encoding, at, field))?;
    frame.means(|| text.to_string());
    Ok(text)
}
