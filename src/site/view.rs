//! Places as of an instant, derived from what the site says about berths, lanes and devices.

use parking_types::{Id, Instant, Plate};

use super::{
    Site,
    entity::*,
    index::{BerthView, LaneView, gate},
};
use device_codec::Protocol;

/// Whether a protocol's frames state if a berth is occupied.
fn detects(protocol: Protocol) -> bool {
    protocol.info().says.contains(&"occupied")
}

/// Whether a device of this protocol can be told this.
pub(crate) fn obeys(protocol: Protocol, command: &str) -> bool {
    protocol.info().commands.contains(&command)
}

/// Whether a device of this protocol can show how many places are free.
pub(super) fn shows_places(protocol: Protocol) -> bool {
    obeys(protocol, "free_places") || obeys(protocol, "show")
}

/// The plates of a car that carries several, each alone; none where there is only one.
pub(super) fn parts(plate: &Plate) -> impl Iterator<Item = Plate> + '_ {
    let several = plate.parts().count() > 1;
    plate.parts().filter(move |_| several).filter_map(|part| Plate::parse(part).ok())
}

impl Device {
    /// The berth that a reading with this `berth_no` is about.
    pub fn berth(&self, berth_no: Option<u32>) -> Option<Id> {
        match &self.binding {
            Binding::Berth(berth) => Some(*berth),
            Binding::Berths(berths) => {
                let number = berth_no?;
                berths.iter().find(|(known, _)| *known == number).map(|(_, berth)| *berth)
            }
            _ => None,
        }
    }

    fn is_on_berth(&self, id: &Id) -> bool {
        match &self.binding {
            Binding::Berth(berth) => berth == id,
            Binding::Berths(berths) => berths.iter().any(|(_, berth)| berth == id),
            _ => false,
        }
    }
}

impl Site {
    /// The devices that are bound to a lane and open its gate when told.
    pub(super) fn gates_of(&self, lane: &Id, at: Instant) -> impl Iterator<Item = Id> + '_ {
        self.gates_among(self.index.devices_on_lane(lane), *lane, at)
    }

    fn gates_among<'s>(&'s self, devices: &'s [Id], lane: Id, at: Instant) -> impl Iterator<Item = Id> + 's {
        devices.iter().copied().filter(move |id| {
            let device = self.at::<Device>(id, at);
            device.is_some_and(|d| d.binding == Binding::Lane(lane) && obeys(d.protocol, "open"))
        })
    }

    pub(super) fn view_berth(&self, id: &Id, at: Instant, devices: &[Id]) -> Option<BerthView> {
        let berth = self.at::<Berth>(id, at)?;
        let here: Vec<&Device> = devices
            .iter()
            .filter_map(|device| self.at::<Device>(device, at))
            .filter(|device| device.is_on_berth(id))
            .collect();
        let ranked = berth.detectors.as_deref().unwrap_or_default();
        let named = ranked.iter().copied().filter(|id| here.iter().any(|device| device.id == *id));
        let rest = here.iter().filter(|device| detects(device.protocol) && !ranked.contains(&device.id));
        let guarded = matches!(berth.kind, BerthType::Private | BerthType::Vip);
        let lock = here.iter().find(|device| guarded && obeys(device.protocol, "raise"));
        Some(BerthView {
            lot: berth.lot,
            detectors: named.chain(rest.map(|device| device.id)).collect(),
            ground_lock: lock.map(|device| device.id),
        })
    }

    pub(super) fn view_lane(&self, id: &Id, at: Instant, devices: &[Id]) -> Option<LaneView> {
        let lane = self.at::<Lane>(id, at)?;
        let obeying = match lane.gate {
            GateChoice::None => None,
            GateChoice::Device(device) => self.at::<Device>(&device, at).map(|device| device.id),
            GateChoice::TheOnlyOne => {
                let mut gates = self.gates_among(devices, *id, at);
                gates.next().filter(|_| gates.next().is_none())
            }
        };
        Some(LaneView {
            lane: session_core::Lane { lot: lane.lot, direction: lane.direction, gate: gate(obeying) },
        })
    }

    /// The lot that a device is bound in.
    pub(crate) fn lot_of(&self, device: &Device, at: Instant) -> Option<Id> {
        match &device.binding {
            Binding::Berth(berth) => Some(self.at::<Berth>(berth, at)?.lot),
            Binding::Berths(berths) => {
                berths.iter().find_map(|(_, berth)| self.at::<Berth>(berth, at)).map(|berth| berth.lot)
            }
            Binding::Lane(lane) => Some(self.at::<Lane>(lane, at)?.lot),
            Binding::Lot(lot) => Some(*lot),
            Binding::Nothing | Binding::Area(_) => None,
        }
    }

    /// The area of a lot, and those that it lies in.
    pub(super) fn areas_above(&self, lot: &Lot, at: Instant) -> impl Iterator<Item = Id> + '_ {
        let parent = move |area: &Id| self.at::<Area>(area, at).and_then(|area| area.parent);
        // No tree is deeper; versions may make a ring.
        core::iter::successors(lot.area, parent).take(32)
    }

    /// The lots of an area and of those that lie in it; `None` where they are not all of one group.
    pub(super) fn lots_within(&self, area: &Id, group: Id, at: Instant) -> Option<Vec<Id>> {
        let within = |lot: &Lot| self.areas_above(lot, at).any(|above| above == *area);
        let all = self.ids::<Lot>().into_iter().filter_map(|id| self.at::<Lot>(&id, at).map(|lot| (id, lot)));
        let lots: Vec<(Id, &Lot)> = all.filter(|(_, lot)| within(lot)).collect();
        lots.iter().all(|(_, lot)| lot.group == group).then(|| lots.iter().map(|(id, _)| *id).collect())
    }

    /// Whether a list or pass of these lots and sets is for this lot; `everywhere` where it names none.
    pub(super) fn names_lot(
        &self,
        lots: &[Id],
        sets: &[Id],
        lot: &Id,
        at: Instant,
        everywhere: bool,
    ) -> bool {
        if lots.is_empty() && sets.is_empty() {
            return everywhere;
        }
        let in_set = |set: &Id| self.at::<LotSet>(set, at).is_some_and(|set| set.lots.contains(lot));
        lots.contains(lot) || sets.iter().any(in_set)
    }

    /// Whether a plate, or one of the plates that a car carries, is among these or in one of these sets.
    pub(super) fn names_plate(&self, plates: &[Plate], sets: &[Id], plate: &Plate, at: Instant) -> bool {
        let listed = |plate: &Plate| {
            let in_set =
                |set: &Id| self.at::<PlateSet>(set, at).is_some_and(|set| set.plates.contains(plate));
            plates.contains(plate) || sets.iter().any(in_set)
        };
        listed(plate) || parts(plate).any(|part| listed(&part))
    }
}
