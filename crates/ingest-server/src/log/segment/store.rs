//! The writing side of a segment log: opens and recovers the folder, writes groups, starts new segments.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    super::{Batch, LogError},
    disk::{self, Fault, Medium},
    layout::{self, HEADER, Header, NONE},
    scan::{self, Index},
};

/// The end of a write that was cut off when a log was opened; nobody had been told that it was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The file that was shortened.
    pub file: PathBuf,
    /// Its length now.
    pub at: u64,
    /// How many bytes were cut.
    pub bytes: u64,
    /// What was wrong with them.
    pub why: &'static str,
}

/// A folder of segments, open for writing.
pub(super) struct Store {
    folder: PathBuf,
    fault: Option<Fault>,
    segment_bytes: u64,
    medium: Medium,
    base: u64,
    /// Bytes of the active segment, all durable between groups.
    pub(super) len: u64,
    /// The offset of the next record.
    pub(super) next: u64,
    pub(super) index: Index,
}

/// What opening a folder found.
pub(super) struct Opened {
    pub(super) store: Store,
    /// The bases of all segments, ascending; the last is the active one's.
    pub(super) bases: Vec<u64>,
    pub(super) torn: Option<TornTail>,
}

impl Store {
    /// Opens a folder, makes it where it is missing, checks the chain of segments and cuts a torn tail.
    pub(super) fn open(folder: &Path, segment_bytes: u64, fault: Option<Fault>) -> Result<Opened, LogError> {
        disk::make_folder(folder)?;
        let mut bases = bases(folder)?;
        if bases.is_empty() {
            let header = Header { base: 0, previous_base: NONE, previous_len: 0 };
            disk::write_whole(&path(folder, 0), &header.encode())?;
            bases.push(0);
        }
        check_chain(folder, &bases)?;
        let base = bases.last().copied().unwrap_or(0);
        let file = path(folder, base);
        let bytes = fs::read(&file).map_err(|e| LogError::io("read", &file, &e))?;
        let (_, scan) =
            scan::scan(&bytes).map_err(|d| LogError::Corrupt { file: file.clone(), at: d.at, why: d.why })?;
        let medium = Medium::open(&file, fault.clone())?;
        let torn =
            scan.torn.map(|why| TornTail { file, at: scan.end, bytes: bytes.len() as u64 - scan.end, why });
        if torn.is_some() {
            medium.truncate(scan.end)?;
        }
        let folder = folder.to_owned();
        let (len, next, index) = (scan.end, scan.next, scan.index);
        Ok(Opened {
            store: Self { folder, fault, segment_bytes, medium, base, len, next, index },
            bases,
            torn,
        })
    }

    /// The active segment.
    pub(super) fn medium(&self) -> &Medium {
        &self.medium
    }

    /// The base of the active segment.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// Whether the active segment is full.
    pub(super) fn is_full(&self) -> bool {
        self.len >= self.segment_bytes
    }

    /// Starts a new segment; gives the index of the one before.
    pub(super) fn roll(&mut self) -> Result<Index, LogError> {
        let header = Header { base: self.next, previous_base: self.base, previous_len: self.len };
        let file = path(&self.folder, self.next);
        disk::write_whole(&file, &header.encode())?;
        self.medium = Medium::open(&file, self.fault.clone()).inspect_err(|_| {
            // An empty successor would make the next start doubt the length of this segment.
            let _ = fs::remove_file(&file);
        })?;
        self.base = self.next;
        self.len = HEADER as u64;
        Ok(std::mem::take(&mut self.index))
    }

    /// Writes batches as one group behind one mark, and syncs. On an error nothing of the group counts.
    pub(super) fn write_group(&mut self, batches: &[Batch], buffer: &mut Vec<u8>) -> Result<(), WriteError> {
        buffer.clear();
        layout::push_mark(buffer, self.len, self.next);
        let mut places = Vec::new();
        for record in batches.iter().flat_map(Batch::records) {
            places.push(self.len + buffer.len() as u64);
            layout::push_record(buffer, record);
        }
        if let Err(error) = self.medium.write(buffer, self.len) {
            // What was written in part would make the next group unreadable.
            return Err(match self.medium.truncate(self.len) {
                Ok(()) => WriteError::Undone(error),
                Err(_) => WriteError::Unknown(error),
            });
        }
        // After a failed sync nobody knows what the disk holds, and asking again may wrongly succeed.
        self.medium.sync().map_err(WriteError::Unknown)?;
        for place in &places {
            self.index.note(self.next, *place);
            self.next += 1;
        }
        self.len += buffer.len() as u64;
        Ok(())
    }

    /// Leaves a mark, so that damage to the last group shows at the next start.
    pub(super) fn seal(&mut self) -> Result<(), LogError> {
        let mut mark = Vec::new();
        layout::push_mark(&mut mark, self.len, self.next);
        self.medium.write(&mark, self.len)?;
        self.medium.sync()?;
        self.len += mark.len() as u64;
        Ok(())
    }
}

/// How writing a group failed.
#[derive(Debug)]
pub(super) enum WriteError {
    /// The segment is as it was.
    Undone(LogError),
    /// Nobody knows what the disk holds.
    Unknown(LogError),
}

/// The file of the segment that starts at `base`.
pub(super) fn path(folder: &Path, base: u64) -> PathBuf {
    folder.join(format!("{base:020}.seg"))
}

/// The bases of a folder's segments, ascending. Drafts that never got their name are removed.
fn bases(folder: &Path) -> Result<Vec<u64>, LogError> {
    let list = fs::read_dir(folder).map_err(|e| LogError::io("list", folder, &e))?;
    let mut bases = Vec::new();
    for file in list {
        let file = file.map_err(|e| LogError::io("list", folder, &e))?.path();
        let stem = file.file_stem().and_then(|stem| stem.to_str());
        match file.extension().and_then(|ending| ending.to_str()) {
            Some("tmp") => fs::remove_file(&file).map_err(|e| LogError::io("remove", &file, &e))?,
            Some("seg") => bases.extend(stem.and_then(|stem| stem.parse::<u64>().ok())),
            _ => {}
        }
    }
    bases.sort_unstable();
    Ok(bases)
}

/// Every segment must start where the one before it ends, and that one must have its full length.
fn check_chain(folder: &Path, bases: &[u64]) -> Result<(), LogError> {
    let mut before: Option<(u64, u64)> = None;
    for base in bases {
        let file = path(folder, *base);
        let damaged = |why| LogError::Corrupt { file: file.clone(), at: 0, why };
        let header = read_header(&file)?;
        let (previous_base, previous_len) = before.unwrap_or((NONE, 0));
        if header.base != *base {
            return Err(damaged("the header names another base than the file"));
        }
        // Where retention dropped old segments the first one still names its predecessor.
        if before.is_some() && header.previous_base != previous_base {
            return Err(damaged("the segment before it is missing"));
        }
        if before.is_some() && header.previous_len != previous_len {
            let at = previous_len;
            return Err(LogError::Corrupt {
                file: path(folder, previous_base),
                at,
                why: "the file has lost its end",
            });
        }
        let len = fs::metadata(&file).map_err(|e| LogError::io("read", &file, &e))?.len();
        before = Some((*base, len));
    }
    Ok(())
}

fn read_header(file: &Path) -> Result<Header, LogError> {
    let open = fs::File::open(file).map_err(|e| LogError::io("open", file, &e))?;
    let mut bytes = [0; HEADER];
    disk::read_exact(&open, file, &mut bytes, 0)?;
    Header::decode(&bytes).map_err(|why| LogError::Corrupt { file: file.to_owned(), at: 0, why })
}
