//! Where the cluster is and how the log lies in it.

use std::fmt;

use rdkafka::ClientConfig;

use super::{
    super::Name,
    topics::{self, Topic},
};

/// How a log on Kafka is opened.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// `host:port`, several with commas.
    pub brokers: String,
    /// What the names of topics, groups and producers begin with; one a tenant.
    pub prefix: String,
    /// Partitions of new topics. `None`: what the cluster has, else
    /// [`DEFAULT_PARTITIONS`](Self::DEFAULT_PARTITIONS).
    pub partitions: Option<u32>,
    /// The topics.
    pub topics: Vec<Topic>,
    /// The topic whose positions readers commit.
    pub source: Name,
    /// The published topic that checkpoints go to.
    pub state: Name,
    /// Whether a record may count as durable while only one broker has it.
    pub single_copy: bool,
    /// Further properties of the client, as librdkafka names them: security, addresses, time-outs.
    pub properties: Vec<(String, String)>,
}

/// What is wrong with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError(String);

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(address) = self;
        write!(f, "{address} is no kafka://HOST:PORT[,HOST:PORT…][/PREFIX]; a prefix has 1–64 of a-z 0-9 _ -")
    }
}

impl std::error::Error for AddressError {}

/// The largest record that is written, with room for what surrounds it.
pub(super) const MAX_MESSAGE: &str = "17825792";

impl KafkaOptions {
    /// Partitions of new topics where nothing else is asked for.
    pub const DEFAULT_PARTITIONS: u32 = 12;

    /// The pipeline's topics at `kafka://HOST:PORT[,HOST:PORT…][/PREFIX]`; the prefix is `parkline` by default.
    ///
    /// # Errors
    /// [`AddressError`].
    ///
    /// ```
    /// use ingest_server::log::KafkaOptions;
    /// let options = KafkaOptions::at("kafka://10.0.0.1:9092,10.0.0.2:9092/shenzhen").unwrap();
    /// assert_eq!((options.brokers.as_str(), options.prefix.as_str()), ("10.0.0.1:9092,10.0.0.2:9092", "shenzhen"));
    /// assert!(KafkaOptions::at("10.0.0.1:9092").is_err());
    /// ```
    pub fn at(address: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError(address.to_owned());
        let rest = address.strip_prefix("kafka://").ok_or_else(wrong)?;
        let (brokers, prefix) = rest.split_once('/').unwrap_or((rest, "parkline"));
        let one = |broker: &str| {
            broker
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        let fits = brokers.split(',').all(one);
        let prefix = Name::new(prefix).filter(|_| fits).ok_or_else(wrong)?;
        let (source, state) = topics::names().ok_or_else(wrong)?;
        Ok(Self {
            brokers: brokers.to_owned(),
            prefix: prefix.as_str().to_owned(),
            partitions: None,
            topics: Topic::pipeline(),
            source,
            state,
            single_copy: false,
            properties: Vec::new(),
        })
    }

    /// Reads further properties: a line each, `name=value`; `#` begins a comment.
    ///
    /// # Errors
    /// The number of the first line that is neither.
    pub fn read_properties(&mut self, text: &str) -> Result<(), usize> {
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = line.split_once('=').ok_or(number + 1)?;
            self.properties.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        Ok(())
    }

    /// A name as the cluster knows it.
    pub(super) fn whole(&self, name: &Name) -> String {
        format!("{}.{name}", self.prefix)
    }

    /// What every client is told.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("client.id", "parkline");
        // Brokers that are away are asked again soon.
        config.set("reconnect.backoff.max.ms", "2000");
        config.set("message.max.bytes", MAX_MESSAGE);
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config
    }

    /// What every reading client is told.
    pub(super) fn reading(&self) -> ClientConfig {
        let mut config = self.client();
        config.set("isolation.level", "read_committed").set("enable.auto.commit", "false");
        // A position that the topic does not hold is an error, never a silent jump.
        config.set("auto.offset.reset", "error").set("check.crcs", "true");
        config.set("group.id", format!("{}.onlooker", self.prefix));
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let options = KafkaOptions::at("kafka://a:1").unwrap();
        assert_eq!((options.brokers.as_str(), options.prefix.as_str()), ("a:1", "parkline"));
        for bad in [
            "kafka://",
            "kafka://a",
            "kafka://a:1/",
            "kafka://a:1/X",
            "kafka://a:1,/x",
            "http://a:1",
            "kafka://:1",
        ] {
            assert!(KafkaOptions::at(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn properties() {
        let mut options = KafkaOptions::at("kafka://a:1").unwrap();
        assert_eq!(
            options.read_properties("# who we are\n\nsasl.username = parkline\nsasl.password=a=b\n"),
            Ok(())
        );
        let expected = [("sasl.username", "parkline"), ("sasl.password", "a=b")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(options.properties, expected);
        assert_eq!(options.read_properties("ok=1\nnonsense"), Err(2));
    }
}
