//! A serving process that is told to stop while slow calls are under way: how long it takes, and what is bought twice.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Map, Value, json};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::Failure;
use super::collect::TOKEN;
use super::detail::handles;
use super::process::{Simulator, rounded};
use super::workers::named;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Creators to fetch.
    #[arg(long, default_value_t = 400)]
    creators: u32,
    /// Calls at once.
    #[arg(long, default_value_t = 32)]
    in_flight: u32,
    /// The vendor's latency in milliseconds.
    #[arg(long, default_value_t = 2_000)]
    latency_ms: u64,
    /// What running calls may take after the signal, in seconds.
    #[arg(long, default_value_t = 25)]
    drain_s: u64,
    /// The binary; the workspace's own is built when absent.
    #[arg(long)]
    binary: Option<PathBuf>,
}

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let binary = named(args.binary.as_ref()).await?;
    let knobs = json!({ "creators": args.creators, "latency_ms": args.latency_ms });
    let simulator = Simulator::start(knobs).await?;
    let names = handles(&simulator, args.creators, dir).await?;
    let config = format!(
        "[store]\nurl = \"sqlite:collector.db\"\n[run]\ndrain = \"{}s\"\n[sources.ensembledata]\nbase_url = \"{}\"\n\
         token = {{ env = \"BENCH_TOKEN\" }}\nin_flight = {}\n[[jobs]]\nname = \"all\"\nevery = \"1s\"\n\
         query = {{ handles = {} }}\n",
        args.drain_s,
        simulator.ensembledata(),
        args.in_flight,
        json!(names),
    );
    std::fs::write(dir.join("collector.toml"), &config)?;

    // The first signal, while as many calls are under way as may be.
    let mut child = serve(&binary, dir)?;
    let asked = u64::from(args.in_flight.min(args.creators)) + u64::from(args.in_flight) / 2;
    reached(&simulator, "calls", asked).await?;
    let (drained_s, first_code) = stopped(&mut child, 1).await?;
    let at_signal = simulator.stats().await?["calls"].clone();
    // The rest, so that what the first process lost would be bought again.
    let mut child = serve(&binary, dir)?;
    reached(&simulator, "subjects_distinct", u64::from(args.creators)).await?;
    let (_, last_code) = stopped(&mut child, 1).await?;
    let stats = simulator.stats().await?;

    // The second signal, in a store of its own.
    let other = dir.join("second");
    std::fs::create_dir_all(&other)?;
    std::fs::write(other.join("collector.toml"), &config)?;
    let mut child = serve(&binary, &other)?;
    let calls = stats["calls"].as_u64().unwrap_or(0);
    reached(&simulator, "calls", calls + u64::from(args.in_flight) / 2).await?;
    let (aborted_s, second_code) = stopped(&mut child, 2).await?;
    simulator.stop().await?;
    let figures = json!({
        "workload": "drain",
        "creators": args.creators,
        "in_flight": args.in_flight,
        "latency_ms": args.latency_ms,
        "drain_s": args.drain_s,
        "first_signal_s": rounded(drained_s, 3),
        "exit_codes": [first_code, last_code, second_code],
        "calls_at_first_signal": at_signal,
        "calls": calls,
        "bought_twice": stats["bought_more_than_once"],
        "second_signal_s": rounded(aborted_s, 3),
    });
    match figures {
        Value::Object(figures) => Ok(figures),
        _ => Err("the figures are no object".into()),
    }
}

fn serve(binary: &Path, dir: &Path) -> Result<Child, Failure> {
    let mut command = Command::new(binary);
    command
        .args(["serve", "--admin", "127.0.0.1:0"])
        .current_dir(dir)
        .env("BENCH_TOKEN", TOKEN)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    Ok(command.spawn()?)
}

/// Waits until a count of the simulator is so high.
async fn reached(simulator: &Simulator, count: &str, least: u64) -> Result<(), Failure> {
    for _ in 0..6_000 {
        if simulator.stats().await?[count].as_u64() >= Some(least) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(format!("`{count}` did not come to {least} within two minutes").into())
}

/// Sends so many signals, and waits for the end; gives the seconds since the last of them, and the exit code.
async fn stopped(child: &mut Child, signals: u32) -> Result<(f64, Option<i32>), Failure> {
    let pid = Pid::from_raw(i32::try_from(child.id().ok_or("it has ended already")?)?);
    let mut sent = Instant::now();
    for signal in 0..signals {
        if signal > 0 {
            // Two signals at once arrive as one.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        sent = Instant::now();
        kill(pid, Signal::SIGTERM)?;
    }
    let status = child.wait().await?;
    Ok((sent.elapsed().as_secs_f64(), status.code()))
}
