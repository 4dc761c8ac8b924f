//! Which partitions this process works on, as agreed between those who hand them out and the workers' threads.

use std::{
    sync::{Condvar, Mutex},
    time::Duration,
};

use super::lock;

/// The shares of a process. On one machine all partitions are its own; on Kafka a consumer group hands them out.
#[derive(Debug)]
pub struct Ownership {
    shares: Mutex<Vec<Share>>,
    changed: Condvar,
    shared: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Share {
    /// It has been given to this process.
    ours: bool,
    /// It was lost to another, which may be at work on it already.
    lost: bool,
    /// A worker has it.
    busy: bool,
    /// Its worker has read what the log held.
    caught_up: bool,
}

/// How the shares of a process stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Partitions that have been given to it.
    pub ours: u32,
    /// Those of them whose workers have read what the log held.
    pub caught_up: u32,
}

impl Ownership {
    /// All partitions, for good.
    pub fn all(partitions: u32) -> Self {
        let share = Share { ours: true, ..Share::default() };
        Self { shares: Mutex::new(vec![share; partitions as usize]), changed: Condvar::new(), shared: false }
    }

    /// None yet; they come and go.
    pub fn none(partitions: u32) -> Self {
        let shares = Mutex::new(vec![Share::default(); partitions as usize]);
        Self { shares, changed: Condvar::new(), shared: true }
    }

    /// Whether other processes may own partitions.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// How many partitions are ours, and how many of those have caught up.
    pub fn standing(&self) -> Standing {
        let shares = lock(&self.shares);
        let count = |which: fn(&Share) -> bool| shares.iter().filter(|share| which(share)).count() as u32;
        Standing { ours: count(|share| share.ours), caught_up: count(|share| share.ours && share.caught_up) }
    }

    /// Whether a partition is ours now. A worker that reads `false` finishes.
    pub fn is_ours(&self, partition: u32) -> bool {
        lock(&self.shares).get(partition as usize).is_some_and(|share| share.ours)
    }

    /// Begins to work on a partition if it is ours, or becomes so within `wait`.
    pub fn begin(&self, partition: u32, wait: Duration) -> bool {
        let at = partition as usize;
        let waits = |shares: &mut Vec<Share>| shares.get(at).is_some_and(|share| !share.ours);
        let waited = self.changed.wait_timeout_while(lock(&self.shares), wait, waits);
        let (mut shares, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(share) = shares.get_mut(at).filter(|share| share.ours) else { return false };
        share.busy = true;
        true
    }

    /// The worker has read what the log held.
    pub fn caught_up(&self, partition: u32) {
        self.change(&[partition], |share| share.caught_up = true);
    }

    /// The worker has let go of a partition.
    pub fn end(&self, partition: u32) {
        self.change(&[partition], |share| (share.busy, share.caught_up) = (false, false));
    }

    /// These are ours from now on.
    pub fn give(&self, partitions: &[u32]) {
        self.change(partitions, |share| (share.ours, share.lost) = (true, false));
    }

    /// These are another's already, who did not wait for us: what is not committed is given up.
    pub fn lose(&self, partitions: &[u32]) {
        self.change(partitions, |share| (share.ours, share.lost) = (false, true));
    }

    /// Whether a partition that is not ours any more was lost, not given back.
    pub fn is_lost(&self, partition: u32) -> bool {
        lock(&self.shares).get(partition as usize).is_some_and(|share| share.lost)
    }

    /// Whether a partition's worker has read what the log held.
    pub fn has_caught_up(&self, partition: u32) -> bool {
        lock(&self.shares).get(partition as usize).is_some_and(|share| share.caught_up)
    }

    /// Those of our partitions whose workers have not yet read what the log held.
    pub fn restoring(&self) -> Vec<u32> {
        let shares = lock(&self.shares);
        let restoring = |(_, share): &(u32, &Share)| share.ours && !share.caught_up;
        (0..).zip(shares.iter()).filter(restoring).map(|(partition, _)| partition).collect()
    }

    /// These are not ours any more; waits until no worker is on them, at most so long.
    pub fn take(&self, partitions: &[u32], wait: Duration) {
        self.change(partitions, |share| share.ours = false);
        let busy = |shares: &mut Vec<Share>| {
            partitions.iter().filter_map(|at| shares.get(*at as usize)).any(|share| share.busy)
        };
        drop(self.changed.wait_timeout_while(lock(&self.shares), wait, busy));
    }

    fn change(&self, partitions: &[u32], change: impl Fn(&mut Share)) {
        let mut shares = lock(&self.shares);
        for at in partitions {
            if let Some(share) = shares.get_mut(*at as usize) {
                change(share);
            }
        }
        drop(shares);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::Arc, thread};

    #[test]
    fn a_partition_is_taken_back_once_its_worker_has_let_go() {
        let ownership = Arc::new(Ownership::none(2));
        assert!(!ownership.begin(1, Duration::ZERO));
        ownership.give(&[1]);
        assert!(ownership.begin(1, Duration::ZERO) && !ownership.begin(0, Duration::ZERO));
        ownership.caught_up(1);
        assert_eq!(ownership.standing(), Standing { ours: 1, caught_up: 1 });
        let worker = {
            let ownership = ownership.clone();
            thread::spawn(move || {
                while ownership.is_ours(1) {
                    thread::yield_now();
                }
                ownership.end(1);
            })
        };
        ownership.take(&[1], Duration::from_secs(60));
        assert!(worker.join().is_ok());
        assert_eq!(ownership.standing(), Standing::default());
    }

    #[test]
    fn what_is_lost_is_not_finished() {
        let ownership = Ownership::none(2);
        ownership.give(&[0, 1]);
        assert!(ownership.begin(0, Duration::ZERO));
        assert_eq!(ownership.restoring(), [0, 1]);
        ownership.caught_up(0);
        assert!(ownership.has_caught_up(0) && ownership.restoring() == [1]);
        ownership.lose(&[0]);
        assert!(ownership.is_lost(0) && !ownership.is_ours(0));
        ownership.give(&[0]);
        assert!(!ownership.is_lost(0) && ownership.is_ours(0));
    }

    #[test]
    fn on_one_machine_everything_is_ours() {
        let ownership = Ownership::all(3);
        assert_eq!(ownership.standing(), Standing { ours: 3, caught_up: 0 });
        assert!(ownership.begin(2, Duration::ZERO) && !ownership.is_shared());
        assert!(!ownership.begin(3, Duration::ZERO), "there is no such partition");
    }
}
