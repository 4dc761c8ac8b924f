//! What is due when.

use std::{collections::BTreeMap, sync::Arc};

use parking_types::{Id, Instant, Span};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ordered::Ordered, session::SessionId};

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
    /// The displays of a lot may be told again.
    Show(Id),
}

/// How long the timers are that are sorted at a time.
const SLOT: Span = Span::from_mins(1);

/// The room of so many passed slots is kept.
const SPARE: usize = 8;

/// The timers of a partition: those of the first slot in order, later ones by slot, unsorted until their slot is the
/// first. Most are armed far ahead, and many are armed again before anybody looks at them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    /// The first slot that had any, the last first.
    loaded: Vec<(Instant, Timer)>,
    /// Armed since for before the end of that slot.
    added: Ordered<(Instant, Timer)>,
    /// Where the slots begin that are not loaded yet.
    upto: Option<Instant>,
    /// Shared with copies until something is armed in them.
    slots: BTreeMap<Instant, Arc<Vec<(Instant, Timer)>>>,
    /// The room of slots that have passed.
    spare: Vec<Vec<(Instant, Timer)>>,
}

impl Timers {
    pub(crate) fn arm(&mut self, at: Instant, timer: Timer) {
        if self.upto.is_some_and(|upto| at < upto) {
            self.added.insert((at, timer));
        } else {
            let spare = &mut self.spare;
            let room = || Arc::new(spare.pop().unwrap_or_default());
            Arc::make_mut(self.slots.entry(at.floor(SLOT)).or_insert_with(room)).push((at, timer));
            self.load();
        }
    }

    /// The earliest.
    pub(crate) fn next(&self) -> Option<Instant> {
        let (loaded, added) = (self.loaded.last(), self.added.first());
        let first = [loaded, added].into_iter().flatten().map(|(at, _)| *at);
        first.min()
    }

    /// Takes the first that is due by `now`.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<(Instant, Timer)> {
        if self.next()? > now {
            return None;
        }
        let first = match (self.loaded.last(), self.added.first()) {
            (Some(loaded), Some(added)) => Some(*loaded.min(added)),
            (loaded, added) => loaded.or(added).copied(),
        }?;
        // The same timer may stand in both.
        if self.loaded.last() == Some(&first) {
            self.loaded.pop();
        }
        self.added.remove(&first);
        self.load();
        Some(first)
    }

    /// Where nothing is left of the first slot the next one is sorted.
    fn load(&mut self) {
        if !(self.loaded.is_empty() && self.added.is_empty()) {
            return;
        }
        let Some((begin, slot)) = self.slots.pop_first() else { return };
        let mut slot = Arc::unwrap_or_clone(slot);
        slot.sort_unstable_by(|a, b| b.cmp(a));
        slot.dedup();
        self.spare.push(core::mem::replace(&mut self.loaded, slot));
        self.spare.truncate(SPARE);
        self.upto = Some(begin + SLOT);
    }

    /// Takes all that publish a session, at the end of a recording.
    pub(crate) fn take_publish(&mut self) -> Vec<(Instant, Timer)> {
        let (publish, rest) = self.all().into_iter().partition(|(_, t)| matches!(t, Timer::Publish(_)));
        *self = Self::of(rest);
        publish
    }

    /// All of them in order.
    fn all(&self) -> Vec<(Instant, Timer)> {
        let later = self.slots.values().flat_map(|slot| slot.iter());
        let mut all: Vec<_> = self.loaded.iter().chain(self.added.iter()).chain(later).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn of(all: Vec<(Instant, Timer)>) -> Self {
        let mut timers = Self::default();
        all.into_iter().for_each(|(at, timer)| timers.arm(at, timer));
        timers
    }
}

impl Serialize for Timers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.all().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Timers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::of)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Beside a sorted set of all timers.
        #[test]
        fn in_order_and_each_once(steps in prop::collection::vec((0i64..400, 0usize..3, any::<bool>()), 1..120)) {
            let (mut timers, mut set, mut now) = (Timers::default(), BTreeSet::new(), Instant::EPOCH);
            for (secs, which, pops) in steps {
                let at = now + Span::from_secs(secs);
                if pops {
                    now = at;
                    loop {
                        let due = set.first().copied().filter(|(at, _)| *at <= now);
                        prop_assert_eq!(timers.pop(now), due);
                        if due.is_none() {
                            break;
                        }
                        set.pop_first();
                    }
                } else {
                    let id = Id::from_ascii(&[b'a' + which as u8]);
                    let timer = [Timer::ArmWait(id), Timer::Silence(id), Timer::Command(id)][which];
                    // Some lie before what has fired already.
                    let at = at - Span::from_secs(100);
                    timers.arm(at, timer);
                    set.insert((at, timer));
                }
                prop_assert_eq!(timers.next(), set.first().map(|(at, _)| *at));
                prop_assert_eq!(timers.all(), set.iter().copied().collect::<Vec<_>>());
            }
        }
    }
}
