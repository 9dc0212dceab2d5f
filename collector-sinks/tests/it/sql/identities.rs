//! Identities stay right while they move from the table of new ones to that of all.

use collector_core::store::Store;
use collector_core::testkit::store::{Seen, handle, uid};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::stage::{Stage, raw};

/// Enough commits of a thousand people with two identities each for one move.
const COMMITS: usize = 9;

async fn rows(stage: &Stage, table: &str) -> i64 {
    let query = Statement::from_string(DbBackend::Sqlite, format!("SELECT COUNT(*) FROM {table}"));
    raw(stage.path()).await.query_one_raw(query).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn owners_are_found_in_both_tables_and_the_newer_word_counts() {
    let stage = Stage::new(&[]).await;
    let person = |i: usize| Seen::saying("hello").uid(format!("u{i}")).handle(format!("h{i}"));
    for commit in 0..COMMITS {
        let items = (commit * 1_000..(commit + 1) * 1_000).map(person);
        stage.see(&format!("page {commit}"), items.collect(), 2).await;
    }
    assert_eq!(rows(&stage, "alias").await, 18_000, "the move did not happen");
    assert_eq!(rows(&stage, "alias_new").await, 0);

    // A handle whose owner stands in the large table moves: the small table says so first.
    stage.see("moves", vec![Seen::saying("new here").uid("late").handle("h5")], 3).await;
    assert_eq!(rows(&stage, "alias_new").await, 2);
    let owner = stage.store.find(&handle("h5")).await.unwrap().unwrap();
    let late = stage.store.find(&uid("late")).await.unwrap().unwrap();
    assert_eq!(owner.record.key, late.record.key);
    let former = stage.store.find(&uid("u5")).await.unwrap().unwrap();
    assert_ne!(former.record.key, owner.record.key);

    // Somebody known long ago is nobody new.
    stage.see("again", vec![person(7)], 4).await;
    assert_eq!(stage.counts().await.entities, 9_001);
}
