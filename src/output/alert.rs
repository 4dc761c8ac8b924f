//! Alert records.

use session_core::{AlertRecord, Severity};

use super::json::Object;
use crate::site::Site;

pub(super) fn write(out: &mut Vec<u8>, alert: &AlertRecord, site: &Site) {
    let zone = alert.lot.and_then(|lot| super::zone(site, &lot, alert.opened_at));
    let mut object = Object::record(out);
    object.plain("alert", alert.alert);
    object.plain("kind", alert.kind.as_str());
    object.plain(
        "severity",
        match alert.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        },
    );
    object.maybe("lot", alert.lot);
    object.maybe("berth", alert.berth);
    object.maybe("lane", alert.lane);
    object.maybe("device", alert.device);
    object.maybe("session", alert.session);
    object.maybe("plate", alert.plate);
    object.instant("opened_at", alert.opened_at, zone);
    object.instant("last_at", alert.last_at, zone);
    object.number("count", alert.count);
    if let Some(at) = alert.closed_at {
        object.instant("closed_at", at, zone);
    }
    if let Some(detail) = &alert.detail {
        object.text("detail", detail);
    }
    object.close();
}
