//! What comes out, as JSON in the order of the contract (`docs/records.md`).

mod alert;
pub(crate) mod asked;
mod charge;
mod command;
mod dead;
mod device;
mod json;
mod session;

use parking_types::{Id, Instant, Zone};
use session_core::Effect;

pub(crate) use dead::dead_letter;
pub(crate) use device::device;
pub(crate) use json::{hex, string};

use crate::{
    site::{Lot, Site},
    stage::Output,
};

/// An effect as a record of its topic.
pub(crate) fn publish(effect: &Effect, site: &Site) -> Output {
    let mut value = Vec::with_capacity(match effect {
        Effect::Charge(charge) => 640 + charge.receipt.as_ref().map_or(0, |receipt| receipt.len()),
        _ => 768,
    });
    write(&mut value, effect, site);
    let (topic, key) = match effect {
        Effect::Session(session) => ("sessions", session.session.to_id().as_str().to_owned()),
        Effect::Charge(charge) => ("charges", charge.session.to_id().as_str().to_owned()),
        Effect::Command(command) => {
            ("commands", command.device.map_or_else(String::new, |device| device.to_string()))
        }
        Effect::Alert(alert) => ("alerts", alert.alert.to_string()),
    };
    Output { topic, key, value }
}

/// Appends an effect as one JSON object.
pub(crate) fn write(out: &mut Vec<u8>, effect: &Effect, site: &Site) {
    match effect {
        Effect::Session(session) => session::write(out, session, site),
        Effect::Charge(charge) => charge::write(out, charge, site),
        Effect::Command(command) => command::write(out, command, site),
        Effect::Alert(alert) => alert::write(out, alert, site),
    }
}

/// The zone of a lot's instants; UTC where there is no such lot.
fn zone<'s>(site: &'s Site, lot: &Id, at: Instant) -> Option<&'s Zone> {
    site.known::<Lot>(lot, at).map(|lot| &lot.zone)
}
