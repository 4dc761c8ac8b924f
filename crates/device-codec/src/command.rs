//! What we tell a device, and how it is written on the wire.
//!
//! One vocabulary, [`Action`], serves every device. [`encode`] writes an action for one protocol and says, as a
//! [`Wire`], how it has to travel: in the answer to the device's own request, as a request of ours, as an MQTT message
//! or as a frame on a line. What a device's answer proves comes back from [`decode`](crate::decode) in
//! [`Reading::proof`](crate::Reading::proof).
//!
//! ```
//! use device_codec::Protocol;
//! use device_codec::command::{Action, Target, Wire, encode};
//! let wire = encode(Protocol::BarrierAa55, &Action::Open, &Target::default())?;
//! assert_eq!(wire, Wire::Frame(vec![0xaa, 0x55, 0x01, 0x01, 0x02]));
//! # Ok::<(), device_codec::command::CommandError>(())
//! ```

use core::fmt;

use parking_types::{Instant, Local, Plate};

use crate::protocol::Protocol;

mod dahua;
mod hikvision;
mod json;
mod lock;
mod native;
mod serial;
mod streams;
mod vz;
mod vz_calls;
mod yuncitys;

pub use dahua::dahua_push_reply;
pub use native::{NativeTarget, native_frame};
pub(crate) use streams::is_backlog;
pub use streams::{BACKLOG, event_stream, plates_after};
pub use vz::{Push, vz_http_reply};
pub use vz_calls::{VzCall, vz_tcp_call};

/// A command: what to do, until when, and the id that makes a second delivery harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// The command's id; the same for every delivery of it.
    pub id: &'a str,
    /// What to do.
    pub action: Action<'a>,
    /// It must not leave after this instant.
    pub not_after: Instant,
}

impl Command<'_> {
    /// Whether it may still leave at `now`: a gate that opens a minute late lets the wrong car through.
    pub fn may_leave(&self, now: Instant) -> bool {
        now <= self.not_after
    }
}

/// What a device is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Open the gate for one vehicle.
    Open,
    /// Close the gate.
    Close,
    /// Open the gate and keep it open.
    Hold,
    /// Keep the gate closed, whatever else asks.
    Lock,
    /// End `Hold` or `Lock`.
    Normal,
    /// Raise a ground lock: its berth is empty and shut.
    Raise,
    /// Lower a ground lock and leave it down.
    Lower,
    /// Show lines on the lane's screen and speak.
    Show {
        /// Top to bottom.
        lines: &'a [&'a str],
        /// What to say with it; boards that must speak say the lines.
        say: Option<&'a str>,
    },
    /// Speak.
    Say(&'a str),
    /// Show the number of free places on a guidance screen.
    FreePlaces(u32),
    /// Set the device's clock.
    SetClock {
        /// The time, as the wall clock at the lot shows it.
        local: Local,
    },
    /// Put a plate on the device's own white list, so that it opens while we are unreachable.
    ListAdd {
        /// The plate.
        plate: &'a Plate,
        /// From when, by the lot's wall clock.
        from: Local,
        /// Until when, by the lot's wall clock.
        to: Local,
    },
    /// Take a plate off the device's own white list.
    ListRemove {
        /// The plate.
        plate: &'a Plate,
    },
    /// Read a plate now.
    Capture,
    /// Ask where the gate stands.
    Query,
}

impl Action<'_> {
    /// The word for it in command records.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close => "close",
            Self::Hold => "hold",
            Self::Lock => "lock",
            Self::Normal => "normal",
            Self::Raise => "raise",
            Self::Lower => "lower",
            Self::Show { .. } => "show",
            Self::Say(_) => "say",
            Self::FreePlaces(_) => "free_places",
            Self::SetClock { .. } => "set_clock",
            Self::ListAdd { .. } => "list_add",
            Self::ListRemove { .. } => "list_remove",
            Self::Capture => "capture",
            Self::Query => "query",
        }
    }
}

/// To whom a command goes, and how that device is wired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The device's own serial number: topics and requests name it.
    pub serial: Option<&'a str>,
    /// The command's id, where the protocol echoes one.
    pub id: &'a str,
    /// When it leaves; some envelopes carry the time.
    pub at: Instant,
    /// After this instant the device itself refuses it, where its protocol can say so.
    pub not_after: Option<Instant>,
    /// The plate that the gate opens for, where the device writes it down.
    pub plate: Option<&'a str>,
    /// The video channel of cameras that count them from one.
    pub channel: u8,
    /// The relay that opens the gate, from 0.
    pub open_output: u8,
    /// The relay that closes it, from 0; absent where the arm falls by itself.
    pub close_output: Option<u8>,
    /// How long a relay is closed, in milliseconds.
    pub pulse_ms: u32,
    /// The address of a screen and voice board on the camera's serial line; absent where there is none.
    pub board: Option<u8>,
    /// How the camera's MQTT topics begin.
    pub topics: Topics,
}

/// How a Vzenith camera's topics are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Topics {
    /// `device/{serial}/message/down/{name}`
    #[default]
    Device,
    /// `{serial}/device/message/down/{name}`
    Serial,
    /// `device/{serial}/sys/message/down/{name}`
    Sys,
}

impl Default for Target<'_> {
    /// A device wired as the vendors draw it: opened by relay 0, closed by relay 1, pulses of 500 ms.
    fn default() -> Self {
        Self {
            serial: None,
            id: "",
            at: Instant::EPOCH,
            not_after: None,
            plate: None,
            channel: 1,
            open_output: 0,
            close_output: Some(1),
            pulse_ms: 500,
            board: None,
            topics: Topics::Device,
        }
    }
}

/// How a written command has to travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wire {
    /// As the body of our answer to a request that the device made or holds open.
    Reply(Vec<u8>),
    /// As a request to the device.
    Request {
        /// The HTTP method.
        method: &'static str,
        /// Path and query.
        path: String,
        /// The body's content type; empty without a body.
        content_type: &'static str,
        /// The body.
        body: Vec<u8>,
    },
    /// As an MQTT message.
    Publish {
        /// The topic.
        topic: String,
        /// The payload.
        payload: Vec<u8>,
    },
    /// As bytes on the device's connection or line.
    Frame(Vec<u8>),
}

/// Why an action cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// The protocol has no such command.
    NotSupported,
    /// The target lacks this field.
    Missing(&'static str),
    /// This argument is longer than the device takes.
    TooLong(&'static str),
    /// This argument has characters that the device's charset lacks.
    Encoding(&'static str),
    /// This argument is out of the device's range.
    Value(&'static str),
}

impl CommandError {
    /// The word for it in records.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotSupported => "not_supported",
            Self::Missing(_) => "missing",
            Self::TooLong(_) => "too_large",
            Self::Encoding(_) => "encoding",
            Self::Value(_) => "value",
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSupported => f.write_str("the protocol has no such command"),
            Self::Missing(field) => write!(f, "the command needs {field}"),
            Self::TooLong(field) => write!(f, "{field} is longer than the device takes"),
            Self::Encoding(field) => write!(f, "{field} has characters that the device cannot show"),
            Self::Value(field) => write!(f, "{field} is out of the device's range"),
        }
    }
}
impl core::error::Error for CommandError {}

/// Writes an action for a device of this protocol.
///
/// # Errors
/// [`CommandError`]: nothing is written by halves, and nothing is left out in silence.
pub fn encode(protocol: Protocol, action: &Action<'_>, target: &Target<'_>) -> Result<Wire, CommandError> {
    match protocol {
        Protocol::Parkline => native::frame(action, target).map(Wire::Frame),
        Protocol::VzHttp | Protocol::QianyiHttp | Protocol::AlphadigiHttp => {
            vz_http_reply(&[*action], &Push::default(), target).map(Wire::Reply)
        }
        Protocol::VzTcp => vz::tcp(action, target).map(Wire::Frame),
        Protocol::VzMqtt => vz::mqtt(action, target),
        Protocol::HikvisionIsapi => hikvision::request(action, target),
        Protocol::DahuaHttp => dahua::request(action, target),
        Protocol::BarrierAa55 => serial::barrier(action).map(Wire::Frame),
        Protocol::Led0064 => serial::led(action, target.board.unwrap_or(0)).map(Wire::Frame),
        Protocol::GroundLockDudu => lock::dudu(action, target),
        Protocol::YuncitysGateway => yuncitys::publish(action, target),
        _ => Err(CommandError::NotSupported),
    }
}

/// What our own frame has words for.
pub(crate) const NATIVE: &[&str] =
    &["open", "close", "hold", "lock", "normal", "raise", "lower", "show", "say", "free_places", "query"];
/// What the Vzenith cameras take over MQTT, and in answers: there the clock is that of the board behind the camera.
pub(crate) const VZ: &[&str] =
    &["open", "close", "hold", "normal", "show", "say", "set_clock", "list_add", "list_remove", "capture"];
/// What the Vzenith cameras take over TCP.
pub(crate) const VZ_TCP: &[&str] = &[
    "open",
    "close",
    "hold",
    "normal",
    "show",
    "say",
    "set_clock",
    "list_add",
    "list_remove",
    "capture",
    "query",
];
/// What Hikvision's cameras take.
pub(crate) const HIKVISION: &[&str] = &["open", "close", "lock", "normal", "query"];
/// What Dahua's cameras take.
pub(crate) const DAHUA: &[&str] = &["open", "close", "set_clock"];
/// What the barrier board takes.
pub(crate) const BARRIER: &[&str] = &["open", "close", "query"];
/// What the screen and voice board takes.
pub(crate) const LED: &[&str] = &["show", "say", "set_clock"];
/// What gates, locks and screens behind a YunParking gateway take.
pub(crate) const YUNCITYS: &[&str] = &["open", "close", "raise", "lower", "free_places"];
/// What the ground lock takes.
pub(crate) const GROUND_LOCK: &[&str] = &["raise", "lower"];
