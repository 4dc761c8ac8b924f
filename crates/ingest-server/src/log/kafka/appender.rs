//! What is appended: one idempotent producer for all topics and partitions, acknowledged by all in-sync replicas.

use std::sync::{Arc, Mutex};

use rdkafka::{
    ClientConfig, ClientContext, Message,
    producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer},
};

use super::{
    super::{Batch, LogError, Ticket, TicketSender, lock},
    broker,
};

/// The producer, and a new one after a fault that ends it.
pub(super) struct Appender {
    config: ClientConfig,
    producer: Mutex<Arc<ThreadedProducer<Reports>>>,
}

/// A batch whose records are on their way.
pub(super) struct OnItsWay(Mutex<Progress>);

struct Progress {
    left: usize,
    last: u64,
    failed: Option<LogError>,
    ticket: Option<TicketSender>,
}

struct Reports;

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = Arc<OnItsWay>;

    fn delivery(&self, delivered: &DeliveryResult<'_>, batch: Arc<OnItsWay>) {
        batch.count(match delivered {
            Ok(message) => Ok(u64::try_from(message.offset()).unwrap_or(0)),
            Err((error, _)) => Err(broker("append", error)),
        });
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
        // A device waits for the answer; whatever arrives while a request is under way shares the next one.
        config.set("linger.ms", "1").set("compression.type", "lz4");
        // What may wait is bounded in bytes at the door, so here only that it is not bounded by number.
        config.set("queue.buffering.max.messages", "0");
        // Whoever waits has long been told to come again.
        config.set("message.timeout.ms", "30000");
        let producer = Mutex::new(Arc::new(make(&config)?));
        Ok(Self { config, producer })
    }

    pub(super) fn append(&self, topic: &str, partition: u32, batch: &Batch) -> Ticket {
        if batch.is_empty() {
            return Ticket::resolved(Ok(0));
        }
        let (sender, ticket) = Ticket::pair();
        let progress = Progress { left: batch.len(), last: 0, failed: None, ticket: Some(sender) };
        let on_its_way = Arc::new(OnItsWay(Mutex::new(progress)));
        let mut slot = lock(&self.producer);
        if slot.client().fatal_error().is_some() {
            match make(&self.config) {
                Ok(producer) => *slot = Arc::new(producer),
                Err(error) => return Ticket::resolved(Err(error)),
            }
        }
        // Under the lock, so that the records of a batch stay together and batches in the order of the calls.
        for record in batch.records() {
            let message: BaseRecord<'_, [u8], [u8], _> =
                BaseRecord::with_opaque_to(topic, on_its_way.clone())
                    .partition(partition as i32)
                    .payload(record);
            if let Err((error, _)) = slot.send(message) {
                on_its_way.count(Err(broker("append", &error)));
            }
        }
        ticket
    }
}

fn make(config: &ClientConfig) -> Result<ThreadedProducer<Reports>, LogError> {
    config.create_with_context(Reports).map_err(|error| broker("make a client", &error))
}
