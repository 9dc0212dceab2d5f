//! The servers the tests talk to: one that is given, and ones they start, stop and kill themselves.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use collector_core::testkit::proxy::TcpProxy;
use collector_sinks::redis::{Redis, RedisConfig, RedisLock};
use tempfile::TempDir;
use tokio::time::Instant;

/// The URL of the server that is given to the tests.
const GIVEN: &str = "COLLECTOR_TEST_REDIS";

/// Says that a test is skipped, or fails it where nothing may be missing.
pub(crate) fn skip(missing: &str) {
    let required = std::env::var("COLLECTOR_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
    assert!(!required, "{missing}, and COLLECTOR_REQUIRE_SERVICES=1 wants every test to run");
    eprintln!("skipped: {missing}");
}

/// The given server, with keys of this test's own; `None` when there is none.
pub(crate) fn given() -> Option<RedisConfig> {
    let Ok(url) = std::env::var(GIVEN) else {
        skip(&format!("{GIVEN} is not set to the URL of a Redis server"));
        return None;
    };
    Some(own_keys(RedisConfig::parse(&url).unwrap()))
}

/// Keys that nobody else uses, within what a user of ours may touch.
fn own_keys(config: RedisConfig) -> RedisConfig {
    config.prefix(format!("collector:test-{:016x}", rand_u64()))
}

fn rand_u64() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

/// The given server behind a proxy.
pub(crate) async fn given_behind_proxy() -> Option<(RedisConfig, TcpProxy)> {
    given()?;
    let url = std::env::var(GIVEN).unwrap();
    let after_login = url.rsplit('@').next().unwrap().rsplit("//").next().unwrap();
    let (place, database) = after_login.split_once('/').unwrap_or((after_login, ""));
    let place = if place.contains(':') { place.to_owned() } else { format!("{place}:6379") };
    let server = tokio::net::lookup_host(&place).await.unwrap().next().unwrap();
    let proxy = TcpProxy::to(server).await.unwrap();
    let front = url.replacen(after_login, &format!("{}/{database}", proxy.address()), 1);
    Some((own_keys(RedisConfig::parse(&front).unwrap()), proxy))
}

/// Notices when this process does not get to run.
pub(crate) struct Stalls {
    longest: Arc<AtomicU64>,
    watching: tokio::task::AbortHandle,
}

impl Stalls {
    pub(crate) fn watch() -> Self {
        let longest = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&longest);
        let watching = tokio::spawn(async move {
            loop {
                let slept = Instant::now();
                tokio::time::sleep(Duration::from_millis(10)).await;
                let over = slept.elapsed().saturating_sub(Duration::from_millis(10));
                seen.fetch_max(over.as_millis() as u64, Ordering::SeqCst);
            }
        });
        Self { longest, watching: watching.abort_handle() }
    }

    /// The longest time for which nothing ran, so far.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_millis(self.longest.load(Ordering::SeqCst))
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

pub(crate) fn lock(config: &RedisConfig) -> RedisLock {
    RedisLock::new(Redis::new(config.clone()).unwrap())
}

/// A server of a test's own. It is killed when dropped.
pub(crate) struct OwnServer {
    port: u16,
    options: Vec<String>,
    folder: TempDir,
    child: Child,
}

impl OwnServer {
    /// Starts one with these options, in which `PORT` stands for its port; `None` when no server is installed.
    pub(crate) async fn start(options: &[&str]) -> Option<Self> {
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            skip("no redis-server is installed");
            return None;
        }
        // Somebody else may take the port before the server does; then it ends at once.
        for _ in 0..5 {
            let port = free_port();
            let folder = TempDir::new().unwrap();
            let options: Vec<String> =
                options.iter().map(|option| option.replace("PORT", &port.to_string())).collect();
            let child = spawn(port, &folder, &options);
            let mut server = Self { port, options, folder, child };
            if server.is_up().await {
                return Some(server);
            }
        }
        panic!("no server starts with {options:?}");
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Its configuration without a login.
    pub(crate) fn config(&self) -> RedisConfig {
        RedisConfig::parse(&format!("redis://{}", self.address())).unwrap()
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, with nothing in it.
    pub(crate) async fn restart(&mut self) {
        self.child = spawn(self.port, &self.folder, &self.options);
        assert!(self.is_up().await, "the server on port {} does not start again", self.port);
    }

    /// Makes it stand still, or go on.
    pub(crate) fn stand_still(&self, still: bool) {
        let signal = if still { "-STOP" } else { "-CONT" };
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Runs commands with the server's own client, as its default user; gives what it says.
    pub(crate) fn cli(&self, words: &[&str]) -> String {
        let port = self.port.to_string();
        let run = Command::new("redis-cli").args(["-p", &port]).args(words).output().unwrap();
        String::from_utf8(run.stdout).unwrap()
    }

    /// Waits until it listens; `false` when it ended instead.
    async fn is_up(&mut self) -> bool {
        for _ in 0..1_000 {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if tokio::net::TcpStream::connect(self.address()).await.is_ok() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // One that stands still or has ended already is killed as well. What it says about that helps nobody.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A port that leaves room for a cluster's second one, which is 10,000 higher.
fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        if port < 55_000 {
            return port;
        }
    }
}

fn spawn(port: u16, folder: &TempDir, options: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(folder.path())
        .args(options)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}
