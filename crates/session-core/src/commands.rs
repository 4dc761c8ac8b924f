//! Commands: made from one event, delivered at least once until acknowledged or expired.

use parking_types::{Id, Instant, Span};
use serde::{Deserialize, Serialize};

use crate::{
    effect::{CommandAction, CommandRecord, CommandState, Effect},
    event::{Actor, FrameName},
    hash::derived_id,
    session::SessionId,
    table::Table,
};

/// For how long a copy gets the first one's answer.
const SAME_ANSWER: Span = Span::from_secs(60);

/// A command to be made.
pub(crate) struct Order {
    /// The event that it follows from; names it.
    pub(crate) key: u64,
    pub(crate) action: CommandAction,
    pub(crate) device: Option<Id>,
    pub(crate) lot: Id,
    pub(crate) lane: Option<Id>,
    pub(crate) berth: Option<Id>,
    pub(crate) free_places: Option<u32>,
    pub(crate) session: Option<SessionId>,
    pub(crate) cause: FrameName,
    pub(crate) by: Option<(Actor, Id)>,
    pub(crate) at: Instant,
    pub(crate) not_after: Instant,
}

impl Order {
    /// For a device of a lot, by nobody and about nothing.
    pub(crate) fn new(key: u64, action: CommandAction, device: Id, lot: Id, at: Instant, ttl: Span) -> Self {
        Self {
            key,
            action,
            device: Some(device),
            lot,
            lane: None,
            berth: None,
            free_places: None,
            session: None,
            cause: FrameName::default(),
            by: None,
            at,
            not_after: at + ttl,
        }
    }
}

/// The commands that may still change.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Commands {
    known: Table<Id, CommandRecord>,
    /// The answer that a read got, and when the read was received.
    answers: Table<u64, (Id, Instant)>,
}

impl Commands {
    /// Makes a command; the same event makes the same command again, with the later expiry.
    pub(crate) fn make(&mut self, order: Order, received_at: Instant, effects: &mut Vec<Effect>) -> Id {
        let command = derived_id(&("command", order.key, order.action as u8, order.lane, order.berth));
        let record = match self.known.get(&command) {
            Some(known) => CommandRecord { not_after: known.not_after.max(order.not_after), ..known.clone() },
            None => CommandRecord {
                command,
                device: order.device,
                lot: order.lot,
                lane: order.lane,
                berth: order.berth,
                action: order.action,
                free_places: order.free_places,
                session: order.session,
                cause: order.cause,
                by: order.by,
                at: order.at,
                not_after: order.not_after,
                state: CommandState::Requested,
            },
        };
        effects.push(Effect::Command(Box::new(record.clone())));
        self.known.insert(command, record);
        self.answers.or_insert_with(order.key, || (command, received_at));
        command
    }

    /// Gives a copy of a read the first one's answer.
    pub(crate) fn again(&mut self, read: u64, received_at: Instant, ttl: Span, effects: &mut Vec<Effect>) {
        let Some((command, first)) = self.answers.get(&read) else { return };
        if received_at - *first > SAME_ANSWER {
            return;
        }
        if let Some(record) = self.known.get_mut(command) {
            record.not_after = record.not_after.max(received_at + ttl);
            effects.push(Effect::Command(Box::new(record.clone())));
        }
    }

    /// A command's state is another one now; `None` where nobody knows the command.
    pub(crate) fn report(
        &mut self,
        command: Id,
        state: CommandState,
        effects: &mut Vec<Effect>,
    ) -> Option<&CommandRecord> {
        let record = self.known.get_mut(&command)?;
        if rank(state) > rank(record.state) {
            record.state = state;
            effects.push(Effect::Command(Box::new(record.clone())));
        }
        Some(record)
    }

    pub(crate) fn get(&self, command: &Id) -> Option<&CommandRecord> {
        self.known.get(command)
    }

    /// Forgets what can be neither answered nor repeated.
    pub(crate) fn forget(&mut self, now: Instant) {
        let horizon = now - SAME_ANSWER - SAME_ANSWER;
        self.known.retain(|_, record| record.not_after >= horizon);
        let known = &self.known;
        self.answers.retain(|_, (command, _)| known.contains_key(command));
    }
}

/// How much a state proves.
const fn rank(state: CommandState) -> u8 {
    match state {
        CommandState::Requested => 0,
        CommandState::Sent => 1,
        CommandState::Accepted => 2,
        CommandState::RelayFired => 3,
        CommandState::Moving => 4,
        CommandState::AtLimit => 5,
        CommandState::Refused | CommandState::TimedOut | CommandState::Expired => 6,
    }
}
