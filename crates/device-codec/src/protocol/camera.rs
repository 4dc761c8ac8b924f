//! Cameras that read plates.
//!
//! The Vzenith family ([`vz`]) shares one table of fields and differs in its transport and in the numbers of its
//! types; the webhooks share one table of field paths; the others have a file each.

pub(super) mod vz;

mod form;
mod multipart;
mod plate;
