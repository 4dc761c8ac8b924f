//! Commits of one reader in one partition: a thread with a transactional producer of its own.
//!
//! Several commits that wait become one transaction. Where it is known that nothing of a transaction was committed,
//! it is tried again with the same records; where the outcome is not known, the producer is of no use any more: the
//! commits fail as lost, the worker resumes with a new producer, which settles what was under way, and goes on from
//! what is then committed.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rdkafka::{
    ClientContext, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata},
    error::{KafkaError, KafkaResult},
    message::OwnedHeaders,
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext, PurgeConfig},
    types::RDKafkaErrorCode,
};

use super::{
    super::{Commit, LogError, Name, Ticket, TicketSender, lock},
    KafkaOptions, PATIENCE, broker,
    client::Client,
    event,
    member::Rebalanced,
    options::MAX_MESSAGE,
    state::{self, Mark},
    topics::Written,
};
use crate::clock::moment;

/// The whole names of the topics, made once.
pub(super) struct Names {
    wholes: HashMap<Name, (String, Written)>,
    events: HashMap<Name, OwnedHeaders>,
    source: Name,
    state: Name,
}

impl Names {
    pub(super) fn new(options: &KafkaOptions) -> Self {
        let whole = |topic: &super::Topic| (topic.name.clone(), (options.whole(&topic.name), topic.written));
        let wholes = options.topics.iter().map(whole).collect();
        let published = options.topics.iter().filter(|topic| {
            // Checkpoints concern nobody else.
            topic.written == Written::Published && topic.name != options.state
        });
        let event = |topic: &super::Topic| {
            (topic.name.clone(), event::of_topic(&options.prefix, topic.name.as_str()))
        };
        let events = published.map(event).collect();
        Self { wholes, events, source: options.source.clone(), state: options.state.clone() }
    }

    pub(super) fn whole(&self, name: &Name) -> Result<&str, LogError> {
        let found = self.wholes.get(name).map(|(whole, _)| whole.as_str());
        found.ok_or_else(|| LogError::NoTopic { topic: name.clone() })
    }

    pub(super) fn written(&self, name: &Name) -> Option<Written> {
        self.wholes.get(name).map(|(_, written)| *written)
    }
}

/// The consumer group that positions are committed for.
pub(super) enum Group {
    /// This process is a member.
    Member(Arc<Client<BaseConsumer<Rebalanced>>>),
    /// It is not.
    Onlooker(Client<BaseConsumer>),
}

impl Group {
    pub(super) fn committed(
        &self,
        asked: TopicPartitionList,
        wait: Duration,
    ) -> KafkaResult<TopicPartitionList> {
        match self {
            Self::Member(consumer) => consumer.committed_offsets(asked, wait),
            Self::Onlooker(consumer) => consumer.committed_offsets(asked, wait),
        }
    }

    fn metadata(&self) -> Option<ConsumerGroupMetadata> {
        match self {
            Self::Member(consumer) => consumer.group_metadata(),
            Self::Onlooker(consumer) => consumer.group_metadata(),
        }
    }
}

/// The handle on the thread. Dropping it waits until what is queued is committed or has failed.
pub(super) struct Committer {
    jobs: Option<Sender<Job>>,
    given_up: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Job {
    commit: Commit,
    ticket: TicketSender,
}

/// Bytes of outputs after which no further commit joins a transaction.
const TRANSACTION_BYTES: usize = 8 << 20;
/// For how long the steps of a transaction may take; what takes longer has an unknown outcome.
const STEP: Duration = Duration::from_secs(20);
/// How often a transaction is tried again of which nothing was committed.
const ATTEMPTS: u32 = 50;
/// Between two attempts: the group may be in the middle of handing out partitions.
const PAUSE: Duration = Duration::from_millis(100);
/// One look for delivery reports. The client's own flush looks every 100 ms, which every commit would then take.
const LOOK: Duration = Duration::from_millis(1);

const GIVEN_UP: &str = "the partition was given up";

/// The opaque number of records whose offset nobody wants.
pub(super) const OTHER: usize = 0;
/// That of a checkpoint's first piece.
const FIRST_PIECE: usize = 1;

pub(super) struct Reports {
    failed: Mutex<Option<KafkaError>>,
    /// Of each opaque number but [`OTHER`], where its last record lies.
    offsets: Mutex<HashMap<usize, u64>>,
}

impl Reports {
    /// Where the last record that was sent under this number lies.
    pub(super) fn offset(&self, which: usize) -> u64 {
        lock(&self.offsets).get(&which).copied().unwrap_or(0)
    }
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, delivered: &DeliveryResult<'_>, which: usize) {
        match delivered {
            Ok(_) if which == OTHER => {}
            Ok(message) => {
                let offset = u64::try_from(message.offset()).unwrap_or(0);
                lock(&self.offsets).insert(which, offset);
            }
            Err((error, _)) => drop(lock(&self.failed).get_or_insert_with(|| error.clone())),
        }
    }
}

/// A producer that has fenced whoever committed for this reader and partition before.
pub(super) fn producer(
    options: &KafkaOptions,
    reader: &Name,
    partition: u32,
) -> Result<Client<BaseProducer<Reports>>, LogError> {
    transactional(options, &format!("{reader}.{partition}"), "30000")
}

/// A producer that has fenced its namesakes. Readers of what it writes wait for a transaction that is left open, as
/// by a crash, until a namesake comes or the time-out has passed.
pub(super) fn transactional(
    options: &KafkaOptions,
    id: &str,
    timeout_ms: &str,
) -> Result<Client<BaseProducer<Reports>>, LogError> {
    let mut config = options.client();
    config.set("transactional.id", format!("{}.{id}", options.prefix));
    config.set("transaction.timeout.ms", timeout_ms).set("linger.ms", "1").set("compression.type", "lz4");
    config.set("queue.buffering.max.messages", "1000000").set("message.max.bytes", MAX_MESSAGE);
    let reports = Reports { failed: Mutex::default(), offsets: Mutex::default() };
    let producer: BaseProducer<Reports> =
        config.create_with_context(reports).map_err(|error| broker("make a client", &error))?;
    let producer = Client::new(producer);
    producer.init_transactions(PATIENCE).map_err(|error| broker("take a partition", &error))?;
    Ok(producer)
}

impl Committer {
    pub(super) fn start(
        producer: Client<BaseProducer<Reports>>,
        group: Arc<Group>,
        names: Arc<Names>,
        reader: &Name,
        partition: u32,
        mark: Option<Mark>,
    ) -> Result<Self, LogError> {
        let (sender, jobs) = channel();
        let given_up = Arc::<AtomicBool>::default();
        let mut work = Work { producer, group, names, partition, mark, given_up: given_up.clone() };
        let thread = thread::Builder::new().name(format!("commit-{reader}-{partition}"));
        let thread = thread.spawn(move || work.run(&jobs));
        let thread = thread.map_err(|e| LogError::io("start a thread for", "commits".as_ref(), &e))?;
        Ok(Self { jobs: Some(sender), given_up, thread: Some(thread) })
    }

    /// What is not committed yet fails, and the transaction under way is aborted.
    pub(super) fn give_up(self) {
        self.given_up.store(true, Ordering::SeqCst);
    }

    pub(super) fn queue(&self, commit: Commit) -> Ticket {
        let (ticket, answer) = Ticket::pair();
        let refused = self.jobs.as_ref().and_then(|jobs| jobs.send(Job { commit, ticket }).err());
        if let Some(refused) = refused {
            let why = "an earlier commit failed".to_owned();
            refused.0.ticket.resolve(Err(LogError::Lost { why }));
        }
        answer
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What kept a transaction from being committed.
enum Trouble {
    /// Nothing of it was or will be: it may be tried again.
    NotCommitted(KafkaError),
    /// Nothing of it was or will be, and it is not tried again.
    Over(String),
    /// Nobody knows, or the producer is fenced: there is nothing to abort.
    Unknown(String),
}

struct Work {
    producer: Client<BaseProducer<Reports>>,
    group: Arc<Group>,
    names: Arc<Names>,
    partition: u32,
    mark: Option<Mark>,
    given_up: Arc<AtomicBool>,
}

impl Work {
    fn run(&mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut batch = vec![first];
            let size = |job: &Job| job.commit.outputs.iter().map(|output| output.value.len()).sum::<usize>();
            let mut bytes = batch.iter().map(size).sum::<usize>();
            // A checkpoint ends a transaction: of each only the last job is looked at for one.
            while bytes < TRANSACTION_BYTES && batch.iter().all(|job| job.commit.state.is_none()) {
                let Ok(next) = jobs.try_recv() else { break };
                bytes += size(&next);
                batch.push(next);
            }
            match self.transact(&batch) {
                Ok(()) => batch.into_iter().for_each(|job| job.ticket.resolve(Ok(job.commit.next))),
                Err(why) => {
                    let lost = || Err(LogError::Lost { why: why.clone() });
                    batch.into_iter().chain(jobs.try_iter()).for_each(|job| job.ticket.resolve(lost()));
                    return;
                }
            }
        }
    }

    /// Commits the jobs as one transaction.
    fn transact(&mut self, jobs: &[Job]) -> Result<(), String> {
        let mut attempt = 1;
        loop {
            match self.attempt(jobs) {
                Ok(mark) => {
                    self.mark = mark;
                    return Ok(());
                }
                Err(Trouble::Unknown(why)) => return Err(why),
                Err(Trouble::Over(why)) => return Err(self.abort().err().unwrap_or(why)),
                Err(Trouble::NotCommitted(error)) if attempt >= ATTEMPTS || self.is_given_up() => {
                    return Err(self.abort().err().unwrap_or_else(|| error.to_string()));
                }
                Err(Trouble::NotCommitted(_)) => {
                    attempt += 1;
                    self.abort()?;
                    thread::sleep(PAUSE);
                }
            }
        }
    }

    fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::SeqCst)
    }

    /// So that readers do not wait for the end of the transaction until it times out.
    fn abort(&self) -> Result<(), String> {
        // What has not left need not; what has is waited for here, as the abort itself would look for no report.
        self.producer.purge(PurgeConfig::default().queue());
        let until = moment() + STEP;
        while self.producer.in_flight_count() > 0 && moment() < until {
            self.producer.poll(LOOK);
        }
        self.producer.abort_transaction(STEP).map_err(|error| format!("abort: {error}"))?;
        // The reports of what was purged belong to the transaction that is gone.
        self.producer.poll(Duration::ZERO);
        *lock(&self.producer.context().failed) = None;
        Ok(())
    }

    fn attempt(&self, jobs: &[Job]) -> Result<Option<Mark>, Trouble> {
        let Some(last) = jobs.last() else { return Ok(self.mark) };
        if self.is_given_up() {
            return Err(Trouble::Unknown(GIVEN_UP.to_owned()));
        }
        self.producer.begin_transaction().map_err(|error| self.judge(error))?;
        for output in jobs.iter().flat_map(|job| &job.commit.outputs) {
            self.send(&output.topic, &output.key, &output.value, OTHER)?;
        }
        let mut mark = self.mark;
        if let Some(checkpoint) = &last.commit.state {
            let pieces = state::pieces(&last.commit.reader, checkpoint);
            for (number, (key, value)) in pieces.iter().enumerate() {
                let which = if number == 0 { FIRST_PIECE } else { OTHER };
                self.send(&self.names.state, key.as_bytes(), value, which)?;
            }
            // Where the first piece lies is known once it is there, and is committed with the position.
            self.delivered()?;
            let first = self.producer.context().offset(FIRST_PIECE);
            mark = Some(Mark { position: checkpoint.at, first });
        }
        self.send_position(last.commit.next, mark)?;
        self.delivered()?;
        if self.is_given_up() {
            return Err(Trouble::Over(GIVEN_UP.to_owned()));
        }
        // Whatever goes wrong from here on, the commit may have reached the brokers.
        self.producer
            .commit_transaction(STEP)
            .map_err(|error| Trouble::Unknown(format!("commit: {error}")))?;
        Ok(mark)
    }

    fn send(&self, topic: &Name, key: &[u8], value: &[u8], which: usize) -> Result<(), Trouble> {
        let whole = self.names.whole(topic).map_err(|error| Trouble::Over(error.to_string()))?;
        let mut record =
            BaseRecord::with_opaque_to(whole, which).partition(self.partition as i32).key(key).payload(value);
        if let Some(event) = self.names.events.get(topic) {
            record = record.headers(event::of(event, key, value));
        }
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    self.producer.poll(LOOK);
                    record = back;
                }
                Err((error, _)) => return Err(self.judge(error)),
            }
        }
    }

    fn send_position(&self, next: u64, mark: Option<Mark>) -> Result<(), Trouble> {
        let failed = |error| self.judge(error);
        let source =
            self.names.whole(&self.names.source).map_err(|error| Trouble::Over(error.to_string()))?;
        let mut positions = TopicPartitionList::new();
        let mut position = positions.add_partition(source, self.partition as i32);
        position.set_offset(Offset::Offset(i64::try_from(next).unwrap_or(i64::MAX))).map_err(failed)?;
        if let Some(mark) = mark {
            position.set_metadata(mark.note());
        }
        let Some(metadata) = self.group.metadata() else {
            return Err(Trouble::Over("the group is closed".to_owned()));
        };
        self.producer.send_offsets_to_transaction(&positions, &metadata, STEP).map_err(failed)
    }

    /// Waits until every record of the transaction is with the brokers.
    fn delivered(&self) -> Result<(), Trouble> {
        let until = moment() + STEP;
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(LOOK);
            if moment() >= until {
                return Err(Trouble::Over("records were not delivered in time".to_owned()));
            }
        }
        let failed = lock(&self.producer.context().failed).take();
        failed.map_or(Ok(()), |error| Err(self.judge(error)))
    }

    /// An error before the commit: nothing is committed, unless another has taken over.
    fn judge(&self, error: KafkaError) -> Trouble {
        let fatal = self.producer.client().fatal_error();
        let retriable = match &error {
            KafkaError::Transaction(inner) => inner.txn_requires_abort() || inner.is_retriable(),
            _ => true,
        };
        match fatal {
            Some((_, why)) => Trouble::Unknown(why),
            None if retriable => Trouble::NotCommitted(error),
            None => Trouble::Over(error.to_string()),
        }
    }
}
