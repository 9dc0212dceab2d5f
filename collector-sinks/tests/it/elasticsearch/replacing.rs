//! An index of another format is made anew beside the old one.

use collector_core::error::ErrorKind;
use collector_core::sink::Wrote;
use serde_json::json;

use super::small_cluster::{Index, Indexes, SmallCluster, Wrong};
use super::*;

const OLDER: &str = "0123456789abcdef0123456789abcdef-4";

/// An index as an older program left it: the same fields under another format's name.
pub(super) async fn make_older(place: &Place) -> String {
    let sink = place.opened().await;
    write(&sink, &(1..=1_500).map(|n| put(n, n, named(&format!("h{n}")))).collect::<Vec<_>>()[..1_000]).await;
    write(&sink, &[delete(3, 5_000), put(1_200, 1, named("late"))]).await;
    let name = place.indexes().await.remove(0);
    let older = format!("{}-{OLDER}", place.index());
    place.call(Method::Put, &format!("/{name}/_block/write"), None).await;
    let settings = json!({ "settings": { "index.blocks.write": null } });
    let (status, body) = place.call(Method::Put, &format!("/{name}/_clone/{older}"), Some(settings)).await;
    assert_eq!(status, 200, "{body}");
    let path = format!("/_cluster/health/{older}?wait_for_status=yellow");
    place.call(Method::Get, &path, None).await;
    let actions = json!({ "actions": [
        { "add": { "index": older, "alias": place.index() } },
        { "remove_index": { "index": name } },
    ] });
    place.call(Method::Post, "/_aliases", Some(actions)).await;
    older
}

#[tokio::test]
async fn it_is_made_from_what_the_old_one_keeps_and_takes_its_place() {
    let Some(place) = Place::new() else { return };
    let older = make_older(&place).await;
    // Before its writer has seen it, who asks is told so.
    let cx = Context::detached();
    let error = place.search().search(&cx, &Query::all()).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().contains("collector run")), (ErrorKind::ConfigInvalid, true));
    let sink = place.opened().await;
    let indexes = place.indexes().await;
    assert!(indexes.len() == 1 && indexes[0] != older && indexes[0].ends_with("-5"), "{indexes:?}");
    assert_eq!(place.ask("").await.total, 1_000);
    assert_eq!(place.ask("@h7").await.hits[0].version, 7);
    let late =
        write(&sink, &[put(3, 4_999, named("h3")), put(7, 6, named("h7")), put(8, 9, named("new"))]).await;
    assert_eq!(late.outcomes[..2], [Wrote::Superseded, Wrote::Superseded]);
    assert_eq!(place.handles("@new").await, ["new"]);
}

#[tokio::test]
async fn two_that_replace_it_at_once_leave_one_whole_index() {
    let Some(place) = Place::new() else { return };
    make_older(&place).await;
    let (a, b, c) = tokio::join!(place.opened(), place.opened(), place.opened());
    assert_eq!(place.indexes().await.len(), 1);
    assert_eq!(place.ask("").await.total, 1_000);
    for sink in [a, b, c] {
        write(&sink, &[put(8, 100, named("new"))]).await;
    }
    assert_eq!(place.handles("@new").await, ["new"]);
}

/// A process ended in the middle: half of the new index is there, and the old one takes no writes.
#[tokio::test]
async fn one_that_was_left_half_made_is_completed() {
    let Some(place) = Place::new() else { return };
    let older = make_older(&place).await;
    place.call(Method::Put, &format!("/{older}/_block/write"), None).await;
    // The older program's sink: what it is offered stays owed.
    let bulk = format!("/{}/_bulk?require_alias=true", place.index());
    let (_, body) = place.call(Method::Post, &bulk, Some(json!({ "index": { "_id": "x" } }))).await;
    assert!(body.to_string().contains("error"), "{body}");
    let sink = place.opened().await;
    assert_eq!(place.ask("").await.total, 1_000);
    write(&sink, &[put(8, 100, named("new"))]).await;
    assert_eq!(place.handles("@new").await, ["new"]);
}

/// The copy is refused; gives how many indexes are there then. Meanwhile a rebuild may begin.
async fn left_behind(rebuilt: bool) -> usize {
    let indexes = Indexes::default();
    let older = format!("creators-{OLDER}");
    let index = Index { aliases: ["creators".to_owned()].into(), meta: json!({}), ..Index::default() };
    indexes.lock().unwrap().insert(older.clone(), index);
    let (state, name) = (Arc::clone(&indexes), older.clone());
    let cluster = SmallCluster::with(indexes, move |asked| {
        if !asked.line.contains("/_search") {
            return Wrong::Nothing;
        }
        if rebuilt {
            let lease = json!({ "index": "creators-0123456789abcdef0123456789abcdef-9", "until": i64::MAX });
            state.lock().unwrap().get_mut(&name).unwrap().meta["rebuild"] = lease;
        }
        Wrong::Busy
    })
    .await;
    let sink = ElasticsearchSink::new(cluster.fake.config()).unwrap();
    let cx = Context::detached();
    let written = match sink.open(&cx, None).await {
        Ok(()) => sink.write(&cx, &[put(1, 1, named("h1"))]).await.map(|_| ()),
        error => error,
    };
    written.unwrap_err();
    assert_eq!(cluster.used().0, older);
    cluster.indexes().len()
}

#[tokio::test]
async fn one_that_a_rebuild_overtook_leaves_no_half_made_index() {
    assert_eq!(left_behind(true).await, 1);
    assert_eq!(left_behind(false).await, 2, "who comes next goes on with it");
}

#[tokio::test]
async fn several_that_start_at_once_make_one_index() {
    let Some(place) = Place::new() else { return };
    let (a, b, c) = tokio::join!(place.opened(), place.opened(), place.opened());
    assert_eq!(place.indexes().await.len(), 1);
    for (key, sink) in (1..).zip([a, b, c]) {
        write(&sink, &[put(key, 1, named(&format!("h{key}")))]).await;
    }
    assert_eq!(place.handles("").await, ["h1", "h2", "h3"]);
}

/// What a sink of an older program is told to be stored while the index is replaced is in the new one.
#[tokio::test]
async fn nothing_that_was_stored_meanwhile_is_lost() {
    let Some(place) = Place::new() else { return };
    let writer = place.opened().await;
    make_older(&place).await;
    let (newer, cx) = (place.sink(), Context::detached());
    let opened = newer.open(&cx, None);
    tokio::pin!(opened);
    let mut stored = Vec::new();
    for key in 10_000.. {
        let change = [put(key, 1, named(&format!("h{key}")))];
        let written = tokio::select! {
            biased;
            done = &mut opened => {
                done.unwrap();
                break;
            }
            // A sink that finds the index blocked or gone looks for it anew, and may well be the one that replaces it.
            written = writer.write(&cx, &change) => written,
        };
        if written.is_ok_and(|written| matches!(written.outcomes[..], [Wrote::Stored(_)])) {
            stored.push(format!("h{key}"));
        }
    }
    let found = place.handles("").await;
    assert!(found.len() <= 1_001 + stored.len(), "one write at most was cut off when the other ended");
    assert!(stored.iter().all(|handle| found.contains(handle)));
}
