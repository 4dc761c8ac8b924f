//! The command line: JSON lines to stdout, text for people to stderr, and an exit code that means something.

mod backtest;
mod backup;
mod calendar;
mod check;
mod curve;
mod curve_svg;
mod decode;
mod doctor;
mod explain;
mod export;
mod frames;
mod http;
mod init;
mod input;
mod lint;
mod load;
mod options;
mod output;
mod protocols;
mod quote;
mod receipts;
mod replay;
mod reprocess;
mod serve;
mod sim_usage;
mod tail;
mod tenants;
mod verify;

use std::{fmt, process::ExitCode};

use clap::{Parser, Subcommand};

const ABOUT: &str = "Parking devices' frames in; sessions, exact charges and gate commands out";

const LONG_ABOUT: &str = "\
Parking devices' frames in; sessions, exact charges and gate commands out.

Every command reads files or stdin, writes JSON lines to stdout and text for people to stderr.
Exit codes: 0 all well, 1 some input was bad, 2 the command could not run.";

const EXAMPLES: &str = "\
First steps:
  parkline replay --site examples/data/site/mall.json examples/data/frames/mall.jsonl
      run a recording through the whole pipeline and see sessions, receipts and revenue
  echo 01 | parkline decode --protocol bosch-tps110 --fport 1
      what one frame of a device says
  parkline quote --tariff tariff.json stays.jsonl
      what stays cost, line by line
  parkline lint tariff.json
      what is odd about a tariff, with stays that show it
  parkline serve
      the server; in an empty folder it writes a commented config file and an example site first

`parkline COMMAND --help` has every option with examples.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "parkline", version, about = ABOUT, long_about = LONG_ABOUT, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run recorded frames through the whole pipeline and write what comes out
    Replay(replay::Args),
    /// Read frames and print what they say, one reading a line
    Decode(decode::Args),
    /// Print frames byte by byte: offset, field, value, meaning
    Explain(explain::Args),
    /// List the protocols that are built in, what they say and what they can be told
    Protocols,
    /// Price stays by a tariff and print receipts
    Quote(quote::Args),
    /// Print what stays cost for every exit: each instant at which the price changes
    Curve(curve::Args),
    /// Merge calendars
    Calendar(calendar::Args),
    /// Price recorded stays by an old and a new tariff and tell what changes
    Backtest(backtest::Args),
    /// Find what is odd about tariffs and calendars, with stays that show it
    Lint(lint::Args),
    /// Run the server: listeners, durable log, workers, HTTP API
    Serve(serve::Args),
    /// Write a commented config file and an example site
    Init(init::Args),
    /// Look whether settings, site and secrets can be used, without starting anything
    Check(check::Args),
    /// Copy the data folder while the server runs; only what has grown
    Backup(backup::Args),
    /// Make a data folder out of a backup, and say what was not shipped
    Restore(backup::RestoreArgs),
    /// Print stored frames, out of the data folder and the archive
    Export(export::Args),
    /// Follow what the server publishes
    Tail(tail::Args),
    /// Look at settings, clock, disk, log, addresses, brokers and devices, and say what to do
    Doctor(doctor::Args),
    /// Run a data folder's log again, with this release or another tariff, and say which charges differ
    Verify(verify::Args),
    /// Run a log again into a fresh folder and report what differs of a span's sessions and charges
    Reprocess(reprocess::Args),
    /// Take a carrier's list of how much data SIM cards have used into a running server
    SimUsage(sim_usage::Args),
    /// Simulate devices against a server and measure what it takes and how long it takes
    Load(load::Args),
}

/// How a command that could run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// All well.
    Well,
    /// Some input was bad; it was said where.
    SomeBad,
    /// It could not run, and said why.
    CouldNotRun,
}

impl Ended {
    fn some_bad(bad: bool) -> Self {
        if bad { Self::SomeBad } else { Self::Well }
    }
}

/// Why a command could not run, in words for people.
#[derive(Debug)]
struct CannotRun(String);

impl CannotRun {
    fn new(why: impl fmt::Display) -> Self {
        Self(why.to_string())
    }
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Replay(args) => replay::run(&args),
        Command::Decode(args) => decode::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Protocols => protocols::run(),
        Command::Quote(args) => quote::run(&args),
        Command::Curve(args) => curve::run(&args),
        Command::Calendar(args) => calendar::run(&args),
        Command::Backtest(args) => backtest::run(&args),
        Command::Lint(args) => lint::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Export(args) => export::run(&args),
        Command::Tail(args) => tail::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Reprocess(args) => reprocess::run(&args),
        Command::SimUsage(args) => sim_usage::run(&args),
        Command::Load(args) => load::run(&args),
    };
    match done {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::SomeBad) => ExitCode::from(1),
        Ok(Ended::CouldNotRun) => ExitCode::from(2),
        // Whoever read our output has seen enough.
        Err(CannotRun(why)) if why == output::NOBODY_READS => ExitCode::SUCCESS,
        Err(CannotRun(why)) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
