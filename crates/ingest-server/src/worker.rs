//! The owner of one partition: reads records, runs the stage, commits what it publishes, and keeps time going.
//!
//! The loop has no thread and no clock of its own: [`Worker::turn`] does one round, so that tests can drive it.
//! After a crash the stage is restored from the newest checkpoint and the records from there to the committed
//! position are run again with their outputs dropped; the step is pure, so they are the same.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use parking_types::{Instant, Span};
use parkline::stage::{Outcome, Output, Position, Record, Stage};
use tokio::sync::Semaphore;

use crate::{
    clock::{Clock, Moment, duration, moment},
    intake::Intake,
    log::{Commit, Entry, LogError, Name, Publication, SharedLog, Ticket},
    metrics::Outcomes,
    questions::Questions,
    record, saved,
};

use self::checkpoint::{CHECKPOINT, Checkpointing, UNSAVED_BYTES};

mod checkpoint;

/// Sees what a worker made, before it is committed; called from the worker's thread, so it must be quick.
pub trait Observer: Send + Sync {
    /// Some records were applied. `next` is the first that was not.
    fn applied(&self, partition: u32, next: u64, outputs: &[(u64, Output)], again: Again);

    /// Appends what it remembers of a partition, to go into the checkpoint. Called by another thread while the worker goes
    /// on: what was applied since the checkpoint's position may be in it, and is applied again after a start.
    fn save(&self, partition: u32, out: &mut Vec<u8>);

    /// Takes back what [`save`](Self::save) gave, or starts empty where nothing is given.
    fn restore(&self, partition: u32, saved: &[u8]);

    /// The partition is another process's from here on.
    fn leave(&self, partition: u32) {
        self.restore(partition, &[]);
    }

    /// A worker has taken the partition and begins to apply records: the first is `from`, and those before `to` were
    /// committed.
    fn begin(&self, _partition: u32, _from: u64, _to: u64) {}
}

/// Whether records are applied for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// They are new.
    No,
    /// They are run again after a start; what they publish is committed already.
    Yes,
}

/// What a worker works on.
#[derive(Clone)]
pub struct Setting {
    /// The log.
    pub log: SharedLog,
    /// The topic that it reads.
    pub source: Name,
    /// The name under which it commits.
    pub reader: Name,
    /// The partition that it owns.
    pub partition: u32,
    /// Where ticks go in.
    pub intake: Arc<Intake>,
    /// Who looks on.
    pub observer: Arc<dyn Observer>,
    /// What it is asked between two batches.
    pub questions: Arc<Questions>,
    /// Who may write a partition's state down: one at a time, as it takes a processor.
    pub pen: Arc<Semaphore>,
    /// The time.
    pub clock: Clock,
    /// What is published instead of a record that the stage failed on twice.
    pub poison: fn(&[u8]) -> Output,
}

/// Why a turn failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerError {
    /// The log failed. Where the disk is [full](LogError::Full) the worker keeps what it made, and the next turn tries
    /// to commit it again; else it is of no use any more.
    Log(LogError),
    /// The stage failed on a record. Another worker, made anew, may try again or leave the record out.
    Failed {
        /// The record.
        at: Position,
        /// Which of its frames.
        line: u32,
    },
}

impl fmt::Display for WorkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => error.fmt(f),
            Self::Failed { at, line } => {
                write!(f, "the stage failed on record {}-{}.{line}", at.partition, at.offset)
            }
        }
    }
}

impl std::error::Error for WorkerError {}

impl From<LogError> for WorkerError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

/// What a turn did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It applied so many records.
    Applied(usize),
    /// There was nothing to read, and a tick was appended.
    Ticked,
    /// There was nothing to read.
    Idle,
}

/// The owner of one partition.
pub struct Worker<S> {
    stage: S,
    setting: Setting,
    /// Records and the frames in them that the stage is not given.
    left_out: BTreeSet<(u64, u32)>,
    /// The first record that is not yet applied.
    next: u64,
    /// The partition's clock: the greatest `received_at` applied.
    time: Option<Instant>,
    outputs: Vec<(u64, Output)>,
    output_bytes: usize,
    /// The first record that no commit covers.
    committed: u64,
    /// Commits that are not known to be durable, oldest first, and since when.
    in_flight: VecDeque<(Ticket, Moment, Commit)>,
    /// The disk had no room for the oldest of them.
    stuck: bool,
    checkpoint_at: Instant,
    checkpoint: Checkpointing,
    /// The position of the last checkpoint.
    checkpointed: u64,
    /// How long it was.
    state_bytes: usize,
    topics: HashMap<&'static str, Name>,
}

/// Bytes of records read at once.
const READ_BYTES: usize = 1 << 20;
/// Bytes of outputs after which a commit is made within what was read.
const COMMIT_BYTES: usize = 4 << 20;
/// Records without outputs after which the position is committed all the same: bounds what a start repeats.
const COMMIT_RECORDS: u64 = 20_000;
/// Commits that may wait for the disk while the stage works on.
const IN_FLIGHT: usize = 4;
/// Nothing came for so long: a timer that is due needs a tick.
const QUIET: Span = Span::from_secs(1);
/// At least so often there is a record, so that the clock of a quiet partition moves.
const HEARTBEAT: Span = Span::from_mins(1);
/// How long the log may take to bring records that are known to be there.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long who asks may wait for a worker that has nothing to read.
const LISTEN: Duration = Duration::from_millis(10);
/// Questions that are answered before the next batch is read.
const ANSWERS: usize = 4;

impl<S: Stage> Worker<S> {
    /// Restores the stage to the committed position. `stage` must be fresh; what `left_out` names, record and line,
    /// is not given to it.
    ///
    /// # Errors
    /// [`WorkerError`] where the log cannot be read or the stage fails on a record.
    pub fn start(stage: S, setting: Setting, left_out: BTreeSet<(u64, u32)>) -> Result<Self, WorkerError> {
        let resume = setting.log.resume(&setting.reader, setting.partition)?;
        let checkpoint_at = setting.clock.now() + CHECKPOINT;
        let mut worker = Self {
            stage,
            setting,
            left_out,
            next: 0,
            time: None,
            outputs: Vec::new(),
            output_bytes: 0,
            committed: resume.next,
            in_flight: VecDeque::new(),
            stuck: false,
            checkpoint_at,
            checkpoint: Checkpointing::default(),
            checkpointed: 0,
            state_bytes: 0,
            topics: HashMap::new(),
        };
        worker.setting.observer.restore(worker.setting.partition, &[]);
        if let Some((position, state)) = &resume.checkpoint {
            worker.restore(*position, state);
        }
        let (from, to) = (worker.next, worker.committed);
        worker.setting.observer.begin(worker.setting.partition, from, to);
        while worker.next < worker.committed {
            worker.repeat()?;
        }
        Ok(worker)
    }

    fn restore(&mut self, position: u64, state: &[u8]) {
        let Some(saved) = saved::decode(state) else { return };
        if saved.version == self.stage.version() && self.stage.restore(saved.stage) {
            self.setting.observer.restore(self.setting.partition, saved.observer);
            self.time = saved.time;
            self.next = position;
            self.checkpointed = position;
            self.state_bytes = state.len();
        }
    }

    /// Runs records below the committed position again.
    fn repeat(&mut self) -> Result<(), WorkerError> {
        let setting = &self.setting;
        let entries =
            setting.log.read(&setting.source, setting.partition, self.next, READ_BYTES, PATIENCE)?;
        if entries.is_empty() {
            // The position was committed after the record was durable, so the record is there, wherever brokers are.
            let why = "records that are committed did not come in time".to_owned();
            return Err(WorkerError::Log(LogError::Broker { what: "restore a partition", why }));
        }
        let committed = self.committed;
        for entry in entries.iter().take_while(|entry| entry.offset < committed) {
            self.apply(entry, &mut Outcomes::default())?;
        }
        let outputs = std::mem::take(&mut self.outputs);
        self.output_bytes = 0;
        self.setting.observer.applied(self.setting.partition, self.next, &outputs, Again::Yes);
        Ok(())
    }

    /// Applies all records that the log holds now and waits for the commits, then opens the partition's door.
    ///
    /// # Errors
    /// As [`turn`](Self::turn).
    pub fn catch_up(&mut self) -> Result<(), WorkerError> {
        self.commit_again()?;
        while let Turn::Applied(_) = self.work(Duration::ZERO)? {}
        self.settle(0)?;
        self.setting.intake.open(self.setting.partition, self.time);
        Ok(())
    }

    /// Reads and applies records, waiting for them at most `wait`; keeps time going where there are none.
    ///
    /// # Errors
    /// [`WorkerError`].
    pub fn turn(&mut self, wait: Duration) -> Result<Turn, WorkerError> {
        self.commit_again()?;
        let wait = wait.min(duration(self.tick_at() - self.setting.clock.now()));
        let until = moment() + wait;
        let mut turn = loop {
            let asked = self.answer();
            let left = until.saturating_duration_since(moment());
            let turn = self.work(if asked { Duration::ZERO } else { left.min(LISTEN) })?;
            if turn != Turn::Idle || left.is_zero() {
                break turn;
            }
        };
        if turn == Turn::Idle {
            // Else a commit that failed would be noticed by the fifth one behind it.
            self.settle(0)?;
            if self.tick() {
                turn = Turn::Ticked;
            }
        }
        self.checkpoint_if_due()?;
        Ok(turn)
    }

    /// Answers some questions; `true` where more may wait.
    fn answer(&self) -> bool {
        let Setting { questions, partition, .. } = &self.setting;
        // Asking changes nothing, so a stage that panics on a question is as good as before.
        let ask =
            |question: &[u8]| catch_unwind(AssertUnwindSafe(|| self.stage.ask(question))).ok().flatten();
        (0..ANSWERS).all(|_| questions.answer(*partition, ask))
    }

    fn work(&mut self, wait: Duration) -> Result<Turn, WorkerError> {
        let setting = &self.setting;
        let entries = setting.log.read(&setting.source, setting.partition, self.next, READ_BYTES, wait)?;
        let (partition, records) = (setting.partition, entries.len());
        let _span = (records > 0).then(|| tracing::info_span!("batch", partition, records).entered());
        let first = entries.first().and_then(|entry| record::received_at(&entry.value));
        let waited = first.map_or(Duration::ZERO, |at| duration(setting.clock.now() - at));
        let (began, mut publishing, mut outcomes) = (moment(), Duration::ZERO, Outcomes::default());
        for entry in &entries {
            self.apply(entry, &mut outcomes)?;
            if self.output_bytes >= COMMIT_BYTES {
                let since = moment();
                self.publish()?;
                publishing += moment().duration_since(since);
            }
        }
        let took = moment().duration_since(began).saturating_sub(publishing);
        self.setting.intake.metrics().work.applied(outcomes, entries.len(), waited, took);
        self.setting.intake.seen(self.setting.partition, self.next, self.time);
        let due = !self.outputs.is_empty() || self.next - self.committed >= COMMIT_RECORDS;
        if due {
            self.publish()?;
        } else {
            self.setting.observer.applied(self.setting.partition, self.next, &[], Again::No);
        }
        if self.stage.unsaved() > UNSAVED_BYTES {
            self.checkpoint_as_much_is_unsaved()?;
        }
        Ok(if entries.is_empty() { Turn::Idle } else { Turn::Applied(entries.len()) })
    }

    fn apply(&mut self, entry: &Entry, outcomes: &mut Outcomes) -> Result<(), WorkerError> {
        let position = Position { partition: self.setting.partition, offset: entry.offset };
        let mut outputs = Vec::new();
        for (line, value) in (0..).zip(record::lines(&entry.value)) {
            outcomes.add(if self.left_out.contains(&(entry.offset, line)) {
                outputs.push((self.setting.poison)(value));
                Outcome::DeadLetter
            } else {
                let record = Record { position, value };
                // A stage that panicked may be half changed: it is thrown away with the worker.
                let step = AssertUnwindSafe(|| self.stage.apply(record, &mut outputs));
                catch_unwind(step).map_err(|_| WorkerError::Failed { at: position, line })?
            });
            if !self.stage.is_sound() {
                return Err(WorkerError::Log(LogError::Failed));
            }
            self.time = self.time.max(record::received_at(value));
        }
        self.output_bytes +=
            outputs.iter().map(|output| output.value.len() + output.key.len()).sum::<usize>();
        self.outputs.extend(outputs.into_iter().map(|output| (entry.offset, output)));
        self.next = entry.offset + 1;
        Ok(())
    }

    /// Shows the outputs to the observer and queues the commit; waits while too many are on their way.
    fn publish(&mut self) -> Result<(), WorkerError> {
        let outputs = std::mem::take(&mut self.outputs);
        self.output_bytes = 0;
        self.setting.observer.applied(self.setting.partition, self.next, &outputs, Again::No);
        let work = &self.setting.intake.metrics().work;
        outputs.iter().for_each(|(_, output)| work.published(output));
        let outputs = outputs.into_iter().filter_map(|(_, output)| self.publication(output)).collect();
        let commit = Commit { reader: self.setting.reader.clone(), next: self.next, outputs, state: None };
        let since = moment();
        let ticket = self.setting.log.commit(self.setting.partition, commit.clone());
        self.in_flight.push_back((ticket, since, commit));
        self.committed = self.next;
        self.settle(IN_FLIGHT)
    }

    /// Waits until at most `most` commits are on their way.
    fn settle(&mut self, most: usize) -> Result<(), WorkerError> {
        while self.in_flight.len() > most {
            let Some((ticket, since, commit)) = self.in_flight.pop_front() else { break };
            let (durable, at) = ticket.wait_timed();
            if let Err(error) = durable {
                self.stuck = matches!(error, LogError::Full { .. });
                self.setting.intake.commits_full(self.setting.partition, self.stuck);
                // The log takes none of those behind it either.
                self.in_flight.push_front((Ticket::resolved(Err(error.clone())), since, commit));
                return Err(error.into());
            }
            self.setting.intake.metrics().work.committed(at.saturating_duration_since(since));
        }
        Ok(())
    }

    /// Tries once more to commit what the disk had no room for.
    fn commit_again(&mut self) -> Result<(), WorkerError> {
        if !self.stuck {
            return Ok(());
        }
        let (log, partition) = (&self.setting.log, self.setting.partition);
        log.resume(&self.setting.reader, partition)?;
        for (ticket, _, commit) in &mut self.in_flight {
            *ticket = log.commit(partition, commit.clone());
        }
        self.settle(0)?;
        self.stuck = false;
        self.setting.intake.commits_full(partition, false);
        Ok(())
    }

    fn publication(&mut self, output: Output) -> Option<Publication> {
        let topic = match self.topics.get(output.topic) {
            Some(topic) => topic.clone(),
            None => {
                let topic = Name::new(output.topic)?;
                self.topics.insert(output.topic, topic.clone());
                topic
            }
        };
        Some(Publication { topic, key: output.key.into(), value: output.value.into() })
    }

    /// When the partition needs a tick if nothing comes.
    fn tick_at(&self) -> Instant {
        let Some(time) = self.time else { return self.setting.clock.now() };
        let timer = self.stage.next_deadline().map_or(Instant::MAX, |due| due.max(time + QUIET));
        // Where nothing could be written a tick is how we learn that it can be again.
        let again = if self.setting.intake.is_troubled(self.setting.partition) { time } else { Instant::MAX };
        timer.min(time + HEARTBEAT).min(again)
    }

    /// Appends a tick where one is needed.
    fn tick(&mut self) -> bool {
        if self.setting.clock.now() < self.tick_at() {
            return false;
        }
        // Refused where the clock lies behind: the server is not ready then, and says so. Waited for, as the next
        // turn must read it before it judges again whether one is needed.
        self.setting.intake.tick(self.setting.partition).is_ok_and(|pending| pending.wait().is_ok())
    }

    /// Commits, leaves a checkpoint and waits until both are durable.
    ///
    /// # Errors
    /// [`WorkerError`]; the next start repeats a little more.
    pub fn finish(mut self) -> Result<(), WorkerError> {
        self.commit_again()?;
        self.end_checkpoint()?;
        self.begin_checkpoint(None)?;
        self.end_checkpoint()?;
        self.settle(0)
    }

    /// The first record that is not yet applied.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The stage.
    pub fn stage(&self) -> &S {
        &self.stage
    }
}
