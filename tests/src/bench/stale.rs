//! Who was away comes back: is what it does then refused?
//!
//! *A process that stood still.* Two processes of the real binary on one set of servers; one is stopped (`SIGSTOP`) past
//! its ttl, the other takes over what it held. Then the other one is stopped, too, and the first goes on: whatever changes
//! now is the stale one's work. The tasks that the other one has claimed have to stay its own until it goes on itself.
//!
//! *A second process on one file.* SQLite has one writing process, so nobody can take over from one that stands still:
//! a second one has to be refused, and the first to go on as if nothing had happened.
//!
//! *A lease whose renewals are cut.* Leases on a Redis server behind a proxy that cuts them off; each has to be reported
//! lost before it ends.

mod leases;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::Failure;
use super::collect::TOKEN;
use super::detail::handles;
use super::process::{Simulator, rounded};
use super::servers::{Knobs, ServerRows, Servers};
use super::stores::Rows;
use super::workers::{Fleet, named, reached};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How often a process stands still and is taken over from.
    #[arg(long, default_value_t = 100)]
    cycles: u32,
    /// How often a second process meets the file of one that stands still.
    #[arg(long, default_value_t = 5)]
    file_cycles: u32,
    /// Leases whose renewals are cut.
    #[arg(long, default_value_t = 1_000)]
    cuts: usize,
    /// How long a worker and a lease may be silent, in seconds.
    #[arg(long, default_value_t = 2)]
    ttl_s: u64,
    /// Calls at once in a process.
    #[arg(long, default_value_t = 4)]
    in_flight: u32,
    /// The vendor's latency in milliseconds.
    #[arg(long, default_value_t = 400)]
    latency_ms: u64,
    /// The binary; the workspace's own is built when absent.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the one that comes back has for its first acts: less than what the other one may be silent.
const ACTS: Duration = Duration::from_millis(900);

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let binary = named(args.binary.as_ref()).await?;
    let stood = stand_still(args, &binary, &dir.join("servers")).await?;
    let file = one_file(args, &binary, &dir.join("file")).await?;
    let cut = leases::cut_off(args.cuts, Duration::from_secs(args.ttl_s)).await?;
    let figures = json!({
        "workload": "stale",
        "cycles": args.cycles,
        "stale_accepted": { "mariadb": stood["stale_accepted"], "sqlite": file["stale_accepted"] },
        "loss_reported_late": cut["late"],
        "mariadb": stood,
        "sqlite": file,
        "leases": cut,
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

/// What the cycles came to.
#[derive(Debug, Default)]
struct Counts {
    /// Tasks of the other one that the stale one changed.
    accepted: usize,
    /// Tasks that were held when a process was stopped, and taken over.
    held: usize,
    /// Tasks that the other one had claimed when the first went on.
    watched: usize,
    /// Cycles in which the one that came back was told that it was declared dead.
    told: u32,
    /// Cycles that were repeated because the other one was silent too long itself.
    repeated: u32,
    /// Answers of the stale one that were kept although its claims were gone.
    kept: i64,
}

async fn stand_still(args: &Args, binary: &Path, dir: &Path) -> Result<Value, Failure> {
    std::fs::create_dir_all(dir)?;
    let servers = Servers::find()?;
    // A cycle takes about three ttl, and nobody should run out of work.
    let a_second = 2 * args.in_flight * 1_000 / u32::try_from(args.latency_ms.max(1))?;
    let creators = args.cycles * a_second * u32::try_from(args.ttl_s)? * 2 + 500;
    let simulator = Simulator::start(json!({ "creators": creators, "latency_ms": args.latency_ms })).await?;
    let handles = handles(&simulator, creators, dir).await?;
    let knobs = Knobs {
        ttl_s: args.ttl_s,
        in_flight: args.in_flight,
        commit_window: 16,
        per_second: None,
        units_per_day: None,
    };
    std::fs::write(dir.join("collector.toml"), servers.config(&simulator.ensembledata(), &knobs))?;
    let began = Instant::now();
    let mut fleet = Fleet::logged(binary.to_owned(), dir, &servers, 2)?;
    reached(&simulator, &mut fleet, 1).await?;
    let rows = servers.rows().await?;
    let mut counts = Counts::default();
    for cycle in 0..args.cycles {
        let stopped = usize::try_from(cycle % 2)?;
        while !one_cycle(&fleet, stopped, &rows, &mut counts).await? {
            counts.repeated += 1;
            if counts.repeated > args.cycles {
                return Err("the machine stands still all the time: no cycle can be judged".into());
            }
        }
    }
    // The rest need not take as long as the cycles did.
    simulator.post("/control", json!({ "latency_ms": 5 })).await?;
    let codes = fleet.wait().await?;
    for of in 0..2 {
        counts.told += u32::try_from(fleet.log(of)?.matches("was silent too long").count())?;
    }
    let stats = simulator.stats().await?;
    let entities = rows.count("SELECT COUNT(*) FROM @entity WHERE merged_into IS NULL").await?;
    let documents = servers.documents().await?;
    let expected = i64::try_from(handles.len())?;
    Ok(json!({
        "stale_accepted": counts.accepted,
        "held_when_stopped": counts.held,
        "claims_watched": counts.watched,
        "stale_answers_kept": counts.kept,
        "told_dead": counts.told,
        "cycles_repeated": counts.repeated,
        "exit_codes": codes,
        "creators": creators,
        "missing": (expected - entities).max(0) + (expected - documents).max(0),
        "duplicates": { "store": (entities - expected).max(0), "search": (documents - expected).max(0) },
        "in_flight_twice": stats["in_flight_twice"],
        "bought_again": stats["bought_more_than_once"],
        "wall_s": rounded(began.elapsed().as_secs_f64(), 1),
    }))
}

/// The claims: task to number.
type Claims = BTreeMap<i64, i64>;

async fn claims(rows: &ServerRows, worker: &str) -> Result<Claims, Failure> {
    let query = format!(
        "SELECT t.id, t.claim FROM @task t JOIN @worker w ON w.id = t.worker WHERE t.state = 2 AND {worker}"
    );
    Ok(rows.numbers::<2>(&query).await?.into_iter().map(|[task, claim]| (task, claim)).collect())
}

/// One stands still, the other takes over, stands still itself, and the first goes on. Tells whether it can be judged.
async fn one_cycle(
    fleet: &Fleet,
    stopped: usize,
    rows: &ServerRows,
    counts: &mut Counts,
) -> Result<bool, Failure> {
    let other = 1 - stopped;
    let pid = |of: usize| fleet.children[of].id().ok_or("a collector ended by itself; its log says why");
    let mine = format!("w.name LIKE '{}-%'", pid(stopped)?);
    let theirs = format!("w.name LIKE '{}-%'", pid(other)?);
    // With calls under way, and nothing left of the cycle before.
    until(async || Ok(!claims(rows, &mine).await?.is_empty() && alive(rows, &mine).await?)).await?;
    fleet.signal(stopped, Signal::SIGSTOP)?;
    let held = claims(rows, &mine).await?;
    until(async || Ok(!alive(rows, &mine).await? && claims(rows, &mine).await?.is_empty())).await?;
    // Some of what it held is with the other one now.
    let taken = async || {
        let now = claims(rows, &theirs).await?;
        Ok::<_, Failure>(now.iter().any(|(task, claim)| held.get(task).is_some_and(|before| before < claim)))
    };
    until_soon(taken).await?;
    fleet.signal(other, Signal::SIGSTOP)?;
    // What the other one had sent is carried out by now.
    sleep(Duration::from_millis(50)).await;
    let (watched, answers) = (claims(rows, &theirs).await?, answers(rows).await?);
    fleet.signal(stopped, Signal::SIGCONT)?;
    sleep(ACTS).await;
    let after = claims(rows, &theirs).await?;
    let (judged, more) = (alive(rows, &theirs).await?, self::answers(rows).await?);
    fleet.signal(other, Signal::SIGCONT)?;
    if !judged {
        return Ok(false);
    }
    counts.held += held.len();
    counts.watched += watched.len();
    counts.accepted += watched.iter().filter(|(task, claim)| after.get(task) != Some(claim)).count();
    counts.kept += more - answers;
    Ok(true)
}

/// Answers kept, whoever they are from.
async fn answers(rows: &ServerRows) -> Result<i64, Failure> {
    rows.count("SELECT COUNT(*) FROM @payload").await
}

/// Whether a worker is not declared dead.
async fn alive(rows: &ServerRows, worker: &str) -> Result<bool, Failure> {
    Ok(rows.count(&format!("SELECT COUNT(*) FROM @worker w WHERE w.state = 1 AND {worker}")).await? > 0)
}

async fn until(met: impl AsyncFn() -> Result<bool, Failure>) -> Result<(), Failure> {
    let patience = Instant::now() + PATIENCE;
    while !met().await? {
        if Instant::now() > patience {
            return Err("a process did not act for a minute; its log says why".into());
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Waits, and goes on all the same: the other one may have answered everything before it was looked at.
async fn until_soon(met: impl AsyncFn() -> Result<bool, Failure>) -> Result<(), Failure> {
    let patience = Instant::now() + Duration::from_secs(3);
    while !met().await? && Instant::now() < patience {
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// A second process meets the file of one that stands still.
async fn one_file(args: &Args, binary: &Path, dir: &Path) -> Result<Value, Failure> {
    std::fs::create_dir_all(dir)?;
    let creators = 200 + args.file_cycles * 100;
    let simulator = Simulator::start(json!({ "creators": creators, "latency_ms": args.latency_ms })).await?;
    let handles = handles(&simulator, creators, dir).await?;
    let config = format!(
        "[store]\nurl = \"sqlite:collector.db\"\n\n[jsonl]\npath = \"creators.jsonl\"\n\n[run]\nworker_ttl = \"{}s\"\n\n\
         [sources.ensembledata]\nbase_url = \"{}\"\ntoken = {{ env = \"BENCH_TOKEN\" }}\nin_flight = {}\n",
        args.ttl_s,
        simulator.ensembledata(),
        args.in_flight,
    );
    std::fs::write(dir.join("collector.toml"), config)?;
    let command = || {
        let mut command = tokio::process::Command::new(binary);
        command
            .args(["run", "--config", "collector.toml", "--file", "handles.txt", "--json"])
            .current_dir(dir)
            .env("BENCH_TOKEN", TOKEN)
            .env("COLLECTOR_YES", "1")
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true);
        command
    };
    let mut first = command().stderr(std::fs::File::create(dir.join("log.txt"))?).spawn()?;
    let pid = nix::unistd::Pid::from_raw(i32::try_from(first.id().ok_or("it ended at once")?)?);
    let answered =
        async || Ok::<_, Failure>(simulator.stats().await?["subjects_distinct"].as_u64().unwrap_or(0));
    let (mut refused, mut accepted) = (0, 0);
    for cycle in 0..args.file_cycles {
        let target = 20 * (u64::from(cycle) + 1);
        until(async || Ok::<_, Failure>(answered().await? >= target)).await?;
        nix::sys::signal::kill(pid, Signal::SIGSTOP)?;
        sleep(Duration::from_secs(args.ttl_s + 1)).await;
        let before = answered().await?;
        let second = command().stderr(std::process::Stdio::piped()).output().await?;
        let said = String::from_utf8_lossy(&second.stderr).into_owned();
        if !second.status.success() && said.contains(&format!("{pid}")) {
            refused += 1;
        }
        accepted += usize::from(second.status.success()) + usize::from(answered().await? > before);
        nix::sys::signal::kill(pid, Signal::SIGCONT)?;
    }
    simulator.post("/control", json!({ "latency_ms": 5 })).await?;
    let code = first.wait().await?.code();
    let rows = Rows::open(&dir.join("collector.db")).await?;
    let entities = rows.count("SELECT COUNT(*) FROM entity WHERE merged_into IS NULL").await?;
    let expected = i64::try_from(handles.len())?;
    Ok(json!({
        "stale_accepted": accepted,
        "cycles": args.file_cycles,
        "second_process_refused": refused,
        "exit_code": code,
        "missing": (expected - entities).max(0),
        "duplicates": (entities - expected).max(0),
        "bought_again": simulator.stats().await?["bought_more_than_once"],
    }))
}
