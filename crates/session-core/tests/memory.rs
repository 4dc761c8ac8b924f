//! What sessions take in memory: little while they are open, nothing when they have left.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use allocation_counter::measure;
use parking_types::{Id, Instant, Span};
use session_core::{Core, Effect, MemoryStore, Number, Policy, ReadingKind, Target, Verb, Verdict};
use support::{
    actions::{act, action, payment},
    at,
    frames::{Sent, give, occupancy},
    id,
    town::Town,
};

/// A street of so many berths, each with its detector.
fn street(berths: usize, policy: Policy) -> Town {
    let names: Vec<(String, String)> = (0..berths).map(|n| (format!("B{n}"), format!("m{n}"))).collect();
    let detectors: Vec<[&str; 1]> = names.iter().map(|(_, detector)| [detector.as_str()]).collect();
    let places: Vec<(&str, &[&str])> =
        names.iter().zip(&detectors).map(|((berth, _), of)| (berth.as_str(), of.as_slice())).collect();
    Town::street(policy, &places)
}

fn frame(berth: usize, number: u32, now: Instant, occupied: bool) -> Sent {
    let number = Number::Cyclic { value: number % 65_536, first: 0, last: 65_535, run: None };
    let reading = occupancy(id(&format!("B{berth}")), ReadingKind::Change, occupied, None);
    Sent::new(id(&format!("m{berth}")), now, Some(number), reading)
}

/// Bytes of the heap that a core holds, without its store.
fn held(core: Core) -> i64 {
    -measure(|| drop(core)).bytes_current
}

/// Bytes of a street whose berths have each been reported vacant, and then, so many of them, occupied.
fn with_open(berths: usize, open: usize) -> i64 {
    let (town, mut core) = (street(berths, Policy::default()), Core::new());
    for berth in 0..berths {
        give(&mut core, &town, 0, &frame(berth, 1, at(100), false));
    }
    for berth in 0..open {
        give(&mut core, &town, 0, &frame(berth, 2, at(4_000), true));
    }
    assert_eq!(core.sessions_in_memory(), open);
    held(core)
}

/// An open session, with all that stands about it in maps, timers, its berth and its device's room for events.
#[test]
fn an_open_session() {
    // Between the sizes at which tables grow, so that neither the best nor the worst of them is measured.
    const BERTHS: usize = 21_000;
    let (none, all) = (with_open(BERTHS, 0), with_open(BERTHS, BERTHS));
    let bytes = (all - none) / BERTHS as i64;
    println!(
        "a berth and its device {} bytes, an open session and its event {bytes} more",
        none / BERTHS as i64
    );
    assert!(bytes <= MOST, "{bytes} bytes an open session");
}

/// What it is today; BENCHMARKS.md says what it should be.
const MOST: i64 = 2_150;

/// Bytes that are left when on so many berths so many cars each have come, gone, been paid a year later and been corrected.
fn a_year_later(berths: usize, rounds: usize) -> i64 {
    let policy = Policy { correctable: Span::from_days(400), ..Policy::default() };
    let (town, mut core, mut now) = (street(berths, policy), Core::new(), at(0));
    core.keep_in(Box::new(MemoryStore::default()), false);
    let mut ids: Vec<Id> = Vec::with_capacity(berths * rounds);
    for round in 0..rounds {
        for occupied in [true, false] {
            now = now + Span::from_hours(2);
            for berth in 0..berths {
                let number = 2 * round as u32 + u32::from(!occupied);
                let effects = give(&mut core, &town, 0, &frame(berth, number, now, occupied)).1;
                let began = effects.iter().find_map(|effect| match effect {
                    Effect::Session(session) if occupied && session.exit.is_none() => {
                        Some(session.session.to_id())
                    }
                    _ => None,
                });
                ids.extend(began);
            }
        }
    }
    assert_eq!(ids.len(), berths * rounds);
    now = now + Span::from_days(366);
    core.apply_tick(now, &town);
    core.take_effects().for_each(drop);
    assert_eq!(core.sessions_in_memory(), 0, "all have left");
    for (nth, session) in ids.iter().enumerate() {
        now = now + Span::from_millis(1);
        let paid = payment(&format!("p{nth}"), now, Target::Session(*session), 1);
        assert_eq!(act(&mut core, &town, 0, &paid).0, Verdict::Applied { dead_readings: Vec::new() });
        let fix = action(&format!("a{nth}"), now, now, Target::Session(*session), Verb::Void);
        assert_eq!(act(&mut core, &town, 0, &fix).0, Verdict::Applied { dead_readings: Vec::new() });
        assert_eq!(core.sessions_in_memory(), 0);
        // Now and then the clock goes on, and what can no longer be asked for is forgotten.
        if nth % (ids.len() / 20) == 0 {
            now = now + Span::from_hours(1);
        }
    }
    now = now + Span::from_days(3);
    core.apply_tick(now, &town);
    core.take_effects().for_each(drop);
    drop(core.take_store());
    held(core)
}

/// `SESSIONS=100000 cargo test -p session-core --test memory flat -- --nocapture` for more; the store is in memory too.
#[test]
fn memory_is_flat_however_many_have_left() {
    let sessions: usize = std::env::var("SESSIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let berths = sessions / 200;
    let (few, many) = (a_year_later(berths, 40), a_year_later(berths, 200));
    println!("{} sessions left {few} bytes, {} left {many}", berths * 40, berths * 200);
    assert!(many < few + few / 5, "{few} {many}");
}
