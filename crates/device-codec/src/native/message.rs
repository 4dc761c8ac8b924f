//! The messages: one fixed part each, at fixed offsets, little-endian.
//!
//! The table below is the layout of `docs/native-frame.md`, "Messages". A device that knows a longer fixed part than
//! we do is read all the same: what we do not know of it is passed over.

use parking_types::{PlateColor, VehicleClass};

use super::frame::{self, Head};
use super::tag::Key;
use crate::error::DecodeError;
use crate::reader::Reader;
use crate::reading::{GateState, Proof};
use crate::trace::Trace;

/// A field that knows how it lies on the wire.
trait Wire: Sized + Copy {
    fn read<T: Trace>(from: &Reader<'_, T>, at: usize, name: &'static str) -> Result<Self, DecodeError>;
    fn write(self, to: &mut [u8]);
}

macro_rules! wire_numbers {
    ($($type:ty = $read:ident),+) => { $(impl Wire for $type {
        #[inline]
        fn read<T: Trace>(from: &Reader<'_, T>, at: usize, name: &'static str) -> Result<Self, DecodeError> {
            from.$read(at, name)
        }
        fn write(self, to: &mut [u8]) {
            for (slot, b) in to.iter_mut().zip(self.to_le_bytes()) {
                *slot = b;
            }
        }
    })+ };
}
wire_numbers!(u8 = u8, i8 = i8, u16 = u16_le, i16 = i16_le, u32 = u32_le, u64 = u64_le, i64 = i64_le);

impl<const N: usize> Wire for [u8; N] {
    #[inline]
    fn read<T: Trace>(from: &Reader<'_, T>, at: usize, name: &'static str) -> Result<Self, DecodeError> {
        from.array(at, name)
    }
    fn write(self, to: &mut [u8]) {
        for (slot, b) in to.iter_mut().zip(self) {
            *slot = b;
        }
    }
}

impl Wire for [i16; 3] {
    #[inline]
    fn read<T: Trace>(from: &Reader<'_, T>, at: usize, name: &'static str) -> Result<Self, DecodeError> {
        Ok([from.i16_le(at, name)?, from.i16_le(at + 2, name)?, from.i16_le(at + 4, name)?])
    }
    fn write(self, to: &mut [u8]) {
        let bytes = self.iter().flat_map(|axis| axis.to_le_bytes());
        for (slot, b) in to.iter_mut().zip(bytes) {
            *slot = b;
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident { $($(#[$cdoc:meta])* $code:ident = $value:literal $word:literal),+ $(,)? })+) => { $(
        $(#[$doc])*
        ///
        /// A code that this version does not know is kept, and read as the one with number 0.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u8);
        impl $name {
            $($(#[$cdoc])* pub const $code: Self = Self($value);)+
            /// The word for it.
            pub const fn as_str(self) -> &'static str {
                match self.0 { $($value => $word,)+ _ => "unknown" }
            }
        }
        impl Wire for $name {
            #[inline]
            fn read<T: Trace>(from: &Reader<'_, T>, at: usize, name: &'static str) -> Result<Self, DecodeError> {
                let code = Self(from.u8(at, name)?);
                from.means(|| code.as_str().to_owned());
                Ok(code)
            }
            fn write(self, to: &mut [u8]) {
                self.0.write(to);
            }
        }
    )+ };
}

codes! {
    /// Whether a vehicle is there.
    Occupancy {
        /// Not known.
        UNKNOWN = 0 "unknown",
        /// Nothing is there.
        VACANT = 1 "vacant",
        /// Something is there.
        OCCUPIED = 2 "occupied",
    }
    /// Why a state is reported.
    Reason {
        /// It may be a change or a repeat.
        STATE = 0 "state",
        /// It changed.
        CHANGE = 1 "change",
        /// It is the same as before.
        REPEAT = 2 "repeat",
        /// The device has just started.
        STARTUP = 3 "startup",
        /// The detector has just been calibrated anew.
        RECALIBRATED = 4 "recalibrated",
    }
    /// What became of a frame that wanted an acknowledgement.
    AckStatus {
        /// It is stored for good; the device may forget it.
        STORED = 0 "stored",
        /// It was stored before; the device may forget it.
        DUPLICATE = 1 "duplicate",
        /// Its tag is wrong or missing.
        BAD_TAG = 2 "bad_tag",
        /// It cannot be read.
        BAD_FRAME = 3 "bad_frame",
        /// Not now: again after `retry_ms`.
        BUSY = 4 "busy",
        /// The device is not known here.
        UNKNOWN_DEVICE = 5 "unknown_device",
    }
    /// What a command asks for.
    CommandAction {
        /// Nothing that this version knows.
        NONE = 0 "none",
        /// Open once.
        OPEN = 1 "open",
        /// Close.
        CLOSE = 2 "close",
        /// Keep open.
        HOLD = 3 "hold",
        /// Keep closed.
        LOCK = 4 "lock",
        /// Back to normal.
        NORMAL = 5 "normal",
        /// Bar up.
        RAISE = 6 "raise",
        /// Bar down.
        LOWER = 7 "lower",
        /// Show the texts of the TLVs.
        SHOW = 8 "show",
        /// Say the text of the TLV.
        SAY = 9 "say",
        /// Show the number of free places in `value`.
        FREE_PLACES = 10 "free_places",
        /// Report all states now.
        REPORT = 11 "report",
        /// Calibrate the detector: the berth is vacant.
        CALIBRATE = 12 "calibrate",
        /// Start anew.
        RESTART = 13 "restart",
    }
}

/// Induction loops one to four: the low four bits say that a vehicle is there, the high four that the loop is wired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loops(pub u8);

impl Loops {
    /// Whether a vehicle is on any loop; `None` where none is wired.
    pub const fn occupied(self) -> Option<bool> {
        let wired = self.0 >> 4;
        if wired == 0 { None } else { Some(self.0 & wired != 0) }
    }
}

impl Wire for Loops {
    #[inline]
    fn read<T: Trace>(from: &Reader<'_, T>, at: usize, name: &'static str) -> Result<Self, DecodeError> {
        Ok(Self(from.u8(at, name)?))
    }
    fn write(self, to: &mut [u8]) {
        self.0.write(to);
    }
}

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident = $kind:literal $word:literal, $len:literal bytes {
        $($(#[$fdoc:meta])* $field:ident: $type:ty = $at:literal),+ $(,)?
    })+) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name { $($(#[$fdoc])* pub $field: $type),+ }

        impl $name {
            /// The message's type in the header.
            pub const KIND: u16 = $kind;
            /// How long its fixed part is, in bytes.
            pub const LEN: usize = $len;

            #[inline(always)]
            pub(crate) fn read<T: Trace>(from: &Reader<'_, T>) -> Result<Self, DecodeError> {
                let from = from.front::<$len>()?;
                Ok(Self { $($field: <$type as Wire>::read(&from, $at, stringify!($field))?),+ })
            }

            fn fixed(&self) -> [u8; $len] {
                let mut bytes = [0; $len];
                $(if let Some(slot) = bytes.get_mut($at..) { Wire::write(self.$field, slot) })+
                bytes
            }
        })+

        /// A message's fixed part.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Message { $($(#[$doc])* $name($name)),+ }

        impl Message {
            #[inline(always)]
            pub(super) fn read<T: Trace>(kind: u16, from: &Reader<'_, T>) -> Result<Option<Self>, DecodeError> {
                match kind { $($kind => $name::read(from).map(Self::$name).map(Some),)+ _ => Ok(None) }
            }

            /// A whole frame; with a key it carries a tag.
            pub fn encode(&self, head: &Head, key: Option<&Key>) -> Vec<u8> {
                self.encode_with(head, &[], key)
            }

            /// A whole frame with TLVs, made by [`push_tlv`](super::push_tlv), behind the fixed part.
            pub fn encode_with(&self, head: &Head, tlvs: &[u8], key: Option<&Key>) -> Vec<u8> {
                match self { $(Self::$name(message) => frame::write(head, $kind, &message.fixed(), tlvs, key)),+ }
            }
        }

        /// The name of a message's type.
        pub(super) fn name(kind: u16) -> &'static str {
            match kind { $($kind => $word,)+ _ => "unknown" }
        }
    };
}

messages! {
    /// A sign of life, with the state of a device that has one berth.
    Heartbeat = 1 "heartbeat", 16 bytes {
        /// Frames that wait to be sent.
        queued: u32 = 0,
        /// Age of the oldest of them, seconds.
        oldest_s: u32 = 4,
        /// Battery, mV; 0 not measured.
        battery_mv: u16 = 8,
        /// Temperature, 0.1 °C; −32768 not measured.
        temperature: i16 = 10,
        /// The berth.
        state: Occupancy = 12,
        /// Clock: 0 unknown, 1 free-running, 2 NTP, 3 PTP or GNSS.
        clock: u8 = 13,
        /// Received signal strength, dBm; −128 not measured.
        rssi: i8 = 14,
        /// Induction loops.
        loops: Loops = 15,
    }
    /// A berth is vacant or occupied.
    BayState = 2 "bay state", 40 bytes {
        /// Since when, µs since 1970; 0: when it was sent.
        at: i64 = 0,
        /// Which of the device's berths; 0 the only one.
        berth: u32 = 8,
        /// The berth.
        state: Occupancy = 12,
        /// Why it is reported.
        reason: Reason = 13,
        /// Confidence, 1/10000; 65535 none.
        confidence: u16 = 14,
        /// Magnetic field.
        field: [i16; 3] = 16,
        /// Battery, mV; 0 not measured.
        battery_mv: u16 = 22,
        /// Magnetic field of the empty berth.
        baseline: [i16; 3] = 24,
        /// Received signal strength, dBm; −128 not measured.
        rssi: i8 = 30,
        /// Clock, as in a heartbeat.
        clock: u8 = 31,
        /// How long the state before lasted, seconds; 4294967295 not known.
        previous_s: u32 = 32,
        /// Temperature, 0.1 °C; −32768 not measured.
        temperature: i16 = 36,
        /// Bit 0: `field` was measured; bit 1: `baseline` was.
        measured: u8 = 38,
        /// Zero.
        reserved: u8 = 39,
    }
    /// A plate was read.
    PlateEvent = 3 "plate", 104 bytes {
        /// Made once when the picture is taken; the same on every path and retry.
        event_id: [u8; 16] = 0,
        /// When, µs since 1970; 0: when it was sent.
        at: i64 = 16,
        /// When a gateway between had it; 0 none.
        received: i64 = 24,
        /// Which of the device's berths; 0 none.
        berth: u32 = 32,
        /// Which of the device's lanes; 0 the only one.
        lane: u16 = 36,
        /// Country, ISO 3166-1 numeric; 0 not known.
        country: u16 = 38,
        /// Offset of the place from UTC, minutes; −32768 not known.
        utc_offset: i16 = 40,
        /// Confidence, 1/10000; 65535 none.
        confidence: u16 = 42,
        /// The plate in the picture: left, top, width, height, 1/65535 of its size.
        area: [u8; 8] = 44,
        /// Who made the camera; a number of ours.
        vendor: u16 = 52,
        /// Clock, as in a heartbeat.
        clock: u8 = 54,
        /// Plate colour: 0 unknown, 1 blue, 2 yellow, 3 green, 4 yellow and green, 5 white, 6 black.
        color: u8 = 55,
        /// Plate type in the vendor's numbers.
        plate_type: u8 = 56,
        /// 0 unknown, 1 entry, 2 exit, 3 passing.
        direction: u8 = 57,
        /// 0 automatic, 1 loop, 2 input, 3 command, 4 standing, 5 turned back.
        trigger: u8 = 58,
        /// 0 unknown, 1 small, 2 medium, 3 large, 4 extra large, 5 motorcycle, 6 trailer, 7 bicycle, 8 other.
        vehicle: u8 = 59,
        /// Vehicle colour in the vendor's numbers.
        vehicle_color: u8 = 60,
        /// How many bytes of `plate` count; 0: the vehicle has no plate.
        plate_len: u8 = 61,
        /// How many characters those are.
        plate_chars: u8 = 62,
        /// Zero.
        reserved: u8 = 63,
        /// The plate, UTF-8, padded with zeros.
        plate: [u8; 24] = 64,
        /// Confidence of each character, 0 to 100; 255 none.
        char_confidence: [u8; 16] = 88,
    }
    /// Where a gate's arm is.
    GateReport = 4 "gate", 16 bytes {
        /// Since when, µs since 1970; 0: when it was sent.
        at: i64 = 0,
        /// Which of the device's lanes; 0 the only one.
        lane: u16 = 8,
        /// 0 unknown, 1 open, 2 closed, 3 moving, 4 opening, 5 closing, 6 between, 7 jammed.
        state: u8 = 10,
        /// 0 not known, 1 a limit switch confirms it, 2 none does.
        limit: u8 = 11,
        /// Induction loops.
        loops: Loops = 12,
        /// 0 not known, 1 a command, 2 by hand, 3 a vehicle hit the arm, 4 the device's own list.
        cause: u8 = 13,
        /// Zero.
        reserved: u16 = 14,
    }
    /// Where a ground lock's bar is.
    LockReport = 5 "lock", 16 bytes {
        /// Since when, µs since 1970; 0: when it was sent.
        at: i64 = 0,
        /// Which of the device's berths; 0 the only one.
        berth: u32 = 8,
        /// As of a gate: open means down.
        state: u8 = 12,
        /// The berth.
        occupied: Occupancy = 13,
        /// Battery, per cent; 255 not measured.
        battery_pct: u8 = 14,
        /// As of a gate.
        limit: u8 = 15,
    }
    /// The device has started.
    Startup = 6 "start-up", 16 bytes {
        /// 0 unknown, 1 power on, 2 watchdog, 3 software, 4 brown-out, 5 external pin, 6 lockup, 7 update.
        cause: u8 = 0,
        /// Firmware.
        firmware: [u8; 3] = 1,
        /// The berth of a device that has one.
        state: Occupancy = 4,
        /// Hardware revision.
        hardware: u8 = 5,
        /// Battery, mV; 0 not measured.
        battery_mv: u16 = 6,
        /// The first eight bytes of SHA-256 over the settings.
        config_digest: u64 = 8,
    }
    /// Something is wrong with the device.
    Alarm = 7 "alarm", 16 bytes {
        /// Since when, µs since 1970; 0: when it was sent.
        at: i64 = 0,
        /// 1 battery low, 2 tampering, 3 detector, 4 arm hit, 5 tailgating, 6 power, 7 temperature, 8 storage, 9 camera.
        code: u16 = 8,
        /// 0 it ended, 1 it began.
        active: u8 = 10,
        /// Zero.
        reserved: u8 = 11,
        /// Which berth or lane; 0 the device.
        place: u32 = 12,
    }
    /// What became of a command; several may come for one.
    CommandResult = 8 "command result", 48 bytes {
        /// The command's id, as it came.
        command_id: [u8; 32] = 0,
        /// When, µs since 1970; 0: when it was sent.
        at: i64 = 32,
        /// 1 accepted, 2 relay fired, 3 moving, 4 at the limit, 5 refused, 6 timed out.
        result: u8 = 40,
        /// Why it was refused: 0 other, 1 expired, 2 bad tag, 3 unknown action, 4 a vehicle is under it, 5 locked, 6 power.
        cause: u8 = 41,
        /// Zero.
        reserved: [u8; 6] = 42,
    }
    /// The device asks for the time.
    TimeRequest = 9 "time request", 8 bytes {
        /// Its own clock, any unit; it comes back as it is.
        t1: u64 = 0,
    }
    /// To the device: which of its frames are stored.
    Ack = 0x8001 "acknowledgement", 32 bytes {
        /// The boot that the numbers belong to.
        boot_id: u32 = 0,
        /// All frames up to this one are stored.
        up_to: u32 = 4,
        /// Bit i: frame `up_to` + 2 + i is stored too.
        later: u64 = 8,
        /// What became of the frame that is answered.
        status: AckStatus = 16,
        /// Zero.
        reserved: [u8; 3] = 17,
        /// Not before so many ms again, where the status is `busy`.
        retry_ms: u32 = 20,
        /// The server's clock, µs since 1970.
        now: i64 = 24,
    }
    /// To the device: do something.
    Command = 0x8002 "command", 56 bytes {
        /// Its id, ASCII, padded with zeros: the same id is done once.
        command_id: [u8; 32] = 0,
        /// After this instant it is refused, µs since 1970; never 0.
        not_after: i64 = 32,
        /// What to do.
        action: CommandAction = 40,
        /// Zero.
        reserved: u8 = 41,
        /// Which of the device's lanes; 0 the only one.
        lane: u16 = 42,
        /// Which of the device's berths; 0 the only one.
        berth: u32 = 44,
        /// For how long, ms; 0 as the device is set.
        duration_ms: u32 = 48,
        /// A number to show.
        value: u32 = 52,
    }
    /// To the device: the time.
    TimeReply = 0x8003 "time", 24 bytes {
        /// What the request held.
        t1: u64 = 0,
        /// When the server had the request, µs since 1970.
        received: i64 = 8,
        /// When it answered, µs since 1970.
        sent: i64 = 16,
    }
}

/// The plate colour of a code.
pub const fn plate_color(code: u8) -> PlateColor {
    match code {
        1 => PlateColor::Blue,
        2 => PlateColor::Yellow,
        3 => PlateColor::Green,
        4 => PlateColor::YellowGreen,
        5 => PlateColor::White,
        6 => PlateColor::Black,
        _ => PlateColor::Unknown,
    }
}

/// The vehicle class of a code.
pub const fn vehicle(code: u8) -> Option<VehicleClass> {
    Some(match code {
        1 => VehicleClass::Small,
        2 => VehicleClass::Medium,
        3 => VehicleClass::Large,
        4 => VehicleClass::ExtraLarge,
        5 => VehicleClass::Motorcycle,
        6 => VehicleClass::Trailer,
        7 => VehicleClass::Bicycle,
        8 => VehicleClass::Other,
        _ => return None,
    })
}

/// Where the arm or bar of a code is.
pub(crate) const fn gate_state(code: u8) -> GateState {
    match code {
        1 => GateState::Open,
        2 => GateState::Closed,
        3 => GateState::Moving,
        4 => GateState::Opening,
        5 => GateState::Closing,
        6 => GateState::Between,
        7 => GateState::Jammed,
        _ => GateState::Unknown,
    }
}

/// Whether a limit switch confirms it.
pub(crate) const fn confirmed(code: u8) -> Option<bool> {
    match code {
        1 => Some(true),
        2 => Some(false),
        _ => None,
    }
}

/// What a command's result proves.
pub(crate) const fn proof(code: u8) -> Option<Proof> {
    Some(match code {
        1 => Proof::Accepted,
        2 => Proof::RelayFired,
        3 => Proof::Moving,
        4 => Proof::AtLimit,
        5 => Proof::Refused,
        6 => Proof::TimedOut,
        _ => return None,
    })
}
