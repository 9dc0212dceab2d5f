//! Lists: into the store and out of it.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::StoreChoice;
use super::search::{LANGUAGE, Wanted};

/// How a sheet is read.
#[derive(Debug, Clone, Args)]
pub(crate) struct SheetChoice {
    /// The sheet of a workbook; the first visible one when absent
    #[arg(long, value_name = "NAME")]
    pub(crate) sheet: Option<String>,
    /// What a column holds: handle=B, uid=3, creator=Account; guessed when absent
    #[arg(long = "column", value_name = "ROLE=COLUMN")]
    pub(crate) columns: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file: XLSX, CSV, TSV, JSON Lines or plain text; - reads standard input
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) sheet: SheetChoice,
    /// The list's name in the store; the file's name when absent
    #[arg(long, value_name = "NAME")]
    pub(crate) list: Option<String>,
    /// Show what would be imported; write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) store: StoreChoice,
}

#[derive(Debug, Args)]
#[command(after_help = LANGUAGE)]
pub(crate) struct Export {
    /// Where to: a file that ends in .xlsx, .csv, .tsv or .jsonl
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Everybody in the store
    #[arg(long)]
    pub(crate) all: bool,
    /// The rows of this file, in its order and with its columns; ours to the right
    #[arg(long, value_name = "FILE", conflicts_with_all = ["all", "limit"])]
    pub(crate) like: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) sheet: SheetChoice,
    /// At most this many creators
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<NonZeroUsize>,
    /// Replace the file if it is there
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) store: StoreChoice,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Lists {
    #[command(subcommand)]
    pub(crate) command: Option<ListsCommand>,
    #[command(flatten)]
    pub(crate) store: StoreChoice,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ListsCommand {
    /// Forget a list; who is on it stays in the store
    Remove(ListsRemove),
}

#[derive(Debug, Args)]
pub(crate) struct ListsRemove {
    /// The list's name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) store: StoreChoice,
}
