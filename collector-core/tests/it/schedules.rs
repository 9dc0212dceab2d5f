//! Jobs that run by themselves: what a scheduler begins, and what becomes of it when processes come and go.

use std::sync::Arc;
use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::error::ErrorKind;
use collector_core::id::Digest;
use collector_core::pipeline::{Engine, Job, Scheduled, Scheduler, Settings, SourceOptions};
use collector_core::schedule::{CatchUp, Overlap, Schedule, SkipReason, When};
use collector_core::source::{CallSpec, Role};
use collector_core::store::{Budget, ScheduleState, Server, SlotFate, SlotRow, Store};
use collector_core::task::Cost;
use tokio_util::sync::CancellationToken;

use crate::support::*;

const JOB: &str = "tick";

fn server(name: &str, config: &str) -> Server {
    Server { id: name.into(), version: "1".into(), config: Digest::of(config.as_bytes()), ttl: 30 * SECOND }
}

fn every(time: Duration) -> Schedule {
    Schedule::new(JOB, When::every(time).unwrap())
}

fn job(subjects: &[&str]) -> Job {
    Job { name: JOB.into(), ..handles(subjects) }.fresh_for(SECOND)
}

fn scheduler(engine: &Engine<Things>, name: &str, schedule: Schedule, job: Job) -> Scheduler<Things> {
    engine.scheduler(server(name, "a"), vec![Scheduled { schedule, job }]).unwrap()
}

async fn slots(world: &World<Things>) -> Vec<SlotRow> {
    let mut rows = world.store.slots(JOB, 1_000).await.unwrap();
    rows.reverse();
    rows
}

fn fired(rows: &[SlotRow]) -> Vec<Timestamp> {
    let fired = rows.iter().filter(|row| matches!(row.fate, SlotFate::Fired(_)));
    fired.map(|row| row.first).collect()
}

async fn state(world: &World<Things>) -> ScheduleState {
    world.store.schedules().await.unwrap().pop().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_job_with_a_schedule_runs_by_itself_at_its_moments() {
    let world = World::of_things();
    let api = Scripted::willing("api").takes(SECOND);
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    let handle = engine.start().await.unwrap();
    let scheduler = scheduler(&engine, handle.worker(), every(MINUTE), job(&["a", "b"]));
    let stop = CancellationToken::new();
    let stopping = async {
        tokio::time::sleep(5 * MINUTE + 30 * SECOND).await;
        stop.cancel();
    };
    within(HOUR, async { tokio::join!(scheduler.run(Some(&handle), &stop), stopping) }).await;
    handle.shutdown().await.unwrap();
    let rows = slots(&world).await;
    assert_eq!(fired(&rows), (1..=5).map(|minute| BEGIN + minute * MINUTE).collect::<Vec<_>>());
    assert_eq!(rows.len(), 5, "nothing was skipped: {rows:?}");
    assert!(rows.iter().all(|row| row.at.since(row.first) < SECOND), "late: {rows:?}");
    assert_eq!((api.asked_for("a"), api.asked_for("b")), (5, 5));
    assert!(state(&world).await.run.is_some_and(|(_, ended)| ended.is_some()), "the last run has ended");
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn replicas_fire_each_slot_once_and_a_worker_ends_what_another_process_began() {
    let world = World::of_things();
    let api = Scripted::willing("api").takes(SECOND);
    let engine = || world.pipeline().source(api.clone()).build().unwrap();
    // One only begins, one only works, one does both.
    let (begins, works, both) = (engine(), engine(), engine());
    let (worker, other) = (works.start().await.unwrap(), both.start().await.unwrap());
    let first = scheduler(&begins, "begins", every(MINUTE), job(&["a"]));
    let second = works.scheduler(server(worker.worker(), "a"), Vec::new()).unwrap();
    let third = scheduler(&both, other.worker(), every(MINUTE), job(&["a"]));
    let stop = CancellationToken::new();
    let stopping = async {
        tokio::time::sleep(10 * MINUTE + 30 * SECOND).await;
        stop.cancel();
    };
    within(HOUR, async {
        tokio::join!(
            first.run(None, &stop),
            second.run(Some(&worker), &stop),
            third.run(Some(&other), &stop),
            stopping
        )
    })
    .await;
    worker.shutdown().await.unwrap();
    other.shutdown().await.unwrap();
    let rows = slots(&world).await;
    assert_eq!((fired(&rows).len(), rows.len()), (10, 10), "{rows:?}");
    assert_eq!(api.asked_for("a"), 10);
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_overlaps_is_skipped_or_waits() {
    for (overlap, expected) in [(Overlap::Skip, 3), (Overlap::Queue, 4)] {
        let world = World::of_things();
        let patient = CallSpec { timeout: HOUR, ..CallSpec::new(Role::Hydration) };
        let api = Scripted::willing("api").takes(90 * SECOND).kind("thing", patient);
        let engine = world.pipeline().source(api.clone()).build().unwrap();
        let handle = engine.start().await.unwrap();
        let schedule = every(MINUTE).overlap(overlap).catch_up(CatchUp::None);
        let scheduler = scheduler(&engine, handle.worker(), schedule, job(&["a"]));
        let stop = CancellationToken::new();
        let stopping = async {
            tokio::time::sleep(7 * MINUTE - 10 * SECOND).await;
            stop.cancel();
        };
        within(HOUR, async { tokio::join!(scheduler.run(Some(&handle), &stop), stopping) }).await;
        handle.shutdown_within(Duration::ZERO).await.unwrap();
        let rows = slots(&world).await;
        assert_eq!(fired(&rows).len(), expected, "{overlap:?}: {rows:?}");
        let reasons: Vec<_> = rows
            .iter()
            .filter_map(|row| match row.fate {
                SlotFate::Skipped(reason) => Some(reason),
                SlotFate::Fired(_) => None,
            })
            .collect();
        let reason = if overlap == Overlap::Skip { SkipReason::Overlap } else { SkipReason::Superseded };
        assert!(!reasons.is_empty() && reasons.iter().all(|found| *found == reason), "{overlap:?}: {rows:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_before_a_crash_is_ended_by_the_next_process() {
    let world = World::of_things();
    let api = Scripted::willing("api").takes(SECOND);
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    let scheduler = scheduler(&engine, "gone", every(HOUR), job(&["a"]));
    let begin = BEGIN + HOUR;
    assert!(scheduler.enlist(BEGIN).await.unwrap());
    let looked = scheduler.look(begin).await.unwrap();
    assert_eq!((looked.fired.len(), looked.running.len()), (1, 1), "{looked:?}");
    assert_eq!(looked.look_again, Some(begin + HOUR));
    // That process is gone, and nobody watches the run.
    drop(scheduler);
    let handle = engine.start().await.unwrap();
    let next = engine.scheduler(server(handle.worker(), "a"), Vec::new()).unwrap();
    let stop = CancellationToken::new();
    let stopping = async {
        tokio::time::sleep(MINUTE).await;
        stop.cancel();
    };
    within(HOUR, async { tokio::join!(next.run(Some(&handle), &stop), stopping) }).await;
    assert!(state(&world).await.run.is_some_and(|(_, ended)| ended.is_some()), "the run has ended");
    assert_eq!(api.calls(), 1);
    handle.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_job_begins_with_its_own_sources() {
    let world = World::of_things();
    let (one, two) = (Scripted::willing("one"), Scripted::willing("two"));
    let engine = world.pipeline().source(one.clone()).source(two.clone()).build().unwrap();
    let handle = engine.start().await.unwrap();
    let begun = handle.submit(job(&["a"]).beginning_with(["two"])).await.unwrap();
    let report = within(MINUTE, handle.wait(begun, &CancellationToken::new())).await.unwrap();
    assert_eq!(report.counts.done, 1);
    assert_eq!((one.calls(), two.calls()), (0, 1));
    let unknown = handle.submit(job(&["a"]).beginning_with(["three"])).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::ConfigInvalid);
    assert!(unknown.to_string().contains("three"), "{unknown}");
    handle.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_scheduler_refuses_what_can_never_be_begun() {
    let world = World::of_things();
    let engine = world.pipeline().source(Scripted::willing("api")).build().unwrap();
    let scheduled = |job| Scheduled { schedule: every(HOUR), job };
    let nothing = engine.scheduler(server("s", "a"), vec![scheduled(job(&[]))]).unwrap_err();
    assert!(nothing.to_string().contains("job: tick"), "{nothing}");
    let twice = vec![scheduled(job(&["a"])), scheduled(job(&["b"]))];
    let twice = engine.scheduler(server("s", "a"), twice).unwrap_err();
    assert!(twice.to_string().contains("two schedules"), "{twice}");
}

#[tokio::test(start_paused = true)]
async fn a_paused_schedule_begins_nothing_until_it_is_resumed() {
    let world = World::of_things();
    let engine = world.pipeline().source(Scripted::willing("api")).build().unwrap();
    let scheduler = scheduler(&engine, "s", every(HOUR).overlap(Overlap::Queue), job(&["a"]));
    scheduler.enlist(BEGIN).await.unwrap();
    let paused = BEGIN + 30 * MINUTE;
    assert!(world.store.pause_schedule(JOB, true, paused).await.unwrap());
    for hour in 1..=3 {
        let looked = scheduler.look(BEGIN + hour * HOUR).await.unwrap();
        assert!(looked.fired.is_empty(), "{looked:?}");
    }
    assert!(world.store.pause_schedule(JOB, false, BEGIN + 3 * HOUR + MINUTE).await.unwrap());
    scheduler.look(BEGIN + 4 * HOUR).await.unwrap();
    let rows = slots(&world).await;
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(
        (rows[0].first, rows[0].last, rows[0].fate),
        (BEGIN + HOUR, BEGIN + 3 * HOUR, SlotFate::Skipped(SkipReason::Paused))
    );
    assert_eq!(fired(&rows), [BEGIN + 4 * HOUR]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_at_the_end_of_the_drain_stays_booked_at_its_worst_cost() {
    let world = World::of_things();
    let spec = CallSpec {
        worst_cost: Cost { units: 7, requests: 1 },
        timeout: HOUR,
        ..CallSpec::new(Role::Hydration)
    };
    let api = Scripted::willing("api").takes(HOUR).kind("thing", spec);
    let budget = Budget {
        account: "api".into(),
        units: Some(100),
        requests: None,
        window: DAY,
        offset: Duration::ZERO,
    };
    let options = SourceOptions { budget: Some(budget), ..SourceOptions::default() };
    let settings = Settings { drain: SECOND, ..Settings::default() };
    let engine = world.pipeline().source_with(api.clone(), options).settings(settings).build().unwrap();
    let handle = engine.start().await.unwrap();
    handle.submit(job(&["a"])).await.unwrap();
    tokio::time::sleep(MINUTE).await;
    assert_eq!(api.calls(), 1);
    within(2 * SECOND, handle.shutdown()).await.unwrap();
    let spent = world.counts().await.spent.get("api").copied().unwrap_or_default();
    assert_eq!(spent.units, 7, "the vendor may have counted it");
    assert_eq!(world.tasks("dead").await, 0, "and it is asked again");
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_our_own_side_is_told_to_whoever_serves() {
    let world = World::of_things();
    let gate = Gate::open();
    let engine = world
        .pipeline()
        .store(GatedStore(world.store.clone(), gate.clone()))
        .source(Scripted::willing("api"))
        .build()
        .unwrap();
    let handle = Arc::new(engine.start().await.unwrap());
    let told = {
        let handle = Arc::clone(&handle);
        tokio::spawn(async move { handle.failure().await })
    };
    tokio::time::sleep(SECOND).await;
    assert!(!told.is_finished(), "nothing has failed");
    gate.down(true);
    let error = within(HOUR, told).await.unwrap();
    assert!(error.to_string().contains("scripted outage"), "{error}");
}
