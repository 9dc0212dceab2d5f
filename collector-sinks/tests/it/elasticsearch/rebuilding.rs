//! An index is made anew from the store, beside the one in use.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use collector_core::clock::{Clock, SystemClock};
use collector_core::context::ByteBudget;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::search::MemoryIndex;
use collector_core::sink::Wrote;
use collector_core::testkit::fakes::ManualClock;
use collector_core::testkit::search::Population;
use collector_sinks::elasticsearch::ElasticsearchRebuild;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::small_cluster::{Indexes, SmallCluster, Wrong};
use super::*;

/// When a lease that was taken just now has run out.
pub(super) fn later() -> Context {
    let clock = ManualClock::starting_at(SystemClock.now() + Duration::from_secs(121));
    Context::new(CancellationToken::new(), clock, ByteBudget::new(0))
}

fn record(key: u64, version: u64) -> Record<Creator> {
    let Change::Put(record) = put(key, version, named(&format!("h{key}"))) else { unreachable!() };
    record
}

fn records(keys: impl IntoIterator<Item = u64>) -> Vec<Record<Creator>> {
    keys.into_iter().map(|key| record(key, 1)).collect()
}

async fn offer(sink: &ElasticsearchSink, cx: &Context, key: u64) -> Result<bool> {
    let written = sink.write(cx, &[put(key, 1, named(&format!("h{key}")))]).await?;
    Ok(matches!(written.outcomes[..], [Wrote::Stored(_)]))
}

fn is_pending(written: Result<bool>, says: &str) {
    let error = written.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains(says), "{error}");
}

impl Place {
    async fn begin(&self, cx: &Context) -> Result<ElasticsearchRebuild> {
        ElasticsearchRebuild::begin(cx, self.config()).await
    }

    /// An index in use with these creators.
    async fn filled(&self, keys: impl IntoIterator<Item = u64>) -> ElasticsearchSink {
        let sink = self.opened().await;
        write(&sink, &records(keys).into_iter().map(Change::Put).collect::<Vec<_>>()).await;
        self.refresh().await;
        sink
    }
}

#[tokio::test]
async fn it_answers_like_the_reference_and_searches_notice_nothing() {
    let Some(place) = Place::new() else { return };
    let cx = Context::detached();
    let (reference, mut random) = (MemoryIndex::new(), Population::new(11, cx.now()));
    let batch: Vec<_> = (1..=300).map(|key| random.put(key, 5)).collect();
    reference.write(&cx, &batch).await.unwrap();
    let sink = place.opened().await;
    write(&sink, &batch).await;
    // What the store does not know is not in the new index.
    write(&sink, &[delete(900, 3)]).await;
    place.refresh().await;
    let older = place.indexes().await;
    let done = Arc::new(AtomicBool::new(false));
    let searching = {
        let (done, index) = (Arc::clone(&done), place.search());
        tokio::spawn(async move {
            let mut searches = 0;
            while !done.load(Ordering::SeqCst) {
                assert_eq!(index.search(&Context::detached(), &Query::all()).await.unwrap().total, 300);
                searches += 1;
            }
            searches
        })
    };
    for _ in 0..3 {
        let mut fresh = place.begin(&cx).await.unwrap();
        for part in batch.chunks(70) {
            let records = part.iter().cloned().map(|change| match change {
                Change::Put(record) => record,
                Change::Delete { .. } => unreachable!(),
            });
            assert_eq!(fresh.add(&cx, records.collect()).await.unwrap(), part.len() as u64);
        }
        fresh.finish(&cx).await.unwrap();
    }
    let now = place.indexes().await;
    assert!(now.len() == 1 && now != older, "{now:?}");
    done.store(true, Ordering::SeqCst);
    assert!(searching.await.unwrap() > 0);
    let index = place.search();
    for _ in 0..60 {
        let query = random.query();
        let (found, expected) =
            (index.search(&cx, &query).await.unwrap(), reference.search(&cx, &query).await.unwrap());
        let keys = |results: &Results| results.hits.iter().map(|hit| hit.key.0).collect::<Vec<_>>();
        assert_eq!((found.total, keys(&found)), (expected.total, keys(&expected)), "{query}");
        assert_eq!(found.facets, expected.facets, "{query}");
    }
    sink.check(&cx).await.unwrap();
    assert!(offer(&sink, &cx, 1_000).await.unwrap());
}

#[tokio::test]
async fn a_change_meanwhile_stays_owed_and_goes_into_the_new_index() {
    let Some(place) = Place::new() else { return };
    let (cx, sink) = (Context::detached(), place.filled(1..=3).await);
    let mut fresh = place.begin(&cx).await.unwrap();
    assert_eq!(fresh.add(&cx, records(1..=3)).await.unwrap(), 3);
    is_pending(offer(&sink, &cx, 4).await, "takes no changes just now");
    is_pending(offer(&sink, &cx, 4).await, "made anew");
    // One that starts now waits as well, and says so instead of ending.
    is_pending(offer(&place.opened().await, &cx, 4).await, "made anew");
    assert_eq!(place.ask("").await.total, 3);
    is_pending(place.begin(&cx).await.map(|_| true), "made anew");
    fresh.finish(&cx).await.unwrap();
    assert_eq!(place.ask("").await.total, 3);
    assert!(offer(&sink, &cx, 4).await.unwrap());
    assert_eq!(place.handles("").await, ["h1", "h2", "h3", "h4"]);
}

#[tokio::test]
async fn a_late_write_does_not_bring_a_record_back_that_was_deleted_before_it() {
    let Some(place) = Place::new() else { return };
    let cx = Context::detached();
    let sink = place.filled(1..=3).await;
    write(&sink, &[delete(2, 5)]).await;
    let mut fresh = place.begin(&cx).await.unwrap();
    fresh.add(&cx, records([1, 3])).await.unwrap();
    fresh.finish(&cx).await.unwrap();
    let late = write(&sink, &[put(2, 4, named("h2"))]).await;
    assert_eq!(late.outcomes, [Wrote::Superseded]);
    assert_eq!(place.handles("").await, ["h1", "h3"]);
}

#[tokio::test]
async fn one_that_died_holds_the_index_until_its_lease_has_run_out() {
    let Some(place) = Place::new() else { return };
    let (cx, sink) = (Context::detached(), place.filled(1..=3).await);
    let older = place.indexes().await;
    let mut fresh = place.begin(&cx).await.unwrap();
    fresh.add(&cx, records([1])).await.unwrap();
    is_pending(offer(&sink, &cx, 4).await, "takes no changes just now");
    is_pending(offer(&sink, &cx, 4).await, "made anew");
    assert!(offer(&sink, &later(), 4).await.unwrap());
    assert_eq!(place.indexes().await, older, "what it had begun is gone");
    assert_eq!(place.handles("").await, ["h1", "h2", "h3", "h4"]);
    sink.check(&cx).await.unwrap();
    // It was asleep only, and wakes up: it can do no harm.
    is_pending(fresh.add(&cx, records([2])).await.map(|_| true), "begin again");
    is_pending(fresh.finish(&cx).await.map(|()| true), "begin again");
    assert_eq!(place.handles("").await, ["h1", "h2", "h3", "h4"]);
    assert!(offer(&sink, &cx, 5).await.unwrap());
}

#[tokio::test]
async fn a_second_one_after_one_that_died_works() {
    let Some(place) = Place::new() else { return };
    let (cx, sink) = (Context::detached(), place.filled(1..=3).await);
    let mut dead = place.begin(&cx).await.unwrap();
    dead.add(&cx, records([7])).await.unwrap();
    let mut fresh = place.begin(&later()).await.unwrap();
    is_pending(dead.add(&cx, records([8])).await.map(|_| true), "begin again");
    fresh.add(&cx, records(1..=2)).await.unwrap();
    is_pending(dead.finish(&cx).await.map(|()| true), "begin again");
    is_pending(offer(&sink, &cx, 4).await, "takes no changes just now");
    fresh.finish(&cx).await.unwrap();
    assert_eq!(place.indexes().await.len(), 1);
    assert!(offer(&sink, &cx, 4).await.unwrap());
    assert_eq!(place.handles("").await, ["h1", "h2", "h4"]);
}

#[tokio::test]
async fn given_up_it_leaves_everything_as_it_was() {
    let Some(place) = Place::new() else { return };
    let (cx, sink) = (Context::detached(), place.filled(1..=3).await);
    let older = place.indexes().await;
    let mut fresh = place.begin(&cx).await.unwrap();
    fresh.add(&cx, records(5..=9)).await.unwrap();
    fresh.abandon().await;
    assert_eq!(place.indexes().await, older);
    assert!(offer(&sink, &cx, 4).await.unwrap());
    assert_eq!(place.handles("").await, ["h1", "h2", "h3", "h4"]);
    sink.check(&cx).await.unwrap();
    // Somebody's own block is theirs.
    place.call(Method::Put, &format!("/{}/_block/write", older[0]), None).await;
    place.begin(&cx).await.unwrap().abandon().await;
    is_pending(offer(&sink, &cx, 5).await, "takes no changes just now");
    is_pending(offer(&sink, &cx, 5).await, "takes no changes just now");
}

#[tokio::test]
async fn the_first_index_can_be_made_by_it() {
    let Some(place) = Place::new() else { return };
    let cx = Context::detached();
    let mut fresh = place.begin(&cx).await.unwrap();
    fresh.add(&cx, records(1..=2)).await.unwrap();
    fresh.finish(&cx).await.unwrap();
    assert_eq!(place.indexes().await.len(), 1);
    assert_eq!(place.handles("").await, ["h1", "h2"]);
}

#[tokio::test]
async fn an_index_of_another_format_is_replaced_from_the_store() {
    let Some(place) = Place::new() else { return };
    let older = super::replacing::make_older(&place).await;
    let cx = Context::detached();
    let mut fresh = place.begin(&cx).await.unwrap();
    // It would be made anew from what it keeps.
    let sink = place.opened().await;
    is_pending(offer(&sink, &cx, 4).await, "made anew");
    assert!(place.indexes().await.contains(&older));
    fresh.add(&cx, records(1..=2)).await.unwrap();
    fresh.finish(&cx).await.unwrap();
    assert_eq!(place.indexes().await.len(), 1);
    assert!(offer(&sink, &cx, 4).await.unwrap());
    assert_eq!(place.handles("").await, ["h1", "h2", "h4"]);
}

async fn begun(cluster: &SmallCluster) -> (ElasticsearchSink, ElasticsearchRebuild) {
    let cx = Context::detached();
    let sink = ElasticsearchSink::new(cluster.fake.config()).unwrap();
    sink.open(&cx, None).await.unwrap();
    assert!(offer(&sink, &cx, 1).await.unwrap());
    (sink, ElasticsearchRebuild::begin(&cx, cluster.fake.config()).await.unwrap())
}

fn is_swap(asked: &super::fake::Asked) -> bool {
    asked.line == "POST /_aliases" && asked.body.contains("-rebuild")
}

#[tokio::test]
async fn a_swap_whose_answer_is_lost_was_done() {
    let cluster = SmallCluster::start(|asked| match is_swap(asked) {
        true => Wrong::AnswerLost,
        false => Wrong::Nothing,
    })
    .await;
    let (cx, (sink, mut fresh)) = (Context::detached(), begun(&cluster).await);
    let (older, _) = cluster.used();
    fresh.add(&cx, records(1..=2)).await.unwrap();
    fresh.finish(&cx).await.unwrap();
    let (newer, index) = cluster.used();
    assert!(newer != older && cluster.indexes().len() == 1, "{newer}");
    assert_eq!((index.documents.len(), index.aliases.len(), index.blocked), (2, 1, false));
    assert!(offer(&sink, &cx, 3).await.unwrap());
}

#[tokio::test]
async fn a_swap_that_is_refused_leaves_the_old_index_in_use_and_open() {
    let cluster = SmallCluster::start(|asked| match is_swap(asked) {
        true => Wrong::Busy,
        false => Wrong::Nothing,
    })
    .await;
    let (cx, (sink, mut fresh)) = (Context::detached(), begun(&cluster).await);
    let (older, before) = cluster.used();
    assert!(before.blocked && before.meta["rebuild"]["until"].is_i64(), "{before:?}");
    assert_eq!(before.meta["format"].as_str().map(str::len), Some(32));
    fresh.add(&cx, records(1..=2)).await.unwrap();
    assert_eq!(fresh.finish(&cx).await.unwrap_err().kind(), ErrorKind::RateLimited);
    let (used, index) = cluster.used();
    assert_eq!((&used, cluster.indexes().len(), index.blocked), (&older, 1, false));
    assert_eq!(index.meta.as_object().unwrap().keys().collect::<Vec<_>>(), ["format"]);
    assert!(offer(&sink, &cx, 3).await.unwrap());
}

/// Whatever request it was that failed.
#[tokio::test]
async fn a_beginning_that_fails_leaves_the_old_index_in_use_and_open() {
    for part in ["/_mapping", "/_settings/", "PUT /creators-", r#"-rebuild":{}"#, "/_block/write"] {
        let failing = Arc::new(AtomicBool::new(false));
        let fails = Arc::clone(&failing);
        let cluster = SmallCluster::start(move |asked| {
            let is_it = asked.line.contains(part) || asked.body.contains(part);
            match is_it && fails.swap(false, Ordering::SeqCst) {
                true => Wrong::AnswerLost,
                false => Wrong::Nothing,
            }
        })
        .await;
        let cx = Context::detached();
        let sink = ElasticsearchSink::new(cluster.fake.config()).unwrap();
        sink.open(&cx, None).await.unwrap();
        failing.store(true, Ordering::SeqCst);
        ElasticsearchRebuild::begin(&cx, cluster.fake.config()).await.unwrap_err();
        let (_, index) = cluster.used();
        assert_eq!((cluster.indexes().len(), index.blocked), (1, false), "{part}");
        assert!(offer(&sink, &cx, 3).await.unwrap(), "{part}");
    }
}

/// Who may make an index, and not end writing to the other.
#[tokio::test]
async fn one_that_may_not_go_on_takes_back_what_it_made() {
    let cluster = SmallCluster::start(|asked| match asked.line.contains("/_block/write") {
        true => Wrong::Forbidden,
        false => Wrong::Nothing,
    })
    .await;
    let cx = Context::detached();
    let sink = ElasticsearchSink::new(cluster.fake.config()).unwrap();
    sink.open(&cx, None).await.unwrap();
    let error = ElasticsearchRebuild::begin(&cx, cluster.fake.config()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    let (_, index) = cluster.used();
    assert_eq!((cluster.indexes().len(), index.meta.get("rebuild")), (1, None));
    assert!(offer(&sink, &cx, 3).await.unwrap());
}

/// It stood still so long that another gave it up and has begun one more.
#[tokio::test]
async fn one_that_may_not_go_on_takes_no_other_lease_away() {
    let indexes = Indexes::default();
    let other = json!({ "index": "creators-0123456789abcdef0123456789abcdef-9", "until": i64::MAX, "was_blocked": false });
    let (state, theirs) = (Arc::clone(&indexes), other.clone());
    let cluster = SmallCluster::with(indexes, move |asked| {
        if !asked.body.contains("-rebuild\":{}") {
            return Wrong::Nothing;
        }
        let mut indexes = state.lock().unwrap();
        indexes.values_mut().for_each(|index| index.meta["rebuild"] = theirs.clone());
        Wrong::Forbidden
    })
    .await;
    let cx = Context::detached();
    ElasticsearchSink::new(cluster.fake.config()).unwrap().open(&cx, None).await.unwrap();
    ElasticsearchRebuild::begin(&cx, cluster.fake.config()).await.unwrap_err();
    assert_eq!(cluster.used().1.meta["rebuild"], other);
}

/// Somebody let changes in behind its back: they would be lost.
#[tokio::test]
async fn it_does_not_take_the_place_of_an_index_that_took_changes() {
    let cluster = SmallCluster::start(|_| Wrong::Nothing).await;
    let (cx, (sink, mut fresh)) = (Context::detached(), begun(&cluster).await);
    fresh.add(&cx, records([1])).await.unwrap();
    let (older, _) = cluster.used();
    cluster.open(&older);
    assert!(offer(&sink, &cx, 2).await.unwrap());
    let error: Error = fresh.finish(&cx).await.unwrap_err();
    assert!(error.to_string().contains("begin again"), "{error}");
    assert_eq!(cluster.used().1.documents.len(), 2);
}

#[tokio::test]
async fn a_busy_cluster_is_waited_for_and_what_it_never_takes_is_left_out() {
    let left = Arc::new(AtomicU64::new(0));
    let busy = Arc::clone(&left);
    let cluster = SmallCluster::start(move |asked| {
        let take = |left: u64| left.checked_sub(1);
        match asked.is_bulk() && busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
            true => Wrong::Busy,
            false => Wrong::Nothing,
        }
    })
    .await;
    let (_, mut fresh) = begun(&cluster).await;
    let clock = ManualClock::starting_at(SystemClock.now());
    let cx = Context::new(CancellationToken::new(), Arc::clone(&clock) as Arc<dyn Clock>, ByteBudget::new(0));
    let mut batch = records(1..=3);
    batch.push(match put(4, 1, named("refused")) {
        Change::Put(record) => record,
        Change::Delete { .. } => unreachable!(),
    });
    left.store(3, Ordering::SeqCst);
    let (taken, ()) = tokio::join!(fresh.add(&cx, batch), async {
        for _ in 0..3 {
            clock.until_asleep(1).await;
            clock.advance(Duration::from_secs(10));
            while clock.sleepers() > 0 {
                tokio::task::yield_now().await;
            }
        }
    });
    assert_eq!(taken.unwrap(), 3);
    // It goes on as long as it is told to.
    left.store(u64::MAX, Ordering::SeqCst);
    let stop = CancellationToken::new();
    let stopped = Context::new(stop.clone(), clock, ByteBudget::new(0));
    stop.cancel();
    assert_eq!(fresh.add(&stopped, records([9])).await.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(fresh.finish(&stopped).await.unwrap_err().kind(), ErrorKind::Cancelled);
    let (_, index) = cluster.used();
    assert_eq!((cluster.indexes().len(), index.blocked, index.documents.len()), (1, false, 1));
}
