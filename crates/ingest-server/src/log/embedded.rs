//! The log of one machine: segment files in a folder, one folder a tenant.
//!
//! ```text
//! DATA/TENANT/lock  log.json                     held while open; format, tenant and number of partitions
//!             topics/TOPIC/PARTITION/N.seg       what is appended: N is the offset of the first record
//!             outputs/PARTITION/N.seg  N.keys    commits (outputs and positions), and where their keys lie
//!             state/READER-PARTITION-N.ckpt      checkpoints
//! ```

mod commit;
mod keys;
mod outputs;
mod state;

use std::{
    collections::HashMap,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Mutex,
    thread::{self, JoinHandle},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use self::outputs::Outputs;
use super::{
    Batch, Checkpoint, Commit, Entry, Log, LogError, Name, Resume, Ticket, lock,
    segment::{Fault, OnFailure, SegmentLog, TornTail, make_folder, write_whole},
};

/// How an embedded log is opened.
#[derive(Clone)]
pub struct Options {
    /// The tenant; also the name of its folder.
    pub tenant: String,
    /// The number of partitions; fixed when the log is made. `None`: what the folder has, else
    /// [`DEFAULT_PARTITIONS`](Self::DEFAULT_PARTITIONS).
    pub partitions: Option<u32>,
    /// The topics that are appended to.
    pub topics: Vec<Name>,
    /// Bytes after which a new segment file begins.
    pub segment_bytes: u64,
    /// Where segments of appended topics went that are not in the folder any more; laid out as the data folder.
    pub archive: Option<PathBuf>,
    /// Makes writes fail, for tests.
    pub fault: Option<Fault>,
}

impl Options {
    /// Partitions of a new log where nothing else is asked for.
    pub const DEFAULT_PARTITIONS: u32 = 4;

    /// Segments of 64 MiB, and as many partitions as the folder has.
    pub fn new(tenant: &str, topics: Vec<Name>) -> Self {
        Self {
            tenant: tenant.to_owned(),
            partitions: None,
            topics,
            segment_bytes: 64 << 20,
            archive: None,
            fault: None,
        }
    }
}

/// The embedded log. Dropping it writes what is queued and lets go of the folder.
pub struct Embedded {
    topics: HashMap<Name, Vec<SegmentLog>>,
    outputs: Vec<Outputs>,
    state: PathBuf,
    torn: Vec<TornTail>,
    folder: PathBuf,
    /// The threads that write checkpoints now.
    writers: Mutex<Vec<JoinHandle<()>>>,
    // Last: the folder is free only when everything above is written.
    _lock: File,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    format: u32,
    tenant: String,
    partitions: u32,
}

const FORMAT: u32 = 1;

impl Embedded {
    /// Opens or makes the log of `options.tenant` in the folder `data`.
    ///
    /// # Errors
    /// [`LogError::InUse`] where another process has it open, [`LogError::Mismatch`] where it was made otherwise,
    /// [`LogError::Corrupt`] where durable bytes are damaged, [`LogError::Io`].
    pub fn open(data: &Path, options: &Options) -> Result<Self, LogError> {
        let folder = data.join(&options.tenant);
        make_folder(&folder)?;
        let lock = hold(&folder.join("lock"))?;
        let partitions = agree(&folder.join("log.json"), options)?;
        let state = folder.join("state");
        make_folder(&state)?;
        let mut torn = Vec::new();
        let mut topics = HashMap::new();
        for topic in &options.topics {
            let topic_in = |root: &Path| root.join("topics").join(topic.as_str());
            let archive = options.archive.as_ref().map(|archive| topic_in(&archive.join(&options.tenant)));
            let home = topic_in(&folder);
            let open = |partition: u32| {
                let number = partition.to_string();
                let (home, archive) = (home.join(&number), archive.as_ref().map(|a| a.join(&number)));
                SegmentLog::open(
                    &home,
                    archive,
                    options.segment_bytes,
                    OnFailure::GoOn,
                    options.fault.clone(),
                )
            };
            topics.insert(topic.clone(), collect(partitions, open, &mut torn)?);
        }
        let open = |partition: u32| {
            let home = folder.join("outputs").join(partition.to_string());
            Outputs::open(&home, options.segment_bytes, options.fault.clone())
        };
        let outputs = collect(partitions, open, &mut torn)?;
        Ok(Self { topics, outputs, state, torn, folder, writers: Mutex::default(), _lock: lock })
    }

    /// The torn tails that were cut when it was opened, for the operator to know. None was acknowledged.
    pub fn torn(&self) -> &[TornTail] {
        &self.torn
    }

    /// The tenant's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a checkpoint beside the work, as it may be large; the ticket resolves when it and its commit are durable.
    fn keep(&self, partition: u32, reader: Name, checkpoint: Checkpoint, queued: Ticket) -> Ticket {
        let (answer, ticket) = Ticket::pair();
        let folder = self.state.clone();
        let write = move || {
            let Checkpoint { at, state } = checkpoint;
            let saved = state::save(&folder, &reader, partition, at, &state);
            answer.resolve(saved.and_then(|()| queued.wait()));
        };
        // Where there can be no thread the ticket says so, as its other half is dropped.
        if let Ok(writer) = thread::Builder::new().name(format!("checkpoint-{partition}")).spawn(write) {
            let mut writers = lock(&self.writers);
            writers.retain(|writer| !writer.is_finished());
            writers.push(writer);
        }
        ticket
    }

    fn outputs(&self, partition: u32) -> Result<&Outputs, LogError> {
        self.outputs.get(partition as usize).ok_or(LogError::NoPartition { partition })
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        for writer in lock(&self.writers).drain(..) {
            let _ = writer.join();
        }
    }
}

impl Log for Embedded {
    fn partitions(&self) -> u32 {
        self.outputs.len() as u32
    }

    fn append(&self, topic: &Name, partition: u32, batch: Batch) -> Ticket {
        match self.topics.get(topic).map(|logs| logs.get(partition as usize)) {
            Some(Some(log)) => log.append(batch),
            Some(None) => Ticket::resolved(Err(LogError::NoPartition { partition })),
            None => Ticket::resolved(Err(LogError::NoTopic { topic: topic.clone() })),
        }
    }

    fn commit(&self, partition: u32, commit: Commit) -> Ticket {
        if let Some(output) = commit.outputs.iter().find(|output| self.topics.contains_key(&output.topic)) {
            return Ticket::resolved(Err(LogError::NoTopic { topic: output.topic.clone() }));
        }
        let outputs = match self.outputs(partition) {
            Ok(outputs) => outputs,
            Err(error) => return Ticket::resolved(Err(error)),
        };
        let queued = match outputs.commit(&commit) {
            Ok(ticket) => ticket.mapped(commit.next),
            Err(error) => {
                outputs.refuse_what_follows();
                return Ticket::resolved(Err(error));
            }
        };
        match commit.state {
            Some(checkpoint) => self.keep(partition, commit.reader, checkpoint, queued),
            None => queued,
        }
    }

    fn read(
        &self,
        topic: &Name,
        partition: u32,
        from: u64,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Entry>, LogError> {
        match self.topics.get(topic) {
            Some(logs) => logs
                .get(partition as usize)
                .ok_or(LogError::NoPartition { partition })?
                .read(from, limit, wait),
            None => self.outputs(partition)?.read(topic, from, limit, wait),
        }
    }

    fn resume(&self, reader: &Name, partition: u32) -> Result<Resume, LogError> {
        let next = self.outputs(partition)?.resume(reader)?;
        Ok(Resume { next, checkpoint: state::load(&self.state, reader, partition, next)? })
    }

    fn find(&self, topic: &Name, partition: u32, key: &[u8]) -> Result<Option<Entry>, LogError> {
        self.outputs(partition)?.find(topic, key)
    }
}

fn collect<T>(
    partitions: u32,
    open: impl Fn(u32) -> Result<(T, Option<TornTail>), LogError>,
    torn: &mut Vec<TornTail>,
) -> Result<Vec<T>, LogError> {
    let mut opened = Vec::new();
    for partition in 0..partitions {
        let (log, cut) = open(partition)?;
        torn.extend(cut);
        opened.push(log);
    }
    Ok(opened)
}

fn hold(file: &Path) -> Result<File, LogError> {
    let lock = File::options().create(true).truncate(false).write(true).open(file);
    let lock = lock.map_err(|e| LogError::io("open", file, &e))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(LogError::InUse { file: file.to_owned() }),
        Err(fs::TryLockError::Error(e)) => Err(LogError::io("lock", file, &e)),
    }
}

/// Reads what the folder was made as, or makes it so; gives the number of partitions.
fn agree(file: &Path, options: &Options) -> Result<u32, LogError> {
    if !file.exists() {
        let partitions = options.partitions.unwrap_or(Options::DEFAULT_PARTITIONS).max(1);
        let about = About { format: FORMAT, tenant: options.tenant.clone(), partitions };
        write_whole(file, serde_json::to_string(&about).unwrap_or_default().as_bytes())?;
    }
    let text = fs::read(file).map_err(|e| LogError::io("read", file, &e))?;
    let about: About = serde_json::from_slice(&text).map_err(|_| LogError::Corrupt {
        file: file.to_owned(),
        at: 0,
        why: "not the description of a log",
    })?;
    let mismatch = |what, found: String, wanted: String| Err(LogError::Mismatch { what, found, wanted });
    match options.partitions {
        _ if about.format != FORMAT => mismatch("format", about.format.to_string(), FORMAT.to_string()),
        _ if about.tenant != options.tenant => mismatch("tenant", about.tenant, options.tenant.clone()),
        Some(n) if n != about.partitions => {
            mismatch("partitions", about.partitions.to_string(), n.to_string())
        }
        _ => Ok(about.partitions),
    }
}
