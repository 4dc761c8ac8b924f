//! The machine against the naive model on a garage whose lanes are in `hold`, in order and out of order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod naive;
mod support;

use parking_types::Span;
use proptest::{
    prelude::*,
    test_runner::{TestCaseResult, TestRunner},
};
use session_core::Policy;
use support::{
    fair::{True, UNFAIR, fair, sees},
    frames::Sent,
    garage::{Pass, Traffic, frames, passes},
    last::{Last, Stay},
    street::shuffled,
    town::Town,
};

fn town() -> Town {
    Town::garage(Policy::default(), None, true)
}

fn machine(frames: &[Sent]) -> Vec<Stay> {
    Last::of(&town(), frames).stays()
}

fn holds<S: Strategy>(name: &'static str, cases: u32, streets: S, law: impl Fn(S::Value) -> TestCaseResult) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    if let Err(error) = TestRunner::new(config).run(&streets, law) {
        panic!("{name}: {error}");
    }
}

fn as_the_model(passes: Vec<Pass>) -> TestCaseResult {
    let frames = frames(&passes);
    prop_assert_eq!(machine(&frames), naive::garage::stays(&town(), &frames, &Policy::default()));
    Ok(())
}

const PLAIN: Traffic = Traffic { misreads: false, reversals: false };

#[test]
fn entries_and_exits() {
    holds("entries_and_exits", 400, passes(PLAIN), |passes| {
        as_the_model(passes.into_iter().map(|pass| Pass { late: 0, ..pass }).collect())
    });
}

#[test]
fn late_reads() {
    holds("late_reads", 400, passes(PLAIN), as_the_model);
}

#[test]
fn misread_plates() {
    holds("misread_plates", 400, passes(Traffic { misreads: true, ..PLAIN }), as_the_model);
}

#[test]
fn cars_that_roll_back() {
    holds("cars_that_roll_back", 400, passes(Traffic { reversals: true, ..PLAIN }), as_the_model);
}

#[test]
fn any_order_at_the_gate() {
    let traffic = Traffic { misreads: true, reversals: true };
    let keys = prop::collection::vec(0u32..99, 80);
    holds("any_order_at_the_gate", 400, (passes(traffic), keys), |(passes, keys)| {
        let frames = frames(&passes);
        prop_assert_eq!(machine(&shuffled(&frames, &keys)), machine(&frames));
        Ok(())
    });
}

/// What came out of a garage some of whose reads were lost, and what is true of it.
fn beside_the_truth((passes, lost): (Vec<Pass>, Vec<bool>)) -> (Vec<Stay>, Vec<True>) {
    let (sent, truth) = alternating(passes, &lost);
    let truth = truth.into_iter().map(|(plate, from, to)| (plate, support::at(from), support::at(to)));
    (machine(&frames(&sent)), truth.collect())
}

fn lossy() -> impl Strategy<Value = (Vec<Pass>, Vec<bool>)> {
    (passes(PLAIN), prop::collection::vec(any::<bool>(), 14))
}

/// Reads are lost, but no plate's exit together with its next entry: no session counts time outside a true stay.
#[test]
fn fair_at_the_gate() {
    holds("fair_at_the_gate", 400, lossy(), |run| {
        let (stays, truth) = beside_the_truth(run);
        fair(&stays, &truth).map_err(TestCaseError::fail)
    });
}

#[test]
fn unfair_machines_are_seen() {
    // A gate's entries are exact: an interval is only ever at the end.
    for fault in UNFAIR.into_iter().filter(|fault| *fault != "counts_from_not_before") {
        assert!(sees(fault, lossy(), beside_the_truth), "nobody has seen {fault}");
    }
}

/// True stays of one car after the other: who is inside leaves, who is outside enters; some reads are lost.
fn alternating(passes: Vec<Pass>, lost: &[bool]) -> (Vec<Pass>, Vec<(String, i64, i64)>) {
    let mut since = [None; 4];
    let mut dropped_exit = [false; 4];
    let (mut sent, mut truth) = (Vec::<Pass>::new(), Vec::new());
    let (mut now, mut carried) = (0, 0);
    for (index, pass) in passes.into_iter().enumerate() {
        let car = pass.car;
        now += pass.gap.max(660);
        carried += pass.gap.max(660);
        let leaves = since[car].is_some();
        match since[car].take() {
            None => since[car] = Some(now),
            Some(from) => truth.push((support::street::CARS[car][0].to_owned(), from, now)),
        }
        let lose = lost.get(index).copied().unwrap_or(false) && (!dropped_exit[car] || leaves);
        dropped_exit[car] = lose && leaves;
        if !lose {
            sent.push(Pass { gap: carried, leaves, again: Vec::new(), back: None, ..pass });
            carried = 0;
        }
    }
    // Who never left is inside until the end.
    let end = now + Span::from_days(1).as_secs();
    truth.extend(
        (0..4).filter_map(|car| since[car].map(|from| (support::street::CARS[car][0].to_owned(), from, end))),
    );
    (sent, truth)
}
