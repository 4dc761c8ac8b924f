//! What one frame says, in our words and units, without judging it.

use parking_types::{Direction, Instant, Local, PlateColor, PlateReading, VehicleClass, words};

use crate::milli::Milli;

mod facts;
mod write;

pub(crate) use facts::Fact;
use facts::Facts;
pub use facts::Value;

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

/// A device's own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceTime {
    /// An instant.
    Utc(Instant),
    /// A wall clock without an offset: the lot's zone applies.
    Local(Local),
}

/// How long the state before lasted, as the device tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Previous {
    /// In minutes.
    pub minutes: u32,
    /// By how many minutes more it may have lasted.
    pub error: Option<u32>,
    /// It lasted at least that long; the device stopped counting.
    pub overflow: Option<bool>,
}

/// Which device of ours sent a frame, and in which of its runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) device: u64,
    pub(crate) boot: u32,
}

/// What one frame says. What it does not state is `None`; nothing is inferred.
///
/// What most frames state has a field. Texts and what has no name here lie in one list behind it, which costs
/// nothing until it is filled: a decoder builds a reading in place and hands out a reference, so that no bytes are
/// copied, and the heap is only touched for texts of more than 32 bytes that cannot be borrowed.
///
/// The order of the fields counts: what few frames state lies together, so that it is cleared together.
#[derive(Clone, Debug)]
#[repr(C)]
#[non_exhaustive]
pub struct Reading<'a> {
    /// What it is about.
    pub kind: Kind,
    /// Into the lot or out of it, only where the protocol says that.
    pub direction: Option<Direction>,
    /// The vehicle's class, only where the protocol documents one.
    pub vehicle: Option<VehicleClass>,
    /// The colour of the plate's ground.
    pub plate_color: Option<PlateColor>,
    /// Where the arm or bar is.
    pub gate_state: Option<GateState>,
    /// Whether a limit switch confirms it.
    pub at_limit: Option<bool>,
    /// The device kept this while it had no connection, or sends it again.
    pub offline_upload: Option<bool>,
    /// The detector was calibrated anew: its state is new evidence, not an edge.
    pub recalibrated: Option<bool>,
    /// What an answer to a command proves; printed in `more` as `command_state`.
    pub proof: Option<Proof>,
    /// The device says that its battery is low.
    pub battery_low: Option<bool>,
    /// Whether a vehicle is there.
    pub occupied: Option<bool>,
    /// Whether a vehicle is on the lane's induction loop.
    pub on_loop: Option<bool>,
    /// Battery, volts.
    pub battery_v: Option<Milli>,
    /// Temperature, °C.
    pub temperature_c: Option<Milli>,
    /// Received signal strength, dBm.
    pub rssi_dbm: Option<Milli>,
    /// Battery, per cent.
    pub battery_pct: Option<Milli>,
    /// Signal-to-noise ratio, dB.
    pub snr_db: Option<Milli>,
    /// How certain the reader is, in per cent.
    pub plate_confidence: Option<Milli>,
    /// Which of the berths that the device watches.
    pub berth_no: Option<u32>,
    /// Magnetic field, in the device's units.
    pub magnetic: Option<[i16; 3]>,
    /// Magnetic field of the empty berth, in the device's units.
    pub baseline: Option<[i16; 3]>,
    /// Vehicles counted so far.
    pub vehicle_count: Option<u32>,
    /// The device's number of this frame.
    pub sequence: Option<u32>,
    /// How long the state before lasted.
    pub previous: Option<Previous>,
    /// The device's clock when it happened.
    pub device_time: Option<DeviceTime>,
    /// A device of ours says this instead of an id.
    pub(crate) started: Option<Started>,
    /// The plate, or that there is none.
    pub plate: Option<PlateReading>,
    facts: Facts<'a>,
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
            direction: None,
            device_time: None,
            sequence: None,
            started: None,
            on_loop: None,
            battery_v: None,
            battery_pct: None,
            battery_low: None,
            temperature_c: None,
            rssi_dbm: None,
            snr_db: None,
            magnetic: None,
            baseline: None,
            vehicle_count: None,
            previous: None,
            gate_state: None,
            at_limit: None,
            offline_upload: None,
            recalibrated: None,
            berth_no: None,
            proof: None,
            facts: Facts::default(),
        }
    }

    /// The run of numbers that `sequence` belongs to, where the protocol counts its starts; printed in
    /// `more` as `boot`.
    pub fn boot(&self) -> Option<u32> {
        self.started.map(|started| started.boot)
    }

    /// Appends the reading as one JSON object, without a line end; what is not known is absent.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        write::reading(self, out);
    }
}
