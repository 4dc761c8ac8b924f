//! Reference data: records of a topic of their own, and what every partition of the frames is told of them, written in
//! one transaction. One process at a time: whoever begins fences the others, who begin again and find it done.

use std::time::Duration;

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::{
    super::{Entry, Log, LogError, Name},
    Kafka,
    committer::{self, Reports},
};

/// The only writer of the reference data.
pub struct Reference<'k> {
    kafka: &'k Kafka,
    topic: Name,
    producer: BaseProducer<Reports>,
}

/// A crash in the midst holds up the readers of all frames for so long at most.
const TIMEOUT_MS: &str = "10000";
const STEP: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(1);

impl Kafka {
    /// Becomes the only writer of the reference topic.
    ///
    /// # Errors
    /// [`LogError::Broker`].
    pub fn reference(&self, topic: &Name) -> Result<Reference<'_>, LogError> {
        let producer = committer::transactional(&self.options, topic.as_str(), TIMEOUT_MS)?;
        Ok(Reference { kafka: self, topic: topic.clone(), producer })
    }
}

impl Reference<'_> {
    /// All records so far.
    ///
    /// # Errors
    /// [`LogError`] where they cannot be read.
    pub fn read(&self) -> Result<Vec<Entry>, LogError> {
        const READ_BYTES: usize = 8 << 20;
        let mut all: Vec<Entry> = Vec::new();
        loop {
            let from = all.last().map_or(0, |entry| entry.offset + 1);
            let more = self.kafka.read(&self.topic, 0, from, READ_BYTES, Duration::ZERO)?;
            if more.is_empty() {
                return Ok(all);
            }
            all.extend(more);
        }
    }

    /// Writes records, key and value, and `lines` into every partition of the frames, all or nothing.
    ///
    /// # Errors
    /// [`LogError::Lost`]: another process has begun since, or the outcome is not known. Begin again.
    pub fn publish(self, records: &[(String, Vec<u8>)], lines: &[Vec<u8>]) -> Result<(), LogError> {
        let lost =
            |error: rdkafka::error::KafkaError| LogError::Lost { why: format!("reference data: {error}") };
        let names = &self.kafka.names;
        let (topic, source) = (names.whole(&self.topic)?, names.whole(&self.kafka.options.source)?);
        self.producer.begin_transaction().map_err(lost)?;
        for (key, value) in records {
            self.send(BaseRecord::with_opaque_to(topic, 0).partition(0).key(key.as_bytes()).payload(value))?;
        }
        for partition in 0..self.kafka.partitions {
            for line in lines {
                self.send(BaseRecord::with_opaque_to(source, 0).partition(partition as i32).payload(line))?;
            }
        }
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(LOOK);
        }
        // A record that was not delivered makes the commit fail.
        self.producer.commit_transaction(STEP).map_err(lost)
    }

    fn send(&self, record: BaseRecord<'_, [u8], [u8], usize>) -> Result<(), LogError> {
        let sent = self.producer.send(record);
        sent.map_err(|(error, _)| LogError::Lost { why: format!("reference data: {error}") })
    }
}
