//! The few things that a segment log does to files, with a place where tests make them fail.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::super::LogError;

/// Asked before each write (with its length) and each sync (with `None`): how many bytes may be written before the
/// step fails. Absent: everything works.
pub type Fault = Arc<dyn Fn(Option<usize>) -> Result<(), Torn> + Send + Sync>;

/// How a step fails: after so many bytes, with this error.
#[derive(Clone, Copy, Debug)]
pub struct Torn {
    /// Bytes that reach the file all the same.
    pub after: usize,
    /// What the system says.
    pub kind: io::ErrorKind,
}

/// Bytes of a large file that are on their way to the disk at once.
const SYNC_BYTES: usize = 8 << 20;

/// A file that is written at its end.
pub(super) struct Medium {
    pub(super) file: Arc<File>,
    pub(super) path: PathBuf,
    fault: Option<Fault>,
}

impl Medium {
    /// Opens an existing file.
    pub(super) fn open(path: &Path, fault: Option<Fault>) -> Result<Self, LogError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(|e| LogError::io("open", path, &e))?;
        Ok(Self { file: Arc::new(file), path: path.to_owned(), fault })
    }

    pub(super) fn write(&self, bytes: &[u8], at: u64) -> Result<(), LogError> {
        let failed = |error: &io::Error| LogError::io("write", &self.path, error);
        if let Some(Err(torn)) = self.fault.as_ref().map(|fault| fault(Some(bytes.len()))) {
            let reached = bytes.get(..torn.after).unwrap_or(bytes);
            self.file.write_all_at(reached, at).map_err(|e| failed(&e))?;
            return Err(failed(&torn.kind.into()));
        }
        self.file.write_all_at(bytes, at).map_err(|e| failed(&e))
    }

    pub(super) fn sync(&self) -> Result<(), LogError> {
        let failed = |error: &io::Error| LogError::io("sync", &self.path, error);
        if let Some(Err(torn)) = self.fault.as_ref().map(|fault| fault(None)) {
            return Err(failed(&torn.kind.into()));
        }
        self.file.sync_data().map_err(|e| failed(&e))
    }

    pub(super) fn truncate(&self, len: u64) -> Result<(), LogError> {
        let done = self.file.set_len(len).and_then(|()| self.file.sync_all());
        done.map_err(|e| LogError::io("shorten", &self.path, &e))
    }
}

/// Writes a whole file so that it is there completely or not at all, also after a crash.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), LogError> {
    write_parts(path, &[bytes])
}

/// The same, of a file whose bytes lie in several places.
pub(crate) fn write_parts(path: &Path, parts: &[&[u8]]) -> Result<(), LogError> {
    let draft = path.with_extension("tmp");
    let written = File::create(&draft).and_then(|mut file| {
        // A little at a time, as whoever syncs a small file meanwhile may have to wait for what is on its way here.
        for piece in parts.iter().flat_map(|part| part.chunks(SYNC_BYTES)) {
            file.write_all(piece)?;
            file.sync_data()?;
        }
        file.sync_all()
    });
    written.map_err(|e| {
        // On a full disk a draft that nobody needs takes room that others need.
        let _ = fs::remove_file(&draft);
        LogError::io("write", &draft, &e)
    })?;
    fs::rename(&draft, path).map_err(|e| LogError::io("rename", &draft, &e))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes a folder, with those above it.
pub(crate) fn make_folder(path: &Path) -> Result<(), LogError> {
    fs::create_dir_all(path).map_err(|e| LogError::io("make", path, &e))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), LogError> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|e| LogError::io("sync", path, &e))
}

/// Fills `buffer` from `at` on, or says that the file is shorter.
pub(super) fn read_exact(file: &File, path: &Path, buffer: &mut [u8], at: u64) -> Result<(), LogError> {
    file.read_exact_at(buffer, at).map_err(|e| match e.kind() {
        io::ErrorKind::UnexpectedEof => {
            LogError::Corrupt { file: path.to_owned(), at, why: "the file is too short" }
        }
        _ => LogError::io("read", path, &e),
    })
}
