//! `collector serve` as the real binary: slots, signals, readiness, and what is bought.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Child;
use std::sync::Arc;

use collector_core::creator::Creators;
use collector_core::store::{SlotFate, SlotRow, Store};
use collector_sinks::sql::{ServerConfig, SqlConfig, SqlStore};
use collector_sources::simulator::{Running, SimulatorConfig};
use collector_tests::services;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::{built, get, handles, simulator, start, stats, until};

/// A simulator of so many people, and a folder with a configuration whose job asks for all of them.
async fn stage(people: u32, latency_ms: u64, store: &str, job: &str) -> (Running, tempfile::TempDir) {
    let config = SimulatorConfig { creators: people, latency_ms, ..SimulatorConfig::default() };
    let running = simulator(config).await;
    let url = running.url();
    let names = handles(&url, people).await;
    let dir = tempfile::tempdir().expect("a folder");
    let config = format!(
        "[store]\n{store}\n[run]\nworker_ttl = \"2s\"\n[sources.ensembledata]\nbase_url = \"{url}/ensembledata\"\n\
         token = {{ env = \"COLLECTOR_TEST_TOKEN\" }}\nin_flight = 4\n[[jobs]]\nname = \"tick\"\n{job}\n\
         query = {{ handles = {names:?} }}\n"
    );
    std::fs::write(dir.path().join("collector.toml"), config).expect("the configuration is written");
    (running, dir)
}

const FILE: &str = "url = \"sqlite:collector.db\"";

/// A serving process; killed when the test is over.
struct Server {
    child: Child,
    /// Where its admin listener is.
    admin: String,
}

impl Server {
    /// Starts it and waits until it serves.
    async fn start(dir: &Path, args: &[&str]) -> Self {
        let args = [&["serve", "--json", "--admin", "127.0.0.1:0"], args].concat();
        let mut child = start(&built("collector"), dir, &args);
        let stdout = child.stdout.take().expect("its standard output");
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| line)
        });
        let line = line.await.expect("it is waited for").expect("a line");
        let serving: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let admin = serving["admin"].as_str().expect("an address").to_owned();
        Self { child, admin }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a number"));
        kill(pid, signal).expect("the signal is sent");
    }

    /// Waits until it ends by itself; gives its exit code.
    async fn ended(mut self) -> Option<i32> {
        let mut code = None;
        until("the end of the process", async || {
            code = self.child.try_wait().expect("a status").map(|status| status.code());
            code.is_some()
        })
        .await;
        code.flatten()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn reader(config: &SqlConfig) -> SqlStore<Creators> {
    SqlStore::open_reader(config, Arc::new(Creators::default())).await.expect("the store can be read")
}

/// The slots of the job, oldest first.
async fn slots(config: &SqlConfig) -> Vec<SlotRow> {
    let mut rows = reader(config).await.slots("tick", 10_000).await.expect("the slots");
    rows.reverse();
    rows
}

fn fired(rows: &[SlotRow]) -> usize {
    rows.iter().filter(|row| matches!(row.fate, SlotFate::Fired(_))).count()
}

/// Fails unless every slot of an interval is there once, in a row of its own or in a range.
fn each_once(rows: &[SlotRow], every_ms: i64) {
    for pair in rows.windows(2) {
        let gap = pair[1].first.as_millis() - pair[0].last.as_millis();
        assert_eq!(gap, every_ms, "between {:?} and {:?}", pair[0], pair[1]);
    }
    let mut runs = BTreeMap::new();
    for row in rows {
        if let SlotFate::Fired(run) = row.fate {
            assert!(runs.insert(run, row.first).is_none(), "two slots have run {run}");
        }
    }
}

/// What mimalloc reads when the process begins.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn it_gives_memory_back_at_once() {
    let (vendor, dir) = stage(1, 0, FILE, "every = \"1h\"").await;
    let server = Server::start(dir.path(), &[]).await;
    let environment = std::fs::read(format!("/proc/{}/environ", server.child.id())).expect("its environment");
    let mut variables = environment.split(|byte| *byte == 0);
    assert!(variables.any(|variable| variable == b"MIMALLOC_PURGE_DELAY=0"));
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().await, Some(0));
    vendor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_signal_lets_calls_end_and_nothing_is_bought_twice() {
    let people = 12;
    let (simulator, dir) = stage(people, 2_000, FILE, "every = \"1s\"\nfresh_for = \"1d\"").await;
    let url = simulator.url();
    let server = Server::start(dir.path(), &[]).await;
    assert!(get(&server.admin, "/readyz").await.contains("ready"));
    assert!(get(&server.admin, "/livez").await.contains("alive"));
    until("calls under way", async || stats(&url).await["calls"].as_u64() >= Some(4)).await;
    server.signal(Signal::SIGTERM);
    let admin = server.admin.clone();
    let code = server.ended().await;
    assert_eq!(code, Some(0));
    assert!(
        std::net::TcpStream::connect(admin.trim_start_matches("http://")).is_err(),
        "nobody listens any more"
    );
    let first = stats(&url).await;
    let calls = first["calls"].as_u64().expect("a count");
    assert!(calls < u64::from(people), "it was stopped in the middle: {first}");
    let config = SqlConfig::new(dir.path().join("collector.db"));
    let kept = reader(&config).await.counts().await.expect("the counts");
    assert_eq!(kept.tasks.get("done").copied(), Some(calls), "what was under way was kept: {kept:?}");
    assert_eq!(kept.tasks.get("claimed"), None, "nothing is held: {kept:?}");

    let server = Server::start(dir.path(), &[]).await;
    until("everybody", async || {
        reader(&config).await.counts().await.expect("the counts").entities == u64::from(people)
    })
    .await;
    server.signal(Signal::SIGINT);
    assert_eq!(server.ended().await, Some(0));
    let stats = stats(&url).await;
    assert_eq!(stats["bought_more_than_once"], 0, "{stats}");
    assert_eq!(stats["calls"], people, "{stats}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_outlast_the_drain_are_dropped_and_the_slot_goes_on_at_the_next_start() {
    let (simulator, dir) = stage(4, 600_000, FILE, "every = \"1s\"").await;
    let url = simulator.url();
    let server = Server::start(dir.path(), &["--drain", "100ms"]).await;
    until("calls under way", async || stats(&url).await["calls"].as_u64() >= Some(4)).await;
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().await, Some(0));
    let config = SqlConfig::new(dir.path().join("collector.db"));
    let counts = reader(&config).await.counts().await.expect("the counts");
    assert_eq!(counts.tasks.get("claimed"), None, "nothing is held: {counts:?}");
    let run = counts.runs.first().expect("a run");
    assert_eq!((run.ended, run.open), (None, 4), "the run is not over");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_signal_ends_it_where_it_stands() {
    let (simulator, dir) = stage(4, 600_000, FILE, "every = \"1s\"").await;
    let server = Server::start(dir.path(), &[]).await;
    until("calls under way", async || stats(&simulator.url()).await["calls"].as_u64() >= Some(4)).await;
    server.signal(Signal::SIGTERM);
    until("the draining is told", async || get(&server.admin, "/readyz").await.contains("draining")).await;
    assert!(get(&server.admin, "/livez").await.contains("alive"), "it drains, and lives");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().await, Some(143));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_slot_happens_once_although_the_process_is_killed() {
    let (simulator, dir) = stage(2, 0, FILE, "every = \"1s\"\nfresh_for = \"1s\"").await;
    let config = SqlConfig::new(dir.path().join("collector.db"));
    for kills in 1..=3 {
        let server = Server::start(dir.path(), &[]).await;
        until("slots that fire", async || fired(&slots(&config).await) >= 2 * kills).await;
        server.signal(Signal::SIGKILL);
        server.ended().await;
    }
    let server = Server::start(dir.path(), &[]).await;
    until("more slots", async || fired(&slots(&config).await) >= 8).await;
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().await, Some(0));
    each_once(&slots(&config).await, 1_000);
    let counts = reader(&config).await.counts().await.expect("the counts");
    assert_eq!((counts.entities, counts.dead), (2, 0), "{counts:?}");
    drop(simulator);
}

/// A URL without its password, and the password.
fn bare(url: &str) -> (url::Url, String) {
    let mut url = url::Url::parse(url).expect("a URL");
    let password = url.password().unwrap_or_default().to_owned();
    url.set_password(None).expect("it can have one");
    (url, password)
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_the_slots_and_one_goes_on_when_the_other_is_killed() {
    let (Some(mysql), Some(redis)) = (services::mysql(), services::redis()) else { return };
    let (mysql, password) = bare(&mysql);
    let (redis, redis_password) = bare(&redis);
    let prefix = format!("serve{:08x}_", rand::random::<u32>());
    let secret = |file: &str, password: &str| match password {
        "" => String::new(),
        _ => format!("password = {{ file = \"{file}\" }}\n"),
    };
    // A lease that outlives its holder keeps others from the subject, so it is short.
    let store = format!(
        "url = \"{mysql}\"\n{}table_prefix = \"{prefix}\"\n[lock]\nurl = \"{redis}\"\n{}prefix = \"collector:{prefix}\"\nttl = \"1s\"",
        secret("mysql.txt", &password),
        secret("redis.txt", &redis_password),
    );
    let (simulator, dir) = stage(3, 5, &store, "every = \"1s\"\nfresh_for = \"1s\"").await;
    std::fs::write(dir.path().join("mysql.txt"), &password).expect("written");
    std::fs::write(dir.path().join("redis.txt"), &redis_password).expect("written");
    let server = ServerConfig::new(mysql.to_string(), password.as_str());
    let config = SqlConfig { table_prefix: prefix, ..SqlConfig::on(server) };

    let one = Server::start(dir.path(), &[]).await;
    let two = Server::start(dir.path(), &[]).await;
    until("slots that fire", async || fired(&slots(&config).await) >= 3).await;
    one.signal(Signal::SIGKILL);
    one.ended().await;
    until("slots that fire without it", async || fired(&slots(&config).await) >= 6).await;
    let three = Server::start(dir.path(), &["--roles", "scheduler,admin"]).await;
    until("slots with the third", async || fired(&slots(&config).await) >= 8).await;
    for server in [two, three] {
        server.signal(Signal::SIGTERM);
        assert_eq!(server.ended().await, Some(0));
    }
    each_once(&slots(&config).await, 1_000);
    let counts = reader(&config).await.counts().await.expect("the counts");
    assert_eq!((counts.entities, counts.dead), (3, 0), "{counts:?}");
    drop(simulator);
}
