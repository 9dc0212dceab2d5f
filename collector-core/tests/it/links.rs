//! Links that end: what a sink that fetches behind them gets from the engine.

use collector_core::creator::{Creator, CreatorSighting, Creators, aspect, id_kind};
use collector_core::id::Id;
use collector_core::pipeline::End;
use collector_core::sink::{Change, Facts, Wrote};
use collector_core::store::Store;
use collector_core::task::Task;

use crate::support::*;

const PICTURE: &str = "https://cdn.example/tos/0011223344556677.webp";

/// A vendor whose answers differ in nothing but the signature of a link: the first `stale` of each have ended.
fn signing(stale: usize) -> Scripted<CreatorSighting> {
    let by_handle = |handle: &str| {
        Task::new("api", "thing", handle).about(Id::new(id_kind::TIKTOK_HANDLE, handle), aspect::PROFILE)
    };
    let say = move |asked: &Asked| {
        let signature = if asked.before < stale { "ended" } else { "good" };
        Said::items([CreatorSighting {
            uid: Some(asked.subject().trim_start_matches('h').into()),
            handle: Some(asked.subject().into()),
            avatar: Some(format!("{PICTURE}?x-expires={}&x-signature={signature}", asked.number).into()),
            ..CreatorSighting::showing(aspect::PROFILE)
        }])
        .into()
    };
    Scripted::new("api", say)
        .seeding(move |query| Ok(query.handles.iter().map(|handle| by_handle(handle)).collect()))
        .lookup(move |ids| Some(by_handle(ids.get(id_kind::TIKTOK_HANDLE)?)))
}

/// A sink that fetches what is signed well, and reports it.
fn images() -> TrickySink<Creator> {
    TrickySink::new("images", |_, batch| {
        let fetch = |change: &Change<Creator>| match change {
            Change::Put(record)
                if record.entity.avatar.as_ref().is_some_and(|link| link.ends_with("=good")) =>
            {
                Wrote::Stored(Facts::from([("avatar".into(), "ab/ab.webp".into())]))
            }
            Change::Put(_) => Wrote::Refresh("the link has ended".into()),
            Change::Delete { .. } => Wrote::Stored(Facts::new()),
        };
        Trick::Each(batch.iter().map(fetch).collect())
    })
}

#[tokio::test(start_paused = true)]
async fn a_newly_signed_link_reaches_the_sink_that_asked_although_it_is_no_news_to_the_others() {
    let world = World::of(Creators::default());
    let (api, images) = (signing(1), images());
    let engine = world.pipeline().sink(images.clone()).source(api.clone()).build().unwrap();
    let report = run(&engine, many(20)).await;
    assert_eq!((report.end, report.sinks["images"].pending), (End::Complete, 0), "{:?}", report.reasons);
    assert_eq!((api.calls(), api.most_asked()), (40, 2), "each was asked once more");
    assert_eq!((report.counts.changed, report.counts.unchanged), (20, 20));
    // The fact is news to the others, the signature is not.
    for record in world.sink.records() {
        assert_eq!((record.version, &record.facts["avatar"]), (2, &"ab/ab.webp".into()));
    }
    assert_eq!(images.offered().len(), 40, "offered until it could be fetched, and not again");
    world.assert_left_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_source_whose_links_never_work_is_asked_once_more_in_each_run() {
    let world = World::of(Creators::default());
    let (api, images) = (signing(usize::MAX), images());
    let engine = world.pipeline().sink(images.clone()).source(api.clone()).build().unwrap();
    for round in 1..=3 {
        let report = run(&engine, many(5)).await;
        assert_eq!((report.end, report.sinks["images"].pending), (End::Partial, 5));
        assert_eq!(api.calls(), 5 + 5 * round, "round {round}");
        assert_eq!(report.sinks["sink"].pending, 0);
    }
    assert_eq!(world.store.counts().await.unwrap().entities, 5);
}
