//! Parking sessions from events: a pure, order-proof step and its effects.
mod effect;
mod event;
mod policy;
mod session;
mod world;

pub use effect::*;
pub use event::*;
pub use policy::*;
pub use session::{Mark, Marks, SessionId};
pub use world::*;
