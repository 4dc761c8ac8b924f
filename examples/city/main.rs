//! A city that knows the truth, and the pipeline that hears of it through devices and networks that lose, repeat and
//! delay. After every step it is checked that no driver pays for more than a true stay, that no payment is lost, that
//! who has paid gets out, and that a restored state goes on as the one that was saved.
//!
//! `cargo run --release --example city -- --seed 7 --hours 24`
//!
//! `--leave ended` or `--leave settled`: sessions leave memory when they have ended, or when frames can no longer change them.
//! `--trace L2-6` prints what a plate or berth was told and said; `--plant payment_lost` plants a fault that must be caught.

mod check;
mod dice;
mod run;
mod town;

use std::io::{IsTerminal, Write};

fn main() {
    let (seed, hours) = (option("--seed").unwrap_or(7), option("--hours").unwrap_or(24));
    println!("seed {seed}, {hours} hours");
    if let Err(broken) = simulate(seed, hours as i64) {
        eprintln!("\nseed {seed}: {broken}");
        std::process::exit(1);
    }
}

fn simulate(seed: u64, hours: i64) -> Result<(), check::Broken> {
    let mut run = run::Run::new(seed, hours)?;
    run.trace = word("--trace");
    run.plant = word("--plant");
    match word("--leave").as_deref() {
        Some("ended") => run.forget(true),
        Some("settled") => run.forget(false),
        _ => {}
    }
    if run.plant.as_deref().is_some_and(|fault| !run::PLANTS.contains(&fault)) {
        return Err(format!("no such fault; there are {}", run::PLANTS.join(", ")));
    }
    let mut shown = -1;
    while let Some(now) = run.step()? {
        let percent = now * 100 / (hours * 3_600);
        if percent != shown && std::io::stderr().is_terminal() {
            shown = percent;
            let done = (percent / 4).clamp(0, 25) as usize;
            eprint!("\r[{:25}] {percent:3} %", "#".repeat(done));
            let _ = std::io::stderr().flush();
        }
    }
    eprintln!();
    summary(&run);
    Ok(())
}

fn summary(run: &run::Run) {
    let counts = run.pipeline.counts();
    let stays: usize = run.town.truth.values().map(Vec::len).sum();
    println!("true stays on the street {stays:>8}");
    println!("frames                   {:>8}", counts.frames());
    println!("  applied                {:>8}", counts.applied);
    println!("  seen before            {:>8}", counts.duplicate);
    println!("  dead letters           {:>8}", counts.dead_letters);
    println!("sessions                 {:>8}", run.check.sessions.len());
    println!("charges                  {:>8}", run.check.charges.len());
    let kept = run.check.kept().unwrap_or_default();
    let money: i64 = kept.values().map(|amount| amount.as_micros()).sum();
    println!("sessions in memory       {:>8}", run.pipeline.sessions_in_memory());
    println!("money received           {:>8}", money / 1_000_000);
    println!("refused at the garage    {:>8}", run.refused);
    println!("stopped and restored     {:>8}", run.restored);
    for (kind, count) in &run.check.alerts {
        println!("alert {kind:19}{count:>8}");
    }
}

fn option(name: &str) -> Option<u64> {
    word(name).and_then(|value| value.parse().ok())
}

fn word(name: &str) -> Option<String> {
    std::env::args().skip_while(|arg| arg != name).nth(1)
}
