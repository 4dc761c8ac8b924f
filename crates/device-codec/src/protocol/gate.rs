//! Gates, locks and screens: boards on serial lines, and locks behind a platform.

pub(super) mod barrier;
pub(super) mod ground_lock;
pub(super) mod led;
