//! Reference data: lots, berths, lanes, devices, tariffs, calendars, lists, sets, passes, each in versions.
//!
//! A [`Site`] is read from one or more JSON documents (`docs/site.md`) and changed by reference records.
//! [`Site::at`] is the only way to read it: kind, id and the instant as of which.

mod change;
mod check;
mod ends;
mod entity;
mod error;
mod index;
mod load;
mod money;
mod policy;
mod price;
mod read;
mod shelf;
#[cfg(test)]
mod tests;
mod view;
mod world;

use std::collections::BTreeSet;

use parking_types::{Id, Instant};

pub use change::{Change, Reference};
pub(crate) use ends::Ending;
pub use entity::{
    Area, Berth, BerthType, Binding, Datum, Device, GateChoice, Kind, Lane, ListEntry, Location, Lot, LotSet,
    Notes, Operator, PassEntry, PassState, PlateSet, Sim, Supplier, TariffChoice,
};
pub use error::{ReferenceError, SiteError};
pub use money::{CalendarDocument, Tariff};
pub use shelf::Shelf;

use index::Index;

/// A tenant's reference data, all versions of it.
///
/// ```
/// use parkline::site::{Lot, Site};
/// use parking_types::{Id, Instant};
/// let site = Site::parse(&[("site.json", br#"{ "format": 1,
///     "lots": [ { "id": "L1", "kind": "roadside", "time_zone": "Asia/Shanghai" } ] }"#)])?;
/// let lot = site.at::<Lot>(&Id::new("L1")?, Instant::EPOCH).unwrap();
/// assert_eq!(lot.zone.name(), "Asia/Shanghai");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Site {
    tenant: Id,
    shelves: Shelves,
    index: Index,
    /// How many changes were made.
    edition: u64,
    /// The instants since which one of them holds.
    changed_at: BTreeSet<Instant>,
}

mod sealed {
    use super::*;

    /// One shelf a kind.
    #[derive(Clone, Default)]
    pub struct Shelves {
        pub(in crate::site) areas: Shelf<Area>,
        pub(in crate::site) operators: Shelf<Operator>,
        pub(in crate::site) suppliers: Shelf<Supplier>,
        pub(in crate::site) sims: Shelf<Sim>,
        pub(in crate::site) calendars: Shelf<CalendarDocument>,
        pub(in crate::site) tariffs: Shelf<Tariff>,
        pub(in crate::site) lots: Shelf<Lot>,
        pub(in crate::site) berths: Shelf<Berth>,
        pub(in crate::site) lanes: Shelf<Lane>,
        pub(in crate::site) devices: Shelf<Device>,
        pub(in crate::site) lot_sets: Shelf<LotSet>,
        pub(in crate::site) plate_sets: Shelf<PlateSet>,
        pub(in crate::site) lists: Shelf<ListEntry>,
        pub(in crate::site) passes: Shelf<PassEntry>,
    }

    /// Keeps [`Entity`](super::Entity) to the kinds of this module.
    pub trait Sealed: Sized {
        fn shelf(shelves: &Shelves) -> &Shelf<Self>;
        fn shelf_mut(shelves: &mut Shelves) -> &mut Shelf<Self>;
    }
}
use sealed::{Sealed, Shelves};

/// A kind of reference data, as a type.
pub trait Entity: Sealed {
    /// The kind.
    const KIND: Kind;
    /// Its id.
    fn id(&self) -> Id;
}

macro_rules! entities {
    ($($type:ty, $kind:ident, $shelf:ident;)+) => { $(
        impl Sealed for $type {
            fn shelf(shelves: &Shelves) -> &Shelf<Self> {
                &shelves.$shelf
            }
            fn shelf_mut(shelves: &mut Shelves) -> &mut Shelf<Self> {
                &mut shelves.$shelf
            }
        }
        impl Entity for $type {
            const KIND: Kind = Kind::$kind;
            fn id(&self) -> Id {
                self.id
            }
        }
    )+ };
}

entities! {
    Area, Areas, areas;
    Operator, Operators, operators;
    Supplier, Suppliers, suppliers;
    Sim, Sims, sims;
    CalendarDocument, Calendars, calendars;
    Tariff, Tariffs, tariffs;
    Lot, Lots, lots;
    Berth, Berths, berths;
    Lane, Lanes, lanes;
    Device, Devices, devices;
    LotSet, LotSets, lot_sets;
    PlateSet, PlateSets, plate_sets;
    ListEntry, Lists, lists;
    PassEntry, Passes, passes;
}

impl Site {
    /// The tenant.
    pub const fn tenant(&self) -> Id {
        self.tenant
    }

    /// An entity as it stood at an instant; `None` where there was none of that id.
    pub fn at<T: Entity>(&self, id: &Id, instant: Instant) -> Option<&T> {
        T::shelf(&self.shelves).at(id, instant)
    }

    /// An entity as it stood at an instant, or as it was when it went: a late frame may be from before.
    pub(crate) fn known<T: Entity>(&self, id: &Id, instant: Instant) -> Option<&T> {
        T::shelf(&self.shelves).last(id, instant)
    }

    /// All ids of one kind that ever were, in order.
    pub fn ids<T: Entity>(&self) -> Vec<Id> {
        T::shelf(&self.shelves).keys()
    }

    /// How many entities of one kind there ever were.
    pub fn count<T: Entity>(&self) -> usize {
        T::shelf(&self.shelves).len()
    }
}

impl core::fmt::Debug for Site {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Site({}, {} lots)", self.tenant, self.count::<Lot>())
    }
}
