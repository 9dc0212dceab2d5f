//! Dead letters.

use clap::{ArgGroup, Args, Subcommand};

use super::StoreChoice;

#[derive(Debug, Subcommand)]
pub(crate) enum DeadCommand {
    /// List what was given up, the newest first
    List(DeadList),
    /// Show one with its answer
    Show(DeadShow),
    /// Read the stored answers again; ask again only for what that does not mend
    Replay(DeadReplay),
    /// Forget them; the next run that wants the same asks again
    Discard(DeadDiscard),
}

#[derive(Debug, Args)]
pub(crate) struct DeadList {
    /// Only those of this source or sink
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) max: usize,
    #[command(flatten)]
    pub(crate) store: StoreChoice,
}

#[derive(Debug, Args)]
pub(crate) struct DeadShow {
    /// Its number
    pub(crate) id: u64,
    /// Print nothing but the answer's bytes
    #[arg(long, conflicts_with = "json")]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) store: StoreChoice,
}

/// Which letters.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(true).args(["ids", "all", "source"]))]
pub(crate) struct Letters {
    /// Their numbers
    #[arg(conflicts_with_all = ["all", "source"])]
    pub(crate) ids: Vec<u64>,
    /// All of them
    #[arg(long)]
    pub(crate) all: bool,
    /// Those of this source or sink
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DeadReplay {
    #[command(flatten)]
    pub(crate) letters: Letters,
    /// Only what the stored answers mend; ask nobody for these letters
    #[arg(long)]
    pub(crate) mend_only: bool,
    /// Do not ask before something is spent
    #[arg(long, env = "COLLECTOR_YES", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) store: StoreChoice,
}

#[derive(Debug, Args)]
pub(crate) struct DeadDiscard {
    #[command(flatten)]
    pub(crate) letters: Letters,
    #[command(flatten)]
    pub(crate) store: StoreChoice,
}
