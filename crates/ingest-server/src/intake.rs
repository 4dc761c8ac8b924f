//! The one door into the frames log: stamps the time, tells an outage, and bounds what is under way.
//!
//! What came in is under way until the partition's worker has applied it. Where the disk or the worker is slow the bytes
//! that may be under way run out, whoever brings more waits, and sockets are not read meanwhile.

mod door;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use parking_types::{Instant, Span};
use parkline::stage::Position;
use tokio::{runtime::Handle, sync::OwnedSemaphorePermit};

use self::door::{Door, State, Way};
use crate::{
    clock::{Clock, Steady},
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
    steady: Mutex<Steady>,
    doors: Arc<[Door]>,
    /// Bytes of one partition that may be under way.
    budget_bytes: u32,
    taken: AtomicU64,
    metrics: Arc<Metrics>,
    /// Whether other processes write into the same partitions.
    shared: AtomicBool,
}

/// Why nothing was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The machine's clock lies behind the log's.
    ClockBehind {
        /// By how much.
        by: Span,
    },
    /// The machine's time of day has just jumped.
    ClockJumped {
        /// How far; negative: back.
        by: Span,
    },
    /// The partition is still being restored.
    NotReady,
    /// The disk has no room.
    Full,
    /// The log could not keep it.
    Log(LogError),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ClockBehind { by } => write!(f, "this machine's clock lies {by} behind the log"),
            Self::ClockJumped { by } => {
                write!(f, "this machine's clock has jumped by {by}; it must stand by that first")
            }
            Self::NotReady => f.write_str("the partition is still being restored"),
            Self::Full => f.write_str("the disk is full"),
            Self::Log(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Refusal {}

/// Records that are on their way to the disk.
#[derive(Debug)]
pub struct Pending {
    ticket: Option<Ticket>,
    partition: u32,
    doors: Arc<[Door]>,
    /// When they were received.
    pub received_at: Instant,
    permit: Option<OwnedSemaphorePermit>,
}

impl Pending {
    /// Waits until the records are durable; gives the position of the last.
    ///
    /// # Errors
    /// What kept them from being durable: nothing may be acknowledged.
    pub async fn durable(mut self) -> Result<Position, LogError> {
        let result = match &mut self.ticket {
            Some(ticket) => ticket.await,
            None => Err(LogError::Closed),
        };
        self.ended(&result);
        result.map(|offset| Position { partition: self.partition, offset })
    }

    /// Blocks the thread until the records are durable or cannot become so.
    pub(crate) fn wait(mut self) -> Result<u64, LogError> {
        let result = self.ticket.take().map_or(Err(LogError::Closed), Ticket::wait);
        self.ended(&result);
        result
    }

    fn ended(&mut self, result: &Result<u64, LogError>) {
        self.ticket = None;
        if let Some(door) = self.doors.get(self.partition as usize) {
            door.stored(result, self.permit.take());
        }
    }
}

impl Drop for Pending {
    /// Who waited may go away; the bytes are under way all the same.
    fn drop(&mut self) {
        let (Some(permit), Some(ticket)) = (self.permit.take(), self.ticket.take()) else { return };
        let Ok(runtime) = Handle::try_current() else { return };
        let (doors, partition) = (self.doors.clone(), self.partition as usize);
        runtime.spawn(async move {
            let result = ticket.await;
            if let Some(door) = doors.get(partition) {
                door.stored(&result, Some(permit));
            }
        });
    }
}

impl Intake {
    /// A door into `topic` that lets at most `budget_bytes` of each partition be under way.
    pub fn new(log: SharedLog, topic: Name, clock: Clock, budget_bytes: u32) -> Self {
        let doors = (0..log.partitions()).map(|_| Door::new(budget_bytes)).collect();
        let steady = Mutex::new(Steady::new(&clock));
        let (taken, metrics) = (AtomicU64::new(0), Arc::default());
        Self {
            log,
            topic,
            clock,
            steady,
            doors,
            budget_bytes,
            taken,
            metrics,
            shared: AtomicBool::new(false),
        }
    }

    /// What listeners count.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    fn door(&self, partition: u32) -> Option<&Door> {
        self.doors.get(partition as usize)
    }

    /// The record after the last one of a partition that was taken here and is known to be durable.
    pub fn durable_to(&self, partition: u32) -> u64 {
        self.door(partition).map_or(0, Door::durable_to)
    }

    /// Bytes that are under way, of those that may be.
    pub fn waiting_bytes(&self) -> (u64, u64) {
        let each = u64::from(self.budget_bytes);
        let used = |door: &Door| each.saturating_sub(door.room.available_permits() as u64);
        (self.doors.iter().map(used).sum(), each * self.doors.len() as u64)
    }

    /// Opens the door of a partition whose records go up to `clock` (none: the partition is empty).
    pub fn open(&self, partition: u32, clock: Option<Instant>) {
        if let Some(door) = self.door(partition) {
            *lock(&door.way) = Way::Open(clock.unwrap_or(Instant::MIN));
        }
    }

    /// Lets records of a partition through whose worker is in another process, or not yet at work here.
    pub fn pass_through(&self, partition: u32) {
        self.shared.store(true, Ordering::Relaxed);
        if let Some(door) = self.door(partition) {
            *lock(&door.way) = Way::Through;
            door.applied(u64::MAX);
        }
    }

    /// The worker has applied everything before `next`, and met this time in the log: other processes write there too.
    pub fn seen(&self, partition: u32, next: u64, clock: Option<Instant>) {
        let Some(door) = self.door(partition) else { return };
        door.applied(next);
        if let (Some(clock), Way::Open(last)) = (clock, &mut *lock(&door.way)) {
            *last = clock.max(*last);
        }
    }

    /// The disk has no room for what the partition's worker commits, or has it again.
    pub(crate) fn commits_full(&self, partition: u32, full: bool) {
        if let Some(door) = self.door(partition) {
            door.commits(full);
        }
    }

    /// Whether the disk had no room when something of the partition was last to be written.
    pub fn is_full(&self, partition: u32) -> bool {
        self.door(partition).is_some_and(|door| door.state() == State::Full)
    }

    /// Whether the last append of the partition failed: the next one will tell whether it still does.
    pub(crate) fn is_troubled(&self, partition: u32) -> bool {
        self.door(partition).is_some_and(|door| door.state() != State::Well)
    }

    /// Takes records from outside: waits while too much of the partition is under way, then queues what `write` makes
    /// of the time it is received at. `bytes` says about how much that is.
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
        let door = self.door(partition).ok_or(Refusal::Log(LogError::NoPartition { partition }))?;
        let permit = door.room.clone().acquire_many_owned(wanted).await;
        let mut pending = self.note(partition, write)?;
        pending.permit = permit.ok();
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
        let door = self.door(partition).ok_or(Refusal::Log(LogError::NoPartition { partition }))?;
        let mut way = lock(&door.way);
        let now = self.stands()?;
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
        let ticket = Some(self.log.append(&self.topic, partition, batch));
        Ok(Pending { ticket, partition, doors: self.doors.clone(), received_at: now, permit: None })
    }

    /// The time, where it goes on as it did.
    fn stands(&self) -> Result<Instant, Refusal> {
        lock(&self.steady).now(&self.clock).map_err(|by| Refusal::ClockJumped { by })
    }

    /// Whether frames can be taken for every partition, and if not, why.
    ///
    /// # Errors
    /// The first partition's [`Refusal`].
    pub fn ready(&self) -> Result<(), Refusal> {
        let now = self.stands()?;
        self.doors.iter().try_for_each(|door| match *lock(&door.way) {
            Way::Shut => Err(Refusal::NotReady),
            Way::Open(last) if last - now > BEHIND => Err(Refusal::ClockBehind { by: last - now }),
            Way::Open(_) | Way::Through => match door.state() {
                State::Well => Ok(()),
                State::Full => Err(Refusal::Full),
                State::Failed => Err(Refusal::Log(LogError::Failed)),
            },
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
    async fn what_is_under_way_is_bounded_until_the_worker_has_applied_it() {
        let rig = rig(100);
        rig.intake.open(0, None);
        let blocked = async |why: &str| {
            let more = tokio::time::timeout(Duration::from_millis(20), rig.intake.take(0, 80, tick)).await;
            assert!(more.is_err(), "{why}");
        };
        let first = rig.intake.take(0, 80, tick).await.unwrap();
        blocked("it waits for the disk").await;
        first.durable().await.unwrap();
        blocked("durable is not applied").await;
        assert_eq!(rig.intake.waiting_bytes(), (80, 100));
        rig.intake.seen(0, 1, None);
        // Whoever brought it may have gone: its bytes are under way all the same.
        drop(rig.intake.take(0, 80, tick).await.unwrap());
        blocked("nobody waits for it, and it is not applied").await;
        rig.intake.seen(0, 2, None);
        let third = rig.intake.take(0, 80, tick).await.unwrap();
        rig.intake.seen(0, 3, None);
        third.durable().await.unwrap();
        assert_eq!(rig.intake.waiting_bytes(), (0, 100), "the worker was quicker than the answer");
        rig.intake.pass_through(0);
        rig.intake.take(0, 80, tick).await.unwrap().durable().await.unwrap();
        assert_eq!(rig.intake.waiting_bytes(), (0, 100), "another process applies it");
        assert_eq!(rig.intake.taken(), 4);
    }

    #[tokio::test]
    async fn a_clock_that_jumps_is_not_believed_until_it_has_stood_by_it() {
        let rig = rig(1024);
        rig.intake.open(0, None);
        rig.intake.take(0, 10, tick).await.unwrap().durable().await.unwrap();
        rig.clock.jump(Span::from_mins(60));
        let jumped = Refusal::ClockJumped { by: Span::from_mins(60) };
        assert_eq!(rig.intake.take(0, 10, tick).await.unwrap_err(), jumped);
        rig.clock.advance(Span::from_secs(5));
        rig.clock.jump(-Span::from_mins(60));
        assert_eq!(rig.intake.ready(), Ok(()), "it went back to where it was");
        rig.clock.jump(Span::from_mins(60));
        assert_eq!(rig.intake.ready(), Err(jumped));
        rig.clock.advance(Span::from_secs(31));
        assert_eq!(rig.intake.ready(), Ok(()), "it stood by it");
        rig.intake.take(0, 10, tick).await.unwrap().durable().await.unwrap();
        assert!(kept(&rig)[1].contains("outage"), "what nobody saw was our outage: {:?}", kept(&rig));
        rig.clock.jump(-Span::from_mins(60));
        assert_eq!(rig.intake.ready(), Err(Refusal::ClockJumped { by: -Span::from_mins(60) }));
        rig.clock.advance(Span::from_secs(31));
        assert!(matches!(rig.intake.ready(), Err(Refusal::ClockBehind { .. })), "the log does not go back");
    }
}
