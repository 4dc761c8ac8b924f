//! What people do to a berth.

use parking_types::{Id, Instant};
use serde::{Deserialize, Serialize};

use super::{Roadside, Setting};
use crate::{
    draft::DraftState,
    effect::{Certainty, Moment, Origin},
    event::{Actor, FrameName},
    statement::PlateRead,
};

/// What people do to a berth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PersonEvent {
    pub(crate) key: u64,
    pub(crate) at: Instant,
    pub(crate) name: FrameName,
    pub(crate) received_at: Instant,
    pub(crate) actor: Actor,
    pub(crate) deed: Deed,
}

/// What a person did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Deed {
    /// A car came (and left at `exit`).
    Entry { plate: Option<PlateRead>, ticket: Option<Id>, exit: Option<Instant> },
    /// The car left.
    Exit,
    /// The session is void.
    Void,
}

impl Roadside {
    /// A person says what the berth holds; the detectors count again from their next edge on.
    pub(super) fn person(&mut self, person: &PersonEvent, setting: &Setting<'_>) {
        let moment = Moment {
            at: person.at,
            certainty: Certainty::Manual,
            not_before: None,
            not_after: None,
            device: None,
            frame: person.name,
            received_at: person.received_at,
        };
        self.overruled = true;
        match &person.deed {
            Deed::Entry { plate, ticket, exit } => {
                if self.open_draft().is_some() {
                    return;
                }
                let mut draft = self.draft(moment, person.key, setting);
                draft.origin = Origin::Person(person.actor);
                draft.passage.ticket = *ticket;
                if let Some(plate) = plate {
                    draft.plate.read(plate, person.at);
                }
                if let Some(exit) = exit {
                    draft.exit = Some(Moment { at: *exit, ..moment });
                    draft.state = DraftState::Closed;
                }
                self.push(draft);
            }
            Deed::Exit => {
                if let Some(draft) = self.open_draft() {
                    let at = draft.entry.map_or(moment.at, |entry| entry.at.max(moment.at));
                    draft.exit = Some(Moment { at, ..moment });
                    draft.state = DraftState::Closed;
                }
            }
            Deed::Void => {
                if let Some(draft) = self.open_draft() {
                    draft.exit = Some(moment);
                    draft.state = DraftState::Closed;
                }
            }
        }
    }
}
