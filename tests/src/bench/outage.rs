//! One server is away in the middle of a run of the real binary, or for the whole of it.
//!
//! Redis is a server of the benchmark's own, killed and started again with nothing in it; the others stand behind a proxy
//! that ends every connection and refuses new ones. Meanwhile `collector status` is asked again and again: it has to say
//! what is waited for, in the words of the log.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use collector_core::testkit::proxy::{Path as Way, TcpProxy};
use serde_json::{Map, Value, json};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::Failure;
use super::detail::handles;
use super::process::{Simulator, rounded};
use super::servers::{Knobs, Server, Servers};
use super::workers::{Fleet, named, reached};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The server that is away.
    #[arg(long)]
    server: Server,
    /// For how long, in seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Away for the whole of a run, and back for the next.
    #[arg(long)]
    throughout: bool,
    /// Processes at once.
    #[arg(long, default_value_t = 2)]
    processes: usize,
    /// Creators to fetch.
    #[arg(long, default_value_t = 3_000)]
    creators: u32,
    /// The vendor's rate: calls a second.
    #[arg(long, default_value_t = 100)]
    per_second: u32,
    /// The vendor's latency in milliseconds.
    #[arg(long, default_value_t = 50)]
    latency_ms: u64,
    /// The binary; the workspace's own is built when absent.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// The server that is to be away.
enum Away {
    /// A Redis of our own.
    Own(OwnRedis),
    /// Behind a proxy.
    Behind(TcpProxy),
}

impl Away {
    async fn of(args: &Args, servers: &mut Servers, dir: &Path) -> Result<Self, Failure> {
        if args.server == Server::Redis {
            let redis = OwnRedis::start(dir).await?;
            servers.reach(Server::Redis, redis.address, true)?;
            return Ok(Self::Own(redis));
        }
        let proxy = TcpProxy::to(servers.address(args.server)?).await?;
        servers.reach(args.server, proxy.address(), false)?;
        Ok(Self::Behind(proxy))
    }

    async fn leave(&mut self) -> Result<(), Failure> {
        match self {
            Self::Own(redis) => redis.child.kill().await?,
            Self::Behind(proxy) => {
                proxy.set(Way::Refuse);
                proxy.cut();
            }
        }
        Ok(())
    }

    async fn come_back(&mut self) -> Result<(), Failure> {
        match self {
            Self::Own(redis) => redis.again().await?,
            Self::Behind(proxy) => proxy.set(Way::Open),
        }
        Ok(())
    }
}

/// A Redis that keeps nothing.
struct OwnRedis {
    address: SocketAddr,
    dir: PathBuf,
    child: Child,
}

impl OwnRedis {
    async fn start(dir: &Path) -> Result<Self, Failure> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let (address, dir) = (SocketAddr::from(([127, 0, 0, 1], port)), dir.to_owned());
        let child = Self::spawn(address, &dir)?;
        let started = Self { address, dir, child };
        started.is_up().await?;
        Ok(started)
    }

    fn spawn(address: SocketAddr, dir: &Path) -> Result<Child, Failure> {
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        Ok(child.map_err(|error| {
            format!("redis-server cannot be started: {error}; tests/services installs it")
        })?)
    }

    async fn again(&mut self) -> Result<(), Failure> {
        self.child = Self::spawn(self.address, &self.dir)?;
        self.is_up().await
    }

    async fn is_up(&self) -> Result<(), Failure> {
        let patience = Instant::now() + Duration::from_secs(20);
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            if Instant::now() > patience {
                return Err("redis-server does not listen after 20 s".into());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let binary = named(args.binary.as_ref()).await?;
    let knobs =
        json!({ "creators": args.creators, "latency_ms": args.latency_ms, "per_second": args.per_second });
    let simulator = Simulator::start(knobs).await?;
    let handles = handles(&simulator, args.creators, dir).await?;
    let mut servers = Servers::find()?.with_pictures(simulator.url())?;
    let mut away = Away::of(args, &mut servers, dir).await?;
    let knobs = Knobs {
        ttl_s: 10,
        in_flight: 16,
        commit_window: 64,
        per_second: Some(args.per_second),
        units_per_day: None,
    };
    std::fs::write(dir.join("collector.toml"), servers.config(&simulator.ensembledata(), &knobs))?;
    let mut figures = if args.throughout {
        throughout(args, dir, &binary, &servers, &simulator, &mut away).await?
    } else {
        in_the_middle(args, dir, &binary, &servers, &simulator, &mut away).await?
    };
    let rows = Servers::rows(&servers).await?;
    let entities = rows.count("SELECT COUNT(*) FROM @entity WHERE merged_into IS NULL").await?;
    let pictures = rows
        .count("SELECT COUNT(*) FROM @entity WHERE merged_into IS NULL AND facts LIKE '%\"avatar\"%'")
        .await?;
    let documents = servers.documents().await?;
    let stats = simulator.stats().await?;
    let expected = i64::try_from(handles.len())?;
    let missing = |have: i64| (expected - have).max(0);
    let more = json!({
        "workload": "outage",
        "server": args.server.name(),
        "creators": args.creators,
        "processes": args.processes,
        "missing": missing(entities) + missing(documents),
        "missing_in": { "store": missing(entities), "search": missing(documents) },
        "pictures_kept": pictures,
        "duplicates": { "store": (entities - expected).max(0), "search": (documents - expected).max(0) },
        "in_flight_twice": stats["in_flight_twice"],
        "bought_again": stats["bought_more_than_once"],
        "rate_limited": stats["rate_limited"],
    });
    let mut all = more.as_object().cloned().unwrap_or_default();
    all.append(&mut figures);
    Ok(all)
}

/// What `collector status` said.
struct Status {
    /// What is waited for, if it said so.
    waiting: Option<Value>,
    took: Duration,
}

async fn status(fleet: &Fleet, server: Server) -> Result<Status, Failure> {
    let asked = Instant::now();
    let output = fleet
        .command(&["status", "--json", "--config", "collector.toml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output();
    let output = tokio::time::timeout(Duration::from_secs(120), output)
        .await
        .map_err(|_| "`collector status` hung for two minutes")??;
    let took = asked.elapsed();
    let waiting = match serde_json::from_slice::<Value>(&output.stdout) {
        Ok(report) => report["counts"]["waiting"].as_object().and_then(|all| all.values().next().cloned()),
        // Nothing can be read out of a store that is away: the error itself names it.
        Err(_) if server == Server::Mysql => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            said.contains("database: collector")
                .then(|| json!({ "part": "store", "problem": "unreachable", "error": said }))
        }
        Err(error) => {
            return Err(format!(
                "`collector status` cannot be read: {error}: {}",
                String::from_utf8_lossy(&output.stderr)
            )
            .into());
        }
    };
    Ok(Status { waiting, took })
}

async fn in_the_middle(
    args: &Args,
    dir: &Path,
    binary: &Path,
    servers: &Servers,
    simulator: &Simulator,
    away: &mut Away,
) -> Result<Map<String, Value>, Failure> {
    let began = Instant::now();
    let mut fleet = Fleet::logged(binary.to_owned(), dir, servers, args.processes)?;
    reached(simulator, &mut fleet, u64::from(args.creators) / 3).await?;
    away.leave().await?;
    let left = Instant::now();
    let (mut named_after, mut named, mut longest) = (None, None, Duration::ZERO);
    while left.elapsed() < Duration::from_secs(args.seconds) {
        let said = status(&fleet, args.server).await?;
        longest = longest.max(said.took);
        let is_its = |waiting: &Value| args.server.parts().iter().any(|part| waiting["part"] == **part);
        if let Some(waiting) = said.waiting.filter(is_its) {
            named_after.get_or_insert(left.elapsed());
            named.get_or_insert(waiting);
        }
        sleep(Duration::from_millis(200)).await;
    }
    let calls_before = simulator.stats().await?["subjects_distinct"].clone();
    away.come_back().await?;
    let back = Instant::now();
    let mut over_after = None;
    while over_after.is_none() && back.elapsed() < Duration::from_secs(120) {
        if status(&fleet, args.server).await?.waiting.is_none() {
            over_after = Some(back.elapsed());
        }
        sleep(Duration::from_millis(100)).await;
    }
    let codes = tokio::time::timeout(Duration::from_secs(600), fleet.wait())
        .await
        .map_err(|_| "the run did not end within ten minutes")??;
    let mut in_logs = 0;
    for of in 0..args.processes {
        let log = fleet.log(of)?;
        let names = |part: &&str| log.contains(&format!("waiting: {part} unreachable since"));
        in_logs += usize::from(args.server.parts().iter().any(names));
    }
    let seconds = |time: Option<Duration>| time.map_or(Value::Null, |time| rounded(time.as_secs_f64(), 2));
    let figures = json!({
        "seconds": args.seconds,
        "exit_codes": codes,
        "named_in_logs": in_logs,
        "named_in_status": named,
        "named_in_status_after_s": seconds(named_after),
        "status_longest_s": seconds(Some(longest)),
        "answered_until_it_came_back": calls_before,
        "no_longer_named_after_s": seconds(over_after),
        "wall_s": seconds(Some(began.elapsed())),
        "after_it_came_back_s": seconds(Some(back.elapsed())),
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

async fn throughout(
    args: &Args,
    dir: &Path,
    binary: &Path,
    servers: &Servers,
    simulator: &Simulator,
    away: &mut Away,
) -> Result<Map<String, Value>, Failure> {
    away.leave().await?;
    let began = Instant::now();
    let (first, without) = report(binary, dir, servers).await?;
    let took = began.elapsed();
    let rows = servers.rows().await?;
    let fetched = rows.count("SELECT COUNT(*) FROM @entity WHERE merged_into IS NULL").await?;
    let calls = simulator.stats().await?["calls"].clone();
    away.come_back().await?;
    let began = Instant::now();
    let (second, with) = report(binary, dir, servers).await?;
    let calls_after = simulator.stats().await?["calls"].clone();
    let figures = json!({
        "away": {
            "exit_code": first,
            "fetched": fetched,
            "reasons": without["reasons"],
            "calls": calls,
            "wall_s": rounded(took.as_secs_f64(), 1),
        },
        "back": {
            "exit_code": second,
            "reasons": with["reasons"],
            "vendor_calls": calls_after.as_u64().unwrap_or(u64::MAX) - calls.as_u64().unwrap_or(0),
            "wall_s": rounded(began.elapsed().as_secs_f64(), 1),
        },
        "seconds": args.seconds,
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

/// One run to its end: exit code and report.
async fn report(binary: &Path, dir: &Path, servers: &Servers) -> Result<(Option<i32>, Value), Failure> {
    let fleet = Fleet::logged(binary.to_owned(), dir, servers, 0)?;
    let args = ["run", "--config", "collector.toml", "--file", "handles.txt", "--json"];
    let output = fleet.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).output().await?;
    let report = serde_json::from_slice(&output.stdout).map_err(|error| {
        format!("the run's report cannot be read: {error}: {}", String::from_utf8_lossy(&output.stderr))
    })?;
    Ok((output.status.code(), report))
}
