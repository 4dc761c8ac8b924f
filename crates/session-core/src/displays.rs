//! Free places by lot and area, told to displays when they change.
//!
//! What a display shows follows from the state alone, so it is right again with the next change whatever came late, and
//! a number that it shows already is not told again.

use std::collections::BTreeMap;

use parking_types::{Id, Instant, Span};
use serde::{Deserialize, Serialize};

use crate::{
    commands::Order,
    core::Core,
    effect::CommandAction,
    hash::{Map, stable_hash},
    timers::Timer,
    world::{Display, World},
};

/// A display is told at most once in so long.
const APART: Span = Span::from_secs(1);

/// What displays were told, and what has changed since.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Displays {
    /// Open sessions by lot.
    open: BTreeMap<Id, u32>,
    /// The number that a display shows, and since when.
    told: BTreeMap<Id, (u32, Instant)>,
    /// Lots with a change in this step.
    #[serde(skip)]
    changed: Vec<Id>,
    #[serde(skip)]
    known: Known,
}

/// What the site says of displays, as long as it stands.
#[derive(Clone, Debug, Default)]
struct Known {
    edition: u64,
    until: Option<Instant>,
    of_lot: Map<Id, Vec<Display>>,
    places: Map<Id, Option<u32>>,
}

impl Displays {
    /// A session is open in another lot than before, or in none.
    pub(crate) fn moved(&mut self, from: Option<Id>, to: Option<Id>) {
        if from == to {
            return;
        }
        if let Some(lot) = from {
            let open = self.open.entry(lot).or_default();
            *open = open.saturating_sub(1);
            self.change(lot);
        }
        if let Some(lot) = to {
            *self.open.entry(lot).or_default() += 1;
            self.change(lot);
        }
    }

    /// The free places of a lot may be others now.
    pub(crate) fn change(&mut self, lot: Id) {
        if !self.changed.contains(&lot) {
            self.changed.push(lot);
        }
    }

    /// Reference data have changed: everything may be another number.
    pub(crate) fn change_all(&mut self) {
        self.changed = self.open.keys().copied().collect();
    }
}

impl Core {
    /// Tells displays what has changed in this step.
    pub(crate) fn show_changes<W: World>(&mut self, world: &W) {
        while let Some(lot) = self.displays.changed.pop() {
            self.show(lot, self.now(), world);
        }
    }

    /// Tells the displays that count a lot's places how many are free, where they show another number.
    pub(crate) fn show<W: World>(&mut self, lot: Id, at: Instant, world: &W) {
        self.know_displays(lot, at, world);
        let Some(displays) = self.displays.known.of_lot.get(&lot).filter(|of| !of.is_empty()) else { return };
        for display in displays.clone() {
            let Some(free) = self.free_places(&display.lots, at, world) else { continue };
            let last = match self.displays.told.get(&display.device) {
                Some((known, _)) if *known == free => continue,
                last => last.map(|(_, last)| *last),
            };
            if let Some(next) = last.map(|last| last + APART).filter(|next| at < *next) {
                self.timers.arm(next, Timer::Show(lot));
                continue;
            }
            self.displays.told.insert(display.device, (free, at));
            let ttl = self.policy(&lot, at, world).command_ttl;
            let key = stable_hash(&("show", display.device, at));
            let order = Order::new(key, CommandAction::Show, display.device, lot, at, ttl);
            let order = Order { free_places: Some(free), ..order };
            self.commands.make(order, at, &mut self.effects);
        }
    }

    fn know_displays<W: World>(&mut self, lot: Id, at: Instant, world: &W) {
        let known = &mut self.displays.known;
        if known.edition != world.edition() || known.until.is_none_or(|until| at >= until) {
            let until = Some(world.standing(at).until);
            *known = Known { edition: world.edition(), until, ..Known::default() };
        }
        known.of_lot.entry(lot).or_insert_with(|| world.displays(&lot, at));
    }

    /// The places of some lots in which nobody stands; `None` where nobody knows how many there are.
    fn free_places<W: World>(&mut self, lots: &[Id], at: Instant, world: &W) -> Option<u32> {
        let mut free = 0u32;
        for lot in lots {
            let places = &mut self.displays.known.places;
            let places = *places.entry(*lot).or_insert_with(|| world.places(lot, at));
            let open = i64::from(self.displays.open.get(lot).copied().unwrap_or_default());
            let taken = self.lots.get(lot).map_or(open, |unit| unit.current.inside());
            // More cars than places, and nothing is free.
            free = free.saturating_add(u32::try_from(i64::from(places?) - taken).unwrap_or_default());
        }
        Some(free)
    }
}
