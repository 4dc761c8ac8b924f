//! What the cluster says of itself, for who looks whether all is well. Makes and changes nothing.

use std::time::Duration;

use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    metadata::MetadataPartition,
};

use super::{KafkaOptions, broker, client::Client};
use crate::log::LogError;

/// A cluster as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The brokers, `host:port`.
    pub brokers: Vec<String>,
    /// Our topics that are not there.
    pub missing: Vec<String>,
    /// Our topics that have partitions without a leader.
    pub leaderless: Vec<String>,
    /// … and with fewer copies in step than there should be.
    pub behind: Vec<String>,
    /// The partitions of the topic that is read.
    pub partitions: usize,
}

impl KafkaOptions {
    /// Asks the cluster for its brokers and our topics.
    ///
    /// # Errors
    /// [`LogError::Broker`] where no broker answers in time, or not to us.
    pub fn look(&self, patience: Duration) -> Result<Seen, LogError> {
        let client: BaseConsumer = self.client().create().map_err(|error| broker("make a client", &error))?;
        let client = Client::new(client);
        let metadata = client.fetch_metadata(None, patience);
        let metadata = metadata.map_err(|error| broker("ask the brokers what there is", &error))?;
        let mut seen = Seen {
            brokers: metadata.brokers().iter().map(|one| format!("{}:{}", one.host(), one.port())).collect(),
            ..Seen::default()
        };
        for topic in &self.topics {
            let whole = self.whole(&topic.name);
            let found = metadata.topics().iter().find(|found| found.name() == whole);
            let Some(partitions) = found.map(|found| found.partitions()).filter(|found| !found.is_empty())
            else {
                seen.missing.push(whole);
                continue;
            };
            let any = |odd: fn(&MetadataPartition) -> bool| partitions.iter().any(odd);
            if topic.name == self.source {
                seen.partitions = partitions.len();
            }
            if any(|partition| partition.leader() < 0) {
                seen.leaderless.push(whole);
            } else if any(|partition| partition.isr().len() < partition.replicas().len()) {
                seen.behind.push(whole);
            }
        }
        Ok(seen)
    }
}
