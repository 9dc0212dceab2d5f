//! The lock: nothing starts without it, work ends with it, and it is the only thing that is needed to go on.

use std::time::Duration;

use collector_core::lock::{LeaseOptions, Lock, LockKey};
use collector_core::pipeline::End;
use collector_core::source::{CallSpec, Role};
use tokio_util::sync::CancellationToken;

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn without_a_lock_nothing_starts_what_runs_may_end_and_afterwards_it_goes_on() {
    let world = World::of_things();
    let gate = Gate::open();
    let api = Scripted::willing("api").takes(SECOND);
    let engine = world
        .pipeline()
        .lock(GatedLock(world.lock.clone(), gate.clone()), LeaseOptions::default())
        .source(api.clone())
        .build()
        .unwrap();
    let handle = engine.start().await.unwrap();
    let begun = handle.submit(many(100)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    gate.down(true);
    // What holds its lease already may start and end: at most one claim ahead.
    tokio::time::sleep(10 * SECOND).await;
    let calls = api.calls();
    assert!(calls <= 48 && api.answered() == calls, "{calls} calls, {} answers", api.answered());
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!(api.calls(), calls, "a call began without a lock");
    assert_eq!(world.tasks("done").await as usize, calls);
    let waiting = handle.waiting().expect("it waits for the lock");
    assert_eq!((waiting.part.as_str(), waiting.problem.as_str()), ("lock", "unreachable"));
    let told = handle.counts().await.unwrap().waiting;
    assert_eq!(told.into_values().collect::<Vec<_>>(), [waiting], "the store says it, too");

    gate.down(false);
    let report = within(5 * MINUTE, handle.wait(begun, &CancellationToken::new())).await.unwrap();
    assert_eq!(handle.waiting(), None);
    assert_eq!(handle.counts().await.unwrap().waiting.len(), 0);
    handle.shutdown().await.unwrap();
    assert_eq!((report.end, report.counts.done, api.most_asked()), (End::Complete, 100, 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_lease_is_lost_is_cancelled_and_its_task_is_got_later() {
    let world = World::of_things();
    let gate = Gate::open();
    let api = Scripted::new("api", |asked: &Asked| match asked.at < BEGIN + 2 * MINUTE {
        true => Reply::Hang,
        false => Said::items([Thing::new(asked.subject(), "known")]).into(),
    })
    .kind("thing", CallSpec::new(Role::Hydration).timeout(HOUR));
    let engine = world
        .pipeline()
        .lock(GatedLock(world.lock.clone(), gate.clone()), LeaseOptions::default())
        .source(api.clone())
        .build()
        .unwrap();
    let handle = engine.start().await.unwrap();
    // Eight calls run, more are claimed.
    let begun = handle.submit(many(12)).await.unwrap();
    tokio::time::sleep(SECOND).await;
    gate.down(true);
    // A lease lasts a minute; it cannot be renewed.
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(world.tasks("claimed").await, 0, "a call goes on without its lease");
    assert_eq!(api.calls(), 8, "a call began whose lease had ended");
    gate.down(false);
    let report = within(5 * MINUTE, handle.wait(begun, &CancellationToken::new())).await.unwrap();
    handle.shutdown().await.unwrap();
    assert_eq!((report.end, report.counts.done, report.counts.retries), (End::Complete, 12, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_outlives_its_first_lease_is_renewed() {
    let world = World::of_things();
    let api = Scripted::willing("api")
        .takes(10 * MINUTE)
        .kind("thing", CallSpec::new(Role::Hydration).timeout(HOUR));
    let report = run(&world.pipeline().source(api.clone()).build().unwrap(), many(8)).await;
    assert_eq!((report.end, api.calls()), (End::Complete, 8));
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_subject_that_somebody_else_has_waits_and_the_rest_goes_on() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    // Another deployment, on the same lock, is at it and vanishes.
    let key = LockKey("collector:api:thing:h003".into());
    world.lock.try_acquire_many(&[key], LeaseOptions::default()).await.unwrap();
    let report = run(&engine, many(10)).await;
    assert_eq!((report.end, api.calls(), report.counts.retries), (End::Complete, 10, 0));
    let made = api.made();
    let at = made.iter().find(|made| made.subjects[0] == "h003").unwrap().at;
    assert!(at.since(BEGIN) >= MINUTE && at.since(BEGIN) < MINUTE + 5 * SECOND, "asked at {at}");
    assert!(made.iter().filter(|made| made.at.since(BEGIN) < SECOND).count() == 9);
}
