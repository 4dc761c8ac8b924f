//! The server on Apache Kafka: the log, the site in its reference topic, and this process's share of the partitions.

mod hearing;

use std::sync::Arc;

use parking_types::Instant;
use serde_json::{Map, Value, json};

use crate::{
    clock::Clock,
    host::Host,
    keeper::Reference,
    log::{Entry, Kafka, KafkaOptions, LogError, Name, Ownership, kafka::Member},
    record,
    server::{StartError, same_groups},
    sitefile,
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
    hearing: Option<Hearing>,
    _member: Option<Member>,
}

impl Membership {
    /// Hears what others decide from here on. Blocks on the network.
    pub(crate) fn hear(&mut self, host: &Host) -> Result<(), LogError> {
        if let Some(relay) = &host.relay {
            self.hearing = Some(Hearing::start(&self.kafka, &host.desk, &host.ownership, relay)?);
        }
        Ok(())
    }
}

/// What a start found and did.
pub(crate) struct Joined {
    pub(crate) log: Arc<Kafka>,
    pub(crate) ownership: Arc<Ownership>,
    /// The site in force before the first record.
    pub(crate) genesis: Map<String, Value>,
    /// How many changes of the site were written.
    pub(crate) changes: usize,
}

/// The kind of the reference record that holds what of a site is in none of its lists. The first ends the first site.
const SITE: &str = "site";
/// How often a start tries to write the site while other instances start too.
const ATTEMPTS: u32 = 20;

impl Cluster {
    /// Opens the log and agrees with it on the site. Blocks on the network.
    pub(crate) fn open(&self, site: &Map<String, Value>, clock: &Clock) -> Result<Joined, StartError> {
        let log = Arc::new(Kafka::open(self.options.clone())?);
        let ownership = Arc::new(Ownership::none(crate::log::Log::partitions(&*log)));
        let mut attempt = 1;
        loop {
            match agree(&log, site, clock.now()) {
                Ok((genesis, changes)) => return Ok(Joined { log, ownership, genesis, changes }),
                // Another instance that starts has taken the reference data; it may have written the same.
                Err(StartError::Log(LogError::Lost { .. })) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes part in the work of `reader`, if it is to.
    pub(crate) fn join(&self, joined: &Joined, reader: &Name) -> Result<Membership, LogError> {
        let instance = self.instance.as_deref();
        let member = self.works.then(|| joined.log.join(reader, instance, joined.ownership.clone()));
        Ok(Membership { kafka: joined.log.clone(), hearing: None, _member: member.transpose()? })
    }
}

/// Writes what is new in the site; gives the first site and the number of changes.
fn agree(
    log: &Kafka,
    site: &Map<String, Value>,
    now: Instant,
) -> Result<(Map<String, Value>, usize), StartError> {
    let topic = Name::new("reference").ok_or(LogError::Closed)?;
    let reference = log.reference(&topic)?;
    let known = reference.read()?;
    let Some(first) = known.iter().position(|entry| entry.key.starts_with(SITE.as_bytes())) else {
        let changes = changes(&Map::new(), site, now);
        let records = changes.iter().map(keyed).chain([rest(site)]).collect::<Vec<_>>();
        reference.publish(&records, &[])?;
        return Ok((site.clone(), 0));
    };
    let genesis = fold(known.get(..=first).unwrap_or_default());
    let current = fold(&known);
    same_tenant(&current, site)?;
    same_groups(&current, site)?;
    let changes = changes(&current, site, now);
    let mut records: Vec<_> = changes.iter().map(keyed).collect();
    if rest(&current) != rest(site) {
        records.push(rest(site));
    }
    let line = |change: &Reference| {
        let mut line = Vec::new();
        if let Ok(change) = serde_json::value::to_raw_value(change) {
            record::reference(now, &change, &mut line);
        }
        line
    };
    if !records.is_empty() {
        reference.publish(&records, &changes.iter().map(line).collect::<Vec<_>>())?;
    }
    Ok((genesis, changes.len()))
}

/// What leads from one site to another, as records.
fn changes(old: &Map<String, Value>, new: &Map<String, Value>, now: Instant) -> Vec<Reference> {
    sitefile::changes(old, new).into_iter().map(|change| change.since(now)).collect()
}

/// A reference record with its key, `kind/id`.
fn keyed(change: &Reference) -> (String, Vec<u8>) {
    (format!("{}/{}", change.kind, change.id), serde_json::to_vec(change).unwrap_or_default())
}

/// The same tenant, as one log is one tenant's.
fn same_tenant(old: &Map<String, Value>, new: &Map<String, Value>) -> Result<(), LogError> {
    let tenant = |site: &Map<String, Value>| {
        site.get("tenant").and_then(Value::as_str).unwrap_or("default").to_owned()
    };
    let (found, wanted) = (tenant(old), tenant(new));
    if found == wanted { Ok(()) } else { Err(LogError::Mismatch { what: "tenant", found, wanted }) }
}

/// What of a site is in none of its lists, as a record.
fn rest(site: &Map<String, Value>) -> (String, Vec<u8>) {
    let fields: Map<String, Value> = site
        .iter()
        .filter(|(_, value)| !value.is_array())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let record = json!({"kind": SITE, "id": SITE, "value": fields});
    (format!("{SITE}/{SITE}"), record.to_string().into_bytes())
}

/// The site that reference records leave.
fn fold(records: &[Entry]) -> Map<String, Value> {
    let mut site = Map::new();
    for record in records {
        let Ok(Value::Object(mut record)) = serde_json::from_slice(&record.value) else { continue };
        let mut take = |field: &str| record.remove(field).unwrap_or_default();
        let (kind, id, value) = (take("kind"), take("id"), take("value"));
        match (kind.as_str(), id.as_str(), &value) {
            (Some(SITE), _, Value::Object(fields)) => {
                site.retain(|_, value| value.is_array());
                site.extend(fields.clone());
            }
            (Some(kind), Some(id), Value::Null) => sitefile::set(&mut site, kind, id, None),
            (Some(kind), Some(id), value) => sitefile::set(&mut site, kind, id, Some(value)),
            _ => {}
        }
    }
    site
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn entries(records: Vec<(String, Vec<u8>)>) -> Vec<Entry> {
        let entry = |(offset, (key, value)): (usize, (String, Vec<u8>))| Entry {
            offset: offset as u64,
            key: key.into(),
            value: Bytes::from(value),
        };
        records.into_iter().enumerate().map(entry).collect()
    }

    #[test]
    fn a_site_comes_back_from_its_records() {
        let site = json!({"format": 1, "tenant": "sz", "lots": [{"id": "L2"}, {"id": "L1", "group": "L2"}],
            "berths": [{"id": "b", "lot": "L1"}], "tariffs": [{"id": "t", "n": 1}, {"id": "t", "n": 2}]});
        let Value::Object(site) = site else { panic!("an object") };
        let mut records: Vec<_> = changes(&Map::new(), &site, Instant::EPOCH).iter().map(keyed).collect();
        records.push(rest(&site));
        assert_eq!(fold(&entries(records.clone())), site);
        let mut changed = site.clone();
        changed.insert("berths".to_owned(), json!([]));
        changed.insert("name".to_owned(), json!("Shenzhen"));
        records.extend(changes(&site, &changed, Instant::EPOCH).iter().map(keyed));
        records.push(rest(&changed));
        assert_eq!(fold(&entries(records)), changed);
        assert!(same_tenant(&site, &changed).is_ok() && same_tenant(&Map::new(), &site).is_err());
    }
}
