//! Several detectors on one berth: who decides when, and which doubts another one clears.

use parking_types::{Id, Instant, Span};

use crate::{
    berths::{is_mute, is_on},
    device::{Device, Entry},
    event::ReadingKind,
    outage::Outages,
    roadside::RoadEvent,
};

/// What is needed to tell silence.
pub(crate) struct Clock<'a> {
    pub(crate) now: Instant,
    pub(crate) outages: &'a Outages,
    /// How far apart two detectors may report one edge.
    pub(crate) pair: Span,
    /// How often a device reports at least.
    pub(crate) period: &'a dyn Fn(&Id, Instant) -> Option<Span>,
}

/// A detector and its entries on the berth, in its own order.
struct Track<'a> {
    device: Id,
    entries: Vec<&'a Entry>,
    /// Half-open spans in which it was silent, from its last contact.
    silent: Vec<(Instant, Instant)>,
}

impl Track<'_> {
    /// Whether it was in contact at an instant: it had spoken, and was not silent.
    fn in_contact(&self, at: Instant) -> bool {
        let began = self.entries.first().is_some_and(|first| first.at <= at);
        began && !self.silent.iter().any(|(from, to)| *from < at && at < *to)
    }
}

/// The events of a berth's devices in the order of time; the second field orders what happens at one instant.
pub(crate) fn timeline<'a>(
    devices: &[(Id, &'a Device)],
    ranks: &[Id],
    berth: Id,
    clock: &Clock<'_>,
) -> Vec<(Instant, u8, RoadEvent<'a>)> {
    let mut tracks: Vec<Track<'a>> = devices
        .iter()
        .map(|(device, state)| track(*device, state, berth, clock))
        .filter(|track| track.entries.iter().any(|entry| entry.statement.occupied.is_some()))
        .collect();
    let rank = |device: &Id| ranks.iter().position(|ranked| ranked == device).unwrap_or(usize::MAX);
    tracks.sort_by_key(|track| (rank(&track.device), track.device));
    let mut events = Vec::new();
    for (index, own) in tracks.iter().enumerate() {
        let higher = tracks.get(..index).unwrap_or_default();
        let mut before: Option<&Entry> = None;
        for entry in &own.entries {
            let decides = !higher.iter().any(|other| other.in_contact(entry.at));
            if decides && entry.statement.occupied.is_some() {
                let others = tracks.iter().filter(|other| other.device != own.device);
                let doubt = entry.missing < 2
                    || !before.is_some_and(|b| others.into_iter().any(|o| saw_one_car(o, b.at, entry.at)));
                let earlier = earlier_edge(&tracks, own.device, entry, clock.pair);
                events.push((entry.at, 0, RoadEvent::Contact { device: own.device, entry, doubt, earlier }));
            }
            before = Some(entry);
        }
    }
    for (device, state) in devices {
        for entry in state.ordered().filter(|entry| is_on(entry, berth) && entry.statement.plate.is_some()) {
            events.push((entry.at, 1, RoadEvent::Plate { device: *device, entry }));
        }
    }
    silences(&tracks, &mut events);
    events
}

fn track<'a>(device: Id, state: &'a Device, berth: Id, clock: &Clock<'_>) -> Track<'a> {
    let entries: Vec<&Entry> =
        state.ordered().filter(|entry| is_on(entry, berth) && !is_mute(entry)).collect();
    // Any frame of the device is a sign of life, whatever it is about.
    let mut heard: Vec<Instant> = state.ordered().map(|entry| entry.at).collect();
    heard.sort_unstable();
    let mut silent = Vec::new();
    for (i, from) in heard.iter().enumerate() {
        let Some(period) = (clock.period)(&device, *from) else { continue };
        let next = heard.get(i + 1).copied();
        let until = next.unwrap_or(clock.now);
        let quiet = until - *from - clock.outages.within(*from, until);
        if quiet > period.times(3) || next.is_none() && quiet == period.times(3) {
            silent.push((*from, next.unwrap_or(Instant::MAX)));
        }
    }
    Track { device, entries, silent }
}

/// The edge of another detector that came up to `pair` before the decider's: its time is the edge's.
fn earlier_edge<'a>(tracks: &[Track<'a>], decider: Id, edge: &Entry, pair: Span) -> Option<(Id, &'a Entry)> {
    if !states_edge(edge) {
        return None;
    }
    let same = |(before, entry): &(Option<&&Entry>, &&Entry)| {
        states_edge(entry)
            && entry.statement.occupied == edge.statement.occupied
            && before.is_none_or(|before| before.statement.occupied != entry.statement.occupied)
            && entry.exact
            && entry.at < edge.at
            && edge.at - entry.at <= pair
    };
    let last = |track: &Track<'a>| {
        let before = core::iter::once(None).chain(track.entries.iter().map(Some));
        before.zip(&track.entries).filter(same).last().map(|(_, entry)| (track.device, *entry))
    };
    tracks.iter().filter(|track| track.device != decider).filter_map(last).min_by_key(|(_, entry)| entry.at)
}

/// Whether a frame states an edge where it differs from the one before.
fn states_edge(entry: &Entry) -> bool {
    match entry.statement.kind {
        ReadingKind::Change => true,
        ReadingKind::State => entry.missing == 0,
        _ => false,
    }
}

/// Whether a detector was in contact throughout, missed nothing and saw the berth occupied all the time.
fn saw_one_car(other: &Track<'_>, from: Instant, to: Instant) -> bool {
    let first = other.entries.iter().rposition(|entry| entry.at <= from);
    let Some(first) = first else { return false };
    let last = other
        .entries
        .iter()
        .position(|entry| entry.at >= to)
        .unwrap_or(other.entries.len().saturating_sub(1));
    let span = other.entries.get(first..=last.max(first)).unwrap_or_default();
    let whole = span.iter().skip(1).all(|entry| entry.missing == 0);
    let occupied = span.iter().all(|entry| entry.statement.occupied != Some(false) || entry.at >= to);
    let repeats = span
        .iter()
        .skip(1)
        .any(|e| e.statement.kind == ReadingKind::Change && e.statement.occupied == Some(true) && e.at < to);
    whole && occupied && !repeats && other.in_contact(to)
}

/// When no detector of the berth is in contact any more.
fn silences<'a>(tracks: &[Track<'a>], events: &mut Vec<(Instant, u8, RoadEvent<'a>)>) {
    for own in tracks {
        for (from, to) in &own.silent {
            let others = tracks.iter().filter(|other| other.device != own.device);
            let alone = others.into_iter().all(|other| {
                !other.entries.iter().any(|e| e.at > *from && e.at < *to) && !other.in_contact(*from)
            });
            if alone {
                // It is told at the last contact: nothing of the berth's lies between.
                events.push((*from, 3, RoadEvent::Silence { since: *from }));
            }
        }
    }
}
