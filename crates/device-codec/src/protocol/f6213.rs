//! F6213: a Chinese NB-IoT detector over UDP, most significant byte first, with a checksum and replies.
//!
//! Layout: the source of a server that packs and reads these frames, and one sample; marked experimental for that.
//! Units of the five last values are not documented, so they are kept raw.

use parking_types::Instant;

use crate::checksum::xor;
use crate::context::Context;
use crate::error::{DecodeError, ErrorCode};
use crate::protocol::{Numbering, Out, ProtocolInfo};
use crate::reader::Reader;
use crate::reading::{DeviceTime, Fact, Kind, Reading, Value};
use crate::text::Text;
use crate::trace::Trace;

pub(super) const INFO: ProtocolInfo = ProtocolInfo {
    title: "F6213 parking sensor, NB-IoT over UDP",
    says: &[
        "occupancy",
        "heartbeat",
        "startup",
        "fault",
        "occupied",
        "device",
        "device_time",
        "sequence",
        "magnetic",
        "baseline",
        "battery_low",
        "firmware",
    ],
    numbering: Numbering::Sequence { first: 0, last: 255, restart: None },
    experimental: true,
    ..ProtocolInfo::BINARY
};

mod at {
    pub(super) const START: usize = 0;
    pub(super) const DEVICE_A: usize = 1;
    pub(super) const DEVICE_B: usize = 2;
    pub(super) const DEVICE_C: usize = 4;
    pub(super) const COMMAND: usize = 5;
    pub(super) const PACKET: usize = 6;
    pub(super) const LENGTH: usize = 7;
    pub(super) const VERSION: usize = 8;
    pub(super) const BODY: usize = 9;
}

/// Offsets of a change.
mod change {
    pub(super) const COUNTER: usize = 9;
    pub(super) const STATE: usize = 11;
    pub(super) const TIME: usize = 12;
    pub(super) const SIGNAL: usize = 16;
    pub(super) const MAGNETIC: usize = 17;
    pub(super) const BASELINE: usize = 23;
    pub(super) const BASELINE_TIME: usize = 29;
    pub(super) const TAIL: usize = 33;
    pub(super) const LEN: usize = TAIL + super::TAIL_LEN + 1;
}

/// Offsets of a periodic frame.
mod periodic {
    pub(super) const SIGNAL: usize = 9;
    pub(super) const BASELINE: usize = 10;
    pub(super) const AMBIENT: usize = 16;
    pub(super) const BASELINE_TIME: usize = 22;
    pub(super) const TAIL: usize = 26;
    pub(super) const LEN: usize = TAIL + super::TAIL_LEN + 1;
}

const FROM_DEVICE: u8 = 0xb0;
const FROM_SERVER: u8 = 0xa0;
/// What a value that was not measured is sent as.
const NOT_MEASURED: u16 = 0xffff;
/// The five values at the end of every body.
const TAIL: [&str; 5] = ["rsrp", "rssi", "cell", "battery", "temperature"];

const TAIL_LEN: usize = 2 * TAIL.len();

mod command {
    pub(super) const PERIODIC: u8 = 0x10;
    pub(super) const CHANGE: u8 = 0x12;
    pub(super) const POWER_ON: u8 = 0x18;
    pub(super) const ALARM: u8 = 0x1a;
}

pub(super) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    _: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    match frame.len() {
        change::LEN => of_length::<T, { change::LEN }>(&frame, out),
        periodic::LEN => of_length::<T, { periodic::LEN }>(&frame, out),
        _ => of_any_length(&frame, out),
    }
}

/// Reads a frame of a length that is known when this is compiled: no read in it can fail then, and none is asked.
#[inline(always)]
fn of_length<'a, T: Trace, const LEN: usize>(
    frame: &Reader<'a, T>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    read(&frame.front::<LEN>()?, out)
}

#[inline(never)]
fn of_any_length<'a, T: Trace>(frame: &Reader<'a, T>, out: Out<'_, 'a>) -> Result<(), DecodeError> {
    read(frame, out)
}

#[inline(always)]
fn read<'a, T: Trace>(frame: &Reader<'a, T>, out: Out<'_, 'a>) -> Result<(), DecodeError> {
    let mut reading = Reading::new(Kind::Heartbeat);
    let command = header(frame, &mut reading)?;
    let end = match command {
        command::CHANGE => changed(frame, &mut reading)?,
        command::PERIODIC => periodically(frame, &mut reading)?,
        command::POWER_ON => power_on(frame, &mut reading)?,
        command::ALARM => alarm(frame, &mut reading)?,
        _ => return Err(frame.error(ErrorCode::Kind, at::COMMAND, "command")),
    };
    frame.exactly(end + 1)?;
    frame.u8(end, "xor")?;
    out(&reading);
    Ok(())
}

/// Reads and checks what all frames share.
#[inline(always)]
fn header<T: Trace>(frame: &Reader<'_, T>, reading: &mut Reading<'_>) -> Result<u8, DecodeError> {
    frame.marker(at::START, FROM_DEVICE, "start")?;
    let (a, b, c) = (
        frame.u8(at::DEVICE_A, "device")?,
        frame.u16_be(at::DEVICE_B, "device")?,
        frame.u8(at::DEVICE_C, "device")?,
    );
    reading.put_fact(Fact::Device, Value::Serial(a, b, c));
    let command = frame.u8(at::COMMAND, "command")?;
    reading.sequence = Some(u32::from(frame.u8(at::PACKET, "packet")?));
    let length = usize::from(frame.u8(at::LENGTH, "length")?);
    frame.exactly(at::VERSION + length)?;
    reading.put("version", frame.u8(at::VERSION, "version")?);
    let last = frame.len() - 1;
    let covered = frame.all().get(at::VERSION..last).unwrap_or_default();
    if frame.all().get(last) != Some(&xor(covered)) {
        return Err(frame.error(ErrorCode::Checksum, last, "xor"));
    }
    Ok(command)
}

#[inline(always)]
fn changed<T: Trace>(frame: &Reader<'_, T>, reading: &mut Reading<'_>) -> Result<usize, DecodeError> {
    reading.kind = Kind::Occupancy;
    reading.put("change_counter", frame.u16_be(change::COUNTER, "change_counter")?);
    reading.occupied = match frame.u8(change::STATE, "state")? {
        0 => Some(false),
        1 => Some(true),
        _ => return Err(frame.error(ErrorCode::Value, change::STATE, "state")),
    };
    let time = frame.u32_be(change::TIME, "change_time")?;
    if time != 0 {
        reading.device_time = Instant::from_secs(i64::from(time)).map(DeviceTime::Utc);
    }
    reading.put("signal", frame.u8(change::SIGNAL, "signal")?);
    reading.magnetic = Some(frame.axes_i16_be(change::MAGNETIC, "magnetic")?);
    reading.baseline = Some(frame.axes_i16_be(change::BASELINE, "baseline")?);
    baseline_time(frame, change::BASELINE_TIME, reading)?;
    tail(frame, change::TAIL, reading)
}

#[inline(always)]
fn periodically<T: Trace>(frame: &Reader<'_, T>, reading: &mut Reading<'_>) -> Result<usize, DecodeError> {
    reading.put("signal", frame.u8(periodic::SIGNAL, "signal")?);
    reading.baseline = Some(frame.axes_i16_be(periodic::BASELINE, "baseline")?);
    reading.magnetic = Some(frame.axes_i16_be(periodic::AMBIENT, "ambient")?);
    baseline_time(frame, periodic::BASELINE_TIME, reading)?;
    tail(frame, periodic::TAIL, reading)
}

#[inline(always)]
fn baseline_time<T: Trace>(
    frame: &Reader<'_, T>,
    at: usize,
    reading: &mut Reading<'_>,
) -> Result<(), DecodeError> {
    let time = frame.u32_be(at, "baseline_time")?;
    reading.put("baseline_time", Value::Int(i64::from(time)));
    Ok(())
}

fn power_on<'a, T: Trace>(frame: &Reader<'a, T>, reading: &mut Reading<'a>) -> Result<usize, DecodeError> {
    reading.kind = Kind::Startup;
    let (software, next) = text(frame, at::BODY, "software")?;
    reading.set(Fact::Firmware, Some(Text::Borrowed(software)));
    let (hardware, next) = text(frame, next, "hardware")?;
    reading.put("hardware", hardware);
    alarms(frame, next, reading)
}

/// A length and so much ASCII, and where it ends.
fn text<'a, T: Trace>(
    frame: &Reader<'a, T>,
    at: usize,
    name: &'static str,
) -> Result<(&'a str, usize), DecodeError> {
    let len = usize::from(frame.u8(at, name)?);
    let bytes = frame.slice(at + 1, len, name)?;
    let text = core::str::from_utf8(bytes).ok().filter(|text| text.is_ascii());
    Ok((text.ok_or(frame.error(ErrorCode::Encoding, at + 1, name))?, at + 1 + len))
}

fn alarm<T: Trace>(frame: &Reader<'_, T>, reading: &mut Reading<'_>) -> Result<usize, DecodeError> {
    reading.kind = Kind::Fault;
    alarms(frame, at::BODY, reading)
}

fn alarms<T: Trace>(
    frame: &Reader<'_, T>,
    at: usize,
    reading: &mut Reading<'_>,
) -> Result<usize, DecodeError> {
    reading.battery_low = Some(frame.u8(at, "battery_alarm")? != 0);
    reading.put("mag_alarm", frame.u8(at + 1, "mag_alarm")? != 0);
    tail(frame, at + 2, reading)
}

/// The five last values, and where the checksum stands.
#[inline(always)]
fn tail<T: Trace>(frame: &Reader<'_, T>, at: usize, reading: &mut Reading<'_>) -> Result<usize, DecodeError> {
    for (index, name) in TAIL.into_iter().enumerate() {
        let raw = frame.u16_be(at + 2 * index, name)?;
        if raw != NOT_MEASURED {
            reading.put(name, raw);
        }
    }
    Ok(at + TAIL_LEN)
}

/// The datagram that answers `frame`, with the server's time and the states of the two bays that the device may show;
/// `None` where `frame` cannot be decoded. A device that gets none sends again.
///
/// ```
/// use device_codec::f6213_reply;
/// use parking_types::Instant;
/// let alarm = [0xb0, 1, 0, 2, 3, 0x1a, 9, 14, 1, 1, 0, 255, 255, 255, 255, 255, 255, 14, 16, 0, 20, 10];
/// let reply = f6213_reply(&alarm, Instant::EPOCH, [false, true]).unwrap();
/// assert_eq!(reply, [0xa0, 1, 0, 2, 3, 0x1b, 9, 2, 1, 1]);
/// ```
pub fn reply(frame: &[u8], now: Instant, occupied: [bool; 2]) -> Option<Vec<u8>> {
    let reader = Reader::new(frame, crate::trace::Quiet);
    decode(reader, &Context::default(), &mut |_| {}).ok()?;
    let (head, rest) = frame.split_at_checked(at::LENGTH)?;
    let version = *rest.get(1)?;
    let [_, a, b1, b2, c, command, packet] = *head.first_chunk::<7>()?;
    let mut body = vec![version];
    match command {
        command::PERIODIC | command::POWER_ON => {
            let secs = u32::try_from(now.as_secs()).unwrap_or_default();
            body.extend_from_slice(&secs.to_be_bytes());
        }
        command::CHANGE => body.extend(occupied.map(u8::from)),
        _ => {}
    }
    body.push(xor(&body));
    let mut out = vec![FROM_SERVER, a, b1, b2, c, command + 1, packet, body.len() as u8];
    out.append(&mut body);
    Some(out)
}
