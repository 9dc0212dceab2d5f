//! What becomes of the tasks of finished calls.

use std::collections::{BTreeMap, HashMap};

use collector_core::clock::Timestamp;
use collector_core::error::Result;
use collector_core::id::RunId;
use collector_core::store::{RunCounts, Verdict};
use collector_core::task::Task;
use sea_orm::Value;

use super::dead::{self, Letter};
use super::session::Session;
use super::tasks::{Held, Reopened, State};
use super::values::{int, ints, time};
use super::write::Write;

/// A task whose claim is current, with its verdict.
pub(super) struct Ending<'a> {
    pub(super) held: Held,
    pub(super) task: &'a Task,
    pub(super) verdict: &'a Verdict,
    /// The answer of its call.
    pub(super) payload: Option<u64>,
}

/// Ends or reopens tasks, and counts it for every run that waits for them.
pub(super) async fn apply(
    write: &mut Write,
    endings: &[Ending<'_>],
    commit: u64,
    now: Timestamp,
) -> Result<()> {
    let joined = joined(&write.tx, endings).await?;
    let mut ended: BTreeMap<State, Vec<Value>> = BTreeMap::new();
    let mut reopened = Reopened::default();
    let mut letters = Vec::new();
    for ending in endings {
        let Held { key, lane, run, .. } = ending.held;
        let state = match ending.verdict {
            Verdict::Done | Verdict::Restart(_) => Some(State::Done),
            Verdict::Absent(_) => Some(State::Absent),
            Verdict::Dead { .. } => Some(State::Dead),
            Verdict::Later(at) => {
                reopened.add(key, Some(*at), false);
                None
            }
            Verdict::Retry { at, .. } => {
                reopened.add(key, Some(*at), true);
                None
            }
        };
        if let Some(state) = state {
            ended.entry(state).or_default().push(int(key));
            write.lanes.count(lane, -1);
        }
        if let Verdict::Dead { kind, message } = ending.verdict {
            letters.push(Letter::of_task(key, ending.task, run, *kind, message.clone(), ending.payload));
        }
        let further = joined.get(&key).into_iter().flatten().copied();
        for run in std::iter::once(run).chain(further) {
            let books = write.runs.of(run);
            books.last_commit = Some(commit);
            books.open -= i64::from(state.is_some());
            count(&mut books.counts, ending.verdict);
        }
    }
    save(write, ended, now).await?;
    reopened.save(&write.tx, now).await?;
    dead::bury(write, letters, now).await
}

fn count(counts: &mut RunCounts, verdict: &Verdict) {
    match verdict {
        Verdict::Done | Verdict::Restart(_) => counts.done += 1,
        Verdict::Absent(_) => counts.absent += 1,
        Verdict::Dead { .. } => counts.dead += 1,
        Verdict::Retry { .. } => counts.retries += 1,
        Verdict::Later(_) => {}
    }
}

async fn joined(tx: &Session, endings: &[Ending<'_>]) -> Result<HashMap<u64, Vec<RunId>>> {
    let keys = ints(endings.iter().map(|ending| ending.held.key));
    let mut joined: HashMap<u64, Vec<RunId>> = HashMap::new();
    for row in tx.rows_in("SELECT task, run FROM @run_task WHERE task IN (?*)", &[], &keys).await? {
        joined.entry(row.int(0)?).or_default().push(RunId(row.int(1)?));
    }
    Ok(joined)
}

async fn save(write: &mut Write, ended: BTreeMap<State, Vec<Value>>, now: Timestamp) -> Result<()> {
    let end = "UPDATE @task SET state = ?, finished_at = ?, not_before = NULL, worker = NULL, claim = NULL \
               WHERE id IN (?*)";
    for (state, keys) in ended {
        if let Some(counter) = state.counter() {
            write.counters.add(counter, keys.len() as u64);
        }
        write.tx.run_in(end, &[int(state as u64), time(now)], &keys).await?;
    }
    Ok(())
}
