//! Parkline as a library: frames of parking devices in; sessions, exact charges, gate commands and alerts out.
//!
//! A [`Site`](site::Site) says what there is: lots, berths, lanes, devices, tariffs. A [`Pipeline`](pipeline::Pipeline)
//! decodes each record, binds it to a berth or lane, steps the session machine and prices what has ended. It is a
//! [`Stage`](stage::Stage), so a server can run it on a log; a [`Replay`](replay::Replay) runs a recording in memory.
//!
//! Nothing here does I/O or reads a clock: the same records give the same bytes on any machine.
#![deny(clippy::float_arithmetic)]

mod action;
pub mod ask;
mod bind;
mod ends;
mod hash;
mod output;
pub mod pipeline;
mod record;
pub mod register;
pub mod replay;
mod saved;
pub mod site;
pub mod stage;
mod tree;

pub use record::{Reason, Refusal, What};
pub use tree::{Fault, Wrong};

/// The README's example is compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
