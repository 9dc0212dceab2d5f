//! A vendor that answers nothing: what the others know is there, and the run ends by itself.

use collector_core::clock::Clock;
use collector_core::error::{Error, ErrorKind};
use collector_core::id::Digest;
use collector_core::pipeline::{End, Scheduled, Settings, SourceOptions};
use collector_core::retry::ExponentialBackoff;
use collector_core::schedule::{Schedule, When};
use collector_core::store::{Retention, Server, Store, Terms, upkeep};
use collector_core::task::Query;
use tokio_util::sync::CancellationToken;

use crate::support::*;

fn patient(patience: std::time::Duration) -> Settings {
    Settings { vendor_patience: patience, ..Settings::default() }
}

#[tokio::test(start_paused = true)]
async fn a_run_waits_so_long_for_a_vendor_that_answers_nothing_and_the_next_goes_on() {
    let world = World::of_things();
    let dead =
        Scripted::new("dead", |_: &Asked| Reply::Fail(Error::new(ErrorKind::Unavailable, "nobody there")));
    let willing = Scripted::willing("willing");
    let engine = |first: &Scripted<Thing>| {
        let pipeline = world.pipeline().settings(patient(MINUTE));
        pipeline.source(first.clone()).source(willing.clone()).build().unwrap()
    };
    let began = tokio::time::Instant::now();
    let report = run(&engine(&dead), many(40)).await;
    assert!(began.elapsed() < 5 * MINUTE, "{:?}", began.elapsed());
    assert_eq!((report.end, world.stored().len(), willing.calls()), (End::Partial, 40, 40));
    assert_eq!((report.open, report.counts.dead), (40, 0), "nothing was given up for good");
    let silent = report.reasons.iter().find(|reason| reason.starts_with("silent for")).unwrap();
    assert!(silent.contains("dead answers nothing"), "{silent}");
    world.assert_left_tidy().await;

    let back = Scripted::willing("dead");
    let report = run(&engine(&back), many(40)).await;
    assert_eq!((report.end, report.resumed, back.calls()), (End::Complete, true, 40));
    assert_eq!(willing.calls(), 40, "what was answered is not asked again");
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_comes_back_in_time_is_waited_for() {
    let world = World::of_things();
    let begin = tokio::time::Instant::now();
    let api = Scripted::new("api", move |asked: &Asked| match begin.elapsed() < 4 * MINUTE {
        true => Reply::Fail(Error::new(ErrorKind::Unavailable, "nobody there")),
        false => Said::items([Thing::new(asked.subject(), "known")]).into(),
    });
    // It is the same task that is tried again and again.
    let retry = ExponentialBackoff::default().attempts(50);
    let engine = world.pipeline().settings(patient(8 * MINUTE)).retry(retry).source(api).build().unwrap();
    let report = run(&engine, many(40)).await;
    assert_eq!((report.end, report.open, world.stored().len()), (End::Complete, 0, 40));
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_kept_for_longer_is_dropped_before_a_run() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    let options = || SourceOptions { keep_for: Some(30 * DAY), ..SourceOptions::default() };
    let engine = world.pipeline().source_with(api.clone(), options()).build().unwrap();
    let again = |day: u32| async move { tokio::time::advance(day * DAY).await };
    let records = || async { world.store.counts().await.unwrap().entities };
    assert_eq!(run(&engine, many(3)).await.end, End::Complete);
    again(29).await;
    assert_eq!(run(&engine, many(3)).await.end, End::Complete, "got anew in time");
    again(29).await;
    assert_eq!(run(&engine, many(2)).await.end, End::Complete, "and again, but for one");
    assert_eq!(records().await, 3);
    again(2).await;
    let calls = api.calls();
    let report = run(&engine, many(1).fresh_for(30 * DAY)).await;
    assert_eq!((report.end, api.calls()), (End::Complete, calls), "what is kept is fresh still");
    assert_eq!(
        (records().await, world.stored().len()),
        (2, 2),
        "whoever was not got anew is gone, at the sink too"
    );
    again(31).await;
    let report = run(&engine, many(3).fresh_for(90 * DAY)).await;
    assert_eq!(
        (report.end, api.calls()),
        (End::Complete, calls + 3),
        "what was dropped is asked whatever was fresh"
    );
    assert_eq!((records().await, world.stored().len()), (3, 3));
    world.assert_left_tidy().await;

    // A slot that comes due begins with it too, also where nobody works.
    again(31).await;
    let calls = api.calls();
    let schedule = Schedule::new("other", When::every(MINUTE).unwrap());
    let server = Server { id: "one".into(), version: "1".into(), config: Digest::of(b"a"), ttl: HOUR };
    let scheduler = engine.scheduler(server, vec![Scheduled { schedule, job: many(3) }]).unwrap();
    scheduler.enlist(world.clock.now()).await.unwrap();
    tokio::time::advance(5 * MINUTE).await;
    let looked = scheduler.look(world.clock.now()).await.unwrap();
    assert_eq!((looked.fired.len(), records().await, api.calls()), (1, 0, calls));

    // Without such terms everything stays, however old.
    let engine = world.pipeline().source(api).build().unwrap();
    assert_eq!(run(&engine, many(3)).await.end, End::Complete);
    again(400).await;
    assert_eq!(run(&engine, many(1)).await.end, End::Complete);
    assert_eq!((records().await, world.stored().len()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn upkeep_drops_by_terms_once_a_day_and_the_next_worker_tells_the_sinks() {
    let world = World::of_things();
    let engine = world.pipeline().source(Scripted::willing("api")).build().unwrap();
    assert_eq!(run(&engine, many(3)).await.end, End::Complete);
    let (keep, stop) = (Retention::default(), CancellationToken::new());
    let terms = [Terms { source: "api".into(), keep_for: 30 * DAY }];
    let tidy = || upkeep(&world.store, &keep, &terms, &*world.clock, &stop);
    tokio::time::advance(29 * DAY).await;
    assert!(tidy().await.unwrap().unwrap().is_empty(), "nothing is too old");
    assert_eq!(tidy().await.unwrap(), None, "once a day");
    tokio::time::advance(2 * DAY).await;
    let tidied = tidy().await.unwrap().unwrap();
    assert_eq!((tidied.records, tidied.sightings, tidied.answers, tidied.done), (3, 3, 3, true));
    assert_eq!(world.stored().len(), 3, "nobody works");
    let other = world.pipeline().source(Scripted::willing("other")).build().unwrap();
    let query = Query { handles: vec!["h000".into()], ..Query::default() };
    let report = run(&other, collector_core::pipeline::Job::new("other", query)).await;
    assert_eq!((report.end, world.stored().len()), (End::Complete, 1));
}
