//! `f6213` over UDP: what is there is read at once, stored as few batches, and answered when it is durable.
//!
//! A datagram's address can be made up, so `sources` keep out who cannot send from there, not who can forge. A device
//! that gets no answer sends again, which is all that happens to what cannot be taken.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use device_codec::{Context, Protocol, decode, f6213_reply};
use tokio::{
    net::UdpSocket,
    sync::{Semaphore, watch},
};

use super::guard::Guard;
use crate::{
    clock::{Clock, moment},
    directory::Device,
    host::Host,
    intake::Intake,
    log::Batch,
    metrics::{Listener, Refused},
    record::FrameRecord,
};

/// Datagrams that go into the log together.
const BATCH: usize = 256;
/// Batches that wait for the disk; with so many the socket is not read.
const IN_FLIGHT: usize = 64;
/// The longest datagram that IPv4 carries.
const DATAGRAM: usize = 65_536;

/// A listener for datagrams.
pub(super) struct Udp {
    intake: Arc<Intake>,
    clock: Clock,
    guard: Arc<Guard>,
}

/// A datagram that is taken.
struct Taken {
    device: Arc<Device>,
    from: SocketAddr,
    payload: Vec<u8>,
    occupied: bool,
}

impl Udp {
    pub(super) fn new(host: &Host, guard: Arc<Guard>) -> Self {
        Self { intake: host.intake.clone(), clock: host.clock.clone(), guard }
    }

    pub(super) async fn serve(self, socket: UdpSocket, mut stop: watch::Receiver<bool>) {
        let socket = Arc::new(socket);
        let (room, mut buffer) = (Arc::new(Semaphore::new(IN_FLIGHT)), vec![0; DATAGRAM]);
        loop {
            tokio::select! {
                readable = socket.readable() => if readable.is_err() { continue },
                _ = stop.wait_for(|stop| *stop) => break,
            }
            let mut groups: HashMap<u32, Vec<Taken>> = HashMap::new();
            for _ in 0..BATCH {
                let Ok((len, from)) = socket.try_recv_from(&mut buffer) else { break };
                match self.look(buffer.get(..len).unwrap_or_default(), from) {
                    Ok(taken) => groups.entry(taken.device.partition).or_default().push(taken),
                    Err(why) => self.intake.metrics().refused(Listener::Udp, why, 1),
                }
            }
            for (partition, group) in groups {
                let Ok(permit) = room.clone().acquire_owned().await else { return };
                let answering = self.store(partition, group, socket.clone()).await;
                tokio::spawn(async move {
                    if let Some(answering) = answering {
                        answering.await;
                    }
                    drop(permit);
                });
            }
        }
        // What was read is answered before the socket closes.
        let _ = room.acquire_many(IN_FLIGHT as u32).await;
    }

    /// Whose datagram it is, if that device may send it from there.
    fn look(&self, payload: &[u8], from: SocketAddr) -> Result<Taken, Refused> {
        let (mut device, mut occupied) = (None, false);
        let read = decode(Protocol::F6213, payload, &Context::default(), &mut |reading| {
            device = reading.device().and_then(|serial| self.guard.directory.by_serial(serial.as_str()));
            occupied = reading.occupied == Some(true);
        });
        read.map_err(|_| Refused::Malformed)?;
        let device = device.filter(|device| device.protocol == Protocol::F6213.name());
        let device = device.ok_or(Refused::UnknownDevice)?;
        // It has no place for a token, so an address is all that can speak for it.
        self.guard.unproven(&device, from.ip(), Refused::Address)?;
        self.guard.paces(&device, Listener::Udp, moment())?;
        Ok(Taken { device, from, payload: payload.to_vec(), occupied })
    }

    /// Puts datagrams into the log; gives what answers them once they are durable.
    async fn store(
        &self,
        partition: u32,
        group: Vec<Taken>,
        socket: Arc<UdpSocket>,
    ) -> Option<impl Future<Output = ()> + use<>> {
        let since = moment();
        let bytes: usize = group.iter().map(|taken| taken.payload.len()).sum();
        let write = |at, batch: &mut Batch| {
            batch.share();
            for taken in &group {
                let record = FrameRecord {
                    device: Some(&taken.device.id),
                    protocol: &taken.device.protocol,
                    payload: &taken.payload,
                    listener: "udp",
                    ..FrameRecord::default()
                };
                batch.push_with(|out| record.encode(at, out));
            }
        };
        let metrics = self.intake.metrics().clone();
        let busy = |frames: usize| metrics.refused(Listener::Udp, Refused::Busy, frames as u64);
        let Ok(pending) = self.intake.take(partition, bytes * 2 + group.len() * 256, write).await else {
            busy(group.len());
            return None;
        };
        let (metrics, clock) = (metrics.clone(), self.clock.clone());
        Some(async move {
            let frames = group.len() as u64;
            if pending.durable().await.is_err() {
                return metrics.refused(Listener::Udp, Refused::Busy, frames);
            }
            metrics.stored(Listener::Udp, frames, bytes as u64, moment().duration_since(since));
            for Taken { from, payload, occupied, .. } in group {
                // The device has one bay; which of the answer's two it shows is not documented, so both say the same.
                if let Some(reply) = f6213_reply(&payload, clock.now(), [occupied; 2]) {
                    // Lost on the way or here: the device sends again.
                    let _ = socket.send_to(&reply, from).await;
                }
            }
        })
    }
}
