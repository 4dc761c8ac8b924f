//! How many connections one address has.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    log::lock,
    metrics::{Listener, Metrics},
};

/// Bounds the connections of a listener: all together, and of each address.
pub(super) struct Addresses {
    all: Arc<Semaphore>,
    each: u32,
    open: Mutex<HashMap<IpAddr, u32>>,
    listener: Listener,
    metrics: Arc<Metrics>,
}

/// Room for a connection of which is not yet known who speaks.
pub(super) struct Room {
    addresses: Arc<Addresses>,
    permit: OwnedSemaphorePermit,
}

/// A connection that was let in; dropped with it.
pub(crate) struct Place {
    addresses: Arc<Addresses>,
    from: SocketAddr,
    _permit: OwnedSemaphorePermit,
}

impl Addresses {
    /// At most `all` connections, at most `each` of one address.
    pub(super) fn new(all: usize, each: u32, listener: Listener, metrics: Arc<Metrics>) -> Arc<Self> {
        let open = Mutex::default();
        Arc::new(Self { all: Arc::new(Semaphore::new(all)), each, open, listener, metrics })
    }

    /// Room for one more, where there is any.
    pub(super) fn room(self: &Arc<Self>) -> Option<Room> {
        let permit = self.all.clone().try_acquire_owned().ok()?;
        Some(Room { addresses: self.clone(), permit })
    }
}

impl Room {
    /// It is this address's; `None` where that has too many already.
    pub(super) fn of(self, from: SocketAddr) -> Option<Place> {
        let Self { addresses, permit } = self;
        let mut open = lock(&addresses.open);
        let count = open.entry(neighbours(from.ip())).or_default();
        if *count >= addresses.each {
            return None;
        }
        *count += 1;
        drop(open);
        addresses.metrics.connections(addresses.listener, 1);
        Some(Place { addresses, from, _permit: permit })
    }
}

impl Place {
    /// Where it comes from.
    pub(crate) fn from(&self) -> SocketAddr {
        self.from
    }
}

/// What counts as one address: of version 6 a whole network, as whoever has one of its addresses has all of them.
fn neighbours(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let from = neighbours(self.from.ip());
        let mut open = lock(&self.addresses.open);
        if let Some(count) = open.get_mut(&from) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&from);
            }
        }
        self.addresses.metrics.connections(self.addresses.listener, -1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_places() {
        let metrics: Arc<Metrics> = Arc::default();
        let addresses = Addresses::new(3, 2, Listener::Tcp, metrics);
        let enter = |host: u8| addresses.room()?.of(SocketAddr::from(([10, 0, 0, host], 1)));
        let held = [enter(1), enter(1)];
        assert!(held.iter().all(Option::is_some));
        assert!(enter(1).is_none());
        let last = enter(2);
        assert!(last.is_some() && enter(3).is_none(), "all places are taken");
        drop(held);
        assert!(enter(1).is_some());
        drop(last);
        assert!(lock(&addresses.open).is_empty(), "nothing is kept of who has gone");
    }

    #[test]
    fn addresses_of_one_network_are_one() {
        let same = |a: &str, b: &str| neighbours(a.parse().unwrap()) == neighbours(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff:2") && !same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1") && !same("192.0.2.1", "192.0.2.2"));
    }
}
