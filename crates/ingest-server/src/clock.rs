//! The only file that asks the machine for the time.
//!
//! Everything else takes a [`Clock`]: the system's in the server, one that stands until it is moved in tests.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use std::time::{Duration, SystemTime};

use parking_types::{Instant, Span};

/// Where the time comes from.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

/// A point of the monotonic clock, for deadlines and measured durations; never stored.
pub type Moment = std::time::Instant;

impl Clock {
    /// The machine's clock, to whole microseconds.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `at` until [`advance`](Self::advance) moves it; clones share it.
    pub fn manual(at: Instant) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(at.as_nanos()))))
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::System => system_now(),
            Source::Manual(nanos) => Instant::from_nanos(nanos.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock on; the system's clock is left alone.
    pub fn advance(&self, by: Span) {
        if let Source::Manual(nanos) = &self.0 {
            nanos.fetch_add(by.as_nanos(), Ordering::SeqCst);
        }
    }
}

fn system_now() -> Instant {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    Instant::from_nanos(micros.saturating_mul(1_000))
}

/// The monotonic clock now.
pub fn moment() -> Moment {
    Moment::now()
}

/// The monotonic clock now, as timers of the runtime take it.
pub fn timer_moment() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// `span` as the standard library's duration; negative ones are zero.
pub fn duration(span: Span) -> Duration {
    Duration::from_nanos(u64::try_from(span.as_nanos()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stands_until_it_is_moved() {
        let clock = Clock::manual(Instant::EPOCH);
        let shared = clock.clone();
        assert_eq!(clock.now(), Instant::EPOCH);
        shared.advance(Span::from_secs(5));
        assert_eq!(clock.now(), Instant::EPOCH + Span::from_secs(5));
    }

    #[test]
    fn the_system_clock_is_past_the_day_this_was_written() {
        let written: Instant = "2026-01-01T00:00:00Z".parse().unwrap();
        assert!(Clock::system().now() > written);
    }
}
