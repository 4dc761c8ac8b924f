//! Frames as a network brings them, and how they are given to the machine.

use std::hash::{DefaultHasher, Hash, Hasher};

use parking_types::{Direction, Id, Instant, Plate, PlateReading};
use session_core::{
    Core, Effect, Frame, FrameName, Number, Place, PreviousState, Reading, ReadingKind, Verdict, World,
};

/// A frame and what the network made of it.
#[derive(Clone, Debug)]
pub struct Sent {
    pub device: Id,
    pub received_at: Instant,
    pub number: Option<Number>,
    pub restart: bool,
    pub network_at: Option<Instant>,
    pub offline: bool,
    pub readings: Vec<Reading>,
}

impl Sent {
    /// A frame with one reading.
    pub fn new(device: Id, received_at: Instant, number: Option<Number>, reading: Reading) -> Self {
        Self {
            device,
            received_at,
            number,
            restart: false,
            network_at: None,
            offline: false,
            readings: vec![reading],
        }
    }

    pub fn received(mut self, at: Instant) -> Self {
        self.received_at = at;
        self
    }

    pub fn restarted(mut self) -> Self {
        self.restart = true;
        self
    }

    /// As the machine takes it, as the `offset`-th record.
    pub fn frame(&self, offset: u64) -> Frame<'_> {
        Frame {
            name: FrameName { partition: 0, offset, index: None },
            received_at: self.received_at,
            device: self.device,
            number: self.number,
            restart: self.restart,
            network_at: self.network_at,
            offline: self.offline,
            readings: &self.readings,
        }
    }

    pub fn uploaded(mut self) -> Self {
        self.offline = true;
        self
    }
}

/// A reading that states nothing yet.
pub fn blank(place: Place, kind: ReadingKind) -> Reading {
    Reading {
        place: Some(place),
        kind,
        device_time: None,
        occupied: None,
        previous: None,
        plate: None,
        plate_color: None,
        confidence: None,
        vehicle: None,
        direction: None,
        ticket: None,
        record: None,
        opened_by: None,
        digest: 0,
        battery_pct: None,
        battery_low: None,
        rssi_dbm: None,
        fault: false,
    }
}

/// The digest that a codec would make: kind, occupied, plate, device time.
pub fn sealed(mut reading: Reading) -> Reading {
    let mut hasher = DefaultHasher::new();
    let kind = match reading.kind {
        ReadingKind::Change => 0u8,
        ReadingKind::State => 1,
        ReadingKind::Contact => 2,
        ReadingKind::Plate => 3,
        ReadingKind::Gate => 4,
        ReadingKind::Other => 5,
    };
    let plate = match reading.plate {
        None => String::new(),
        Some(PlateReading::Unplated) => "-".into(),
        Some(PlateReading::Plate(plate)) => plate.as_str().into(),
    };
    (kind, reading.occupied, plate, reading.device_time).hash(&mut hasher);
    reading.digest = hasher.finish();
    reading
}

/// A detector's statement about a berth of the street `L`.
pub fn occupancy(berth: Id, kind: ReadingKind, occupied: bool, device_time: Option<Instant>) -> Reading {
    let place = Place::Berth { lot: super::id("L"), berth };
    sealed(Reading { occupied: Some(occupied), device_time, ..blank(place, kind) })
}

/// The same, with how long the state before has lasted.
pub fn with_previous(reading: Reading, previous: PreviousState) -> Reading {
    sealed(Reading { previous: Some(previous), ..reading })
}

/// A camera's read of a plate on a berth of the street `L`.
pub fn on_berth(berth: Id, plate: &str, confidence: u8, device_time: Instant) -> Reading {
    let place = Place::Berth { lot: super::id("L"), berth };
    plate_read(place, plate, confidence, device_time)
}

/// A camera's read at a lane of the garage `G`.
pub fn at_lane(lane: Id, plate: &str, confidence: u8, device_time: Instant) -> Reading {
    plate_read(Place::Lane { lot: super::id("G"), lane }, plate, confidence, device_time)
}

fn plate_read(place: Place, plate: &str, confidence: u8, device_time: Instant) -> Reading {
    let plate = if plate.is_empty() {
        PlateReading::Unplated
    } else {
        PlateReading::Plate(Plate::parse(plate).unwrap())
    };
    let reading = sealed(Reading {
        plate: Some(plate),
        confidence: Some(confidence),
        device_time: Some(device_time),
        ..blank(place, ReadingKind::Plate)
    });
    Reading { record: Some(reading.digest), ..reading }
}

/// The same read, against or along the lane.
pub fn going(reading: Reading, direction: Direction) -> Reading {
    Reading { direction: Some(direction), ..reading }
}

/// Gives a frame to the machine as the `offset`-th record.
pub fn give<W: World>(core: &mut Core, world: &W, offset: u64, sent: &Sent) -> (Verdict, Vec<Effect>) {
    let verdict = core.apply_frame(&sent.frame(offset), world);
    (verdict, core.take_effects().collect())
}
