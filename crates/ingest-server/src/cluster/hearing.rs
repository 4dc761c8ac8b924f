//! What this process hears of the others: decisions for devices that may be connected here, and the sessions of their
//! partitions, so that any process can list them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    desk::Desk,
    keeper::Keeper,
    log::{
        Entry, Kafka, LogError, Name, Ownership,
        kafka::{From, Met, Tail},
    },
    relay::{self, Relay},
};

/// The threads that listen; ended when dropped.
#[derive(Default)]
pub(crate) struct Hearing {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// How long a thread waits for records before it looks whether it shall stop.
const PAUSE: Duration = Duration::from_millis(100);
/// Before a topic that could not be read is read again.
const AGAIN: Duration = Duration::from_millis(500);
const SESSIONS: &str = "sessions";
const REFERENCE: &str = "reference";

fn topic(name: &str) -> Result<Name, LogError> {
    Name::new(name).ok_or(LogError::Closed)
}

impl Hearing {
    /// Begins to listen: what is decided after this returns is heard.
    pub(crate) fn others(
        &mut self,
        kafka: &Arc<Kafka>,
        desk: &Arc<Desk>,
        ownership: &Arc<Ownership>,
        relay: &Arc<Relay>,
    ) -> Result<(), LogError> {
        let (heard, ours) = (desk.clone(), ownership.clone());
        let hear = move |met: Met, _: &Tail| {
            // What is ours was heard from our own worker.
            if let Met::Entry(partition, entry) = met
                && !ours.is_ours(partition)
            {
                relay::hear(&heard, partition, &entry.value);
            }
        };
        self.follow(kafka, topic(relay::DECISIONS)?, From::End, hear)?;
        if relay.follows() {
            let (desk, ours, relay) = (desk.clone(), ownership.clone(), relay.clone());
            let view = move |met: Met, tail: &Tail| {
                relay.to_read_again().into_iter().for_each(|partition| tail.rewind(partition));
                match met {
                    Met::Entry(partition, Entry { value, .. }) if !ours.is_ours(partition) => {
                        desk.view.put(partition, &value);
                    }
                    Met::End(partition) => desk.view.has_read(partition),
                    Met::Entry(..) | Met::Nothing => {}
                }
            };
            self.follow(kafka, topic(SESSIONS)?, From::Start, view)?;
        }
        Ok(())
    }

    /// Begins to follow the reference data; the keeper passes over what it has read.
    pub(crate) fn site(&mut self, kafka: &Arc<Kafka>, keeper: &Arc<Keeper>) -> Result<(), LogError> {
        let keeper = keeper.clone();
        let hear = move |met: Met, _: &Tail| {
            if let Met::Entry(_, entry) = met {
                keeper.hear(&entry);
            }
        };
        self.follow(kafka, topic(REFERENCE)?, From::Start, hear)
    }

    fn follow(
        &mut self,
        kafka: &Arc<Kafka>,
        topic: Name,
        from: From,
        mut meet: impl FnMut(Met, &Tail) + Send + 'static,
    ) -> Result<(), LogError> {
        let mut tail = kafka.tail(&topic, from)?;
        let (kafka, stop, name) = (kafka.clone(), self.stop.clone(), format!("hear-{topic}"));
        let run = move || {
            while !stop.load(Ordering::SeqCst) {
                match tail.next(PAUSE) {
                    Ok(met) => meet(met, &tail),
                    Err(error) => {
                        tracing::warn!("{topic}: {error}; it is read again");
                        thread::park_timeout(AGAIN);
                        if let Ok(again) = kafka.tail(&topic, from) {
                            tail = again;
                        }
                    }
                }
            }
        };
        let thread = thread::Builder::new().name(name).spawn(run);
        self.threads.push(thread.map_err(|e| LogError::io("start a thread for", "hearing".as_ref(), &e))?);
        Ok(())
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
