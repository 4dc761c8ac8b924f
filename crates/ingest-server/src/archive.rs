//! Where old frames go: sealed segments are copied, indexed by device and time, looked at once more, and only then dropped.
//!
//! The archive has the layout of the data folder (`TENANT/topics/frames/PARTITION/N.seg`), so whoever reads the log reads on
//! in the archive; beside each segment lies `N.json`, its [`Index`].

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use parking_types::{Instant, Span};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    log::{LogError, SegmentFile, make_folder, segments, write_whole},
    record,
};

/// What is kept, and where the rest goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Frames that are older leave the data folder; none: they stay.
    pub keep: Option<Span>,
    /// Photos that are older are erased; none: they stay.
    pub photos: Option<Span>,
    /// The archive's folder.
    pub archive: Option<PathBuf>,
}

impl Retention {
    /// Whether anything ever leaves the data folder.
    pub fn sweeps(&self) -> bool {
        self.keep.is_some() || self.photos.is_some()
    }
}

/// What lies in an archived segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// The number of its first record.
    pub first: u64,
    /// The number after its last one.
    pub next: u64,
    /// Its length.
    pub bytes: u64,
    /// The SHA-256 of the file, in hex.
    pub sha256: String,
    /// When its first record was received.
    pub from: Option<String>,
    /// When its last one was.
    pub to: Option<String>,
    /// Who sent the frames in it.
    pub devices: BTreeSet<String>,
}

/// Moves the frames of a tenant that are older than is to be kept into the archive; gives how many segments were.
///
/// # Errors
/// [`LogError`]: a segment that is damaged stays where it is, and so does all that follows it.
pub fn sweep(tenant: &Path, retention: &Retention, now: Instant) -> Result<usize, LogError> {
    let (Some(keep_for), Some(archive)) = (retention.keep, &retention.archive) else { return Ok(0) };
    let home = archive.join(tenant.file_name().unwrap_or_default());
    let frames = Path::new("topics/frames");
    let from = tenant.join(frames);
    if !from.exists() {
        return Ok(0);
    }
    // With the first site the archive can be replayed by itself.
    let genesis = Path::new("site/genesis.json");
    if tenant.join(genesis).exists() && !home.join(genesis).exists() {
        let bytes = fs::read(tenant.join(genesis)).map_err(|e| LogError::io("read", genesis, &e))?;
        make_folder(&home.join("site"))?;
        write_whole(&home.join(genesis), &bytes)?;
    }
    let mut moved = 0;
    for partition in fs::read_dir(&from).map_err(|e| LogError::io("list", &from, &e))? {
        let partition = partition.map_err(|e| LogError::io("list", &from, &e))?;
        let target = home.join(frames).join(partition.file_name());
        let mut found = segments(&partition.path())?;
        // The last one is written to.
        found.pop();
        for (_, path) in found {
            let (index, last) = index(&path)?;
            if last.is_none_or(|last| now - last < keep_for) {
                break;
            }
            keep(&path, &target, &index)?;
            fs::remove_file(&path).map_err(|e| LogError::io("remove", &path, &e))?;
            moved += 1;
        }
    }
    Ok(moved)
}

/// The index that lies beside an archived segment, where there is one.
pub fn index_of(segment: &Path) -> Option<Index> {
    serde_json::from_slice(&fs::read(segment.with_extension("json")).ok()?).ok()
}

/// Reads a segment through; gives what lies in it, and when its last record was received.
fn index(path: &Path) -> Result<(Index, Option<Instant>), LogError> {
    let mut segment = SegmentFile::open(path)?;
    let (first, mut devices) = (segment.next, BTreeSet::new());
    let mut times: Option<(Instant, Instant)> = None;
    while let Some((_, record)) = segment.record()? {
        if let Some(at) = record::received_at(record) {
            times = Some(times.map_or((at, at), |(from, to)| (from.min(at), to.max(at))));
        }
        if let Some(device) = record::device(record) {
            devices.insert(device);
        }
    }
    if let Some(why) = segment.broken {
        return Err(LogError::Corrupt { file: path.to_owned(), at: segment.len, why });
    }
    let index = Index {
        first,
        next: segment.next,
        bytes: segment.len,
        sha256: sha256(path)?,
        from: times.map(|(from, _)| from.to_string()),
        to: times.map(|(_, to)| to.to_string()),
        devices,
    };
    Ok((index, times.map(|(_, to)| to)))
}

/// Puts a segment into the archive, and looks whether it is there.
fn keep(path: &Path, folder: &Path, index: &Index) -> Result<(), LogError> {
    make_folder(folder)?;
    let target = folder.join(path.file_name().unwrap_or_default());
    if index_of(&target).as_ref() != Some(index) {
        let bytes = fs::read(path).map_err(|e| LogError::io("read", path, &e))?;
        write_whole(&target, &bytes)?;
        let text = serde_json::to_vec(index).unwrap_or_default();
        write_whole(&target.with_extension("json"), &text)?;
    }
    if sha256(&target)? != index.sha256 {
        return Err(LogError::Corrupt { file: target, at: 0, why: "the copy is not what was copied" });
    }
    Ok(())
}

fn sha256(path: &Path) -> Result<String, LogError> {
    let bytes = fs::read(path).map_err(|e| LogError::io("read", path, &e))?;
    Ok(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}
