//! Moving everything to other stores.

use std::path::PathBuf;

use clap::Args;

use super::ConfigFile;

#[derive(Debug, Args)]
pub(crate) struct Transfer {
    /// The configuration whose stores everything goes to; its [store] must be empty
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Do not ask before anything is copied: for scripts
    #[arg(long, env = "COLLECTOR_YES", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) yes: bool,
}
