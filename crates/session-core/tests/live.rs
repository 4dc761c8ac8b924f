//! Other threads see whole sessions, all of one step, while the writer goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use parking_types::Id;
use session_core::{Core, Live, LiveCell, Number, Policy, ReadingKind, SessionId, SessionState};
use support::{
    at,
    frames::{Sent, give, occupancy},
    id,
    town::Town,
};

const PAIRS: usize = 40;
const ROUNDS: u32 = 30;
const READERS: usize = 3;

/// One frame of a detector that watches two berths.
fn frame(pair: usize, round: u32, now: i64) -> Sent {
    let number = Number::Cyclic { value: round, first: 0, last: 65_535, run: None };
    let reading = |side| occupancy(id(&format!("B{pair}{side}")), ReadingKind::Change, round % 2 == 1, None);
    let mut sent = Sent::new(id(&format!("m{pair}")), at(now), Some(number), reading("a"));
    sent.readings.push(reading("b"));
    sent
}

/// What must be true of everything that is shown.
fn look_through(live: &Live, revisions: &mut BTreeMap<SessionId, u64>) {
    let mut open: BTreeMap<Id, u32> = BTreeMap::new();
    for session in live.iter() {
        let known = revisions.entry(session.session).or_default();
        assert!(session.revision >= *known, "an earlier revision after a later one");
        *known = session.revision;
        assert_eq!(session.state == SessionState::Open, session.exit.is_none(), "{session:?}");
        assert!(session.exit.is_none_or(|exit| Some(exit) >= session.entry), "{session:?}");
        assert!(session.entry <= live.clock(), "{session:?}");
        assert_eq!(live.get(session.session), Some(session.clone()));
        if session.state == SessionState::Open {
            *open.entry(session.berth.unwrap()).or_default() += 1;
        }
    }
    for pair in 0..PAIRS {
        let of = |side| open.get(&id(&format!("B{pair}{side}"))).copied().unwrap_or_default();
        assert_eq!(of("a"), of("b"), "half of a step");
        assert!(of("a") <= 1, "two cars on one berth");
    }
    assert_eq!(live.open().count(), open.values().sum::<u32>() as usize);
}

#[test]
fn readers_see_whole_steps() {
    let names: Vec<(String, String)> =
        (0..PAIRS).flat_map(|pair| ["a", "b"].map(|s| (format!("B{pair}{s}"), format!("m{pair}")))).collect();
    let detectors: Vec<[&str; 1]> = names.iter().map(|(_, detector)| [detector.as_str()]).collect();
    let places: Vec<(&str, &[&str])> =
        names.iter().zip(&detectors).map(|((berth, _), of)| (berth.as_str(), of.as_slice())).collect();
    let town = Town::street(Policy::default(), &places);
    let (cell, done, looks) = (LiveCell::default(), AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                let mut revisions = BTreeMap::new();
                let mut clock = None;
                while !done.load(Ordering::Acquire) {
                    let live = cell.look();
                    assert!(live.clock() >= clock, "an earlier step after a later one");
                    clock = live.clock();
                    look_through(&live, &mut revisions);
                    looks.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut core = Core::new();
        let mut kept = Vec::new();
        for round in 1..=ROUNDS {
            for pair in 0..PAIRS {
                let now = i64::from(round) * 600 + pair as i64;
                give(&mut core, &town, 0, &frame(pair, round, now));
                cell.show(core.live());
            }
            // What somebody looks at stays as it was.
            let live = cell.look();
            kept.push((live.open().count(), live.len(), live));
        }
        done.store(true, Ordering::Release);
        for (open, all, live) in &kept {
            assert_eq!((live.open().count(), live.len()), (*open, *all));
        }
        let opened = kept.iter().filter(|(open, ..)| *open == 2 * PAIRS).count();
        assert_eq!(opened, ROUNDS as usize / 2, "each second round all berths are taken");
        look_through(&core.live(), &mut BTreeMap::new());
    });
    println!("{} looks beside {} steps", looks.load(Ordering::Relaxed), ROUNDS as usize * PAIRS);
}
