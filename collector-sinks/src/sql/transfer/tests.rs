//! Moving stores: what is copied, what stays, and every way to be interrupted.

mod stage;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use collector_core::error::ErrorKind;
use collector_core::store::Store;
use tokio::sync::Notify;

use self::stage::{Home, at, cx, dump, open, populate};
use super::tables::{self, Most};
use super::*;

/// Few rows at once, so that there are many steps.
const FEW: Most = Most { rows: 7, bytes: 2_000 };

async fn transfer(from: &Home, to: &Home) -> Result<Transfer> {
    let opened = Transfer::open(&from.config(), &to.config(), at(100)).await?;
    Ok(Transfer { most: FEW, ..opened })
}

async fn whole(from: &Home, to: &Home) -> Moved {
    let moved = transfer(from, to).await.unwrap().run(&cx(), &|_| ()).await.unwrap();
    assert!(moved.is_whole(), "{moved:#?}");
    moved
}

/// What two stores are to have in common: everything but what belongs to a machine, and how a task is held.
async fn common(home: &Home) -> Vec<String> {
    let mut lines = dump(home).await;
    let left = |line: &String| {
        let table = line.split(':').next().unwrap_or_default();
        tables::LEFT.contains(&table) || ["meta", "task", "counter", "alias"].contains(&table)
    };
    lines.retain(|line| !left(line));
    lines
}

#[tokio::test]
async fn every_table_and_column_that_the_schema_makes_is_known() {
    let home = Home::file();
    drop(open(&home).await);
    let database = Database::open_reader(&home.config()).await.unwrap();
    let tx = database.read().await.unwrap();
    let query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let made = tx.rows(query, vec![]).await.unwrap();
    let made: BTreeSet<String> =
        made.iter().map(|row| row.text(0).unwrap()).filter(|name| name != "meta").collect();
    let known = tables::all();
    assert_eq!(made, known.iter().map(|table| table.name.to_owned()).collect());
    for table in known {
        let info = format!("SELECT name, pk FROM pragma_table_info('{}') ORDER BY cid", table.name);
        let columns = tx.rows(&info, vec![]).await.unwrap();
        let columns: Vec<(String, u64)> =
            columns.iter().map(|row| (row.text(0).unwrap(), row.int(1).unwrap())).collect();
        let names: Vec<&str> = columns.iter().map(|(name, _)| &**name).collect();
        let known: Vec<&str> = table.columns.iter().map(|(name, _)| name.trim_matches('`')).collect();
        assert_eq!(known, names, "{}", table.name);
        let mut key: Vec<&(String, u64)> = columns.iter().filter(|(_, pk)| *pk > 0).collect();
        key.sort_by_key(|(_, pk)| *pk);
        assert_eq!(table.key, key.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), "{}", table.name);
    }
}

#[test]
fn what_is_left_and_what_is_read_differently_exists() {
    let all = tables::all();
    for left in tables::LEFT {
        assert!(all.iter().any(|table| table.name == left), "{left}");
    }
    for (name, column, _) in tables::READ_AS {
        let table = all.iter().find(|table| table.name == name).unwrap();
        assert!(table.columns.iter().any(|(known, _)| *known == column), "{name}.{column}");
    }
}

#[tokio::test]
async fn everything_arrives_and_the_next_worker_goes_on() {
    let (from, to) = (Home::file(), Home::file());
    populate(&from, 60).await;
    let before = common(&from).await;
    let moved = whole(&from, &to).await;
    assert!(!moved.before && moved.tables.iter().all(|table| table.copied == table.source.rows));
    assert_eq!(common(&to).await, before);
    assert_eq!(common(&from).await, before, "the source is as it was");

    let (old, new) = (open(&from).await, open(&to).await);
    let (was, is) = (old.counts().await.unwrap(), new.counts().await.unwrap());
    assert_eq!((was.tasks["claimed"], is.tasks.get("claimed").copied().unwrap_or(0)), (1, 0));
    assert_eq!(is.tasks["ready"], was.tasks["ready"] + 1, "a claimed task is open again");
    assert_eq!(
        (is.entities, is.versions, is.payloads, is.dead),
        (was.entities, was.versions, was.payloads, was.dead)
    );
    assert_eq!((is.workers, is.sinks.len()), (0, 0));
    assert_eq!(is.spent, was.spent);
    assert_eq!(new.parked().await.unwrap(), old.parked().await.unwrap());
    let keys = old.keys(None, 1_000).await.unwrap();
    assert_eq!(new.keys(None, 1_000).await.unwrap(), keys);
    stage::continues(&new, is.entities).await;
}

#[tokio::test]
async fn wherever_it_is_killed_the_next_attempt_ends_with_the_same_rows() {
    let (from, expected) = (Home::file(), Home::file());
    populate(&from, 40).await;
    whole(&from, &expected).await;
    let expected = dump(&expected).await;
    let to = Home::file();
    let (mut kills, mut pace) = (0, 1);
    loop {
        let attempt = transfer(&from, &to).await.unwrap();
        let (steps, stop) = (AtomicUsize::new(0), Notify::new());
        let kill = |_| {
            if steps.fetch_add(1, Ordering::Relaxed) == pace {
                stop.notify_one();
            }
        };
        let cx = cx();
        // Dropped in the middle of the next statement, as a killed process drops it.
        let done = tokio::select! {
            biased;
            () = stop.notified() => None,
            done = attempt.run(&cx, &kill) => Some(done.unwrap()),
        };
        drop(attempt);
        match done {
            Some(moved) => {
                assert!(moved.is_whole(), "{moved:#?}");
                break;
            }
            None => kills += 1,
        }
        // Each comparison takes more steps than one attempt may have at first.
        pace += 1;
    }
    assert!(kills > 10, "{kills}");
    let differs = |line: &&String| line.starts_with("meta:");
    let without =
        |lines: &[String]| -> Vec<String> { lines.iter().filter(|line| !differs(line)).cloned().collect() };
    assert_eq!(without(&dump(&to).await), without(&expected));
}

#[tokio::test]
async fn a_stop_leaves_whole_chunks_and_the_same_command_goes_on() {
    let (from, to) = (Home::file(), Home::file());
    populate(&from, 40).await;
    let cx = cx();
    let stop = |step| {
        if matches!(step, Step::Copied { table: "task", rows } if rows > 10) {
            cx.stop().cancel();
        }
    };
    let stopped = transfer(&from, &to).await.unwrap().run(&cx, &stop).await.unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Cancelled);
    let moved = whole(&from, &to).await;
    let task = moved.tables.iter().find(|table| table.name == "task").unwrap();
    assert!(task.copied > 0 && task.copied < task.target.rows, "{task:?}");
}

#[tokio::test]
async fn a_transfer_that_was_complete_is_recognised_and_not_made_again() {
    let (from, to) = (Home::file(), Home::file());
    populate(&from, 20).await;
    whole(&from, &to).await;
    // Somebody works at the target; that is what it is for.
    stage::continues(&open(&to).await, 20).await;
    let again = whole(&from, &to).await;
    assert!(again.before && again.tables.iter().all(|table| table.copied == 0));

    populate(&from, 30).await;
    let refused = transfer(&from, &to).await.unwrap().run(&cx(), &|_| ()).await.unwrap_err();
    assert!(refused.to_string().contains("worked in since"), "{refused}");
}

#[tokio::test]
async fn an_unfinished_transfer_of_a_source_that_went_on_is_refused() {
    let (from, to) = (Home::file(), Home::file());
    populate(&from, 40).await;
    let cx = cx();
    let stop = |step| {
        if matches!(step, Step::Copied { table: "task", .. }) {
            cx.stop().cancel();
        }
    };
    transfer(&from, &to).await.unwrap().run(&cx, &stop).await.unwrap_err();
    populate(&from, 41).await;
    let refused = transfer(&from, &to).await.unwrap().run(&stage::cx(), &|_| ()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConfigInvalid);
    assert!(refused.to_string().contains("begin anew"), "{refused}");
}

#[tokio::test]
async fn a_row_that_changed_on_the_way_is_found() {
    let (from, to) = (Home::file(), Home::file());
    populate(&from, 20).await;
    let attempt = transfer(&from, &to).await.unwrap();
    let changed = std::sync::Once::new();
    let change = |step| {
        if matches!(step, Step::Compared { table: "counter", .. }) {
            changed.call_once(|| {
                let (path, sql) = (to.path().to_owned(), "UPDATE payload SET times = times + 1 WHERE id = 2");
                std::thread::spawn(move || stage::execute(&path, sql)).join().unwrap();
            });
        }
    };
    let moved = attempt.run(&cx(), &change).await.unwrap();
    let differ: Vec<_> =
        moved.tables.iter().filter(|table| !table.is_whole()).map(|table| table.name).collect();
    assert_eq!(differ, ["payload"]);
}

#[tokio::test]
async fn what_cannot_be_a_target_or_a_source_is_refused_with_a_remedy() {
    let (from, to, other) = (Home::file(), Home::file(), Home::file());
    let refusal = async |from: &Home, to: &Home| transfer(from, to).await.unwrap_err().to_string();
    assert!(refusal(&from, &to).await.contains("no store to move"));
    assert!(!from.path().exists(), "and none is made");
    populate(&from, 5).await;
    assert!(refusal(&from, &from).await.contains("same store"));
    populate(&to, 5).await;
    assert!(refusal(&from, &to).await.contains("not empty"));
    whole(&from, &other).await;
    assert!(refusal(&to, &other).await.contains("rows of another store"));

    let writer = open(&from).await;
    let held = refusal(&from, &Home::file()).await;
    assert!(held.contains("is writing to it") && held.contains("stop that one"), "{held}");
    drop(writer);
}

#[tokio::test]
async fn a_sink_whose_data_was_copied_is_owed_what_it_was_owed() {
    let (from, to) = (Home::file(), Home::file());
    populate(&from, 20).await;
    let store = open(&from).await;
    stage::register(&store, at(10)).await;
    stage::settle(&store, 15).await;
    drop(store);
    let attempt = transfer(&from, &to).await.unwrap();
    assert!(attempt.run(&cx(), &|_| ()).await.unwrap().is_whole());
    attempt.adopt(&"sink".into()).await.unwrap();
    attempt.adopt(&"sink".into()).await.unwrap();
    attempt.adopt(&"nobody".into()).await.unwrap();
    drop(attempt);
    assert!(whole(&from, &to).await.before, "a sink is no row that counts");
    let store = open(&to).await;
    let sinks = store.counts().await.unwrap().sinks;
    assert_eq!(sinks.len(), 1);
    assert!(sinks["sink"].pending == 5 && sinks["sink"].balances(), "{sinks:?}");
    stage::register(&store, at(200)).await;
    assert_eq!(store.take_pending("sink", &stage::WORKER.into(), 100, at(200)).await.unwrap().len(), 5);
}

#[cfg(feature = "mysql")]
mod on_a_server {
    use super::*;

    #[tokio::test]
    async fn a_file_comes_back_from_a_server_as_it_went() {
        let Some(server) = Home::server() else { return };
        let (from, direct, back) = (Home::file(), Home::file(), Home::file());
        populate(&from, 60).await;
        whole(&from, &direct).await;
        whole(&from, &server).await;
        whole(&server, &back).await;
        let without_marks = async |home: &Home| -> Vec<String> {
            dump(home).await.into_iter().filter(|line| !line.starts_with("meta:")).collect()
        };
        assert_eq!(without_marks(&back).await, without_marks(&direct).await);
        let new = open(&back).await;
        stage::continues(&new, 60).await;
    }

    #[tokio::test]
    async fn a_server_on_which_somebody_works_is_no_source_and_no_new_target() {
        let (Some(server), Some(busy)) = (Home::server(), Home::server()) else { return };
        let (from, back) = (Home::file(), Home::file());
        populate(&from, 5).await;
        let refused = async |from: &Home, to: &Home| {
            let refused = transfer(from, to).await.unwrap_err().to_string();
            assert!(refused.contains("worker is working") && refused.contains("stop it first"), "{refused}");
        };
        stage::register(&open(&busy).await, at(90)).await;
        refused(&from, &busy).await;
        whole(&from, &server).await;
        let store = open(&server).await;
        stage::register(&store, at(90)).await;
        refused(&server, &back).await;
        // Killed while the sinks were given what they are owed: its worker still seems alive.
        assert!(whole(&from, &server).await.before);
        store.close(&stage::WORKER.into()).await.unwrap();
        whole(&server, &back).await;
    }
}
