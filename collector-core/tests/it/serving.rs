//! A started engine as a service uses it: several runs, cancelled ones, listeners, a shutdown with a time of its own.

use std::sync::Arc;
use std::time::Duration;

use collector_core::admission::Limits;
use collector_core::error::ErrorKind;
use collector_core::id::RunId;
use collector_core::observe::Event;
use collector_core::pipeline::{End, Engine, Handle, Job, SourceOptions};
use collector_core::source::{CallSpec, Role};
use collector_core::store::{RunEnd, RunState, Store};
use tokio_util::sync::CancellationToken;

use crate::support::*;

/// A job of a name of its own for these handles.
fn job(name: &str, subjects: impl IntoIterator<Item = String>) -> Job {
    Job { name: name.into(), ..handles(subjects) }
}

/// An engine that makes `in_flight` calls at once.
fn narrow(world: &World<Things>, api: &Scripted<Thing>, in_flight: usize) -> Engine<Things> {
    let limits = Limits { in_flight, ..Limits::default() };
    let options = SourceOptions { limits, ..SourceOptions::default() };
    world.pipeline().source_with(api.clone(), options).build().unwrap()
}

async fn wait(
    handle: &Handle<Things>,
    begun: collector_core::store::Begun,
) -> collector_core::pipeline::RunReport {
    within(HOUR, handle.wait(begun, &CancellationToken::new())).await.unwrap()
}

async fn state(handle: &Handle<Things>, run: RunId) -> RunState {
    handle.status(run).await.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_submitted_run_ends_by_itself_and_the_same_job_begins_a_new_one() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| match asked.subject() {
        "lost" => Reply::fail(ErrorKind::Rejected),
        key => Said::items([Thing::new(key, "known")]).into(),
    });
    let handle = world.pipeline().source(api.clone()).build().unwrap().start().await.unwrap();
    let mut runs = Vec::new();
    for (name, subject, end) in [("good", "a", RunEnd::Complete), ("bad", "lost", RunEnd::Partial)] {
        let again = || job(name, [subject.to_owned()]).fresh_for(SECOND);
        let begun = handle.submit(again()).await.unwrap();
        tokio::time::sleep(3 * SECOND).await;
        assert_eq!(state(&handle, begun.run).await.ended.map(|(_, end)| end), Some(end));
        let next = handle.submit(again()).await.unwrap();
        assert!(next.run != begun.run && !next.resumed, "{next:?} goes on with a run that was over");
        runs.push(next.run);
    }
    // Less than it takes until the runs are looked at: only the shutdown ends the last one.
    tokio::time::sleep(Duration::from_millis(200)).await;
    handle.shutdown().await.unwrap();
    assert_eq!((api.asked_for("a"), api.asked_for("lost")), (2, 2));
    for run in runs {
        assert!(
            world.store.run(run).await.unwrap().unwrap().ended.is_some(),
            "run {run} was left unfinished"
        );
    }
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_over_is_reported_while_another_keeps_the_worker_busy() {
    let world = World::of_things();
    let api = Scripted::willing("api").takes(SECOND);
    let handle = narrow(&world, &api, 2).start().await.unwrap();
    let short = handle.submit(job("short", numbered(4))).await.unwrap();
    let long = handle.submit(job("long", (0..2_000).map(|i| format!("long {i}")))).await.unwrap();
    let report = within(MINUTE, handle.wait(short, &CancellationToken::new())).await.unwrap();
    assert_eq!((report.end, report.counts.done), (End::Complete, 4));
    assert!(state(&handle, long.run).await.open > 1_900);
    handle.shutdown().await.unwrap();
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_asks_nothing_more_and_the_others_go_on() {
    let world = World::of_things();
    let api = Scripted::willing("api").takes(SECOND);
    let handle = Arc::new(narrow(&world, &api, 2).start().await.unwrap());
    let unwanted = (0..60).map(|i| format!("unwanted {i}")).chain(["shared".to_owned()]);
    let one = handle.submit(job("one", unwanted)).await.unwrap();
    let two = handle.submit(job("two", numbered(10).chain(["shared".to_owned()]))).await.unwrap();
    let waiting = tokio::spawn({
        let handle = Arc::clone(&handle);
        async move { handle.wait(one, &CancellationToken::new()).await }
    });
    tokio::time::sleep(SECOND * 7 / 2).await;
    let bought = api.calls();
    assert!(handle.cancel(one.run).await.unwrap());
    assert!(!handle.cancel(one.run).await.unwrap(), "it is cancelled once");
    assert!(!handle.cancel(RunId(99)).await.unwrap(), "there is no such run");

    let report = within(MINUTE, waiting).await.unwrap().unwrap();
    assert_eq!((report.end, report.open), (End::Cancelled, 0));
    assert!(report.reasons[0].starts_with("cancelled"), "{:?}", report.reasons);
    let report = wait(&handle, two).await;
    assert_eq!((report.end, report.counts.done), (End::Complete, 11), "{:?}", report.reasons);
    assert_eq!(
        api.calls(),
        bought + 11,
        "something of the cancelled run was asked, or of the other one was not"
    );
    assert_eq!(api.asked_for("shared"), 1);
    assert_eq!(
        world.stored().len(),
        api.calls(),
        "what was bought is delivered, also what came after the end"
    );
    assert_eq!(state(&handle, one.run).await.ended.map(|(_, end)| end), Some(RunEnd::Cancelled));

    let again = handle.submit(job("one", ["unwanted 59".to_owned()])).await.unwrap();
    assert!(!again.resumed && again.run != one.run);
    assert_eq!(wait(&handle, again).await.counts.done, 1, "what was cancelled can be asked by the next run");
    handle.shutdown().await.unwrap();
    let late = handle.submit(many(1)).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Cancelled, "{late}");
    handle.shutdown().await.unwrap();
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_listener_hears_what_happens_until_the_engine_ends() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    let handle = world.pipeline().source(api).build().unwrap().start().await.unwrap();
    let (mut events, silent) = (handle.events(), handle.events());
    let listening = tokio::spawn(async move {
        let mut heard = Vec::new();
        while let Some(event) = events.next().await {
            heard.push(event);
        }
        (heard, events.missed())
    });
    let begun = handle.submit(many(20)).await.unwrap();
    wait(&handle, begun).await;
    handle.shutdown().await.unwrap();
    let (heard, missed) = within(MINUTE, listening).await.unwrap();
    assert_eq!(missed, 0);
    assert!(matches!(heard[0], Event::RunBegan { run, resumed: false } if run == begun.run), "{heard:?}");
    let calls = heard.iter().filter(|event| matches!(event, Event::Called { failed: None, .. })).count();
    assert_eq!(calls, 20);
    let ended =
        |event: &&Event| matches!(event, Event::RunEnded { run, end: RunEnd::Complete } if *run == begun.run);
    assert_eq!(heard.iter().filter(ended).count(), 1, "{heard:?}");
    assert_eq!(silent.missed(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_does_not_listen_holds_nobody_up_and_is_told_what_it_missed() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    let handle = world.pipeline().source(api).build().unwrap().start().await.unwrap();
    let mut lazy = handle.events();
    let begun = handle.submit(many(900)).await.unwrap();
    assert_eq!(wait(&handle, begun).await.counts.done, 900);
    handle.shutdown().await.unwrap();
    let mut heard = 0_u64;
    while lazy.next().await.is_some() {
        heard += 1;
    }
    assert_eq!(heard, 1_024);
    assert!(lazy.missed() > 0);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_gives_running_calls_the_time_it_says() {
    for (drain, done) in [(10 * SECOND, 3), (2 * SECOND, 0), (Duration::ZERO, 0)] {
        let world = World::of_things();
        let api = Scripted::new("api", |asked: &Asked| match asked.subject() {
            "hangs" => Reply::Hang,
            key => Said::items([Thing::new(key, "known")]).into(),
        })
        .takes(5 * SECOND)
        .kind("thing", CallSpec::new(Role::Hydration).timeout(HOUR));
        let handle = world.pipeline().source(api).build().unwrap().start().await.unwrap();
        let subjects = ["a", "b", "c", "hangs"].map(str::to_owned);
        let begun = handle.submit(job("four", subjects)).await.unwrap();
        tokio::time::sleep(SECOND).await;
        let at = tokio::time::Instant::now();
        handle.shutdown_within(drain).await.unwrap();
        let took = at.elapsed();
        assert!(took >= drain && took < drain + SECOND, "{took:?} for {drain:?}");
        let state = world.store.run(begun.run).await.unwrap().unwrap();
        assert_eq!((state.counts.done, state.open), (done, 4 - done), "within {drain:?}");
        world.assert_left_tidy().await;
    }
}
