//! What `serve` and `schedules` take.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::{ConfigFile, StoreChoice, span};

/// What a serving process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Works on open tasks and delivers to the sinks
    Worker,
    /// Begins the runs of jobs that have a schedule
    Scheduler,
    /// Answers /livez and /readyz
    Admin,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// What this process does; all of it by default
    #[arg(long, value_name = "ROLES", value_delimiter = ',', value_enum, default_values_t = [Role::Worker, Role::Scheduler, Role::Admin])]
    pub(crate) roles: Vec<Role>,
    /// How long running calls may take to end after the first signal, instead of the configured time
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) drain: Option<Duration>,
    /// Where the admin listener is; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9464")]
    pub(crate) admin: SocketAddr,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Schedules {
    #[command(subcommand)]
    pub(crate) command: Option<SchedulesCommand>,
    #[command(flatten)]
    pub(crate) store: StoreChoice,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchedulesCommand {
    /// Fire no slots of a schedule until it is resumed; what runs goes on
    Pause(SchedulesChange),
    /// Fire its slots again
    Resume(SchedulesChange),
}

#[derive(Debug, Args)]
pub(crate) struct SchedulesChange {
    /// The schedule: the job's name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) store: StoreChoice,
}
