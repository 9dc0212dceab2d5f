//! Profiles, one call each, at a fixed latency: how close the engine comes to a bare client loop.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::process::{Measured, Simulator, collected, measured, median, rounded};
use super::stores::read_log;
use super::{Failure, SinkKind, StoreKind};
use crate::bench::collect::TOKEN;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Creators to fetch.
    #[arg(long, default_value_t = 5_000)]
    creators: u32,
    /// The vendor's latency in milliseconds.
    #[arg(long, default_value_t = 50)]
    latency_ms: u64,
    /// Calls at once.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// Where the engine keeps its state.
    #[arg(long, default_value = "memory")]
    store: StoreKind,
    /// Where records go.
    #[arg(long, default_value = "jsonl")]
    sink: SinkKind,
    /// Keep a search index, too.
    #[arg(long)]
    search: bool,
    /// How often floor and collector are measured in turn; medians count.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// Handles of all creators, written to a file.
pub(super) async fn handles(
    simulator: &Simulator,
    creators: u32,
    dir: &Path,
) -> Result<Vec<String>, Failure> {
    let truth = simulator.truth(creators, 0).await?;
    let handles: Vec<String> =
        truth.iter().filter_map(|one| one["handle"].as_str().map(str::to_owned)).collect();
    std::fs::write(dir.join("handles.txt"), handles.join("\n"))?;
    Ok(handles)
}

/// The flag's value for a store.
pub(super) fn store_name(store: StoreKind) -> &'static str {
    match store {
        StoreKind::Memory => "memory",
        StoreKind::Sqlite => "sqlite",
    }
}

/// Arguments of the collecting process.
pub(super) fn collect(dir: &Path, store: StoreKind, simulator: &Simulator, in_flight: usize) -> Vec<String> {
    ["--into", &dir.display().to_string(), "--store", store_name(store), "--url", simulator.url()]
        .into_iter()
        .map(str::to_owned)
        .chain(["--in-flight".to_owned(), in_flight.to_string()])
        .collect()
}

/// Measures the bare loop over these addresses.
pub(super) async fn floor(
    dir: &Path,
    urls: &[String],
    in_flight: usize,
    rows_to: Option<&Path>,
) -> Result<Measured, Failure> {
    let file = dir.join("urls.txt");
    std::fs::write(&file, urls.join("\n"))?;
    let mut args = vec![
        "floor".to_owned(),
        "--urls".into(),
        file.display().to_string(),
        "--in-flight".into(),
        in_flight.to_string(),
    ];
    if let Some(path) = rows_to {
        args.extend(["--rows-to".to_owned(), path.display().to_string()]);
    }
    measured(&args).await
}

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let SinkKind::Jsonl = args.sink;
    let simulator =
        Simulator::start(json!({ "creators": args.creators, "latency_ms": args.latency_ms })).await?;
    let handles = handles(&simulator, args.creators, dir).await?;
    let base = simulator.ensembledata();
    let urls: Vec<String> =
        handles.iter().map(|handle| format!("{base}/tt/user/info?username={handle}&token={TOKEN}")).collect();
    let (mut floors, mut rounds) = (Vec::new(), Vec::new());
    let mut delivered = usize::MAX;
    for round in 0..args.rounds {
        floors.push(floor(dir, &urls, args.in_flight, None).await?);
        simulator.post("/stats/reset", json!({})).await?;
        let into = dir.join(format!("round-{round}"));
        std::fs::create_dir_all(&into)?;
        let mut collect = collect(&into, args.store, &simulator, args.in_flight);
        collect.extend(["--handles".to_owned(), dir.join("handles.txt").display().to_string()]);
        if args.search {
            collect.push("--search".to_owned());
        }
        let one = collected(&collect).await?;
        let log = read_log(&into.join("creators.jsonl"))?;
        delivered = delivered.min(log.handles.len());
        rounds.push(one);
    }
    let stats = simulator.stats().await?;
    let of = |name: &str| median(rounds.iter().map(|round| round.number(name)).collect());
    let wall = |measured: &[Measured]| median(measured.iter().map(|one| one.wall_s).collect());
    let floor_user_s = median(floors.iter().map(|floor| floor.number("user_s")).collect());
    let ratios = floors.iter().zip(&rounds).map(|(floor, round)| round.wall_s / floor.wall_s).collect();
    simulator.stop().await?;
    let figures = json!({
        "workload": "detail",
        "store": store_name(args.store),
        "creators": args.creators,
        "delivered": delivered,
        "calls": stats["calls"],
        "bought_more_than_once": stats["bought_more_than_once"],
        "wall_s": rounded(wall(&rounds), 3),
        "floor_wall_s": rounded(wall(&floors), 3),
        "ratio": rounded(median(ratios), 4),
        "user_s": rounded(of("user_s"), 3),
        "floor_user_s": rounded(floor_user_s, 3),
        "sys_s": rounded(of("sys_s"), 3),
        "rss_mb": rounded(of("rss_mb"), 1),
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}
