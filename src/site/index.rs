//! What the site says the other way round: who is on a berth, which lists name a plate.

use std::sync::Arc;

use parking_types::{Id, Instant, Plate, Span};
use session_core::{Gate, ListKind};
use tariff_engine::Calendar;

use crate::hash::IdMap;

use super::{CalendarDocument, Site, entity::*, money, shelf::Shelf};

/// A berth as the session machine sees it.
#[derive(Debug)]
pub(super) struct BerthView {
    pub(super) lot: Id,
    pub(super) detectors: Vec<Id>,
    pub(super) ground_lock: Option<Id>,
}

/// A lane as the session machine sees it.
#[derive(Debug)]
pub(super) struct LaneView {
    pub(super) lane: session_core::Lane,
}

/// Lists or passes by what they name. A hit says that some version names it: whoever asks looks at the version.
#[derive(Clone, Default)]
pub(super) struct Named {
    by_plate: IdMap<Vec<Id>, Plate>,
    by_berth: IdMap<Vec<Id>>,
    by_set: IdMap<Vec<Id>>,
    by_class: Vec<Id>,
}

/// Everything that is derived. Members only ever grow: what is no longer so is told by the versions.
#[derive(Clone, Default)]
pub(super) struct Index {
    groups: IdMap<Vec<Id>>,
    priced_berths: IdMap<Vec<Id>>,
    on_berth: IdMap<Vec<Id>>,
    on_lane: IdMap<Vec<Id>>,
    in_lot: IdMap<Vec<Id>>,
    in_area: IdMap<Vec<Id>>,
    berths_in_lot: IdMap<Vec<Id>>,
    pub(super) berths: Shelf<BerthView>,
    pub(super) lanes: Shelf<LaneView>,
    pub(super) calendars: Shelf<Calendar, Arc<[Id]>>,
    white: Named,
    black: Named,
    arrears: Named,
    passes: Named,
    longest_late_window: Span,
}

fn add(list: &mut Vec<Id>, id: Id) {
    if let Err(at) = list.binary_search(&id) {
        list.insert(at, id);
    }
}

fn members<'i, K: Eq + core::hash::Hash>(map: &'i IdMap<Vec<Id>, K>, key: &K) -> &'i [Id] {
    map.get(key).map_or(&[], Vec::as_slice)
}

impl Index {
    pub(super) fn new(site: &Site) -> Self {
        let mut index =
            Self { longest_late_window: session_core::Policy::default().late_window, ..Self::default() };
        site.ids::<Lot>().iter().for_each(|id| index.lot(site, id));
        site.ids::<Berth>().iter().for_each(|id| index.priced_berth(site, id));
        site.ids::<Device>().iter().for_each(|id| drop(index.device(site, id)));
        site.ids::<Berth>().iter().for_each(|id| index.view_berth(site, id));
        site.ids::<Lane>().iter().for_each(|id| index.view_lane(site, id));
        site.ids::<ListEntry>().iter().for_each(|id| index.list(site, id));
        site.ids::<PassEntry>().iter().for_each(|id| index.pass(site, id));
        index
    }

    /// Takes in what changed.
    pub(super) fn refresh(&mut self, site: &Site, kind: Kind, id: &Id) {
        match kind {
            Kind::Lots => self.lot(site, id),
            Kind::Berths => {
                self.priced_berth(site, id);
                members(&self.on_berth, id)
                    .to_vec()
                    .iter()
                    .for_each(|device| drop(self.device(site, device)));
                self.view_berth(site, id);
            }
            Kind::Lanes => {
                members(&self.on_lane, id).to_vec().iter().for_each(|device| drop(self.device(site, device)));
                self.view_lane(site, id);
            }
            Kind::Devices => {
                let places = self.device(site, id);
                places.berths.iter().for_each(|berth| self.view_berth(site, berth));
                places.lanes.iter().for_each(|lane| self.view_lane(site, lane));
                // A gate is named by its lane, wherever it is bound itself.
                for lane in site.ids::<Lane>() {
                    if site
                        .shelves
                        .lanes
                        .versions(&lane)
                        .any(|(_, lane)| lane.gate == GateChoice::Device(*id))
                    {
                        self.view_lane(site, &lane);
                    }
                }
            }
            Kind::Calendars => {
                let touched: Vec<Arc<[Id]>> = self.calendars_with(id).collect();
                touched.iter().for_each(|ids| self.merge(site, ids));
            }
            Kind::Lists => self.list(site, id),
            Kind::Passes => self.pass(site, id),
            Kind::PlateSets => self.plate_set(site, id),
            Kind::Areas | Kind::Operators | Kind::Suppliers | Kind::Sims | Kind::Tariffs | Kind::LotSets => {}
        }
    }

    /// How far back a reference record may reach: as far as the latest frame of any lot.
    pub(super) const fn longest_late_window(&self) -> Span {
        self.longest_late_window
    }
    pub(super) fn groups(&self) -> impl Iterator<Item = &Id> {
        self.groups.keys()
    }
    pub(super) fn calendars_with(&self, id: &Id) -> impl Iterator<Item = Arc<[Id]>> {
        self.calendars.keys().into_iter().filter(move |ids| ids.contains(id))
    }
    pub(super) fn lots_of_group(&self, group: &Id) -> &[Id] {
        members(&self.groups, group)
    }
    pub(super) fn priced_berths(&self, group: &Id) -> &[Id] {
        members(&self.priced_berths, group)
    }
    pub(super) fn devices_on_lane(&self, lane: &Id) -> &[Id] {
        members(&self.on_lane, lane)
    }
    pub(super) fn devices_in_lot(&self, lot: &Id) -> &[Id] {
        members(&self.in_lot, lot)
    }
    pub(super) fn devices_in_area(&self, area: &Id) -> &[Id] {
        members(&self.in_area, area)
    }
    pub(super) fn berths_in_lot(&self, lot: &Id) -> &[Id] {
        members(&self.berths_in_lot, lot)
    }
    pub(super) const fn lists(&self, kind: ListKind) -> &Named {
        match kind {
            ListKind::White => &self.white,
            ListKind::Black => &self.black,
            ListKind::Arrears => &self.arrears,
        }
    }
    pub(super) const fn passes(&self) -> &Named {
        &self.passes
    }

    fn lot(&mut self, site: &Site, id: &Id) {
        let mut calendars = Vec::new();
        for (_, lot) in site.shelves.lots.versions(id) {
            self.longest_late_window = self.longest_late_window.max(lot.policy.late_window);
            add(self.groups.entry(lot.group).or_default(), *id);
            calendars.push(&lot.calendars);
            calendars.extend(lot.tariffs.iter().map(|choice| &choice.calendars));
        }
        calendars.into_iter().for_each(|ids| self.merge(site, ids));
    }

    fn priced_berth(&mut self, site: &Site, id: &Id) {
        let mut calendars = Vec::new();
        for (since, berth) in site.shelves.berths.versions(id).filter(|(_, berth)| !berth.tariffs.is_empty())
        {
            if let Some(lot) = site.at::<Lot>(&berth.lot, since) {
                add(self.priced_berths.entry(lot.group).or_default(), *id);
            }
            calendars.extend(berth.tariffs.iter().map(|choice| &choice.calendars));
        }
        calendars.into_iter().for_each(|ids| self.merge(site, ids));
    }

    fn merge(&mut self, site: &Site, ids: &Arc<[Id]>) {
        if ids.is_empty() {
            return;
        }
        let mut changes: Vec<Instant> =
            ids.iter().flat_map(|id| site.shelves.calendars.changes(id)).collect();
        changes.sort_unstable();
        changes.dedup();
        self.calendars.clear(ids);
        for at in changes {
            let found: Option<Vec<&CalendarDocument>> = ids.iter().map(|id| site.at(id, at)).collect();
            let merged = found.and_then(|found| money::merge(&found));
            self.calendars.put(ids.clone(), at, merged.map(Arc::new));
        }
    }
}

/// Where a device ever was.
#[derive(Default)]
struct Places {
    berths: Vec<Id>,
    lanes: Vec<Id>,
}

impl Index {
    fn device(&mut self, site: &Site, id: &Id) -> Places {
        let mut places = Places::default();
        let mut lots = Vec::new();
        for (_, device) in site.shelves.devices.versions(id) {
            match &device.binding {
                Binding::Berth(berth) => add(&mut places.berths, *berth),
                Binding::Berths(berths) => {
                    berths.iter().for_each(|(_, berth)| add(&mut places.berths, *berth))
                }
                Binding::Lane(lane) => add(&mut places.lanes, *lane),
                Binding::Lot(lot) => add(&mut lots, *lot),
                Binding::Area(area) => add(self.in_area.entry(*area).or_default(), *id),
                Binding::Nothing => {}
            }
        }
        for berth in &places.berths {
            add(self.on_berth.entry(*berth).or_default(), *id);
            site.shelves.berths.versions(berth).for_each(|(_, berth)| add(&mut lots, berth.lot));
        }
        for lane in &places.lanes {
            add(self.on_lane.entry(*lane).or_default(), *id);
            site.shelves.lanes.versions(lane).for_each(|(_, lane)| add(&mut lots, lane.lot));
        }
        lots.iter().for_each(|lot| add(self.in_lot.entry(*lot).or_default(), *id));
        places
    }

    fn view_berth(&mut self, site: &Site, id: &Id) {
        for (_, berth) in site.shelves.berths.versions(id) {
            add(self.berths_in_lot.entry(berth.lot).or_default(), *id);
        }
        let devices = members(&self.on_berth, id);
        let own = site.shelves.berths.changes(id);
        let mut changes: Vec<Instant> =
            own.chain(devices.iter().flat_map(|device| site.shelves.devices.changes(device))).collect();
        changes.sort_unstable();
        changes.dedup();
        let views: Vec<_> =
            changes.iter().map(|at| (*at, site.view_berth(id, *at, devices).map(Arc::new))).collect();
        self.berths.clear(id);
        views.into_iter().for_each(|(at, view)| drop(self.berths.put(*id, at, view)));
    }

    fn view_lane(&mut self, site: &Site, id: &Id) {
        let named = site.shelves.lanes.versions(id).filter_map(|(_, lane)| match lane.gate {
            GateChoice::Device(device) => Some(device),
            _ => None,
        });
        let devices: Vec<Id> = members(&self.on_lane, id).iter().copied().chain(named).collect();
        let of_devices = devices.iter().flat_map(|device| site.shelves.devices.changes(device));
        let mut changes: Vec<Instant> = site.shelves.lanes.changes(id).chain(of_devices).collect();
        changes.sort_unstable();
        changes.dedup();
        let on_lane = members(&self.on_lane, id);
        let views: Vec<_> =
            changes.iter().map(|at| (*at, site.view_lane(id, *at, on_lane).map(Arc::new))).collect();
        self.lanes.clear(id);
        views.into_iter().for_each(|(at, view)| drop(self.lanes.put(*id, at, view)));
    }

    fn list(&mut self, site: &Site, id: &Id) {
        for (_, list) in site.shelves.lists.versions(id) {
            let named = match list.kind {
                ListKind::White => &mut self.white,
                ListKind::Black => &mut self.black,
                ListKind::Arrears => &mut self.arrears,
            };
            named.plates(site, *id, &list.plates, &list.plate_sets);
            if !list.classes.is_empty() {
                add(&mut named.by_class, *id);
            }
        }
    }

    fn pass(&mut self, site: &Site, id: &Id) {
        for (_, pass) in site.shelves.passes.versions(id) {
            self.passes.plates(site, *id, &pass.plates, &pass.plate_sets);
            pass.berths.iter().for_each(|berth| add(self.passes.by_berth.entry(*berth).or_default(), *id));
        }
    }

    fn plate_set(&mut self, site: &Site, id: &Id) {
        for named in [&mut self.white, &mut self.black, &mut self.arrears, &mut self.passes] {
            for list in members(&named.by_set, id).to_vec() {
                named.plates(site, list, &[], core::slice::from_ref(id));
            }
        }
    }
}

impl Named {
    fn plates(&mut self, site: &Site, id: Id, plates: &[Plate], sets: &[Id]) {
        for set in sets {
            add(self.by_set.entry(*set).or_default(), id);
            for (_, set) in site.shelves.plate_sets.versions(set) {
                set.plates.iter().for_each(|plate| add(self.by_plate.entry(*plate).or_default(), id));
            }
        }
        plates.iter().for_each(|plate| add(self.by_plate.entry(*plate).or_default(), id));
    }

    /// Those that may fit, in order of their ids.
    pub(super) fn candidates(&self, plate: Option<&Plate>, berth: Option<&Id>) -> Vec<Id> {
        let mut found = Vec::new();
        if let Some(plate) = plate.filter(|_| !self.by_plate.is_empty()) {
            found.extend_from_slice(members(&self.by_plate, plate));
            for part in super::view::parts(plate) {
                found.extend_from_slice(members(&self.by_plate, &part));
            }
        }
        if plate.is_some() {
            found.extend_from_slice(&self.by_class);
        }
        if let Some(berth) = berth {
            found.extend_from_slice(members(&self.by_berth, berth));
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// What obeys at a lane as of an instant.
pub(super) const fn gate(device: Option<Id>) -> Gate {
    match device {
        Some(device) => Gate::Device(device),
        None => Gate::None,
    }
}
