//! Killed anywhere: nothing is lost, nothing is written twice, little is bought again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use collector_core::admission::Limits;
use collector_core::observe::{Event, Observer};
use collector_core::pipeline::{End, Settings, SourceOptions};
use collector_core::store::Store;
use tokio_util::sync::CancellationToken;

use crate::support::*;

const IN_FLIGHT: usize = 6;
const WINDOW: usize = 4;

fn small_window() -> Settings {
    Settings { commit_window: WINDOW, ..Settings::default() }
}

fn in_flight() -> SourceOptions {
    SourceOptions { limits: Limits { in_flight: IN_FLIGHT, ..Limits::default() }, ..SourceOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_moment_costs_no_more_than_what_was_in_flight() {
    for millis in [50, 120, 333, 1_000, 1_777, 2_400] {
        let world = World::of_things();
        let api = Scripted::willing("api");
        // Two engines of one configuration: the second process knows nothing of the first.
        let build = || {
            let pipeline = world.pipeline().settings(small_window()).source_with(api.clone(), in_flight());
            pipeline.build().unwrap()
        };
        let handle = build().start().await.unwrap();
        handle.submit(many(200)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        drop(handle);
        let before = api.calls();
        assert!(before < 200);
        assert!(world.counts().await.tasks["claimed"] > 0, "the crash came at no bad moment");
        tokio::time::advance(2 * MINUTE).await;

        let report = run(&build(), many(200)).await;
        assert_eq!(
            (report.end, report.resumed, report.counts.done),
            (End::Complete, true, 200),
            "{millis} ms"
        );
        let again = api.calls() - 200;
        assert!(again <= IN_FLIGHT + WINDOW, "{again} calls were bought again after a crash at {millis} ms");
        assert_eq!((world.stored().len(), report.counts.changed), (200, 200));
        world.assert_left_tidy().await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_engine_can_be_started_again_after_its_handle_was_dropped() {
    let world = World::of_things();
    let api = Scripted::willing("api").takes(SECOND);
    let engine = world.pipeline().source_with(api.clone(), in_flight()).build().unwrap();
    for _ in 0..3 {
        let handle = engine.start().await.unwrap();
        handle.submit(many(100)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        drop(handle);
        tokio::time::advance(2 * MINUTE).await;
    }
    let report = run(&engine, many(100)).await;
    assert_eq!((report.end, world.stored().len()), (End::Complete, 100));
    assert_eq!(api.most_at_once(), IN_FLIGHT);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_its_caller_gives_up_is_a_crash_like_any_other() {
    let world = World::of_things();
    let api = Scripted::willing("api").takes(SECOND);
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    let given_up = tokio::time::timeout(3 * SECOND, engine.run(many(100), CancellationToken::new())).await;
    assert!(given_up.is_err());
    let calls = api.calls();
    tokio::time::sleep(MINUTE).await;
    assert_eq!(api.calls(), calls, "it goes on although nobody waits for it");
    let report = run(&engine, many(100)).await;
    assert_eq!((report.end, report.resumed, world.stored().len()), (End::Complete, true, 100));
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_committed_before_a_crash_is_projected_after_it_once() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    let sink = TrickySink::new("sink", |_, _| Trick::Hang);
    let engine = world.bare().sink(sink.clone()).source(api.clone()).build().unwrap();
    let handle = engine.start().await.unwrap();
    let begun = handle.submit(many(60)).await.unwrap();
    tokio::time::sleep(20 * SECOND).await;
    let state = handle.status(begun.run).await.unwrap().unwrap();
    assert_eq!((state.counts.done, state.open), (60, 0), "not everything is committed");
    assert!(sink.writes() > 0 && sink.inner.is_empty(), "the sink is not held");
    drop(handle);
    tokio::time::advance(2 * MINUTE).await;

    // The same sink after the crash; it counts what it is offered.
    let mended = TrickySink::new("sink", |_, _| Trick::Fine);
    let engine = world.bare().sink(mended.clone()).source(api.clone()).build().unwrap();
    let report = run(&engine, many(60)).await;
    assert_eq!((report.end, report.resumed, api.calls()), (End::Complete, true, 60));
    assert_eq!((things_in(&mended.inner).len(), mended.offered().len()), (60, 60));
    let counts = world.counts().await.sinks["sink"];
    assert_eq!((counts.wanted, counts.stored, counts.pending), (60, 60, 0));
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_a_sink_s_write_and_its_settlement_leaves_one_record() {
    let world = World::of_things();
    let gate = Gate::open();
    let store = GatedStore(world.store.clone(), gate.clone());
    let api = Scripted::willing("api");
    let engine = world.pipeline().store(store).source(api.clone()).build().unwrap();
    let handle = engine.start().await.unwrap();
    handle.submit(many(20)).await.unwrap();
    // The sink has something: from here on nothing reaches the store.
    while world.sink.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    gate.shut(true);
    tokio::time::sleep(SECOND).await;
    drop(handle);
    tokio::time::advance(2 * MINUTE).await;
    let report = run(&world.pipeline().source(api.clone()).build().unwrap(), many(20)).await;
    assert_eq!((report.end, world.stored().len()), (End::Complete, 20));
    assert!(world.sink.records().iter().all(|record| record.version == 1));
    assert!(world.store.dead_letters(1).await.unwrap().is_empty());
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_in_the_middle_of_pages_finds_its_way_back() {
    use collector_core::task::Task;
    let page = |number: usize| Task::new("api", "page", "tag").per_run().param("page", number.to_string());
    for millis in [150, 450, 990] {
        let world = World::of_things();
        let api = Scripted::new("api", move |asked: &Asked| {
            let number: usize = asked.tasks[0].get("page").map_or(0, |number| number.parse().unwrap());
            Said::items([Thing::new(&format!("p{number:02}"), "seen")])
                .then((number < 19).then(|| page(number + 1)))
                .into()
        });
        let build = || world.pipeline().source(api.clone()).build().unwrap();
        let handle = build().start().await.unwrap();
        handle.submit(hashtag("tag")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        drop(handle);
        tokio::time::advance(2 * MINUTE).await;
        let report = run(&build(), hashtag("tag")).await;
        assert_eq!((report.end, report.counts.done, world.stored().len()), (End::Complete, 20, 20));
        assert!(api.calls() <= 21, "{} calls for 20 pages", api.calls());
    }
}

#[tokio::test(start_paused = true)]
async fn answers_do_not_pile_up_in_front_of_a_slow_store() {
    let world = World::of_things();
    // Only commits are slow: claims go on bringing more.
    let store = GatedStore(world.store.clone(), Gate::open().takes(SECOND).only("commit"));
    let api = Scripted::willing("api").takes(Duration::from_millis(10));
    let pipeline = world.pipeline().store(store).settings(small_window());
    let engine = pipeline.source_with(api.clone(), in_flight()).build().unwrap();
    let handle = engine.start().await.unwrap();
    handle.submit(many(200)).await.unwrap();
    let mut most = 0;
    while world.tasks("done").await < 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        most = most.max(api.calls() - world.tasks("done").await as usize);
    }
    assert!(most <= IN_FLIGHT + WINDOW, "{most} calls would be bought again");
    within(HOUR, handle.shutdown()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn another_query_under_the_same_name_is_another_run() {
    let world = World::of_things();
    let api = Scripted::willing("api").takes(SECOND);
    let engine = world.pipeline().source_with(api.clone(), in_flight()).build().unwrap();
    let handle = engine.start().await.unwrap();
    let first = handle.submit(many(20)).await.unwrap();
    let other = handle.submit(many(21)).await.unwrap();
    let again = handle.submit(many(20)).await.unwrap();
    assert_eq!((other.resumed, again.resumed), (false, true));
    assert_eq!((other.run == first.run, again.run == first.run), (false, true));
    within(HOUR, handle.shutdown()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn pages_in_front_of_a_slow_store_are_bounded_by_their_items() {
    const ITEMS: usize = 320;
    let world = World::of_things();
    let store = GatedStore(world.store.clone(), Gate::open().takes(SECOND).only("commit"));
    let api = Scripted::new("api", |asked: &Asked| {
        let item = |at| Thing::new(&format!("{}-{at}", asked.subject()), "x");
        Said::items((0..ITEMS).map(item)).into()
    });
    let transactions = Largest::default();
    let pipeline = world.pipeline().store(store).observer(transactions.clone());
    let engine = pipeline.source_with(api.clone(), in_flight()).build().unwrap();
    let handle = engine.start().await.unwrap();
    handle.submit(many(60)).await.unwrap();
    let mut most = 0;
    while world.tasks("done").await < 60 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        most = most.max(api.calls() - world.tasks("done").await as usize);
    }
    // 64 places, and a page of 320 takes eleven of them.
    assert!(most <= IN_FLIGHT + 64 / 11 + 1, "{most} pages of {ITEMS} people wait");
    within(HOUR, handle.shutdown()).await.unwrap();
    let largest = transactions.0.load(Ordering::SeqCst);
    assert!((ITEMS as u64..=1_000).contains(&largest), "{largest} people in one transaction");
}

/// The most items in one transaction.
#[derive(Clone, Default)]
struct Largest(Arc<AtomicU64>);

impl Observer for Largest {
    fn event(&self, event: &Event) {
        if let Event::Committed { changed, unchanged, .. } = event {
            self.0.fetch_max(changed + unchanged, Ordering::SeqCst);
        }
    }
}
