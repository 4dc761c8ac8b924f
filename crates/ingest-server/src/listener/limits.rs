//! What connections and devices may do; what goes beyond is refused and counted.

use std::time::Duration;

use super::rate::Pace;

/// What connections and devices may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections of one listener.
    pub connections: usize,
    /// Connections of one address. Carriers put thousands of devices behind one.
    pub each_address: u32,
    /// How long a connection may say nothing at all.
    pub first_byte: Duration,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long the first frame that is taken may take.
    pub first_frame: Duration,
    /// How long the end of a frame that has begun may take.
    pub frame: Duration,
    /// How long nothing may come.
    pub idle: Duration,
    /// How long a request's head may take, from the connection's begin or the answer before it.
    pub head: Duration,
    /// How long a request's body may take.
    pub body: Duration,
    /// How long the other side may not read what we write.
    pub write: Duration,
    /// Bytes that are no frame.
    pub noise_bytes: usize,
    /// Frames in a row that are not taken.
    pub refused: u32,
    /// Bytes of large buffers that a listener's connections may have together.
    pub buffer_bytes: usize,
    /// Frames of one device.
    pub device: Pace,
    /// Frames of one listener.
    pub listener: Pace,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            each_address: 4_096,
            first_byte: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            first_frame: Duration::from_secs(30),
            frame: Duration::from_secs(30),
            idle: Duration::from_secs(30 * 60),
            head: Duration::from_secs(30),
            body: Duration::from_secs(30),
            write: Duration::from_secs(30),
            noise_bytes: 64 << 10,
            refused: 1_000,
            buffer_bytes: 64 << 20,
            // What a device kept while it was offline comes at once; then it is held to its pace.
            device: Pace { per_second: 500, burst: 10_000 },
            // The log sets the pace: sockets are not read while too much waits for the disk.
            listener: Pace::UNLIMITED,
        }
    }
}
