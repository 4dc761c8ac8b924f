//! What the tests of the session machine share: a small world, frames, streets and what came out last.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

pub mod actions;
pub mod fair;
pub mod frames;
pub mod garage;
pub mod last;
pub mod street;
pub mod town;

use parking_types::{Id, Instant, Span};

/// An identifier.
pub fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// Seconds after 2026-03-02T00:00:00+08:00, the start of every recording of the tests.
pub fn at(secs: i64) -> Instant {
    start() + Span::from_secs(secs)
}

/// The start of every recording of the tests.
pub fn start() -> Instant {
    "2026-03-02T00:00:00+08:00".parse().unwrap()
}

/// The inverse of [`at`], for messages that people read.
pub fn secs(at: Instant) -> i64 {
    (at - start()).as_secs()
}
