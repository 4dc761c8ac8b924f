//! The way of photos from the folder to object storage: a few at a time, again after a while where it does not go, and out
//! of the folder only when the store has confirmed them.

use std::{fs, path::Path, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::sync::watch;
use tracing::{info, warn};

use super::{Hash, Images, ImagesError, Remote, name, on_disk, read, remove, retention::each, unlink};
use crate::{
    log::{LogError, lock},
    metrics::Metrics,
};

/// Photos that are on their way at once, and in memory for it.
const AT_ONCE: usize = 4;
/// How long is waited after a failure at first, and …
const FIRST: Duration = Duration::from_secs(1);
/// … at most.
const LONGEST: Duration = Duration::from_secs(60);
/// So many failures in a row are the store's, not the photos'.
const GIVES_UP: u32 = 8;

/// How a round through the spool ended.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    sent: u64,
    failed: u64,
    /// Failures since something went well.
    in_a_row: u32,
}

impl Images {
    /// Brings photos to object storage until the server stops; returns at once where they stay in the folder.
    pub async fn send(&self, metrics: &Metrics, mut stop: watch::Receiver<bool>) {
        let Some(remote) = &self.remote else { return };
        // What is under way when the server stops stays in the spool.
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = self.send_on(remote, metrics) => {}
        }
    }

    async fn send_on(&self, remote: &Remote, metrics: &Metrics) {
        let (mut wait, mut from) = (FIRST, 0);
        loop {
            let round = self.send_round(remote, metrics, &mut from).await;
            if round.failed == 0 {
                if wait > FIRST {
                    info!("photos go to object storage again");
                }
                wait = FIRST;
                remote.came.notified().await;
            } else {
                wait = if round.sent > 0 { FIRST } else { wait };
                let gave_up = round.in_a_row >= GIVES_UP;
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    // A few that cannot be sent hold nobody up.
                    () = remote.came.notified(), if !gave_up => {}
                }
                wait = (wait * 2).min(LONGEST);
            }
        }
    }

    /// Sends what lies in the spool, beginning with the folder at which the last round gave up: photos that cannot be sent keep
    /// nobody else from it.
    async fn send_round(&self, remote: &Remote, metrics: &Metrics, from: &mut u8) -> Round {
        let mut round = Round::default();
        match self.waiting().await {
            Ok((photos, bytes)) => metrics.photos.wait(photos, bytes),
            Err(error) => self.did_not_go(&error.into(), metrics, &mut round),
        }
        for step in 0..=u8::MAX {
            let folder = from.wrapping_add(step);
            let photos = match self.photos_in(folder).await {
                Ok(photos) => photos,
                Err(error) => {
                    self.did_not_go(&error.into(), metrics, &mut round);
                    continue;
                }
            };
            let mut sending =
                stream::iter(photos).map(|hash| self.send_one(remote, hash)).buffer_unordered(AT_ONCE);
            while let Some(sent) = sending.next().await {
                match sent {
                    Ok(bytes) => {
                        round = Round { sent: round.sent + 1, in_a_row: 0, ..round };
                        metrics.photos.sent(bytes);
                    }
                    Err(error) => self.did_not_go(&error, metrics, &mut round),
                }
                if round.in_a_row >= GIVES_UP {
                    *from = folder.wrapping_add(1);
                    return round;
                }
            }
        }
        round
    }

    fn did_not_go(&self, error: &ImagesError, metrics: &Metrics, round: &mut Round) {
        if round.failed == 0 {
            warn!("photos wait in {}: {error}", self.folder.display());
        }
        metrics.photos.failed();
        *round = Round { failed: round.failed + 1, in_a_row: round.in_a_row + 1, ..*round };
    }

    /// Sends a photo; gives how long it was, 0 where it has gone meanwhile.
    async fn send_one(&self, remote: &Remote, hash: Hash) -> Result<u64, ImagesError> {
        let _hand = self.hand(&hash).await;
        let (file, gone) = (self.file(&hash), self.gone(&hash));
        let from = file.clone();
        let Some(photo) = on_disk(move || read(&from)).await? else { return Ok(0) };
        if Hash::of(&photo) != hash {
            return Err(ImagesError::Damaged { hash });
        }
        let bytes = photo.len() as u64;
        remote.objects.put(&name(&hash), photo).await?;
        // It came again after it was erased: from now on the record would hide it, so it goes to the others.
        if let Some(record) = on_disk(move || read(&gone)).await? {
            self.note(String::from_utf8_lossy(&record).into_owned()).await?;
            let gone = self.gone(&hash);
            on_disk(move || remove(&gone)).await?;
        }
        let ages = self.ages.clone();
        on_disk(move || {
            // Whoever stores it again now either finds it here, and then the store has just got it, or writes it anew.
            let _ages = lock(&ages);
            // Not durably: what a crash brings back is sent again.
            unlink(&file).map(drop)
        })
        .await?;
        Ok(bytes)
    }

    /// How many photos lie in the spool, and their bytes.
    async fn waiting(&self) -> Result<(u64, u64), LogError> {
        let folder = self.folder.clone();
        on_disk(move || {
            let (mut photos, mut bytes) = (0, 0);
            each(&folder, &mut |folder| {
                each(folder, &mut |file| {
                    if hash_of(file).is_some() {
                        photos += 1;
                        bytes += fs::metadata(file).map_or(0, |about| about.len());
                    }
                    Ok(())
                })
            })?;
            Ok((photos, bytes))
        })
        .await
    }

    /// The photos of one of the spool's folders.
    async fn photos_in(&self, folder: u8) -> Result<Vec<Hash>, LogError> {
        let folder = self.folder.join(format!("{folder:02x}"));
        on_disk(move || {
            let mut found = Vec::new();
            each(&folder, &mut |file| {
                found.extend(hash_of(file));
                Ok(())
            })?;
            Ok(found)
        })
        .await
    }
}

/// What a file's name says; drafts and records are no photos.
fn hash_of(file: &Path) -> Option<Hash> {
    file.file_name().and_then(|name| name.to_str()).and_then(Hash::parse)
}
