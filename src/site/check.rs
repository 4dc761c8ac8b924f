//! What an entity names must be there, and must fit.

use core::ops::ControlFlow;

use parking_types::{Currency, Id, Instant, Zone};

use super::{Entity, Site, entity::*, money::Tariff};
use crate::tree::{Fault, Path, Wrong};

/// The paths of an entity's references are told from its own path.
pub(super) trait Check: Entity {
    /// Whether all that it names is there as of `at`, and fits.
    fn check(&self, site: &Site, at: Instant, path: Path<'_>) -> Result<(), Fault>;

    /// Whether it names this one.
    fn names(&self, _kind: Kind, _id: &Id) -> bool {
        false
    }
}

const OTHER_ZONE: Wrong = Wrong::Conflict("the tariff's time zone is not the lot's");

/// One check: the site, the instant, and where the entity stands.
struct Look<'s, 'p> {
    site: &'s Site,
    at: Instant,
    path: Path<'p>,
}

impl<'s> Look<'s, '_> {
    fn one<T: Entity>(&self, field: &str, id: &Id) -> Result<&'s T, Fault> {
        let found = self.site.at::<T>(id, self.at);
        found.ok_or_else(|| Path::Field(&self.path, field).fault(Wrong::Unknown(T::KIND.as_str())))
    }

    fn maybe<T: Entity>(&self, field: &str, id: Option<Id>) -> Result<(), Fault> {
        id.map_or(Ok(()), |id| self.one::<T>(field, &id).map(|_| ()))
    }

    fn all<T: Entity>(&self, field: &str, ids: &[Id]) -> Result<(), Fault> {
        let list = Path::Field(&self.path, field);
        let missing = ids.iter().position(|id| self.site.at::<T>(id, self.at).is_none());
        missing.map_or(Ok(()), |index| Err(Path::Item(&list, index).fault(Wrong::Unknown(T::KIND.as_str()))))
    }

    fn conflict(&self, field: &str, what: &'static str) -> Fault {
        Path::Field(&self.path, field).fault(Wrong::Conflict(what))
    }

    /// Tariffs of a lot, with their calendars.
    fn tariffs(&self, choices: &[TariffChoice], lot: &Lot) -> Result<(), Fault> {
        let list = Path::Field(&self.path, "tariffs");
        for (index, choice) in choices.iter().enumerate() {
            let path = Path::Item(&list, index);
            let Some(tariff) = self.site.at::<Tariff>(&choice.tariff, self.at) else {
                return Err(path.fault(Wrong::Unknown("tariffs")));
            };
            if !tariff.zones().all(|zone| zone == lot.zone.name()) {
                return Err(path.fault(OTHER_ZONE));
            }
            self.calendars(&choice.calendars, Path::Field(&path, "calendar"))?;
        }
        Ok(())
    }

    fn calendars(&self, ids: &[Id], path: Path<'_>) -> Result<(), Fault> {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            let calendar = self.site.at::<super::CalendarDocument>(id, self.at);
            found.push(calendar.ok_or_else(|| path.fault(Wrong::Unknown("calendars")))?);
        }
        match super::money::merge(&found) {
            Some(_) => Ok(()),
            None if ids.is_empty() => Ok(()),
            None => Err(path.fault(Wrong::Conflict("calendars with different weekends cannot be merged"))),
        }
    }
}

impl Check for Lot {
    fn check(&self, site: &Site, at: Instant, path: Path<'_>) -> Result<(), Fault> {
        let look = Look { site, at, path };
        look.maybe::<Area>("area", self.area)?;
        look.maybe::<Operator>("operator", self.operator)?;
        look.calendars(&self.calendars, Path::Field(&path, "calendar"))?;
        look.tariffs(&self.tariffs, self)
    }

    fn names(&self, kind: Kind, id: &Id) -> bool {
        match kind {
            Kind::Areas => self.area == Some(*id),
            Kind::Operators => self.operator == Some(*id),
            Kind::Calendars => self.calendars.contains(id) || name_calendar(&self.tariffs, id),
            Kind::Tariffs => self.tariffs.iter().any(|choice| choice.tariff == *id),
            _ => false,
        }
    }
}

impl Check for Berth {
    fn check(&self, site: &Site, at: Instant, path: Path<'_>) -> Result<(), Fault> {
        let look = Look { site, at, path };
        let lot = look.one::<Lot>("lot", &self.lot)?;
        look.all::<Device>("detectors", self.detectors.as_deref().unwrap_or_default())?;
        look.tariffs(&self.tariffs, lot)
    }

    fn names(&self, kind: Kind, id: &Id) -> bool {
        match kind {
            Kind::Calendars => name_calendar(&self.tariffs, id),
            Kind::Tariffs => self.tariffs.iter().any(|choice| choice.tariff == *id),
            _ => false,
        }
    }
}

impl Check for Lane {
    fn check(&self, site: &Site, at: Instant, path: Path<'_>) -> Result<(), Fault> {
        let look = Look { site, at, path };
        let lot = look.one::<Lot>("lot", &self.lot)?;
        if lot.kind != session_core::LotKind::Gated {
            return Err(look.conflict("lot", "a roadside lot has no lanes"));
        }
        match self.gate {
            GateChoice::Device(device) => look.one::<Device>("gate", &device).map(|_| ()),
            GateChoice::None => Ok(()),
            GateChoice::TheOnlyOne if site.gates_of(&self.id, at).count() > 1 => {
                Err(look.conflict("gate", "several devices of the lane obey: name one"))
            }
            GateChoice::TheOnlyOne => Ok(()),
        }
    }
}

impl Check for Device {
    fn check(&self, site: &Site, at: Instant, path: Path<'_>) -> Result<(), Fault> {
        let look = Look { site, at, path };
        look.maybe::<Supplier>("supplier", self.supplier)?;
        look.maybe::<Sim>("sim", self.sim)?;
        match &self.binding {
            Binding::Nothing => Ok(()),
            Binding::Berth(berth) => look.one::<Berth>("berth", berth).map(|_| ()),
            Binding::Berths(berths) => {
                let map = Path::Field(&path, "berths");
                let mut lots = berths.iter().map(|(number, berth)| match site.at::<Berth>(berth, at) {
                    Some(berth) => Ok(berth.lot),
                    None => Err(Path::Field(&map, &number.to_string()).fault(Wrong::Unknown("berths"))),
                });
                let first = lots.next().transpose()?;
                let same = lots.try_fold((), |(), lot| match lot {
                    Ok(lot) if Some(lot) == first => ControlFlow::Continue(()),
                    Ok(_) => ControlFlow::Break(map.fault(Wrong::Conflict("berths of several lots"))),
                    Err(fault) => ControlFlow::Break(fault),
                });
                same.break_value().map_or(Ok(()), Err)
            }
            Binding::Lane(lane) => {
                let lane = look.one::<Lane>("lane", lane)?;
                let alone = lane.gate != GateChoice::TheOnlyOne || site.gates_of(&lane.id, at).count() <= 1;
                if alone {
                    Ok(())
                } else {
                    Err(look.conflict("lane", "several devices of the lane obey: name one as its gate"))
                }
            }
            Binding::Lot(lot) => look.one::<Lot>("lot", lot).map(|_| ()),
            Binding::Area(area) => look.one::<Area>("area", area).map(|_| ()),
        }
    }

    fn names(&self, kind: Kind, id: &Id) -> bool {
        match kind {
            Kind::Areas => self.binding == Binding::Area(*id),
            Kind::Suppliers => self.supplier == Some(*id),
            Kind::Sims => self.sim == Some(*id),
            _ => false,
        }
    }
}

impl Check for ListEntry {
    fn check(&self, site: &Site, at: Instant, path: Path<'_>) -> Result<(), Fault> {
        let look = Look { site, at, path };
        look.all::<PlateSet>("plate_sets", &self.plate_sets)?;
        look.all::<Lot>("lots", &self.lots)?;
        look.all::<LotSet>("lot_sets", &self.lot_sets)
    }

    fn names(&self, kind: Kind, id: &Id) -> bool {
        match kind {
            Kind::LotSets => self.lot_sets.contains(id),
            Kind::PlateSets => self.plate_sets.contains(id),
            _ => false,
        }
    }
}

impl Check for PassEntry {
    fn check(&self, site: &Site, at: Instant, path: Path<'_>) -> Result<(), Fault> {
        let look = Look { site, at, path };
        look.all::<PlateSet>("plate_sets", &self.plate_sets)?;
        look.all::<Berth>("berths", &self.berths)?;
        look.all::<Lot>("lots", &self.lots)?;
        look.all::<LotSet>("lot_sets", &self.lot_sets)?;
        if self.spaces.is_some() && site.groups_of_pass(self, at) > 1 {
            return Err(look.conflict("spaces", "with spaces, all lots must be of one group"));
        }
        Ok(())
    }

    fn names(&self, kind: Kind, id: &Id) -> bool {
        match kind {
            Kind::LotSets => self.lot_sets.contains(id),
            Kind::PlateSets => self.plate_sets.contains(id),
            _ => false,
        }
    }
}

impl Check for LotSet {
    fn check(&self, site: &Site, at: Instant, path: Path<'_>) -> Result<(), Fault> {
        Look { site, at, path }.all::<Lot>("lots", &self.lots)
    }
}

impl Check for Area {
    fn check(&self, site: &Site, at: Instant, path: Path<'_>) -> Result<(), Fault> {
        let look = Look { site, at, path };
        look.maybe::<Self>("parent", self.parent)?;
        // A tree: whoever climbs from here never comes back here.
        let climb = |area: &Id| site.at::<Self>(area, at).and_then(|area| area.parent);
        let mut above = core::iter::successors(self.parent, climb).take(site.count::<Self>() + 1);
        match above.any(|area| area == self.id) {
            true => Err(look.conflict("parent", "an area that lies in itself")),
            false => Ok(()),
        }
    }

    fn names(&self, kind: Kind, id: &Id) -> bool {
        kind == Kind::Areas && self.parent == Some(*id)
    }
}

macro_rules! names_nothing {
    ($($type:ty),+) => { $(impl Check for $type {
        fn check(&self, _: &Site, _: Instant, _: Path<'_>) -> Result<(), Fault> {
            Ok(())
        }
    })+ };
}
names_nothing!(Operator, Supplier, Sim, PlateSet, Tariff, super::CalendarDocument);

fn name_calendar(choices: &[TariffChoice], id: &Id) -> bool {
    choices.iter().any(|choice| choice.calendars.contains(id))
}

/// What the lots of one group have in common.
#[derive(Default)]
pub(super) struct Group {
    zone: Option<Zone>,
    currency: Option<Currency>,
}

impl Group {
    /// Takes in a lot or berth; the field and what does not fit otherwise.
    pub(super) fn admit(
        &mut self,
        site: &Site,
        at: Instant,
        zone: &Zone,
        choices: &[TariffChoice],
    ) -> Result<(), (&'static str, Wrong)> {
        if self.zone.get_or_insert_with(|| zone.clone()) != zone {
            return Err(("time_zone", Wrong::Conflict("another time zone than the rest of the group")));
        }
        for tariff in choices.iter().filter_map(|choice| site.at::<Tariff>(&choice.tariff, at)) {
            if !tariff.zones().all(|name| name == zone.name()) {
                return Err(("tariffs", OTHER_ZONE));
            }
            if tariff.currencies().any(|currency| *self.currency.get_or_insert(currency) != currency) {
                return Err(("tariffs", Wrong::Conflict("another currency than the rest of the group")));
            }
        }
        Ok(())
    }

    /// Whether all lots and berths of a group fit together; what does not is told at `path`.
    pub(super) fn check(site: &Site, group: &Id, at: Instant, path: Path<'_>) -> Result<(), Fault> {
        let mut common = Self::default();
        for lot in site.index.lots_of_group(group).iter().filter_map(|lot| site.at::<Lot>(lot, at)) {
            common.admit(site, at, &lot.zone, &lot.tariffs).map_err(|(_, wrong)| path.fault(wrong))?;
        }
        for berth in site.index.priced_berths(group).iter().filter_map(|berth| site.at::<Berth>(berth, at)) {
            let Some(lot) = site.at::<Lot>(&berth.lot, at) else { continue };
            common.admit(site, at, &lot.zone, &berth.tariffs).map_err(|(_, wrong)| path.fault(wrong))?;
        }
        Ok(())
    }
}

impl Site {
    /// How many groups the lots of a pass belong to.
    fn groups_of_pass(&self, pass: &PassEntry, at: Instant) -> usize {
        let in_sets =
            pass.lot_sets.iter().filter_map(|set| self.at::<LotSet>(set, at)).flat_map(|set| &set.lots);
        let of_berths =
            pass.berths.iter().filter_map(|berth| self.at::<Berth>(berth, at)).map(|berth| &berth.lot);
        let lots = pass.lots.iter().chain(in_sets).chain(of_berths);
        let mut groups: Vec<Id> =
            lots.filter_map(|lot| self.at::<Lot>(lot, at)).map(|lot| lot.group).collect();
        groups.sort_unstable();
        groups.dedup();
        groups.len()
    }
}
