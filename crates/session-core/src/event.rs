//! What goes in: frames bound to places, and what people and payments do.

use parking_types::{
    Amount, Currency, Direction, Id, Instant, Plate, PlateColor, PlateReading, VehicleClass,
};
use serde::{Deserialize, Serialize};

/// The name of a frame: its position in the log and its place in a packed record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct FrameName {
    /// The partition.
    pub partition: u32,
    /// The record's offset in the partition.
    pub offset: u64,
    /// The frame's index in a packed record; `None` where a record holds one frame.
    pub index: Option<u32>,
}

/// The number that orders a device's frames, as the frame gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Number {
    /// A counter that wraps, from `first` to `last`.
    Cyclic {
        /// The number.
        value: u32,
        /// The smallest number in the cycle.
        first: u32,
        /// The largest; the one after it is `first`.
        last: u32,
        /// The run it belongs to, where the network tells (a hash of the LoRaWAN session).
        run: Option<u64>,
    },
    /// A counter that never wraps within one boot.
    Boot {
        /// The boot's number; later boots have greater ones.
        boot: u32,
        /// The number, from 1.
        seq: u32,
    },
}

/// A device's frame, decoded and bound.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// Its name in the log.
    pub name: FrameName,
    /// When the listener had it.
    pub received_at: Instant,
    /// The device that sent it.
    pub device: Id,
    /// Its number, where the protocol or the network gives one.
    pub number: Option<Number>,
    /// The device says that it has just started.
    pub restart: bool,
    /// When the network had it.
    pub network_at: Option<Instant>,
    /// It comes from the device's cache.
    pub offline: bool,
    /// What it states, in order.
    pub readings: &'a [Reading],
}

/// Where a reading was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// On a berth.
    Berth {
        /// The berth's lot.
        lot: Id,
        /// The berth.
        berth: Id,
    },
    /// At a lane.
    Lane {
        /// The lane's lot.
        lot: Id,
        /// The lane.
        lane: Id,
    },
    /// In a lot as a whole.
    Lot {
        /// The lot.
        lot: Id,
    },
}

impl Place {
    /// The lot it belongs to.
    pub const fn lot(&self) -> Id {
        match self {
            Self::Berth { lot, .. } | Self::Lane { lot, .. } | Self::Lot { lot } => *lot,
        }
    }
}

/// What kind of statement a reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadingKind {
    /// The berth's state has changed.
    Change,
    /// The berth's state; the protocol does not tell a change from a repeat.
    State,
    /// A sign of life that may repeat the berth's state: heartbeat, start-up, recalibration.
    Contact,
    /// A plate was read.
    Plate,
    /// Something about a gate.
    Gate,
    /// Nothing that sessions look at: faults, configuration, debug.
    Other,
}

/// Who opened a gate without being told by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OpenedBy {
    /// The camera, by its own list.
    Device,
    /// A server's command.
    Server,
}

/// How long the state before has lasted, as some detectors tell with a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousState {
    /// Whole minutes.
    pub minutes: u32,
    /// By how many minutes more it may have been.
    pub error: u32,
    /// At least that long.
    pub overflow: bool,
}

/// One reading of a frame, in the words of the session machine.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Where; `None` where the device is bound to nothing that the reading is about.
    pub place: Option<Place>,
    /// What kind of statement.
    pub kind: ReadingKind,
    /// The device's own time, resolved to an instant.
    pub device_time: Option<Instant>,
    /// Whether the berth is occupied.
    pub occupied: Option<bool>,
    /// How long the state before lasted.
    pub previous: Option<PreviousState>,
    /// The plate that was read.
    pub plate: Option<PlateReading>,
    /// The plate's colour.
    pub plate_color: Option<PlateColor>,
    /// How certain the reader is, 0–100.
    pub confidence: Option<u8>,
    /// The class that the protocol states.
    pub vehicle: Option<VehicleClass>,
    /// Which way, where the device tells; else the lane's.
    pub direction: Option<Direction>,
    /// The ticket that the driver showed.
    pub ticket: Option<Id>,
    /// The vendor's id of the record, hashed; cameras have these instead of numbers.
    pub record: Option<u64>,
    /// The gate was opened by someone else.
    pub opened_by: Option<OpenedBy>,
    /// A hash of what was stated (kind, occupied, plate, device time), to tell copies.
    pub digest: u64,
    /// The device's battery, in percent.
    pub battery_pct: Option<u8>,
    /// The device says that its battery is low.
    pub battery_low: Option<bool>,
    /// The signal's strength in dBm.
    pub rssi_dbm: Option<i16>,
    /// The device reports a fault.
    pub fault: bool,
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Actor {
    /// An operator's user.
    User,
    /// A patrol officer.
    Patrol,
    /// A car's owner.
    Owner,
    /// A partner's system.
    Partner,
    /// A program of ours.
    System,
}

/// What an action is aimed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A session, by its id.
    Session(SessionIdText),
    /// The session of a berth.
    Berth(Id),
    /// The session of a plate in a lot.
    LotPlate(Id, Plate),
    /// The session of a ticket in a lot.
    LotTicket(Id, Id),
    /// The session that waits at a lane.
    Lane(Id),
    /// A lot.
    Lot(Id),
    /// Nothing.
    None,
}

/// A session's id as somebody wrote it; it may name nothing.
pub type SessionIdText = Id;

/// A person's, partner's or payment's action (`manual`).
#[derive(Clone, Debug)]
pub struct Action {
    /// The frame that brought it.
    pub name: FrameName,
    /// When the listener had it.
    pub received_at: Instant,
    /// The idempotency key.
    pub id: Id,
    /// A hash of the whole content, to tell a copy from a conflict.
    pub digest: u64,
    /// When it happened.
    pub at: Instant,
    /// Who.
    pub by: Actor,
    /// Who, by id.
    pub by_id: Id,
    /// Why.
    pub reason: Box<str>,
    /// At what.
    pub target: Target,
    /// What.
    pub verb: Verb,
}

/// What an action does.
#[derive(Clone, Debug)]
pub enum Verb {
    /// Opens a session, or supplies the entry of one that has none.
    Entry {
        /// The plate.
        plate: Option<Plate>,
        /// Its colour.
        plate_color: Option<PlateColor>,
        /// The class.
        vehicle: Option<VehicleClass>,
        /// The ticket.
        ticket: Option<Id>,
        /// The exit, where the berth has a later session.
        exit: Option<Instant>,
        /// The lane, where a session's missing entry is supplied.
        lane: Option<Id>,
    },
    /// Closes the session.
    Exit,
    /// Supplements or corrects plate and class.
    Plate {
        /// The plate.
        plate: Option<Plate>,
        /// Its colour.
        plate_color: Option<PlateColor>,
        /// The class.
        vehicle: Option<VehicleClass>,
    },
    /// Corrects when.
    Times {
        /// The true entry.
        entry: Option<Instant>,
        /// The true exit.
        exit: Option<Instant>,
    },
    /// Corrects where.
    Berth {
        /// The true berth.
        berth: Id,
    },
    /// Joins sessions into the target, the gaps exempt.
    Merge {
        /// The others.
        sessions: Vec<SessionIdText>,
    },
    /// Makes the order void.
    Void,
    /// Takes a void back.
    Restore,
    /// Replaces the session's adjustments.
    Adjust {
        /// The list, as the tariff contract writes it (JSON text).
        adjust: Box<str>,
    },
    /// Money came.
    Payment(PaymentFacts),
    /// Money went back.
    PaymentReversed {
        /// The payment.
        payment: Id,
        /// Its part.
        part: Option<Box<str>>,
    },
    /// Pictures that are kept with the session.
    Evidence {
        /// Image hash and kind (`entry`, `exit`, `scene`).
        images: Vec<(Box<str>, Box<str>)>,
    },
    /// Moves a gate or sets its lane's mode.
    Gate {
        /// What.
        command: GateCommand,
    },
    /// Moves a ground lock.
    GroundLock {
        /// Up, else down.
        raise: bool,
    },
    /// Corrects the number of cars inside.
    Count {
        /// The number of open sessions that capacity is compared with.
        open: u32,
    },
}

/// A person's command to a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GateCommand {
    /// Open once.
    Open,
    /// Close.
    Close,
    /// The arm stays up.
    Hold,
    /// The arm stays down.
    Lock,
    /// Back to normal.
    Normal,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentFacts {
    /// The payment's id.
    pub payment: Id,
    /// Which part of it, where it covers several sessions.
    pub part: Option<Box<str>>,
    /// How much.
    pub amount: Amount,
    /// In which currency.
    pub currency: Currency,
    /// The instant of the price that it answers.
    pub quoted_at: Option<Instant>,
    /// How it was paid.
    pub method: Option<Box<str>>,
}
