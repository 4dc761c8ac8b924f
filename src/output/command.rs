//! Command records.

use session_core::{CommandAction, CommandRecord, CommandState};

use super::json::{Named, Object, key};
use crate::site::Site;

pub(super) fn write(out: &mut Vec<u8>, command: &CommandRecord, site: &Site) {
    let zone = super::zone(site, &command.lot, command.at);
    let mut object = Object::record(out);
    object.plain(key!("command"), command.command);
    object.maybe(key!("device"), command.device);
    match (command.lane, command.berth) {
        (Some(lane), _) => object.plain(key!("lane"), lane),
        (None, Some(berth)) => object.plain(key!("berth"), berth),
        (None, None) => object.plain(key!("lot"), command.lot),
    }
    object.plain(key!("action"), action(command.action));
    if let Some(free) = command.free_places {
        let mut arguments = Object::open(object.key(key!("arguments")));
        arguments.number(key!("free_places"), free);
        arguments.close();
    }
    object.maybe(key!("session"), command.session);
    object.plain(key!("cause"), Named(command.cause));
    if let Some((actor, id)) = &command.by {
        object.actor(key!("by"), *actor, id);
    }
    object.instant(key!("at"), command.at, zone);
    object.instant(key!("not_after"), command.not_after, zone);
    object.plain(key!("state"), state(command.state));
    object.close();
}

const fn action(action: CommandAction) -> &'static str {
    match action {
        CommandAction::Open => "open",
        CommandAction::Close => "close",
        CommandAction::Hold => "hold",
        CommandAction::Lock => "lock",
        CommandAction::Normal => "normal",
        CommandAction::Show => "show",
        CommandAction::Raise => "raise",
        CommandAction::Lower => "lower",
    }
}

const fn state(state: CommandState) -> &'static str {
    match state {
        CommandState::Requested => "requested",
        CommandState::Sent => "sent",
        CommandState::Accepted => "accepted",
        CommandState::RelayFired => "relay_fired",
        CommandState::Moving => "moving",
        CommandState::AtLimit => "at_limit",
        CommandState::Refused => "refused",
        CommandState::TimedOut => "timed_out",
        CommandState::Expired => "expired",
    }
}
