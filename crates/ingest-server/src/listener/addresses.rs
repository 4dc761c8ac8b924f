//! How many connections one address has.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    log::lock,
    metrics::{Listener, Metrics, Refused},
};

/// Bounds the connections of a listener: all together, and of each address.
pub(super) struct Addresses {
    all: Arc<Semaphore>,
    each: u32,
    open: Mutex<HashMap<IpAddr, u32>>,
    listener: Listener,
    metrics: Arc<Metrics>,
}

/// A connection that was let in; dropped with it.
pub(super) struct Place {
    addresses: Arc<Addresses>,
    from: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Addresses {
    /// At most `all` connections, at most `each` of one address.
    pub(super) fn new(all: usize, each: u32, listener: Listener, metrics: Arc<Metrics>) -> Arc<Self> {
        let open = Mutex::default();
        Arc::new(Self { all: Arc::new(Semaphore::new(all)), each, open, listener, metrics })
    }

    /// A place for one more from this address; what finds none is counted.
    pub(super) fn enter(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let place = self.place(from);
        match place {
            Some(_) => self.metrics.connections(self.listener, 1),
            None => self.metrics.refused(self.listener, Refused::Limit, 1),
        }
        place
    }

    fn place(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let permit = self.all.clone().try_acquire_owned().ok()?;
        let mut open = lock(&self.open);
        let count = open.entry(from).or_default();
        if *count >= self.each {
            return None;
        }
        *count += 1;
        Some(Place { addresses: self.clone(), from, _permit: permit })
    }
}

impl Place {
    /// Where it comes from.
    pub(super) fn from(&self) -> IpAddr {
        self.from
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = lock(&self.addresses.open);
        if let Some(count) = open.get_mut(&self.from) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.from);
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
        let addresses = Addresses::new(3, 2, Listener::Tcp, metrics.clone());
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let held = [addresses.enter(one), addresses.enter(one)];
        assert!(held.iter().all(Option::is_some));
        assert!(addresses.enter(one).is_none());
        let last = addresses.enter(other);
        assert!(last.is_some() && addresses.enter(other).is_none(), "all places are taken");
        assert_eq!(metrics.refusals(Listener::Tcp, Refused::Limit), 2);
        drop(held);
        assert!(addresses.enter(one).is_some());
        drop(last);
        assert!(lock(&addresses.open).is_empty(), "nothing is kept of who has gone");
    }
}
