//! The thread that writes a segment log, and the handle on it.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    super::{Batch, Entry, LogError, Ticket, TicketSender},
    disk::Fault,
    files,
    layout::MAX_RECORD,
    read,
    shared::{self, Shared, Tail, lock},
    store::{Opened, Store, TornTail, WriteError},
};

/// The most bytes that one sync covers: bounds the time until the first of them is acknowledged.
const GROUP_BYTES: usize = 8 << 20;

/// How long a wait for the writer lasts before it is looked whether it has stopped.
const SETTLE: Duration = Duration::from_millis(10);

/// What a write that was undone means for what was queued behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFailure {
    /// Nothing: the batches know nothing of each other.
    GoOn,
    /// Each batch builds on the one before, so none may follow until [`SegmentLog::go_on`].
    Stop,
}

/// An append-only log in a folder of segments.
pub(crate) struct SegmentLog {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<Jobs>,
    arrived: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<(Batch, TicketSender)>,
    /// A batch could not be written, and none may follow it.
    stopped: bool,
    closing: bool,
}

impl SegmentLog {
    /// Opens or makes the log in `folder`, with older segments in `archive`; says what torn tail was cut.
    pub(crate) fn open(
        folder: &Path,
        archive: Option<PathBuf>,
        segment_bytes: u64,
        on_failure: OnFailure,
        fault: Option<Fault>,
    ) -> Result<(Self, Option<TornTail>), LogError> {
        let Opened { store, bases, torn } = Store::open(folder, segment_bytes, fault)?;
        let first = bases.first().copied().unwrap_or(0);
        let archived = archive.as_deref().map_or(Ok(Vec::new()), files::segments)?;
        let older = archived.into_iter().map(|(base, _)| base).filter(|base| *base < first);
        let tail = Tail {
            segments: older.chain(bases).map(|base| (base, None)).collect(),
            active_index: store.index.clone(),
            active: store.medium().file.clone(),
            bytes: store.len,
            end: store.next,
            failed: false,
            closed: false,
        };
        let shared = Arc::new(Shared::new(folder.to_owned(), archive, tail));
        let queue = Arc::new(Queue::default());
        let mut writer =
            Writer { store, shared: shared.clone(), queue: queue.clone(), on_failure, buffer: Vec::new() };
        let thread = thread::Builder::new().name("log".to_owned()).spawn(move || writer.run());
        let thread = thread.map_err(|e| LogError::io("start a thread for", folder, &e))?;
        Ok((Self { shared, queue, thread: Some(thread) }, torn))
    }

    /// Queues a batch.
    pub(crate) fn append(&self, batch: Batch) -> Ticket {
        if let Some(record) = batch.records().find(|record| record.is_empty() || record.len() > MAX_RECORD) {
            return Ticket::resolved(Err(LogError::TooLarge { bytes: record.len() }));
        }
        if let Some(error) = shared::refusal(&self.shared.tail()) {
            return Ticket::resolved(Err(error));
        }
        let (sender, ticket) = Ticket::pair();
        let mut jobs = lock(&self.queue.jobs);
        if jobs.stopped {
            sender.resolve(Err(LogError::Failed));
        } else if !jobs.closing {
            jobs.waiting.push_back((batch, sender));
            self.queue.arrived.notify_one();
        }
        ticket
    }

    /// Whether a batch could not be written and none is taken any more.
    pub(crate) fn is_stopped(&self) -> bool {
        lock(&self.queue.jobs).stopped
    }

    /// Waits until everything before `offset` is durable, or will not become so.
    pub(crate) fn settle(&self, offset: u64) {
        while !self.is_stopped() && offset > self.end() {
            let tail = self.shared.tail_at(offset - 1, SETTLE);
            if tail.failed || tail.closed {
                return;
            }
        }
    }

    /// Takes batches again after one could not be written; whoever appends knows what is there.
    pub(crate) fn go_on(&self) {
        lock(&self.queue.jobs).stopped = false;
    }

    /// Durable records from an offset on.
    pub(crate) fn read(&self, from: u64, limit: usize, wait: Duration) -> Result<Vec<Entry>, LogError> {
        read::read(&self.shared, from, limit, wait)
    }

    /// The offset after the last durable record.
    pub(crate) fn end(&self) -> u64 {
        self.shared.tail().end
    }

    /// The bases of all segments, ascending.
    pub(crate) fn bases(&self) -> Vec<u64> {
        self.shared.tail().segments.iter().map(|(base, _)| *base).collect()
    }
}

impl Drop for SegmentLog {
    /// Writes what is queued, then ends the thread.
    fn drop(&mut self) {
        lock(&self.queue.jobs).closing = true;
        self.queue.arrived.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Writer {
    store: Store,
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    on_failure: OnFailure,
    buffer: Vec<u8>,
}

impl Writer {
    fn run(&mut self) {
        while let Some((batches, tickets)) = self.next_group() {
            let outcome = self.write(&batches);
            self.resolve(&batches, tickets, outcome);
        }
        let failed = self.shared.tail().failed;
        if !failed {
            // Only sharpens the next start's judgement; a failure here loses nothing.
            let _ = self.store.seal();
        }
        self.shared.tail().closed = true;
        self.shared.wake();
    }

    /// Waits for batches and takes as many as one sync shall cover; `None` when the log closes.
    fn next_group(&self) -> Option<(Vec<Batch>, Vec<TicketSender>)> {
        let jobs = lock(&self.queue.jobs);
        let idle = |jobs: &mut Jobs| jobs.waiting.is_empty() && !jobs.closing;
        let mut jobs =
            self.queue.arrived.wait_while(jobs, idle).unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut group = (Vec::new(), Vec::new());
        let mut bytes = 0;
        while bytes < GROUP_BYTES {
            let Some((batch, ticket)) = jobs.waiting.pop_front() else { break };
            bytes += batch.bytes();
            group.0.push(batch);
            group.1.push(ticket);
        }
        (!group.0.is_empty()).then_some(group)
    }

    fn write(&mut self, batches: &[Batch]) -> Result<u64, WriteError> {
        if self.shared.tail().failed {
            return Err(WriteError::Unknown(LogError::Failed));
        }
        if self.store.is_full() {
            self.roll().map_err(WriteError::Undone)?;
        }
        let first = self.store.next;
        self.store.write_group(batches, &mut self.buffer)?;
        Ok(first)
    }

    fn roll(&mut self) -> Result<(), LogError> {
        let index = self.store.roll()?;
        let mut tail = self.shared.tail();
        if let Some((_, slot)) = tail.segments.last_mut() {
            *slot = Some(Arc::new(index));
        }
        tail.segments.push((self.store.base(), None));
        tail.active_index = self.store.index.clone();
        tail.active = self.store.medium().file.clone();
        tail.bytes = self.store.len;
        Ok(())
    }

    fn resolve(&mut self, batches: &[Batch], tickets: Vec<TicketSender>, outcome: Result<u64, WriteError>) {
        let outcome = outcome.map_err(|error| self.judge(error));
        if outcome.is_ok() {
            self.publish();
        }
        let mut end = outcome;
        for (batch, ticket) in batches.iter().zip(tickets) {
            end = end.map(|first| first + batch.len() as u64);
            ticket.resolve(end.clone().map(|end| end.saturating_sub(1)));
        }
    }

    fn judge(&self, error: WriteError) -> LogError {
        match error {
            WriteError::Undone(error) => {
                if self.on_failure == OnFailure::Stop {
                    self.halt();
                }
                error
            }
            WriteError::Unknown(error) => {
                self.shared.tail().failed = true;
                self.shared.wake();
                error
            }
        }
    }

    /// Refuses what is queued behind a batch that could not be written, and takes nothing more.
    fn halt(&self) {
        let mut jobs = lock(&self.queue.jobs);
        jobs.stopped = true;
        jobs.waiting.drain(..).for_each(|(_, ticket)| ticket.resolve(Err(LogError::Failed)));
    }

    fn publish(&self) {
        let mut tail = self.shared.tail();
        tail.bytes = self.store.len;
        tail.end = self.store.next;
        tail.active_index.follow(&self.store.index);
        drop(tail);
        self.shared.wake();
    }
}
