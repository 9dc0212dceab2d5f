//! Several accounts of one source, accounts whose reset nobody knows, and accounts that others spend from, too.

use std::sync::Mutex;

use collector_core::clock::{Clock, Timestamp};
use collector_core::error::ErrorKind;
use collector_core::pipeline::{ELSEWHERE, End, RunReport, SourceOptions};
use collector_core::source::{CallSpec, Role};
use collector_core::store::{Budget, Parked, Store};
use collector_core::task::{Cost, Task};
use tokio_util::sync::CancellationToken;

use crate::support::*;

fn account(name: &str, units: Option<u64>) -> SourceOptions {
    let budget = units.map(|units| Budget {
        account: name.into(),
        units: Some(units),
        requests: None,
        window: DAY,
        offset: std::time::Duration::ZERO,
    });
    SourceOptions { account: Some(name.into()), budget, ..SourceOptions::default() }
}

fn refusing(kind: ErrorKind) -> Scripted<Thing> {
    Scripted::new("api", move |_: &Asked| Reply::fail(kind))
}

#[tokio::test(start_paused = true)]
async fn accounts_share_the_work_and_each_stays_within_its_own_budget() {
    let world = World::of_things();
    let (one, two) = (Scripted::willing("api"), Scripted::willing("api"));
    let engine = world
        .pipeline()
        .source_with(one.clone(), account("one", Some(100)))
        .account_with(two.clone(), account("two", Some(70)))
        .build()
        .unwrap();
    let report = run(&engine, many(250)).await;
    assert_eq!(report.end, End::Parked { until: Some(BEGIN + DAY) }, "{:?}", report.reasons);
    assert_eq!((one.calls(), two.calls(), report.open), (100, 70, 80));
    let spent = world.counts().await.spent;
    assert_eq!((spent["one"].units, spent["two"].units), (100, 70));
    tokio::time::advance(DAY).await;
    let report = run(&engine, many(250)).await;
    assert_eq!((report.end, report.counts.done), (End::Complete, 250), "{:?}", report.reasons);
    assert_eq!(one.calls() + two.calls(), 250, "nothing is asked of both");
    assert!(one.calls() > 100 && two.calls() > 70, "{} and {}", one.calls(), two.calls());
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn what_an_account_that_is_kept_out_cannot_get_the_others_get() {
    for kind in [ErrorKind::Unauthorized, ErrorKind::Blocked, ErrorKind::QuotaExhausted] {
        let world = World::of_things();
        let (bad, good) = (refusing(kind), Scripted::willing("api"));
        let engine = world
            .pipeline()
            .source_with(bad.clone(), account("bad", None))
            .account_with(good.clone(), account("good", None))
            .build()
            .unwrap();
        let report = run(&engine, many(120)).await;
        assert_eq!((report.end, report.counts.done), (End::Complete, 120), "{kind}: {:?}", report.reasons);
        assert_eq!((good.calls(), report.counts.dead, report.counts.retries), (120, 0, 0), "{kind}");
        assert!(bad.calls() <= 16, "{kind}: {} calls to an account that is kept out", bad.calls());
        assert_eq!(report.parked.len(), 1, "{kind}");
        assert_eq!(&*report.parked[0].account, "bad");
        world.assert_left_tidy().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_without_its_source_or_with_other_kinds_is_refused() {
    let world = World::of_things();
    let build = |pipeline: collector_core::pipeline::Pipeline<Things>| {
        pipeline.build().unwrap_err().message().to_owned()
    };
    let alone = build(
        world
            .pipeline()
            .source(Scripted::willing("other"))
            .account_with(Scripted::willing("api"), account("second", None)),
    );
    assert!(alone.contains("`second` belongs to source `api`, which was not added"), "{alone}");
    let dear = Scripted::willing("api").kind("dear", CallSpec::new(Role::Discovery));
    let other =
        build(world.pipeline().source(Scripted::willing("api")).account_with(dear, account("b", None)));
    assert!(other.contains("gets other kinds of task"), "{other}");
    let same = build(
        world
            .pipeline()
            .source_with(Scripted::willing("api"), account("a", None))
            .account_with(Scripted::willing("api"), account("a", None)),
    );
    assert!(same.contains("two accounts are named"), "{same}");
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_reset_nobody_knows_is_tried_with_one_cheapest_call_every_six_hours() {
    let world = World::of_things();
    let resets = BEGIN + 11 * HOUR;
    let api = Scripted::new("api", move |asked: &Asked| match asked.at < resets {
        true => Reply::fail(ErrorKind::QuotaExhausted),
        false => Said::items([Thing::new(asked.subject(), "known")]).into(),
    })
    .kind("thing", CallSpec::new(Role::Hydration).worst_cost(Cost::units(10)))
    .kind("page", CallSpec::new(Role::Discovery).worst_cost(Cost::units(1)));
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    let handle = engine.start().await.unwrap();
    let mut job = many(50);
    job.query.hashtags = vec!["tag".to_owned()];
    let begun = handle.submit(job).await.unwrap();
    tokio::time::sleep(HOUR).await;
    let at_first = api.calls();
    assert!((1..=8).contains(&at_first), "{at_first} calls before it was parked");
    let parked = world.store.parked().await.unwrap();
    assert_eq!((parked[0].until, parked[0].tries_at()), (None, Some(parked[0].since + Parked::TRY_AFTER)));
    for (hours, tries) in [(7, 1), (11, 1)] {
        tokio::time::sleep((BEGIN + hours * HOUR).since(world.clock.now())).await;
        assert_eq!(api.calls(), at_first + tries, "after {hours} hours");
    }
    let tried = &api.made()[at_first..];
    assert!(tried.iter().all(|made| made.kind == "page"), "not the cheapest: {tried:?}");
    tokio::time::sleep(2 * HOUR).await;
    assert_eq!(handle.status(begun.run).await.unwrap().unwrap().open, 0, "it goes on by itself");
    assert!(world.store.parked().await.unwrap().is_empty());
    handle.shutdown().await.unwrap();
    assert_eq!(world.stored().len(), 51);
}

#[tokio::test(start_paused = true)]
async fn of_several_workers_one_tries() {
    let world = World::of_things();
    let api = refusing(ErrorKind::Unauthorized);
    let build = || world.bare().source(api.clone()).build().unwrap();
    let (one, two) = (build(), build());
    let first = one.start().await.unwrap();
    first.submit(many(50)).await.unwrap();
    tokio::time::sleep(MINUTE).await;
    // Somebody who starts a worker is taken to have acted: that is a try of its own.
    let second = two.start().await.unwrap();
    tokio::time::sleep(MINUTE).await;
    let before = api.calls();
    tokio::time::sleep(7 * HOUR).await;
    assert_eq!(api.calls(), before + 1, "one try in seven hours");
    first.shutdown().await.unwrap();
    second.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_others_spend_with_the_same_credential_is_noticed_and_booked() {
    let world = World::of_things();
    let api = Scripted::willing("api").used(|calls| calls as u64 + 40);
    let engine = world.pipeline().source_with(api.clone(), account("shared", Some(100))).build().unwrap();
    let handle = engine.start().await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(world.counts().await.spent["shared"].units, 40);
    handle.submit(many(100)).await.unwrap();
    tokio::time::sleep(HOUR).await;
    assert_eq!(api.calls(), 60, "the rest was somebody else's");
    let note = world.store.note(&format!("{ELSEWHERE}shared")).await.unwrap().unwrap();
    assert!(note.contains("\"units\":40"), "{note}");
    handle.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_vendor_counts_of_our_own_calls_accuses_nobody() {
    let world = World::of_things();
    let api = Scripted::willing("api").used(|calls| calls as u64);
    let engine = world.pipeline().source_with(api.clone(), account("own", Some(1_000))).build().unwrap();
    let handle = engine.start().await.unwrap();
    for round in 0..10 {
        handle.submit(handles((0..30).map(|i| format!("h{round}-{i}")))).await.unwrap();
        tokio::time::sleep(7 * MINUTE).await;
    }
    handle.shutdown().await.unwrap();
    assert_eq!((api.calls(), world.counts().await.spent["own"].units), (300, 300));
    assert_eq!(world.store.note(&format!("{ELSEWHERE}own")).await.unwrap(), None);
}

/// Runs through resets; gives the report and when it waited until.
async fn through(world: &World<Things>, api: &Scripted<Thing>, count: usize) -> (RunReport, Vec<Timestamp>) {
    let engine = world.pipeline().source_with(api.clone(), account("api", Some(100))).build().unwrap();
    let waits = Mutex::new(Vec::new());
    let told = |report: &RunReport, until| {
        assert!(report.open > 0);
        waits.lock().unwrap().push(until);
    };
    let report =
        within(10 * DAY, engine.run_through(many(count), CancellationToken::new(), &told)).await.unwrap();
    (report, waits.into_inner().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_goes_on_at_each_reset_until_it_is_complete() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    let (report, waits) = through(&world, &api, 250).await;
    assert_eq!((report.end, report.counts.done), (End::Complete, 250), "{:?}", report.reasons);
    assert_eq!(waits, [BEGIN + DAY, BEGIN + 2 * DAY], "the least number of resets");
    assert_eq!((api.calls(), api.most_asked()), (250, 1));
    assert!(report.resumed);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_ends_at_a_stop() {
    let world = World::of_things();
    let engine =
        world.pipeline().source_with(Scripted::willing("api"), account("api", Some(100))).build().unwrap();
    let stop = CancellationToken::new();
    let waits = |_: &RunReport, _| stop.cancel();
    let report = within(HOUR, engine.run_through(many(250), stop.clone(), &waits)).await.unwrap();
    assert_eq!(report.end, End::Parked { until: Some(BEGIN + DAY) });
    assert!(world.clock.now() < BEGIN + HOUR);
}

#[tokio::test(start_paused = true)]
async fn a_format_that_has_changed_is_not_waited_for() {
    let world = World::of_things();
    let api = Scripted::<Thing>::new("api", |_: &Asked| Reply::Garbage).seeding(|query| {
        Ok(query.handles.iter().map(|handle| Task::new("api", "thing", handle.as_str())).collect())
    });
    let (report, waits) = through(&world, &api, 90).await;
    assert_eq!((report.end, waits.len()), (End::Partial, 0), "{:?}", report.reasons);
}
