//! Tasks: adding, claiming, giving back.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use collector_core::clock::Timestamp;
use collector_core::error::Result;
use collector_core::id::{ClaimNo, RunId, TaskId};
use collector_core::store::{Claimed, Claims, Enqueued, GiveBack, LanePermit, WorkerId};
use collector_core::task::{Scope, Target, Task};
use sea_orm::Value;
use serde::{Deserialize, Serialize};

use super::counters::Counter;
use super::error::unreadable;
use super::session::{
    Row, Session, from_json, hash, int, int_or_null, ints, json, signed, text, text_or_null, time, time_or_null,
};
use super::sides::Sides;
use super::statements::Insert;
use super::write::{Write, worker_id};
use super::{runs, workers};

const OPEN: Insert = Insert {
    table: "task",
    columns: &[
        "id", "hash", "lane", "run", "state", "priority", "not_before", "attempts", "first_attempt", "depth", "worker",
        "claim", "subject", "extra", "finished_at",
    ],
    key: &["id"],
    update: &[
        "lane", "run", "state", "priority", "not_before", "attempts", "first_attempt", "depth", "worker", "claim",
        "subject", "extra", "finished_at",
    ],
};

const JOIN: Insert = Insert { table: "run_task", columns: &["task", "run"], key: &["task", "run"], update: &[] };

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
        all.into_iter().find(|state| *state as u64 == number).ok_or_else(|| unreadable("a task's state", number))
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

fn extra(task: &Task) -> Result<Value> {
    let extra = Extra {
        params: task.params().clone(),
        per_run: task.scope() == Scope::Run,
        not_before: task.earliest(),
        target: task.target().cloned(),
    };
    if extra == Extra::default() { Ok(text_or_null(None)) } else { json(&extra) }
}

fn task(source: &Arc<str>, kind: &Arc<str>, subject: String, priority: i16, extra: Option<String>) -> Result<Task> {
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

/// What became of an added task, as its run counts it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Added {
    New,
    JoinedNow,
    JoinedBefore,
    Fresh,
    /// Answered or given up by this very run.
    AnsweredHere,
}

impl From<Added> for Enqueued {
    fn from(added: Added) -> Self {
        match added {
            Added::New => Self::New,
            Added::JoinedNow | Added::JoinedBefore => Self::Joined,
            Added::Fresh | Added::AnsweredHere => Self::Fresh,
        }
    }
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
    let (mut opened, mut joined, mut reopened) = (Vec::new(), Vec::new(), Vec::new());
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
                let key = before.map_or_else(|| write.counters.next(Counter::TaskKey), |before| before.id);
                opened.push(open(write, key, id, &ask, now)?);
                let row = Known { id: key, run: ask.run, state: State::Ready, finished_at: None, joined: Vec::new() };
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
    write.tx.insert(&OPEN, opened).await?;
    write.tx.insert(&JOIN, joined).await?;
    Ok(answers)
}

async fn load_known(tx: &Session, ids: &[TaskId]) -> Result<HashMap<TaskId, Known>> {
    let mut hashes: Vec<TaskId> = ids.to_vec();
    hashes.sort_unstable();
    hashes.dedup();
    let hashes: Vec<Value> = hashes.into_iter().map(|id| hash(id.0)).collect();
    let query = "SELECT hash, id, run, state, finished_at FROM @task WHERE hash IN (?*)";
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
            State::Done | State::Absent if known.finished_at.is_some_and(|at| at > fresh_after) => return Added::Fresh,
            State::Done | State::Absent | State::Dead => {}
        }
    }
    let target = ask.task.target();
    let fresh = !ask.again && target.is_some_and(|target| sighted.since(ask.task.source(), target, fresh_after));
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
    at: HashMap<([u8; 16], u64), Timestamp>,
}

impl Sighted {
    async fn load(tx: &Session, targets: impl Iterator<Item = &Target>) -> Result<Self> {
        let hashes: HashSet<[u8; 16]> = targets.map(|target| target.id.hash().0).collect();
        if hashes.is_empty() {
            return Ok(Self { sides: None, at: HashMap::new() });
        }
        let hashes: Vec<Value> = hashes.into_iter().map(hash).collect();
        let query = "SELECT a.hash, s.side, s.seen_at FROM @alias a JOIN @sighting s ON s.entity = a.entity \
                     WHERE a.hash IN (?*)";
        let rows = tx.rows_in(query, &[], &hashes).await?;
        let at = rows.iter().map(|row| Ok(((row.hash(0)?, row.int(1)?), row.time(2)?))).collect::<Result<_>>()?;
        Ok(Self { sides: Some(Sides::load(tx).await?), at })
    }

    fn since(&self, source: &str, target: &Target, after: Timestamp) -> bool {
        let side = self.sides.as_ref().and_then(|sides| sides.find(source, &target.aspect));
        let at = side.and_then(|side| self.at.get(&(target.id.hash().0, side)));
        at.is_some_and(|at| *at > after)
    }
}

/// Claims open tasks, lane by lane.
pub(super) async fn claim(
    write: &mut Write,
    worker: &WorkerId,
    permits: &[LanePermit],
    now: Timestamp,
) -> Result<Claims> {
    let worker = workers::acting(write, worker, now).await?;
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
                let number = *number.get_or_insert_with(|| write.counters.next(Counter::Claim));
                take(write, lane, worker, number, rows, &mut claims).await?;
            }
        }
        let next = next_at(&write.tx, lane).await?;
        claims.next_at = claims.next_at.into_iter().chain(next).min();
    }
    Ok(claims)
}

async fn promote(tx: &Session, lane: u64, now: Timestamp) -> Result<()> {
    let due = "UPDATE @task SET state = 0 WHERE state = 1 AND lane = ? AND not_before <= ?";
    tx.run(due, vec![int(lane), time(now)]).await
}

async fn ready(tx: &Session, lane: u64, max: usize) -> Result<Vec<Row>> {
    let query = "SELECT id, hash, run, priority, attempts, first_attempt, depth, subject, extra FROM @task \
                 WHERE state = 0 AND lane = ? ORDER BY priority DESC, id LIMIT ?";
    tx.rows(query, vec![int(lane), int(max as u64)]).await
}

async fn next_at(tx: &Session, lane: u64) -> Result<Option<Timestamp>> {
    let query = "SELECT MIN(not_before) FROM @task WHERE state = 1 AND lane = ?";
    tx.one(query, vec![int(lane)]).await?.map_or(Ok(None), |row| row.time_or_null(0))
}

async fn take(write: &Write, lane: u64, worker: u64, number: u64, rows: Vec<Row>, claims: &mut Claims) -> Result<()> {
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
pub(super) async fn held(tx: &Session, worker: &WorkerId, ids: impl Iterator<Item = TaskId>) -> Result<HashMap<TaskId, Held>> {
    let Some(worker) = worker_id(tx, worker).await? else { return Ok(HashMap::new()) };
    let ids: Vec<Value> = ids.map(|id| hash(id.0)).collect();
    let query = "SELECT hash, id, lane, run, claim FROM @task WHERE state = 2 AND worker = ? AND hash IN (?*)";
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
            let before = [int(state as u64), time_or_null(not_before), int(u64::from(attempted)), time_or_null(first)];
            tx.run_in(reopen, &before, &keys).await?;
        }
        Ok(())
    }
}

/// Returns claimed tasks; a claim that is not current changes nothing.
pub(super) async fn give_back(tx: &Session, worker: &WorkerId, tasks: Vec<GiveBack>, now: Timestamp) -> Result<()> {
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
