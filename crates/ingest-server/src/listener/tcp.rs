//! Native frames over TCP.
//!
//! A connection has a reading and a writing half with a bounded queue between them. The reading half puts the frames
//! that one read brought into the log as few batches; the writing half waits until each batch is durable and
//! acknowledges it. While the log is slow the queue is full, the socket is not read, and the device's window closes.
//!
//! A device must send the frames that it has not yet seen acknowledged first, in the order of their numbers: then
//! everything before the first frame of a connection is stored, and one number acknowledges all up to it. A frame of a
//! device whose tag does not prove it goes nowhere, and commands go only where a frame was proved.

mod acks;
mod read;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use device_codec::native::{Ack, AckStatus, Head, Message, TimeReply};
use parking_types::Instant;
use tokio::{
    io::{AsyncWriteExt, WriteHalf},
    net::TcpListener,
    sync::{mpsc, watch},
    task::AbortHandle,
};

use self::{acks::Acks, read::Reading};
use super::{
    accept::accept,
    addresses::Place,
    buffer::Buffers,
    door::{Door, Stream},
    guard::{Guard, Known, status},
};
use crate::{
    clock::{Clock, Moment, moment},
    desk::{Command, Desk},
    host::Host,
    intake::{Intake, Pending},
    log::Batch,
    metrics::{Listener, Refused},
    record,
    reply::{self, micros},
};

/// What a listener needs.
#[derive(Clone)]
pub struct Tcp(Arc<Inner>);

struct Inner {
    intake: Arc<Intake>,
    desk: Arc<Desk>,
    clock: Clock,
    guard: Arc<Guard>,
    buffers: Buffers,
    /// Who delivers commands to a device: its newest connection.
    couriers: Mutex<HashMap<String, AbortHandle>>,
}

/// Batches of one connection that wait for the disk.
const QUEUE: usize = 32;
/// When a device may send again what could not be taken.
const RETRY_MS: u32 = 1_000;

/// What the writing half does next.
enum Write {
    /// A device was proved: its answers are tagged with its key from now on.
    Device(Arc<Known>),
    /// Acknowledge frames once they are durable.
    Stored(Stored),
    /// Say what became of frames of one device that are not stored.
    Refused(Vec<Head>, Refused),
    /// Answer a request for the time, had at the given instant.
    Time(Head, u64, Instant),
    /// Deliver a command.
    Command(Arc<Known>, Command),
}

/// Frames on their way to the disk.
struct Stored {
    pending: Pending,
    heads: Vec<Head>,
    bytes: usize,
    since: Moment,
}

impl Tcp {
    /// A listener for a running host.
    pub fn new(host: &Host, guard: Arc<Guard>) -> Self {
        let intake = host.intake.clone();
        let (desk, clock) = (host.desk.clone(), host.clock.clone());
        let (buffers, couriers) = (Buffers::new(guard.limits.buffer_bytes), Mutex::default());
        Self(Arc::new(Inner { intake, desk, clock, guard, buffers, couriers }))
    }

    /// Accepts connections until `stop` says so; connections end then too, with what they have read acknowledged.
    pub async fn serve(self, listener: TcpListener, door: Arc<Door>, stop: watch::Receiver<bool>) {
        let stopped = stop.clone();
        let connection = move |stream, place| self.clone().connection(stream, place, stopped.clone());
        accept(listener, &door, stop, connection).await;
    }

    async fn connection(self, stream: Stream, place: Place, stop: watch::Receiver<bool>) {
        let (read, write) = tokio::io::split(stream);
        let (queue, work) = mpsc::channel(QUEUE);
        let writer = tokio::spawn(self.clone().write(write, work));
        Reading::new(&self, place.from().ip(), queue).run(read, stop).await;
        let _ = writer.await;
        drop(place);
    }

    async fn write(self, mut socket: WriteHalf<Stream>, mut work: mpsc::Receiver<Write>) {
        let (mut acks, mut known) = (Acks::default(), HashMap::new());
        while let Some(next) = work.recv().await {
            let bytes = match next {
                Write::Device(device) => {
                    known.insert(device.number, device);
                    continue;
                }
                Write::Stored(stored) => self.stored(stored, &mut acks, &known).await,
                Write::Refused(heads, why) => self.refused(&heads, why, &mut acks, &known),
                Write::Time(head, t1, received) => self.time(&head, t1, received, &known),
                Write::Command(device, command) => self.command(&device, &command),
            };
            // Who begins boot after boot on one connection is no device of ours.
            if acks.is_full() || socket.write_all(&bytes).await.is_err() {
                // The device is gone; what is durable stays, and it will ask again.
                return;
            }
        }
        let _ = socket.shutdown().await;
    }

    async fn stored(&self, stored: Stored, acks: &mut Acks, known: &Devices) -> Vec<u8> {
        let Stored { pending, heads, bytes, since } = stored;
        if pending.durable().await.is_err() {
            return self.refused(&heads, Refused::Busy, acks, known);
        }
        let metrics = self.0.intake.metrics();
        metrics.stored(Listener::Tcp, heads.len() as u64, bytes as u64, moment().duration_since(since));
        acks.stored(&heads).into_iter().flat_map(|(number, ack)| self.ack(number, ack, known)).collect()
    }

    fn refused(&self, heads: &[Head], why: Refused, acks: &mut Acks, known: &Devices) -> Vec<u8> {
        self.0.intake.metrics().refused(Listener::Tcp, why, heads.len() as u64);
        acks.refused(heads);
        let Some(last) = heads.last() else { return Vec::new() };
        let status = status(why);
        let retry_ms = if status == AckStatus::BUSY { RETRY_MS } else { 0 };
        // No tag for who has proved nothing with this frame; and no word on any other frame.
        let nobody = Devices::new();
        let known = if status == AckStatus::BUSY { known } else { &nobody };
        let ack = Ack { boot_id: last.boot_id, up_to: 0, status, retry_ms, ..Ack::default() };
        self.ack(last.device_id, ack, known)
    }

    fn ack(&self, number: u64, ack: Ack, known: &Devices) -> Vec<u8> {
        let ack = Ack { now: micros(self.0.clock.now()), ..ack };
        self.encode(&Message::Ack(ack), number, known)
    }

    fn encode(&self, message: &Message, number: u64, known: &Devices) -> Vec<u8> {
        let key = known.get(&number).and_then(|known| known.key());
        let key_id = key.map_or(0, |(id, _)| id);
        let head = Head { device_id: number, key_id, sent_at: Some(self.0.clock.now()), ..Head::default() };
        message.encode(&head, key.map(|(_, key)| key))
    }

    fn time(&self, head: &Head, t1: u64, received: Instant, known: &Devices) -> Vec<u8> {
        let reply = TimeReply { t1, received: micros(received), sent: micros(self.0.clock.now()) };
        self.encode(&Message::TimeReply(reply), head.device_id, known)
    }

    fn command(&self, known: &Known, command: &Command) -> Vec<u8> {
        let (now, device) = (self.0.clock.now(), &known.device);
        let frame = reply::native(command, known.number, now, known.key());
        let frame = frame.filter(|_| now <= command.not_after);
        let state = if frame.is_some() { "sent" } else { "refused" };
        let told = |at, batch: &mut Batch| {
            batch.push_with(|out| record::command_state(at, &device.id, &command.id, state, out));
        };
        if frame.is_some() {
            self.0.intake.metrics().command(Listener::Tcp);
        }
        // A refusal is told by `/readyz`; the command is on its way all the same.
        let _ = self.0.intake.note(device.partition, told);
        frame.unwrap_or_default()
    }
}

/// The devices that a connection has proved.
type Devices = HashMap<u64, Arc<Known>>;
