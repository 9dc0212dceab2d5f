//! Starts claimed calls as admission lets them, and sees to it that there are some.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::claim::{Claim, Haul, LOCK_DOWN, Room, give_back, may_have_work};
use super::commit::Landing;
use super::fetch::{Call, Seat, run_call};
use super::permits::Permissions;
use super::waiting::Part;
use super::worker::Worker;
use crate::admission::Gate;
use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::{Error, ErrorKind, Result};

/// How often lanes are asked that seemed empty: other workers add to them without telling us.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Something claimed that cannot start within this is given back.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The stage that starts calls.
pub(super) struct Dispatcher<D: Domain> {
    worker: Arc<Worker<D>>,
    landings: mpsc::UnboundedSender<Landing<D>>,
    calls: JoinSet<()>,
    /// Claimed calls by slot.
    waiting: Vec<VecDeque<Call>>,
    /// The claim that is running, if any: calls start and end beside it. A task of its own, because one that is not
    /// polled for a while could keep the store from everybody.
    claims: JoinSet<(Haul, Result<()>)>,
    /// What is asked of the shared rate, if there is one.
    permissions: Permissions<D>,
    /// Whether something happened since the last claim that could let another one bring more.
    ask: bool,
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
            permissions: Permissions::new(Arc::clone(&worker)),
            worker,
            landings,
            calls: JoinSet::new(),
            waiting,
            claims: JoinSet::new(),
            ask: true,
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
        while let Some(claimed) = self.claims.join_next().await {
            if let Err(error) = self.take_in(claimed) {
                worker.fail(error);
            }
        }
        if let Err(error) = self.give_back_all().await {
            worker.fail(error);
        }
        tokio::select! {
            () = self.calls_end() => {}
            () = worker.parts.clock.sleep(worker.drain_time()) => worker.abort.cancel(),
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
        let wake_at = self.start_calls().await?;
        self.permissions.ask(&self.waiting);
        self.claim().await?;
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
            Some(claimed) = self.claims.join_next() => self.take_in(claimed)?,
            () = self.permissions.answered() => {}
            () = self.worker.wake.notified() => self.ask = true,
            () = tokio::time::sleep_until(next) => self.look(next),
        }
        Ok(())
    }

    /// Queues what a claim brought. After one that brought nothing another would bring nothing either.
    fn take_in(&mut self, claimed: Result<(Haul, Result<()>), JoinError>) -> Result<()> {
        let (haul, claimed) = claimed.map_err(|error| {
            Error::new(ErrorKind::Unexpected, "a claim ended abnormally").caused_by(error)
        })?;
        self.ask |= !haul.calls.is_empty();
        for call in haul.calls {
            self.waiting[call.slot].push_back(call);
        }
        self.next_at = self.next_at.into_iter().chain(haul.next_at).min();
        if haul.lock_down {
            self.lock_down_until = Some(self.worker.tick() + LOCK_DOWN);
        }
        claimed
    }

    fn look(&mut self, now: Instant) {
        self.ask = true;
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

    /// Begins a claim, unless one is running or there is nothing to claim or no room.
    async fn claim(&mut self) -> Result<()> {
        if !self.ask || !self.claims.is_empty() || !self.may_claim().await? {
            return Ok(());
        }
        self.ask = false;
        let rooms = self.rooms();
        let worker = &self.worker;
        let wanted = |slot: usize, lane: usize| {
            rooms[worker.parts.slots[slot].account].left() > 0 && may_have_work(worker, slot, lane)
        };
        let mut lanes = worker.parts.slots.iter().enumerate();
        if lanes.any(|(at, slot)| (0..slot.kinds.len()).any(|lane| wanted(at, lane))) {
            self.claims.spawn(Claim::new(Arc::clone(worker)).run(rooms));
        }
        Ok(())
    }

    /// The room of each account.
    fn rooms(&self) -> Vec<Room> {
        let now = self.worker.tick();
        let room = |account: &super::worker::Account| {
            let mut admission = account.admission();
            Room { most: admission.room(now), have: admission.running() }
        };
        let mut rooms: Vec<Room> = self.worker.parts.accounts.iter().map(room).collect();
        for (slot, waiting) in self.worker.parts.slots.iter().zip(&self.waiting) {
            rooms[slot.account].have += waiting.len();
        }
        rooms
    }

    async fn may_claim(&mut self) -> Result<bool> {
        let worker = Arc::clone(&self.worker);
        let now = worker.tick();
        if worker.drain.is_cancelled() || self.lock_down_until.is_some_and(|until| until > now) {
            return Ok(false);
        }
        let most = worker.parts.settings.max_pending;
        let few = || worker.most_pending() < most;
        if !few() && self.recount_at <= now {
            self.recount_at = now + LOOK_AGAIN;
            worker.recount_owed().await?;
        }
        match worker.furthest_behind().filter(|_| !few()) {
            Some(sink) => worker.troubles.behind(sink, most, worker.now()),
            None => worker.troubles.works(Part::Behind),
        }
        Ok(few())
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
            // Another account of the source may get them.
            let part = &worker.parts.slots[slot];
            worker.wet(&part.name, &part.kinds[call.lane].1);
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
