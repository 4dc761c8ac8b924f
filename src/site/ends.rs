//! Tariffs and calendars that end without a successor.
//!
//! What counts is what a stay would meet: a tariff ends where from then on some vehicle that it prices has no tariff in the
//! list of a lot or berth, a calendar where the days that a tariff in force asks it for are no longer covered.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use parking_types::{Id, Instant, PlateColor, Span, VehicleClass};

use super::{Site, Tariff, entity::*};

/// So long before it is told.
const NOTICE: Span = Span::from_days(30);

/// A tariff or calendar that ends without a successor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    /// From when on there is nothing.
    pub(crate) at: Instant,
    /// Which: `tariffs/ID` or `calendars/ID`, of merged calendars the ids joined by `+`.
    pub(crate) subject: String,
    /// The lots that lose it.
    pub(crate) lots: BTreeSet<Id>,
}

impl Ending {
    /// From when on it is told.
    pub(crate) fn told_from(&self) -> Instant {
        self.at - NOTICE
    }
}

/// What prices stays somewhere: tariffs in order, each with the calendars that go with it.
type Pricing = Vec<(Id, Arc<[Id]>)>;

impl Site {
    /// What ends from `now` on or has ended, by subject, each once.
    pub(crate) fn endings(&self, now: Instant) -> Vec<Ending> {
        let mut found: BTreeMap<String, (Instant, BTreeSet<Id>)> = BTreeMap::new();
        for (pricing, lots) in self.pricings(now) {
            let Some(lot) = lots.first().and_then(|id| self.at::<Lot>(id, now)) else { continue };
            for (subject, at) in self.tariffs_end(&pricing, now).chain(self.calendars_end(&pricing, lot, now))
            {
                let (first, losers) = found.entry(subject).or_insert((at, BTreeSet::new()));
                *first = at.min(*first);
                losers.extend(&lots);
            }
        }
        found.into_iter().map(|(subject, (at, lots))| Ending { at, subject, lots }).collect()
    }

    /// How stays are priced, and in which lots so.
    fn pricings(&self, now: Instant) -> BTreeMap<Pricing, Vec<Id>> {
        let mut pricings: BTreeMap<Pricing, Vec<Id>> = BTreeMap::new();
        let mut add = |choices: &[TariffChoice], lot: &Lot| {
            let of = |choice: &TariffChoice| {
                let own = Some(&choice.calendars).filter(|own| !own.is_empty());
                (choice.tariff, own.unwrap_or(&lot.calendars).clone())
            };
            let lots = pricings.entry(choices.iter().map(of).collect()).or_default();
            if lots.last() != Some(&lot.id) {
                lots.push(lot.id);
            }
        };
        for lot in self.ids::<Lot>().iter().filter_map(|id| self.at::<Lot>(id, now)) {
            add(&lot.tariffs, lot);
        }
        for berth in self.index.groups().flat_map(|group| self.index.priced_berths(group)) {
            let berth = self.at::<Berth>(berth, now).filter(|berth| !berth.tariffs.is_empty());
            if let Some((berth, lot)) = berth.and_then(|b| Some((b, self.at::<Lot>(&b.lot, now)?))) {
                add(&berth.tariffs, lot);
            }
        }
        pricings
    }

    fn tariffs_end<'s>(
        &'s self,
        pricing: &'s Pricing,
        now: Instant,
    ) -> impl Iterator<Item = (String, Instant)> + 's {
        pricing.iter().flat_map(move |(id, _)| {
            let held = self.at::<Tariff>(id, now).map(|tariff| (now, tariff));
            let coming = self.shelves.tariffs.versions(id).filter(move |(since, _)| *since > now);
            let ends = held.into_iter().chain(coming).flat_map(|(since, tariff)| {
                let begins = if since > now { since } else { Instant::MIN };
                let ends =
                    tariff.versions().iter().filter_map(|version| Some((version, version.valid_until()?)));
                ends.map(move |(version, until)| (version, until.max(begins)))
            });
            let ends =
                ends.filter(move |(version, until)| !self.has_successor(version, *until, pricing, now));
            ends.map(|(_, until)| until).min().map(|until| (format!("tariffs/{id}"), until))
        })
    }

    /// Whether stays that a version has priced have a tariff from its end on; where that is past, whether any stay has.
    fn has_successor(
        &self,
        version: &tariff_engine::Tariff,
        until: Instant,
        pricing: &Pricing,
        now: Instant,
    ) -> bool {
        let at = until.max(now);
        let in_force: Vec<&tariff_engine::Tariff> =
            pricing.iter().filter_map(|(id, _)| self.at::<Tariff>(id, at)?.version_at(at)).collect();
        if until <= now {
            return !in_force.is_empty();
        }
        let colors = || PlateColor::ALL.iter().filter(|color| **color != PlateColor::Unknown);
        VehicleClass::ALL.iter().all(|class| {
            colors().map(|color| Some(*color)).chain([None]).all(|color| {
                let covers = |version: &tariff_engine::Tariff| version.covers(Some(*class), color);
                !covers(version) || in_force.iter().any(|next| covers(next))
            })
        })
    }

    fn calendars_end<'s>(
        &'s self,
        pricing: &'s Pricing,
        lot: &'s Lot,
        now: Instant,
    ) -> impl Iterator<Item = (String, Instant)> + 's {
        pricing.iter().filter_map(move |(tariff, ids)| {
            let calendar = self.index.calendars.at(&**ids, now)?;
            let ends = [calendar.gap().map(|(from, _)| from), calendar.covers_until()];
            let ends = ends.into_iter().flatten().map(|date| lot.zone.start_of(date));
            let lost = |end: &Instant| {
                let at = now.max(*end);
                let asked =
                    self.at::<Tariff>(tariff, at).is_some_and(|tariff| tariff.version_at(at).is_some());
                let then = self.index.calendars.at(&**ids, at);
                asked && then.is_none_or(|calendar| !calendar.covers(lot.zone.local(at).date()))
            };
            let ids: Vec<&str> = ids.iter().map(Id::as_str).collect();
            Some((format!("calendars/{}", ids.join("+")), ends.filter(lost).min()?))
        })
    }
}
