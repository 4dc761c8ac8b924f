//! Our own outages: time that no silence and no wait counts.

use parking_types::{Instant, Span};
use serde::{Deserialize, Serialize};

/// The outages of the last while, by start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outages(Vec<(Instant, Instant)>);

impl Outages {
    pub(crate) fn add(&mut self, from: Instant, to: Instant) {
        if from < to {
            self.0.push((from, to));
        }
    }

    /// How much of a span they take.
    pub(crate) fn within(&self, from: Instant, to: Instant) -> Span {
        self.0.iter().fold(Span::ZERO, |sum, (a, b)| {
            let (start, end) = ((*a).max(from), (*b).min(to));
            if start < end { sum + (end - start) } else { sum }
        })
    }

    pub(crate) fn forget(&mut self, horizon: Instant) {
        self.0.retain(|(_, to)| *to >= horizon);
    }
}
