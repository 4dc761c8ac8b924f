//! A second reading of the rules of sessions, for whole recordings at once: sort, then walk. It knows nothing of
//! arrival, of state kept between frames or of amendments, so that it can be checked by eye against the rules.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

pub mod garage;
pub mod number;
pub mod street;
