//! What every case needs: a fresh store with a worker and a run, and short words for long calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::clause::Clause;
use super::domain::{Seen, TestDomain};
use super::{Person, StoreHarness};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::{ClaimNo, Digest, Id, Name, RunId};
use crate::sink::{Change, Facts, Position};
use crate::store::{
    Claimed, Claims, Committed, Counts, DeadLetter, Enqueued, Fate, FinishedCall, FinishedTask, GiveBack,
    Known, LanePermit, Lookup, NoLookup, RunSpec, RunState, Settled, Store, Verdict, WorkerInfo,
};
use crate::task::{Cost, Malformed, Payload, Task};

/// The worker that every stage begins with.
pub(super) const W1: &str = "worker-1";
/// Another worker.
pub(super) const W2: &str = "worker-2";
/// A third one.
pub(super) const W3: &str = "worker-3";
/// How long a worker may be silent.
pub(super) const TTL: Duration = Duration::from_secs(30);
/// The freshness window of the first run.
pub(super) const HOUR: Duration = Duration::from_secs(3_600);
/// The source of most tasks.
pub(super) const SOURCE: &str = "src";
/// The kind of most tasks.
pub(super) const KIND: &str = "profile";
/// The kind of the tasks behind [`Stage::see`].
const OBSERVE: &str = "observe";

/// The moment `secs` seconds into the case: a midnight, so that windows of a day begin with it.
pub(super) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(19_675 * 86_400 + secs)
}

/// A task of the usual lane.
pub(super) fn profile(subject: &str) -> Task {
    Task::new(SOURCE, KIND, subject)
}

/// `count` tasks of the usual lane.
pub(super) fn profiles(count: usize) -> Vec<Task> {
    (0..count).map(|i| profile(&format!("p{i}"))).collect()
}

pub(super) fn lane(kind: &str, max: usize) -> LanePermit {
    LanePermit { source: SOURCE.into(), kind: kind.into(), max }
}

pub(super) fn worker(name: &str) -> WorkerInfo {
    WorkerInfo { id: name.into(), ttl: TTL }
}

/// What a settled change became.
pub(super) fn settled(change: &Change<Person>, fate: Fate) -> Settled {
    Settled { key: change.key(), version: change.version(), fate }
}

pub(super) fn stored() -> Fate {
    Fate::Stored(Facts::new())
}

pub(super) fn facts(name: &str, value: &str) -> Facts {
    Facts::from([(name.to_owned(), serde_json::Value::from(value))])
}

/// The subjects of claimed tasks, sorted.
pub(super) fn subjects(claimed: &[Claimed]) -> Vec<String> {
    let mut subjects: Vec<_> = claimed.iter().map(|claimed| claimed.task.subject().to_owned()).collect();
    subjects.sort();
    subjects
}

/// Tasks that are not answered yet, in whatever state.
pub(super) fn open_tasks(counts: &Counts) -> u64 {
    ["ready", "waiting", "claimed"].iter().map(|state| in_state(counts, state)).sum()
}

pub(super) fn in_state(counts: &Counts, state: &str) -> u64 {
    counts.tasks.get(state).copied().unwrap_or(0)
}

/// A finished call that can be built as often as wanted, to commit it twice.
#[derive(Debug, Clone)]
pub(super) struct Call {
    source: Name,
    tasks: Vec<FinishedTask>,
    payload: Option<Payload>,
    fingerprint: Digest,
    items: Vec<Seen>,
    follow_ups: Vec<Task>,
    malformed: Vec<Malformed>,
    cost: Cost,
    refund: Option<(Name, Timestamp, Cost)>,
}

impl Call {
    /// A call that answers all of these tasks with an empty answer, complete at `when`.
    pub(super) fn answering(claimed: &[Claimed], when: Timestamp) -> Self {
        let tasks =
            claimed.iter().map(|c| FinishedTask { claimed: c.clone(), verdict: Verdict::Done }).collect();
        let source =
            claimed.first().map_or_else(|| SOURCE.into(), |claimed| Arc::clone(claimed.task.source()));
        let body = claimed.first().map(|claimed| claimed.task.to_string()).unwrap_or_default();
        let fingerprint = Digest::of(body.as_bytes());
        Self {
            source,
            tasks,
            payload: Some(Payload::new(body, when)),
            fingerprint,
            items: Vec::new(),
            follow_ups: Vec::new(),
            malformed: Vec::new(),
            cost: Cost::none(),
            refund: None,
        }
    }

    /// With this answer, which its bytes tell apart from others.
    pub(super) fn body(mut self, body: impl Into<bytes::Bytes>) -> Self {
        let body = body.into();
        self.fingerprint = Digest::of(&body);
        if let Some(payload) = &mut self.payload {
            payload.body = body;
        }
        self
    }

    /// With this answer, whatever its bytes tell.
    pub(super) fn payload(mut self, payload: Payload) -> Self {
        self.payload = Some(payload);
        self
    }

    pub(super) fn without_answer(mut self) -> Self {
        self.payload = None;
        self
    }

    pub(super) fn fingerprint(mut self, of: &str) -> Self {
        self.fingerprint = Digest::of(of.as_bytes());
        self
    }

    /// With this verdict for every task.
    pub(super) fn verdict(mut self, verdict: &Verdict) -> Self {
        self.tasks.iter_mut().for_each(|task| task.verdict = verdict.clone());
        self
    }

    /// With this verdict for the task at `index`.
    pub(super) fn verdict_of(mut self, index: usize, verdict: Verdict) -> Self {
        if let Some(task) = self.tasks.get_mut(index) {
            task.verdict = verdict;
        }
        self
    }

    pub(super) fn items(mut self, items: impl IntoIterator<Item = Seen>) -> Self {
        self.items = items.into_iter().collect();
        self
    }

    pub(super) fn follow_ups(mut self, tasks: impl IntoIterator<Item = Task>) -> Self {
        self.follow_ups = tasks.into_iter().collect();
        self
    }

    pub(super) fn malformed(mut self, count: usize) -> Self {
        let part = |i| Malformed { part: format!("data[{i}]"), reason: "not a person".into() };
        self.malformed = (0..count).map(part).collect();
        self
    }

    pub(super) fn cost(mut self, cost: Cost) -> Self {
        self.cost = cost;
        self
    }

    pub(super) fn refund(mut self, account: &str, window: Timestamp, over: Cost) -> Self {
        self.refund = Some((account.into(), window, over));
        self
    }

    fn build(&self) -> FinishedCall<TestDomain> {
        FinishedCall {
            source: Arc::clone(&self.source),
            tasks: self.tasks.clone(),
            payload: self.payload.clone(),
            fingerprint: self.fingerprint,
            items: self.items.clone(),
            follow_ups: self.follow_ups.clone(),
            malformed: self.malformed.clone(),
            cost: self.cost,
            refund: self.refund.clone(),
        }
    }
}

/// A store with one worker and one run.
pub(super) struct Stage {
    pub(super) store: Arc<dyn Store<TestDomain>>,
    pub(super) run: RunId,
    serial: AtomicU64,
}

impl Stage {
    /// A fresh store, opened by [`W1`] at the beginning, with these sinks and a run with a window of an hour.
    pub(super) async fn new(harness: &dyn StoreHarness, sinks: &[&str]) -> Self {
        let store = harness.store().await;
        let mut stage = Self { store, run: RunId(0), serial: AtomicU64::new(0) };
        stage.open(W1, sinks, at(0)).await;
        stage.run = stage.begin("main", HOUR, at(0)).await;
        stage
    }

    pub(super) async fn open(&self, name: &str, sinks: &[&str], now: Timestamp) -> crate::store::Opened {
        let sinks: Vec<Name> = sinks.iter().map(|sink| Name::from(*sink)).collect();
        answered("open", self.store.open(&worker(name), &sinks, now).await)
    }

    pub(super) async fn begin(&self, key: &str, fresh_for: Duration, now: Timestamp) -> RunId {
        let spec = RunSpec { job: key.to_owned(), key: Digest::of(key.as_bytes()), fresh_for };
        answered("begin_run", self.store.begin_run(&spec, now).await).run
    }

    pub(super) async fn enqueue(&self, run: RunId, tasks: Vec<Task>, now: Timestamp) -> Vec<Enqueued> {
        answered("enqueue", self.store.enqueue(run, tasks, now).await)
    }

    /// Enqueues for the stage's run at the beginning.
    pub(super) async fn add(&self, tasks: Vec<Task>) -> Vec<Enqueued> {
        self.enqueue(self.run, tasks, at(0)).await
    }

    pub(super) async fn claims(&self, name: &str, permits: &[LanePermit], now: Timestamp) -> Claims {
        answered("claim", self.store.claim(&name.into(), permits, now).await)
    }

    /// Claims up to `max` tasks of the usual lane.
    pub(super) async fn claim(&self, name: &str, max: usize, now: Timestamp) -> Vec<Claimed> {
        self.claims(name, &[lane(KIND, max)], now).await.tasks
    }

    /// Adds one task of the usual lane and claims it.
    pub(super) async fn claimed(&self, subject: &str, clause: Clause) -> Claimed {
        self.add(vec![profile(subject)]).await;
        let mut tasks = self.claim(W1, 100, at(1)).await;
        tasks.retain(|claimed| claimed.task.subject() == subject);
        clause.some(format_args!("the added task `{subject}` can be claimed"), tasks.pop())
    }

    pub(super) async fn give_back(&self, name: &str, back: GiveBack, now: Timestamp) {
        answered("give_back", self.store.give_back(&name.into(), vec![back], now).await);
    }

    pub(super) async fn heartbeat(&self, name: &str, now: Timestamp) -> crate::store::Heartbeat {
        answered("heartbeat", self.store.heartbeat(&name.into(), now).await)
    }

    /// Commits one call as [`W1`].
    pub(super) async fn commit(&self, call: &Call, now: Timestamp) -> Committed {
        self.commit_as(W1, call, &NoLookup, now).await
    }

    pub(super) async fn commit_as(
        &self,
        name: &str,
        call: &Call,
        lookup: &dyn Lookup,
        now: Timestamp,
    ) -> Committed {
        answered("commit", self.try_commit(name, call, lookup, now).await)
    }

    pub(super) async fn try_commit(
        &self,
        name: &str,
        call: &Call,
        lookup: &dyn Lookup,
        now: Timestamp,
    ) -> Result<Committed> {
        self.store.commit(&name.into(), vec![call.build()], lookup, now).await
    }

    /// Commits a call of [`SOURCE`] that saw this, `secs` into the case.
    pub(super) async fn see(&self, seen: Seen, secs: i64) -> Committed {
        self.observe(SOURCE, vec![seen], at(secs), at(secs), &NoLookup).await
    }

    /// Commits a call of `source` whose answer of `seen_at` says `items`, for a task of its own.
    pub(super) async fn observe(
        &self,
        source: &str,
        items: Vec<Seen>,
        seen_at: Timestamp,
        now: Timestamp,
        lookup: &dyn Lookup,
    ) -> Committed {
        let subject = format!("call-{}", self.serial.fetch_add(1, Ordering::Relaxed));
        self.enqueue(self.run, vec![Task::new(source, OBSERVE, subject)], now).await;
        let permit = LanePermit { source: source.into(), kind: OBSERVE.into(), max: 1 };
        let claimed = self.claims(W1, &[permit], now).await.tasks;
        self.commit_as(W1, &Call::answering(&claimed, seen_at).items(items), lookup, now).await
    }

    pub(super) async fn take(
        &self,
        sink: &str,
        name: &str,
        max: usize,
        now: Timestamp,
    ) -> Vec<Change<Person>> {
        answered("take_pending", self.store.take_pending(sink, &name.into(), max, now).await)
    }

    pub(super) async fn settle(&self, sink: &str, settled: Vec<Settled>, now: Timestamp) {
        self.settle_at(sink, settled, None, now).await;
    }

    pub(super) async fn settle_at(
        &self,
        sink: &str,
        settled: Vec<Settled>,
        position: Option<Position>,
        now: Timestamp,
    ) {
        answered("settle", self.store.settle(sink, &W1.into(), settled, position, now).await);
    }

    /// Takes everything another worker can have for a sink and settles it as stored; gives the number.
    pub(super) async fn drain_as(&self, name: &str, sink: &str, now: Timestamp) -> usize {
        let taken = self.take(sink, name, 1_000, now).await;
        let outcomes = taken.iter().map(|change| settled(change, stored())).collect();
        answered("settle", self.store.settle(sink, &name.into(), outcomes, None, now).await);
        taken.len()
    }

    /// Takes everything owed to a sink and settles it as stored; gives what was taken.
    pub(super) async fn drain(&self, sink: &str, now: Timestamp) -> Vec<Change<Person>> {
        let taken = self.take(sink, W1, 1_000, now).await;
        self.settle(sink, taken.iter().map(|change| settled(change, stored())).collect(), now).await;
        taken
    }

    pub(super) async fn counts(&self) -> Counts {
        answered("counts", self.store.counts().await)
    }

    pub(super) async fn find(&self, id: &Id) -> Option<Known<TestDomain>> {
        answered("find", self.store.find(id).await)
    }

    /// What is known under this identity, or a failure of `clause`.
    pub(super) async fn known(&self, id: &Id, clause: Clause) -> Known<TestDomain> {
        clause.some(format_args!("a committed sighting of {id} can be found"), self.find(id).await)
    }

    pub(super) async fn run_state(&self, run: RunId, clause: Clause) -> RunState {
        clause.some("a run that was begun is known", answered("run", self.store.run(run).await))
    }

    pub(super) async fn dead_letters(&self) -> Vec<DeadLetter> {
        answered("dead_letters", self.store.dead_letters(1_000).await)
    }

    /// Fails unless every sink's balance and the run's own hold.
    pub(super) async fn balanced(&self, clause: Clause) {
        let counts = self.counts().await;
        for (sink, balance) in &counts.sinks {
            let what = format_args!("for sink `{sink}` wanted = stored + superseded + rejected + pending");
            clause.holds(what, balance.balances(), balance);
        }
        let run = self.run_state(self.run, clause).await.counts;
        let sum = run.changed + run.unchanged + run.malformed;
        clause.same("items = changed + unchanged + malformed", run.items, sum);
    }
}

/// The answer of a store method that has no reason to fail.
#[track_caller]
pub(super) fn answered<T>(method: &str, result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("Store::{method} failed where the contract asks for an answer: {error:?}"),
    }
}

/// A task that goes back under the claim it was given.
pub(super) fn back(claimed: &Claimed, not_before: Option<Timestamp>, attempted: bool) -> GiveBack {
    GiveBack { id: claimed.id, claim: claimed.claim, not_before, attempted }
}

/// The claim numbers of claimed tasks.
pub(super) fn claim_numbers(claimed: &[Claimed]) -> Vec<ClaimNo> {
    claimed.iter().map(|claimed| claimed.claim).collect()
}
