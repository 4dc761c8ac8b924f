//! What one frame says, in our words and units, without judging it.

use parking_types::{Direction, Instant, Local, PlateColor, PlateReading, VehicleClass};
use smallvec::SmallVec;

use crate::milli::Milli;
use crate::text::Text;
use crate::words::words;

mod write;

pub(crate) use write::string;

words! {
    /// What a frame is about.
    Kind {
        /// A berth became occupied or vacant.
        Occupancy = "occupancy",
        /// A berth is occupied or vacant; the protocol does not tell a change from a repeat.
        State = "state",
        /// A sign of life, with or without the state.
        Heartbeat = "heartbeat",
        /// A plate was read.
        Plate = "plate",
        /// A gate or lock moved, stands, or answered a command.
        Gate = "gate",
        /// The device started, or was calibrated anew.
        Startup = "startup",
        /// The device reports something wrong with itself.
        Fault = "fault",
        /// Settings, or the answer to a change of settings.
        Config = "config",
        /// What only the vendor can read.
        Debug = "debug",
    }
}

words! {
    /// Where a gate's arm or a lock's bar is.
    GateState {
        /// Vehicles can pass.
        Open = "open",
        /// Nothing can pass.
        Closed = "closed",
        /// On its way, direction unknown.
        Moving = "moving",
        /// On its way up (a lock: down).
        Opening = "opening",
        /// On its way down (a lock: up).
        Closing = "closing",
        /// Standing between its ends.
        Between = "between",
        /// It did not reach its end.
        Jammed = "jammed",
        /// The device does not know.
        Unknown = "unknown",
    }
}

words! {
    /// What a device's answer to a command proves, weakest first; the words are those of the states of a command.
    Proof {
        /// The device took the command. Nothing has moved yet.
        Accepted = "accepted",
        /// The relay was switched. Whether the arm follows is not known.
        RelayFired = "relay_fired",
        /// The arm moves.
        Moving = "moving",
        /// The arm reached its end.
        AtLimit = "at_limit",
        /// The device will not do it.
        Refused = "refused",
        /// The device tried and gave up.
        TimedOut = "timed_out",
    }
}

/// A device's answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Which command, by our id or the device's echo of it; absent where the device does not say.
    pub command: Option<Text<'a>>,
    /// What the answer proves.
    pub proof: Proof,
}

/// A device's own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceTime {
    /// An instant.
    Utc(Instant),
    /// A wall clock without an offset: the lot's zone applies.
    Local(Local),
}

/// A value of [`Reading::more`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A measured value.
    Milli(Milli),
    /// Text.
    Text(Text<'a>),
    /// Bytes without a known meaning; printed as hex.
    Bytes(&'a [u8]),
    /// Three axes, or other small groups of three.
    Axes([i32; 3]),
}

/// What one frame says. What it does not state is `None`; nothing is inferred.
///
/// A decoder builds it in place and hands out a reference, so that no bytes are copied.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reading<'a> {
    /// What it is about.
    pub kind: Kind,
    /// Whether a vehicle is there.
    pub occupied: Option<bool>,
    /// The plate, or that there is none.
    pub plate: Option<PlateReading>,
    /// The colour of the plate's ground.
    pub plate_color: Option<PlateColor>,
    /// How certain the reader is, in per cent.
    pub plate_confidence: Option<Milli>,
    /// The vehicle's class, only where the protocol documents one.
    pub vehicle: Option<VehicleClass>,
    /// The vehicle in the device's own words.
    pub vehicle_text: Option<Text<'a>>,
    /// Into the lot or out of it, only where the protocol says that.
    pub direction: Option<Direction>,
    /// The device's raw direction code, for the site's `direction` map; printed in `more` as `direction`.
    pub direction_code: Option<Text<'a>>,
    /// The device's own id.
    pub device: Option<Text<'a>>,
    /// The device's clock when it happened.
    pub device_time: Option<DeviceTime>,
    /// The device's number of this frame.
    pub sequence: Option<u64>,
    /// The run of numbers that `sequence` belongs to, where the protocol counts its starts; printed in `more` as `boot`.
    pub boot: Option<u64>,
    /// The vendor's own id of the record.
    pub record: Option<Text<'a>>,
    /// A paper ticket's number.
    pub ticket: Option<Text<'a>>,
    /// A tag or beacon in the vehicle.
    pub tag: Option<Text<'a>>,
    /// Whether a vehicle is on the lane's induction loop.
    pub on_loop: Option<bool>,
    /// Battery, volts.
    pub battery_v: Option<Milli>,
    /// Battery, per cent.
    pub battery_pct: Option<Milli>,
    /// The device says that its battery is low.
    pub battery_low: Option<bool>,
    /// Temperature, °C.
    pub temperature_c: Option<Milli>,
    /// Received signal strength, dBm.
    pub rssi_dbm: Option<Milli>,
    /// Signal-to-noise ratio, dB.
    pub snr_db: Option<Milli>,
    /// Magnetic field, in the device's units.
    pub magnetic: Option<[i32; 3]>,
    /// Magnetic field of the empty berth, in the device's units.
    pub baseline: Option<[i32; 3]>,
    /// How long the state before lasted, in minutes.
    pub previous_state_min: Option<u32>,
    /// By how many minutes more it may have lasted.
    pub previous_state_error_min: Option<u32>,
    /// It lasted at least that long; the device stopped counting.
    pub previous_state_overflow: Option<bool>,
    /// Vehicles counted so far.
    pub vehicle_count: Option<u32>,
    /// The device's firmware.
    pub firmware: Option<Text<'a>>,
    /// Why the device started.
    pub reset_cause: Option<Text<'a>>,
    /// Where the arm or bar is.
    pub gate_state: Option<GateState>,
    /// Whether a limit switch confirms it.
    pub at_limit: Option<bool>,
    /// The device kept this while it had no connection, or sends it again.
    pub offline_upload: Option<bool>,
    /// The detector was calibrated anew: its state is new evidence, not an edge.
    pub recalibrated: Option<bool>,
    /// Which of the berths that the device watches.
    pub berth_no: Option<u32>,
    /// The answer to a command; printed in `more` as `command` and `command_state`.
    pub answer: Option<Answer<'a>>,
    /// What has no field here, by the names of the protocol's notes.
    pub more: SmallVec<[(&'a str, Value<'a>); 12]>,
}

impl<'a> Reading<'a> {
    /// A reading that states nothing yet.
    #[inline]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            occupied: None,
            plate: None,
            plate_color: None,
            plate_confidence: None,
            vehicle: None,
            vehicle_text: None,
            direction: None,
            direction_code: None,
            device: None,
            device_time: None,
            sequence: None,
            boot: None,
            record: None,
            ticket: None,
            tag: None,
            on_loop: None,
            battery_v: None,
            battery_pct: None,
            battery_low: None,
            temperature_c: None,
            rssi_dbm: None,
            snr_db: None,
            magnetic: None,
            baseline: None,
            previous_state_min: None,
            previous_state_error_min: None,
            previous_state_overflow: None,
            vehicle_count: None,
            firmware: None,
            reset_cause: None,
            gate_state: None,
            at_limit: None,
            offline_upload: None,
            recalibrated: None,
            berth_no: None,
            answer: None,
            more: SmallVec::new(),
        }
    }

    /// Adds to [`more`](Self::more).
    pub fn put(&mut self, name: &'a str, value: impl Into<Value<'a>>) {
        self.more.push((name, value.into()));
    }

    /// The value of [`more`](Self::more) with this name.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.more.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Appends the reading as one JSON object, without a line end; what is not known is absent.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        write::reading(self, out);
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

macro_rules! ints {
    ($($type:ty),+) => { $(impl From<$type> for Value<'_> {
        fn from(value: $type) -> Self {
            Self::Int(i64::from(value))
        }
    })+ };
}
ints!(u8, i8, u16, i16, u32, i32, i64);

impl From<Milli> for Value<'_> {
    fn from(value: Milli) -> Self {
        Self::Milli(value)
    }
}

impl<'a> From<Text<'a>> for Value<'a> {
    fn from(value: Text<'a>) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Text::Borrowed(value))
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl From<[i32; 3]> for Value<'_> {
    fn from(value: [i32; 3]) -> Self {
        Self::Axes(value)
    }
}
