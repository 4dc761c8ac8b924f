//! Framed protocols of other makers over TCP, each on a port of its own.
//!
//! They prove nothing, so a connection comes from the `sources` of a device of the protocol. Which one it is, its frames
//! say; those that do not are of the only device whose `sources` hold the address. None of these protocols acknowledges:
//! a device that could not be taken learns it by the connection's end.

use std::{net::IpAddr, sync::Arc, time::Duration};

use device_codec::{Context, Framing, Protocol, Step, decode};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::{
    Limits,
    accept::accept,
    addresses::{Addresses, Place},
    buffer::Buffers,
    guard::Guard,
};
use crate::{
    clock::{Moment, moment},
    directory::Device,
    host::Host,
    intake::{Intake, Refusal},
    log::{Batch, LogError},
    metrics::{Listener, Refused},
    record::FrameRecord,
};

/// A listener for one protocol.
#[derive(Clone)]
pub(super) struct Framed(Arc<Inner>);

struct Inner {
    intake: Arc<Intake>,
    guard: Arc<Guard>,
    limits: Limits,
    addresses: Arc<Addresses>,
    buffers: Buffers,
    protocol: Protocol,
    framing: Framing,
}

impl Framed {
    pub(super) fn new(
        host: &Host,
        guard: Arc<Guard>,
        limits: Limits,
        protocol: Protocol,
        framing: Framing,
    ) -> Self {
        let intake = host.intake.clone();
        let addresses =
            Addresses::new(limits.connections, limits.each_address, Listener::Port, intake.metrics().clone());
        let buffers = Buffers::new(limits.buffer_bytes);
        Self(Arc::new(Inner { intake, guard, limits, addresses, buffers, protocol, framing }))
    }

    pub(super) async fn serve(self, listener: TcpListener, stop: watch::Receiver<bool>) {
        let expects = |from| {
            let expected = self.expects(from);
            if !expected {
                self.0.intake.metrics().refused(Listener::Port, Refused::Address, 1);
            }
            expected
        };
        let connection = |stream, place| self.clone().connection(stream, place, stop.clone());
        accept(listener, &self.0.addresses, stop.clone(), expects, connection).await;
    }

    /// Whether any device of the protocol may come from there.
    fn expects(&self, from: IpAddr) -> bool {
        self.0.guard.directory.devices().iter().any(|device| {
            device.protocol == self.0.protocol.name()
                && self.0.guard.unproven(device, from, Refused::Address).is_ok()
        })
    }

    async fn connection(self, mut stream: TcpStream, place: Place, mut stop: watch::Receiver<bool>) {
        let mut buffer = self.0.buffers.buffer();
        let (mut noise, mut refused, mut begun) = (0, 0, None);
        loop {
            let read = tokio::select! {
                read = tokio::time::timeout(self.patience(begun), buffer.read(&mut stream)) => read,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let Ok(read) = read else { break };
            if !matches!(read, Ok(1..)) {
                return;
            }
            let (bytes, mut taken) = (buffer.bytes(), 0);
            let wanted = loop {
                let rest = bytes.get(taken..).unwrap_or_default();
                match self.0.framing.next(rest) {
                    Step::Frame { len } => {
                        let len = len.min(rest.len());
                        match self.frame(rest.get(..len).unwrap_or_default(), place.from()).await {
                            Ok(()) => refused = 0,
                            Err(why) => {
                                self.0.intake.metrics().refused(Listener::Port, why, 1);
                                refused += 1;
                            }
                        }
                        taken += len;
                    }
                    Step::Noise { len, .. } => {
                        self.0.intake.metrics().noise(Listener::Port, len);
                        noise += len;
                        taken += len.max(1);
                    }
                    Step::NeedMore { at_least } => break at_least,
                }
            };
            begun = match begun {
                _ if taken >= bytes.len() => None,
                Some(begun) if taken == 0 => Some(begun),
                _ => Some(moment()),
            };
            buffer.took(taken, wanted);
            if noise >= self.0.limits.noise_bytes || refused >= self.0.limits.refused {
                break;
            }
        }
        self.0.intake.metrics().refused(Listener::Port, Refused::Limit, 1);
    }

    /// How long the next bytes may take.
    fn patience(&self, begun: Option<Moment>) -> Duration {
        let frame = |begun| self.0.limits.frame.saturating_sub(moment().duration_since(begun));
        begun.map_or(self.0.limits.idle, frame)
    }

    async fn frame(&self, payload: &[u8], from: IpAddr) -> Result<(), Refused> {
        let since = moment();
        let device = self.whose(payload, from)?;
        let record = FrameRecord {
            device: Some(&device.id),
            protocol: &device.protocol,
            payload,
            listener: "port",
            ..FrameRecord::default()
        };
        let write = |at, batch: &mut Batch| batch.push_with(|out| record.encode(at, out));
        let pending = self.0.intake.take(device.partition, payload.len() * 2 + 256, write).await;
        let pending = pending.map_err(|why| match why {
            Refusal::Log(LogError::TooLarge { .. }) => Refused::TooLarge,
            _ => Refused::Busy,
        })?;
        pending.durable().await.map_err(|_| Refused::Busy)?;
        let metrics = self.0.intake.metrics();
        metrics.stored(Listener::Port, 1, payload.len() as u64, moment().duration_since(since));
        Ok(())
    }

    /// The device that the frame names, if it may speak from there; else the only one that may.
    fn whose(&self, payload: &[u8], from: IpAddr) -> Result<Arc<Device>, Refused> {
        let (guard, protocol) = (&self.0.guard, self.0.protocol);
        let mut serial = None;
        // What cannot be read is evidence too, where the address alone says whose it is.
        let _ = decode(protocol, payload, &Context::default(), &mut |reading| {
            serial = serial.take().or_else(|| reading.device().map(|device| device.as_str().to_owned()));
        });
        let Some(serial) = serial else {
            return guard.directory.by_address(protocol, from).ok_or(Refused::UnknownDevice);
        };
        let device = guard.directory.by_serial(&serial).filter(|device| device.protocol == protocol.name());
        let device = device.ok_or(Refused::UnknownDevice)?;
        guard.unproven(&device, from, Refused::Address).map(|()| device)
    }
}
