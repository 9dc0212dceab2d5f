//! Removes what has been replaced or is over, a few rows at a time.
//!
//! Each batch is a transaction of its own that looks at a bounded number of rows, so whoever works waits for a few
//! milliseconds at most. How far it has come is a note written with the batch: killed anywhere, the next call goes on
//! there. A file uses the pages that come free for what is written next.

use std::collections::{HashMap, HashSet};

use collector_core::clock::Timestamp;
use collector_core::error::Result;
use collector_core::id::PayloadId;
use collector_core::store::{Payloads, Retention, Tidied};
use sea_orm::Value;
use serde::{Deserialize, Serialize};

use super::counters::Counter;
use super::session::Session;
use super::tasks::State;
use super::values::{hash, int, ints, signed, time};
use super::write::Write;
use super::{again, notes};

/// The note with the progress.
const NOTE: &str = "tidy";

/// Rows looked at in a batch.
pub(super) const ROWS: u64 = 2_000;

/// Answers removed in a batch: each may be long.
pub(super) const ANSWERS: usize = 500;

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Progress {
    stage: Stage,
    /// Where in the order of requests, of the stage that goes through them.
    request: [u8; 16],
    /// Behind which number.
    after: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
enum Stage {
    #[default]
    Answers,
    Tasks,
    Runs,
    Days,
    Rest,
}

impl Progress {
    fn at(stage: Stage) -> Self {
        Self { stage, ..Self::default() }
    }
}

/// Removes one batch.
pub(super) async fn tidy(write: &mut Write, keep: &Retention, now: Timestamp) -> Result<Tidied> {
    let note = notes::get(&write.tx, NOTE).await?;
    let mut progress: Progress = note.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let mut tidied = Tidied::default();
    let next = match progress.stage {
        Stage::Answers if keep.payloads == Payloads::All => Some(Progress::at(Stage::Tasks)),
        Stage::Answers => answers(write, progress, now, &mut tidied).await?,
        Stage::Tasks => tasks(write, progress, keep, now, &mut tidied).await?,
        Stage::Runs => runs(write, progress, keep, now, &mut tidied).await?,
        Stage::Days => days(write, progress, now, &mut tidied).await?,
        Stage::Rest => {
            let oldest = signed(i64::from(now.day() - Retention::FILLS));
            write.tx.run("DELETE FROM @fill WHERE day < ?", vec![oldest]).await?;
            None
        }
    };
    tidied.done = next.is_none();
    progress = next.unwrap_or_default();
    let text = serde_json::to_string(&progress).ok().filter(|_| !tidied.done);
    notes::put(&write.tx, NOTE, text.as_deref()).await?;
    Ok(tidied)
}

/// Removes answers that a newer one to the same request replaced, and those to requests that nobody makes any more; never
/// one that a sighting or a dead letter rests on.
async fn answers(
    write: &mut Write,
    progress: Progress,
    now: Timestamp,
    tidied: &mut Tidied,
) -> Result<Option<Progress>> {
    // In the order of the index, which has both columns: the rows themselves, with their bodies, are not touched.
    let page = "SELECT request, id FROM @payload WHERE request >= ? AND (request > ? OR id > ?) \
                ORDER BY request, id LIMIT ?";
    let values = vec![hash(progress.request), hash(progress.request), int(progress.after), int(ROWS)];
    let mut rows: Vec<([u8; 16], u64)> = Vec::new();
    for row in write.tx.rows(page, values).await? {
        rows.push((row.hash(0)?, row.int(1)?));
    }
    let is_last_page = (rows.len() as u64) < ROWS;
    let unasked = number_at(&write.tx, now - Retention::UNASKED).await?;
    let (mut replaced, mut newest, mut next) = (Vec::new(), Vec::new(), None);
    for (at, (request, id)) in rows.iter().enumerate() {
        if replaced.len() + newest.len() >= ANSWERS {
            break;
        }
        match rows.get(at + 1) {
            Some((other, _)) if other == request => replaced.push(*id),
            // Whether it is the newest one the next page tells.
            None if !is_last_page => break,
            _ if *id <= unasked => newest.push(*id),
            _ => {}
        }
        next = Some((*request, *id));
    }
    let ended = is_last_page && next == rows.last().copied();
    let mut gone: HashSet<u64> = replaced.into_iter().collect();
    gone.extend(old(&write.tx, &newest, now - Retention::UNASKED).await?);
    for needed in needed(&write.tx, &gone).await? {
        gone.remove(&needed);
    }
    let gone: Vec<Value> = ints(gone);
    write.tx.run_in("DELETE FROM @payload_entity WHERE payload IN (?*)", &[], &gone).await?;
    write.tx.run_in("DELETE FROM @payload WHERE id IN (?*)", &[], &gone).await?;
    write.counters.take(Counter::Payloads, gone.len() as u64);
    tidied.answers = gone.len() as u64;
    Ok(Some(match next {
        Some((request, after)) if !ended => Progress { stage: Stage::Answers, request, after },
        _ => Progress::at(Stage::Tasks),
    }))
}

/// Of these answers, those that did not come again since a time.
pub(super) async fn old(tx: &Session, ids: &[u64], since: Timestamp) -> Result<Vec<u64>> {
    let mut old = Vec::new();
    let query = "SELECT id, last_at FROM @payload WHERE id IN (?*)";
    for row in tx.rows_in(query, &[], &ints(ids.iter().copied())).await? {
        if row.time(1)? < since {
            old.push(row.int(0)?);
        }
    }
    Ok(old)
}

/// The last number that was given to an answer before a time: numbers grow with time.
pub(super) async fn number_at(tx: &Session, time: Timestamp) -> Result<u64> {
    let edge = "SELECT MIN(id), MAX(id) FROM @payload";
    let Some(row) = tx.one(edge, vec![]).await? else { return Ok(0) };
    let (Some(mut low), Some(mut high)) = (row.int_or_null(0)?, row.int_or_null(1)?) else { return Ok(0) };
    low = low.saturating_sub(1);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        let first = "SELECT id, first_at FROM @payload WHERE id >= ? ORDER BY id LIMIT 1";
        match tx.one(first, vec![int(middle)]).await? {
            Some(row) if row.time(1)? < time => low = row.int(0)?,
            _ => high = middle - 1,
        }
    }
    Ok(low)
}

/// Of these answers, those that a sighting or a dead letter rests on.
async fn needed(tx: &Session, ids: &HashSet<u64>) -> Result<HashSet<u64>> {
    let keys = ints(ids.iter().copied());
    let mut needed = HashSet::new();
    for row in tx.rows_in("SELECT payload FROM @dead WHERE payload IN (?*)", &[], &keys).await? {
        needed.insert(row.int(0)?);
    }
    let shown = again::shown(tx, ids.iter().map(|id| PayloadId(*id))).await?;
    let entities: HashSet<u64> = shown.values().flatten().map(|key| key.0).collect();
    let entities = ints(entities);
    for row in tx.rows_in("SELECT payload FROM @sighting WHERE entity IN (?*)", &[], &entities).await? {
        needed.extend(row.int_or_null(0)?.filter(|payload| ids.contains(payload)));
    }
    Ok(needed)
}

/// Removes tasks that were answered so long ago that their answer is fresh for no run.
async fn tasks(
    write: &mut Write,
    progress: Progress,
    keep: &Retention,
    now: Timestamp,
    tidied: &mut Tidied,
) -> Result<Option<Progress>> {
    let Some(runs) = keep.runs else { return Ok(Some(Progress::at(Stage::Days))) };
    let tx = &write.tx;
    let freshest = match tx.one("SELECT MAX(fresh_for) FROM @run", vec![]).await? {
        Some(row) => row.int_or_null(0)?.unwrap_or(0),
        None => 0,
    };
    let before = now - runs.max(std::time::Duration::from_millis(freshest));
    // A run that goes on asks what was answered for it.
    let mut going = HashSet::new();
    for row in tx.rows("SELECT id FROM @run WHERE ended IS NULL", vec![]).await? {
        going.insert(row.int(0)?);
    }
    let query = "SELECT id, state, finished_at, run FROM @task WHERE id > ? ORDER BY id LIMIT ?";
    let (mut seen, mut last, mut old) = (0, progress.after, HashMap::new());
    for row in tx.rows(query, ints([progress.after, ROWS])).await? {
        seen += 1;
        last = row.int(0)?;
        let state = State::of(row.int(1)?)?;
        let counter = match state {
            State::Done | State::Absent => state.counter(),
            _ => None,
        };
        if let Some(counter) = counter
            && !going.contains(&row.int(3)?)
            && row.time_or_null(2)?.is_some_and(|at| at < before)
        {
            old.insert(last, counter);
        }
    }
    let keys = ints(old.keys().copied());
    for row in tx.rows_in("SELECT task FROM @run_task WHERE task IN (?*)", &[], &keys).await? {
        old.remove(&row.int(0)?);
    }
    tx.run_in("DELETE FROM @task WHERE id IN (?*)", &[], &ints(old.keys().copied())).await?;
    tidied.tasks = old.len() as u64;
    for counter in old.into_values() {
        write.counters.take(counter, 1);
    }
    Ok(Some(if seen < ROWS { Progress::at(Stage::Runs) } else { Progress { after: last, ..progress } }))
}

/// Removes runs that ended long ago, but the newest of each job and those whose dead letters may be opened again.
async fn runs(
    write: &mut Write,
    progress: Progress,
    keep: &Retention,
    now: Timestamp,
    tidied: &mut Tidied,
) -> Result<Option<Progress>> {
    let Some(runs) = keep.runs else { return Ok(Some(Progress::at(Stage::Days))) };
    let tx = &write.tx;
    let query = "SELECT r.id FROM @run r WHERE r.id > ? AND r.ended < ? AND r.open = 0 \
                 AND EXISTS (SELECT 1 FROM @run n WHERE n.job = r.job AND n.id > r.id) \
                 AND NOT EXISTS (SELECT 1 FROM @dead d WHERE d.run = r.id) \
                 ORDER BY r.id LIMIT ?";
    let values = vec![int(progress.after), time(now - runs), int(ROWS)];
    let mut old = Vec::new();
    for row in tx.rows(query, values).await? {
        old.push(row.int(0)?);
    }
    let next = old.last().copied().filter(|_| old.len() as u64 >= ROWS);
    let old = ints(old);
    tx.run_in("DELETE FROM @run_task WHERE run IN (?*)", &[], &old).await?;
    tx.run_in("DELETE FROM @run WHERE id IN (?*)", &[], &old).await?;
    tidied.runs = old.len() as u64;
    Ok(Some(next.map_or(Progress::at(Stage::Days), |after| Progress { after, ..progress })))
}

/// Removes days of figures for which a later day of the same week stands.
async fn days(
    write: &mut Write,
    progress: Progress,
    now: Timestamp,
    tidied: &mut Tidied,
) -> Result<Option<Progress>> {
    let tx = &write.tx;
    let today = now.day();
    let query = "SELECT entity, day FROM @history WHERE entity > ? AND day < ? ORDER BY entity, day LIMIT ?";
    let oldest_daily = i64::from(today - Retention::DAILY);
    let mut rows: Vec<(u64, i32)> = Vec::new();
    for row in tx.rows(query, vec![int(progress.after), signed(oldest_daily), int(ROWS)]).await? {
        rows.push((row.int(0)?, row.small(1)?));
    }
    let is_last_page = (rows.len() as u64) < ROWS;
    // The days of the last one may go on behind the page, unless the page is all theirs: then they are many enough.
    let last = rows.last().map(|(entity, _)| *entity);
    let whole = is_last_page || rows.first().map(|(entity, _)| *entity) == last;
    let mut gone: HashMap<u64, Vec<Value>> = HashMap::new();
    let mut after = progress.after;
    for (at, (entity, day)) in rows.iter().enumerate() {
        if !whole && Some(*entity) == last {
            break;
        }
        after = *entity;
        if let Some((other, later)) = rows.get(at + 1)
            && other == entity
            && span(*day, today).is_some_and(|one| Some(one) == span(*later, today))
        {
            gone.entry(*entity).or_default().push(signed(i64::from(*day)));
        }
    }
    for (entity, days) in gone {
        tidied.days += days.len() as u64;
        tx.run_in("DELETE FROM @history WHERE entity = ? AND day IN (?*)", &[int(entity)], &days).await?;
    }
    Ok(Some(if is_last_page { Progress::at(Stage::Rest) } else { Progress { after, ..progress } }))
}

/// The days for which one day stands, by a number of theirs; `None` for days of which each stands for itself, and for
/// those of which some are young.
fn span(day: i32, today: i32) -> Option<(i32, i32)> {
    let within = |length: i32, age: i32| {
        let number = day.div_euclid(length);
        ((number + 1) * length <= today - age).then_some((length, number))
    };
    within(28, Retention::WEEKLY).or_else(|| within(7, Retention::DAILY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_day_stands_for_its_week_once_all_of_the_week_is_old() {
        let today = 20_000;
        assert_eq!(span(today, today), None);
        assert_eq!(span(today - Retention::DAILY, today), None, "its week is not over");
        let old = today - Retention::DAILY - 7;
        assert_eq!(span(old, today), Some((7, old.div_euclid(7))));
        let older = today - Retention::WEEKLY - 28;
        assert_eq!(span(older, today), Some((28, older.div_euclid(28))));
    }
}
