//! What comes out: facts, in the order in which they became true.

use parking_types::{Amount, Currency, Id, Instant, Plate, PlateColor, VehicleClass};
use serde::{Deserialize, Serialize};

use crate::{
    event::Actor,
    event::FrameName,
    session::{Mark, SessionId},
    words::{ActionKind, AlertKind},
};

/// Something that has become true and is to be published or done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// A session's new revision.
    Session(Box<SessionRecord>),
    /// A charge's new revision.
    Charge(Box<ChargeRecord>),
    /// A command, or a later state of one.
    Command(Box<CommandRecord>),
    /// An alert, or a later state of one.
    Alert(Box<AlertRecord>),
}

/// How an entry or exit is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Certainty {
    /// A frame reports it.
    Exact,
    /// It lies in an interval.
    Inferred,
    /// A person said so.
    Manual,
}

/// An entry or an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Moment {
    /// What counts.
    pub at: Instant,
    /// How it is known.
    pub certainty: Certainty,
    /// Not before this, where inferred and known.
    pub not_before: Option<Instant>,
    /// Not after this, where inferred.
    pub not_after: Option<Instant>,
    /// The device that reported it.
    pub device: Option<Id>,
    /// The frame that reported it.
    pub frame: FrameName,
    /// When that frame was received.
    pub received_at: Instant,
}

/// The state of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// The car is there.
    Open,
    /// The car has left.
    Closed,
    /// It never was, or was merged.
    Void,
    /// Something is missing that a person must supply.
    Exception,
}

/// A session, as published.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionRecord {
    /// The session.
    pub session: SessionId,
    /// Counts its changes.
    pub revision: u64,
    /// No frame can change it any more.
    pub settled: bool,
    /// The lot.
    pub lot: Id,
    /// The berth, on the roadside.
    pub berth: Option<Id>,
    /// The lane of the entry, in a gated lot.
    pub lane_in: Option<Id>,
    /// The lane of the exit, in a gated lot.
    pub lane_out: Option<Id>,
    /// The plate.
    pub plate: Option<Plate>,
    /// Its colour.
    pub plate_color: Option<PlateColor>,
    /// The vehicle's class.
    pub vehicle: Option<VehicleClass>,
    /// The ticket of an unplated one.
    pub ticket: Option<Id>,
    /// The state.
    pub state: SessionState,
    /// The entry.
    pub entry: Option<Moment>,
    /// The exit.
    pub exit: Option<Moment>,
    /// What is special.
    pub marks: Vec<Mark>,
    /// The session that stands for it now.
    pub superseded_by: Option<SessionId>,
    /// Who brought it about.
    pub origin: Origin,
    /// Pictures: kind, image, instant.
    pub evidence: Vec<(Box<str>, Box<str>, Instant)>,
    /// What people did to it.
    pub actions: Vec<ActionNote>,
    /// There were more evidences or actions than are listed.
    pub more: bool,
}

/// Who brought a session about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Origin {
    /// A device.
    Device,
    /// A person or partner.
    Person(Actor),
}

/// One action, as kept with its session.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ActionNote {
    /// What was done.
    pub action: ActionKind,
    /// The action's id.
    pub id: Id,
    /// When.
    pub at: Instant,
    /// By whom.
    pub by: Actor,
    /// By whom, by id.
    pub by_id: Id,
    /// Why.
    pub reason: Box<str>,
}

/// The state of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// Void.
    Void,
    /// Not priced yet.
    Exception,
    /// Still parked.
    Running,
    /// Costs nothing.
    Free,
    /// Something is outstanding.
    Unpaid,
    /// Paid.
    Complete,
}

/// A payment, as a charge shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PaymentRecord {
    /// The payment.
    pub payment: Id,
    /// Its part.
    pub part: Option<Box<str>>,
    /// When.
    pub at: Instant,
    /// How much.
    pub amount: Amount,
    /// How.
    pub method: Option<Box<str>>,
}

/// A charge, as published.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChargeRecord {
    /// The session.
    pub session: SessionId,
    /// The session's revision.
    pub revision: u64,
    /// The lot.
    pub lot: Id,
    /// The plate.
    pub plate: Option<Plate>,
    /// The order's state.
    pub order: Order,
    /// All payments of the session.
    pub payments: Vec<PaymentRecord>,
    /// What is still owed.
    pub outstanding: Amount,
    /// What was paid too much.
    pub overpaid: Amount,
    /// The currency, once it is known.
    pub currency: Option<Currency>,
    /// The actions that adjusted it.
    pub adjusted_by: Vec<Id>,
    /// The receipt or its error, a JSON object; `None` for a charge without one.
    pub receipt: Option<Box<str>>,
    /// The receipt is an error.
    pub unpriced: bool,
    /// The receipt's `used` is shown.
    pub show_used: bool,
    /// The total, where there is one.
    pub total: Option<Amount>,
}

/// What a device is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandAction {
    /// Open a gate once.
    Open,
    /// Close a gate.
    Close,
    /// Keep a gate open.
    Hold,
    /// Keep a gate shut.
    Lock,
    /// Back to normal.
    Normal,
    /// Show free places or a text.
    Show,
    /// Raise a ground lock.
    Raise,
    /// Lower a ground lock.
    Lower,
}

/// How far a command has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandState {
    /// Made.
    Requested,
    /// Given to the device's connection.
    Sent,
    /// The device took it.
    Accepted,
    /// Its relay switched.
    RelayFired,
    /// The arm moves.
    Moving,
    /// The arm is at its limit.
    AtLimit,
    /// The device refused.
    Refused,
    /// The device did not answer.
    TimedOut,
    /// Nobody could deliver it in time.
    Expired,
}

/// A command, as published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandRecord {
    /// The command's id, from the event that caused it.
    pub command: Id,
    /// The device that is told.
    pub device: Option<Id>,
    /// Where.
    pub lot: Id,
    /// At which lane.
    pub lane: Option<Id>,
    /// At which berth.
    pub berth: Option<Id>,
    /// What.
    pub action: CommandAction,
    /// What to show: free places.
    pub free_places: Option<u32>,
    /// For which session.
    pub session: Option<SessionId>,
    /// The frame or action that caused it.
    pub cause: FrameName,
    /// By whom.
    pub by: Option<(Actor, Id)>,
    /// The time of its event.
    pub at: Instant,
    /// It must not take effect later.
    pub not_after: Instant,
    /// How far it has come.
    pub state: CommandState,
}

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Severity {
    /// To know.
    Info,
    /// To look at.
    Warning,
    /// To act on.
    Critical,
}

/// An alert, as published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertRecord {
    /// The alert's id.
    pub alert: Id,
    /// Its kind, e.g. `offline`.
    pub kind: AlertKind,
    /// How urgent.
    pub severity: Severity,
    /// The lot.
    pub lot: Option<Id>,
    /// The berth.
    pub berth: Option<Id>,
    /// The lane.
    pub lane: Option<Id>,
    /// The device.
    pub device: Option<Id>,
    /// The session.
    pub session: Option<SessionId>,
    /// The plate.
    pub plate: Option<Plate>,
    /// Since when.
    pub opened_at: Instant,
    /// Last seen.
    pub last_at: Instant,
    /// How often.
    pub count: u64,
    /// Until when.
    pub closed_at: Option<Instant>,
    /// More, for people.
    pub detail: Option<Box<str>>,
}
