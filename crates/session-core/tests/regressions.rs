//! Small reproductions of what went wrong once, each with the rule that decides it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod naive;
mod support;

use parking_types::{PlateColor, Span};
use session_core::{
    AlertKind, CommandAction, Core, DeadCode, Effect, LostPair, Number, Policy, PreviousState, ReadingKind,
    Target, Verdict,
};
use support::{
    actions::{act, payment},
    at,
    frames::{Sent, at_lane, give, occupancy, with_previous},
    id,
    last::{Edge, Last, Stay},
    street::{CARS, names},
    town::Town,
};

use ReadingKind::{Change, Contact, State};

fn run(frames: &[Sent]) -> Vec<Stay> {
    run_with(Policy::default(), frames)
}

fn run_with(policy: Policy, frames: &[Sent]) -> Vec<Stay> {
    Last::of(&Town::street(policy, &[("B", &["m", "n"])]), frames).stays()
}

/// A LoRaWAN detector's frame without a time of its own.
fn lora(counter: u32, received: i64, kind: ReadingKind, occupied: bool) -> Sent {
    let number = Number::Cyclic { value: counter, first: 0, last: 65_535, run: Some(1) };
    let (device, berth) = names();
    Sent::new(device, at(received), Some(number), occupancy(berth, kind, occupied, None))
}

/// A frame of a detector without numbers and without a time of its own.
fn plain(device: &str, received: i64, kind: ReadingKind, occupied: bool) -> Sent {
    Sent::new(id(device), at(received), None, occupancy(names().1, kind, occupied, None))
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
    let stays =
        run(&[lora(2, 713, Change, true), lora(4, 2_650, Contact, false), lora(2, 712, Change, true)]);
    let exit = Edge::inferred(at(712), Some(at(712)), Some(at(2_650)));
    assert_eq!(edges(&stays), [(Some(Edge::exact(at(712))), Some(exit))]);
}

/// Two frames are missing, and what the frame says of the state before leaves room for a departure and an arrival
/// after the contact before: the session ends at the contact before.
#[test]
fn previous_state_within_the_doubt() {
    let stays =
        run(&[lora(1, 0, Contact, false), lora(2, 31, Change, true), after(lora(5, 407, Change, false), 5)]);
    let exit = Edge::inferred(at(31), Some(at(31)), Some(at(407)));
    assert_eq!(edges(&stays), [(Some(Edge::exact(at(31))), Some(exit))]);
}

/// The same frames in another order of arrival show the same sessions, short ones among them.
#[test]
fn any_order_makes_the_same_short_sessions() {
    let in_order = [
        lora(1, 0, Contact, false),
        lora(3, 36, Change, false),
        lora(4, 74, Change, true),
        lora(5, 4_055, Change, false),
        lora(2, 4_056, Change, true),
    ];
    let [first, second, third, fourth, fifth] = in_order.clone();
    assert_eq!(run(&[first, fourth, third, fifth, second]), run(&in_order));
}

/// What a frame says of the state before is an interval like any other: it narrows both ends.
#[test]
fn previous_state_narrows_both_ends() {
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
}

/// "`at` is what counts: … `not_before` for an exit", also for a late vacancy that shows a lost arrival.
#[test]
fn pulled_exit_counts_from_its_not_before() {
    let stays = run(&[
        lora(1, 0, Contact, false),
        lora(4, 503, Contact, false),
        lora(3, 503, Change, false).received(at(503) + Span::from_secs(48)),
    ]);
    for stay in stays {
        let exit = stay.exit.unwrap();
        assert_eq!(exit.not_before.unwrap_or(exit.at), exit.at, "{exit:?}");
    }
}

/// "Without numbers the same reading within 90 s of the last such report is a copy": a detector that repeats its
/// state once a minute repeats one car.
#[test]
fn unnumbered_repeats_every_minute() {
    let mut frames: Vec<Sent> = (0..10).map(|n| plain("m", 100 + 60 * n, Change, true)).collect();
    frames.push(plain("m", 1_000, Change, false));
    assert_eq!(edges(&run(&frames)), [(Some(Edge::exact(at(100))), Some(Edge::exact(at(1_000))))]);
}

/// "Where a protocol does not tell a change from a repeat, a report that differs, with none missing, is an edge": so
/// it can give the time of the decider's edge.
#[test]
fn an_edge_of_a_state_protocol_gives_the_time() {
    let stays = run(&[
        plain("m", 0, Contact, false),
        plain("n", 1, Contact, false),
        plain("n", 540, State, true),
        plain("m", 600, Change, true),
        plain("n", 1_150, State, false),
        plain("m", 1_200, Change, false),
    ]);
    assert_eq!(edges(&stays), [(Some(Edge::exact(at(540))), Some(Edge::exact(at(1_150))))]);
}

/// Two detectors see one car, the decider's frames arrive last: there is one session, and none beside it.
#[test]
fn the_decider_arrives_last() {
    let decider =
        [plain("m", 0, Contact, false), plain("m", 600, Change, true), plain("m", 1_000, Contact, true)];
    let other =
        [plain("n", 0, Contact, false), plain("n", 600, Change, true), plain("n", 1_000, Contact, true)];
    let last = [other.clone(), decider.clone()].concat();
    let first = [decider, other].concat();
    assert_eq!(run(&last), run(&first));
}

/// "All these sessions are marked `frames_lost`", also the one that `join` keeps together.
#[test]
fn a_joined_session_is_marked() {
    let policy = Policy { lost_pair: LostPair::Join, ..Policy::default() };
    let stays = run_with(
        policy,
        &[lora(1, 0, Contact, false), lora(2, 600, Change, true), lora(5, 6_000, Change, false)],
    );
    let marks: Vec<_> = stays.iter().map(|stay| stay.marks.as_slice()).collect();
    assert_eq!(marks, [["frames_lost"]]);
}

/// A new join is a new run, also where its first frame says what the first frame of the join before said.
#[test]
fn two_joins_within_two_minutes() {
    let join = |run: u64, sent: Sent| {
        let value = sent.number;
        let Some(Number::Cyclic { value, first, last, .. }) = value else { return sent };
        let number = Number::Cyclic { value, first, last, run: Some(run) };
        Sent { number: Some(number), restart: value == 0, ..sent }
    };
    let stays = run(&[
        join(1, lora(60, 824, Change, true)),
        join(1, lora(61, 2_163, Contact, true)),
        join(2, lora(0, 2_714, Change, false)),
        join(2, lora(1, 2_764, Change, true)),
        join(3, lora(0, 2_785, Change, false)),
        join(3, lora(1, 2_884, Contact, false)),
    ]);
    let exit = Edge::inferred(at(2_764), Some(at(2_764)), Some(at(2_785)));
    assert_eq!(edges(&stays)[1], (Some(Edge::exact(at(2_764))), Some(exit)));
}

/// A network repeats a frame from before a restart after it: it is no number far ahead, which would make all that
/// come next look late.
#[test]
fn a_copy_from_before_a_restart() {
    let first = lora(48, 1_000, Change, true);
    let stays = run(&[
        first.clone(),
        lora(0, 1_006, Contact, true).restarted(),
        first.received(at(1_012)),
        lora(1, 2_000, Change, false),
        lora(2, 3_000, Change, true),
    ]);
    let ends: Vec<_> = edges(&stays).into_iter().map(|(_, exit)| exit).collect();
    assert_eq!(ends.iter().rev().take(2).collect::<Vec<_>>(), [&None, &Some(Edge::exact(at(2_000)))]);
}

/// "Otherwise: event time, then device id, then payload": reads of one instant are told apart by their cameras, not by
/// which of them arrived first.
#[test]
fn reads_of_one_instant() {
    let read = |lane: &str, camera: &str, received: i64| {
        Sent::new(id(camera), at(received), None, at_lane(id(lane), "粤B12345", 90, at(100)))
    };
    let (comes, goes) = (read("in", "c-in", 101), read("out", "c-out", 102));
    let town = Town::garage(Policy::default(), None, true);
    let (one, other) = ([comes.clone(), goes.clone()], [goes, comes]);
    let (one, other) = (Last::of(&town, &one).stays(), Last::of(&town, &other).stays());
    assert_eq!(one, other);
    // `c-in` stands before `c-out`: it came and went.
    assert_eq!(one.len(), 1);
}

/// A car is read twice at the exit, the second read arrives first: one session, and none beside it.
#[test]
fn a_visit_that_arrives_backwards() {
    let read = |read: i64, received: i64| {
        Sent::new(id("c-out"), at(received), None, at_lane(id("out"), "粤B12345", 90, at(read)))
    };
    let (first, second) = (read(100, 102), read(101, 101));
    let town = Town::garage(Policy::default(), None, true);
    let (in_order, backwards) = ([first.clone(), second.clone()], [second, first]);
    assert_eq!(Last::of(&town, &backwards).stays(), Last::of(&town, &in_order).stays());
}

/// What a frame says of the state before does not reach an edge on the other side of a loss: an exit is never later
/// than the first contact that said vacant.
#[test]
fn previous_state_of_another_vacancy() {
    let stays = run(&[
        lora(1, 0, Contact, false),
        lora(2, 1_533, Change, true),
        lora(3, 2_021, Contact, true),
        lora(5, 4_042, Contact, false),
        lora(6, 6_063, Contact, false),
        lora(9, 8_084, Contact, false),
        after(lora(10, 9_846, Change, true), 47),
    ]);
    let exit = Edge::inferred(at(2_021), Some(at(2_021)), Some(at(4_042)));
    assert_eq!(stays[0].exit, Some(exit));
}

/// "The same text in two colours is two vehicles": a green car does not close the stay of the blue one, and pays nothing
/// for it; where a reader could not tell the colour, the text decides.
#[test]
fn an_exit_in_another_colour() {
    let read = |lane: &str, secs: i64, color: PlateColor| {
        let mut reading = at_lane(id(lane), "粤B12345", 90, at(secs));
        reading.plate_color = Some(color);
        Sent::new(id(&format!("c-{lane}")), at(secs), None, reading)
    };
    let town = Town::garage(Policy::default(), None, true);
    let states = |color| {
        let stays = Last::of(&town, &[read("in", 100, PlateColor::Blue), read("out", 4_000, color)]).stays();
        stays.iter().map(|stay| stay.state).collect::<Vec<_>>()
    };
    assert_eq!(states(PlateColor::Green), ["exception", "open"]);
    assert_eq!(states(PlateColor::Blue), ["closed"]);
    assert_eq!(states(PlateColor::Unknown), ["closed"]);
}

/// "What a listener takes ends as exactly one of applied, duplicate, dead letter": a read at a lane that the site did
/// not know when it happened is about nothing.
#[test]
fn a_read_at_an_unknown_lane() {
    let town = Town::garage(Policy::default(), None, true);
    let mut core = Core::new();
    let read = |lane: &str| Sent::new(id("c-in"), at(101), None, at_lane(id(lane), "粤B12345", 90, at(100)));
    let (verdict, effects) = give(&mut core, &town, 0, &read("gone"));
    assert_eq!(verdict, Verdict::Dead(DeadCode::Unbound));
    assert!(effects.is_empty());
    // It has taken nothing with it: the same read at a lane of ours is no copy of it.
    let (verdict, _) = give(&mut core, &town, 1, &read("in"));
    assert_eq!(verdict, Verdict::Applied { dead_readings: Vec::new() });
}

/// Who has paid at the arm has paid, though the lot is derived again: a later read of the visit opens.
#[test]
fn paid_at_the_arm_and_derived_again() {
    let (town, mut core, mut last) =
        (Town::garage(Policy::default(), None, false), Core::new(), Last::default());
    let read = |core: &mut Core, lane: &str, camera: &str, now: i64| {
        let reading = at_lane(id(lane), CARS[0][0], 90, at(now));
        give(core, &town, now as u64, &Sent::new(id(camera), at(now), None, reading)).1
    };
    let opens = |effects: &[Effect]| {
        let open = |effect: &Effect| matches!(effect, Effect::Command(c) if c.action == CommandAction::Open);
        effects.iter().any(open)
    };
    assert!(opens(&read(&mut core, "in", "c-in", 100)));
    assert!(!opens(&read(&mut core, "out", "c-out", 3_700)));
    // Half of it: the wait begins anew.
    last.add(act(&mut core, &town, 0, &payment("p1", at(4_200), Target::Lane(id("out")), 1)).1);
    core.derive_again(&town);
    core.apply_tick(at(4_400), &town);
    last.add(core.take_effects().collect());
    assert!(!last.alerts.values().any(|alert| alert.kind == AlertKind::Reversal), "{:?}", last.alerts);
    let rest = act(&mut core, &town, 0, &payment("p2", at(4_500), Target::Lane(id("out")), 1)).1;
    assert!(opens(&rest), "{rest:?}");
    core.derive_again(&town);
    assert_eq!(core.take_effects().count(), 0);
    assert!(opens(&read(&mut core, "out", "c-out", 4_510)), "a later read of the visit");
}

/// "Without numbers the same reading within 90 s of the last such report is a copy": of the last, be it a copy itself,
/// whatever has come late since.
#[test]
fn a_copy_of_a_copy_when_something_came_late() {
    let frames = [
        plain("m", 0, Change, false),
        plain("m", 500, Contact, false),
        plain("m", 1_000, Change, true),
        plain("m", 1_080, Change, true),
        plain("m", 1_160, Change, true),
        plain("m", 4_000, Change, false),
    ];
    let in_order = run(&frames);
    assert_eq!(edges(&in_order), [(Some(Edge::exact(at(1_000))), Some(Edge::exact(at(4_000))))]);
    for order in [[0, 2, 3, 1, 4, 5], [2, 3, 0, 4, 1, 5], [0, 4, 3, 2, 1, 5], [0, 2, 3, 4, 5, 1]] {
        assert_eq!(run(&order.map(|nth: usize| frames[nth].clone())), in_order, "{order:?}");
    }
}
