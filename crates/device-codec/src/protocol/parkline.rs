//! Our native frame, as readings. Layout: [`crate::native`] and `docs/native-frame.md`.

use core::mem::ManuallyDrop;

use parking_types::{Direction, PlateReading};

use crate::context::Context;
use crate::crc32c::{self, Work};
use crate::error::{DecodeError, ErrorCode};
use crate::milli::Milli;
use crate::native::{
    Alarm, BayState, CommandResult, GateReport, Head, Heartbeat, LockReport, Loops, Occupancy, PLAIN_LEN,
    PLAIN_TAGGED_LEN, PlainHeartbeat, PlateEvent, Reason, Startup, TimeRequest, Tlvs, check, confirmed, flag,
    gate_state, head, instant, plate_color, proof, tlv_kind, vehicle,
};
use crate::protocol::{Numbering, Out, ProtocolInfo};
use crate::reader::Reader;
use crate::reading::{DeviceTime, Fact, Kind, Previous, Reading, Started, Value};
use crate::text::Text;
use crate::trace::{Quiet, Trace};

pub(super) const INFO: ProtocolInfo = ProtocolInfo {
    title: "Parkline's own frame: detectors, cameras, gates and locks, TCP or a serial line",
    says: &[
        "occupancy",
        "state",
        "heartbeat",
        "plate",
        "gate",
        "startup",
        "fault",
        "config",
        "debug",
        "occupied",
        "plate_color",
        "plate_confidence",
        "vehicle",
        "vehicle_text",
        "direction",
        "device",
        "device_time",
        "sequence",
        "record",
        "ticket",
        "tag",
        "loop",
        "battery_v",
        "battery_pct",
        "battery_low",
        "temperature_c",
        "rssi_dbm",
        "magnetic",
        "baseline",
        "previous_state_min",
        "firmware",
        "reset_cause",
        "gate_state",
        "at_limit",
        "offline_upload",
        "recalibrated",
        "berth_no",
    ],
    commands: crate::command::NATIVE,
    acknowledges: true,
    numbering: Numbering::Boot,
    ..ProtocolInfo::BINARY
};

#[inline]
pub(super) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    _: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    if T::QUIET {
        return crc32c::run::<Quick, _, _>(frame.all(), out);
    }
    any(frame.all(), frame.trace(), out)
}

/// Reads a plain heartbeat at once, and any other frame field by field.
struct Quick;

impl<'a, 'o> Work<&'a [u8], Out<'o, 'a>> for Quick {
    type Out = Result<(), DecodeError>;

    #[inline(always)]
    fn run(bytes: &'a [u8], out: Out<'o, 'a>, crc32c: impl Fn(&[u8]) -> u32) -> Self::Out {
        let read = match bytes.len() {
            PLAIN_LEN => plain::<PLAIN_LEN>(bytes, out, crc32c),
            PLAIN_TAGGED_LEN => plain::<PLAIN_TAGGED_LEN>(bytes, out, crc32c),
            _ => None,
        };
        read.map_or_else(|| any(bytes, Quiet, out), Ok)
    }
}

/// The reading of a plain heartbeat; nothing where the frame is another.
#[inline(always)]
fn plain<const LEN: usize>(bytes: &[u8], out: Out<'_, '_>, crc32c: impl Fn(&[u8]) -> u32) -> Option<()> {
    let frame = PlainHeartbeat::<LEN>::new(bytes)?;
    // A number is all that it may state beyond its fields, so nothing has to be freed.
    let mut reading = ManuallyDrop::new(Reading::new(Kind::Heartbeat));
    heartbeat(&frame.message()?, &mut reading);
    numbered(&frame.head()?, &mut reading);
    frame.is_sound(crc32c).then(|| out(&reading))
}

/// Reads a frame field by field; in a function of its own, so that plain heartbeats do not pay for its registers.
#[inline(never)]
fn any<'a, T: Trace>(bytes: &'a [u8], trace: T, out: Out<'_, 'a>) -> Result<(), DecodeError> {
    let frame = &Reader::new(bytes, trace);
    let layout = check(frame)?;
    let head = head(frame, &layout)?;
    let mut reading = Reading::new(Kind::Debug);
    numbered(&head, &mut reading);
    if head.flags & flag::OFFLINE != 0 {
        reading.offline_upload = Some(true);
    }
    if head.flags & flag::RETRANSMIT != 0 {
        reading.put("retransmit", true);
    }
    let fixed = layout.fixed(frame)?;
    if head.flags & flag::TEST != 0 {
        // Whatever a test frame holds, nobody may act on it.
        reading.put("test", true);
    } else {
        let known = message(layout.message, &fixed, &mut reading)?;
        if !known {
            reading.put("message", layout.message);
        }
    }
    let tlvs = layout.tlvs(frame)?;
    if !tlvs.is_empty() {
        extras(tlvs, head.flags & flag::TEST != 0, &mut reading)?;
    }
    out(&reading);
    Ok(())
}

#[inline(always)]
fn numbered(head: &Head, reading: &mut Reading<'_>) {
    reading.started = Some(Started { device: head.device_id, boot: head.boot_id });
    reading.sequence = Some(head.seq);
    reading.device_time = head.sent_at.map(DeviceTime::Utc);
}

/// Reads the fixed part; `false` where the type is not known, or is one that only goes to devices.
fn message<T: Trace>(
    kind: u16,
    fixed: &Reader<'_, T>,
    reading: &mut Reading<'_>,
) -> Result<bool, DecodeError> {
    match kind {
        Heartbeat::KIND => {
            reading.kind = Kind::Heartbeat;
            heartbeat(&Heartbeat::read(fixed)?, reading);
        }
        BayState::KIND => bay(&BayState::read(fixed)?, reading),
        PlateEvent::KIND => plate(&PlateEvent::read(fixed)?, fixed, reading)?,
        GateReport::KIND => gate(&GateReport::read(fixed)?, reading),
        LockReport::KIND => lock(&LockReport::read(fixed)?, reading),
        Startup::KIND => startup(&Startup::read(fixed)?, reading),
        Alarm::KIND => alarm(&Alarm::read(fixed)?, reading),
        CommandResult::KIND => result(&CommandResult::read(fixed)?, reading),
        TimeRequest::KIND => {
            TimeRequest::read(fixed)?;
            reading.kind = Kind::Heartbeat;
            reading.put("time_request", true);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn occupied(state: Occupancy) -> Option<bool> {
    // Looked up, as the compiler makes a longer chain of comparisons out of a `match`.
    const STATES: [Option<bool>; 3] = [None, Some(false), Some(true)];
    const _: () = assert!(Occupancy::VACANT.0 == 1 && Occupancy::OCCUPIED.0 == 2);
    STATES.get(usize::from(state.0)).copied().flatten()
}

fn battery(millivolts: u16) -> Option<Milli> {
    (millivolts != 0).then_some(Milli::new(i32::from(millivolts)))
}

fn temperature(tenths: i16) -> Option<Milli> {
    (tenths != i16::MIN).then_some(Milli::tenths(i32::from(tenths)))
}

fn rssi(dbm: i8) -> Option<Milli> {
    (dbm != i8::MIN).then_some(Milli::whole(i32::from(dbm)))
}

/// A confidence in 1/10000, in per cent.
fn confidence(ten_thousandths: u16) -> Option<Milli> {
    (ten_thousandths <= 10_000).then_some(Milli::hundredths(i32::from(ten_thousandths)))
}

fn since(at: i64, reading: &mut Reading<'_>) {
    if let Some(at) = instant(at) {
        reading.device_time = Some(DeviceTime::Utc(at));
    }
}

fn numbered_place(number: u32) -> Option<u32> {
    (number != 0).then_some(number)
}

#[inline(always)]
fn heartbeat(message: &Heartbeat, reading: &mut Reading<'_>) {
    reading.occupied = occupied(message.state);
    reading.battery_v = battery(message.battery_mv);
    reading.temperature_c = temperature(message.temperature);
    reading.rssi_dbm = rssi(message.rssi);
    reading.on_loop = message.loops.occupied();
    if message.queued != 0 {
        reading.put("queued", Value::Int(i64::from(message.queued)));
        reading.put("oldest_s", Value::Int(i64::from(message.oldest_s)));
    }
    if message.clock != 0 {
        reading.put("clock", message.clock);
    }
}

fn bay(message: &BayState, reading: &mut Reading<'_>) {
    reading.kind = match message.reason {
        Reason::CHANGE => Kind::Occupancy,
        Reason::REPEAT => Kind::Heartbeat,
        Reason::STARTUP | Reason::RECALIBRATED => Kind::Startup,
        _ => Kind::State,
    };
    if message.reason == Reason::RECALIBRATED {
        reading.recalibrated = Some(true);
    }
    since(message.at, reading);
    reading.occupied = occupied(message.state);
    reading.berth_no = numbered_place(message.berth);
    reading.battery_v = battery(message.battery_mv);
    reading.temperature_c = temperature(message.temperature);
    reading.rssi_dbm = rssi(message.rssi);
    if message.measured & 1 != 0 {
        reading.magnetic = Some(message.field);
    }
    if message.measured & 2 != 0 {
        reading.baseline = Some(message.baseline);
    }
    if message.previous_s != u32::MAX {
        let minutes = message.previous_s / 60;
        reading.previous = Some(Previous { minutes, error: None, overflow: None });
        reading.put("previous_s", Value::Int(i64::from(message.previous_s)));
    }
    if let Some(confidence) = confidence(message.confidence) {
        reading.put("confidence", confidence);
    }
}

fn plate<T: Trace>(
    message: &PlateEvent,
    fixed: &Reader<'_, T>,
    reading: &mut Reading<'_>,
) -> Result<(), DecodeError> {
    const PLATE: usize = 64;
    reading.kind = Kind::Plate;
    since(message.at, reading);
    let bytes = message.plate.get(..usize::from(message.plate_len));
    let bytes = bytes.ok_or(fixed.error(ErrorCode::Length, 61, "plate_len"))?;
    let text = core::str::from_utf8(bytes);
    let text = text.map_err(|e| fixed.error(ErrorCode::Encoding, PLATE + e.valid_up_to(), "plate"))?;
    fixed.means(|| text.to_owned());
    let plate = PlateReading::parse(text).map_err(|_| fixed.error(ErrorCode::Value, PLATE, "plate"))?;
    reading.plate = Some(plate);
    reading.plate_color = Some(plate_color(message.color));
    reading.plate_confidence = confidence(message.confidence);
    reading.vehicle = vehicle(message.vehicle);
    reading.direction = match message.direction {
        1 => Some(Direction::Entry),
        2 => Some(Direction::Exit),
        _ => None,
    };
    reading.set(Fact::Direction, Some(message.direction));
    reading.set(Fact::Record, Some(Value::Uuid(message.event_id)));
    reading.berth_no = numbered_place(message.berth);
    for (name, number) in [
        ("lane", message.lane),
        ("country", message.country),
        ("vendor", message.vendor),
        ("plate_type", u16::from(message.plate_type)),
        ("trigger", u16::from(message.trigger)),
        ("vehicle_color", u16::from(message.vehicle_color)),
        ("clock", u16::from(message.clock)),
    ] {
        if number != 0 {
            reading.put(name, number);
        }
    }
    Ok(())
}

fn gate(message: &GateReport, reading: &mut Reading<'_>) {
    reading.kind = Kind::Gate;
    since(message.at, reading);
    reading.gate_state = Some(gate_state(message.state));
    reading.at_limit = confirmed(message.limit);
    reading.on_loop = message.loops.occupied();
    if message.lane != 0 {
        reading.put("lane", message.lane);
    }
    if let cause @ 1..=4 = message.cause {
        let words = ["command", "by_hand", "arm_hit", "own_list"];
        reading.put("cause", words.get(usize::from(cause) - 1).copied().unwrap_or_default());
    }
}

fn lock(message: &LockReport, reading: &mut Reading<'_>) {
    reading.kind = Kind::Gate;
    since(message.at, reading);
    reading.gate_state = Some(gate_state(message.state));
    reading.at_limit = confirmed(message.limit);
    reading.occupied = occupied(message.occupied);
    reading.berth_no = numbered_place(message.berth);
    reading.battery_pct =
        (message.battery_pct <= 100).then_some(Milli::whole(i32::from(message.battery_pct)));
}

fn startup(message: &Startup, reading: &mut Reading<'_>) {
    reading.kind = Kind::Startup;
    reading.set(Fact::Firmware, Some(Value::Version(message.firmware)));
    reading.set(
        Fact::ResetCause,
        Some(Text::Borrowed(match message.cause {
            1 => "power_on",
            2 => "watchdog",
            3 => "software",
            4 => "brown_out",
            5 => "external_pin",
            6 => "lockup",
            7 => "update",
            _ => "unknown",
        })),
    );
    reading.occupied = occupied(message.state);
    reading.battery_v = battery(message.battery_mv);
    reading.put("hardware", message.hardware);
    reading.put("config_digest", Value::Id(message.config_digest));
}

fn alarm(message: &Alarm, reading: &mut Reading<'_>) {
    const WORDS: [&str; 9] = [
        "battery_low",
        "tampering",
        "detector",
        "arm_hit",
        "tailgating",
        "power",
        "temperature",
        "storage",
        "camera",
    ];
    reading.kind = Kind::Fault;
    since(message.at, reading);
    let word = usize::from(message.code).checked_sub(1).and_then(|index| WORDS.get(index));
    match word {
        Some(word) => reading.put("fault", *word),
        None => reading.put("fault", message.code),
    }
    reading.put("active", message.active != 0);
    if message.code == 1 {
        reading.battery_low = Some(message.active != 0);
    }
    if message.place != 0 {
        reading.put("place", Value::Int(i64::from(message.place)));
    }
}

/// An id that is padded with zeros.
fn id(padded: &[u8; 32]) -> Option<Text<'static>> {
    let id = padded.split(|b| *b == 0).next().and_then(|id| core::str::from_utf8(id).ok());
    id.filter(|id| !id.is_empty()).map(Text::own)
}

fn result(message: &CommandResult, reading: &mut Reading<'_>) {
    reading.kind = Kind::Gate;
    since(message.at, reading);
    match proof(message.result) {
        Some(proof) => {
            reading.set(Fact::Command, id(&message.command_id));
            reading.proof = Some(proof);
        }
        None => reading.put("result", message.result),
    }
    if message.cause != 0 {
        reading.put("cause", message.cause);
    }
}

/// Reads the TLVs; those of a test frame are checked and say nothing.
#[inline(never)]
fn extras<'a, T: Trace>(tlvs: Tlvs<'a, T>, test: bool, reading: &mut Reading<'a>) -> Result<(), DecodeError> {
    for tlv in tlvs {
        let tlv = tlv?;
        if test {
            continue;
        }
        let text = || tlv.text().map(Text::Borrowed);
        match tlv.kind {
            tlv_kind::RECORD => reading.put("vendor_record", text()?),
            tlv_kind::VEHICLE => reading.set(Fact::VehicleText, Some(text()?)),
            tlv_kind::TICKET => reading.set(Fact::Ticket, Some(text()?)),
            tlv_kind::TAG => reading.set(Fact::Tag, Some(text()?)),
            tlv_kind::FIRMWARE => reading.set(Fact::Firmware, Some(text()?)),
            tlv_kind::DETAIL => reading.put("detail", text()?),
            tlv_kind::LOOPS => reading.on_loop = tlv.data.first().and_then(|b| Loops(*b).occupied()),
            tlv_kind::RAW_PLATE => reading.put("raw_plate", tlv.data),
            tlv_kind::CANDIDATE => reading.put("candidate", tlv.data),
            tlv_kind::IMAGE => reading.put("image", tlv.data),
            tlv_kind::GATE_ACTION => reading.put("gate_action", tlv.data),
            tlv_kind::SERIAL => reading.put("serial", tlv.data),
            _ => {}
        }
    }
    Ok(())
}
