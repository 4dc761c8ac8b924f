//! The machine against the naive model on generated streets, in order and out of order, and fairness under loss.

mod naive;
mod support;

use parking_types::Span;
use proptest::{
    prelude::*,
    test_runner::{TestCaseResult, TestRunner},
};
use session_core::Policy;
use support::{
    at,
    frames::Sent,
    last::{Last, Stay},
    pending,
    street::{Make, Plan, Weather, names, plans, shuffled},
    town::Town,
};

const ALL: &[Make] = &[Make::Lora, Make::LoraState, Make::Gateway, Make::Native, Make::Plain];
const NUMBERED: &[Make] = &[Make::Lora, Make::Gateway, Make::Native];

fn machine(policy: &Policy, frames: &[Sent]) -> Vec<Stay> {
    Last::of(&Town::street(policy.clone(), &[("B", &["m"])]), frames).stays()
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

/// Runs a property over many streets; it may be on the list of pending ones.
fn holds<S: Strategy>(name: &'static str, cases: u32, streets: S, law: impl Fn(S::Value) -> TestCaseResult) {
    pending::property(name, || {
        let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
        if let Err(error) = TestRunner::new(config).run(&streets, law) {
            panic!("{error}");
        }
    });
}

fn as_the_model(plan: Plan) -> TestCaseResult {
    let frames = frames(&plan);
    let policy = Policy::default();
    prop_assert_eq!(machine(&policy, &frames), model(&policy, &frames));
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

/// Whatever is lost, a session lies inside one true stay.
#[test]
fn fair_under_any_loss() {
    let weather = Weather { loss: true, skips: true, restarts: true, previous: true, ..CALM };
    holds("fair_under_any_loss", 600, plans(NUMBERED, weather), |plan| {
        let plan = Plan { offset: 0, ..plan };
        let truth = plan.truth();
        for stay in machine(&Policy::default(), &frames(&plan)) {
            let Some(entry) = stay.entry else { continue };
            let exit = stay.exit.map_or(entry.at, |exit| exit.at);
            // Without a time of its own a frame counts from when it was received, some milliseconds later.
            let inside =
                truth.iter().any(|(from, to)| at(*from) <= entry.at && exit <= at(*to) + Span::from_secs(1));
            prop_assert!(inside || stay.state == "void", "{stay:?} lies in no true stay of {truth:?}");
        }
        Ok(())
    });
}
