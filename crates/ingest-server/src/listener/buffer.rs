//! What connections have read and not yet given to the log, bounded for all of a listener together.

use std::{io, sync::Arc};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// What every connection may read at once.
const SMALL: usize = 2 << 10;
/// What a connection may read at once that brings more, where there is room.
const LARGE: usize = 64 << 10;

/// The room for large buffers of a listener's connections.
#[derive(Clone)]
pub(super) struct Buffers(Arc<Semaphore>);

/// What one connection has read.
pub(super) struct Buffer {
    bytes: BytesMut,
    /// Room for a large buffer, while it is used.
    large: Option<OwnedSemaphorePermit>,
    /// Whether the last read brought all that there was room for.
    was_full: bool,
    room: Arc<Semaphore>,
}

impl Buffers {
    /// Large buffers of so many bytes together.
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / LARGE)))
    }

    /// An empty buffer.
    pub(super) fn buffer(&self) -> Buffer {
        Buffer { bytes: BytesMut::new(), large: None, was_full: false, room: self.0.clone() }
    }
}

impl Buffer {
    /// What was read and not yet taken.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets what was taken, and makes room for more: for `wanted` bytes in all where that is not too much at once.
    pub(super) fn took(&mut self, taken: usize, wanted: usize) {
        self.bytes.advance(taken.min(self.bytes.len()));
        let large = self.was_full && (self.large.is_some() || self.ask());
        if !large && self.large.take().is_some() {
            // The large one goes back; what is left of it is the beginning of a frame.
            self.bytes = BytesMut::from(&self.bytes[..]);
        }
        let spare = if large { LARGE } else { SMALL };
        // What is announced is not believed: it at most doubles.
        let missing = wanted.saturating_sub(self.bytes.len()).min(self.bytes.len());
        self.bytes.reserve(missing.max(spare));
    }

    fn ask(&mut self) -> bool {
        self.large = self.room.clone().try_acquire_owned().ok();
        self.large.is_some()
    }

    /// Reads what has come; 0: nothing more will.
    ///
    /// # Errors
    /// What the system says.
    pub(super) async fn read(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        if self.bytes.capacity() == self.bytes.len() {
            self.bytes.reserve(SMALL);
        }
        let read = from.read_buf(&mut self.bytes).await?;
        self.was_full = read >= SMALL;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_brings_much_gets_a_large_buffer_and_gives_it_back() {
        let buffers = Buffers::new(LARGE);
        let (mut one, mut other) = (buffers.buffer(), buffers.buffer());
        let many = vec![7; 4 * LARGE];
        let mut source = &many[..];
        let first = one.read(&mut source).await.unwrap();
        assert!((1..=2 * SMALL).contains(&first), "a small one at first: {first}");
        one.took(first, 0);
        assert!(one.read(&mut source).await.unwrap() >= LARGE);
        other.read(&mut source).await.unwrap();
        let len = other.bytes().len();
        other.took(len, 0);
        let len = other.read(&mut source).await.unwrap();
        assert!(len <= 2 * SMALL, "no room for a second large one: {len}");
        one.took(one.bytes().len() - 3, 0);
        one.read(&mut &b"few"[..]).await.unwrap();
        one.took(0, 0);
        assert_eq!(one.bytes(), [7, 7, 7, b'f', b'e', b'w'], "what was left stays");
        other.took(len, 0);
        assert!(other.read(&mut source).await.unwrap() >= LARGE, "the room is free again");
    }

    #[tokio::test]
    async fn a_long_frame_has_room_in_a_small_one() {
        let mut buffer = Buffers::new(0).buffer();
        let many = vec![7; 2 * LARGE];
        let mut source = &many[..];
        buffer.read(&mut source).await.unwrap();
        buffer.took(0, LARGE);
        while buffer.bytes().len() < LARGE {
            assert!(buffer.read(&mut source).await.unwrap() > 0);
            buffer.took(0, LARGE);
        }
    }
}
