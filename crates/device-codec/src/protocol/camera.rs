//! Cameras that read plates.
//!
//! The Vzenith family ([`vz`]) shares one table of fields and differs in its transport and in the numbers of its
//! types; the [`webhook`]s share one table of field paths; the others have a file each.

pub(super) mod dahua;
pub(super) mod gat1400;
pub(super) mod hikvision;
pub(super) mod milesight;
pub(super) mod vz;
pub(super) mod webhook;

mod clock;
mod form;
mod multipart;
mod plate;

pub(crate) use form::Form;
pub(crate) use multipart::Multipart;
pub(super) use plate::put as put_plate;
pub(crate) use vz::tcp::{block_photos as vz_block_photos, document as vz_document, reader as vz_json};
