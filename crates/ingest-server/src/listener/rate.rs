//! How many frames a second.
//!
//! The generic cell rate algorithm: what is kept of a device is one number, the instant up to which its frames so far
//! would have been spread at its pace.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many a second, and how many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// A second; 0: without limit.
    pub per_second: u32,
    /// At once.
    pub burst: u32,
}

impl Pace {
    /// As fast as it comes.
    pub const UNLIMITED: Self = Self { per_second: 0, burst: 0 };

    /// Reads `RATE` or `RATE/BURST`; without a burst that of one second.
    pub fn parse(text: &str) -> Option<Self> {
        let (rate, burst) = text.split_once('/').map_or((text, text), |(rate, burst)| (rate, burst));
        let pace = Self { per_second: rate.parse().ok()?, burst: burst.parse().ok()? };
        (pace.per_second == 0 || pace.burst > 0).then_some(pace)
    }
}

/// What has come so far.
#[derive(Debug, Default)]
pub struct Rate(AtomicU64);

const SECOND_NS: u64 = 1_000_000_000;

impl Rate {
    /// Whether one more keeps the pace; `now_ns` is of a clock that begins above 0 and goes forward.
    pub fn take(&self, pace: Pace, now_ns: u64) -> bool {
        let Some(each) = SECOND_NS.checked_div(u64::from(pace.per_second)) else { return true };
        let ahead = each * u64::from(pace.burst.saturating_sub(1));
        let next = |spread: u64| (spread <= now_ns.saturating_add(ahead)).then(|| spread.max(now_ns) + each);
        self.0.fetch_update(Relaxed, Relaxed, next).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_pace() {
        let (rate, pace) = (Rate::default(), Pace { per_second: 10, burst: 3 });
        let taken = |now_ns: u64, times: usize| (0..times).filter(|_| rate.take(pace, now_ns)).count();
        let start = 7 * SECOND_NS;
        assert_eq!(taken(start, 5), 3);
        assert_eq!(taken(start + SECOND_NS / 10, 5), 1);
        assert_eq!(taken(start + SECOND_NS / 10, 5), 0);
        assert_eq!(taken(start + SECOND_NS, 50), 3, "a pause brings the burst back and no more");
        assert_eq!((0..100).filter(|_| rate.take(Pace::UNLIMITED, start)).count(), 100);
    }

    #[test]
    fn paces_are_read() {
        assert_eq!(Pace::parse("5"), Some(Pace { per_second: 5, burst: 5 }));
        assert_eq!(Pace::parse("5/100"), Some(Pace { per_second: 5, burst: 100 }));
        assert_eq!(Pace::parse("0").map(|pace| pace.per_second), Some(0));
        for bad in ["", "5/", "5/0", "-1", "x", "5/5/5"] {
            assert_eq!(Pace::parse(bad), None, "{bad}");
        }
    }
}
