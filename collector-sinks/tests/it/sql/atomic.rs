//! A commit that fails anywhere leaves nothing behind.

use collector_core::error::ErrorKind;
use collector_core::id::Digest;
use collector_core::store::{NoLookup, Store, Verdict};
use collector_core::task::{Payload, Task};
use collector_core::testkit::store::Seen;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::stage::{Stage, WORKER, at, call, execute, raw};

/// Every table a commit writes to, with what it does there.
const WRITES: [(&str, &str); 13] = [
    ("payload", "INSERT"),
    ("task", "UPDATE"),
    ("task", "INSERT"),
    ("alias_new", "INSERT"),
    ("entity", "INSERT"),
    ("sighting", "INSERT"),
    ("history", "INSERT"),
    ("payload_entity", "INSERT"),
    ("pending", "INSERT"),
    ("dead", "INSERT"),
    ("sink", "UPDATE"),
    ("lane", "UPDATE"),
    ("counter", "UPDATE"),
];

/// Everything in the file, as text.
async fn contents(stage: &Stage) -> Vec<String> {
    let database = raw(stage.path()).await;
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
    let names = database.query_all_raw(Statement::from_string(DbBackend::Sqlite, names)).await.unwrap();
    let mut all = Vec::new();
    for name in names {
        let table: String = name.try_get_by_index(0).unwrap();
        let columns = format!(
            "SELECT group_concat('quote(' || name || ')', ' || \",\" || ') FROM pragma_table_info('{table}')"
        );
        let columns =
            database.query_one_raw(Statement::from_string(DbBackend::Sqlite, columns)).await.unwrap();
        let columns: String = columns.unwrap().try_get_by_index(0).unwrap();
        let rows = format!("SELECT {} FROM {table} ORDER BY 1", columns.replace('"', "'"));
        for row in database.query_all_raw(Statement::from_string(DbBackend::Sqlite, rows)).await.unwrap() {
            all.push(format!("{table}: {}", row.try_get_by_index::<String>(0).unwrap()));
        }
    }
    all
}

#[tokio::test]
async fn a_commit_that_fails_at_any_table_changes_none() {
    let stage = Stage::new(&["one", "two"]).await;
    stage.see("before", vec![Seen::saying("before").uid("1").handle("h")], 1).await;
    let done = stage.claim(Task::new("src", "profile", "done")).await;
    let dead = stage.claim(Task::new("src", "profile", "dead")).await;
    let items = vec![Seen::saying("after").uid("1"), Seen::saying("new").uid("2").handle("h")];
    let calls = || {
        let mut first = call(done.clone(), items.clone(), 2);
        first.follow_ups.push(Task::new("src", "profile", "next"));
        let mut second = call(dead.clone(), vec![], 2);
        second.payload = Some(Payload::new("unreadable", at(2)));
        second.fingerprint = Digest::of(b"unreadable");
        second.tasks[0].verdict = Verdict::Dead { kind: ErrorKind::Malformed, message: "no sense".into() };
        vec![first, second]
    };
    let before = contents(&stage).await;
    for (table, verb) in WRITES {
        let trigger =
            format!("CREATE TRIGGER fail BEFORE {verb} ON {table} BEGIN SELECT RAISE(FAIL, 'no'); END");
        execute(stage.path(), &trigger).await;
        let failed = stage.store.commit(&WORKER.into(), calls(), &NoLookup, at(3)).await;
        let kind = failed.map(|_| ()).map_err(|error| error.kind());
        assert_eq!(kind, Err(ErrorKind::Storage), "{verb} {table} is not part of a commit");
        execute(stage.path(), "DROP TRIGGER fail").await;
        assert_eq!(contents(&stage).await, before, "a failed {verb} {table} left something");
    }
    let committed = stage.store.commit(&WORKER.into(), calls(), &NoLookup, at(3)).await.unwrap();
    assert_eq!((committed.changed, committed.enqueued, committed.blobs), (2, 1, 2));
    assert_eq!(stage.take("one", 10, 4).await.len(), 2);
    stage.counts().await;
}
