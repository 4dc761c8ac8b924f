//! The sessions of a berth from all frames that were ever sent about it.

use parking_types::{Id, Instant, Plate, PlateReading, Span};
use session_core::{LostPair, Policy, PreviousState, ReadingKind};

use super::number::{Placed, place};
use crate::support::{
    frames::Sent,
    last::{Edge, Stay},
    town::Town,
};

/// A contact of a berth.
#[derive(Clone, Copy, Debug)]
struct Contact {
    at: Instant,
    kind: ReadingKind,
    occupied: bool,
    missing: u32,
    previous: Option<PreviousState>,
    /// The order contradicts its time: it lies somewhere from the contact before on.
    loose: bool,
    suspect: bool,
    uploaded: bool,
}

/// A session in the making.
#[derive(Clone, Debug)]
struct Draft {
    entry: Edge,
    exit: Option<Edge>,
    plate: Option<(u8, Plate)>,
    lost_entry: bool,
    lost_exit: bool,
    /// What was missing before its exit may have hidden another car, whose vacancy a later frame speaks of.
    doubtful_exit: bool,
    /// Frames are missing within, and it was kept together.
    lost: bool,
    suspect: bool,
    uploaded: bool,
}

impl Draft {
    fn new(entry: Edge) -> Self {
        Self {
            entry,
            exit: None,
            plate: None,
            lost_entry: false,
            lost_exit: false,
            doubtful_exit: false,
            lost: false,
            suspect: false,
            uploaded: false,
        }
    }
}

/// The sessions of one berth; `detectors` by rank, of which the first decides (it never falls silent here).
pub fn stays(berth: Id, detectors: &[Id], frames: &[Sent], policy: &Policy) -> Vec<Stay> {
    let lists: Vec<Vec<Contact>> =
        detectors.iter().map(|detector| contacts(berth, *detector, frames, policy)).collect();
    let Some((decider, others)) = lists.split_first() else { return Vec::new() };
    let mut drafts = walk(decider, policy);
    for other in others {
        sharpen(&mut drafts, &walk(other, policy), policy);
    }
    let drafts = by_plate(&flickers(drafts, policy), decider, &reads(berth, frames), policy);
    let mut stays: Vec<Stay> = drafts.iter().map(|draft| finish(berth, draft, policy)).collect();
    stays.sort();
    stays
}

/// Whether a vacancy was too short to count. Whether what was lost about it marks the session, no rule says.
pub fn flickered(berth: Id, detectors: &[Id], frames: &[Sent], policy: &Policy) -> bool {
    let Some(decider) = detectors.first() else { return false };
    let drafts = walk(&contacts(berth, *decider, frames, policy), policy);
    flickers(drafts.clone(), policy).len() < drafts.len()
}

/// What one detector says about a berth, in order.
fn contacts(berth: Id, detector: Id, frames: &[Sent], policy: &Policy) -> Vec<Contact> {
    let own: Vec<Sent> = frames.iter().filter(|sent| sent.device == detector).cloned().collect();
    let numbered = own.first().is_some_and(|sent| sent.number.is_some());
    let mut list: Vec<Contact> = Vec::new();
    let mut missing = 0;
    for placed in place(&own, policy) {
        missing += placed.missing;
        for contact in stated(berth, &placed) {
            let repeats = list.last().is_some_and(|last| last.occupied == contact.occupied);
            let guessed = !numbered && repeats && contact.kind == ReadingKind::Change;
            list.push(Contact { missing: missing + u32::from(guessed), ..contact });
            missing = 0;
        }
    }
    list
}

fn stated(berth: Id, placed: &Placed) -> Vec<Contact> {
    let about = |reading: &&session_core::Reading| matches!(reading.place, Some(session_core::Place::Berth { berth: of, .. }) if of == berth);
    let statement = |reading: &session_core::Reading| {
        reading.occupied.map(|occupied| Contact {
            at: placed.at,
            kind: reading.kind,
            occupied,
            missing: 0,
            previous: reading.previous,
            loose: placed.earliest.is_some(),
            suspect: placed.suspect,
            uploaded: placed.sent.offline,
        })
    };
    placed.sent.readings.iter().filter(about).filter_map(statement).collect()
}

/// Contacts to sessions.
fn walk(contacts: &[Contact], policy: &Policy) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut before: Option<&Contact> = None;
    // Two or more have been missing since the last edge.
    let mut doubt = false;
    for this in contacts {
        match before {
            None if this.occupied => {
                let reported = this.kind == ReadingKind::Change && !this.loose;
                let entry = if reported {
                    Edge::exact(this.at)
                } else {
                    Edge::inferred(this.at, None, Some(this.at))
                };
                drafts.push(Draft::new(entry));
            }
            None => {}
            Some(before) => {
                pair(&mut drafts, before, this, doubt, policy);
                // Where it splits two cars nothing is missing of the second.
                let split = this.occupied && this.missing >= 2 && policy.lost_pair == LostPair::Split;
                doubt = before.occupied == this.occupied && !split && (doubt || this.missing >= 2);
            }
        }
        if let Some(open) = drafts.last_mut().filter(|draft| draft.exit.is_none() || !this.occupied) {
            let edge = open.exit.is_some_and(|exit| exit.at == this.at) || open.entry.at == this.at;
            open.suspect |= this.suspect && edge;
            open.uploaded |= this.uploaded && edge;
        }
        before = Some(this);
    }
    drafts
}

/// What two contacts in a row tell.
fn pair(drafts: &mut Vec<Draft>, before: &Contact, this: &Contact, doubt: bool, policy: &Policy) {
    // What the frame says of the state before may show that it lasted through the loss.
    let lasted = this.previous.is_some_and(|previous| {
        before.occupied != this.occupied && this.at - minutes(previous.minutes) <= before.at
    });
    let lossy = this.missing >= 2 && !lasted;
    let in_doubt = lossy && policy.lost_pair == LostPair::Split;
    let reported = match this.kind {
        ReadingKind::Change => !this.loose,
        ReadingKind::State => this.missing == 0 && !this.loose,
        _ => false,
    };
    if let Some(open) = drafts.last_mut().filter(|draft| draft.exit.is_none()) {
        open.doubtful_exit = this.missing >= 2;
    }
    let (from, to) = (before.at.min(this.at), this.at);
    let entry = if reported { Edge::exact(to) } else { Edge::inferred(to, Some(from), Some(to)) };
    let exit = if reported { Edge::exact(to) } else { Edge::inferred(from, Some(from), Some(to)) };
    let change = this.kind == ReadingKind::Change;
    if before.occupied != this.occupied && change && !in_doubt {
        look_back(drafts, this, doubt, policy);
    }
    match (before.occupied, this.occupied) {
        (true, after) if in_doubt => {
            let (_, high) = if after { narrowed(this, from, to) } else { (from, to) };
            close(drafts, Edge::inferred(from, Some(from), Some(high)), true);
            if after {
                open(drafts, entry, true);
            }
        }
        (false, true) => open(drafts, entry, lossy || (this.missing > 0 && !reported)),
        (true, false) => {
            close(drafts, exit, this.missing > 0 && (!reported || (this.missing >= 2 && !lasted)))
        }
        (true, true) if change && this.missing == 1 => {
            let (low, high) = narrowed(this, from, to);
            close(drafts, Edge::inferred(low, Some(low), Some(high)), true);
            open(drafts, entry, true);
        }
        (false, false) if change && this.missing >= 1 => {
            let (low, high) = narrowed(this, from, to);
            open(drafts, Edge::inferred(high, Some(low), Some(high)), true);
            // The exit does not come before the entry.
            let exit = if reported { exit } else { Edge::inferred(high, Some(high), Some(to)) };
            close(drafts, exit, true);
        }
        (true, true) if this.missing >= 2 => {
            if let Some(last) = drafts.last_mut() {
                last.lost = true;
            }
        }
        _ => {}
    }
}

/// How long the state before has lasted narrows the edge that began it, where no frame reported that edge.
fn look_back(drafts: &mut [Draft], this: &Contact, doubt: bool, policy: &Policy) {
    let before = drafts.len().checked_sub(2).and_then(|at| drafts[at].exit);
    let (Some(previous), Some(last)) = (this.previous, drafts.last_mut()) else { return };
    let high = this.at - minutes(previous.minutes);
    let low = (!previous.overflow).then(|| this.at - minutes(previous.minutes + previous.error + 1));
    let low = low.filter(|_| !(this.occupied && last.doubtful_exit));
    let edge = if this.occupied { last.exit.as_mut() } else { Some(&mut last.entry) };
    let Some(edge) = edge.filter(|edge| edge.certainty == 1) else { return };
    if doubt && edge.not_after.is_none_or(|after| high > after) {
        return;
    }
    let from = edge.not_before.max(low);
    let to = edge.not_after.map_or(high, |after| after.min(high));
    // It came within a flicker of the one before, or has been there all along: `flickers` makes them one.
    let same = !this.occupied && before.is_some_and(|exit| to - exit.at < policy.flicker);
    if same {
        *edge = Edge::inferred(to, None, Some(to));
    } else if from.is_none_or(|from| from <= to) {
        let at = if this.occupied { from.unwrap_or(to) } else { to };
        *edge = Edge::inferred(at, from, Some(to));
    }
}

/// Where the lost opposite edge lies: between the contacts, and where the frame says.
fn narrowed(this: &Contact, from: Instant, to: Instant) -> (Instant, Instant) {
    let Some(previous) = this.previous else { return (from, to) };
    let high = (this.at - minutes(previous.minutes)).max(from);
    let low = this.at - minutes(previous.minutes + previous.error + 1);
    if previous.overflow { (from, high) } else { (low.clamp(from, high), high) }
}

fn minutes(count: u32) -> Span {
    Span::from_mins(i64::from(count))
}

fn open(drafts: &mut Vec<Draft>, entry: Edge, lost: bool) {
    drafts.push(Draft { lost_entry: lost, ..Draft::new(entry) });
}

fn close(drafts: &mut [Draft], exit: Edge, lost: bool) {
    if let Some(last) = drafts.last_mut().filter(|draft| draft.exit.is_none()) {
        last.exit = Some(exit);
        last.lost_exit |= lost;
    }
}

/// An edge of another detector up to `pair` before the decider's edge of the same kind gives the time.
fn sharpen(drafts: &mut [Draft], others: &[Draft], policy: &Policy) {
    let earlier = |edge: &mut Edge, candidates: &mut dyn Iterator<Item = Edge>| {
        let upto = edge.at;
        if let Some(found) =
            candidates.filter(|other| upto - policy.pair <= other.at && other.at <= upto).min()
        {
            *edge = found;
        }
    };
    for draft in drafts {
        earlier(&mut draft.entry, &mut others.iter().map(|other| other.entry));
        if let Some(exit) = &mut draft.exit {
            earlier(exit, &mut others.iter().filter_map(|other| other.exit));
        }
    }
}

/// Vacant for less than `flicker` is the same session.
fn flickers(drafts: Vec<Draft>, policy: &Policy) -> Vec<Draft> {
    let mut merged: Vec<Draft> = Vec::new();
    for draft in drafts {
        match merged.last_mut() {
            Some(last) if last.exit.is_some_and(|exit| draft.entry.at - exit.at < policy.flicker) => {
                last.exit = draft.exit;
                last.lost_exit |= draft.lost_exit;
                last.lost |= draft.lost;
                last.suspect |= draft.suspect;
                last.uploaded |= draft.uploaded;
            }
            _ => merged.push(draft),
        }
    }
    merged
}

/// A camera's read of a berth.
struct Read {
    at: Instant,
    plate: Plate,
    confidence: u8,
}

/// The plates that cameras read on a berth, in order, each id once.
fn reads(berth: Id, frames: &[Sent]) -> Vec<Read> {
    let mut seen = std::collections::BTreeSet::new();
    let mut reads: Vec<(Instant, Id, u64, Read)> = Vec::new();
    for sent in frames {
        for reading in &sent.readings {
            let here =
                matches!(reading.place, Some(session_core::Place::Berth { berth: of, .. }) if of == berth);
            let (Some(at), Some(PlateReading::Plate(plate))) = (reading.device_time, reading.plate) else {
                continue;
            };
            if here && seen.insert((sent.device, reading.record)) {
                let read = Read { at, plate, confidence: reading.confidence.unwrap_or(0) };
                reads.push((at, sent.device, reading.digest, read));
            }
        }
    }
    reads.sort_by_key(|(at, device, digest, _)| (*at, *device, *digest));
    reads.into_iter().map(|(.., read)| read).collect()
}

/// Gives plates to sessions; another plate without a vacancy begins another session.
fn by_plate(drafts: &[Draft], contacts: &[Contact], reads: &[Read], _: &Policy) -> Vec<Draft> {
    let mut out = Vec::new();
    for draft in drafts {
        let inside = |at: Instant| draft.entry.at <= at && draft.exit.is_none_or(|exit| at <= exit.at);
        let mut current = draft.clone();
        for (index, read) in reads.iter().enumerate().filter(|(_, read)| inside(read.at)) {
            match current.plate {
                Some((_, plate)) if !plate.resembles(&read.plate) => {
                    let detector = contacts.iter().filter(|c| c.occupied).map(|contact| contact.at);
                    let camera = reads.iter().take(index).map(|read| read.at);
                    let seen = detector.chain(camera).filter(|at| inside(*at) && *at < read.at).max();
                    let seen = seen.unwrap_or(current.entry.at);
                    let exit = Edge::inferred(seen, Some(seen), Some(read.at));
                    out.push(Draft { exit: Some(exit), lost_exit: false, ..current.clone() });
                    current = Draft {
                        entry: Edge::inferred(read.at, Some(seen), Some(read.at)),
                        exit: draft.exit,
                        plate: Some((read.confidence, read.plate)),
                        lost_exit: draft.lost_exit,
                        ..Draft::new(draft.entry)
                    };
                }
                Some((best, _)) if best > read.confidence => {}
                _ => current.plate = Some((read.confidence, read.plate)),
            }
        }
        out.push(current);
    }
    out
}

fn finish(berth: Id, draft: &Draft, policy: &Policy) -> Stay {
    let latest = draft.exit.map(|exit| exit.not_after.unwrap_or(exit.at));
    let earliest = match draft.entry.certainty {
        0 => Some(draft.entry.at),
        _ => draft.entry.not_before,
    };
    let longest = latest.zip(earliest).map(|(latest, earliest)| latest - earliest);
    let short = draft.plate.is_none() && longest.is_some_and(|longest| longest < policy.min_stay);
    let state = match draft.exit {
        None => "open",
        Some(_) if short => "void",
        Some(_) => "closed",
    };
    let length = draft.exit.map(|exit| exit.at - draft.entry.at);
    let by_interval = draft.entry.certainty == 1 || draft.exit.is_some_and(|exit| exit.certainty == 1);
    let charged = state == "closed" && !(length == Some(Span::ZERO) && by_interval);
    let mut marks = Vec::new();
    for (on, mark) in [
        (draft.lost || draft.lost_entry || draft.lost_exit, "frames_lost"),
        (draft.suspect, "clock_suspect"),
        (short, "too_short"),
        (draft.uploaded, "backfilled"),
    ] {
        if on {
            marks.push(mark);
        }
    }
    Stay {
        entry: Some(draft.entry),
        exit: draft.exit,
        place: berth.as_str().to_owned(),
        state,
        plate: draft.plate.map(|(_, plate)| plate.as_str().to_owned()).unwrap_or_default(),
        marks,
        total: length.filter(|_| charged).map(|length| Town::half_hours(length) * 1_000_000),
    }
}
