//! Claiming tasks.

use collector_core::clock::Timestamp;
use collector_core::error::Result;
use collector_core::id::{ClaimNo, RunId, TaskId};
use collector_core::store::{Claimed, Claims, LanePermit, WorkerId};

use super::counters::Counter;
use super::session::Session;
use super::tasks::task;
use super::values::{Row, int, time};
use super::workers;
use super::write::Write;

/// Claims open tasks, lane by lane.
pub(super) async fn claim(
    write: &mut Write,
    worker: &WorkerId,
    permits: &[LanePermit],
    in_doubt: Option<ClaimNo>,
    now: Timestamp,
) -> Result<Claims> {
    let worker = workers::acting(write, worker, now).await?;
    if let Some(claim) = in_doubt {
        undo(&write.tx, worker, claim).await?;
    }
    let mut claims = Claims::default();
    let mut number = None;
    for permit in permits {
        let lane = write.lanes.find(&permit.source, &permit.kind).map(|lane| lane.id);
        let open = lane.map_or(0, |lane| write.lanes.open(lane));
        claims.open.push(open);
        let Some(lane) = lane.filter(|_| open > 0) else { continue };
        promote(&write.tx, lane, now).await?;
        if permit.max > 0 {
            let rows = ready(&write.tx, lane, permit.max).await?;
            if !rows.is_empty() {
                let number = match number {
                    Some(number) => number,
                    None => *number.insert(write.number(Counter::Claim).await?),
                };
                take(write, lane, worker, number, rows, &mut claims).await?;
            }
        }
        let next = next_at(&write.tx, lane).await?;
        claims.next_at = claims.next_at.into_iter().chain(next).min();
    }
    Ok(claims)
}

/// Gives back what an attempt claimed whose success nobody heard of.
async fn undo(tx: &Session, worker: u64, claim: ClaimNo) -> Result<()> {
    let free = "UPDATE @task SET state = 0, worker = NULL, claim = NULL \
                WHERE state = 2 AND worker = ? AND claim = ?";
    tx.run(free, vec![int(worker), int(claim.0)]).await
}

async fn promote(tx: &Session, lane: u64, now: Timestamp) -> Result<()> {
    let due = "UPDATE @task SET state = 0 WHERE state = 1 AND lane = ? AND not_before <= ?";
    tx.run(due, vec![int(lane), time(now)]).await
}

async fn ready(tx: &Session, lane: u64, max: usize) -> Result<Vec<Row>> {
    let query = "SELECT id, hash, run, priority, attempts, first_attempt, depth, subject, extra FROM @task{index @task_ready} \
                 WHERE state = 0 AND lane = ? ORDER BY priority DESC, id LIMIT ?{skip}";
    tx.rows(query, vec![int(lane), int(max as u64)]).await
}

async fn next_at(tx: &Session, lane: u64) -> Result<Option<Timestamp>> {
    let query = "SELECT MIN(not_before) FROM @task WHERE state = 1 AND lane = ?";
    tx.one(query, vec![int(lane)]).await?.map_or(Ok(None), |row| row.time_or_null(0))
}

async fn take(
    write: &Write,
    lane: u64,
    worker: u64,
    number: u64,
    rows: Vec<Row>,
    claims: &mut Claims,
) -> Result<()> {
    let Some(lane) = write.lanes.get(lane) else { return Ok(()) };
    let mut keys = Vec::with_capacity(rows.len());
    for row in rows {
        keys.push(int(row.int(0)?));
        claims.tasks.push(Claimed {
            id: TaskId(row.hash(1)?),
            task: task(&lane.source, &lane.kind, row.text(7)?, row.small(3)?, row.text_or_null(8)?)?,
            run: RunId(row.int(2)?),
            claim: ClaimNo(number),
            attempts: row.small(4)?,
            first_attempt: row.time_or_null(5)?,
            depth: row.small(6)?,
        });
    }
    let held = "UPDATE @task SET state = 2, worker = ?, claim = ? WHERE id IN (?*)";
    write.tx.run_in(held, &[int(worker), int(number)], &keys).await.map(|_| ())
}
