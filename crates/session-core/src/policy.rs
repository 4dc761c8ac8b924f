//! The settings of a lot that decide doubtful cases, with their defaults.

use parking_types::{Span, VehicleClass};
use serde::{Deserialize, Serialize};

/// What to do with a session when two or more frames are missing between two contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LostPair {
    /// Two sessions: the driver never pays for our loss.
    Split,
    /// One session: for networks that lose much, or count frames that never reach us.
    Join,
}

/// What to do with the session of a berth whose detectors have fallen silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhenOffline {
    /// Keep it open.
    Keep,
    /// Close it as an exception at the last contact.
    Close,
}

/// What a gate does when a rule leaves it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GateRule {
    /// It opens.
    Open,
    /// It stays shut.
    Shut,
}

/// What happens to a car with arrears at an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arrears {
    /// It is let in, and an alert is raised.
    Alert,
    /// It is refused.
    DenyEntry,
}

/// How far a device's clock may be off and still be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockSkew {
    /// Ahead of `received_at`.
    pub ahead: Span,
    /// Behind `received_at`.
    pub behind: Span,
}

/// The policy of a lot.
///
/// ```
/// let policy = session_core::Policy::default();
/// assert_eq!(policy.flicker, parking_types::Span::from_secs(30));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// A berth that is vacant for less than this goes on with the same session.
    pub flicker: Span,
    /// A session without a plate that cannot have lasted this long is void.
    pub min_stay: Span,
    /// How late a device's frame may come, against the partition's clock.
    pub late_window: Span,
    /// How far a device's clock may be off.
    pub max_clock_skew: ClockSkew,
    /// Two or more frames missing between two contacts.
    pub lost_pair: LostPair,
    /// How far apart two detectors of one berth may report the same edge.
    pub pair: Span,
    /// All detectors of a berth silent.
    pub when_offline: WhenOffline,
    /// A session open for longer raises an alert.
    pub zombie_after: Span,
    /// How long an exit waits at the arm without a read or a payment.
    pub arm_wait: Span,
    /// How long a command may take effect.
    pub command_ttl: Span,
    /// An exit of a plate that has no session.
    pub exit_without_entry: GateRule,
    /// An exit whose price cannot be told.
    pub when_unpriced: GateRule,
    /// A car with arrears at an entry.
    pub arrears: Arrears,
    /// How long after its exit people may correct a session.
    pub correctable: Span,
    /// The class of a vehicle of which nothing is known.
    pub vehicle: VehicleClass,
    /// A battery below this raises an alert, in percent.
    pub battery_low_pct: u8,
    /// A signal below this raises an alert, in dBm.
    pub signal_low_dbm: i16,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            flicker: Span::from_secs(30),
            min_stay: Span::from_mins(2),
            late_window: Span::from_hours(24),
            max_clock_skew: ClockSkew { ahead: Span::from_mins(5), behind: Span::from_hours(2) },
            lost_pair: LostPair::Split,
            pair: Span::from_mins(2),
            when_offline: WhenOffline::Keep,
            zombie_after: Span::from_days(15),
            arm_wait: Span::from_mins(10),
            command_ttl: Span::from_secs(10),
            exit_without_entry: GateRule::Shut,
            when_unpriced: GateRule::Open,
            arrears: Arrears::Alert,
            correctable: Span::from_days(90),
            vehicle: VehicleClass::Small,
            battery_low_pct: 20,
            signal_low_dbm: -115,
        }
    }
}
