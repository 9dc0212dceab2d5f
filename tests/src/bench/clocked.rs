//! What runs on the simulator's clock, in processes of their own: the real command, and day after day. A binary of its own,
//! so that the benchmarks, which measure their own memory, do not carry everything the command can do.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use collector_cli::App;

use super::clock::SharedClock;
use super::{Failure, days, fail, print, runtime};

#[derive(Debug, Parser)]
#[command(name = "clocked", about = "Runs the collector on the clock of a simulator")]
enum Clocked {
    /// The collector's command line.
    Command(Command),
    /// Day after day, through the library.
    Days(days::ChildArgs),
}

#[derive(Debug, clap::Args)]
struct Command {
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
    line: Vec<OsString>,
}

/// Runs it; the exit code is the command's.
pub fn main() -> ExitCode {
    let outcome = match Clocked::parse() {
        Clocked::Command(command) => run(command),
        Clocked::Days(args) => days(&args),
    };
    outcome.unwrap_or_else(|error| fail(&error))
}

/// The command makes its own runtime.
fn run(command: Command) -> Result<ExitCode, Failure> {
    let clock = SharedClock::new(&command.url)?.noting_parked(command.store, command.parked);
    Ok(App::new().clock(Arc::new(clock)).run_with(command.line).into())
}

fn days(args: &days::ChildArgs) -> Result<ExitCode, Failure> {
    print(&runtime()?.block_on(days::child(args))?, true);
    Ok(ExitCode::SUCCESS)
}
