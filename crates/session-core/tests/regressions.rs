//! Small reproductions of what went wrong once, each with the rule that decides it.

mod naive;
mod support;

use parking_types::Span;
use session_core::{Number, Policy, PreviousState, ReadingKind};
use support::{
    at,
    frames::{Sent, occupancy, with_previous},
    last::{Edge, Last, Stay},
    pending::regression,
    street::names,
    town::Town,
};

use ReadingKind::{Change, Contact};

fn run(frames: &[Sent]) -> Vec<Stay> {
    Last::of(&Town::street(Policy::default(), &[("B", &["m"])]), frames).stays()
}

/// A LoRaWAN detector's frame without a time of its own.
fn lora(counter: u32, received: i64, kind: ReadingKind, occupied: bool) -> Sent {
    let number = Number::Cyclic { value: counter, first: 0, last: 65_535, run: Some(1) };
    let (device, berth) = names();
    Sent::new(device, at(received), Some(number), occupancy(berth, kind, occupied, None))
}

fn after(mut sent: Sent, minutes: u32) -> Sent {
    let previous = PreviousState { minutes, error: 0, overflow: false };
    sent.readings = sent.readings.into_iter().map(|reading| with_previous(reading, previous)).collect();
    sent
}

fn edges(stays: &[Stay]) -> Vec<(Option<Edge>, Option<Edge>)> {
    stays.iter().map(|stay| (stay.entry, stay.exit)).collect()
}

/// "A copy has no effect but a count, and its time where that is earlier."
#[test]
fn copy_with_an_earlier_time() {
    regression("copy_with_an_earlier_time", || {
        let stays =
            run(&[lora(2, 713, Change, true), lora(4, 2_650, Contact, false), lora(2, 712, Change, true)]);
        let exit = Edge::inferred(at(712), Some(at(712)), Some(at(2_650)));
        assert_eq!(edges(&stays), [(Some(Edge::exact(at(712))), Some(exit))]);
    });
}

/// Two frames are missing, and what the frame says of the state before leaves room for a departure and an arrival
/// after the contact before: the session ends at the contact before.
#[test]
fn previous_state_within_the_doubt() {
    regression("previous_state_within_the_doubt", || {
        let stays = run(&[
            lora(1, 0, Contact, false),
            lora(2, 31, Change, true),
            after(lora(5, 407, Change, false), 5),
        ]);
        let exit = Edge::inferred(at(31), Some(at(31)), Some(at(407)));
        assert_eq!(edges(&stays), [(Some(Edge::exact(at(31))), Some(exit))]);
    });
}

/// The same frames in another order of arrival show the same sessions, short ones among them.
#[test]
fn any_order_makes_the_same_short_sessions() {
    regression("any_order_makes_the_same_short_sessions", || {
        let in_order = [
            lora(1, 0, Contact, false),
            lora(3, 36, Change, false),
            lora(4, 74, Change, true),
            lora(5, 4_055, Change, false),
            lora(2, 4_056, Change, true),
        ];
        let [first, second, third, fourth, fifth] = in_order.clone();
        assert_eq!(run(&[first, fourth, third, fifth, second]), run(&in_order));
    });
}

/// What a frame says of the state before is an interval like any other: it narrows both ends.
#[test]
fn previous_state_narrows_both_ends() {
    regression("previous_state_narrows_both_ends", || {
        let stays = run(&[
            lora(1, 0, Contact, false),
            lora(2, 600, Change, true),
            lora(3, 1_200, Contact, true),
            lora(5, 3_000, Contact, false),
            after(lora(6, 4_200, Change, true), 40),
        ]);
        let exit = Edge::inferred(at(1_740), Some(at(1_740)), Some(at(1_800)));
        assert_eq!(
            edges(&stays),
            [(Some(Edge::exact(at(600))), Some(exit)), (Some(Edge::exact(at(4_200))), None)]
        );
    });
}

/// "`at` is what counts: … `not_before` for an exit", also for a late vacancy that shows a lost arrival.
#[test]
fn pulled_exit_counts_from_its_not_before() {
    regression("pulled_exit_counts_from_its_not_before", || {
        let stays = run(&[
            lora(1, 0, Contact, false),
            lora(4, 503, Contact, false),
            lora(3, 503, Change, false).received(at(503) + Span::from_secs(48)),
        ]);
        for stay in stays {
            let exit = stay.exit.unwrap();
            assert_eq!(exit.not_before.unwrap_or(exit.at), exit.at, "{exit:?}");
        }
    });
}
