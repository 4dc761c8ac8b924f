//! What the machine does not do yet, by name, in `tests/pending.txt`; the list may only shrink.

use std::panic::{AssertUnwindSafe, catch_unwind};

fn listed(name: &str) -> bool {
    include_str!("../pending.txt").lines().any(|line| line == name)
}

/// Runs a test that may be pending; one that is pending and passes must leave the list.
pub fn regression(name: &str, test: impl FnOnce()) {
    if !listed(name) {
        return test();
    }
    let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
    assert!(!passed, "{name} passes now: take it off tests/pending.txt");
}

/// Runs a property that may be pending; a pending one may find nothing in one run and something in the next.
pub fn property(name: &str, test: impl FnOnce()) {
    if !listed(&format!("property {name}")) {
        return test();
    }
    if catch_unwind(AssertUnwindSafe(test)).is_err() {
        eprintln!("{name} is pending and still fails");
    }
}
