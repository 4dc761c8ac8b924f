//! Photos on their way to object storage.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::value;

/// What is counted of them; all 0 where they stay in the data folder.
#[derive(Debug, Default)]
pub struct Photos {
    waiting: AtomicU64,
    bytes: AtomicU64,
    sent: AtomicU64,
    failed: AtomicU64,
}

impl Photos {
    /// So many lie in the spool at the beginning of a round through it.
    pub fn wait(&self, photos: u64, bytes: u64) {
        self.waiting.store(photos, Relaxed);
        self.bytes.store(bytes, Relaxed);
    }

    /// One was sent.
    pub fn sent(&self, bytes: u64) {
        self.sent.fetch_add(1, Relaxed);
        for (gauge, less) in [(&self.waiting, 1), (&self.bytes, bytes)] {
            // It may have come after the round began.
            let _ = gauge.fetch_update(Relaxed, Relaxed, |waiting| Some(waiting.saturating_sub(less)));
        }
    }

    /// One could not be sent, and stays in the spool.
    pub fn failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    pub(super) fn write(&self, out: &mut String) {
        let mut one = |name: &str, kind: &str, help: &str, number: &AtomicU64| {
            value(out, name, kind, help, number.load(Relaxed));
        };
        let help = "Photos in the spool that object storage does not have yet.";
        one("parkline_photos_waiting", "gauge", help, &self.waiting);
        one("parkline_photos_waiting_bytes", "gauge", "Their bytes.", &self.bytes);
        one("parkline_photos_sent_total", "counter", "Photos that object storage has confirmed.", &self.sent);
        let help = "How often a photo could not be brought to object storage; it stays in the spool.";
        one("parkline_photos_failed_total", "counter", help, &self.failed);
    }
}
