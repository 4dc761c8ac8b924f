//! The last revisions of what came out, in the form in which two runs can be compared.

use std::collections::BTreeMap;

use parking_types::{Amount, Id, Instant};
use session_core::{
    AlertRecord, Certainty, ChargeRecord, Core, Effect, Mark, Moment, Order, SessionId, SessionRecord,
    SessionState, World,
};

use super::{
    frames::{Sent, give},
    secs,
};

/// Everything that came out, the last revision of each; checks on the way that revisions rise.
#[derive(Clone, Debug, Default)]
pub struct Last {
    pub sessions: BTreeMap<SessionId, SessionRecord>,
    pub charges: BTreeMap<SessionId, ChargeRecord>,
    pub alerts: BTreeMap<Id, AlertRecord>,
    pub effects: usize,
}

impl Last {
    /// Runs frames in this order, then ends the recording.
    pub fn of<W: World>(world: &W, frames: &[Sent]) -> Self {
        let (mut core, mut last) = (Core::new(), Self::default());
        for (offset, sent) in frames.iter().enumerate() {
            last.add(give(&mut core, world, offset as u64, sent).1);
        }
        core.finish(world);
        last.add(core.take_effects().collect());
        last
    }

    /// Takes effects in, in order.
    pub fn add(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.effects += 1;
            match effect {
                Effect::Session(record) => {
                    if let Some(before) = self.sessions.get(&record.session) {
                        assert!(
                            before.revision < record.revision,
                            "a session's revision does not rise: {record:?}"
                        );
                    }
                    self.sessions.insert(record.session, *record);
                }
                Effect::Charge(record) => {
                    if let Some(before) = self.charges.get(&record.session) {
                        assert!(
                            before.revision < record.revision,
                            "a charge's revision does not rise: {record:?}"
                        );
                    }
                    self.check_charge(&record);
                    self.charges.insert(record.session, *record);
                }
                Effect::Alert(record) => {
                    self.alerts.insert(record.alert, *record);
                }
                Effect::Command(_) => {}
            }
        }
    }

    /// A charge by itself: nothing negative, outstanding and overpaid exclude each other.
    fn check_charge(&self, record: &ChargeRecord) {
        assert!(record.outstanding >= Amount::ZERO, "outstanding is negative: {record:?}");
        assert!(record.overpaid >= Amount::ZERO, "overpaid is negative: {record:?}");
        assert!(record.total.is_none_or(|total| total >= Amount::ZERO), "a negative total: {record:?}");
        if matches!(record.order, Order::Void | Order::Exception | Order::Running) {
            assert_eq!(record.outstanding, Amount::ZERO, "nothing is owed in this state: {record:?}");
        }
    }

    /// The sessions that count, in a form that two runs share: without ids, revisions, frames and superseded ones.
    pub fn stays(&self) -> Vec<Stay> {
        let mut stays: Vec<Stay> = self
            .sessions
            .values()
            .filter(|record| record.superseded_by.is_none())
            .map(|record| Stay::of(record, self.charges.get(&record.session)))
            .collect();
        stays.sort();
        stays
    }
}

/// An entry or exit without what depends on arrival; in seconds, so that people can read a difference.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    pub at: Instant,
    pub certainty: u8,
    pub not_before: Option<Instant>,
    pub not_after: Option<Instant>,
}

impl Edge {
    pub fn exact(at: Instant) -> Self {
        Self { at, certainty: 0, not_before: None, not_after: None }
    }

    pub fn inferred(at: Instant, not_before: Option<Instant>, not_after: Option<Instant>) -> Self {
        Self { at, certainty: 1, not_before, not_after }
    }

    fn of(moment: &Moment) -> Self {
        let certainty = match moment.certainty {
            Certainty::Exact => 0,
            Certainty::Inferred => 1,
            Certainty::Manual => 2,
        };
        Self { at: moment.at, certainty, not_before: moment.not_before, not_after: moment.not_after }
    }
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = ["exact", "inferred", "manual"].get(usize::from(self.certainty)).copied().unwrap_or("?");
        write!(f, "{} {kind}", secs(self.at))?;
        if self.certainty == 1 {
            write!(f, " [{:?}, {:?}]", self.not_before.map(secs), self.not_after.map(secs))?;
        }
        Ok(())
    }
}

/// A session without what depends on arrival.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stay {
    pub entry: Option<Edge>,
    pub exit: Option<Edge>,
    pub place: String,
    pub state: &'static str,
    pub plate: String,
    pub marks: Vec<&'static str>,
    /// The receipt's total in micros; absent while open and where there is no charge.
    pub total: Option<i64>,
}

impl Stay {
    fn of(record: &SessionRecord, charge: Option<&ChargeRecord>) -> Self {
        let place = match record.berth {
            Some(berth) => berth.as_str().to_owned(),
            None => format!("{:?}>{:?}", record.lane_in, record.lane_out),
        };
        Self {
            entry: record.entry.as_ref().map(Edge::of),
            exit: record.exit.as_ref().map(Edge::of),
            place,
            state: state_word(record.state),
            plate: record.plate.map(|plate| plate.as_str().to_owned()).unwrap_or_default(),
            marks: record.marks.iter().map(|mark: &Mark| mark.as_str()).collect(),
            total: charge.and_then(|charge| charge.total).map(Amount::as_micros),
        }
    }
}

pub fn state_word(state: SessionState) -> &'static str {
    match state {
        SessionState::Open => "open",
        SessionState::Closed => "closed",
        SessionState::Void => "void",
        SessionState::Exception => "exception",
    }
}
