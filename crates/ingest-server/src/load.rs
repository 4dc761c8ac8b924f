//! A simulator of devices: how many frames a server takes, and how long each waits for its acknowledgement.
//!
//! Every frame has a time at which it is meant to be sent. Latency counts from then, not from when the simulator got
//! round to it: a server that stops for a second has a second in its figures for every frame that was due meanwhile
//! (no "coordinated omission"). How late the simulator itself was stands beside it.

mod camera;
mod latency;
mod native;
mod pace;
mod site;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use serde_json::{Value, json};

pub use latency::Latencies;
pub use site::{secrets, site};

use crate::{clock, secrets::Secret};

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Detectors that speak native frames, over TCP.
    pub devices: u32,
    /// The connections that they share.
    pub connections: u32,
    /// Native frames a second, all together; 0: as many as the server acknowledges.
    pub rate: f64,
    /// Frames of a connection that may wait for their acknowledgement where the rate is 0.
    pub window: usize,
    /// Vzenith cameras that post, each on a connection of its own.
    pub cameras: u32,
    /// Posts a second, all together.
    pub camera_rate: f64,
    /// Where native frames go.
    pub tcp: SocketAddr,
    /// Where posts go.
    pub http: SocketAddr,
    /// How long frames are sent.
    pub duration: Duration,
    /// How many native frames and how many posts are sent at most.
    pub most: u64,
    /// Of a thousand native frames, how many are sent twice.
    pub duplicates: u32,
    /// After how many frames a native connection is dropped and made anew; 0: never.
    pub reconnect_after: u64,
    /// The devices' key, as number 1 of a secret.
    pub secret: Option<Arc<Secret>>,
    /// The cameras' token.
    pub token: Option<String>,
    /// What tells this run's frames from those of another: the number of the devices' start.
    pub boot_id: u32,
}

/// For how long acknowledgements are waited for after the last frame.
const PATIENCE: Duration = Duration::from_secs(15);

/// What came of one kind of device.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Frames that were sent, copies not counted.
    pub sent: u64,
    /// Frames that were meant to be sent and were not, as the server did not take them in time.
    pub unsent: u64,
    /// Those that were acknowledged as stored.
    pub acknowledged: u64,
    /// Answers that said something else.
    pub refused: u64,
    /// Copies that were sent on purpose.
    pub copies: u64,
    /// Connections that were made anew.
    pub reconnects: u64,
    /// Answers that opened a gate.
    pub opened: u64,
    /// From the intended time to the acknowledgement.
    pub latency: Latencies,
    /// From the intended time to the sending: the simulator's own part.
    pub late: Latencies,
    /// From the beginning to the last acknowledgement.
    pub took: Duration,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.unsent += other.unsent;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.copies += other.copies;
        self.reconnects += other.reconnects;
        self.opened += other.opened;
        self.latency.add(&other.latency);
        self.late.add(&other.late);
        self.took = self.took.max(other.took);
    }

    /// Frames that were never acknowledged.
    pub fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.acknowledged)
    }

    /// As JSON, for who repeats the figures.
    pub fn json(&self) -> Value {
        let seconds = self.took.as_secs_f64();
        let rate = if seconds > 0.0 { self.acknowledged as f64 / seconds } else { 0.0 };
        json!({"sent": self.sent, "unsent": self.unsent, "acknowledged": self.acknowledged, "refused": self.refused, "unacknowledged": self.lost(),
            "copies": self.copies, "reconnects": self.reconnects, "opened": self.opened, "seconds": seconds,
            "acknowledged_per_s": rate.round(), "latency_ms": self.latency.json(), "simulator_late_ms": self.late.json()})
    }
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The detectors.
    pub native: Tally,
    /// The cameras.
    pub cameras: Tally,
}

/// Runs a plan to its end: its duration, its frames, and a bounded wait for the last acknowledgements.
pub async fn run(plan: Plan) -> Report {
    let plan = Arc::new(plan);
    let begin = clock::timer_moment();
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..plan.connections.min(plan.devices) {
        let connection = native::Connection::new(plan.clone(), index, begin);
        tasks.spawn(async move { (true, connection.run().await) });
    }
    for index in 0..plan.cameras {
        let camera = camera::Camera::new(plan.clone(), index, begin);
        tasks.spawn(async move { (false, camera.run().await) });
    }
    let mut report = Report::default();
    while let Some(done) = tasks.join_next().await {
        let Ok((native, tally)) = done else { continue };
        let all = if native { &mut report.native } else { &mut report.cameras };
        all.add(&tally);
    }
    report
}
