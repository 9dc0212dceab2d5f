//! Adding tasks: new, joined, or fresh.

use std::collections::{BTreeSet, HashMap};

use collector_core::clock::Timestamp;
use collector_core::error::Result;
use collector_core::id::{IdHash, RecordKey, RunId, TaskId};
use collector_core::store::{Added, Enqueued};
use collector_core::task::{Target, Task};
use sea_orm::Value;

use super::counters::Counter;
use super::session::Session;
use super::sides::Sides;
use super::statements::Insert;
use super::tasks::{State, extra};
use super::values::{hash, int, int_or_null, ints, signed, text, time_or_null};
use super::write::Write;
use super::{aliases, runs};

const COLUMNS: &[&str] = &[
    "id",
    "hash",
    "lane",
    "run",
    "state",
    "priority",
    "not_before",
    "attempts",
    "first_attempt",
    "depth",
    "worker",
    "claim",
    "subject",
    "extra",
    "finished_at",
];

/// Refused when somebody else added the task meanwhile: then it is not new.
const FIRST: Insert = Insert { table: "task", columns: COLUMNS, key: &[], update: &[] };

const OPEN: Insert = Insert {
    table: "task",
    columns: COLUMNS,
    key: &["id"],
    // Opened again it is another task in everything but its number and its hash.
    update: COLUMNS.split_at(2).1,
};

const JOIN: Insert =
    Insert { table: "run_task", columns: &["task", "run"], key: &["task", "run"], update: &[] };

/// A task that somebody wants for a run.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) run: RunId,
    pub(super) depth: u32,
    /// Whether it begins again although it was answered.
    pub(super) again: bool,
    pub(super) task: Task,
}

struct Known {
    id: u64,
    run: RunId,
    state: State,
    finished_at: Option<Timestamp>,
    joined: Vec<RunId>,
}

/// Adds tasks. Those of an unknown run are left out and called fresh.
pub(super) async fn enqueue(write: &mut Write, asks: Vec<Ask>, now: Timestamp) -> Result<Vec<Enqueued>> {
    if asks.is_empty() {
        return Ok(Vec::new());
    }
    let windows = runs::windows(&write.tx, asks.iter().map(|ask| ask.run)).await?;
    let ids: Vec<TaskId> = asks.iter().map(|ask| ask.task.id(ask.run)).collect();
    let mut known = load_known(&write.tx, &ids).await?;
    let sighted = Sighted::load(&write.tx, asks.iter().filter_map(|ask| ask.task.target())).await?;
    let mut answers = Vec::with_capacity(asks.len());
    let (mut opened, mut joined, mut reopened) = (Opened::default(), Vec::new(), Vec::new());
    for (ask, id) in asks.into_iter().zip(ids) {
        let Some(window) = windows.get(&ask.run) else {
            answers.push(Enqueued::Fresh);
            continue;
        };
        let added = decide(known.get(&id), &ask, now - *window, &sighted);
        count(write, ask.run, added);
        match (added, known.get_mut(&id)) {
            (Added::New, before) => {
                if let Some(before) = &before {
                    reopened.push(int(before.id));
                    if let Some(counter) = before.state.counter() {
                        write.counters.take(counter, 1);
                    }
                }
                let is_new = before.is_none();
                let key = before.map_or_else(|| write.counters.next(Counter::TaskKey), |before| before.id);
                opened.add(id, is_new, open(write, key, id, &ask, now)?);
                let row = Known {
                    id: key,
                    run: ask.run,
                    state: State::Ready,
                    finished_at: None,
                    joined: Vec::new(),
                };
                known.insert(id, row);
            }
            (Added::JoinedNow, Some(row)) => {
                row.joined.push(ask.run);
                joined.push([int(row.id), int(ask.run.0)]);
            }
            _ => {}
        }
        answers.push(added.into());
    }
    write.tx.run_in("DELETE FROM @run_task WHERE task IN (?*)", &[], &reopened).await?;
    opened.save(&write.tx).await?;
    write.tx.insert(&JOIN, joined).await?;
    Ok(answers)
}

/// Rows of opened tasks.
#[derive(Default)]
struct Opened {
    new: Vec<(TaskId, [Value; 15])>,
    again: Vec<(TaskId, [Value; 15])>,
}

impl Opened {
    fn add(&mut self, id: TaskId, is_new: bool, row: [Value; 15]) {
        let rows = if is_new { &mut self.new } else { &mut self.again };
        rows.push((id, row));
    }

    async fn save(mut self, tx: &Session) -> Result<()> {
        if tx.dialect().is_shared() {
            // In one order, so that two that add the same tasks do not wait for each other.
            self.new.sort_unstable_by_key(|(id, _)| *id);
            tx.insert(&FIRST, rows(self.new)).await?;
            return tx.insert(&OPEN, rows(self.again)).await;
        }
        self.new.append(&mut self.again);
        tx.insert(&OPEN, rows(self.new)).await
    }
}

fn rows(opened: Vec<(TaskId, [Value; 15])>) -> Vec<[Value; 15]> {
    opened.into_iter().map(|(_, row)| row).collect()
}

async fn load_known(tx: &Session, ids: &[TaskId]) -> Result<HashMap<TaskId, Known>> {
    let mut hashes: Vec<TaskId> = ids.to_vec();
    hashes.sort_unstable();
    hashes.dedup();
    let hashes: Vec<Value> = hashes.into_iter().map(|id| hash(id.0)).collect();
    let query =
        "SELECT hash, id, run, state, finished_at FROM @task{index hash} WHERE hash IN (?*){lock hash}";
    let mut known = HashMap::new();
    let mut by_key = HashMap::new();
    for row in tx.rows_in(query, &[], &hashes).await? {
        let (hash, id) = (TaskId(row.hash(0)?), row.int(1)?);
        let (run, state) = (RunId(row.int(2)?), State::of(row.int(3)?)?);
        by_key.insert(id, hash);
        known.insert(hash, Known { id, run, state, finished_at: row.time_or_null(4)?, joined: Vec::new() });
    }
    let keys = ints(by_key.keys().copied());
    for row in tx.rows_in("SELECT task, run FROM @run_task WHERE task IN (?*)", &[], &keys).await? {
        let known = by_key.get(&row.int(0)?).and_then(|hash| known.get_mut(hash));
        if let Some(known) = known {
            known.joined.push(RunId(row.int(1)?));
        }
    }
    Ok(known)
}

fn decide(known: Option<&Known>, ask: &Ask, fresh_after: Timestamp, sighted: &Sighted) -> Added {
    if let Some(known) = known {
        let waits = known.run == ask.run || known.joined.contains(&ask.run);
        match known.state {
            State::Ready | State::Waiting | State::Claimed => {
                return if waits { Added::JoinedBefore } else { Added::JoinedNow };
            }
            _ if ask.again => return Added::New,
            _ if waits => return Added::AnsweredHere,
            State::Done | State::Absent if known.finished_at.is_some_and(|at| at > fresh_after) => {
                return Added::Fresh;
            }
            State::Done | State::Absent | State::Dead => {}
        }
    }
    let target = ask.task.target();
    let fresh =
        !ask.again && target.is_some_and(|target| sighted.since(ask.task.source(), target, fresh_after));
    if fresh { Added::Fresh } else { Added::New }
}

fn count(write: &mut Write, run: RunId, added: Added) {
    let books = write.runs.of(run);
    match added {
        Added::New | Added::JoinedNow => {
            books.open += 1;
            books.counts.tasks += 1;
        }
        Added::Fresh => books.counts.fresh += 1,
        Added::JoinedBefore | Added::AnsweredHere => {}
    }
}

fn open(write: &mut Write, key: u64, id: TaskId, ask: &Ask, now: Timestamp) -> Result<[Value; 15]> {
    let lane = write.lanes.find_or_add(ask.task.source(), ask.task.kind());
    write.lanes.count(lane, 1);
    let not_before = ask.task.earliest().filter(|at| *at > now);
    let state = if not_before.is_some() { State::Waiting } else { State::Ready };
    let nothing = || int_or_null(None);
    Ok([
        int(key),
        hash(id.0),
        int(lane),
        int(ask.run.0),
        int(state as u64),
        signed(i64::from(ask.task.rank())),
        time_or_null(not_before),
        int(0),
        nothing(),
        int(u64::from(ask.depth)),
        nothing(),
        nothing(),
        text(ask.task.subject()),
        extra(&ask.task)?,
        nothing(),
    ])
}

/// When the targets of some tasks were last sighted.
struct Sighted {
    sides: Option<Sides>,
    owners: HashMap<IdHash, RecordKey>,
    at: HashMap<(RecordKey, u64), Timestamp>,
}

impl Sighted {
    async fn load(tx: &Session, targets: impl Iterator<Item = &Target>) -> Result<Self> {
        let ids: BTreeSet<IdHash> = targets.map(|target| target.id.hash()).collect();
        let ids: Vec<IdHash> = ids.into_iter().collect();
        let owners: HashMap<IdHash, RecordKey> = aliases::owners(tx, &ids).await?.into_iter().collect();
        if owners.is_empty() {
            return Ok(Self { sides: None, owners, at: HashMap::new() });
        }
        let keys = ints(owners.values().map(|key| key.0));
        let from = "FROM @sighting WHERE entity IN (?*)";
        let seen: Vec<(u64, u64, i64)> = tx.packed_in(&["entity", "side", "seen_at"], from, &keys).await?;
        let at = seen.into_iter().map(|(key, side, at)| ((RecordKey(key), side), Timestamp::from_millis(at)));
        Ok(Self { sides: Some(Sides::load(tx).await?), owners, at: at.collect() })
    }

    fn since(&self, source: &str, target: &Target, after: Timestamp) -> bool {
        let seen = || {
            let owner = self.owners.get(&target.id.hash())?;
            let side = self.sides.as_ref()?.find(source, &target.aspect)?;
            self.at.get(&(*owner, side))
        };
        seen().is_some_and(|at| *at > after)
    }
}
