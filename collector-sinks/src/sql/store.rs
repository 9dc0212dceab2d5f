//! [`SqlStore`]: the store of record, method by method.

use std::sync::Arc;

use async_trait::async_trait;
use collector_core::clock::Timestamp;
use collector_core::domain::Domain;
use collector_core::error::Result;
use collector_core::id::{DeadId, Id, Ids, Name, PayloadId, RecordKey, RunId};
use collector_core::sink::{Change, Position};
use collector_core::store::{
    Begun, Budget, Claims, Committed, Counts, DeadLetter, Enqueued, FinishedCall, GiveBack, Heartbeat, Known,
    LanePermit, ListInfo, ListMember, Lookup, Opened, Parked, Reserved, RunEnd, RunSpec, RunState, Settled,
    Store, StoredPayload, WorkerId, WorkerInfo,
};
use collector_core::task::{Cost, Task};
use tokio::sync::Mutex;

use super::config::SqlConfig;
use super::database::Database;
use super::enqueue::Ask;
use super::owed::{Doubt, Flight, Owed};
use super::workers::TakenOver;
use super::write::Write;
use super::{
    budgets, cancel, claim, commit, dead, enqueue, lists, payloads, read, runs, settle, take, tasks, workers,
};

/// The store of record in one SQLite file. See the [module page](super).
pub struct SqlStore<D: Domain> {
    database: Database,
    domain: Arc<D>,
    owed: Owed<D::Entity>,
    /// Held from the end of a commit's transaction until `owed` knows of it, so that it hears of versions in order.
    handing_over: Mutex<()>,
}

impl<D: Domain> std::fmt::Debug for SqlStore<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlStore").field("database", &self.database).finish_non_exhaustive()
    }
}

impl<D: Domain> SqlStore<D> {
    /// Opens the store for writing; makes the file, or brings it to the newest schema, when that is needed.
    ///
    /// # Errors
    /// `Storage` when another process writes to the file (the message says which one), when it cannot be opened or
    /// made, is no database, or has a newer schema. `ConfigInvalid` for values that cannot be used.
    pub async fn open(config: &SqlConfig, domain: Arc<D>) -> Result<Self> {
        Ok(Self::over(Database::open(config).await?, domain))
    }

    /// Opens the store for reading, also beside a process that writes. Methods that change something fail with
    /// `Storage`.
    ///
    /// # Errors
    /// `Storage` when there is no such file, when it is no database, or has another schema. `ConfigInvalid` for
    /// values that cannot be used.
    pub async fn open_reader(config: &SqlConfig, domain: Arc<D>) -> Result<Self> {
        Ok(Self::over(Database::open_reader(config).await?, domain))
    }

    fn over(database: Database, domain: Arc<D>) -> Self {
        Self { database, domain, owed: Owed::default(), handing_over: Mutex::new(()) }
    }

    fn taken_over(&self, taken: &TakenOver) {
        taken.dead.iter().for_each(|worker| self.owed.forget(*worker));
        self.owed.rescan();
    }
}

#[async_trait]
impl<D: Domain> Store<D> for SqlStore<D> {
    async fn open(&self, worker: &WorkerInfo, sinks: &[Name], now: Timestamp) -> Result<Opened> {
        let mut write = Write::begin(&self.database).await?;
        let (opened, taken) = workers::open(&mut write, worker, sinks, now).await?;
        write.commit().await?;
        self.taken_over(&taken);
        Ok(opened)
    }

    async fn close(&self, worker: &WorkerId) -> Result<()> {
        let mut write = Write::begin(&self.database).await?;
        let closed = workers::close(&mut write, worker).await?;
        write.commit().await?;
        if let Some((id, last)) = closed {
            self.owed.forget(id);
            if last {
                self.database.checkpoint().await?;
            }
        }
        Ok(())
    }

    async fn begin_run(&self, spec: &RunSpec, now: Timestamp) -> Result<Begun> {
        let mut write = Write::begin(&self.database).await?;
        let begun = runs::begin(&write.tx, &mut write.counters, spec, now).await?;
        write.commit().await?;
        Ok(begun)
    }

    async fn end_run(&self, run: RunId, end: RunEnd, now: Timestamp) -> Result<()> {
        let mut write = Write::begin(&self.database).await?;
        match end {
            RunEnd::Complete | RunEnd::Partial => runs::end(&write.tx, run, end, now).await?,
            RunEnd::Cancelled => cancel::cancel(&mut write, run, now).await?,
        }
        write.commit().await
    }

    async fn run(&self, run: RunId) -> Result<Option<RunState>> {
        runs::state(&self.database.read().await?, run).await
    }

    async fn enqueue(&self, run: RunId, tasks: Vec<Task>, now: Timestamp) -> Result<Vec<Enqueued>> {
        let mut write = Write::begin(&self.database).await?;
        let asks = tasks.into_iter().map(|task| Ask { run, depth: 0, again: false, task }).collect();
        let answers = enqueue::enqueue(&mut write, asks, now).await?;
        write.commit().await?;
        Ok(answers)
    }

    async fn claim(&self, worker: &WorkerId, permits: &[LanePermit], now: Timestamp) -> Result<Claims> {
        let mut write = Write::begin(&self.database).await?;
        let claims = claim::claim(&mut write, worker, permits, now).await?;
        write.commit().await?;
        Ok(claims)
    }

    async fn heartbeat(&self, worker: &WorkerId, now: Timestamp) -> Result<Heartbeat> {
        let mut write = Write::begin(&self.database).await?;
        let (was_dead, taken) = workers::beat(&mut write, worker, now).await?;
        write.commit().await?;
        self.taken_over(&taken);
        Ok(Heartbeat { was_dead, taken_over: taken.claims })
    }

    async fn give_back(&self, worker: &WorkerId, tasks: Vec<GiveBack>, now: Timestamp) -> Result<()> {
        let tx = self.database.write().await?;
        tasks::give_back(&tx, worker, tasks, now).await?;
        tx.commit().await
    }

    async fn commit(
        &self,
        worker: &WorkerId,
        calls: Vec<FinishedCall<D>>,
        lookup: &dyn Lookup,
        now: Timestamp,
    ) -> Result<Committed> {
        let doubt = Doubt::about(&self.owed);
        let handing_over = &self.handing_over;
        let outcome =
            commit::commit(&self.database, handing_over, &*self.domain, worker, calls, lookup, now).await?;
        for (key, change) in &outcome.changes {
            self.owed.add(outcome.owner, outcome.mask, *key, Some(change));
        }
        doubt.clear();
        Ok(outcome.committed)
    }

    async fn take_pending(
        &self,
        sink: &str,
        worker: &WorkerId,
        max: usize,
        now: Timestamp,
    ) -> Result<Vec<Change<D::Entity>>> {
        take::take(&self.database, &*self.domain, &self.owed, (worker, sink), max, now).await
    }

    async fn settle(
        &self,
        sink: &str,
        worker: &WorkerId,
        settled: Vec<Settled>,
        position: Option<Position>,
        now: Timestamp,
    ) -> Result<()> {
        let keys = settled.iter().map(|settled| settled.key.0).collect();
        let parties = self.owed.parties(worker, sink);
        let flight = Flight::of(&self.owed, parties, keys);
        let doubt = Doubt::about(&self.owed);
        let mut write = Write::begin(&self.database).await?;
        let effects = settle::settle(&mut write, sink, settled, position.as_ref(), now).await?;
        if let Some(run) = runs::newest(&write.tx).await?.filter(|_| !effects.ask.is_empty()) {
            let asks = effects.ask.into_iter().map(|task| Ask { run, depth: 0, again: true, task }).collect();
            enqueue::enqueue(&mut write, asks, now).await?;
        }
        write.commit().await?;
        for (owner, key) in effects.raised {
            self.owed.add(owner, u64::MAX, key, None);
        }
        if let (Some(parties), Some(until)) = (parties, effects.postponed) {
            self.owed.postponed(parties, until);
        }
        flight.landed();
        doubt.clear();
        Ok(())
    }

    async fn reserve(&self, budget: &Budget, cost: Cost, now: Timestamp) -> Result<Reserved> {
        let tx = self.database.write().await?;
        let reserved = budgets::reserve(&tx, budget, cost, now).await?;
        tx.commit().await?;
        Ok(reserved)
    }

    async fn settle_cost(&self, account: &str, window: Timestamp, over: Cost) -> Result<()> {
        let tx = self.database.write().await?;
        budgets::give_back(&tx, account, window, over).await?;
        tx.commit().await
    }

    async fn park(&self, park: &Parked) -> Result<()> {
        let tx = self.database.write().await?;
        budgets::park(&tx, park).await?;
        tx.commit().await
    }

    async fn unpark(&self, account: &str) -> Result<()> {
        let tx = self.database.write().await?;
        budgets::unpark(&tx, account).await?;
        tx.commit().await
    }

    async fn revive(&self, dead: &[DeadId], _now: Timestamp) -> Result<u64> {
        let mut write = Write::begin(&self.database).await?;
        let revived = dead::revive(&mut write, dead).await?;
        write.commit().await?;
        Ok(revived)
    }

    async fn discard(&self, dead: &[DeadId]) -> Result<u64> {
        let tx = self.database.write().await?;
        let discarded = dead::discard(&tx, dead).await?;
        tx.commit().await?;
        Ok(discarded)
    }

    async fn parked(&self) -> Result<Vec<Parked>> {
        budgets::parked(&self.database.read().await?).await
    }

    async fn counts(&self) -> Result<Counts> {
        read::counts(&self.database.read().await?).await
    }

    async fn find(&self, id: &Id) -> Result<Option<Known<D>>> {
        read::find(&self.database.read().await?, &*self.domain, id).await
    }

    async fn ids(&self, key: RecordKey) -> Result<Option<Ids>> {
        read::ids(&self.database.read().await?, key).await
    }

    async fn dead_letters(&self, max: usize) -> Result<Vec<DeadLetter>> {
        dead::newest(&self.database.read().await?, max).await
    }

    async fn payload(&self, id: PayloadId) -> Result<Option<StoredPayload>> {
        payloads::get(&self.database.read().await?, id).await
    }

    async fn put_list(&self, name: &str, members: &[Ids], now: Timestamp) -> Result<()> {
        let tx = self.database.write().await?;
        lists::put(&tx, name, members, now).await?;
        tx.commit().await
    }

    async fn lists(&self) -> Result<Vec<ListInfo>> {
        lists::all(&self.database.read().await?).await
    }

    async fn list(&self, name: &str) -> Result<Option<Vec<ListMember>>> {
        lists::get(&self.database.read().await?, name).await
    }

    async fn owners(&self, ids: &[Id]) -> Result<Vec<Option<RecordKey>>> {
        lists::owners(&self.database.read().await?, ids).await
    }

    async fn keys(&self, after: Option<RecordKey>, max: usize) -> Result<Vec<RecordKey>> {
        lists::keys(&self.database.read().await?, after, max).await
    }

    async fn known(&self, keys: &[RecordKey]) -> Result<Vec<Known<D>>> {
        lists::known(&self.database.read().await?, &*self.domain, keys).await
    }
}
