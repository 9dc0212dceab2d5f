//! A stop drains: nothing new starts, what runs may end, and nothing is bought twice.

use std::time::Duration;

use collector_core::admission::Limits;
use collector_core::clock::{Clock, Timestamp};
use collector_core::pipeline::{End, Engine, RunReport, Settings, SourceOptions};
use collector_core::sink::BatchLimits;
use collector_core::source::{CallSpec, Role};
use collector_core::store::Store;
use tokio_util::sync::CancellationToken;

use crate::support::*;

/// Runs until the stop, and gives the moment of the stop.
async fn stop_after(
    engine: &Engine<Things>,
    world: &World<Things>,
    count: usize,
    time: Duration,
) -> (RunReport, Timestamp) {
    let stop = CancellationToken::new();
    let stopping = async {
        tokio::time::sleep(time).await;
        stop.cancel();
        world.clock.now()
    };
    let (report, at) =
        within(HOUR, async { tokio::join!(engine.run(many(count), stop.clone()), stopping) }).await;
    (report.unwrap(), at)
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_the_middle_starts_nothing_and_loses_nothing() {
    let world = World::of_things();
    let api = Scripted::willing("api").takes(SECOND);
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    let (report, at) = stop_after(&engine, &world, 100, Duration::from_millis(3_500)).await;

    assert_eq!(report.end, End::Stopped);
    assert_eq!(api.made().iter().filter(|made| made.at > at).count(), 0, "a call began after the stop");
    assert_eq!((api.calls(), api.answered()), (32, 32), "running calls were not let end");
    assert_eq!((report.counts.done, report.open), (32, 68), "an answer that was bought is not committed");
    assert_eq!(world.stored().len(), 32, "what is committed is delivered before the end");
    assert!(report.took < 6 * SECOND, "{:?}", report.took);
    assert_eq!(world.tasks("ready").await, 68, "claimed tasks were not given back");
    assert!(report.reasons.iter().any(|reason| reason.contains("stopped")), "{:?}", report.reasons);
    world.assert_left_tidy().await;

    let report = run(&engine, many(100)).await;
    assert_eq!((report.end, report.resumed, report.counts.done), (End::Complete, true, 100));
    assert_eq!((api.calls(), api.most_asked(), world.stored().len()), (100, 1, 100));
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_being_claimed_when_the_stop_comes_is_not_started() {
    // Every request to the store takes half a second, so the stop comes while one is under way; the first claim is
    // the eighth.
    for millis in (3_000..8_000).step_by(190) {
        let world = World::of_things();
        let store = GatedStore(world.store.clone(), Gate::open().takes(Duration::from_millis(500)));
        let api = Scripted::willing("api").takes(SECOND);
        let engine = world.pipeline().store(store).source(api.clone()).build().unwrap();
        let (report, at) = stop_after(&engine, &world, 30, Duration::from_millis(millis)).await;
        let late = api.made().iter().filter(|made| made.at > at).count();
        assert_eq!(late, 0, "{late} calls began after a stop at {millis} ms");
        assert_eq!(report.counts.done as usize, api.calls());
        world.assert_left_tidy().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_bought_before_the_stop_is_delivered_however_many_writes_it_takes() {
    let world = World::of_things();
    let limits = BatchLimits { items: 2, age: MINUTE, in_flight: 1 };
    let sink = TrickySink::new("slow", |_, _| Trick::Fine).limits(limits);
    let api = Scripted::willing("api").takes(SECOND);
    let engine = world.bare().sink(sink.clone()).source(api.clone()).build().unwrap();
    let (report, _) = stop_after(&engine, &world, 100, Duration::from_millis(3_500)).await;
    assert_eq!((report.end, report.sinks["slow"].pending), (End::Stopped, 0));
    assert_eq!(things_in(&sink.inner).len() as u64, report.counts.done);
}

#[tokio::test(start_paused = true)]
async fn a_call_longer_than_the_drain_is_dropped_and_its_task_is_not_lost() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| match (asked.subject(), asked.before) {
        ("h000", 0) => Reply::Hang,
        (key, _) => Said::items([Thing::new(key, "known")]).into(),
    })
    .kind("thing", CallSpec::new(Role::Hydration).timeout(HOUR));
    let settings = Settings { drain: 5 * SECOND, ..Settings::default() };
    let engine = world.pipeline().source(api.clone()).settings(settings).build().unwrap();
    let (report, _) = stop_after(&engine, &world, 10, 10 * SECOND).await;

    assert_eq!((report.end, report.counts.done, report.open), (End::Stopped, 9, 1));
    assert!(report.took >= 15 * SECOND && report.took < 17 * SECOND, "{:?}", report.took);
    assert_eq!(report.counts.retries, 0, "a call that we dropped is no attempt of the task");
    world.assert_left_tidy().await;
    let report = run(&engine, many(10)).await;
    assert_eq!(
        (report.end, report.resumed, api.asked_for("h000"), api.calls()),
        (End::Complete, true, 2, 11)
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_comes_with_the_last_answers_is_no_stop() {
    let world = World::of_things();
    let api = Scripted::willing("api").takes(SECOND);
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    let (report, at) = stop_after(&engine, &world, 8, SECOND / 2).await;
    assert!(api.answered() == 8 && at < BEGIN + SECOND);
    assert_eq!((report.end, report.open, report.sinks["sink"].stored), (End::Complete, 0, 8));
    assert!(report.reasons.is_empty(), "{:?}", report.reasons);
    assert!(!run(&engine, many(8)).await.resumed);
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_the_beginning_asks_nothing() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    let report = within(MINUTE, engine.run(many(10), stop)).await.unwrap();
    assert_eq!((report.end, report.open, api.calls()), (End::Stopped, 10, 0));
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_sink_that_is_down() {
    let world = World::of_things();
    let down = TrickySink::new("down", |_, _| Trick::FailBefore);
    let api = Scripted::willing("api").takes(SECOND);
    let engine = world.pipeline().sink(down).source(api.clone()).build().unwrap();
    let (report, _) = stop_after(&engine, &world, 100, 5 * SECOND).await;
    assert_eq!(report.end, End::Stopped);
    assert!(report.took < 8 * SECOND, "{:?}", report.took);
    assert_eq!(world.stored().len() as u64, report.counts.done, "the sink that works got what there was");
}

#[tokio::test(start_paused = true)]
async fn one_run_of_a_handle_can_be_left_while_the_others_go_on() {
    let world = World::of_things();
    let api = Scripted::willing("api").takes(SECOND);
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    let handle = engine.start().await.unwrap();
    let mut other = handles((0..40).map(|i| format!("other {i}")));
    other.name = "other".into();
    let (one, other) = (handle.submit(many(40)).await.unwrap(), handle.submit(other).await.unwrap());
    let stop = CancellationToken::new();
    stop.cancel();
    assert_eq!(handle.wait(one, &stop).await.unwrap().end, End::Stopped);
    let report = within(HOUR, handle.wait(other, &CancellationToken::new())).await.unwrap();
    assert_eq!((report.end, report.counts.done), (End::Complete, 40));
    handle.shutdown().await.unwrap();
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_a_vendor_s_wait_is_over_ends_at_once() {
    let world = World::of_things();
    let api = Scripted::<Thing>::new("api", |_: &Asked| Reply::slow_down(HOUR));
    let one =
        SourceOptions { limits: Limits { in_flight: 1, ..Limits::default() }, ..SourceOptions::default() };
    let engine = world.pipeline().source_with(api.clone(), one).build().unwrap();
    let (report, _) = stop_after(&engine, &world, 10, MINUTE).await;
    assert_eq!((report.end, report.open, api.calls()), (End::Stopped, 10, 1));
    assert!(report.took < MINUTE + SECOND, "{:?}", report.took);
    assert!(world.store.parked().await.unwrap().is_empty(), "a wait is no parking");
}
