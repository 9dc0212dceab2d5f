//! Tasks as they are stored: states, what the columns do not carry, claims.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use collector_core::clock::Timestamp;
use collector_core::error::Result;
use collector_core::id::{ClaimNo, RunId, TaskId};
use collector_core::store::{GiveBack, WorkerId};
use collector_core::task::{Scope, Target, Task};
use sea_orm::Value;
use serde::{Deserialize, Serialize};

use super::counters::Counter;
use super::error::unreadable;
use super::session::Session;
use super::values::{from_json, hash, int, json, text_or_null, time_or_null};
use super::write::worker_id;

/// Where a task stands. Statements that use an index name the number itself: see `schema.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Ready = 0,
    Waiting = 1,
    Claimed = 2,
    Done = 3,
    Absent = 4,
    Dead = 5,
}

impl State {
    pub(super) fn of(number: u64) -> Result<Self> {
        let all = [Self::Ready, Self::Waiting, Self::Claimed, Self::Done, Self::Absent, Self::Dead];
        all.into_iter()
            .find(|state| *state as u64 == number)
            .ok_or_else(|| unreadable("a task's state", number))
    }

    /// Which total an ended task counts in.
    pub(super) fn counter(self) -> Option<Counter> {
        match self {
            Self::Ready | Self::Waiting | Self::Claimed => None,
            Self::Done => Some(Counter::Done),
            Self::Absent => Some(Counter::Absent),
            Self::Dead => Some(Counter::Dead),
        }
    }
}

/// What the columns do not carry of a task.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Extra {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    params: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    per_run: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Target>,
}

/// What goes into the column `extra`; NULL for a plain task.
pub(super) fn extra(task: &Task) -> Result<Value> {
    let extra = Extra {
        params: task.params().clone(),
        per_run: task.scope() == Scope::Run,
        not_before: task.earliest(),
        target: task.target().cloned(),
    };
    if extra == Extra::default() { Ok(text_or_null(None)) } else { json(&extra) }
}

/// The task that was written as these columns.
pub(super) fn task(
    source: &Arc<str>,
    kind: &Arc<str>,
    subject: String,
    priority: i16,
    extra: Option<String>,
) -> Result<Task> {
    let mut task = Task::new(Arc::clone(source), Arc::clone(kind), subject).priority(priority);
    let Some(extra) = extra else { return Ok(task) };
    let extra: Extra = from_json(&extra)?;
    for (name, value) in extra.params {
        task = task.param(name, value);
    }
    if extra.per_run {
        task = task.per_run();
    }
    if let Some(at) = extra.not_before {
        task = task.not_before(at);
    }
    if let Some(Target { id, aspect }) = extra.target {
        task = task.about(id, aspect);
    }
    Ok(task)
}

/// A task that is held under a claim.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) key: u64,
    pub(super) lane: u64,
    pub(super) run: RunId,
    claim: u64,
}

impl Held {
    pub(super) fn under(&self, claim: ClaimNo) -> bool {
        self.claim == claim.0
    }
}

/// Those of these tasks that the worker holds.
pub(super) async fn held(
    tx: &Session,
    worker: &WorkerId,
    ids: impl Iterator<Item = TaskId>,
) -> Result<HashMap<TaskId, Held>> {
    let Some(worker) = worker_id(tx, worker).await? else { return Ok(HashMap::new()) };
    let ids: Vec<Value> = ids.map(|id| hash(id.0)).collect();
    let query = "SELECT hash, id, lane, run, claim FROM @task{index hash} WHERE state = 2 AND worker = ? AND hash IN (?*){lock hash}";
    let mut held = HashMap::with_capacity(ids.len());
    for row in tx.rows_in(query, &[int(worker)], &ids).await? {
        let (key, lane, run, claim) = (row.int(1)?, row.int(2)?, RunId(row.int(3)?), row.int(4)?);
        held.insert(TaskId(row.hash(0)?), Held { key, lane, run, claim });
    }
    Ok(held)
}

/// Tasks that become claimable again, by when and by whether an attempt was made.
#[derive(Debug, Default)]
pub(super) struct Reopened(BTreeMap<(Option<Timestamp>, bool), Vec<Value>>);

impl Reopened {
    pub(super) fn add(&mut self, key: u64, not_before: Option<Timestamp>, attempted: bool) {
        self.0.entry((not_before, attempted)).or_default().push(int(key));
    }

    pub(super) async fn save(self, tx: &Session, now: Timestamp) -> Result<()> {
        let reopen = "UPDATE @task SET state = ?, not_before = ?, attempts = attempts + ?, \
                      first_attempt = COALESCE(first_attempt, ?), worker = NULL, claim = NULL WHERE id IN (?*)";
        for ((not_before, attempted), keys) in self.0 {
            let not_before = not_before.filter(|at| *at > now);
            let state = if not_before.is_some() { State::Waiting } else { State::Ready };
            let first = attempted.then_some(now);
            let before =
                [int(state as u64), time_or_null(not_before), int(u64::from(attempted)), time_or_null(first)];
            tx.run_in(reopen, &before, &keys).await?;
        }
        Ok(())
    }
}

/// Returns claimed tasks; a claim that is not current changes nothing.
pub(super) async fn give_back(
    tx: &Session,
    worker: &WorkerId,
    tasks: &[GiveBack],
    now: Timestamp,
) -> Result<()> {
    let held = held(tx, worker, tasks.iter().map(|task| task.id)).await?;
    let mut reopened = Reopened::default();
    let mut seen = HashSet::new();
    for back in tasks {
        if let Some(task) = held.get(&back.id).filter(|held| held.under(back.claim) && seen.insert(back.id)) {
            reopened.add(task.key, back.not_before, back.attempted);
        }
    }
    reopened.save(tx, now).await
}

/// The task with this key.
pub(super) async fn get(tx: &Session, key: u64) -> Result<Option<Task>> {
    let query = "SELECT l.source, l.kind, t.subject, t.priority, t.extra FROM @task t JOIN @lane l ON l.id = t.lane \
                 WHERE t.id = ?";
    let Some(row) = tx.one(query, vec![int(key)]).await? else { return Ok(None) };
    let (source, kind) = (row.text(0)?.into(), row.text(1)?.into());
    task(&source, &kind, row.text(2)?, row.small(3)?, row.text_or_null(4)?).map(Some)
}

#[cfg(test)]
mod tests {
    use collector_core::id::Id;

    use super::*;

    fn back(before: &Task) -> Task {
        let Value::String(extra) = extra(before).unwrap() else { panic!("not a text") };
        task(before.source(), before.kind(), before.subject().to_owned(), before.rank(), extra).unwrap()
    }

    #[test]
    fn a_task_is_read_back_as_it_was_written() {
        let plain = Task::new("s", "profile", "x").priority(-3);
        assert_eq!(extra(&plain).unwrap(), text_or_null(None), "a plain task needs its columns only");
        assert_eq!(back(&plain), plain);
        let full = Task::new("s", "page", "x")
            .per_run()
            .param("cursor", "a&b=1")
            .not_before(Timestamp::from_millis(5))
            .about(Id::new("k", "v"), "profile");
        assert_eq!(back(&full), full);
    }
}
