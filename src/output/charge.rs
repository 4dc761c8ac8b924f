//! Charge records: the receipt, and what the session machine adds to it.

use core::fmt;

use parking_types::{Amount, Currency, tzdb_version};
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use session_core::{ChargeRecord, Order};

use super::json::{Object, string};
use crate::site::Site;

/// This release of Parkline: with it and the documents of the receipt, a charge can be computed again.
const RELEASE: &str = env!("CARGO_PKG_VERSION");

pub(super) fn write(out: &mut Vec<u8>, charge: &ChargeRecord, site: &Site) {
    let mut object = Object::record(out);
    object.plain("tenant", site.tenant());
    object.plain("session", charge.session);
    object.number("revision", charge.revision);
    object.plain("lot", charge.lot);
    object.maybe("plate", charge.plate);
    if let Some(receipt) = &charge.receipt {
        copy_receipt(&mut object, receipt, charge);
    }
    object.plain("order", order(charge.order));
    object.list("payments", &charge.payments, |out, payment| {
        let mut item = Object::open(out);
        item.plain("payment", payment.payment);
        if let Some(part) = &payment.part {
            item.text("part", part);
        }
        item.instant("at", payment.at, super::zone(site, &charge.lot, payment.at));
        money(&mut item, "amount", payment.amount, charge.currency);
        if let Some(method) = &payment.method {
            item.text("method", method);
        }
        item.close();
    });
    money(&mut object, "outstanding", charge.outstanding, charge.currency);
    object.list("adjusted_by", &charge.adjusted_by, |out, action| string(out, action.as_str()));
    let mut release = Object::open(object.key("release"));
    release.plain("parkline", RELEASE);
    release.plain("tzdb", tzdb_version());
    release.close();
    object.close();
}

const fn order(order: Order) -> &'static str {
    match order {
        Order::Void => "void",
        Order::Exception => "exception",
        Order::Running => "running",
        Order::Free => "free",
        Order::Unpaid => "unpaid",
        Order::Complete => "complete",
    }
}

/// An amount with the decimals of its currency; with two where no tariff has told it yet.
fn money(object: &mut Object<'_>, name: &str, amount: Amount, currency: Option<Currency>) {
    match currency.or_else(|| Currency::parse("CNY").ok()) {
        Some(currency) => object.plain(name, amount.in_currency(currency)),
        None => object.plain(name, amount),
    }
}

/// The receipt's members. What was paid too much counts all payments, whenever made; what the plate used before
/// stands only where the tariff looks at it.
fn copy_receipt(object: &mut Object<'_>, receipt: &str, charge: &ChargeRecord) {
    let mut overpaid = Some(charge.overpaid).filter(|amount| *amount > Amount::ZERO);
    each_member(receipt, |name, json| match name {
        "overpaid" => {}
        "used" if !charge.show_used => {}
        _ => {
            object.raw(name, json.as_bytes());
            if name == "due"
                && let Some(amount) = overpaid.take()
            {
                money(object, "overpaid", amount, charge.currency);
            }
        }
    });
}

/// Calls `each` with every member of an object, in order.
fn each_member(object: &str, each: impl FnMut(&str, &str)) {
    struct Members<F>(F);
    impl<'de, F: FnMut(&str, &str)> Visitor<'de> for Members<F> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
            while let Some((name, value)) = map.next_entry::<&str, &RawValue>()? {
                (self.0)(name, value.get());
            }
            Ok(())
        }
    }
    // The receipt comes from the tariff engine, which writes objects with plain names.
    let _ = serde_json::Deserializer::from_str(object).deserialize_map(Members(each));
}
