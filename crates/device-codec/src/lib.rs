//! Parking devices' bytes to readings, and commands to bytes.
//!
//! [`decode`] takes what a device sent, as it was received, and gives [`Reading`]s: what the frame says, in our words
//! and units, without judging it. [`explain`] prints any frame, broken ones too, field by field. [`Protocol`] is the
//! closed list of what is built in; `docs/add-a-protocol.md` says how to add to it.
//!
//! Nothing here does I/O, reads a clock or panics on any input, and binary protocols never touch the heap.
#![deny(clippy::float_arithmetic)]

mod base64;
mod checksum;
pub mod command;
mod context;
mod crc32c;
pub mod envelope;
mod error;
mod explain;
mod framing;
mod hex;
mod json;
pub mod manual;
mod milli;
pub mod native;
mod photos;
mod protocol;
mod reader;
mod reading;
#[cfg(feature = "codec")]
pub mod stream;
mod text;
mod trace;
mod xml;

pub use context::{Context, ImageCut};
pub use error::{DecodeError, ErrorCode};
pub use explain::{Explanation, Field, explain};
pub use framing::{Framing, Step};
pub use json::{explain::path as json_path, members::members as json_members};
pub use milli::Milli;
pub use photos::{Photo, PhotoForm, photos};
pub use protocol::{Numbering, Payload, Protocol, ProtocolInfo, decode, f6213_reply};
pub use reading::{DeviceTime, GateState, Kind, Previous, Proof, Reading, Value};
pub use text::{Short, Text};
