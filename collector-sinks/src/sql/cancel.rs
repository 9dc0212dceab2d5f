//! Giving a run up: its open tasks go, as far as no other run waits for them.

use std::collections::{BTreeMap, HashMap};

use collector_core::clock::Timestamp;
use collector_core::error::Result;
use collector_core::id::RunId;
use collector_core::store::RunEnd;
use sea_orm::Value;

use super::session::Session;
use super::values::{int, ints, text, time};
use super::write::Write;

/// Ends an unfinished run as cancelled. An answer to a forgotten task that is still on its way comes under a claim that
/// is not current: it is kept and counts for no run.
pub(super) async fn cancel(write: &mut Write, run: RunId, now: Timestamp) -> Result<()> {
    let unfinished = "SELECT id FROM @run WHERE id = ? AND ended IS NULL";
    if write.tx.one(unfinished, vec![int(run.0)]).await?.is_none() {
        return Ok(());
    }
    withdraw(write, run).await?;
    let cancelled = "UPDATE @run SET ended = ?, ending = ?, open = 0 WHERE id = ?";
    let ending = RunEnd::Cancelled.as_str();
    write.tx.run(cancelled, vec![time(now), text(ending), int(run.0)]).await?;
    write.tx.run("DELETE FROM @run_task WHERE run = ?", vec![int(run.0)]).await
}

/// Forgets the tasks that the run opened, or hands them to the next run that waits.
async fn withdraw(write: &mut Write, run: RunId) -> Result<()> {
    let opened = opened(&write.tx, run).await?;
    let heirs = heirs(&write.tx, &opened).await?;
    let mut alone = Vec::new();
    let mut inherited: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    for (task, lane) in opened {
        match heirs.get(&task) {
            Some(heir) => inherited.entry(*heir).or_default().push(int(task)),
            None => {
                alone.push(int(task));
                write.lanes.count(lane, -1);
            }
        }
    }
    write.tx.run_in("DELETE FROM @task WHERE id IN (?*)", &[], &alone).await?;
    for (heir, tasks) in inherited {
        write.tx.run_in("UPDATE @task SET run = ? WHERE id IN (?*)", &[int(heir)], &tasks).await?;
        write.tx.run_in("DELETE FROM @run_task WHERE run = ? AND task IN (?*)", &[int(heir)], &tasks).await?;
    }
    Ok(())
}

/// The open tasks of a run, with their lanes.
async fn opened(tx: &Session, run: RunId) -> Result<Vec<(u64, u64)>> {
    // One state at a time: each has an index of its own.
    let queries = [
        "SELECT id, lane FROM @task WHERE state = 0 AND run = ?{lock}",
        "SELECT id, lane FROM @task WHERE state = 1 AND run = ?{lock}",
        "SELECT id, lane FROM @task WHERE state = 2 AND run = ?{lock}",
    ];
    let mut opened = Vec::new();
    for query in queries {
        for row in tx.rows(query, vec![int(run.0)]).await? {
            opened.push((row.int(0)?, row.int(1)?));
        }
    }
    Ok(opened)
}

/// Of those tasks that another run waits for, the first such run.
async fn heirs(tx: &Session, opened: &[(u64, u64)]) -> Result<HashMap<u64, u64>> {
    let tasks = ints(opened.iter().map(|(task, _)| *task));
    let mut heirs = HashMap::new();
    for row in tx.rows_in("SELECT task, run FROM @run_task WHERE task IN (?*)", &[], &tasks).await? {
        let (task, run) = (row.int(0)?, row.int(1)?);
        heirs.entry(task).and_modify(|heir: &mut u64| *heir = run.min(*heir)).or_insert(run);
    }
    Ok(heirs)
}
