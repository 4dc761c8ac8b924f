//! Heartbeats that say what is known are taken the short way: what follows from them, and the state that is saved, is
//! the same as if each went the whole way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use parking_types::{Id, Instant, Span};
use proptest::prelude::*;
use session_core::{Core, Effect, Number, Policy, ReadingKind, Verdict};
use support::{
    actions::{act, action},
    at,
    frames::{Sent, give, occupancy},
    id,
    street::{Make, Weather, names, plans, shuffled},
    town::Town,
};

/// A street whose detector is expected so often.
fn town(period: Option<Span>, restless: bool) -> Town {
    let mut town = Town::street(Policy::default(), &[("B", &["m"])]);
    town.devices.insert(id("m"), (id("L"), period));
    town.restless = restless;
    town
}

/// What came out, and the state in the end.
fn run(town: &Town, frames: &[Sent]) -> (Vec<Verdict>, Vec<Effect>, Vec<u8>) {
    let (mut core, mut verdicts, mut effects) = (Core::new(), Vec::new(), Vec::new());
    for (offset, sent) in (0..).zip(frames) {
        let (verdict, more) = give(&mut core, town, offset, sent);
        verdicts.push(verdict);
        effects.extend(more);
    }
    core.finish(town);
    effects.extend(core.take_effects());
    (verdicts, effects, core.save())
}

const MAKES: &[Make] = &[Make::Lora, Make::LoraState, Make::Gateway, Make::Native, Make::Plain];
const STORM: Weather =
    Weather { loss: true, late: true, copies: true, skips: true, restarts: true, previous: true };

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_short_way_is_the_whole_way(plan in plans(MAKES, STORM), expected in prop::option::of(300i64..6_000)) {
        let (device, berth) = names();
        let frames = plan.frames(device, berth);
        let period = expected.map(Span::from_secs);
        prop_assert_eq!(run(&town(period, false), &frames), run(&town(period, true), &frames));
    }

    #[test]
    fn in_any_order(plan in plans(MAKES, STORM), keys in prop::collection::vec(0u32..3, 60)) {
        let (device, berth) = names();
        let frames = shuffled(&plan.frames(device, berth), &keys);
        prop_assert_eq!(run(&town(None, false), &frames), run(&town(None, true), &frames));
    }

    #[test]
    fn a_person_and_a_camera_come_between(
        plan in plans(&[Make::Lora, Make::Native], Weather::default()),
        exit in 0i64..20_000,
    ) {
        let run = |restless: bool| {
            let mut town = town(None, restless);
            town.berths.insert(id("B"), (id("L"), vec![id("m")]));
            let (mut core, mut effects, (device, berth)) = (Core::new(), Vec::new(), names());
            let mut done = false;
            for (offset, sent) in (0..).zip(plan.frames(device, berth)) {
                if !done && sent.received_at > at(exit) {
                    done = true;
                    let leave = action("a-1", at(exit), at(exit), session_core::Target::Berth(berth), session_core::Verb::Exit);
                    effects.extend(act(&mut core, &town, 1_000, &leave).1);
                    let glance = support::frames::on_berth(berth, "粤B12345", 90, at(exit));
                    effects.extend(give(&mut core, &town, 1_001, &Sent::new(id("c"), at(exit), None, glance)).1);
                }
                effects.extend(give(&mut core, &town, offset, &sent).1);
            }
            (effects, core.save())
        };
        prop_assert_eq!(run(false), run(true));
    }
}

/// A heartbeat every quarter of an hour and a car twice a day, for so many days.
fn weeks(days: i64) -> Vec<Sent> {
    let mut frames = Vec::new();
    for quarter in 0..days * 96 {
        let turn = quarter % 48;
        let (kind, occupied) = match turn {
            8 => (ReadingKind::Change, true),
            30 => (ReadingKind::Change, false),
            _ => (ReadingKind::Contact, (8..30).contains(&turn)),
        };
        let number = Number::Cyclic { value: (quarter % 65_536) as u32, first: 0, last: 65_535, run: None };
        let when: Instant = at(quarter * 900);
        frames.push(Sent::new(id("m"), when, Some(number), occupancy(id("B"), kind, occupied, None)));
    }
    frames
}

#[test]
fn weeks_pass_and_what_is_old_is_folded_away() {
    let frames = weeks(30);
    let (short, whole) = (run(&town(None, false), &frames), run(&town(None, true), &frames));
    assert_eq!((&short.0, &short.1), (&whole.0, &whole.1));
    assert!(short.1.len() > 100, "{} effects", short.1.len());
    let flat: Vec<usize> = [5, 30].map(|days| run(&town(None, false), &weeks(days)).2.len()).into();
    let per_session = (flat[1] - flat[0]) / 50;
    assert!(per_session < 700, "{per_session} bytes are kept a session of the past: {flat:?}");
}

#[test]
fn beats_after_a_restored_state() {
    let (frames, town, device) = (weeks(3), town(Some(Span::from_hours(1)), false), Id::new("m").unwrap());
    let (mut core, mut other) = (Core::new(), None::<Core>);
    for (offset, sent) in (0..).zip(&frames) {
        assert_eq!(sent.device, device);
        let before = give(&mut core, &town, offset, sent);
        if let Some(other) = &mut other {
            assert_eq!(give(other, &town, offset, sent), before);
            assert_eq!(other.save(), core.save());
        }
        if offset == 100 {
            other = Core::restore(&core.save());
        }
    }
    assert!(other.is_some());
}
