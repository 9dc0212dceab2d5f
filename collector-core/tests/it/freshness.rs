//! Nothing inside its window is asked again, and nothing unchanged is written again.

use collector_core::pipeline::End;
use collector_core::task::{Query, Task};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn inside_the_window_nothing_is_asked_and_after_it_everything() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    let job = || many(40).fresh_for(6 * HOUR);
    assert_eq!(run(&engine, job()).await.counts.done, 40);

    tokio::time::advance(5 * HOUR).await;
    let report = run(&engine, job()).await;
    assert_eq!(
        (report.end, report.counts.fresh, report.counts.tasks, api.calls()),
        (End::Complete, 40, 0, 40)
    );
    assert!(!report.resumed, "a run that is complete is over");

    tokio::time::advance(2 * HOUR).await;
    let report = run(&engine, job()).await;
    assert_eq!((report.end, report.counts.done, api.calls()), (End::Complete, 40, 80));
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_answer_writes_no_version_and_nothing_to_the_sink() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    run(&engine, many(40)).await;
    let before = world.counts().await;

    tokio::time::advance(2 * DAY).await;
    let report = run(&engine, many(40)).await;
    let after = world.counts().await;
    assert_eq!((report.counts.changed, report.counts.unchanged, api.calls()), (0, 40, 80));
    assert_eq!((after.versions, after.payloads), (before.versions, before.payloads));
    assert_eq!(report.sinks["sink"].wanted, 0);
    assert!(world.sink.records().iter().all(|record| record.version == 1));
}

#[tokio::test(start_paused = true)]
async fn a_search_page_is_asked_again_by_every_run_and_its_things_are_not() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| match asked.kind.as_str() {
        "page" => Said::nothing().then((0..10).map(|i| Task::new("api", "thing", format!("t{i}")))).into(),
        _ => Said::items([Thing::new(asked.subject(), "known")]).into(),
    });
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    for run_no in 1..=3 {
        let report = run(&engine, hashtag("tag")).await;
        assert_eq!((report.end, report.counts.done), (End::Complete, if run_no == 1 { 11 } else { 1 }));
        assert_eq!(report.counts.fresh, if run_no == 1 { 0 } else { 10 });
    }
    assert_eq!((api.subjects("page").len(), api.subjects("thing").len()), (3, 10));
}

#[tokio::test(start_paused = true)]
async fn who_was_seen_under_one_name_is_not_asked_for_under_another() {
    let world = World::of_things();
    // Both spellings are about one thing, and both answers show it.
    let api = Scripted::new("api", |_: &Asked| Said::items([Thing::new("one", "known")]).into()).seeding(
        |query: &Query| {
            let task =
                |spelling: &String| Task::new("api", "thing", spelling.as_str()).about(thing_id("one"), "");
            Ok(query.handles.iter().map(task).collect())
        },
    );
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    run(&engine, handles(["by name"])).await;
    let report = run(&engine, handles(["by number"])).await;
    assert_eq!((report.end, report.counts.fresh, api.calls()), (End::Complete, 1, 1));
    tokio::time::advance(2 * DAY).await;
    run(&engine, handles(["by number"])).await;
    assert_eq!(api.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn two_jobs_that_ask_for_the_same_share_its_answer() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    let handle = engine.start().await.unwrap();
    let (mut a, mut b) = (many(60), many(60));
    (a.name, b.name) = ("a".into(), "b".into());
    let (a, b) = (handle.submit(a).await.unwrap(), handle.submit(b).await.unwrap());
    let stop = tokio_util::sync::CancellationToken::new();
    for begun in [a, b] {
        let report = within(HOUR, handle.wait(begun, &stop)).await.unwrap();
        assert_eq!((report.end, report.counts.done), (End::Complete, 60));
    }
    handle.shutdown().await.unwrap();
    assert_eq!(api.calls(), 60);
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_finds_everything_fresh_is_complete_at_once() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    run(&engine, many(5)).await;
    let report = run(&engine, many(5)).await;
    assert_eq!((report.end, report.counts.tasks, report.counts.fresh), (End::Complete, 0, 5));
    assert!(report.took < SECOND, "{:?}", report.took);
}
