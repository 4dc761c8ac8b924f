//! Answers to questions.

use parking_types::{Id, Instant};
use session_core::{BerthNow, Owed, Paid};

use super::{json::Object, session::state};
use crate::site::Site;

pub(crate) fn owed(out: &mut Vec<u8>, owed: &Owed, at: Instant, site: &Site) {
    let zone = super::zone(site, &owed.lot, at);
    let mut object = Object::open(out);
    object.plain("session", owed.session);
    object.plain("state", state(owed.state));
    object.plain("lot", owed.lot);
    object.maybe("berth", owed.berth);
    object.maybe("lane_in", owed.lane_in);
    object.maybe("lane_out", owed.lane_out);
    object.maybe("plate", owed.plate);
    object.maybe("plate_color", owed.plate_color);
    for (name, instant) in [("entry", owed.entry), ("exit", owed.exit)] {
        if let Some(instant) = instant {
            object.instant(name, instant, zone);
        }
    }
    object.instant("at", owed.exit.unwrap_or(at), zone);
    match &owed.price {
        Some(Ok(priced)) => {
            object.plain("currency", priced.currency.code());
            object.plain("total", priced.total.in_currency(priced.currency));
            if let Some(outstanding) = owed.outstanding {
                object.plain("outstanding", outstanding.in_currency(priced.currency));
            }
            object.raw("receipt", priced.receipt.as_bytes());
        }
        Some(Err(unpriced)) => {
            object.plain("error", unpriced.code);
            object.raw("receipt", unpriced.receipt.as_bytes());
        }
        None => object.plain("error", if owed.outstanding.is_some() { "void" } else { "no_entry" }),
    }
    object.close();
}

pub(crate) fn inside(out: &mut Vec<u8>, lot: &Id, inside: u64) {
    let mut object = Object::open(out);
    object.plain("lot", lot);
    object.number("inside", inside);
    object.close();
}

pub(crate) fn berth(out: &mut Vec<u8>, berth: &Id, now: &BerthNow) {
    let mut object = Object::open(out);
    object.plain("berth", berth);
    if let Some(occupied) = now.occupied {
        object.flag("occupied", occupied);
    }
    if let Some(contact) = now.contact {
        object.instant("contact", contact, None);
    }
    object.maybe("session", now.session);
    object.close();
}

pub(crate) fn action(out: &mut Vec<u8>, id: &Id) {
    let mut object = Object::open(out);
    object.plain("id", id);
    object.plain("outcome", "applied");
    object.close();
}

pub(crate) fn paid(out: &mut Vec<u8>, payment: &Id, paid: &Paid) {
    let mut object = Object::open(out);
    object.plain("payment", payment);
    if let Some(part) = &paid.part {
        object.text("part", part);
    }
    object.plain("session", paid.session);
    object.instant("at", paid.at, None);
    object.plain("amount", paid.amount.in_currency(paid.currency));
    object.plain("currency", paid.currency.code());
    object.flag("reversed", paid.reversed);
    object.close();
}
