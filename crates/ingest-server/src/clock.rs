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
    System(Moment),
    Manual(Arc<Manual>),
}

/// A clock that tests move: the time of day, and what the monotonic clock has counted.
#[derive(Debug)]
struct Manual {
    nanos: AtomicI64,
    passed: AtomicI64,
}

/// A point of the monotonic clock, for deadlines and measured durations; never stored.
pub type Moment = std::time::Instant;

impl Clock {
    /// The machine's clock, to whole microseconds.
    pub fn system() -> Self {
        Self(Source::System(moment()))
    }

    /// A clock that stands at `at` until [`advance`](Self::advance) moves it; clones share it.
    pub fn manual(at: Instant) -> Self {
        Self(Source::Manual(Arc::new(Manual {
            nanos: AtomicI64::new(at.as_nanos()),
            passed: AtomicI64::new(0),
        })))
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::System(_) => system_now(),
            Source::Manual(manual) => Instant::from_nanos(manual.nanos.load(Ordering::SeqCst)),
        }
    }

    /// What the monotonic clock has counted since this clock was made.
    pub fn passed(&self) -> Span {
        match &self.0 {
            Source::System(start) => {
                let passed = moment().duration_since(*start).as_nanos();
                Span::from_nanos(i64::try_from(passed).unwrap_or(i64::MAX))
            }
            Source::Manual(manual) => Span::from_nanos(manual.passed.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock on; the system's clock is left alone.
    pub fn advance(&self, by: Span) {
        if let Source::Manual(manual) = &self.0 {
            manual.nanos.fetch_add(by.as_nanos(), Ordering::SeqCst);
            manual.passed.fetch_add(by.as_nanos(), Ordering::SeqCst);
        }
    }

    /// Moves a manual clock's time of day without any time passing, as whoever sets a machine's clock does.
    pub fn jump(&self, by: Span) {
        if let Source::Manual(manual) = &self.0 {
            manual.nanos.fetch_add(by.as_nanos(), Ordering::SeqCst);
        }
    }
}

/// How far the time of day may get away from the monotonic clock between two looks.
const JUMP: Span = Span::from_secs(2);
/// How long a clock that has jumped must go on from there before it is believed.
const BELIEVED: Span = Span::from_secs(30);

/// Watches whether the time of day goes on as the monotonic clock does.
#[derive(Clone, Copy, Debug)]
pub struct Steady {
    /// The time of day at which the monotonic clock counted nothing, as of the last look.
    zero: Instant,
    /// Where that was before the last jump, and when it jumped.
    jumped: Option<(Instant, Span)>,
}

impl Steady {
    /// Begins to watch.
    pub fn new(clock: &Clock) -> Self {
        Self { zero: clock.now() - clock.passed(), jumped: None }
    }

    /// The time now.
    ///
    /// # Errors
    /// How far it has jumped, while that is not to be believed.
    pub fn now(&mut self, clock: &Clock) -> Result<Instant, Span> {
        let (now, passed) = (clock.now(), clock.passed());
        let zero = now - passed;
        let from = self.jumped.map_or(self.zero, |(from, _)| from);
        if is_near(zero, from) {
            self.jumped = None;
        } else if !is_near(zero, self.zero) {
            self.jumped = Some((from, passed));
        }
        self.zero = zero;
        match self.jumped {
            Some((from, at)) if passed - at <= BELIEVED => Err(zero - from),
            _ => {
                self.jumped = None;
                Ok(now)
            }
        }
    }
}

fn is_near(one: Instant, other: Instant) -> bool {
    one.max(other) - one.min(other) <= JUMP
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
