//! The server on Apache Kafka: the log, the site in its reference topic, and this process's share of the partitions.

mod hearing;

use std::sync::Arc;

use serde_json::Value;

use crate::{
    clock::Clock,
    host::Host,
    keeper::{Documents, Keeper, Kept, SiteTopic},
    log::{Kafka, KafkaOptions, LogError, Name, Ownership, kafka::Member},
    server::{StartError, same_groups},
};
use hearing::Hearing;

/// Where the cluster is and what this process does there.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The log.
    pub options: KafkaOptions,
    /// The name of this process in the group, the same after a restart; with none it is a new member each time.
    pub instance: Option<String>,
    /// Whether it works on partitions.
    pub works: bool,
    /// Whether it follows the sessions of all partitions, to list them.
    pub follows: bool,
}

/// This process among the others: what it hears of them, and its place in the group. Drop it after the workers have
/// stopped.
pub(crate) struct Membership {
    kafka: Arc<Kafka>,
    hearing: Hearing,
    _member: Option<Member>,
}

impl Membership {
    /// Hears what others decide from here on. Blocks on the network.
    pub(crate) fn hear(&mut self, host: &Host) -> Result<(), LogError> {
        if let Some(relay) = &host.relay {
            self.hearing.others(&self.kafka, &host.desk, &host.ownership, relay)?;
        }
        Ok(())
    }

    /// Hears from here on how others change the site. Blocks on the network.
    pub(crate) fn hear_of_the_site(&mut self, keeper: &Arc<Keeper>) -> Result<(), LogError> {
        self.hearing.site(&self.kafka, keeper)
    }
}

/// What a start found and did.
pub(crate) struct Joined {
    pub(crate) log: Arc<Kafka>,
    pub(crate) ownership: Arc<Ownership>,
    /// The site.
    pub(crate) kept: Kept,
}

impl Cluster {
    /// Opens the log and agrees with it on the first site. Blocks on the network.
    pub(crate) fn open(&self, site: &Documents, clock: &Clock) -> Result<Joined, StartError> {
        let log = Arc::new(Kafka::open(self.options.clone())?);
        let ownership = Arc::new(Ownership::none(crate::log::Log::partitions(&*log)));
        let kept = SiteTopic::open(log.clone(), site, clock.now())?;
        same_tenant(kept.now(), site)?;
        same_groups(kept.now(), site)?;
        Ok(Joined { log, ownership, kept })
    }

    /// Takes part in the work of `reader`, if it is to.
    pub(crate) fn join(
        &self,
        log: &Arc<Kafka>,
        ownership: &Arc<Ownership>,
        reader: &Name,
    ) -> Result<Membership, LogError> {
        let instance = self.instance.as_deref();
        let member = self.works.then(|| log.join(reader, instance, ownership.clone()));
        Ok(Membership { kafka: log.clone(), hearing: Hearing::default(), _member: member.transpose()? })
    }
}

/// The same tenant, as one log is one tenant's.
fn same_tenant(old: &Documents, new: &Documents) -> Result<(), LogError> {
    let tenant =
        |site: &Documents| site.get("tenant").and_then(Value::as_str).unwrap_or("default").to_owned();
    let (found, wanted) = (tenant(old), tenant(new));
    if found == wanted { Ok(()) } else { Err(LogError::Mismatch { what: "tenant", found, wanted }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_log_is_one_tenants() {
        let site = |value: Value| value.as_object().unwrap().clone();
        let (one, other) = (site(json!({"tenant": "sz"})), site(json!({"tenant": "gz"})));
        assert!(same_tenant(&one, &one).is_ok() && same_tenant(&one, &other).is_err());
        assert!(same_tenant(&site(json!({})), &site(json!({"tenant": "default"}))).is_ok());
    }
}
