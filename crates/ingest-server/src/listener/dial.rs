//! Devices that wait to be called: this process calls those whose partition it owns, at their `address` in the site, and
//! calls again, with longer and longer pauses, while they do not answer.
//!
//! What comes goes into the log as from any listener; commands leave on the connection that stands, or as requests of
//! their own. Nothing of what a device must say who it is, is believed beyond its address.

mod address;
mod camera;
mod http;
mod marks;
mod parts;
mod stream;
mod vz;

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    io,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use device_codec::{
    Protocol,
    command::{Target, Wire},
};
use tokio::{
    net::TcpStream,
    sync::{Semaphore, watch},
    task::JoinHandle,
};

pub(crate) use self::address::Address;
use self::{
    address::{Manner, manner},
    marks::Marks,
};
use super::{buffer::Buffers, guard::Guard, taker::Taker};
use crate::{
    clock::{Clock, moment},
    desk::{Command, Desk},
    directory::Device,
    host::Host,
    log::{Batch, Ownership},
    metrics::{Listener, Metrics, Refused},
    record, reply,
};

/// How often it is looked which devices are ours to call.
const LOOK: Duration = Duration::from_secs(1);
/// How long a device may take to take a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the first pause is, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(60)];
/// How many devices are called at a time: after a power failure they are all away.
const AT_A_TIME: usize = 64;

/// Calls devices.
#[derive(Clone)]
pub(super) struct Dialler(Arc<Inner>);

struct Inner {
    taker: Taker,
    desk: Arc<Desk>,
    clock: Clock,
    guard: Arc<Guard>,
    ownership: Arc<Ownership>,
    buffers: Buffers,
    marks: Marks,
    calling: Semaphore,
    random: RandomState,
}

/// A device that is called, and the way to it.
#[derive(Clone)]
struct Called {
    dialler: Dialler,
    device: Arc<Device>,
    protocol: Protocol,
    manner: Manner,
    address: Address,
}

impl Dialler {
    /// For a running host; `folder` keeps up to where devices were heard.
    pub(super) fn new(host: &Host, guard: Arc<Guard>, taker: Taker, folder: Option<PathBuf>) -> Self {
        let buffers = Buffers::new(guard.limits.buffer_bytes);
        Self(Arc::new(Inner {
            taker,
            desk: host.desk.clone(),
            clock: host.clock.clone(),
            guard,
            ownership: host.ownership.clone(),
            buffers,
            marks: Marks::new(folder),
            calling: Semaphore::new(AT_A_TIME),
            random: RandomState::new(),
        }))
    }

    /// Calls whom the site names until `stop` says so.
    pub(super) async fn serve(self, mut stop: watch::Receiver<bool>) {
        let mut calls: HashMap<String, Call> = HashMap::new();
        let (mut generation, mut waiting) = (None, Vec::new());
        loop {
            let now = self.0.guard.directory.generation();
            if generation.replace(now) != Some(now) {
                waiting = self.waiting();
            }
            let ours = |called: &&Called| self.0.ownership.has_caught_up(called.device.partition);
            let ours: HashMap<&str, &Called> =
                waiting.iter().filter(ours).map(|called| (called.device.id.as_str(), called)).collect();
            calls.retain(|id, call| ours.get(id.as_str()).is_some_and(|called| called.is(&call.called)));
            for (id, called) in ours {
                calls.entry(id.to_owned()).or_insert_with(|| Call::begin(called.clone()));
            }
            if tokio::time::timeout(LOOK, stop.wait_for(|stop| *stop)).await.is_ok() {
                return;
            }
        }
    }

    /// The devices of the site that wait to be called.
    fn waiting(&self) -> Vec<Called> {
        let called = |device: Arc<Device>| {
            let protocol = Protocol::parse(&device.protocol)?;
            let manner = manner(protocol)?;
            let text = device.address.as_deref()?;
            let Some(address) = Address::parse(text, protocol) else {
                tracing::warn!(device = %device.id, "{} cannot be called at {text}: no host and port", device.id);
                return None;
            };
            Some(Called { dialler: self.clone(), device, protocol, manner, address })
        };
        self.0.guard.directory.devices().into_iter().filter_map(called).collect()
    }

    fn random(&self) -> u64 {
        self.0.random.hash_one(moment())
    }

    fn metrics(&self) -> &Metrics {
        self.0.taker.intake.metrics()
    }
}

/// The task of one device; ends with it.
struct Call {
    called: Called,
    task: JoinHandle<()>,
}

impl Call {
    fn begin(called: Called) -> Self {
        let task = tokio::spawn(called.clone().keep_calling());
        Self { called, task }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection in the count of those that stand.
struct Standing(Called);

impl Standing {
    fn new(called: &Called) -> Self {
        called.dialler.metrics().connections(Listener::Dial, 1);
        Self(called.clone())
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.0.dialler.metrics().connections(Listener::Dial, -1);
    }
}

impl Called {
    /// Whether a change of the site leaves it as it is.
    fn is(&self, other: &Self) -> bool {
        let of = |called: &Self| {
            let Device { partition, key, serial, .. } = &*called.device;
            (called.protocol, called.address.clone(), *partition, key.clone(), serial.clone())
        };
        of(self) == of(other)
    }

    async fn keep_calling(self) {
        match self.manner {
            Manner::Stream(framing) => stream::keep_calling(self, framing).await,
            Manner::Http => camera::keep_calling(self).await,
        }
    }

    /// Connects, when it is its turn.
    async fn connect(&self) -> io::Result<TcpStream> {
        let turn = self.dialler.0.calling.acquire().await;
        let to = (self.address.host.as_str(), self.address.port);
        let connected = tokio::time::timeout(CONNECT, TcpStream::connect(to)).await;
        drop(turn);
        let connected = connected.unwrap_or(Err(io::ErrorKind::TimedOut.into()));
        self.dialler.metrics().called(connected.is_ok());
        let stream = connected?;
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    /// How a command travels to it; nothing where its protocol has no word for that.
    fn wire(&self, command: &Command) -> Option<Wire> {
        let session = reply::session(command).and_then(|session| self.dialler.0.desk.view.find(&session));
        let target = Target {
            serial: self.device.serial.as_deref(),
            at: self.dialler.0.clock.now(),
            plate: session.as_ref().and_then(|row| row.plate()),
            ..Target::default()
        };
        reply::wire(command, self.protocol, &target)
    }

    /// Notes what became of a command.
    fn note(&self, command: &Command, state: &str) {
        if state == "sent" {
            self.dialler.metrics().command(Listener::Dial);
        }
        let told = |at, batch: &mut Batch| {
            batch.push_with(|out| record::command_state(at, &self.device.id, &command.id, state, out));
        };
        // A refusal is told by `/readyz`; the command is on its way all the same.
        let _ = self.dialler.0.taker.intake.note(self.device.partition, told);
    }

    fn refused(&self, why: Refused) {
        self.dialler.metrics().refused(Listener::Dial, why, 1);
    }
}

/// Pauses between calls: each twice the one before, of a random length between a half and all of that.
struct Pauses {
    next: Duration,
    said: String,
}

impl Pauses {
    fn new() -> Self {
        Self { next: PAUSES[0], said: String::new() }
    }

    /// It answered: the next pause is a short one again.
    fn answered(&mut self, called: &Called) {
        if !self.said.is_empty() {
            let (id, address) = (&called.device.id, &called.address);
            tracing::info!(device = %id, "{id} answers at {address} again");
        }
        *self = Self::new();
    }

    /// Says why, once, and waits.
    async fn wait(&mut self, called: &Called, why: &str) {
        if self.said != why {
            let (id, address) = (&called.device.id, &called.address);
            tracing::warn!(device = %id, "{id} at {address}: {why}; it is called again");
            why.clone_into(&mut self.said);
        }
        tokio::time::sleep(jittered(self.next, called.dialler.random())).await;
        self.next = (self.next * 2).min(PAUSES[1]);
    }
}

/// Between a half and all of a pause.
fn jittered(pause: Duration, random: u64) -> Duration {
    let half = pause / 2;
    let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX);
    half + Duration::from_micros(random % micros.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_random_and_never_longer_than_they_may_be() {
        let pause = Duration::from_secs(60);
        let pauses: Vec<Duration> =
            (0..1000_u64).map(|n| jittered(pause, n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        assert!(pauses.iter().all(|at| (pause / 2..=pause).contains(at)));
        let early = pauses.iter().filter(|at| **at < pause * 3 / 4).count();
        assert!((300..700).contains(&early), "{early}");
        assert_eq!(jittered(Duration::ZERO, u64::MAX), Duration::ZERO);
    }
}
