//! `collector completions`: what a shell needs to complete the command.

use std::io::Write;

use clap::CommandFactory;

use crate::args::{Cli, Completions};
use crate::exit::Exit;
use crate::failure::{Failure, Result};

pub(super) fn execute(args: &Completions) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "collector", &mut script);
    match std::io::stdout().lock().write_all(&script) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::aborted(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(Exit::Complete),
    }
}
