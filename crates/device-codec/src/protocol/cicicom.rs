//! Cicicom S-LG-I3: ASCII, the first letter tells the kind. Numbers are read by their format, not by fixed offsets.
//!
//! Layout: the vendor's published examples. What follows the known fields is kept as it is.

use crate::context::Context;
use crate::error::{DecodeError, ErrorCode};
use crate::milli::Milli;
use crate::protocol::{Out, ProtocolInfo};
use crate::reader::Reader;
use crate::reading::{Fact, Kind, Reading};
use crate::text::Text;
use crate::trace::Trace;

pub(super) const INFO: ProtocolInfo = ProtocolInfo {
    title: "Cicicom S-LG-I3 parking sensor, LoRaWAN",
    says: &[
        "occupancy",
        "heartbeat",
        "startup",
        "fault",
        "occupied",
        "battery_v",
        "temperature_c",
        "firmware",
    ],
    ..ProtocolInfo::LORAWAN
};

/// A position in the text.
struct Cursor<'r, 'a, T: Trace> {
    frame: &'r Reader<'a, T>,
    at: usize,
}

pub(super) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    _: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let letter = frame.u8(0, "kind")?;
    frame.means(|| char::from(letter).to_string());
    let mut text = Cursor { frame: &frame, at: 1 };
    let mut reading = Reading::new(match letter {
        b'R' => Kind::Startup,
        b'C' => Kind::Occupancy,
        b'K' => Kind::Heartbeat,
        b'E' => Kind::Fault,
        _ => return Err(frame.error(ErrorCode::Kind, 0, "kind")),
    });
    if letter != b'E' {
        reading.occupied = Some(text.state()?);
    }
    if letter != b'C' {
        reading.battery_v = Some(text.number("battery", false)?);
    }
    if matches!(letter, b'R' | b'K') {
        reading.temperature_c = Some(text.number("temperature", true)?);
    }
    if letter == b'R' {
        reading.set(Fact::Firmware, Some(text.firmware()?));
    }
    if letter == b'E' {
        // Three bytes of malfunction bits whose meaning is not published.
        reading.put("malfunction", frame.slice(text.at, 3, "malfunction")?);
        text.at += 3;
    }
    let tail = frame.rest(text.at, "tail");
    if !tail.is_empty() {
        reading.put("tail", tail);
    }
    out(&reading);
    Ok(())
}

impl<'a, T: Trace> Cursor<'_, 'a, T> {
    fn state(&mut self) -> Result<bool, DecodeError> {
        let occupied = match self.frame.u8(self.at, "state")? {
            b'0' => false,
            b'1' => true,
            _ => return Err(self.frame.error(ErrorCode::Value, self.at, "state")),
        };
        self.frame.means(|| if occupied { "occupied" } else { "vacant" }.to_owned());
        self.at += 1;
        Ok(occupied)
    }

    /// The bytes from here on that `belongs` takes.
    fn run(&self, start: usize, belongs: impl Fn(u8) -> bool) -> usize {
        let rest = self.frame.all().get(start..).unwrap_or_default();
        rest.iter().take_while(|b| belongs(**b)).count()
    }

    /// Digits with a point in them; a sign before them where there must be one.
    fn number(&mut self, name: &'static str, signed: bool) -> Result<Milli, DecodeError> {
        let sign = usize::from(signed);
        if signed && !matches!(self.frame.u8(self.at, name)?, b'+' | b'-') {
            return Err(self.frame.error(ErrorCode::Value, self.at, name));
        }
        let digits = self.run(self.at + sign, |b| b.is_ascii_digit() || b == b'.');
        let text = self.frame.slice(self.at, sign + digits, name)?;
        let number = core::str::from_utf8(text).ok().filter(|_| digits > 0).and_then(Milli::parse);
        if digits == 0 && self.at + sign >= self.frame.len() {
            return Err(self.frame.error(ErrorCode::Truncated, self.frame.len(), name));
        }
        self.frame.means(|| String::from_utf8_lossy(text).into_owned());
        let number = number.ok_or(self.frame.error(ErrorCode::Value, self.at, name))?;
        self.at += sign + digits;
        Ok(number)
    }

    fn firmware(&mut self) -> Result<Text<'a>, DecodeError> {
        self.frame.marker(self.at, b'V', "firmware")?;
        let len = self.run(self.at + 1, |b| b.is_ascii_digit() || b == b'.');
        if len == 0 {
            return Err(self.frame.error(ErrorCode::Truncated, self.at + 1, "firmware"));
        }
        let text = self.frame.slice(self.at + 1, len, "firmware")?;
        self.at += 1 + len;
        let wrong = self.frame.error(ErrorCode::Encoding, self.at, "firmware");
        core::str::from_utf8(text).map(Text::Borrowed).map_err(|_| wrong)
    }
}
