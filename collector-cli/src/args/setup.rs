//! Beginning: a configuration, and completions for the shell.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where the configuration goes; never replaced
    #[arg(short, long, value_name = "FILE", default_value = "collector.toml", env = "COLLECTOR_CONFIG")]
    pub(crate) config: PathBuf,
    /// Ask nothing: write what the answers would be by default
    #[arg(long, env = "COLLECTOR_YES", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}
