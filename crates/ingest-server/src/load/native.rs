//! Detectors that share a connection, as behind a gateway.

use std::{
    collections::{HashMap, VecDeque},
    ops::ControlFlow,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::BytesMut;
use device_codec::native::{AckStatus, BayState, Frame, Head, Message, Occupancy, Reason, Split, flag};
use parking_types::Instant as Time;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
    time::Instant,
};

use super::{PATIENCE, Plan, Tally, pace::Pace, site::number};
use crate::{clock, log::lock};

/// Frames that are written together at most.
const BATCH: u64 = 512;
/// How long to wait before a connection that could not be made is tried again.
pub(super) const AGAIN: Duration = Duration::from_millis(50);

pub(super) struct Connection {
    plan: Arc<Plan>,
    /// Its devices are `index`, `index + connections` …
    index: u32,
    begin: Instant,
}

/// Frames that wait for their acknowledgement.
#[derive(Default)]
struct Waiting {
    devices: HashMap<u64, VecDeque<Sent>>,
    count: usize,
    /// The server was busy: what waits is sent again on a new connection.
    busy: bool,
    /// Something was refused for good: it will never be acknowledged.
    hopeless: bool,
}

/// A frame that was sent.
struct Sent {
    seq: u32,
    /// The time that it was meant for.
    meant: Instant,
    occupied: bool,
}

/// What the sending and the reading half share.
#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    tally: Mutex<Tally>,
    acknowledged: Notify,
}

impl Shared {
    fn waiting(&self) -> usize {
        lock(&self.waiting).count
    }

    fn was_busy(&self) -> bool {
        std::mem::take(&mut lock(&self.waiting).busy)
    }
}

/// How a connection ended.
type Life = ControlFlow<(), ()>;

impl Connection {
    pub(super) fn new(plan: Arc<Plan>, index: u32, begin: Instant) -> Self {
        Self { plan, index, begin }
    }

    pub(super) async fn run(self) -> Tally {
        let shared = Arc::new(Shared::default());
        let (mut sent, mut life) = (0, 0);
        let until = self.begin + self.plan.duration + PATIENCE;
        while clock::timer_moment() < until {
            let Ok(stream) = TcpStream::connect(self.plan.tcp).await else {
                tokio::time::sleep(AGAIN).await;
                continue;
            };
            let _ = stream.set_nodelay(true);
            if life > 0 {
                lock(&shared.tally).reconnects += 1;
            }
            life += 1;
            let (read, write) = stream.into_split();
            let reader = tokio::spawn(hear(read, shared.clone(), self.begin));
            let ended = tokio::time::timeout_at(until, self.send(write, &shared, &mut sent)).await;
            reader.abort();
            if !matches!(ended, Ok(ControlFlow::Continue(()))) {
                break;
            }
        }
        if self.plan.rate > 0.0 {
            let meant = self.pace().due(self.begin + self.plan.duration).min(self.most());
            lock(&shared.tally).unsent = meant.saturating_sub(sent);
        }
        std::mem::take(&mut *lock(&shared.tally))
    }

    /// When its frames are meant to be sent.
    fn pace(&self) -> Pace {
        let connections = self.plan.connections.min(self.plan.devices).max(1);
        Pace::new(self.begin, self.plan.rate, self.index, connections)
    }

    /// Devices of this connection.
    fn devices(&self) -> u64 {
        let (all, connections) = (self.plan.devices, self.plan.connections.min(self.plan.devices).max(1));
        u64::from((all - self.index).div_ceil(connections))
    }

    /// Frames that this connection may send.
    fn most(&self) -> u64 {
        let connections = u64::from(self.plan.connections.min(self.plan.devices).max(1));
        (self.plan.most + connections - 1 - u64::from(self.index)) / connections
    }

    /// Sends until the plan is done and everything is acknowledged, or the connection is to be made anew.
    async fn send(&self, mut socket: OwnedWriteHalf, shared: &Shared, sent: &mut u64) -> Life {
        let first = *sent;
        // What was not acknowledged comes first, in order, with its numbers.
        let again: Vec<u8> = self.unacknowledged(shared);
        if socket.write_all(&again).await.is_err() {
            return ControlFlow::Continue(());
        }
        let pace = self.pace();
        let end = self.begin + self.plan.duration;
        loop {
            let now = clock::timer_moment();
            // What was meant to be sent by the end is sent, however late the server let us.
            let owed = self.plan.rate > 0.0 && pace.due(end) > *sent;
            if (now >= end && !owed) || *sent >= self.most() {
                return self.wait_for_the_rest(shared).await;
            }
            if shared.was_busy() {
                tokio::time::sleep(AGAIN).await;
                return ControlFlow::Continue(());
            }
            if self.plan.reconnect_after > 0 && *sent - first >= self.plan.reconnect_after {
                return ControlFlow::Continue(());
            }
            let due = if self.plan.rate > 0.0 {
                pace.due(now.min(end)).saturating_sub(*sent)
            } else {
                self.plan.window.saturating_sub(shared.waiting()) as u64
            };
            let life = match self.plan.reconnect_after {
                0 => BATCH,
                after => after - (*sent - first).min(after),
            };
            let count = due.min(BATCH).min(life).min(self.most() - *sent);
            if count == 0 {
                if self.plan.rate > 0.0 {
                    tokio::time::sleep_until(pace.at(*sent).min(end)).await;
                } else {
                    let _ = tokio::time::timeout(AGAIN, shared.acknowledged.notified()).await;
                }
                continue;
            }
            let mut bytes = Vec::with_capacity(count as usize * 112);
            for n in *sent..*sent + count {
                let meant = if self.plan.rate > 0.0 { pace.at(n) } else { now };
                self.frame(n, meant, now, shared, &mut bytes);
            }
            *sent += count;
            if socket.write_all(&bytes).await.is_err() {
                return ControlFlow::Continue(());
            }
        }
    }

    async fn wait_for_the_rest(&self, shared: &Shared) -> Life {
        let until = clock::timer_moment() + PATIENCE;
        while shared.waiting() > 0 && clock::timer_moment() < until {
            if lock(&shared.waiting).hopeless {
                break;
            }
            if shared.was_busy() {
                return ControlFlow::Continue(());
            }
            let _ = tokio::time::timeout(AGAIN, shared.acknowledged.notified()).await;
        }
        ControlFlow::Break(())
    }

    /// Appends the connection's n-th frame: its devices speak in turn, and each says "occupied" and "vacant" in turn.
    fn frame(&self, n: u64, meant: Instant, now: Instant, shared: &Shared, bytes: &mut Vec<u8>) {
        let turn = n % self.devices();
        let device = self.index + turn as u32 * self.plan.connections.min(self.plan.devices).max(1);
        let (number, seq) = (number(device), (n / self.devices()) as u32 + 1);
        let occupied = seq % 2 == 1;
        self.encode(number, seq, occupied, 0, bytes);
        let mut waiting = lock(&shared.waiting);
        waiting.devices.entry(number).or_default().push_back(Sent { seq, meant, occupied });
        waiting.count += 1;
        drop(waiting);
        let mut tally = lock(&shared.tally);
        tally.sent += 1;
        tally.late.count(now.saturating_duration_since(meant));
        if n % 1_000 < u64::from(self.plan.duplicates) {
            tally.copies += 1;
            self.encode(number, seq, occupied, flag::RETRANSMIT, bytes);
        }
    }

    fn unacknowledged(&self, shared: &Shared) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, frames) in &lock(&shared.waiting).devices {
            for sent in frames {
                self.encode(*number, sent.seq, sent.occupied, flag::RETRANSMIT, &mut bytes);
            }
        }
        bytes
    }

    fn encode(&self, device_id: u64, seq: u32, occupied: bool, flags: u16, bytes: &mut Vec<u8>) {
        // Its end does not matter to a simulator.
        let key = self.plan.secret.as_ref().and_then(|secret| secret.key(1, Time::MIN));
        let head = Head {
            flags,
            key_id: u32::from(key.is_some()),
            device_id,
            boot_id: self.plan.boot_id,
            seq,
            ..Head::default()
        };
        let state = if occupied { Occupancy::OCCUPIED } else { Occupancy::VACANT };
        let bay = BayState { state, reason: Reason::CHANGE, ..BayState::default() };
        bytes.extend_from_slice(&Message::BayState(bay).encode(&head, key));
    }
}

/// Reads acknowledgements until the connection ends.
async fn hear(mut socket: OwnedReadHalf, shared: Arc<Shared>, begin: Instant) {
    let mut buffer = BytesMut::with_capacity(64 << 10);
    while matches!(socket.read_buf(&mut buffer).await, Ok(1..)) {
        let now = clock::timer_moment();
        loop {
            let used = match Frame::split(&buffer) {
                Split::Complete(frame) => {
                    if let Ok(Some(Message::Ack(ack))) = frame.message() {
                        let stored = matches!(ack.status, AckStatus::STORED | AckStatus::DUPLICATE);
                        if stored {
                            acknowledge(&shared, frame.head().device_id, ack.up_to, now, begin);
                        } else {
                            lock(&shared.tally).refused += 1;
                            let mut waiting = lock(&shared.waiting);
                            waiting.busy |= ack.status == AckStatus::BUSY;
                            waiting.hopeless |= ack.status != AckStatus::BUSY;
                        }
                    }
                    frame.len()
                }
                Split::NeedMore(_) => break,
                Split::Skip(len, _) => len.max(1),
            };
            let _ = buffer.split_to(used.min(buffer.len()));
        }
        shared.acknowledged.notify_one();
    }
}

fn acknowledge(shared: &Shared, device: u64, up_to: u32, now: Instant, begin: Instant) {
    let mut waiting = lock(&shared.waiting);
    let Waiting { devices, count, .. } = &mut *waiting;
    let Some(frames) = devices.get_mut(&device) else { return };
    let mut tally = lock(&shared.tally);
    while let Some(sent) = frames.pop_front_if(|sent| sent.seq <= up_to) {
        *count -= 1;
        tally.acknowledged += 1;
        tally.latency.count(now.saturating_duration_since(sent.meant));
    }
    tally.took = now.saturating_duration_since(begin);
}
