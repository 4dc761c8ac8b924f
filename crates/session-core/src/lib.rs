//! Parking sessions from events: a pure, order-proof step and its effects.
#![deny(clippy::float_arithmetic)]

mod alerts;
mod asked;
mod berths;
mod book;
mod calm;
mod commands;
mod core;
mod detectors;
mod device;
mod draft;
mod effect;
mod event;
mod frame;
mod gated;
mod hash;
mod ids;
mod judge;
mod ledger;
mod lots;
mod numbering;
mod outage;
mod payments;
mod people;
mod policy;
mod publish;
mod reconcile;
mod roadside;
mod saved;
mod session;
mod silence;
mod statement;
mod timers;
mod words;
mod world;

pub use crate::core::{Core, DeadCode, Verdict};
pub use asked::{BerthNow, Owed, Paid, Whose};
pub use effect::*;
pub use event::*;
pub use hash::stable_hash;
pub use policy::*;
pub use saved::STATE_VERSION;
pub use session::{Mark, Marks, SessionId};
pub use words::{ActionKind, AlertKind};
pub use world::*;
