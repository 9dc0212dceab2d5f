//! The real command on the simulator's clock. A binary of its own, so that the benchmarks, which measure their own memory,
//! do not carry everything the command can do.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use collector_cli::App;

use super::clock::SharedClock;
use super::{Failure, fail};

#[derive(Debug, Parser)]
#[command(name = "clocked", about = "Runs the collector's command line on the clock of a simulator")]
struct Args {
    /// The simulator's address.
    #[arg(long)]
    url: String,
    /// The store in which is looked who is parked.
    #[arg(long)]
    store: PathBuf,
    /// Where that is written, a line for each account and wait.
    #[arg(long)]
    parked: PathBuf,
    /// The command line.
    #[arg(last = true)]
    command: Vec<OsString>,
}

/// Runs it; the exit code is the command's.
pub fn main() -> ExitCode {
    run(Args::parse()).unwrap_or_else(|error| fail(&error))
}

fn run(args: Args) -> Result<ExitCode, Failure> {
    let clock = SharedClock::new(&args.url)?.noting_parked(args.store, args.parked);
    Ok(App::new().clock(Arc::new(clock)).run_with(args.command).into())
}
