//! Framed protocols of other makers over TCP, each on a port of its own.
//!
//! They prove nothing, so a connection comes from the `sources` of a device of the protocol. Which one it is, its frames
//! say; those that do not are of the only device whose `sources` hold the address. None of these protocols acknowledges:
//! a device that could not be taken learns it by the connection's end.

use std::{net::IpAddr, sync::Arc, time::Duration};

use device_codec::{Context, Framing, Protocol, Step, decode};
use tokio::{net::TcpListener, sync::watch};

use super::{
    accept::accept,
    addresses::Place,
    buffer::Buffers,
    door::{Door, Stream},
    guard::Guard,
    taker::{Came, Taker},
};
use crate::{
    clock::{Moment, moment},
    directory::Device,
    metrics::{Listener, Refused},
};

/// A listener for one protocol.
#[derive(Clone)]
pub(super) struct Framed(Arc<Inner>);

struct Inner {
    taker: Taker,
    guard: Arc<Guard>,
    buffers: Buffers,
    protocol: Protocol,
    framing: Framing,
}

impl Framed {
    pub(super) fn new(taker: Taker, guard: Arc<Guard>, protocol: Protocol, framing: Framing) -> Self {
        let buffers = Buffers::new(guard.limits.buffer_bytes);
        Self(Arc::new(Inner { taker, guard, buffers, protocol, framing }))
    }

    pub(super) async fn serve(self, listener: TcpListener, door: Arc<Door>, stop: watch::Receiver<bool>) {
        let stopped = stop.clone();
        let connection = move |stream, place| self.clone().connection(stream, place, stopped.clone());
        accept(listener, &door, stop, connection).await;
    }

    async fn connection(self, mut stream: Stream, place: Place, mut stop: watch::Receiver<bool>) {
        let mut buffer = self.0.buffers.buffer();
        let (mut noise, mut refused, mut begun) = (0, 0, None);
        loop {
            let read = tokio::select! {
                read = tokio::time::timeout(self.patience(begun), buffer.read(&mut stream)) => read,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let Ok(read) = read else {
                return self.0.taker.intake.metrics().refused(Listener::Port, Refused::Deadline, 1);
            };
            if !matches!(read, Ok(1..)) {
                return;
            }
            let (bytes, mut taken) = (buffer.bytes(), 0);
            let wanted = loop {
                let rest = bytes.get(taken..).unwrap_or_default();
                match self.0.framing.next(rest) {
                    Step::Frame { len } => {
                        let len = len.min(rest.len());
                        match self.frame(rest.get(..len).unwrap_or_default(), place.from().ip()).await {
                            Ok(()) => refused = 0,
                            Err(why) => {
                                self.0.taker.intake.metrics().refused(Listener::Port, why, 1);
                                refused += 1;
                            }
                        }
                        taken += len;
                    }
                    Step::Noise { len, .. } => {
                        self.0.taker.intake.metrics().noise(Listener::Port, len);
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
            if noise >= self.0.guard.limits.noise_bytes || refused >= self.0.guard.limits.refused {
                break;
            }
        }
        self.0.taker.intake.metrics().refused(Listener::Port, Refused::Limit, 1);
    }

    /// How long the next bytes may take.
    fn patience(&self, begun: Option<Moment>) -> Duration {
        let limits = &self.0.guard.limits;
        begun.map_or(limits.idle, |begun| limits.frame.saturating_sub(moment().duration_since(begun)))
    }

    async fn frame(&self, payload: &[u8], from: IpAddr) -> Result<(), Refused> {
        let since = moment();
        let device = self.whose(payload, from)?;
        self.0.guard.paces(&device, Listener::Port, since)?;
        let came = Came {
            device: &device,
            protocol: self.0.protocol,
            payload,
            route: None,
            content_type: None,
            listener: Listener::Port,
            since,
        };
        self.0.taker.take(&came).await.map(drop)
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
