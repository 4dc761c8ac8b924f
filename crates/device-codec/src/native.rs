//! Our own frame: the layout, checked views, an encoder, authentication, and COBS for serial lines.
//!
//! `docs/native-frame.md` is the specification; the names here are its names. All integers are little-endian and lie
//! at multiples of their size, so that a microcontroller can map a frame onto structs.
//!
//! ```
//! use device_codec::native::{BayState, Frame, Head, Message, Occupancy, Reason};
//! let head = Head { device_id: 0x1001, boot_id: 3, seq: 7, ..Head::default() };
//! let bay = BayState { state: Occupancy::OCCUPIED, reason: Reason::CHANGE, ..BayState::default() };
//! let bytes = Message::BayState(bay).encode(&head, None);
//! let frame = Frame::new_checked(&bytes)?;
//! assert_eq!(frame.head(), head);
//! assert_eq!(frame.message()?, Some(Message::BayState(bay)));
//! # Ok::<(), device_codec::DecodeError>(())
//! ```

mod cobs;
mod frame;
mod message;
mod tag;
mod tlv;

pub use cobs::{cobs_decode, cobs_encode};
pub use frame::{Frame, Head, MAX_FRAME, Split};
pub(crate) use frame::{PLAIN_LEN, PLAIN_TAGGED_LEN, PlainHeartbeat, check, head, instant};
pub use message::{
    Ack, AckStatus, Alarm, BayState, Command, CommandAction, CommandResult, GateReport, Heartbeat,
    LockReport, Loops, Message, Occupancy, PlateEvent, Reason, Startup, TimeReply, TimeRequest, plate_color,
    vehicle,
};
pub(crate) use message::{confirmed, gate_state, proof};
pub use tag::Key;
pub(crate) use tlv::Tlvs;
pub use tlv::{Tlv, kind as tlv_kind, push as push_tlv};

/// Bits of the header's flags.
pub mod flag {
    /// This frame was sent before.
    pub const RETRANSMIT: u16 = 1;
    /// It was kept while there was no connection.
    pub const OFFLINE: u16 = 2;
    /// The sender waits for an acknowledgement.
    pub const ACK_WANTED: u16 = 4;
    /// A tag of 16 bytes follows the payload.
    pub const TAG: u16 = 8;
    /// The payload is encrypted.
    pub const ENCRYPTED: u16 = 16;
    /// A test: it is acknowledged and states nothing.
    pub const TEST: u16 = 32;
    /// The flags that this version knows.
    pub const KNOWN: u16 = 63;
    /// The flags that a receiver must know: with another one of these the frame is refused.
    pub const MUST_UNDERSTAND: u16 = 0x00ff;
}
