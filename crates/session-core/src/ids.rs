//! Which event's session has which id: one to one.

use parking_types::{Id, Instant};
use serde::{Deserialize, Serialize};

use crate::{
    draft::Draft,
    hash::{Anchor, Map},
    session::SessionId,
};

/// The ids that the events of a berth or lot have given their sessions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ids {
    #[serde(with = "crate::saved::sorted")]
    of_event: Map<u64, SessionId>,
    #[serde(with = "crate::saved::sorted")]
    of_session: Map<SessionId, u64>,
}

impl Ids {
    pub(crate) fn get(&self, event: u64) -> Option<SessionId> {
        self.of_event.get(&event).copied()
    }

    /// The session is named after this event from now on.
    pub(crate) fn give(&mut self, event: u64, id: SessionId) {
        if let Some(other) = self.of_session.insert(id, event).filter(|other| *other != event) {
            self.of_event.remove(&other);
        }
        if let Some(other) = self.of_event.insert(event, id).filter(|other| *other != id) {
            self.of_session.remove(&other);
        }
    }

    /// Keeps the ids of these drafts only.
    pub(crate) fn keep<'d>(&mut self, drafts: impl Iterator<Item = &'d Draft>) {
        let mut kept = Self::default();
        for draft in drafts {
            kept.give(draft.anchor, draft.id);
        }
        *self = kept;
    }
}

/// What the id of a new session is made from.
pub(crate) struct Origins<'a> {
    pub(crate) tenant: &'a Id,
    pub(crate) group: &'a Id,
    pub(crate) place: &'a Id,
    pub(crate) ids: &'a Ids,
}

impl Origins<'_> {
    /// The id of the session that an event shows: the one that it has given before, else one of its own.
    pub(crate) fn id(&self, event: u64, at: Instant) -> SessionId {
        if let Some(known) = self.ids.get(event) {
            return known;
        }
        let anchor = |nth| {
            Anchor { tenant: self.tenant, group: self.group, place: self.place, event, at, nth }.session()
        };
        // An id that another event's session has inherited is not given twice.
        let free = |id: &SessionId| !self.ids.of_session.contains_key(id);
        (0..8).map(anchor).find(free).unwrap_or_else(|| anchor(8))
    }
}
