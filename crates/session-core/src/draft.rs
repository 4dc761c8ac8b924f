//! A session as the frames alone tell it, before people and payments.

use parking_types::{Id, Instant, Plate, PlateColor, VehicleClass};
use serde::{Deserialize, Serialize};

use crate::{
    effect::{Certainty, Moment, Origin},
    event::FrameName,
    rare::{Absent, Rare},
    session::{Mark, Marks, SessionId},
    statement::PlateRead,
};

/// The state that the frames give a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DraftState {
    Open,
    Closed,
    /// Too short, or a reversal.
    Void,
    /// Without an entry, or closed by silence.
    Exception,
}

/// What is known of the plate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct PlateFacts {
    pub(crate) plate: Option<Plate>,
    pub(crate) color: Option<PlateColor>,
    pub(crate) confidence: u8,
    pub(crate) vehicle: Option<VehicleClass>,
    /// When the plate was last read.
    pub(crate) read_at: Option<Instant>,
}

impl Absent for PlateFacts {
    const ABSENT: &'static Self =
        &Self { plate: None, color: None, confidence: 0, vehicle: None, read_at: None };
}

/// Through which gates of its lot it came and went.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Passage {
    pub(crate) lane_in: Option<Id>,
    pub(crate) lane_out: Option<Id>,
    /// The plate that its exit's read gave.
    pub(crate) exit_plate: Option<Plate>,
    pub(crate) ticket: Option<Id>,
}

impl Absent for Passage {
    const ABSENT: &'static Self = &Self { lane_in: None, lane_out: None, exit_plate: None, ticket: None };
}

/// A session in the making.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Draft {
    pub(crate) id: SessionId,
    /// The event that first showed it.
    pub(crate) anchor: u64,
    pub(crate) lot: Id,
    pub(crate) berth: Option<Id>,
    pub(crate) passage: Rare<Passage>,
    pub(crate) state: DraftState,
    pub(crate) entry: Option<Moment>,
    pub(crate) exit: Option<Moment>,
    pub(crate) marks: Marks,
    pub(crate) plate: Rare<PlateFacts>,
    pub(crate) origin: Origin,
    /// When the car was last known to be there.
    pub(crate) last_contact: Instant,
    /// What was missing before its exit may have hidden another car.
    pub(crate) doubtful_exit: bool,
    /// The last vacancy that was too short to count: its exit, its entry, and the event of that entry.
    pub(crate) flicker: Option<Box<(Moment, Moment, u64)>>,
    /// Not published as closed before this.
    pub(crate) publish_from: Option<Instant>,
}

impl PlateFacts {
    /// Takes a reading in: the most confident plate stays, the later at a tie; what the kept one lacks is filled in.
    pub(crate) fn read(&mut self, read: &PlateRead, at: Instant) {
        let Some(plate) = read.plate else { return };
        self.read_at = Some(self.read_at.map_or(at, |before| before.max(at)));
        let color = Some(read.color).filter(|color| *color != PlateColor::Unknown);
        if self.plate.is_none() || read.confidence >= self.confidence {
            self.plate = Some(plate);
            self.confidence = read.confidence;
            self.color = color.or(self.color);
            self.vehicle = read.vehicle.or(self.vehicle);
        } else {
            self.color = self.color.or(color);
            self.vehicle = self.vehicle.or(read.vehicle);
        }
    }

    /// Takes in what is known of the same plate from elsewhere.
    pub(crate) fn take(&mut self, other: &Self) {
        let (best, rest) = if other.confidence >= self.confidence && other.plate.is_some() {
            (*other, *self)
        } else {
            (*self, *other)
        };
        *self = Self {
            color: best.color.or(rest.color),
            vehicle: best.vehicle.or(rest.vehicle),
            read_at: best.read_at.max(rest.read_at),
            ..best
        };
    }

    /// Whether a reading is of this plate, as far as readers can be trusted.
    pub(crate) fn is_same(&self, plate: &Plate) -> bool {
        self.plate.is_none_or(|known| known.resembles(plate))
    }
}

impl Draft {
    pub(crate) fn new(id: SessionId, anchor: u64, lot: Id, at: Instant) -> Self {
        Self {
            id,
            anchor,
            lot,
            berth: None,
            passage: Rare::default(),
            state: DraftState::Open,
            entry: None,
            exit: None,
            marks: Marks::default(),
            plate: Rare::default(),
            origin: Origin::Device,
            last_contact: at,
            doubtful_exit: false,
            flicker: None,
            publish_from: None,
        }
    }

    pub(crate) fn mark(&mut self, mark: Mark) {
        self.marks.insert(mark);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state == DraftState::Open
    }

    /// The interval that counts.
    fn span(&self) -> (Instant, Instant) {
        let from = self.entry.or(self.exit).map_or(Instant::MIN, |moment| moment.at);
        (from, if self.is_open() { Instant::MAX } else { self.exit.map_or(Instant::MAX, |exit| exit.at) })
    }

    /// The longest interval that it may have lasted.
    fn widest(&self) -> (Instant, Instant) {
        let from =
            self.entry.or(self.exit).map_or(Instant::MIN, |moment| moment.not_before.unwrap_or(moment.at));
        let to = self.exit.map_or(Instant::MAX, |exit| exit.not_after.unwrap_or(exit.at));
        (from, if self.is_open() { Instant::MAX } else { to })
    }

    /// When it can have begun at the earliest, as far as frames tell.
    pub(crate) fn since(&self) -> Instant {
        self.widest().0
    }

    /// Whether the two have time in common; `widely`: may have.
    pub(crate) fn overlaps(&self, other: &Self, widely: bool) -> bool {
        let (a, b) = if widely { (self.widest(), other.widest()) } else { (self.span(), other.span()) };
        a.0 <= b.1 && b.0 <= a.1
    }
}

/// An entry or exit that a frame reports.
pub(crate) fn exact(at: Instant, device: Id, frame: FrameName, received_at: Instant) -> Moment {
    Moment {
        at,
        certainty: Certainty::Exact,
        not_before: None,
        not_after: None,
        device: Some(device),
        frame,
        received_at,
    }
}

/// An entry in an interval: it counts from the interval's end.
pub(crate) fn inferred_entry(low: Option<Instant>, high: Instant, by: Moment) -> Moment {
    let low = low.map(|low| low.min(high));
    Moment { at: high, certainty: Certainty::Inferred, not_before: low, not_after: Some(high), ..by }
}

/// An exit in an interval: it counts to the interval's start.
pub(crate) fn inferred_exit(low: Instant, high: Instant, by: Moment) -> Moment {
    let high = high.max(low);
    Moment { at: low, certainty: Certainty::Inferred, not_before: Some(low), not_after: Some(high), ..by }
}
