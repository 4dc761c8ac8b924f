//! One process of the server: the log, its door, the desk, and a thread for the worker of each partition.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use parkline::stage::Stage;

use crate::{
    clock::Clock,
    desk::Desk,
    intake::Intake,
    log::{Entry, LogError, Name, SharedLog, lock},
    worker::{Setting, Worker, WorkerError},
};

/// The topic of frames, ticks, outages and reference lines.
pub const FRAMES: &str = "frames";

/// How long a worker waits for records before it looks whether it shall stop.
const PAUSE: Duration = Duration::from_millis(200);
/// How often a worker may fail on one record before the record is left out.
const ATTEMPTS: u32 = 2;

/// What is well and what is not, for `/livez` and `/readyz`.
#[derive(Debug, Default)]
pub struct Health {
    caught_up: AtomicU32,
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

    /// How many partitions have read what their log holds.
    pub fn caught_up(&self) -> u32 {
        self.caught_up.load(Ordering::SeqCst)
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
    /// How it is.
    pub health: Arc<Health>,
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
    /// Bytes that may wait for the disk.
    pub budget_bytes: u32,
    /// What is published instead of a record that the stage failed on twice.
    pub poison: fn(&Entry) -> parkline::stage::Output,
}

impl Host {
    /// Starts a worker for each partition of `log`; each runs its own stage out of `make`. Frames are taken once
    /// [`Health::caught_up`] says all partitions are.
    ///
    /// # Errors
    /// [`LogError::Io`] where a thread cannot be started.
    pub fn start<S: Stage>(
        log: SharedLog,
        clock: Clock,
        options: &HostOptions,
        make: impl Fn() -> S + Send + Sync + 'static,
    ) -> Result<Self, LogError> {
        let source = Name::new(FRAMES).ok_or(LogError::Closed)?;
        let partitions = log.partitions();
        let intake = Arc::new(Intake::new(log.clone(), source.clone(), clock.clone(), options.budget_bytes));
        let desk = Arc::new(Desk::new(partitions, clock.clone()));
        let health = Arc::new(Health::default());
        let stop = Arc::new(AtomicBool::new(false));
        let make = Arc::new(make);
        let mut threads = Vec::new();
        for partition in 0..partitions {
            let setting = Setting {
                log: log.clone(),
                source: source.clone(),
                reader: options.reader.clone(),
                partition,
                intake: intake.clone(),
                observer: desk.clone(),
                clock: clock.clone(),
                poison: options.poison,
            };
            let (make, health, stop) = (make.clone(), health.clone(), stop.clone());
            let run = move || own(&*make, &setting, &health, &stop);
            let thread = thread::Builder::new().name(format!("worker-{partition}")).spawn(run);
            threads.push(thread.map_err(|e| LogError::io("start a thread for", "worker".as_ref(), &e))?);
        }
        Ok(Self { log, intake, desk, health, clock, stop, threads })
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

/// Owns a partition until it shall stop: makes the worker anew where the stage failed, gives up where the log did.
fn own<S: Stage>(make: &(impl Fn() -> S + ?Sized), setting: &Setting, health: &Health, stop: &AtomicBool) {
    let mut attempts: BTreeMap<u64, u32> = BTreeMap::new();
    let mut counted = false;
    loop {
        let left_out =
            attempts.iter().filter(|(_, failed)| **failed >= ATTEMPTS).map(|(offset, _)| *offset).collect();
        let mut ready = || {
            if !std::mem::replace(&mut counted, true) {
                health.caught_up.fetch_add(1, Ordering::SeqCst);
            }
        };
        let worker = Worker::start(make(), setting.clone(), left_out);
        match worker.and_then(|worker| work(worker, stop, &mut ready)) {
            Ok(()) => return,
            Err(WorkerError::Failed { at }) => *attempts.entry(at.offset).or_insert(0) += 1,
            Err(error @ WorkerError::Log(_)) => return health.fail(&error),
        }
    }
}

fn work<S: Stage>(
    mut worker: Worker<S>,
    stop: &AtomicBool,
    ready: &mut dyn FnMut(),
) -> Result<(), WorkerError> {
    worker.catch_up()?;
    ready();
    while !stop.load(Ordering::SeqCst) {
        worker.turn(PAUSE)?;
    }
    worker.catch_up()?;
    worker.finish()
}
