//! Generated traffic of a garage with an entry lane `in` and an exit lane `out`.

use parking_types::{Direction, Span};
use proptest::prelude::*;

use super::{
    at,
    frames::{Sent, at_lane, going},
    id,
    street::CARS,
};

/// One car at one lane.
#[derive(Clone, Debug)]
pub struct Pass {
    /// Seconds after the last read of the car before.
    pub gap: i64,
    pub car: usize,
    pub leaves: bool,
    /// The camera takes one character for another.
    pub misread: bool,
    pub confidence: u8,
    /// Further reads, so many seconds after the one before.
    pub again: Vec<i64>,
    /// It rolls back after so many seconds.
    pub back: Option<i64>,
    /// The network: so many seconds late, twice.
    pub late: i64,
    pub twice: bool,
}

/// What a test wants of the traffic.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    pub misreads: bool,
    pub reversals: bool,
}

pub fn passes(traffic: Traffic) -> impl Strategy<Value = Vec<Pass>> {
    let pass = (
        11i64..2_000,
        0usize..4,
        any::<bool>(),
        0u8..4,
        50u8..100,
        prop::collection::vec(1i64..580, 0..3),
        prop::option::weighted(0.15, 1i64..119),
        prop_oneof![3 => Just(0i64), 1 => 1i64..5_000],
        any::<bool>(),
    )
        .prop_map(move |(gap, car, leaves, misread, confidence, again, back, late, twice)| Pass {
            gap: if back.is_some() && traffic.reversals { gap.max(601) } else { gap },
            car,
            leaves,
            misread: traffic.misreads && leaves && misread == 0,
            confidence,
            // Whether two minutes count from the first or the last read of a visit is left open.
            again: if back.is_some() && traffic.reversals { Vec::new() } else { again },
            back: back.filter(|_| traffic.reversals),
            late,
            twice,
        });
    prop::collection::vec(pass, 0..14)
}

/// What arrives, in the order of `received_at`.
pub fn frames(passes: &[Pass]) -> Vec<Sent> {
    let mut out = Vec::new();
    let mut now = 0;
    for pass in passes {
        now += pass.gap;
        let (lane, camera, back) =
            if pass.leaves { ("out", "c-out", Direction::Entry) } else { ("in", "c-in", Direction::Exit) };
        let text = CARS[pass.car][usize::from(pass.misread)];
        let mut send = |when: i64, direction: Option<Direction>| {
            let mut reading = at_lane(id(lane), text, pass.confidence, at(when));
            if let Some(direction) = direction {
                reading = going(reading, direction);
            }
            let received = at(when + pass.late) + Span::from_millis(out.len() as i64);
            let sent = Sent::new(id(camera), received, None, reading);
            if pass.twice {
                out.push(sent.clone().received(received + Span::from_secs(30)));
            }
            out.push(sent);
        };
        send(now, None);
        for again in &pass.again {
            now += again;
            send(now, None);
        }
        if let Some(later) = pass.back {
            now += later;
            send(now, Some(back));
        }
    }
    out.sort_by_key(|sent| sent.received_at);
    out
}
