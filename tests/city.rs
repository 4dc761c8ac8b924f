//! The simulated city of `examples/city`, in short: a few seeds, half a day each.

#[path = "../examples/city/check.rs"]
mod check;
#[path = "../examples/city/dice.rs"]
mod dice;
#[path = "../examples/city/run.rs"]
mod run;
#[path = "../examples/city/town.rs"]
mod town;

#[test]
fn half_a_day() {
    for seed in 1..=6 {
        let mut run = run::Run::new(seed, 12).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        while run.step().unwrap_or_else(|broken| panic!("seed {seed}: {broken}")).is_some() {}
        let counts = run.pipeline.counts();
        assert!(counts.duplicate > 0 && run.restored > 0, "seed {seed}: the city is too calm");
        assert!(run.check.sessions.len() > 50 && run.check.effects > 100, "seed {seed}: nothing came out");
        assert!(
            run.refused > 0 || !run.check.alerts.contains_key("refused"),
            "seed {seed}: refused for nothing"
        );
    }
}

/// The same city with sessions that leave memory says the same.
#[test]
fn half_a_day_with_sessions_that_leave() {
    for (seed, early) in [(1, true), (2, true), (3, false)] {
        let [stay, left] = [None, Some(early)].map(|early| {
            let mut run = run::Run::new(seed, 12).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
            early.into_iter().for_each(|early| run.forget(early));
            while run.step().unwrap_or_else(|broken| panic!("seed {seed}: {broken}")).is_some() {}
            run
        });
        assert!(stay.check.sessions == left.check.sessions, "seed {seed}: sessions");
        assert!(stay.check.charges == left.check.charges, "seed {seed}: charges");
        assert_eq!(
            (&stay.check.alerts, stay.check.effects),
            (&left.check.alerts, left.check.effects),
            "seed {seed}"
        );
        let in_memory = [&stay, &left].map(|run| run.pipeline.sessions_in_memory());
        assert!(!early || in_memory[1] < in_memory[0] / 2, "seed {seed}: {in_memory:?} sessions in memory");
    }
}

/// The checks see every fault that is planted, and stop the run for it.
#[test]
fn planted_faults_are_caught() {
    for fault in run::PLANTS {
        let mut run = run::Run::new(1, 12).unwrap_or_else(|broken| panic!("{fault}: {broken}"));
        run.plant = Some(fault.to_owned());
        let caught = loop {
            match run.step() {
                Ok(Some(_)) => {}
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        assert!(caught, "nobody has seen {fault}");
    }
}
