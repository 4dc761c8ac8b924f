//! Where devices' connections end.

mod accept;
mod addresses;
mod buffer;
mod framed;
pub mod guard;
pub mod mqtt;
pub mod tcp;
mod udp;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use device_codec::{Framing, Protocol};
use tokio::{
    net::{TcpListener, UdpSocket},
    sync::watch,
    task::JoinHandle,
};

use self::{
    framed::Framed,
    guard::Guard,
    mqtt::{Broker, Mqtt},
    tcp::Tcp,
    udp::Udp,
};
use crate::{host::Host, secrets::Source};

/// Where devices come in, and what they must know.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the secrets of the site's devices are read from.
    pub secrets: Source,
    /// Other protocols than ours, each on a port of its own.
    pub ports: Vec<Port>,
    /// A broker that devices publish to.
    pub broker: Option<Broker>,
    /// What one connection may do.
    pub limits: Limits,
}

/// A port for a protocol that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// The protocol.
    pub protocol: Protocol,
    /// Where it comes in.
    pub address: SocketAddr,
}

impl Port {
    /// A port, where the protocol is one that comes on a port of its own: framed over TCP, or `f6213` in datagrams.
    pub fn new(protocol: Protocol, address: SocketAddr) -> Option<Self> {
        let own = protocol == Protocol::F6213 || framing(protocol).is_some();
        own.then_some(Self { protocol, address })
    }
}

/// How the streams of a device that speaks first are framed; screens do not speak, and our own frame has its listener.
fn framing(protocol: Protocol) -> Option<Framing> {
    Framing::of(protocol).filter(|_| !matches!(protocol, Protocol::Parkline | Protocol::Led0064))
}

/// What connections may do; what goes beyond is closed and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections of one listener.
    pub connections: usize,
    /// Connections of one address. Carriers put thousands of devices behind one.
    pub each_address: u32,
    /// How long the first frame that is taken may take.
    pub first_frame: Duration,
    /// How long the end of a frame that has begun may take.
    pub frame: Duration,
    /// How long nothing may come.
    pub idle: Duration,
    /// Bytes that are no frame.
    pub noise_bytes: usize,
    /// Frames in a row that are not taken.
    pub refused: u32,
    /// Bytes of large buffers that a listener's connections may have together.
    pub buffer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            each_address: 4_096,
            first_frame: Duration::from_secs(30),
            frame: Duration::from_secs(30),
            idle: Duration::from_secs(30 * 60),
            noise_bytes: 64 << 10,
            refused: 1_000,
            buffer_bytes: 64 << 20,
        }
    }
}

/// The sockets that are listened on, before anything is taken from them.
pub struct Sockets {
    tcp: Option<TcpListener>,
    framed: Vec<(Port, TcpListener)>,
    datagrams: Vec<(Port, UdpSocket)>,
}

impl Sockets {
    /// Listens.
    ///
    /// # Errors
    /// The address that cannot be listened on, and what the system says.
    pub async fn bind(tcp: Option<SocketAddr>, ports: &[Port]) -> Result<Self, (SocketAddr, io::Error)> {
        let mut sockets = Self { tcp: None, framed: Vec::new(), datagrams: Vec::new() };
        if let Some(address) = tcp {
            sockets.tcp = Some(TcpListener::bind(address).await.map_err(|error| (address, error))?);
        }
        for port in ports {
            let failed = |error| (port.address, error);
            if port.protocol == Protocol::F6213 {
                sockets.datagrams.push((*port, UdpSocket::bind(port.address).await.map_err(failed)?));
            } else {
                sockets.framed.push((*port, TcpListener::bind(port.address).await.map_err(failed)?));
            }
        }
        Ok(sockets)
    }

    /// Where native frames come in.
    pub fn tcp(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }

    /// Where the other protocols come in.
    pub fn ports(&self) -> Vec<(Protocol, SocketAddr)> {
        let streams = self.framed.iter().map(|(port, socket)| (port.protocol, socket.local_addr()));
        let datagrams = self.datagrams.iter().map(|(port, socket)| (port.protocol, socket.local_addr()));
        streams.chain(datagrams).filter_map(|(protocol, address)| Some((protocol, address.ok()?))).collect()
    }

    /// Takes what comes until `stop` says so.
    pub fn serve(
        self,
        host: &Host,
        guard: &Arc<Guard>,
        options: &Options,
        stop: &watch::Receiver<bool>,
    ) -> Vec<JoinHandle<()>> {
        let (mut tasks, limits) = (Vec::new(), options.limits);
        if let Some(listener) = self.tcp {
            tasks.push(tokio::spawn(Tcp::new(host, guard.clone(), limits).serve(listener, stop.clone())));
        }
        for (port, listener) in self.framed {
            let Some(framing) = framing(port.protocol) else { continue };
            let framed = Framed::new(host, guard.clone(), limits, port.protocol, framing);
            tasks.push(tokio::spawn(framed.serve(listener, stop.clone())));
        }
        for (_, socket) in self.datagrams {
            tasks.push(tokio::spawn(Udp::new(host, guard.clone()).serve(socket, stop.clone())));
        }
        if let Some(broker) = &options.broker {
            tasks.push(tokio::spawn(Mqtt::new(host, guard.clone(), broker.clone()).serve(stop.clone())));
        }
        tasks
    }
}
