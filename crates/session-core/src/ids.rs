//! Which event's session has which id: one to one.

use parking_types::{Id, Instant};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    draft::Draft,
    hash::{Anchor, Map},
    session::SessionId,
};

/// So many pairs are looked through one by one: more than a berth has.
const FEW: usize = 8;

/// The ids that the events of a berth or lot have given their sessions.
#[derive(Clone, Debug)]
pub(crate) enum Ids {
    Few(Vec<(u64, SessionId)>),
    Many(Box<Both>),
}

/// Pairs by either end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Both {
    of_event: Map<u64, SessionId>,
    of_session: Map<SessionId, u64>,
}

impl Default for Ids {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Both {
    fn give(&mut self, event: u64, id: SessionId) {
        if let Some(other) = self.of_session.insert(id, event).filter(|other| *other != event) {
            self.of_event.remove(&other);
        }
        if let Some(other) = self.of_event.insert(event, id).filter(|other| *other != id) {
            self.of_session.remove(&other);
        }
    }
}

impl Ids {
    pub(crate) fn get(&self, event: u64) -> Option<SessionId> {
        match self {
            Self::Few(pairs) => pairs.iter().find(|(known, _)| *known == event).map(|(_, id)| *id),
            Self::Many(both) => both.of_event.get(&event).copied(),
        }
    }

    /// Whether an event has given this id.
    fn has(&self, id: SessionId) -> bool {
        match self {
            Self::Few(pairs) => pairs.iter().any(|(_, known)| *known == id),
            Self::Many(both) => both.of_session.contains_key(&id),
        }
    }

    /// The session is named after this event from now on.
    pub(crate) fn give(&mut self, event: u64, id: SessionId) {
        match self {
            Self::Many(both) => both.give(event, id),
            Self::Few(pairs) if pairs.contains(&(event, id)) => {}
            Self::Few(pairs) => {
                pairs.retain(|(known, given)| *known != event && *given != id);
                if pairs.len() < FEW {
                    // Most berths have one or two.
                    pairs.reserve_exact(1);
                    pairs.push((event, id));
                } else {
                    let mut both = Both::default();
                    pairs.drain(..).for_each(|(event, id)| both.give(event, id));
                    both.give(event, id);
                    *self = Self::Many(Box::new(both));
                }
            }
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

impl Serialize for Ids {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pairs: Vec<(u64, SessionId)> = match self {
            Self::Few(pairs) => pairs.clone(),
            Self::Many(both) => both.of_event.iter().map(|(event, id)| (*event, *id)).collect(),
        };
        pairs.sort_unstable();
        pairs.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Ids {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut ids = Self::default();
        Vec::deserialize(deserializer)?.into_iter().for_each(|(event, id)| ids.give(event, id));
        Ok(ids)
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
        let free = |id: &SessionId| !self.ids.has(*id);
        (0..8).map(anchor).find(free).unwrap_or_else(|| anchor(8))
    }
}
