//! A run that brings less than is expected of it is partial, although every answer was in order.

use collector_core::creator::{CreatorSighting, Creators, aspect};
use collector_core::error::ErrorKind;
use collector_core::expect::Expect;
use collector_core::pipeline::{End, Job, missed_by};
use collector_core::store::{RunEnd, Store};
use tokio_util::sync::CancellationToken;

use crate::support::*;

fn at_least(records: u64) -> Expect {
    Expect { records: Some(records), ..Expect::default() }
}

/// Answers pages with three people and every person with themselves.
fn vendor() -> Scripted<Thing> {
    Scripted::new("api", |asked: &Asked| match asked.kind.as_str() {
        "page" => Said::items(["a", "b", "c"].map(|key| Thing::new(key, "row"))).into(),
        _ if asked.subject() == "nobody" => Said::nothing().fates([Fate::Absent]).into(),
        _ => Said::items([Thing::new(asked.subject(), "profile")]).into(),
    })
}

#[tokio::test(start_paused = true)]
async fn too_few_records_make_a_run_partial_and_say_so() {
    let world = World::of_things();
    let engine = world.pipeline().source(vendor()).build().unwrap();
    let report = run(&engine, hashtag("tea").expect(at_least(4))).await;
    assert_eq!((report.end, report.reasons), (End::Partial, vec!["expected 4 or more, got 3".to_owned()]));
    let missed = missed_by(&world.store, "tag").await.unwrap().unwrap();
    assert_eq!((missed.run, missed.missed.len()), (report.run, 1));
    let state = world.store.run(report.run).await.unwrap().unwrap();
    assert_eq!(state.ended.map(|(_, end)| end), Some(RunEnd::Partial));
    // The next run brings enough, and then nothing is missed any more.
    let report = run(&engine, hashtag("tea").expect(at_least(3))).await;
    assert_eq!((report.end, report.reasons), (End::Complete, vec![]));
    assert_eq!(missed_by(&world.store, "tag").await.unwrap(), None);
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn who_is_fresh_counts_and_who_does_not_exist_does_not() {
    let world = World::of_things();
    let api = vendor().seeding(|query| {
        let about = |handle: &String| {
            collector_core::task::Task::new("api", "thing", handle.as_str()).about(thing_id(handle), "it")
        };
        Ok(query.handles.iter().map(about).collect())
    });
    let engine = world.pipeline().source(api.clone()).build().unwrap();
    run(&engine, handles(["a", "b"])).await;
    let wanted = || handles(["a", "b", "c", "nobody"]).expect(at_least(3));
    let report = run(&engine, wanted()).await;
    assert_eq!((report.end, report.counts.fresh, api.asked_for("a")), (End::Complete, 2, 1), "{report:?}");
    let report = run(&engine, wanted().expect(at_least(4))).await;
    assert_eq!(report.reasons, ["expected 4 or more, got 3"]);
}

#[tokio::test(start_paused = true)]
async fn a_submitted_run_is_judged_by_itself() {
    let world = World::of_things();
    let engine = world.pipeline().source(vendor()).build().unwrap();
    let handle = engine.start().await.unwrap();
    let begun = handle.submit(hashtag("tea").expect(at_least(4))).await.unwrap();
    let state = within(HOUR, async {
        loop {
            let state = handle.status(begun.run).await.unwrap().unwrap();
            if state.ended.is_some() {
                return state;
            }
            tokio::time::sleep(SECOND).await;
        }
    })
    .await;
    assert_eq!(state.ended.map(|(_, end)| end), Some(RunEnd::Partial));
    // Whoever asks afterwards hears why.
    let report = handle.wait(begun, &CancellationToken::new()).await.unwrap();
    assert_eq!(report.reasons, ["expected 4 or more, got 3"]);
    handle.shutdown().await.unwrap();
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_before_a_restart_counts() {
    let world = World::of_things();
    let job = || handles(["a", "b", "c", "d"]).expect(at_least(4));
    let stop = CancellationToken::new();
    let first = Scripted::new("api", {
        let stop = stop.clone();
        move |asked: &Asked| {
            if asked.number == 2 {
                stop.cancel();
            }
            Said::items([Thing::new(asked.subject(), "profile")]).into()
        }
    });
    let narrow = collector_core::pipeline::SourceOptions {
        limits: collector_core::admission::Limits { in_flight: 1, ..Default::default() },
        ..Default::default()
    };
    let engine = world.pipeline().source_with(first, narrow).build().unwrap();
    let report = within(HOUR, engine.run(job(), stop)).await.unwrap();
    assert_eq!(report.end, End::Stopped);
    assert!(report.open > 0 && report.counts.done > 0, "{report:?}");
    let report = run(&world.pipeline().source(vendor()).build().unwrap(), job()).await;
    assert_eq!((report.resumed, report.end), (true, End::Complete), "{:?}", report.reasons);
}

fn creator(uid: usize, followers: Option<u64>) -> CreatorSighting {
    CreatorSighting {
        uid: Some(uid.to_string().into()),
        followers,
        ..CreatorSighting::showing(aspect::PROFILE)
    }
}

#[tokio::test(start_paused = true)]
async fn a_field_that_too_few_have_is_missed() {
    let world = World::of(Creators::default());
    let api = Scripted::new("api", |_: &Asked| {
        Said::items((1..=20).map(|uid| creator(uid, (uid > 2).then_some(7)))).into()
    });
    let engine = world.pipeline().source(api).build().unwrap();
    let fill = |share| Expect { records: None, fill: [("followers".to_owned(), share)].into() };
    let report = run(&engine, hashtag("tea").expect(fill(0.95))).await;
    let said = "expected `followers` in 95.0 % or more, it is known in 90.0 % (18 of 20)";
    assert_eq!((report.end, report.reasons), (End::Partial, vec![said.to_owned()]));
    assert_eq!(run(&engine, hashtag("tea").expect(fill(0.9))).await.end, End::Complete);
    let unknown = Expect { records: None, fill: [("folowers".to_owned(), 0.5)].into() };
    let refused = engine.run(hashtag("tea").expect(unknown), CancellationToken::new()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConfigInvalid);
    assert!(refused.to_string().contains("`followers`"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn nothing_expected_is_nothing_kept() {
    let world = World::of_things();
    let engine = world.pipeline().source(vendor()).build().unwrap();
    let report = run(&engine, hashtag("tea")).await;
    assert_eq!(report.end, End::Complete);
    assert_eq!(world.store.note(&format!("@expect/{}", report.run)).await.unwrap(), None);
    let job: Job = hashtag("tea").expect(at_least(1));
    let report = run(&engine, job).await;
    assert_eq!(world.store.note(&format!("@expect/{}", report.run)).await.unwrap(), None, "it is over");
}
