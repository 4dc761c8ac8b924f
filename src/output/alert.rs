//! Alert records.

use session_core::{AlertRecord, Severity};

use super::json::{Object, key};
use crate::site::Site;

pub(super) fn write(out: &mut Vec<u8>, alert: &AlertRecord, site: &Site) {
    let zone = alert.lot.and_then(|lot| super::zone(site, &lot, alert.opened_at));
    let mut object = Object::record(out);
    object.plain(key!("alert"), alert.alert);
    object.plain(key!("kind"), alert.kind.as_str());
    object.plain(
        key!("severity"),
        match alert.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        },
    );
    object.maybe(key!("lot"), alert.lot);
    object.maybe(key!("berth"), alert.berth);
    object.maybe(key!("lane"), alert.lane);
    object.maybe(key!("device"), alert.device);
    object.maybe(key!("session"), alert.session);
    object.maybe(key!("plate"), alert.plate);
    object.instant(key!("opened_at"), alert.opened_at, zone);
    object.instant(key!("last_at"), alert.last_at, zone);
    object.number(key!("count"), alert.count);
    if let Some(at) = alert.closed_at {
        object.instant(key!("closed_at"), at, zone);
    }
    if let Some(detail) = &alert.detail {
        object.text(key!("detail"), detail);
    }
    object.close();
}
