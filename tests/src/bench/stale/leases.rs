//! Leases on a Redis server behind a proxy that cuts their renewals off.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use collector_core::lock::{Acquired, Keeper, Lease, LeaseOptions, LockKey};
use collector_core::testkit::proxy::{Path, TcpProxy};
use collector_sinks::redis::{Redis, RedisConfig, RedisLock};
use rand::RngExt;
use serde_json::{Value, json};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::bench::Failure;
use crate::bench::process::rounded;
use crate::bench::servers::{Server, Servers};

/// Keepers at once, each with a connection and a proxy of its own.
const KEEPERS: usize = 20;
/// The ways in which a path can be lost.
const FAULTS: [(&str, Path); 3] = [("refused", Path::Refuse), ("hanging", Path::Hang), ("mute", Path::Mute)];

/// How often is looked whether this process runs.
const STEP: Duration = Duration::from_millis(10);

/// What became of one lease.
struct Told {
    fault: usize,
    /// From when it was told lost to its end; negative when it was told too late.
    ahead: f64,
    /// Whether it had been renewed before it was cut off.
    renewed_before: bool,
}

/// Cuts the renewals of so many leases, each at a moment of its own.
pub(super) async fn cut_off(cuts: usize, ttl: Duration) -> Result<Value, Failure> {
    let mut servers = Servers::find()?;
    let address = servers.address(Server::Redis)?;
    let url = std::env::var("COLLECTOR_TEST_REDIS")?;
    let mut told = Vec::with_capacity(cuts);
    let stalls = Stalls::watch();
    let mut round = 0;
    while told.len() < cuts {
        let mut keepers = JoinSet::new();
        for n in 0..KEEPERS.min(cuts - told.len()) {
            let prefix = format!("collector:{}-{round}-{n}", servers.name());
            keepers.spawn(one(url.clone(), prefix, address, (round * KEEPERS + n) % FAULTS.len(), ttl));
        }
        while let Some(done) = keepers.join_next().await {
            told.push(done??);
        }
        round += 1;
    }
    let longest = stalls.longest();
    let of = |fault: usize| told.iter().filter(|told| told.fault == fault).count();
    let least = told.iter().map(|told| told.ahead).fold(f64::INFINITY, f64::min);
    Ok(json!({
        "cut": told.len(),
        "late": told.iter().filter(|told| told.ahead < 0.0).count(),
        "renewed_before_the_cut": told.iter().filter(|told| told.renewed_before).count(),
        "least_ahead_ms": rounded(least * 1e3, 1),
        "faults": FAULTS.iter().enumerate().map(|(at, (name, _))| ((*name).to_owned(), json!(of(at)))).collect::<serde_json::Map<_, _>>(),
        // Nobody is told anything in time by a process that does not get to run.
        "longest_stall_ms": longest.as_millis() as u64,
        "ttl_s": ttl.as_secs_f64(),
    }))
}

async fn one(
    url: String,
    prefix: String,
    server: SocketAddr,
    fault: usize,
    ttl: Duration,
) -> Result<Told, Failure> {
    let proxy = TcpProxy::to(server).await?;
    let mut front = url::Url::parse(&url)?;
    front.set_port(Some(proxy.address().port())).map_err(|()| "this URL has no port")?;
    let quick = ttl / 4;
    let config =
        RedisConfig::parse(front.as_str())?.prefix(prefix).response_timeout(quick).connect_timeout(quick);
    let lock = RedisLock::new(Redis::new(config)?);
    let keeper = Arc::new(Keeper::new(Arc::new(lock), LeaseOptions { ttl, min_hold: Duration::ZERO }));
    let stop = CancellationToken::new();
    let running = tokio::spawn(Arc::clone(&keeper).run(stop.clone()));
    let answers = keeper.acquire(vec![LockKey("bench:stale:lease".into())]).await?;
    let Some(Acquired::Granted(lease)) = answers.into_iter().next() else {
        return Err("a key of the benchmark's own is held".into());
    };
    let first = lease.valid_until();
    // Anywhere between two renewals, also while one is under way.
    let moment = ttl.mul_f64(rand::rng().random_range(0.3..1.0));
    tokio::time::sleep(moment).await;
    let renewed_before = lease.valid_until() > first;
    proxy.set(FAULTS[fault].1);
    proxy.cut();
    let at = lost(&lease).await;
    // What the lease says now is what it said then: nothing renews a lost one.
    let until = lease.valid_until();
    let ahead = if at <= until { (until - at).as_secs_f64() } else { -(at - until).as_secs_f64() };
    stop.cancel();
    running.await?;
    Ok(Told { fault, ahead, renewed_before })
}

async fn lost(lease: &Lease) -> Instant {
    lease.lost().cancelled().await;
    Instant::now()
}

/// Notices when this process does not get to run.
struct Stalls {
    longest: Arc<AtomicU64>,
    watching: AbortHandle,
}

impl Stalls {
    fn watch() -> Self {
        let longest = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&longest);
        let watching = tokio::spawn(async move {
            loop {
                let slept = Instant::now();
                tokio::time::sleep(STEP).await;
                let over = slept.elapsed().saturating_sub(STEP);
                seen.fetch_max(u64::try_from(over.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
            }
        });
        Self { longest, watching: watching.abort_handle() }
    }

    fn longest(&self) -> Duration {
        Duration::from_millis(self.longest.load(Ordering::SeqCst))
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        self.watching.abort();
    }
}
