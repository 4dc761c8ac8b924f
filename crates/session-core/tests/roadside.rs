//! The machine against the naive model on generated streets, in order and out of order, and fairness under loss.

mod naive;
mod support;

use proptest::prelude::*;
use session_core::Policy;
use support::{
    frames::Sent,
    last::{Last, Stay},
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

const CALM: Weather = Weather { loss: false, late: false, copies: false, skips: false, restarts: false };

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_calm_street(plan in plans(ALL, CALM)) {
        let frames = frames(&plan);
        prop_assert_eq!(machine(&Policy::default(), &frames), model(&Policy::default(), &frames));
    }

    #[test]
    fn lost_frames(plan in plans(ALL, Weather { loss: true, ..CALM })) {
        let frames = frames(&plan);
        prop_assert_eq!(machine(&Policy::default(), &frames), model(&Policy::default(), &frames));
    }

    #[test]
    fn wraps_and_restarts(plan in plans(NUMBERED, Weather { loss: true, skips: true, restarts: true, ..CALM })) {
        let frames = frames(&plan);
        prop_assert_eq!(machine(&Policy::default(), &frames), model(&Policy::default(), &frames));
    }

    #[test]
    fn late_and_repeated(plan in plans(ALL, Weather { loss: true, late: true, copies: true, ..CALM })) {
        let frames = frames(&plan);
        prop_assert_eq!(machine(&Policy::default(), &frames), model(&Policy::default(), &frames));
    }

    #[test]
    fn any_order(
        plan in plans(ALL, Weather { loss: true, late: true, copies: true, ..CALM }),
        keys in prop::collection::vec(0u32..99, 60),
    ) {
        let frames = frames(&plan);
        let shuffled = shuffled(&frames, &keys);
        prop_assert_eq!(machine(&Policy::default(), &shuffled), machine(&Policy::default(), &frames));
    }

    #[test]
    fn fair_under_any_loss(plan in plans(NUMBERED, Weather { loss: true, skips: true, restarts: true, ..CALM })) {
        let plan = Plan { offset: 0, ..plan };
        let truth = plan.truth();
        for stay in machine(&Policy::default(), &frames(&plan)) {
            let Some(entry) = stay.entry else { continue };
            let inside = truth.iter().any(|(from, to)| {
                let exit = stay.exit.map_or(entry.at, |exit| exit.at);
                support::at(*from) <= entry.at && exit <= support::at(*to) + parking_types::Span::from_secs(1)
            });
            prop_assert!(inside || stay.state == "void", "{stay:?} lies in no true stay of {truth:?}");
        }
    }
}
