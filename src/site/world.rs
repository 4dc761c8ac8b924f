//! What the session machine asks of the site.

use core::ops::Bound;

use parking_types::{Id, Instant, Span};
use session_core::{
    Berth as BerthFacts, Display, Lane as LaneFacts, ListKind, Listed, Lot as LotFacts, LotKind, Pass,
    PriceRequest, Priced, Standing, Subject, Unpriced, World,
};

use super::{Site, entity::*, view::shows_places};

impl World for Site {
    fn edition(&self) -> u64 {
        self.edition
    }

    fn standing(&self, at: Instant) -> Standing {
        let from = self.changed_at.range(..=at).next_back().copied().unwrap_or(Instant::MIN);
        let after = (Bound::Excluded(at), Bound::Unbounded);
        Standing { from, until: self.changed_at.range(after).next().copied().unwrap_or(Instant::MAX) }
    }

    fn tenant(&self) -> Id {
        Self::tenant(self)
    }

    fn lot(&self, lot: &Id, at: Instant) -> Option<LotFacts<'_>> {
        let lot = self.at::<Lot>(lot, at)?;
        Some(LotFacts {
            kind: lot.kind,
            group: lot.group,
            zone: &lot.zone,
            capacity: lot.capacity,
            policy: &lot.policy,
            area: lot.area,
        })
    }

    fn lane(&self, lane: &Id, at: Instant) -> Option<LaneFacts> {
        self.index.lanes.at(lane, at).map(|view| view.lane)
    }

    fn berth(&self, berth: &Id, at: Instant) -> Option<BerthFacts<'_>> {
        let view = self.index.berths.at(berth, at)?;
        Some(BerthFacts { lot: view.lot, detectors: &view.detectors, ground_lock: view.ground_lock })
    }

    fn heartbeat(&self, device: &Id, at: Instant) -> Option<Span> {
        let device = self.at::<Device>(device, at)?;
        device.heartbeat.or(device.protocol.info().heartbeat)
    }

    fn devices_of(&self, lot: &Id, at: Instant) -> Vec<Id> {
        let ever = self.index.devices_in_lot(lot).iter();
        ever.copied().filter(|device| self.lot_of_device(device, at) == Some(*lot)).collect()
    }

    fn lot_of_device(&self, device: &Id, at: Instant) -> Option<Id> {
        self.lot_of(self.at::<Device>(device, at)?, at)
    }

    fn answers(&self, device: &Id, at: Instant) -> bool {
        self.at::<Device>(device, at).is_some_and(|device| device.protocol.info().acknowledges)
    }

    fn places(&self, lot: &Id, at: Instant) -> Option<u32> {
        let known = self.at::<Lot>(lot, at)?;
        if known.capacity.is_some() || known.kind == LotKind::Gated {
            return known.capacity;
        }
        let here = |id: &&Id| self.at::<Berth>(id, at).is_some_and(|berth| berth.lot == *lot);
        u32::try_from(self.index.berths_in_lot(lot).iter().filter(here).count()).ok()
    }

    fn displays(&self, lot: &Id, at: Instant) -> Vec<Display> {
        let bound = |devices: &[Id], to: &Binding| -> Vec<Id> {
            let shows = |id: &Id| {
                let device = self.at::<Device>(id, at);
                device.is_some_and(|d| d.binding == *to && shows_places(d.protocol))
            };
            devices.iter().copied().filter(shows).collect()
        };
        let own = bound(self.index.devices_in_lot(lot), &Binding::Lot(*lot));
        let mut displays: Vec<Display> =
            own.into_iter().map(|device| Display { device, lots: vec![*lot] }).collect();
        let Some(known) = self.at::<Lot>(lot, at) else { return displays };
        for area in self.areas_above(known, at) {
            let guides = bound(self.index.devices_in_area(&area), &Binding::Area(area));
            let lots = if guides.is_empty() { None } else { self.lots_within(&area, known.group, at) };
            if let Some(lots) = lots {
                displays.extend(guides.into_iter().map(|device| Display { device, lots: lots.clone() }));
            }
        }
        displays
    }

    fn listed(&self, kind: ListKind, subject: &Subject, valid_at: Instant, as_of: Instant) -> Option<Listed> {
        let plate = subject.plate.as_ref()?;
        self.index.lists(kind).candidates(Some(plate), None).into_iter().find_map(|id| {
            let entry = self.at::<ListEntry>(&id, as_of)?;
            let valid =
                entry.from.is_none_or(|from| from <= valid_at) && entry.to.is_none_or(|to| valid_at < to);
            let here = self.names_lot(&entry.lots, &entry.lot_sets, &subject.lot, as_of, true);
            let meant = entry.classes.contains(&plate.class())
                || self.names_plate(&entry.plates, &entry.plate_sets, plate, as_of);
            (entry.kind == kind && valid && here && meant).then_some(Listed { id, vehicle: entry.vehicle })
        })
    }

    fn passes(&self, subject: &Subject, as_of: Instant) -> Vec<Pass> {
        let candidates = self.index.passes().candidates(subject.plate.as_ref(), subject.berth.as_ref());
        let fitting = candidates.into_iter().filter_map(|id| {
            let pass = self.at::<PassEntry>(&id, as_of)?;
            let here = self.names_lot(&pass.lots, &pass.lot_sets, &subject.lot, as_of, true);
            let by_berth = subject.berth.is_some_and(|berth| pass.berths.contains(&berth));
            let by_plate =
                subject.plate.is_some_and(|p| self.names_plate(&pass.plates, &pass.plate_sets, &p, as_of));
            let counts = pass.state == PassState::Active && here && (by_berth || by_plate);
            counts.then_some(Pass { id, from: pass.from, to: pass.to, spaces: pass.spaces })
        });
        fitting.collect()
    }

    fn price(&self, request: &PriceRequest<'_>) -> Result<Priced, Unpriced> {
        self.price_stay(request)
    }
}
