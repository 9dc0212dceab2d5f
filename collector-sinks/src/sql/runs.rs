//! Runs and their counts.

use std::collections::BTreeMap;
use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::error::Result;
use collector_core::id::RunId;
use collector_core::store::{Begun, RunCounts, RunEnd, RunSpec, RunState};
use collector_core::task::Cost;

use super::counters::Counter;
use super::error::unreadable;
use super::session::Session;
use super::values::{Row, hash, int, ints, millis, signed, text, time};
use super::write::Write;

const COLUMNS: &str = "id, job, began, ended, ending, open, tasks, fresh, done, absent, dead, answers, retries, items, \
                       changed, unchanged, malformed, units, requests, last_commit";

const SAVE: &str = "UPDATE @run SET open = open + ?, last_commit = CASE WHEN last_commit < ? THEN ? ELSE last_commit END, tasks = tasks + ?, \
                    fresh = fresh + ?, done = done + ?, absent = absent + ?, dead = dead + ?, answers = answers + ?, \
                    retries = retries + ?, items = items + ?, changed = changed + ?, unchanged = unchanged + ?, \
                    malformed = malformed + ?, units = units + ?, requests = requests + ? WHERE id = ?";

/// What one transaction adds to a run.
#[derive(Debug, Default)]
pub(super) struct RunChange {
    pub(super) open: i64,
    pub(super) counts: RunCounts,
    pub(super) last_commit: Option<u64>,
}

/// What one transaction adds to runs.
#[derive(Debug, Default)]
pub(super) struct RunBooks(BTreeMap<RunId, RunChange>);

impl RunBooks {
    pub(super) fn of(&mut self, run: RunId) -> &mut RunChange {
        self.0.entry(run).or_default()
    }

    pub(super) async fn save(self, tx: &Session) -> Result<()> {
        for (run, RunChange { open, counts: c, last_commit }) in self.0 {
            let last_commit = int(last_commit.unwrap_or(0));
            let mut values = vec![signed(open), last_commit.clone(), last_commit];
            values.extend(ints([c.tasks, c.fresh, c.done, c.absent, c.dead, c.answers, c.retries]));
            values.extend(ints([
                c.items,
                c.changed,
                c.unchanged,
                c.malformed,
                c.cost.units,
                c.cost.requests,
            ]));
            values.push(int(run.0));
            tx.run(SAVE, values).await?;
        }
        Ok(())
    }
}

/// Begins a run, or goes on with an unfinished one of the same key.
pub(super) async fn begin(write: &mut Write, spec: &RunSpec, now: Timestamp) -> Result<Begun> {
    let unfinished = "SELECT id FROM @run WHERE spec = ? AND ended IS NULL ORDER BY id DESC LIMIT 1";
    // A run also waits for what was owed when it began: it is complete when everything is everywhere.
    let owed = int(write.counters.get(Counter::Commit));
    if let Some(row) = write.tx.one(unfinished, vec![hash(spec.key.0)]).await? {
        let run = row.int(0)?;
        let again = "UPDATE @run SET fresh_for = ?, last_commit = ? WHERE id = ?";
        write.tx.run(again, vec![millis(spec.fresh_for), owed, int(run)]).await?;
        return Ok(Begun { run: RunId(run), resumed: true });
    }
    let run = write.number(Counter::RunKey).await?;
    let insert = "INSERT INTO @run (id, job, spec, fresh_for, began, last_commit, open, tasks, fresh, done, absent, dead, \
                  answers, retries, items, changed, unchanged, malformed, units, requests) \
                  VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)";
    let values = vec![int(run), text(&spec.job), hash(spec.key.0), millis(spec.fresh_for), time(now), owed];
    write.tx.run(insert, values).await?;
    Ok(Begun { run: RunId(run), resumed: false })
}

/// Marks a run as ended.
pub(super) async fn end(tx: &Session, run: RunId, end: RunEnd, now: Timestamp) -> Result<()> {
    let values = vec![time(now), text(end.as_str()), int(run.0)];
    let ended =
        "UPDATE @run SET ended = ?, ending = ? WHERE id = ? AND (ending IS NULL OR ending <> 'cancelled')";
    tx.run(ended, values).await?;
    // Nobody asks any more what was answered for this run.
    let answered = "DELETE FROM @run_task WHERE run = ? AND task IN (SELECT id FROM @task WHERE state > 2)";
    tx.run(answered, vec![int(run.0)]).await
}

/// The run begun last.
pub(super) async fn newest(tx: &Session) -> Result<Option<RunId>> {
    let row = tx.one("SELECT id FROM @run ORDER BY id DESC LIMIT 1", vec![]).await?;
    row.map(|row| Ok(RunId(row.int(0)?))).transpose()
}

/// How long answers stay fresh for each of these runs; unknown ones are left out.
pub(super) async fn windows(
    tx: &Session,
    runs: impl IntoIterator<Item = RunId>,
) -> Result<BTreeMap<RunId, Duration>> {
    let runs = ints(runs.into_iter().map(|run| run.0));
    let rows = tx.rows_in("SELECT id, fresh_for FROM @run WHERE id IN (?*)", &[], &runs).await?;
    rows.iter().map(|row| Ok((RunId(row.int(0)?), Duration::from_millis(row.int(1)?)))).collect()
}

/// A run as the store knows it.
pub(super) async fn state(tx: &Session, run: RunId) -> Result<Option<RunState>> {
    let query = format!("SELECT {COLUMNS} FROM @run WHERE id = ?");
    match tx.one(&query, vec![int(run.0)]).await? {
        Some(row) => Ok(Some(read(tx, &row, awaited(tx).await?).await?)),
        None => Ok(None),
    }
}

/// The newest runs, newest first.
pub(super) async fn newest_first(tx: &Session, max: u64) -> Result<Vec<RunState>> {
    let query = format!("SELECT {COLUMNS} FROM @run ORDER BY id DESC LIMIT ?");
    let awaited = awaited(tx).await?;
    let mut states = Vec::new();
    for row in tx.rows(&query, vec![int(max)]).await? {
        states.push(read(tx, &row, awaited).await?);
    }
    Ok(states)
}

async fn read(tx: &Session, row: &Row, awaited: u64) -> Result<RunState> {
    let ended = match (row.time_or_null(3)?, row.text_or_null(4)?.as_deref()) {
        (None, _) => None,
        (Some(at), Some("complete")) => Some((at, RunEnd::Complete)),
        (Some(at), Some("partial")) => Some((at, RunEnd::Partial)),
        (Some(at), Some("cancelled")) => Some((at, RunEnd::Cancelled)),
        (Some(_), other) => return Err(unreadable("a run's ending", other.unwrap_or("none"))),
    };
    let counts = RunCounts {
        tasks: row.int(6)?,
        fresh: row.int(7)?,
        done: row.int(8)?,
        absent: row.int(9)?,
        dead: row.int(10)?,
        answers: row.int(11)?,
        retries: row.int(12)?,
        items: row.int(13)?,
        changed: row.int(14)?,
        unchanged: row.int(15)?,
        malformed: row.int(16)?,
        cost: Cost { units: row.int(17)?, requests: row.int(18)? },
    };
    let pending = pending_since(tx, row.int(19)?, awaited).await?;
    Ok(RunState {
        run: RunId(row.int(0)?),
        job: row.text(1)?,
        began: row.time(2)?,
        ended,
        open: row.int(5)?,
        counts,
        pending,
    })
}

/// The active sinks that are owed anything, as bits: mostly none, and then nothing needs to be counted.
async fn awaited(tx: &Session) -> Result<u64> {
    let query = "SELECT s.id FROM @sink s WHERE s.active = 1 \
                 AND s.wanted > s.`stored` + s.superseded + s.rejected";
    let rows = tx.rows(query, vec![]).await?;
    rows.iter().try_fold(0, |mask, row| Ok(mask | 1 << row.small::<u32>(0)?))
}

/// Changes wished by that commit or before that one of these sinks does not have.
async fn pending_since(tx: &Session, commit: u64, sinks: u64) -> Result<u64> {
    if sinks == 0 {
        return Ok(0);
    }
    let query = "SELECT COUNT(*) FROM @pending WHERE since <= ? AND (owed & ?) <> 0";
    tx.one(query, vec![int(commit), int(sinks)]).await?.map_or(Ok(0), |row| row.int(0))
}
