//! [`SqlStore`]: the store of record, method by method.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use collector_core::clock::Timestamp;
use collector_core::domain::{Day, Domain};
use collector_core::error::Result;
use collector_core::id::{ClaimNo, DeadId, Id, Ids, Name, PayloadId, RecordKey, RunId};
use collector_core::sink::{Change, Position};
use collector_core::store::{
    Begun, Budget, Claims, Committed, Counts, DeadLetter, Enqueued, Erased, Expired, Fill, FinishedCall,
    Fired, Firing, GiveBack, Heartbeat, KeptAnswer, Known, LanePermit, ListInfo, ListMember, Lookup,
    NoLookup, Opened, Parked, Place, ReadAgain, Reserved, Retention, RunEnd, RunSpec, RunState,
    ScheduleState, Served, Server, Settled, SlotRow, Stale, Store, StoredPayload, Tidied, Waiting, WorkerId,
    WorkerInfo, no_such_run,
};
use collector_core::task::{Cost, Task};
use tokio::sync::Mutex;

use super::again::Again;
use super::barred::Barred;
use super::commit::{Items, Said, Target};
use super::config::SqlConfig;
use super::database::Database;
use super::enqueue::Ask;
use super::expire::Old;
use super::owed::{Doubt, Flight, Owed};
use super::payloads::Packed;
use super::workers::TakenOver;
use super::write::{Need, Write};
use super::{
    again, budgets, cancel, claim, commit, dead, enqueue, entities, erase, expire, fills, lists, notes,
    payloads, read, runs, settle, slots, stale, take, tasks, tidy, workers,
};

/// Asks a question that changes nothing, of one state of the database.
macro_rules! look {
    ($store:expr, $tx:ident => $question:expr) => {{
        let look = || async {
            let $tx = $store.database.read().await?;
            let answer = $question.await;
            $tx.end().await;
            answer
        };
        $store.database.call(look).await
    }};
}

/// That answers of an older program were given the tasks they answered, as far as they are known.
const NAMED: &str = "answers have tasks";

/// The store of record in one SQLite file, or on a server. See the [module page](super).
pub struct SqlStore<D: Domain> {
    database: Database,
    domain: Arc<D>,
    owed: Owed<D::Entity>,
    /// Held from the end of a commit's transaction until `owed` knows of it, so that it hears of versions in order.
    handing_over: Mutex<()>,
    barred: Barred,
}

impl<D: Domain> std::fmt::Debug for SqlStore<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlStore").field("database", &self.database).finish_non_exhaustive()
    }
}

impl<D: Domain> SqlStore<D> {
    /// Gives answers of an older program the tasks they answered.
    async fn name_tasks(&self) -> Result<()> {
        let unnamed = self.database.read().await?;
        let any = again::has_unnamed(&unnamed).await;
        unnamed.end().await;
        if !any? || self.note_of(NAMED).await?.is_some() {
            return Ok(());
        }
        let mut after = Some(0);
        while let Some(from) = after {
            let name = || async {
                let tx = self.database.write().await?;
                let last = again::name_tasks(&tx, from).await?;
                if last.is_none() {
                    notes::put(&tx, NAMED, Some("1")).await?;
                }
                tx.commit().await?;
                Ok(last)
            };
            after = self.database.call(name).await?;
        }
        Ok(())
    }

    async fn note_of(&self, name: &str) -> Result<Option<String>> {
        look!(self, tx => notes::get(&tx, name))
    }

    /// Opens the store for writing; makes the file or the tables, or brings them to the newest schema, when that is
    /// needed.
    ///
    /// # Errors
    /// `Storage` when another process writes to the file (the message says which one), when it cannot be opened or
    /// made, is no database, or has a newer schema; when the server cannot be reached or refuses (the message has its
    /// answer and a remedy). `ConfigInvalid` for values that cannot be used.
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
        Self {
            database,
            domain,
            owed: Owed::default(),
            handing_over: Mutex::new(()),
            barred: Barred::default(),
        }
    }

    /// Opens the store over connections to MySQL or MariaDB that the caller has: a pool of sqlx, or sea-orm's. Of the
    /// configuration count the prefix and, of the server, timeouts, patience and `migrate`. Connections that lead to
    /// a server which only reads are the caller's to close.
    ///
    /// # Errors
    /// As [`open`](Self::open); `ConfigInvalid` for connections to something else, and for a `sql_mode` that is not
    /// strict.
    #[cfg(feature = "mysql")]
    pub async fn from_pool(
        pool: impl Into<sea_orm::DatabaseConnection>,
        config: &SqlConfig,
        domain: Arc<D>,
    ) -> Result<Self> {
        Ok(Self::over(Database::over(pool.into(), config).await?, domain))
    }

    fn target<'a>(&'a self, worker: &'a WorkerId, lookup: &'a dyn Lookup) -> Target<'a> {
        let (database, handing_over, barred) = (&self.database, &self.handing_over, &self.barred);
        Target { database, handing_over, worker, lookup, barred }
    }

    /// Hands a transaction's changes over to whoever takes them.
    fn hand_over(&self, outcome: &commit::Outcome<'_, D::Entity>) {
        for (key, change) in &outcome.changes {
            self.owed.add(outcome.owner, outcome.mask, *key, change.as_ref());
        }
    }

    fn taken_over(&self, taken: &TakenOver) {
        taken.dead.iter().for_each(|worker| self.owed.forget(*worker));
        self.owed.rescan();
    }
}

#[async_trait]
impl<D: Domain> Store<D> for SqlStore<D> {
    async fn open(&self, worker: &WorkerInfo, sinks: &[Name], now: Timestamp) -> Result<Opened> {
        let open = || async {
            let mut write = Write::alone(&self.database).await?;
            let done = workers::open(&mut write, worker, sinks, now).await?;
            write.commit().await?;
            Ok(done)
        };
        let (opened, taken) = self.database.call_long(open).await?;
        self.taken_over(&taken);
        Ok(opened)
    }

    async fn close(&self, worker: &WorkerId) -> Result<()> {
        let close = || async {
            let mut write = Write::begin(&self.database, Need::default()).await?;
            let closed = workers::close(&mut write, worker).await?;
            write.commit().await?;
            Ok(closed)
        };
        if let Some((id, last)) = self.database.call(close).await? {
            self.owed.forget(id);
            if last {
                self.database.tidy().await?;
            }
        }
        Ok(())
    }

    async fn begin_run(&self, spec: &RunSpec, now: Timestamp) -> Result<Begun> {
        let begin = || async {
            let mut write = Write::alone(&self.database).await?;
            let begun = runs::begin(&mut write, spec, now).await?;
            write.commit().await?;
            Ok(begun)
        };
        self.database.call(begin).await
    }

    async fn end_run(&self, run: RunId, end: RunEnd, now: Timestamp) -> Result<()> {
        let finish = || async {
            let mut write = Write::begin(&self.database, Need::default()).await?;
            match end {
                RunEnd::Complete | RunEnd::Partial => runs::end(&write.tx, run, end, now).await?,
                RunEnd::Cancelled => cancel::cancel(&mut write, run, now).await?,
            }
            write.commit().await
        };
        self.database.call(finish).await
    }

    async fn run(&self, run: RunId) -> Result<Option<RunState>> {
        look!(self, tx => runs::state(&tx, run))
    }

    async fn enqueue(&self, run: RunId, tasks: Vec<Task>, now: Timestamp) -> Result<Vec<Enqueued>> {
        let need = Need { tasks: tasks.len(), ..Need::default() };
        let add = || async {
            let mut write = Write::begin(&self.database, need).await?;
            let wanted = self.barred.wanted(&write.tx, tasks.iter()).await?;
            let ask = |task: &Task| Ask { run, depth: 0, again: false, task: task.clone() };
            if runs::windows(&write.tx, [run]).await?.is_empty() {
                return Err(no_such_run(run));
            }
            let asks = tasks.iter().zip(&wanted).filter(|(_, wanted)| **wanted).map(|(task, _)| ask(task));
            let answers = enqueue::enqueue(&mut write, asks.collect(), now).await?;
            write.commit().await?;
            let mut answers = answers.into_iter();
            let answer = |wanted: &bool| if *wanted { answers.next() } else { None };
            // Of somebody who was erased there is nothing to ask.
            let told = wanted.iter().map(answer).map(|answer| answer.unwrap_or(Enqueued::Fresh));
            Ok(told.collect())
        };
        self.database.call(add).await
    }

    async fn claim(&self, worker: &WorkerId, permits: &[LanePermit], now: Timestamp) -> Result<Claims> {
        let claimed = AtomicU64::new(0);
        let take = || async {
            let in_doubt = Some(ClaimNo(claimed.load(Ordering::Relaxed))).filter(|claim| claim.0 != 0);
            let mut write = Write::begin(&self.database, Need::default()).await?;
            let claims = claim::claim(&mut write, worker, permits, in_doubt, now).await?;
            if let Some(task) = claims.tasks.first() {
                claimed.store(task.claim.0, Ordering::Relaxed);
            }
            write.commit().await?;
            Ok(claims)
        };
        self.database.call(take).await
    }

    async fn heartbeat(&self, worker: &WorkerId, now: Timestamp) -> Result<Heartbeat> {
        let beat = || async {
            let mut write = Write::begin(&self.database, Need::default()).await?;
            let done = workers::beat(&mut write, worker, now).await?;
            write.commit().await?;
            Ok(done)
        };
        let (was_dead, taken) = self.database.call(beat).await?;
        self.taken_over(&taken);
        if was_dead {
            // It may have another number than before.
            self.owed.unname(worker);
        }
        Ok(Heartbeat { was_dead, taken_over: taken.claims })
    }

    async fn waits(&self, worker: &WorkerId, waiting: Option<&Waiting>) -> Result<()> {
        let note = || async {
            let tx = self.database.write().await?;
            workers::waits(&tx, worker, waiting).await?;
            tx.commit().await
        };
        self.database.call(note).await
    }

    async fn give_back(&self, worker: &WorkerId, tasks: Vec<GiveBack>, now: Timestamp) -> Result<()> {
        let give = || async {
            let tx = self.database.write().await?;
            tasks::give_back(&tx, worker, &tasks, now).await?;
            tx.commit().await
        };
        self.database.call(give).await
    }

    async fn commit(
        &self,
        worker: &WorkerId,
        mut calls: Vec<FinishedCall<D>>,
        lookup: &dyn Lookup,
        now: Timestamp,
    ) -> Result<Committed> {
        let doubt = Doubt::about(&self.owed);
        let items = Items::of(&mut calls, self.database.is_shared())?;
        let packed = Packed::all(calls.iter().map(|call| call.payload.as_ref()))?;
        let (target, said) = (self.target(worker, lookup), Said { calls: &calls, packed: &packed });
        let write = || async { commit::commit(&target, &*self.domain, &said, items.give()?, now).await };
        let (outcome, first) = self.database.repeat(write).await?;
        self.hand_over(&outcome);
        if first {
            doubt.clear();
        }
        Ok(outcome.committed)
    }

    async fn take_pending(
        &self,
        sink: &str,
        worker: &WorkerId,
        max: usize,
        now: Timestamp,
    ) -> Result<Vec<Change<D::Entity>>> {
        let parties = (&**worker, sink);
        let take = || take::take(&self.database, &*self.domain, &self.owed, parties, max, now);
        self.database.call(take).await
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
        let need = settle::need(&settled);
        let write = || async {
            let mut write = Write::begin(&self.database, need).await?;
            let mut effects =
                settle::settle(&mut write, sink, settled.clone(), position.as_ref(), now).await?;
            if let Some(run) = runs::newest(&write.tx).await?.filter(|_| !effects.ask.is_empty()) {
                let asks = effects.ask.drain(..).map(|task| Ask { run, depth: 0, again: true, task });
                enqueue::enqueue(&mut write, asks.collect(), now).await?;
            }
            write.commit().await?;
            Ok(effects)
        };
        let (effects, first) = self.database.repeat(write).await?;
        for (owner, key) in effects.raised {
            self.owed.add(owner, u64::MAX, key, None);
        }
        if let (Some(parties), Some(until)) = (parties, effects.postponed) {
            self.owed.postponed(parties, until);
        }
        flight.landed();
        if first {
            doubt.clear();
        }
        Ok(())
    }

    async fn reserve(&self, budget: &Budget, cost: Cost, now: Timestamp) -> Result<Reserved> {
        let book = || async {
            let tx = self.database.write().await?;
            let reserved = budgets::reserve(&tx, budget, cost, now).await?;
            tx.commit().await?;
            Ok(reserved)
        };
        self.database.call(book).await
    }

    async fn settle_cost(&self, account: &str, window: Timestamp, over: Cost) -> Result<()> {
        let correct = || async {
            let tx = self.database.write().await?;
            budgets::give_back(&tx, account, window, over).await?;
            tx.commit().await
        };
        self.database.call(correct).await
    }

    async fn park(&self, park: &Parked) -> Result<()> {
        let keep_out = || async {
            let tx = self.database.write().await?;
            budgets::park(&tx, park).await?;
            tx.commit().await
        };
        self.database.call(keep_out).await
    }

    async fn unpark(&self, account: &str) -> Result<()> {
        let let_in = || async {
            let tx = self.database.write().await?;
            budgets::unpark(&tx, account).await?;
            tx.commit().await
        };
        self.database.call(let_in).await
    }

    async fn revive(&self, dead: &[DeadId], _now: Timestamp) -> Result<u64> {
        let revive = || async {
            let mut write = Write::alone(&self.database).await?;
            let revived = dead::revive(&mut write, dead).await?;
            write.commit().await?;
            Ok(revived)
        };
        self.database.call(revive).await
    }

    async fn discard(&self, dead: &[DeadId]) -> Result<u64> {
        let discard = || async {
            let tx = self.database.write().await?;
            let discarded = dead::discard(&tx, dead).await?;
            tx.commit().await?;
            Ok(discarded)
        };
        self.database.call(discard).await
    }

    async fn parked(&self) -> Result<Vec<Parked>> {
        look!(self, tx => budgets::parked(&tx))
    }

    async fn counts(&self) -> Result<Counts> {
        look!(self, tx => read::counts(&tx))
    }

    async fn find(&self, id: &Id) -> Result<Option<Known<D>>> {
        look!(self, tx => read::find(&tx, &*self.domain, id))
    }

    async fn ids(&self, key: RecordKey) -> Result<Option<Ids>> {
        look!(self, tx => read::ids(&tx, key))
    }

    async fn dead_letters(&self, max: usize) -> Result<Vec<DeadLetter>> {
        look!(self, tx => dead::newest(&tx, max))
    }

    async fn payload(&self, id: PayloadId) -> Result<Option<StoredPayload>> {
        look!(self, tx => payloads::get(&tx, id))
    }

    async fn put_list(&self, name: &str, members: &[Ids], now: Timestamp) -> Result<()> {
        let put = || async {
            let tx = self.database.write().await?;
            lists::put(&tx, name, members, now).await?;
            tx.commit().await
        };
        self.database.call(put).await
    }

    async fn lists(&self) -> Result<Vec<ListInfo>> {
        look!(self, tx => lists::all(&tx))
    }

    async fn list(&self, name: &str) -> Result<Option<Vec<ListMember>>> {
        look!(self, tx => lists::get(&tx, name))
    }

    async fn owners(&self, ids: &[Id]) -> Result<Vec<Option<RecordKey>>> {
        look!(self, tx => lists::owners(&tx, ids))
    }

    async fn keys(&self, after: Option<RecordKey>, max: usize) -> Result<Vec<RecordKey>> {
        look!(self, tx => lists::keys(&tx, after, max))
    }

    async fn known(&self, keys: &[RecordKey]) -> Result<Vec<Known<D>>> {
        look!(self, tx => lists::known(&tx, &*self.domain, keys))
    }

    async fn answers(
        &self,
        source: Option<&str>,
        after: Option<PayloadId>,
        max: usize,
    ) -> Result<Vec<KeptAnswer>> {
        if after.is_none() && self.database.writes() {
            self.name_tasks().await?;
        }
        look!(self, tx => again::answers(&tx, source, after, max))
    }

    async fn read_again(
        &self,
        worker: &WorkerId,
        mut answers: Vec<ReadAgain<D>>,
        note: Option<(&str, &str)>,
        now: Timestamp,
    ) -> Result<Committed> {
        let doubt = Doubt::about(&self.owed);
        let said = answers.iter_mut().map(|answer| std::mem::take(&mut answer.items)).collect();
        let items = Items::new(said, self.database.is_shared())?;
        let answers: Vec<Again> = answers.iter().map(Again::of).collect();
        let target = self.target(worker, &NoLookup);
        let write =
            || async { again::write(&target, &*self.domain, &answers, items.give()?, note, now).await };
        let (outcome, first) = self.database.repeat(write).await?;
        self.hand_over(&outcome);
        if first {
            doubt.clear();
        }
        Ok(outcome.committed)
    }

    async fn note(&self, name: &str) -> Result<Option<String>> {
        look!(self, tx => notes::get(&tx, name))
    }

    async fn put_note(&self, name: &str, text: Option<&str>) -> Result<()> {
        let put = || async {
            let tx = self.database.write().await?;
            notes::put(&tx, name, text).await?;
            tx.commit().await
        };
        self.database.call(put).await
    }

    async fn add_fills(&self, fills: &[Fill]) -> Result<()> {
        let add = || async {
            let tx = self.database.write().await?;
            fills::add(&tx, fills).await?;
            tx.commit().await
        };
        self.database.call(add).await
    }

    async fn fills(&self, since: i32) -> Result<Vec<Fill>> {
        look!(self, tx => fills::since(&tx, since))
    }

    async fn forget_fills(&self, source: &str) -> Result<()> {
        let forget = || async {
            let tx = self.database.write().await?;
            fills::forget(&tx, source).await?;
            tx.commit().await
        };
        self.database.call(forget).await
    }

    async fn history(&self, key: RecordKey) -> Result<Vec<Day>> {
        look!(self, tx => entities::history(&tx, key))
    }

    async fn stale(
        &self,
        side: (&str, &str),
        before: Timestamp,
        after: Option<(Timestamp, RecordKey)>,
        max: usize,
    ) -> Result<Vec<Stale>> {
        look!(self, tx => stale::stale(&tx, side, before, after, max))
    }

    async fn tidy(&self, keep: &Retention, now: Timestamp) -> Result<Tidied> {
        let batch = || async {
            let mut write = Write::alone(&self.database).await?;
            let tidied = tidy::tidy(&mut write, keep, now).await?;
            write.commit().await?;
            Ok(tidied)
        };
        self.database.call(batch).await
    }

    async fn expire(
        &self,
        worker: &WorkerId,
        (source, before): (&str, Timestamp),
        place: Place,
        now: Timestamp,
    ) -> Result<Expired> {
        let doubt = Doubt::about(&self.owed);
        let (target, old) = (self.target(worker, &NoLookup), Old { source, before });
        let batch = || expire::expire(&target, &*self.domain, old, place, now);
        let ((expired, outcome), first) = self.database.repeat(batch).await?;
        if let Some(outcome) = &outcome {
            self.hand_over(outcome);
        }
        if first {
            doubt.clear();
        }
        Ok(expired)
    }

    async fn erase(&self, worker: &WorkerId, ids: &Ids, now: Timestamp) -> Result<Erased> {
        let target = self.target(worker, &NoLookup);
        let who = self.database.call(|| erase::keep_out::<D>(&target, ids)).await?;
        let mut before = Erased::default();
        erase::look_through(&self.database, &who, &mut before).await?;
        erase::end_tasks(&self.database, &who, now, &mut before).await?;
        let doubt = Doubt::about(&self.owed);
        let end = || async {
            let mut erased = Erased::default();
            let outcome = erase::erase::<D>(&target, ids, &mut erased, now).await?;
            Ok((erased, outcome))
        };
        let ((mut erased, outcome), first) = self.database.repeat(end).await?;
        self.hand_over(&outcome);
        if first {
            doubt.clear();
        }
        drop(outcome);
        erased.answers_removed += before.answers_removed;
        erased.answers_rewritten += before.answers_rewritten;
        erased.tasks += before.tasks;
        self.database.shred().await?;
        Ok(erased)
    }

    async fn enlist(&self, server: &Server, schedules: &[Served], now: Timestamp) -> Result<bool> {
        let known = || async {
            let tx = self.database.write().await?;
            let Some(generation) = slots::generation(&tx, server).await? else {
                tx.end().await;
                return Ok(None);
            };
            let newest = slots::enlist(&tx, server, generation, schedules, now).await?;
            tx.commit().await?;
            Ok(Some(newest))
        };
        if let Some(newest) = self.database.call(known).await? {
            return Ok(newest);
        }
        let new = || async {
            let write = Write::alone(&self.database).await?;
            let generation = match slots::generation(&write.tx, server).await? {
                Some(generation) => generation,
                None => slots::add_config(&write.tx, server).await?,
            };
            let newest = slots::enlist(&write.tx, server, generation, schedules, now).await?;
            write.commit().await?;
            Ok(newest)
        };
        self.database.call(new).await
    }

    async fn schedules(&self) -> Result<Vec<ScheduleState>> {
        look!(self, tx => slots::states(&tx))
    }

    async fn fire(&self, server: &WorkerId, firing: &Firing, now: Timestamp) -> Result<Fired> {
        let roots = firing.slot.as_ref().map_or(0, |slot| slot.roots.len());
        let need = Need { tasks: roots, ..Need::default() };
        let fire = || async {
            // Nobody writes beside it: of all that fire the same slot one is first, and runs begin one by one.
            let mut write = Write::alone_adding(&self.database, need).await?;
            if !slots::is_current(&write.tx, server, now).await? {
                write.tx.end().await;
                return Ok(Fired::Outdated);
            }
            let state = slots::locked(&write.tx, &firing.schedule).await?;
            let Some(mut state) = state.filter(|state| state.clone().settle(firing, None)) else {
                write.tx.end().await;
                return Ok(Fired::Stale);
            };
            let begun = match &firing.slot {
                Some(slot) => {
                    let begun = runs::begin(&mut write, &slot.run, now).await?;
                    let wanted = self.barred.wanted(&write.tx, slot.roots.iter()).await?;
                    let ask =
                        |task: &Task| Ask { run: begun.run, depth: 0, again: false, task: task.clone() };
                    let asks = slot.roots.iter().zip(&wanted).filter(|(_, wanted)| **wanted);
                    enqueue::enqueue(&mut write, asks.map(|(task, _)| ask(task)).collect(), now).await?;
                    Some(begun)
                }
                None => None,
            };
            let run = begun.map(|begun| begun.run);
            state.settle(firing, run);
            slots::save(&write.tx, &state).await?;
            slots::add(&write.tx, firing, run, now).await?;
            write.commit().await?;
            Ok(Fired::Done(begun))
        };
        self.database.call(fire).await
    }

    async fn pause_schedule(&self, name: &str, paused: bool, now: Timestamp) -> Result<bool> {
        let pause = || async {
            let tx = self.database.write().await?;
            let Some(mut state) = slots::locked(&tx, name).await? else {
                tx.end().await;
                return Ok(false);
            };
            let changed = state.set_paused(paused, now);
            if changed {
                slots::save(&tx, &state).await?;
            }
            tx.commit().await?;
            Ok(changed)
        };
        self.database.call(pause).await
    }

    async fn slots(&self, schedule: &str, max: usize) -> Result<Vec<SlotRow>> {
        look!(self, tx => slots::newest_first(&tx, schedule, max))
    }
}
