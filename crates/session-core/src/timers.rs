//! What is due when.

use std::collections::BTreeSet;

use parking_types::{Id, Instant};
use serde::{Deserialize, Serialize};

use crate::session::SessionId;

/// What a timer is for; the order is that of timers due at the same instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Timer {
    /// A session closed by an exact vacancy is published.
    Publish(SessionId),
    /// An exit has waited long enough.
    ArmWait(Id),
    /// A device may have fallen silent.
    Silence(Id),
    /// A berth's ground lock goes up.
    GroundLock(Id),
    /// A berth's detectors may have disagreed for long.
    Disagree(Id),
    /// A session has been open for long.
    Zombie(SessionId),
    /// No frame can change a session any more.
    Settle(SessionId),
    /// A command has run out.
    Command(Id),
}

/// The timers of a partition.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Timers(BTreeSet<(Instant, Timer)>);

impl Timers {
    pub(crate) fn arm(&mut self, at: Instant, timer: Timer) {
        self.0.insert((at, timer));
    }

    /// The earliest.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes the first that is due by `now`.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<(Instant, Timer)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop_first()
    }

    /// Takes all that publish a session, at the end of a recording.
    pub(crate) fn take_publish(&mut self) -> Vec<(Instant, Timer)> {
        let (publish, rest) =
            core::mem::take(&mut self.0).into_iter().partition(|(_, t)| matches!(t, Timer::Publish(_)));
        self.0 = rest;
        let publish: BTreeSet<_> = publish;
        publish.into_iter().collect()
    }
}
