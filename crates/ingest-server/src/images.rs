//! Photos beside the log: cut out of frames, stored by their SHA-256 before the frame is acknowledged, put back on
//! request.
//!
//! ```text
//! IMAGES/ab/abcdef…        what was cut out, as it stood: a picture's bytes, or base64 of them
//! IMAGES/ab/abcdef….gone   the record of its erasure instead of it, where it was asked for
//! IMAGES/erased.jsonl      a line for each erasure of many: by age, or of a plate
//! ```
//!
//! Where photos go to object storage the folder is the spool: a photo stays in it until the store has it, under the same name.
//! Records of erasures stay in the folder. What counts is the photo in the folder, then the record, then the store.

mod cut;
mod retention;
mod spool;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use device_codec::{Context, Protocol};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard, Notify};

use parking_types::Instant;

use crate::{
    log::{LogError, lock, make_folder, sync_folder, write_whole},
    objects::{Objects, ObjectsError},
};

pub(crate) use cut::boundary;
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

/// A folder of photos, and the store that they go to from there, where there is one.
#[derive(Clone, Debug)]
pub struct Images {
    folder: Arc<PathBuf>,
    /// Held while a photo is renewed, or erased because it was not.
    ages: Arc<Mutex<()>>,
    remote: Option<Arc<Remote>>,
}

/// Object storage, as photos see it.
#[derive(Debug)]
struct Remote {
    objects: Objects,
    /// A photo has come.
    came: Notify,
    /// By a hash's first byte: held while a photo goes to the store or is erased, so that none comes there after its erasure.
    hands: [AsyncMutex<()>; 256],
}

/// Why photos cannot be kept, read or erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImagesError {
    /// In the folder.
    Folder(LogError),
    /// In object storage.
    Objects(ObjectsError),
    /// What is under a photo's name is another one.
    Damaged {
        /// Its name.
        hash: Hash,
    },
}

impl fmt::Display for ImagesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(error) => error.fmt(f),
            Self::Objects(error) => error.fmt(f),
            Self::Damaged { hash } => write!(f, "photo {hash} is damaged: it is not what its name says"),
        }
    }
}

impl std::error::Error for ImagesError {}

impl From<LogError> for ImagesError {
    fn from(error: LogError) -> Self {
        Self::Folder(error)
    }
}

impl From<ObjectsError> for ImagesError {
    fn from(error: ObjectsError) -> Self {
        Self::Objects(error)
    }
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
        Self { folder: Arc::new(folder), ages: Arc::default(), remote: None }
    }

    /// Photos in object storage; the folder holds those that are not there yet, and [`Images::send`] brings them there.
    pub fn spooled(folder: PathBuf, objects: Objects) -> Self {
        let hands = std::array::from_fn(|_| AsyncMutex::default());
        let remote = Remote { objects, came: Notify::new(), hands };
        Self { remote: Some(Arc::new(remote)), ..Self::new(folder) }
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
        let stored = on_disk(move || {
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
        });
        stored.await?;
        if let Some(remote) = &self.remote {
            remote.came.notify_one();
        }
        Ok(hash)
    }

    /// What there is under a hash.
    ///
    /// # Errors
    /// What keeps it from being read.
    pub async fn find(&self, hash: &Hash) -> Result<Found, ImagesError> {
        let (file, gone) = (self.file(hash), self.gone(hash));
        let here = on_disk(move || {
            Ok(match (read(&file)?, read(&gone)?) {
                (Some(photo), _) => Found::Photo(photo),
                (None, Some(record)) => Found::Erased(record),
                (None, None) => Found::Nothing,
            })
        });
        match (here.await?, &self.remote) {
            (Found::Nothing, Some(remote)) => match remote.objects.get(&name(hash)).await? {
                Some(photo) if Hash::of(&photo) != *hash => Err(ImagesError::Damaged { hash: *hash }),
                Some(photo) => Ok(Found::Photo(photo)),
                None => Ok(Found::Nothing),
            },
            (here, _) => Ok(here),
        }
    }

    /// Erases a photo wherever it is and keeps `record` instead of it; `false` where there was none. Once begun it is not left
    /// half done because nobody waits for it any more.
    ///
    /// # Errors
    /// What keeps it from being erased; the record may be there already. Asked again, it goes on.
    pub async fn erase(&self, hash: &Hash, record: Bytes) -> Result<bool, ImagesError> {
        let (images, hash) = (self.clone(), *hash);
        let erasing = tokio::spawn(async move { images.erase_everywhere(&hash, record).await });
        erasing.await.unwrap_or(Err(LogError::Closed.into()))
    }

    async fn erase_everywhere(&self, hash: &Hash, record: Bytes) -> Result<bool, ImagesError> {
        let _hand = self.hand(hash).await;
        let (file, gone) = (self.file(hash), self.gone(hash));
        let there = match &self.remote {
            Some(remote) => remote.objects.put_at(&name(hash)).await?.is_some(),
            None => false,
        };
        let here = file.clone();
        let recorded = on_disk(move || {
            let any = there || here.exists();
            if any {
                gone.parent().map_or(Ok(()), make_folder)?;
                write_whole(&gone, &record)?;
            }
            Ok(any)
        });
        if !recorded.await? {
            return Ok(false);
        }
        if let (true, Some(remote)) = (there, &self.remote) {
            remote.objects.remove(&name(hash)).await?;
        }
        on_disk(move || remove(&file)).await?;
        Ok(true)
    }

    /// Holds a photo, so that it does not go to the store meanwhile.
    async fn hand(&self, hash: &Hash) -> Option<MutexGuard<'_, ()>> {
        Some(self.hands(hash)?.lock().await)
    }

    fn hands(&self, hash: &Hash) -> Option<&AsyncMutex<()>> {
        self.remote.as_deref()?.hands.get(usize::from(*hash.0.first()?))
    }

    fn file(&self, hash: &Hash) -> PathBuf {
        self.folder.join(name(hash))
    }

    fn gone(&self, hash: &Hash) -> PathBuf {
        self.file(hash).with_extension("gone")
    }
}

/// A photo's name, in the folder and in the store.
fn name(hash: &Hash) -> String {
    let hash = hash.to_string();
    format!("{}/{hash}", hash.get(..2).unwrap_or_default())
}

/// Takes a file away; `false` where it was not there.
fn unlink(file: &Path) -> Result<bool, LogError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        removed => removed.map(|()| true).map_err(|error| LogError::io("erase", file, &error)),
    }
}

/// The same durably.
fn remove(file: &Path) -> Result<(), LogError> {
    if unlink(file)? { file.parent().map_or(Ok(()), sync_folder) } else { Ok(()) }
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
mod tests;
