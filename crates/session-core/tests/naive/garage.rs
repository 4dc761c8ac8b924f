//! The sessions of a gated lot whose lanes are in `hold`, from all reads that were ever sent about it.

use std::collections::{BTreeMap, BTreeSet};

use parking_types::{Direction, Id, Instant, Plate, PlateReading, Span};
use session_core::{Place, Policy};

use crate::support::{
    frames::Sent,
    last::{Edge, Stay},
    town::Town,
};

/// How long after its own read a read against the lane takes it back.
const REVERSAL: Span = Span::from_mins(2);

/// One read at a lane.
#[derive(Clone, Copy, Debug)]
struct Read {
    at: Instant,
    lane: Id,
    way: Direction,
    against: bool,
    plate: Plate,
    confidence: u8,
}

/// A session in the making.
#[derive(Clone, Debug, Default)]
struct Draft {
    lane_in: Option<Id>,
    lane_out: Option<Id>,
    entry: Option<Instant>,
    exit: Option<Edge>,
    reads: Vec<Read>,
    fuzzy: bool,
    second: bool,
    void: bool,
}

impl Draft {
    fn inside(&self) -> bool {
        self.entry.is_some() && self.exit.is_none() && !self.void
    }

    /// The most confident of its readings, the later at a tie.
    fn plate(&self) -> Option<Plate> {
        self.reads.iter().max_by_key(|read| (read.confidence, read.at)).map(|read| read.plate)
    }

    fn last_contact(&self) -> Option<Instant> {
        self.reads.iter().map(|read| read.at).max()
    }
}

/// The reads of a plate at a lane with no other plate between.
struct Visit {
    plate: Plate,
    last: Instant,
    session: usize,
}

/// The sessions of the lot.
pub fn stays(town: &Town, frames: &[Sent], policy: &Policy) -> Vec<Stay> {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut visits: BTreeMap<Id, Visit> = BTreeMap::new();
    for read in reads(town, frames) {
        let visit = visits
            .get_mut(&read.lane)
            .filter(|visit| visit.plate.resembles(&read.plate) && read.at - visit.last < policy.arm_wait);
        match visit {
            Some(visit) if read.against && read.at - visit.last <= REVERSAL => {
                take_back(&mut drafts[visit.session], &read);
                visits.remove(&read.lane);
            }
            // Its later reads change nothing.
            Some(visit) => visit.last = read.at,
            None => {
                let session = match read.way {
                    Direction::Entry => enter(&mut drafts, read),
                    Direction::Exit => leave(&mut drafts, read),
                };
                visits.insert(read.lane, Visit { plate: read.plate, last: read.at, session });
            }
        }
    }
    let mut stays: Vec<Stay> = drafts.iter().map(finish).collect();
    stays.sort();
    stays
}

/// All reads, each id once, in order.
fn reads(town: &Town, frames: &[Sent]) -> Vec<Read> {
    let mut seen = BTreeSet::new();
    let mut reads = Vec::new();
    for sent in frames {
        for reading in &sent.readings {
            let (Some(Place::Lane { lane, .. }), Some(at), Some(PlateReading::Plate(plate))) =
                (reading.place, reading.device_time, reading.plate)
            else {
                continue;
            };
            let own = town.lanes[&lane].direction;
            let way = reading.direction.unwrap_or(own);
            let confidence = reading.confidence.unwrap_or(0);
            if seen.insert((sent.device, reading.record)) {
                let read = Read { at, lane, way: own, against: way != own, plate, confidence };
                reads.push((at, sent.device, reading.digest, read));
            }
        }
    }
    reads.sort_by_key(|(at, device, digest, _)| (*at, *device, *digest));
    reads.into_iter().map(|(.., read)| read).collect()
}

fn take_back(draft: &mut Draft, read: &Read) {
    match read.way {
        Direction::Entry => draft.void = true,
        // An exit that never had an entry stays what a person must look at.
        Direction::Exit if draft.entry.is_none() => {}
        Direction::Exit => {
            draft.exit = None;
            draft.lane_out = None;
        }
    }
}

fn enter(drafts: &mut Vec<Draft>, read: Read) -> usize {
    if let Some(old) = drafts.iter_mut().find(|draft| draft.inside() && draft.plate() == Some(read.plate)) {
        let seen = old.last_contact().unwrap_or(read.at);
        old.exit = Some(Edge::inferred(seen, Some(seen), Some(read.at)));
        old.second = true;
    }
    drafts.push(Draft {
        lane_in: Some(read.lane),
        entry: Some(read.at),
        reads: vec![read],
        ..Draft::default()
    });
    drafts.len() - 1
}

fn leave(drafts: &mut Vec<Draft>, read: Read) -> usize {
    let inside = |draft: &Draft, plate: &dyn Fn(&Plate) -> bool| {
        draft.inside() && draft.plate().is_some_and(|own| plate(&own))
    };
    let exact = drafts.iter().position(|draft| inside(draft, &|plate| *plate == read.plate));
    let alike: Vec<usize> = (0..drafts.len())
        .filter(|index| inside(&drafts[*index], &|plate| plate.resembles(&read.plate)))
        .collect();
    let found = exact.or(match alike.as_slice() {
        [one] => Some(*one),
        _ => None,
    });
    let index = found.unwrap_or_else(|| {
        drafts.push(Draft::default());
        drafts.len() - 1
    });
    let draft = &mut drafts[index];
    draft.fuzzy |= found.is_some() && exact.is_none();
    draft.exit = Some(Edge::exact(read.at));
    draft.lane_out = Some(read.lane);
    draft.reads.push(read);
    index
}

fn finish(draft: &Draft) -> Stay {
    let state = match (draft.void, draft.entry, draft.exit) {
        (true, ..) => "void",
        (_, None, _) => "exception",
        (_, Some(_), None) => "open",
        (_, Some(_), Some(_)) => "closed",
    };
    let length = draft.entry.zip(draft.exit).map(|(entry, exit)| exit.at - entry);
    let by_interval = draft.exit.is_some_and(|exit| exit.certainty == 1);
    let charged = state == "closed" && !(by_interval && length == Some(Span::ZERO));
    let mut marks = Vec::new();
    for (on, mark) in [
        (draft.fuzzy && draft.exit.is_some(), "fuzzy"),
        (draft.entry.is_none(), "no_entry"),
        (draft.second, "second_entry"),
    ] {
        if on {
            marks.push(mark);
        }
    }
    Stay {
        entry: draft.entry.map(Edge::exact),
        exit: draft.exit,
        place: format!("{:?}>{:?}", draft.lane_in, draft.lane_out),
        state,
        plate: draft.plate().map(|plate| plate.as_str().to_owned()).unwrap_or_default(),
        marks,
        total: length.filter(|_| charged).map(|length| Town::half_hours(length) * 1_000_000),
    }
}
