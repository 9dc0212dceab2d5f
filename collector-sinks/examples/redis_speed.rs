//! How long a batch of keys takes on a Redis server, and how well several engines share a rate there.
//!
//! ```sh
//! cargo run --release -p collector-sinks --features redis --example redis_speed [redis://127.0.0.1:6379]
//! ```
//!
//! * *acquire, renew, release*: 1,000 keys in one call, 200 times;
//! * *engines*: four with a store each, 1,500 calls each, at a vendor that keeps a bucket and refuses what exceeds it.

#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use collector_core::admission::Limits;
use collector_core::context::Context;
use collector_core::domain::LastWins;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::{Ids, Name};
use collector_core::lock::{Acquired, Lease, LeaseOptions, Lock, LockKey};
use collector_core::pipeline::{Job, Pipeline, SourceOptions};
use collector_core::sink::MemorySink;
use collector_core::source::{CallSpec, Source};
use collector_core::store::MemoryStore;
use collector_core::task::{Page, Payload, Query, Task};
use collector_core::testkit::fakes::{FakeItem, FakeSource};
use collector_sinks::redis::{Redis, RedisConfig, RedisLock, RedisRate};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const KEYS: usize = 1_000;
const ROUNDS: usize = 200;
const ENGINES: usize = 4;
const CALLS: usize = 1_500;
const PER_SECOND: f64 = 300.0;
const BURST: f64 = 30.0;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned());
    let config = RedisConfig::parse(&url)?.prefix(format!("collector:speed-{:016x}", rand::random::<u64>()));
    lock_speed(&config).await?;
    rate_speed(&config).await
}

async fn lock_speed(config: &RedisConfig) -> Result<()> {
    let lock = RedisLock::new(Redis::new(config.clone())?);
    let mut taken: [Vec<Duration>; 3] = Default::default();
    for round in 0..ROUNDS {
        let keys: Vec<_> =
            (0..KEYS).map(|n| LockKey(format!("demo:vendor:profile:{round}:{n:08}").into())).collect();
        let begin = Instant::now();
        let answers = lock.try_acquire_many(&keys, LeaseOptions::default()).await?;
        taken[0].push(begin.elapsed());
        let leases: Vec<Lease> = answers.into_iter().filter_map(granted).collect();
        let begin = Instant::now();
        lock.renew_many(&leases).await?;
        taken[1].push(begin.elapsed());
        let begin = Instant::now();
        lock.release_many(leases).await?;
        taken[2].push(begin.elapsed());
    }
    for (call, mut times) in ["acquire", "renew", "release"].into_iter().zip(taken) {
        times.sort();
        let at = |part: usize| times[times.len() * part / 100].as_secs_f64() * 1e3;
        println!("{call:8} {KEYS} keys: p50 {:.2} ms, p95 {:.2} ms", at(50), at(95));
    }
    Ok(())
}

fn granted(answer: Acquired) -> Option<Lease> {
    match answer {
        Acquired::Granted(lease) => Some(lease),
        Acquired::Held { .. } => None,
    }
}

/// A vendor that keeps a bucket and refuses what exceeds it.
#[derive(Clone)]
struct Vendor {
    source: FakeSource,
    /// Calls that are left, since when, and how many were refused.
    bucket: Arc<Mutex<(f64, Instant, usize)>>,
}

impl Vendor {
    fn accepts(&self) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = Instant::now();
        let earned = (now - bucket.1).as_secs_f64() * PER_SECOND;
        let left = (bucket.0 + earned).min(BURST);
        let accepted = left >= 1.0;
        *bucket = (left - f64::from(u8::from(accepted)), now, bucket.2 + usize::from(!accepted));
        accepted
    }
}

#[async_trait]
impl Source for Vendor {
    type Item = FakeItem;

    fn name(&self) -> &str {
        self.source.name()
    }

    fn kinds(&self) -> Vec<Name> {
        self.source.kinds()
    }

    fn call(&self, kind: &str) -> CallSpec {
        self.source.call(kind)
    }

    fn seed(&self, query: &Query) -> Result<Vec<Task>> {
        self.source.seed(query)
    }

    fn lookup(&self, ids: &Ids) -> Option<Task> {
        self.source.lookup(ids)
    }

    async fn check(&self, cx: &Context) -> Result<()> {
        self.source.check(cx).await
    }

    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        if !self.accepts() {
            let refused = Error::new(ErrorKind::RateLimited, "too fast");
            return Err(refused.retry_after(Duration::from_secs(1)));
        }
        self.source.fetch(cx, tasks).await
    }

    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<FakeItem>> {
        self.source.parse(tasks, payload)
    }
}

/// Engines with a store each that call on one account; the rate is told.
async fn rate_speed(config: &RedisConfig) -> Result<()> {
    let bucket = Arc::new(Mutex::new((BURST, Instant::now(), 0)));
    let begin = Instant::now();
    let mut engines = JoinSet::new();
    for n in 0..ENGINES {
        let handles: Vec<String> = (0..CALLS).map(|i| format!("{n}-{i}")).collect();
        let source = FakeSource::new("vendor").latency(Duration::from_millis(50));
        for handle in &handles {
            source.profile(handle, 1);
        }
        let limits = Limits { in_flight: 64, per_second: Some(PER_SECOND), burst: Some(BURST as u32) };
        let domain = Arc::new(LastWins::new());
        let engine = Pipeline::<LastWins<FakeItem>>::new(Arc::clone(&domain))
            .store(MemoryStore::<LastWins<FakeItem>>::new(domain))
            .sink(MemorySink::named("sink"))
            .rate(RedisRate::new(Redis::new(config.clone())?))
            .lock(RedisLock::new(Redis::new(config.clone())?), LeaseOptions::default())
            .source_with(
                Vendor { source, bucket: Arc::clone(&bucket) },
                SourceOptions { limits, ..SourceOptions::default() },
            )
            .build()?;
        let job = Job::new("speed", Query { handles, ..Query::default() });
        engines.spawn(async move { engine.run(job, CancellationToken::new()).await });
    }
    for report in engines.join_all().await {
        report?;
    }
    let (took, calls) = (begin.elapsed().as_secs_f64(), ENGINES * CALLS);
    let bound = (calls as f64 - BURST) / PER_SECOND;
    let refused = bucket.lock().unwrap_or_else(std::sync::PoisonError::into_inner).2;
    println!(
        "{ENGINES} engines, {calls} calls at {PER_SECOND}/s: {took:.2} s, {:.3} of the bound, {refused} refused",
        took / bound
    );
    Ok(())
}
