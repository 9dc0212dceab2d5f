//! Who is known is asked about again, the oldest word first and only so many a day.

use collector_core::pipeline::{End, Job, Refresh};
use collector_core::task::{Query, Task};

use crate::support::*;

/// A source that can be asked about everything it has shown.
fn api() -> Scripted<Thing> {
    let about = |key: &str| Task::new("api", "thing", key).about(thing_id(key), "");
    Scripted::new("api", |asked: &Asked| match asked.subject().starts_with("gone") && asked.before > 0 {
        true => Said::nothing().fates([Fate::Absent]).into(),
        false => Said::items([Thing::new(asked.subject(), "known")]).into(),
    })
    .seeding(move |query: &Query| Ok(query.handles.iter().map(|handle| about(handle)).collect()))
    .lookup(move |ids| ids.get("key").map(about))
}

fn again(per_day: u64) -> Job {
    Job::refreshing("again", Refresh { older_than: 30 * DAY, per_day })
}

#[tokio::test(start_paused = true)]
async fn the_oldest_come_first_and_only_so_many_a_day() {
    let world = World::of_things();
    let api = api();
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    // Two days apart, the younger ones first by name.
    run(&engine, handles((0..40).map(|i| format!("z{i:02}")))).await;
    tokio::time::advance(2 * DAY).await;
    run(&engine, handles((0..40).map(|i| format!("a{i:02}")))).await;
    assert_eq!(api.calls(), 80);

    let report = run(&engine, again(30)).await;
    assert_eq!((report.end, api.calls()), (End::Complete, 80), "nobody's word is old yet");
    tokio::time::advance(31 * DAY).await;
    let report = run(&engine, again(30)).await;
    assert_eq!((report.end, report.counts.done, api.calls()), (End::Complete, 30, 110));
    assert!(api.subjects("thing")[80..].iter().all(|key| key.starts_with('z')), "the oldest first");
    // However often it is said on that day.
    run(&engine, again(30)).await;
    assert_eq!(api.calls(), 110);
    tokio::time::advance(DAY).await;
    run(&engine, again(30)).await;
    let third = &api.subjects("thing")[110..];
    assert_eq!(third.len(), 30);
    assert_eq!(third.iter().filter(|key| key.starts_with('z')).count(), 10, "{third:?}");
    tokio::time::advance(DAY).await;
    run(&engine, again(30)).await;
    assert_eq!((api.calls(), api.most_asked()), (160, 2), "everybody once, then nobody is old");
    tokio::time::advance(DAY).await;
    run(&engine, again(30)).await;
    assert_eq!(api.calls(), 160);
}

#[tokio::test(start_paused = true)]
async fn whom_the_vendor_does_not_know_any_more_keeps_nobody_else_waiting() {
    let world = World::of_things();
    let api = api();
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    run(&engine, handles((0..40).map(|i| format!("gone{i:02}")))).await;
    tokio::time::advance(DAY).await;
    run(&engine, handles((0..10).map(|i| format!("here{i:02}")))).await;
    tokio::time::advance(31 * DAY).await;
    for (day, calls) in [(1, 70), (2, 90), (3, 100)] {
        run(&engine, again(20)).await;
        assert_eq!(api.calls(), calls, "day {day}");
        tokio::time::advance(DAY).await;
    }
    assert_eq!(api.asked_for("here00"), 2);
}

#[tokio::test(start_paused = true)]
async fn what_would_be_asked_can_be_told_before_and_a_job_does_not_search_besides() {
    let world = World::of_things();
    let api = api();
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    run(&engine, many(10)).await;
    tokio::time::advance(31 * DAY).await;
    let refresh = Refresh { older_than: 30 * DAY, per_day: 4 };
    assert_eq!(engine.to_refresh(&refresh).await.unwrap().len(), 4);
    let mut both = handles(["new"]);
    both.refresh = Some(refresh);
    let error = engine.run(both, tokio_util::sync::CancellationToken::new()).await.unwrap_err();
    assert!(error.message().contains("make two of it"), "{error}");
    assert_eq!(api.calls(), 10);
}
