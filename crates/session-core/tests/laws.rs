//! Laws that hold whatever comes in: nothing panics, revisions rise, no payment is lost, memory stays flat, a saved
//! state goes on as if it had never been saved.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use parking_types::{Amount, Direction, Instant, Plate, PlateReading, Span};
use proptest::{
    prelude::*,
    test_runner::{TestCaseResult, TestRunner},
};
use session_core::{
    Action, AlertKind, Core, GateCommand, Number, Place, Policy, PreviousState, Reading, ReadingKind, Target,
    Verb, Verdict,
};
use support::{
    actions::{act, action, payment},
    at,
    frames::{Sent, at_lane, blank, give, occupancy, sealed},
    id,
    last::Last,
    street::{CARS, Make, Plan, Weather, names, plans},
    town::Town,
};

fn holds<S: Strategy>(name: &'static str, cases: u32, inputs: S, law: impl Fn(S::Value) -> TestCaseResult) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    if let Err(error) = TestRunner::new(config).run(&inputs, law) {
        panic!("{name}: {error}");
    }
}

/// A street and a garage, whose devices are expected every ten minutes.
fn town() -> Town {
    let mut town = Town::street(Policy::default(), &[("B", &["m", "n"])]);
    let garage = Town::garage(Policy::default(), Some(2), false);
    town.lots.extend(garage.lots);
    town.lanes.extend(garage.lanes);
    town.devices.extend(garage.devices);
    for (_, period) in town.devices.values_mut() {
        *period = Some(Span::from_mins(10));
    }
    town
}

/// One thing that may come in.
#[derive(Clone, Debug)]
enum Input {
    Frame(Sent),
    Action(Box<Action>),
    Tick(Instant),
    Outage(Instant, Instant),
}

fn instants(wild: u32) -> impl Strategy<Value = Instant> {
    prop_oneof![
        30 => (0i64..200_000).prop_map(at),
        wild => Just(Instant::MIN),
        wild => Just(Instant::MAX),
        wild => Just(Instant::EPOCH - Span::from_secs(1)),
        wild => any::<i64>().prop_map(Instant::from_nanos),
    ]
}

fn places() -> impl Strategy<Value = Option<Place>> {
    prop::sample::select(vec![
        None,
        Some(Place::Berth { lot: id("L"), berth: id("B") }),
        Some(Place::Berth { lot: id("L"), berth: id("nowhere") }),
        Some(Place::Berth { lot: id("nowhere"), berth: id("B") }),
        Some(Place::Lane { lot: id("G"), lane: id("in") }),
        Some(Place::Lane { lot: id("G"), lane: id("out") }),
        Some(Place::Lane { lot: id("G"), lane: id("nowhere") }),
        Some(Place::Berth { lot: id("G"), berth: id("G-1") }),
        Some(Place::Lot { lot: id("G") }),
        Some(Place::Lot { lot: id("nowhere") }),
    ])
}

fn readings() -> impl Strategy<Value = Reading> {
    let kinds = prop::sample::select(vec![
        ReadingKind::Change,
        ReadingKind::State,
        ReadingKind::Contact,
        ReadingKind::Plate,
        ReadingKind::Gate,
        ReadingKind::Other,
    ]);
    let plates = prop::option::of(prop_oneof![
        1 => Just(PlateReading::Unplated),
        4 => (0usize..3, 0usize..2).prop_map(|(car, text)| PlateReading::Plate(Plate::parse(CARS[car][text]).unwrap())),
    ]);
    let previous =
        prop::option::of(
            (any::<u32>(), any::<u32>(), any::<bool>())
                .prop_map(|(minutes, error, overflow)| PreviousState { minutes, error, overflow }),
        );
    let ways = prop::option::of(prop::sample::select(vec![Direction::Entry, Direction::Exit]));
    let stated = (prop::option::of(any::<bool>()), previous, prop::option::of(any::<u8>()), any::<bool>());
    (places(), kinds, prop::option::of(instants(1)), plates, ways, stated, prop::option::of(0u64..9))
        .prop_map(
            |(
                place,
                kind,
                device_time,
                plate,
                direction,
                (occupied, previous, confidence, fault),
                record,
            )| {
                let base = blank(Place::Lot { lot: id("L") }, kind);
                sealed(Reading {
                    place,
                    device_time,
                    plate,
                    direction,
                    occupied,
                    previous,
                    confidence,
                    fault,
                    record,
                    ticket: confidence.filter(|c| *c > 200).map(|_| id("t-1")),
                    battery_pct: confidence,
                    rssi_dbm: confidence.map(|c| -i16::from(c)),
                    ..base
                })
            },
        )
}

fn numbers() -> impl Strategy<Value = Option<Number>> {
    let cyclic = (any::<u32>(), 0u32..3, 0u32..300, prop::option::of(0u64..3))
        .prop_map(|(value, first, last, run)| Number::Cyclic { value: value % 310, first, last, run });
    let boot = (prop_oneof![0u32..3, any::<u32>()], prop_oneof![0u32..9, any::<u32>()])
        .prop_map(|(boot, seq)| Number::Boot { boot, seq });
    prop::option::of(prop_oneof![3 => cyclic, 2 => boot])
}

fn frames() -> impl Strategy<Value = Sent> {
    let devices = prop::sample::select(vec!["m", "n", "c-in", "c-out", "stranger"]);
    let readings = prop::collection::vec(readings(), 0..4);
    let flags = (any::<bool>(), any::<bool>(), prop::option::of(instants(1)));
    (devices, instants(1), numbers(), readings, flags).prop_map(
        |(device, received_at, number, readings, (restart, offline, network_at))| Sent {
            device: id(device),
            received_at,
            number,
            restart,
            network_at,
            offline,
            readings,
        },
    )
}

fn verbs() -> impl Strategy<Value = Verb> {
    let plate = || Plate::parse(CARS[0][0]).ok();
    let moment = || prop::option::of(instants(1));
    prop_oneof![
        moment().prop_map(move |exit| Verb::Entry {
            plate: plate(),
            plate_color: None,
            vehicle: None,
            ticket: None,
            exit,
            lane: None
        }),
        Just(Verb::Exit),
        Just(Verb::Plate { plate: plate(), plate_color: None, vehicle: None }),
        (moment(), moment()).prop_map(|(entry, exit)| Verb::Times { entry, exit }),
        Just(Verb::Berth { berth: id("B") }),
        Just(Verb::Merge { sessions: vec![id("nobody")] }),
        Just(Verb::Void),
        Just(Verb::Restore),
        Just(Verb::Adjust { adjust: "[]".into() }),
        any::<i64>().prop_map(|micros| {
            let Verb::Payment(mut facts) = payment("p", at(0), Target::None, 1).verb else {
                return Verb::Exit;
            };
            facts.amount = Amount::from_micros(micros.saturating_abs());
            facts.payment = id(&format!("p{}", micros.rem_euclid(5)));
            Verb::Payment(facts)
        }),
        Just(Verb::PaymentReversed { payment: id("p1"), part: None }),
        Just(Verb::Evidence { images: vec![("00".into(), "entry".into())] }),
        prop::sample::select(vec![
            GateCommand::Open,
            GateCommand::Close,
            GateCommand::Hold,
            GateCommand::Lock,
            GateCommand::Normal
        ])
        .prop_map(|command| Verb::Gate { command }),
        Just(Verb::GroundLock { raise: true }),
        any::<u32>().prop_map(|open| Verb::Count { open }),
    ]
}

fn actions() -> impl Strategy<Value = Action> {
    let targets = prop::sample::select(vec![
        Target::None,
        Target::Session(id("nobody")),
        Target::Berth(id("B")),
        Target::Berth(id("nowhere")),
        Target::LotPlate(id("G"), Plate::parse(CARS[0][0]).unwrap()),
        Target::LotTicket(id("G"), id("t-1")),
        Target::Lane(id("out")),
        Target::Lane(id("nowhere")),
        Target::Lot(id("G")),
    ]);
    (0u32..40, instants(1), instants(1), targets, verbs()).prop_map(
        |(name, received_at, when, target, verb)| {
            action(&format!("a-{name}"), received_at, when, target, verb)
        },
    )
}

fn inputs() -> impl Strategy<Value = Input> {
    prop_oneof![
        8 => frames().prop_map(Input::Frame),
        3 => actions().prop_map(|action| Input::Action(Box::new(action))),
        1 => instants(1).prop_map(Input::Tick),
        1 => (instants(1), instants(1)).prop_map(|(now, from)| Input::Outage(now, from)),
    ]
}

fn feed(core: &mut Core, town: &Town, last: &mut Last, offset: u64, input: &Input) {
    match input {
        Input::Frame(sent) => last.add(give(core, town, offset, sent).1),
        Input::Action(action) => last.add(act(core, town, offset, action).1),
        Input::Tick(now) => core.apply_tick(*now, town),
        Input::Outage(now, from) => core.apply_outage(*now, *from, town),
    }
    last.add(core.take_effects().collect());
}

/// Whatever comes in: no panic, revisions rise, nothing is owed that is less than nothing.
#[test]
fn nothing_panics() {
    holds("nothing_panics", 400, prop::collection::vec(inputs(), 0..40), |inputs| {
        let (town, mut core, mut last) = (town(), Core::new(), Last::default());
        for (offset, input) in inputs.iter().enumerate() {
            feed(&mut core, &town, &mut last, offset as u64, input);
        }
        core.finish(&town);
        last.add(core.take_effects().collect());
        Ok(())
    });
}

/// A state that was saved and restored goes on as if nothing had happened, and saves to the same bytes.
#[test]
fn a_saved_state_goes_on() {
    let runs = (prop::collection::vec(inputs(), 1..40), any::<prop::sample::Index>());
    holds("a_saved_state_goes_on", 200, runs, |(inputs, stop)| {
        let (town, mut core, mut last) = (town(), Core::new(), Last::default());
        let mut other: Option<(Core, Last)> = None;
        for (offset, input) in inputs.iter().enumerate() {
            if offset == stop.index(inputs.len()) {
                let restored = Core::restore(&core.save());
                prop_assert!(restored.is_some(), "a saved state cannot be read");
                other = restored.map(|restored| (restored, last.clone()));
            }
            feed(&mut core, &town, &mut last, offset as u64, input);
            if let Some((core, last)) = &mut other {
                feed(core, &town, last, offset as u64, input);
            }
        }
        let Some((other, other_last)) = other else { return Ok(()) };
        prop_assert!(core.save() == other.save(), "the states differ");
        prop_assert_eq!(&last.sessions, &other_last.sessions);
        prop_assert_eq!(&last.charges, &other_last.charges);
        Ok(())
    });
}

/// Money that was taken stands in exactly one charge, whatever late frames do to the sessions.
#[test]
fn no_payment_is_lost() {
    let weather = Weather { loss: true, late: true, copies: true, ..Weather::default() };
    let paid = prop::collection::vec((0usize..40, 1i64..9, 0u8..3), 0..6);
    let makes: &[Make] = &[Make::Lora, Make::Gateway, Make::Native];
    holds("no_payment_is_lost", 300, (plans(makes, weather), paid), |(plan, paid)| {
        let town = Town::street(Policy::default(), &[("B", &["m"])]);
        let (mut core, mut last, mut applied) = (Core::new(), Last::default(), Amount::ZERO);
        for (offset, sent) in plan_frames(&plan).iter().enumerate() {
            last.add(give(&mut core, &town, offset as u64, sent).1);
            for (which, (_, yuan, target)) in
                paid.iter().enumerate().filter(|(_, (when, ..))| *when == offset)
            {
                let first = last.sessions.keys().next().map(|session| session.to_id());
                let target = match (target, first) {
                    (0, Some(session)) => Target::Session(session),
                    (1, _) => Target::Session(id("nobody")),
                    _ => Target::Berth(id("B")),
                };
                let (verdict, effects) = act(
                    &mut core,
                    &town,
                    0,
                    &payment(&format!("pay-{which}"), sent.received_at, target, *yuan),
                );
                last.add(effects);
                if matches!(verdict, Verdict::Applied { .. }) {
                    applied = applied.saturating_add(Amount::from_micros(yuan * 1_000_000));
                }
            }
        }
        core.finish(&town);
        last.add(core.take_effects().collect());
        let payments = last.charges.values().flat_map(|charge| &charge.payments);
        let kept = payments.fold(Amount::ZERO, |sum, payment| sum.saturating_add(payment.amount));
        prop_assert_eq!(kept, applied);
        Ok(())
    });
}

fn plan_frames(plan: &Plan) -> Vec<Sent> {
    let (device, berth) = names();
    plan.frames(device, berth)
}

/// A million copies of one frame: counted, and nothing else.
#[test]
fn a_million_copies() {
    let town = Town::street(Policy::default(), &[("B", &["m"])]);
    let (mut core, mut last) = (Core::new(), Last::default());
    let number = Number::Cyclic { value: 7, first: 0, last: 65_535, run: None };
    let sent = Sent::new(id("m"), at(100), Some(number), occupancy(id("B"), ReadingKind::Change, true, None));
    last.add(give(&mut core, &town, 0, &sent).1);
    let (size, effects) = (core.save().len(), last.effects);
    for copy in 0..1_000_000 {
        let (verdict, more) = give(&mut core, &town, copy, &sent);
        assert_eq!(verdict, Verdict::Duplicate);
        last.add(more);
    }
    assert_eq!(last.effects, effects);
    assert!(core.save().len() <= size + 64, "{} bytes after {size}", core.save().len());
}

/// Ten thousand cars at a lot of ten: ten are inside, the rest are refused, and no more is kept of them than needed.
#[test]
fn ten_thousand_cars_in_a_lot_of_ten() {
    let town = Town::garage(Policy::default(), Some(10), false);
    let (mut core, mut last) = (Core::new(), Last::default());
    for car in 0..10_000 {
        let now = at(100 + car * 5);
        let reading = at_lane(id("in"), &format!("粤B{car:05}"), 90, now);
        last.add(give(&mut core, &town, car as u64, &Sent::new(id("c-in"), now, None, reading)).1);
    }
    let open = last.sessions.values().filter(|record| record.exit.is_none()).count();
    assert_eq!(open, 10);
    assert!(last.alerts.values().any(|alert| alert.kind == AlertKind::Refused));
}
