//! What was typed.

mod dead;
mod lists;
mod rebuild;
mod serve;
mod setup;
mod transfer;

use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

mod search;

pub(crate) use search::{Search, Wanted};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use collector_sources::simulator::SimulatorConfig;
use serde_json::Value;

pub(crate) use dead::{DeadCommand, DeadDiscard, DeadList, DeadReplay, DeadShow, Letters};
pub(crate) use lists::{Export, Import, Lists, ListsCommand, ListsRemove, SheetChoice};
pub(crate) use rebuild::{Erase, Rebuild};
pub(crate) use serve::{Role, Schedules, SchedulesChange, SchedulesCommand, Serve};
pub(crate) use setup::{Completions, Init};
pub(crate) use transfer::Transfer;

use crate::config::parse_duration;
use crate::ids;

/// Discovers and fetches creators from several sources, and keeps them fresh.
#[derive(Debug, Parser)]
#[command(name = "collector", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 complete, 1 partial, 2 usage or configuration, 3 aborted, 4 parked, \
    130/143 second signal.\nTry it without an account: collector demo")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Print JSON on standard output instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How logs look on standard error
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
    /// Log more: -v what happens, -vv details, -vvv everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One line of text an event
    Text,
    /// One JSON object an event
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Collect: a job of the configuration, or what the options ask for
    Run(Run),
    /// Run jobs by their schedules, and work on whatever is open, until a signal
    ///
    /// Any number may serve on one store, on one machine or on many: each slot of a schedule is fired once. The first signal
    /// lets running calls end, the second ends it at once.
    Serve(Serve),
    /// Show the schedules of the store, or pause one
    Schedules(Schedules),
    /// Check the configuration and ask every part whether it works; writes nothing
    Check(ConfigFile),
    /// Make one call, or read a kept answer, and show where every value came from
    Try(Try),
    /// Look into the sources
    #[command(subcommand)]
    Sources(SourcesCommand),
    /// Show one creator: the merged view, or who said what and when
    Show(Show),
    /// Find creators: words, filters, ranges, orders, counts
    Search(Box<Search>),
    /// Show what the store holds, what is open, and what is wrong
    Status(StoreChoice),
    /// Read a list of creators from a file into the store; every row is accounted for
    Import(Import),
    /// Write creators to a file people open in a spreadsheet: whoever a search finds, a list, or everybody
    ///
    /// A search is written in its order. One --list and nothing else is everybody on it, in its order, also those who
    /// are not collected yet.
    Export(Box<Export>),
    /// Show the lists of the store, or remove one
    Lists(Lists),
    /// Look into what was given up, and mend or forget it
    #[command(subcommand)]
    Dead(DeadCommand),
    /// Move everything to the stores of another configuration: rows, pictures, and an index built there
    ///
    /// From a laptop to servers, or back. Killed anywhere, the same command goes on where it was.
    Transfer(Transfer),
    /// Make anew what follows from what is kept: the merged view from the answers, the index from the store
    ///
    /// Nobody is asked and nothing is bought. Killed anywhere, the same command goes on.
    Rebuild(Rebuild),
    /// Take one creator out of everything that is kept, and keep them out
    Erase(Erase),
    /// Write a configuration to begin with
    Init(Init),
    /// Print completions for a shell
    Completions(Completions),
    /// Collect from a made-up vendor on this machine; needs no account
    Demo(Demo),
    /// Serve a made-up vendor until a signal
    Simulate(Box<Simulate>),
    /// Show the configuration as it is understood
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every value and where it comes from; secrets are never shown
    Show(ConfigFile),
}

#[derive(Debug, Subcommand)]
pub(crate) enum SourcesCommand {
    /// List the types this command knows and what each needs, and the configured instances with what calls cost
    List(ConfigFile),
    /// Try a source that a file describes on the answers it brings with it, whole and spoilt; asks nobody
    Test(TestSource),
    /// Write a crate with a source of your own: the command, an adapter, recorded answers, a test against hostile vendors
    New(NewSource),
}

#[derive(Debug, Args)]
pub(crate) struct TestSource {
    /// The file, or the source's name in the configuration
    #[arg(value_name = "FILE|NAME")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
}

#[derive(Debug, Args)]
pub(crate) struct NewSource {
    /// What the source and the crate are called: small letters, digits, - and _
    pub(crate) name: String,
    /// The folder to make; by default one of that name
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Where the collector's sources lie; by default the checkout the command runs in
    #[arg(long, value_name = "DIR")]
    pub(crate) collector: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Try {
    /// The source's name in the configuration
    pub(crate) source: String,
    /// What to ask for: @handle, #hashtag, the platform's number, kind:value; with --kind the subject as it is
    #[arg(long, value_name = "KEY")]
    pub(crate) key: String,
    /// The kind of call; `collector sources list` names them
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// A parameter of the task; may be given several times
    #[arg(long = "param", value_name = "NAME=VALUE", requires = "kind")]
    pub(crate) params: Vec<String>,
    /// Read this file as the answer instead of asking; - reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigFile {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", default_value = "collector.toml", env = "COLLECTOR_CONFIG")]
    pub(crate) config: PathBuf,
}

/// Which store a reading command looks into.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreChoice {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// The store, instead of the configured one: sqlite:PATH
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The job's name in the configuration
    #[arg(required_unless_present_any = ["handles", "file", "list", "hashtags"], conflicts_with_all = ["handles", "file", "list", "hashtags"])]
    pub(crate) job: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreChoice,
    /// Fetch these creators
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = ids::handle)]
    pub(crate) handles: Vec<String>,
    /// Fetch the creators in this file, whatever `import` reads; - reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Fetch the creators on this list of the store
    #[arg(long, value_name = "NAME")]
    pub(crate) list: Option<String>,
    /// Find creators under this hashtag; may be given several times
    #[arg(long = "hashtag", value_name = "TAG", value_delimiter = ',', value_parser = ids::hashtag)]
    pub(crate) hashtags: Vec<String>,
    /// Read at most this many pages of each search
    #[arg(long, value_name = "N")]
    pub(crate) max_pages: Option<NonZeroU32>,
    /// Ask for at most this many creators
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<NonZeroUsize>,
    /// Spend at most this many units, whatever happens
    #[arg(long, value_name = "N")]
    pub(crate) max_units: Option<u64>,
    /// Show what would be asked and what it costs at most; write nothing and ask nobody
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// When an account is out of units, wait for its reset and go on
    #[arg(long, conflicts_with_all = ["max_units", "dry_run"])]
    pub(crate) wait: bool,
    /// Do not ask before something is spent: for scripts
    #[arg(long, env = "COLLECTOR_YES", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) yes: bool,
    /// Ask only this source; may be given several times
    #[arg(long = "source", value_name = "NAME", conflicts_with = "job")]
    pub(crate) sources: Vec<String>,
    /// Calls at once and account, instead of the configured number
    #[arg(long, value_name = "N")]
    pub(crate) in_flight: Option<NonZeroUsize>,
    /// How long an answer stands, such as 7d; 0s asks everything again
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) fresh_for: Option<Duration>,
    /// Write changes as JSON Lines to this file; - is standard output
    #[arg(long, value_name = "PATH")]
    pub(crate) jsonl: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The creator: @handle, the platform's number, a profile's link, or kind:value
    pub(crate) creator: String,
    #[command(flatten)]
    pub(crate) store: StoreChoice,
    /// Say for each field who said it and when
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// How many creators the made-up vendors have
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) creators: u32,
    /// Where results go: a SQLite file, pictures, a search index and JSON Lines
    #[arg(long, value_name = "DIR", default_value = "collector-demo")]
    pub(crate) dir: PathBuf,
    /// Keep everything at the servers of this configuration: its store, lock, pictures and index, under names of the
    /// demo's own
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Kill the collecting process once while it fetches, as a power cut would, and start it again
    #[arg(long)]
    pub(crate) crash: bool,
    /// Milliseconds the made-up vendors take for an answer
    #[arg(long, value_name = "MS", default_value_t = 20)]
    pub(crate) latency_ms: u64,
    /// Calls at once, of each vendor
    #[arg(long, value_name = "N", default_value = "32")]
    pub(crate) in_flight: NonZeroUsize,
    /// A vendor that is dead all along; can be given several times. When the others are done, the demo ends with what they
    /// know as soon as it has been silent for 5 seconds
    #[arg(long, value_name = "VENDOR", value_parser = ["ensembledata", "tiktok", "echotik", "web"])]
    pub(crate) dead: Vec<String>,
    /// Be the collecting process of a demo, for this job of its configuration
    #[arg(long, value_name = "JOB", hide = true)]
    pub(crate) collect: Option<String>,
}

fn span(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| format!("expected {}", crate::config::DURATION_FORM))
}

/// All knobs of the simulator, for its help.
fn knobs_help() -> String {
    let knobs = SimulatorConfig::KNOBS.iter().map(|(name, what)| format!("  {name}:{what}\n"));
    format!("Knobs:\n{}", knobs.collect::<String>())
}

#[derive(Debug, Args)]
#[command(after_long_help = knobs_help())]
pub(crate) struct Simulate {
    /// How many creators there are
    #[arg(long, value_name = "N")]
    creators: Option<u32>,
    /// What everything follows from: the same seed, the same population and the same failures
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many hashtags they share
    #[arg(long, value_name = "N")]
    hashtags: Option<u32>,
    /// The address to listen on
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    host: IpAddr,
    /// The port to listen on; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// The token clients must send, 15 to 17 characters
    #[arg(long, value_name = "TEXT")]
    token: Option<String>,
    /// Milliseconds an answer takes
    #[arg(long, value_name = "MS")]
    latency_ms: Option<u64>,
    /// Milliseconds by which that varies
    #[arg(long, value_name = "MS")]
    jitter_ms: Option<u64>,
    /// Calls per second before the answer is a 429
    #[arg(long, value_name = "RATE")]
    per_second: Option<f64>,
    /// Calls that may come at once after a pause
    #[arg(long, value_name = "N")]
    burst: Option<f64>,
    /// Share of calls that fail with a 500, 0 to 1
    #[arg(long, value_name = "RATE")]
    error_rate: Option<f64>,
    /// Share of answers that are cut in the middle, 0 to 1
    #[arg(long, value_name = "RATE")]
    truncate_rate: Option<f64>,
    /// Units a day before every answer is "used up"
    #[arg(long, value_name = "N")]
    units_per_day: Option<u64>,
    /// People who are renamed, handles that move, creators a vendor does not know, answers without ids, a vendor
    /// that is days behind
    #[arg(long)]
    pub(crate) effects: bool,
    /// Set any other knob; --help lists them all
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) knob: Vec<String>,
    /// End when standard input is closed: for programs that start a simulator and may crash
    #[arg(long, hide = true)]
    pub(crate) until_stdin_closes: bool,
}

impl Simulate {
    /// The simulator's knobs that have an option of their own; `None` leaves the simulator's default.
    pub(crate) fn knobs(&self) -> Vec<(&'static str, Option<Value>)> {
        vec![
            ("creators", self.creators.map(Value::from)),
            ("seed", self.seed.map(Value::from)),
            ("hashtags", self.hashtags.map(Value::from)),
            ("bind", Some(Value::from(SocketAddr::new(self.host, self.port).to_string()))),
            ("token", self.token.clone().map(Value::from)),
            ("latency_ms", self.latency_ms.map(Value::from)),
            ("jitter_ms", self.jitter_ms.map(Value::from)),
            ("per_second", self.per_second.map(Value::from)),
            ("burst", self.burst.map(Value::from)),
            ("error_rate", self.error_rate.map(Value::from)),
            ("truncate_rate", self.truncate_rate.map(Value::from)),
            ("units_per_day", self.units_per_day.map(Value::from)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
