//! Locks, readers, damaged and foreign files, full disks.

use std::sync::Arc;
use std::time::Duration;

use collector_core::error::{Error, ErrorKind};
use collector_core::sink::Facts;
use collector_core::store::{Budget, Fate, LanePermit, NoLookup, Parked, Reserved, RunEnd, Store, Verdict};
use collector_core::task::{Cost, Payload, Task};
use collector_core::testkit::store::{Seen, TestDomain, uid};
use collector_sinks::sql::SqlStore;
use sea_orm::{ConnectionTrait, Statement};
use tempfile::TempDir;

use super::stage::{Home, Stage, WORKER, at, call, config, execute, open, people, raw};
use crate::limited;

fn refused<T>(result: Result<T, Error>, part: &str) {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
            assert!(error.to_string().contains(part), "{error:?} does not say {part:?}");
        }
    }
}

#[tokio::test]
async fn a_second_writer_is_told_who_has_the_file() {
    let stage = Stage::new(&[]).await;
    refused(open(stage.path()).await, &format!("process {} since 20", std::process::id()));
    let Stage { store, home, .. } = stage;
    let path = home.path().to_owned();
    drop(store);
    open(&path).await.unwrap();
}

#[tokio::test]
async fn a_reader_works_beside_the_writer_and_changes_nothing() {
    let stage = Stage::new(&["sink"]).await;
    let reader = SqlStore::open_reader(&config(stage.path()), Arc::new(TestDomain)).await.unwrap();
    assert_eq!(reader.counts().await.unwrap().entities, 0);
    stage.see("x", people(3), 2).await;
    assert_eq!(reader.counts().await.unwrap(), stage.counts().await);
    assert!(reader.find(&uid("u1")).await.unwrap().is_some());
    refused(reader.end_run(stage.run, RunEnd::Complete, at(3)).await, "for reading only");
    assert_eq!(stage.store.run(stage.run).await.unwrap().unwrap().ended, None);
}

#[tokio::test]
async fn a_reader_makes_no_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("nothing.db");
    refused(SqlStore::open_reader(&config(&path), Arc::new(TestDomain)).await, "nothing.db");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_not_touched() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "these are notes, not a database ".repeat(100);
    std::fs::write(&path, &text).unwrap();
    refused(open(&path).await, "not a database");
    refused(SqlStore::open_reader(&config(&path), Arc::new(TestDomain)).await, "not a database");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_database_of_another_program_is_no_store_for_a_reader() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("other.db");
    execute(&path, "CREATE TABLE song (title TEXT)").await;
    refused(SqlStore::open_reader(&config(&path), Arc::new(TestDomain)).await, "other.db");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let stage = Stage::new(&[]).await;
    execute(stage.path(), "UPDATE meta SET value = 99 WHERE name = 'schema'").await;
    let Stage { store, home, .. } = stage;
    let path = home.path().to_owned();
    drop(store);
    refused(open(&path).await, "version 99");
    refused(SqlStore::open_reader(&config(&path), Arc::new(TestDomain)).await, "version 99");
}

#[tokio::test]
async fn a_folder_that_does_not_exist_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("nowhere").join("test.db");
    refused(open(&path).await, "nowhere");
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_no_panic() {
    let stage = Stage::new(&["sink"]).await;
    stage.see("x", people(200), 2).await;
    stage.store.close(&WORKER.into()).await.unwrap();
    let Stage { store, home, .. } = stage;
    let path = home.path().to_owned();
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    // Everything but the first page, which holds the schema.
    bytes.get_mut(4_096..).unwrap().fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    refused(open(&path).await, "test.db");
}

#[tokio::test]
async fn tables_have_the_prefix() {
    let folder = TempDir::new().unwrap();
    let mut config = config(&folder.path().join("test.db"));
    config.table_prefix = "cc_".into();
    let store = SqlStore::open(&config, Arc::new(TestDomain)).await.unwrap();
    store.counts().await.unwrap();
    let query =
        "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'cc\\_%' ESCAPE '\\'";
    let database = raw(&config.path).await;
    let statement = Statement::from_string(sea_orm::DbBackend::Sqlite, query);
    let others: i64 = database.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    assert_eq!(others, 0);
}

#[tokio::test]
async fn closing_leaves_one_file_and_a_copy_of_it_is_a_copy_of_everything() {
    let stage = Stage::new(&["sink"]).await;
    stage.see("x", people(5), 2).await;
    let before = stage.counts().await;
    stage.store.close(&WORKER.into()).await.unwrap();
    let copy = stage.path().with_file_name("copy.db");
    std::fs::copy(stage.path(), &copy).unwrap();
    let copy = open(&copy).await.unwrap();
    let after = copy.counts().await.unwrap();
    assert_eq!((after.entities, after.sinks, after.runs), (before.entities, before.sinks, before.runs));
}

#[tokio::test]
async fn everything_committed_is_there_in_the_next_process() {
    let stage = Stage::new(&["one", "two"]).await;
    stage.see("x", people(3), 2).await;
    let taken = stage.take("one", 1, 2).await;
    let facts = Fate::Stored(Facts::from([("avatar".into(), "key".into())]));
    stage.settle("one", &taken, &facts).await;
    let mut dead = call(stage.claim(Task::new("src", "profile", "dead")).await, vec![], 3);
    dead.payload = Some(Payload::new(vec![0_u8, 255, 7], at(3)));
    dead.tasks[0].verdict = Verdict::Dead { kind: ErrorKind::Malformed, message: "no sense".into() };
    stage.store.commit(&WORKER.into(), vec![dead], &NoLookup, at(3)).await.unwrap();
    let until = Some(at(900));
    let park =
        Parked { account: "a".into(), until, kind: ErrorKind::Blocked, reason: "r".into(), since: at(3) };
    stage.store.park(&park).await.unwrap();
    let budget = Budget {
        account: "a".into(),
        units: Some(10),
        requests: None,
        window: Duration::from_secs(86_400),
        offset: Duration::ZERO,
    };
    stage.store.reserve(&budget, Cost::units(9), at(3)).await.unwrap();
    let waiting = Task::new("src", "profile", "waiting").not_before(at(500));
    stage.store.enqueue(stage.run, vec![waiting], at(3)).await.unwrap();
    let before = stage.counts().await;

    let stage = stage.restart(&["one", "two"]).await;
    assert_eq!(stage.counts().await, before);
    let known = stage.store.find(&uid("u0")).await.unwrap().unwrap();
    assert_eq!(known.record.facts.get("avatar").and_then(|value| value.as_str()), Some("key"));
    let letters = stage.store.dead_letters(10).await.unwrap();
    let body = stage.store.payload(letters[0].payload.unwrap()).await.unwrap().unwrap().body;
    assert_eq!((letters.len(), &*body), (1, [0_u8, 255, 7].as_slice()));
    assert_eq!(stage.store.parked().await.unwrap(), [park]);
    let over = stage.store.reserve(&budget, Cost::units(2), at(4)).await.unwrap();
    assert_eq!(over, Reserved::Until(budget.reset_after(at(4))));
    let permit = LanePermit { source: "src".into(), kind: "profile".into(), max: 9 };
    let claims = stage.store.claim(&WORKER.into(), &[permit], at(499)).await.unwrap();
    assert_eq!((claims.tasks.len(), claims.next_at), (0, Some(at(500))));
}

/// A process that died held a claim; the next one has it at once, because no other process can be alive.
#[tokio::test]
async fn what_a_dead_process_held_is_free_at_once() {
    let stage = Stage::new(&["sink"]).await;
    let held = stage.claim(Task::new("src", "profile", "held")).await;
    stage.see("x", people(2), 2).await;
    assert_eq!(stage.take("sink", 10, 2).await.len(), 2);
    let stage = stage.restart(&["sink"]).await;
    assert_eq!(stage.take("sink", 10, 2).await.len(), 2, "changes in flight are offered again");
    let again = stage.claim(Task::new("src", "profile", "held")).await;
    assert_eq!((again.id, again.attempts), (held.id, 0));
    assert!(again.claim > held.claim);
    let stale = vec![call(held, people(1), 3)];
    let committed = stage.store.commit(&WORKER.into(), stale, &NoLookup, at(3)).await.unwrap();
    assert_eq!(committed.stale.len(), 1);
}

/// The disk is full in the middle of the work: what was acknowledged stays, and can be read.
#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let test = "sql::files::a_full_disk_loses_nothing_that_was_acknowledged";
    let Some(folder) = limited::inside(test, 1_024) else { return };
    let home = Home::File { path: folder.join("test.db"), _folder: TempDir::new_in(&folder).unwrap() };
    let stage = Stage::at(home).await.start(&["sink"]).await;
    let mut acknowledged = 0;
    let error = loop {
        match hundred_more(&stage, acknowledged).await {
            Ok(changed) => acknowledged += changed,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.to_string().contains("test.db"), "{error}");
    assert!(acknowledged > 0);
    let reader = SqlStore::open_reader(&config(stage.path()), Arc::new(TestDomain)).await.unwrap();
    for store in [&stage.store, &reader] {
        assert_eq!(store.counts().await.unwrap().entities, acknowledged);
        assert!(store.find(&uid(&format!("{} 99", acknowledged - 100))).await.unwrap().is_some());
    }
}

/// Asks for and commits a page of a hundred people; gives how many were new.
async fn hundred_more(stage: &Stage, from: u64) -> Result<u64, Error> {
    let page = Task::new("src", "page", "x").param("from", from.to_string());
    stage.store.enqueue(stage.run, vec![page], at(1)).await?;
    let permit = LanePermit { source: "src".into(), kind: "page".into(), max: 1 };
    let mut claims = stage.store.claim(&WORKER.into(), &[permit], at(1)).await?;
    let items = (0..100).map(|i| Seen::saying("hello").uid(format!("{from} {i}")));
    let calls = claims.tasks.drain(..).map(|claimed| call(claimed, items.clone().collect(), 2)).collect();
    Ok(stage.store.commit(&WORKER.into(), calls, &NoLookup, at(2)).await?.changed)
}
