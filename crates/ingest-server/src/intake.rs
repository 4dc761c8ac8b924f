//! The one door into the frames log: stamps the time, tells an outage, and bounds what waits for the disk.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use parking_types::{Instant, Span};
use parkline::stage::Position;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    clock::Clock,
    log::{Batch, LogError, Name, SharedLog, Ticket, lock},
    metrics::Metrics,
    record,
};

/// A clock that stands for longer was our outage, not the devices' silence.
const OUTAGE: Span = Span::from_mins(2);
/// How far the machine's clock may lie behind the last record.
const BEHIND: Span = Span::from_secs(2);

/// The door into one topic of a log; see the module's text.
pub struct Intake {
    log: SharedLog,
    topic: Name,
    clock: Clock,
    doors: Vec<Door>,
    budget: Arc<Semaphore>,
    budget_bytes: u32,
    taken: AtomicU64,
    /// By partition: the record after the last one that is known to be durable.
    durable: Arc<[AtomicU64]>,
    metrics: Arc<Metrics>,
    /// Whether other processes write into the same partitions.
    shared: AtomicBool,
}

type Door = Mutex<Way>;

/// Whether a partition's records can come in here.
#[derive(Clone, Copy, Debug, Default)]
enum Way {
    /// Its worker is ours and has not yet read what the log holds.
    #[default]
    Shut,
    /// Its worker is ours: the greatest `received_at` that is known to lie in the log.
    Open(Instant),
    /// Its worker is another process: that one keeps its time and tells its outages.
    Through,
}

/// Why nothing was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The machine's clock lies behind the log's.
    ClockBehind {
        /// By how much.
        by: Span,
    },
    /// The partition is still being restored.
    NotReady,
    /// The log could not keep it.
    Log(LogError),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ClockBehind { by } => write!(f, "this machine's clock lies {by} behind the log"),
            Self::NotReady => f.write_str("the partition is still being restored"),
            Self::Log(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Refusal {}

/// Records that are on their way to the disk.
#[derive(Debug)]
pub struct Pending {
    ticket: Ticket,
    partition: u32,
    durable: Arc<[AtomicU64]>,
    /// When they were received.
    pub received_at: Instant,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Pending {
    /// Waits until the records are durable; gives the position of the last.
    ///
    /// # Errors
    /// What kept them from being durable: nothing may be acknowledged.
    pub async fn durable(self) -> Result<Position, LogError> {
        let offset = self.ticket.await?;
        if let Some(next) = self.durable.get(self.partition as usize) {
            next.fetch_max(offset + 1, Ordering::Relaxed);
        }
        Ok(Position { partition: self.partition, offset })
    }
}

impl Pending {
    /// Blocks the thread until the records are durable or cannot become so.
    pub(crate) fn wait(self) -> Result<u64, LogError> {
        self.ticket.wait()
    }
}

impl Intake {
    /// A door into `topic` that lets at most `budget_bytes` wait for the disk.
    pub fn new(log: SharedLog, topic: Name, clock: Clock, budget_bytes: u32) -> Self {
        let doors = (0..log.partitions()).map(|_| Door::default()).collect();
        let budget = Arc::new(Semaphore::new(budget_bytes as usize));
        let durable = (0..log.partitions()).map(|_| AtomicU64::new(0)).collect();
        let (taken, metrics) = (AtomicU64::new(0), Arc::default());
        Self {
            log,
            topic,
            clock,
            doors,
            budget,
            budget_bytes,
            taken,
            durable,
            metrics,
            shared: AtomicBool::new(false),
        }
    }

    /// What listeners count.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The record after the last one of a partition that was taken here and is known to be durable.
    pub fn durable_to(&self, partition: u32) -> u64 {
        self.durable.get(partition as usize).map_or(0, |next| next.load(Ordering::Relaxed))
    }

    /// Bytes that wait for the disk, of those that may.
    pub fn waiting_bytes(&self) -> (u64, u64) {
        let all = u64::from(self.budget_bytes);
        (all.saturating_sub(self.budget.available_permits() as u64), all)
    }

    /// Opens the door of a partition whose records go up to `clock` (none: the partition is empty).
    pub fn open(&self, partition: u32, clock: Option<Instant>) {
        if let Some(door) = self.doors.get(partition as usize) {
            *lock(door) = Way::Open(clock.unwrap_or(Instant::MIN));
        }
    }

    /// Lets records of a partition through whose worker is in another process, or not yet at work here.
    pub fn pass_through(&self, partition: u32) {
        self.shared.store(true, Ordering::Relaxed);
        if let Some(door) = self.doors.get(partition as usize) {
            *lock(door) = Way::Through;
        }
    }

    /// The worker has met this time in the log: other processes write there too.
    pub fn seen(&self, partition: u32, clock: Option<Instant>) {
        let Some(clock) = clock else { return };
        if let Some(Way::Open(last)) = self.doors.get(partition as usize).map(lock).as_deref_mut() {
            *last = clock.max(*last);
        }
    }

    /// Takes records from outside: waits while too much waits for the disk, then queues what `write` makes of the
    /// time it is received at. `bytes` says about how much that is.
    ///
    /// # Errors
    /// [`Refusal`]; nothing was queued.
    pub async fn take(
        &self,
        partition: u32,
        bytes: usize,
        write: impl FnOnce(Instant, &mut Batch),
    ) -> Result<Pending, Refusal> {
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, self.budget_bytes);
        let permit = self.budget.clone().acquire_many_owned(wanted).await;
        let mut pending = self.note(partition, write)?;
        pending._permit = permit.ok();
        self.taken.fetch_add(1, Ordering::Relaxed);
        Ok(pending)
    }

    /// Queues records of our own, which are few and small, at once.
    ///
    /// # Errors
    /// [`Refusal`]; nothing was queued.
    pub fn note(&self, partition: u32, write: impl FnOnce(Instant, &mut Batch)) -> Result<Pending, Refusal> {
        // Where others write too, a clock that stands here says nothing: the worker may only lie behind.
        self.put(partition, !self.shared.load(Ordering::Relaxed), write)
    }

    /// Queues the tick of a worker that has read all there is: what it finds standing stands.
    ///
    /// # Errors
    /// [`Refusal`]; nothing was queued.
    pub(crate) fn tick(&self, partition: u32) -> Result<Pending, Refusal> {
        self.put(partition, true, |at, batch| batch.push_with(|out| record::tick(at, out)))
    }

    fn put(
        &self,
        partition: u32,
        tells_outage: bool,
        write: impl FnOnce(Instant, &mut Batch),
    ) -> Result<Pending, Refusal> {
        let door = self.doors.get(partition as usize).ok_or(LogError::NoPartition { partition });
        let mut way = lock(door.map_err(Refusal::Log)?);
        let now = self.clock.now();
        let mut batch = Batch::new();
        match *way {
            Way::Shut => return Err(Refusal::NotReady),
            Way::Open(last) if last - now > BEHIND => return Err(Refusal::ClockBehind { by: last - now }),
            Way::Open(last) => {
                if tells_outage && last != Instant::MIN && now - last > OUTAGE {
                    batch.push_with(|out| record::outage(now, last, out));
                }
                *way = Way::Open(last.max(now));
            }
            Way::Through => {}
        }
        write(now, &mut batch);
        // Under the lock, so that an outage stands before whatever came after it.
        let ticket = self.log.append(&self.topic, partition, batch);
        Ok(Pending { ticket, partition, durable: self.durable.clone(), received_at: now, _permit: None })
    }

    /// Whether frames can be taken for every partition, and if not, why.
    ///
    /// # Errors
    /// The first partition's [`Refusal`].
    pub fn ready(&self) -> Result<(), Refusal> {
        let now = self.clock.now();
        self.doors.iter().try_for_each(|door| match *lock(door) {
            Way::Shut => Err(Refusal::NotReady),
            Way::Open(last) if last - now > BEHIND => Err(Refusal::ClockBehind { by: last - now }),
            Way::Open(_) | Way::Through => Ok(()),
        })
    }

    /// How many batches were taken from outside.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Embedded, Log, Options};
    use std::time::Duration;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    struct Rig {
        _data: tempfile::TempDir,
        log: Arc<Embedded>,
        clock: Clock,
        intake: Intake,
    }

    fn rig(budget: u32) -> Rig {
        let data = tempfile::tempdir().unwrap();
        let options = Options { partitions: Some(1), ..Options::new("default", vec![name("frames")]) };
        let log = Arc::new(Embedded::open(data.path(), &options).unwrap());
        let clock = Clock::manual("2026-03-02T08:00:00Z".parse().unwrap());
        let intake = Intake::new(log.clone(), name("frames"), clock.clone(), budget);
        Rig { _data: data, log, clock, intake }
    }

    fn kept(rig: &Rig) -> Vec<String> {
        let entries = rig.log.read(&name("frames"), 0, 0, 1 << 20, Duration::ZERO).unwrap();
        entries.iter().map(|entry| String::from_utf8_lossy(&entry.value).into_owned()).collect()
    }

    fn tick(at: Instant, batch: &mut Batch) {
        batch.push_with(|out| record::tick(at, out));
    }

    #[tokio::test]
    async fn a_clock_that_stood_is_told_before_the_frame_that_follows() {
        let rig = rig(1024);
        rig.intake.open(0, None);
        rig.intake.take(0, 10, tick).await.unwrap().durable().await.unwrap();
        rig.clock.advance(Span::from_mins(2));
        rig.intake.take(0, 10, tick).await.unwrap().durable().await.unwrap();
        rig.clock.advance(Span::from_secs(121));
        let position = rig.intake.take(0, 10, tick).await.unwrap().durable().await.unwrap();
        assert_eq!(position.offset, 3, "the position is the frame's own, not the outage's");
        let outage = r#"{"received_at":"2026-03-02T08:04:01Z","outage":{"from":"2026-03-02T08:02:00Z"}}"#;
        assert_eq!(kept(&rig)[2], outage);
        assert_eq!(kept(&rig).len(), 4);
    }

    #[tokio::test]
    async fn nothing_is_taken_before_the_log_is_read_nor_while_the_clock_lies_behind_it() {
        let rig = rig(1024);
        assert_eq!(rig.intake.ready(), Err(Refusal::NotReady));
        assert_eq!(rig.intake.take(0, 1, tick).await.unwrap_err(), Refusal::NotReady);
        rig.intake.open(0, Some("2026-03-02T08:00:05Z".parse().unwrap()));
        let behind = Refusal::ClockBehind { by: Span::from_secs(5) };
        assert_eq!(rig.intake.ready(), Err(behind.clone()));
        assert_eq!(rig.intake.take(0, 1, tick).await.unwrap_err(), behind);
        rig.clock.advance(Span::from_secs(4));
        assert_eq!(rig.intake.ready(), Ok(()), "two seconds are let pass");
        assert!(kept(&rig).is_empty());
    }

    #[tokio::test]
    async fn what_waits_for_the_disk_is_bounded() {
        let rig = rig(100);
        rig.intake.open(0, None);
        let first = rig.intake.take(0, 80, tick).await.unwrap();
        let blocked = tokio::time::timeout(Duration::from_millis(20), rig.intake.take(0, 80, tick)).await;
        assert!(blocked.is_err(), "the second must wait for the first to be durable");
        first.durable().await.unwrap();
        rig.intake.take(0, 80, tick).await.unwrap().durable().await.unwrap();
        assert_eq!(rig.intake.taken(), 2);
    }
}
