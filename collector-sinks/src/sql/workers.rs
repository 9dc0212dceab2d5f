//! Workers: registering, beating, taking over from the dead.

use std::collections::BTreeMap;
use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::error::Result;
use collector_core::id::Name;
use collector_core::store::{Opened, Waiting, WorkerInfo};

use super::counters::Counter;
use super::outbox;
use super::session::Session;
use super::sinks;
use super::values::{int, ints, millis, text, text_or_null, time, to_json};
use super::write::Write;

/// What changed hands.
#[derive(Debug, Default)]
pub(super) struct TakenOver {
    /// The workers that were dead.
    pub(super) dead: Vec<u64>,
    /// How many claims became free.
    pub(super) claims: u64,
}

/// How long a worker may be silent that never opened the store.
const DEFAULT_TTL: Duration = Duration::from_secs(60);
/// How long a dead worker is remembered, with the time it may be silent, in case it comes back.
const REMEMBERED: Duration = Duration::from_secs(86_400);

/// Declared dead, and holds nothing any more.
const DEAD: u64 = 0;
/// Alive: it opened the store, and has not been silent for too long since.
const ALIVE: u64 = 1;
/// Works on without knowing that it was declared dead: its next heartbeat tells it.
const UNAWARE: u64 = 2;

/// A worker's row.
struct Row {
    id: u64,
    state: u64,
}

/// Registers a worker and its sinks, and takes over from the dead.
pub(super) async fn open(
    write: &mut Write,
    worker: &WorkerInfo,
    names: &[Name],
    now: Timestamp,
) -> Result<(Opened, TakenOver)> {
    let Row { id, .. } = find_or_add(write, &worker.id, BEATS, now).await?;
    write.tx.run("UPDATE @worker SET ttl = ? WHERE id = ?", vec![millis(worker.ttl), int(id)]).await?;
    seen(&write.tx, id, ALIVE, now).await?;
    let (positions, new) = sinks::register(&write.tx, names).await?;
    if new != 0 {
        outbox::owe_everything(write, new, id).await?;
    }
    let taken = take_over(write, id, now).await?;
    Ok((Opened { positions, taken_over: taken.claims }, taken))
}

/// Notes that a worker is alive. Gives whether it had been declared dead, and what it took over.
pub(super) async fn beat(write: &mut Write, name: &str, now: Timestamp) -> Result<(bool, TakenOver)> {
    let Row { id, state } = find_or_add(write, name, BEATS, now).await?;
    seen(&write.tx, id, ALIVE, now).await?;
    Ok((state != ALIVE, take_over(write, id, now).await?))
}

/// Notes why a worker does not get on, or that it does.
pub(super) async fn waits(tx: &Session, name: &str, waiting: Option<&Waiting>) -> Result<()> {
    let why = text_or_null(waiting.map(to_json).transpose()?);
    tx.run("UPDATE @worker SET waiting = ? WHERE name = ?", vec![why, text(name)]).await
}

/// Living workers that do not get on.
pub(super) async fn waiting(tx: &Session) -> Result<BTreeMap<String, Waiting>> {
    let query = "SELECT name, waiting FROM @worker WHERE state = ? AND waiting IS NOT NULL";
    let rows = tx.rows(query, vec![int(ALIVE)]).await?;
    rows.iter().map(|row| Ok((row.text(0)?, row.json(1)?))).collect()
}

/// The number of a worker that claims or commits. One that was declared dead and does not know it may go on: what
/// it holds comes free when it stays silent.
pub(super) async fn acting(write: &mut Write, name: &str, now: Timestamp) -> Result<u64> {
    let Row { id, state } = find_or_add(write, name, ACTS, now).await?;
    if state != ALIVE {
        seen(&write.tx, id, UNAWARE, now).await?;
    }
    Ok(id)
}

/// Nobody declares it dead before the end.
const ACTS: &str = "SELECT id, state FROM @worker WHERE name = ?{share}";
/// Its row is about to be changed.
const BEATS: &str = "SELECT id, state FROM @worker WHERE name = ?{lock}";

async fn find(tx: &Session, query: &str, name: &str) -> Result<Option<Row>> {
    let row = tx.one(query, vec![text(name)]).await?;
    row.map(|row| Ok(Row { id: row.int(0)?, state: row.int(1)? })).transpose()
}

async fn find_or_add(write: &mut Write, name: &str, query: &str, now: Timestamp) -> Result<Row> {
    if let Some(row) = find(&write.tx, query, name).await? {
        return Ok(row);
    }
    let id = write.number(Counter::WorkerKey).await?;
    let insert = "INSERT INTO @worker (id, name, state, beat, ttl) VALUES (?, ?, ?, ?, ?)";
    write.tx.run(insert, vec![int(id), text(name), int(DEAD), time(now), millis(DEFAULT_TTL)]).await?;
    Ok(Row { id, state: DEAD })
}

async fn seen(tx: &Session, id: u64, state: u64, now: Timestamp) -> Result<()> {
    tx.run("UPDATE @worker SET state = ?, beat = ? WHERE id = ?", vec![int(state), time(now), int(id)]).await
}

async fn take_over(write: &mut Write, by: u64, now: Timestamp) -> Result<TakenOver> {
    let dead = silent(&write.tx, by, now).await?;
    let claims = free_claims(&write.tx, &dead).await?;
    outbox::move_owner(write, &dead, by).await?;
    let keys = ints(dead.iter().copied());
    write.tx.run_in("UPDATE @worker SET state = ? WHERE id IN (?*)", &[int(DEAD)], &keys).await?;
    forget(&write.tx, now).await?;
    Ok(TakenOver { dead, claims })
}

/// Workers that were silent too long. Searched first, without a lock: it would wait for everybody alive.
async fn silent(tx: &Session, by: u64, now: Timestamp) -> Result<Vec<u64>> {
    let silent = "SELECT id FROM @worker WHERE id <> ? AND state <> ? AND beat < ? - ttl";
    let rows = tx.rows(silent, vec![int(by), int(DEAD), time(now)]).await?;
    let mut dead = rows.iter().map(|row| row.int(0)).collect::<Result<Vec<_>>>()?;
    if tx.dialect().is_shared() && !dead.is_empty() {
        // Somebody else may have taken over, or the worker may have spoken. One that stands still in the middle of a
        // transaction is left to the next beat: to wait for it would be to stand still, too.
        let still =
            "SELECT id FROM @worker WHERE state <> ? AND beat < ? - ttl AND id IN (?*) ORDER BY id{skip}";
        let rows = tx.rows_in(still, &[int(DEAD), time(now)], &ints(dead)).await?;
        dead = rows.iter().map(|row| row.int(0)).collect::<Result<_>>()?;
    }
    Ok(dead)
}

/// Forgets who died long ago. Searched first, without a lock: the deletion would wait for everybody alive.
async fn forget(tx: &Session, now: Timestamp) -> Result<()> {
    let old = "SELECT id FROM @worker WHERE state = ? AND beat < ?";
    let rows = tx.rows(old, vec![int(DEAD), time(now - REMEMBERED)]).await?;
    let old = rows.iter().map(|row| row.int(0)).collect::<Result<Vec<_>>>()?;
    tx.run_in("DELETE FROM @worker WHERE id IN (?*)", &[], &ints(old)).await.map(|_| ())
}

async fn free_claims(tx: &Session, workers: &[u64]) -> Result<u64> {
    let mut freed = 0;
    for worker in workers {
        let count = "SELECT COUNT(*) FROM @task WHERE state = 2 AND worker = ?";
        freed += tx.one(count, vec![int(*worker)]).await?.map_or(Ok(0), |row| row.int(0))?;
        let free = "UPDATE @task SET state = 0, not_before = NULL, worker = NULL, claim = NULL \
                    WHERE state = 2 AND worker = ?";
        tx.run(free, vec![int(*worker)]).await?;
    }
    Ok(freed)
}

/// Takes a worker off the list; what it holds becomes free. Gives its number and whether it was the last one.
pub(super) async fn close(write: &mut Write, name: &str) -> Result<Option<(u64, bool)>> {
    let Some(Row { id, .. }) = find(&write.tx, BEATS, name).await? else { return Ok(None) };
    free_claims(&write.tx, &[id]).await?;
    outbox::move_owner(write, &[id], 0).await?;
    write.tx.run("DELETE FROM @worker WHERE id = ?", vec![int(id)]).await?;
    let left = write.tx.one("SELECT COUNT(*) FROM @worker", vec![]).await?.map_or(Ok(0), |row| row.int(0))?;
    Ok(Some((id, left == 0)))
}

/// Declares every worker dead: the only writing process has just begun, so none of them can be alive. They get
/// names nobody can have, so that a worker of the same name takes over from its former life like from any other.
#[cfg(feature = "sqlite")]
pub(super) async fn bury_all(tx: &Session) -> Result<()> {
    for row in tx.rows("SELECT id FROM @worker", vec![]).await? {
        let id = row.int(0)?;
        let values = vec![text(format!("\u{0}{id}")), int(id)];
        // Far enough in the past for any clock, near enough that adding to it does not overflow.
        tx.run("UPDATE @worker SET name = ?, ttl = 0, beat = -4611686018427387904 WHERE id = ?", values)
            .await?;
    }
    Ok(())
}
