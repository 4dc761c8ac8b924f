//! A world of a few lots, with a price that can be worked out in the head: 1.00 a started half hour.

use std::collections::{BTreeMap, HashMap};

use parking_types::{Amount, Currency, Direction, Id, Instant, Span, Zone};
use session_core::{
    Berth, Display, Gate, Lane, ListKind, Listed, Lot, LotKind, Pass, Policy, PriceRequest, Priced, Standing,
    Subject, Unpriced, Used, World,
};

use super::id;

/// A lot of the town.
#[derive(Clone, Debug)]
pub struct TownLot {
    pub kind: LotKind,
    pub capacity: Option<u32>,
    pub policy: Policy,
}

/// The world of a test. Nothing in it changes with time.
#[derive(Clone, Debug)]
pub struct Town {
    pub lots: BTreeMap<Id, TownLot>,
    pub berths: HashMap<Id, (Id, Vec<Id>)>,
    pub lanes: BTreeMap<Id, Lane>,
    pub devices: HashMap<Id, (Id, Option<Span>)>,
    /// Displays of free places.
    pub displays: Vec<Display>,
    /// The first stay of a plate on a local day costs nothing.
    pub first_stay_free: bool,
    /// Its reference data may change at every instant, for all that it says of them.
    pub restless: bool,
    zone: Zone,
}

impl Town {
    pub fn new() -> Self {
        Self {
            lots: BTreeMap::new(),
            berths: HashMap::new(),
            lanes: BTreeMap::new(),
            devices: HashMap::new(),
            displays: Vec::new(),
            first_stay_free: false,
            restless: false,
            zone: Zone::new("Asia/Shanghai").unwrap(),
        }
    }

    /// One street `L` with these berths; a berth's devices by rank.
    pub fn street(policy: Policy, berths: &[(&str, &[&str])]) -> Self {
        let mut town = Self::new();
        town.lots.insert(id("L"), TownLot { kind: LotKind::Roadside, capacity: None, policy });
        for (berth, devices) in berths {
            let devices: Vec<Id> = devices.iter().map(|device| id(device)).collect();
            town.devices.extend(devices.iter().map(|device| (*device, (id("L"), None))));
            town.berths.insert(id(berth), (id("L"), devices));
        }
        town
    }

    /// The same, with so many berths `b-0000000` … and a detector `m-0000000` … on each, expected every quarter of an hour.
    pub fn long_street(berths: usize) -> Self {
        let mut town = Self::street(Policy::default(), &[]);
        for nth in 0..berths {
            let (berth, device) = Self::nth(nth);
            town.berths.insert(berth, (id("L"), vec![device]));
            town.devices.insert(device, (id("L"), Some(Span::from_mins(15))));
        }
        town
    }

    /// A berth of a long street and its detector.
    pub fn nth(nth: usize) -> (Id, Id) {
        (id(&format!("b-{nth:07}")), id(&format!("m-{nth:07}")))
    }

    /// One gated lot `G` with the lanes `in` and `out` and a camera on each; nothing obeys there when `held`.
    pub fn garage(policy: Policy, capacity: Option<u32>, held: bool) -> Self {
        let mut town = Self::new();
        town.lots.insert(id("G"), TownLot { kind: LotKind::Gated, capacity, policy });
        for (lane, camera, gate, direction) in
            [("in", "c-in", "g-in", Direction::Entry), ("out", "c-out", "g-out", Direction::Exit)]
        {
            let gate = if held { Gate::None } else { Gate::Device(id(gate)) };
            town.lanes.insert(id(lane), Lane { lot: id("G"), direction, gate });
            town.devices.insert(id(camera), (id("G"), None));
        }
        town
    }

    /// What the half hours of a stay cost, in whole units.
    pub fn half_hours(stay: Span) -> i64 {
        let half = Span::from_mins(30).as_nanos();
        let stay = stay.as_nanos().max(0);
        stay / half + i64::from(stay % half != 0)
    }
}

impl World for Town {
    fn edition(&self) -> u64 {
        0
    }

    fn standing(&self, at: Instant) -> Standing {
        if self.restless { Standing { from: at, until: at } } else { Standing::ALWAYS }
    }

    fn tenant(&self) -> Id {
        id("default")
    }

    fn lot(&self, lot: &Id, _: Instant) -> Option<Lot<'_>> {
        self.lots.get(lot).map(|town| Lot {
            kind: town.kind,
            group: *lot,
            zone: &self.zone,
            capacity: town.capacity,
            policy: &town.policy,
            area: None,
        })
    }

    fn lane(&self, lane: &Id, _: Instant) -> Option<Lane> {
        self.lanes.get(lane).copied()
    }

    fn berth(&self, berth: &Id, _: Instant) -> Option<Berth<'_>> {
        self.berths.get(berth).map(|(lot, detectors)| Berth { lot: *lot, detectors, ground_lock: None })
    }

    fn heartbeat(&self, device: &Id, _: Instant) -> Option<Span> {
        self.devices.get(device).and_then(|(_, period)| *period)
    }

    fn devices_of(&self, lot: &Id, _: Instant) -> Vec<Id> {
        let here = self.devices.iter().filter(|(_, (of, _))| of == lot);
        let mut devices: Vec<Id> = here.map(|(device, _)| *device).collect();
        devices.sort_unstable();
        devices
    }

    fn lot_of_device(&self, device: &Id, _: Instant) -> Option<Id> {
        self.devices.get(device).map(|(lot, _)| *lot)
    }

    fn answers(&self, _: &Id, _: Instant) -> bool {
        false
    }

    fn places(&self, lot: &Id, _: Instant) -> Option<u32> {
        let berths = self.berths.values().filter(|(of, _)| of == lot).count() as u32;
        self.lots.get(lot)?.capacity.or(Some(berths))
    }

    fn displays(&self, lot: &Id, _: Instant) -> Vec<Display> {
        self.displays.iter().filter(|display| display.lots.contains(lot)).cloned().collect()
    }

    fn listed(&self, _: ListKind, _: &Subject, _: Instant, _: Instant) -> Option<Listed> {
        None
    }

    fn passes(&self, _: &Subject, _: Instant) -> Vec<Pass> {
        Vec::new()
    }

    fn price(&self, request: &PriceRequest<'_>) -> Result<Priced, Unpriced> {
        let exempt = request.exempt.iter().fold(Span::ZERO, |sum, (from, to)| {
            let (from, to) = ((*from).max(request.entry), (*to).min(request.exit));
            if from < to { sum + (to - from) } else { sum }
        });
        let day = self.zone.local(request.entry).date();
        let before = request.used.iter().find(|(date, _)| *date == day).map(|(_, used)| *used);
        let before = before.unwrap_or_default();
        let free = request.white || (self.first_stay_free && before.stays == 0);
        let units = if free { 0 } else { Self::half_hours(request.exit - request.entry - exempt) };
        let total = Amount::from_micros(units.saturating_mul(1_000_000));
        let paid = request.paid.iter().fold(Amount::ZERO, |sum, (_, amount)| sum.saturating_add(*amount));
        let used = Used {
            stays: before.stays + 1,
            free: before.free,
            charged: before.charged.saturating_add(total),
        };
        Ok(Priced {
            total,
            paid,
            due: total.saturating_sub(paid).at_least_zero(),
            currency: Currency::parse("CNY").unwrap(),
            used: vec![(day, used)],
            uses_history: self.first_stay_free,
            receipt: format!("{{\"total\":\"{units}.00\"}}").into(),
        })
    }
}
