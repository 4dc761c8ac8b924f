//! Native frames over TCP.
//!
//! A connection has a reading and a writing half with a bounded queue between them. The reading half puts the frames
//! that one read brought into the log as few batches; the writing half waits until each batch is durable and
//! acknowledges it. While the log is slow the queue is full, the socket is not read, and the device's window closes.
//!
//! A device must send the frames that it has not yet seen acknowledged first, in the order of their numbers: then
//! everything before the first frame of a connection is stored, and one number acknowledges all up to it.

mod acks;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::BytesMut;
use device_codec::native::{Ack, AckStatus, Frame, Head, Message, Split, TimeReply};
use parking_types::Instant;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Semaphore, mpsc, watch},
    task::AbortHandle,
};

use self::acks::Acks;
use crate::{
    clock::Clock,
    desk::{Command, Desk},
    directory::{Device, Directory},
    host::Host,
    intake::{Intake, Pending},
    log::{Batch, lock},
    record::{self, FrameRecord},
    reply::{self, micros},
};

/// What a listener needs.
#[derive(Clone)]
pub struct Tcp(Arc<Inner>);

struct Inner {
    intake: Arc<Intake>,
    desk: Arc<Desk>,
    clock: Clock,
    directory: Arc<Directory>,
    connections: Arc<Semaphore>,
    /// Who delivers commands to a device: its newest connection.
    couriers: Mutex<HashMap<String, AbortHandle>>,
}

/// The most connections at a time.
const CONNECTIONS: usize = 20_000;
/// Batches of one connection that wait for the disk.
const QUEUE: usize = 32;
/// Bytes taken from a socket before what is in them is stored.
const READ_BYTES: usize = 64 << 10;
/// A connection that brings so much that is no frame is closed.
const NOISE_BYTES: usize = 64 << 10;
/// A connection on which nothing comes for so long is closed.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// When a device may send again what could not be taken.
const RETRY_MS: u32 = 1_000;

/// What the writing half does next.
enum Write {
    /// Acknowledge frames once they are durable.
    Stored(Pending, Vec<Head>),
    /// Say what became of a frame that is not stored.
    Refused(Head, AckStatus),
    /// Answer a request for the time, had at the given instant.
    Time(Head, u64, Instant),
    /// Deliver a command to the device with this number.
    Command(Arc<Device>, u64, Command),
}

impl Tcp {
    /// A listener for a running host.
    pub fn new(host: &Host, directory: Arc<Directory>) -> Self {
        Self(Arc::new(Inner {
            intake: host.intake.clone(),
            desk: host.desk.clone(),
            clock: host.clock.clone(),
            directory,
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
            couriers: Mutex::default(),
        }))
    }

    /// Accepts connections until `stop` says so; connections end then too, with what they have read acknowledged.
    pub async fn serve(self, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let mut tasks = tokio::task::JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            while tasks.try_join_next().is_some() {}
            // Out of sockets or the peer gave up: neither is a reason to stop listening.
            let Ok((stream, from)) = accepted else {
                tokio::task::yield_now().await;
                continue;
            };
            let Ok(permit) = self.0.connections.clone().try_acquire_owned() else { continue };
            let (tcp, stop) = (self.clone(), stop.clone());
            tasks.spawn(async move {
                tcp.connection(stream, from, stop).await;
                drop(permit);
            });
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn connection(&self, stream: TcpStream, from: SocketAddr, stop: watch::Receiver<bool>) {
        let _ = stream.set_nodelay(true);
        let (read, write) = stream.into_split();
        let (queue, work) = mpsc::channel(QUEUE);
        let writer = tokio::spawn(self.clone().write(write, work));
        let mut reader = Reading {
            tcp: self,
            from,
            queue,
            devices: HashMap::new(),
            generation: 0,
            couriers: Vec::new(),
            noise: 0,
        };
        reader.run(read, stop).await;
        for courier in &reader.couriers {
            courier.abort();
        }
        drop(reader);
        let _ = writer.await;
    }

    async fn write(self, mut socket: OwnedWriteHalf, mut work: mpsc::Receiver<Write>) {
        let mut acks = Acks::default();
        while let Some(next) = work.recv().await {
            let bytes = match next {
                Write::Stored(pending, heads) => match pending.durable().await {
                    Ok(_) => acks
                        .stored(&heads)
                        .into_iter()
                        .map(|(id, ack)| self.ack(id, ack))
                        .collect::<Vec<_>>()
                        .concat(),
                    Err(_) => heads.last().map_or_else(Vec::new, |head| self.refusal(head, AckStatus::BUSY)),
                },
                Write::Refused(head, status) => self.refusal(&head, status),
                Write::Time(head, t1, received) => self.time(&head, t1, received),
                Write::Command(device, number, command) => self.command(&device, number, &command),
            };
            if socket.write_all(&bytes).await.is_err() {
                // The device is gone; what is durable stays, and it will ask again.
                return;
            }
        }
    }

    fn head(&self, device_id: u64) -> Head {
        Head { device_id, sent_at: Some(self.0.clock.now()), ..Head::default() }
    }

    fn ack(&self, device_id: u64, ack: Ack) -> Vec<u8> {
        let ack = Ack { now: micros(self.0.clock.now()), ..ack };
        Message::Ack(ack).encode(&self.head(device_id), None)
    }

    /// Tells about a frame that is not stored, without a word on any other.
    fn refusal(&self, head: &Head, status: AckStatus) -> Vec<u8> {
        let retry_ms = if status == AckStatus::BUSY { RETRY_MS } else { 0 };
        self.ack(head.device_id, Ack { boot_id: head.boot_id, up_to: 0, status, retry_ms, ..Ack::default() })
    }

    fn time(&self, head: &Head, t1: u64, received: Instant) -> Vec<u8> {
        let reply = TimeReply { t1, received: micros(received), sent: micros(self.0.clock.now()) };
        Message::TimeReply(reply).encode(&self.head(head.device_id), None)
    }

    fn command(&self, device: &Device, number: u64, command: &Command) -> Vec<u8> {
        let now = self.0.clock.now();
        let frame = reply::native(command, number, now).filter(|_| now <= command.not_after);
        let state = if frame.is_some() { "sent" } else { "refused" };
        let told = |at, batch: &mut Batch| {
            batch.push_with(|out| record::command_state(at, &device.id, &command.id, state, out));
        };
        // A refusal is told by `/readyz`; the command is on its way all the same.
        let _ = self.0.intake.note(device.partition, told);
        frame.unwrap_or_default()
    }
}

/// The reading half of a connection.
struct Reading<'t> {
    tcp: &'t Tcp,
    from: SocketAddr,
    queue: mpsc::Sender<Write>,
    /// The devices seen on this connection; `None`: not taken.
    devices: HashMap<u64, Option<Arc<Device>>>,
    /// The site that they were looked up in.
    generation: u64,
    couriers: Vec<AbortHandle>,
    noise: usize,
}

/// Frames of one partition that one read brought.
#[derive(Default)]
struct Group {
    frames: Vec<(Arc<Device>, Vec<u8>)>,
    heads: Vec<Head>,
    times: Vec<(Head, u64)>,
    bytes: usize,
}

impl Reading<'_> {
    async fn run(&mut self, mut socket: OwnedReadHalf, mut stop: watch::Receiver<bool>) {
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        loop {
            let read = tokio::select! {
                read = tokio::time::timeout(IDLE, socket.read_buf(&mut buffer)) => read,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            if !matches!(read, Ok(Ok(1..))) || self.frames(&mut buffer).await.is_none() {
                return;
            }
        }
    }

    /// Takes all whole frames out of the buffer; `None` when the connection is to be closed.
    async fn frames(&mut self, buffer: &mut BytesMut) -> Option<()> {
        let mut groups: HashMap<u32, Group> = HashMap::new();
        loop {
            let used = match Frame::split(buffer) {
                Split::Complete(frame) => {
                    self.sort(frame, &mut groups).await?;
                    frame.len()
                }
                Split::NeedMore(wanted) => {
                    buffer.reserve(wanted.saturating_sub(buffer.len()).max(READ_BYTES / 2));
                    break;
                }
                Split::Skip(bytes, _) => {
                    self.noise += bytes;
                    bytes.max(1)
                }
            };
            let _ = buffer.split_to(used.min(buffer.len()));
        }
        for (partition, group) in groups {
            self.store(partition, group).await?;
        }
        (self.noise < NOISE_BYTES).then_some(())
    }

    async fn sort(&mut self, frame: Frame<'_>, groups: &mut HashMap<u32, Group>) -> Option<()> {
        let head = frame.head();
        let Some(device) = self.device(head.device_id) else {
            return self.queue.send(Write::Refused(head, AckStatus::UNKNOWN_DEVICE)).await.ok();
        };
        let group = groups.entry(device.partition).or_default();
        if let Ok(Some(Message::TimeRequest(request))) = frame.message() {
            group.times.push((head, request.t1));
        }
        group.bytes += frame.len() * 2 + 256;
        group.heads.push(head);
        group.frames.push((device, frame.bytes().to_vec()));
        Some(())
    }

    async fn store(&mut self, partition: u32, group: Group) -> Option<()> {
        let write = |at: Instant, batch: &mut Batch| {
            for (device, payload) in &group.frames {
                let record = FrameRecord {
                    device: Some(&device.id),
                    protocol: &device.protocol,
                    payload,
                    listener: "tcp",
                    ..FrameRecord::default()
                };
                batch.push_with(|out| record.encode(at, out));
            }
        };
        let next = match self.tcp.0.intake.take(partition, group.bytes, write).await {
            Ok(pending) => {
                let received = pending.received_at;
                self.queue.send(Write::Stored(pending, group.heads)).await.ok()?;
                for (head, t1) in group.times {
                    self.queue.send(Write::Time(head, t1, received)).await.ok()?;
                }
                return Some(());
            }
            Err(_) => group.heads.last().map(|head| Write::Refused(*head, AckStatus::BUSY)),
        };
        self.queue.send(next?).await.ok()
    }

    /// The site's device with this number, if it speaks our protocol and may speak from this address.
    fn device(&mut self, number: u64) -> Option<Arc<Device>> {
        let generation = self.tcp.0.directory.generation();
        if std::mem::replace(&mut self.generation, generation) != generation {
            self.devices.clear();
        }
        if let Some(known) = self.devices.get(&number) {
            return known.clone();
        }
        let device = self.tcp.0.directory.by_serial(&format!("{number:016x}"));
        let ip = self.from.ip();
        let admitted = |device: &Arc<Device>| {
            device.protocol == "parkline"
                && (device.sources.is_empty() || device.sources.iter().any(|network| network.holds(ip)))
        };
        let device = device.filter(admitted);
        if let Some(device) = &device {
            self.deliver(device.clone(), number);
        }
        self.devices.insert(number, device.clone());
        device
    }

    /// From now on commands for the device go out here, and nowhere else.
    fn deliver(&mut self, device: Arc<Device>, number: u64) {
        let (desk, queue) = (self.tcp.0.desk.clone(), self.queue.clone());
        let id = device.id.clone();
        let courier = tokio::spawn(async move {
            loop {
                for command in desk.take(&device.id) {
                    if queue.send(Write::Command(device.clone(), number, command)).await.is_err() {
                        return;
                    }
                }
                desk.arrival(&device.id).await;
            }
        });
        self.couriers.push(courier.abort_handle());
        if let Some(older) = lock(&self.tcp.0.couriers).insert(id, courier.abort_handle()) {
            older.abort();
        }
    }
}
