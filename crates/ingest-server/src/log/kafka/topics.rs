//! The topics: made where that is allowed, else checked, with the command that makes them right in the error.

use std::{collections::HashMap, thread, time::Duration};

use rdkafka::{
    admin::{
        AdminClient, AdminOptions, NewTopic, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
    },
    client::DefaultClientContext,
    error::KafkaError,
    metadata::Metadata,
    types::RDKafkaErrorCode,
};

use super::{
    super::{LogError, Name},
    KafkaOptions, PATIENCE, broker,
    client::Client,
    options::MAX_MESSAGE,
};
use crate::clock::moment;

/// One topic of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name without the prefix.
    pub name: Name,
    /// Who writes it.
    pub written: Written,
    /// What of it is kept.
    pub kept: Kept,
    /// Whether it has one partition rather than as many as the others.
    pub single: bool,
}

/// How records come into a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Anybody appends.
    Appended,
    /// With commits, in transactions.
    Published,
}

/// What a topic keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Everything.
    ForEver,
    /// The newest record of each key.
    Newest,
    /// So many days.
    Days(u32),
}

impl Kept {
    fn properties(self) -> [(&'static str, String); 2] {
        match self {
            Self::ForEver => [("cleanup.policy", "delete".to_owned()), ("retention.ms", "-1".to_owned())],
            Self::Newest => [("cleanup.policy", "compact".to_owned()), ("retention.ms", "-1".to_owned())],
            Self::Days(days) => {
                let millis = u64::from(days) * 24 * 60 * 60 * 1000;
                [("cleanup.policy", "delete".to_owned()), ("retention.ms", millis.to_string())]
            }
        }
    }
}

/// The topic that is read, and the one that checkpoints go to.
pub(super) fn names() -> Option<(Name, Name)> {
    Some((Name::new("frames")?, Name::new("state")?))
}

impl Topic {
    /// The topics of the session pipeline.
    pub fn pipeline() -> Vec<Self> {
        use {Kept::*, Written::*};
        let topics = [
            ("frames", Appended, ForEver, false),
            ("sessions", Published, Newest, false),
            ("charges", Published, ForEver, false),
            ("commands", Published, Days(90), false),
            ("alerts", Published, Days(90), false),
            ("devices", Published, Days(90), false),
            ("dead-letters", Published, Days(90), false),
            ("state", Published, Newest, false),
            ("reference", Appended, ForEver, true),
            ("decisions", Appended, Days(1), false),
        ];
        let topic = |(name, written, kept, single): (&str, Written, Kept, bool)| {
            Some(Self { name: Name::new(name)?, written, kept, single })
        };
        topics.into_iter().filter_map(topic).collect()
    }
}

/// What the cluster has.
pub(super) struct Found {
    pub(super) partitions: u32,
    pub(super) copies: i32,
}

/// Copies of a topic that this makes, where there are brokers enough.
const COPIES: usize = 3;
/// How often topics are asked for that brokers were too slow to make.
const ATTEMPTS: u32 = 4;
/// Between two looks at what the brokers know.
const LOOK: Duration = Duration::from_millis(50);

/// Makes the topics that are missing, checks the others, and says how many partitions they have.
pub(super) fn agree(options: &KafkaOptions) -> Result<Found, LogError> {
    let admin: AdminClient<DefaultClientContext> =
        options.client().create().map_err(|error| broker("make a client", &error))?;
    let admin = Client::new(admin);
    let before = metadata(&admin)?;
    let partitions = partitions(options, &before)?;
    let mut known = before;
    for _ in 0..ATTEMPTS {
        let absent = |topic: &&Topic| counts(&known, &options.whole(&topic.name)).is_none();
        let missing: Vec<&Topic> = options.topics.iter().filter(absent).collect();
        // A broker that took too long may have made them all the same.
        if missing.is_empty() || make(&admin, options, &missing, partitions, known.brokers().len())? {
            break;
        }
        known = metadata(&admin)?;
    }
    let after = settled(&admin, options)?;
    let copies = check(&admin, options, &after, partitions)?;
    Ok(Found { partitions, copies })
}

fn metadata(admin: &AdminClient<DefaultClientContext>) -> Result<Metadata, LogError> {
    admin.inner().fetch_metadata(None, PATIENCE).map_err(|error| broker("reach the brokers", &error))
}

/// The numbers of partitions and of replicas of a topic that is there.
fn counts(metadata: &Metadata, whole: &str) -> Option<(usize, usize)> {
    let topic = metadata.topics().iter().find(|topic| topic.name() == whole && topic.error().is_none())?;
    let replicas = topic.partitions().iter().map(|partition| partition.replicas().len()).min()?;
    Some((topic.partitions().len(), replicas))
}

fn partitions(options: &KafkaOptions, metadata: &Metadata) -> Result<u32, LogError> {
    let found = counts(metadata, &options.whole(&options.source)).map(|(partitions, _)| partitions as u32);
    match (found, options.partitions) {
        (Some(found), Some(wanted)) if found != wanted => {
            let (found, wanted) = (found.to_string(), wanted.to_string());
            Err(LogError::Mismatch { what: "partitions", found, wanted })
        }
        (Some(found), _) => Ok(found),
        (None, wanted) => Ok(wanted.unwrap_or(KafkaOptions::DEFAULT_PARTITIONS).max(1)),
    }
}

/// The properties of a topic that lies on so many brokers.
fn properties(topic: &Topic, replicas: usize) -> Vec<(&'static str, String)> {
    let mut properties = topic.kept.properties().to_vec();
    properties.push(("min.insync.replicas", replicas.min(2).to_string()));
    properties.push(("max.message.bytes", MAX_MESSAGE.to_owned()));
    if topic.written == Written::Appended {
        // The broker's time, which listeners with a wrong clock cannot move.
        properties.push(("message.timestamp.type", "LogAppendTime".to_owned()));
    }
    properties
}

/// Asks for topics; `false` where the brokers could not make them in time and should be asked once more.
fn make(
    admin: &AdminClient<DefaultClientContext>,
    options: &KafkaOptions,
    missing: &[&Topic],
    partitions: u32,
    brokers: usize,
) -> Result<bool, LogError> {
    let replicas = brokers.clamp(1, COPIES);
    let wholes: Vec<(String, Vec<(&str, String)>)> =
        missing.iter().map(|topic| (options.whole(&topic.name), properties(topic, replicas))).collect();
    let new = missing.iter().zip(&wholes).map(|(topic, (whole, properties))| {
        let count = if topic.single { 1 } else { partitions as i32 };
        let new = NewTopic::new(whole, count, TopicReplication::Fixed(replicas as i32));
        properties.iter().fold(new, |new, (name, value)| new.set(name, value))
    });
    let new: Vec<NewTopic<'_>> = new.collect();
    let asked = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
    let results = match block_on(admin.create_topics(&new, &asked))? {
        Ok(results) => results,
        Err(KafkaError::AdminOp(code)) if too_slow(code) => return Ok(false),
        Err(error) => return Err(broker("make topics", &error)),
    };
    let mut made = true;
    for ((topic, result), (whole, properties)) in missing.iter().zip(results).zip(&wholes) {
        // Another instance may have made it in the meantime.
        let Err((_, code)) = result else { continue };
        if too_slow(code) {
            made = false;
        } else if code != RDKafkaErrorCode::TopicAlreadyExists {
            let count = if topic.single { 1 } else { partitions };
            let command = create_command(options, whole, count, replicas, properties);
            let why = format!("it is missing and could not be made ({code})");
            return Err(LogError::Topic { topic: whole.clone(), why, command });
        }
    }
    Ok(made)
}

/// Whether the brokers may do the same a moment later, or have done it without telling in time.
fn too_slow(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::*;
    [RequestTimedOut, OperationTimedOut, MessageTimedOut, NotController, BrokerTransportFailure]
        .contains(&code)
}

fn create_command(
    options: &KafkaOptions,
    whole: &str,
    partitions: u32,
    replicas: usize,
    properties: &[(&str, String)],
) -> String {
    let settings: String =
        properties.iter().map(|(name, value)| format!(" --config {name}={value}")).collect();
    format!(
        "kafka-topics.sh --bootstrap-server {} --create --topic {whole} --partitions {partitions} --replication-factor {replicas}{settings}",
        options.brokers
    )
}

/// The cluster's description once all topics are in it.
fn settled(admin: &AdminClient<DefaultClientContext>, options: &KafkaOptions) -> Result<Metadata, LogError> {
    let until = moment() + PATIENCE;
    while moment() < until {
        let metadata = metadata(admin)?;
        let led = |whole: &String| {
            metadata.topics().iter().any(|topic| {
                topic.name() == whole
                    && !topic.partitions().is_empty()
                    && topic.partitions().iter().all(|partition| partition.leader() >= 0)
            })
        };
        if options.topics.iter().map(|topic| options.whole(&topic.name)).all(|whole| led(&whole)) {
            return Ok(metadata);
        }
        thread::sleep(LOOK);
    }
    Err(LogError::Broker { what: "use the topics", why: "not all of them have a leader".to_owned() })
}

/// Checks every topic; gives the least number of copies that an acknowledgement stands for.
fn check(
    admin: &AdminClient<DefaultClientContext>,
    options: &KafkaOptions,
    metadata: &Metadata,
    partitions: u32,
) -> Result<i32, LogError> {
    let wholes: Vec<String> = options.topics.iter().map(|topic| options.whole(&topic.name)).collect();
    let settings = settings(admin, &wholes)?;
    let mut copies = i32::MAX;
    for (topic, whole) in options.topics.iter().zip(&wholes) {
        let (count, replicas) = counts(metadata, whole).unwrap_or_default();
        let wanted = if topic.single { 1 } else { partitions };
        if count != wanted as usize {
            let command = format!(
                "none: the number of partitions of {whole} cannot be changed back; use another prefix"
            );
            let why = format!("it has {count} partitions, not {wanted}");
            return Err(LogError::Topic { topic: whole.clone(), why, command });
        }
        copies = copies.min(fits(
            options,
            topic,
            whole,
            replicas,
            settings.get(whole).unwrap_or(&HashMap::new()),
        )?);
    }
    Ok(copies)
}

/// The settings of topics by their whole names. A broker may not yet have heard of a topic that another has made.
fn settings(
    admin: &AdminClient<DefaultClientContext>,
    wholes: &[String],
) -> Result<HashMap<String, HashMap<String, String>>, LogError> {
    let asked: Vec<_> = wholes.iter().map(|whole| ResourceSpecifier::Topic(whole)).collect();
    let patience = AdminOptions::new().request_timeout(Some(PATIENCE));
    let until = moment() + PATIENCE;
    while moment() < until {
        let described = block_on(admin.describe_configs(&asked, &patience))?;
        let described = described.map_err(|error| broker("read the topics' settings", &error))?;
        let mut settings = HashMap::new();
        for resource in described.into_iter().flatten() {
            let OwnedResourceSpecifier::Topic(whole) = resource.specifier else { continue };
            let set = resource.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?)));
            settings.insert(whole, set.collect::<HashMap<_, _>>());
        }
        if wholes.iter().all(|whole| settings.get(whole).is_some_and(|set| !set.is_empty())) {
            return Ok(settings);
        }
        thread::sleep(LOOK);
    }
    let why = "the brokers do not tell them; may this client describe the topics' configuration?".to_owned();
    Err(LogError::Broker { what: "read the topics' settings", why })
}

/// Whether a topic's settings keep what is promised; gives the copies that an acknowledgement stands for.
fn fits(
    options: &KafkaOptions,
    topic: &Topic,
    whole: &str,
    replicas: usize,
    found: &HashMap<String, String>,
) -> Result<i32, LogError> {
    let value = |name: &str| found.get(name).map_or("", String::as_str);
    let differs = |name: &str, wanted: &str| {
        let why = format!("{name} is {}, not {wanted}", value(name));
        let command = format!(
            "kafka-configs.sh --bootstrap-server {} --alter --entity-type topics --entity-name {whole} --add-config {name}={wanted}",
            options.brokers
        );
        Err(LogError::Topic { topic: whole.to_owned(), why, command })
    };
    for (name, wanted) in properties(topic, replicas) {
        let number = |text: &str| text.parse::<i64>().unwrap_or(0);
        let enough = match name {
            // What is kept longer or takes more is well.
            "max.message.bytes" => number(value(name)) >= number(&wanted),
            "min.insync.replicas" => true,
            "retention.ms" if topic.kept != Kept::ForEver => {
                number(value(name)) < 0 || number(value(name)) >= number(&wanted)
            }
            _ => value(name) == wanted,
        };
        if !enough {
            return differs(name, &wanted);
        }
    }
    let copies = value("min.insync.replicas").parse::<i32>().unwrap_or(1).min(replicas as i32);
    if copies < 2 && !options.single_copy {
        let why =
            "an acknowledged record would lie on one broker only (--single-copy accepts that)".to_owned();
        let command = format!(
            "give it three replicas (kafka-reassign-partitions.sh), then kafka-configs.sh --bootstrap-server {} --alter --entity-type topics --entity-name {whole} --add-config min.insync.replicas=2",
            options.brokers
        );
        return Err(LogError::Topic { topic: whole.to_owned(), why, command });
    }
    Ok(copies)
}

/// The client's administrative calls are futures that its own thread resolves.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T, LogError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| LogError::io("wait for", "the brokers".as_ref(), &error))?;
    Ok(runtime.block_on(future))
}
