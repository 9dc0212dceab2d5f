//! Everything asked for is collected once: pages, batches, order, bounds.

use std::time::Duration;

use collector_core::pipeline::{End, Settings, SourceOptions};
use collector_core::source::{CallSpec, Role};
use collector_core::task::Task;
use collector_core::{admission::Limits, error::ErrorKind};

use crate::support::*;

fn at_once(in_flight: usize) -> SourceOptions {
    SourceOptions { limits: Limits { in_flight, ..Limits::default() }, ..SourceOptions::default() }
}

/// Ten pages of fifty things each; a page leads to the next and to its things.
fn pages_of_things() -> Scripted<Thing> {
    Scripted::new("api", |asked: &Asked| {
        if asked.kind == "thing" {
            return Said::items([Thing::new(asked.subject(), "known")]).into();
        }
        let page: usize = asked.tasks[0].get("page").map_or(0, |page| page.parse().unwrap());
        let things = (0..50).map(|i| Task::new("api", "thing", format!("t{:03}", page * 50 + i)));
        let next = Task::new("api", "page", asked.subject()).per_run().param("page", (page + 1).to_string());
        Said::nothing().then(things).then((page < 9).then_some(next)).into()
    })
}

#[tokio::test(start_paused = true)]
async fn everything_pages_lead_to_is_in_the_sink_once() {
    let world = World::of_things();
    let api = pages_of_things();
    let report = run(&world.pipeline().source(api.clone()).build().unwrap(), hashtag("all")).await;

    assert_eq!(report.end, End::Complete, "{:?}", report.reasons);
    assert!(report.reasons.is_empty() && !report.resumed);
    assert_eq!((report.counts.tasks, report.counts.done, report.open), (510, 510, 0));
    assert_eq!((report.counts.items, report.counts.changed), (500, 500));
    assert_eq!((api.calls(), api.most_asked()), (510, 10), "ten pages of one subject, each thing once");
    let stored: Vec<String> = world.stored().into_iter().map(|(key, _)| key).collect();
    assert_eq!(stored, (0..500).map(|i| format!("t{i:03}")).collect::<Vec<_>>());
    let sink = report.sinks["sink"];
    assert_eq!((sink.wanted, sink.stored, sink.pending), (500, 500, 0));
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn calls_at_once_reach_the_limit_and_never_exceed_it() {
    let world = World::of_things();
    let api = Scripted::willing("api");
    let engine = world.pipeline().source_with(api.clone(), at_once(5)).build().unwrap();
    let report = run(&engine, many(200)).await;
    assert_eq!((report.end, api.calls()), (End::Complete, 200));
    assert_eq!(api.most_at_once(), 5);
}

#[tokio::test(start_paused = true)]
async fn two_sources_of_one_account_share_its_limit() {
    let world = World::of_things();
    let (a, b) = (Scripted::willing("a"), Scripted::willing("b"));
    let shared = SourceOptions { account: Some("shared".into()), ..at_once(4) };
    let engine = world.pipeline().source_with(a.clone(), shared.clone()).source_with(b.clone(), shared);
    let report = run(&engine.build().unwrap(), many(100)).await;
    assert_eq!((report.end, a.calls(), b.calls()), (End::Complete, 100, 100));
    let mut starts: Vec<_> = a.made().into_iter().chain(b.made()).map(|made| made.at).collect();
    starts.sort();
    // Each call takes 100 ms, so whatever starts within 100 ms runs at once.
    let at_once =
        starts.windows(5).filter(|five| five[4].since(five[0]) < Duration::from_millis(100)).count();
    assert_eq!(at_once, 0, "five calls ran at once");
}

#[tokio::test(start_paused = true)]
async fn a_batched_kind_serves_many_tasks_with_one_call() {
    let world = World::of_things();
    let api = Scripted::willing("api").kind("thing", CallSpec::new(Role::Hydration).batch(100));
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    let report = run(&engine, many(250)).await;
    assert_eq!((report.end, report.counts.done, report.counts.changed), (End::Complete, 250, 250));
    let sizes: Vec<usize> = api.made().iter().map(|made| made.subjects.len()).collect();
    assert_eq!(sizes, [100, 100, 50]);
    assert_eq!(report.counts.cost.units, 3);
}

#[tokio::test(start_paused = true)]
async fn one_failed_and_one_absent_task_of_a_batch_touch_nobody_else() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| {
        let fate = |subject: &str| match subject {
            "h003" => Fate::Failed(ErrorKind::Rejected),
            "h007" => Fate::Absent,
            _ => Fate::Done,
        };
        let fates: Vec<Fate> = asked.subjects().into_iter().map(fate).collect();
        let answered =
            asked.subjects().into_iter().zip(&fates).filter(|(_, fate)| matches!(fate, Fate::Done));
        Said::items(answered.map(|(key, _)| Thing::new(key, "known")).collect::<Vec<_>>())
            .fates(fates.clone())
            .into()
    })
    .kind("thing", CallSpec::new(Role::Hydration).batch(20));
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    let report = run(&engine, many(20)).await;

    let counts = &report.counts;
    assert_eq!((counts.done, counts.absent, counts.dead, api.calls()), (18, 1, 1, 1));
    assert_eq!(report.end, End::Partial);
    assert!(report.dead[0].example.contains("h003"), "{:?}", report.dead);
    assert_eq!(world.stored().len(), 18);
}

#[tokio::test(start_paused = true)]
async fn who_is_known_is_filled_in_before_anybody_new_is_looked_for() {
    let world = World::of_things();
    let api = pages_of_things();
    let engine = world.pipeline().source_with(api.clone(), at_once(1)).build().unwrap();
    run(&engine, hashtag("all")).await;
    let kinds: Vec<String> = api.made().into_iter().map(|made| made.kind).collect();
    let second = kinds.iter().skip(1).position(|kind| kind == "page").unwrap() + 1;
    // A call may have been claimed before the first page's things were known, nothing more.
    assert!(second >= 49, "the second page was asked for after {second} calls");
}

#[tokio::test(start_paused = true)]
async fn discovery_waits_while_too_many_wait_for_hydration() {
    let world = World::of_things();
    // Things that cannot be had for an hour: only the limit keeps the engine from reading all pages at once.
    let due = BEGIN + HOUR;
    let api = Scripted::new("api", move |asked: &Asked| {
        if asked.kind == "thing" {
            return Said::items([Thing::new(asked.subject(), "known")]).into();
        }
        let page: usize = asked.tasks[0].get("page").map_or(0, |page| page.parse().unwrap());
        let things =
            (0..50).map(|i| Task::new("api", "thing", format!("t{:03}", page * 50 + i)).not_before(due));
        let next = Task::new("api", "page", asked.subject()).per_run().param("page", (page + 1).to_string());
        Said::nothing().then(things).then((page < 9).then_some(next)).into()
    });
    let settings = Settings { max_open_hydration: 120, ..Settings::default() };
    let engine = world.pipeline().source(api.clone()).settings(settings).build().unwrap();
    let report = within(DAY, engine.run(hashtag("all"), Default::default())).await.unwrap();
    assert_eq!((report.end, world.stored().len()), (End::Complete, 500));
    let early = api.made().iter().filter(|made| made.kind == "page" && made.at < due).count();
    assert_eq!(early, 3, "150 open things are more than 120");
}

#[tokio::test(start_paused = true)]
async fn a_higher_priority_is_asked_first() {
    let world = World::of_things();
    let api = Scripted::willing("api").seeding(|_| {
        Ok((0..30).map(|i| Task::new("api", "thing", format!("p{i:02}")).priority(i)).collect())
    });
    let engine = world.pipeline().source_with(api.clone(), at_once(1)).build().unwrap();
    run(&engine, hashtag("x")).await;
    let order = api.subjects("thing");
    assert_eq!(order, (0..30).rev().map(|i| format!("p{i:02}")).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_task_is_not_asked_before_its_time() {
    let world = World::of_things();
    let due = BEGIN + 90 * MINUTE;
    let api = Scripted::new("api", move |asked: &Asked| {
        let later = Task::new("api", "thing", "later").not_before(due);
        Said::items([Thing::new(asked.subject(), "known")])
            .then((asked.subject() == "first").then_some(later))
            .into()
    });
    let report = run(&world.pipeline().source(api.clone()).build().unwrap(), handles(["first"])).await;
    assert_eq!((report.end, world.stored().len()), (End::Complete, 2));
    let made = api.made();
    let at = made.iter().find(|made| made.subjects[0] == "later").unwrap().at;
    assert!(at >= due && at.since(due) < 2 * SECOND, "asked at {at}, due at {due}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_say_ask_me_later_without_costing_an_attempt() {
    let world = World::of_things();
    let api = Scripted::new("api", |asked: &Asked| {
        let said = Said::items((asked.before == 20).then(|| Thing::new(asked.subject(), "ready")));
        let fate = if asked.before < 20 { Fate::Later(asked.at + MINUTE) } else { Fate::Done };
        said.fates([fate]).into()
    });
    let report = run(&world.pipeline().source(api.clone()).build().unwrap(), handles(["slow"])).await;
    assert_eq!((report.end, api.calls(), report.counts.retries), (End::Complete, 21, 0));
    let gaps: Vec<_> = api.made().windows(2).map(|two| two[1].at.since(two[0].at)).collect();
    assert!(gaps.iter().all(|gap| *gap >= MINUTE), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn large_bodies_share_one_budget() {
    let world = World::of_things();
    let body = 64 << 10;
    let api = Scripted::new("api", move |asked: &Asked| {
        let mut said = Said::items([Thing::new(asked.subject(), "large")]);
        said.filler = "x".repeat(body);
        said.into()
    });
    let limit = 4 * body;
    let settings = Settings { body_bytes: limit, ..Settings::default() };
    // A slow store: finished answers pile up in front of it.
    let store = GatedStore(world.store.clone(), Gate::open().takes(SECOND));
    let engine = world.pipeline().store(store).settings(settings).source_with(api.clone(), at_once(64));
    let report = run(&engine.build().unwrap(), many(64)).await;
    assert_eq!((report.end, report.counts.done), (End::Complete, 64));
    assert!(api.most_at_once() > 8, "{} calls at once are too few to try the budget", api.most_at_once());
    assert!(api.most_held() <= limit + body + 1024, "{} bytes held", api.most_held());
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_is_an_answer() {
    let world = World::of_things();
    let api = Scripted::new("api", |_: &Asked| Said::nothing().into());
    let report = run(&world.pipeline().source(api.clone()).build().unwrap(), many(3)).await;
    assert_eq!((report.end, report.counts.done, report.counts.items), (End::Complete, 3, 0));
    assert!(world.sink.is_empty());
    world.assert_left_tidy().await;
}
