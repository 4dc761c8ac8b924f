//! The door of a listener on TCP: what comes before the first byte of its protocol.
//!
//! Who speaks (the peer, or whom a listed load balancer names), whether there is room for one more, that something
//! comes at all, TLS. Until its first byte a connection holds nothing but a socket and a place.

use std::{
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::{
    Limits,
    addresses::{Addresses, Place, Room},
    proxy,
    tls::Certificates,
};
use crate::{
    directory::Network,
    metrics::{Listener, Metrics, Refused},
};

/// The bytes of a connection, whatever they come in. Who does not read what we write is cut off.
pub(crate) type Stream = Pin<Box<TimeoutStream<Either<TcpStream, TlsStream<TcpStream>>>>>;

/// What all doors have in common.
#[derive(Clone, Default)]
pub struct Entrance {
    /// The certificates, where a listener has TLS.
    pub certificates: Option<Arc<Certificates>>,
    /// The load balancers that say who speaks.
    pub balancers: Arc<[Network]>,
    /// What connections may do.
    pub limits: Limits,
}

/// Whether anybody may come from an address at all.
type Expects = Box<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// The door of one listener.
pub struct Door {
    listener: Listener,
    entrance: Entrance,
    expects: Expects,
    addresses: Arc<Addresses>,
    metrics: Arc<Metrics>,
}

impl Door {
    /// A door that nobody has gone through yet.
    pub fn new(
        listener: Listener,
        entrance: Entrance,
        expects: Expects,
        metrics: &Arc<Metrics>,
    ) -> Arc<Self> {
        let Limits { connections, each_address, .. } = entrance.limits;
        let addresses = Addresses::new(connections, each_address, listener, metrics.clone());
        Arc::new(Self { listener, entrance, expects, addresses, metrics: metrics.clone() })
    }

    /// Room for one more, of whatever address.
    pub(super) fn room(&self) -> Option<Room> {
        self.counted(self.addresses.room().ok_or(Refused::Limit))
    }

    /// Lets a connection in, or not; what is not let in is counted.
    pub(super) async fn open(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        room: Room,
    ) -> Option<(Stream, Place)> {
        self.counted(self.opened(stream, peer, room).await.transpose()?)
    }

    fn counted<T>(&self, entered: Result<T, Refused>) -> Option<T> {
        entered.inspect_err(|why| self.metrics.refused(self.listener, *why, 1)).ok()
    }

    /// `Ok(None)`: it went away by itself.
    async fn opened(
        &self,
        mut stream: TcpStream,
        peer: SocketAddr,
        room: Room,
    ) -> Result<Option<(Stream, Place)>, Refused> {
        let limits = &self.entrance.limits;
        let _ = stream.set_nodelay(true);
        let from = if self.entrance.balancers.iter().any(|listed| listed.holds(peer.ip())) {
            let named = within(limits.first_byte, proxy::read(&mut stream, peer)).await?;
            named.map_err(|_| Refused::Proxy)?
        } else {
            peer
        };
        if !(self.expects)(from.ip()) {
            return Err(Refused::Address);
        }
        let place = room.of(from).ok_or(Refused::Limit)?;
        match within(limits.first_byte, proxy::begins(&stream)).await? {
            None => return Ok(None),
            Some(true) => return Err(Refused::Proxy),
            Some(false) => {}
        }
        let stream = match &self.entrance.certificates {
            None => Either::Left(stream),
            Some(certificates) => {
                let shaken = within(limits.handshake, certificates.acceptor().accept(stream)).await?;
                Either::Right(shaken.map_err(|_| Refused::Handshake)?)
            }
        };
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.write));
        Ok(Some((Box::pin(stream), place)))
    }
}

async fn within<F: Future>(limit: Duration, future: F) -> Result<F::Output, Refused> {
    tokio::time::timeout(limit, future).await.map_err(|_| Refused::Deadline)
}
