//! Following a topic in all its partitions with one client, as every process does with what others decide.

use std::time::Duration;

use bytes::Bytes;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use super::{
    super::{Entry, LogError, Name},
    Kafka, PATIENCE, broker,
    client::Client,
    cursor::{end_of, passes},
};
use crate::clock::moment;

/// A reader of a whole topic.
pub struct Tail {
    consumer: Client<BaseConsumer>,
    topic: String,
}

/// Where a [`Tail`] begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// With the oldest record.
    Start,
    /// Behind what is there now.
    End,
}

/// What a [`Tail`] meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Met {
    /// A record of a partition.
    Entry(u32, Entry),
    /// A partition has no more for now.
    End(u32),
    /// Nothing came.
    Nothing,
}

impl Kafka {
    /// Follows a topic.
    ///
    /// # Errors
    /// [`LogError::Broker`] where the brokers do not say where its partitions end.
    pub fn tail(&self, topic: &Name, from: From) -> Result<Tail, LogError> {
        let whole = self.names.whole(topic)?;
        let mut config = self.options.reading();
        config.set("enable.partition.eof", "true").set("fetch.queue.backoff.ms", "5");
        // What was dropped while it was away concerns nobody any more.
        let reset = if from == From::Start { "earliest" } else { "latest" };
        config.set("auto.offset.reset", reset).set("fetch.error.backoff.ms", "50");
        config.set("queued.max.messages.kbytes", "16384");
        let consumer: BaseConsumer = config.create().map_err(|error| broker("make a client", &error))?;
        let consumer = Client::new(consumer);
        let single = self.options.topics.iter().any(|known| known.name == *topic && known.single);
        let mut places = TopicPartitionList::new();
        for partition in 0..if single { 1 } else { self.partitions as i32 } {
            // In numbers: the client would look for the end some time later, and pass over what came in between.
            let offset = match from {
                From::Start => Offset::Beginning,
                From::End => {
                    let end = end_of(&consumer, whole, partition, moment() + PATIENCE)?;
                    Offset::Offset(i64::try_from(end).unwrap_or(i64::MAX))
                }
            };
            let placed = places.add_partition_offset(whole, partition, offset);
            placed.map_err(|error| broker("read", &error))?;
        }
        consumer.assign(&places).map_err(|error| broker("read", &error))?;
        Ok(Tail { consumer, topic: whole.to_owned() })
    }
}

impl Tail {
    /// Goes back to the oldest record of a partition.
    pub fn rewind(&self, partition: u32) {
        // Where it fails the client goes on where it was.
        if let Err(error) = self.consumer.seek(&self.topic, partition as i32, Offset::Beginning, PATIENCE) {
            tracing::error!("{}: cannot be read again: {error}", self.topic);
        }
    }

    /// What comes next, within `wait`.
    ///
    /// # Errors
    /// [`LogError::Broker`] for what does not mend itself.
    pub fn next(&self, wait: Duration) -> Result<Met, LogError> {
        match self.consumer.poll(wait) {
            None => Ok(Met::Nothing),
            Some(Ok(message)) => {
                let entry = Entry {
                    offset: u64::try_from(message.offset()).unwrap_or(0),
                    key: Bytes::copy_from_slice(message.key().unwrap_or_default()),
                    value: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
                };
                Ok(Met::Entry(u32::try_from(message.partition()).unwrap_or(0), entry))
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                Ok(Met::End(u32::try_from(partition).unwrap_or(0)))
            }
            Some(Err(error)) if passes(&error) => Ok(Met::Nothing),
            Some(Err(error)) => Err(broker("read", &error)),
        }
    }
}
