//! Photos that have been kept for long enough, and the record of what was erased.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use futures_util::StreamExt;
use parking_types::{Instant, Span};
use tokio::sync::MutexGuard;

use super::{Hash, Images, ImagesError, Remote, name, on_disk};
use crate::{
    clock::duration,
    log::{LogError, lock, make_folder, sync_folder},
};

/// What was erased, a line each time.
const RECORD: &str = "erased.jsonl";
/// Photos of the store that are erased together, with one line.
const PAGE: usize = 1000;

impl Images {
    /// Erases the photos of the folder that were stored for the last time longer ago than `keep`; gives how many. One line
    /// tells of all and is written before the first goes; another where some that it tells of are still there afterwards.
    ///
    /// # Errors
    /// What keeps them from being erased; those before are.
    pub async fn sweep(&self, keep: Span, now: Instant) -> Result<usize, LogError> {
        let images = self.clone();
        on_disk(move || images.sweep_folder(keep, now)).await
    }

    /// The same in object storage, by its clock, and with a line for each thousand: all that is there is looked through. Without
    /// object storage there is nothing to do.
    ///
    /// # Errors
    /// As [`Images::sweep`].
    pub async fn sweep_objects(&self, keep: Span, now: Instant) -> Result<usize, ImagesError> {
        let Some(remote) = &self.remote else { return Ok(0) };
        let (before, mut erased) = (now - keep, 0);
        let mut listed = remote.objects.list();
        loop {
            let mut due = Vec::new();
            while due.len() < PAGE
                && let Some(object) = listed.next().await
            {
                let object = object?;
                // What is none of ours stays.
                let hash = object.name.split_once('/').and_then(|(_, hash)| Hash::parse(hash));
                due.extend(hash.filter(|hash| object.at < before && name(hash) == object.name));
            }
            if due.is_empty() {
                return Ok(erased);
            }
            self.note(erasure("photos", due.len(), keep, now)).await?;
            let (swept, gone) = self.erase_objects(remote, &due, before).await;
            if gone < due.len() {
                self.note(erasure("photos_kept", due.len() - gone, keep, now)).await?;
            }
            erased += gone;
            swept?;
        }
    }

    /// Erases those that have not come again meanwhile; gives how many.
    async fn erase_objects(
        &self,
        remote: &Remote,
        due: &[Hash],
        before: Instant,
    ) -> (Result<(), ImagesError>, usize) {
        let mut erased = 0;
        for hash in due {
            let _hand = self.hand(hash).await;
            let name = name(hash);
            let is_older = match remote.objects.put_at(&name).await {
                Ok(at) => at.is_some_and(|at| at < before),
                Err(error) => return (Err(error.into()), erased),
            };
            if is_older {
                if let Err(error) = remote.objects.remove(&name).await {
                    return (Err(error.into()), erased);
                }
                erased += 1;
            }
        }
        (Ok(()), erased)
    }

    fn sweep_folder(&self, keep: Span, now: Instant) -> Result<usize, LogError> {
        let before = system_time(now).checked_sub(duration(keep)).unwrap_or(SystemTime::UNIX_EPOCH);
        let due = self.older(before)?;
        if due.is_empty() {
            return Ok(0);
        }
        self.note_now(&erasure("photos", due.len(), keep, now))?;
        let mut erased = 0;
        let swept = self.erase_older(&due, before, &mut erased);
        if erased < due.len() {
            self.note_now(&erasure("photos_kept", due.len() - erased, keep, now))?;
        }
        swept.map(|()| erased)
    }

    /// The photos that were stored before.
    fn older(&self, before: SystemTime) -> Result<Vec<PathBuf>, LogError> {
        let mut found = Vec::new();
        each(&self.folder, &mut |folder| {
            each(folder, &mut |photo| {
                if photo.extension().is_none() && photo.is_file() && is_older(photo, before) {
                    found.push(photo.to_owned());
                }
                Ok(())
            })
        })?;
        Ok(found)
    }

    /// Erases those that nobody has stored again meanwhile, durably.
    fn erase_older(
        &self,
        photos: &[PathBuf],
        before: SystemTime,
        erased: &mut usize,
    ) -> Result<(), LogError> {
        for folder in photos.chunk_by(|a, b| a.parent() == b.parent()) {
            for photo in folder {
                let _hand = self.hand_of(photo);
                let _ages = lock(&self.ages);
                if is_older(photo, before) {
                    fs::remove_file(photo).map_err(|error| LogError::io("erase", photo, &error))?;
                    *erased += 1;
                }
            }
            folder.first().and_then(|photo| photo.parent()).map_or(Ok(()), sync_folder)?;
        }
        Ok(())
    }

    /// As [`Images::hand`], of a file; where blocking is allowed.
    fn hand_of(&self, photo: &Path) -> Option<MutexGuard<'_, ()>> {
        let hash = Hash::parse(photo.file_name()?.to_str()?)?;
        Some(self.hands(&hash)?.blocking_lock())
    }

    /// Adds a line to the record of what was erased.
    ///
    /// # Errors
    /// What keeps it from being written.
    pub async fn note(&self, line: String) -> Result<(), LogError> {
        let images = self.clone();
        on_disk(move || images.note_now(&line)).await
    }

    fn note_now(&self, line: &str) -> Result<(), LogError> {
        make_folder(&self.folder)?;
        let path = self.folder.join(RECORD);
        let written = OpenOptions::new().create(true).append(true).open(&path).and_then(|mut file| {
            file.write_all(format!("{line}\n").as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| LogError::io("write", &path, &error))
    }
}

/// A line that tells of an erasure by age.
fn erasure(what: &str, photos: usize, keep: Span, now: Instant) -> String {
    let by = serde_json::json!({"kind": "system", "id": "retention"});
    serde_json::json!({"erased_at": now.to_string(), "by": by, what: photos,
        "stored_before": (now - keep).to_string()})
    .to_string()
}

fn is_older(photo: &Path, before: SystemTime) -> bool {
    fs::metadata(photo).and_then(|about| about.modified()).is_ok_and(|at| at < before)
}

/// A photo that came again is kept as long as if it had come for the first time.
pub(super) fn renew(file: &Path, now: Instant) -> io::Result<()> {
    File::options().append(true).open(file)?.set_modified(system_time(now))
}

/// Looks at each entry of a folder; one that is not there has none.
pub(super) fn each(
    folder: &Path,
    look: &mut dyn FnMut(&Path) -> Result<(), LogError>,
) -> Result<(), LogError> {
    if !folder.is_dir() {
        return Ok(());
    }
    let failed = |error: &io::Error| LogError::io("list", folder, error);
    for entry in fs::read_dir(folder).map_err(|error| failed(&error))? {
        look(&entry.map_err(|error| failed(&error))?.path())?;
    }
    Ok(())
}

fn system_time(at: Instant) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::try_from(at.as_nanos()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::{Found, Hash};
    use bytes::Bytes;

    #[tokio::test]
    async fn what_is_old_goes_and_what_came_again_stays() {
        let folder = tempfile::tempdir().unwrap();
        let images = Images::new(folder.path().join("images"));
        assert_eq!(images.sweep(Span::from_days(30), Instant::EPOCH).await, Ok(0));
        let (old, new, again) =
            (Bytes::from_static(b"old"), Bytes::from_static(b"new"), Bytes::from_static(b"again"));
        let start: Instant = "2026-03-02T08:00:00Z".parse().unwrap();
        let later = start + Span::from_days(31);
        for (photo, at) in [(&old, start), (&again, start), (&new, later), (&again, later)] {
            images.store(photo.clone(), at).await.unwrap();
        }
        assert_eq!(images.sweep(Span::from_days(30), later).await, Ok(1));
        assert_eq!(images.find(&Hash::of(&old)).await, Ok(Found::Nothing));
        assert_eq!(images.find(&Hash::of(&new)).await, Ok(Found::Photo(new)));
        assert_eq!(images.find(&Hash::of(&again)).await, Ok(Found::Photo(again)));
        assert_eq!(images.sweep(Span::from_days(30), later).await, Ok(0));
        let record = fs::read_to_string(folder.path().join("images/erased.jsonl")).unwrap();
        assert!(record.lines().count() == 1 && record.contains("\"photos\":1"), "{record}");
    }

    /// A crash, or a disk that takes no line, must leave no erasure of which nothing tells.
    #[tokio::test]
    async fn nothing_is_erased_that_cannot_be_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let images = Images::new(folder.path().join("images"));
        let photo = Bytes::from_static(b"old");
        let hash = images.store(photo.clone(), Instant::EPOCH).await.unwrap();
        let record = folder.path().join("images/erased.jsonl");
        fs::create_dir(&record).unwrap();
        let later = Instant::EPOCH + Span::from_days(31);
        assert!(images.sweep(Span::from_days(30), later).await.is_err());
        assert_eq!(images.find(&hash).await, Ok(Found::Photo(photo)));
        fs::remove_dir(&record).unwrap();
        assert_eq!(images.sweep(Span::from_days(30), later).await, Ok(1));
        assert_eq!(images.find(&hash).await, Ok(Found::Nothing));
    }
}
