//! The server around the pipeline: a durable log, workers that run a stage on it, listeners and an HTTP API.
//!
//! The binary is `parkline`; this library is what it is made of.

pub mod clock;
pub mod desk;
pub mod intake;
pub mod log;
pub mod partition;
pub mod record;
mod saved;
pub mod view;
pub mod worker;
