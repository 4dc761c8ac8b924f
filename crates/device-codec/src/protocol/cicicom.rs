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

#[inline]
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
        let end = if letter == b'E' { volts_end(&frame) } else { frame.len() };
        reading.battery_v = Some(text.number("battery", false, end)?);
    }
    if matches!(letter, b'R' | b'K') {
        reading.temperature_c = Some(text.number("temperature", true, frame.len())?);
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

/// Where the volts of a malfunction end: two digits behind the point, for what follows are bits, which may look like
/// digits.
fn volts_end<T: Trace>(frame: &Reader<'_, T>) -> usize {
    let point = frame.all().iter().position(|b| *b == b'.');
    point.map_or(frame.len(), |point| (point + 3).min(frame.len()))
}

/// How many digits and points stand in front, and the number that they are; what is finer than a thousandth is dropped.
#[inline]
fn decimal(text: &[u8]) -> (usize, Option<Milli>) {
    // So many digits, in thousandths, fit into 64 bits; more are no measured value.
    const MOST: usize = 15;
    let (mut value, mut len, mut points, mut places) = (0u64, 0, 0, 0);
    for b in text {
        match b {
            b'0'..=b'9' if places < 3 => {
                value = value.wrapping_mul(10).wrapping_add(u64::from(b - b'0'));
                places += points;
            }
            b'0'..=b'9' => {}
            b'.' => points += 1,
            _ => break,
        }
        len += 1;
    }
    let scale = [1000, 100, 10].get(places).copied().unwrap_or(1);
    let fits = points < 2 && (points + 1..=MOST).contains(&len);
    let value = i32::try_from(value.wrapping_mul(scale)).ok();
    (len, value.filter(|_| fits).map(Milli::new))
}

impl<'a, T: Trace> Cursor<'_, 'a, T> {
    #[inline]
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

    /// Digits with a point in them, at most up to `end`; a sign before them where there must be one.
    #[inline]
    fn number(&mut self, name: &'static str, signed: bool, end: usize) -> Result<Milli, DecodeError> {
        let sign = usize::from(signed);
        let negative = match signed.then(|| self.frame.u8(self.at, name)).transpose()? {
            None | Some(b'+') => false,
            Some(b'-') => true,
            Some(_) => return Err(self.frame.error(ErrorCode::Value, self.at, name)),
        };
        let rest = self.frame.all().get(self.at + sign..end).unwrap_or_default();
        if rest.is_empty() {
            return Err(self.frame.error(ErrorCode::Truncated, self.frame.len(), name));
        }
        let (len, number) = decimal(rest);
        let text = self.frame.slice(self.at, sign + len, name)?;
        self.frame.means(|| String::from_utf8_lossy(text).into_owned());
        let Some(size) = number else { return Err(self.frame.error(ErrorCode::Value, self.at, name)) };
        self.at += sign + len;
        Ok(if negative { Milli::new(-size.thousandths()) } else { size })
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
