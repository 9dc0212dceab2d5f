//! A vendor that allows so many calls a second: told, nothing is refused; untold, the rate is found.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::detail::{collect, handles};
use super::process::{Simulator, collected, rounded};
use super::stores::read_log;
use super::{Failure, StoreKind};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Creators to fetch.
    #[arg(long, default_value_t = 3_000)]
    creators: u32,
    /// The vendor's latency in milliseconds.
    #[arg(long, default_value_t = 20)]
    latency_ms: u64,
    /// Calls at once.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// Calls a second the vendor's bucket earns.
    #[arg(long, default_value_t = 300.0)]
    per_second: f64,
    /// Calls the vendor's bucket holds; a second's worth when absent.
    #[arg(long)]
    burst: Option<u32>,
    /// Whether the collector is told rate and bucket.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    told: bool,
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate from the command line, bounded below"
)]
pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let burst = args.burst.unwrap_or(args.per_second.clamp(1.0, 1e6) as u32);
    let knobs = json!({
        "creators": args.creators,
        "latency_ms": args.latency_ms,
        "per_second": args.per_second,
        "burst": f64::from(burst),
    });
    let simulator = Simulator::start(knobs).await?;
    handles(&simulator, args.creators, dir).await?;
    let mut collect = collect(dir, StoreKind::Memory, &simulator, args.in_flight);
    collect.extend(["--handles".to_owned(), dir.join("handles.txt").display().to_string()]);
    if args.told {
        collect.extend([
            "--per-second".to_owned(),
            args.per_second.to_string(),
            "--burst".into(),
            burst.to_string(),
        ]);
    }
    let one = collected(&collect).await?;
    let log = read_log(&dir.join("creators.jsonl"))?;
    let stats = simulator.stats().await?;
    simulator.stop().await?;
    let calls = stats["calls"].as_f64().unwrap_or(f64::NAN);
    let refused = stats["rate_limited"].as_f64().unwrap_or(f64::NAN);
    let bound = (f64::from(args.creators) - f64::from(burst)).max(0.0) / args.per_second;
    let figures = json!({
        "workload": "rate-limit",
        "told": args.told,
        "per_second": args.per_second,
        "burst": burst,
        "creators": args.creators,
        "delivered": log.handles.len(),
        "calls": stats["calls"],
        "rejected_429": stats["rate_limited"],
        "rejected_share": rounded(refused / calls, 4),
        "wall_s": rounded(one.wall_s, 3),
        "bound_s": rounded(bound, 3),
        "ratio": rounded(one.wall_s / bound, 4),
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}
