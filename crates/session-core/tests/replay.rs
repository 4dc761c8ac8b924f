//! Who sends again what he recorded: frames of boots that are over change nothing, whatever the state went through.
#![allow(clippy::unwrap_used)]

mod support;

use parking_types::Id;
use session_core::{Core, DeadCode, Number, Policy, ReadingKind, Verdict};
use support::{
    at,
    frames::{Sent, give, occupancy},
    street::names,
    town::Town,
};

/// A report of the berth's native detector, with a time of its own.
fn report(secs: i64, boot: u32, seq: u32, occupied: bool) -> Sent {
    let (device, berth): (Id, Id) = names();
    let reading = occupancy(berth, ReadingKind::Change, occupied, Some(at(secs)));
    Sent::new(device, at(secs), Some(Number::Boot { boot, seq }), reading)
}

fn street() -> Town {
    Town::street(Policy::default(), &[("B", &["m", "n"])])
}

const REPLAY: Verdict = Verdict::Dead(DeadCode::Replay);

#[test]
fn frames_of_an_older_boot_change_nothing_after_restarts_either() {
    let town = street();
    let mut core = Core::new();
    let honest = [
        report(0, 1, 1, true),
        report(600, 1, 2, false),
        report(1_200, 2, 1, true),
        report(1_800, 2, 2, false),
        report(2_400, 3, 1, true),
    ];
    for (offset, sent) in honest.iter().enumerate() {
        let (verdict, _) = give(&mut core, &town, offset as u64, sent);
        assert!(matches!(verdict, Verdict::Applied { .. }), "{sent:?}: {verdict:?}");
        // The state goes to another process and back after each frame.
        core = Core::restore(&core.save()).unwrap();
    }
    // What is received moves the partition's clock, whatever it is.
    core.apply_tick(at(2_500), &town);
    let _ = core.take_effects().count();
    // Sent again long after, by whoever recorded them.
    for (offset, sent) in honest.iter().enumerate() {
        let before = core.save();
        let (verdict, effects) =
            give(&mut core, &town, 100 + offset as u64, &sent.clone().received(at(2_500)));
        let wanted = if offset < 2 { REPLAY } else { Verdict::Duplicate };
        assert_eq!((verdict, effects.len()), (wanted, 0), "{sent:?}");
        if offset < 2 {
            assert!(core.save() == before, "not even its silence");
        }
        core = Core::restore(&core.save()).unwrap();
    }
}

#[test]
fn what_is_missing_of_the_boot_before_is_late_and_no_replay() {
    let town = street();
    let mut core = Core::new();
    let mut verdicts = Vec::new();
    for (offset, sent) in [
        report(0, 1, 1, true),
        report(1_200, 1, 3, true),
        report(1_800, 2, 1, false),
        // Two of the first boot comes through another network, after all.
        report(600, 1, 2, false).received(at(1_900)),
        report(600, 1, 2, false).received(at(1_910)),
    ]
    .iter()
    .enumerate()
    {
        verdicts.push(give(&mut core, &town, offset as u64, sent).0);
    }
    assert!(verdicts[..4].iter().all(|v| matches!(v, Verdict::Applied { .. })), "{verdicts:?}");
    assert_eq!(verdicts[4], Verdict::Duplicate);
}

#[test]
fn a_replay_among_others_is_one_whenever_it_reaches_the_log() {
    let town = street();
    let frames = [
        report(0, 1, 1, true),
        report(600, 2, 1, false),
        report(1_200, 3, 1, true),
        report(1_800, 3, 2, false),
    ];
    let old = report(30, 1, 2, false).received(at(1_300));
    // Through an instance whose frames come later into the log than the device's own.
    let mut core = Core::new();
    for (offset, sent) in frames.iter().enumerate() {
        give(&mut core, &town, offset as u64, sent);
    }
    assert_eq!(give(&mut core, &town, 9, &old).0, REPLAY);
    // A boot that was not there yet when a frame of the oldest was taken shows that one to be over.
    let mut core = Core::new();
    for (offset, sent) in [0, 2, 1].map(|index| &frames[index]).into_iter().enumerate() {
        let (verdict, _) = give(&mut core, &town, offset as u64, sent);
        assert!(matches!(verdict, Verdict::Applied { .. }), "{sent:?}: {verdict:?}");
    }
    assert_eq!(give(&mut core, &town, 9, &old).0, REPLAY);
}
