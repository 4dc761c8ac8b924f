//! What comes out, as JSON in the order of the contract (`docs/records.md`).

mod json;

pub(crate) use json::string;
