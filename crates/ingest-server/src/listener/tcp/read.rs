//! The reading half of a connection: bytes to frames, frames to the log.

use std::{collections::HashMap, net::IpAddr, ops::Range, sync::Arc, time::Duration};

use device_codec::native::{Frame, Head, Message, Split};
use parking_types::Instant;
use tokio::{
    io::ReadHalf,
    sync::{mpsc, watch},
    task::AbortHandle,
};

use super::{Stored, Tcp, Write};
use crate::{
    clock::{Moment, moment},
    listener::{buffer::Buffer, door::Stream, guard::Known},
    log::{Batch, lock},
    metrics::{Listener, Refused},
    record::Frames,
};

/// Bytes of a frame's record beside its payload, about.
const RECORD: usize = 160;

/// The reading half of a connection.
pub(super) struct Reading<'t> {
    tcp: &'t Tcp,
    from: IpAddr,
    queue: mpsc::Sender<Write>,
    /// The devices that a frame on this connection has proved.
    devices: HashMap<u64, Arc<Known>>,
    /// Which site and secrets they are from.
    generation: (u64, u64),
    couriers: Vec<AbortHandle>,
    noise: usize,
    /// Frames that were not taken since the last one that was.
    refused: u32,
    /// Whether any frame was taken.
    taken: bool,
    opened: Moment,
    /// Since when the beginning of a frame has been waiting for its end.
    begun: Option<Moment>,
}

/// Frames of one partition that one read brought.
#[derive(Default)]
struct Group {
    /// Whose they are, and where in what was read they stand.
    frames: Vec<(Arc<Known>, Range<usize>)>,
    heads: Vec<Head>,
    times: Vec<(Head, u64)>,
    bytes: usize,
}

impl<'t> Reading<'t> {
    pub(super) fn new(tcp: &'t Tcp, from: IpAddr, queue: mpsc::Sender<Write>) -> Self {
        Self {
            tcp,
            from,
            queue,
            devices: HashMap::new(),
            generation: tcp.0.guard.generation(),
            couriers: Vec::new(),
            noise: 0,
            refused: 0,
            taken: false,
            opened: moment(),
            begun: None,
        }
    }

    pub(super) async fn run(mut self, mut socket: ReadHalf<Stream>, mut stop: watch::Receiver<bool>) {
        let mut buffer = self.tcp.0.buffers.buffer();
        loop {
            let wait = self.patience();
            let read = tokio::select! {
                read = tokio::time::timeout(wait, buffer.read(&mut socket)) => read,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let went_on = match read {
                Err(_) => self.closed(Refused::Deadline),
                Ok(Ok(1..)) => self.frames(&mut buffer).await,
                Ok(_) => None,
            };
            if went_on.is_none() {
                return;
            }
        }
    }

    /// The connection is closed for what it did not do, or did too often.
    fn closed<T>(&self, why: Refused) -> Option<T> {
        self.tcp.0.intake.metrics().refused(Listener::Tcp, why, 1);
        None
    }

    /// How long the next bytes may take.
    fn patience(&self) -> Duration {
        let limits = &self.tcp.0.guard.limits;
        let left = |whole: Duration, since: Moment| whole.saturating_sub(moment().duration_since(since));
        let first = if self.taken { limits.idle } else { left(limits.first_frame, self.opened) };
        self.begun.map_or(first, |begun| first.min(left(limits.frame, begun)))
    }

    /// Takes all whole frames out of the buffer; `None` when the connection is to be closed.
    async fn frames(&mut self, buffer: &mut Buffer) -> Option<()> {
        let since = moment();
        let now = self.tcp.0.clock.now();
        self.look_again();
        let mut groups: HashMap<u32, Group> = HashMap::new();
        let bytes = buffer.bytes();
        let (mut taken, mut rest) = (0, bytes);
        let wanted = loop {
            let used = match Frame::split(rest) {
                Split::Complete(frame) => {
                    self.sort(frame, taken, (now, since), &mut groups).await?;
                    frame.len()
                }
                Split::NeedMore(wanted) => break wanted,
                Split::Skip(bytes, _) => {
                    self.noise += bytes;
                    self.tcp.0.intake.metrics().noise(Listener::Tcp, bytes);
                    bytes.max(1)
                }
            };
            taken += used;
            rest = bytes.get(taken..).unwrap_or_default();
        };
        if rest.is_empty() {
            self.begun = None;
        } else if taken > 0 || self.begun.is_none() {
            self.begun = Some(since);
        }
        for (partition, group) in groups {
            self.store(partition, group, bytes, since).await?;
        }
        buffer.took(taken, wanted);
        let limits = &self.tcp.0.guard.limits;
        let bearable = self.noise < limits.noise_bytes && self.refused < limits.refused;
        if bearable { Some(()) } else { self.closed(Refused::Limit) }
    }

    /// Puts a frame that begins at `at` to those of its partition.
    async fn sort(
        &mut self,
        frame: Frame<'_>,
        at: usize,
        (now, since): (Instant, Moment),
        groups: &mut HashMap<u32, Group>,
    ) -> Option<()> {
        let head = frame.head();
        let proved = self.proved(&frame, &head, now).await?;
        let paced = proved.and_then(|known| {
            self.tcp.0.guard.paces(&known.device, Listener::Tcp, since)?;
            Ok(known)
        });
        let known = match paced {
            Ok(known) => known,
            Err(why) => {
                self.refused += 1;
                return self.queue.send(Write::Refused(vec![head], why)).await.ok();
            }
        };
        (self.taken, self.refused) = (true, 0);
        let group = groups.entry(known.device.partition).or_default();
        if let Ok(Some(Message::TimeRequest(request))) = frame.message() {
            group.times.push((head, request.t1));
        }
        group.bytes += frame.len();
        group.heads.push(head);
        group.frames.push((known, at..at + frame.len()));
        Some(())
    }

    /// The device whose frame this is; a connection that is to be closed gives `None`.
    async fn proved(
        &mut self,
        frame: &Frame<'_>,
        head: &Head,
        now: Instant,
    ) -> Option<Result<Arc<Known>, Refused>> {
        let number = head.device_id;
        if let Some(known) = self.devices.get(&number) {
            return Some(known.proves(frame, now).map(|()| known.clone()));
        }
        // Strangers are not remembered: who sends under a thousand numbers shall not fill our memory.
        let known = self.tcp.0.guard.native(number, self.from).and_then(|known| {
            known.proves(frame, now)?;
            Ok(Arc::new(known))
        });
        if let Ok(known) = &known {
            self.queue.send(Write::Device(known.clone())).await.ok()?;
            self.deliver(known.clone());
            self.devices.insert(number, known.clone());
        }
        Some(known)
    }

    /// After site or secrets have changed every device is looked up and proved again.
    fn look_again(&mut self) {
        let generation = self.tcp.0.guard.generation();
        if generation != self.generation {
            self.generation = generation;
            self.devices.clear();
            self.couriers.drain(..).for_each(|courier| courier.abort());
        }
    }

    async fn store(&mut self, partition: u32, group: Group, read: &[u8], since: Moment) -> Option<()> {
        let Group { frames, heads, times, bytes } = group;
        let write = |at: Instant, batch: &mut Batch| {
            batch.share();
            let records = Frames::new(at, "tcp");
            for (known, place) in &frames {
                let payload = read.get(place.clone()).unwrap_or_default();
                batch.push_with(|out| records.encode(&known.sender, payload, out));
            }
        };
        let room = bytes * 2 + heads.len() * RECORD;
        match self.tcp.0.intake.take(partition, room, write).await {
            Ok(pending) => {
                let received = pending.received_at;
                self.queue.send(Write::Stored(Stored { pending, heads, bytes, since })).await.ok()?;
                for (head, t1) in times {
                    self.queue.send(Write::Time(head, t1, received)).await.ok()?;
                }
                Some(())
            }
            Err(_) => self.queue.send(Write::Refused(heads, Refused::Busy)).await.ok(),
        }
    }

    /// From now on commands for the device go out here, and nowhere else.
    fn deliver(&mut self, known: Arc<Known>) {
        let (desk, queue) = (self.tcp.0.desk.clone(), self.queue.clone());
        let id = known.device.id.clone();
        let courier = tokio::spawn(async move {
            loop {
                for command in desk.take(&known.device.id) {
                    if queue.send(Write::Command(known.clone(), command)).await.is_err() {
                        return;
                    }
                }
                desk.arrival(&known.device.id).await;
            }
        });
        self.couriers.push(courier.abort_handle());
        if let Some(older) = lock(&self.tcp.0.couriers).insert(id, courier.abort_handle()) {
            older.abort();
        }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        // A courier holds the queue, and with it the writing half, open.
        for courier in &self.couriers {
            courier.abort();
        }
    }
}
