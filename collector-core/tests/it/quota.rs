//! Budgets and parking: out of budget nothing fails, it waits.

use collector_core::admission::Limits;
use collector_core::clock::Clock;
use collector_core::error::{Error, ErrorKind};
use collector_core::pipeline::{End, Engine, SourceOptions};
use collector_core::source::{CallSpec, Role};
use collector_core::store::Budget;
use collector_core::task::Cost;

use crate::support::*;

fn a_day(units: u64) -> SourceOptions {
    let budget = Budget {
        account: "".into(),
        units: Some(units),
        requests: None,
        window: DAY,
        offset: std::time::Duration::ZERO,
    };
    SourceOptions { budget: Some(budget), ..SourceOptions::default() }
}

async fn spent(world: &World<Things>) -> u64 {
    world.counts().await.spent["api"].units
}

/// Lets the night pass.
async fn next_day() {
    tokio::time::advance(DAY).await;
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_spent_to_the_last_unit_and_the_rest_waits_for_the_next_day() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    let engine = world.pipeline().source_with(api.clone(), a_day(100)).build().unwrap();

    for (day, calls, resumed) in [(1, 100, false), (2, 200, true)] {
        let report = run(&engine, many(250)).await;
        assert_eq!(report.end, End::Parked { until: Some(BEGIN + day * DAY) }, "day {day}");
        assert_eq!((api.calls(), spent(&world).await, report.resumed), (calls, 100, resumed), "day {day}");
        assert_eq!((report.counts.dead, report.counts.retries), (0, 0));
        assert_eq!(report.open, 250 - calls as u64);
        assert!(
            report.reasons.iter().any(|reason| reason.starts_with("parked until")),
            "{:?}",
            report.reasons
        );
        assert_eq!(world.stored().len(), calls, "what was bought is delivered");
        world.assert_left_tidy().await;

        // The same day nothing more is bought.
        let again = run(&engine, many(250)).await;
        assert_eq!((again.end, api.calls()), (report.end, calls), "day {day}");
        next_day().await;
    }
    let report = run(&engine, many(250)).await;
    assert_eq!((report.end, api.calls(), api.most_asked()), (End::Complete, 250, 1));
    assert_eq!((report.counts.done, report.counts.cost.units, spent(&world).await), (250, 250, 50));
}

#[tokio::test(start_paused = true)]
async fn a_running_engine_goes_on_by_itself_after_the_reset() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    let mut an_hour = a_day(100);
    an_hour.budget = an_hour.budget.map(|budget| Budget { window: HOUR, ..budget });
    let engine = world.pipeline().source_with(api.clone(), an_hour).build().unwrap();
    let handle = engine.start().await.unwrap();
    handle.submit(many(250)).await.unwrap();
    for (minutes, calls) in [(5, 100), (59, 100), (65, 200), (119, 200), (125, 250)] {
        tokio::time::sleep((BEGIN + minutes * MINUTE).since(world.clock.now())).await;
        assert_eq!(api.calls(), calls, "after {minutes} minutes");
    }
    handle.shutdown().await.unwrap();
    assert_eq!((world.stored().len(), api.most_asked()), (250, 1));
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_a_call_does_not_divide_is_never_exceeded_by_one() {
    let world = World::of_things();
    let spec = CallSpec::new(Role::Hydration).batch(10).worst_cost(Cost::units(7));
    let api = Scripted::willing("api").kind("thing", spec);
    let engine = world.pipeline().source_with(api.clone(), a_day(100)).build().unwrap();
    let report = run(&engine, many(300)).await;
    assert!(matches!(report.end, End::Parked { .. }), "{:?}", report.end);
    assert_eq!((api.calls(), spent(&world).await, report.counts.done), (14, 98, 140));
}

#[tokio::test(start_paused = true)]
async fn what_a_call_did_not_cost_can_be_spent() {
    let world = World::of_things();
    // Each call may cost ten units and costs one: booked at worst cost, ten calls at once are the whole budget.
    let spec = CallSpec::new(Role::Hydration).worst_cost(Cost::units(10));
    let api = Scripted::new("api", |asked: &Asked| {
        Said::items([Thing::new(asked.subject(), "known")]).costs(1).into()
    })
    .kind("thing", spec);
    let options = SourceOptions { limits: Limits { in_flight: 20, ..Limits::default() }, ..a_day(100) };
    let engine = world.pipeline().source_with(api.clone(), options).build().unwrap();
    let report = run(&engine, many(150)).await;
    // At 91 spent units not even one call of ten fits any more.
    assert_eq!(report.end, End::Parked { until: Some(BEGIN + DAY) }, "{:?}", report.reasons);
    assert_eq!((api.calls(), spent(&world).await), (91, 91));
}

#[tokio::test(start_paused = true)]
async fn a_kind_too_dear_for_the_budget_that_nobody_asks_for_parks_nothing() {
    let world = World::of_things();
    let dear = CallSpec::new(Role::Discovery).worst_cost(Cost::units(100));
    let api = Scripted::willing("api").kind("dear", dear);
    let engine = world.pipeline().source_with(api.clone(), a_day(100)).build().unwrap();
    for (most, calls) in [(20, 20), (40, 40)] {
        let report = run(&engine, many(most)).await;
        assert_eq!((report.end, report.parked.len()), (End::Complete, 0), "{:?}", report.reasons);
        assert_eq!(api.calls(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_that_cost_nothing_gives_its_booking_back() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| match asked.before {
        0 => Reply::fail(ErrorKind::Unavailable),
        _ => Said::items([Thing::new(asked.subject(), "known")]).into(),
    });
    let engine = world.pipeline().source_with(api.clone(), a_day(5)).build().unwrap();
    let report = run(&engine, many(5)).await;
    assert_eq!((report.end, api.calls(), spent(&world).await), (End::Complete, 10, 5));
}

#[tokio::test(start_paused = true)]
async fn a_vendor_without_units_waits_for_its_own_reset_and_nobody_waits_for_it() {
    let world = World::of_things();
    let resets = BEGIN + 9 * HOUR;
    let empty = Scripted::new("empty", move |asked: &Asked| match asked.at < resets {
        true => Reply::Fail(Error::new(ErrorKind::QuotaExhausted, "no units left").parked_until(resets)),
        false => Said::items([Thing::new(asked.subject(), "empty")]).into(),
    });
    let other = Scripted::willing("other");
    let engine = world.pipeline().source(empty.clone()).source(other.clone()).build().unwrap();
    let report = run(&engine, many(50)).await;

    assert_eq!(report.end, End::Parked { until: Some(resets) });
    assert_eq!((report.counts.done, report.counts.dead, other.calls()), (50, 0, 50));
    assert!(empty.calls() <= 8, "{} calls to a vendor without units", empty.calls());
    assert_eq!(report.parked[0].kind, ErrorKind::QuotaExhausted);

    let before = empty.calls();
    run(&engine, many(50)).await;
    assert_eq!(empty.calls(), before, "asked although it is parked");
    tokio::time::advance(9 * HOUR).await;
    let report = run(&engine, many(50)).await;
    assert_eq!((report.end, report.counts.done, other.calls()), (End::Complete, 100, 50));
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_waits_for_a_person_and_a_new_start_tries_once() {
    let world = World::of_things();
    let api = Scripted::<Thing>::new("api", |_: &Asked| Reply::fail(ErrorKind::Unauthorized));
    let build = || -> Engine<Things> { world.pipeline().source(api.clone()).build().unwrap() };

    let engine = build();
    let handle = engine.start().await.unwrap();
    handle.submit(many(50)).await.unwrap();
    tokio::time::sleep(3 * HOUR).await;
    assert!(api.calls() <= 8, "{} calls with a credential that was refused", api.calls());
    handle.shutdown().await.unwrap();

    let before = api.calls();
    let report = run(&build(), many(50)).await;
    assert_eq!(report.end, End::Parked { until: None });
    assert_eq!(api.calls(), before + 1, "a new start is one try");
    assert_eq!((report.counts.dead, report.open), (0, 50));
}

#[tokio::test(start_paused = true)]
async fn a_mended_credential_needs_no_more_than_a_new_start() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| match asked.at < BEGIN + HOUR {
        true => Reply::fail(ErrorKind::Unauthorized),
        false => Said::items([Thing::new(asked.subject(), "known")]).into(),
    });
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    assert!(matches!(run(&engine, many(50)).await.end, End::Parked { .. }));
    tokio::time::advance(HOUR).await;
    let report = run(&engine, many(50)).await;
    assert_eq!((report.end, report.counts.done), (End::Complete, 50));
    assert!(world.counts().await.workers == 0 && report.parked.is_empty());
}
