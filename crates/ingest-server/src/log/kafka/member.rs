//! Membership in a reader's consumer group: which partitions are ours.
//!
//! The group only hands out partitions. Nothing is fetched through its client: every worker reads with a cursor of
//! its own from the position that it resumed at. A partition that is to move is given up once its worker has
//! committed; one that was lost is left at once, and what its worker still tries to commit is fenced.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rdkafka::{
    ClientContext, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance},
};

use super::{
    super::{LogError, Name, Ownership},
    KafkaOptions, broker,
    client::Client,
};
use crate::clock::moment;

/// This process's place in the group; left when dropped. Drop it after the workers have stopped.
pub struct Member {
    consumer: Arc<Client<BaseConsumer<Rebalanced>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Carries what the group decides to the workers.
pub(super) struct Rebalanced {
    ownership: Arc<Ownership>,
}

/// How long workers may take to finish what they have when a partition moves away in good order.
const FINISH: Duration = Duration::from_secs(25);
/// How long leaving may take.
const LEAVE: Duration = Duration::from_secs(3);
/// How long a process may be silent before its partitions are given to others.
const SESSION_MS: &str = "10000";

impl ClientContext for Rebalanced {}

impl ConsumerContext for Rebalanced {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, change: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = change {
            // What is lost is another's already: nothing is gained by waiting.
            if consumer.assignment_lost() {
                self.ownership.lose(&numbers(partitions));
            } else {
                self.ownership.take(&numbers(partitions), FINISH);
            }
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, change: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = change {
            // The workers read for themselves.
            let _ = consumer.pause(partitions);
            self.ownership.give(&numbers(partitions));
        }
    }
}

fn numbers(partitions: &TopicPartitionList) -> Vec<u32> {
    partitions.elements().iter().filter_map(|element| u32::try_from(element.partition()).ok()).collect()
}

impl Member {
    pub(super) fn join(
        options: &KafkaOptions,
        reader: &Name,
        source: &str,
        instance: Option<&str>,
        ownership: Arc<Ownership>,
    ) -> Result<Self, LogError> {
        let mut config = options.reading();
        config.set("group.id", options.whole(reader)).set("session.timeout.ms", SESSION_MS);
        // A static member that dies between the two steps of a cooperative rebalance comes back with what it had after
        // the first, and the partition that was to move stays with nobody. So static members move all at once, which
        // happens only when their number changes; others move one by one.
        let strategy = if instance.is_some() { "range" } else { "cooperative-sticky" };
        config.set("partition.assignment.strategy", strategy);
        config.set("heartbeat.interval.ms", "1000").set("max.poll.interval.ms", "60000");
        config.set("queued.min.messages", "1").set("auto.offset.reset", "earliest");
        if let Some(instance) = instance {
            config.set("group.instance.id", instance);
        }
        let consumer: BaseConsumer<Rebalanced> = config
            .create_with_context(Rebalanced { ownership })
            .map_err(|error| broker("make a client", &error))?;
        let consumer = Arc::new(Client::new(consumer));
        consumer.subscribe(&[source]).map_err(|error| broker("join the group", &error))?;
        Ok(Self { consumer, stop: Arc::default(), thread: None })
    }

    /// Begins to serve the group: from here on partitions are given.
    pub(super) fn serve(&mut self) -> Result<(), LogError> {
        let (polled, stopped) = (self.consumer.clone(), self.stop.clone());
        let run = move || {
            let mut said = String::new();
            while !stopped.load(Ordering::SeqCst) {
                // Serves the rebalances; messages that slipped in before the pause are the workers' business.
                let Some(Err(error)) = polled.poll(Duration::from_millis(100)) else { continue };
                let says = error.to_string();
                if says != said {
                    tracing::warn!("consumer group: {says}");
                    said = says;
                }
            }
        };
        let thread = thread::Builder::new().name("group".to_owned()).spawn(run);
        let thread = thread.map_err(|e| LogError::io("start a thread for", "the group".as_ref(), &e))?;
        self.thread = Some(thread);
        Ok(())
    }

    pub(super) fn consumer(&self) -> Arc<Client<BaseConsumer<Rebalanced>>> {
        self.consumer.clone()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        // Says that it leaves, unless the membership is static: then its place is kept for the session's time.
        self.consumer.unsubscribe();
        let until = moment() + LEAVE;
        while self.consumer.assignment().is_ok_and(|partitions| partitions.count() > 0) && moment() < until {
            drop(self.consumer.poll(Duration::from_millis(10)));
        }
    }
}
