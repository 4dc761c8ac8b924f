//! A detector's frame, taken apart for the machine of a berth.

use parking_types::{Id, Instant, Span};

use crate::{
    device::Entry,
    draft::{exact, inferred_entry, inferred_exit},
    effect::Moment,
    event::{FrameName, PreviousState, ReadingKind},
};

/// A detector's frame, taken apart.
pub(super) struct Contact {
    pub(super) key: u64,
    pub(super) device: Id,
    pub(super) name: FrameName,
    pub(super) received_at: Instant,
    pub(super) at: Instant,
    pub(super) exact: bool,
    pub(super) low: Option<Instant>,
    pub(super) high: Instant,
    pub(super) occupied: Option<bool>,
    /// The frame is an edge if it differs from the state before.
    pub(super) change: bool,
    /// The protocol itself says that it is a change.
    pub(super) reports_change: bool,
    pub(super) missing: u8,
    pub(super) doubt: bool,
    pub(super) previous: Option<PreviousState>,
    pub(super) suspect: bool,
    pub(super) offline: bool,
    pub(super) numbered: bool,
    pub(super) same_frame: bool,
    pub(super) earlier: Option<Moment>,
}

impl Contact {
    pub(super) fn new(device: Id, entry: &Entry, doubt: bool, earlier: Option<(Id, &Entry)>) -> Self {
        let statement = &entry.statement;
        let change = match statement.kind {
            ReadingKind::Change => true,
            // A report that differs, with none missing, is an edge; else a contact.
            ReadingKind::State => entry.missing == 0,
            _ => false,
        };
        Self {
            key: entry.key,
            device,
            name: entry.name,
            received_at: entry.received_at,
            at: entry.at,
            exact: entry.exact,
            low: entry.low,
            high: entry.high,
            occupied: statement.occupied,
            change,
            reports_change: statement.kind == ReadingKind::Change,
            missing: entry.missing,
            doubt,
            previous: statement.previous,
            suspect: entry.suspect,
            offline: entry.offline,
            numbered: entry.is_numbered(),
            same_frame: entry.is_later_reading(),
            earlier: earlier.map(|(device, e)| exact(e.at, device, e.name, e.received_at)),
        }
    }

    pub(super) fn by(&self) -> Moment {
        exact(self.at, self.device, self.name, self.received_at)
    }

    /// The edge that a change report states, told by whichever detector was first.
    pub(super) fn edge(&self) -> Moment {
        self.earlier.unwrap_or_else(|| self.by())
    }

    /// The entry that a change report states.
    pub(super) fn entry(&self, last_contact: Option<Instant>) -> Moment {
        if self.exact { self.edge() } else { inferred_entry(self.low.or(last_contact), self.high, self.by()) }
    }

    /// The entry that a contact shows.
    pub(super) fn inferred_entry(&self, last_contact: Option<Instant>) -> Moment {
        inferred_entry(last_contact, self.high, self.by())
    }

    /// The exit that the frame states or shows.
    pub(super) fn exit(&self, last_contact: Option<Instant>) -> Moment {
        if self.change && self.exact {
            return self.edge();
        }
        let low = if self.change { self.low.or(last_contact) } else { last_contact };
        inferred_exit(low.unwrap_or(self.at), self.high, self.by())
    }

    /// An arrival that was lost before this vacancy.
    pub(super) fn lost_arrival(&self, last_contact: Option<Instant>) -> Moment {
        match self.previous_began() {
            Some((low, high)) => {
                let low = match (low, last_contact) {
                    (Some(a), Some(b)) => Some(a.max(b)),
                    (a, b) => a.or(b),
                };
                inferred_entry(low, high.min(self.at), self.by())
            }
            None => inferred_entry(last_contact, self.high, self.by()),
        }
    }

    /// When the state before this one began, as the detector tells: not before, not after.
    pub(super) fn previous_began(&self) -> Option<(Option<Instant>, Instant)> {
        let previous = self.previous.filter(|_| self.change)?;
        let high = self.at - Span::from_mins(i64::from(previous.minutes));
        let low = self.at - Span::from_mins(i64::from(previous.minutes) + i64::from(previous.error) + 1);
        Some(((!previous.overflow).then_some(low), high))
    }

    /// A vacancy without a number that is the first frame after a silence counts to the last contact before it.
    pub(super) fn after_silence(&self, silent_since: Option<Instant>) -> bool {
        silent_since.is_some() && !self.numbered
    }
}
