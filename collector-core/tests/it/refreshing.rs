//! Who is known is asked about again, the oldest word first and only so many a day.

use collector_core::clock::Clock;
use collector_core::id::Digest;
use collector_core::pipeline::{End, Engine, Job, Refresh, Scheduled, Scheduler};
use collector_core::schedule::{Schedule, When};
use collector_core::store::{Server, SlotFate, Store};
use collector_core::task::{Query, Task};
use tokio_util::sync::CancellationToken;

use crate::support::*;

/// A source that can be asked about everything it has shown.
fn api() -> Scripted<Thing> {
    let about = |key: &str| Task::new("api", "thing", key).about(thing_id(key), "");
    Scripted::new("api", |asked: &Asked| match asked.subject().starts_with("gone") && asked.before > 0 {
        true => Said::nothing().fates([Fate::Absent]).into(),
        false => Said::items([Thing::new(asked.subject(), "known")]).into(),
    })
    .seeding(move |query: &Query| Ok(query.handles.iter().map(|handle| about(handle)).collect()))
    .lookup(move |ids| ids.get("key").map(about))
}

fn again(per_day: u64) -> Job {
    Job::refreshing("again", Refresh { older_than: 30 * DAY, per_day })
}

#[tokio::test(start_paused = true)]
async fn the_oldest_come_first_and_only_so_many_a_day() {
    let world = World::of_things();
    let api = api();
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    // Two days apart, the younger ones first by name.
    run(&engine, handles((0..40).map(|i| format!("z{i:02}")))).await;
    tokio::time::advance(2 * DAY).await;
    run(&engine, handles((0..40).map(|i| format!("a{i:02}")))).await;
    assert_eq!(api.calls(), 80);

    let report = run(&engine, again(30)).await;
    assert_eq!((report.end, api.calls()), (End::Complete, 80), "nobody's word is old yet");
    tokio::time::advance(31 * DAY).await;
    let report = run(&engine, again(30)).await;
    assert_eq!((report.end, report.counts.done, api.calls()), (End::Complete, 30, 110));
    assert!(api.subjects("thing")[80..].iter().all(|key| key.starts_with('z')), "the oldest first");
    // However often it is said on that day.
    run(&engine, again(30)).await;
    assert_eq!(api.calls(), 110);
    tokio::time::advance(DAY).await;
    run(&engine, again(30)).await;
    let third = &api.subjects("thing")[110..];
    assert_eq!(third.len(), 30);
    assert_eq!(third.iter().filter(|key| key.starts_with('z')).count(), 10, "{third:?}");
    tokio::time::advance(DAY).await;
    run(&engine, again(30)).await;
    assert_eq!((api.calls(), api.most_asked()), (160, 2), "everybody once, then nobody is old");
    tokio::time::advance(DAY).await;
    run(&engine, again(30)).await;
    assert_eq!(api.calls(), 160);
}

#[tokio::test(start_paused = true)]
async fn whom_the_vendor_does_not_know_any_more_keeps_nobody_else_waiting() {
    let world = World::of_things();
    let api = api();
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    run(&engine, handles((0..40).map(|i| format!("gone{i:02}")))).await;
    tokio::time::advance(DAY).await;
    run(&engine, handles((0..10).map(|i| format!("here{i:02}")))).await;
    tokio::time::advance(31 * DAY).await;
    for (day, calls) in [(1, 70), (2, 90), (3, 100)] {
        run(&engine, again(20)).await;
        assert_eq!(api.calls(), calls, "day {day}");
        tokio::time::advance(DAY).await;
    }
    assert_eq!(api.asked_for("here00"), 2);
}

#[tokio::test(start_paused = true)]
async fn what_would_be_asked_can_be_told_before_and_a_job_does_not_search_besides() {
    let world = World::of_things();
    let api = api();
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    run(&engine, many(10)).await;
    tokio::time::advance(31 * DAY).await;
    let refresh = Refresh { older_than: 30 * DAY, per_day: 4 };
    assert_eq!(engine.to_refresh(&refresh).await.unwrap().len(), 4);
    let mut both = handles(["new"]);
    both.refresh = Some(refresh);
    let error = engine.run(both, CancellationToken::new()).await.unwrap_err();
    assert!(error.message().contains("make two of it"), "{error}");
    assert_eq!(api.calls(), 10);
}

/// A scheduler that asks again every day.
fn daily(engine: &Engine<Things>, server: &str, config: &str, per_day: u64) -> Scheduler<Things> {
    let server = Server {
        id: server.into(),
        version: "1".into(),
        config: Digest::of(config.as_bytes()),
        ttl: 30 * SECOND,
    };
    let schedule = Schedule::new("again", When::every(DAY).unwrap());
    engine.scheduler(server, vec![Scheduled { schedule, job: again(per_day) }]).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_slot_whose_process_was_killed_anywhere_is_completed_by_the_next_one() {
    // After which write it is killed, and how many people of the day that costs: those that were booked and nobody knows
    // whether they were asked about.
    for (write, which, lost) in
        [("begin_run", 1, 0), ("reserve", 1, 16), ("enqueue", 1, 0), ("enqueue", 4, 0), ("fire", 1, 0)]
    {
        let world = World::of_things();
        let api = api();
        let engine = world.pipeline().source(api.clone()).build().unwrap();
        run(&engine, many(200)).await;
        tokio::time::advance(31 * DAY).await;
        let slow = GatedStore(world.store.clone(), Gate::open().takes(HOUR).only(write));
        let killed = world.pipeline().store(slow).source(api.clone()).build().unwrap();
        let killed = daily(&killed, "killed", "a", 100);
        killed.enlist(world.clock.now()).await.unwrap();
        tokio::time::advance(DAY).await;
        let slot = world.clock.now();
        let look = killed.look(slot);
        tokio::time::timeout(which * HOUR - MINUTE, look).await.expect_err("it is killed before it is done");

        let handle = engine.start().await.unwrap();
        let next = daily(&engine, handle.worker(), "a", 100);
        let stop = CancellationToken::new();
        let stopping = async {
            tokio::time::sleep(10 * MINUTE).await;
            stop.cancel();
        };
        within(HOUR, async { tokio::join!(next.run(Some(&handle), &stop), stopping) }).await;
        handle.shutdown().await.unwrap();
        assert_eq!(api.calls() - 200, 100 - lost, "killed after {write} {which}");
        let rows = world.store.slots("again", 10).await.unwrap();
        assert_eq!(rows.len(), 1, "killed after {write} {which}: {rows:?}");
        assert!(matches!(rows[0].fate, SlotFate::Fired(_)), "{rows:?}");
        let counts = world.counts().await;
        assert!(
            counts.runs.iter().all(|run| run.ended.is_some()),
            "killed after {write} {which}: {:?}",
            counts.runs
        );
        assert_eq!(
            (counts.runs.len(), counts.runs[0].counts.done),
            (2, (100 - lost) as u64),
            "one run has it all"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn replicas_ask_again_about_so_many_a_day_together_and_an_older_configuration_about_nobody() {
    let world = World::of_things();
    let api = api();
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    run(&engine, many(200)).await;
    tokio::time::advance(31 * DAY).await;
    let now = world.clock.now();
    let (old, one, two) =
        (daily(&engine, "old", "a", 150), daily(&engine, "one", "b", 100), daily(&engine, "two", "b", 100));
    for server in [&old, &one, &two] {
        server.enlist(now).await.unwrap();
    }
    let slot = now + DAY;
    tokio::time::advance(DAY).await;
    for server in [&one, &two] {
        server.enlist(slot).await.unwrap();
    }
    old.look(slot).await.unwrap();
    assert_eq!(world.counts().await.runs.len(), 1, "it begins nothing");
    let (first, second) = tokio::join!(one.look(slot), two.look(slot));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.fired.len() + second.fired.len(), 1, "{first:?} {second:?}");
    let mut running = [first.running, second.running].concat();
    running.dedup();
    assert_eq!(running.len(), 1, "both look after the one run");
    let handle = engine.start().await.unwrap();
    handle.look_after(running.iter().copied());
    within(HOUR, async {
        while world.store.run(running[0]).await.unwrap().unwrap().ended.is_none() {
            tokio::time::sleep(SECOND).await;
        }
    })
    .await;
    handle.shutdown().await.unwrap();
    assert_eq!(api.calls() - 200, 100);
}
