//! A heartbeat that says what is known touches the heap only where its device's room grows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use allocation_counter::measure;
use parking_types::{Instant, Span};
use session_core::{Core, Number, Policy, ReadingKind};
use support::{
    at,
    frames::{Sent, occupancy},
    id,
    town::Town,
};

#[test]
fn beats_allocate_nothing() {
    let mut town = Town::street(Policy::default(), &[("B", &["m"])]);
    town.devices.insert(id("m"), (id("L"), Some(Span::from_mins(15))));
    let beat = |nth: u32| {
        let kind = if nth == 0 { ReadingKind::Change } else { ReadingKind::Contact };
        let number = Number::Cyclic { value: nth, first: 0, last: 65_535, run: None };
        let when: Instant = at(i64::from(nth) * 600);
        Sent::new(id("m"), when, Some(number), occupancy(id("B"), kind, true, None))
    };
    let frames: Vec<Sent> = (0..1_000).map(beat).collect();
    let mut core = Core::new();
    let mut give = |upto: core::ops::Range<usize>| {
        let mut effects = 0;
        let counted = measure(|| {
            for sent in &frames[upto] {
                let frame = sent.frame(0);
                core.apply_frame(&frame, &town);
                effects += core.take_effects().count();
            }
        });
        (counted.count_total, effects)
    };
    // The session begins, and the room for beats grows.
    assert!(give(0..66).1 > 0);
    // A round of beats within what there is room for: nothing at all.
    let (allocations, effects) = give(66..120);
    assert_eq!((allocations, effects), (0, 0));
    // A week of them: what is old is folded away now and then, each time with a few allocations.
    let (allocations, effects) = give(120..1_000);
    assert_eq!(effects, 0);
    assert!(allocations < 880 / 4, "{allocations} allocations for 880 beats");
}
