//! The server around the pipeline: a durable log, workers that run a stage on it, listeners and an HTTP API.
//!
//! The binary is `parkline`; this library is what it is made of. Bytes come in at a listener, go through the
//! [`intake`] into the [`log`], and are acknowledged when they are durable. The [`worker`] of their partition runs
//! the stage on them and commits what it publishes together with its position; the [`desk`] hands commands and live
//! sessions to those who wait for them. `docs/server.md` describes it for those who run it, `docs/log.md` the files,
//! `docs/kafka.md` the log on Apache Kafka.

mod alerts;
pub mod api;
pub mod archive;
pub mod backup;
pub mod cli;
pub mod clock;
#[cfg(feature = "kafka")]
pub mod cluster;
pub mod config;
pub mod contact;
pub mod desk;
pub mod directory;
pub mod host;
pub mod images;
pub mod intake;
pub mod keeper;
pub mod left;
pub mod listener;
pub mod load;
pub mod log;
pub mod metrics;
pub mod objects;
mod owing;
pub mod partition;
pub mod questions;
pub mod quoter;
pub mod record;
pub mod relay;
pub mod reply;
mod saved;
pub mod secrets;
pub mod server;
pub mod sitefile;
mod sweep;
pub mod telemetry;
pub mod view;
pub mod worker;
