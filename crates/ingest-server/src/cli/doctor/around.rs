//! The machine, and what lies beyond it: clock, files, addresses, brokers, devices that we dial.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    path::Path,
    process::Command,
    time::Duration,
};

use super::Finding;
use parking_types::Span;

use crate::{
    cli::{http, options},
    clock::Clock,
    config::Effective,
    listener::{self, tls},
    sitefile::SiteDocuments,
};

/// How long a broker or a device may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// A connection is a file; a city has as many as this.
const FILES: u64 = 65_536;
/// A certificate that ends sooner than this should be on its way.
const SOON: Span = Span::from_days(30);
const RENEW: &str = "put a new one in its place: the server sees it within seconds and loses no connection";
/// Devices that are named where many cannot be reached.
const NAMED: usize = 10;

/// Whether something keeps the clock right.
pub(super) fn clock(tell: &mut dyn FnMut(Finding)) {
    const DO: &str = "run chrony or systemd-timesyncd: stays are priced by this clock, and one that is set back stops the server";
    let told = Command::new("timedatectl").args(["show", "--property=NTPSynchronized", "--value"]).output();
    let told =
        told.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    tell(match told.as_str() {
        "yes" => Finding::well("clock", "it is synchronised"),
        "no" => Finding::bad("clock", "it is not synchronised", DO),
        _ => Finding::doubtful("clock", "nobody here says whether it is synchronised", DO),
    });
}

/// How many files this user may have open. A service has limits of its own.
pub(super) fn files(tell: &mut dyn FnMut(Finding)) {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let most: Option<u64> = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok());
    tell(match most {
        Some(most) if most < FILES => Finding::doubtful(
            "open files",
            format!("{most} may be open here"),
            "a connection is a file: LimitNOFILE=65536 in the unit, or `ulimit -n 65536`",
        ),
        Some(most) => Finding::well("open files", format!("{most} may be open")),
        None => Finding::doubtful(
            "open files",
            "the system does not say how many may be open",
            "look at `ulimit -n`",
        ),
    });
}

/// Whether certificates are good, and for how long.
pub(super) fn certificates(options: &listener::Options, tell: &mut dyn FnMut(Finding)) {
    let authorities = options.broker.as_ref().and_then(|broker| broker.tls.as_ref()?.authorities.clone());
    let files = options.certificate_files().into_iter().map(|(_, path)| path).chain(authorities);
    for path in files {
        let place = path.display();
        // What cannot be read is told with the settings.
        let Ok(end) = tls::end(&path) else { continue };
        let left = end - Clock::system().now();
        tell(if left <= Span::ZERO {
            Finding::bad("certificate", format!("{place}: it ended at {end}"), RENEW)
        } else if left < SOON {
            Finding::doubtful("certificate", format!("{place}: it ends at {end}"), RENEW)
        } else {
            Finding::well("certificate", format!("{place}: good until {end}"))
        });
    }
}

/// What `/readyz` says, where a server answers.
pub(super) fn running(address: SocketAddr) -> Option<http::Answer> {
    http::request(address, "GET", "/readyz", &[], "").ok()
}

pub(super) fn addresses(effective: &Effective, running: Option<http::Answer>, tell: &mut dyn FnMut(Finding)) {
    if let Some(answer) = running {
        return tell(match answer.status {
            200 => Finding::well("server", "it runs and takes frames"),
            _ => Finding::bad(
                "server",
                answer.body,
                "docs/runbook.md, ParklineNotReady, has what to do about each reason",
            ),
        });
    }
    let listen = &effective.settings.listen;
    let tcp = listen.tcp.as_deref().and_then(|tcp| tcp.parse().ok());
    for address in listen.http.into_iter().chain(tcp) {
        tell(match TcpListener::bind(address) {
            Ok(_) => Finding::well("address", format!("{address} can be listened on")),
            Err(error) => Finding::bad(
                "address",
                format!("{address} cannot be listened on: {error}"),
                "`ss -ltnp` says who has it; ports below 1024 need CAP_NET_BIND_SERVICE",
            ),
        });
    }
}

pub(super) fn brokers(effective: &Effective, tell: &mut dyn FnMut(Finding)) {
    let mqtt = effective.settings.mqtt.url.as_deref().and_then(options::broker_address);
    let kafka = effective.settings.kafka.url.as_deref().and_then(|url| url.strip_prefix("kafka://"));
    let kafka = kafka.and_then(|rest| rest.split('/').next()).into_iter().flat_map(|hosts| hosts.split(','));
    for (what, place) in mqtt
        .map(|place| ("MQTT broker", place))
        .into_iter()
        .chain(kafka.map(|k| ("Kafka broker", k.to_owned())))
    {
        tell(match reach(&place) {
            Ok(()) => Finding::well(what, format!("{place} takes connections")),
            Err(why) => Finding::bad(
                what,
                format!("{place}: {why}"),
                "is it running, and is the way to it open? `nc -vz HOST PORT` from here",
            ),
        });
    }
}

/// The devices that we dial.
pub(super) fn devices(site: &Path, tell: &mut dyn FnMut(Finding)) {
    let Ok(site) = SiteDocuments::read(site).and_then(|documents| documents.merged()) else { return };
    let devices = site.get("devices").and_then(|devices| devices.as_array()).into_iter().flatten();
    let dialled: Vec<(&str, &str)> = devices
        .filter_map(|device| Some((device.get("id")?.as_str()?, device.get("address")?.as_str()?)))
        .collect();
    if dialled.is_empty() {
        return;
    }
    let silent: Vec<String> = dialled
        .iter()
        .filter_map(|(id, address)| reach(address).err().map(|why| format!("{id} ({address}: {why})")))
        .collect();
    let (count, all) = (silent.len(), dialled.len());
    if count == 0 {
        return tell(Finding::well("devices", format!("all {all} that have an address take connections")));
    }
    let named = silent.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let message = format!("{count} of {all} that have an address do not answer: {named}");
    tell(Finding::bad(
        "devices",
        message,
        "power, cable, VPN and firewall of these; is `address` HOST:PORT of the device itself?",
    ));
}

/// Whether something takes connections at `HOST:PORT`.
fn reach(place: &str) -> Result<(), String> {
    let bare = place.split_once("://").map_or(place, |(_, rest)| rest);
    let addresses = bare.to_socket_addrs().map_err(|error| error.to_string())?;
    let mut last = "no such host".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_) => return Ok(()),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_connections_is_reached_and_what_does_not_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.json");
        let site = serde_json::json!({"devices": [{"id": "a", "address": there.to_string()}, {"id": "b", "address": gone.to_string()}, {"id": "c"}]});
        fs::write(&path, site.to_string()).unwrap();
        let mut found = Vec::new();
        devices(&path, &mut |finding| found.push(finding));
        assert!(
            found.len() == 1 && found[0].message.starts_with("1 of 2") && found[0].message.contains("b ("),
            "{found:?}"
        );
        assert_eq!(reach(&format!("mqtt://{there}")), Ok(()));
    }
}
