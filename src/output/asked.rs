//! Answers to questions.

use parking_types::{Id, Instant};
use session_core::{BerthNow, Owed, Paid};

use super::{
    json::{Object, key},
    session::state,
};
use crate::site::Site;

pub(crate) fn owed(out: &mut Vec<u8>, owed: &Owed, at: Instant, site: &Site) {
    let zone = super::zone(site, &owed.lot, at);
    let mut object = Object::open(out);
    object.plain(key!("session"), owed.session);
    object.plain(key!("state"), state(owed.state));
    object.plain(key!("lot"), owed.lot);
    object.maybe(key!("berth"), owed.berth);
    object.maybe(key!("lane_in"), owed.lane_in);
    object.maybe(key!("lane_out"), owed.lane_out);
    object.maybe(key!("plate"), owed.plate);
    object.maybe(key!("plate_color"), owed.plate_color);
    for (name, instant) in [(key!("entry"), owed.entry), (key!("exit"), owed.exit)] {
        if let Some(instant) = instant {
            object.instant(name, instant, zone);
        }
    }
    object.instant(key!("at"), owed.exit.unwrap_or(at), zone);
    match &owed.price {
        Some(Ok(priced)) => {
            object.plain(key!("currency"), priced.currency.code());
            object.plain(key!("total"), priced.total.in_currency(priced.currency));
            if let Some(outstanding) = owed.outstanding {
                object.plain(key!("outstanding"), outstanding.in_currency(priced.currency));
            }
            object.raw(key!("receipt"), priced.receipt.as_bytes());
        }
        Some(Err(unpriced)) => {
            object.plain(key!("error"), unpriced.code);
            object.raw(key!("receipt"), unpriced.receipt.as_bytes());
        }
        None => object.plain(key!("error"), if owed.outstanding.is_some() { "void" } else { "no_entry" }),
    }
    object.close();
}

pub(crate) fn inside(out: &mut Vec<u8>, lot: &Id, inside: u64) {
    let mut object = Object::open(out);
    object.plain(key!("lot"), lot);
    object.number(key!("inside"), inside);
    object.close();
}

pub(crate) fn berth(out: &mut Vec<u8>, berth: &Id, now: &BerthNow) {
    let mut object = Object::open(out);
    object.plain(key!("berth"), berth);
    if let Some(occupied) = now.occupied {
        object.flag(key!("occupied"), occupied);
    }
    if let Some(contact) = now.contact {
        object.instant(key!("contact"), contact, None);
    }
    object.maybe(key!("session"), now.session);
    object.close();
}

pub(crate) fn action(out: &mut Vec<u8>, id: &Id) {
    let mut object = Object::open(out);
    object.plain(key!("id"), id);
    object.plain(key!("outcome"), "applied");
    object.close();
}

pub(crate) fn paid(out: &mut Vec<u8>, payment: &Id, paid: &Paid) {
    let mut object = Object::open(out);
    object.plain(key!("payment"), payment);
    if let Some(part) = &paid.part {
        object.text(key!("part"), part);
    }
    object.plain(key!("session"), paid.session);
    object.instant(key!("at"), paid.at, None);
    object.plain(key!("amount"), paid.amount.in_currency(paid.currency));
    object.plain(key!("currency"), paid.currency.code());
    object.flag(key!("reversed"), paid.reversed);
    object.close();
}
