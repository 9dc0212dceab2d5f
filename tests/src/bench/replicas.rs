//! Two serving replicas on one MySQL and Redis, a job that is due again and again, and one of them killed with `kill -9` each
//! time: every slot once, nothing lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use collector_core::clock::{Clock, SystemClock, Timestamp};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::Failure;
use super::detail::handles;
use super::process::{Simulator, rounded};
use super::servers::{Knobs, Servers};
use super::workers::named;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How long, in minutes.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Seconds between two slots; one replica is killed in each.
    #[arg(long, default_value_t = 60)]
    period_s: u64,
    /// Replicas at once.
    #[arg(long, default_value_t = 2)]
    replicas: usize,
    /// Creators each run asks for.
    #[arg(long, default_value_t = 50)]
    creators: u32,
    /// The vendor's latency in milliseconds.
    #[arg(long, default_value_t = 200)]
    latency_ms: u64,
    /// Seed of the random moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The binary to kill; the workspace's own is built when absent.
    #[arg(long)]
    binary: Option<PathBuf>,
}

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let binary = named(args.binary.as_ref()).await?;
    let servers = Servers::find()?;
    let knobs = json!({ "creators": args.creators, "latency_ms": args.latency_ms });
    let simulator = Simulator::start(knobs).await?;
    let names = handles(&simulator, args.creators, dir).await?;
    let knobs = Knobs { ttl_s: 5, in_flight: 8, commit_window: 64, per_second: None, units_per_day: None };
    let when = match args.period_s {
        60 => "schedule = \"* * * * *\"\ntimezone = \"Europe/Berlin\"".to_owned(),
        seconds => format!("every = \"{seconds}s\""),
    };
    let config = format!(
        "{}[[jobs]]\nname = \"minutely\"\n{when}\nfresh_for = \"1s\"\noverlap = \"queue\"\nquery = {{ handles = {} }}\n",
        without_search(&servers.config(&simulator.ensembledata(), &knobs)),
        json!(names),
    );
    std::fs::write(dir.join("collector.toml"), config)?;
    let spawn = || spawn(&binary, dir, &servers);
    let mut replicas = Vec::new();
    for _ in 0..args.replicas {
        replicas.push(spawn()?);
    }
    let mut random = StdRng::seed_from_u64(args.seed);
    let first_moment = SystemClock.now();
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(args.minutes * 60.0);
    let mut kills = 0;
    let mut slot = 0_u32;
    while Instant::now() < end {
        slot += 1;
        // Somewhere in the time of this slot.
        let into = random.random_range(0..args.period_s * 1_000);
        let at = began + Duration::from_secs(args.period_s) * (slot - 1) + Duration::from_millis(into);
        tokio::time::sleep_until(at.min(end)).await;
        let one = random.random_range(0..replicas.len());
        replicas[one].kill().await?;
        kills += 1;
        replicas[one] = spawn()?;
        tokio::time::sleep_until((began + Duration::from_secs(args.period_s) * slot).min(end)).await;
    }
    let served = (first_moment, SystemClock.now());
    let mut codes = Vec::new();
    for replica in &replicas {
        let pid = replica.id().ok_or("a replica has ended by itself")?;
        kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGTERM)?;
    }
    for replica in &mut replicas {
        codes.push(replica.wait().await?.code());
    }
    let calls = simulator.stats().await?["calls"].as_i64().unwrap_or(0);
    simulator.stop().await?;
    figures(args, &servers, names.len(), served, calls, kills, &codes).await
}

/// The configuration without its index: slots are looked at, not documents.
fn without_search(config: &str) -> String {
    let mut kept = String::new();
    let mut skips = false;
    for line in config.lines() {
        if line.starts_with('[') {
            skips = line == "[search]";
        }
        if !skips {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

async fn figures(
    args: &Args,
    servers: &Servers,
    people: usize,
    served: (Timestamp, Timestamp),
    calls: i64,
    kills: u32,
    codes: &[Option<i32>],
) -> Result<Map<String, Value>, Failure> {
    let rows = servers.rows().await?;
    let period = i64::try_from(args.period_s)? * 1_000;
    let slots: Vec<[i64; 3]> = rows.numbers("SELECT planned, until, run FROM @slot ORDER BY planned").await?;
    let (mut lost, mut double, mut fired, mut skipped) = (0, 0, 0, 0);
    let mut of_run: BTreeMap<i64, i64> = BTreeMap::new();
    for pair in slots.windows(2) {
        match (pair[1][0] - pair[0][1]) / period {
            0 | i64::MIN..0 => double += 1,
            gap => lost += gap - 1,
        }
    }
    lost += lost_at_the_ends(&slots, served, period);
    for [first, last, run] in &slots {
        if *run < 0 {
            skipped += (last - first) / period + 1;
        } else {
            fired += 1;
            *of_run.entry(*run).or_default() += 1;
        }
    }
    double += of_run.values().map(|count| count - 1).sum::<i64>();
    let entities = rows.count("SELECT COUNT(*) FROM @entity WHERE merged_into IS NULL").await?;
    let runs = rows.count("SELECT COUNT(*) FROM @run").await?;
    // A run that no slot began.
    double += (runs - fired).max(0);
    let open = rows.count("SELECT COUNT(*) FROM @run WHERE ended IS NULL").await?;
    let dead = rows.count("SELECT COUNT(*) FROM @dead").await?;
    let figures = json!({
        "workload": "replicas",
        "replicas": args.replicas,
        "minutes": rounded(args.minutes, 2),
        "period_s": args.period_s,
        "kills": kills,
        "exit_codes": codes,
        "slots_fired": fired,
        "slots_skipped": skipped,
        "lost": lost,
        "double": double,
        "calls": calls,
        "least_calls": fired * i64::try_from(people)?,
        "missing": i64::try_from(people)? - entities,
        "dead": dead,
        "runs_open_at_the_end": open,
    });
    match figures {
        Value::Object(figures) => Ok(figures),
        _ => Err("the figures are no object".into()),
    }
}

/// How long the first replica may take until it serves, and the last slot until it is a row.
const GRACE_MS: i64 = 15_000;

/// Slots that were due after the replicas began to serve and before the first row, or after the last row and before they
/// were told to stop.
fn lost_at_the_ends(slots: &[[i64; 3]], (began, ended): (Timestamp, Timestamp), period: i64) -> i64 {
    let (began, ended) = (began.as_millis() + GRACE_MS, ended.as_millis() - GRACE_MS);
    let due = |from: i64, to: i64| (to - from).max(0) / period;
    match (slots.first(), slots.last()) {
        (Some([first, ..]), Some([_, last, _])) => due(began, *first) + due(*last, ended),
        _ => due(began, ended),
    }
}

fn spawn(binary: &Path, dir: &Path, servers: &Servers) -> Result<Child, Failure> {
    let mut command = Command::new(binary);
    command
        .args(["serve", "--admin", "127.0.0.1:0"])
        .current_dir(dir)
        .envs(servers.secrets())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    Ok(command.spawn()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_before_the_first_row_and_after_the_last_are_lost() {
        let at = |minute: i64| Timestamp::from_millis(minute * 60_000 + 1);
        let row = |minute: i64| [minute * 60_000, minute * 60_000, 1];
        let served = (at(10), at(20));
        assert_eq!(lost_at_the_ends(&[row(11), row(20)], served, 60_000), 0);
        assert_eq!(lost_at_the_ends(&[row(13), row(20)], served, 60_000), 2);
        assert_eq!(lost_at_the_ends(&[row(11), row(18)], served, 60_000), 1);
        assert_eq!(lost_at_the_ends(&[], served, 60_000), 9);
    }
}
