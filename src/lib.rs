//! The whole pipeline as a library.
pub mod stage;
