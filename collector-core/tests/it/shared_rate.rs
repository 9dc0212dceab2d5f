//! Machines that call on one account, each with a store of its own, keep its rate together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use collector_core::admission::{Limits, MemoryRate, Permits, Rate, SharedRate};
use collector_core::clock::{Timestamp, TokioClock};
use collector_core::error::Result;
use collector_core::pipeline::{End, Engine, SourceOptions};
use collector_core::store::MemoryStore;
use tokio_util::sync::CancellationToken;

use crate::support::*;

const PER_SECOND: usize = 300;

/// A shared rate that counts what it is asked, takes its time and can be away.
#[derive(Clone)]
struct Watched {
    rate: MemoryRate,
    takes: Duration,
    gate: Gate,
    asked: Arc<AtomicUsize>,
}

impl Watched {
    fn by(clock: &Arc<TokioClock>) -> Self {
        let rate = MemoryRate::new(Arc::<TokioClock>::clone(clock));
        Self { rate, takes: Duration::from_millis(1), gate: Gate::open(), asked: Arc::default() }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl SharedRate for Watched {
    async fn ask(&self, name: &str, rate: Rate, most: usize) -> Result<Permits> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        assert_eq!(name, "collector:account");
        let ask = async {
            tokio::time::sleep(self.takes / 2).await;
            let permits = self.rate.ask(name, rate, most).await;
            tokio::time::sleep(self.takes / 2).await;
            permits
        };
        self.gate.through("ask", ask).await
    }
}

fn options(in_flight: usize) -> SourceOptions {
    SourceOptions {
        account: Some("account".into()),
        limits: Limits { in_flight, per_second: Some(PER_SECOND as f64), ..Limits::default() },
        ..SourceOptions::default()
    }
}

/// A machine with a store of its own.
fn machine(world: &World<Things>, api: &Scripted<Thing>, rate: &Watched, in_flight: usize) -> Engine<Things> {
    world
        .pipeline()
        .store(MemoryStore::new(Arc::clone(&world.domain)))
        .rate(rate.clone())
        .source_with(api.clone(), options(in_flight))
        .build()
        .unwrap()
}

fn named(machine: usize, count: usize) -> collector_core::pipeline::Job {
    handles((0..count).map(|n| format!("m{machine}-{n:04}")))
}

/// The most calls more than `per_second` × stretch, over all stretches that begin and end with a call.
fn most_at_once(mut starts: Vec<Timestamp>) -> f64 {
    starts.sort();
    let mut most: f64 = 0.0;
    for (i, from) in starts.iter().enumerate() {
        for (n, to) in starts.iter().enumerate().skip(i) {
            let earned = to.since(*from).as_secs_f64() * PER_SECOND as f64;
            most = most.max((n - i + 1) as f64 - earned);
        }
    }
    most
}

#[tokio::test(start_paused = true)]
async fn four_machines_use_a_rate_up_and_never_exceed_it() {
    let world = World::of_things();
    let rate = Watched::by(&world.clock);
    let api = Scripted::willing("api").takes(SECOND / 10);
    let engines: Vec<_> = (0..4).map(|_| machine(&world, &api, &rate, 64)).collect();
    let runs = engines.iter().enumerate().map(|(n, engine)| run(engine, named(n, 300)));
    for report in futures_util::future::join_all(runs).await {
        assert_eq!((report.end, report.counts.done), (End::Complete, 300));
    }
    let made = api.made();
    assert_eq!(made.len(), 1_200);
    let starts: Vec<Timestamp> = made.iter().map(|made| made.at).collect();
    let took = starts.iter().max().unwrap().since(*starts.iter().min().unwrap());
    // 30 calls may start at once; the millisecond of the clock makes up to one more.
    let most = most_at_once(starts);
    assert!(most <= 31.0, "{most:.1} calls at once");
    assert!(took < Duration::from_secs(4).mul_f64(1.10), "{took:?} for 4 s of calls");
    assert!(rate.asked() <= 600, "{} requests for 1,200 calls", rate.asked());
}

#[tokio::test(start_paused = true)]
async fn a_machine_alone_gets_the_whole_rate_also_with_few_places() {
    // Nine places and calls of 25 ms: 360 a second, if nobody waited for permits.
    for (in_flight, most) in [(64, 4.2), (9, 4.6)] {
        let world = World::of_things();
        let rate = Watched::by(&world.clock);
        let api = Scripted::willing("api").takes(Duration::from_millis(25));
        let report = run(&machine(&world, &api, &rate, in_flight), named(0, 1_200)).await;
        assert_eq!((report.end, report.counts.done), (End::Complete, 1_200));
        let made = api.made();
        let took = made.last().unwrap().at.since(made[0].at).as_secs_f64();
        assert!(took < most, "{took} s for 4 s of calls with {in_flight} places");
        assert!(rate.asked() <= 600, "{} requests for 1,200 calls", rate.asked());
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_service_nothing_starts_and_with_it_everything_goes_on() {
    let world = World::of_things();
    let rate = Watched::by(&world.clock);
    let api = Scripted::willing("api").takes(SECOND / 10);
    let engine = machine(&world, &api, &rate, 64);
    rate.gate.down(true);
    let handle = engine.start().await.unwrap();
    let begun = handle.submit(named(0, 500)).await.unwrap();
    tokio::time::sleep(MINUTE).await;
    assert_eq!(api.calls(), 0, "calls were made that nobody granted");
    assert!((10..=40).contains(&rate.asked()), "{} probes in a minute", rate.asked());
    let counts = handle.counts().await.unwrap();
    assert_eq!(counts.tasks.get("claimed"), None, "what cannot start is not kept from others");

    rate.gate.down(false);
    tokio::time::sleep(5 * SECOND).await;
    assert!(api.calls() > 0, "nothing starts again");
    // In mid-run, by silence this time.
    rate.gate.shut(true);
    tokio::time::sleep(SECOND).await;
    let calls = api.calls();
    tokio::time::sleep(MINUTE).await;
    assert_eq!(api.calls(), calls);
    rate.gate.shut(false);
    let report = within(HOUR, handle.wait(begun, &CancellationToken::new())).await.unwrap();
    assert_eq!((report.end, report.counts.done, report.counts.dead), (End::Complete, 500, 0));
    handle.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_was_dropped_while_asking_asks_again() {
    let world = World::of_things();
    let rate = Watched::by(&world.clock);
    let api = Scripted::willing("api");
    let engine = machine(&world, &api, &rate, 8);
    rate.gate.shut(true);
    let handle = engine.start().await.unwrap();
    handle.submit(named(0, 5)).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!((rate.asked(), api.calls()), (1, 0));
    drop(handle);
    rate.gate.shut(false);
    // Others take its claims over only after a while.
    let report = run(&engine, named(0, 5)).await;
    assert_eq!((report.end, api.calls()), (End::Complete, 5));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_holds_the_host_as_ever() {
    let world = World::of_things();
    let rate = Watched::by(&world.clock);
    let api = Scripted::new("api", |asked: &Asked| match asked.number {
        50 => Reply::slow_down(7 * SECOND),
        _ => Said::items([Thing::new(asked.subject(), "known")]).into(),
    });
    let report = run(&machine(&world, &api, &rate, 8), named(0, 200)).await;
    assert_eq!((report.end, report.counts.retries), (End::Complete, 0));
    let made = api.made();
    let refused = made[49].at + Duration::from_millis(100);
    let early = made.iter().filter(|made| made.at > refused && made.at < refused + 6 * SECOND).count();
    assert_eq!(early, 0, "calls during the wait that was asked for");
}

#[tokio::test(start_paused = true)]
async fn a_rate_nobody_told_is_each_process_own() {
    let world = World::of_things();
    let rate = Watched::by(&world.clock);
    let api = Scripted::willing("api");
    let engine = world.pipeline().rate(rate.clone()).source(api.clone()).build().unwrap();
    assert_eq!(run(&engine, many(50)).await.end, End::Complete);
    assert_eq!((api.calls(), rate.asked()), (50, 0));
}
