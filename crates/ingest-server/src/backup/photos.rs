//! Photos in a backup: `images/` as it is, file by file. A photo's name is the checksum of what is in it, so none stands in
//! `backup.json`; what was erased leaves the copy as well.

use std::{
    collections::BTreeSet,
    fs::{self, File, Metadata},
    io,
    path::{Path, PathBuf},
};

use super::BackupError;
use crate::{
    images::Hash,
    log::{LogError, make_folder, sync_folder, write_whole},
};

/// Where photos lie in a tenant's folder.
const IMAGES: &str = "images";

/// What was done with photos and the records of their erasure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Photos {
    /// Files that were copied.
    pub copied: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Files that were taken out of the backup, as they were erased since the last one.
    pub erased: u64,
    /// Photos of the backup that are not what their name says, and were left out of what was restored.
    pub damaged: u64,
}

/// Brings the photos in `to` up to those in `from`. Called after the frames were copied: a photo is there before its frame.
pub(super) fn ship(from: &Path, to: &Path) -> Result<Photos, BackupError> {
    let (from, to) = (from.join(IMAGES), to.join(IMAGES));
    let mut photos = Photos::default();
    // A folder that is not there at all is more likely lost than emptied.
    if !from.is_dir() {
        return Ok(photos);
    }
    make_folder(&to)?;
    for folder in folders(&from)?.union(&folders(&to)?) {
        let (from, to) = (from.join(folder), to.join(folder));
        let (here, kept) = (files(&from)?, files(&to)?);
        for name in &here {
            let copied = bring(&from.join(name), &to.join(name))?;
            photos.copied += u64::from(copied.is_some());
            photos.bytes += copied.unwrap_or(0);
        }
        for name in kept.difference(&here) {
            let file = to.join(name);
            fs::remove_file(&file).map_err(|e| LogError::io("erase", &file, &e))?;
            photos.erased += 1;
        }
        if kept.difference(&here).next().is_some() {
            sync_folder(&to)?;
        }
    }
    Ok(photos)
}

/// Copies the photos of a backup. One that is damaged is left out: the log names what was there.
pub(super) fn restore(from: &Path, to: &Path) -> Result<Photos, BackupError> {
    let (from, to) = (from.join(IMAGES), to.join(IMAGES));
    let mut photos = Photos::default();
    for folder in folders(&from)? {
        for name in files(&from.join(&folder))? {
            let file = from.join(&folder).join(&name);
            let is = |hash| fs::read(&file).is_ok_and(|bytes| Hash::of(&bytes) == hash);
            if Hash::parse(&name).is_some_and(|hash| !is(hash)) {
                photos.damaged += 1;
                continue;
            }
            let copied = bring(&file, &to.join(&folder).join(&name))?;
            photos.copied += u64::from(copied.is_some());
            photos.bytes += copied.unwrap_or(0);
        }
    }
    Ok(photos)
}

/// Copies a file with its age, where the target is not the same already; gives how long it is. One that has gone meanwhile was
/// erased.
fn bring(from: &Path, to: &Path) -> Result<Option<u64>, LogError> {
    let Some(about) = there(from)? else { return Ok(None) };
    let known = there(to)?;
    let is_same = |known: &Metadata| known.len() == about.len();
    let is_photo = from.extension().is_none();
    let failed = |e: io::Error| LogError::io("write", to, &e);
    let age = about.modified().map_err(failed)?;
    if let Some(known) = known.filter(is_same) {
        if known.modified().is_ok_and(|at| at == age) {
            return Ok(None);
        }
        if is_photo {
            // It came again: it is kept for longer.
            File::options().append(true).open(to).and_then(|file| file.set_modified(age)).map_err(failed)?;
            return Ok(None);
        }
    }
    let bytes = match fs::read(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|e| LogError::io("read", from, &e))?,
    };
    to.parent().map_or(Ok(()), make_folder)?;
    write_whole(to, &bytes)?;
    File::options().append(true).open(to).and_then(|file| file.set_modified(age)).map_err(failed)?;
    Ok(Some(bytes.len() as u64))
}

fn there(file: &Path) -> Result<Option<Metadata>, LogError> {
    match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        about => about.map(Some).map_err(|e| LogError::io("read", file, &e)),
    }
}

/// The folder itself, as an empty name, and those in it.
fn folders(folder: &Path) -> Result<BTreeSet<String>, LogError> {
    let below = names(folder, |path| path.is_dir())?;
    Ok(below.into_iter().chain([String::new()]).collect())
}

/// The files of a folder, drafts left out.
fn files(folder: &Path) -> Result<BTreeSet<String>, LogError> {
    names(folder, |path| path.is_file() && path.extension().is_none_or(|end| end != "tmp"))
}

fn names(folder: &Path, wanted: impl Fn(&PathBuf) -> bool) -> Result<BTreeSet<String>, LogError> {
    if !folder.is_dir() {
        return Ok(BTreeSet::new());
    }
    let failed = |e: io::Error| LogError::io("list", folder, &e);
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let (true, Ok(name)) = (wanted(&entry.path()), entry.file_name().into_string()) {
            found.insert(name);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::Images;
    use bytes::Bytes;
    use parking_types::{Instant, Span};

    #[tokio::test]
    async fn photos_are_shipped_once_with_their_age_and_erased_ones_leave_the_copy() {
        let folder = tempfile::tempdir().unwrap();
        let [data, kept, back] = ["data", "kept", "back"].map(|name| folder.path().join(name));
        assert_eq!(ship(&data, &kept).unwrap(), Photos::default());
        let images = Images::new(data.join(IMAGES));
        let start: Instant = "2026-03-02T08:00:00Z".parse().unwrap();
        let mut hashes = Vec::new();
        for photo in ["one", "two", "three"] {
            hashes.push(images.store(Bytes::from(photo), start).await.unwrap());
        }
        let first = ship(&data, &kept).unwrap();
        assert_eq!((first.copied, first.bytes, first.erased), (3, 11, 0));
        assert_eq!(ship(&data, &kept).unwrap(), Photos::default(), "nothing is shipped twice");

        assert!(images.erase(&hashes[0], Bytes::from_static(b"{}")).await.unwrap());
        images.store(Bytes::from("two"), start + Span::from_days(9)).await.unwrap();
        let second = ship(&data, &kept).unwrap();
        assert_eq!((second.copied, second.erased), (1, 1), "the record comes, the photo goes");

        let file =
            |root: &Path, hash: &Hash| root.join(IMAGES).join(&hash.to_string()[..2]).join(hash.to_string());
        let ages =
            [&data, &kept].map(|root| fs::metadata(file(root, &hashes[1])).unwrap().modified().unwrap());
        assert_eq!(ages[0], ages[1], "what came again is kept for longer in the copy too");

        fs::write(file(&kept, &hashes[2]), "spoilt").unwrap();
        let restored = restore(&kept, &back).unwrap();
        assert_eq!((restored.copied, restored.damaged), (2, 1));
        let images = Images::new(back.join(IMAGES));
        assert_eq!(images.find(&hashes[1]).await, Ok(crate::images::Found::Photo("two".into())));
        assert_eq!(images.find(&hashes[0]).await, Ok(crate::images::Found::Erased("{}".into())));
        assert_eq!(images.find(&hashes[2]).await, Ok(crate::images::Found::Nothing));

        fs::remove_dir_all(data.join(IMAGES)).unwrap();
        assert_eq!(ship(&data, &kept).unwrap(), Photos::default());
        assert!(file(&kept, &hashes[1]).exists(), "a folder that is lost takes nothing out of the backup");
    }
}
