//! Where devices' connections end.

pub(crate) mod accept;
pub(crate) mod addresses;
mod buffer;
pub(crate) mod dial;
pub(crate) mod door;
mod framed;
pub mod guard;
mod limits;
pub mod mqtt;
mod proxy;
pub mod rate;
mod taker;
pub mod tcp;
pub mod tls;
mod udp;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use device_codec::{Framing, Protocol};
use tokio::{
    net::{TcpListener, UdpSocket},
    sync::watch,
    task::JoinHandle,
};

pub use self::limits::Limits;
use self::{
    dial::Dialler,
    door::{Door, Entrance},
    framed::Framed,
    guard::Guard,
    mqtt::{Broker, Mqtt},
    taker::Taker,
    tcp::Tcp,
    udp::Udp,
};
use crate::{
    directory::Network,
    host::Host,
    images::Images,
    metrics::{Certificate, Listener},
    secrets::Source,
};

/// Where devices come in, and what they must know.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the secrets of the site's devices are read from.
    pub secrets: Source,
    /// Other protocols than ours, each on a port of its own.
    pub ports: Vec<Port>,
    /// A broker that devices publish to.
    pub broker: Option<Broker>,
    /// What connections and devices may do.
    pub limits: Limits,
    /// Certificates, and which listeners have them.
    pub tls: Option<tls::Tls>,
    /// The load balancers that say with a PROXY header (version 2) who speaks.
    pub balancers: Vec<Network>,
}

impl Options {
    /// What the doors of all listeners have in common; `certificates` are those of [`tls`](Self::tls).
    pub fn entrance(&self, listener: Listener, certificates: Option<&Arc<tls::Certificates>>) -> Entrance {
        let with_tls = self.tls.as_ref().is_some_and(|tls| tls.on.contains(&listener));
        let certificates = certificates.filter(|_| with_tls).cloned();
        Entrance { certificates, balancers: self.balancers.clone().into(), limits: self.limits }
    }
}

impl Options {
    /// The files with certificates that end.
    pub fn certificate_files(&self) -> Vec<(Certificate, PathBuf)> {
        let files = self.tls.as_ref().map(|tls| &tls.files);
        let ours = self.broker.as_ref().and_then(|broker| broker.tls.as_ref()?.ours.as_ref());
        let all = [
            (Certificate::Server, files.map(|files| &files.certificate)),
            (Certificate::Clients, files.and_then(|files| files.client_authorities.as_ref())),
            (Certificate::Broker, ours.map(|(certificate, _)| certificate)),
        ];
        all.into_iter().filter_map(|(which, path)| Some((which, path?.clone()))).collect()
    }
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

    /// Takes what comes until `stop` says so; `kept`: the tenant's folder and where photos go, where there are such.
    pub fn serve(
        self,
        host: &Host,
        guard: &Arc<Guard>,
        options: &Options,
        certificates: Option<&Arc<tls::Certificates>>,
        kept: (Option<PathBuf>, Option<Images>),
        stop: &watch::Receiver<bool>,
    ) -> Vec<JoinHandle<()>> {
        let mut tasks = Vec::new();
        let metrics = host.intake.metrics();
        let (data, images) = kept;
        let taker = Taker::new(host, images.clone());
        if let Some(listener) = self.tcp {
            let tcp = Tcp::new(host, guard.clone());
            let entrance = options.entrance(Listener::Tcp, certificates);
            let door = Door::new(Listener::Tcp, entrance, Box::new(|_| true), metrics);
            tasks.push(tokio::spawn(tcp.serve(listener, door, stop.clone())));
        }
        for (port, listener) in self.framed {
            let Some(framing) = framing(port.protocol) else { continue };
            let framed = Framed::new(taker.clone(), guard.clone(), port.protocol, framing);
            let mut entrance = options.entrance(Listener::Port, certificates);
            // Such a camera says nothing until a car comes; only listed addresses get so far.
            entrance.limits.first_byte = entrance.limits.idle;
            let (guard, protocol) = (guard.clone(), port.protocol);
            let expects = Box::new(move |from| guard.expects(&[protocol], from));
            let door = Door::new(Listener::Port, entrance, expects, metrics);
            tasks.push(tokio::spawn(framed.serve(listener, door, stop.clone())));
        }
        for (_, socket) in self.datagrams {
            tasks.push(tokio::spawn(Udp::new(host, guard.clone()).serve(socket, stop.clone())));
        }
        let dialler = Dialler::new(host, guard.clone(), taker, data.map(|data| data.join("dialled")));
        tasks.push(tokio::spawn(dialler.serve(stop.clone())));
        if let Some(broker) = &options.broker {
            tasks.push(tokio::spawn(
                Mqtt::new(host, guard.clone(), images, broker.clone()).serve(stop.clone()),
            ));
        }
        tasks
    }
}
