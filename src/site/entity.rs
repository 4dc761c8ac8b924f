//! What reference data is made of, one type a kind.

use std::sync::Arc;

use parking_types::{Direction, Id, Instant, Plate, PlateClass, Span, VehicleClass, Zone};
use session_core::{ListKind, LotKind, Policy};

use device_codec::Protocol;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)?) => {
        /// The kinds of reference data; the word is the name of the site's list.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Kind { $($(#[$doc])* $variant),+ }
        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The name of the site's list.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
            /// The kind with this name.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

kinds! {
    /// Areas, a tree (片区, 行政区划).
    Areas = "areas",
    /// Who runs lots and gets the money (运营商).
    Operators = "operators",
    /// Who made or sold devices.
    Suppliers = "suppliers",
    /// SIM cards of devices.
    Sims = "sims",
    /// Calendars of special days.
    Calendars = "calendars",
    /// Tariffs, each with all its versions.
    Tariffs = "tariffs",
    /// Car parks and street segments.
    Lots = "lots",
    /// Parking spaces.
    Berths = "berths",
    /// Entries and exits of gated lots.
    Lanes = "lanes",
    /// Cameras, detectors, gates, locks, displays, gateways.
    Devices = "devices",
    /// Lots that lists and passes name together.
    LotSets = "lot_sets",
    /// Plates that lists and passes name together.
    PlateSets = "plate_sets",
    /// White, black and arrears lists.
    Lists = "lists",
    /// Passes (包期).
    Passes = "passes",
}

/// What everything may have and no decision looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// For people.
    pub name: Option<Box<str>>,
    /// For other systems.
    pub labels: Vec<(Box<str>, Box<str>)>,
}

/// Where on Earth something is, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Location {
    /// Degrees north, as written.
    pub lat: Box<str>,
    /// Degrees east, as written.
    pub lon: Box<str>,
    /// `wgs84` or `gcj02`.
    pub datum: Datum,
}

/// Which coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datum {
    /// The world's.
    Wgs84,
    /// China's.
    Gcj02,
}

/// One of a lot's or berth's tariffs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TariffChoice {
    /// The tariff.
    pub tariff: Id,
    /// The calendars that go with it instead of the lot's, later ones winning; empty: the lot's.
    pub calendars: Arc<[Id]>,
}

/// A car park or a street segment.
#[derive(Clone, Debug)]
pub struct Lot {
    /// Its id.
    pub id: Id,
    /// How it works.
    pub kind: LotKind,
    /// Its zone.
    pub zone: Zone,
    /// The lots that must see each other.
    pub group: Id,
    /// How many cars fit.
    pub capacity: Option<u32>,
    /// Its tariffs, first choice first.
    pub tariffs: Vec<TariffChoice>,
    /// Its calendars, later ones winning.
    pub calendars: Arc<[Id]>,
    /// Its area.
    pub area: Option<Id>,
    /// Who gets the money.
    pub operator: Option<Id>,
    /// Its policy.
    pub policy: Policy,
    /// Its address.
    pub address: Option<Box<str>>,
    /// Where it is.
    pub location: Option<Location>,
    /// What its QR code holds.
    pub code: Option<Box<str>>,
    /// Name and labels.
    pub notes: Notes,
}

/// What a berth is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BerthType {
    /// Everybody.
    Common,
    /// Its owner.
    Private,
    /// Guests.
    Vip,
    /// For a while.
    Temporary,
    /// Cars that charge.
    Charging,
}

/// A parking space.
#[derive(Clone, Debug)]
pub struct Berth {
    /// Its id.
    pub id: Id,
    /// Its lot.
    pub lot: Id,
    /// What it is for.
    pub kind: BerthType,
    /// Its detectors by rank, where the site says so.
    pub detectors: Option<Vec<Id>>,
    /// Its tariffs instead of the lot's; empty: the lot's.
    pub tariffs: Vec<TariffChoice>,
    /// What its QR code holds.
    pub code: Option<Box<str>>,
    /// Where it is.
    pub location: Option<Location>,
    /// Name and labels.
    pub notes: Notes,
}

/// What obeys at a lane, as the site says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateChoice {
    /// The only device bound to the lane that can.
    TheOnlyOne,
    /// This device.
    Device(Id),
    /// Nothing.
    None,
}

/// An entry or exit of a gated lot.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Its id.
    pub id: Id,
    /// Its lot.
    pub lot: Id,
    /// Which way it leads.
    pub direction: Direction,
    /// What obeys there.
    pub gate: GateChoice,
    /// What its QR code holds.
    pub code: Option<Box<str>>,
    /// Name and labels.
    pub notes: Notes,
}

/// What a device is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Nothing yet.
    Nothing,
    /// One berth.
    Berth(Id),
    /// Several, by the reading's `berth_no`, in order of the number.
    Berths(Vec<(u32, Id)>),
    /// A lane.
    Lane(Id),
    /// A lot as a whole.
    Lot(Id),
    /// An area.
    Area(Id),
}

/// Camera, detector, gate controller, ground lock, display, gateway.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its id.
    pub id: Id,
    /// How it speaks.
    pub protocol: Protocol,
    /// Where it is.
    pub binding: Binding,
    /// How often it reports at least.
    pub heartbeat: Option<Span>,
    /// Its raw direction codes.
    pub direction: Vec<(Box<str>, Direction)>,
    /// Its own id.
    pub serial: Option<Box<str>>,
    /// Where to dial.
    pub address: Option<Box<str>>,
    /// Who may speak for it (CIDR).
    pub sources: Vec<Box<str>>,
    /// The name of a secret.
    pub key: Option<Box<str>>,
    /// Who made or sold it.
    pub supplier: Option<Id>,
    /// Its model.
    pub model: Option<Box<str>>,
    /// Its SIM card.
    pub sim: Option<Id>,
    /// Name and labels.
    pub notes: Notes,
}

/// An entry of a white, black or arrears list.
#[derive(Clone, Debug)]
pub struct ListEntry {
    /// Its id.
    pub id: Id,
    /// Which list.
    pub kind: ListKind,
    /// These plates …
    pub plates: Vec<Plate>,
    /// … those of these sets …
    pub plate_sets: Vec<Id>,
    /// … and those of these classes.
    pub classes: Vec<PlateClass>,
    /// In these lots …
    pub lots: Vec<Id>,
    /// … and those of these sets; both empty: everywhere.
    pub lot_sets: Vec<Id>,
    /// The class that it gives the vehicle.
    pub vehicle: Option<VehicleClass>,
    /// From when.
    pub from: Option<Instant>,
    /// Until when.
    pub to: Option<Instant>,
    /// Name and labels.
    pub notes: Notes,
}

/// Whether a pass counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassState {
    /// Not paid yet.
    Pending,
    /// It counts.
    Active,
    /// Taken back.
    Cancelled,
}

/// A pass (包期).
#[derive(Clone, Debug)]
pub struct PassEntry {
    /// Its id.
    pub id: Id,
    /// For these plates …
    pub plates: Vec<Plate>,
    /// … and those of these sets, …
    pub plate_sets: Vec<Id>,
    /// … or for these berths.
    pub berths: Vec<Id>,
    /// In these lots …
    pub lots: Vec<Id>,
    /// … and those of these sets.
    pub lot_sets: Vec<Id>,
    /// How many of its cars are covered at a time.
    pub spaces: Option<u32>,
    /// From here …
    pub from: Instant,
    /// … to here.
    pub to: Instant,
    /// Whether it counts.
    pub state: PassState,
    /// What was bought.
    pub product: Option<Box<str>>,
    /// Where: `online` or `offline`.
    pub online: Option<bool>,
    /// Name and labels.
    pub notes: Notes,
}

/// An area (片区, 行政区划).
#[derive(Clone, Debug)]
pub struct Area {
    /// Its id.
    pub id: Id,
    /// The area that it is part of.
    pub parent: Option<Id>,
    /// Name and labels.
    pub notes: Notes,
}

/// Who runs lots (运营商).
#[derive(Clone, Debug)]
pub struct Operator {
    /// Its id.
    pub id: Id,
    /// Name and labels.
    pub notes: Notes,
}

/// Who made or sold devices.
#[derive(Clone, Debug)]
pub struct Supplier {
    /// Its id.
    pub id: Id,
    /// Name and labels.
    pub notes: Notes,
}

/// A SIM card.
#[derive(Clone, Debug)]
pub struct Sim {
    /// Its ICCID.
    pub id: Id,
    /// The carrier.
    pub carrier: Option<Box<str>>,
    /// The plan.
    pub plan: Option<Box<str>>,
    /// How much data the plan holds, in MB.
    pub data_mb: Option<u64>,
    /// How much of it was used, as the carrier said last.
    pub used_mb: Option<u64>,
    /// When the carrier said so.
    pub used_at: Option<Instant>,
    /// Until when it works.
    pub valid_until: Option<Instant>,
    /// Name and labels.
    pub notes: Notes,
}

/// Lots that lists and passes name together.
#[derive(Clone, Debug)]
pub struct LotSet {
    /// Its id.
    pub id: Id,
    /// Its lots.
    pub lots: Vec<Id>,
    /// Name and labels.
    pub notes: Notes,
}

/// Plates that lists and passes name together.
#[derive(Clone, Debug)]
pub struct PlateSet {
    /// Its id.
    pub id: Id,
    /// Its plates, in order.
    pub plates: Vec<Plate>,
    /// Name and labels.
    pub notes: Notes,
}
