//! One device's frames of the last while: copies told from new ones, numbers in order, what is missing.
//!
//! The frames of the window are kept in the order in which they were received (`received_at`, not arrival in the
//! log), and what each one is (copy, late, next, restart) is decided in that order. A frame that arrives out of it is
//! put in its place and the decisions are made again, so they never depend on arrival.

use parking_types::{Instant, Span};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    event::{FrameName, Number, ReadingKind},
    hash::Map,
    numbering::{Class, Last, Runs},
    statement::Statement,
};

/// Two times of one camera record further apart than this are two records.
pub(crate) const RECORD_SLACK: Span = Span::from_secs(2);

/// One reading of one frame, with what the device's order makes of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Names the event, whatever order it came in.
    pub(crate) key: u64,
    pub(crate) name: FrameName,
    pub(crate) received_at: Instant,
    pub(crate) number: Option<Number>,
    pub(crate) restart: bool,
    /// The device's own time, believed.
    pub(crate) own: Option<Instant>,
    /// The network's time, else `received_at`.
    pub(crate) arrival: Instant,
    pub(crate) suspect: bool,
    pub(crate) offline: bool,
    /// Hash of all readings of the frame.
    pub(crate) digest: u64,
    /// Which reading of how many of its frame.
    sub: u16,
    subs: u16,
    pub(crate) statement: Statement,

    // What follows is decided by the device's order.
    /// Which run, and its unwrapped number there.
    place: (u32, i64),
    /// When it takes effect.
    pub(crate) at: Instant,
    /// The edge it reports happened at `at`; else between `low` and `high`.
    pub(crate) exact: bool,
    pub(crate) low: Option<Instant>,
    pub(crate) high: Instant,
    /// How many frames before it never came: 0, 1 or 2 (two or more).
    pub(crate) missing: u8,
    /// Without numbers: when its last copy was received, for what repeats that is a copy too.
    pub(crate) until: Instant,
}

/// A frame to be put in.
pub(crate) struct Arrival {
    pub(crate) key: u64,
    pub(crate) name: FrameName,
    pub(crate) received_at: Instant,
    pub(crate) number: Option<Number>,
    pub(crate) restart: bool,
    pub(crate) own: SmallVec<[Option<Instant>; 2]>,
    pub(crate) arrival: Instant,
    pub(crate) suspect: bool,
    pub(crate) offline: bool,
    pub(crate) digest: u64,
    pub(crate) statements: SmallVec<[Statement; 1]>,
}

/// What putting a frame in has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It was seen before.
    Copy,
    /// It was seen before, but later: of copies the earliest counts, and what follows from it may have changed.
    EarlierCopy,
    /// It is the device's newest; this many entries were added at the end.
    Next(usize),
    /// It took a place among the others; everything after it may have changed.
    Amid,
    /// Somebody sends again what he recorded.
    Replay,
}

/// A camera record that was seen.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct RecordSeen {
    pub(crate) device_time: Option<Instant>,
    pub(crate) received_at: Instant,
    pub(crate) key: u64,
}

/// A device's state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Device {
    base: Runs,
    runs: Runs,
    /// By `received_at`.
    entries: Vec<Entry>,
    /// Indices of `entries` in the device's own order.
    order: Vec<u32>,
    /// Camera records by their id's hash.
    #[serde(with = "crate::saved::sorted")]
    pub(crate) records: Map<u64, RecordSeen>,
    /// How many of them were of the last while when the older ones were forgotten.
    records_kept: usize,
    /// The newest event time.
    pub(crate) heard_at: Option<Instant>,
    /// Frames in a row whose clock was more than a minute off.
    pub(crate) off_clock: u8,
    /// A timer watches its silence.
    pub(crate) watched: bool,
}

impl Entry {
    /// A frame of one reading, in order and with nothing special about it.
    #[expect(clippy::too_many_arguments, reason = "the fields of one frame")]
    pub(crate) fn plain(
        key: u64,
        name: FrameName,
        received_at: Instant,
        number: Option<Number>,
        own: Option<Instant>,
        arrival: Instant,
        digest: u64,
        statement: Statement,
    ) -> Self {
        let natural = own.unwrap_or(arrival);
        Self {
            key,
            name,
            received_at,
            number,
            restart: false,
            own,
            arrival,
            suspect: false,
            offline: false,
            digest,
            sub: 0,
            subs: 1,
            statement,
            place: (0, 0),
            at: natural,
            exact: true,
            low: None,
            high: natural,
            missing: 0,
            until: received_at,
        }
    }

    /// Whether it is the only reading of its frame and nothing is special about its time.
    pub(crate) fn is_plain(&self) -> bool {
        self.subs == 1 && self.exact && !self.suspect && !self.offline
    }

    /// Whether the device numbers its frames.
    pub(crate) fn is_numbered(&self) -> bool {
        self.number.is_some()
    }

    /// Whether another reading of the same frame stands before it.
    pub(crate) fn is_later_reading(&self) -> bool {
        self.sub > 0
    }
}

impl Device {
    /// Puts a frame in its place.
    pub(crate) fn insert(&mut self, arrival: Arrival) -> Inserted {
        let subs = arrival.statements.len().max(1) as u16;
        let mut own = arrival.own.iter();
        let added: SmallVec<[Entry; 1]> = (0..subs)
            .zip(arrival.statements)
            .map(|(sub, statement)| {
                let own = own.next().copied().flatten();
                let natural = own.unwrap_or(arrival.arrival);
                Entry {
                    key: arrival.key.wrapping_add(u64::from(sub)),
                    name: arrival.name,
                    received_at: arrival.received_at,
                    number: arrival.number,
                    restart: arrival.restart,
                    own,
                    arrival: arrival.arrival,
                    suspect: arrival.suspect,
                    offline: arrival.offline,
                    digest: arrival.digest,
                    sub,
                    subs,
                    statement,
                    place: (0, 0),
                    at: natural,
                    exact: true,
                    low: None,
                    high: natural,
                    missing: 0,
                    until: arrival.received_at,
                }
            })
            .collect();
        let Some(head) = added.first() else { return Inserted::Copy };
        let newest = self.entries.last().is_none_or(|last| last.received_at <= head.received_at);
        if newest {
            return self.append(added);
        }
        let (before, count, name) = (self.entries.len(), added.len(), head.name);
        let key = |e: &Entry| (e.received_at, e.digest, e.sub);
        let at = self.entries.partition_point(|e| key(e) <= key(head));
        self.entries.splice(at..at, added);
        let replays = self.rebuild();
        if replays.contains(&name) {
            return Inserted::Replay;
        }
        let all = self.entries.len() + replays.len() == before + count;
        if all { Inserted::Amid } else { Inserted::EarlierCopy }
    }

    /// Whether a frame that was received last is one that somebody sends again.
    pub(crate) fn is_replay(&self, number: Option<Number>, received_at: Instant) -> bool {
        let newest = self.entries.last().is_none_or(|last| last.received_at <= received_at);
        newest && self.runs.is_replay(number)
    }

    /// Takes a frame that is known to be the next one.
    pub(crate) fn follow(&mut self, mut entry: Entry) {
        let Class::Fresh(place) = self.runs.classify(&entry) else { return };
        entry.place = place;
        settle(&mut entry, &mut self.runs.last);
        self.order.push(self.entries.len() as u32);
        self.entries.push(entry);
    }

    /// Whether the device's order has come to this entry, and no higher number has been seen.
    pub(crate) fn is_at(&self, entry: &Entry) -> bool {
        self.runs.is_at(entry.place) && self.entries.last().is_some_and(|last| last.key == entry.key)
    }

    /// The quick path: the frame was received last.
    fn append(&mut self, mut added: SmallVec<[Entry; 1]>) -> Inserted {
        let Some(head) = added.first() else { return Inserted::Copy };
        let place = match self.runs.classify(head) {
            Class::Copy => return self.merge_copy(head.clone()),
            Class::Replay => return Inserted::Replay,
            Class::Fresh(place) => place,
        };
        let natural = head.at;
        let last = self.runs.last;
        let in_order = last.is_none_or(|last| place > last.place && natural >= last.at)
            && added.iter().all(|e| e.at >= natural || e.own.is_none());
        for entry in &mut added {
            entry.place = place;
        }
        let count = added.len();
        let start = self.entries.len();
        self.entries.extend(added);
        if !in_order {
            self.rebuild();
            return Inserted::Amid;
        }
        for index in start..start + count {
            self.order.push(index as u32);
        }
        let mut last = last;
        for entry in self.entries.iter_mut().skip(start) {
            settle(entry, &mut last);
        }
        self.runs.last = last;
        Inserted::Next(count)
    }

    /// Of copies the earliest time counts.
    fn merge_copy(&mut self, copy: Entry) -> Inserted {
        let twin = self.entries.iter_mut().rev().find(|e| e.digest == copy.digest && e.number == copy.number);
        let Some(twin) = twin else {
            let _ = self.base.repeat(&copy);
            return Inserted::Copy;
        };
        twin.until = twin.until.max(copy.until);
        if copy.arrival < twin.arrival {
            twin.arrival = copy.arrival;
            self.rebuild();
            return Inserted::EarlierCopy;
        }
        Inserted::Copy
    }

    /// Decides everything in the window again; gives the frames that are none of the device's any more.
    fn rebuild(&mut self) -> Vec<FrameName> {
        let mut replays = Vec::new();
        let mut runs = self.base.clone();
        let mut kept: Vec<Entry> = Vec::with_capacity(self.entries.len());
        let mut class = None;
        for mut entry in std::mem::take(&mut self.entries) {
            if entry.sub == 0 || class.is_none() {
                class = Some(runs.classify(&entry));
            }
            match class {
                Some(Class::Fresh(place)) => {
                    entry.place = place;
                    kept.push(entry);
                }
                Some(Class::Replay) => replays.push(entry.name),
                _ => {
                    let twin = kept
                        .iter_mut()
                        .rev()
                        .find(|e| e.digest == entry.digest && e.number == entry.number && e.sub == entry.sub);
                    match twin {
                        Some(twin) => {
                            twin.arrival = twin.arrival.min(entry.arrival);
                            twin.until = twin.until.max(entry.until);
                        }
                        None => {
                            let _ = self.base.repeat(&entry);
                        }
                    }
                }
            }
        }
        self.entries = kept;
        self.order = (0..self.entries.len() as u32).collect();
        let entries = &self.entries;
        self.order.sort_by_key(|i| entries.get(*i as usize).map(|e| (e.place, e.received_at, e.sub)));
        self.set_times();
        let mut last = self.base.last;
        for i in &self.order {
            if let Some(entry) = self.entries.get_mut(*i as usize) {
                settle(entry, &mut last);
            }
        }
        runs.last = last;
        self.runs = runs;
        replays
    }

    /// From the newest back: a frame takes effect at the latest when its successor does.
    fn set_times(&mut self) {
        let mut next: Option<(usize, Instant)> = None;
        for i in self.order.iter().rev() {
            let index = *i as usize;
            let Some(entry) = self.entries.get_mut(index) else { continue };
            let natural = entry.own.unwrap_or(entry.arrival);
            (entry.at, entry.exact, entry.low, entry.high) = (natural, true, None, natural);
            let mut contradicted = None;
            if let Some((successor, at)) = next
                && natural > at
            {
                entry.at = at;
                entry.exact = false;
                if entry.own.is_some() {
                    // Own times that contradict the numbers: both edges lie between the two.
                    (entry.low, entry.high) = (Some(at), natural);
                    contradicted = Some((successor, at, natural));
                } else {
                    entry.high = at;
                }
            }
            next = Some((index, entry.at));
            if let Some((successor, low, high)) = contradicted
                && let Some(successor) = self.entries.get_mut(successor)
                && successor.exact
            {
                (successor.exact, successor.low, successor.high) = (false, Some(low), high);
            }
        }
    }

    /// The frames that count, in the device's order.
    pub(crate) fn ordered(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.order.iter().filter_map(|i| self.entries.get(*i as usize))
    }

    /// The newest `count` entries.
    pub(crate) fn newest(&self, count: usize) -> &[Entry] {
        self.entries.get(self.entries.len().saturating_sub(count)..).unwrap_or_default()
    }

    /// The event of the newest frame with this content.
    pub(crate) fn key_of(&self, digest: u64) -> Option<u64> {
        self.entries.iter().rev().find(|e| e.digest == digest && e.sub == 0).map(|e| e.key)
    }

    /// How many entries are in memory.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// When the frame in the middle of those in memory took effect.
    pub(crate) fn median_at(&self) -> Option<Instant> {
        self.entries.get(self.entries.len() / 2).map(|entry| entry.at)
    }

    /// When the last frame in the device's order took effect.
    pub(crate) fn last_at(&self) -> Option<Instant> {
        self.runs.last.map(|last| last.at)
    }

    /// Forgets the leading entries that took effect before `horizon`; they are part of the base from now on.
    pub(crate) fn fold(&mut self, horizon: Instant) {
        let folded = self.entries.iter().take_while(|e| e.at < horizon).count();
        // In the device's order too they must be the first ones.
        let prefix = |n: usize| self.order.iter().take(n).all(|i| (*i as usize) < n);
        let Some(folded) = (0..=folded).rev().find(|n| prefix(*n)) else { return };
        if folded == 0 {
            return;
        }
        let mut last = self.base.last;
        let mut class_of = None;
        for entry in self.entries.drain(..folded) {
            if class_of != Some((entry.name, entry.digest)) {
                class_of = Some((entry.name, entry.digest));
                let _ = self.base.classify(&entry);
            }
            let newer = last.is_none_or(|last| (entry.place, entry.at) >= (last.place, last.at));
            if newer {
                let occupied = entry.statement.occupied.or(last.and_then(|l| l.occupied));
                let before = last.and_then(|l| if entry.sub > 0 { l.before } else { Some(l.at) });
                last = Some(Last { place: entry.place, at: entry.at, before, occupied });
            }
        }
        self.base.last = last;
        self.order.retain(|i| *i as usize >= folded);
        for i in &mut self.order {
            *i -= folded as u32;
        }
    }

    /// Looks for a copy among the camera records of the last while and keeps this one.
    pub(crate) fn record(&mut self, record: u64, seen: RecordSeen, horizon: Instant) -> Option<RecordSeen> {
        if let Some(first) = self.records.get(&record) {
            let same = match (first.device_time, seen.device_time) {
                (Some(a), Some(b)) => (a - b).abs() <= RECORD_SLACK,
                _ => true,
            };
            if same && first.received_at >= horizon {
                return Some(*first);
            }
        }
        self.records.insert(record, seen);
        if self.records.len() > self.records_kept.max(128) * 2 {
            self.records.retain(|_, seen| seen.received_at >= horizon);
            self.records_kept = self.records.len();
        }
        None
    }
}

/// Counts what is missing before an entry, and gives several edges of one frame their interval.
fn settle(entry: &mut Entry, last: &mut Option<Last>) {
    let change_repeats = |before: &Last| {
        entry.number.is_none()
            && entry.statement.kind == ReadingKind::Change
            && entry.statement.occupied.is_some()
            && before.occupied == entry.statement.occupied
    };
    entry.missing = match last {
        None => 0,
        Some(_) if entry.sub > 0 => 0,
        Some(before) if entry.number.is_none() => u8::from(change_repeats(before)),
        Some(before) if before.place.0 != entry.place.0 => 2,
        Some(before) => entry.place.1.saturating_sub(before.place.1).saturating_sub(1).clamp(0, 2) as u8,
    };
    if entry.subs > 1 && entry.own.is_none() && entry.exact && entry.statement.kind == ReadingKind::Change {
        entry.exact = false;
        entry.low = last.and_then(|l| if entry.sub > 0 { l.before } else { Some(l.at) });
    }
    let occupied = entry.statement.occupied.or(last.and_then(|l| l.occupied));
    let before = last.and_then(|l| if entry.sub > 0 { l.before } else { Some(l.at) });
    *last = Some(Last { place: entry.place, at: entry.at, before, occupied });
}
