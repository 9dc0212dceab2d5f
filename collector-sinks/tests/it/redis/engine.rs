//! Machines that share nothing but a Redis: each has a store of its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use collector_core::admission::Limits;
use collector_core::domain::LastWins;
use collector_core::lock::LeaseOptions;
use collector_core::pipeline::{Engine, Job, Pipeline, SourceOptions};
use collector_core::sink::MemorySink;
use collector_core::store::MemoryStore;
use collector_core::task::Query;
use collector_core::testkit::fakes::{FakeItem, FakeSource};
use collector_sinks::redis::{Redis, RedisConfig, RedisRate};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::server::{self, OwnServer};

const PEOPLE: usize = 300;
const LIMIT: Duration = Duration::from_secs(60);

fn vendor() -> FakeSource {
    let source = FakeSource::new("api").latency(Duration::from_millis(3));
    for n in 0..PEOPLE {
        source.profile(format!("p{n}"), 1);
    }
    source
}

fn job() -> Job {
    Job::new("job", Query { handles: (0..PEOPLE).map(|n| format!("p{n}")).collect(), ..Query::default() })
}

fn pipeline(source: &FakeSource, per_second: Option<f64>) -> Pipeline<LastWins<FakeItem>> {
    let domain = Arc::new(LastWins::<FakeItem>::new());
    let limits = Limits { in_flight: 8, per_second, ..Limits::default() };
    Pipeline::new(Arc::clone(&domain))
        .store(MemoryStore::new(domain))
        .sink(MemorySink::named("sink"))
        .source_with(source.clone(), SourceOptions { limits, ..SourceOptions::default() })
}

fn machine(source: &FakeSource, config: &RedisConfig, min_hold: Duration) -> Engine<LastWins<FakeItem>> {
    let options = LeaseOptions { ttl: Duration::from_secs(60), min_hold };
    pipeline(source, None).lock(server::lock(config), options).build().unwrap()
}

async fn until(what: &str, mut met: impl FnMut() -> bool) {
    let limit = Instant::now() + LIMIT;
    while !met() {
        assert!(Instant::now() < limit, "{what} within {LIMIT:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_never_get_the_same_thing_inside_its_min_hold() {
    let Some(config) = server::given() else { return };
    let source = vendor();
    let hour = Duration::from_secs(3_600);
    let (one, other) = (machine(&source, &config, hour), machine(&source, &config, hour));
    let (first, second) = (one.start().await.unwrap(), other.start().await.unwrap());
    first.submit(job()).await.unwrap();
    second.submit(job()).await.unwrap();
    until("everything is fetched", || source.calls().len() >= PEOPLE).await;
    // Both ask again for what the other had, at least once.
    sleep(Duration::from_millis(1_500)).await;
    first.shutdown().await.unwrap();
    second.shutdown().await.unwrap();
    let calls = source.calls();
    let subjects: BTreeSet<_> = calls.iter().flat_map(|call| &call.subjects).collect();
    assert_eq!((calls.len(), subjects.len()), (PEOPLE, PEOPLE), "something was fetched twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_in_mid_run_starts_nothing_and_the_run_completes_by_itself() {
    let Some(mut server) = OwnServer::start(&[]).await else { return };
    let quick = Duration::from_millis(500);
    let config = server.config().connect_timeout(quick).response_timeout(quick);
    let source = vendor();
    let options = LeaseOptions { ttl: Duration::from_secs(2), min_hold: Duration::ZERO };
    let engine = pipeline(&source, Some(100.0))
        .lock(server::lock(&config), options)
        .rate(RedisRate::new(Redis::new(config.clone()).unwrap()))
        .build()
        .unwrap();
    let handle = engine.start().await.unwrap();
    let begun = handle.submit(job()).await.unwrap();
    until("something is fetched", || source.calls().len() >= 30).await;
    server.kill();
    // What was granted before may still start, for a tenth of a second.
    sleep(Duration::from_millis(500)).await;
    let before = source.calls().len();
    assert!(before < PEOPLE, "the outage came too late to show anything");
    sleep(Duration::from_secs(3)).await;
    assert_eq!(source.calls().len(), before, "something was started without lock and rate");
    server.restart().await;
    let report = timeout(LIMIT, handle.wait(begun, &CancellationToken::new())).await.unwrap().unwrap();
    assert_eq!((report.counts.done, report.counts.dead), (PEOPLE as u64, 0));
    handle.shutdown().await.unwrap();
}
