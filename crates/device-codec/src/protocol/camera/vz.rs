//! The Vzenith (臻识) family: one JSON vocabulary over HTTP, TCP and MQTT, and the vendors that copied it.
//!
//! Sources: the vendor's HTTP push document, the TCP protocol document (8131) and the MQTT document, and frames
//! captured by integrators; see `tests/data/README.md`.

mod command_reply;
mod plate_result;
mod push;
mod reply;
mod tables;

pub(in crate::protocol) mod http;
pub(in crate::protocol) mod mqtt;
pub(crate) mod tcp;
