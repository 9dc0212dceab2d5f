//! Dead letters: tasks that were given up, and changes that a sink refused.

use std::collections::BTreeMap;

use collector_core::clock::Timestamp;
use collector_core::error::{ErrorKind, Result};
use collector_core::id::{DeadId, PayloadId, RecordKey, RunId};
use collector_core::store::DeadLetter;
use collector_core::task::Task;

use super::counters::Counter;
use super::error::unreadable;
use super::outbox::{self, Wish};
use super::session::Session;
use super::sinks::Sinks;
use super::statements::Insert;
use super::tasks::{self, State};
use super::values::{Row, int, int_or_null, ints, text, time};
use super::write::Write;

const ADD: Insert = Insert {
    table: "dead",
    columns: &["id", "part", "what", "task", "entity", "kind", "message", "payload", "run", "died_at"],
    key: &[],
    update: &[],
};

/// A letter to write.
pub(super) struct Letter {
    part: String,
    what: String,
    task: Option<u64>,
    entity: Option<u64>,
    kind: ErrorKind,
    message: String,
    payload: Option<u64>,
    run: Option<u64>,
}

impl Letter {
    /// A task that was given up.
    pub(super) fn of_task(
        key: u64,
        task: &Task,
        run: RunId,
        kind: ErrorKind,
        message: String,
        payload: Option<u64>,
    ) -> Self {
        let (part, what) = (task.source().to_string(), task.to_string());
        Self { part, what, task: Some(key), entity: None, kind, message, payload, run: Some(run.0) }
    }

    /// A change that a sink refused.
    pub(super) fn of_record(sink: &str, key: RecordKey, version: u64, reason: String) -> Self {
        Self {
            part: sink.to_owned(),
            what: format!("record {key} version {version}"),
            task: None,
            entity: Some(key.0),
            kind: ErrorKind::Rejected,
            message: reason,
            payload: None,
            run: None,
        }
    }
}

/// Keeps letters.
pub(super) async fn bury(write: &mut Write, letters: Vec<Letter>, now: Timestamp) -> Result<()> {
    let mut rows = Vec::with_capacity(letters.len());
    for letter in letters {
        rows.push([
            int(write.counters.next(Counter::DeadKey)),
            text(letter.part),
            text(letter.what),
            int_or_null(letter.task),
            int_or_null(letter.entity),
            text(letter.kind.as_str()),
            text(letter.message),
            int_or_null(letter.payload),
            int_or_null(letter.run),
            time(now),
        ]);
    }
    write.tx.insert(&ADD, rows).await
}

/// The newest letters.
pub(super) async fn newest(tx: &Session, max: usize) -> Result<Vec<DeadLetter>> {
    let query = "SELECT id, part, what, task, kind, message, payload, run, died_at, entity FROM @dead \
                 ORDER BY id DESC LIMIT ?";
    let mut letters = Vec::new();
    for row in tx.rows(query, vec![int(max as u64)]).await? {
        letters.push(read(tx, &row).await?);
    }
    Ok(letters)
}

/// How many there are of each part and kind.
pub(super) async fn by_part_and_kind(tx: &Session) -> Result<BTreeMap<String, BTreeMap<ErrorKind, u64>>> {
    let mut parts: BTreeMap<String, BTreeMap<ErrorKind, u64>> = BTreeMap::new();
    for row in tx.rows("SELECT part, kind, COUNT(*) FROM @dead GROUP BY part, kind", vec![]).await? {
        let kind = row.text(1)?;
        let kind = ErrorKind::from_name(&kind).ok_or_else(|| unreadable("an error kind", kind))?;
        parts.entry(row.text(0)?).or_default().insert(kind, row.int(2)?);
    }
    Ok(parts)
}

async fn read(tx: &Session, row: &Row) -> Result<DeadLetter> {
    let task = match row.int_or_null(3)? {
        Some(key) => tasks::get(tx, key).await?,
        None => None,
    };
    let kind = row.text(4)?;
    Ok(DeadLetter {
        id: DeadId(row.int(0)?),
        part: row.text(1)?,
        what: row.text(2)?,
        task,
        record: row.int_or_null(9)?.map(RecordKey),
        kind: ErrorKind::from_name(&kind).ok_or_else(|| unreadable("an error kind", kind))?,
        message: row.text(5)?,
        payload: row.int_or_null(6)?.map(PayloadId),
        run: row.int_or_null(7)?.map(RunId),
        at: row.time(8)?,
    })
}

/// Opens what was given up again: a task for its run, a refused change for its sink. Gives how many.
pub(super) async fn revive(write: &mut Write, letters: &[DeadId]) -> Result<u64> {
    let ids = ints(letters.iter().map(|id| id.0));
    let rows = write
        .tx
        .rows_in("SELECT id, part, task, entity FROM @dead WHERE id IN (?*){lock id}", &[], &ids)
        .await?;
    let mut sinks = Sinks::load(&write.tx).await?;
    let mut revived = Vec::new();
    for row in rows {
        let done = match (row.int_or_null(2)?, row.int_or_null(3)?) {
            (Some(task), _) => revive_task(write, task).await?,
            (None, Some(entity)) => revive_change(write, &mut sinks, &row.text(1)?, entity).await?,
            (None, None) => false,
        };
        if done {
            revived.push(int(row.int(0)?));
        }
    }
    write.balance(sinks);
    write.tx.run_in("DELETE FROM @dead WHERE id IN (?*)", &[], &revived).await?;
    Ok(revived.len() as u64)
}

/// Forgets letters; gives how many.
pub(super) async fn discard(tx: &Session, letters: &[DeadId]) -> Result<u64> {
    let mut ids: Vec<u64> = letters.iter().map(|id| id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    tx.run_in("DELETE FROM @dead WHERE id IN (?*)", &[], &ints(ids)).await
}

async fn revive_task(write: &mut Write, key: u64) -> Result<bool> {
    let dead = "SELECT lane, run FROM @task WHERE id = ? AND state = ?{lock}";
    let Some(row) = write.tx.one(dead, vec![int(key), int(State::Dead as u64)]).await? else {
        return Ok(false);
    };
    let (lane, run) = (row.int(0)?, row.int(1)?);
    let open =
        "UPDATE @task SET state = 0, attempts = 0, first_attempt = NULL, finished_at = NULL WHERE id = ?";
    write.tx.run(open, vec![int(key)]).await?;
    write.tx.run("DELETE FROM @run_task WHERE task = ?", vec![int(key)]).await?;
    write.tx.run("UPDATE @run SET dead = dead - 1 WHERE id = ? AND dead > 0", vec![int(run)]).await?;
    write.runs.of(RunId(run)).open += 1;
    write.lanes.count(lane, 1);
    write.counters.take(Counter::Dead, 1);
    Ok(true)
}

async fn revive_change(write: &mut Write, sinks: &mut Sinks, sink: &str, entity: u64) -> Result<bool> {
    let Some(mask) = sinks.find(sink).map(|sink| sink.bit()) else { return Ok(false) };
    let row = write.tx.one("SELECT version FROM @entity WHERE id = ?{lock}", vec![int(entity)]).await?;
    let Some(row) = row else { return Ok(false) };
    let since = write.counters.get(Counter::Commit);
    let wish = Wish { key: RecordKey(entity), version: row.int(0)?, is_new: false, mask, since };
    // Nobody's: the next heartbeat gives it to a living worker.
    write.counters.set(Counter::Unowned, 1);
    outbox::owe(&write.tx, sinks, &[wish], 0).await?;
    Ok(true)
}
