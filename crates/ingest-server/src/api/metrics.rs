//! `/metrics`: what is counted, in Prometheus' text format.

use axum::{extract::State, http::header, response::IntoResponse};

use super::{Api, health};
use crate::metrics::{head, line, process, value};

/// How many devices of our partitions are in contact; a site of a hundred thousand takes milliseconds.
fn devices(api: &Api, out: &mut String) {
    let inner = &api.0;
    let devices = inner.guard.directory.devices();
    let ours =
        devices.iter().map(|device| &**device).filter(|device| inner.ownership.is_ours(device.partition));
    let count = inner.desk.contact.count(ours, &inner.desk.alerts.silent_lots());
    head(
        out,
        "parkline_devices",
        "gauge",
        "Devices of the site, by kind and by whether they are in contact.",
    );
    for (kind, state, number) in count.of() {
        let (kind, state) = (kind.word(), state.word());
        line(out, format_args!("parkline_devices{{kind=\"{kind}\",state=\"{state}\"}} {number}"));
    }
}

/// A fixed list of metrics (`docs/operations.md`); no plate, device or address is in it.
pub(super) async fn metrics(State(api): State<Api>) -> impl IntoResponse {
    let mut out = String::with_capacity(16 << 10);
    let inner = &api.0;
    inner.intake.metrics().write(&mut out);
    let (waiting, most) = inner.intake.waiting_bytes();
    value(
        &mut out,
        "parkline_waiting_bytes",
        "gauge",
        "Bytes that are not yet durable and applied.",
        waiting,
    );
    value(&mut out, "parkline_waiting_bytes_max", "gauge", "Bytes that may.", most);
    let open = inner.desk.view.open();
    value(&mut out, "parkline_sessions_open", "gauge", "Sessions whose vehicle is there.", open);
    let full = (0..inner.log.partitions()).any(|partition| inner.intake.is_full(partition));
    value(&mut out, "parkline_disk_full", "gauge", "1 while the disk has no room.", u64::from(full));
    let live = inner.desk.view.len() as u64;
    value(&mut out, "parkline_sessions_live", "gauge", "Sessions that frames can still change.", live);
    let ready = u64::from(health::why_not(&api).is_none());
    value(&mut out, "parkline_ready", "gauge", "1 when frames can be taken.", ready);
    let draining = u64::from(inner.health.is_draining());
    value(&mut out, "parkline_draining", "gauge", "1 when the server is stopping.", draining);
    head(&mut out, "parkline_outputs_total", "counter", "Records that workers published since the start.");
    for (topic, count) in inner.desk.published() {
        line(&mut out, format_args!("parkline_outputs_total{{topic=\"{topic}\"}} {count}"));
    }
    head(&mut out, "parkline_lag_records", "gauge", "Durable records that are not yet applied.");
    for partition in 0..inner.log.partitions() {
        let lag = inner.intake.durable_to(partition).saturating_sub(inner.desk.applied_to(partition));
        line(&mut out, format_args!("parkline_lag_records{{partition=\"{partition}\"}} {lag}"));
    }
    let (at, of) =
        health::restoring(&api).fold((0, 0), |(at, of), (_, part)| (at + part.0.min(part.1), of + part.1));
    let help = "Records of partitions that are being restored: applied.";
    value(&mut out, "parkline_restored_records", "gauge", help, at);
    value(&mut out, "parkline_restored_records_of", "gauge", "… and committed.", of);
    let lacking = inner.desk.view.lacking() as u64;
    let help = "Partitions of other processes whose sessions are not read yet.";
    value(&mut out, "parkline_unread_partitions", "gauge", help, lacking);
    devices(&api, &mut out);
    head(&mut out, "parkline_build_info", "gauge", "Which version this is.");
    line(&mut out, format_args!("parkline_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")));
    process::write(&mut out);
    let disk = inner.data.as_deref().and_then(process::disk).unwrap_or_default();
    let help = "Bytes of the data folder's disk that the server may still use.";
    value(&mut out, "parkline_disk_free_bytes", "gauge", help, disk.free);
    value(&mut out, "parkline_disk_bytes", "gauge", "Bytes of that disk; 0 without a data folder.", disk.all);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], out)
}
