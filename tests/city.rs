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
