//! Displays are told how many places are free: when that changes, at most once a second each, never twice the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

mod support;

use parking_types::{Id, Instant, Span};
use session_core::{CommandAction, Core, Display, Effect, Policy, ReadingKind};
use support::{
    at,
    frames::{Sent, give, occupancy},
    id,
    town::Town,
};

fn town() -> Town {
    let mut town = Town::street(Policy::default(), &[("b1", &["m1"]), ("b2", &["m2"]), ("b3", &["m3"])]);
    town.displays = vec![
        Display { device: id("screen"), lots: vec![id("L")] },
        Display { device: id("guide"), lots: vec![id("L")] },
    ];
    town
}

/// Which displays were told what, and when.
fn told(effects: impl IntoIterator<Item = Effect>) -> Vec<(Id, u32, Instant)> {
    let shown = effects.into_iter().filter_map(|effect| match effect {
        Effect::Command(command) if command.action == CommandAction::Show => {
            Some((command.device?, command.free_places?, command.at))
        }
        _ => None,
    });
    shown.collect()
}

fn report(berth: usize, when: Instant, occupied: bool) -> Sent {
    let reading = occupancy(id(&format!("b{berth}")), ReadingKind::Change, occupied, Some(when));
    Sent::new(id(&format!("m{berth}")), when, None, reading)
}

#[test]
fn displays_count_down_and_up() {
    let town = town();
    let mut core = Core::new();
    let both = |free: u32, when: Instant| vec![(id("screen"), free, when), (id("guide"), free, when)];
    let now = at(1_000);
    assert_eq!(told(give(&mut core, &town, 0, &report(1, now, true)).1), both(2, now));
    // Too soon: told when the second is over, and then what is true by then.
    let soon = now + Span::from_millis(200);
    assert_eq!(told(give(&mut core, &town, 1, &report(2, soon, true)).1), []);
    let sooner = now + Span::from_millis(400);
    assert_eq!(told(give(&mut core, &town, 2, &report(3, sooner, true)).1), []);
    let next = now + Span::from_secs(1);
    assert!(core.next_deadline().unwrap() <= next);
    // The state goes to another process in between.
    core = Core::restore(&core.save()).unwrap();
    core.apply_tick(now + Span::from_secs(5), &town);
    assert_eq!(told(core.take_effects()), both(0, next));
    // The same number is not told again.
    core.apply_tick(now + Span::from_secs(60), &town);
    assert_eq!(told(core.take_effects()), []);
    let later = at(2_000);
    assert_eq!(told(give(&mut core, &town, 3, &report(2, later, false)).1), both(1, later));
    // Whatever is derived again.
    core.derive_again(&town);
    assert_eq!(told(core.take_effects()), []);
}

#[test]
fn never_more_than_one_a_second() {
    let town = town();
    let mut core = Core::new();
    let mut all = Vec::new();
    for nth in 0..300usize {
        let when = at(1_000) + Span::from_millis(nth as i64 * 137);
        all.extend(told(give(&mut core, &town, nth as u64, &report(nth % 3 + 1, when, nth % 2 == 0)).1));
    }
    all.retain(|(device, _, _)| *device == id("screen"));
    assert!(all.len() > 10, "{}", all.len());
    assert!(all.windows(2).all(|pair| pair[1].2 - pair[0].2 >= Span::from_secs(1) && pair[0].1 != pair[1].1));
}
