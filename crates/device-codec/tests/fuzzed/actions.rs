//! The one list of all actions, for tests of what each protocol can encode.
#![allow(unreachable_pub, reason = "tests that are programs of their own take it in")]

use device_codec::command::Action;
use parking_types::{Local, Plate};

/// Every action, with these texts, plate, clock and number of places.
pub fn every_action<'a>(
    lines: &'a [&'a str],
    say: &'a str,
    plate: &'a Plate,
    local: Local,
    places: u32,
) -> [Action<'a>; 15] {
    [
        Action::Open,
        Action::Close,
        Action::Hold,
        Action::Lock,
        Action::Normal,
        Action::Raise,
        Action::Lower,
        Action::Show { lines, say: Some(say) },
        Action::Say(say),
        Action::FreePlaces(places),
        Action::SetClock { local },
        Action::ListAdd { plate, from: local, to: local },
        Action::ListRemove { plate },
        Action::Capture,
        Action::Query,
    ]
}
