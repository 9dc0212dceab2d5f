//! Several processes of the real binary on one set of servers, killed with `kill -9` again and again.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::Failure;
use super::detail::handles;
use super::process::{Simulator, built, rounded};
use super::servers::{Knobs, Servers};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Processes at once.
    #[arg(long, default_value_t = 4)]
    processes: usize,
    /// Creators to fetch.
    #[arg(long, default_value_t = 5_000)]
    creators: u32,
    /// How often a process is killed.
    #[arg(long, default_value_t = 20)]
    kills: u32,
    /// The vendor's rate: calls a second.
    #[arg(long, default_value_t = 100)]
    per_second: u32,
    /// Calls at once in a process.
    #[arg(long, default_value_t = 16)]
    in_flight: u32,
    /// Finished calls that may wait for their commit.
    #[arg(long, default_value_t = 64)]
    commit_window: u32,
    /// The vendor's latency in milliseconds.
    #[arg(long, default_value_t = 50)]
    latency_ms: u64,
    /// How long a worker and a lease may be silent, in seconds.
    #[arg(long, default_value_t = 5)]
    ttl_s: u64,
    /// Seed of the random moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The binary to kill; the workspace's own is built when absent.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// The processes of one run.
#[derive(Debug)]
pub(super) struct Fleet {
    binary: PathBuf,
    dir: PathBuf,
    secrets: Vec<(&'static str, String)>,
    /// Whether each says what it has to say in a file of its own, `log-N.txt`.
    logs: bool,
    started: usize,
    pub(super) children: Vec<Child>,
}

impl Fleet {
    /// Starts so many of them over `collector.toml` and `handles.txt` of a folder.
    pub(super) fn start(
        binary: PathBuf,
        dir: &Path,
        servers: &Servers,
        processes: usize,
    ) -> Result<Self, Failure> {
        Self::new(binary, dir, servers).grown(processes)
    }

    fn new(binary: PathBuf, dir: &Path, servers: &Servers) -> Self {
        let (dir, secrets) = (dir.to_owned(), servers.secrets());
        Self { binary, dir, secrets, logs: false, started: 0, children: Vec::new() }
    }

    /// The same with logs in files.
    pub(super) fn logged(
        binary: PathBuf,
        dir: &Path,
        servers: &Servers,
        processes: usize,
    ) -> Result<Self, Failure> {
        Self { logs: true, ..Self::new(binary, dir, servers) }.grown(processes)
    }

    fn grown(mut self, processes: usize) -> Result<Self, Failure> {
        for _ in 0..processes {
            let child = self.spawn()?;
            self.children.push(child);
        }
        Ok(self)
    }

    fn spawn(&mut self) -> Result<Child, Failure> {
        let log = self.dir.join(format!("log-{}.txt", self.started));
        self.started += 1;
        let stderr = if self.logs { Stdio::from(std::fs::File::create(log)?) } else { Stdio::inherit() };
        let args = ["run", "--config", "collector.toml", "--file", "handles.txt", "--json"];
        Ok(self.command(&args).stderr(stderr).spawn()?)
    }

    /// The binary with these arguments, over the same configuration.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(args)
            .current_dir(&self.dir)
            .envs(self.secrets.iter().map(|(name, value)| (name, value)))
            .env("COLLECTOR_YES", "1")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// What one of them has said so far.
    pub(super) fn log(&self, of: usize) -> Result<String, Failure> {
        Ok(std::fs::read_to_string(self.dir.join(format!("log-{of}.txt")))?)
    }

    /// Sends a signal to one of them.
    pub(super) fn signal(&self, to: usize, signal: Signal) -> Result<(), Failure> {
        let pid = self.children[to].id().ok_or("it has ended already")?;
        Ok(kill(Pid::from_raw(i32::try_from(pid)?), signal)?)
    }

    /// Kills one and starts another in its place.
    async fn replace(&mut self, at: usize) -> Result<(), Failure> {
        self.children[at].kill().await?;
        self.children[at] = self.spawn()?;
        Ok(())
    }

    /// Waits for all; gives their exit codes.
    pub(super) async fn wait(&mut self) -> Result<Vec<Option<i32>>, Failure> {
        let mut codes = Vec::with_capacity(self.children.len());
        for child in &mut self.children {
            codes.push(child.wait().await?.code());
        }
        Ok(codes)
    }
}

/// The binary that was named, or the workspace's own.
pub(super) async fn named(binary_of: Option<&PathBuf>) -> Result<PathBuf, Failure> {
    match binary_of {
        Some(path) => Ok(std::path::absolute(path)?),
        None => built("collector-cli", "collector").await,
    }
}

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let binary = named(args.binary.as_ref()).await?;
    let servers = Servers::find()?;
    let knobs =
        json!({ "creators": args.creators, "latency_ms": args.latency_ms, "per_second": args.per_second });
    let simulator = Simulator::start(knobs).await?;
    let handles = handles(&simulator, args.creators, dir).await?;
    let knobs = Knobs {
        ttl_s: args.ttl_s,
        in_flight: args.in_flight,
        commit_window: args.commit_window,
        per_second: Some(args.per_second),
        units_per_day: None,
    };
    std::fs::write(dir.join("collector.toml"), servers.config(&simulator.ensembledata(), &knobs))?;
    let began = Instant::now();
    let mut fleet = Fleet::start(binary, dir, &servers, args.processes)?;
    let mut random = StdRng::seed_from_u64(args.seed);
    let share = u64::from(args.creators) / u64::from(args.kills.max(1));
    for kill in 1..=args.kills {
        // Somewhere in the next share of the work, so that the kills spread over all of it.
        let target = u64::from(kill) * share - random.random_range(0..share.max(1));
        reached(&simulator, &mut fleet, target).await?;
        fleet.replace(random.random_range(0..args.processes)).await?;
    }
    let last_kill = Instant::now();
    let codes = fleet.wait().await?;
    let after = last_kill.elapsed();
    let rows = servers.rows().await?;
    let entities = rows.count("SELECT COUNT(*) FROM @entity WHERE merged_into IS NULL").await?;
    let documents = servers.documents().await?;
    let stats = simulator.stats().await?;
    let expected = i64::try_from(handles.len())?;
    let again = stats["bought_more_than_once"].as_i64().unwrap_or(i64::MAX);
    let figures = json!({
        "workload": "workers",
        "processes": args.processes,
        "creators": args.creators,
        "kills": args.kills,
        "exit_codes": codes,
        "missing": (expected - entities).max(0) + (expected - documents).max(0),
        "missing_in": { "store": (expected - entities).max(0), "search": (expected - documents).max(0) },
        "duplicates": { "store": (entities - expected).max(0), "search": (documents - expected).max(0) },
        "in_flight_twice": stats["in_flight_twice"],
        "rate_limited": stats["rate_limited"],
        "bought_again": again,
        "bought_again_allowed": args.kills * (args.in_flight + args.commit_window),
        "wall_s": rounded(began.elapsed().as_secs_f64(), 1),
        "bound_s": rounded(f64::from(args.creators) / f64::from(args.per_second), 1),
        "after_last_kill_s": rounded(after.as_secs_f64(), 1),
        "after_last_kill_allowed_s": 2 * args.ttl_s,
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

/// Waits until so many creators were answered.
pub(super) async fn reached(simulator: &Simulator, fleet: &mut Fleet, target: u64) -> Result<(), Failure> {
    let patience = Instant::now() + Duration::from_secs(180);
    while simulator.stats().await?["subjects_distinct"].as_u64().unwrap_or(0) < target {
        for child in &mut fleet.children {
            if let Some(status) = child.try_wait()? {
                return Err(format!(
                    "a collector ended by itself ({status}) before the kills were over; its message stands above"
                )
                .into());
            }
        }
        if Instant::now() > patience {
            return Err(
                "three minutes were not enough for the next share of the work; is the machine busy?".into()
            );
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
