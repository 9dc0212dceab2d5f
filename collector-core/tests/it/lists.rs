//! Sources that lead nowhere, in circles, or to somebody who is not there.

use collector_core::error::ErrorKind;
use collector_core::pipeline::{End, RunReport, Settings};
use collector_core::store::Store;
use collector_core::task::Task;

use crate::support::*;

/// The only dead letter's message.
async fn complaint(world: &World<Things>, report: &RunReport) -> String {
    assert_eq!((report.end, report.counts.dead), (End::Partial, 1), "{:?}", report.reasons);
    world.assert_left_tidy().await;
    world.store.dead_letters(10).await.unwrap()[0].message.clone()
}

fn page(cursor: usize) -> Task {
    Task::new("api", "page", "tag").per_run().param("cursor", cursor.to_string())
}

fn cursor(asked: &Asked) -> usize {
    asked.tasks[0].get("cursor").map_or(0, |cursor| cursor.parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_page_that_leads_to_itself_is_an_error_and_keeps_what_it_showed() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| {
        let next = if cursor(asked) < 3 { cursor(asked) + 1 } else { 3 };
        Said::items([Thing::new(&cursor(asked).to_string(), "seen")]).then([page(next)]).into()
    });
    let report = run(&world.pipeline().source(api.clone()).build().unwrap(), hashtag("tag")).await;
    assert_eq!((api.calls(), world.stored().len()), (4, 4));
    let message = complaint(&world, &report).await;
    assert!(message.contains("repeated cursor") && message.contains("cursor=3"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_circle_of_pages_is_read_once() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| {
        let next = (cursor(asked) + 1) % 5;
        Said::items([Thing::new(&cursor(asked).to_string(), "seen")]).then([page(next)]).into()
    });
    let report = run(&world.pipeline().source(api.clone()).build().unwrap(), hashtag("tag")).await;
    // The root has no cursor, so the circle closes at the second visit of cursor 0.
    assert_eq!((report.end, api.calls(), world.stored().len()), (End::Complete, 6, 5));
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_pages_has_a_longest_length() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| {
        Said::items([Thing::new(&cursor(asked).to_string(), "seen")]).then([page(cursor(asked) + 1)]).into()
    });
    let settings = Settings { max_depth: 25, ..Settings::default() };
    let engine = world.pipeline().source(api.clone()).settings(settings).build().unwrap();
    let report = run(&engine, hashtag("tag")).await;
    assert_eq!((api.calls(), world.stored().len()), (26, 26));
    let message = complaint(&world, &report).await;
    assert!(message.contains("more than 25 pages") && message.contains("max_depth"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_restarts_has_a_longest_length_too() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| {
        Said::<Thing>::nothing().fates([Fate::Restart(page(cursor(asked) + 1))]).into()
    });
    let settings = Settings { max_depth: 25, ..Settings::default() };
    let engine = world.pipeline().source(api.clone()).settings(settings).build().unwrap();
    let report = run(&engine, hashtag("tag")).await;
    assert_eq!(api.calls(), 26);
    assert!(complaint(&world, &report).await.contains("max_depth"));
}

#[tokio::test(start_paused = true)]
async fn a_follow_up_that_nobody_here_gets_is_an_error_that_names_it() {
    for (source, kind) in [("stranger", "thing"), ("api", "strange")] {
        let world = World::of_things();
        let api = Scripted::new("api", move |asked: &Asked| {
            let next = Task::new(source, kind, "next");
            Said::items([Thing::new(asked.subject(), "seen")]).then([next]).into()
        });
        let report = run(&world.pipeline().source(api.clone()).build().unwrap(), handles(["x"])).await;
        assert_eq!(world.stored().len(), 1);
        let message = complaint(&world, &report).await;
        assert!(message.contains(&format!("{source}/{kind}")), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_nobody_here_gets_is_not_asked_and_stops_nothing() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    let enricher = Scripted::<Thing>::new("more", |_: &Asked| Said::nothing().into())
        .lookup(|_| Some(Task::new("more", "strange", "x")));
    let engine = world.pipeline().source(api.clone()).enrich(enricher).build().unwrap();
    assert_eq!(run(&engine, many(3)).await.end, End::Complete);
}

#[tokio::test(start_paused = true)]
async fn what_a_removed_source_left_open_ends_the_run_with_its_name() {
    let world = World::of_things();
    let (api, gone) = (
        Scripted::willing("api"),
        Scripted::<Thing>::new("gone", |_: &Asked| Reply::fail(ErrorKind::Unauthorized)),
    );
    let engine = world.pipeline().source(api.clone()).source(gone).build().unwrap();
    assert!(matches!(run(&engine, many(3)).await.end, End::Parked { .. }));
    // The next configuration knows the source no more.
    let report = run(&world.pipeline().source(api).build().unwrap(), many(3)).await;
    assert_eq!((report.end, report.open, report.resumed), (End::Partial, 3, true));
    assert!(report.reasons.iter().any(|reason| reason.contains("gone/thing")), "{:?}", report.reasons);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_restarts_as_itself_is_an_error() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| {
        Said::<Thing>::nothing().fates([Fate::Restart(asked.tasks[0].clone())]).into()
    });
    let report = run(&world.pipeline().source(api.clone()).build().unwrap(), hashtag("tag")).await;
    assert_eq!(api.calls(), 1);
    assert!(complaint(&world, &report).await.contains("restarts a task as itself"));
}

#[tokio::test(start_paused = true)]
async fn an_expired_cursor_begins_again() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| match cursor(asked) {
        0 => Said::items([Thing::new("a", "seen")]).then([page(1)]).into(),
        1 => Said::nothing().fates([Fate::Restart(page(100))]).into(),
        _ => Said::items([Thing::new("b", "seen")]).into(),
    });
    let report = run(&world.pipeline().source(api.clone()).build().unwrap(), hashtag("tag")).await;
    assert_eq!((report.end, report.counts.done, world.stored().len()), (End::Complete, 3, 2));
}

#[tokio::test(start_paused = true)]
async fn too_few_outcomes_are_an_error_of_the_whole_call() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| {
        Said::items([Thing::new(asked.subject(), "seen")]).fates([Fate::Done, Fate::Done]).into()
    });
    let report = run(&world.pipeline().source(api.clone()).build().unwrap(), handles(["x"])).await;
    let message = complaint(&world, &report).await;
    assert!(message.contains("2 outcomes for 1 tasks"), "{message}");
    assert!(world.sink.is_empty(), "what such an answer says cannot be trusted");
}
