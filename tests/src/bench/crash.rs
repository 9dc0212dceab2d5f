//! The real binary, killed with `kill -9` at random moments, started again each time, and counted at the end.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};
use tokio::process::{Child, Command};

use super::Failure;
use super::collect::TOKEN;
use super::detail::handles;
use super::process::{Simulator, built, rounded};
use super::stores::{Rows, read_log};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Creators to fetch.
    #[arg(long, default_value_t = 5_000)]
    creators: u32,
    /// How often the process is killed.
    #[arg(long, default_value_t = 20)]
    kills: u32,
    /// Calls at once.
    #[arg(long, default_value_t = 64)]
    in_flight: u32,
    /// Finished calls that may wait for their commit.
    #[arg(long, default_value_t = 64)]
    commit_window: u32,
    /// The vendor's latency in milliseconds.
    #[arg(long, default_value_t = 50)]
    latency_ms: u64,
    /// Seed of the random moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The binary to kill; the workspace's own is built when absent.
    #[arg(long)]
    binary: Option<PathBuf>,
}

fn config(args: &Args, simulator: &Simulator) -> String {
    format!(
        "[store]\nurl = \"sqlite:collector.db\"\n\n[jsonl]\npath = \"creators.jsonl\"\n\n[run]\ncommit_window = {}\n\n\
         [sources.ensembledata]\nbase_url = \"{}\"\ntoken = {{ env = \"BENCH_TOKEN\" }}\nin_flight = {}\n",
        args.commit_window,
        simulator.ensembledata(),
        args.in_flight,
    )
}

fn start(binary: &Path, dir: &Path) -> Result<Child, Failure> {
    Ok(Command::new(binary)
        .args(["run", "--config", "collector.toml", "--file", "handles.txt", "--json"])
        .current_dir(dir)
        .env("BENCH_TOKEN", TOKEN)
        .env("COLLECTOR_YES", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()?)
}

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let binary = match &args.binary {
        Some(path) => std::path::absolute(path)?,
        None => built("collector-cli", "collector").await?,
    };
    let simulator =
        Simulator::start(json!({ "creators": args.creators, "latency_ms": args.latency_ms })).await?;
    let handles = handles(&simulator, args.creators, dir).await?;
    std::fs::write(dir.join("collector.toml"), config(args, &simulator))?;
    let mut random = StdRng::seed_from_u64(args.seed);
    let mut while_fetching = 0;
    let share = u64::from(args.creators) / u64::from(args.kills + 1);
    for kill in 1..=args.kills {
        let mut child = start(&binary, dir)?;
        let before = calls(&simulator).await?;
        // Somewhere in the next share of the work, so that the kills spread over the fetching phase.
        let target = u64::from(kill) * share - random.random_range(0..share.max(1));
        let patience = tokio::time::Instant::now() + Duration::from_secs(20);
        let mut ended = false;
        while answered(&simulator).await? < target && tokio::time::Instant::now() < patience && !ended {
            ended = child.try_wait()?.is_some();
            tokio::time::sleep(Duration::from_millis(random.random_range(1..12))).await;
        }
        if ended {
            return Err(format!(
                "the collector ended by itself before kill {kill}; its message stands above"
            )
            .into());
        }
        let now = calls(&simulator).await?;
        child.kill().await?;
        if now > before && answered(&simulator).await? < u64::from(args.creators) {
            while_fetching += 1;
        }
    }
    let status = start(&binary, dir)?.wait().await?;
    figures(args, dir, &simulator, &handles, while_fetching, status.code()).await
}

async fn calls(simulator: &Simulator) -> Result<u64, Failure> {
    Ok(simulator.stats().await?["calls"].as_u64().unwrap_or(0))
}

async fn answered(simulator: &Simulator) -> Result<u64, Failure> {
    Ok(simulator.stats().await?["subjects_distinct"].as_u64().unwrap_or(0))
}

async fn figures(
    args: &Args,
    dir: &Path,
    simulator: &Simulator,
    handles: &[String],
    while_fetching: u32,
    exit: Option<i32>,
) -> Result<Map<String, Value>, Failure> {
    let log = read_log(&dir.join("creators.jsonl"))?;
    let rows = Rows::open(&dir.join("collector.db")).await?;
    let stats = simulator.stats().await?;
    let missing_in_log = handles.iter().filter(|handle| !log.handles.contains_key(*handle)).count();
    let twice_in_log = log.handles.values().filter(|times| **times > 1).count() + log.repeated;
    let entities = rows.count("SELECT COUNT(*) FROM entity WHERE merged_into IS NULL").await?;
    let expected = i64::try_from(handles.len())?;
    // Only finished calls are charged; each call beyond the first per subject was bought again.
    let again = stats["calls"].as_i64().unwrap_or(i64::MAX) - expected;
    let allowed = i64::from(args.kills) * i64::from(args.in_flight + args.commit_window);
    let figures = json!({
        "workload": "crash",
        "creators": args.creators,
        "kills": args.kills,
        "kills_while_fetching": while_fetching,
        "exit_code": exit,
        "missing": missing_in_log + usize::try_from((expected - entities).max(0))?,
        "duplicates": { "jsonl": twice_in_log, "store": (entities - expected).max(0) },
        "calls": stats["calls"],
        "bought_again": again,
        "bought_again_allowed": allowed,
        "bought_again_per_kill": rounded(again as f64 / f64::from(args.kills), 1),
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}
