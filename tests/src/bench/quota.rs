//! More creators than a day's units: the real command waits for each reset and goes on, on a clock it shares with the
//! vendor.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Map, Value, json};
use tokio::process::Command;
use tokio::time::Instant;

use super::Failure;
use super::collect::{STORE, TOKEN};
use super::detail::handles;
use super::process::{Simulator, built, rounded};
use super::stores::{Rows, read_log};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Creators to fetch, a unit each.
    #[arg(long, default_value_t = 5_000)]
    creators: u32,
    /// What the vendor allows a day.
    #[arg(long, default_value_t = 1_500)]
    units_per_day: u32,
    /// Calls at once.
    #[arg(long, default_value_t = 32)]
    in_flight: u32,
    /// Leave it to the vendor to say that the units are used up, instead of telling the collector its budget.
    #[arg(long)]
    untold: bool,
}

const LOG: &str = "creators.jsonl";
const PARKED: &str = "parked.txt";

fn config(args: &Args, simulator: &Simulator) -> String {
    let budget =
        if args.untold { String::new() } else { format!("units_per_day = {}\n", args.units_per_day) };
    format!(
        "[store]\nurl = \"sqlite:{STORE}\"\n\n[jsonl]\npath = \"{LOG}\"\n\n[sources.ensembledata]\nbase_url = \"{}\"\n\
         token = {{ env = \"BENCH_TOKEN\" }}\nin_flight = {}\n{budget}",
        simulator.ensembledata(),
        args.in_flight,
    )
}

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let knobs = json!({ "creators": args.creators, "units_per_day": args.units_per_day });
    let simulator = Simulator::start(knobs).await?;
    let handles = handles(&simulator, args.creators, dir).await?;
    std::fs::write(dir.join("collector.toml"), config(args, &simulator))?;
    let began = Instant::now();
    let code = collect(&simulator, dir).await?;
    let wall_s = began.elapsed().as_secs_f64();
    let stats = simulator.stats().await?;
    let windows = windows(&simulator).await?;
    simulator.stop().await?;
    let log = read_log(&dir.join(LOG))?;
    let rows = Rows::open(&dir.join(STORE)).await?;
    let (creators, units) = (u64::from(args.creators), u64::from(args.units_per_day.max(1)));
    let figures = json!({
        "workload": "quota",
        "creators": args.creators,
        "units_per_day": args.units_per_day,
        "missing": handles.iter().filter(|handle| !log.handles.contains_key(&handle.to_lowercase())).count(),
        "stored": rows.count("SELECT COUNT(*) FROM entity WHERE merged_into IS NULL").await?,
        "resets": windows.saturating_sub(1),
        "least_resets": creators.div_ceil(units) - 1,
        "calls": bought(&stats),
        "least_calls": args.creators,
        "units_charged": stats["units_charged"],
        "refused": stats["statuses"]["495"].as_u64().unwrap_or(0),
        "bought_more_than_once": stats["bought_more_than_once"],
        "parked": parked(&dir.join(PARKED))?,
        "still_open": rows.count("SELECT COUNT(*) FROM task WHERE state < 3").await?,
        "exit_code": code,
        "wall_s": rounded(wall_s, 3),
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

/// Runs the command to its end; gives its exit code.
async fn collect(simulator: &Simulator, dir: &Path) -> Result<Option<i32>, Failure> {
    let run = ["run", "--config", "collector.toml", "--file", "handles.txt", "--wait", "--yes", "--json"];
    let status = Command::new(built("collector-tests", "clocked").await?)
        .args(["command", "--url", simulator.url(), "--store", STORE, "--parked", PARKED, "--", "collector"])
        .args(run)
        .current_dir(dir)
        .env("BENCH_TOKEN", TOKEN)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .status()
        .await?;
    Ok(status.code())
}

/// Calls that were asked for something: not those that ask what was used, which are free.
fn bought(stats: &Value) -> u64 {
    let endpoints = stats["endpoints"].as_object().into_iter().flatten();
    let asked = endpoints.filter(|(name, _)| !name.contains("/customer/"));
    asked.filter_map(|(_, counts)| counts["calls"].as_u64()).sum()
}

/// The vendor's days on which units were bought.
async fn windows(simulator: &Simulator) -> Result<u64, Failure> {
    let path = format!("/ensembledata/customer/get-history?days=60&token={TOKEN}");
    let history: Value = serde_json::from_str(&simulator.get(&path).await?)?;
    let days = history["data"].as_array().ok_or("the simulator has no history")?;
    Ok(days.iter().filter(|day| day["tiktok"].as_u64().unwrap_or(0) > 0).count() as u64)
}

/// How often an account was parked in the store while the command waited.
fn parked(file: &Path) -> Result<usize, Failure> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text.lines().collect::<BTreeSet<_>>().len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error.into()),
    }
}
