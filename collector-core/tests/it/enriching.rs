//! Sources that add to what the others find.

use collector_core::creator::{CreatorSighting, Creators, aspect, id_kind};
use collector_core::error::ErrorKind;
use collector_core::pipeline::End;
use collector_core::task::{Query, Task};

use crate::support::*;

fn person(uid: Option<&str>, handle: &str) -> CreatorSighting {
    CreatorSighting {
        uid: uid.map(Into::into),
        handle: Some(handle.into()),
        ..CreatorSighting::showing(aspect::PROFILE)
    }
}

/// Finds a person for every handle; the number comes with the second answer.
fn finder() -> Scripted<CreatorSighting> {
    Scripted::new("finder", |asked: &Asked| {
        let uid = format!("uid of {}", asked.subject());
        Said::items([person((asked.before > 0).then_some(&*uid), asked.subject())]).into()
    })
}

/// Adds a country; asked by number when that is known, else by handle.
fn enricher() -> Scripted<CreatorSighting> {
    Scripted::new("enricher", |asked: &Asked| {
        let (handle, uid) = match asked.subject().strip_prefix("uid of ") {
            Some(handle) => (handle, Some(asked.subject())),
            None => (asked.subject(), None),
        };
        Said::items([CreatorSighting { country: Some("KR".into()), ..person(uid, handle) }]).into()
    })
    .lookup(|ids| {
        let best = ids.get(id_kind::TIKTOK_UID).or(ids.get(id_kind::TIKTOK_HANDLE))?;
        Some(Task::new("enricher", "thing", best))
    })
}

#[tokio::test(start_paused = true)]
async fn an_enricher_is_asked_once_about_everybody_who_is_found_and_again_when_more_is_known() {
    let world = World::of(Creators::default());
    let (finder, enricher) = (finder(), enricher());
    let engine = world.pipeline().source(finder.clone()).enrich(enricher.clone()).build().unwrap();
    let report = run(&engine, many(20)).await;

    assert_eq!((report.end, report.counts.done), (End::Complete, 40));
    assert_eq!((finder.calls(), enricher.calls(), enricher.most_asked()), (20, 20, 1));
    assert!(world.sink.records().iter().all(|record| record.entity.country.as_deref() == Some("KR")));
    assert_eq!(world.sink.len(), 20);

    // The next answers show the numbers: the enricher is asked by them.
    tokio::time::advance(2 * DAY).await;
    run(&engine, many(20)).await;
    assert_eq!((finder.calls(), enricher.calls(), enricher.most_asked()), (40, 40, 1));
    assert!(enricher.subjects("thing")[20..].iter().all(|subject| subject.starts_with("uid of")));

    // Nothing more is known: nobody is asked again on that account.
    tokio::time::advance(2 * DAY).await;
    run(&engine, many(20)).await;
    assert_eq!((finder.calls(), enricher.calls()), (60, 40));
}

#[tokio::test(start_paused = true)]
async fn an_enricher_does_not_seed() {
    let world = World::of(Creators::default());
    let enricher = enricher();
    let engine = world.pipeline().source(finder()).enrich(enricher.clone()).build().unwrap();
    let roots = engine.plan(&many(3).query).unwrap();
    assert_eq!(roots.iter().map(|task| &**task.source()).collect::<Vec<_>>(), ["finder"; 3]);

    let alone = world.pipeline().enrich(enricher.clone()).build().unwrap();
    assert_eq!(alone.plan(&many(3).query).unwrap_err().kind(), ErrorKind::ConfigInvalid);
    assert_eq!(enricher.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_query_that_no_source_makes_use_of_is_refused_by_name() {
    let world = World::of(Creators::default());
    let engine = world.pipeline().source(finder()).build().unwrap();
    let regions = Query { regions: vec!["KR".into()], ..many(3).query };
    let extra = [("listngs".to_owned(), true.into())].into();
    for (query, part) in [(regions, "`regions`"), (Query { extra, ..many(3).query }, "`extra.listngs`")] {
        let refused = engine.plan(&query).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConfigInvalid);
        assert!(refused.to_string().contains(part) && refused.to_string().contains("finder"), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_enricher_that_fails_costs_nobody_their_record() {
    let world = World::of(Creators::default());
    let broken = Scripted::<CreatorSighting>::new("enricher", |_: &Asked| Reply::fail(ErrorKind::Rejected))
        .lookup(|ids| Some(Task::new("enricher", "thing", ids.get(id_kind::TIKTOK_HANDLE)?)));
    let engine = world.pipeline().source(finder()).enrich(broken).build().unwrap();
    let report = run(&engine, many(10)).await;
    assert_eq!((report.end, report.counts.done, report.counts.dead), (End::Partial, 10, 10));
    assert_eq!((world.sink.len(), report.dead[0].part.as_str()), (10, "enricher"));
}
