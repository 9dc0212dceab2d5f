//! What happens to calls that fail: attempts, limits, timeouts, panics.

use std::time::Duration;

use collector_core::admission::Limits;
use collector_core::error::{Error, ErrorKind};
use collector_core::observe::{Event, Observer};
use collector_core::pipeline::{End, SourceOptions};
use collector_core::retry::{Attempt, Decision, ExponentialBackoff, RetryPolicy};
use collector_core::source::{CallSpec, Role};
use collector_core::store::Store;
use tokio_util::sync::CancellationToken;

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn two_failures_and_then_an_answer() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| match asked.before {
        0 | 1 => Reply::fail(ErrorKind::Unavailable),
        _ => Said::items([Thing::new(asked.subject(), "known")]).into(),
    });
    let report = run(&world.pipeline().source(api.clone()).build().unwrap(), many(3)).await;
    assert_eq!((report.end, report.counts.done, report.counts.dead), (End::Complete, 3, 0));
    assert_eq!((api.calls(), report.counts.retries), (9, 6));
    assert_eq!(world.stored().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn attempts_have_a_limit_and_the_dead_letter_says_it_all() {
    let world = World::of_things();
    let api = Scripted::<Thing>::new("api", |_: &Asked| Reply::fail(ErrorKind::Unavailable));
    let retry = ExponentialBackoff::default().attempts(4);
    let report =
        run(&world.pipeline().retry(retry).source(api.clone()).build().unwrap(), handles(["lost"])).await;

    assert_eq!((report.end, api.calls(), report.counts.dead), (End::Partial, 4, 1));
    let letter = &world.store.dead_letters(10).await.unwrap()[0];
    for part in ["after 4 attempts", "4 of 4 attempts", "api", "scripted"] {
        assert!(letter.message.contains(part), "`{part}` is not in: {}", letter.message);
    }
    assert_eq!((letter.kind, letter.task.as_ref().unwrap().subject()), (ErrorKind::Unavailable, "lost"));
    assert!(
        report.reasons.iter().any(|reason| reason.contains("dead 1: api unavailable")),
        "{:?}",
        report.reasons
    );
}

#[tokio::test(start_paused = true)]
async fn elapsed_time_has_a_limit_and_the_dead_letter_says_it() {
    let world = World::of_things();
    let api = Scripted::<Thing>::new("api", |_: &Asked| Reply::fail(ErrorKind::Timeout)).takes(20 * SECOND);
    let retry = ExponentialBackoff::default().attempts(1_000).elapsed(2 * MINUTE);
    let report =
        run(&world.pipeline().retry(retry).source(api.clone()).build().unwrap(), handles(["lost"])).await;

    assert_eq!((report.end, report.counts.dead), (End::Partial, 1));
    let made = api.made();
    assert!(made.last().unwrap().at.since(made[0].at) <= 3 * MINUTE, "{} calls", made.len());
    let message = &world.store.dead_letters(1).await.unwrap()[0].message;
    assert!(message.contains("limit of 120 s") && message.contains("since the first attempt"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_outage_costs_few_calls_and_loses_nothing() {
    let world = World::of_things();
    let mends = BEGIN + HOUR;
    let api = Scripted::new("api", move |asked: &Asked| match asked.at < mends {
        true => Reply::fail(ErrorKind::Unavailable),
        false => Said::items([Thing::new(asked.subject(), "known")]).into(),
    });
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    let report = run(&engine, many(1_000)).await;

    let during = api.made().iter().filter(|made| made.at < mends).count();
    assert!((10..=45).contains(&during), "{during} calls to a vendor that is down");
    let after = api.calls() - during;
    assert!(after <= 1_000, "{after} calls after it was mended");
    // Who was asked about again and again became a dead letter; nobody else suffered, and nobody is forgotten.
    assert_eq!(report.counts.done + report.counts.dead, 1_000);
    assert!(report.counts.dead <= 10, "{} dead letters", report.counts.dead);

    let letters: Vec<_> =
        world.store.dead_letters(1_000).await.unwrap().iter().map(|letter| letter.id).collect();
    let handle = engine.start().await.unwrap();
    let begun = handle.submit(many(1_000)).await.unwrap();
    handle.revive(&letters).await.unwrap();
    within(HOUR, handle.wait(begun, &CancellationToken::new())).await.unwrap();
    handle.shutdown().await.unwrap();
    assert_eq!((world.stored().len(), world.tasks("dead").await), (1_000, 0));
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn retries_are_a_small_share_of_all_calls() {
    let world = World::of_things();
    // Every other call fails, so the breaker never opens; each retry has to be earned.
    let api = Scripted::new("api", |asked: &Asked| match asked.number % 2 {
        0 => Reply::fail(ErrorKind::Unavailable),
        _ => Said::items([Thing::new(asked.subject(), "known")]).into(),
    })
    .takes(Duration::from_millis(10));
    let retry = ExponentialBackoff::default().attempts(100).elapsed(DAY);
    let engine = world.pipeline().retry(retry).source(api.clone()).build().unwrap();
    let report = within(DAY, engine.run(many(1_000), CancellationToken::new())).await.unwrap();
    assert_eq!((report.end, report.counts.done), (End::Complete, 1_000));
    // 50 saved up, 100 earned by a thousand answers, one a second: about 850 seconds for a thousand retries.
    let made = api.made();
    let took = made.last().unwrap().at.since(made[0].at);
    assert!(took > 10 * MINUTE, "a thousand retries within {took:?} are a storm");
    let first_minute = made.iter().filter(|one| one.at.since(made[0].at) < MINUTE).count();
    assert!(first_minute <= 1_000 + 50 + 100 + 60, "{first_minute} calls in the first minute");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_is_cut_at_the_timeout_of_its_kind() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| match asked.before {
        0 => Reply::Hang,
        _ => Said::items([Thing::new(asked.subject(), "known")]).into(),
    })
    .kind("thing", CallSpec::new(Role::Hydration).timeout(7 * SECOND));
    let retry = ExponentialBackoff::default().delays(Duration::ZERO, Duration::ZERO);
    let report =
        run(&world.pipeline().retry(retry).source(api.clone()).build().unwrap(), handles(["x"])).await;
    assert_eq!((report.end, report.counts.retries), (End::Complete, 1));
    let made = api.made();
    let gap = made[1].at.since(made[0].at);
    assert!(gap >= 7 * SECOND && gap < 8 * SECOND, "asked again after {gap:?}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_the_task_it_was_about_and_nothing_else() {
    for fault in [|| Reply::PanicInFetch, || Reply::PanicInParse] {
        let world = World::of_things();
        let api = Scripted::new("api", move |asked: &Asked| match asked.subject() {
            "h005" => fault(),
            key => Said::items([Thing::new(key, "known")]).into(),
        });
        let report = run(&world.pipeline().source(api.clone()).build().unwrap(), many(20)).await;
        assert_eq!((report.counts.done, report.counts.dead, api.calls()), (19, 1, 20));
        assert_eq!((report.end, world.stored().len()), (End::Partial, 19));
        assert!(report.dead[0].example.contains("panicked"), "{:?}", report.dead);
        world.assert_left_tidy().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_an_answer_and_no_failure() {
    let world = World::of_things();
    let api = Scripted::<Thing>::new("api", |_: &Asked| Reply::fail(ErrorKind::NotFound));
    let report = run(&world.pipeline().source(api.clone()).build().unwrap(), many(30)).await;
    assert_eq!((report.end, report.counts.absent, api.calls()), (End::Complete, 30, 30));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_gives_up_by_itself_is_not_asked_for_ever() {
    for kind in [ErrorKind::Cancelled, ErrorKind::LockLost] {
        let world = World::of_things();
        let api = Scripted::<Thing>::new("api", move |_: &Asked| Reply::fail(kind));
        let report = run(&world.pipeline().source(api.clone()).build().unwrap(), handles(["x"])).await;
        assert_eq!((report.end, report.counts.dead), (End::Partial, 1), "{kind}");
        assert!(api.calls() <= 6, "{} calls", api.calls());
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_of_an_answer_that_is_our_own_fault_stops_the_run_at_once() {
    let world = World::of_things();
    let api = Scripted::new("api", |_: &Asked| {
        Said::<Thing>::nothing().fates([Fate::Failed(ErrorKind::ConfigInvalid)]).into()
    });
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    let error = within(HOUR, engine.run(handles(["x"]), CancellationToken::new())).await.unwrap_err();
    assert_eq!((error.kind(), api.calls()), (ErrorKind::ConfigInvalid, 1));
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_says_later_without_end_is_not_asked_in_a_hot_loop() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| {
        let fate = if asked.at < BEGIN + MINUTE { Fate::Later(BEGIN) } else { Fate::Done };
        Said::<Thing>::nothing().fates([fate]).into()
    })
    .takes(Duration::from_millis(1));
    let report = run(&world.pipeline().source(api.clone()).build().unwrap(), handles(["x"])).await;
    assert_eq!(report.end, End::Complete);
    assert!(api.calls() <= 62, "{} calls in a minute", api.calls());
}

/// A part of an embedder's that panics on our tasks.
struct Panics;

impl RetryPolicy for Panics {
    fn decide(&self, _attempt: &Attempt<'_>) -> Decision {
        panic!("scripted panic in a policy")
    }

    fn cap(&self) -> Duration {
        SECOND
    }
}

impl Observer for Panics {
    fn event(&self, event: &Event) {
        assert!(!matches!(event, Event::Called { .. }), "scripted panic in an observer");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_policy_or_an_observer_ends_the_run_with_an_error_and_no_hang() {
    let world = World::of_things();
    let api = Scripted::<Thing>::new("api", |_: &Asked| Reply::fail(ErrorKind::Unavailable));
    let pipelines = [world.pipeline().retry(Panics), world.pipeline().observer(Panics)];
    for pipeline in pipelines {
        let engine = pipeline.source(api.clone()).build().unwrap();
        let error = within(HOUR, engine.run(handles(["x"]), CancellationToken::new())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_fails_holds_nobody_else_up() {
    let world = World::of_things();
    let broken = Scripted::<Thing>::new("broken", |_: &Asked| {
        Reply::Fail(Error::new(ErrorKind::Unavailable, "down").retry_after(MINUTE))
    });
    let fine = Scripted::willing("fine");
    let one =
        SourceOptions { limits: Limits { in_flight: 1, ..Limits::default() }, ..SourceOptions::default() };
    let once = ExponentialBackoff::default().attempts(1);
    let engine = world.pipeline().retry(once).source(broken).source_with(fine.clone(), one).build().unwrap();
    let report = run(&engine, many(20)).await;
    assert_eq!((report.counts.done, report.counts.dead, world.stored().len()), (20, 20, 20));
    let last = fine.made().last().unwrap().at;
    assert!(last.since(BEGIN) < 5 * SECOND, "the other vendor's last call began at {last}");
}
