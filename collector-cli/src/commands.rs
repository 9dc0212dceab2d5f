//! One file per command, and what they share.

mod check;
mod completions;
mod config;
mod consent;
mod dead;
mod deliver;
mod demo;
mod erase;
mod export;
mod files;
mod idle;
mod import;
mod init;
mod lists;
mod rebuild;
mod run;
mod schedules;
mod search;
mod serve;
mod show;
mod simulate;
mod sources;
mod status;
mod transfer;
mod try_source;

use std::path::Path;
use std::sync::Arc;

use collector_core::clock::Clock;
use tokio_util::sync::CancellationToken;

use crate::args::{Command, ConfigCommand, ConfigFile, SourcesCommand, StoreChoice};
use crate::config::{Config, Environment, StorePlace};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::registry::Registry;

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Session {
    /// The source types that are known.
    pub(crate) registry: Registry,
    /// What time it is.
    pub(crate) clock: Arc<dyn Clock>,
    /// Where it writes.
    pub(crate) output: Output,
    /// Fires at the first signal.
    pub(crate) stop: CancellationToken,
}

/// Runs a command.
pub(crate) async fn execute(session: Session, command: Command) -> Result<Exit> {
    match command {
        Command::Run(args) => run::execute(&session, args).await,
        Command::Serve(args) => serve::execute(&session, &args).await,
        Command::Schedules(args) => schedules::execute(&session, &args).await,
        Command::Try(args) => try_source::execute(&session, &args).await,
        Command::Sources(SourcesCommand::List(file)) => sources::list(&session, &file),
        Command::Sources(SourcesCommand::Test(args)) => sources::test(&session, &args),
        Command::Sources(SourcesCommand::New(args)) => sources::new(&session, &args),
        Command::Show(args) => show::execute(&session, &args).await,
        Command::Search(args) => search::execute(&session, &args).await,
        Command::Status(choice) => status::execute(&session, &choice).await,
        Command::Demo(args) => demo::execute(&session, args).await,
        Command::Check(file) => check::execute(&session, &file).await,
        Command::Simulate(args) => simulate::execute(&session, *args).await,
        Command::Import(args) => import::execute(&session, &args).await,
        Command::Export(args) => export::execute(&session, &args).await,
        Command::Lists(args) => lists::execute(&session, &args).await,
        Command::Dead(command) => dead::execute(&session, command).await,
        Command::Transfer(args) => transfer::execute(&session, &args).await,
        Command::Rebuild(args) => rebuild::execute(&session, &args).await,
        Command::Erase(args) => erase::execute(&session, &args).await,
        Command::Init(args) => init::execute(&session, &args).await,
        Command::Completions(args) => completions::execute(&args),
        Command::Config(ConfigCommand::Show(file)) => config::execute(&session, &file),
    }
}

impl Session {
    /// Reads the configuration with its secrets; says on standard error what is allowed and unwise in it.
    fn config(&self, file: &ConfigFile) -> Result<Config> {
        let env = |name: &str| std::env::var(name).ok();
        let config = self.read_config(&file.config, Some(&env))?;
        for warning in &config.warnings {
            self.output.note(&format!("warning: {warning}"));
        }
        Ok(config)
    }

    /// Reads the configuration of a command that looks into the stores and asks no vendor.
    fn places(&self, file: &ConfigFile) -> Result<Config> {
        let env = |name: &str| std::env::var(name).ok();
        Ok(Config::parse_places(&file.config, &read_text(&file.config)?, &self.registry, &env)?)
    }

    /// Reads the configuration; without an environment its secrets are left alone.
    fn read_config(&self, path: &Path, env: Option<Environment<'_>>) -> Result<Config> {
        self.parse_config(path, &read_text(path)?, env)
    }

    fn parse_config(&self, path: &Path, text: &str, env: Option<Environment<'_>>) -> Result<Config> {
        Ok(Config::parse(path, text, &self.registry, env)?)
    }

    /// The store a reading command looks into; a configuration is only needed when it is not named.
    fn store(&self, choice: &StoreChoice) -> Result<StorePlace> {
        let here = Path::new("");
        match &choice.store {
            Some(url) => {
                StorePlace::parse(here, url).map_err(|wrong| Failure::usage(format!("--store: {wrong}")))
            }
            None => Ok(self.places(&choice.file)?.store),
        }
    }
}

/// The text of a configuration.
fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("cannot read the configuration {}: {error}", path.display())).advise(
            "make one with `collector init`, or name it with --config FILE; `collector demo` needs none",
        )
    })
}
