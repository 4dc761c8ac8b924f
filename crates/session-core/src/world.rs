//! What a step may ask: reference data as of an instant, and prices.
//!
//! The answers depend on the questions and on the reference data alone, so a step stays a pure function of what it
//! is given. A question is used instead of an effect and a later event because re-deriving a group asks many
//! prices in the middle of one step; as events they would cut every rule into halves.

use parking_types::{
    Amount, Currency, Date, Direction, Id, Instant, Plate, PlateColor, Span, VehicleClass, Zone,
};
use serde::{Deserialize, Serialize};

use crate::policy::Policy;

/// How a lot works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LotKind {
    /// Berths along a street, each with a detector.
    Roadside,
    /// Entries and exits with cameras and barriers.
    Gated,
}

/// A lot as of an instant.
#[derive(Clone, Copy, Debug)]
pub struct Lot<'a> {
    /// How it works.
    pub kind: LotKind,
    /// The lots that must see each other; the lot itself by default.
    pub group: Id,
    /// Its zone.
    pub zone: &'a Zone,
    /// How many cars fit.
    pub capacity: Option<u32>,
    /// Its policy.
    pub policy: &'a Policy,
    /// Its area.
    pub area: Option<Id>,
}

/// What obeys at a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// This device.
    Device(Id),
    /// Nothing obeys us there: the lane is in `hold`.
    None,
}

/// A lane as of an instant.
#[derive(Clone, Copy, Debug)]
pub struct Lane {
    /// Its lot.
    pub lot: Id,
    /// Which way it leads.
    pub direction: Direction,
    /// What obeys there.
    pub gate: Gate,
}

/// A berth as of an instant.
#[derive(Clone, Copy, Debug)]
pub struct Berth<'a> {
    /// Its lot.
    pub lot: Id,
    /// Its detectors, first rank first.
    pub detectors: &'a [Id],
    /// The ground lock that guards it (private and VIP berths).
    pub ground_lock: Option<Id>,
}

/// A display of free places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Display {
    /// The device.
    pub device: Id,
    /// The lots whose free places it shows, as one number. They are of one group: nobody knows more.
    pub lots: Vec<Id>,
}

/// The three kinds of list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// Parks for nothing.
    White,
    /// Is refused.
    Black,
    /// Owes us.
    Arrears,
}

/// An entry of a list that fits a plate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The entry's id.
    pub id: Id,
    /// The class it gives the vehicle.
    pub vehicle: Option<VehicleClass>,
}

/// A pass that fits a plate or berth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The pass.
    pub id: Id,
    /// It covers from here …
    pub from: Instant,
    /// … to here.
    pub to: Instant,
    /// How many of its cars are covered at a time; `None`: all.
    pub spaces: Option<u32>,
}

/// What a plate or a session looks like to lists and passes.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// The lot.
    pub lot: Id,
    /// The berth.
    pub berth: Option<Id>,
    /// The plate.
    pub plate: Option<Plate>,
    /// Its colour.
    pub color: Option<PlateColor>,
}

/// What a plate has used on one local day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Used {
    /// Stays.
    pub stays: u64,
    /// Free time.
    pub free: Span,
    /// What the rules charged.
    pub charged: Amount,
}

/// A stay to be priced.
#[derive(Clone, Debug)]
pub struct PriceRequest<'a> {
    /// The session, for the receipt's `id`.
    pub id: &'a str,
    /// The lot.
    pub lot: Id,
    /// The berth, which may have its own tariffs.
    pub berth: Option<Id>,
    /// From.
    pub entry: Instant,
    /// To.
    pub exit: Instant,
    /// Reference data as of here: the exit, or now while open.
    pub as_of: Instant,
    /// The class.
    pub vehicle: VehicleClass,
    /// The plate's colour, unless unknown.
    pub plate_color: Option<PlateColor>,
    /// Covered by passes, or between merged sessions.
    pub exempt: &'a [(Instant, Instant)],
    /// What the plate has used before.
    pub used: &'a [(Date, Used)],
    /// The adjustments, as the tariff contract writes them.
    pub adjust: Option<&'a str>,
    /// On a white list: everything off.
    pub white: bool,
    /// Payments up to the exit, by time.
    pub paid: &'a [(Instant, Amount)],
}

/// The price of a stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    /// What is charged.
    pub total: Amount,
    /// What was paid up to the exit.
    pub paid: Amount,
    /// What is due at the exit.
    pub due: Amount,
    /// In which currency.
    pub currency: Currency,
    /// What the plate has used by then, by day, this stay included.
    pub used: Vec<(Date, Used)>,
    /// The tariff looks at what the plate used before.
    pub uses_history: bool,
    /// The receipt (or its error) as a JSON object, without what the session machine adds.
    pub receipt: Box<str>,
}

/// A stay that has no price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpriced {
    /// The code of the error.
    pub code: &'static str,
    /// The receipt with its `error` as a JSON object.
    pub receipt: Box<str>,
}

/// From when until when reference data stand as they are: from the first instant to before the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Nothing has changed since.
    pub from: Instant,
    /// Nothing that is known of changes before.
    pub until: Instant,
}

impl Standing {
    /// Nothing ever changes.
    pub const ALWAYS: Self = Self { from: Instant::MIN, until: Instant::MAX };
}

/// Reference data and prices.
pub trait World {
    /// Counts the changes of reference data: as long as it is the same, so is every answer.
    fn edition(&self) -> u64;
    /// Between which instants, around this one, all answers but prices are the same as of any instant.
    fn standing(&self, at: Instant) -> Standing;
    /// The tenant.
    fn tenant(&self) -> Id;
    /// A lot as of an instant.
    fn lot(&self, lot: &Id, at: Instant) -> Option<Lot<'_>>;
    /// A lane as of an instant.
    fn lane(&self, lane: &Id, at: Instant) -> Option<Lane>;
    /// A berth as of an instant.
    fn berth(&self, berth: &Id, at: Instant) -> Option<Berth<'_>>;
    /// How often a device reports at least; `None`: it may be silent for ever.
    fn heartbeat(&self, device: &Id, at: Instant) -> Option<Span>;
    /// The devices that are bound somewhere in a lot.
    fn devices_of(&self, lot: &Id, at: Instant) -> Vec<Id>;
    /// The lot that a device is bound in.
    fn lot_of_device(&self, device: &Id, at: Instant) -> Option<Id>;
    /// Whether the device that obeys at a lane answers commands.
    fn answers(&self, device: &Id, at: Instant) -> bool;
    /// How many cars a lot has room for; `None`: nobody knows.
    fn places(&self, lot: &Id, at: Instant) -> Option<u32>;
    /// The displays that count the places of a lot.
    fn displays(&self, lot: &Id, at: Instant) -> Vec<Display>;
    /// The first entry of a list that fits and is valid at `valid_at`, as the reference data stood at `as_of`.
    fn listed(&self, kind: ListKind, subject: &Subject, valid_at: Instant, as_of: Instant) -> Option<Listed>;
    /// The active passes that fit, as the reference data stood at `as_of`.
    fn passes(&self, subject: &Subject, as_of: Instant) -> Vec<Pass>;
    /// Prices a stay.
    ///
    /// # Errors
    /// The error of the tariff contract, when there is no price.
    fn price(&self, request: &PriceRequest<'_>) -> Result<Priced, Unpriced>;
}
