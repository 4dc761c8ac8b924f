//! Photos beside the log: cut out of frames, stored by their SHA-256 before the frame is acknowledged, put back on
//! request.
//!
//! ```text
//! IMAGES/ab/abcdef…        what was cut out, as it stood: a picture's bytes, or base64 of them
//! IMAGES/ab/abcdef….gone   the record of its erasure instead of it, where it was asked for
//! IMAGES/erased.jsonl      a line for each erasure of many: by age, or of a plate
//! ```

mod cut;
mod retention;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use device_codec::{Context, Protocol};
use sha2::{Digest, Sha256};

use parking_types::Instant;

use crate::log::{LogError, lock, make_folder, sync_folder, write_whole};

pub use cut::{Cut, ImageRef, Photo, cut, media, picture, put_back};

/// What a photo is found by: the SHA-256 of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads 64 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let digits = text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != 64 || !digits {
            return None;
        }
        for (slot, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *slot = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A folder of photos.
#[derive(Clone, Debug)]
pub struct Images {
    folder: Arc<PathBuf>,
    /// Held while a photo is renewed, or erased because it was not.
    ages: Arc<Mutex<()>>,
}

/// What there is under a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The photo as it stood.
    Photo(Bytes),
    /// It was erased; the record of that.
    Erased(Bytes),
    /// Nothing.
    Nothing,
}

impl Images {
    /// Photos in a folder, which is made when the first is stored.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder: Arc::new(folder), ages: Arc::default() }
    }

    /// Cuts the photos out of a payload and stores them; gives what goes into the frame's record, nothing where there is
    /// no photo. Afterwards they are durable.
    ///
    /// # Errors
    /// What keeps them from being stored: then the frame must not be acknowledged.
    pub async fn take(
        &self,
        protocol: Protocol,
        payload: &[u8],
        context: &Context<'_>,
        now: Instant,
    ) -> Result<Option<(Vec<u8>, Vec<ImageRef>)>, LogError> {
        let Cut { payload, photos } = cut(protocol, payload, context);
        if photos.is_empty() {
            return Ok(None);
        }
        let mut images = Vec::new();
        for photo in photos {
            let hash = self.store(Bytes::copy_from_slice(photo.bytes), now).await?;
            images.push(ImageRef { hash, offset: photo.offset, bytes: photo.bytes.len() as u64 });
        }
        Ok(Some((payload, images)))
    }

    /// Stores a photo durably, if it is not there; one that was erased before is there again.
    ///
    /// # Errors
    /// What keeps it from being stored.
    pub async fn store(&self, bytes: Bytes, now: Instant) -> Result<Hash, LogError> {
        let hash = Hash::of(&bytes);
        let (file, ages) = (self.file(&hash), self.ages.clone());
        on_disk(move || {
            // What has its name is whole: it was written under another one first. It is kept from now on as if it were new.
            let renewed = {
                let _ages = lock(&ages);
                retention::renew(&file, now).is_ok()
            };
            if renewed {
                return Ok(());
            }
            file.parent().map_or(Ok(()), make_folder)?;
            write_whole(&file, &bytes).or_else(|error| match file.parent() {
                // Another request has just stored the same.
                Some(folder) if file.exists() => sync_folder(folder),
                _ => Err(error),
            })?;
            retention::renew(&file, now).map_err(|error| LogError::io("write", &file, &error))
        })
        .await
        .map(|()| hash)
    }

    /// What there is under a hash.
    ///
    /// # Errors
    /// What keeps it from being read.
    pub async fn find(&self, hash: &Hash) -> Result<Found, LogError> {
        let (file, gone) = (self.file(hash), self.gone(hash));
        on_disk(move || {
            Ok(match (read(&file)?, read(&gone)?) {
                (Some(photo), _) => Found::Photo(photo),
                (None, Some(record)) => Found::Erased(record),
                (None, None) => Found::Nothing,
            })
        })
        .await
    }

    /// Erases a photo and keeps `record` instead of it; `false` where there was none.
    ///
    /// # Errors
    /// What keeps it from being erased; the record may be there already.
    pub async fn erase(&self, hash: &Hash, record: Bytes) -> Result<bool, LogError> {
        let (file, gone) = (self.file(hash), self.gone(hash));
        on_disk(move || {
            if !file.exists() {
                return Ok(false);
            }
            write_whole(&gone, &record)?;
            fs::remove_file(&file).map_err(|error| LogError::io("erase", &file, &error))?;
            file.parent().map_or(Ok(()), sync_folder).map(|()| true)
        })
        .await
    }

    fn file(&self, hash: &Hash) -> PathBuf {
        let name = hash.to_string();
        self.folder.join(name.get(..2).unwrap_or_default()).join(name)
    }

    fn gone(&self, hash: &Hash) -> PathBuf {
        self.file(hash).with_extension("gone")
    }
}

/// Runs what blocks beside the runtime.
async fn on_disk<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    tokio::task::spawn_blocking(run).await.unwrap_or(Err(LogError::Closed))
}

fn read(file: &Path) -> Result<Option<Bytes>, LogError> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(bytes.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LogError::io("read", file, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_stored_is_found_until_it_is_erased() {
        let folder = tempfile::tempdir().unwrap();
        let images = Images::new(folder.path().join("images"));
        let photo = Bytes::from_static(b"a photo");
        let hash = images.store(photo.clone(), Instant::EPOCH).await.unwrap();
        assert_eq!(images.store(photo.clone(), Instant::EPOCH).await.unwrap(), hash);
        assert_eq!(Hash::parse(&hash.to_string()), Some(hash));
        let again = Images::new(folder.path().join("images"));
        assert_eq!(again.find(&hash).await.unwrap(), Found::Photo(photo.clone()));
        let record = Bytes::from_static(b"{}");
        assert!(again.erase(&hash, record.clone()).await.unwrap());
        assert!(!again.erase(&hash, record.clone()).await.unwrap());
        assert_eq!(images.find(&hash).await.unwrap(), Found::Erased(record));
        assert_eq!(images.find(&Hash::of(b"another")).await.unwrap(), Found::Nothing);
        for bad in ["", "ab", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(Hash::parse(bad), None);
        }
    }
}
