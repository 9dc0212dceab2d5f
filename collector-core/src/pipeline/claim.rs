//! Claims tasks for which there is room, and takes their leases.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::fetch::Call;
use super::waiting::Part;
use super::worker::Worker;
use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Acquired, Lease, LockKey};
use crate::observe::Event;
use crate::source::{CallSpec, Role};
use crate::store::{Budget, Claimed, GiveBack, LanePermit, Reserved};
use crate::task::{Cost, Task};

/// How long a task whose key somebody else holds is left alone.
const HELD: Duration = Duration::from_secs(1);
/// How long nothing is claimed after the lock could not be asked.
pub(super) const LOCK_DOWN: Duration = Duration::from_secs(2);

/// What one claim brought.
#[derive(Default)]
pub(super) struct Haul {
    /// Calls ready to start, counted as waiting.
    pub(super) calls: Vec<Call>,
    /// When a task that waits for its time becomes claimable.
    pub(super) next_at: Option<Timestamp>,
    /// Whether the lock could not be asked.
    pub(super) lock_down: bool,
}

impl Haul {
    fn retry_at(&mut self, at: Option<Timestamp>) {
        self.next_at = self.next_at.into_iter().chain(at).min();
    }
}

/// Room for calls of one account.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Room {
    /// The most calls that may be claimed or run.
    pub(super) most: usize,
    /// Those that are.
    pub(super) have: usize,
}

impl Room {
    /// Calls to claim. Claiming in larger steps makes fewer transactions.
    pub(super) fn left(self) -> usize {
        if self.have * 4 > self.most * 3 { 0 } else { self.most - self.have }
    }
}

/// One claim, on its way. It owns what it needs, so that calls go on starting beside it.
pub(super) struct Claim<D: Domain> {
    worker: Arc<Worker<D>>,
    haul: Haul,
}

impl<D: Domain> Claim<D> {
    pub(super) fn new(worker: Arc<Worker<D>>) -> Self {
        Self { worker, haul: Haul::default() }
    }

    /// Claims for every slot with room; `rooms` has the room of each account. What was claimed before an error comes
    /// with it, because it must be given back.
    pub(super) async fn run(mut self, mut rooms: Vec<Room>) -> (Haul, Result<()>) {
        let done = self.fill(&mut rooms).await;
        (self.haul, done)
    }

    async fn fill(&mut self, rooms: &mut [Room]) -> Result<()> {
        let worker = Arc::clone(&self.worker);
        if worker.troubles.has(Part::Lock) && !self.lock_is_back().await {
            return Ok(());
        }
        for (at, lane) in in_order(&worker) {
            // Slots of one account share its room.
            let room = &mut rooms[worker.parts.slots[at].account];
            if room.left() > 0 && may_have_work(&worker, at, lane) {
                room.have += self.claim_lane(at, lane, room.left()).await?;
            }
        }
        Ok(())
    }

    /// Claims at most `calls` calls' worth of one lane; gives the number of calls.
    async fn claim_lane(&mut self, slot: usize, lane: usize, calls: usize) -> Result<usize> {
        let worker = Arc::clone(&self.worker);
        let (spec, kind) = &worker.parts.slots[slot].kinds[lane];
        let account = worker.account_of(slot);
        let (calls, window) = match &account.budget {
            None => (calls, None),
            Some(budget) => match self.reserve(budget, spec.worst_cost, calls).await? {
                Some((calls, window)) => (calls, Some(window)),
                // What is running may turn out to cost less than was booked for it.
                None if worker.booked[worker.parts.slots[slot].account].load(Ordering::SeqCst) > 0 => {
                    return Ok(0);
                }
                // Nobody waits for a call that dear: cheaper ones may still fit.
                None if !self.is_open(slot, lane).await? => return Ok(0),
                None => {
                    let spent = Error::new(
                        ErrorKind::QuotaExhausted,
                        "the account's budget for this window is spent",
                    )
                    .with("account", &account.name)
                    .parked_until(budget.reset_after(worker.now()));
                    worker.park(worker.parts.slots[slot].account, &spent).await?;
                    return Ok(0);
                }
            },
        };
        let permit = LanePermit {
            source: Arc::clone(&worker.parts.slots[slot].name),
            kind: Arc::clone(kind),
            max: calls.saturating_mul(spec.tasks),
        };
        // Before asking: what is added meanwhile makes the lane wet again.
        worker.wet[slot][lane].store(false, Ordering::SeqCst);
        // Before asking, too: when the answer comes, this life may be over.
        let life = worker.life.load(Ordering::SeqCst);
        let claims = worker.store().claim(&worker.id, std::slice::from_ref(&permit), worker.now()).await?;
        if claims.tasks.len() == permit.max {
            worker.wet[slot][lane].store(true, Ordering::SeqCst);
        }
        if let Some(open) = claims.open.first() {
            for (slot, lane) in worker.parts.lanes(&permit.source, &permit.kind) {
                worker.open[slot][lane].store(*open, Ordering::SeqCst);
            }
        }
        self.haul.retry_at(claims.next_at);
        if !claims.tasks.is_empty() {
            let event =
                Event::Claimed { source: permit.source, kind: permit.kind, tasks: claims.tasks.len() };
            worker.observe(&event);
        }
        let leased = self.lease(claims.tasks).await?;
        let started = self.queue((slot, lane), leased, window, life);
        if let Some(window) = window {
            let unused = calls.saturating_sub(started) as u64;
            worker.store().settle_cost(&account.name, window, spec.worst_cost.times(unused)).await?;
        }
        Ok(started)
    }

    fn lock_is_down(&mut self, error: &Error) {
        self.worker.troubles.failed(Part::Lock, "lock", error, self.worker.now());
        self.haul.lock_down = true;
    }

    /// Tries the lock on a key of this worker's own, so that nothing is claimed only to be given back.
    async fn lock_is_back(&mut self) -> bool {
        let worker = Arc::clone(&self.worker);
        let key = LockKey(format!("{}:worker:{}", worker.parts.settings.namespace, worker.id).into());
        match worker.keeper.acquire(vec![key]).await {
            Ok(answers) => {
                let leases = answers.into_iter().filter_map(|answer| match answer {
                    Acquired::Granted(lease) => Some(lease),
                    Acquired::Held { .. } => None,
                });
                worker.keeper.release(leases.collect()).await;
                worker.troubles.works(Part::Lock);
                true
            }
            Err(error) => {
                self.lock_is_down(&error);
                false
            }
        }
    }

    /// Whether a lane has tasks at all. If not, it is dry until somebody adds one.
    async fn is_open(&self, slot: usize, lane: usize) -> Result<bool> {
        let worker = &self.worker;
        let slot_of = &worker.parts.slots[slot];
        let (source, kind) = (Arc::clone(&slot_of.name), Arc::clone(&slot_of.kinds[lane].1));
        let permit = LanePermit { source, kind, max: 0 };
        worker.wet[slot][lane].store(false, Ordering::SeqCst);
        let claims = worker.store().claim(&worker.id, std::slice::from_ref(&permit), worker.now()).await?;
        let open = claims.open.first().copied().unwrap_or(0);
        if open > 0 {
            worker.wet[slot][lane].store(true, Ordering::SeqCst);
        }
        Ok(open > 0)
    }

    /// Books as many calls as fit, at most `calls`; `None` when not even one does.
    async fn reserve(&self, budget: &Budget, cost: Cost, calls: usize) -> Result<Option<(usize, Timestamp)>> {
        let mut calls = calls as u64;
        while calls > 0 {
            match self.worker.store().reserve(budget, cost.times(calls), self.worker.now()).await? {
                Reserved::Granted { window } => {
                    return Ok(Some((usize::try_from(calls).unwrap_or(usize::MAX), window)));
                }
                Reserved::Until(_) => calls /= 2,
            }
        }
        Ok(None)
    }

    /// Takes a lease for each task; those that somebody else holds go back.
    async fn lease(&mut self, tasks: Vec<Claimed>) -> Result<Vec<(Claimed, Lease)>> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let worker = Arc::clone(&self.worker);
        let keys =
            tasks.iter().map(|claimed| lock_key(&worker.parts.settings.namespace, &claimed.task)).collect();
        let mut held = Vec::new();
        let mut leased = Vec::with_capacity(tasks.len());
        match worker.keeper.acquire(keys).await {
            Ok(answers) => {
                worker.troubles.works(Part::Lock);
                for (claimed, answer) in tasks.into_iter().zip(answers) {
                    match answer {
                        Acquired::Granted(lease) => leased.push((claimed, lease)),
                        Acquired::Held { remaining } => {
                            let wait = remaining.unwrap_or(HELD).clamp(Duration::from_millis(50), HELD);
                            held.push(give_back(&claimed, Some(worker.now() + wait)));
                        }
                    }
                }
            }
            Err(error) => {
                self.lock_is_down(&error);
                held.extend(tasks.iter().map(|claimed| give_back(claimed, Some(worker.now() + LOCK_DOWN))));
            }
        }
        if !held.is_empty() {
            self.haul.retry_at(held.iter().filter_map(|back| back.not_before).min());
            worker.store().give_back(&worker.id, held, worker.now()).await?;
        }
        Ok(leased)
    }

    fn queue(
        &mut self,
        (slot, lane): (usize, usize),
        leased: Vec<(Claimed, Lease)>,
        window: Option<Timestamp>,
        life: u64,
    ) -> usize {
        let per_call = self.worker.parts.slots[slot].kinds[lane].0.tasks;
        let mut leased = leased.into_iter().peekable();
        let before = self.haul.calls.len();
        while leased.peek().is_some() {
            let (tasks, leases) = leased.by_ref().take(per_call).unzip();
            self.haul.calls.push(Call { slot, lane, tasks, leases, window, life });
        }
        let calls = self.haul.calls.len() - before;
        self.worker.gauges.waiting.fetch_add(calls, Ordering::SeqCst);
        if window.is_some() {
            self.worker.booked[self.worker.parts.slots[slot].account].fetch_add(calls, Ordering::SeqCst);
        }
        calls
    }
}

/// All lanes in the order in which they are claimed; those of an account that is let in for one call last, the cheapest
/// first.
fn in_order<D: Domain>(worker: &Worker<D>) -> Vec<(usize, usize)> {
    let slots = worker.parts.slots.iter().enumerate();
    let mut lanes: Vec<_> = slots
        .flat_map(|(at, slot)| {
            let trial = worker.parts.accounts[slot.account].admission().on_trial();
            let cost = move |spec: &CallSpec| (spec.worst_cost.units, spec.worst_cost.requests, spec.tasks);
            slot.kinds
                .iter()
                .enumerate()
                .map(move |(lane, (spec, _))| (trial.then(|| cost(spec)), (at, lane)))
        })
        .collect();
    lanes.sort_by_key(|(cost, _)| *cost);
    lanes.into_iter().map(|(_, lane)| lane).collect()
}

/// Whether a lane may have claimable tasks that are wanted now.
pub(super) fn may_have_work<D: Domain>(worker: &Worker<D>, slot: usize, lane: usize) -> bool {
    let (spec, _) = &worker.parts.slots[slot].kinds[lane];
    worker.wet[slot][lane].load(Ordering::SeqCst)
        && !(spec.role == Role::Discovery && hydration_first(worker, slot))
}

/// Whether so many known people wait for their profile that looking for more would be no help.
fn hydration_first<D: Domain>(worker: &Worker<D>, slot: usize) -> bool {
    let kinds = worker.parts.slots[slot].kinds.iter().zip(&worker.open[slot]);
    let open: u64 = kinds
        .filter(|((spec, _), _)| spec.role == Role::Hydration)
        .map(|(_, open)| open.load(Ordering::SeqCst))
        .sum();
    open > worker.parts.settings.max_open_hydration
}

/// A claimed task that goes back as if it had not been claimed.
pub(super) fn give_back(claimed: &Claimed, not_before: Option<Timestamp>) -> GiveBack {
    GiveBack { id: claimed.id, claim: claimed.claim, not_before, attempted: false }
}

/// What two machines must not do at once: the same aspect of the same person, or the same page.
fn lock_key(namespace: &str, task: &Task) -> LockKey {
    let key = match task.target() {
        Some(target) => format!("{namespace}:{}:{}:{}", task.source(), target.aspect, target.id),
        None => {
            let params: String =
                task.params().iter().map(|(name, value)| format!(":{name}={value}")).collect();
            format!("{namespace}:{}:{}:{}{params}", task.source(), task.kind(), task.subject())
        }
    };
    LockKey(key.into())
}
