//! A store and a lock that can be slow, silent or down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use collector_core::clock::Timestamp;
use collector_core::domain::{Day, Domain};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::{DeadId, Id, Ids, Name, PayloadId, RecordKey, RunId};
use collector_core::lock::{Acquired, Lease, LeaseOptions, Lock, LockKey, MemoryLock, Released, Renewed};
use collector_core::sink::{Change, Position};
use collector_core::store::{
    Begun, Budget, Claims, Committed, Counts, DeadLetter, Enqueued, Erased, Expired, Fill, FinishedCall,
    Fired, Firing, GiveBack, Heartbeat, KeptAnswer, Known, LanePermit, ListInfo, ListMember, Lookup,
    MemoryStore, Opened, Parked, Place, ReadAgain, Reserved, Retention, RunEnd, RunSpec, RunState,
    ScheduleState, Served, Server, Settled, SlotRow, Stale, Store, StoredPayload, Tidied, Waiting, WorkerId,
    WorkerInfo,
};
use collector_core::task::{Cost, Task};
use tokio::sync::watch;

/// A gate before and behind every call; shut, nothing gets in or out, as with a machine that stands still.
#[derive(Clone)]
pub(crate) struct Gate {
    shut: watch::Sender<bool>,
    down: Arc<AtomicBool>,
    takes: Duration,
    /// The only method that takes that long, if not all do.
    only: Option<&'static str>,
    /// A method that panics.
    panics: Option<&'static str>,
}

impl Gate {
    pub(crate) fn open() -> Self {
        Self {
            shut: watch::Sender::new(false),
            down: Arc::default(),
            takes: Duration::ZERO,
            only: None,
            panics: None,
        }
    }

    /// Makes every call take this long.
    pub(crate) fn takes(mut self, time: Duration) -> Self {
        self.takes = time;
        self
    }

    /// Lets only this method take its time.
    pub(crate) fn only(mut self, method: &'static str) -> Self {
        self.only = Some(method);
        self
    }

    /// Makes this method panic.
    pub(crate) fn panics_in(mut self, method: &'static str) -> Self {
        self.panics = Some(method);
        self
    }

    pub(crate) fn shut(&self, shut: bool) {
        self.shut.send_replace(shut);
    }

    /// Lets every call fail.
    pub(crate) fn down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    pub(crate) async fn through<T>(&self, method: &str, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.pass().await;
        if self.down.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "scripted outage"));
        }
        assert!(self.panics != Some(method), "scripted panic in {method}");
        let answer = call.await;
        if !self.takes.is_zero() && self.only.is_none_or(|only| only == method) {
            tokio::time::sleep(self.takes).await;
        }
        self.pass().await;
        answer
    }

    async fn pass(&self) {
        let mut shut = self.shut.subscribe();
        shut.wait_for(|shut| !shut).await.unwrap();
    }
}

/// A [`MemoryLock`] behind a gate.
#[derive(Clone)]
pub(crate) struct GatedLock(pub(crate) MemoryLock, pub(crate) Gate);

#[async_trait]
impl Lock for GatedLock {
    async fn try_acquire_many(&self, keys: &[LockKey], options: LeaseOptions) -> Result<Vec<Acquired>> {
        self.1.through("try_acquire_many", self.0.try_acquire_many(keys, options)).await
    }

    async fn renew_many(&self, leases: &[Lease]) -> Result<Vec<Renewed>> {
        self.1.through("renew_many", self.0.renew_many(leases)).await
    }

    async fn release_many(&self, leases: Vec<Lease>) -> Result<Vec<Released>> {
        self.1.through("release_many", self.0.release_many(leases)).await
    }
}

/// A [`MemoryStore`] behind a gate.
#[derive(Clone)]
pub(crate) struct GatedStore<D: Domain>(pub(crate) MemoryStore<D>, pub(crate) Gate);

macro_rules! gated {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl<D: Domain> Store<D> for GatedStore<D> {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$answer> {
                self.1.through(stringify!($name), self.0.$name($($arg),*)).await
            })*
        }
    };
}

gated! {
    open(worker: &WorkerInfo, sinks: &[Name], now: Timestamp) -> Opened;
    close(worker: &WorkerId) -> ();
    begin_run(spec: &RunSpec, now: Timestamp) -> Begun;
    end_run(run: RunId, end: RunEnd, now: Timestamp) -> ();
    run(run: RunId) -> Option<RunState>;
    enqueue(run: RunId, tasks: Vec<Task>, now: Timestamp) -> Vec<Enqueued>;
    claim(worker: &WorkerId, permits: &[LanePermit], now: Timestamp) -> Claims;
    heartbeat(worker: &WorkerId, now: Timestamp) -> Heartbeat;
    waits(worker: &WorkerId, waiting: Option<&Waiting>) -> ();
    give_back(worker: &WorkerId, tasks: Vec<GiveBack>, now: Timestamp) -> ();
    commit(worker: &WorkerId, calls: Vec<FinishedCall<D>>, lookup: &dyn Lookup, now: Timestamp) -> Committed;
    take_pending(sink: &str, worker: &WorkerId, max: usize, now: Timestamp) -> Vec<Change<D::Entity>>;
    settle(sink: &str, worker: &WorkerId, settled: Vec<Settled>, position: Option<Position>, now: Timestamp) -> ();
    reserve(budget: &Budget, cost: Cost, now: Timestamp) -> Reserved;
    settle_cost(account: &str, window: Timestamp, over: Cost) -> ();
    park(park: &Parked) -> ();
    unpark(account: &str) -> ();
    revive(dead: &[DeadId], now: Timestamp) -> u64;
    parked() -> Vec<Parked>;
    counts() -> Counts;
    find(id: &Id) -> Option<Known<D>>;
    ids(key: RecordKey) -> Option<Ids>;
    dead_letters(max: usize) -> Vec<DeadLetter>;
    payload(id: PayloadId) -> Option<StoredPayload>;
    discard(dead: &[DeadId]) -> u64;
    put_list(name: &str, members: &[Ids], now: Timestamp) -> ();
    lists() -> Vec<ListInfo>;
    list(name: &str) -> Option<Vec<ListMember>>;
    owners(ids: &[Id]) -> Vec<Option<RecordKey>>;
    keys(after: Option<RecordKey>, max: usize) -> Vec<RecordKey>;
    known(keys: &[RecordKey]) -> Vec<Known<D>>;
    answers(source: Option<&str>, after: Option<PayloadId>, max: usize) -> Vec<KeptAnswer>;
    read_again(worker: &WorkerId, answers: Vec<ReadAgain<D>>, note: Option<(&str, &str)>, now: Timestamp) -> Committed;
    note(name: &str) -> Option<String>;
    put_note(name: &str, text: Option<&str>) -> ();
    add_fills(fills: &[Fill]) -> ();
    fills(since: i32) -> Vec<Fill>;
    forget_fills(source: &str) -> ();
    expire(worker: &WorkerId, what: (&str, Timestamp), place: Place, now: Timestamp) -> Expired;
    erase(worker: &WorkerId, ids: &Ids, now: Timestamp) -> Erased;
    history(key: RecordKey) -> Vec<Day>;
    stale(side: (&str, &str), before: Timestamp, after: Option<(Timestamp, RecordKey)>, max: usize) -> Vec<Stale>;
    tidy(keep: &Retention, now: Timestamp) -> Tidied;
    enlist(server: &Server, schedules: &[Served], now: Timestamp) -> bool;
    schedules() -> Vec<ScheduleState>;
    fire(server: &WorkerId, firing: &Firing, now: Timestamp) -> Fired;
    pause_schedule(name: &str, paused: bool, now: Timestamp) -> bool;
    slots(schedule: &str, max: usize) -> Vec<SlotRow>;
}
