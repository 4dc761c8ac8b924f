//! What can go wrong with a log.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::Name;

/// Why the log could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogError {
    /// The operating system refused.
    Io {
        /// What was tried, as a verb: `write`, `sync` …
        what: &'static str,
        /// On which file.
        file: PathBuf,
        /// The system's answer.
        kind: io::ErrorKind,
    },
    /// The disk has no room. Nothing was written; the same goes well once there is.
    Full {
        /// On which file.
        file: PathBuf,
    },
    /// Bytes that were durable are not what was written. Nothing after them is given out.
    Corrupt {
        /// The file.
        file: PathBuf,
        /// The byte in it where the damage was met.
        at: u64,
        /// What is wrong there.
        why: &'static str,
    },
    /// A record is larger than the log takes.
    TooLarge {
        /// Its length in bytes.
        bytes: usize,
    },
    /// An earlier write or sync failed, so nobody knows what the disk holds: the process must start again.
    Failed,
    /// The log is closed.
    Closed,
    /// The folder is in use by another process.
    InUse {
        /// The lock file.
        file: PathBuf,
    },
    /// The log was made with another number of partitions or for another tenant.
    Mismatch {
        /// What differs.
        what: &'static str,
        /// What the log has.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// Nothing may be done that way with this topic: appended topics are declared when the log is opened, and only
    /// others are published by commits.
    NoTopic {
        /// The one asked for.
        topic: Name,
    },
    /// There is no such partition.
    NoPartition {
        /// The one asked for.
        partition: u32,
    },
    /// The brokers did not do it, now or in the given time.
    Broker {
        /// What was tried, as a verb.
        what: &'static str,
        /// The client's answer.
        why: String,
    },
    /// Whoever commits for this partition is of no use any more: another has taken it over, or the outcome of a
    /// commit is not known. [`Log::resume`](super::Log::resume) takes it again, from the last commit.
    Lost {
        /// What happened.
        why: String,
    },
    /// A topic of the cluster is not as it must be, and could not be made so.
    Topic {
        /// Its whole name.
        topic: String,
        /// What is wrong.
        why: String,
        /// The command that mends it.
        command: String,
    },
}

impl LogError {
    /// An [`io::Error`] with what was tried on which file.
    pub(crate) fn io(what: &'static str, file: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { file: file.to_owned() },
            kind => Self::Io { what, file: file.to_owned(), kind },
        }
    }

    /// Whether the same may go well a moment later, in a worker made anew.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Broker { .. } | Self::Lost { .. })
    }

    /// A stable name for logs and problem documents.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "log_io",
            Self::Full { .. } => "disk_full",
            Self::Corrupt { .. } => "log_corrupt",
            Self::TooLarge { .. } => "too_large",
            Self::Failed => "log_failed",
            Self::Closed => "log_closed",
            Self::InUse { .. } => "log_in_use",
            Self::Mismatch { .. } => "log_mismatch",
            Self::NoTopic { .. } => "no_topic",
            Self::NoPartition { .. } => "no_partition",
            Self::Broker { .. } => "log_broker",
            Self::Lost { .. } => "log_lost",
            Self::Topic { .. } => "log_topic",
        }
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { what, file, kind } => write!(f, "cannot {what} {}: {kind}", file.display()),
            Self::Full { file } => write!(f, "the disk is full: cannot write {}", file.display()),
            Self::Corrupt { file, at, why } => write!(f, "{} is damaged at byte {at}: {why}", file.display()),
            Self::TooLarge { bytes } => write!(f, "a record of {bytes} bytes is larger than the log takes"),
            Self::Failed => f.write_str("an earlier write failed; the server must be started again"),
            Self::Closed => f.write_str("the log is closed"),
            Self::InUse { file } => write!(f, "another process holds {}", file.display()),
            Self::Mismatch { what, found, wanted } => {
                write!(f, "the log has {what} {found}, not {wanted}")
            }
            Self::NoTopic { topic } => write!(f, "topic {topic} is not written this way"),
            Self::NoPartition { partition } => write!(f, "there is no partition {partition}"),
            Self::Broker { what, why } => write!(f, "cannot {what}: {why}"),
            Self::Lost { why } => write!(f, "the partition must be taken again: {why}"),
            Self::Topic { topic, why, command } => write!(f, "topic {topic}: {why}. To mend it: {command}"),
        }
    }
}

impl std::error::Error for LogError {}
