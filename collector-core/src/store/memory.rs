//! A store in memory: for tests, and for pipelines that keep nothing.
//!
//! It follows the whole contract but the last number: what it knows ends with the process. It is frugal: sightings
//! are kept compressed, entities are made from them again when they are needed, and of the answers only the newest
//! MiB and those of dead letters are kept.

mod archive;
mod barred;
mod entities;
mod expire;
mod lists;
mod outbox;
mod payloads;
mod runs;
mod slots;
mod tasks;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Mutex, MutexGuard};

use self::barred::Barred;
use self::entities::Entities;
use self::lists::Lists;
use self::outbox::Outbox;
use self::payloads::Payloads;
use self::runs::Runs;
use self::slots::Slots;
use self::tasks::Tasks;
use super::ledger::{Changes, EntityChange, Kept, Ledger};
use super::{
    Begun, Budget, Claims, Committed, Counts, DeadLetter, Enqueued, Erased, Expired, Fate, Fill,
    FinishedCall, Fired, Firing, GiveBack, Heartbeat, KeptAnswer, Known, LanePermit, ListInfo, ListMember,
    Lookup, Opened, Parked, Place, ReadAgain, Reserved, RunEnd, RunSpec, RunState, ScheduleState, Served,
    Server, Settled, SlotRow, Stale, Store, StoredPayload, Verdict, Waiting, WorkerId, WorkerInfo,
    no_such_run,
};
use crate::clock::Timestamp;
use crate::domain::{Day, Domain};
use crate::erase::{Cut, Traces, is_about};
use crate::error::Result;
use crate::id::{DeadId, Id, Ids, Name, PayloadId, RecordKey, RunId};
use crate::sink::{Change, Position};
use crate::task::{Absence, Cost, Task};

/// The default bound on the bytes of answers kept.
const PAYLOAD_BYTES: usize = 1 << 20;

/// A [`Store`] in memory. Clones share one state, like two handles on one database.
pub struct MemoryStore<D: Domain> {
    domain: Arc<D>,
    /// Most of a commit needs only these; the rest of the store goes on meanwhile. Who needs both takes these first.
    entities: Arc<Mutex<Entities<D>>>,
    state: Arc<Mutex<State<D>>>,
}

/// Everything but the entities.
struct State<D: Domain> {
    tasks: Tasks,
    runs: Runs,
    outbox: Outbox<D>,
    payloads: Payloads,
    dead: BTreeMap<DeadId, DeadLetter>,
    workers: BTreeMap<WorkerId, Beat>,
    waiting: BTreeMap<WorkerId, Waiting>,
    budgets: HashMap<Name, (Timestamp, Cost)>,
    parked: BTreeMap<Name, Parked>,
    lists: Lists,
    notes: BTreeMap<String, String>,
    fills: BTreeMap<(Name, Name, i32), Fill>,
    barred: Barred,
    /// Of each source the moment before which it was dropped what it gave.
    expired: BTreeMap<Name, Timestamp>,
    slots: Slots,
    commits: u64,
}

struct Beat {
    at: Timestamp,
    ttl: std::time::Duration,
    /// Declared dead. Remembered, because it may come back, and may work on before it notices.
    dead: bool,
}

impl<D: Domain> MemoryStore<D> {
    /// An empty store.
    pub fn new(domain: impl Into<Arc<D>>) -> Self {
        let state = State {
            tasks: Tasks::default(),
            runs: Runs::default(),
            outbox: Outbox::default(),
            payloads: Payloads::bounded(PAYLOAD_BYTES),
            dead: BTreeMap::new(),
            workers: BTreeMap::new(),
            waiting: BTreeMap::new(),
            budgets: HashMap::new(),
            parked: BTreeMap::new(),
            lists: Lists::default(),
            notes: BTreeMap::new(),
            fills: BTreeMap::new(),
            barred: Barred::default(),
            expired: BTreeMap::new(),
            slots: Slots::default(),
            commits: 0,
        };
        Self { domain: domain.into(), entities: Arc::default(), state: Arc::new(Mutex::new(state)) }
    }

    async fn state(&self) -> MutexGuard<'_, State<D>> {
        self.state.lock().await
    }

    async fn entities(&self) -> MutexGuard<'_, Entities<D>> {
        self.entities.lock().await
    }
}

impl<D: Domain> Clone for MemoryStore<D> {
    fn clone(&self) -> Self {
        Self {
            domain: Arc::clone(&self.domain),
            entities: Arc::clone(&self.entities),
            state: Arc::clone(&self.state),
        }
    }
}

impl<D: Domain> std::fmt::Debug for MemoryStore<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemoryStore")
    }
}

impl<D: Domain> State<D> {
    fn take_over(&mut self, from: &WorkerId, by: &WorkerId) -> u64 {
        self.outbox.move_owner(from, by);
        self.tasks.free_claims(from)
    }

    /// Adds tasks that follow from others: `depth` follow-ups below a root.
    fn enqueue(
        &mut self,
        entities: &Entities<D>,
        run: RunId,
        tasks: Vec<Task>,
        depth: u32,
        now: Timestamp,
    ) -> Vec<Enqueued> {
        let Some(fresh_for) = self.runs.get(run).map(|row| row.fresh_for) else {
            return vec![Enqueued::Fresh; tasks.len()];
        };
        tasks
            .into_iter()
            .map(|task| {
                let after = now - fresh_for;
                let sighted = |task: &Task| {
                    task.target().is_some_and(|target| entities.sighted_since(task.source(), target, after))
                };
                let answer = self.tasks.enqueue(run, task, depth, now, after, sighted);
                self.runs.count_enqueued(run, answer);
                answer.into()
            })
            .collect()
    }

    /// Opens a task that begins again, also one that this run has answered.
    fn restart(&mut self, run: RunId, task: Task, depth: u32, now: Timestamp) -> Enqueued {
        let answer = self.tasks.restart(run, task, depth, now);
        self.runs.count_enqueued(run, answer);
        answer.into()
    }

    fn commit_one(
        &mut self,
        entities: &Entities<D>,
        worker: &WorkerId,
        call: FinishedCall<D>,
        now: Timestamp,
        done: &mut Committed,
    ) -> Landed {
        let mut run = call.tasks.first().map_or(RunId(0), |task| task.claimed.run);
        let depth = call.tasks.iter().map(|task| task.claimed.depth).max().unwrap_or(0);
        let (payload, blob) = match call.payload {
            Some(payload) => {
                let (id, new) = self.payloads.keep(&call.tasks, &call.source, call.fingerprint, &payload);
                (Some(id), new)
            }
            None => (None, false),
        };
        done.blobs += u64::from(blob);
        let mut restarts = Vec::new();
        let mut current = false;
        for task in call.tasks {
            let id = task.claimed.id;
            if !self.tasks.is_current(id, worker, task.claimed.claim) {
                done.stale.push(id);
                continue;
            }
            // Another run than at the claim, if that one was cancelled meanwhile.
            let owner = self.tasks.owner(id).unwrap_or(task.claimed.run);
            if !std::mem::replace(&mut current, true) {
                run = owner;
            }
            if let Verdict::Dead { kind, message } = &task.verdict {
                self.bury(&task.claimed.task, owner, *kind, message, payload, now);
            }
            if let Verdict::Restart(again) = &task.verdict {
                restarts.push(again.clone());
            }
            let runs = self.tasks.finish(id, &task.verdict, now);
            self.runs.count_finished(&runs, &task.verdict);
        }
        if current {
            self.runs.count_call(run, payload.is_some(), call.malformed.len() as u64, call.cost);
            let restarted =
                restarts.into_iter().map(|task| self.restart(run, task, depth + 1, now)).collect::<Vec<_>>();
            for enqueued in
                restarted.into_iter().chain(self.enqueue(entities, run, call.follow_ups, depth + 1, now))
            {
                if enqueued == Enqueued::New { done.enqueued += 1 } else { done.skipped += 1 }
            }
            // Only once: the same commit again is stale, and must not give back what was given back.
            if let Some((account, window, over)) = call.refund {
                self.refund(&account, window, over);
            }
        }
        Landed { run, current, payload }
    }

    fn bury(
        &mut self,
        task: &Task,
        run: RunId,
        kind: crate::error::ErrorKind,
        message: &str,
        payload: Option<PayloadId>,
        now: Timestamp,
    ) {
        let id = DeadId(self.dead.last_key_value().map_or(1, |(last, _)| last.0 + 1));
        if let Some(payload) = payload {
            self.payloads.pin(payload);
        }
        let letter = DeadLetter {
            id,
            part: task.source().to_string(),
            what: task.to_string(),
            task: Some(task.clone()),
            record: None,
            kind,
            message: message.to_owned(),
            payload,
            run: Some(run),
            at: now,
        };
        self.dead.insert(id, letter);
    }

    fn refund(&mut self, account: &str, window: Timestamp, over: Cost) {
        if let Some((current, spent)) = self.budgets.get_mut(account)
            && *current == window
        {
            *spent = spent.less(over);
        }
    }
}

/// Key, version, and the merged view if it is at hand.
type Wish<D> = (RecordKey, u64, Option<Arc<<D as Domain>::Entity>>);

/// What sinks are to have. A merged view that needs no facts is kept at hand for them.
fn wishes<D: Domain>(changes: &Changes<D>) -> Vec<Wish<D>> {
    let at_hand = |change: &EntityChange<D>| change.facts.is_empty().then(|| Arc::clone(&change.entity));
    let changed = changes.entities.iter().filter(|change| change.changed);
    let put = changed.map(|change| (change.key, change.version, at_hand(change)));
    put.chain(changes.joined.iter().map(|joined| (joined.key, joined.version, None))).collect()
}

/// What a record's history tells is among its facts, so it is not at hand.
fn cool<D: Domain>(wishes: &mut [Wish<D>], with_past: &HashSet<RecordKey>) {
    let past = |(key, ..): &&mut Wish<D>| with_past.contains(key);
    wishes.iter_mut().filter(past).for_each(|(_, _, entity)| *entity = None);
}

/// Whether a sink reports facts or asks for more: most only say that they have stored something.
fn tells_more(settled: &[Settled]) -> bool {
    settled.iter().any(|settled| match &settled.fate {
        Fate::Stored(facts) => !facts.is_empty(),
        Fate::Owed { ask, .. } => !ask.is_empty(),
        Fate::Superseded | Fate::Rejected(_) => false,
    })
}

/// A call whose tasks are dealt with.
struct Landed {
    run: RunId,
    current: bool,
    payload: Option<PayloadId>,
}

#[async_trait]
impl<D: Domain> Store<D> for MemoryStore<D> {
    async fn open(&self, worker: &WorkerInfo, sinks: &[Name], now: Timestamp) -> Result<Opened> {
        let entities = self.entities().await;
        let mut state = self.state().await;
        let state = &mut *state;
        state.workers.insert(Arc::clone(&worker.id), Beat { at: now, ttl: worker.ttl, dead: false });
        let positions = state.outbox.register(sinks, &worker.id, state.commits, entities.keys());
        let taken_over = state.take_over_dead(&worker.id, now);
        Ok(Opened { positions, taken_over })
    }

    async fn close(&self, worker: &WorkerId) -> Result<()> {
        let mut state = self.state().await;
        state.workers.remove(worker);
        state.waiting.remove(worker);
        state.tasks.free_claims(worker);
        state.outbox.disown(worker);
        Ok(())
    }

    async fn begin_run(&self, spec: &RunSpec, now: Timestamp) -> Result<Begun> {
        let mut state = self.state().await;
        let commits = state.commits;
        Ok(state.runs.begin(spec, commits, now))
    }

    async fn end_run(&self, run: RunId, end: RunEnd, now: Timestamp) -> Result<()> {
        let mut state = self.state().await;
        match end {
            RunEnd::Complete | RunEnd::Partial => state.runs.end(run, end, now),
            RunEnd::Cancelled if state.runs.cancel(run, now) => state.tasks.withdraw(run),
            RunEnd::Cancelled => {}
        }
        Ok(())
    }

    async fn run(&self, run: RunId) -> Result<Option<RunState>> {
        let state = self.state().await;
        Ok(state.runs.get(run).map(|row| row.state(run, state.outbox.pending_since(row.last_commit))))
    }

    async fn enqueue(&self, run: RunId, tasks: Vec<Task>, now: Timestamp) -> Result<Vec<Enqueued>> {
        let entities = self.entities().await;
        let mut state = self.state().await;
        if state.runs.get(run).is_none() {
            return Err(no_such_run(run));
        }
        Ok(state.enqueue(&entities, run, tasks, 0, now))
    }

    async fn claim(&self, worker: &WorkerId, permits: &[LanePermit], now: Timestamp) -> Result<Claims> {
        Ok(self.state().await.tasks.claim(worker, permits, now))
    }

    async fn heartbeat(&self, worker: &WorkerId, now: Timestamp) -> Result<Heartbeat> {
        let mut state = self.state().await;
        let was_dead = match state.workers.get_mut(worker) {
            Some(beat) => {
                beat.at = now;
                std::mem::take(&mut beat.dead)
            }
            None => {
                let ttl = std::time::Duration::from_secs(60);
                state.workers.insert(Arc::clone(worker), Beat { at: now, ttl, dead: false });
                true
            }
        };
        Ok(Heartbeat { was_dead, taken_over: state.take_over_dead(worker, now) })
    }

    async fn waits(&self, worker: &WorkerId, waiting: Option<&Waiting>) -> Result<()> {
        let mut state = self.state().await;
        match waiting {
            Some(waiting) => state.waiting.insert(Arc::clone(worker), waiting.clone()),
            None => state.waiting.remove(worker),
        };
        Ok(())
    }

    async fn give_back(&self, worker: &WorkerId, tasks: Vec<GiveBack>, now: Timestamp) -> Result<()> {
        let mut state = self.state().await;
        for back in tasks {
            if state.tasks.is_current(back.id, worker, back.claim) {
                state.tasks.reopen(back.id, back.not_before, back.attempted, now);
            }
        }
        Ok(())
    }

    async fn commit(
        &self,
        worker: &WorkerId,
        mut calls: Vec<FinishedCall<D>>,
        lookup: &dyn Lookup,
        now: Timestamp,
    ) -> Result<Committed> {
        let mut ledger = Ledger::new(&*self.domain);
        for call in &mut calls {
            let at = call.payload.as_ref().map_or(now, |payload| payload.at);
            ledger.add(&call.source, at, std::mem::take(&mut call.items));
        }
        let mut entities = self.entities().await;
        // Whoever is erased is so with the entities locked: nobody is added to the list before this is done.
        let mut state = self.state().await;
        state.keep_out(&mut ledger, &mut calls);
        state.keep_dropped(&mut ledger, &mut calls, now);
        drop(state);
        entities.load(&self.domain, &mut ledger);
        let changes = ledger.close(|| entities.next_key())?;
        let mut wishes = wishes(&changes);
        let Changes { aliases, entities: changed, joined, links, counts, moved, grown, .. } = changes;
        let with_past = entities.keep(aliases, changed, joined, now.day());
        cool::<D>(&mut wishes, &with_past);

        let mut state = self.state().await;
        let state = &mut *state;
        state.commits += 1;
        let commit = state.commits;
        let mut done = Committed { versions: wishes.len() as u64, ..Committed::default() };
        let landed: Vec<Landed> =
            calls.into_iter().map(|call| state.commit_one(&entities, worker, call, now, &mut done)).collect();
        for (call, counts) in landed.iter().zip(&counts) {
            done.changed += counts.changed;
            done.unchanged += counts.unchanged;
            if call.current {
                state.runs.count_items(call.run, *counts, commit);
            }
        }
        for (key, call) in links {
            if let Some(payload) = landed[call].payload {
                state.payloads.link(payload, key);
            }
        }
        let moved = moved.iter().map(|(call, ids)| (call, lookup.moved(ids)));
        let grown = grown.iter().map(|(call, ids)| (call, lookup.grown(ids)));
        for (call, tasks) in moved.chain(grown).filter(|(_, tasks)| !tasks.is_empty()) {
            state.enqueue(&entities, landed[*call].run, tasks, 0, now);
        }
        for (key, version, warm) in wishes {
            state.outbox.wish(key, version, warm, worker, commit, None);
        }
        Ok(done)
    }

    async fn take_pending(
        &self,
        sink: &str,
        worker: &WorkerId,
        max: usize,
        now: Timestamp,
    ) -> Result<Vec<Change<D::Entity>>> {
        if let Some(at_hand) = self.state().await.outbox.take(sink, worker, max, now, None) {
            return Ok(at_hand);
        }
        let entities = self.entities().await;
        let mut state = self.state().await;
        let read = |key, version| entities.change(&self.domain, key, version);
        Ok(state.outbox.take(sink, worker, max, now, Some(&read)).unwrap_or_default())
    }

    async fn settle(
        &self,
        sink: &str,
        worker: &WorkerId,
        settled: Vec<Settled>,
        position: Option<Position>,
        now: Timestamp,
    ) -> Result<()> {
        let mut entities = if tells_more(&settled) { Some(self.entities().await) } else { None };
        let mut state = self.state().await;
        let state = &mut *state;
        let commit = state.commits;
        let mut asked = Vec::new();
        for one in settled {
            let key = one.key;
            let mut effect = state.outbox.settle(sink, one);
            if let Some(letter) = effect.rejected.take() {
                let id = DeadId(state.dead.last_key_value().map_or(1, |(last, _)| last.0 + 1));
                state.dead.insert(id, DeadLetter { id, at: now, ..letter });
            }
            if let (Some(facts), Some(entities)) = (effect.facts.take(), entities.as_deref_mut())
                && let Some(version) = entities.add_facts(key, facts)
            {
                state.outbox.wish(key, version, None, worker, commit, Some(sink));
            }
            asked.append(&mut effect.ask);
        }
        if let Some(position) = position {
            state.outbox.keep_position(sink, position);
        }
        if let (Some(run), Some(entities)) = (state.runs.newest(), &entities) {
            state.enqueue(entities, run, asked, 0, now);
        }
        Ok(())
    }

    async fn reserve(&self, budget: &Budget, cost: Cost, now: Timestamp) -> Result<Reserved> {
        let mut state = self.state().await;
        let window = budget.window_at(now);
        let (current, spent) =
            state.budgets.entry(Arc::clone(&budget.account)).or_insert((window, Cost::none()));
        if *current < window {
            (*current, *spent) = (window, Cost::none());
        }
        // A clock that is late books in the window that has begun: its own is over.
        let window = *current;
        let after = *spent + cost;
        if budget.units.is_some_and(|limit| after.units > limit)
            || budget.requests.is_some_and(|limit| after.requests > limit)
        {
            return Ok(Reserved::Until(window + budget.window));
        }
        *spent = after;
        Ok(Reserved::Granted { window })
    }

    async fn settle_cost(&self, account: &str, window: Timestamp, over: Cost) -> Result<()> {
        self.state().await.refund(account, window, over);
        Ok(())
    }

    async fn park(&self, park: &Parked) -> Result<()> {
        self.state().await.parked.insert(Arc::clone(&park.account), park.clone());
        Ok(())
    }

    async fn unpark(&self, account: &str) -> Result<()> {
        self.state().await.parked.remove(account);
        Ok(())
    }

    async fn revive(&self, dead: &[DeadId], now: Timestamp) -> Result<u64> {
        let entities = self.entities().await;
        let mut state = self.state().await;
        let state = &mut *state;
        let mut revived = 0;
        for id in dead {
            let Some(letter) = state.dead.get(id) else { continue };
            let done = match (&letter.task, letter.run, letter.record) {
                (Some(task), Some(run), _) => {
                    let done = state.tasks.revive(task.id(run), task, now);
                    if done {
                        state.runs.count_revived(run);
                    }
                    done
                }
                (None, _, Some(key)) => entities
                    .version(key)
                    .is_some_and(|version| state.outbox.owe_again(&letter.part, key, version, state.commits)),
                _ => false,
            };
            if done {
                state.dead.remove(id);
                revived += 1;
            }
        }
        Ok(revived)
    }

    async fn discard(&self, dead: &[DeadId]) -> Result<u64> {
        let mut state = self.state().await;
        Ok(dead.iter().filter(|id| state.dead.remove(id).is_some()).count() as u64)
    }

    async fn parked(&self) -> Result<Vec<Parked>> {
        Ok(self.state().await.parked.values().cloned().collect())
    }

    async fn counts(&self) -> Result<Counts> {
        let entities = self.entities().await;
        let state = self.state().await;
        Ok(Counts {
            entities: entities.living(),
            versions: state.outbox.versions(),
            sightings: entities.sightings(),
            payloads: state.payloads.blobs(),
            tasks: state.tasks.by_state(),
            open: state.tasks.by_lane(),
            sinks: state.outbox.balances(),
            dead: state.dead.len() as u64,
            dead_by: state.dead.values().fold(BTreeMap::new(), |mut parts, letter| {
                let kinds: &mut BTreeMap<_, _> = parts.entry(letter.part.clone()).or_default();
                *kinds.entry(letter.kind).or_default() += 1;
                parts
            }),
            spent: state.budgets.iter().map(|(name, (_, cost))| (name.to_string(), *cost)).collect(),
            workers: state.workers.values().filter(|beat| !beat.dead).count() as u64,
            waiting: state.waiting.iter().map(|(worker, why)| (worker.to_string(), why.clone())).collect(),
            runs: state.runs.newest_first(20, |last| state.outbox.pending_since(last)),
        })
    }

    async fn find(&self, id: &Id) -> Result<Option<Known<D>>> {
        Ok(self.entities().await.find(&self.domain, id))
    }

    async fn ids(&self, key: RecordKey) -> Result<Option<Ids>> {
        Ok(self.entities().await.ids(key))
    }

    async fn dead_letters(&self, max: usize) -> Result<Vec<DeadLetter>> {
        Ok(self.state().await.dead.values().rev().take(max).cloned().collect())
    }

    async fn payload(&self, id: PayloadId) -> Result<Option<StoredPayload>> {
        Ok(self.state().await.payloads.get(id))
    }

    async fn put_list(&self, name: &str, members: &[Ids], now: Timestamp) -> Result<()> {
        self.state().await.lists.put(name, members, now)
    }

    async fn lists(&self) -> Result<Vec<ListInfo>> {
        Ok(self.state().await.lists.all())
    }

    async fn list(&self, name: &str) -> Result<Option<Vec<ListMember>>> {
        Ok(self.state().await.lists.get(name))
    }

    async fn owners(&self, ids: &[Id]) -> Result<Vec<Option<RecordKey>>> {
        let entities = self.entities().await;
        Ok(ids.iter().map(|id| entities.owner(id)).collect())
    }

    async fn keys(&self, after: Option<RecordKey>, max: usize) -> Result<Vec<RecordKey>> {
        Ok(self.entities().await.keys_after(after, max))
    }

    async fn known(&self, keys: &[RecordKey]) -> Result<Vec<Known<D>>> {
        let entities = self.entities().await;
        Ok(keys.iter().filter_map(|key| entities.known(&self.domain, *key)).collect())
    }

    async fn answers(
        &self,
        source: Option<&str>,
        after: Option<PayloadId>,
        max: usize,
    ) -> Result<Vec<KeptAnswer>> {
        Ok(self.state().await.payloads.answers(source, after, max))
    }

    async fn read_again(
        &self,
        worker: &WorkerId,
        answers: Vec<ReadAgain<D>>,
        note: Option<(&str, &str)>,
        now: Timestamp,
    ) -> Result<Committed> {
        let mut entities = self.entities().await;
        let mut state = self.state().await;
        let state = &mut *state;
        let mut ledger = Ledger::new(&*self.domain);
        let mut payloads = Vec::with_capacity(answers.len());
        for mut answer in answers {
            if state.was_dropped(&answer.source, answer.at) {
                answer.items.clear();
            }
            let kept = Kept { payload: answer.payload, shows: state.payloads.shows(answer.payload) };
            payloads.push(answer.payload);
            ledger.add_again(&answer.source, answer.at, answer.items, kept);
        }
        ledger.keep_out(|id| state.barred.get(id));
        entities.load(&self.domain, &mut ledger);
        let changes = ledger.close(|| entities.next_key())?;
        let mut wishes = wishes(&changes);
        let Changes { aliases, entities: changed, joined, links, counts, .. } = changes;
        let with_past = entities.keep(aliases, changed, joined, now.day());
        cool::<D>(&mut wishes, &with_past);
        state.commits += 1;
        let mut done = Committed { versions: wishes.len() as u64, ..Committed::default() };
        for counts in &counts {
            done.changed += counts.changed;
            done.unchanged += counts.unchanged;
        }
        for (key, call) in links {
            state.payloads.link(payloads[call], key);
        }
        for (key, version, warm) in wishes {
            state.outbox.wish(key, version, warm, worker, state.commits, None);
        }
        if let Some((name, text)) = note {
            state.notes.insert(name.to_owned(), text.to_owned());
        }
        Ok(done)
    }

    async fn note(&self, name: &str) -> Result<Option<String>> {
        Ok(self.state().await.notes.get(name).cloned())
    }

    async fn put_note(&self, name: &str, text: Option<&str>) -> Result<()> {
        let notes = &mut self.state().await.notes;
        match text {
            Some(text) => drop(notes.insert(name.to_owned(), text.to_owned())),
            None => drop(notes.remove(name)),
        }
        Ok(())
    }

    async fn add_fills(&self, fills: &[Fill]) -> Result<()> {
        let known = &mut self.state().await.fills;
        for fill in fills {
            let key = (Arc::clone(&fill.source), Arc::clone(&fill.kind), fill.day);
            match known.get_mut(&key) {
                Some(known) => known.add(fill),
                None => drop(known.insert(key, fill.clone())),
            }
        }
        Ok(())
    }

    async fn fills(&self, since: i32) -> Result<Vec<Fill>> {
        Ok(self.state().await.fills.values().filter(|fill| fill.day >= since).cloned().collect())
    }

    async fn forget_fills(&self, source: &str) -> Result<()> {
        self.state().await.fills.retain(|(of, ..), _| &**of != source);
        Ok(())
    }

    async fn history(&self, key: RecordKey) -> Result<Vec<Day>> {
        Ok(self.entities().await.history(key))
    }

    async fn stale(
        &self,
        side: (&str, &str),
        before: Timestamp,
        after: Option<(Timestamp, RecordKey)>,
        max: usize,
    ) -> Result<Vec<Stale>> {
        let entities = self.entities().await;
        let mut stale = entities.sighted(side);
        stale
            .retain(|(seen_at, key)| *seen_at < before && after.is_none_or(|after| (*seen_at, *key) > after));
        stale.sort_unstable();
        let told = stale
            .into_iter()
            .take(max)
            .filter_map(|(seen_at, key)| Some(Stale { key, ids: entities.ids(key)?, seen_at }));
        Ok(told.collect())
    }

    async fn expire(
        &self,
        worker: &WorkerId,
        what: (&str, Timestamp),
        place: Place,
        now: Timestamp,
    ) -> Result<Expired> {
        let mut entities = self.entities().await;
        let mut state = self.state().await;
        expire::batch(&*self.domain, (&mut entities, &mut state), worker, what, place, now)
    }

    async fn erase(&self, worker: &WorkerId, ids: &Ids, now: Timestamp) -> Result<Erased> {
        let mut entities = self.entities().await;
        let mut state = self.state().await;
        let state = &mut *state;
        let mut erased = Erased { ids: ids.clone(), ..Erased::default() };
        let mut lost = Vec::new();
        let owners: BTreeSet<RecordKey> = ids.iter().filter_map(|id| entities.owner(id)).collect();
        state.commits += 1;
        for key in owners {
            let Some(gone) = entities.erase(key) else { continue };
            erased.records.push(key);
            erased.sightings += gone.sightings;
            erased.days += gone.days;
            erased.facts.push(gone.facts);
            erased.ids.include(gone.ids);
            lost.extend(gone.lost);
            state.outbox.wish(key, gone.version, None, worker, state.commits, None);
        }
        state.barred.add(&erased.ids);
        let traces = Traces::of(&erased.ids, &lost);
        let (gone, rewritten) = state.payloads.cut(&traces);
        (erased.answers_removed, erased.answers_rewritten) = (gone.len() as u64, rewritten);
        for runs in state.tasks.end_about(&traces, now) {
            state.runs.count_finished(&runs, &Verdict::Absent(Absence::Deleted));
            erased.tasks += 1;
        }
        let before = state.dead.len();
        state.dead.retain(|_, letter| {
            let about = letter.task.as_ref().is_some_and(|task| is_about(task, &traces));
            let answer = letter.payload.is_some_and(|payload| gone.contains(&payload));
            !(about || answer || traces.are_in(letter.message.as_bytes()))
        });
        erased.letters = (before - state.dead.len()) as u64;
        erased.places = state.lists.erase(&traces);
        Ok(erased)
    }

    async fn enlist(&self, server: &Server, schedules: &[Served], now: Timestamp) -> Result<bool> {
        Ok(self.state().await.slots.enlist(server, schedules, now))
    }

    async fn schedules(&self) -> Result<Vec<ScheduleState>> {
        let state = self.state().await;
        Ok(state.slots.states(|run| state.runs.ended(run)))
    }

    async fn fire(&self, server: &WorkerId, firing: &Firing, now: Timestamp) -> Result<Fired> {
        let entities = self.entities().await;
        let mut state = self.state().await;
        let state = &mut *state;
        if !state.slots.is_current(server, now) {
            return Ok(Fired::Outdated);
        }
        if !state.slots.would_settle(firing) {
            return Ok(Fired::Stale);
        }
        let begun = firing.slot.as_ref().map(|slot| {
            let begun = state.runs.begin(&slot.run, state.commits, now);
            state.enqueue(&entities, begun.run, slot.roots.clone(), 0, now);
            begun
        });
        state.slots.settle(firing, begun.map(|begun| begun.run), now);
        Ok(Fired::Done(begun))
    }

    async fn pause_schedule(&self, name: &str, paused: bool, now: Timestamp) -> Result<bool> {
        Ok(self.state().await.slots.pause(name, paused, now))
    }

    async fn slots(&self, schedule: &str, max: usize) -> Result<Vec<SlotRow>> {
        Ok(self.state().await.slots.newest_first(schedule, max))
    }
}

impl<D: Domain> State<D> {
    /// Leaves out of the calls whoever was erased.
    fn keep_out(&mut self, ledger: &mut Ledger<'_, D>, calls: &mut [FinishedCall<D>]) {
        for out in ledger.keep_out(|id| self.barred.get(id)) {
            if let Some(payload) = calls.get_mut(out.call).and_then(|call| call.payload.as_mut()) {
                match Traces::of(&out.ids, &[]).cut(&payload.body) {
                    Cut::Untouched => {}
                    Cut::Rest(rest) => payload.body = rest,
                    Cut::Nothing => payload.body = bytes::Bytes::new(),
                }
            }
            self.barred.add(&out.ids);
        }
    }

    fn take_over_dead(&mut self, by: &WorkerId, now: Timestamp) -> u64 {
        let silent = |beat: &Beat| beat.dead || now.since(beat.at) > beat.ttl;
        let dead: Vec<WorkerId> = self
            .workers
            .iter()
            .filter(|(id, beat)| *id != by && silent(beat))
            .map(|(id, _)| Arc::clone(id))
            .collect();
        let mut freed = 0;
        for id in &dead {
            self.waiting.remove(id);
            if let Some(beat) = self.workers.get_mut(id) {
                beat.dead = true;
            }
            freed += self.take_over(id, by);
        }
        // What a closed worker left without an owner goes to whoever beats first.
        self.outbox.adopt(by);
        freed
    }
}
