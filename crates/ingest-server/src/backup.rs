//! A copy of a tenant's data folder, made while the server runs, and the way back.
//!
//! The backup has the layout of the data folder and one file more, `backup.json`, which says how long each file is and what
//! its checksum is. What stands there beyond what `backup.json` names does not count, so a backup that was cut off is the one
//! before it; but for photos, whose names are their checksums. Segments are copied once; of those that have grown only the growth. The files of what has left memory change
//! in place: they are taken as they are between two checkpoints, and left out where they never stand still for long enough,
//! as a server derives them anew where they are missing.

mod photos;

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use parking_types::Instant;
use serde::{Deserialize, Serialize};

use crate::{
    log::{LogError, SegmentFile, make_folder, segments, write_whole},
    record,
};

pub use photos::Photos;

/// What a backup holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// Files by their path in the tenant's folder.
    files: BTreeMap<String, Kept>,
    /// How far the frames of each partition go.
    pub partitions: BTreeMap<u32, Reach>,
}

/// One file of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    bytes: u64,
    crc32c: u32,
}

/// How far the frames of a partition go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// The number of the first frame that is not in the backup.
    pub next: u64,
    /// When the last one that is in it was received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// What a backup did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shipped {
    /// Files that were copied, whole or their growth.
    pub files: u64,
    /// Bytes that were copied.
    pub bytes: u64,
    /// Photos beside that.
    pub photos: Photos,
    /// How far the backup goes now.
    pub partitions: BTreeMap<u32, Reach>,
}

/// Why there is no backup, or none that can be restored.
#[derive(Debug)]
pub enum BackupError {
    /// A file could not be read or written, or is damaged.
    Log(LogError),
    /// A file of the backup is not what `backup.json` says.
    Damaged {
        /// Which.
        file: PathBuf,
    },
    /// There is no data folder, or no backup, at that place.
    Nothing {
        /// Where it was looked for.
        file: PathBuf,
    },
    /// The place to restore to holds something.
    Taken {
        /// What.
        folder: PathBuf,
    },
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => error.fmt(f),
            Self::Damaged { file } => write!(f, "{} is not what backup.json says", file.display()),
            Self::Nothing { file } => write!(f, "there is no {}", file.display()),
            Self::Taken { folder } => write!(f, "{} is not empty", folder.display()),
        }
    }
}

impl std::error::Error for BackupError {}

impl From<LogError> for BackupError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

const FORMAT: u32 = 1;
const MANIFEST: &str = "backup.json";
/// Where the frames of all partitions lie in a tenant's folder.
const FRAMES: &str = "topics/frames";
/// What is in no segment and written as a whole.
const WHOLE: [&str; 2] = ["", "site"];
/// Checkpoints: of use only with the commits up to them, so copied before those.
const STATE: &str = "state";
/// What has left memory: of use only with the checkpoint that it belongs to.
const LEFT: &str = "left";
/// How often that is tried to be taken between two checkpoints.
const ATTEMPTS: u32 = 5;
/// Bytes copied at once.
const CHUNK: usize = 1 << 20;

/// Brings the backup in `to` up to the tenant's folder `from`, whose server may run meanwhile.
///
/// # Errors
/// [`BackupError`]; the backup is what it was.
pub fn backup(from: &Path, to: &Path) -> Result<Shipped, BackupError> {
    if !from.join("log.json").exists() {
        return Err(BackupError::Nothing { file: from.join("log.json") });
    }
    make_folder(to)?;
    let mut run = Run { from, to, manifest: manifest(to)?.unwrap_or_default(), shipped: Shipped::default() };
    run.manifest.format = FORMAT;
    // The site is kept beside the log and changes with it: both must be of one time.
    loop {
        let site = run.contents("site")?;
        WHOLE.iter().try_for_each(|folder| run.whole_files(folder))?;
        run.state()?;
        // Commits before frames: every commit's frames are there then.
        run.logs("outputs")?;
        for topic in run.folders("topics")? {
            run.logs(&topic)?;
        }
        if run.contents("site")? == site {
            break;
        }
    }
    run.reach()?;
    run.shipped.photos = photos::ship(from, to)?;
    let text = serde_json::to_vec_pretty(&run.manifest).unwrap_or_default();
    write_whole(&to.join(MANIFEST), &text)?;
    Ok(Shipped { partitions: run.manifest.partitions, ..run.shipped })
}

/// Makes the tenant's folder `to` out of the backup in `from`; gives how far it goes, and what there was of photos.
///
/// # Errors
/// [`BackupError`]; where `to` was not taken it may hold a part, under a name that no server looks at.
pub fn restore(from: &Path, to: &Path) -> Result<(Manifest, Photos), BackupError> {
    let manifest = manifest(from)?.ok_or_else(|| BackupError::Nothing { file: from.join(MANIFEST) })?;
    if to.exists() && fs::read_dir(to).map_err(|e| LogError::io("list", to, &e))?.next().is_some() {
        return Err(BackupError::Taken { folder: to.to_owned() });
    }
    let draft = to.with_extension("restoring");
    for (name, kept) in &manifest.files {
        let file = draft.join(name);
        file.parent().map_or(Ok(()), make_folder)?;
        let copied = copy(&from.join(name), &file, 0, kept.bytes, 0);
        if is_left(name) && !copied.as_ref().is_ok_and(|sum| *sum == kept.crc32c) {
            // A later backup may have been cut off. It is derived anew.
            let _ = fs::remove_file(&file);
            continue;
        }
        if copied? != kept.crc32c {
            return Err(BackupError::Damaged { file: from.join(name) });
        }
    }
    let photos = photos::restore(from, &draft)?;
    let failed = |e: io::Error| LogError::io("rename", &draft, &e);
    if to.exists() {
        fs::remove_dir(to).map_err(failed)?;
    }
    fs::rename(&draft, to).map_err(failed)?;
    Ok((manifest, photos))
}

fn manifest(folder: &Path) -> Result<Option<Manifest>, BackupError> {
    let file = folder.join(MANIFEST);
    match fs::read(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LogError::io("read", &file, &error).into()),
        Ok(text) => {
            let manifest = serde_json::from_slice(&text).ok();
            let known = manifest.filter(|manifest: &Manifest| manifest.format == FORMAT);
            known.map(Some).ok_or(BackupError::Damaged { file })
        }
    }
}

struct Run<'a> {
    from: &'a Path,
    to: &'a Path,
    manifest: Manifest,
    shipped: Shipped,
}

impl Run<'_> {
    /// The folders in a folder, as paths in the tenant's.
    fn folders(&self, name: &str) -> Result<Vec<String>, BackupError> {
        Ok(self.list(name)?.into_iter().filter(|name| self.from.join(name).is_dir()).collect())
    }

    fn list(&self, name: &str) -> Result<Vec<String>, BackupError> {
        let folder = self.from.join(name);
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let list = fs::read_dir(&folder).map_err(|e| LogError::io("list", &folder, &e))?;
        let names = list.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let below = |file: String| if name.is_empty() { file } else { format!("{name}/{file}") };
        Ok(names.map(below).collect())
    }

    /// The small files of a folder with what stands in them; one that has gone meanwhile is no part of it.
    fn contents(&self, folder: &str) -> Result<BTreeMap<String, Vec<u8>>, BackupError> {
        let mut found = BTreeMap::new();
        for name in self.list(folder)? {
            let file = self.from.join(&name);
            let wanted = file.is_file() && !name.ends_with(".tmp") && name != "lock";
            match fs::read(&file) {
                Ok(bytes) if wanted => drop(found.insert(name, bytes)),
                Err(error) if wanted && error.kind() != io::ErrorKind::NotFound => {
                    return Err(LogError::io("read", &file, &error).into());
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Copies the files of a folder that are written as a whole, and forgets those that have gone.
    fn whole_files(&mut self, folder: &str) -> Result<(), BackupError> {
        let contents = self.contents(folder)?;
        let here = |name: &str| name.rsplit_once('/').map_or("", |(folder, _)| folder) == folder;
        let gone: Vec<String> = self.manifest.files.keys().filter(|name| here(name)).cloned().collect();
        for name in gone.into_iter().filter(|name| !contents.contains_key(name)) {
            self.manifest.files.remove(&name);
            // The manifest on disk may still name it until the new one is there; a checkpoint less is no loss.
            if folder == "state" {
                let _ = fs::remove_file(self.to.join(&name));
            }
        }
        for (name, bytes) in contents {
            let kept = Kept { bytes: bytes.len() as u64, crc32c: crc32c::crc32c(&bytes) };
            if self.manifest.files.get(&name) != Some(&kept) {
                let file = self.to.join(&name);
                file.parent().map_or(Ok(()), make_folder)?;
                write_whole(&file, &bytes)?;
                self.took(name, kept, kept.bytes);
            }
        }
        Ok(())
    }

    /// Copies the checkpoints, and what has left memory as it is with them.
    fn state(&mut self) -> Result<(), BackupError> {
        for _ in 0..ATTEMPTS {
            let before = self.standing()?;
            self.whole_files(STATE)?;
            if self.left()? && self.standing()? == before {
                return Ok(());
            }
        }
        self.manifest.files.retain(|name, _| !is_left(name));
        Ok(())
    }

    /// Which checkpoints there are, and how the files of what has left memory stand.
    fn standing(&self) -> Result<Vec<(String, u64, i64, i64)>, BackupError> {
        let mut all = Vec::new();
        for name in self.list(STATE)?.into_iter().chain(self.list(LEFT)?) {
            if let Ok(about) = fs::metadata(self.from.join(&name)) {
                all.push((name, about.len(), about.mtime(), about.mtime_nsec()));
            }
        }
        all.sort_unstable();
        Ok(all)
    }

    /// Copies the files of what has left memory; `false`: one was written to meanwhile.
    fn left(&mut self) -> Result<bool, BackupError> {
        let names = self.list(LEFT)?;
        self.manifest.files.retain(|name, _| !is_left(name) || names.contains(name));
        for name in names {
            let path = self.from.join(&name);
            let bytes = fs::metadata(&path).map_err(|e| LogError::io("read", &path, &e))?.len();
            let before = Kept { bytes, crc32c: sum(&path, bytes)? };
            if self.manifest.files.get(&name) == Some(&before) {
                continue;
            }
            let file = self.to.join(&name);
            file.parent().map_or(Ok(()), make_folder)?;
            let kept = Kept { bytes, crc32c: copy(&path, &file, 0, bytes, 0)? };
            if kept != before {
                return Ok(false);
            }
            self.took(name, kept, bytes);
        }
        Ok(true)
    }

    /// Copies the segments of all partitions of a log.
    fn logs(&mut self, name: &str) -> Result<(), BackupError> {
        for partition in self.folders(name)? {
            let segments = segments(&self.from.join(&partition))?;
            let last = segments.last().map(|(base, _)| *base);
            for (base, path) in segments {
                let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
                let name = format!("{partition}/{file}");
                if let Some(kept) = self.grown(&name, &path, Some(base) == last)? {
                    self.segment(name, &path, kept)?;
                }
            }
        }
        Ok(())
    }

    /// The part of a segment that is whole, where the backup has it otherwise.
    fn grown(&self, name: &str, path: &Path, is_last: bool) -> Result<Option<u64>, BackupError> {
        let len = fs::metadata(path).map_err(|e| LogError::io("read", path, &e))?.len();
        let known = self.manifest.files.get(name).map(|kept| kept.bytes);
        if known == Some(len) {
            return Ok(None);
        }
        let mut segment = SegmentFile::open(path)?;
        while segment.record()?.is_some() {}
        // The last segment may be in the middle of a write; another that is not whole is damaged.
        match segment.broken {
            Some(why) if !is_last => {
                Err(LogError::Corrupt { file: path.to_owned(), at: segment.len, why }.into())
            }
            _ => Ok(Some(segment.len).filter(|len| Some(*len) != known)),
        }
    }

    /// Copies what of a segment the backup does not have. A start may have cut the end that a crash tore, and written
    /// something else behind it: then the old part is not the same any more, and all is copied.
    fn segment(&mut self, name: String, path: &Path, len: u64) -> Result<(), BackupError> {
        let file = self.to.join(&name);
        file.parent().map_or(Ok(()), make_folder)?;
        let known = self.manifest.files.get(&name).copied().filter(|kept| kept.bytes <= len);
        let same = match known {
            Some(kept) => Some(kept).filter(|kept| sum(path, kept.bytes).is_ok_and(|sum| sum == kept.crc32c)),
            None => None,
        };
        let (from, before) = same.map_or((0, 0), |kept| (kept.bytes, kept.crc32c));
        let kept = Kept { bytes: len, crc32c: copy(path, &file, from, len, before)? };
        self.took(name, kept, len - from);
        Ok(())
    }

    fn took(&mut self, name: String, kept: Kept, bytes: u64) {
        self.manifest.files.insert(name, kept);
        self.shipped.files += 1;
        self.shipped.bytes += bytes;
    }

    /// Finds out how far the frames go.
    fn reach(&mut self) -> Result<(), BackupError> {
        for partition in self.folders(FRAMES)? {
            let number = partition.rsplit('/').next().and_then(|number| number.parse().ok());
            let last = segments(&self.to.join(&partition))?.pop();
            let (Some(number), Some((_, path))) = (number, last) else { continue };
            let mut segment = SegmentFile::open(&path)?;
            let mut until = None;
            while let Some((_, record)) = segment.record()? {
                until = record::received_at(record).or(until);
            }
            let before = self.manifest.partitions.get(&number).and_then(|reach| reach.until.clone());
            let reach =
                Reach { next: segment.next, until: until.map(|at: Instant| at.to_string()).or(before) };
            self.manifest.partitions.insert(number, reach);
        }
        Ok(())
    }
}

fn is_left(name: &str) -> bool {
    name.strip_prefix(LEFT).is_some_and(|rest| rest.starts_with('/'))
}

/// The checksum of the first bytes of a file.
fn sum(path: &Path, len: u64) -> Result<u32, LogError> {
    let file = File::open(path).map_err(|e| LogError::io("open", path, &e))?;
    pieces(&file, path, 0, len, 0, |_, _| Ok(()))
}

/// Copies the bytes between `from` and `len` to the same place, durably; gives the checksum of all, where that of those
/// before is `sum`.
fn copy(source: &Path, target: &Path, from: u64, len: u64, sum: u32) -> Result<u32, LogError> {
    let file = File::open(source).map_err(|e| LogError::io("open", source, &e))?;
    let failed = |e: io::Error| LogError::io("write", target, &e);
    let copy = OpenOptions::new().create(true).truncate(false).write(true).open(target).map_err(failed)?;
    let sum =
        pieces(&file, source, from, len, sum, |bytes, at| copy.write_all_at(bytes, at).map_err(failed))?;
    copy.set_len(len).and_then(|()| copy.sync_all()).map_err(failed)?;
    Ok(sum)
}

fn pieces(
    file: &File,
    path: &Path,
    from: u64,
    to: u64,
    mut sum: u32,
    mut each: impl FnMut(&[u8], u64) -> Result<(), LogError>,
) -> Result<u32, LogError> {
    let mut buffer = vec![0; CHUNK];
    let mut at = from;
    while at < to {
        let wanted = usize::try_from(to - at).unwrap_or(CHUNK).min(CHUNK);
        let bytes = buffer.get_mut(..wanted).unwrap_or_default();
        file.read_exact_at(bytes, at).map_err(|e| LogError::io("read", path, &e))?;
        sum = crc32c::crc32c_append(sum, bytes);
        each(bytes, at)?;
        at += wanted as u64;
    }
    Ok(sum)
}
