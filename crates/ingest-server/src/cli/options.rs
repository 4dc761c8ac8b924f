//! From the settings to what the server is started with.

use device_codec::Protocol;
use parking_types::Span;

use super::CannotRun;
use crate::{
    api::Tokens,
    archive::Retention,
    config::{self, ConfigError, Effective, Environment, Given, MQTT_PASSWORD, SECRETS, TOKENS},
    listener::{
        self, Port,
        mqtt::{Broker, BrokerTls, Subscription},
    },
    secrets::{Source, Text},
    server::{Place, ServerOptions},
    telemetry::Telemetry,
};

impl From<ConfigError> for CannotRun {
    fn from(error: ConfigError) -> Self {
        Self::new(error)
    }
}

/// What holds for a command in this process.
pub(super) fn effective(given: &Given) -> Result<Effective, CannotRun> {
    let folder = std::env::current_dir().map_err(CannotRun::new)?;
    Ok(given.effective(Environment::here(), &folder)?)
}

/// Of variables that were meant for us and are none of ours.
pub(super) fn unknown(effective: &Effective) -> impl Iterator<Item = String> {
    let sentence = |name: &str| format!("the variable {name} is no option: nothing reads it");
    effective.unknown_variables().into_iter().map(sentence)
}

/// What is told, and to whom.
pub(super) fn telemetry(effective: &Effective) -> Telemetry {
    let settings = &effective.settings.telemetry;
    Telemetry { logs: settings.logs.unwrap_or_default(), otlp: settings.otlp.clone() }
}

/// What the server is started with.
///
/// # Errors
/// The option that cannot be used, and who set it.
pub(super) fn server(effective: &Effective) -> Result<ServerOptions, ConfigError> {
    let settings = &effective.settings;
    let site = settings
        .site
        .clone()
        .ok_or_else(|| effective.missing("site", "there is no site (`parkline init` writes an example)"))?;
    let tcp = match settings.listen.tcp.as_deref() {
        None | Some("none") => None,
        Some(_) if !settings.kafka.role.unwrap_or_default().listens() => None,
        Some(address) => {
            let wrong = |_| effective.wrong("listen.tcp", format!("{address} is no address and port"));
            Some(address.parse().map_err(wrong)?)
        }
    };
    let http = settings.listen.http.ok_or_else(|| effective.missing("listen.http", "HTTP has no address"))?;
    let (tokens, log, mut listeners) = (tokens(effective)?, place(effective)?, listeners(effective)?);
    if !settings.kafka.role.unwrap_or_default().listens() {
        (listeners.ports, listeners.broker) = (Vec::new(), None);
    }
    let (retention, objects) = (retention(effective)?, config::objects(effective)?);
    let partitions = settings.partitions;
    Ok(ServerOptions { site, log, tcp, http, tokens, partitions, listeners, retention, objects })
}

fn retention(effective: &Effective) -> Result<Retention, ConfigError> {
    let settings = &effective.settings.retention;
    let span = |path: &str, text: &Option<String>| -> Result<Option<Span>, ConfigError> {
        let wrong = |text: &String| effective.wrong(path, format!("{text} is no span"));
        let read =
            |text: &String| text.parse().ok().filter(|span| *span > Span::ZERO).ok_or_else(|| wrong(text));
        text.as_ref().map(read).transpose()
    };
    let keep = span("retention.keep", &settings.keep)?;
    let photos = span("retention.photos", &settings.photos)?;
    if keep.is_some() && settings.archive.is_none() {
        return Err(
            effective.missing("retention.archive", "frames leave the data folder for an archive only")
        );
    }
    Ok(Retention { keep, photos, archive: settings.archive.clone() })
}

fn tokens(effective: &Effective) -> Result<Tokens, ConfigError> {
    const OPTION: &str = "access.tokens_file";
    match &effective.settings.access.tokens_file {
        Some(path) => {
            let unreadable = |e| effective.wrong(OPTION, format!("cannot read {}: {e}", path.display()));
            let text = std::fs::read_to_string(path).map_err(unreadable)?;
            Tokens::parse(&text).map_err(|error| effective.wrong(OPTION, error))
        }
        None => {
            let text = effective.environment.get(TOKENS).unwrap_or_default();
            let wrong = |error| ConfigError { place: TOKENS.to_owned(), why: format!("{error}") };
            Tokens::parse(text).map_err(wrong)
        }
    }
}

fn place(effective: &Effective) -> Result<Place, ConfigError> {
    let settings = &effective.settings;
    match (&settings.data, &settings.kafka.url) {
        (Some(_), Some(_)) => {
            Err(effective.wrong("kafka.url", "a data folder is set too (data); only one of them can be"))
        }
        (None, Some(address)) => cluster(effective, address),
        (None, None) => {
            Err(effective.missing("data", "there is neither a data folder nor a log on Kafka (kafka.url)"))
        }
        (Some(data), None) => {
            let alone =
                ["properties_file", "instance", "single_copy", "role"].map(|name| format!("kafka.{name}"));
            match alone.iter().find(|path| effective.is_set(path)) {
                Some(path) => Err(effective.wrong(path, "says something only with kafka.url")),
                None => Ok(Place::Folder(data.clone())),
            }
        }
    }
}

#[cfg(feature = "kafka")]
fn cluster(effective: &Effective, address: &str) -> Result<Place, ConfigError> {
    const PROPERTIES: &str = "kafka.properties_file";
    let settings = &effective.settings;
    let options = crate::log::KafkaOptions::at(address);
    let mut options = options.map_err(|error| effective.wrong("kafka.url", error))?;
    options.partitions = settings.partitions;
    options.single_copy = settings.kafka.single_copy.unwrap_or_default();
    if let Some(path) = &settings.kafka.properties_file {
        let unreadable = |e| effective.wrong(PROPERTIES, format!("cannot read {}: {e}", path.display()));
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let wrong = |line| effective.wrong(PROPERTIES, format!("line {line} is no NAME=VALUE"));
        options.read_properties(&text).map_err(wrong)?;
    }
    let (instance, role) = (settings.kafka.instance.clone(), settings.kafka.role.unwrap_or_default());
    let (works, follows) = (role.works(), role.follows());
    Ok(Place::Cluster(crate::cluster::Cluster { options, instance, works, follows }))
}

#[cfg(not(feature = "kafka"))]
fn cluster(effective: &Effective, _: &str) -> Result<Place, ConfigError> {
    let why =
        "this parkline was built without Kafka: cargo build --release -p ingest-server --features kafka";
    Err(effective.wrong("kafka.url", why))
}

fn listeners(effective: &Effective) -> Result<listener::Options, ConfigError> {
    let settings = &effective.settings;
    let secrets = match (&settings.access.secrets_file, effective.environment.get(SECRETS)) {
        (Some(path), _) => Source::File(path.clone()),
        (None, Some(text)) => Source::Text(Text(text.to_owned())),
        (None, None) => Source::None,
    };
    let wrong = |text: &String, why| effective.wrong("listen.ports", format!("{text}: {why}"));
    let ports = settings.listen.ports.iter().flatten();
    let ports = ports.map(|text| port(text).map_err(|why| wrong(text, why))).collect::<Result<_, _>>()?;
    let broker = settings.mqtt.url.as_deref().map(|url| broker(effective, url)).transpose()?;
    if broker.is_none() && effective.is_set("mqtt.topics") {
        return Err(effective.missing("mqtt.url", "there are topics but no broker"));
    }
    Ok(listener::Options {
        secrets,
        ports,
        broker,
        limits: config::limits(effective)?,
        tls: config::tls(effective)?,
        balancers: config::balancers(effective)?,
    })
}

fn broker(effective: &Effective, url: &str) -> Result<Broker, ConfigError> {
    let mqtt = &effective.settings.mqtt;
    let Address { user, host, port, tls } =
        address(url).ok_or_else(|| effective.wrong("mqtt.url", "expected mqtt[s]://[USER@]HOST[:PORT]"))?;
    let tls = broker_tls(effective, tls)?;
    let subscription = |text: &String| {
        let wrong = || effective.wrong("mqtt.topics", format!("{text}: expected what comes, = and a filter"));
        Subscription::parse(text).ok_or_else(wrong)
    };
    let subscriptions: Vec<_> = mqtt.topics.iter().flatten().map(subscription).collect::<Result<_, _>>()?;
    if subscriptions.is_empty() {
        return Err(effective.missing("mqtt.topics", "the broker has no topics to listen to"));
    }
    let password = effective.environment.get(MQTT_PASSWORD).unwrap_or_default();
    Ok(Broker {
        host: host.to_owned(),
        port,
        client_id: mqtt.client_id.clone().unwrap_or_default(),
        login: user.map(|user| (user.to_owned(), Text(password.to_owned()))),
        tls,
        subscriptions,
    })
}

fn broker_tls(effective: &Effective, tls: bool) -> Result<Option<BrokerTls>, ConfigError> {
    let mqtt = &effective.settings.mqtt;
    let mut files = ["mqtt.authorities", "mqtt.certificate", "mqtt.key"].into_iter();
    if let Some(path) = files.find(|path| !tls && effective.is_set(path)) {
        return Err(effective.wrong(path, "says something only with mqtts://"));
    }
    let ours = match (&mqtt.certificate, &mqtt.key) {
        (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
        (None, None) => None,
        (Some(_), None) => return Err(effective.missing("mqtt.key", "there is a certificate but no key")),
        (None, Some(_)) => {
            return Err(effective.missing("mqtt.certificate", "there is a key but no certificate"));
        }
    };
    Ok(tls.then(|| BrokerTls { authorities: mqtt.authorities.clone(), ours }))
}

/// Host and port of a broker, as a socket takes them.
pub(super) fn broker_address(url: &str) -> Option<String> {
    let Address { host, port, .. } = address(url)?;
    Some(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}

/// Where a broker is.
#[derive(Debug, PartialEq, Eq)]
struct Address<'u> {
    user: Option<&'u str>,
    host: &'u str,
    port: u16,
    tls: bool,
}

fn address(url: &str) -> Option<Address<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    let (tls, usual) = match scheme {
        "mqtt" => (false, 1883),
        "mqtts" => (true, 8883),
        _ => return None,
    };
    let (user, rest) = rest.split_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
    let bracketed = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) = match bracketed {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    // A password there would stand in the list of processes.
    let fits = !host.is_empty()
        && !host.contains('/')
        && user.is_none_or(|user| !user.is_empty() && !user.contains(':'));
    let port = port.map_or(Some(usual), |port| port.parse().ok())?;
    fits.then_some(Address { user, host, port, tls })
}

fn port(text: &str) -> Result<Port, &'static str> {
    let (protocol, address) = text.split_once('=').ok_or("expected PROTOCOL=ADDR")?;
    let protocol = Protocol::parse(protocol).ok_or("no such protocol")?;
    let address = address.parse().map_err(|_| "expected an address and port behind =")?;
    Port::new(protocol, address).ok_or("this protocol does not come on a port of its own")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brokers_address_holds_no_password() {
        let at = |user, host, port, tls| Some(Address { user, host, port, tls });
        assert_eq!(address("mqtt://broker"), at(None, "broker", 1883, false));
        assert_eq!(address("mqtt://me@10.0.0.1:1884"), at(Some("me"), "10.0.0.1", 1884, false));
        assert_eq!(address("mqtts://[::1]:1884"), at(None, "::1", 1884, true));
        assert_eq!(address("mqtts://broker"), at(None, "broker", 8883, true));
        for bad in [
            "broker",
            "mqtt://",
            "https://broker",
            "mqtt://me:pass@broker",
            "mqtt://broker:x",
            "mqtt://broker/x",
        ] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }

    #[test]
    fn ports_are_for_protocols_that_have_one() {
        assert_eq!(port("f6213=127.0.0.1:7501").unwrap().protocol, Protocol::F6213);
        assert_eq!(port("milesight-tcp=[::1]:0").unwrap().protocol, Protocol::MilesightTcp);
        for (bad, why) in [
            ("f6213", "PROTOCOL=ADDR"),
            ("nobody=127.0.0.1:1", "no such protocol"),
            ("f6213=here", "address and port"),
            ("vz-http=127.0.0.1:1", "port of its own"),
            ("parkline=127.0.0.1:1", "port of its own"),
        ] {
            assert!(port(bad).unwrap_err().contains(why), "{bad}");
        }
    }
}
