//! Up to where the records of each device have come, in a small file each.
//!
//! It is written behind the frames, never before them, and not synced: one that is lost or old has records asked for
//! that came before, and the worker knows those for copies.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A folder of marks; without one, as on Kafka, marks live as long as the process.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks(Option<Arc<PathBuf>>);

impl Marks {
    /// Marks in this folder, which is made with the first.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self(folder.map(Arc::new))
    }

    /// A device's mark.
    pub(super) async fn read(&self, device: &str) -> Option<String> {
        let file = self.file(device)?;
        let read = tokio::task::spawn_blocking(move || fs::read_to_string(file)).await.ok()?;
        read.ok().map(|mark| mark.trim().to_owned()).filter(|mark| !mark.is_empty())
    }

    /// Keeps a device's mark.
    pub(super) async fn write(&self, device: &str, mark: &str) {
        let Some(file) = self.file(device) else { return };
        let mark = mark.to_owned();
        let written = tokio::task::spawn_blocking(move || put(&file, &mark)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(device, "up to where {device} was heard is not kept: {error}");
        }
    }

    fn file(&self, device: &str) -> Option<PathBuf> {
        Some(self.0.as_ref()?.join(device))
    }
}

fn put(file: &Path, mark: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    // Ids have no dot, so no device has this file.
    let new = file.with_extension("new");
    fs::write(&new, mark)?;
    fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_mark_is_what_was_written_last() {
        let folder = tempfile::tempdir().unwrap();
        let marks = Marks::new(Some(folder.path().join("dialled")));
        assert_eq!(marks.read("c-1").await, None);
        marks.write("c-1", "41").await;
        marks.write("c-1", "42").await;
        assert_eq!(marks.read("c-1").await.as_deref(), Some("42"));
        assert_eq!(marks.read("c-2").await, None);
        let none = Marks::default();
        none.write("c-1", "42").await;
        assert_eq!(none.read("c-1").await, None);
    }
}
