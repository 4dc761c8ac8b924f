//! The machine, and what lies beyond it: clock, files, addresses, brokers, devices that we dial.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    path::Path,
    process::Command,
    time::Duration,
};

use super::Finding;
use device_codec::Protocol;
use parking_types::Span;
use serde_json::Value;

use crate::{
    cli::{http, options},
    clock::Clock,
    config::Effective,
    listener::{self, tls},
    objects::{Objects, ObjectsAt},
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

/// Object storage: whether something can be written there, read and taken away.
pub(super) fn objects(at: &ObjectsAt, tell: &mut dyn FnMut(Finding)) {
    const DO: &str = "is the bucket there, may these credentials write, read, list and delete in it, is the way to it open? \
        docs/configuration.md#object-storage; photos wait in the data folder meanwhile";
    let asking = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let probed = asking.map_err(|error| error.to_string()).and_then(|asking| {
        let probed = Objects::open(at, "").map(|objects| asking.block_on(objects.probe()));
        probed.and_then(|probed| probed).map_err(|error| error.to_string())
    });
    tell(match probed {
        Ok(()) => {
            Finding::well("object storage", format!("{}: written, read, listed and taken away", at.bucket))
        }
        Err(why) => Finding::bad("object storage", why, DO),
    });
}

/// The devices that we dial.
pub(super) fn devices(site: &Path, tell: &mut dyn FnMut(Finding)) {
    let Ok(site) = SiteDocuments::read(site).and_then(|documents| documents.merged()) else { return };
    let devices = site.get("devices").and_then(|devices| devices.as_array()).into_iter().flatten();
    let dialled: Vec<(&str, String)> = devices.filter_map(dialled).collect();
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

/// A device that we dial, and where: its protocol's own port where the site names none.
fn dialled(device: &Value) -> Option<(&str, String)> {
    let text = |field: &str| device.get(field)?.as_str();
    let (id, address) = (text("id")?, text("address")?);
    let whole = text("protocol").and_then(Protocol::parse);
    let whole = whole.and_then(|protocol| listener::dial::Address::parse(address, protocol));
    Some((id, whole.map_or_else(|| address.to_owned(), |whole| whole.to_string())))
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

    #[test]
    fn a_device_is_looked_for_where_it_is_called() {
        let at = |device: Value| dialled(&device).map(|(_, address)| address);
        let whole = |protocol: &str, address: &str| {
            at(serde_json::json!({"id": "a", "protocol": protocol, "address": address}))
        };
        assert_eq!(whole("vz-tcp", "10.0.0.9").as_deref(), Some("10.0.0.9:8131"));
        assert_eq!(whole("dahua-http", "10.0.0.9:8000").as_deref(), Some("10.0.0.9:8000"));
        assert_eq!(
            whole("barrier-aa55", "10.0.0.9").as_deref(),
            Some("10.0.0.9"),
            "that is told as it stands"
        );
        assert_eq!(at(serde_json::json!({"id": "a"})), None);
    }
}
