//! A vendor that answers nothing: what the others know is there, and the run ends by itself.

use collector_core::clock::Clock;
use collector_core::error::{Error, ErrorKind};
use collector_core::id::Digest;
use collector_core::pipeline::{End, Scheduled, Settings, SourceOptions};
use collector_core::retry::ExponentialBackoff;
use collector_core::schedule::{Schedule, When};
use collector_core::store::{Server, Store};
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
async fn what_may_not_be_kept_for_longer_keeps_a_run_from_beginning() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    let options = SourceOptions { keep_for: Some(30 * DAY), ..SourceOptions::default() };
    let engine = world.pipeline().source_with(api.clone(), options).build().unwrap();
    let again = |day: u32| async move { tokio::time::advance(day * DAY).await };
    assert_eq!(run(&engine, many(3)).await.end, End::Complete);
    again(29).await;
    assert_eq!(run(&engine, many(3)).await.end, End::Complete, "got anew in time");
    again(29).await;
    assert_eq!(run(&engine, many(3)).await.end, End::Complete, "and again");
    let calls = api.calls();
    again(31).await;
    let error = engine.run(many(3), CancellationToken::new()).await.unwrap_err();
    assert_eq!((error.kind(), api.calls()), (ErrorKind::ConfigInvalid, calls), "{error}");
    for words in ["30 days", "new store", "api"] {
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
    let (query, job) = (Query { handles: vec!["h000".into()], ..Query::default() }, "other");
    let handle = engine.start().await.unwrap();
    let refused = handle.submit(collector_core::pipeline::Job::new(job, query)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConfigInvalid);
    handle.shutdown().await.unwrap();
    world.assert_left_tidy().await;

    // A slot that comes due begins nothing, either, and stays due.
    let schedule = Schedule::new("other", When::every(MINUTE).unwrap());
    let server = Server { id: "one".into(), version: "1".into(), config: Digest::of(b"a"), ttl: HOUR };
    let scheduler = engine.scheduler(server, vec![Scheduled { schedule, job: many(3) }]).unwrap();
    scheduler.enlist(world.clock.now()).await.unwrap();
    tokio::time::advance(5 * MINUTE).await;
    let looked = scheduler.look(world.clock.now()).await.unwrap();
    assert_eq!(
        (looked.fired.len(), world.store.slots("other", 10).await.unwrap().len(), api.calls()),
        (0, 0, calls)
    );

    // Without such terms the same store is no obstacle.
    let engine = world.pipeline().source(api).build().unwrap();
    assert_eq!(run(&engine, many(3)).await.end, End::Complete);
}
