//! The same run again: inside the window nothing is bought; after it, unchanged answers write nothing but times.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::detail::{collect, handles};
use super::process::{Simulator, collected};
use super::stores::{Rows, read_log};
use super::{Failure, StoreKind};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Creators to fetch.
    #[arg(long, default_value_t = 5_000)]
    creators: u32,
    /// Calls at once.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
}

/// What is counted before and after each run.
#[derive(Debug, Clone, Copy)]
struct Snapshot {
    calls: i64,
    blobs: i64,
    versions: i64,
    lines: i64,
}

async fn snapshot(simulator: &Simulator, dir: &Path) -> Result<Snapshot, Failure> {
    let rows = Rows::open(&dir.join("collector.db")).await?;
    let log = read_log(&dir.join("creators.jsonl"))?;
    Ok(Snapshot {
        calls: simulator.stats().await?["calls"].as_i64().unwrap_or(-1),
        blobs: rows.count("SELECT COUNT(*) FROM payload").await?,
        versions: rows.count("SELECT SUM(version) FROM entity").await?,
        lines: i64::try_from(log.lines)?,
    })
}

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let simulator = Simulator::start(json!({ "creators": args.creators })).await?;
    handles(&simulator, args.creators, dir).await?;
    let run = async |fresh_for_s: u64| {
        let mut collect = collect(dir, StoreKind::Sqlite, &simulator, args.in_flight);
        collect.extend(["--handles".to_owned(), dir.join("handles.txt").display().to_string()]);
        collect.extend(["--fresh-for-s".to_owned(), fresh_for_s.to_string()]);
        collected(&collect).await?;
        snapshot(&simulator, dir).await
    };
    let first = run(86_400).await?;
    let fresh = run(86_400).await?;
    let again = run(0).await?;
    simulator.post("/control", json!({ "generation": 1, "changed_share": 0.1 })).await?;
    let changed = run(0).await?;
    simulator.stop().await?;
    let figures = json!({
        "workload": "rerun",
        "creators": args.creators,
        "first": { "vendor_calls": first.calls, "payload_blobs": first.blobs, "sink_writes": first.lines },
        "fresh": {
            "vendor_calls": fresh.calls - first.calls,
            "payload_blobs": fresh.blobs - first.blobs,
            "sink_writes": fresh.lines - first.lines,
        },
        "unchanged": {
            "vendor_calls": again.calls - fresh.calls,
            "payload_blobs": again.blobs - fresh.blobs,
            "entity_versions": again.versions - fresh.versions,
            "sink_writes": again.lines - fresh.lines,
        },
        "a_tenth_changed": {
            "vendor_calls": changed.calls - again.calls,
            "payload_blobs": changed.blobs - again.blobs,
            "entity_versions": changed.versions - again.versions,
            "sink_writes": changed.lines - again.lines,
        },
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}
