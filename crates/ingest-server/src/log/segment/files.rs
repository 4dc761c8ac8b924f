//! Segment files as those read them who do not hold the log: whoever backs up, archives or exports.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{
    super::LogError,
    layout::{self, HEADER, Header, Parsed, Piece},
    store,
};

/// Bytes read at once.
const CHUNK: usize = 1 << 20;

/// A segment file, read from its beginning to where it is whole.
pub(crate) struct SegmentFile {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    /// What of the buffer is read already.
    used: usize,
    /// The byte of the file after the buffer.
    filled: u64,
    /// Bytes of whole pieces so far.
    pub(crate) len: u64,
    /// The number of the next record.
    pub(crate) next: u64,
    /// What stands behind the whole pieces, if something does.
    pub(crate) broken: Option<&'static str>,
}

impl SegmentFile {
    /// Opens a segment and checks its header.
    pub(crate) fn open(path: &Path) -> Result<Self, LogError> {
        let file = File::open(path).map_err(|e| LogError::io("open", path, &e))?;
        let mut segment = Self {
            path: path.to_owned(),
            file,
            buffer: Vec::new(),
            used: 0,
            filled: 0,
            len: HEADER as u64,
            next: 0,
            broken: None,
        };
        segment.fill(HEADER)?;
        let header = Header::decode(&segment.buffer);
        let damaged = |why| LogError::Corrupt { file: path.to_owned(), at: 0, why };
        segment.next = header.map_err(damaged)?.base;
        segment.used = HEADER;
        Ok(segment)
    }

    /// The next record with its number; `None` behind the last whole one.
    pub(crate) fn record(&mut self) -> Result<Option<(u64, &[u8])>, LogError> {
        loop {
            let rest = self.buffer.get(self.used..).unwrap_or_default();
            let piece = match layout::parse(rest) {
                Parsed::Whole(piece) => piece,
                Parsed::Short(size) => {
                    if self.fill(size)? {
                        continue;
                    }
                    let rest = self.buffer.len() > self.used;
                    self.broken = rest.then_some("a record is cut short");
                    return Ok(None);
                }
                Parsed::Bad(why) => {
                    self.broken = Some(why);
                    return Ok(None);
                }
            };
            let from = self.used;
            self.used += piece.size();
            self.len += piece.size() as u64;
            if let Piece::Record { len } = piece {
                self.next += 1;
                let payload = self.buffer.get(from + layout::PREFIX..from + layout::PREFIX + len);
                return Ok(Some((self.next - 1, payload.unwrap_or_default())));
            }
        }
    }

    /// Sees to it that the buffer holds so many unread bytes; `false` where the file has no more.
    fn fill(&mut self, wanted: usize) -> Result<bool, LogError> {
        self.buffer.drain(..self.used);
        self.used = 0;
        while self.buffer.len() < wanted {
            let had = self.buffer.len();
            self.buffer.resize(had + CHUNK.max(wanted - had), 0);
            let room = self.buffer.get_mut(had..).unwrap_or_default();
            let read = self.file.read_at(room, self.filled);
            let read = read.map_err(|e| LogError::io("read", &self.path, &e))?;
            self.buffer.truncate(had + read);
            self.filled += read as u64;
            if read == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The segments of a folder by the number of their first record, ascending; none where there is no folder.
pub(crate) fn segments(folder: &Path) -> Result<Vec<(u64, PathBuf)>, LogError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let list = fs::read_dir(folder).map_err(|e| LogError::io("list", folder, &e))?;
    let mut found = Vec::new();
    for entry in list {
        let path = entry.map_err(|e| LogError::io("list", folder, &e))?.path();
        let base = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<u64>().ok());
        if let Some(base) = base.filter(|base| path == store::path(folder, *base)) {
            found.push((base, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}
