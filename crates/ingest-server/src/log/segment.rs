//! An append-only log in segment files, written by one thread with one sync for everything that waits.

mod disk;
mod files;
mod group;
mod layout;
mod read;
mod scan;
mod shared;
mod store;

pub use disk::{Fault, Torn};
pub(crate) use disk::{make_folder, sync_folder, write_parts, write_whole};
pub(crate) use files::{SegmentFile, segments};
pub(crate) use group::{OnFailure, SegmentLog};
pub(crate) use layout::MAX_RECORD;
pub(crate) use shared::lock;
pub use store::TornTail;
