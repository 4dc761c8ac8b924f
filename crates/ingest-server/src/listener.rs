//! Where devices' connections end.

pub mod tcp;
