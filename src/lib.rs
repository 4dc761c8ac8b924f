//! The whole pipeline as a library.
#![deny(clippy::float_arithmetic)]

mod output;
pub mod site;
pub mod stage;
mod tree;

pub use tree::{Fault, Wrong};
