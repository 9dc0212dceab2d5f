//! The benchmarks.
//!
//! Each starts the simulator in a process of its own, measures the collector in another, counts in the stores and at
//! the simulator (never in the engine), and measures the floor in the same run: a bare client loop that does nothing
//! but read the same answers.

mod batch;
mod budget;
mod clock;
pub mod clocked;
pub mod collect;
mod crash;
mod days;
mod dead;
mod dead_vendor;
mod detail;
mod drain;
mod erase;
mod floor;
mod freshness;
mod images;
mod list;
mod outage;
mod process;
mod quota;
mod rate_limit;
mod reading;
mod rebuild;
mod replicas;
mod rerun;
mod roster;
mod schedule;
mod servers;
mod stale;
mod stores;
mod transfer;
mod workers;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use serde_json::{Map, Value};

/// What benchmarks fail with: a sentence.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
#[command(name = "bench", about = "Measures the collector against a simulator and a bare client loop")]
struct Args {
    #[command(subcommand)]
    workload: Workload,
    /// Print one JSON object.
    #[arg(long, global = true)]
    json: bool,
    /// Keep the files of the run in this folder instead of a temporary one.
    #[arg(long, global = true)]
    dir: Option<PathBuf>,
}

/// Where the engine keeps its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    /// In memory.
    Memory,
    /// In one SQLite file.
    Sqlite,
}

/// Where records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SinkKind {
    /// A change log in JSON Lines.
    Jsonl,
}

/// Who reads the plain list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListSource {
    /// A source written for it.
    Roster,
    /// A file that describes it: `examples/configs/sources/roster.toml`.
    Declarative,
}

impl ListSource {
    fn name(self) -> &'static str {
        match self {
            Self::Roster => "roster",
            Self::Declarative => "declarative",
        }
    }
}

#[derive(Debug, Subcommand)]
enum Workload {
    /// Profiles, one call each.
    Detail(detail::Args),
    /// Whole creators, page by page.
    List(list::Args),
    /// A vendor that allows so many calls a second.
    RateLimit(rate_limit::Args),
    /// The real binary, killed again and again.
    Crash(crash::Args),
    /// The same again: inside the window, and after it with unchanged answers.
    Rerun(rerun::Args),
    /// Posts by id, a hundred a call.
    Batch(batch::Args),
    /// Pictures, a share of them behind links that have ended.
    Images(images::Args),
    /// From a record's commit to its being searchable, and the same while the image host hangs.
    Freshness(freshness::Args),
    /// Several processes of the real binary on shared servers, killed again and again.
    Workers(workers::Args),
    /// Several processes of the real binary that spend from one account.
    Budget(budget::Args),
    /// A worker stands still past its ttl and comes back; renewals of leases are cut.
    Stale(stale::Args),
    /// A server is away in the middle of a run, or for all of it.
    Outage(outage::Args),
    /// Everything moved from a file to servers and back, killed on the way.
    Transfer(transfer::Args),
    /// One vendor is dead all along: the others' time beside it, and alone.
    DeadVendor(dead_vendor::Args),
    /// A page of the plain list, read by a file that describes it and by code written for it.
    Reading(reading::Args),
    /// More creators than a day's units: the real command waits for each reset, on a clock it shares with the vendor.
    Quota(quota::Args),
    /// Many simulated days: what is kept does not grow, on disk or in memory.
    Days(days::Args),
    /// Broken answers, named; then a replay that buys only them.
    Dead(dead::Args),
    /// Somebody taken out of everything, and looked for everywhere.
    Erase(erase::Args),
    /// The index made anew while it is asked.
    Rebuild(rebuild::Args),
    /// Replicas that start and stop around every change of the clocks of twelve zones, in virtual time.
    Schedule(schedule::Args),
    /// Serving replicas on shared servers, one killed in the time of each slot.
    Replicas(replicas::Args),
    /// A serving process that is told to stop while slow calls are under way.
    Drain(drain::Args),
    /// The simulator, in a process of its own.
    #[command(hide = true)]
    Simulator {
        /// Its knobs, as JSON.
        knobs: String,
    },
    /// A bare client loop, in a process of its own.
    #[command(hide = true)]
    Floor(floor::Args),
    /// One run of `dead-vendor`, in a process of its own.
    #[command(hide = true)]
    DeadVendorChild(dead_vendor::ChildArgs),
    /// Pictures in one way, in a process of its own.
    #[command(hide = true)]
    Pictures(images::ChildArgs),
}

/// Parses the command line and runs the benchmark.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let dir = match args.dir.map_or_else(process::scratch, process::Scratch::given) {
        Ok(dir) => dir,
        Err(error) => return fail(&error),
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let outcome = runtime.block_on(async {
        match &args.workload {
            Workload::Detail(args) => detail::run(args, dir.path()).await,
            Workload::List(args) => list::run(args, dir.path()).await,
            Workload::RateLimit(args) => rate_limit::run(args, dir.path()).await,
            Workload::Crash(args) => crash::run(args, dir.path()).await,
            Workload::Rerun(args) => rerun::run(args, dir.path()).await,
            Workload::Batch(args) => batch::run(args, dir.path()).await,
            Workload::Images(args) => images::run(args, dir.path()).await,
            Workload::Freshness(args) => freshness::run(args, dir.path()).await,
            Workload::Workers(args) => workers::run(args, dir.path()).await,
            Workload::Budget(args) => budget::run(args, dir.path()).await,
            Workload::Stale(args) => stale::run(args, dir.path()).await,
            Workload::Outage(args) => outage::run(args, dir.path()).await,
            Workload::Transfer(args) => transfer::run(args, dir.path()).await,
            Workload::DeadVendor(args) => dead_vendor::run(args, dir.path()).await,
            Workload::DeadVendorChild(args) => dead_vendor::child(args).await,
            Workload::Reading(args) => reading::run(args, dir.path()),
            Workload::Quota(args) => quota::run(args, dir.path()).await,
            Workload::Days(args) => days::run(args, dir.path()).await,
            Workload::Dead(args) => dead::run(args, dir.path()).await,
            Workload::Erase(args) => erase::run(args, dir.path()).await,
            Workload::Rebuild(args) => rebuild::run(args, dir.path()).await,
            Workload::Schedule(args) => schedule::run(args, dir.path()).await,
            Workload::Replicas(args) => replicas::run(args, dir.path()).await,
            Workload::Drain(args) => drain::run(args, dir.path()).await,
            Workload::Simulator { knobs } => process::serve_simulator(knobs).await,
            Workload::Floor(args) => floor::run(args).await,
            Workload::Pictures(args) => images::child(args).await,
        }
    });
    match outcome {
        Ok(figures) => {
            print(&figures, args.json);
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

/// A thread for each of the two cores that the figures are for.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

#[allow(clippy::print_stdout, reason = "the figures are what this command is for")]
fn print(figures: &Map<String, Value>, json: bool) {
    if json {
        println!("{}", Value::Object(figures.clone()));
    } else {
        let width = figures.keys().map(String::len).max().unwrap_or(0);
        figures.iter().for_each(|(name, value)| println!("{name:width$}  {value}"));
    }
}

#[allow(clippy::print_stderr, reason = "a person reads why it failed")]
fn fail(error: &Failure) -> ExitCode {
    eprintln!("bench: {error}");
    ExitCode::FAILURE
}
