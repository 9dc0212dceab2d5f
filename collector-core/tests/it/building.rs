//! What is refused before anything is asked or written.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use collector_core::admission::Limits;
use collector_core::error::{Error, ErrorKind};
use collector_core::lock::LeaseOptions;
use collector_core::pipeline::{End, Engine, Job, Pipeline, Settings, SourceOptions};
use collector_core::sink::{BatchLimits, MemorySink};
use collector_core::source::{CallSpec, Role};
use collector_core::store::{Budget, Store};
use collector_core::task::{Cost, Query, Task};
use tokio_util::sync::CancellationToken;

use crate::support::*;

fn refusal(pipeline: Pipeline<Things>) -> String {
    let built: Result<Engine<Things>, Error> = pipeline.build();
    let error = built.expect_err("it was built");
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
    error.to_string()
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_a_pipeline_is_named_at_once() {
    let world = World::of_things();
    let lease = LeaseOptions { ttl: Duration::from_millis(10), ..LeaseOptions::default() };
    let sink = MemorySink::named("sink").with_limits(BatchLimits { items: 0, ..BatchLimits::default() });
    let settings = Settings {
        commit_window: 0,
        worker_ttl: Duration::from_millis(1),
        max_pending: 0,
        sink_timeout: Duration::ZERO,
        ..Settings::default()
    };
    let none = Limits { in_flight: 0, per_second: Some(-1.0), burst: None };
    let idle = SourceOptions { limits: none, ..SourceOptions::default() };
    let message = refusal(
        world
            .pipeline()
            .sink(sink)
            .lock(world.lock.clone(), lease)
            .settings(settings)
            .source(Scripted::willing("twice"))
            .source_with(Scripted::willing("twice"), idle),
    );
    for fault in [
        "two sources are named `twice`",
        "two sinks are named `sink`",
        "sink `sink` takes no changes",
        "in_flight must be at least 1",
        "per_second must be above 0",
        "commit_window must be at least 1",
        "max_pending must be at least 1",
        "sink_timeout must be above 0",
        "a lease of 10ms",
        "a worker_ttl of 1ms",
    ] {
        assert!(message.contains(fault), "`{fault}` is not in: {message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_without_a_source_is_refused() {
    assert!(refusal(World::of_things().pipeline()).contains("no source"));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_could_never_be_made_is_refused() {
    let world = World::of_things();
    let mut no_tasks = CallSpec::new(Role::Hydration);
    no_tasks.tasks = 0;
    let dear = CallSpec::new(Role::Hydration).worst_cost(Cost::units(200)).timeout(Duration::ZERO);
    let budget =
        Budget { account: "".into(), units: Some(100), requests: None, window: DAY, offset: Duration::ZERO };
    let options = SourceOptions { budget: Some(budget), ..SourceOptions::default() };
    let message = refusal(
        world
            .pipeline()
            .source(Scripted::willing("empty").kind("thing", no_tasks))
            .source_with(Scripted::willing("dear").kind("thing", dear), options),
    );
    for fault in [
        "source `empty`: a call of `thing` takes no tasks",
        "source `dear`: a call of `thing` may cost 200 units",
        "source `dear`: the timeout of `thing` must be above 0",
    ] {
        assert!(message.contains(fault), "`{fault}` is not in: {message}");
    }
}

#[tokio::test(start_paused = true)]
async fn sources_of_one_account_that_disagree_about_it_are_refused() {
    let world = World::of_things();
    let with = |in_flight| SourceOptions {
        account: Some("shared".into()),
        limits: Limits { in_flight, ..Limits::default() },
        ..SourceOptions::default()
    };
    let pipeline = |other| {
        let pipeline = world.pipeline().source_with(Scripted::willing("a"), with(4));
        pipeline.source_with(Scripted::willing("b"), with(other))
    };
    let message = refusal(pipeline(8));
    assert!(message.contains("`a` and `b` share the account `shared`"), "{message}");
    assert!(pipeline(4).build().is_ok());
}

/// Runs a job that is to be refused, with a store that notices every call.
async fn refused_run(source: Scripted<Thing>, job: Job) -> String {
    let world = World::of_things();
    let gate = Gate::open();
    gate.down(true);
    let store = GatedStore(world.store.clone(), gate);
    let engine = world.pipeline().store(store).source(source.clone()).build().unwrap();
    let error = engine.run(job, CancellationToken::new()).await.unwrap_err();
    // A store that was asked would have said that it is down.
    assert_eq!((error.kind(), source.calls()), (ErrorKind::ConfigInvalid, 0), "{error}");
    assert!(world.counts().await.runs.is_empty());
    error.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_query_that_nobody_understands_is_refused_before_the_store_is_touched() {
    let nothing = Job::new("posts", Query { posts: vec!["1".into()], ..Query::default() });
    let message = refused_run(Scripted::willing("api"), nothing).await;
    assert!(message.contains("no source that is asked makes use of `posts`"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_query_that_a_source_cannot_honour_is_refused_with_its_name() {
    let api = Scripted::willing("api")
        .seeding(|_| Err(Error::new(ErrorKind::ConfigInvalid, "only one region").with("key", "regions")));
    let message = refused_run(api, many(1)).await;
    assert!(message.contains("only one region") && message.contains("source: api"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_seeds_what_nobody_gets_or_too_much_is_refused() {
    let strange = Scripted::willing("api").seeding(|_| Ok(vec![Task::new("api", "strange", "x")]));
    assert!(refused_run(strange, many(1)).await.contains("api/strange x"));
    let flood = Scripted::willing("api")
        .seeding(|_| Ok((0..1_001).map(|i| Task::new("api", "thing", i.to_string())).collect()));
    assert!(refused_run(flood, many(1)).await.contains("seeded 1001 tasks"));
}

#[tokio::test(start_paused = true)]
async fn a_query_of_2_500_handles_is_cut_into_slices() {
    let world = World::of_things();
    let api = Scripted::willing("api").takes(Duration::from_millis(1));
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    let names = (0..2_500).map(|i| format!("n{i:04}"));
    let report = run(&engine, handles(names)).await;
    assert_eq!((report.end, report.counts.done), (End::Complete, 2_500));
    assert_eq!((api.calls(), api.most_asked(), world.stored().len()), (2_500, 1, 2_500));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_is_an_error_for_everybody_who_waits() {
    let world = World::of_things();
    let gate = Gate::open();
    let store = GatedStore(world.store.clone(), gate.clone());
    let engine =
        world.pipeline().store(store).source(Scripted::willing("api").takes(SECOND)).build().unwrap();
    let handle = engine.start().await.unwrap();
    let begun = handle.submit(many(100)).await.unwrap();
    tokio::time::sleep(5 * SECOND).await;
    gate.down(true);
    let stop = CancellationToken::new();
    let both = async { tokio::join!(handle.wait(begun, &stop), handle.wait(begun, &stop)) };
    let (one, other) = within(HOUR, both).await;
    assert!(one.unwrap_err().to_string().contains("scripted outage"));
    assert!(other.unwrap_err().to_string().contains("scripted outage"));
    assert!(within(HOUR, handle.shutdown()).await.is_err(), "a failed engine shuts down as if all were well");

    // The store is back: nothing is lost.
    gate.down(false);
    let report = run(&engine, many(100)).await;
    assert_eq!((report.end, world.stored().len()), (End::Complete, 100));
    assert!(report.resumed);
    let letters = world.store.dead_letters(1).await.unwrap();
    assert!(letters.is_empty(), "{letters:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_is_planned_once() {
    let world = World::of_things();
    let seeded = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seeded);
    let api = Scripted::willing("api").seeding(move |query: &Query| {
        counter.fetch_add(1, Ordering::SeqCst);
        Ok(query.handles.iter().map(|handle| Task::new("api", "thing", handle.as_str())).collect())
    });
    let engine = world.pipeline().source(api).build().unwrap();
    engine.plan(&many(10).query).unwrap();
    let planning = seeded.swap(0, Ordering::SeqCst);
    assert_eq!(run(&engine, many(10)).await.end, End::Complete);
    assert_eq!(seeded.load(Ordering::SeqCst), planning);
}

#[tokio::test(start_paused = true)]
async fn a_run_of_a_list_that_is_not_there_is_refused_before_a_worker_is_registered() {
    let world = World::of_things();
    let gate = Gate::open().panics_in("open");
    let store = GatedStore(world.store.clone(), gate);
    let engine = world.pipeline().store(store).source(Scripted::willing("api")).build().unwrap();
    let job = Job::new("job", Query { list: Some("nobody".to_owned()), ..Query::default() });
    let error = engine.run(job, CancellationToken::new()).await.unwrap_err();
    assert!(error.message().contains("there is no list \"nobody\""), "{error}");
}
