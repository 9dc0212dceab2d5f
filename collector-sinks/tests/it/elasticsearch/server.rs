//! What only a real server shows.

use std::time::Duration;

use collector_core::error::ErrorKind;
use collector_core::search::{MemoryIndex, SearchField};
use collector_core::sink::Wrote;
use collector_core::testkit::search::Population;
use serde_json::json;

use super::*;

/// Random creators, written over and over, random questions: the answers are those of the reference.
#[tokio::test]
async fn many_writes_and_deletions_give_the_same_answers() {
    let Some(place) = Place::new() else { return };
    let (sink, cx) = (place.opened().await, Context::detached());
    let (index, reference) = (place.search(), MemoryIndex::new());
    let mut random = Population::new(7, cx.now());
    for round in 1..=12 {
        let keys: Vec<_> = (0..40).map(|_| random.below(120)).collect();
        let mut batch: Vec<_> =
            (100 * round..).zip(keys).map(|(version, key)| random.put(key, version)).collect();
        let gone = random.below(120);
        batch.push(delete(gone, 100 * round + 50));
        // What comes too late is told from what is newer.
        let late = random.below(120);
        batch.push(random.put(late, 100 * round - 50));
        write(&sink, &batch).await;
        reference.write(&cx, &batch).await.unwrap();
        place.refresh().await;
        for _ in 0..10 {
            let query = random.query();
            let found = index.search(&cx, &query).await.unwrap();
            let expected = reference.search(&cx, &query).await.unwrap();
            assert_eq!(found.total, expected.total, "{query}");
            assert_eq!(found.facets, expected.facets, "{query}");
            assert_eq!(keys_of(&found), keys_of(&expected), "{query}");
        }
    }
}

fn keys_of(results: &Results) -> Vec<u64> {
    results.hits.iter().map(|hit| hit.key.0).collect()
}

#[tokio::test]
async fn a_change_is_found_within_two_seconds() {
    let Some(place) = Place::new() else { return };
    let sink = place.opened().await;
    write(&sink, &[put(1, 1, named("mina"))]).await;
    let (_, settings) = place.call(Method::Get, &format!("/{}/_settings", place.index()), None).await;
    assert!(settings.to_string().contains(r#""refresh_interval":"1s""#), "{settings}");
    // Nobody asked for a refresh. The bound is generous because the machine may be busy; the interval is what counts.
    for _ in 0..100 {
        if place.ask("@mina").await.total == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the change is not found");
}

#[tokio::test]
async fn a_late_write_does_not_bring_a_deleted_record_back() {
    let Some(place) = Place::new() else { return };
    let sink = place.opened().await;
    write(&sink, &[put(1, 1, named("a")), put(2, 1, named("b"))]).await;
    write(&sink, &[delete(1, 7), delete(3, 7)]).await;
    // What the server remembers of deletions by itself is gone after this: here it is nothing.
    let settings = json!({ "index": { "gc_deletes": "0s" } });
    place.call(Method::Put, &format!("/{}/_settings", place.index()), Some(settings)).await;
    place.call(Method::Post, &format!("/{}/_flush?force=true", place.index()), None).await;
    place.call(Method::Post, &format!("/{}/_forcemerge?max_num_segments=1", place.index()), None).await;
    place.refresh().await;
    let late = write(&place.opened().await, &[put(1, 6, named("a")), put(3, 6, named("c"))]).await;
    assert_eq!(late.outcomes, [Wrote::Superseded, Wrote::Superseded]);
    assert_eq!(place.handles("").await, ["b"]);
    write(&sink, &[put(1, 8, named("a"))]).await;
    assert_eq!(place.handles("").await, ["a", "b"]);
    assert_eq!(place.ask("sort:followers:asc").await.total, 2);
}

#[tokio::test]
async fn a_newer_version_in_the_same_batch_wins_and_an_older_one_is_told() {
    let Some(place) = Place::new() else { return };
    let sink = place.opened().await;
    let batch = [
        put(1, 2, named("b")),
        put(1, 3, named("c")),
        put(1, 1, named("a")),
        put(2, 4, named("x")),
        delete(2, 5),
    ];
    let outcomes = write(&sink, &batch).await.outcomes;
    let stored: Vec<_> = outcomes.iter().map(|wrote| matches!(wrote, Wrote::Stored(_))).collect();
    assert_eq!(stored, [true, true, false, true, true]);
    assert_eq!(place.handles("").await, ["c"]);
}

#[tokio::test]
async fn an_address_is_neither_indexed_nor_kept() {
    let Some(place) = Place::new() else { return };
    let sink = place.opened().await;
    let creator = Creator {
        email: Some("secretive@mail.example".into()),
        has_email: Some(true),
        bio: Some("write me: hidden@mail.example".into()),
        ..named("mina")
    };
    write(&sink, &[put(1, 1, creator)]).await;
    place.refresh().await;
    assert_eq!(place.ask("has:email").await.hits[0].creator.email, None);
    for text in ["secretive*", "hidden*", "bio:hidden", "\"mail example\"", "mention:mail.example"] {
        assert_eq!(place.ask(text).await.total, 0, "{text}");
    }
}

#[tokio::test]
async fn members_of_a_list_are_looked_up_by_key() {
    let Some(place) = Place::new() else { return };
    let sink = place.opened().await;
    write(&sink, &(1..=5).map(|n| put(n, 1, named(&format!("h{n}")))).collect::<Vec<_>>()).await;
    place.refresh().await;
    let (index, cx) = (place.search(), Context::detached());
    let query = Query::parse("list:spring -@h2").unwrap();
    let of = |members: &[u64]| {
        let members = |_: &str| Ok::<_, String>(members.iter().copied().map(RecordKey).collect());
        query.clone().with_lists(members).unwrap()
    };
    assert_eq!(keys_of(&index.search(&cx, &of(&[1, 2, 4, 99])).await.unwrap()), [1, 4]);
    assert_eq!(index.search(&cx, &of(&[])).await.unwrap().total, 0);
}

/// Values at the ends of what a number can be, and unknown ones beside them, in both directions and over pages.
#[tokio::test]
async fn no_number_is_taken_for_the_unknown() {
    let Some(place) = Place::new() else { return };
    let (sink, cx) = (place.opened().await, Context::detached());
    let reference = MemoryIndex::new();
    let values = [None, Some(u64::MAX), Some(0), None, Some(i64::MAX as u64), Some(1), Some(u64::MAX - 1)];
    let batch: Vec<_> = (0..)
        .zip(values)
        .map(|(key, followers)| put(u64::MAX - key, 1, Creator { followers, ..named(&format!("h{key}")) }))
        .collect();
    write(&sink, &batch).await;
    reference.write(&cx, &batch).await.unwrap();
    place.refresh().await;
    let index = place.search();
    for text in ["sort:followers", "sort:followers:asc", "h1*", "unknown:followers", "f:9223372036854775807"]
    {
        let mut query = Query::parse(text).unwrap();
        query.limit = 1;
        for page in 0..=values.len() {
            let found = index.search(&cx, &query).await.unwrap();
            assert_eq!(found, reference.search(&cx, &query).await.unwrap(), "{text}, page {page}");
            query.after = found.next;
            if query.after.is_none() {
                break;
            }
        }
    }
}

/// More words begin with one syllable than a server allows alternatives in a question.
#[tokio::test]
async fn the_open_end_of_a_phrase_is_found_however_many_words_begin_like_it() {
    let Some(place) = Place::new() else { return };
    let sink = place.opened().await;
    let syllable = |n: u32| char::from_u32(0xac00 + n).unwrap();
    let bio = |n: u32| Some(format!("mina 뷰{} abcdefgh{n}", syllable(n)).into());
    let batch: Vec<_> =
        (0..3_000).map(|n| put(n.into(), 1, Creator { bio: bio(n), ..named(&format!("h{n}")) })).collect();
    for part in batch.chunks(sink.limits().items) {
        write(&sink, part).await;
    }
    place.refresh().await;
    for text in ["\"mina 뷰\"", "bio:\"mina 뷰\" -country:kr f:..5 unknown:followers", "\"mina 뷰\" -mina"]
    {
        let expected = if text.contains("f:") || text.contains("-mina") { 0 } else { 3_000 };
        assert_eq!(place.ask(text).await.total, expected, "{text}");
    }
    let both = "\"mina 뷰\" bio:\"mina 뷰\" unknown:followers who:h*";
    assert_eq!(place.ask(both).await.total, 3_000);
}

#[tokio::test]
async fn a_facet_with_many_values_lists_the_most_frequent_and_counts_the_rest() {
    let Some(place) = Place::new() else { return };
    let (sink, cx) = (place.opened().await, Context::detached());
    let reference = MemoryIndex::new();
    let of = |n: u64| (0..3).map(|i| format!("c{}", (n * 7 + i * i) % 700).into()).collect();
    let batch: Vec<_> = (0..400).map(|n| put(n, 1, Creator { categories: of(n), ..named("h") })).collect();
    write(&sink, &batch).await;
    reference.write(&cx, &batch).await.unwrap();
    place.refresh().await;
    let mut query = Query::all();
    query.facets = vec![SearchField::Category, SearchField::Verified];
    let found = place.search().search(&cx, &query).await.unwrap();
    assert_eq!(found.facets, reference.search(&cx, &query).await.unwrap().facets);
    assert!(found.facets[0].more > 200, "{:?}", found.facets[0].more);
}

#[tokio::test]
async fn what_is_not_in_the_table_is_refused() {
    let Some(place) = Place::new() else { return };
    place.opened().await;
    let path = format!("/{}/_doc/x", place.index());
    let (status, body) = place.call(Method::Put, &path, Some(json!({ "surprise": 1 }))).await;
    assert_eq!((status, body["error"]["type"].as_str()), (400, Some("strict_dynamic_mapping_exception")));
    let (status, _) = place.call(Method::Put, &path, Some(json!({ "record": { "has": { "x": 1 } } }))).await;
    assert_eq!(status, 400);
}

/// Joined emoji are one token, and a text may consist of them: the server's analyzer must not cut what core did not.
#[tokio::test]
async fn the_longest_tokens_stay_whole() {
    let Some(place) = Place::new() else { return };
    let sink = place.opened().await;
    let family = ["👩"; 100].join("\u{200d}");
    let name = format!("{family} {}", "𐐨".repeat(64));
    let creator = Creator { name: Some(name.clone().into()), ..named("mina") };
    assert_eq!(write(&sink, &[put(1, 1, creator)]).await, Written::all_stored(1));
    place.refresh().await;
    for text in [family.as_str(), name.as_str(), &"𐐨".repeat(64)] {
        assert_eq!(place.ask(&format!("\"{text}\"")).await.total, 1, "{text}");
    }
    assert_eq!(place.ask("👩").await.total, 0);
}

#[tokio::test]
async fn a_check_tells_a_good_server_from_a_spoilt_index() {
    let Some(place) = Place::new() else { return };
    let cx = Context::detached();
    let sink = place.sink();
    sink.check(&cx).await.unwrap();
    assert!(place.indexes().await.is_empty(), "a check makes no index");
    let error = place.search().search(&cx, &Query::all()).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().contains("collector run")), (ErrorKind::ConfigInvalid, true));
    let sink = place.opened().await;
    sink.check(&cx).await.unwrap();
    assert_eq!(place.ask("").await.total, 0, "a check writes nothing");
    let name = place.indexes().await.remove(0);
    place.call(Method::Delete, &format!("/{name}"), None).await;
    let body = json!({ "aliases": { place.index(): {} } });
    place.call(Method::Put, &format!("/{name}"), Some(body)).await;
    let error = sink.check(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
    assert!(error.to_string().contains("not made by the sink"), "{error}");
}

/// Somebody removed the alias: nothing is written to an index that the server makes by itself, and the sink mends it.
#[tokio::test]
async fn an_index_that_went_away_is_made_anew_and_never_by_the_server() {
    let Some(place) = Place::new() else { return };
    let sink = place.opened().await;
    let name = place.indexes().await.remove(0);
    place.call(Method::Delete, &format!("/{name}"), None).await;
    let error = sink.write(&Context::detached(), &[put(1, 1, named("a"))]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let (status, _) = place.call(Method::Get, &format!("/{}", place.index()), None).await;
    assert_eq!(status, 404, "the server made an index of its own");
    write(&sink, &[put(1, 1, named("a"))]).await;
    assert_eq!(place.handles("").await, ["a"]);
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused_and_not_touched() {
    let Some(place) = Place::new() else { return };
    let foreign = format!("{}-thesis", place.index());
    let body = json!({ "aliases": { place.index(): {} } });
    place.call(Method::Put, &format!("/{foreign}"), Some(body)).await;
    let error = place.sink().open(&Context::detached(), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
    assert!(error.to_string().contains(&foreign), "{error}");
    assert_eq!(place.indexes().await, [foreign]);
}

/// Further than a server lets anybody count, and on the way pages that begin where the last one ended.
#[tokio::test]
async fn pages_go_on_behind_ten_thousand() {
    const CREATORS: u64 = 10_500;
    let Some(place) = Place::new() else { return };
    let sink = place.opened().await;
    let followers = |key: u64| (!key.is_multiple_of(3)).then_some(key % 7);
    let batch: Vec<_> = (0..CREATORS)
        .map(|key| put(key, 1, Creator { followers: followers(key), ..Creator::default() }))
        .collect();
    for part in batch.chunks(sink.limits().items) {
        write(&sink, part).await;
    }
    place.refresh().await;
    let found = place.ask("sort:followers").await;
    let mut expected: Vec<u64> = (0..CREATORS).collect();
    expected.sort_by_key(|key| (followers(*key).is_none(), std::cmp::Reverse(followers(*key)), *key));
    assert_eq!((found.total, keys_of(&found)), (CREATORS, expected));
}
