//! One process of the server: the log, its door, the desk, and a thread for the worker of each partition.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use parkline::stage::Stage;
use tokio::sync::Semaphore;

use crate::{
    clock::Clock,
    desk::Desk,
    intake::Intake,
    log::{LogError, Name, Ownership, SharedLog, lock},
    questions::Questions,
    relay::Relay,
    worker::{Setting, Worker, WorkerError},
};

/// The topic of frames, ticks, outages and reference lines.
pub const FRAMES: &str = "frames";

/// How long a worker waits for records before it looks whether it shall stop.
const PAUSE: Duration = Duration::from_millis(200);
/// How often a worker may fail on one record before the record is left out.
const ATTEMPTS: u32 = 2;
/// How long a worker waits before it is made anew after the log was away.
const AGAIN: Duration = Duration::from_millis(250);

/// What is well and what is not, for `/livez` and `/readyz`.
#[derive(Debug, Default)]
pub struct Health {
    draining: AtomicBool,
    failed: Mutex<Option<String>>,
}

impl Health {
    /// What went wrong for good, if something did.
    pub fn failure(&self) -> Option<String> {
        lock(&self.failed).clone()
    }

    /// Whether the server stops taking frames.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// From now on the server is not ready.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    fn fail(&self, why: &WorkerError) {
        lock(&self.failed).get_or_insert_with(|| why.to_string());
    }
}

/// The running server without its listeners.
pub struct Host {
    /// The log.
    pub log: SharedLog,
    /// The door into its frames.
    pub intake: Arc<Intake>,
    /// Where outputs meet those who wait.
    pub desk: Arc<Desk>,
    /// What tells other processes, where there are any.
    pub relay: Option<Arc<Relay>>,
    /// What its workers are asked.
    pub questions: Arc<Questions>,
    /// How it is.
    pub health: Arc<Health>,
    /// Which partitions its workers have.
    pub ownership: Arc<Ownership>,
    /// The time.
    pub clock: Clock,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// How a host is started.
#[derive(Clone)]
pub struct HostOptions {
    /// The name under which the workers commit.
    pub reader: Name,
    /// Bytes of a partition that may be under way: on their way to the disk, or not yet applied.
    pub budget_bytes: u32,
    /// What is published instead of a record that the stage failed on twice.
    pub poison: fn(&[u8]) -> parkline::stage::Output,
    /// Whether, where others own partitions too, their sessions are followed, so that all can be listed here.
    pub follows: bool,
}

impl Host {
    /// Starts a thread for each partition of `log`, which has a worker while the partition is ours; each worker runs
    /// its own stage out of `make`, which is told the partition.
    ///
    /// # Errors
    /// [`LogError::Io`] where a thread cannot be started.
    pub fn start<S: Stage>(
        log: SharedLog,
        ownership: Arc<Ownership>,
        clock: Clock,
        options: &HostOptions,
        make: impl Fn(u32) -> S + Send + Sync + 'static,
    ) -> Result<Self, LogError> {
        let source = Name::new(FRAMES).ok_or(LogError::Closed)?;
        let partitions = log.partitions();
        let intake = Arc::new(Intake::new(log.clone(), source.clone(), clock.clone(), options.budget_bytes));
        let desk = Arc::new(Desk::new(partitions, clock.clone()));
        let questions = Arc::new(Questions::new(partitions));
        let health = Arc::new(Health::default());
        let relay = ownership.is_shared().then(|| {
            Relay::new(desk.clone(), log.clone(), clock.clone(), ownership.clone(), options.follows)
        });
        let relay = relay.transpose()?.map(Arc::new);
        let stop = Arc::new(AtomicBool::new(false));
        let (make, pen) = (Arc::new(make), Arc::new(Semaphore::new(1)));
        let mut threads = Vec::new();
        for partition in 0..partitions {
            if ownership.is_shared() {
                intake.pass_through(partition);
            }
            let setting = Setting {
                log: log.clone(),
                source: source.clone(),
                reader: options.reader.clone(),
                partition,
                intake: intake.clone(),
                observer: match &relay {
                    Some(relay) => relay.clone(),
                    None => desk.clone(),
                },
                questions: questions.clone(),
                pen: pen.clone(),
                clock: clock.clone(),
                poison: options.poison,
            };
            let (make, health, stop) = (make.clone(), health.clone(), stop.clone());
            let ownership = ownership.clone();
            let run = move || Owner { setting, health, ownership, stop }.run(&*make);
            let thread = thread::Builder::new().name(format!("worker-{partition}")).spawn(run);
            threads.push(thread.map_err(|e| LogError::io("start a thread for", "worker".as_ref(), &e))?);
        }
        Ok(Self { log, intake, desk, relay, questions, health, ownership, clock, stop, threads })
    }

    /// Lets the workers finish what is durable, commit and leave a checkpoint.
    pub fn stop(mut self) {
        self.halt();
    }

    fn halt(&mut self) {
        self.health.drain();
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.halt();
    }
}

/// The thread of a partition.
struct Owner {
    setting: Setting,
    health: Arc<Health>,
    ownership: Arc<Ownership>,
    stop: Arc<AtomicBool>,
}

impl Owner {
    /// Has a worker while the partition is ours: makes it anew where the stage failed or the log was away, gives up
    /// where the log failed for good.
    fn run<S: Stage>(&self, make: &(impl Fn(u32) -> S + ?Sized)) {
        let mut attempts: BTreeMap<(u64, u32), u32> = BTreeMap::new();
        while !self.stopped() {
            if !self.ownership.begin(self.setting.partition, PAUSE) {
                continue;
            }
            let left_out =
                attempts.iter().filter(|(_, failed)| **failed >= ATTEMPTS).map(|(frame, _)| *frame).collect();
            let stage = make(self.setting.partition);
            let worked =
                Worker::start(stage, self.setting.clone(), left_out).and_then(|worker| self.work(worker));
            self.let_go();
            match worked {
                Ok(()) => {}
                Err(WorkerError::Failed { at, line }) => *attempts.entry((at.offset, line)).or_insert(0) += 1,
                Err(WorkerError::Log(error)) if error.passes() => {
                    let partition = self.setting.partition;
                    tracing::error!(partition, "partition {partition}: {error}; its worker starts again");
                    thread::park_timeout(AGAIN);
                }
                Err(error @ WorkerError::Log(_)) => return self.health.fail(&error),
            }
        }
    }

    fn work<S: Stage>(&self, mut worker: Worker<S>) -> Result<(), WorkerError> {
        let partition = self.setting.partition;
        let mut full = false;
        while !self.went_on(worker.catch_up(), &mut full)? {
            if self.stopped() {
                return Ok(());
            }
        }
        self.ownership.caught_up(partition);
        while !self.stopped() {
            if !self.ownership.is_ours(partition) {
                // Who takes the partition over reads on from here; who has it already has fenced us.
                return if self.ownership.is_lost(partition) { Ok(()) } else { worker.finish() };
            }
            self.went_on(worker.turn(PAUSE).map(drop), &mut full)?;
        }
        worker.catch_up()?;
        worker.finish()
    }

    /// Whether a turn went well. Where the disk is full the worker keeps what it made, and tries again a moment later.
    fn went_on(&self, turn: Result<(), WorkerError>, full: &mut bool) -> Result<bool, WorkerError> {
        let partition = self.setting.partition;
        match turn {
            Err(error @ WorkerError::Log(LogError::Full { .. })) => {
                if !std::mem::replace(full, true) {
                    tracing::error!(
                        partition,
                        "partition {partition}: {error}; nothing is decided until there is room"
                    );
                }
                thread::park_timeout(AGAIN);
                return Ok(false);
            }
            Err(error) => return Err(error),
            Ok(()) if std::mem::take(full) => {
                tracing::info!(partition, "partition {partition}: the disk has room again");
            }
            Ok(()) => {}
        }
        Ok(true)
    }

    /// What others may own is theirs from here on; alone, the door stays as it was, as what comes in is kept.
    fn let_go(&self) {
        let partition = self.setting.partition;
        if self.ownership.is_shared() {
            self.setting.log.leave(&self.setting.reader, partition);
            self.setting.intake.pass_through(partition);
            self.setting.observer.leave(partition);
        }
        self.ownership.end(partition);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
