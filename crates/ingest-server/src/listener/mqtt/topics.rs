//! What is listened to: a protocol or a network server's envelope, and the filter of its topics.

use device_codec::{Protocol, command::Topics, envelope::Network};

/// What the messages of a subscription are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// A device's own messages.
    Protocol(Protocol),
    /// A network server's, with a device's bytes in them.
    Network(Network),
}

/// A filter of topics and what comes under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// What it is.
    pub speaks: Speaks,
    /// The filter, as MQTT writes it; `$share/GROUP/` before it where several instances share the work.
    pub filter: String,
}

impl Subscription {
    /// Reads `vz-mqtt=device/+/message/up/#`, `the-things-stack=v3/+/devices/+/up` …
    pub fn parse(text: &str) -> Option<Self> {
        let (name, filter) = text.split_once('=')?;
        let protocol = Protocol::parse(name)
            .filter(|protocol| matches!(protocol, Protocol::VzMqtt | Protocol::YuncitysGateway));
        let speaks = protocol.map(Speaks::Protocol).or_else(|| Network::parse(name).map(Speaks::Network))?;
        (!filter.is_empty()).then(|| Self { speaks, filter: filter.to_owned() })
    }

    /// Whether a topic comes under it.
    pub fn matches(&self, topic: &str) -> bool {
        let filter = self.filter.strip_prefix("$share/").and_then(|rest| Some(rest.split_once('/')?.1));
        let mut levels = topic.split('/');
        for wanted in filter.unwrap_or(&self.filter).split('/') {
            match (wanted, levels.next()) {
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (wanted, Some(level)) if wanted == level => {}
                _ => return false,
            }
        }
        levels.next().is_none()
    }
}

/// How a Vzenith camera's topics are built, seen from one of them.
pub(super) fn style(topic: &str) -> Topics {
    let mut levels = topic.split('/');
    match (levels.next(), levels.next(), levels.next()) {
        (Some("device"), _, Some("sys")) => Topics::Sys,
        (Some(_), Some("device"), _) => Topics::Serial,
        _ => Topics::Device,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(text: &str) -> Subscription {
        Subscription::parse(text).unwrap()
    }

    #[test]
    fn filters_match_as_mqtt_says() {
        let matches = |filter: &str, topic: &str| subscription(&format!("vz-mqtt={filter}")).matches(topic);
        assert!(matches("device/+/message/up/#", "device/a-1/message/up/ivs_result"));
        assert!(matches("device/+/message/up/#", "device/a-1/message/up"), "# stands for no level too");
        assert!(!matches("device/+/message/up/#", "device/a-1/message/down/gpio_out"));
        assert!(
            matches("a/+", "a/") && !matches("a/+", "a") && !matches("a/+", "a/b/c") && !matches("a", "a/b")
        );
        assert!(matches("$share/parkline/a/+", "a/b") && matches("#", "a/b"));
    }

    #[test]
    fn only_what_comes_over_mqtt_is_listened_to() {
        assert_eq!(
            subscription("the-things-stack=v3/+/devices/+/up").speaks,
            Speaks::Network(Network::TheThingsStack)
        );
        assert_eq!(subscription("yuncitys-gateway=#").speaks, Speaks::Protocol(Protocol::YuncitysGateway));
        for bad in ["vz-mqtt", "vz-mqtt=", "bosch-tps110=#", "nobody=#"] {
            assert_eq!(Subscription::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_cameras_topics_tell_where_it_listens() {
        assert_eq!(style("device/a-1/message/up/ivs_result"), Topics::Device);
        assert_eq!(style("a-1/device/message/up/ivs_result"), Topics::Serial);
        assert_eq!(style("device/a-1/sys/message/up/ivs_result"), Topics::Sys);
    }
}
