//! The command as a whole: parse, set up logging, run, map the result to an exit code.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use collector_core::clock::{Clock, SystemClock};
use tokio_util::sync::CancellationToken;

use crate::args::Cli;
use crate::commands::{self, Session};
use crate::exit::Exit;
use crate::failure::Result;
use crate::output::Output;
use crate::registry::{Registry, SourceFactory};
use crate::{logging, signals, sources};

/// The command, with the sources it knows.
#[derive(Debug)]
pub struct App {
    registry: Registry,
    clock: Arc<dyn Clock>,
}

impl Default for App {
    fn default() -> Self {
        Self::new()
    }
}

impl App {
    /// Knows every source of this workspace.
    pub fn new() -> Self {
        Self { registry: sources::builtin(), clock: Arc::new(SystemClock) }
    }

    /// Knows one more type of source, called `kind` in the configuration.
    #[must_use]
    pub fn source<F: SourceFactory>(mut self, kind: impl Into<String>) -> Self {
        self.registry = self.registry.with::<F>(kind);
        self
    }

    /// Goes by another clock than the machine's: for simulations that do not wait for the night.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Runs the command with the process's arguments, environment, streams and signals.
    pub fn run(self) -> ExitCode {
        self.run_with(std::env::args_os()).into()
    }

    /// Runs the command with these arguments, the first one being its name.
    pub fn run_with(self, args: impl IntoIterator<Item = OsString>) -> Exit {
        let cli = match Cli::try_parse_from(args) {
            Ok(cli) => cli,
            Err(error) => return print_usage(&error),
        };
        let output = Output::new(cli.common.json);
        logging::init(&cli.common, &output);
        let result = self.start(cli, &output);
        result.unwrap_or_else(|failure| output.failure(&failure))
    }

    fn start(self, cli: Cli, output: &Output) -> Result<Exit> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime
            .map_err(|error| crate::Failure::aborted(format!("cannot start the worker threads: {error}")))?;
        let session = Session {
            registry: self.registry,
            clock: self.clock,
            output: output.clone(),
            stop: CancellationToken::new(),
        };
        let result = runtime.block_on(session.execute_until_signalled(cli.command));
        // A thread that waits for standard input would keep a runtime that is dropped waiting, too.
        runtime.shutdown_background();
        result
    }
}

impl Session {
    /// The first signal asks the command to end; the second ends it where it stands.
    async fn execute_until_signalled(self, command: crate::args::Command) -> Result<Exit> {
        let (stop, output) = (self.stop.clone(), self.output.clone());
        tokio::select! {
            biased;
            signal = signals::second(stop, output) => Ok(Exit::Signalled(signal?)),
            result = Box::pin(commands::execute(self, command)) => result,
        }
    }
}

/// Prints help and versions to standard output, usage errors to standard error.
fn print_usage(error: &clap::Error) -> Exit {
    // A pipe that was closed early is no reason to complain.
    drop(error.print());
    if error.use_stderr() { Exit::Usage } else { Exit::Complete }
}
