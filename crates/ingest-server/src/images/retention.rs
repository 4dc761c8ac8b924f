//! Photos that have been kept for long enough, and the record of what was erased.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
    time::{Duration, SystemTime},
};

use parking_types::{Instant, Span};

use super::{Images, on_disk};
use crate::{
    clock::duration,
    log::{LogError, lock, make_folder, sync_folder},
};

/// What was erased, a line each time.
const RECORD: &str = "erased.jsonl";

impl Images {
    /// Erases the photos that were stored for the last time longer ago than `keep`; gives how many. One line tells of all.
    ///
    /// # Errors
    /// What keeps them from being erased; those before are.
    pub fn sweep(&self, keep: Span, now: Instant) -> Result<usize, LogError> {
        if !self.folder.exists() {
            return Ok(0);
        }
        let before = system_time(now).checked_sub(duration(keep)).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut erased = 0;
        let swept = each(&self.folder, &mut |folder| {
            let mut here = 0;
            each(folder, &mut |photo| {
                let _ages = lock(&self.ages);
                let old = fs::metadata(photo).and_then(|about| about.modified()).is_ok_and(|at| at < before);
                if photo.extension().is_none() && photo.is_file() && old {
                    fs::remove_file(photo).map_err(|error| LogError::io("erase", photo, &error))?;
                    here += 1;
                }
                Ok(())
            })?;
            erased += here;
            if here > 0 { sync_folder(folder) } else { Ok(()) }
        });
        if erased > 0 {
            let by = serde_json::json!({"kind": "system", "id": "retention"});
            let record = serde_json::json!({"erased_at": now.to_string(), "by": by, "photos": erased,
                "stored_before": (now - keep).to_string()});
            self.note_now(&record.to_string())?;
        }
        swept.map(|()| erased)
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

/// A photo that came again is kept as long as if it had come for the first time.
pub(super) fn renew(file: &Path, now: Instant) -> io::Result<()> {
    File::options().append(true).open(file)?.set_modified(system_time(now))
}

fn each(folder: &Path, look: &mut dyn FnMut(&Path) -> Result<(), LogError>) -> Result<(), LogError> {
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
        assert_eq!(images.sweep(Span::from_days(30), Instant::EPOCH), Ok(0));
        let (old, new, again) =
            (Bytes::from_static(b"old"), Bytes::from_static(b"new"), Bytes::from_static(b"again"));
        let start: Instant = "2026-03-02T08:00:00Z".parse().unwrap();
        let later = start + Span::from_days(31);
        for (photo, at) in [(&old, start), (&again, start), (&new, later), (&again, later)] {
            images.store(photo.clone(), at).await.unwrap();
        }
        assert_eq!(images.sweep(Span::from_days(30), later), Ok(1));
        assert_eq!(images.find(&Hash::of(&old)).await, Ok(Found::Nothing));
        assert_eq!(images.find(&Hash::of(&new)).await, Ok(Found::Photo(new)));
        assert_eq!(images.find(&Hash::of(&again)).await, Ok(Found::Photo(again)));
        assert_eq!(images.sweep(Span::from_days(30), later), Ok(0));
        let record = fs::read_to_string(folder.path().join("images/erased.jsonl")).unwrap();
        assert!(record.lines().count() == 1 && record.contains("\"photos\":1"), "{record}");
    }
}
