//! What must hold after every step, against what truly happened.

use std::collections::BTreeMap;

use parking_types::{Amount, Id, Instant};
use session_core::{ChargeRecord, Effect, Order, SessionId, SessionRecord, SessionState};

use crate::town::{Town, at};

/// The last of everything, and how often something was looked at.
#[derive(Default)]
pub(crate) struct Check {
    pub sessions: BTreeMap<SessionId, SessionRecord>,
    pub charges: BTreeMap<SessionId, ChargeRecord>,
    pub alerts: BTreeMap<String, u64>,
    pub effects: u64,
}

/// What was found to be wrong.
pub(crate) type Broken = String;

impl Check {
    /// One effect.
    pub(crate) fn take(&mut self, effect: Effect, town: &Town) -> Result<(), Broken> {
        self.effects += 1;
        match effect {
            Effect::Session(record) => {
                if self.sessions.get(&record.session).is_some_and(|old| old.revision >= record.revision) {
                    return Err(format!("a session's revision does not rise: {record:?}"));
                }
                inside(&record, town)?;
                self.sessions.insert(record.session, *record);
            }
            Effect::Charge(record) => {
                if self.charges.get(&record.session).is_some_and(|old| old.revision >= record.revision) {
                    return Err(format!("a charge's revision does not rise: {record:?}"));
                }
                money(&record)?;
                self.charges.insert(record.session, *record);
            }
            Effect::Alert(record) if record.closed_at.is_none() && record.count == 1 => {
                *self.alerts.entry(record.kind.to_string()).or_default() += 1;
            }
            Effect::Alert(_) | Effect::Command(_) => {}
        }
        Ok(())
    }

    /// The payments that stand in the last charges.
    pub(crate) fn kept(&self) -> Result<BTreeMap<&str, Amount>, Broken> {
        let mut kept = BTreeMap::new();
        for payment in self.charges.values().flat_map(|charge| &charge.payments) {
            if kept.insert(payment.payment.as_str(), payment.amount).is_some() {
                return Err(format!("{} stands in two charges", payment.payment));
            }
        }
        Ok(kept)
    }

    /// No two sessions that count share time of one berth.
    pub(crate) fn apart(&self) -> Result<(), Broken> {
        let counts =
            |record: &&SessionRecord| record.state == SessionState::Closed && record.superseded_by.is_none();
        let spans = self.sessions.values().filter(counts);
        let mut spans: Vec<(Id, Instant, Instant)> =
            spans.filter_map(|record| Some((record.berth?, record.entry?.at, record.exit?.at))).collect();
        spans.sort_unstable();
        match spans.windows(2).find(|pair| pair[0].0 == pair[1].0 && pair[1].1 < pair[0].2) {
            None => Ok(()),
            Some(pair) => Err(format!("time of a berth counts twice: {pair:?}")),
        }
    }

    /// What a plate's newest session owes.
    pub(crate) fn owed(&self, plate: &str) -> Option<Amount> {
        let newest = self
            .sessions
            .values()
            .filter(|record| record.plate.is_some_and(|known| known.as_str() == plate))
            .max_by_key(|record| record.entry.map(|entry| entry.at))?;
        self.charges.get(&newest.session).map(|charge| charge.outstanding)
    }
}

/// A driver on the street never pays for more than one true stay, as the detector's clock tells its time.
fn inside(record: &SessionRecord, town: &Town) -> Result<(), Broken> {
    let (Some(berth), Some(entry)) = (record.berth, record.entry) else { return Ok(()) };
    let Some(stays) = town.truth.get(berth.as_str()) else {
        return Err(format!("a session on no berth of ours: {record:?}"));
    };
    if record.state != SessionState::Closed {
        return Ok(());
    }
    let exit = record.exit.map_or(entry.at, |exit| exit.at);
    let clock = town.clocks.get(berth.as_str()).copied().unwrap_or_default();
    let holds = |(from, to): &(i64, i64)| -> bool {
        let (from, to): (Instant, Instant) = (at(clock.shows(*from)), at(clock.shows(*to)));
        from <= entry.at && exit <= to
    };
    if stays.iter().any(holds) { Ok(()) } else { Err(format!("in no true stay: {record:?}")) }
}

/// A charge by itself.
fn money(record: &ChargeRecord) -> Result<(), Broken> {
    let negative = record.outstanding < Amount::ZERO
        || record.overpaid < Amount::ZERO
        || record.total.is_some_and(|total| total < Amount::ZERO);
    let owes = matches!(record.order, Order::Void | Order::Exception | Order::Running | Order::Complete)
        && record.outstanding != Amount::ZERO;
    if negative || owes { Err(format!("money does not add up: {record:?}")) } else { Ok(()) }
}
