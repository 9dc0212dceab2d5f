//! Claims tasks for which there is admission, and starts their calls.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::commit::Landing;
use super::fetch::{Call, Seat, run_call};
use super::worker::Worker;
use crate::admission::Gate;
use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::{Error, ErrorChain, ErrorKind, Result};
use crate::lock::{Acquired, Lease, LockKey};
use crate::observe::Event;
use crate::source::Role;
use crate::store::{Budget, Claimed, GiveBack, LanePermit, Reserved};
use crate::task::{Cost, Task};

/// How often lanes are asked that seemed empty: other workers add to them without telling us.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long a task whose key somebody else holds is left alone.
const HELD: Duration = Duration::from_secs(1);
/// How long nothing is claimed after the lock could not be asked.
const LOCK_DOWN: Duration = Duration::from_secs(2);
/// Something claimed that cannot start within this is given back.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The claiming stage.
pub(super) struct Dispatcher<D: Domain> {
    worker: Arc<Worker<D>>,
    landings: mpsc::UnboundedSender<Landing<D>>,
    calls: JoinSet<()>,
    /// Claimed calls by slot.
    waiting: Vec<VecDeque<Call>>,
    /// When a task that waits for its time becomes claimable.
    next_at: Option<Timestamp>,
    look_again: Instant,
    lock_down_until: Option<Instant>,
    /// When what sinks are owed is counted again, while it keeps anything from being claimed.
    recount_at: Instant,
}

impl<D: Domain> Dispatcher<D> {
    pub(super) fn new(worker: Arc<Worker<D>>, landings: mpsc::UnboundedSender<Landing<D>>) -> Self {
        let waiting = worker.parts.slots.iter().map(|_| VecDeque::new()).collect();
        let look_again = worker.tick();
        Self {
            worker,
            landings,
            calls: JoinSet::new(),
            waiting,
            next_at: None,
            look_again,
            lock_down_until: None,
            recount_at: look_again,
        }
    }

    /// Works until the worker drains, then gives back what has not started and waits for what has.
    pub(super) async fn run(mut self) {
        let worker = Arc::clone(&self.worker);
        while !worker.drain.is_cancelled() {
            if let Err(error) = self.step().await {
                worker.fail(error);
            }
        }
        if let Err(error) = self.give_back_all().await {
            worker.fail(error);
        }
        tokio::select! {
            () = self.calls_end() => {}
            () = worker.parts.clock.sleep(worker.parts.settings.drain) => worker.abort.cancel(),
            () = worker.abort.cancelled() => {}
        }
        // An aborted call sees the signal, lands as cancelled and is given back.
        self.calls_end().await;
    }

    async fn calls_end(&mut self) {
        while let Some(ended) = self.calls.join_next().await {
            self.ended(ended);
        }
    }

    /// A call that panics outside of its source would be missed for ever.
    fn ended(&self, call: Result<(), JoinError>) {
        if let Err(error) = call {
            let message = "a call ended abnormally: the retry policy or the observer panicked";
            self.worker.fail(Error::new(ErrorKind::Unexpected, message).caused_by(error));
        }
    }

    async fn step(&mut self) -> Result<()> {
        while let Some(ended) = self.calls.try_join_next() {
            self.ended(ended);
        }
        let mut wake_at = self.start_calls().await?;
        if self.may_claim().await? && self.claim().await? {
            // Something new can start at once.
            wake_at = self.start_calls().await?;
        }
        if self.worker.gauges.idle() {
            self.worker.progressed();
            self.worker.outlets.iter().for_each(|outlet| outlet.wake.notify_one());
        }
        let now = self.worker.tick();
        let mut next = self.look_again.max(now + Duration::from_millis(1));
        if let Some(at) = wake_at {
            next = next.min(at);
        }
        if let Some(at) = self.next_at {
            next = next.min(now + at.since(self.worker.now()).max(Duration::from_millis(1)));
        }
        tokio::select! {
            biased;
            () = self.worker.drain.cancelled() => {}
            () = self.worker.wake.notified() => {}
            () = tokio::time::sleep_until(next) => self.look(next),
        }
        Ok(())
    }

    fn look(&mut self, now: Instant) {
        if self.next_at.is_some_and(|at| at <= self.worker.now()) {
            self.next_at = None;
            self.worker.wet_all();
        }
        if now >= self.look_again {
            self.look_again = now + LOOK_AGAIN;
            self.worker.wet_all();
        }
        for account in &self.worker.parts.accounts {
            account.admission().unpark_due(self.worker.now());
        }
    }

    /// Starts what is admitted; gives the next moment at which more may be.
    async fn start_calls(&mut self) -> Result<Option<Instant>> {
        if self.worker.may_be_dead() {
            // The process was paused, or the store was away: what is claimed may belong to others by now.
            self.worker.beat_once().await?;
        }
        let mut wake_at: Option<Instant> = None;
        for slot in 0..self.waiting.len() {
            // What was being claimed when the stop came is given back.
            while !self.waiting[slot].is_empty() && !self.worker.drain.is_cancelled() {
                let now = self.worker.tick();
                if self.waiting[slot]
                    .front()
                    .is_some_and(|call| call.life != self.worker.life.load(Ordering::SeqCst))
                {
                    self.give_back(slot).await?;
                    break;
                }
                let gate = self.worker.account_of(slot).admission().admit(now);
                match gate {
                    Gate::Go => self.start(slot),
                    Gate::Full => break,
                    Gate::Wait(at) if at <= now + LONGEST_WAIT => {
                        wake_at = Some(wake_at.map_or(at, |known| known.min(at)));
                        break;
                    }
                    Gate::Wait(_) | Gate::Parked => self.give_back(slot).await?,
                }
            }
        }
        Ok(wake_at)
    }

    fn start(&mut self, slot: usize) {
        let Some(call) = self.waiting[slot].pop_front() else { return };
        self.worker.gauges.running.fetch_add(1, Ordering::SeqCst);
        self.worker.gauges.waiting.fetch_sub(1, Ordering::SeqCst);
        let seat = Seat::taken(Arc::clone(&self.worker), slot);
        self.calls.spawn(run_call(Arc::clone(&self.worker), call, seat, self.landings.clone()));
    }

    async fn may_claim(&mut self) -> Result<bool> {
        let worker = Arc::clone(&self.worker);
        let now = worker.tick();
        if worker.drain.is_cancelled() || self.lock_down_until.is_some_and(|until| until > now) {
            return Ok(false);
        }
        let few = || worker.most_pending() < worker.parts.settings.max_pending;
        if !few() && self.recount_at <= now {
            self.recount_at = now + LOOK_AGAIN;
            worker.recount_owed().await?;
        }
        Ok(few())
    }

    /// Claims for every slot with room; tells whether anything came.
    async fn claim(&mut self) -> Result<bool> {
        let worker = Arc::clone(&self.worker);
        let mut any = false;
        for (at, slot) in worker.parts.slots.iter().enumerate() {
            let account = worker.account_of(at);
            let (room, running) = {
                let mut admission = account.admission();
                (admission.room(worker.tick()), admission.running())
            };
            // Slots of one account share its room.
            let same = |other: &usize| worker.parts.slots[*other].account == slot.account;
            let have = running
                + (0..self.waiting.len()).filter(same).map(|other| self.waiting[other].len()).sum::<usize>();
            // Claiming in larger steps makes fewer transactions.
            if room == 0 || have * 4 > room * 3 {
                continue;
            }
            let mut left = room - have;
            for lane in 0..slot.kinds.len() {
                if left == 0 {
                    break;
                }
                let calls = self.claim_lane(at, lane, left).await?;
                any |= calls > 0;
                left -= calls.min(left);
            }
        }
        Ok(any)
    }

    /// Claims at most `calls` calls' worth of one lane; gives the number of calls.
    async fn claim_lane(&mut self, slot: usize, lane: usize, calls: usize) -> Result<usize> {
        let worker = Arc::clone(&self.worker);
        let (spec, kind) = &worker.parts.slots[slot].kinds[lane];
        if !worker.wet[slot][lane].load(Ordering::SeqCst)
            || (spec.role == Role::Discovery && self.hydration_first(slot))
        {
            return Ok(0);
        }
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
            worker.open[slot][lane].store(*open, Ordering::SeqCst);
        }
        self.next_at = match (self.next_at, claims.next_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
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

    /// Whether so many known people wait for their profile that looking for more would be no help.
    fn hydration_first(&self, slot: usize) -> bool {
        let kinds = self.worker.parts.slots[slot].kinds.iter().zip(&self.worker.open[slot]);
        let open: u64 = kinds
            .filter(|((spec, _), _)| spec.role == Role::Hydration)
            .map(|(_, open)| open.load(Ordering::SeqCst))
            .sum();
        open > self.worker.parts.settings.max_open_hydration
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
                tracing::warn!(error = %ErrorChain(&error), "the lock cannot be asked; nothing new is started");
                self.lock_down_until = Some(worker.tick() + LOCK_DOWN);
                held.extend(tasks.iter().map(|claimed| give_back(claimed, Some(worker.now() + LOCK_DOWN))));
            }
        }
        if !held.is_empty() {
            self.next_at = held.iter().filter_map(|back| back.not_before).chain(self.next_at).min();
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
        let mut calls = 0;
        while leased.peek().is_some() {
            let (tasks, leases) = leased.by_ref().take(per_call).unzip();
            self.waiting[slot].push_back(Call { slot, lane, tasks, leases, window, life });
            calls += 1;
        }
        self.worker.gauges.waiting.fetch_add(calls, Ordering::SeqCst);
        if window.is_some() {
            self.worker.booked[self.worker.parts.slots[slot].account].fetch_add(calls, Ordering::SeqCst);
        }
        calls
    }

    /// Gives back what waits for a slot.
    async fn give_back(&mut self, slot: usize) -> Result<()> {
        let worker = Arc::clone(&self.worker);
        let calls: Vec<Call> = self.waiting[slot].drain(..).collect();
        let (mut backs, mut leases) = (Vec::new(), Vec::new());
        for call in calls {
            worker.gauges.waiting.fetch_sub(1, Ordering::SeqCst);
            if let Some(window) = call.window {
                let (spec, _) = &worker.parts.slots[slot].kinds[call.lane];
                worker.store().settle_cost(&worker.account_of(slot).name, window, spec.worst_cost).await?;
                worker.booked[worker.parts.slots[slot].account].fetch_sub(1, Ordering::SeqCst);
            }
            backs.extend(call.tasks.iter().map(|claimed| give_back(claimed, None)));
            leases.extend(call.leases);
            worker.wet[slot][call.lane].store(true, Ordering::SeqCst);
        }
        worker.store().give_back(&worker.id, backs, worker.now()).await?;
        worker.keeper.release(leases).await;
        Ok(())
    }

    async fn give_back_all(&mut self) -> Result<()> {
        for slot in 0..self.waiting.len() {
            if !self.waiting[slot].is_empty() {
                self.give_back(slot).await?;
            }
        }
        Ok(())
    }
}

fn give_back(claimed: &Claimed, not_before: Option<Timestamp>) -> GiveBack {
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
