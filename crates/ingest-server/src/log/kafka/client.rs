//! Clients of the cluster, which are ended beside the work.
//!
//! The end of a client asks brokers, waits for threads and takes a tenth of a second and more; in rare cases the library
//! waits for ever (librdkafka's issue 5476 has one). Whoever lets go of a client goes on at once, and only the end of
//! the process waits for those that are under way, for a limited time.

use std::{
    ops::Deref,
    sync::{Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use super::super::lock;

/// A client that is ended by a thread of its own when it is dropped.
pub(super) struct Client<C: Send + 'static>(Option<C>);

/// How many clients of this process are being ended.
static ENDING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// Counts one of them for as long as it lives.
struct Ending;

impl<C: Send + 'static> Client<C> {
    pub(super) fn new(client: C) -> Self {
        Self(Some(client))
    }
}

impl<C: Send + 'static> Deref for Client<C> {
    type Target = C;

    fn deref(&self) -> &C {
        let Some(client) = &self.0 else { unreachable!("taken when it is dropped") };
        client
    }
}

impl<C: Send + 'static> Drop for Client<C> {
    fn drop(&mut self) {
        let client = self.0.take();
        let ending = Ending::begin();
        // Where there is no thread to be had, what it was to do is dropped here.
        let _ = thread::Builder::new().name("ending".to_owned()).spawn(move || {
            drop(client);
            drop(ending);
        });
    }
}

impl Ending {
    fn begin() -> Self {
        *lock(&ENDING) += 1;
        Self
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        *lock(&ENDING) -= 1;
        ENDED.notify_all();
    }
}

/// Waits for clients that are being ended, as the last thing that a process does: a member leaves its group so. Gives
/// how many were not by then.
pub fn wait_for_ended_clients(wait: Duration) -> usize {
    let waited = ENDED.wait_timeout_while(lock(&ENDING), wait, |ending| *ending > 0);
    let (ending, _) = waited.unwrap_or_else(PoisonError::into_inner);
    *ending
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// One whose end takes until it is told.
    struct Stubborn(Receiver<()>, Sender<()>);

    impl Drop for Stubborn {
        fn drop(&mut self) {
            let _ = self.0.recv();
            let _ = self.1.send(());
        }
    }

    #[test]
    fn nobody_waits_for_the_end_of_a_client() {
        let ((tell, told), (ends, ended)) = (channel(), channel());
        drop(Client::new(Stubborn(told, ends)));
        assert_eq!(wait_for_ended_clients(Duration::ZERO), 1);
        tell.send(()).unwrap();
        ended.recv().unwrap();
        assert_eq!(wait_for_ended_clients(Duration::from_secs(60)), 0);
    }
}
