//! What listeners are told on the command line.

use std::path::PathBuf;

use device_codec::Protocol;

use super::CannotRun;
use crate::{
    listener::{
        Limits, Options, Port,
        mqtt::{Broker, Subscription},
    },
    secrets::{Source, Text},
};

/// Where the password for the broker stands.
const MQTT_PASSWORD: &str = "PARKLINE_MQTT_PASSWORD";
/// Where secrets stand if no file is named.
const SECRETS: &str = "PARKLINE_SECRETS";

#[derive(Debug, clap::Args)]
pub(super) struct Listeners {
    /// Keys and tokens of the site's devices: a file of lines NAME KEY_ID HEX or NAME token TEXT; else the variable
    /// PARKLINE_SECRETS with such lines
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
    /// A port for another protocol, as often as needed: f6213 (UDP), milesight-tcp, vz-tcp, barrier-aa55
    #[arg(long, value_name = "PROTOCOL=ADDR")]
    port: Vec<String>,
    /// A broker that devices publish to: mqtt://[USER@]HOST[:PORT]; the user's password stands in the variable
    /// PARKLINE_MQTT_PASSWORD
    #[arg(long, value_name = "URL", requires = "mqtt_topic")]
    mqtt: Option<String>,
    /// What is listened to there, as often as needed: vz-mqtt=device/+/message/up/#, yuncitys-gateway=FILTER,
    /// the-things-stack=v3/+/devices/+/up, chirpstack=FILTER, loriot=FILTER, generic=FILTER
    #[arg(long, value_name = "WHAT=FILTER", requires = "mqtt")]
    mqtt_topic: Vec<String>,
    /// The name of our session at the broker; another server needs another one
    #[arg(long, value_name = "ID", default_value = "parkline")]
    mqtt_client_id: String,
}

impl Listeners {
    pub(super) fn options(&self) -> Result<Options, CannotRun> {
        let secrets = match &self.secrets {
            Some(path) => Source::File(path.clone()),
            None => std::env::var(SECRETS).map_or(Source::None, |text| Source::Text(Text(text))),
        };
        let ports = self.port.iter().map(|text| port(text)).collect::<Result<_, _>>()?;
        let broker = self.mqtt.as_deref().map(|url| self.broker(url)).transpose()?;
        Ok(Options { secrets, ports, broker, limits: Limits::default() })
    }

    fn broker(&self, url: &str) -> Result<Broker, CannotRun> {
        let password = std::env::var(MQTT_PASSWORD).unwrap_or_default();
        let (user, host, port) =
            address(url).ok_or_else(|| CannotRun("--mqtt: expected mqtt://[USER@]HOST[:PORT]".to_owned()))?;
        let subscription = |text: &String| {
            Subscription::parse(text)
                .ok_or_else(|| CannotRun(format!("--mqtt-topic {text}: expected what comes, = and a filter")))
        };
        Ok(Broker {
            host: host.to_owned(),
            port,
            client_id: self.mqtt_client_id.clone(),
            login: user.map(|user| (user.to_owned(), Text(password))),
            subscriptions: self.mqtt_topic.iter().map(subscription).collect::<Result<_, _>>()?,
        })
    }
}

/// User, host and port of a broker.
fn address(url: &str) -> Option<(Option<&str>, &str, u16)> {
    let rest = url.strip_prefix("mqtt://")?;
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
    Some((user, host, port.map_or(Some(1883), |port| port.parse().ok())?)).filter(|_| fits)
}

fn port(text: &str) -> Result<Port, CannotRun> {
    let wrong = |why: &str| CannotRun(format!("--port {text}: {why}"));
    let (protocol, address) = text.split_once('=').ok_or_else(|| wrong("expected PROTOCOL=ADDR"))?;
    let protocol = Protocol::parse(protocol).ok_or_else(|| wrong("no such protocol"))?;
    let address = address.parse().map_err(|_| wrong("expected an address and port behind ="))?;
    Port::new(protocol, address).ok_or_else(|| wrong("this protocol does not come on a port of its own"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brokers_address_holds_no_password() {
        assert_eq!(address("mqtt://broker"), Some((None, "broker", 1883)));
        assert_eq!(address("mqtt://me@10.0.0.1:1884"), Some((Some("me"), "10.0.0.1", 1884)));
        assert_eq!(address("mqtt://[::1]:1884"), Some((None, "::1", 1884)));
        for bad in [
            "broker",
            "mqtt://",
            "mqtts://broker",
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
            assert!(port(bad).unwrap_err().0.contains(why), "{bad}");
        }
    }
}
