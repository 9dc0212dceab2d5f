//! Making anew what follows from kept answers, and taking somebody out.

use clap::{ArgGroup, Args};

use super::ConfigFile;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["parse", "search"]))]
pub(crate) struct Rebuild {
    /// Read every kept answer again by today's mappings, merge again, and give the sinks what changed
    #[arg(long)]
    pub(crate) parse: bool,
    /// Make the search index anew from the store, beside the old one, and swap it in at the end
    #[arg(long)]
    pub(crate) search: bool,
    /// Read again only the answers of this source
    #[arg(long, value_name = "NAME", requires = "parse")]
    pub(crate) source: Option<String>,
    /// Begin anew instead of going on where an earlier attempt ended
    #[arg(long, requires = "parse")]
    pub(crate) afresh: bool,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
}

#[derive(Debug, Args)]
pub(crate) struct Erase {
    /// Who: @handle, the platform's number, its second key, kind:value
    pub(crate) creator: String,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Do not ask before anything is erased: for scripts
    #[arg(long, env = "COLLECTOR_YES", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) yes: bool,
}
