//! Alerts that are opened, stand for others, and close again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod naive;
mod support;

use parking_types::{Id, Span};
use session_core::{AlertKind, Core, Number, Policy, ReadingKind};
use support::{
    at,
    frames::{Sent, give, occupancy},
    id,
    last::Last,
    street::names,
    town::Town,
};

const DEVICES: [&str; 6] = ["d1", "d2", "d3", "d4", "d5", "d6"];

/// Kinds and devices of the alerts that are open.
fn open(last: &Last) -> Vec<(AlertKind, Option<Id>)> {
    let open = last.alerts.values().filter(|alert| alert.closed_at.is_none());
    let mut open: Vec<_> = open.map(|alert| (alert.kind, alert.device)).collect();
    open.sort();
    open
}

fn offline(device: &str) -> (AlertKind, Option<Id>) {
    (AlertKind::Offline, Some(id(device)))
}

fn says(device: &str, secs: i64) -> Sent {
    Sent::new(id(device), at(secs), None, occupancy(names().1, ReadingKind::Contact, false, None))
}

/// "One `lot_offline` stands for all": when it closes it stands for nobody, so who is still silent has an alert of its
/// own from then on, and who comes back later closes that.
#[test]
fn who_is_still_silent_after_a_lot_was_offline() {
    let mut town = Town::street(Policy::default(), &[("B", &DEVICES)]);
    for (_, heartbeat) in town.devices.values_mut() {
        *heartbeat = Some(Span::from_mins(10));
    }
    let (mut core, mut last) = (Core::new(), Last::default());
    for (offset, device) in DEVICES.iter().enumerate() {
        last.add(give(&mut core, &town, offset as u64, &says(device, 1)).1);
    }
    core.apply_tick(at(3_000), &town);
    last.add(core.take_effects().collect());
    assert_eq!(open(&last), [(AlertKind::LotOffline, None)]);

    last.add(give(&mut core, &town, 10, &says("d1", 3_100)).1);
    assert_eq!(open(&last), [(AlertKind::LotOffline, None)], "five are silent");

    last.add(give(&mut core, &town, 11, &says("d2", 3_200)).1);
    assert_eq!(open(&last), [offline("d3"), offline("d4"), offline("d5"), offline("d6")]);

    last.add(give(&mut core, &town, 12, &says("d3", 3_300)).1);
    assert_eq!(open(&last), [offline("d4"), offline("d5"), offline("d6")]);
}

/// A LoRaWAN detector's frame.
fn lora(counter: u32, secs: i64, kind: ReadingKind, occupied: bool) -> Sent {
    let number = Number::Cyclic { value: counter, first: 0, last: 65_535, run: Some(1) };
    let (device, berth) = names();
    Sent::new(device, at(secs), Some(number), occupancy(berth, kind, occupied, None))
}

/// A session with two frames missing in it, and what is open of it.
fn lossy() -> (Town, Core, Last) {
    let town = Town::street(Policy::default(), &[("B", &["m", "n"])]);
    let (mut core, mut last) = (Core::new(), Last::default());
    let frames = [
        lora(1, 0, ReadingKind::Contact, false),
        lora(2, 600, ReadingKind::Change, true),
        lora(5, 6_000, ReadingKind::Change, false),
    ];
    for (offset, sent) in frames.iter().enumerate() {
        last.add(give(&mut core, &town, offset as u64, sent).1);
    }
    assert_eq!(open(&last), [(AlertKind::FramesLost, None)]);
    (town, core, last)
}

/// "Closed when cured": the frames that were lost come late.
#[test]
fn frames_that_were_lost_come() {
    let (town, mut core, mut last) = lossy();
    for (counter, secs) in [(3, 2_000), (4, 4_000)] {
        let late = Sent { network_at: Some(at(secs)), ..lora(counter, 6_100, ReadingKind::Contact, true) };
        last.add(give(&mut core, &town, u64::from(counter) + 10, &late).1);
    }
    assert_eq!(open(&last), []);
    let frames_lost = last.alerts.values().find(|alert| alert.kind == AlertKind::FramesLost).unwrap();
    assert_eq!(frames_lost.closed_at, Some(at(6_100)));
}

/// What no frame can cure any more is no matter for anybody: the session is settled as it is.
#[test]
fn lost_frames_of_a_settled_session() {
    let (town, mut core, mut last) = lossy();
    core.apply_tick(at(6_000) + Policy::default().late_window, &town);
    last.add(core.take_effects().collect());
    assert_eq!(open(&last), [(AlertKind::FramesLost, None)], "a frame may still come");
    core.apply_tick(at(6_000) + Policy::default().late_window + Span::from_mins(3), &town);
    last.add(core.take_effects().collect());
    assert!(last.sessions.values().all(|session| session.settled));
    assert_eq!(open(&last), []);
}
