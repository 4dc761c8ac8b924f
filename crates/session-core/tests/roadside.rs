//! The machine against the naive model on generated streets, in order and out of order, and fairness under loss.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod naive;
mod support;

use parking_types::Span;
use proptest::{
    prelude::*,
    test_runner::{TestCaseResult, TestRunner},
};
use session_core::{LostPair, Policy};
use support::{
    at,
    fair::{True, UNFAIR, fair, sees},
    frames::Sent,
    id,
    last::{Last, Stay},
    street::{Fate, Glance, Make, Plan, Weather, glances, names, plans, shuffled},
    town::Town,
};

const ALL: &[Make] = &[Make::Lora, Make::LoraState, Make::Gateway, Make::Native, Make::Plain];
/// Those that tell a change from a repeat.
const TELLING: &[Make] = &[Make::Lora, Make::Gateway, Make::Native, Make::Plain];
const NUMBERED: &[Make] = &[Make::Lora, Make::Gateway, Make::Native];

fn machine(policy: &Policy, frames: &[Sent]) -> Vec<Stay> {
    Last::of(&Town::street(policy.clone(), &[("B", &["m", "n"])]), frames).stays()
}

fn model(policy: &Policy, frames: &[Sent]) -> Vec<Stay> {
    let (device, berth) = names();
    naive::street::stays(berth, &[device], frames, policy)
}

fn frames(plan: &Plan) -> Vec<Sent> {
    let (device, berth) = names();
    plan.frames(device, berth)
}

const CALM: Weather =
    Weather { loss: false, late: false, copies: false, skips: false, restarts: false, previous: false };

/// Runs a property over many streets.
fn holds<S: Strategy>(name: &'static str, cases: u32, streets: S, law: impl Fn(S::Value) -> TestCaseResult) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    if let Err(error) = TestRunner::new(config).run(&streets, law) {
        panic!("{name}: {error}");
    }
}

fn as_the_model(plan: Plan) -> TestCaseResult {
    agrees(&Policy::default(), &frames(&plan))
}

/// The machine and the model say the same of these frames.
fn agrees(policy: &Policy, frames: &[Sent]) -> TestCaseResult {
    let (mut machine, mut model) = (machine(policy, frames), model(policy, frames));
    let (device, berth) = names();
    if naive::street::flickered(berth, &[device], frames, policy) {
        for stay in machine.iter_mut().chain(&mut model) {
            stay.marks.retain(|mark| *mark != "frames_lost");
        }
    }
    prop_assert_eq!(machine, model);
    Ok(())
}

fn in_any_order((plan, keys): (Plan, Vec<u32>)) -> TestCaseResult {
    let frames = frames(&plan);
    let policy = Policy::default();
    prop_assert_eq!(machine(&policy, &shuffled(&frames, &keys)), machine(&policy, &frames));
    Ok(())
}

fn keys() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(0u32..99, 60)
}

#[test]
fn a_calm_street() {
    holds("a_calm_street", 200, plans(ALL, CALM), as_the_model);
}

#[test]
fn lost_frames() {
    holds("lost_frames", 300, plans(ALL, Weather { loss: true, ..CALM }), as_the_model);
}

#[test]
fn wraps_and_restarts() {
    let weather = Weather { loss: true, skips: true, restarts: true, ..CALM };
    holds("wraps_and_restarts", 300, plans(NUMBERED, weather), as_the_model);
}

#[test]
fn what_was_before() {
    let weather = Weather { loss: true, skips: true, previous: true, ..CALM };
    holds("what_was_before", 300, plans(ALL, weather), as_the_model);
}

#[test]
fn late_and_repeated() {
    let weather = Weather { loss: true, late: true, copies: true, ..CALM };
    holds("late_and_repeated", 300, plans(ALL, weather), as_the_model);
}

#[test]
fn any_order() {
    let weather = Weather { loss: true, late: true, ..CALM };
    holds("any_order", 300, (plans(ALL, weather), keys()), in_any_order);
}

#[test]
fn any_order_with_copies() {
    let weather = Weather { loss: true, late: true, copies: true, ..CALM };
    holds("any_order_with_copies", 300, (plans(ALL, weather), keys()), in_any_order);
}

const LOSSY: Weather = Weather { loss: true, skips: true, restarts: true, previous: true, ..CALM };

/// What came out of a street, and what is true of it.
fn beside_the_truth(plan: Plan) -> (Vec<Stay>, Vec<True>) {
    let plan = Plan { offset: 0, ..plan };
    let truth = plan.truth().into_iter();
    // Without a time of its own a frame counts from when it was received, some milliseconds later.
    let truth = truth.map(|(from, to)| (String::new(), at(from), at(to) + Span::from_secs(1)));
    (machine(&Policy::default(), &frames(&plan)), truth.collect())
}

/// Whatever is lost, a session lies inside one true stay.
#[test]
fn fair_under_any_loss() {
    holds("fair_under_any_loss", 600, plans(NUMBERED, LOSSY), |plan| {
        let (stays, truth) = beside_the_truth(plan);
        fair(&stays, &truth).map_err(TestCaseError::fail)
    });
}

#[test]
fn unfair_machines_are_seen() {
    for fault in UNFAIR {
        assert!(sees(fault, plans(NUMBERED, LOSSY), beside_the_truth), "nobody has seen {fault}");
    }
}

/// The settings that decide doubtful cases, each on its own.
fn policies() -> impl Strategy<Value = Policy> {
    let standard = Policy::default();
    prop::sample::select(vec![
        Policy { lost_pair: LostPair::Join, ..standard.clone() },
        Policy { flicker: Span::ZERO, ..standard.clone() },
        Policy { min_stay: Span::ZERO, ..standard.clone() },
        Policy { flicker: Span::from_mins(5), min_stay: Span::from_mins(20), ..standard },
    ])
}

#[test]
fn other_policies() {
    let weather = Weather { loss: true, late: true, copies: true, ..CALM };
    holds("other_policies", 300, (policies(), plans(ALL, weather)), |(policy, plan)| {
        agrees(&policy, &frames(&plan))
    });
}

fn with_camera(plan: &Plan, glances: &[Glance], swap: bool) -> Vec<Sent> {
    let mut all = frames(plan);
    all.extend(plan.camera(names().1, glances, swap));
    all.sort_by_key(|sent| sent.received_at);
    all
}

#[test]
fn plates_of_a_street() {
    let streets = (plans(ALL, Weather { copies: true, ..CALM }), glances());
    holds("plates_of_a_street", 300, streets, |(plan, glances)| {
        let frames = with_camera(&Plan { offset: 0, ..plan }, &glances, false);
        let policy = Policy::default();
        prop_assert_eq!(machine(&policy, &frames), model(&policy, &frames));
        Ok(())
    });
}

#[test]
fn another_plate_without_a_vacancy() {
    let streets = (plans(ALL, Weather { copies: true, ..CALM }), glances());
    holds("another_plate_without_a_vacancy", 300, streets, |(plan, glances)| {
        let frames = with_camera(&Plan { offset: 0, ..plan }, &glances, true);
        let policy = Policy::default();
        prop_assert_eq!(machine(&policy, &frames), model(&policy, &frames));
        Ok(())
    });
}

#[test]
fn plates_in_any_order() {
    let weather = Weather { loss: true, late: true, copies: true, ..CALM };
    let streets = (plans(ALL, weather), glances(), any::<bool>(), keys());
    holds("plates_in_any_order", 300, streets, |(plan, glances, swap, keys)| {
        let frames = with_camera(&plan, &glances, swap);
        let policy = Policy::default();
        prop_assert_eq!(machine(&policy, &shuffled(&frames, &keys)), machine(&policy, &frames));
        Ok(())
    });
}

/// A second detector that sees the same cars a constant time earlier or later.
fn two_detectors(plan: &Plan, apart: i64) -> Vec<Sent> {
    let berth = names().1;
    let long = plan.stays.iter().map(|(gap, stay)| (*gap.max(&300), *stay.max(&300)));
    let plan = Plan { stays: long.collect(), offset: 0, ..plan.clone() };
    let mut second = plan.clone();
    if let Some((gap, _)) = second.stays.first_mut() {
        *gap += apart;
    }
    let mut all = plan.frames(id("m"), berth);
    all.extend(second.frames(id("n"), berth));
    all.sort_by_key(|sent| (sent.received_at, sent.device));
    all
}

#[test]
fn a_second_detector() {
    let streets = (plans(TELLING, Weather { copies: true, ..CALM }), -119i64..150);
    holds("a_second_detector", 300, streets, |(plan, apart)| {
        let frames = two_detectors(&plan, apart);
        let policy = Policy::default();
        let model = naive::street::stays(names().1, &[id("m"), id("n")], &frames, &policy);
        prop_assert_eq!(machine(&policy, &frames), model);
        Ok(())
    });
}

#[test]
fn a_second_detector_in_any_order() {
    let weather = Weather { loss: true, late: true, copies: true, ..CALM };
    let streets = (plans(ALL, weather), -119i64..150, keys());
    holds("a_second_detector_in_any_order", 300, streets, |(plan, apart, keys)| {
        let frames = two_detectors(&plan, apart);
        let policy = Policy::default();
        prop_assert_eq!(machine(&policy, &shuffled(&frames, &keys)), machine(&policy, &frames));
        Ok(())
    });
}

/// One that went wrong: a report repeated within 90 s of its own copy, and a frame that came late between them.
#[test]
fn a_second_detector_whose_copy_is_repeated() {
    let fates = [(0, Fate::Copy(1)), (4, Fate::Drop), (8, Fate::Late(3_302)), (12, Fate::Copy(20))];
    let mut plan = Plan {
        make: Make::Plain,
        stays: vec![(279, 2_797), (1_521, 2_704), (200, 200), (3_091, 200), (249, 3_191), (1_361, 200)],
        heartbeat: 2_117,
        first_number: 46_616,
        offset: -818,
        fates: vec![Fate::Keep; 13],
        tells_previous: false,
    };
    fates.into_iter().for_each(|(nth, fate): (usize, Fate)| plan.fates[nth] = fate);
    let keys = [
        30, 65, 56, 3, 86, 51, 20, 7, 24, 64, 14, 31, 78, 46, 59, 22, 39, 85, 45, 33, 47, 74, 13, 50, 58, 40,
        95, 70, 79, 48, 77, 34, 86, 87, 37, 53, 58, 56, 13, 14, 39, 24, 19, 62, 33, 24, 60, 92, 91, 82, 26,
        41, 41, 23, 48, 28, 46, 85, 7, 3,
    ];
    let (frames, policy) = (two_detectors(&plan, 19), Policy::default());
    assert_eq!(machine(&policy, &shuffled(&frames, &keys)), machine(&policy, &frames));
}
