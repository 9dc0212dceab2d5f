//! Several processes of the real binary that spend from one account: its rate and its budget hold for all together.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::Failure;
use super::detail::handles;
use super::process::{Simulator, rounded};
use super::servers::{Knobs, Servers};
use super::workers::{Fleet, named};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Processes at once.
    #[arg(long, default_value_t = 4)]
    processes: usize,
    /// Creators to fetch.
    #[arg(long, default_value_t = 3_000)]
    creators: u32,
    /// The rate the vendor tells: calls a second.
    #[arg(long, default_value_t = 300)]
    per_second: u32,
    /// What may be spent a day, in the second part.
    #[arg(long, default_value_t = 1_000)]
    units_per_day: u32,
    /// The vendor's latency in milliseconds.
    #[arg(long, default_value_t = 20)]
    latency_ms: u64,
    /// The binary; the workspace's own is built when absent.
    #[arg(long)]
    binary: Option<PathBuf>,
}

impl Args {
    /// What the vendor's bucket holds: a tenth of a second's worth, as the collector takes it to be when nobody tells.
    fn burst(&self) -> u32 {
        (self.per_second / 10).max(1)
    }
}

/// What one part came to.
struct Part {
    stats: Value,
    codes: Vec<Option<i32>>,
    entities: i64,
    /// From the first to the last call, as the simulator saw them, in seconds.
    calling_s: f64,
    wall_s: f64,
}

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let binary = named(args.binary.as_ref()).await?;
    let rate = part(args, &binary, &dir.join("rate"), None).await?;
    let budget = part(args, &binary, &dir.join("budget"), Some(args.units_per_day)).await?;
    // What the bucket holds at the beginning is not waited for.
    let bound = f64::from(args.creators.saturating_sub(args.burst())) / f64::from(args.per_second);
    let spent = budget.stats["units_charged"].as_i64().unwrap_or(i64::MAX);
    let figures = json!({
        "workload": "budget",
        "processes": args.processes,
        "creators": args.creators,
        "delivered": rate.entities,
        "exit_codes": rate.codes,
        "rejected_429": rate.stats["rate_limited"],
        "bought_more_than_once": rate.stats["bought_more_than_once"],
        "calling_s": rounded(rate.calling_s, 3),
        "wall_s": rounded(rate.wall_s, 3),
        "bound_s": rounded(bound, 3),
        "ratio": rounded(rate.calling_s / bound, 4),
        "budget": {
            "units_per_day": args.units_per_day,
            "units_charged": spent,
            "over": (spent - i64::from(args.units_per_day)).max(0),
            "unspent": (i64::from(args.units_per_day) - spent).max(0),
            "delivered": budget.entities,
            "exit_codes": budget.codes,
        },
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

async fn part(args: &Args, binary: &Path, dir: &Path, units: Option<u32>) -> Result<Part, Failure> {
    std::fs::create_dir_all(dir)?;
    let servers = Servers::find()?;
    let knobs = json!({
        "creators": args.creators,
        "latency_ms": args.latency_ms,
        "per_second": args.per_second,
        "burst": args.burst(),
    });
    let simulator = Simulator::start(knobs).await?;
    handles(&simulator, args.creators, dir).await?;
    let knobs = Knobs {
        ttl_s: 5,
        in_flight: 16,
        commit_window: 64,
        per_second: Some(args.per_second),
        units_per_day: units,
    };
    std::fs::write(dir.join("collector.toml"), servers.config(&simulator.ensembledata(), &knobs))?;
    let began = Instant::now();
    let codes = Fleet::start(binary.to_owned(), dir, &servers, args.processes)?.wait().await?;
    let wall_s = began.elapsed().as_secs_f64();
    let stats = simulator.stats().await?;
    simulator.stop().await?;
    let moment = |name: &str| stats[name].as_f64().unwrap_or(f64::NAN);
    let rows = servers.rows().await?;
    Ok(Part {
        calling_s: (moment("last_call_ms") - moment("first_call_ms")) / 1_000.0,
        codes,
        entities: rows.count("SELECT COUNT(*) FROM @entity WHERE merged_into IS NULL").await?,
        wall_s,
        stats,
    })
}
