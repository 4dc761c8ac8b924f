//! When frames are meant to be sent.

use std::time::Duration;

use tokio::time::Instant;

/// The schedule of one of several senders that share a rate: the n-th frame of all is meant for n / rate after the
/// beginning, and goes to the senders in turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    begin: Instant,
    /// Seconds between two frames of this sender.
    every: f64,
    /// Seconds from the beginning to its first.
    first: f64,
}

impl Pace {
    pub(super) fn new(begin: Instant, rate: f64, index: u32, senders: u32) -> Self {
        Self { begin, every: f64::from(senders) / rate, first: f64::from(index) / rate }
    }

    /// The intended time of a sender's n-th frame, from 0.
    pub(super) fn at(&self, n: u64) -> Instant {
        self.begin + Duration::from_secs_f64(self.first + n as f64 * self.every)
    }

    /// How many of its frames are meant for `now` or before.
    pub(super) fn due(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.begin).as_secs_f64() - self.first;
        if since < 0.0 { 0 } else { (since / self.every) as u64 + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn senders_take_turns_and_the_rate_is_that_of_all() {
        let begin = clock::timer_moment();
        let paces: Vec<Pace> = (0..4).map(|index| Pace::new(begin, 1_000.0, index, 4)).collect();
        assert_eq!(paces[0].at(0), begin);
        assert_eq!(paces[1].at(0), begin + Duration::from_millis(1));
        assert_eq!(paces[1].at(10), begin + Duration::from_millis(41));
        let after = begin + Duration::from_micros(100_500);
        assert_eq!(paces.iter().map(|pace| pace.due(after)).sum::<u64>(), 101);
        assert_eq!((paces[3].due(begin), paces[0].due(begin)), (0, 1));
    }
}
