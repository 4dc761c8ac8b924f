//! The frames of one device in the order of their numbers, copies gone, with their times.

use std::collections::{BTreeMap, BTreeSet};

use parking_types::{Instant, Span};
use session_core::{Number, Policy};

use crate::support::frames::Sent;

/// How far a number may lie behind the highest and still be old.
const OLD: i64 = 64;

/// A frame in its place.
#[derive(Clone, Debug)]
pub struct Placed {
    pub sent: Sent,
    /// Run, then number in it, unrolled.
    pub order: (u64, i64),
    /// How many are missing right before it; two stand for "two or more".
    pub missing: u32,
    /// When it happened; between `earliest` and `latest` where the order contradicts the time.
    pub at: Instant,
    pub earliest: Option<Instant>,
    /// The time is the device's own and believed.
    pub own: bool,
    /// The device states a time that is not believed.
    pub suspect: bool,
}

impl Placed {
    fn first(sent: &Sent, order: (u64, i64), policy: &Policy) -> Self {
        let (at, own, suspect) = event_time(sent, policy);
        Self { sent: sent.clone(), order, missing: 0, at, earliest: None, own, suspect }
    }
}

/// The device's own time where it is believed, else the network's, else when the listener had it.
fn event_time(sent: &Sent, policy: &Policy) -> (Instant, bool, bool) {
    let skew = &policy.max_clock_skew;
    let behind = if sent.offline { policy.late_window } else { skew.behind };
    match sent.readings.iter().find_map(|reading| reading.device_time) {
        Some(own) if sent.received_at - behind <= own && own <= sent.received_at + skew.ahead => {
            (own, true, false)
        }
        Some(_) => (sent.received_at, false, true),
        None => (sent.network_at.unwrap_or(sent.received_at), false, false),
    }
}

fn digest(sent: &Sent) -> Vec<u64> {
    sent.readings.iter().map(|reading| reading.digest).collect()
}

/// Places all frames of one device. `frames` in any order.
pub fn place(frames: &[Sent], policy: &Policy) -> Vec<Placed> {
    let mut frames: Vec<&Sent> = frames.iter().collect();
    frames.sort_by_key(|sent| (sent.received_at, digest(sent)));
    let mut placed: Vec<Placed> = match frames.first().and_then(|sent| sent.number) {
        None => unnumbered(&frames, policy),
        Some(_) => numbered(&frames, policy),
    };
    settle_times(&mut placed);
    placed
}

/// A copy: its time counts where it is earlier and its own is not known better.
fn take_copy(first: &mut Placed, sent: &Sent, policy: &Policy) {
    let (at, own, suspect) = event_time(sent, policy);
    if at < first.at {
        (first.at, first.own, first.suspect) = (at, own, suspect);
    }
}

fn numbered(frames: &[&Sent], policy: &Policy) -> Vec<Placed> {
    let mut runs: Vec<Run> = Vec::new();
    let mut all: BTreeMap<(u64, i64), Placed> = BTreeMap::new();
    let mut boots: BTreeSet<u32> = BTreeSet::new();
    for sent in frames {
        let order = match sent.number {
            // The current boot and the one before: what is older was recorded.
            Some(Number::Boot { boot, .. }) if boots.iter().nth_back(1).is_some_and(|b| boot < *b) => {
                continue;
            }
            Some(Number::Boot { boot, seq }) => {
                boots.insert(boot);
                (u64::from(boot), i64::from(seq))
            }
            Some(Number::Cyclic { value, first, last, run }) => {
                cyclic(sent, (value, first, last), run, &mut runs, &all, policy)
            }
            None => continue,
        };
        match all.get_mut(&order) {
            Some(first) => take_copy(first, sent, policy),
            None => {
                all.insert(order, Placed::first(sent, order, policy));
            }
        }
    }
    let mut placed: Vec<Placed> = all.into_values().collect();
    let orders: Vec<(u64, i64)> = placed.iter().map(|p| p.order).collect();
    for (this, before) in placed.iter_mut().skip(1).zip(orders) {
        let between = if this.order.0 == before.0 { this.order.1 - before.1 - 1 } else { 2 };
        this.missing = between.clamp(0, 2) as u32;
    }
    placed
}

/// A run of a cyclic counter.
struct Run {
    name: Option<u64>,
    highest: i64,
}

/// The place of a cyclic number: relative to the highest of its run so far.
fn cyclic(
    sent: &Sent,
    (value, first, last): (u32, u32, u32),
    name: Option<u64>,
    runs: &mut Vec<Run>,
    all: &BTreeMap<(u64, i64), Placed>,
    policy: &Policy,
) -> (u64, i64) {
    let range = i64::from(last - first) + 1;
    // Number 0 of a counter from 1 stands right before its first.
    let value = i64::from(value) - i64::from(first);
    let known = match name {
        None => runs.len().checked_sub(1),
        Some(_) => runs.iter().rposition(|run| run.name == name),
    };
    let Some(index) = known else {
        runs.push(Run { name, highest: value });
        return (runs.len() as u64, value);
    };
    let names: Vec<Option<u64>> = runs.iter().map(|run| run.name).collect();
    let run = &mut runs[index];
    let order = |number: i64| (index as u64 + 1, number);
    let behind = if value < 0 { run.highest - value } else { (run.highest - value).rem_euclid(range) };
    let same = |number: i64| all.get(&order(number)).map(|seen| digest(&seen.sent) == digest(sent));
    let (at, own, _) = event_time(sent, policy);
    let is_old = match all.get(&order(run.highest)) {
        Some(top) if own && top.own && behind != 0 => at < top.at,
        Some(top) if own && top.own => at <= top.at,
        _ => behind <= OLD,
    };
    if is_old && same(run.highest - behind) == Some(true) {
        return order(run.highest - behind);
    }
    let clash = is_old && same(run.highest - behind) == Some(false);
    if sent.restart || value < 0 || clash {
        runs.push(Run { name, highest: value });
        return (runs.len() as u64, value);
    }
    // Repeated from before the restart: the same number and reading in an earlier run, within 90 s.
    let next = !is_old && range - behind == 1;
    if !next && same(run.highest - behind).is_none() {
        let near = |a: Instant, b: Instant| (a - b).abs() <= Span::from_secs(90);
        let before = all.iter().find(|((run, number), seen)| {
            *run < index as u64 + 1
                && names.get(*run as usize - 1) == Some(&name)
                && (number - value).rem_euclid(range) == 0
                && digest(&seen.sent) == digest(sent)
                && near(seen.sent.received_at, sent.received_at)
        });
        if let Some((order, _)) = before {
            return *order;
        }
    }
    if is_old {
        return order(run.highest - behind);
    }
    run.highest += range - behind;
    order(run.highest)
}

/// Without numbers: by time; the same reading within 90 s of the last such report is a copy, and a change that
/// repeats the state later has one missing before it.
fn unnumbered(frames: &[&Sent], policy: &Policy) -> Vec<Placed> {
    let mut timed: Vec<Placed> = frames.iter().map(|sent| Placed::first(sent, (0, 0), policy)).collect();
    timed.sort_by_key(|placed| (placed.at, digest(&placed.sent)));
    let mut last: BTreeMap<Vec<u64>, Instant> = BTreeMap::new();
    let mut kept: Vec<Placed> = Vec::new();
    for placed in timed {
        let before = last.insert(digest(&placed.sent), placed.at);
        if before.is_none_or(|before| placed.at - before > Span::from_secs(90)) {
            kept.push(placed);
        }
    }
    for (number, placed) in kept.iter_mut().enumerate() {
        placed.order = (0, number as i64);
    }
    kept
}

/// Who has no time of its own takes at the latest its successor's.
fn settle_times(placed: &mut [Placed]) {
    let mut next: Option<Instant> = None;
    for at in (0..placed.len()).rev() {
        let before = at.checked_sub(1).map(|before| placed[before].at);
        let this = &mut placed[at];
        if let Some(next) = next.filter(|next| !this.own && this.at > *next) {
            this.at = next;
            this.earliest = Some(before.unwrap_or(next).min(next));
        }
        next = Some(this.at);
    }
    // What came before has been pulled too by now.
    for at in 1..placed.len() {
        let before = placed[at - 1].at;
        let this = &mut placed[at];
        if this.earliest.is_some() {
            this.earliest = Some(before.min(this.at));
        }
    }
}
