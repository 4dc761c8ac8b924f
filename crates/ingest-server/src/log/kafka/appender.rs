//! What is appended: one idempotent producer for all topics and partitions, acknowledged by all in-sync replicas.
//!
//! Each record costs client and broker about the same, however small it is. So small frames that come within a
//! millisecond share one: a line each, in the order in which they came.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext, Message,
    producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer},
};

use super::{
    super::{Batch, LogError, Ticket, TicketSender, lock},
    broker,
    client::Client,
};

/// The producer, what waits to share a record, and the thread that sends it.
pub(super) struct Appender {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    config: ClientConfig,
    sending: Mutex<Sending>,
    arrived: Condvar,
}

struct Sending {
    producer: Arc<Client<ThreadedProducer<Reports>>>,
    /// By partition and topic: what waits to share a record.
    packs: HashMap<(u32, String), Pack>,
    stop: bool,
}

/// Lines that are to share a record.
#[derive(Default)]
struct Pack {
    bytes: Vec<u8>,
    batches: Vec<Arc<OnItsWay>>,
}

/// What waits for one record.
type Waiting = Arc<Vec<Arc<OnItsWay>>>;

/// A batch whose records are on their way.
pub(super) struct OnItsWay(Mutex<Progress>);

struct Progress {
    left: usize,
    last: u64,
    failed: Option<LogError>,
    ticket: Option<TicketSender>,
}

/// How long small frames wait for others.
const LINGER: Duration = Duration::from_millis(1);
/// A pack of this size waits no longer; one line may be larger.
const PACK_BYTES: usize = 64 << 10;

struct Reports;

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = Waiting;

    fn delivery(&self, delivered: &DeliveryResult<'_>, waiting: Waiting) {
        for batch in waiting.iter() {
            batch.count(match delivered {
                Ok(message) => Ok(u64::try_from(message.offset()).unwrap_or(0)),
                Err((error, _)) => Err(broker("append", error)),
            });
        }
    }
}

impl OnItsWay {
    /// One record is durable, or will not be.
    fn count(&self, outcome: Result<u64, LogError>) {
        let mut progress = lock(&self.0);
        match outcome {
            Ok(offset) => progress.last = progress.last.max(offset),
            Err(error) => drop(progress.failed.get_or_insert(error)),
        }
        progress.left -= 1;
        if progress.left == 0 {
            let outcome = progress.failed.take().map_or(Ok(progress.last), Err);
            if let Some(ticket) = progress.ticket.take() {
                ticket.resolve(outcome);
            }
        }
    }
}

impl Appender {
    pub(super) fn new(mut config: ClientConfig) -> Result<Self, LogError> {
        config.set("enable.idempotence", "true").set("acks", "all");
        // Small frames have waited for each other already; whatever arrives while a request is under way shares the
        // next one.
        config.set("linger.ms", "0.2").set("compression.type", "lz4");
        // What may wait is bounded in bytes at the door, so here only that it is not bounded by number.
        config.set("queue.buffering.max.messages", "0");
        // Whoever waits has long been told to come again.
        config.set("message.timeout.ms", "30000");
        let producer = Arc::new(make(&config)?);
        let sending = Mutex::new(Sending { producer, packs: HashMap::new(), stop: false });
        let shared = Arc::new(Shared { config, sending, arrived: Condvar::new() });
        let packs = shared.clone();
        let thread = thread::Builder::new().name("packs".to_owned()).spawn(move || packs.run());
        let thread = thread.map_err(|e| LogError::io("start a thread for", "packs".as_ref(), &e))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(super) fn append(&self, topic: &str, partition: u32, batch: &Batch) -> Ticket {
        if batch.is_empty() {
            return Ticket::resolved(Ok(0));
        }
        let (sender, ticket) = Ticket::pair();
        // One more than there are, until all are counted out.
        let progress = Progress { left: 1, last: 0, failed: None, ticket: Some(sender) };
        let on_its_way = Arc::new(OnItsWay(Mutex::new(progress)));
        let mut sending = lock(&self.shared.sending);
        let replaced = match self.shared.renew(&mut sending) {
            Ok(replaced) => replaced,
            Err(error) => return Ticket::resolved(Err(error)),
        };
        // Under the lock, so that the records of a batch stay together and batches in the order of the calls.
        let place = (partition, topic.to_owned());
        let mut pack = sending.packs.remove(&place).unwrap_or_default();
        for record in batch.records() {
            let joins = batch.may_share() && pack.bytes.len() + record.len() < PACK_BYTES;
            if !joins && !pack.bytes.is_empty() {
                sending.send(topic, partition, std::mem::take(&mut pack));
            }
            pack.add(record, &on_its_way);
        }
        let waits = batch.may_share() && pack.bytes.len() < PACK_BYTES;
        if waits {
            sending.packs.insert(place, pack);
        } else {
            sending.send(topic, partition, pack);
        }
        drop(sending);
        // Its thread may wait for the lock in the midst of a report.
        drop(replaced);
        if waits {
            self.shared.arrived.notify_one();
        }
        on_its_way.count(Ok(0));
        ticket
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        lock(&self.shared.sending).stop = true;
        self.shared.arrived.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Pack {
    fn add(&mut self, line: &[u8], batch: &Arc<OnItsWay>) {
        if !self.bytes.is_empty() {
            self.bytes.push(b'\n');
        }
        self.bytes.extend_from_slice(line);
        if self.batches.last().is_none_or(|last| !Arc::ptr_eq(last, batch)) {
            lock(&batch.0).left += 1;
            self.batches.push(batch.clone());
        }
    }
}

impl Shared {
    /// A new producer after a fault that ended the last one, which is given back.
    fn renew(
        &self,
        sending: &mut Sending,
    ) -> Result<Option<Arc<Client<ThreadedProducer<Reports>>>>, LogError> {
        if sending.producer.client().fatal_error().is_none() {
            return Ok(None);
        }
        let producer = Arc::new(make(&self.config)?);
        Ok(Some(std::mem::replace(&mut sending.producer, producer)))
    }

    /// Sends what waits, a moment after the first of it came.
    fn run(&self) {
        loop {
            let idle = |sending: &mut Sending| sending.packs.is_empty() && !sending.stop;
            let waited = self.arrived.wait_while(lock(&self.sending), idle);
            let stop = waited.unwrap_or_else(std::sync::PoisonError::into_inner).stop;
            if !stop {
                thread::sleep(LINGER);
            }
            let mut sending = lock(&self.sending);
            let packs = std::mem::take(&mut sending.packs);
            for ((partition, topic), pack) in packs {
                sending.send(&topic, partition, pack);
            }
            if stop {
                return;
            }
        }
    }
}

impl Sending {
    fn send(&self, topic: &str, partition: u32, pack: Pack) {
        let waiting: Waiting = Arc::new(pack.batches);
        let message: BaseRecord<'_, [u8], [u8], _> = BaseRecord::with_opaque_to(topic, waiting.clone())
            .partition(partition as i32)
            .payload(&pack.bytes);
        if let Err((error, _)) = self.producer.send(message) {
            waiting.iter().for_each(|batch| batch.count(Err(broker("append", &error))));
        }
    }
}

fn make(config: &ClientConfig) -> Result<Client<ThreadedProducer<Reports>>, LogError> {
    let producer = config.create_with_context(Reports);
    producer.map(Client::new).map_err(|error| broker("make a client", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_durable_when_the_last_of_its_packs_is() {
        let (sender, ticket) = Ticket::pair();
        let progress = Progress { left: 1, last: 0, failed: None, ticket: Some(sender) };
        let batch = Arc::new(OnItsWay(Mutex::new(progress)));
        let (mut one, mut other) = (Pack::default(), Pack::default());
        one.add(b"{\"a\":1}", &batch);
        one.add(b"{\"b\":2}", &batch);
        other.add(b"{\"c\":3}", &batch);
        assert_eq!(one.bytes, b"{\"a\":1}\n{\"b\":2}", "a line each");
        batch.count(Ok(0));
        one.batches[0].count(Ok(7));
        assert_eq!(lock(&batch.0).left, 1);
        other.batches[0].count(Ok(8));
        assert_eq!(ticket.wait(), Ok(8));
    }
}
