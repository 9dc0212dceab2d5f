//! Two engines on one store and one lock: together they do the work of one, and one covers for the other.

use std::time::Duration;

use collector_core::admission::Limits;
use collector_core::lock::LeaseOptions;
use collector_core::pipeline::{End, Engine, SourceOptions};
use collector_core::source::{CallSpec, Role};
use collector_core::store::{Budget, Store};
use tokio_util::sync::CancellationToken;

use crate::support::*;

fn at_once(in_flight: usize) -> SourceOptions {
    SourceOptions { limits: Limits { in_flight, ..Limits::default() }, ..SourceOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn two_machines_share_a_run_and_no_subject_is_fetched_twice() {
    let world = World::of_things();
    let (a, b) = (Scripted::willing("api"), Scripted::willing("api"));
    let build =
        |api: &Scripted<Thing>| world.pipeline().source_with(api.clone(), at_once(4)).build().unwrap();
    let (one, other) = (build(&a), build(&b));
    let (one, other) = tokio::join!(run(&one, many(300)), run(&other, many(300)));
    assert_eq!((one.end, other.end), (End::Complete, End::Complete));
    assert_eq!((one.run, one.counts.done), (other.run, 300));
    assert_eq!(a.calls() + b.calls(), 300);
    assert!(a.calls() > 50 && b.calls() > 50, "{} and {} calls: nothing was shared", a.calls(), b.calls());
    assert_eq!(world.stored().len(), 300);
    assert!(world.sink.records().iter().all(|record| record.version == 1));
    world.assert_left_tidy().await;
}

/// A machine whose way to store and lock can be shut, as if it stood still.
struct Machine {
    api: Scripted<Thing>,
    gate: Gate,
    engine: Engine<Things>,
}

impl Machine {
    fn new(world: &World<Things>, value: &'static str, gate: Gate) -> Self {
        let api = Scripted::new("api", move |asked: &Asked| {
            Said::items([Thing::new(asked.subject(), value)]).into()
        })
        .takes(SECOND);
        let engine = world
            .pipeline()
            .store(GatedStore(world.store.clone(), gate.clone()))
            .lock(GatedLock(world.lock.clone(), gate.clone()), LeaseOptions::default())
            .source_with(api.clone(), at_once(4))
            .build()
            .unwrap();
        Self { api, gate, engine }
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_stood_still_starts_nothing_stale_and_its_late_answers_are_kept() {
    let world = World::of_things();
    let sleeper = Machine::new(&world, "late", Gate::open());
    let other = Machine::new(&world, "timely", Gate::open());
    let handle = sleeper.engine.start().await.unwrap();
    let begun = handle.submit(many(40)).await.unwrap();
    tokio::time::sleep(SECOND / 2).await;
    // Four calls are running, four more are claimed. From here on it stands still.
    sleeper.gate.shut(true);
    tokio::time::sleep(MINUTE).await;
    let late: Vec<String> = sleeper.api.subjects("thing");
    assert!((4..=8).contains(&late.len()), "{late:?}");

    let report = run(&other.engine, many(40)).await;
    assert_eq!((report.end, report.run, report.counts.done), (End::Complete, begun.run, 40));
    let (calls, sightings) = (sleeper.api.calls(), world.counts().await.sightings);
    let before = (world.tasks("done").await, world.counts().await.payloads);

    sleeper.gate.shut(false);
    tokio::time::sleep(5 * MINUTE).await;
    assert_eq!(sleeper.api.calls(), calls, "the woken machine started what belongs to others");
    let after = (world.tasks("done").await, world.counts().await.payloads);
    assert_eq!(after.0, before.0, "a late commit changed a task");
    assert!(after.1 > before.1, "the late answers were thrown away");
    assert_eq!(world.counts().await.sightings, sightings, "of one source and aspect the latest counts");
    // It is well again: it takes part in what comes next.
    let mut more = handles(["new"]);
    more.name = "more".into();
    let begun = handle.submit(more).await.unwrap();
    let report = within(HOUR, handle.wait(begun, &CancellationToken::new())).await.unwrap();
    assert_eq!((report.end, sleeper.api.asked_for("new")), (End::Complete, 1));
    handle.shutdown().await.unwrap();
    // The newest answer to each subject is the timely one: it was seen later.
    assert!(
        world.stored().iter().all(|(key, value)| value == "timely" || key == "new"),
        "{:?}",
        world.stored()
    );
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_comes_after_the_take_over_starts_nothing() {
    // The machine stops at every stage of its first steps.
    for millis in (0..1_200).step_by(70) {
        let world = World::of_things();
        let takes = Duration::from_millis(100);
        let sleeper = Machine::new(&world, "late", Gate::open().takes(takes));
        let other = Machine::new(&world, "timely", Gate::open());
        let handle = sleeper.engine.start().await.unwrap();
        handle.submit(many(20)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        sleeper.gate.shut(true);
        tokio::time::sleep(3 * MINUTE).await;
        let calls = sleeper.api.calls();
        let report = run(&other.engine, many(20)).await;
        assert_eq!((report.end, world.tasks("done").await), (End::Complete, 20), "{millis} ms");
        sleeper.gate.shut(false);
        tokio::time::sleep(3 * MINUTE).await;
        assert_eq!(
            sleeper.api.calls(),
            calls,
            "stopped after {millis} ms, it started what belongs to others"
        );
        handle.shutdown().await.unwrap();
        assert_eq!(world.tasks("done").await, 20);
        assert!(world.store.dead_letters(1).await.unwrap().is_empty());
        world.assert_left_tidy().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_works_for_long_is_not_taken_for_dead() {
    let world = World::of_things();
    let spec = CallSpec::new(Role::Hydration).timeout(HOUR);
    let api = Scripted::willing("api").kind("thing", spec).takes(7 * MINUTE);
    let build = || world.pipeline().source_with(api.clone(), at_once(4)).build().unwrap();
    let (one, other) = (build(), build());
    let (one, other) = tokio::join!(run(&one, many(20)), run(&other, many(20)));
    assert_eq!((one.end, other.end), (End::Complete, End::Complete));
    assert_eq!((api.calls(), api.most_asked()), (20, 1));
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_machine_held_is_taken_over_while_the_other_works() {
    let world = World::of_things();
    let dying = Machine::new(&world, "known", Gate::open());
    let other = Machine::new(&world, "known", Gate::open());
    let handle = dying.engine.start().await.unwrap();
    handle.submit(many(60)).await.unwrap();
    let survivor = async {
        let started = run(&other.engine, many(60)).await;
        assert_eq!((started.end, started.counts.done), (End::Complete, 60));
    };
    let death = async move {
        tokio::time::sleep(3 * SECOND).await;
        drop(handle);
    };
    tokio::join!(survivor, death);
    let calls = dying.api.calls() + other.api.calls();
    assert!(calls <= 60 + 4, "{calls} calls for 60 subjects");
    assert_eq!(world.stored().len(), 60);
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn two_machines_share_a_budget_and_never_exceed_it() {
    let world = World::of_things();
    let budget =
        Budget { account: "".into(), units: Some(100), requests: None, window: DAY, offset: Duration::ZERO };
    let options = SourceOptions { budget: Some(budget), ..at_once(8) };
    let api = Scripted::willing("api");
    let build = || world.pipeline().source_with(api.clone(), options.clone()).build().unwrap();
    let (one, other) = (build(), build());
    let (one, other) = tokio::join!(run(&one, many(250)), run(&other, many(250)));
    let parked = End::Parked { until: Some(BEGIN + DAY) };
    assert_eq!((one.end, other.end), (parked, parked));
    assert!((90..=100).contains(&api.calls()), "{} calls for 100 units", api.calls());
    assert_eq!(api.calls() as u64, world.tasks("done").await);
}
