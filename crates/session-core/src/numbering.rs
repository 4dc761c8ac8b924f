//! Numbers: which run of a device a frame belongs to, what is a copy, what is old and what ahead.

use std::collections::VecDeque;

use parking_types::{Instant, Span};
use serde::{Deserialize, Serialize};

use crate::{device::Entry, event::Number};

/// How far behind the highest number a number is old rather than ahead.
const OLD: i64 = 64;
/// Without numbers the same report within this is a copy.
pub(crate) const SAME_REPORT: Span = Span::from_secs(90);

/// What is remembered of a number that was seen.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    place: (u32, i64),
    digest: u64,
    received_at: Instant,
    restart: bool,
}

/// The device's runs of numbers up to some frame.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Runs {
    started: bool,
    run: u32,
    highest: i64,
    highest_own: Option<Instant>,
    /// The last numbers seen, oldest first.
    seen: VecDeque<Seen>,
    /// The runs that the network names.
    keys: Vec<(u64, u32)>,
    /// The numbers of the last boots that have not come.
    boots: Vec<Boot>,
    /// The last frame in the device's order: where it stands, when it took effect, what it said.
    pub(crate) last: Option<Last>,
}

/// One boot of a device whose numbers never wrap.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Boot {
    boot: u32,
    highest: u32,
    /// Numbers below the highest that have not come, as ranges with both ends.
    missing: Vec<(u32, u32)>,
    /// Up to here nothing is known any more of what has come.
    forgotten: u32,
}

/// How many ranges of missing numbers are kept for a boot, and how many boots: the current one and the one before.
const RANGES: usize = 64;
const BOOTS: usize = 2;

/// What a number of a boot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// It has not come before.
    New,
    /// It has.
    Copy,
    /// It lies so far back that it is not known whether it has: somebody sends again what he recorded.
    Replay,
}

impl Boot {
    fn new(boot: u32) -> Self {
        Self { boot, highest: 0, missing: Vec::new(), forgotten: 0 }
    }

    fn range_of(&self, seq: u32) -> Option<usize> {
        self.missing.iter().position(|(from, to)| (*from..=*to).contains(&seq))
    }

    fn look(&self, seq: u32) -> Known {
        if seq > self.highest || self.range_of(seq).is_some() {
            return Known::New;
        }
        if seq <= self.forgotten { Known::Replay } else { Known::Copy }
    }

    /// A number that is new has come.
    fn take(&mut self, seq: u32) {
        if seq > self.highest {
            if seq - self.highest > 1 {
                self.missing.push((self.highest + 1, seq - 1));
            }
            self.highest = seq;
        } else if let Some(at) = self.range_of(seq) {
            let (from, to) = self.missing.remove(at);
            if seq < to {
                self.missing.insert(at, (seq + 1, to));
            }
            if from < seq {
                self.missing.insert(at, (from, seq - 1));
            }
        }
        if self.missing.len() > RANGES {
            let (_, to) = self.missing.remove(0);
            self.forgotten = to;
        }
    }
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Last {
    pub(crate) place: (u32, i64),
    pub(crate) at: Instant,
    /// When the frame before that one took effect.
    pub(crate) before: Option<Instant>,
    pub(crate) occupied: Option<bool>,
}

/// What a frame turned out to be.
pub(crate) enum Class {
    Copy,
    /// Somebody sends again what he recorded.
    Replay,
    Fresh((u32, i64)),
}

impl Runs {
    fn remember(&mut self, seen: Seen) {
        self.seen.push_back(seen);
        if self.seen.len() > OLD as usize + 1 {
            self.seen.pop_front();
        }
    }

    fn find(&self, place: (u32, i64)) -> Option<&Seen> {
        self.seen.iter().rev().find(|seen| seen.place == place)
    }

    /// Whether this is the last and highest place.
    pub(crate) fn is_at(&self, place: (u32, i64)) -> bool {
        self.last.is_some_and(|last| last.place == place) && (self.run, self.highest) == place
    }

    /// Says what a frame is, and remembers it.
    pub(crate) fn classify(&mut self, entry: &Entry) -> Class {
        let natural = entry.own.unwrap_or(entry.arrival);
        let seen = |place| Seen {
            place,
            digest: entry.digest,
            received_at: if entry.number.is_none() { entry.until } else { entry.received_at },
            restart: entry.restart,
        };
        let place = match entry.number {
            None => {
                // A detector that repeats itself every minute repeats one report: the last of them counts.
                if self.repeat(entry) {
                    return Class::Copy;
                }
                (0, natural.as_nanos())
            }
            Some(Number::Boot { boot, seq }) => {
                match self.look_at(boot, seq) {
                    Known::New => self.take_boot(boot, seq),
                    Known::Copy => return Class::Copy,
                    Known::Replay => return Class::Replay,
                }
                (boot, i64::from(seq))
            }
            Some(Number::Cyclic { value, first, last, run }) => {
                match self.cyclic(entry, value, first, last, run) {
                    Some(place) => place,
                    None => return Class::Copy,
                }
            }
        };
        self.started = true;
        if place.0 >= self.run && (place.0 > self.run || place.1 >= self.highest || self.seen.is_empty()) {
            (self.run, self.highest) = place;
            self.highest_own = entry.own;
        }
        self.remember(seen(place));
        Class::Fresh(place)
    }

    /// Whether a report without a number repeats the last of its kind; then it counts as that one's last copy.
    pub(crate) fn repeat(&mut self, entry: &Entry) -> bool {
        let Some(last) = self.seen.iter_mut().rev().find(|s| s.digest == entry.digest) else { return false };
        // Where its copies follow each other that closely, so does whatever comes between the first and the last.
        let first = last.received_at.min(Instant::from_nanos(last.place.1));
        let (low, high) = (first - SAME_REPORT, last.received_at + SAME_REPORT);
        let repeats = entry.number.is_none() && (low..=high).contains(&entry.received_at);
        if repeats {
            last.received_at = last.received_at.max(entry.until);
        }
        repeats
    }

    /// Whether a number is one of a boot that is over for long, or lies below all that is known of its boot.
    pub(crate) fn is_replay(&self, number: Option<Number>) -> bool {
        let Some(Number::Boot { boot, seq }) = number else { return false };
        self.look_at(boot, seq) == Known::Replay
    }

    fn look_at(&self, boot: u32, seq: u32) -> Known {
        if let Some(known) = self.boots.iter().find(|known| known.boot == boot) {
            return known.look(seq);
        }
        // The boots are in order; as long as one only is known, the one before it has not been seen.
        let oldest = self.boots.first().filter(|_| self.boots.len() >= BOOTS);
        if oldest.is_some_and(|oldest| boot < oldest.boot) { Known::Replay } else { Known::New }
    }

    fn take_boot(&mut self, boot: u32, seq: u32) {
        let at = self.boots.partition_point(|known| known.boot < boot);
        if self.boots.get(at).is_none_or(|known| known.boot != boot) {
            self.boots.insert(at, Boot::new(boot));
        }
        if let Some(known) = self.boots.get_mut(at) {
            known.take(seq);
        }
        if self.boots.len() > BOOTS {
            self.boots.remove(0);
        }
    }

    /// Where a number that wraps stands; `None` for a copy.
    fn cyclic(
        &mut self,
        entry: &Entry,
        value: u32,
        first: u32,
        last: u32,
        key: Option<u64>,
    ) -> Option<(u32, i64)> {
        let cycle = (i64::from(last) - i64::from(first) + 1).max(1);
        let value = i64::from(value);
        let mut run = self.run;
        let mut restart = entry.restart;
        if let Some(key) = key {
            match self.keys.iter().find(|(known, _)| *known == key) {
                Some((_, known)) => run = *known,
                None => {
                    restart |= self.started;
                    let next = if self.started { self.run.saturating_add(1) } else { self.run };
                    self.keys.push((key, next));
                    if self.keys.len() > 8 {
                        self.keys.remove(0);
                    }
                    run = next;
                }
            }
        }
        if !self.started {
            return Some((run, value));
        }
        if entry.restart {
            let twin = |s: &&Seen| {
                s.restart
                    && s.digest == entry.digest
                    // What the first frame of another join said is no copy.
                    && (key.is_none() || s.place.0 == run)
                    && (entry.received_at - s.received_at).abs() <= SAME_REPORT
            };
            if self.seen.iter().find(twin).is_some() {
                return None;
            }
        }
        if restart {
            let next = if run > self.run { run } else { self.run.saturating_add(1) };
            // A device that starts anew in the same join goes on in it.
            if let Some((_, known)) = self.keys.iter_mut().find(|(known, _)| Some(*known) == key) {
                *known = next;
            }
            return Some((next, value));
        }
        if run < self.run {
            // A frame of an earlier run that the network names.
            let highest =
                self.seen.iter().filter(|s| s.place.0 == run).map(|s| s.place.1).max().unwrap_or(value);
            let place = (run, highest.saturating_sub(highest.saturating_sub(value).rem_euclid(cycle)));
            return self.find(place).is_none().then_some(place);
        }
        let back = self.highest.saturating_sub(value).rem_euclid(cycle);
        let ahead = if back == 0 { cycle } else { cycle - back };
        let old = match (entry.own, self.highest_own) {
            (Some(own), Some(highest)) if own != highest => own < highest,
            _ => back <= OLD,
        };
        // A network may repeat a frame from before a restart after it: nothing else leaps to the same number and report.
        let repeated = || {
            self.seen.iter().any(|s| {
                s.place.0 < run
                    && s.place.1.saturating_sub(value).rem_euclid(cycle) == 0
                    && s.digest == entry.digest
                    && (entry.received_at - s.received_at).abs() <= SAME_REPORT
                    // What was said in another join is no copy.
                    && !self.keys.iter().any(|(_, known)| *known == s.place.0)
            })
        };
        if !old {
            let place = (run, self.highest.saturating_add(ahead));
            return (ahead == 1 || !repeated()).then_some(place);
        }
        let place = (run, self.highest.saturating_sub(back));
        match self.find(place) {
            None if repeated() => None,
            None => Some(place),
            Some(seen) if seen.digest == entry.digest => None,
            // An old number with another reading: the device has started again.
            Some(_) => Some((self.run.saturating_add(1), value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(runs: &mut Runs, boot: u32, seq: u32) -> Known {
        let known = runs.look_at(boot, seq);
        if known == Known::New {
            runs.take_boot(boot, seq);
        }
        known
    }

    #[test]
    fn of_the_current_and_the_previous_boot_it_is_known_what_has_come() {
        let mut runs = Runs::default();
        for (boot, seq, wanted) in [
            (7, 1, Known::New),
            (7, 1, Known::Copy),
            (7, 5, Known::New),
            (7, 3, Known::New),
            (7, 3, Known::Copy),
            (8, 1, Known::New),
            (7, 2, Known::New),
            (7, 2, Known::Copy),
            (7, 9, Known::New),
            (6, 1, Known::Replay),
            (9, 4, Known::New),
            (7, 4, Known::Replay),
            (7, 100, Known::Replay),
            (8, 1, Known::Copy),
            (8, 2, Known::New),
            (9, 3, Known::New),
        ] {
            assert_eq!(known(&mut runs, boot, seq), wanted, "{boot} {seq}");
        }
    }

    #[test]
    fn the_boot_before_the_first_that_was_seen_is_taken_once() {
        let mut runs = Runs::default();
        assert_eq!(known(&mut runs, 7, 1), Known::New);
        assert_eq!(known(&mut runs, 6, 90), Known::New, "what waited while the server was not there yet");
        assert_eq!(known(&mut runs, 5, 1), Known::Replay);
    }

    #[test]
    fn sixty_four_gaps_are_known_and_what_lies_below_them_is_not() {
        let mut runs = Runs::default();
        // Each second number is lost: 1, 3, 5 …
        for seq in (2..=140).step_by(2) {
            assert_eq!(known(&mut runs, 1, seq), Known::New);
        }
        assert_eq!(runs.boots[0].missing.len(), RANGES);
        let lost = 140 / 2 - RANGES as u32;
        let forgotten = 2 * lost - 1;
        assert_eq!(known(&mut runs, 1, forgotten), Known::Replay, "lost, or recorded: nobody knows");
        assert_eq!(known(&mut runs, 1, forgotten - 1), Known::Replay);
        assert_eq!(known(&mut runs, 1, forgotten + 1), Known::Copy);
        assert_eq!(known(&mut runs, 1, forgotten + 2), Known::New);
        // A wide gap that is hit in its middle is two.
        assert_eq!(known(&mut runs, 1, 200), Known::New);
        assert_eq!(known(&mut runs, 1, 170), Known::New);
        assert_eq!(runs.boots[0].missing.len(), RANGES);
        assert_eq!(known(&mut runs, 1, 150), Known::New);
        assert_eq!((runs.boots[0].missing.len(), runs.boots[0].forgotten), (RANGES, forgotten + 6));
    }
}
