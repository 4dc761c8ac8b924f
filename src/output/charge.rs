//! Charge records: the receipt, and what the session machine adds to it.

use std::sync::LazyLock;

use memchr::memmem::{Finder, FinderRev};
use parking_types::{Amount, Currency, tzdb_version};
use session_core::{ChargeRecord, Order};

use super::json::{Key, Object, key, string};
use crate::site::Site;

/// This release of Parkline: with it and the documents of the receipt, a charge can be computed again.
const RELEASE: &str = env!("CARGO_PKG_VERSION");

pub(super) fn write(out: &mut Vec<u8>, charge: &ChargeRecord, site: &Site) {
    let mut object = Object::record(out);
    object.plain(key!("tenant"), site.tenant());
    object.plain(key!("session"), charge.session);
    object.number(key!("revision"), charge.revision);
    object.plain(key!("lot"), charge.lot);
    object.maybe(key!("plate"), charge.plate);
    if let Some(receipt) = &charge.receipt {
        copy_receipt(&mut object, receipt, charge);
    }
    object.plain(key!("order"), order(charge.order));
    object.list(key!("payments"), &charge.payments, |out, payment| {
        let mut item = Object::open(out);
        item.plain(key!("payment"), payment.payment);
        if let Some(part) = &payment.part {
            item.text(key!("part"), part);
        }
        item.instant(key!("at"), payment.at, super::zone(site, &charge.lot, payment.at));
        money(&mut item, key!("amount"), payment.amount, charge.currency);
        if let Some(method) = &payment.method {
            item.text(key!("method"), method);
        }
        item.close();
    });
    money(&mut object, key!("outstanding"), charge.outstanding, charge.currency);
    object.list(key!("adjusted_by"), &charge.adjusted_by, |out, action| string(out, action.as_str()));
    let mut release = Object::open(object.key(key!("release")));
    release.plain(key!("parkline"), RELEASE);
    release.plain(key!("tzdb"), tzdb_version());
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
fn money(object: &mut Object<'_>, name: Key, amount: Amount, currency: Option<Currency>) {
    match currency.or_else(|| Currency::parse("CNY").ok()) {
        Some(currency) => object.plain(name, amount.in_currency(currency)),
        None => object.plain(name, amount),
    }
}

/// The receipt's members. What was paid too much counts all payments, whenever made; what the plate used before
/// stands only where the tariff looks at it.
fn copy_receipt(object: &mut Object<'_>, receipt: &str, charge: &ChargeRecord) {
    let Parts { money: amounts, lines, used, documents } = Parts::of(receipt);
    object.members(amounts);
    if !lines.is_empty() && charge.overpaid > Amount::ZERO {
        money(object, key!("overpaid"), charge.overpaid, charge.currency);
    }
    object.members(lines);
    if charge.show_used {
        object.members(used);
    }
    object.members(documents);
}

/// A receipt's members in the order in which the tariff engine writes them, cut where a charge differs.
///
/// Quotes within a value are escaped, so what the cuts are made at stands nowhere else.
#[derive(Debug, PartialEq)]
struct Parts<'r> {
    /// Up to `due`; of a receipt without a price, everything.
    money: &'r str,
    /// `lines` and `next_change`.
    lines: &'r str,
    /// `used`.
    used: &'r str,
    /// The tariff and the calendar.
    documents: &'r str,
}

static LINES: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(",\"lines\":["));
static OVERPAID: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(",\"overpaid\":"));
static USED: LazyLock<FinderRev<'_>> = LazyLock::new(|| FinderRev::new(",\"used\":{"));
static TARIFF: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(",\"tariff\":{"));

impl<'r> Parts<'r> {
    fn of(receipt: &'r str) -> Self {
        let members = receipt.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(receipt);
        let (money, rest) = cut(members, LINES.find(members.as_bytes()));
        let (money, _overpaid) = cut(money, OVERPAID.find(money.as_bytes()));
        let (lines, rest) = cut(rest, USED.rfind(rest.as_bytes()));
        let (used, documents) = cut(rest, TARIFF.find(rest.as_bytes()));
        Self { money, lines, used, documents }
    }
}

/// The text before a place and from it on.
fn cut(text: &str, at: Option<usize>) -> (&str, &str) {
    at.and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tariff_engine::{Stay, Tariff, price};

    #[test]
    fn a_receipt_is_cut_where_a_charge_differs() {
        let tariff = Tariff::from_json(
            br#"{ "format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai", "rules": [
                { "id": "a,\"used\":{ \"lines\":[", "charge": { "steps": [ { "every": "1h", "price": "2" } ] } } ] }"#,
        )
        .unwrap();
        let stay = Stay::from_json(
            br#"{ "id": "a1", "entry": "2026-03-02T08:00:00+08:00", "exit": "2026-03-02T10:20:00+08:00",
                "paid": [ { "at": "2026-03-02T08:30:00+08:00", "amount": "9" } ] }"#,
        )
        .unwrap();
        let receipt = price(&tariff, None, &stay).unwrap().to_json();
        let parts = Parts::of(&receipt);
        assert!(
            parts.money.starts_with("\"id\":\"a1\"") && parts.money.ends_with("\"due\":\"0.00\""),
            "{parts:?}"
        );
        assert!(
            parts.lines.starts_with(",\"lines\":[{") && parts.lines.contains(",\"next_change\":"),
            "{parts:?}"
        );
        assert!(
            parts.used.starts_with(",\"used\":{\"2026-03-02\":{") && parts.used.ends_with("}}"),
            "{parts:?}"
        );
        assert!(parts.documents.starts_with(",\"tariff\":{") && parts.documents.contains(",\"calendar\":"));
        let whole =
            [parts.money, ",\"overpaid\":\"3.00\"", parts.lines, parts.used, parts.documents].concat();
        assert_eq!(format!("{{{whole}}}"), receipt);
    }

    #[test]
    fn a_receipt_without_a_price_is_kept_whole() {
        let error = r#"{"id":"a1","error":{"code":"overflow","message":"m","path":""}}"#;
        let parts = Parts::of(error);
        assert_eq!((parts.money.len() + 2, parts.lines, parts.used), (error.len(), "", ""));
    }
}
