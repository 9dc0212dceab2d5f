//! What only an index of several parts can get wrong.

use collector_core::search::{CreatorIndex, MemoryIndex};
use collector_core::sink::Wrote;
use collector_core::testkit::search::Population;

use super::*;

/// Many commits make many parts, and merges of them: the answers stay those of the reference.
#[tokio::test]
async fn many_parts_and_merges_give_the_same_answers() {
    let (_folder, path) = folder();
    let (sink, cx) = (open(&path).await.unwrap(), Context::detached());
    let (index, reference) = (TantivySearch::open(&path).unwrap(), MemoryIndex::new());
    let mut random = Population::new(7, cx.now());
    for round in 1..=40 {
        let keys: Vec<_> = (0..10).map(|_| random.below(120)).collect();
        let batch: Vec<_> = keys.into_iter().map(|key| random.put(key, round)).collect();
        let written = write(&sink, &batch).await;
        assert_eq!(written, reference.write(&cx, &batch).await.unwrap());
        for _ in 0..4 {
            let query = random.query();
            let now = cx.now();
            assert_eq!(index.answer(&query, now).unwrap(), reference.answer(&query, now).unwrap(), "{query}");
        }
    }
}

#[tokio::test]
async fn a_change_is_found_as_soon_as_it_is_written() {
    let (_folder, path) = folder();
    let sink = open(&path).await.unwrap();
    let index = TantivySearch::open(&path).unwrap();
    for n in 1..20 {
        write(&sink, &[put(n, 1, named(&format!("h{n}")))]).await;
        assert_eq!(handles(&index, &format!("@h{n}")), [format!("h{n}")]);
    }
    let query = Query::parse("@h3").unwrap();
    let found = index.search(&Context::detached(), &query).await.unwrap();
    assert_eq!(found.hits[0].key, RecordKey(3));
}

#[tokio::test]
async fn an_address_is_neither_indexed_nor_kept() {
    let (_folder, path) = folder();
    let sink = open(&path).await.unwrap();
    let creator = Creator {
        email: Some("secretive@mail.example".into()),
        has_email: Some(true),
        bio: Some("write me: hidden@mail.example".into()),
        ..named("mina")
    };
    write(&sink, &[put(1, 1, creator)]).await;
    let index = TantivySearch::open(&path).unwrap();
    assert_eq!(ask(&index, "has:email").hits[0].creator.email, None);
    for text in ["secretive*", "hidden*", "bio:hidden", "\"mail example\"", "mention:mail.example"] {
        assert_eq!(ask(&index, text).total, 0, "{text}");
    }
}

#[tokio::test]
async fn members_of_a_list_are_looked_up_by_key() {
    let (_folder, path) = folder();
    let sink = open(&path).await.unwrap();
    write(&sink, &(1..=5).map(|n| put(n, 1, named(&format!("h{n}")))).collect::<Vec<_>>()).await;
    let index = TantivySearch::open(&path).unwrap();
    let query = Query::parse("list:spring -@h2").unwrap();
    assert!(index.answer(&query, Context::detached().now()).unwrap_err().to_string().contains("spring"));
    let page = |query: Query| {
        let found = index.answer(&query, Context::detached().now()).unwrap();
        (found.hits.iter().map(|hit| hit.key.0).collect::<Vec<_>>(), found.next)
    };
    let of = |query: &Query, members: &[u64]| {
        let members = |name: &str| match name {
            "spring" => Ok(members.iter().copied().map(RecordKey).collect()),
            other => Err(other.to_owned()),
        };
        query.clone().with_lists(members).unwrap()
    };
    assert_eq!(page(of(&query, &[1, 2, 4, 99])).0, [1, 4]);
    // Somebody joins the list between two pages.
    let mut query = query;
    query.limit = 1;
    query.after = page(of(&query, &[1, 2, 4])).1;
    query.limit = 10;
    assert_eq!(page(of(&query, &[1, 2, 4, 5])).0, [4, 5]);
}

#[tokio::test]
async fn a_newer_version_in_the_same_batch_wins_and_an_older_one_is_told() {
    let (_folder, path) = folder();
    let sink = open(&path).await.unwrap();
    let delete = Change::Delete { key: RecordKey(2), version: 5 };
    let batch = [
        put(1, 2, named("b")),
        put(1, 3, named("c")),
        put(1, 1, named("a")),
        put(2, 4, named("x")),
        delete,
        put(2, 5, named("y")),
    ];
    let stored: Vec<_> =
        write(&sink, &batch).await.outcomes.iter().map(|wrote| matches!(wrote, Wrote::Stored(_))).collect();
    assert_eq!(stored, [true, true, false, true, true, false]);
    assert_eq!(handles(&TantivySearch::open(&path).unwrap(), ""), ["c"]);
}
