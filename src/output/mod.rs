//! What comes out, as JSON in the order of the contract (`docs/records.md`).

mod alert;
mod charge;
mod command;
mod dead;
mod json;
mod session;

use parking_types::{Id, Instant, Zone};
use session_core::Effect;

pub(crate) use dead::dead_letter;
pub(crate) use json::{hex, string};

use crate::{
    site::{Lot, Site},
    stage::Output,
};

/// An effect as a record of its topic.
pub(crate) fn publish(effect: &Effect, site: &Site) -> Output {
    let mut value = Vec::with_capacity(768);
    let (topic, key) = match effect {
        Effect::Session(session) => {
            session::write(&mut value, session, site);
            ("sessions", session.session.to_string())
        }
        Effect::Charge(charge) => {
            charge::write(&mut value, charge, site);
            ("charges", charge.session.to_string())
        }
        Effect::Command(command) => {
            command::write(&mut value, command, site);
            ("commands", command.device.map_or_else(String::new, |device| device.to_string()))
        }
        Effect::Alert(alert) => {
            alert::write(&mut value, alert, site);
            ("alerts", alert.alert.to_string())
        }
    };
    Output { topic, key, value }
}

/// The zone of a lot's instants; UTC where there is no such lot.
fn zone<'s>(site: &'s Site, lot: &Id, at: Instant) -> Option<&'s Zone> {
    site.known::<Lot>(lot, at).map(|lot| &lot.zone)
}
