//! Alerts: opened once per kind and subject, closed when cured.

use parking_types::{Id, Instant, Plate};
use serde::{Deserialize, Serialize};

use crate::{
    core::Core,
    effect::{AlertRecord, Effect, Severity},
    hash::{derived_id, stable_hash},
    session::SessionId,
    table::Table,
    words::AlertKind,
};

/// What an alert is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    pub(crate) lot: Option<Id>,
    pub(crate) berth: Option<Id>,
    pub(crate) lane: Option<Id>,
    pub(crate) device: Option<Id>,
    pub(crate) session: Option<SessionId>,
    pub(crate) plate: Option<Plate>,
    pub(crate) detail: Option<Box<str>>,
}

/// The alerts of a partition.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Alerts {
    open: Table<(AlertKind, u64), AlertRecord>,
    /// Events that have raised theirs, so that deriving again does not.
    raised: Table<(AlertKind, u64), Instant>,
}

impl Alerts {
    /// Opens an alert of this kind on a subject, or counts one more where it is open.
    pub(crate) fn open(
        &mut self,
        kind: AlertKind,
        subject: u64,
        at: Instant,
        about: About,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(alert) = self.open.get_mut(&(kind, subject)) {
            alert.last_at = alert.last_at.max(at);
            alert.count += 1;
            // Each doubling is published, so that a flood of causes is not a flood of records.
            if alert.count.is_power_of_two() {
                effects.push(Effect::Alert(Box::new(alert.clone())));
            }
            return;
        }
        let alert = AlertRecord {
            alert: derived_id(&(kind, subject, at)),
            kind,
            severity: severity(kind),
            lot: about.lot,
            berth: about.berth,
            lane: about.lane,
            device: about.device,
            session: about.session,
            plate: about.plate,
            opened_at: at,
            last_at: at,
            count: 1,
            closed_at: None,
            detail: about.detail,
        };
        effects.push(Effect::Alert(Box::new(alert.clone())));
        self.open.insert((kind, subject), alert);
    }

    /// An alert that tells of one event; raised once for it, and closed at once: nothing can cure what has happened.
    pub(crate) fn tell(
        &mut self,
        kind: AlertKind,
        event: u64,
        at: Instant,
        about: About,
        effects: &mut Vec<Effect>,
    ) {
        if self.raised.insert((kind, event), at).is_some() {
            return;
        }
        self.open(kind, stable_hash(&("event", event)), at, about, effects);
    }

    /// Closes an alert, if it is open.
    pub(crate) fn close(&mut self, kind: AlertKind, subject: u64, at: Instant, effects: &mut Vec<Effect>) {
        if self.open.is_empty() {
            return;
        }
        if let Some(mut alert) = self.open.remove(&(kind, subject)) {
            alert.closed_at = Some(at.max(alert.opened_at));
            effects.push(Effect::Alert(Box::new(alert)));
        }
    }

    pub(crate) fn is_open(&self, kind: AlertKind, subject: u64) -> bool {
        self.open.contains_key(&(kind, subject))
    }

    /// What open alerts of a kind are about, in an order that does not change.
    fn subjects(&self, kind: AlertKind) -> Vec<u64> {
        let mut subjects: Vec<u64> =
            self.open.keys().filter(|(of, _)| *of == kind).map(|(_, subject)| *subject).collect();
        subjects.sort_unstable();
        subjects
    }

    /// Forgets events that cannot be derived again.
    pub(crate) fn forget(&mut self, horizon: Instant) {
        self.raised.retain(|_, at| *at >= horizon);
        let told = |(_, alert): &(&(AlertKind, u64), &AlertRecord)| {
            EVENTS.contains(&alert.kind) && alert.last_at < horizon
        };
        let old: Vec<_> = self.open.iter().filter(told).map(|(key, _)| *key).collect();
        for key in old {
            self.open.remove(&key);
        }
    }
}

/// A tariff or calendar that ends soon without a successor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceEnd {
    /// Which, as it is named in the alert.
    pub subject: Box<str>,
    /// Since when the end is near.
    pub since: Instant,
    /// The lot that loses it, where it is one alone.
    pub lot: Option<Id>,
    /// What to tell people.
    pub detail: Box<str>,
}

impl Core {
    /// All that ends soon without a successor; what was named before and is not any more is cured.
    pub fn reference_ends(&mut self, at: Instant, ending: Vec<ReferenceEnd>) {
        let kind = AlertKind::ReferenceEnds;
        let subjects: Vec<u64> = ending.iter().map(|end| stable_hash(&end.subject)).collect();
        for cured in self.alerts.subjects(kind).into_iter().filter(|open| !subjects.contains(open)) {
            self.alerts.close(kind, cured, at, &mut self.effects);
        }
        for (end, subject) in ending.into_iter().zip(subjects) {
            if !self.alerts.is_open(kind, subject) {
                let about = About { lot: end.lot, detail: Some(end.detail), ..About::default() };
                self.alerts.open(kind, subject, end.since, about, &mut self.effects);
            }
        }
    }
}

/// Kinds that tell of one event.
const EVENTS: [AlertKind; 12] = [
    AlertKind::Refused,
    AlertKind::SecondEntry,
    AlertKind::NoEntry,
    AlertKind::Follow,
    AlertKind::Reversal,
    AlertKind::Unplated,
    AlertKind::Arrears,
    AlertKind::Blacklisted,
    AlertKind::Amended,
    AlertKind::TooLate,
    AlertKind::PaymentUnclaimed,
    AlertKind::BadReference,
];

fn severity(kind: AlertKind) -> Severity {
    match kind {
        AlertKind::LotOffline
        | AlertKind::Unpriced
        | AlertKind::BadReference
        | AlertKind::GateNotObeying
        | AlertKind::ArmHit => Severity::Critical,
        AlertKind::Arrears
        | AlertKind::Full
        | AlertKind::Unplated
        | AlertKind::Amended
        | AlertKind::WeakSignal => Severity::Info,
        _ => Severity::Warning,
    }
}
