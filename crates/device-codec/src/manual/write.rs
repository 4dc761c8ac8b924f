//! The canonical JSON of an action.

use std::fmt::Display;

use super::{Action, Change, Payment, StayEnd, Target, VehicleFacts, Verb};
use crate::reading::string;
use crate::text::Hex;

pub(super) fn action(action: &Action, out: &mut Vec<u8>) {
    let mut object = Object { out, close: "}" };
    object.out.extend_from_slice(b"{\"id\":");
    string(object.out, action.id.as_str());
    object.text("action", action.verb.as_str());
    object.shown("at", action.at);
    object.raw("by", |out| {
        out.extend_from_slice(b"{\"kind\":");
        string(out, action.by.kind.as_str());
        out.extend_from_slice(b",\"id\":");
        string(out, action.by.id.as_str());
        out.push(b'}');
    });
    if !action.reason.is_empty() {
        object.text("reason", &action.reason);
    }
    target(action.target, &mut object);
    verb(&action.verb, &mut object);
    object.out.extend_from_slice(object.close.as_bytes());
}

/// An object whose first member is written.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    close: &'static str,
}

impl Object<'_> {
    fn raw(&mut self, name: &str, value: impl FnOnce(&mut Vec<u8>)) {
        self.out.push(b',');
        string(self.out, name);
        self.out.push(b':');
        value(self.out);
    }

    fn text(&mut self, name: &str, value: &str) {
        self.raw(name, |out| string(out, value));
    }

    fn shown(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(name, &value.to_string());
        }
    }
}

fn target(target: Target, object: &mut Object<'_>) {
    match target {
        Target::Session(id) => object.text("session", id.as_str()),
        Target::Berth(id) => object.text("berth", id.as_str()),
        Target::LotPlate(lot, plate) => {
            object.text("lot", lot.as_str());
            object.text("plate", plate.as_str());
        }
        Target::LotTicket(lot, ticket) => {
            object.text("lot", lot.as_str());
            object.text("ticket", ticket.as_str());
        }
        Target::Lane(id) => object.text("lane", id.as_str()),
        Target::Lot(id) => object.text("lot", id.as_str()),
        Target::None => {}
    }
}

fn verb(verb: &Verb, object: &mut Object<'_>) {
    match verb {
        Verb::Entry { vehicle, ticket, exit, lane, berth } => {
            facts(vehicle, object);
            object.shown("ticket", *ticket);
            object.shown("exit", *exit);
            object.shown("lane", *lane);
            object.shown("berth", *berth);
        }
        Verb::Plate(vehicle) => facts(vehicle, object),
        Verb::Times { entry, exit } => {
            object.shown("entry", *entry);
            object.shown("exit", *exit);
        }
        Verb::Berth(berth) => object.text("berth", berth.as_str()),
        Verb::Merge(sessions) => {
            object.raw("sessions", |out| list(out, sessions, |out, id| string(out, id.as_str())))
        }
        Verb::Adjust(items) => object.raw("adjust", |out| {
            list(out, items, |out, item| {
                adjustment(out, item.change, item.source.map(super::AdjustSource::as_str))
            });
        }),
        Verb::Payment(facts) => payment(facts, object),
        Verb::PaymentReversed { payment, part } => {
            object.text("payment", payment.as_str());
            object.shown("part", part.as_deref());
        }
        Verb::Evidence(images) => object.raw("images", |out| {
            list(out, images, |out, image| {
                let hash = Hex(&image.image).to_string().to_ascii_lowercase();
                out.extend_from_slice(
                    format!("{{\"image\":\"{hash}\",\"kind\":\"{}\"}}", image.kind).as_bytes(),
                );
            });
        }),
        Verb::Gate(command) => object.text("command", command.as_str()),
        Verb::GroundLock(command) => object.text("command", command.as_str()),
        Verb::Count { open } => object.raw("open", |out| out.extend_from_slice(open.to_string().as_bytes())),
        Verb::Exit | Verb::Void | Verb::Restore => {}
    }
}

fn facts(vehicle: &VehicleFacts, object: &mut Object<'_>) {
    object.shown("plate", vehicle.plate);
    object.shown("plate_color", vehicle.plate_color);
    object.shown("vehicle", vehicle.vehicle);
}

fn payment(payment: &Payment, object: &mut Object<'_>) {
    object.text("payment", payment.payment.as_str());
    object.shown("part", payment.part.as_deref());
    object.text("amount", &payment.amount.in_currency(payment.currency).to_string());
    object.text("currency", payment.currency.code());
    object.shown("quoted_at", payment.quoted_at);
    object.shown("method", payment.method);
    object.shown("scene", payment.scene.as_deref());
    object.shown("channel", payment.channel.as_deref());
    object.shown("channel_ref", payment.channel_ref.as_deref());
    object.shown("payer", payment.payer.as_deref());
}

fn adjustment(out: &mut Vec<u8>, change: Change, source: Option<&str>) {
    let text = match change {
        Change::TimeOff(off, StayEnd::Start) => format!("{{\"time_off\":\"{off}\""),
        Change::TimeOff(off, StayEnd::End) => format!("{{\"time_off\":\"{off}\",\"at\":\"end\""),
        Change::Instead(amount) => format!("{{\"instead\":\"{amount}\""),
        Change::Multiply(factor) => format!("{{\"multiply\":\"{factor}\""),
        Change::PercentOff(off) => format!("{{\"percent_off\":\"{off}\""),
        Change::AmountOff(off) => format!("{{\"amount_off\":\"{off}\""),
    };
    out.extend_from_slice(text.as_bytes());
    if let Some(source) = source {
        out.extend_from_slice(format!(",\"source\":\"{source}\"").as_bytes());
    }
    out.push(b'}');
}

fn list<T>(out: &mut Vec<u8>, items: &[T], mut item: impl FnMut(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (index, value) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        item(out, value);
    }
    out.push(b']');
}
