//! Reference data: records of a topic of their own, and what every partition of the frames is told of them, written in
//! one transaction. One process at a time: whoever begins fences the others, who begin again and find it done.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    error::KafkaError,
    producer::{BaseProducer, BaseRecord, Producer},
};

use super::{
    super::{Entry, Log, LogError, Name},
    Kafka,
    client::Client,
    committer::{self, OTHER, Reports},
};

/// The only writer of the reference data.
pub struct Reference {
    kafka: Arc<Kafka>,
    topic: Name,
    producer: Client<BaseProducer<Reports>>,
}

/// Where what was written lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Landed {
    /// The last of the records.
    pub record: u64,
    /// The last line in each partition of the frames; empty where there were no lines.
    pub frames: Vec<(u32, u64)>,
}

/// A crash in the midst holds up the readers of all frames for so long at most.
const TIMEOUT_MS: &str = "10000";
const STEP: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(1);
/// The opaque number of a record; a line's is that of its partition after it.
const RECORD: usize = OTHER + 1;
const LINE: usize = RECORD + 1;

impl Kafka {
    /// Becomes the only writer of the reference topic.
    ///
    /// # Errors
    /// [`LogError::Broker`].
    pub fn reference(self: &Arc<Self>, topic: &Name) -> Result<Reference, LogError> {
        let producer = committer::transactional(&self.options, topic.as_str(), TIMEOUT_MS)?;
        Ok(Reference { kafka: self.clone(), topic: topic.clone(), producer })
    }
}

impl Reference {
    /// All records from an offset on.
    ///
    /// # Errors
    /// [`LogError`] where they cannot be read.
    pub fn read(&self, mut from: u64) -> Result<Vec<Entry>, LogError> {
        const READ_BYTES: usize = 8 << 20;
        let mut all: Vec<Entry> = Vec::new();
        loop {
            let more = self.kafka.read(&self.topic, 0, from, READ_BYTES, Duration::ZERO)?;
            let Some(last) = more.last() else { return Ok(all) };
            from = last.offset + 1;
            all.extend(more);
        }
    }

    /// Writes records, key and value, and `lines` into every partition of the frames, all or nothing.
    ///
    /// # Errors
    /// [`LogError::Lost`]: another process has begun since, or the outcome is not known. Begin again.
    pub fn publish(self, records: &[(String, Vec<u8>)], lines: &[Vec<u8>]) -> Result<Landed, LogError> {
        let lost = |error: KafkaError| LogError::Lost { why: format!("reference data: {error}") };
        let names = &self.kafka.names;
        let (topic, source) = (names.whole(&self.topic)?, names.whole(&self.kafka.options.source)?);
        self.producer.begin_transaction().map_err(lost)?;
        for (key, value) in records {
            let record = BaseRecord::with_opaque_to(topic, RECORD).partition(0);
            self.send(record.key(key.as_bytes()).payload(value))?;
        }
        for partition in 0..self.kafka.partitions {
            for line in lines {
                let record = BaseRecord::with_opaque_to(source, LINE + partition as usize);
                self.send(record.partition(partition as i32).payload(line))?;
            }
        }
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(LOOK);
        }
        // A record that was not delivered makes the commit fail.
        self.producer.commit_transaction(STEP).map_err(lost)?;
        let reports = self.producer.context();
        let line = |partition| (partition, reports.offset(LINE + partition as usize));
        let partitions = if lines.is_empty() { 0 } else { self.kafka.partitions };
        Ok(Landed { record: reports.offset(RECORD), frames: (0..partitions).map(line).collect() })
    }

    fn send(&self, record: BaseRecord<'_, [u8], [u8], usize>) -> Result<(), LogError> {
        let sent = self.producer.send(record);
        sent.map_err(|(error, _)| LogError::Lost { why: format!("reference data: {error}") })
    }
}
